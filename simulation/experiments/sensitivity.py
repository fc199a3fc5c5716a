"""Sensitivity: which catalogue numbers move the outcome over their ranges. Needs the extra `calibrate`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from adccsim.analysis.fitting.calibration import Free
from adccsim.analysis.fitting.sensitivity import study, watched
from adccsim.analysis.fitting.sensitivity_report import write_sensitivity
from adccsim.conditions.section import canonical_json
from adccsim.execution.folder import prepare
from adccsim.execution.points import Measured, measure_points
from adccsim.experiments.errors import InputError, Interrupted, RunsFailed
from adccsim.experiments.inputs import (
    Progress,
    Report,
    ScenarioSource,
    Source,
    given_scenario,
    loaded,
    silent,
    workplace,
)
from adccsim.experiments.wells import simulated
from adccsim.scenario.sweep import points, with_values
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.factors import varied
from adccsim.scenario.well.schema import Scenario
from adccsim.scenario.well.schema import Sensitivity as Settings
from adccsim.text import count

STORE = "sensitivity_points.jsonl"
_MOST_FAULTS = 5
Values = Mapping[str, float]


@dataclass(frozen=True)
class Sensitivities:
    """Method ("morris", "sobol") -> table of indices (analysis.fitting.sensitivity), and what was varied as text.

    page: the HTML file that was written; None if none was.
    """

    title: str
    tables: dict[str, pd.DataFrame]
    facts: tuple[str, ...]
    page: Path | None = None

    def write(self, folder: Path) -> Path:
        """Write folder/sensitivity.html, tables/sensitivity_*.csv and a figure per method; returns the page."""
        return Path(write_sensitivity(self.tables, folder, self.title, list(self.facts)))


def sensitivity(
    scenario: ScenarioSource,
    out: Path | None = None,
    *,
    sets: Sequence[str] = (),
    workers: int | None = None,
    report: Report = silent,
    progress: Progress = silent,
) -> Sensitivities:
    """Vary the numbers of [sensitivity] over their ranges: Morris' screening, Sobol's indices, or one after the other.

    scenario: a file, the name of a shipped one, or a loaded scenario that was read from text. out: where the measured
    points are kept, so that interrupted work goes on, and where the result is written; None: nowhere. sets: "key=value"
    texts, laid over the file. workers: processes; None: one per core.
    Raises ScenarioError, FolderError, InputError before anything is run; RunsFailed; Interrupted.
    """
    require_library()
    given = given_scenario(scenario, sets)
    if not isinstance(given.scenario, Scenario) or (settings := given.scenario.sensitivity) is None:
        raise InputError([f"{given.where}: no table [sensitivity]; keys = [...] in it names the numbers to vary"])
    loaded.cache_clear()  # overlays may have changed since a call before
    numbers = varied(given.scenario, given.scenario.known)
    factors = [Free(key, number.low, number.high) for key, number in numbers.items()]
    with workplace(out) as folder:
        prepare(folder)
        design = _Design(Source.of(given.scenario), _digest(given.scenario, settings), folder / STORE, workers)
        measure = partial(_measured, design, "" if out is None else f" -> {out}", report, progress)
        tables = study(factors, settings.model_dump(), given.scenario.seed, measure)
    facts = (
        _design_line(given.scenario, settings),
        "Ranges are those of the catalogue; numbers that are not named keep their value.",
    )
    found = Sensitivities(given.title, tables, facts)
    return found if out is None else replace(found, page=found.write(out))


def require_library() -> None:
    """Raises InputError, which says what to install, where SALib is missing."""
    if find_spec("SALib") is None:
        raise InputError(["adcc sensitivity needs the extra `calibrate`: pip install 'adccsim[calibrate]'"])


def measure_point(source: Source, values: Values) -> dict[str, float]:
    """The outputs of [sensitivity] with some numbers replaced (key -> value): label -> %."""
    scenario = loaded(source)
    assert scenario.sensitivity is not None
    runs = [simulated(condition) for condition in expand(with_values(scenario, dict(values)))]
    places = [{key: scenario.sweep[key][i] for key, i in point.index.items()} for point in points(scenario)]
    return watched(runs, scenario.sweep, places, scenario.sensitivity.outputs)


@dataclass(frozen=True)
class _Design:
    """The scenario whose points are measured; `base` names all of it but the varied numbers."""

    source: Source
    base: str
    store: Path
    workers: int | None

    def name(self, values: Values) -> str:
        """The name of a point in the store."""
        return hashlib.sha256((self.base + canonical_json(values)).encode("ascii")).hexdigest()[:24]


def _measured(
    design: _Design, where: str, report: Report, progress: Progress, method: str, wanted: list[dict[str, float]]
) -> list[Values]:
    """Outcomes of all points, in order."""
    names = [design.name(values) for values in wanted]
    by_name = dict(zip(names, wanted, strict=True))
    report(f"{method}: {count(len(by_name), 'point')}{where}")
    job = partial(measure_point, design.source)
    found = measure_points(by_name, job, design.store, design.workers, progress)
    if found.known_before:
        report(f"{count(found.known_before, 'point')} measured before, skipped")
    _all_measured(found, by_name, report)
    return [found.found[name] for name in names]


def _all_measured(found: Measured, by_name: Mapping[str, Values], report: Report) -> None:
    """Raises Interrupted after a signal, RunsFailed where a point could not be simulated."""
    errors = [f"{by_name[name]}: {error}" for name, error in list(found.failed.items())[:_MOST_FAULTS]]
    if found.signal is not None:
        for line in errors:
            report(f"error: {line}")
        kept = count(len(found.found), "measured point")
        raise Interrupted(found.signal, f"interrupted: {kept} kept; the same command goes on from there")
    if found.failed:
        lost = f"{count(len(found.failed), 'point')} could not be simulated: no indices without them"
        raise RunsFailed([*errors, lost])


def _digest(scenario: Scenario, settings: Settings) -> str:
    """A name for everything but the varied numbers: equal only where a stored point may be used again."""
    runs = "".join(condition.run_id for condition in expand(scenario))
    return hashlib.sha256((runs + ",".join(settings.outputs)).encode("ascii")).hexdigest()


def _design_line(scenario: Scenario, settings: Settings) -> str:
    donors = scenario.effectors.donors
    who = f"mean of {donors} donors" if donors > 1 else "one typical donor"
    sizes = [f"{settings.trajectories} Morris paths"] if "morris" in settings.method else []
    sizes += [f"Sobol base sample {settings.samples}"] if "sobol" in settings.method else []
    what = f"{scenario.targets.cell_line}, {scenario.effectors.type}, {who}"
    return f"{what}; {count(len(settings.keys), 'number')} varied; {', '.join(sizes)}."
