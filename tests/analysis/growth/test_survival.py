"""Time to the end point: which events count, closed forms, and cases without an estimate."""

import numpy as np
import pytest

from adccsim.analysis.growth import survival

DAY = np.array([0.0, 7, 14, 21])


@pytest.mark.parametrize(
    ("volume", "marks", "rule", "expected"),
    [
        ([100, 300, 1200, 2000], [], "censor", (14, True, "volume 1000 mm3")),
        ([100, 300, 600, 900], [], "censor", (21, False, "end of observation")),
        ([100, 300, 600, 900], [(21, "death", "")], "censor", (21, True, "death")),
        ([100, 300, 600, 900], [(21, "removed", "skin ulceration")], "censor", (21, False, "ulceration")),
        ([100, 300, 600, 900], [(21, "removed", "skin ulceration")], "count", (21, True, "ulceration")),
        ([100, 300, 600, 900], [(21, "endpoint", "weight loss > 20 %")], "censor", (21, False, "weight loss")),
        ([100, 300, 600, 900], [(21, "endpoint", "")], "censor", (21, True, "end point")),
        ([100, 300, 600, 900], [(21, "removed", "tumour burden")], "censor", (21, True, "tumour burden")),
        ([100, 300, 600, 900], [(21, "removed", "sampled")], "censor", (21, False, "sampled")),
        ([100, 300, 1200, 2000], [(14, "removed", "ulceration")], "censor", (14, True, "volume 1000 mm3")),
        ([1500, 300, 600, 900], [], "censor", (0, True, "volume 1000 mm3")),
    ],
)
def test_end_of_observation_of_a_mouse(volume, marks, rule, expected):
    assert survival.mouse_endpoint(DAY, np.array(volume, dtype=float), marks, 1000.0, rule) == expected


def test_without_censoring_the_curve_is_the_fraction_left_and_the_median_the_sample_median():
    time = np.array([3.0, 5, 5, 8, 9, 10])
    curve = survival.curve(time, np.ones(6, dtype=bool))
    np.testing.assert_allclose(curve["survival"], [1, 5 / 6, 3 / 6, 2 / 6, 1 / 6, 0], atol=1e-12)
    assert survival.median_time(curve)[0] == np.median(time)
    odd = survival.curve(time[:5], np.ones(5, dtype=bool))
    assert survival.median_time(odd)[0] == np.median(time[:5])


def test_without_events_there_is_no_median_and_no_test():
    time, event = np.array([5.0, 6, 7, 8]), np.zeros(4, dtype=bool)
    assert np.isnan(survival.median_time(survival.curve(time, event))).all()
    group = np.array([0, 0, 1, 1], dtype=bool)
    assert survival.log_rank(time, event, group).note == "not estimable: no mouse reached the end point"
    assert survival.hazard_ratio(time, event, group).note == "not estimable: no event in the treated arm"


def test_log_rank_by_hand():
    # Days 1 (control) and 2 (treated): risk sets 1 of 2 + 2 and 2 of 1 + 2 -> O - E = -1/2 - 1/3 + 1, V = 1/4 + 2/9.
    time, event = np.array([1.0, 9, 2, 9]), np.array([1, 0, 1, 0], dtype=bool)
    treated = np.array([0, 0, 1, 1], dtype=bool)
    excess, variance = 1 - 1 / 2 - 2 / 3, 1 / 4 + 2 / 9
    assert survival.log_rank(time, event, treated).statistic == pytest.approx(excess**2 / variance)


def test_one_arm_and_arms_that_are_never_at_risk_together():
    time, event = np.array([1.0, 2, 3]), np.ones(3, dtype=bool)
    assert "only one arm" in survival.log_rank(time, event, np.zeros(3)).note
    apart = survival.log_rank(np.array([1.0, 1, 5, 6]), np.array([0, 0, 1, 1], dtype=bool), np.array([0, 0, 1, 1]))
    assert apart.note.startswith("not estimable")


@pytest.mark.parametrize(
    ("time", "event", "reason"),
    [
        ([3, 4, 5, 9, 10, 11], [1, 1, 1, 1, 1, 1], "perfect separation"),
        ([3, 4, 5, 9, 10, 11], [1, 1, 1, 0, 0, 0], "no event in the treated arm"),
        ([9, 9, 9, 3, 4, 5], [0, 0, 0, 1, 1, 1], "no event in the control arm"),
    ],
)
def test_hazard_ratio_without_a_finite_estimate(time, event, reason):
    treated = np.array([0, 0, 0, 1, 1, 1], dtype=bool)
    estimate = survival.hazard_ratio(np.array(time, dtype=float), np.array(event, dtype=bool), treated)
    assert estimate.value is None
    assert reason in estimate.note


def test_hazard_ratio_falls_with_the_treatment():
    time = np.array([5.0, 6, 7, 8, 7, 9, 10, 12])
    treated = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    estimate = survival.hazard_ratio(time, np.ones(8, dtype=bool), treated)
    assert 0 < estimate.low < estimate.value < 1
    reverse = survival.hazard_ratio(time, np.ones(8, dtype=bool), ~treated)
    assert reverse.value == pytest.approx(1 / estimate.value, rel=1e-6)
