"""Plan: counts are exact, costs are sums over wells."""

import pytest

from adccsim.conditions.cost import EVENTS_PER_NK_H, EVENTS_PER_TARGET_H, SECONDS_PER_EVENT, SECONDS_PER_TARGET_MINUTE
from adccsim.conditions.levels import LEVELS
from adccsim.scenario.well.plan import plan
from tests.scenario import conditions

SWEEP = {"antibody.dose_ug_per_ml": [0, 1, 2], "effectors.et_ratio": [1, 5]}


def test_a_plan_counts_wells_plates_and_cells():
    found = conditions({"effectors.donors": 2, "replicates": 3}, SWEEP)
    made = plan(found)
    assert made.wells == len(found) == sum(made.wells_by_role.values()) == sum(row.wells for row in made.rows)
    assert made.wells_by_role == {"sample": 24, "no_antibody": 12, "effector_only": 12, "target_only": 6}
    assert made.plates == 2
    assert made.cells == sum(c.targets.cells + c.effectors.nk_cells for c in found)
    assert len(made.rows) == 4 + 2 + 2 + 1


def test_time_is_that_of_the_expected_events():
    made = plan(conditions({"effectors.type": "NK-92", "assay.readout": "calcein", "replicates": 1}))
    antibody = 240 * 1000 * SECONDS_PER_TARGET_MINUTE
    well = 4 * (5000 * EVENTS_PER_NK_H + 1000 * EVENTS_PER_TARGET_H) * SECONDS_PER_EVENT + antibody
    bare = 4 * 1000 * EVENTS_PER_TARGET_H * SECONDS_PER_EVENT + antibody
    assert made.longest_seconds == pytest.approx(well)
    assert made.cpu_seconds == pytest.approx(2 * well + bare)
    assert made.seconds(1) == made.cpu_seconds
    assert made.seconds(100) == made.longest_seconds


def test_memory_follows_the_workers():
    made = plan(conditions())
    assert made.memory_bytes(4) == 4 * made.memory_bytes(1) > 4 * made.well_bytes


def test_each_output_level_holds_the_one_before():
    made = plan(conditions({}, SWEEP))
    sizes = [made.disk_bytes_by_level[level] for level in LEVELS]
    assert sizes == sorted(sizes)
    assert made.disk_bytes == made.disk_bytes_by_level["final"]
    assert plan(conditions({"output.level": "observables"}, SWEEP)).disk_bytes == sizes[0]


def test_the_fullest_well_is_shown():
    made = plan(conditions({"targets.cells": 10_000, "effectors.type": "NK-92"}, {"effectors.et_ratio": [1, 20, 40]}))
    assert made.layers == 4
    assert made.filling == pytest.approx(0.4e6 / (4 * 280_000))
    assert {(row.et_ratio, row.layers) for row in made.rows if row.role == "sample"} == {(1, 1), (20, 2), (40, 4)}


def test_nothing_costs_nothing():
    made = plan([])
    assert (made.wells, made.cells, made.cpu_seconds, made.disk_bytes, made.rows) == (0, 0, 0, 0, ())
