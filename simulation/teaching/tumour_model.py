"""TumourModel: a tumour in a mouse, treated and untreated, as a mesa.Model for notebooks, batch_run and the page.

One step is one hour. Both tumours are those of `adcc run`, with the same random numbers: the same scenario and seed
give the same cells and the same end wherever they are played.

    model = TumourModel(dose_mg_per_kg=10, rng=7)
    model.run_for(24 * 14)
    model.tgi_pct
    model.slice_cells.select(lambda cell: cell.alive and cell.occupancy < 0.01)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mesa
import numpy as np
from mesa.agentset import AgentSet
from mesa.experimental.scenarios import Scenario

from adccsim import runtime
from adccsim.teaching.model import plain, raw_of, refuse_unknown

BASE = """
schema = 1
title = "A small tumour with and without antibody"
kind = "xenograft"
seed = 2026
random = "paired"

[tumour]
start_volume_mm3 = 0.5
fraction_simulated = 1.0

[[tumour.clone]]
cell_line = "NCI-N87"

[mouse]
strain = "nude"
enrolment_low_mm3 = 0.01
enrolment_high_mm3 = 100.0

[study]
days = 14
caliper_error_coefficient = 0.0

[[arm]]
name = "untreated"
mice = 1

[[arm]]
name = "treated"
mice = 1

[[arm.dose]]
drug = "trastuzumab"
mg_per_kg = 10.0
route = "iv"
days = [0, 7]

[output]
every_h = 6
"""

# What a notebook or the page may set by one name, and the key of the scenario file that it stands for.
PARAMETERS = {
    "dose_mg_per_kg": "arm[1].dose[0].mg_per_kg",
    "drug": "arm[1].dose[0].drug",
    "dose_days": "arm[1].dose[0].days",
    "cell_line": "tumour.clone[0].cell_line",
    "her2_per_cell": "tumour.clone[0].her2_per_cell",
    "start_volume_mm3": "tumour.start_volume_mm3",
    "strain": "mouse.strain",
    "days": "study.days",
}


# Observables of the run file that the data collector keeps.
OBSERVED = (
    *("cells_alive", "cells_dead", "opsonised_fraction", "oxygen_mean", "hypoxic_fraction"),
    *("kills_nk", "kills_myeloid", "effectors_nk", "effectors_myeloid"),
)


class MouseScenario(Scenario):
    """Mesa's scenario of a tumour. None: as `base` has it, the text of a scenario file of two arms, control first."""

    base: str = BASE
    dose_mg_per_kg: float | None = None
    drug: str | None = None
    dose_days: list | None = None
    cell_line: str | None = None
    her2_per_cell: float | None = None
    start_volume_mm3: float | None = None
    strain: str | None = None
    days: float | None = None


class TumourModel(mesa.Model):
    """A treated tumour beside the same tumour without treatment.

    Keywords: those of MouseScenario, and rng, the seed (a whole number; None takes that of `base`, or draws one
    where it has none). `scenario`: a MouseScenario in their place. Raises ScenarioError (all errors at once) for what
    `adcc check` would refuse, and for what is not one mouse in two arms; TypeError for both scenario and keywords.
    """

    def __init__(self, *, scenario: MouseScenario | None = None, **params: Any):
        if scenario is None:
            refuse_unknown(params, ["base", "rng", *PARAMETERS])
            scenario = MouseScenario(**params)
        elif params:
            raise TypeError(f"give scenario or keywords, not both: {', '.join(sorted(params))}")
        raw = raw_of(scenario, PARAMETERS)
        scenario.rng = raw["seed"]
        runtime.configure()  # before the kernels are imported, and not when this module is
        from adccsim.teaching.pair import Pair
        from adccsim.teaching.tumour_agents import SliceGrid

        self.pair = Pair(raw)
        self._held: dict[Callable, tuple[int, list]] = {}
        super().__init__(scenario=scenario)
        self.grid = SliceGrid(self)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "days": "days",
                "volume_mm3": "volume_mm3",
                "control_volume_mm3": "control_volume_mm3",
                "tgi_pct": "tgi_pct",
                **{name: _observed(name) for name in OBSERVED},
                "receptor_occupancy": lambda model: float(max(model.observed["occupancy_mean"])),
                "plasma_ug_per_ml": lambda model: float(sum(model.observed["plasma_ug_per_ml"])),
            }
        )
        self.datacollector.collect(self)

    @classmethod
    def from_toml(cls, source: str | Path, **params: Any) -> "TumourModel":
        """A model of a scenario file: its path, or its text. params: changes, as for the class."""
        if isinstance(source, Path):
            source = source.read_text(encoding="utf-8")
        return cls(base=source, **params)

    def step(self) -> None:
        """One hour of the study; nothing once it has ended."""
        if self.pair.advance(1):
            self.running = not self.pair.over
            if self.pair.treated.record.steps[-1] == self.pair.tick:
                self.datacollector.collect(self)

    def give(self, mg_per_kg: float) -> None:
        """Give the treated mouse a dose now, recorded as an [[arm.dose]]. Raises ScenarioError if it may not be."""
        self.pair.give(plain(mg_per_kg))

    def to_toml(self) -> str:
        """The run so far as a scenario file; `adcc run` of it gives the same two tumours at the end."""
        return self.pair.to_toml()

    # -- what can be seen ----------------------------------------------------------------------------------------
    @property
    def days(self) -> float:
        """Days since randomisation."""
        return self.pair.tick / 24

    @property
    def volume_mm3(self) -> float:
        """Volume of the treated tumour."""
        return self.pair.treated.volumes[-1]

    @property
    def control_volume_mm3(self) -> float:
        """Volume of the untreated tumour."""
        return self.pair.control.volumes[-1]

    @property
    def tgi_pct(self) -> float:
        """TGI now: 100 (1 - T/C) in per cent."""
        return self.pair.tgi_pct()

    @property
    def observed(self) -> dict:
        """What `adcc run` records of the treated tumour, as last observed (see record/mouse_layout.py)."""
        row = self.pair.treated.record.rows[-1]
        return {name: np.array(value) if isinstance(value, list) else value for name, value in row.items()}

    @property
    def slice_cells(self) -> AgentSet:
        """Tumour cells in the middle plane of the treated tumour, as they are now."""
        from adccsim.teaching.tumour_agents import cells_of

        return self._of(cells_of)

    @property
    def slice_effectors(self) -> AgentSet:
        """Immune cells in the middle plane of the treated tumour, as they are now."""
        from adccsim.teaching.tumour_agents import effectors_of

        return self._of(effectors_of)

    @property
    def agents(self) -> AgentSet:
        """Tumour cells and immune cells of the middle plane."""
        return AgentSet([*self.slice_cells, *self.slice_effectors], random=self.random)

    def _of(self, looked_up: Callable) -> AgentSet:
        """The agents of this hour, looked up once and held: an AgentSet holds its agents weakly."""
        hour, agents = self._held.get(looked_up, (None, []))
        if hour != self.pair.tick:
            agents = looked_up(self)
            self._held[looked_up] = self.pair.tick, agents
        return AgentSet(agents, random=self.random)


def _observed(name: str):
    return lambda model: model.observed[name]
