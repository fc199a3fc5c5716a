"""Trajectory: collects what an engine shows while a run goes on, and writes it to an open HDF5 file at the end."""

import json
from collections.abc import Mapping

import h5py
import numpy as np

from simulation.record import layout

_COMPRESS_FROM = 2048  # elements: small datasets are smaller and faster without
_STRING = h5py.string_dtype()
_TEXT = h5py.h5t.py_create(_STRING, logical=True)
_SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)
_PLAIN = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)  # HDF5 would write the time of day: equal runs have equal bytes


def write_dataset(group: h5py.Group, name: str, values, unit: str = "", description: str = "") -> h5py.Dataset:
    """One dataset, with CF-style units and a description where they are given; large ones are shuffled and compressed.

    Small ones go past h5py's general code: a file has some forty of them, which would take longer than a small well.
    """
    values = np.ascontiguousarray(values)
    if values.size >= _COMPRESS_FROM:
        dataset = group.create_dataset(name, data=values, compression="gzip", compression_opts=1, shuffle=True)
        identity = dataset.id
    else:
        space = h5py.h5s.create_simple(values.shape)
        identity = h5py.h5d.create(
            group.id, name.encode(), h5py.h5t.py_create(values.dtype, logical=True), space, _PLAIN
        )
        identity.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        dataset = h5py.Dataset(identity)
    if unit:
        _write_text(identity, b"units", unit)
        _write_text(identity, b"description", description)
    return dataset


def _write_text(owner: h5py.h5d.DatasetID, name: bytes, text: str) -> None:
    """A text attribute of a new object, as h5py would write it: UTF-8 of any length."""
    h5py.h5a.create(owner, name, _TEXT, _SCALAR).write(np.array(text, dtype=_STRING))


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
        """Frames as H5MD particle groups; agents that did not exist yet have state 255."""
        particles = file.create_group("particles")
        for kind, state in (("target", "target_status"), ("effector", "effector_state")):
            most = max(len(f[state]) for f in self.frames)
            position = np.full((len(self.frames), most, 2), -1, np.int16)
            states = np.full((len(self.frames), most), 255, np.uint8)
            for k, f in enumerate(self.frames):
                n = len(f[state])
                position[k, :n, 0], position[k, :n, 1], states[k, :n] = f[f"{kind}_x"], f[f"{kind}_y"], f[state]
            group = particles.create_group(kind)
            box = group.create_group("box")
            box.attrs["dimension"] = 2
            box.attrs["boundary"] = ["none", "none"]
            for name, values, unit, text in (
                ("position", position, "sites of 10 um", "column and row"),
                ("state", states, "1", layout.FINAL[state][1] + ", 255 absent"),
            ):
                part = group.create_group(name)
                write_dataset(part, "value", values, unit, text)
                part["step"] = np.array(self.frame_steps)
                part["time"] = np.array(self.frame_times_h)
