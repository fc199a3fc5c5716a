"""Inference on arms of mice: tests, intervals and corrections for very small numbers of animals.

Model    The mouse is the unit. Primary: Welch's t on the slope of ln V of each mouse, supplemented by a permutation
         test of the same statistic. Ratios of two arms: bootstrap-t (studentised by the delta method). Contrasts of
         several arms (Bliss excess, ADCC fraction): also bootstrap-t; BCa and percentile intervals cover 90 % at eight
         mice (the benchmark below), so they are not offered. Many arms: Holm.
Source   Welch BL. Biometrika 1947;34:28. Holm S. Scand J Statist 1979;6:65. Efron B, Tibshirani RJ. An introduction to
         the bootstrap, 1993, chapter 12 (bootstrap-t).
Limits   equal n and variance: Welch -> Student; large n: every interval -> the normal one; one mouse, or no spread:
         no interval, but a reason.             (tests/analysis/growth/test_inference.py; size and coverage:
         benchmarks/statistics/size_and_coverage.py)

The last axis of every array is the mouse, so that a benchmark can pass thousands of studies at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 1999
SEED = 20_260  # resampling is part of the method: the same data give the same interval
MIN_BOOTSTRAP = 4  # with three mice one resample in nine has no spread; its t is infinite
MAX_EXACT = 20_000  # up to this number, permutations are enumerated; above it, this number is drawn
NOT_ESTIMABLE = "not estimable: "


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and test; what could not be computed is None, and `note` gives the reason."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    statistic: float | None = None
    dof: float | None = None
    p: float | None = None
    method: str = ""
    note: str = ""

    def through(self, change: Callable[[float], float], method: str | None = None) -> Estimate:
        """This estimate on another scale by a monotone function (exp, 1 - x ...); a decreasing one swaps the limits."""
        value, low, high = (None if q is None else float(change(q)) for q in (self.value, self.low, self.high))
        if low is not None and high is not None and low > high:
            low, high = high, low
        method = self.method if method is None else method
        return Estimate(value, low, high, self.statistic, self.dof, self.p, method, self.note)


def not_estimable(reason: str, value: float | None = None, method: str = "") -> Estimate:
    """A missing estimate, or one with a value but no interval; the note gives the reason."""
    return Estimate(value=value, method=method, note=NOT_ESTIMABLE + reason)


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def _spread(values: np.ndarray) -> np.ndarray:
    """Sample variance over the last axis; rounding differences of equal numbers count as zero."""
    variance = values.var(axis=-1, ddof=1)
    return np.where(variance <= (1e-10 * np.abs(values).max(axis=-1)) ** 2, 0.0, variance)


def welch(treated: np.ndarray, control: np.ndarray, what: str = "slope") -> Estimate:
    """Difference of means treated - control with Welch's t interval and two-sided p.

    treated, control: one value per mouse; values that are not finite are left out. what: name of the quantity.
    """
    x, y = _finite(treated), _finite(control)
    method = "Welch t"
    if x.size == 0 or y.size == 0:
        return not_estimable(f"an arm has no mouse with a {what}", method=method)
    difference = float(x.mean() - y.mean())
    if min(x.size, y.size) < 2:
        return not_estimable(f"an arm has one mouse with a {what}", difference, method)
    _, error, dof = (float(q) for q in welch_parts(x, y))
    if error == 0:
        return not_estimable(f"no {what} differs from another within its arm", difference, method)
    return _t_estimate(difference, error, dof, method)


def welch_parts(treated: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(difference, standard error, degrees of freedom) over the last axis of (..., n) and (..., m), all finite.

    If neither arm has any spread, the degrees of freedom are the size of the larger arm minus one.
    """
    n, m = treated.shape[-1], control.shape[-1]
    vx, vy = _spread(treated) / n, _spread(control) / m
    with np.errstate(divide="ignore", invalid="ignore"):
        dof = (vx + vy) ** 2 / (vx**2 / (n - 1) + vy**2 / (m - 1))
    dof = np.where(vx + vy > 0, dof, max(n, m) - 1)
    return treated.mean(axis=-1) - control.mean(axis=-1), np.sqrt(vx + vy), dof


def _t_estimate(value: float, error: float, dof: float, method: str) -> Estimate:
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, dof)) * error
    t = value / error
    return Estimate(value, value - half, value + half, t, dof, float(2 * stats.t.sf(abs(t), dof)), method)


