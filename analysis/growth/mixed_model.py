"""Linear mixed model of log volumes: ln V ~ day * arm + (1 + day | mouse), fitted by REML.

Model    y_i = X_i beta + Z_i b_i + e_i,  b_i ~ N(0, s2 D),  e_i ~ N(0, s2),  Z_i = (1, day).
         Every arm has its own line, so X'V^-1X consists of one 2 x 2 block per arm, and by Woodbury
         Z'V^-1Z = S (I + D S)^-1 with S = Z'Z: no matrix larger than 2 x 2 is inverted.
         -2 log REML = sum_i ln|I + D S_i| + sum_arm ln|X'V^-1X|_arm + (N - p) ln RSS + constant.
Source   Laird NM, Ware JH. Random-effects models for longitudinal data. Biometrics 1982;38:963 (model);
         the arm-wise elimination is derived here.
Limits   D -> 0: ordinary least squares per arm; D -> inf: mean of the least-squares slopes of the mice.

Many studies of one shape are fitted together (leading axis), because the benchmark of type I error needs thousands of
fits; the analysis of one study uses a leading axis of length one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEP = 1e-4  # finite-difference step in the (dimensionless) Cholesky entries
_TOLERANCE = 1e-5  # largest gradient entry of -2 log REML at which a fit counts as converged
_ROUNDS = 100


@dataclass(frozen=True)
class MixedFit:
    """REML fits of S studies with A arms.

    slope, slope_se: (S, A), per day; residual_sd (S,); mouse_sd (S, 2): SD between mice of the level at the mean day
    and of the slope per day; converged, singular (S,): singular if a variance between mice is estimated as zero.
    """

    slope: np.ndarray
    slope_se: np.ndarray
    residual_sd: np.ndarray
    mouse_sd: np.ndarray
    criterion: np.ndarray
    converged: np.ndarray
    singular: np.ndarray

    def difference(self, treated: int, control: int) -> tuple[np.ndarray, np.ndarray]:
        """Slope difference per day and its Wald standard error, both (S,). Arms are fitted independently given D."""
        return (
            self.slope[:, treated] - self.slope[:, control],
            np.hypot(self.slope_se[:, treated], self.slope_se[:, control]),
        )


def fit(day: np.ndarray, ln_volume: np.ndarray, present: np.ndarray, arm: np.ndarray) -> MixedFit:
    """Fit S studies of M mice with up to T readings each.

    day, ln_volume, present: (S, M, T); readings with `present` False are ignored; arm: (M,) integers 0..A-1.
    Raises ValueError if a study has no more readings than random effects (2 per mouse), or all readings are of one day,
    because residual and slope variance then cannot be separated.
    """
    present = np.asarray(present, dtype=bool)
    if np.any(present.sum(axis=(1, 2)) <= 2 * np.sum(present.any(axis=2), axis=1)):
        raise ValueError("no more readings than random effects: some mice need three readings or more")
    # Centring and scaling the days leaves the fit unchanged and makes the Cholesky entries of order one.
    centre = float(np.mean(day[present]))
    scale = float(np.std(day[present]))
    if not scale > 0:
        raise ValueError("all readings are of one day")
    t = np.where(present, (day - centre) / scale, 0.0)
    y = np.where(present, ln_volume, 0.0)
    level = np.sum(y, axis=(1, 2), keepdims=True) / np.sum(present, axis=(1, 2), keepdims=True)
    y = np.where(present, y - level, 0.0)
    sums = _Sums(
        n=present.sum(axis=2).astype(float),
        t=t.sum(axis=2),
        tt=(t * t).sum(axis=2),
        y=y.sum(axis=2),
        ty=(t * y).sum(axis=2),
        yy=(y * y).sum(axis=2),
        arm=np.asarray(arm),
        arms=int(np.max(arm)) + 1,
    )
    theta, value, converged = _minimise(sums)
    parts = _solve(sums, theta)
    d11, d12, d22 = _covariance(theta)
    variance = parts.rss / parts.freedom
    # The SD of the level refers to the mean day, where it is least correlated with the slope.
    return MixedFit(
        slope=parts.slope / scale,
        slope_se=np.sqrt(variance[:, None] * parts.slope_variance) / scale,
        residual_sd=np.sqrt(variance),
        mouse_sd=np.sqrt(variance[:, None] * np.stack([d11, d22], axis=1)) / np.array([1.0, scale]),
        criterion=value,
        converged=converged,
        singular=d11 * d22 - d12 * d12 <= 1e-6 * np.maximum(d11 * d22, 1e-6),
    )


@dataclass(frozen=True)
class _Sums:
    """Sums per mouse, each (S, M): the sufficient statistics of the likelihood."""

    n: np.ndarray
    t: np.ndarray
    tt: np.ndarray
    y: np.ndarray
    ty: np.ndarray
    yy: np.ndarray
    arm: np.ndarray
    arms: int

    def take(self, rows: np.ndarray) -> _Sums:
        """The sums of some of the studies."""
        n, t, tt, y, ty, yy = (each[rows] for each in (self.n, self.t, self.tt, self.y, self.ty, self.yy))
        return _Sums(n, t, tt, y, ty, yy, self.arm, self.arms)


@dataclass(frozen=True)
class _Parts:
    criterion: np.ndarray
    rss: np.ndarray
    freedom: np.ndarray
    slope: np.ndarray
    slope_variance: np.ndarray


def _covariance(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries of D = L L' with L = [[a, 0], [b, c]]; theta is (S, 3)."""
    a, b, c = theta[:, 0], theta[:, 1], theta[:, 2]
    return a * a, a * b, b * b + c * c


