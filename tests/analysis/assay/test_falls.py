"""Falls against noise: the rate of false hooks, the power for a true fall, and the cases without a test."""

import numpy as np
import pytest
from scipy import stats

from adccsim.analysis.assay import dose_response, falls
from adccsim.analysis.assay.curve_wells import Wells
from tests.analysis.assay.noisy_curves import DOSES, simulated


def hooks(curves, seed, **setting):
    rng = np.random.default_rng(seed)
    return [falls.hook(simulated(rng, **setting)) for _ in range(curves)]


def one_donor(*groups):
    """Wells of one donor from the readings at doses 0, 1, 2, ..."""
    dose = np.concatenate([np.full(len(group), float(k)) for k, group in enumerate(groups)])
    return Wells(dose, np.zeros(len(dose)), np.concatenate(groups).astype(float))


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize(("curve", "noise", "cv"), [("rising", "proportional", 0.03), ("saturated", "constant", 0.15)])
def test_a_flat_plateau_is_seldom_called_a_hook(n, curve, noise, cv):
    curves = 300
    found = sum(hook is not None for hook in hooks(curves, [1, n], curve=curve, noise=noise, n=n, cv=cv))
    # At most 5 %: more than this many has a chance below 0.1 %. (The measured rate is 1 to 2 %.)
    assert found <= stats.binom.ppf(0.999, curves, 0.05), found


def test_a_flat_plateau_of_several_donors_is_seldom_called_a_hook():
    curves = 300
    setting = {"curve": "rising", "noise": "constant", "n": 3, "cv": 0.05, "donors": True}
    found = sum(hook is not None for hook in hooks(curves, 2, **setting))
    assert found <= stats.binom.ppf(0.999, curves, 0.05), found


@pytest.mark.parametrize("donors", [False, True])
def test_a_fall_of_15_points_is_found_where_it_begins(donors):
    """SD of 3 points, n = 4: the fall is seven standard errors of a difference of two means."""
    curves = 60
    setting = {"curve": "rising", "noise": "constant", "n": 4, "cv": 0.05, "donors": donors, "falls_from": 30.0}
    found = hooks(curves, 3, **setting)
    right = sum(hook is not None and DOSES[hook.last + 1] == 30.0 for hook in found)
    assert right >= stats.binom.ppf(0.001, curves, 0.95), right


def test_the_critical_value_of_one_contrast_is_that_of_student():
    """Two doses: one contrast, the one-sided t test, to four standard errors of the simulated quantile."""
    for wells in (2, 3, 4):
        dof = 2 * (wells - 1)
        covariance = tuple(map(tuple, np.eye(2) / wells))
        wanted = stats.t.ppf(1 - falls.HOOK_LEVEL, dof)
        found = falls._critical(covariance, dof, falls._lasting(2).tobytes(), falls.HOOK_LEVEL)
        density = stats.t.pdf(wanted, dof)
        error = np.sqrt(falls.HOOK_LEVEL * (1 - falls.HOOK_LEVEL) / 20_000) / density
        assert found == pytest.approx(wanted, abs=4 * error)


def test_several_contrasts_need_a_larger_t_than_one_and_less_than_bonferroni():
    covariance, dof = tuple(map(tuple, np.eye(5) / 3)), 10
    contrasts = falls._lasting(5)
    found = falls._critical(covariance, dof, contrasts.tobytes(), falls.HOOK_LEVEL)
    assert stats.t.ppf(1 - falls.HOOK_LEVEL, dof) < found < stats.t.ppf(1 - falls.HOOK_LEVEL / len(contrasts), dof)


def test_the_estimate_is_that_of_an_analysis_of_variance():
    groups = [np.array([1.0, 3]), np.array([5.0, 6, 10]), np.array([4.0])]
    found = falls._estimate(one_donor(*groups), True)
    assert found.mean == pytest.approx([2, 7, 4])
    assert np.diag(found.covariance) == pytest.approx([1 / 2, 1 / 3, 1])
    assert (found.variance, found.dof) == (pytest.approx((2 + 14) / 3), 3)


