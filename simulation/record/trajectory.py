"""Trajectory: collects what an engine shows while a run goes on, and writes it to an open HDF5 file at the end."""

import json
from collections.abc import Mapping

import h5py
import numpy as np

from simulation.record import layout
from simulation.record.dataset import write_dataset
from simulation.record.particles import write_particles


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    return h5py.Group(h5py.h5g.create(parent.id, name.encode()))


def write_h5md(file: h5py.File, version: str) -> None:
    """The header by which readers of H5MD 1.1 know the file."""
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1], np.int32)
    creator = h5md.create_group("creator")
    creator.attrs["name"] = "adccsim"
    creator.attrs["version"] = version
    author = h5md.create_group("author")
    author.attrs["name"] = "adccsim"


def write_meta(file: h5py.File, meta: Mapping) -> None:
    """Attributes of the run; status = complete comes last, so a file that has it is whole."""
    group = file.create_group("meta")
    for name, value in meta.items():
        group.attrs[name] = value
    group.attrs["schema_version"] = layout.SCHEMA_VERSION
    group.attrs["status"] = "complete"


class Recorder:
    """Rows of observables, blocks of events and frames, kept in memory until write()."""

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

    def write(
        self, file: h5py.File, meta: dict, signals: dict, histograms: dict, final: dict | None, grid_row: int,
        legend: tuple, with_events: bool,
    ) -> None:  # fmt: skip
        """Write everything; the attribute status = complete comes last, so a file that has it is whole.

        meta: attributes; signals: extra series; histograms: name -> (counts, edges); final: arrays or None.
        """
        write_h5md(file, meta["model_version"])
        observables = file.create_group("observables")
        step = time = None
        for name in [*self.rows[0], *signals]:
            unit, text = layout.SERIES[name]
            group = _group(observables, name)
            values = signals[name] if name in signals else self.series(name)
            write_dataset(group, "value", values, unit, text)
            if step is None:
                step = write_dataset(group, "step", np.array(self.steps), "1", "ticks")
                time = write_dataset(group, "time", np.array(self.times_h), "h", "hours from the addition of effectors")
            else:
                h5py.h5o.link(step.id, group.id, b"step")  # hard links: one clock for all series
                h5py.h5o.link(time.id, group.id, b"time")
        for name, (counts, edges) in histograms.items():
            unit, text = layout.HISTOGRAMS[name]
            group = _group(observables, name)
            write_dataset(group, "value", np.asarray(counts)[None, :], unit, text)
            write_dataset(group, "edges", edges, "1", "edges of the bins, lower ends included")
            write_dataset(group, "step", self.steps[-1:])
            write_dataset(group, "time", self.times_h[-1:])
        if final is not None:
            group = file.create_group("final")
            for name, values in final.items():
                write_dataset(group, name, values, *layout.FINAL[name])
        if with_events:
            self._write_events(file, grid_row, legend)
        if self.frames:
            self._write_frames(file)
        write_meta(file, meta)

    def _write_events(self, file: h5py.File, grid_row: tuple[int, int], legend: tuple) -> None:
        columns = [np.concatenate([b[i] for b in self.events]) if self.events else np.zeros(0) for i in range(5)]
        row, plane = grid_row
        site = columns[4].astype(np.int64) % plane
        data = dict(zip(("time", "kind", "target", "effector"), columns[:4], strict=True))
        data |= {"x": (site % row).astype(np.int16), "y": (site // row).astype(np.int16)}
        group = file.create_group("events")
        for name, values in data.items():
            write_dataset(group, name, values, *layout.EVENTS[name])
        group["kind"].attrs["legend"] = json.dumps(dict(enumerate(legend)))

    def _write_frames(self, file: h5py.File) -> None:
        """Frames as particle groups; of the rows of a well some are of agents that are gone, as their state says."""
        about, frames = {}, []
        for kind, state in (("target", "target_status"), ("effector", "effector_state")):
            about[kind, "position"] = ("sites of 10 um", "column and row")
            about[kind, "state"] = ("1", layout.FINAL[state][1] + ", 255 absent")
        for f in self.frames:
            frames.append(
                {
                    kind: {
                        "position": np.stack([f[f"{kind}_x"], f[f"{kind}_y"]], axis=1).astype(np.int16),
                        "state": np.asarray(f[state], np.uint8),
                    }
                    for kind, state in (("target", "target_status"), ("effector", "effector_state"))
                }
            )
        write_particles(file, frames, about, (self.frame_steps, self.frame_times_h))