def _solve(s: _Sums, theta: np.ndarray) -> _Parts:
    """Generalised least squares of every arm for given D, and the REML criterion; closed forms of 2 x 2 matrices."""
    d11, d12, d22 = (d[:, None] for d in _covariance(theta))
    # K = I + D S (not symmetric) and its inverse
    k11, k12 = 1 + d11 * s.n + d12 * s.t, d11 * s.t + d12 * s.tt
    k21, k22 = d12 * s.n + d22 * s.t, 1 + d12 * s.t + d22 * s.tt
    det = k11 * k22 - k12 * k21
    # W = S K^-1 = Z'V^-1Z (symmetric); u = K'^-1 Z'y = Z'V^-1y
    w11 = (s.n * k22 - s.t * k21) / det
    w12 = (s.t * k11 - s.n * k12) / det
    w22 = (s.tt * k11 - s.t * k12) / det
    u1 = (k22 * s.y - k21 * s.ty) / det
    u2 = (k11 * s.ty - k12 * s.y) / det
    # y'V^-1y = y'y - (Z'y)' D (Z'V^-1y)
    yy = s.yy - s.y * (d11 * u1 + d12 * u2) - s.ty * (d12 * u1 + d22 * u2)
    to_arm = np.eye(s.arms)[s.arm]  # (M, A)
    x11, x12, x22, v1, v2 = (q @ to_arm for q in (w11, w12, w22, u1, u2))
    block = x11 * x22 - x12 * x12
    intercept = (x22 * v1 - x12 * v2) / block
    slope = (x11 * v2 - x12 * v1) / block
    rss = np.maximum(yy.sum(axis=1) - (intercept * v1 + slope * v2).sum(axis=1), 1e-300)
    freedom = s.n.sum(axis=1) - 2 * s.arms
    criterion = np.log(det).sum(axis=1) + np.log(block).sum(axis=1) + freedom * np.log(rss)
    return _Parts(criterion, rss, freedom, slope, x11 / block)


def _derivatives(s: _Sums, theta: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central-difference gradient (S, 3) and Hessian (S, 3, 3)."""
    step = _STEP * np.maximum(1.0, np.abs(theta))
    gradient = np.empty_like(theta)
    hessian = np.empty((*theta.shape, 3))
    units = np.eye(3)
    for i in range(3):
        up = _solve(s, theta + step * units[i]).criterion
        down = _solve(s, theta - step * units[i]).criterion
        gradient[:, i] = (up - down) / (2 * step[:, i])
        hessian[:, i, i] = (up - 2 * value + down) / step[:, i] ** 2
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = units[i] + units[j]
        up = _solve(s, theta + step * both).criterion
        down = _solve(s, theta - step * both).criterion
        mixed = (up + down - 2 * value) / (2 * step[:, i] * step[:, j])
        mixed -= 0.5 * (hessian[:, i, i] * step[:, i] / step[:, j] + hessian[:, j, j] * step[:, j] / step[:, i])
        hessian[:, i, j] = hessian[:, j, i] = mixed
    return gradient, hessian


def _minimise(s: _Sums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton steps (absolute eigenvalues, halved until the criterion falls): (theta, criterion, converged)."""
    studies = s.n.shape[0]
    theta = np.tile([1.0, 0.0, 0.7], (studies, 1))
    value = _solve(s, theta).criterion
    converged = np.zeros(studies, dtype=bool)
    open_rows = np.arange(studies)
    for _ in range(_ROUNDS):
        part = s.take(open_rows)
        gradient, hessian = _derivatives(part, theta[open_rows], value[open_rows])
        done = np.abs(gradient).max(axis=1) < _TOLERANCE
        converged[open_rows[done]] = True
        if done.all():
            break
        open_rows, gradient, hessian = open_rows[~done], gradient[~done], hessian[~done]
        part = s.take(open_rows)
        curvature, axes = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(curvature), 1e-3)
        step = -np.einsum("sij,sj->si", axes, np.einsum("sji,sj->si", axes, gradient) / curvature)
        step *= np.minimum(1.0, 2.0 / np.maximum(np.linalg.norm(step, axis=1), 1e-12))[:, None]
        factor = np.ones(len(open_rows))
        moved = np.zeros(len(open_rows), dtype=bool)
        for _ in range(30):
            trial = theta[open_rows] + np.where(moved, 0.0, factor)[:, None] * step
            trial_value = _solve(part, trial).criterion
            better = ~moved & (trial_value < value[open_rows])
            theta[open_rows[better]] = trial[better]
            value[open_rows[better]] = trial_value[better]
            moved |= better
            if moved.all():
                break
            factor = np.where(moved, factor, factor / 2)
        # No lower point along a downhill direction: the precision of the criterion is reached.
        stuck = ~moved
        converged[open_rows[stuck]] = np.abs(gradient[stuck]).max(axis=1) < 1e-2
        open_rows = open_rows[moved]
        if len(open_rows) == 0:
            break
    return theta, value, converged
