"""[calibrate]: what is refused before anything is simulated."""

import pytest

from adccsim.parameters import lookup
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.well.calibrate import free_range
from tests.scenario import example

MOTILITY = "effectors.default.motility"


def loaded(tmp_path, free, **more):
    (tmp_path / "observed.csv").write_text("dose_ug_per_ml,value\n1,50\n")
    raw = example() | {"compare": {"data": "observed.csv"}, "calibrate": {"free": free} | more}
    return scenario_from_dict(raw, folder=tmp_path)


def test_a_sound_table_is_accepted_and_empty_means_the_catalogue(tmp_path):
    scenario = loaded(tmp_path, {MOTILITY: [], "antibodies.default.kon_per_nM_h": [0.2, 1.0]})
    number = lookup.load().defaults["effectors"].numbers["motility"]
    assert free_range(scenario.known, MOTILITY, scenario.calibrate.free[MOTILITY]) == (number.low, number.high)
    assert free_range(scenario.known, "x", [0.2, 1.0]) == (0.2, 1.0)


@pytest.mark.parametrize(
    ("free", "message"),
    [
        ({"effectors.default.motilty": []}, "no such number; did you mean"),
        ({"effectors.NK-resing.motility": []}, 'no such entry; did you mean "NK-resting"'),
        ({"wells.96-flat.area_mm2": []}, "kind of cell_lines, effectors, antibodies"),
        ({"motility": []}, "kind of cell_lines, effectors, antibodies"),
        ({"effectors.default.genotype": []}, "no such number"),
        ({MOTILITY: [1.0]}, r"must be \[low, high\]"),
        ({MOTILITY: [2.0, 1.0]}, "leaves nothing free"),
        ({MOTILITY: [1.0, 200.0]}, "200: must be at most 20"),
        ({MOTILITY: ["a", 2.0]}, "must be a number"),
        ({}, "must not be empty"),
    ],
)
def test_a_faulty_free_parameter_is_named(tmp_path, free, message):
    with pytest.raises(ScenarioError, match=message):
        loaded(tmp_path, free)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"experiments": ["nowhere.toml"]}, r"calibrate.experiments\[0\].*no such file"),
        ({"donors": 1}, "must be at least 2"),
        ({"cells": 10}, "must be at least 50"),
        ({"method": "guess"}, 'must be "ABC-SMC" or "emulator"'),
        ({"sampler": "guess"}, "unknown key"),
    ],
)
def test_a_faulty_setting_is_named(tmp_path, more, message):
    with pytest.raises(ScenarioError, match=message):
        loaded(tmp_path, {MOTILITY: []}, **more)


def test_without_an_observation_there_is_nothing_to_fit():
    with pytest.raises(ScenarioError, match=r"needs a table \[compare\]"):
        scenario_from_dict(example() | {"calibrate": {"free": {MOTILITY: []}}})


def test_runs_do_not_depend_on_the_table(tmp_path):
    from adccsim.scenario.well.expand import expand

    plain = scenario_from_dict(example())
    assert [c.run_id for c in expand(loaded(tmp_path, {MOTILITY: []}))] == [c.run_id for c in expand(plain)]