def paired(treated: np.ndarray, control: np.ndarray, what: str = "slope") -> Estimate:
    """Mean difference of blocks (one mouse simulated twice with the same random numbers), paired t.

    treated, control: aligned, one entry per block; incomplete blocks are left out.
    """
    difference = _finite(np.asarray(treated, dtype=float) - np.asarray(control, dtype=float))
    method = "paired t on blocks"
    if difference.size == 0:
        return not_estimable(f"no block has a {what} in both arms", method=method)
    mean = float(difference.mean())
    if difference.size < 2:
        return not_estimable("one block only", mean, method)
    variance = float(_spread(difference))
    if variance == 0:
        return not_estimable(f"the {what} difference is the same in every block", mean, method)
    return _t_estimate(mean, float(np.sqrt(variance / difference.size)), difference.size - 1, method)


@lru_cache(maxsize=8)
def permutations(n: int, m: int, seed: int = SEED) -> np.ndarray:
    """Permutations of n + m mice as rows of 0 and 1 (1: treated), shape (R, n + m); row 0 is the observed one.

    All of them if there are at most MAX_EXACT, else MAX_EXACT at random.
    """
    if comb(n + m, n) <= MAX_EXACT:
        rows = np.array(list(combinations(range(n + m), n)))
    else:
        rng = np.random.default_rng(seed)
        drawn = np.argsort(rng.random((MAX_EXACT - 1, n + m)), axis=1)[:, :n]
        rows = np.vstack([np.arange(n), drawn])
    member = np.zeros((len(rows), n + m))
    np.put_along_axis(member, rows, 1.0, axis=1)
    member.flags.writeable = False  # the cache returns the same array every time
    return member


def permutation_p(treated: np.ndarray, control: np.ndarray) -> Estimate:
    """Two-sided permutation p of |Welch's t|; exact if all permutations can be enumerated.

    The smallest possible p is 1 / (number of permutations), 2 / that number for equal arms: 0.1 for 3 against 3 mice.
    """
    x, y = _finite(treated), _finite(control)
    if min(x.size, y.size) < 2:
        return not_estimable("an arm has fewer than two mice", method="permutation of Welch t")
    exact = comb(x.size + y.size, x.size) <= MAX_EXACT
    p = float(permutation_p_values(x[None], y[None])[0])
    return Estimate(p=p, method=f"permutation of Welch t ({'exact' if exact else f'{MAX_EXACT} drawn'})")


def permutation_p_values(treated: np.ndarray, control: np.ndarray) -> np.ndarray:
    """permutation_p for S studies: treated (S, n), control (S, m) -> (S,)."""
    n, m = treated.shape[1], control.shape[1]
    pooled = np.concatenate([treated, control], axis=1)
    pooled = pooled - pooled.mean(axis=1, keepdims=True)  # keeps the precision of the sums of squares
    scale = np.abs(pooled).max(axis=1, keepdims=True)
    pooled = np.divide(pooled, scale, out=np.zeros_like(pooled), where=scale > 0)
    member = permutations(n, m).T
    sx, sxx = pooled @ member, pooled**2 @ member
    sy, syy = -sx, np.sum(pooled**2, axis=1, keepdims=True) - sxx
    variance = (sxx - sx**2 / n) / (n * (n - 1)) + (syy - sy**2 / m) / (m * (m - 1))
    # Squared t; the floor turns zero spread into a very large t instead of a division by zero.
    t2 = (sx / n - sy / m) ** 2 / np.maximum(variance, 1e-18)
    return np.mean(t2 >= t2[:, :1] * (1 - 1e-9), axis=1)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm-adjusted p-values in the order given; a missing p stays missing and does not count as a test."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        adjusted[i] = running
    return adjusted


