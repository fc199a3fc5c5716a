"""Tests and intervals: against scipy, by hand, in limiting cases, and cases without an estimate."""

import numpy as np
import pytest
from scipy import stats

from adccsim.analysis.growth import inference

RNG = np.random.default_rng(3)
X, Y = RNG.normal(0.08, 0.012, 8), RNG.normal(0.118, 0.012, 6)


def test_welch_equals_scipy():
    estimate = inference.welch(X, Y)
    other = stats.ttest_ind(X, Y, equal_var=False)
    limits = other.confidence_interval()
    assert (estimate.statistic, estimate.p, estimate.dof) == pytest.approx((other.statistic, other.pvalue, other.df))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(limits))


def test_welch_parts_work_on_many_studies_at_once():
    x, y = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3))
    value, error, dof = inference.welch_parts(x, y)
    single = [inference.welch(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(value / error, [s.statistic for s in single])
    np.testing.assert_allclose(dof, [s.dof for s in single])


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([], [1, 2], "no mouse with a slope"),
        ([1], [1, 2], "one mouse with a slope"),
        ([0.1, 0.1], [0.3, 0.3], "no slope differs from another"),
        ([0.1 + 1e-17, 0.1, 0.1 + 3e-17], [0.3, 0.3], "no slope differs"),
        ([np.nan, 1.0], [1, 2], "one mouse"),
    ],
)
def test_welch_gives_a_reason_if_not_estimable(x, y, expected):
    estimate = inference.welch(np.array(x), np.array(y))
    assert estimate.p is None
    assert estimate.note.startswith("not estimable")
    assert expected in estimate.note


def test_paired_is_the_one_sample_test_of_the_differences():
    estimate = inference.paired(X, X + RNG.normal(0.01, 0.01, 8))
    assert estimate.dof == 7
    twin = inference.paired(X, X)
    assert "the same in every block" in twin.note
    assert "one block" in inference.paired(X[:1], Y[:1]).note
    shifted = np.append(Y[:5], np.nan)
    assert inference.paired(X[:6], shifted).p == pytest.approx(stats.ttest_rel(X[:5], Y[:5]).pvalue)


def test_permutation_enumerates_and_agrees_with_scipy():
    estimate = inference.permutation_p(X, Y)
    assert "exact" in estimate.method

    def statistic(a, b, axis):
        return np.abs(stats.ttest_ind(a, b, axis=axis, equal_var=False).statistic)

    other = stats.permutation_test((X, Y), statistic, vectorized=True, n_resamples=np.inf, alternative="greater")
    assert estimate.p == pytest.approx(other.pvalue)


def test_smallest_permutation_p():
    low, high = np.array([1.0, 1.1, 1.2]), np.array([3.0, 3.3, 3.1])
    assert inference.permutation_p(low, high).p == pytest.approx(0.1)
    assert inference.permutation_p(np.array([1.0, 1.0]), np.array([1.0, 1.0])).p == 1
    assert inference.permutation_p(np.array([1.0]), high).p is None
    large = inference.permutation_p(np.arange(12.0), np.arange(12.0) + 0.5)
    assert "drawn" in large.method


def test_holm():
    # Smallest first: 3 x 0.01, then 2 x 0.02, then max(0.04, 0.03).
    assert inference.holm([0.03, 0.01, None, 0.02]) == pytest.approx([0.04, 0.03, None, 0.04])
    assert inference.holm([None, None]) == [None, None]
    assert inference.holm([0.6, 0.7]) == [1.0, 1.0]


@pytest.mark.parametrize("log", [True, False])
def test_bootstrap_t_comes_close_to_the_delta_interval_for_many_mice(log):
    a, b = RNG.normal(3, 0.5, 400), RNG.normal(5, 0.5, 400)
    estimate = inference.bootstrap_t_ratio(a, b, log=log, what="volume")
    ratio = a.mean() / b.mean()
    error = ratio * np.sqrt(a.var(ddof=1) / 400 / a.mean() ** 2 + b.var(ddof=1) / 400 / b.mean() ** 2)
    assert estimate.value == pytest.approx(ratio)
    # Resampled limits vary by about 5 % of the width at 1,999 resamples.
    assert estimate.low == pytest.approx(ratio - 1.96 * error, abs=0.3 * error)
    assert estimate.high == pytest.approx(ratio + 1.96 * error, abs=0.3 * error)


