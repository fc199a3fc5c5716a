"""WellWorld: one well, driven from the addition of effectors to the end of the assay.

Order at a tick on which several things are due: interventions, the observation, the frame.
"""

from pathlib import Path

import h5py
import numpy as np

from adccsim.conditions.well import Intervention, WellCondition
from adccsim.execution.driver import World, every
from adccsim.record.well import Contents, WellRecord
from adccsim.version import WELL_MODEL
from adccsim.well.culture import founders_after_culture
from adccsim.well.engine import WellEngine
from adccsim.well.layout import EVENT_KINDS
from adccsim.well.params import well_params
from adccsim.well.readout import agents, histograms, signals


class WellWorld(World):
    """A well on its way. check: verify conservation laws and rate bounds; raises AssertionError or RateError.

    events: what is appended to with every stretch of time (see WellEngine.advance), None where none are kept.
    """

    condition: WellCondition

    def __init__(self, condition: WellCondition, check: bool = False):
        founders = founders_after_culture(condition, condition.run_key)
        self._engine = WellEngine(well_params(condition), condition.run_key, check=check, founders=founders)
        self.record = WellRecord(self.engine.tick_h)
        self.events: list | None = self.record.events if condition.output.has_events else None
        per_h, output = round(1.0 / self.engine.tick_h), condition.output
        end = round(condition.assay.duration_h * per_h)
        self._observations = every(max(1, round(output.every_min * per_h / 60)), end)
        between = output.frames_every_min
        self._frames = set(range(0, end + 1, max(1, round(between * per_h / 60)))) if between else set()
        self._interventions: dict[int, list[Intervention]] = {}
        for one in condition.interventions:
            self._interventions.setdefault(round(one.at_h * per_h), []).append(one)
        acts = (tick for tick in self._interventions if tick <= end)
        super().__init__(condition, {*self._observations, *self._frames, *acts})

    @property
    def engine(self) -> WellEngine:
        """The engine that is driven."""
        return self._engine

    def do_what_is_due(self) -> None:
        """Interventions first, so that the observation shows what they did."""
        tick = self.tick
        for one in self._interventions.get(tick, ()):
            self.engine.apply(one)
        if tick in self._observations:
            self.observe()
        if tick in self._frames:
            self.record.frame(tick, agents(self.engine))

    def observe(self) -> None:
        """Keep what can be seen now; it replaces what was seen earlier at this tick."""
        self.record.sample(self.tick, self.engine.observe())

    def advance(self, ticks: int) -> None:
        """Let time go on by so many ticks."""
        self.engine.advance(ticks, self.events)

    def signals(self) -> dict[str, np.ndarray]:
        """Readings of the assay so far, see well.readout.signals."""
        record = self.record
        return signals(self.condition, record.steps, record.hours, record.series)

    def contents(self) -> Contents:
        """What the run file is to hold."""
        condition, engine, output = self.condition, self.engine, self.condition.output
        meta = {
            "run_id": condition.run_id,
            "plate": condition.plate,
            "condition": condition.text,
            "model_version": WELL_MODEL,
            "run_key": f"{condition.run_key:016x}",
            "seed": condition.seed,
            "donor": condition.donor,
            "replicate": condition.replicate,
            "role": condition.role,
        }
        final = agents(engine) if output.has_agents else None
        grid_row = engine.row, engine.plane
        return self.record.contents(
            meta, self.signals(), histograms(engine), final, grid_row, EVENT_KINDS, output.has_events
        )

    def write(self, file: h5py.File) -> None:
        """Write the run file to an open HDF5 file."""
        self.contents().write(file)

    def save(self, path: Path) -> bytes:
        """The bytes of the run file, which are still to be written: made in memory, a small file takes least time."""
        return self.contents().image()


def measure(condition: WellCondition) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """The observables of one well with no file: name -> (value (T, ...), time (T,) in h, edges or None).

    The same numbers as in the run file, for fits that ask for thousands of small wells: there a file takes longer than
    the well.
    """
    world = WellWorld(condition)
    world.events = None
    world.run()
    record, times = world.record, world.record.hours
    series = {name: record.series(name) for name in record.rows[0]} | world.signals()
    found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]] = {
        name: (value, times, None) for name, value in series.items()
    }
    for name, (counts, edges) in histograms(world.engine).items():
        found[name] = (np.asarray(counts)[None, :], times[-1:], np.asarray(edges, dtype=float))
    return found