def bootstrap_t_ratio(numerator: np.ndarray, denominator: np.ndarray, *, log: bool, what: str) -> Estimate:
    """Ratio of the means of two independent arms with a bootstrap-t interval.

    log: studentise ln ratio (positive quantities such as volumes), else the ratio itself (rates, whose numerator may be
    negative). what: name of the quantity, for the notes.
    """
    a, b = _finite(numerator), _finite(denominator)
    method = "bootstrap-t of the ratio of means"
    if a.size == 0 or b.size == 0:
        return not_estimable(f"no mouse has a {what}", method=method)
    if not b.mean() > 0:
        return not_estimable(f"mean {what} of the control arm is not above zero", method=method)
    ratio = float(a.mean() / b.mean())
    if min(a.size, b.size) < MIN_BOOTSTRAP:
        return not_estimable(f"interval needs {MIN_BOOTSTRAP} mice in both arms", ratio, method)
    if log and not ratio > 0:
        return not_estimable("interval: the mean of the treated arm is zero", ratio, method)
    if not log and b.mean() < 2 * np.sqrt(_spread(b) / b.size):
        return not_estimable(f"interval: the control arm's {what} is within two standard errors of zero", ratio, method)
    if _spread(a) + _spread(b) == 0:
        return not_estimable("interval: no mouse differs from another within its arm", ratio, method)
    rng = np.random.default_rng(SEED)
    low, high = (q[0] for q in bootstrap_t_ratio_limits(a[None], b[None], rng, log=log, resamples=RESAMPLES))
    if not (np.isfinite(low) and np.isfinite(high)):
        return not_estimable("interval: too many resamples without spread", ratio, method)
    return Estimate(ratio, float(low), float(high), method=method)