def test_bootstrap_is_repeatable():
    first, again = (inference.bootstrap_t_ratio(X, Y, log=False, what="rate") for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("a", "b", "log", "expected"),
    [
        ([1, 2, 3], [1, 2, 3, 4], True, "needs 4 mice in both arms"),
        ([0, 0, 0, 0], [1, 2, 3, 4], True, "mean of the treated arm is zero"),
        ([1, 2, 3, 4], [0, 0, 0, 0], True, "not above zero"),
        ([1, 1, 1, 1], [2, 2, 2, 2], True, "no mouse differs"),
        ([1, 2, 3, 4], [-9, 9, 8, -7], False, "within two standard errors of zero"),
        ([], [1, 2], True, "no mouse has a rate"),
    ],
)
def test_ratio_gives_a_reason_if_not_estimable(a, b, log, expected):
    estimate = inference.bootstrap_t_ratio(np.array(a, dtype=float), np.array(b, dtype=float), log=log, what="rate")
    assert estimate.low is None
    assert expected in estimate.note


def test_paired_ratio():
    start = RNG.normal(150, 15, 200)
    end = start * RNG.normal(0.5, 0.05, 200)
    estimate = inference.bootstrap_t_paired_ratio(end, start)
    error = np.std(end / end.mean() - start / start.mean(), ddof=1) / np.sqrt(200) * estimate.value
    assert estimate.value == pytest.approx(end.mean() / start.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert "zero" in inference.bootstrap_t_paired_ratio(np.zeros(5), start[:5]).note
    assert "needs 4" in inference.bootstrap_t_paired_ratio(end[:3], start[:3]).note


def test_bliss_excess_is_zero_for_independent_action():
    k = {name: RNG.normal(mean, 0.01, 200) for name, mean in (("c", 0.12), ("a", 0.09), ("b", 0.10), ("ab", 0.07))}
    estimate = inference.bliss_excess(k["ab"], k["a"], k["b"], k["c"])
    assert estimate.value == pytest.approx(k["ab"].mean() - k["a"].mean() - k["b"].mean() + k["c"].mean())
    error = np.sqrt(sum(v.var(ddof=1) / 200 for v in k.values()))
    assert abs(estimate.value) < 4 * error
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    stronger = inference.bliss_excess(k["ab"] - 0.05, k["a"], k["b"], k["c"])
    assert stronger.high < 0


def test_adcc_fraction_of_the_published_pair_on_both_scales():
    # 96 % inhibition with, 29 % without the Fc part: 70 % on the linear, 89 % on the log scale.
    volumes = (4.0, 71.0, 100.0)
    assert inference.adcc_fraction_linear(*volumes) == pytest.approx((96 - 29) / 96)
    assert inference.adcc_fraction_log(*np.log(volumes)) == pytest.approx(1 - np.log(0.71) / np.log(0.04))


def test_adcc_fraction_from_mice():
    arms = [RNG.normal(mean, 0.01, 100) for mean in (0.05, 0.11, 0.12)]
    estimate = inference.bootstrap_t_fraction(*arms, "growth rate")
    assert estimate.value == pytest.approx(inference.adcc_fraction_log(*(a.mean() for a in arms)))
    assert estimate.low < 6 / 7 < estimate.high
    nothing = inference.bootstrap_t_fraction(arms[2][:50], arms[1], arms[2][50:], "growth rate")
    assert "no effect to divide" in nothing.note
    assert "needs 4" in inference.bootstrap_t_fraction(arms[0][:3], arms[1][:3], arms[2][:3], "growth rate").note


def test_a_decreasing_scale_swaps_the_limits():
    estimate = inference.Estimate(0.5, 0.4, 0.7).through(lambda r: 100 * (1 - r))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((50, 30, 60))
