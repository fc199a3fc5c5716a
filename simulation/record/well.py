"""Record of one well: what its engine shows while a run goes on, and the run file that comes of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import h5py
import numpy as np

from adccsim.record import layout, skeleton
from adccsim.record.objects import Link, Part, make_group, write_dataset, write_h5md, write_meta, write_parts
from adccsim.record.particles import write_particles
from adccsim.record.recorder import Recorder


class WellRecord(Recorder):
    """What one well leaves behind: observables, events and frames. frames: arrays as in layout.FINAL."""

    def __init__(self, tick_h: float) -> None:
        super().__init__(tick_h)
        self.events: list[tuple] = []  # one block per stop: arrays of time, kind, target, effector and site

    def contents(
        self, meta: Mapping, signals: Mapping, histograms: Mapping, final: Mapping | None, grid_row: tuple[int, int],
        legend: tuple, with_events: bool,
    ) -> "Contents":  # fmt: skip
        """Everything that the run file is to hold.

        meta: attributes; signals: extra series; histograms: name -> (counts, edges); final: arrays or None.
        """
        clock_text = "hours from the addition of effectors"
        parts = list(self.series_parts(layout.SERIES, clock_text, signals))
        for name, (counts, edges) in histograms.items():
            place = f"observables/{name}"
            parts += [
                Part(f"{place}/value", np.asarray(counts)[None, :], *layout.HISTOGRAMS[name]),
                Part(f"{place}/edges", np.asarray(edges), "1", "edges of the bins, lower ends included"),
                Part(f"{place}/step", np.array(self.steps[-1:])),
                Part(f"{place}/time", self.hours[-1:]),
            ]
        for name, values in (final or {}).items():
            parts.append(Part(f"final/{name}", values, *layout.FINAL[name]))
        return Contents(self, meta, parts, grid_row, legend, with_events)


@dataclass(frozen=True)
class Contents:
    """What one run file holds. All of them go through the same parts, into an open file or into bytes."""

    record: WellRecord
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
        more = self._write_rest if self.with_events or self.record.frames else None
        return skeleton.image(self.meta["model_version"], self.parts, self.meta, more)

    def _write_rest(self, file: h5py.File) -> None:
        if self.with_events:
            self._write_events(file)
        if self.record.frames:
            self._write_frames(file)

    def _write_events(self, file: h5py.File) -> None:
        events, (row, plane) = self.record.events, self.grid_row
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
        for f in self.record.frames:
            frames.append(
                {
                    kind: {
                        "position": np.stack([f[f"{kind}_x"], f[f"{kind}_y"]], axis=1).astype(np.int16),
                        "state": np.asarray(f[state], np.uint8),
                    }
                    for kind, state in (("target", "target_status"), ("effector", "effector_state"))
                }
            )
        write_particles(file, frames, about, (self.record.frame_steps, self.record.frame_hours))
