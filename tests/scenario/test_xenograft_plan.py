"""What a mouse is expected to grow to: the figures behind memory, time and refusals."""

import math

import pytest
from msgspec.structs import replace

from adccsim.conditions import MouseCondition
from adccsim.conditions.tumour_size import cell_hours, largest_cells, start_cells
from tests.scenario.mice_example import mice

FREE = {"vessel_collapse_mm2_per_h": 0.0}


def condition(study: dict | None = None, **tumour) -> MouseCondition:
    """A mouse of 100 mm3, all of whose cells are simulated; study, tumour: other numbers of these sections."""
    mouse = mice()[0]
    known = {"start_volume_mm3": 100.0, "cells_per_mm3": 1e5, "fraction_simulated": 1.0}
    return replace(
        mouse,
        tumour=replace(mouse.tumour, **(known | {"vessel_collapse_mm2_per_h": 0.001} | tumour)),
        clones=(replace(mouse.clones[0], growth_per_d=0.1706),),
        study=replace(mouse.study, **{"days": 21.0, "endpoint_mm3": 1e6, "caliper_days": (0.0, 21.0), **(study or {})}),
    )


def test_cells_at_the_start():
    assert start_cells(condition()) == 10_000_000
    assert start_cells(condition(fraction_simulated=0.01)) == 100_000


def test_free_growth_is_exponential():
    grown = math.exp(0.1706 * 21.0)
    assert largest_cells(condition(**FREE)) == pytest.approx(1.1e7 * grown, abs=1.0)
    exact = 24.0 * 1e7 * (grown - 1.0) / 0.1706
    assert cell_hours(condition(**FREE)) == pytest.approx(exact, rel=0.05)  # steps of half a day, from their beginning
    weak = condition(vessel_collapse_mm2_per_h=1e9)
    assert largest_cells(weak) == pytest.approx(largest_cells(condition(**FREE)), rel=1e-3)


def test_vessels_that_close_slow_growth_to_that_of_a_rim():
    """NCI-N87 comes to 1167.7 mm3 on day 21; much later the radius grows at a constant speed."""
    assert 1167.7e5 < largest_cells(condition()) < 1.3 * 1167.7e5
    radii = []
    for days in (200.0, 220.0, 240.0):
        long = condition({"days": days, "endpoint_mm3": 1e9, "caliper_days": (0.0, days)})
        radii.append(largest_cells(long) ** (1.0 / 3.0))
    assert radii[2] - radii[1] == pytest.approx(radii[1] - radii[0], rel=0.05)


def test_the_end_point_bounds_the_tumour():
    stopped = condition({"endpoint_mm3": 500.0, "caliper_days": (0.0, 3.5, 7.0, 10.5, 14.0, 17.5, 21.0)}, **FREE)
    assert largest_cells(stopped) == pytest.approx(1.1 * 1.3 * 500e5 * math.exp(0.1706 * 3.5), rel=1e-6)
    assert cell_hours(stopped) < cell_hours(condition(**FREE)) / 3.0
