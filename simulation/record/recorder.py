"""Recorder: what every run keeps in memory until its end: rows of observables, and frames of agents."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from adccsim.record.objects import Link, Part

_NO_CLASSES: Mapping[str, Sequence[str]] = {}


class Recorder:
    """Base of the records of a well and of a mouse. tick_h: hours per step."""

    def __init__(self, tick_h: float) -> None:
        self.tick_h = tick_h
        self.steps: list[int] = []
        self.rows: list[dict] = []
        self.frame_steps: list[int] = []
        self.frames: list[dict[str, np.ndarray]] = []

    @property
    def hours(self) -> np.ndarray:
        """Time of every row, shape (T,)."""
        return np.array(self.steps) * self.tick_h

    @property
    def frame_hours(self) -> np.ndarray:
        """Time of every frame, shape (F,)."""
        return np.array(self.frame_steps) * self.tick_h

    def sample(self, step: int, row: dict) -> None:
        """Keep one row of observables; a second one of the same step replaces the first."""
        if self.steps and self.steps[-1] == step:
            self.rows[-1] = row
            return
        self.steps.append(step)
        self.rows.append(row)

    def frame(self, step: int, agents: dict[str, np.ndarray]) -> None:
        """Keep all or some agents of this moment; names as in the layout of the record."""
        self.frame_steps.append(step)
        self.frames.append(agents)

    def series(self, name: str) -> np.ndarray:
        """One observable over the run, shape (T,) or (T, classes)."""
        return np.array([row[name] for row in self.rows])

    def series_parts(
        self,
        about: Mapping[str, tuple[str, str]],
        clock_text: str,
        more: Mapping[str, np.ndarray] | None = None,
        classes: Mapping[str, Sequence[str]] = _NO_CLASSES,
    ) -> Iterator[Part | Link]:
        """Every observable, and the series of `more`, as /observables/<name>/{value, step, time}; they share one clock.

        about: name -> (unit, description); clock_text: description of the time; classes: name -> names of its columns.
        """
        more = more or {}
        clock = ""
        for name in [*self.rows[0], *more]:
            place = f"observables/{name}"
            values = more[name] if name in more else self.series(name)
            columns = tuple(classes[name]) if name in classes else None
            yield Part(f"{place}/value", values, *about[name], columns)
            if clock:
                yield Link(f"{place}/step", f"{clock}/step")
                yield Link(f"{place}/time", f"{clock}/time")
                continue
            clock = place
            yield Part(f"{place}/step", np.array(self.steps), "1", "ticks")
            yield Part(f"{place}/time", self.hours, "h", clock_text)
