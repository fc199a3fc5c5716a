"""The logistic curve: limits, recovery, and agreement of the two fitters."""

import numpy as np
import pytest

from adccsim.analysis.assay.logistic import bounds, dose_at, fit, fit_many, fraction, logistic4

TRUTH = np.array([6.0, 55.0, np.log(6e-4), 0.85])
DOSES = np.array([0, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1, 1.0])


def test_limits():
    ends = logistic4(np.array([0.0, 6e-4, 1e12]), TRUTH)
    assert ends == pytest.approx([6.0, 30.5, 55.0], rel=1e-6)
    assert fraction(np.array([0.0]), TRUTH)[0] < 1e-300


def test_dose_at_inverts_the_curve():
    dose = dose_at(40.0, TRUTH)
    assert logistic4(np.array([dose]), TRUTH)[0] == pytest.approx(40.0)
    assert np.isinf(dose_at(60.0, TRUTH))
    assert np.isinf(dose_at(5.0, TRUTH))
    falling = np.array([100.0, 20.0, 0.0, 1.0])
    assert dose_at(60.0, falling) == pytest.approx(1.0)


def test_exact_data_are_fitted_exactly():
    found = fit(DOSES, logistic4(DOSES, TRUTH))
    assert found.theta == pytest.approx(TRUTH, rel=1e-4)
    assert fit_many(DOSES, logistic4(DOSES, TRUTH)[None, :])[0] == pytest.approx(TRUTH, rel=1e-4)


def test_estimates_are_unbiased_and_their_errors_are_right():
    """Mean and spread of 200 fits against the truth and against the error that each fit states."""
    rng = np.random.default_rng(3)
    dose = np.repeat(DOSES, 3)
    fits = [fit(dose, logistic4(dose, TRUTH) + rng.normal(0, 1.5, dose.size)) for _ in range(200)]
    thetas = np.array([found.theta for found in fits])
    spread = thetas.std(axis=0, ddof=1)
    assert np.all(np.abs(thetas.mean(axis=0) - TRUTH) < 4 * spread / np.sqrt(len(fits)) + 0.01 * np.abs(TRUTH))
    stated = np.sqrt(np.mean([np.diag(found.covariance) for found in fits], axis=0))
    # The standard error of a standard deviation from 200 values is 5 %.
    assert stated == pytest.approx(spread, rel=0.25)


def test_many_fits_are_never_worse_than_single_ones():
    rng = np.random.default_rng(4)
    responses = logistic4(DOSES, TRUTH) + rng.normal(0, 3, (40, DOSES.size))
    together = ((logistic4(DOSES, fit_many(DOSES, responses)) - responses) ** 2).sum(axis=1)
    alone = np.array([fit(DOSES, row).ssr for row in responses])
    assert np.all(together <= alone * 1.001 + 1e-9)


def test_many_fits_take_empty_cells():
    responses = np.tile(logistic4(DOSES, TRUTH), (3, 1))
    responses[1, 4] = np.nan
    responses[2, 3:] = np.nan
    thetas = fit_many(DOSES, responses)
    assert thetas[1] == pytest.approx(TRUTH, rel=1e-3)
    assert np.isnan(thetas[2]).all()


def test_a_step_ends_at_the_steepest_slope_without_a_warning():
    found = fit(DOSES, np.where(DOSES > 1e-3, 50.0, 5.0))
    assert found.at_bound[3]
    assert np.isfinite(found.covariance).all()


def test_a_fit_does_not_depend_on_its_start_nor_stop_on_the_way():
    """Donors of few wells: from the grid of starts, scipy's own path takes a thousand evaluations for some of them."""
    rng = np.random.default_rng(8)
    responses = logistic4(DOSES, TRUTH + np.array([0, -35, 0, 3])) + rng.normal(0, 3, (60, DOSES.size))
    for response, start in zip(responses, fit_many(DOSES, responses), strict=True):
        alone, near = fit(DOSES, response), fit(DOSES, response, start)
        assert near.theta == pytest.approx(alone.theta, rel=1e-5, abs=1e-5)
        assert near.ssr == pytest.approx(alone.ssr, rel=1e-9)
        low, high = bounds(DOSES, response)
        moves = [np.clip(alone.theta + step, low, high) for step in rng.normal(0, 1e-3, (50, 4)) * (1, 1, 0.1, 0.1)]
        ssr = ((logistic4(DOSES, np.array(moves)) - response) ** 2).sum(axis=1)
        assert np.all(ssr >= alone.ssr * (1 - 1e-9)), "the least squares of the place"
