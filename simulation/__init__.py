"""adccsim: antibody-dependent cellular cytotoxicity, simulated cell by cell.

    import adccsim as ac

    study = ac.run("adcc_protocol", set={"targets.cells": 500})
    study.lysis_summary                     # a pandas table
    study.plot.dose_response()              # a matplotlib figure

Simulate and read
    run(scenario, out)      simulate a shipped scenario, a file or a dict; returns a study
    open(path)              a results folder as a study, or one run file
    load_scenario(source)   read and check a scenario;  conditions_of(source) the wells or mice in it
    catalogue               every number with its unit, range, source and provenance

Questions of many runs
    compare, calibrate, sensitivity, predict        plate, calipers: a laboratory's own measurements

Engines, for single wells and tumours under your own control
    WellEngine, TumourEngine        ADCCModel: the well as a mesa.Model

Names are loaded when they are first used: `import` itself costs next to nothing.
"""

from adccsim.version import __version__

TYPE_CHECKING = False  # as in typing, whose import would take most of the time; type checkers know it by its name
if TYPE_CHECKING:
    from adccsim.api.catalogue import catalogue
    from adccsim.api.questions import calibrate, compare, predict, sensitivity
    from adccsim.api.scenarios import conditions_of, load_scenario
    from adccsim.api.study import open, run
    from adccsim.experiments.sheets import calipers, plate
    from adccsim.teaching.model import ADCCModel
    from adccsim.well.engine import WellEngine
    from adccsim.xenograft.engine import TumourEngine

_PLACES = {
    "run": "api.study",
    "open": "api.study",
    "load_scenario": "api.scenarios",
    "conditions_of": "api.scenarios",
    "catalogue": "api.catalogue",
    "compare": "api.questions",
    "calibrate": "api.questions",
    "sensitivity": "api.questions",
    "predict": "api.questions",
    "plate": "experiments.sheets",
    "calipers": "experiments.sheets",
    "WellEngine": "well.engine",
    "TumourEngine": "xenograft.engine",
    "ADCCModel": "teaching.model",
}

_WITH_KERNELS = ("WellEngine", "TumourEngine", "ADCCModel")

__all__ = [
    "ADCCModel",
    "TumourEngine",
    "WellEngine",
    "__version__",
    "calibrate",
    "calipers",
    "catalogue",
    "compare",
    "conditions_of",
    "load_scenario",
    "open",
    "plate",
    "predict",
    "run",
    "sensitivity",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _WITH_KERNELS:
        # Before the kernels are imported: numba's own cache would not notice an edited law.
        from adccsim import runtime

        runtime.configure(runtime.cores())
    return globals().setdefault(name, getattr(import_module(f"{__name__}.{_PLACES[name]}"), name))


def __dir__() -> list[str]:
    return sorted(__all__)
