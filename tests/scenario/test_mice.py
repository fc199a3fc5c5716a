"""Mice: draws that belong to a mouse, enrolment by calipers, and what pairing shares."""

import numpy as np
import pytest

from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.xenograft.expand import mice_by_study
from adccsim.scenario.xenograft.mice import NoMouseError, draw_mouse, read_caliper, score, unit_of
from adccsim.scenario.xenograft.resolve import caliper_error
from tests.scenario.mice_example import mice, study

NUMBERS = {
    "aspect_low": 1.2, "aspect_high": 1.5, "start_volume_cv": 0.12, "enrolment_low_mm3": 100.0,
    "enrolment_high_mm3": 200.0, "growth_log_sd": 0.1, "clearance_log_sd": 0.2, "effector_density_log_sd": 0.5,
    "vessel_log_sd": 0.2, "caliper_error_coefficient": 0.21, "caliper_error_power": 0.84,
    "caliper_error_floor_mm3": 83.0, "limit_of_quantification_mm3": 20.0,
}  # fmt: skip
ERROR = caliper_error(NUMBERS)


def by_mouse(conditions):
    return {(each.arm, each.mouse): each.as_dict() for each in conditions}


def test_scores_are_standard_normal():
    drawn = np.array([score(f"mouse {i}", "growth") for i in range(4000)])
    assert abs(drawn.mean()) < 4 / np.sqrt(4000)
    assert abs(drawn.std() - 1) < 4 / np.sqrt(8000)


def test_spread_of_mice_is_that_of_the_catalogue():
    drawn = [draw_mouse(unit_of(1, "independent", "a", i), 140.0, NUMBERS, ERROR) for i in range(2000)]
    for name, log_sd in (("growth", 0.1), ("clearance", 0.2), ("effector_density", 0.5), ("vessels", 0.2)):
        logs = np.log([getattr(mouse.factors, name) for mouse in drawn])
        assert logs.std() == pytest.approx(log_sd, rel=4 / np.sqrt(4000)), name
        assert abs(logs.mean()) < 4 * log_sd / np.sqrt(2000), name
    volumes = np.array([mouse.start_volume_mm3 for mouse in drawn])
    assert volumes.mean() == pytest.approx(140.0, rel=4 * 0.12 / np.sqrt(2000) + 0.01)  # the window cuts one tail more
    assert 0.10 < volumes.std() / volumes.mean() < 0.125
    aspects = [mouse.factors.aspect for mouse in drawn]
    assert min(aspects) > 1.2 and max(aspects) < 1.5


def test_every_enrolled_mouse_reads_inside_the_window():
    for i in range(300):
        unit = unit_of(2, "independent", "a", i)
        mouse = draw_mouse(unit, 110.0, NUMBERS, ERROR)
        assert 100.0 <= read_caliper(unit, 0.0, mouse.start_volume_mm3, mouse.factors.aspect, ERROR)[2] <= 200.0


def test_no_mouse_where_none_can_be_enrolled():
    with pytest.raises(NoMouseError):
        draw_mouse("mouse", 10.0, NUMBERS, ERROR)


def test_one_more_mouse_or_arm_changes_no_other():
    before = by_mouse(mice())
    dose = {"drug": "trastuzumab", "mg_per_kg": 1, "route": "ip", "days": [0]}
    after = by_mouse(mice({"arm.0.mice": 5, "arm.1.mice": 7}))
    more = {"arm": [{"name": "low", "mice": 2, "dose": [dose]}, {"name": "vehicle", "mice": 3}]}
    assert {unit: after[unit] for unit in before} == before
    assert by_mouse(mice(more))["vehicle", 3] == before["vehicle", 3]


def test_title_and_sweep_do_not_name_a_run():
    plain = {each.run_id for each in mice()}
    assert plain == {each.run_id for each in mice({"title": "another"})}
    swept = mice(sweep={"tumour.fraction_simulated": [0.01, 0.1]})
    assert plain < {each.run_id for each in swept} and len(swept) == 12
    scenario = scenario_from_dict(study(sweep={"tumour.fraction_simulated": [0.01, 0.1]}))
    assert [*mice_by_study(scenario)] == ["tumour.fraction_simulated 0.01", "tumour.fraction_simulated 0.1"]


def test_a_swept_fraction_keeps_the_mice():
    swept = mice(sweep={"tumour.fraction_simulated": [0.01, 0.1]})
    factors = {}
    for each in swept:
        factors.setdefault((each.arm, each.mouse), []).append(each.mouse_factors)
    assert all(first == second for first, second in factors.values())


def test_paired_mice_share_everything_but_the_treatment():
    paired = by_mouse(mice({"random": "paired"}))
    for i in (1, 2, 3):
        one, other = paired["vehicle", i], paired["trastuzumab", i]
        for name in ("mouse_factors", "clones", "tumour", "effectors", "strain"):
            assert one[name] == other[name]
    keys = {(each.arm, each.mouse): each.run_key for each in mice({"random": "paired"})}
    assert keys["vehicle", 1] == keys["trastuzumab", 1] != keys["vehicle", 2]
    independent = {each.run_key for each in mice()}
    assert len(independent) == 6


def test_factors_are_multiplied_in_once():
    plain = mice({"mouse.growth_log_sd": 0, "mouse.clearance_log_sd": 0, "mouse.effector_density_log_sd": 0,
                  "mouse.vessel_log_sd": 0})  # fmt: skip
    base = by_mouse(plain)["trastuzumab", 2]
    mouse = by_mouse(mice())["trastuzumab", 2]
    factors = mouse["mouse_factors"]
    assert mouse["clones"][0]["growth_per_d"] == pytest.approx(base["clones"][0]["growth_per_d"] * factors["growth"])
    ratio = (
        mouse["drugs"]["trastuzumab"]["clearance_ml_per_d_kg"] / base["drugs"]["trastuzumab"]["clearance_ml_per_d_kg"]
    )
    assert ratio == pytest.approx(factors["clearance"])
    for kind in ("nk", "myeloid"):
        ratio = mouse["effectors"][kind]["density_per_tumour_cell"] / base["effectors"][kind]["density_per_tumour_cell"]
        assert ratio == pytest.approx(factors["effector_density"])
    per_area = (base["tumour"]["vessel_spacing_um"] / mouse["tumour"]["vessel_spacing_um"]) ** 2
    assert per_area == pytest.approx(factors["vessels"])
    assert base["mouse_factors"]["growth"] == 1.0


def test_strains_differ_in_their_effectors_alone():
    nude, null, nsg = (by_mouse(mice({"mouse.strain": name}))["vehicle", 1] for name in ("nude", "FcgR-null", "NSG"))
    assert null["effectors"]["nk"]["fcgr_gain"] == null["effectors"]["myeloid"]["fcgr_gain"] == 0
    assert nude["effectors"]["myeloid"]["fcgr_gain"] > 0
    assert (
        nsg["effectors"]["nk"]["density_per_tumour_cell"] == 0 < nsg["effectors"]["myeloid"]["density_per_tumour_cell"]
    )
    assert nude["effectors"]["human_nk"] is None
    human = by_mouse(mice({"mouse.strain": "NSG-human-NK"}))["vehicle", 1]["effectors"]["human_nk"]
    assert human["density_per_tumour_cell"] > 0 and human["fcgr_gain"] == 1
    assert nude["clones"] == null["clones"] == nsg["clones"]
