"""Capacity: layers, limits and the formats that must hold their cells."""

import pytest

from adccsim.conditions.geometry import CapacityError, filling_of, layers_needed, memory_bytes, most_targets, sites_in
from tests.scenario import conditions, errors

SITES = 320_000


def test_sites_are_100_um2():
    assert sites_in(32.0) == SITES
    assert sites_in(5.6) == 56_000


@pytest.mark.parametrize(
    ("nk", "layers"), [(0, 1), (1, 1), (112_000, 1), (112_001, 2), (224_000, 2), (224_001, 3), (672_000, 6)]
)
def test_layers_are_the_fewest_that_keep_the_filling(nk, layers):
    assert layers_needed(SITES, 10_000, nk, 0.4, 6) == layers
    assert filling_of(SITES, 10_000, nk, layers) <= 0.4 + 1e-12
    if layers > 1:
        assert filling_of(SITES, 10_000, nk, layers - 1) > 0.4


def test_too_many_effectors_are_refused():
    with pytest.raises(CapacityError, match=r"672,001 NK .* need 7 layers .* at most 6 .* would be 0.40") as error:
        layers_needed(SITES, 10_000, 672_001, 0.4, 6)
    assert error.value.culprit == "effectors"


def test_targets_must_cover_less_than_60_percent():
    assert most_targets(SITES) == 47_999
    assert most_targets(25) == 3
    assert most_targets(0) == 0
    assert layers_needed(SITES, 47_999, 0, 0.4, 6) == 1
    with pytest.raises(CapacityError, match="at most 47,999 targets fit") as error:
        layers_needed(SITES, 48_000, 0, 0.4, 6)
    assert error.value.culprit == "targets"


def test_effectors_alone_need_no_targets():
    assert layers_needed(SITES, 0, 128_000, 0.4, 6) == 1


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({"effectors.et_ratio": 20}, 2),
        ({"effectors.et_ratio": 30}, 3),
        ({"effectors.et_ratio": 40}, 4),
        ({"well.format": "96-U", "effectors.et_ratio": 10}, 3),
        ({"well.format": "384-flat", "effectors.et_ratio": 10}, 2),
        ({"well.format": "microwell", "effectors.et_ratio": 0.25}, 1),
    ],
    ids=str,
)
def test_the_formats_hold_their_default_cells(changes, layers):
    full = {"targets.cells": None, "effectors.type": "NK-92"} | changes
    assert errors(full) == []
    sample = next(c for c in conditions(full) if c.role == "sample")
    assert sample.layers_needed() == layers


def test_the_peak_counts_effectors_added_and_washed_away():
    add = {"type": "NK-92", "et_ratio": 0.1}
    times = [
        {"at_h": 0.5, "add_effectors": 50},
        {"at_h": 1, "wash_effectors": True},
        {"at_h": 2, "add_effectors": 120},
        {"at_h": 3, "wash": True},
    ]
    assert conditions({"effectors": add})[0].peak_nk == 100
    assert conditions({"effectors": add, "action": times})[0].peak_nk == 150
    assert conditions({"effectors": {**add, "et_ratio": 0.01}, "action": times})[0].peak_nk == 120


def test_memory_grows_with_cells_and_layers():
    base = memory_bytes(10_000, 10_000, SITES, 1)
    assert memory_bytes(10_000, 10_000, SITES, 2) > base
    assert memory_bytes(20_000, 10_000, SITES, 1) > base
