"""ADCCModel: the well as a mesa.Model, for notebooks, Mesa's batch_run and the teaching page.

One step is one minute of the assay. It is the engine of `adcc run` that advances, with the same random numbers: the
same scenario and seed give the same cells, events and end wherever it is played.

    model = ADCCModel(dose_ug_per_ml=0.1, et_ratio=5, rng=7)
    model.run_for(240)
    model.specific_lysis_pct
    model.nk_cells.select(lambda nk: nk.kills > 0)
"""

import copy
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mesa
from mesa.agentset import AgentSet
from mesa.experimental.scenarios import Scenario

from adccsim import runtime
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, nearest
from adccsim.teaching import keys

BASE = """
schema = 1
title = "One well of an ADCC assay"
kind = "well"
seed = 2026
random = "paired"

[targets]
cell_line = "SK-BR-3"

[effectors]
type = "NK-resting"
et_ratio = 5

[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0

[well]
format = "96-field-1.5mm"

[assay]
duration_h = 4
readout = "LDH"

[output]
every_min = 1
"""

# What a notebook or the page may set by one name, and the key of the scenario file that it stands for.
PARAMETERS = {
    "cell_line": "targets.cell_line",
    "cells": "targets.cells",
    "mechanism": "targets.mechanism",
    "her2_per_cell": "targets.her2_per_cell",
    "masked_fraction": "targets.masked_fraction",
    "effector": "effectors.type",
    "et_ratio": "effectors.et_ratio",
    "genotype": "effectors.genotype",
    "antibody": "antibody.name",
    "dose_ug_per_ml": "antibody.dose_ug_per_ml",
    "format": "well.format",
    "duration_h": "assay.duration_h",
    "readout": "assay.readout",
}


class WellScenario(Scenario):
    """Mesa's scenario of a well. None: as `base` has it, the text of a scenario file for one well."""

    base: str = BASE
    cell_line: str | None = None
    cells: int | None = None
    mechanism: str | None = None
    her2_per_cell: float | None = None
    masked_fraction: float | None = None
    effector: str | None = None
    et_ratio: float | None = None
    genotype: str | None = None
    antibody: str | None = None
    dose_ug_per_ml: float | None = None
    format: str | None = None
    duration_h: float | None = None
    readout: str | None = None
    record_events: bool = False


