"""The mixed model in limiting cases; compared with lme4 and nlme in tests/reference/growth."""

import numpy as np
import pytest

from adccsim.analysis.growth import mixed_model
from adccsim.analysis.growth.measures import slopes

DAY = np.array([0.0, 3, 7, 10, 14])


def simulated(studies, mice, rate_sd, noise, seed=5):
    rng = np.random.default_rng(seed)
    level, k = rng.normal(5, 0.2, (studies, mice, 1)), rng.normal(0.1, rate_sd, (studies, mice, 1))
    return level + k * DAY + rng.normal(0, noise, (studies, mice, len(DAY)))


def fitted(y, arm, present=None):
    present = np.ones(y.shape, dtype=bool) if present is None else present
    return mixed_model.fit(np.broadcast_to(DAY, y.shape), y, present, arm)


def test_complete_data_give_the_mean_slope_of_the_mice():
    # With the same days for every mouse the weights are equal whatever the variances.
    y = simulated(20, 8, 0.01, 0.05)
    fit = fitted(y, np.repeat([0, 1], 4))
    mouse_slopes = slopes(DAY, y)
    assert fit.converged.all()
    np.testing.assert_allclose(
        fit.slope, np.stack([mouse_slopes[:, :4].mean(axis=1), mouse_slopes[:, 4:].mean(axis=1)], axis=1)
    )


def test_standard_error_is_that_of_the_slopes_for_fits_inside_the_boundary():
    # Complete data, equal arms: the Wald error is the pooled standard error of the slopes of the mice.
    y = simulated(5, 12, 0.02, 0.05)
    fit = fitted(y, np.repeat([0, 1], 6))
    mouse_slopes = slopes(DAY, y).reshape(5, 2, 6)
    pooled = mouse_slopes.var(axis=2, ddof=1).mean(axis=1)
    inside = ~fit.singular
    assert inside.any()
    np.testing.assert_allclose(fit.difference(1, 0)[1][inside], np.sqrt(2 * pooled / 6)[inside], rtol=1e-4)


def test_without_variance_between_mice_it_is_least_squares():
    y = simulated(1, 60, 0.0, 0.3)
    y += 5 - y.mean(axis=2, keepdims=True)  # every mouse at the same level
    fit = fitted(y, np.zeros(60, dtype=int))
    assert fit.singular.all()
    assert fit.slope[0, 0] == pytest.approx(np.polyfit(np.tile(DAY, 60), y.ravel(), 1)[0], rel=1e-6)


def test_units_of_the_day_do_not_matter():
    y = simulated(3, 8, 0.01, 0.05)
    arm = np.repeat([0, 1], 4)
    present = np.random.default_rng(2).random(y.shape) > 0.1
    days = fitted(y, arm, present)
    weeks = mixed_model.fit(np.broadcast_to(DAY / 7 + 40, y.shape), y, present, arm)
    np.testing.assert_allclose(weeks.slope, 7 * days.slope, rtol=1e-5)
    np.testing.assert_allclose(weeks.slope_se, 7 * days.slope_se, rtol=1e-4)
    np.testing.assert_allclose(weeks.residual_sd, days.residual_sd, rtol=1e-4)


def test_many_studies_together_give_the_same_as_one_by_one():
    y = simulated(4, 6, 0.01, 0.05)
    arm = np.repeat([0, 1], 3)
    together = fitted(y, arm).slope_se
    np.testing.assert_allclose(
        together, np.concatenate([fitted(y[i : i + 1], arm).slope_se for i in range(4)]), rtol=1e-4
    )


def test_too_few_readings_are_refused():
    y = simulated(1, 6, 0.01, 0.05)
    present = np.zeros(y.shape, dtype=bool)
    present[..., :2] = True
    with pytest.raises(ValueError, match="no more readings than random effects"):
        fitted(y, np.repeat([0, 1], 3), present)