def test_donors_that_lack_a_dose_are_compared_with_themselves():
    """Donor 2 reads 40 points more and lacks the last dose: the means fall, no donor does."""
    dose = np.array([0.0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4])
    donor = np.repeat([1, 2, 3], [5, 4, 5])
    shift = np.array([0.0, 40.0, 1.0])[donor - 1]
    wiggle = np.array([0, 0.3, -0.2, 0.1, 0.2, -0.1, 0.2, 0.3, -0.3, 0.2, -0.3, 0.1, 0, -0.1])
    points = Wells(dose, donor, np.where(dose > 0, 50.0, 10.0) + shift + wiggle)
    assert falls.hook(points) is None
    fallen = points._replace(response=points.response - np.where(dose == 4, 15.0, 0.0))
    assert falls.hook(fallen).last == 3
    assert falls.hook(fallen).size == pytest.approx(15, abs=0.5)


def test_single_wells_show_no_noise_and_give_no_hook():
    points = one_donor([5.0], [20.0], [50.0], [55.0], [10.0])
    assert not falls.can_be_judged(points)
    assert falls.hook(points) is None
    assert not falls.dips(points)


def test_replicates_at_low_doses_alone_still_show_the_noise():
    points = one_donor([5.0, 6, 5], [20.0, 21, 20], [50.0], [55.0], [10.0])
    # The mean of the two doses before the fall, less what follows.
    assert falls.hook(points) == (3, pytest.approx((50 + 55) / 2 - 10))


def test_a_response_in_the_wrong_direction_is_no_hook():
    points = one_donor([50.0, 51], [40.0, 41], [20.0, 21], [10.0, 11])
    assert falls.hook(points) is None
    assert falls.hook(points, rising=False) is None


def test_a_falling_read_out_has_its_hook_upwards():
    points = one_donor([100.0, 101], [60.0, 61], [30.0, 31], [30.0, 29], [70.0, 71])
    assert falls.hook(points, rising=False).last == 3
    assert falls.hook(points) is None or falls.hook(points).last < 3


def test_equal_readings_without_any_spread_are_no_fall():
    rounded = 50 + np.array([0, 1e-13])
    assert falls.hook(one_donor([5.0, 5.0], rounded, rounded[::-1], rounded * (1 - 1e-15))) is None


def test_dips_are_seldom_seen_where_there_is_none():
    curves = 300
    rng = np.random.default_rng(4)
    found = sum(falls.dips(simulated(rng, "rising", "constant", 3, 0.05)) for _ in range(curves))
    assert found <= stats.binom.ppf(0.999, curves, 2 * falls.DIP_LEVEL), found


def test_a_dip_that_recovers_is_a_dip_and_no_hook():
    points = one_donor([5.0, 6, 5], [30.0, 31, 30], [55.0, 56, 55], [35.0, 36, 35], [56.0, 55, 56], [55.0, 56, 57])
    assert falls.dips(points)
    assert falls.hook(points) is None


@pytest.mark.parametrize("doses", [100, 400])
def test_a_series_of_very_many_doses_is_judged_or_said_not_to_be(doses):
    """400 doses have 80,000 pairs: with 20,000 draws of each the test would need 13 GB."""
    rng = np.random.default_rng(8)
    dose = np.repeat(np.geomspace(1e-4, 1, doses), 2)
    points = Wells(dose, np.zeros(len(dose)), 60 * dose / (dose + 0.01) + rng.normal(0, 2, len(dose)))
    row = dose_response.analyse_curve(points, {}, with_intervals=False).row
    assert row["monotone"] == ("yes" if doses == 100 else "not judged") and row["hook_from_ug_per_ml"] is None
    assert ("400 doses, at most 100 are compared" in row["note"]) == (doses == 400)
