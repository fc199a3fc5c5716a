"""The driver: every stop is visited once, and a world driven in pieces is the world driven in one go."""

import io

import h5py
import numpy as np
import pytest

from adccsim.execution.driver import World, drive, every
from adccsim.execution.mouse import MouseWorld
from adccsim.execution.well import WellWorld
from adccsim.scenario.conditions import conditions_of
from adccsim.scenario.load import scenario_from_dict
from tests.run.fake_tumour import FakeEngine
from tests.scenario.mice_example import mice


class Clock:
    """An engine that only counts ticks."""

    tick, tick_h = 0, 1.0


class Diary(World):
    """A world that writes down what is asked of it."""

    def __init__(self, stops, most_ticks=None):
        self._engine, self.most_ticks, self.lines = Clock(), most_ticks, []
        super().__init__(None, stops)

    engine = property(lambda self: self._engine)

    def do_what_is_due(self):
        self.lines.append(("arrived", self.tick))

    def advance(self, ticks):
        self._engine.tick += ticks
        self.lines.append(("advanced", ticks))

    def write(self, file):
        raise NotImplementedError

    def save(self, path):
        raise NotImplementedError


def test_every_stop_is_visited_in_order_and_time_goes_on_between_them():
    world = Diary([9, 0, 3, 4, 4])
    world.run()
    steps = [("advanced", 3), ("arrived", 3), ("advanced", 1), ("arrived", 4), ("advanced", 5), ("arrived", 9)]
    assert world.lines == [("arrived", 0), *steps]
    assert world.ended


def test_no_stretch_is_longer_than_the_world_allows_and_it_may_be_stopped_after_each():
    world, asked = Diary([0, 5], most_ticks=2), []
    drive(world, stop=lambda: asked.append(world.tick) or world.tick >= 4)
    assert asked == [2, 4] and world.tick == 4 and not world.ended
    drive(world)
    assert world.ended and world.lines[-1] == ("arrived", 5)


def test_driving_on_from_a_stop_does_not_do_its_work_again():
    world = Diary([0, 2, 6])
    for tick in (0, 0, 1, 2, 2, 5, 6, 6):
        drive(world, tick)
    assert [tick for what, tick in world.lines if what == "arrived"] == [0, 2, 6]
    drive(world, 99)
    assert world.tick == 6


@pytest.mark.parametrize(("ticks", "end", "expected"), [(3, 7, {0, 3, 6, 7}), (10, 4, {0, 4}), (2, 4, {0, 2, 4})])
def test_every_ends_with_the_end(ticks, end, expected):
    assert every(ticks, end) == expected


def _file(world):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        world.write(file)
    return memory.getvalue()


def _in_pieces(world, length):
    for tick in range(0, world.end_tick + length, length):
        drive(world, tick)
    assert world.ended
    return world


def _well():
    """A well with events, frames and interventions, two of them where it is observed."""
    raw = {
        "schema": 1, "title": "pieces", "kind": "well", "seed": 3,
        "targets": {"cell_line": "SK-BR-3", "cells": 60},
        "effectors": {"type": "NK-resting", "et_ratio": 2},
        "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 0.1},
        "assay": {"duration_h": 1.5, "readout": "LDH"},
        "output": {"level": "frames", "every_min": 20, "frames_every_min": 15},
        "action": [{"at_h": 0.5, "wash": True}, {"at_h": 1.0, "add_effectors": 30}],
    }  # fmt: skip
    return next(each for each in conditions_of(scenario_from_dict(raw)) if each.role == "sample")


@pytest.mark.parametrize("length", [1, 7, 50])
def test_a_well_driven_in_pieces_is_the_well_driven_in_one_go(length):
    condition = _well()
    whole = WellWorld(condition)
    whole.run()
    pieces = _in_pieces(WellWorld(condition), length)
    assert pieces.record.rows == whole.record.rows
    assert pieces.record.frame_steps == whole.record.frame_steps
    for mine, theirs in zip(pieces.record.frames, whole.record.frames, strict=True):
        assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    for name, values in whole.engine.arrays().items():
        assert np.array_equal(pieces.engine.arrays()[name], values), name


@pytest.mark.parametrize("length", [1, 5, 24])
def test_a_mouse_driven_in_pieces_is_the_mouse_driven_in_one_go(length):
    condition = mice({"output.level": "frames", "output.frames_every_h": 24})[0]
    whole = MouseWorld(condition, make=FakeEngine)
    whole.run()
    assert _file(_in_pieces(MouseWorld(condition, make=FakeEngine), length)) == _file(whole)
