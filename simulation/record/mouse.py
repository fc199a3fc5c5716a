"""Record of one mouse: observables, caliper readings, kills, pictures; kept in memory and written once at the end.

The whole record can be saved in the middle of a run and taken up again: state() and restore().
"""

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from adccsim.record import mouse_layout as layout
from adccsim.record.objects import write_dataset, write_h5md, write_meta, write_parts
from adccsim.record.particles import write_particles
from adccsim.record.recorder import Recorder
from adccsim.run_schema import current_name

_MOST_KILLS = 1_000_000  # kept one by one; beyond it the series of counts has to do


class MouseRecord(Recorder):
    """What one mouse leaves behind."""

    def __init__(self, tick_h: float) -> None:
        super().__init__(tick_h)
        self.readings: list[tuple[float, ...]] = []  # in the order of layout.CALIPERS; weight only where one weighs
        self.kills: list[tuple[np.ndarray, ...]] = []  # one block per stop: arrays in the order of layout.KILLS
        self.kills_left_out = 0
        self.pictures: list[dict[str, np.ndarray]] = []
        self.fields: list[dict[str, np.ndarray]] = []  # one entry per frame

    def sample(self, step: int, row: Mapping) -> None:
        """Keep one row of observables, as numbers that JSON can hold."""
        super().sample(step, {name: np.asarray(value).tolist() for name, value in row.items()})

    def read(
        self,
        day: float,
        length_mm: float,
        width_mm: float,
        caliper_mm3: float,
        true_mm3: float,
        weight_g: float | None = None,
    ) -> None:
        """Keep one caliper reading, and the weight of the mouse if it was weighed."""
        row = (day, length_mm, width_mm, caliper_mm3, true_mm3, *(() if weight_g is None else (weight_g,)))
        self.readings.append(tuple(float(number) for number in row))

    def killed(self, block: Sequence[np.ndarray]) -> None:
        """Keep kills one by one, up to a million; the rest is only counted."""
        room = _MOST_KILLS - sum(len(b[0]) for b in self.kills)
        if len(block[0]) > room:
            self.kills_left_out += len(block[0]) - room
        if len(block[0]) and room > 0:
            self.kills.append(tuple(np.asarray(column[:room]) for column in block))

    def tumour_frame(self, step: int, fields: dict[str, np.ndarray], agents: dict[str, np.ndarray]) -> None:
        """Keep the whole tumour, patch by patch, and some or all of its cells and effectors.

        fields: arrays (size, size, size) as in layout.FIELDS; agents: columns by "population-column", layout.AGENTS.
        """
        self.frame(step, agents)
        self.fields.append(fields)

    # -- saved and taken up again -----------------------------------------------------------------------------------
    def state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Everything, as a JSON-able dict and arrays by name."""
        plain = {
            "steps": self.steps,
            "rows": self.rows,
            "readings": [list(reading) for reading in self.readings],
            "kills_left_out": self.kills_left_out,
            "field_steps": self.frame_steps,
        }
        arrays = {f"kills.{i}.{j}": column for i, block in enumerate(self.kills) for j, column in enumerate(block)}
        arrays |= {f"pictures.{i}.{name}": a for i, one in enumerate(self.pictures) for name, a in one.items()}
        arrays |= {f"agents.{i}.{name}": a for i, one in enumerate(self.frames) for name, a in one.items()}
        return plain, arrays | {f"fields.{i}.{name}": a for i, one in enumerate(self.fields) for name, a in one.items()}

    def restore(self, plain: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up what state() gave."""
        self.steps = list(plain["steps"])
        self.rows = [{current_name(name): value for name, value in row.items()} for row in plain["rows"]]
        self.readings = [tuple(reading) for reading in plain["readings"]]
        self.kills_left_out, self.frame_steps = plain["kills_left_out"], list(plain["field_steps"])
        blocks: dict[str, dict[int, dict]] = {"kills": {}, "pictures": {}, "fields": {}, "agents": {}}
        for name, array in arrays.items():
            kind, place, what = name.split(".")
            blocks[kind].setdefault(int(place), {})[what] = array
        self.kills = [tuple(b[str(j)] for j in range(len(b))) for _, b in sorted(blocks["kills"].items())]
        self.pictures = [one for _, one in sorted(blocks["pictures"].items())]
        self.fields = [one for _, one in sorted(blocks["fields"].items())]
        self.frames = [one for _, one in sorted(blocks["agents"].items())]

    # -- written ----------------------------------------------------------------------------------------------------
    def write(self, file: h5py.File, meta: Mapping, classes: Mapping[str, Sequence[str]]) -> None:
        """Write everything; the attribute status = complete comes last, so a file that has it is whole.

        meta: attributes; classes: observable -> names of its columns.
        """
        write_h5md(file, str(meta["model_version"]))
        write_parts(file, self.series_parts(layout.SERIES, "hours from randomisation", classes=classes))
        group = file.create_group("calipers")
        weighed = bool(self.readings) and len(self.readings[0]) == len(layout.CALIPERS)
        columns = list(layout.CALIPERS.items())[: None if weighed else -1]
        table = np.array(self.readings, dtype=float).reshape(-1, len(columns))
        for (name, (unit, text)), column in zip(columns, table.T, strict=True):
            write_dataset(group, name, column, unit, text)
        if self.kills:
            group = file.create_group("kills")
            group.attrs["left_out"] = self.kills_left_out
            for i, (name, (unit, text)) in enumerate(layout.KILLS.items()):
                write_dataset(group, name, np.concatenate([block[i] for block in self.kills]), unit, text)
        if self.pictures:
            group = file.create_group("slices")
            for name, arrays in _stacked(self.pictures).items():
                write_dataset(group, name, arrays, *layout.FIELDS[name])
        if self.fields:
            group = file.create_group("fields")
            steps, hours = np.array(self.frame_steps), self.frame_hours
            for name, arrays in _stacked(self.fields).items():
                part = group.create_group(name)
                write_dataset(part, "value", arrays, *layout.FIELDS[name])
                part["step"], part["time"] = steps, hours
            frames = [
                {
                    who: {what: one[f"{who}-{what}"] for of, what in layout.AGENTS if of == who}
                    for who in layout.POPULATIONS
                }
                for one in self.frames
            ]
            write_particles(file, frames, layout.AGENTS, (steps, hours))
        write_meta(file, meta)


def _stacked(frames: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Frames of different size centred in the largest: (T, ...) per name, 0 outside."""
    out = {}
    for name in layout.FIELDS:  # an order that does not hang on how the frames came here
        arrays = [frame[name] for frame in frames]
        shape = np.max([a.shape for a in arrays], axis=0)
        whole = np.zeros((len(arrays), *shape), arrays[0].dtype)
        for k, array in enumerate(arrays):
            start = [(full - own) // 2 for full, own in zip(shape, array.shape, strict=True)]
            place: tuple[Any, ...] = (k, *(slice(a, a + n) for a, n in zip(start, array.shape, strict=True)))
            whole[place] = array
        out[name] = whole
    return out
