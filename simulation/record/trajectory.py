"""Trajectory: collects what an engine shows while a run goes on, and writes it to an open HDF5 file at the end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import h5py
import numpy as np

from simulation.record import layout, skeleton
from simulation.record.objects import Link, Part, make_group, write_dataset, write_h5md, write_meta, write_parts
from simulation.record.particles import write_particles


class Recorder:
    """Rows of observables, blocks of events and frames, kept in memory until the end."""

    def __init__(self):
        self.times_h: list[float] = []
        self.steps: list[int] = []
        self.rows: list[dict] = []
        self.events: list[tuple] = []
        self.frames: list[dict] = []
        self.frame_steps: list[int] = []
        self.frame_times_h: list[float] = []

    def sample(self, time_h: float, step: int, row: dict) -> None:
        """Keep one row of observables."""
        self.times_h.append(time_h)
        self.steps.append(step)
        self.rows.append(row)

    def frame(self, time_h: float, step: int, agents: dict) -> None:
        """Keep one picture of all agents (arrays as in layout.FINAL)."""
        self.frame_times_h.append(time_h)
        self.frame_steps.append(step)
        self.frames.append(agents)

    def series(self, name: str) -> np.ndarray:
        """One observable over the run, shape (T,)."""
        return np.array([row[name] for row in self.rows])

    def contents(
        self, meta: Mapping, signals: Mapping, histograms: Mapping, final: Mapping | None, grid_row: tuple[int, int],
        legend: tuple, with_events: bool,
    ) -> "Contents":  # fmt: skip
        """Everything that the run file is to hold.

        meta: attributes; signals: extra series; histograms: name -> (counts, edges); final: arrays or None.
        """
        parts: list[Part | Link] = []
        clock = ""
        for name in [*self.rows[0], *signals]:
            place = f"observables/{name}"
            values = signals[name] if name in signals else self.series(name)
            parts.append(Part(f"{place}/value", values, *layout.SERIES[name]))
            if clock:
                parts += [Link(f"{place}/{what}", f"{clock}/{what}") for what in ("step", "time")]
                continue
            clock = place
            parts.append(Part(f"{place}/step", np.array(self.steps), "1", "ticks"))
            parts.append(Part(f"{place}/time", np.array(self.times_h), "h", "hours from the addition of effectors"))
        for name, (counts, edges) in histograms.items():
            place = f"observables/{name}"
            parts += [
                Part(f"{place}/value", np.asarray(counts)[None, :], *layout.HISTOGRAMS[name]),
                Part(f"{place}/edges", np.asarray(edges), "1", "edges of the bins, lower ends included"),
                Part(f"{place}/step", np.array(self.steps[-1:])),
                Part(f"{place}/time", np.array(self.times_h[-1:])),
            ]
        for name, values in (final or {}).items():
            parts.append(Part(f"final/{name}", values, *layout.FINAL[name]))
        return Contents(self, meta, parts, grid_row, legend, with_events)


@dataclass(frozen=True)
class Contents:
    """What one run file holds. All of them go through the same parts, into an open file or into bytes."""

    recorder: Recorder
    meta: Mapping
    parts: list[Part | Link]
    grid_row: tuple[int, int]
    legend: tuple
    with_events: bool

    def write(self, file: h5py.File) -> None:
        """Write everything to an open file; the attribute status = complete comes last: a file that has it is whole."""
        write_h5md(file, self.meta["model_version"])
        write_parts(file, self.parts)
        self._write_rest(file)
        write_meta(file, self.meta)

    def image(self) -> bytes:
        """The run file as bytes, in a fraction of the time where files of this shape were made before."""
        more = self._write_rest if self.with_events or self.recorder.frames else None
        return skeleton.image(self.meta["model_version"], self.parts, self.meta, more)

    def _write_rest(self, file: h5py.File) -> None:
        if self.with_events:
            self._write_events(file)
        if self.recorder.frames:
            self._write_frames(file)

    def _write_events(self, file: h5py.File) -> None:
        events, (row, plane) = self.recorder.events, self.grid_row
        columns = [np.concatenate([b[i] for b in events]) if events else np.zeros(0) for i in range(5)]
        site = columns[4].astype(np.int64) % plane
        data = dict(zip(("time", "kind", "target", "effector"), columns[:4], strict=True))
        data |= {"x": (site % row).astype(np.int16), "y": (site // row).astype(np.int16)}
        group = make_group(file, "events")
        for name, values in data.items():
            write_dataset(group, name, values, *layout.EVENTS[name])
        group["kind"].attrs["legend"] = json.dumps(dict(enumerate(self.legend)))

    def _write_frames(self, file: h5py.File) -> None:
        """Frames as particle groups; of the rows of a well some are of agents that are gone, as their state says."""
        about, frames = {}, []
        for kind, state in (("target", "target_status"), ("effector", "effector_state")):
            about[kind, "position"] = ("sites of 10 um", "column and row")
            about[kind, "state"] = ("1", layout.FINAL[state][1] + ", 255 absent")
        for f in self.recorder.frames:
            frames.append(
                {
                    kind: {
                        "position": np.stack([f[f"{kind}_x"], f[f"{kind}_y"]], axis=1).astype(np.int16),
                        "state": np.asarray(f[state], np.uint8),
                    }
                    for kind, state in (("target", "target_status"), ("effector", "effector_state"))
                }
            )
        write_particles(file, frames, about, (self.recorder.frame_steps, self.recorder.frame_times_h))