class ADCCModel(mesa.Model):
    """One well with its controls.

    Keywords: those of WellScenario, and rng, the seed (a whole number; None takes that of `base`, or draws one where
    it has none). `scenario`: a WellScenario in their place. Raises ScenarioError (all errors at once) for anything that
    `adcc check` would refuse, and for what is not one well with a lysis; TypeError for both scenario and keywords.
    """

    def __init__(self, *, scenario: WellScenario | None = None, **params: Any):
        if scenario is None:
            refuse_unknown(params, ["base", "rng", "record_events", *PARAMETERS])
            scenario = WellScenario(**params)
        elif params:
            raise TypeError(f"give scenario or keywords, not both: {', '.join(sorted(params))}")
        raw = raw_of(scenario, PARAMETERS)
        scenario.rng = raw["seed"]
        runtime.configure()  # before the kernels are imported, and not when this module is
        from adccsim.teaching.agents import WellGrid
        from adccsim.teaching.plate import Plate

        self.plate = Plate(raw, record_events=scenario.record_events)
        self.washes = 0
        self._views: dict[type, list] = {}
        super().__init__(scenario=scenario)
        self.grid = WellGrid(self)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "hours": "hours",
                "specific_lysis_pct": "specific_lysis_pct",
                "control_lysis_pct": "control_lysis_pct",
                **{name: _observed(name) for name in ("targets_alive", "kills", "conjugates", "effectors_alive")},
                "antibody_bound_per_target": _observed("antibody_bound_per_target"),
                "receptor_occupancy": _observed("receptor_occupancy"),
            }
        )
        self.datacollector.collect(self)

    @classmethod
    def from_toml(cls, source: str | Path, **params: Any) -> "ADCCModel":
        """A model of a scenario file: its path, or its text. params: changes, as for the class."""
        if isinstance(source, Path):
            source = source.read_text(encoding="utf-8")
        return cls(base=source, **params)

    def step(self) -> None:
        """One minute of the assay; nothing once it has ended."""
        if self.plate.advance(1):
            self._look()

    def _look(self) -> None:
        self.running = not self.plate.over
        if self.plate.sample.record.steps[-1] == self.plate.tick:
            self.datacollector.collect(self)

    # -- interventions, recorded as [[action]] ----------------------------------------------------------------
    def add_antibody(self, ug_per_ml: float) -> None:
        """Raise the concentration by so much, now. Raises ScenarioError if it may not be."""
        self._act(add_antibody_ug_per_ml=plain(ug_per_ml))

    def add_nk(self, cells: int) -> None:
        """Add so many effector cells (of the preparation's purity), now. Raises ScenarioError if there is no room."""
        self._act(add_effectors=plain(cells))

    def wash_nk(self) -> None:
        """Rinse out the effectors that hold no target, now."""
        self._act(wash_effectors=True)
        self.washes += 1

    def wash_antibody(self) -> None:
        """Replace the medium: free antibody goes, bound antibody stays."""
        self._act(wash=True)

    def _act(self, **action: Any) -> None:
        self.plate.act(**action)
        self._views.clear()
        collected = self.datacollector.model_vars
        if self.datacollector._collection_steps[-1] == self.plate.tick:  # what was seen before the action is replaced
            self.datacollector._collection_steps.pop()
            for values in collected.values():
                values.pop()
            self.datacollector.collect(self)

    def to_toml(self) -> str:
        """The run so far as a scenario file; `adcc run` of it gives the same events and end."""
        return self.plate.to_toml()

    # -- what can be seen ----------------------------------------------------------------------------------------
    @property
    def hours(self) -> float:
        """Hours since the effectors were added."""
        return self.plate.hours

    @property
    def specific_lysis_pct(self) -> float:
        """% specific lysis at the last observation; NaN before there is any window between the controls."""
        return float(self.plate.curve()[1][-1])

    @property
    def control_lysis_pct(self) -> float:
        """The same of the control well without antibody: what NK cells kill by themselves."""
        return float(self.plate.curve("no_antibody")[1][-1])

    @property
    def tumour_cells(self) -> AgentSet:
        """Every target that ever was in the well."""
        from adccsim.teaching.agents import TumourCell

        return self._of(TumourCell, self.plate.sample.engine.n_targets)

    @property
    def nk_cells(self) -> AgentSet:
        """Every NK cell in the well, dead ones included, rinsed ones not."""
        from adccsim.teaching.agents import NKCell

        return self._of(NKCell, len(self.plate.sample.engine.effectors))

    @property
    def agents(self) -> AgentSet:
        """Tumour and NK cells."""
        return AgentSet([*self.tumour_cells, *self.nk_cells], random=self.random)

    def _of(self, kind: type, count: int) -> AgentSet:
        held = self._views.setdefault(kind, [])  # an AgentSet holds its agents weakly
        held += [kind(self, row) for row in range(len(held), count)]
        return AgentSet(held, random=self.random)


def raw_of(scenario: Scenario, parameters: Mapping[str, str]) -> dict:
    """The parsed scenario file that a Mesa scenario stands for, not validated but for its text.

    A parameter that is set replaces the key it stands for; the seed is rng, else that of the base, else a new one.
    """
    try:
        raw = copy.deepcopy(tomllib.loads(scenario.base))
    except ValueError as error:
        raise ScenarioError([Invalid("base", NO_VALUE, f"not valid TOML: {error}")]) from None
    for name, key in parameters.items():
        value = plain(getattr(scenario, name))
        if value is not None:
            try:
                keys.put(raw, key, value)
            except (LookupError, TypeError):
                raise ScenarioError([Invalid(name, value, f"the base has no place for it ({key})")]) from None
    if scenario.rng is not None:
        raw["seed"] = plain(scenario.rng)
    raw.setdefault("seed", secrets.randbits(32))
    return raw


def plain(value: Any) -> Any:
    """numpy numbers, as a parameter sweep makes them, to Python's own."""
    return value.item() if hasattr(value, "item") else value


def refuse_unknown(params: Mapping, known: Sequence[str]) -> None:
    """Raise ScenarioError for keywords that a model does not know."""
    errors = []
    for name in params.keys() - set(known):
        close = nearest(name, known)
        errors.append(Invalid(name, params[name], f"unknown parameter{f'; did you mean {close}?' if close else ''}"))
    if errors:
        raise ScenarioError(errors)


def _observed(name: str):
    return lambda model: model.plate.sample.record.rows[-1][name]