def bootstrap_t_ratio_limits(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, *, log: bool, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap-t limits of mean(a) / mean(b) for S studies; a (S, n), b (S, m); infinite where resamples fail."""
    point, error = _ratio_and_error(a, b, log)
    a_star = np.take_along_axis(a[:, None], rng.integers(0, a.shape[1], (len(a), resamples, a.shape[1])), axis=2)
    b_star = np.take_along_axis(b[:, None], rng.integers(0, b.shape[1], (len(b), resamples, b.shape[1])), axis=2)
    star, star_error = _ratio_and_error(a_star, b_star, log)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (star - point[:, None]) / star_error
    t[np.isnan(t)] = 0.0
    t.sort(axis=1)
    # Order statistics without interpolation, because resamples without spread give infinite t.
    tail = int(np.floor((1 - CONFIDENCE) / 2 * (resamples - 1)))
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = point - t[:, -1 - tail] * error, point - t[:, tail] * error
        return (np.exp(low), np.exp(high)) if log else (low, high)


def _ratio_and_error(a: np.ndarray, b: np.ndarray, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """(ln) ratio of means over the last axis, and its delta-method standard error."""
    ma, mb = a.mean(axis=-1), b.mean(axis=-1)
    va, vb = _spread(a) / a.shape[-1], _spread(b) / b.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if log:
            return np.log(ma / mb), np.sqrt(va / ma**2 + vb / mb**2)
        ratio = ma / mb
        return ratio, np.sqrt((va + ratio**2 * vb) / mb**2)


def bootstrap_t_paired_ratio(end: np.ndarray, start: np.ndarray) -> Estimate:
    """Ratio mean(end) / mean(start) of the same mice, (n,) each; bootstrap-t of ln ratio."""
    method = "bootstrap-t of the ratio of means, same mice"
    if len(end) == 0 or not start.mean() > 0:
        return not_estimable("no mouse with a start and an end volume", method=method)
    ratio = float(end.mean() / start.mean())
    if len(end) < MIN_BOOTSTRAP:
        return not_estimable(f"interval needs {MIN_BOOTSTRAP} mice", ratio, method)
    if not ratio > 0:
        return not_estimable("interval: the mean end volume is zero", ratio, method)
    rows = np.random.default_rng(SEED).integers(0, len(end), (RESAMPLES, len(end)))
    point, error = _paired_ratio_and_error(end, start)
    if not error > 0:
        return not_estimable("interval: no mouse differs from another", ratio, method)
    star, star_error = _paired_ratio_and_error(end[rows], start[rows])
    return _studentised(float(point), float(error), star, star_error, method).through(lambda q: float(np.exp(q)))


def _paired_ratio_and_error(end: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    end_mean, start_mean = end.mean(axis=-1, keepdims=True), start.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = end / end_mean - start / start_mean
        value = np.log(end_mean / start_mean)[..., 0]
    return value, influence.std(axis=-1, ddof=1) / np.sqrt(end.shape[-1])


def bootstrap_t_contrast(groups: Sequence[np.ndarray], weights: Sequence[float], what: str = "growth rate") -> Estimate:
    """Weighted sum of arm means, sum w_g mean_g, with a bootstrap-t interval; groups: one array of mice per arm."""

    def contrast(means: list[np.ndarray], variances: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        value = sum((w * m for w, m in zip(weights, means, strict=True)), start=np.zeros(()))
        return value, np.sqrt(sum(w * w * v for w, v in zip(weights, variances, strict=True)))

    return _bootstrap_t(groups, contrast, what, "bootstrap-t of the contrast")


def bootstrap_t_fraction(antibody: np.ndarray, fc_null: np.ndarray, vehicle: np.ndarray, what: str) -> Estimate:
    """ADCC fraction 1 - (F - C) / (A - C) of arm means with a bootstrap-t interval; arrays: one value per mouse.

    Growth rates give the fraction on the log scale, volumes of one day the fraction on the linear scale of tgi_tc.
    """

    def fraction(means: list[np.ndarray], variances: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        (a, f, c), (va, vf, vc) = means, variances
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (f - c) / (a - c)
            return 1 - ratio, np.sqrt(vf + ratio**2 * va + (1 - ratio) ** 2 * vc) / np.abs(a - c)

    effect = welch(antibody, vehicle, what)
    estimate = _bootstrap_t([antibody, fc_null, vehicle], fraction, what, "bootstrap-t of the fraction")
    if effect.p is not None and effect.p > 0.05 and estimate.value is not None:
        reason = "interval: the antibody arm does not differ from vehicle (p > 0.05), so there is no effect to divide"
        return not_estimable(reason, estimate.value, estimate.method)
    return estimate


def _bootstrap_t(groups: Sequence[np.ndarray], function: Callable, what: str, method: str) -> Estimate:
    """Bootstrap-t of function(means, squared standard errors) -> (value, standard error) of independent arms."""
    groups = [_finite(g) for g in groups]
    if min(g.size for g in groups) == 0:
        return not_estimable(f"an arm has no mouse with a {what}", method=method)
    means = [g.mean() for g in groups]
    if min(g.size for g in groups) < 2:
        value = float(function(means, [np.zeros(())] * len(groups))[0])
        return not_estimable(f"interval needs {MIN_BOOTSTRAP} mice in every arm", _or_none(value), method)
    value, error = (float(q) for q in function(means, [_spread(g) / g.size for g in groups]))
    if not np.isfinite(value):
        return not_estimable("division by zero", method=method)
    if min(g.size for g in groups) < MIN_BOOTSTRAP:
        return not_estimable(f"interval needs {MIN_BOOTSTRAP} mice in every arm", value, method)
    if not error > 0:
        return not_estimable("interval: no mouse differs from another within its arm", value, method)
    rng = np.random.default_rng(SEED)
    drawn = [g[rng.integers(0, g.size, (RESAMPLES, g.size))] for g in groups]
    star, star_error = function([d.mean(axis=1) for d in drawn], [_spread(d) / d.shape[1] for d in drawn])
    return _studentised(value, error, star, star_error, method)


def _studentised(value: float, error: float, star: np.ndarray, star_error: np.ndarray, method: str) -> Estimate:
    """Bootstrap-t interval from resampled values and their errors, (B,) each; no interval if a limit is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.sort(np.nan_to_num((star - value) / star_error, nan=0.0, posinf=np.inf, neginf=-np.inf))
    tail = int(np.floor((1 - CONFIDENCE) / 2 * (len(t) - 1)))
    low, high = value - t[-1 - tail] * error, value - t[tail] * error
    if not (np.isfinite(low) and np.isfinite(high)):
        return not_estimable("interval: too many resamples without spread", value, method)
    return Estimate(value, float(low), float(high), method=method)


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def bliss_excess(both: np.ndarray, a: np.ndarray, b: np.ndarray, control: np.ndarray) -> Estimate:
    """k_AB - (k_A + k_B - k_C) per day from the growth rates of the mice; negative: stronger than independent action.

    k_A + k_B - k_C corresponds to the product of the two T/C ratios on the volume scale.
    """
    return bootstrap_t_contrast([both, a, b, control], [1, -1, -1, 1])


def adcc_fraction_log(k_antibody: float, k_fc_null: float, k_vehicle: float) -> float:
    """Fraction (0-1) of the effect on the growth rate that requires the Fc part: 1 - (k_0 - k_C) / (k_A - k_C).

    Equal to 1 - ln(T/C of the Fc-null arm) / ln(T/C of the antibody). Not finite if the antibody has no effect.
    """
    effect = np.float64(k_antibody - k_vehicle)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (k_fc_null - k_vehicle) / effect


def adcc_fraction_linear(volume_antibody: float, volume_fc_null: float, volume_vehicle: float) -> float:
    """The same fraction on the scale of tgi_tc: 1 - (1 - V_0 / V_C) / (1 - V_A / V_C), volumes on one day."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (volume_vehicle - volume_fc_null) / np.float64(volume_vehicle - volume_antibody)
