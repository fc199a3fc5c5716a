"""Regression-adjusted ABC compared with known posteriors."""

import numpy as np
import pytest

from adccsim.analysis.fitting.calibration import UNIFORM_SD
from adccsim.analysis.fitting.recovery import posterior_of, study


def bank(draws, noise, seed):
    """Three parameters; the summaries depend on the first two with normal noise, and not on the third."""
    rng = np.random.default_rng(seed)
    units = rng.random((draws, 3))
    mixed = np.column_stack([units[:, 0] + units[:, 1], units[:, 0] - units[:, 1], np.zeros(draws)])
    return mixed + rng.normal(0, noise, mixed.shape), units


def test_summaries_without_information_leave_the_prior():
    rng = np.random.default_rng(4)
    particles, weights = posterior_of(rng.normal(size=(3000, 4)), rng.random((3000, 1)), rng.normal(size=4))
    sd = np.sqrt(weights @ (particles[:, 0] - weights @ particles[:, 0]) ** 2)
    assert sd / UNIFORM_SD == pytest.approx(1, abs=0.1)


def test_the_width_is_that_of_the_exact_posterior():
    """Sum and difference observed with noise s: the first coordinate is normal, SD s / sqrt 2, far from the edges."""
    summaries, units = bank(8000, 0.08, 5)
    particles, weights = posterior_of(summaries, units, np.array([1.0, 0.0, 0.0]))
    mean = weights @ particles[:, 0]
    assert mean == pytest.approx(0.5, abs=0.02)
    assert np.sqrt(weights @ (particles[:, 0] - mean) ** 2) == pytest.approx(0.08 / np.sqrt(2), rel=0.2)
    assert particles.min() > 0 and particles.max() < 1


def test_intervals_cover_and_the_uninformed_parameter_is_not_identified():
    summaries, units = bank(4200, 0.1, 6)
    table = study(["a", "b", "c"], summaries[:4000], units[:4000], units[4000:], summaries[4000:]).set_index(
        "parameter"
    )
    assert table["identified"].to_dict() == {"a": True, "b": True, "c": False}
    # 200 truths: binomial SE of 90 % coverage is 2.1 points
    assert table["coverage90_pct"].between(90 - 4 * 2.1, 90 + 4 * 2.1).all()
    assert table["correlation"]["a"] > 0.9 > abs(table["correlation"]["c"]) + 0.6
    assert table["posterior_over_prior_sd"]["c"] > 0.9
