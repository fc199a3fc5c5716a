"""Driver: the one loop by which a well or a mouse goes from its start to its end.

A world goes on from stop to stop: at each stop something is due (an observation, a frame, an intervention, a dose), and
is done on arrival, before time goes on. It may be driven in one go, or in any pieces, as the teaching page does: the
result is the same.                                                                         (tests/run/test_driver.py)
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import h5py

from adccsim.conditions import AnyCondition


class Engine(Protocol):
    """What the driver asks of an engine."""

    @property
    def tick(self) -> int: ...
    @property
    def tick_h(self) -> float: ...


class World(ABC):
    """One well or one mouse: its engine, its record, and what is due at which tick.

    stops: ticks on which something is due, from its start on; the last of them is the end.
    """

    most_ticks: int | None = None  # longest stretch in one go; None: to the next stop
    first_tick = 0  # tick of the engine at the start

    def __init__(self, condition: AnyCondition, stops: Iterable[int]):
        self.condition = condition
        self.stops = sorted(set(stops))
        self._stop_set = frozenset(self.stops)
        self._arrived_at: int | None = None

    @property
    @abstractmethod
    def engine(self) -> Engine:
        """The engine that is driven."""

    @property
    def tick(self) -> int:
        """Ticks since the start."""
        return self.engine.tick - self.first_tick

    @property
    def end_tick(self) -> int:
        """The last tick, which a world may not reach: a mouse leaves its study at the end point."""
        return self.stops[-1]

    @property
    def ended(self) -> bool:
        """Whether the end has been reached and what is due there has been done."""
        return self._arrived_at == self.end_tick

    def next_stop(self) -> int:
        """The next tick on which something is due."""
        place = bisect_right(self.stops, self.tick)
        return self.stops[min(place, len(self.stops) - 1)]

    def arrive(self) -> None:
        """Do what is due at this tick, once."""
        tick = self.tick
        if tick != self._arrived_at and tick in self._stop_set:
            self._arrived_at = tick
            self.do_what_is_due()

    @abstractmethod
    def do_what_is_due(self) -> None:
        """Observe, record and act as this tick asks for."""

    @abstractmethod
    def advance(self, ticks: int) -> None:
        """Let time go on by so many ticks, with nothing due on the way."""

    def run(self) -> None:
        """Go to the end."""
        drive(self)

    @abstractmethod
    def write(self, file: h5py.File) -> None:
        """Write the run file to an open HDF5 file; its attribute status = complete comes last."""

    @abstractmethod
    def save(self, path: Path) -> bytes:
        """Write the run file to a path; what is returned, if anything, is still to be written there."""


def every(ticks: int, end: int) -> set[int]:
    """Every so many ticks from 0 on, and the end."""
    return {*range(0, end, ticks), end}


def drive(world: World, until: int | None = None, stop: Callable[[], bool] | None = None) -> None:
    """Bring a world to its end or to tick `until`, whichever comes first. stop: asked after every stretch of time."""
    last = world.end_tick if until is None else min(until, world.end_tick)
    world.arrive()
    while not world.ended and world.tick < last:
        ticks = min(world.next_stop(), last) - world.tick
        world.advance(min(ticks, world.most_ticks or ticks))
        if stop is not None and stop():
            return
        world.arrive()
