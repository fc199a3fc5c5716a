"""The four-parameter logistic: many curves of one design at once, one curve to the last digit by scipy.

Model    y(d) = bottom + (emax - bottom) d^h / (ec50^h + d^h);   y(0) = bottom, so that dose 0 is a point of the fit.
         Parameters are theta = (bottom, emax, ln ec50, h), shape (..., 4), ec50 in the unit of the dose.
         Starts: for each ec50 and h of a grid the best bottom and emax are a straight line; the best one goes through
         damped least squares, in step for all curves, and for a single one through scipy, whose path from the grid
         would be long.
Limits   d -> 0: bottom;  d -> inf: emax;  d = ec50: half way                    (tests/analysis/assay/test_logistic.py)
"""

from dataclasses import dataclass

import numpy as np

HILL_BOUNDS = (0.2, 6.0)
_START_HILLS = np.array([0.4, 0.6, 0.85, 1.2, 1.8, 3.0])
_STEPS = 60


@dataclass(frozen=True)
class Fit:
    """Least-squares fit of wells: theta (4,), covariance (4, 4), residual sd, degrees of freedom, sum of squares.

    A parameter that ended at a bound has zero variance in `covariance` and True in `at_bound` (4,).
    """

    theta: np.ndarray
    covariance: np.ndarray
    residual_sd: float
    dof: int
    ssr: float
    at_bound: np.ndarray


def logistic4(dose: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Response at `dose` (n,) >= 0 for theta (..., 4); returns (..., n) in the unit of bottom and emax."""
    theta = np.asarray(theta, dtype=float)
    bottom, emax = theta[..., 0:1], theta[..., 1:2]
    return bottom + (emax - bottom) * fraction(dose, theta)


def fraction(dose: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Fraction of the way from bottom to emax at `dose` (n,), shape (..., n)."""
    theta = np.asarray(theta, dtype=float)
    return _sigmoid(theta[..., 3:4] * (_log(dose) - theta[..., 2:3]))


def dose_at(response: float, theta: np.ndarray) -> np.ndarray:
    """Dose (...,) at which theta (..., 4) reaches `response`; infinity where it never does."""
    bottom, emax, log_ec50, hill = np.moveaxis(np.asarray(theta, dtype=float), -1, 0)
    way, span = response - bottom, emax - bottom
    inside = (way * span > 0) & (np.abs(way) < np.abs(span))
    ratio = np.divide(way, span - way, out=np.ones_like(way), where=inside)
    return np.where(inside, np.exp(np.minimum(log_ec50 + np.log(ratio) / hill, 700.0)), np.inf)


def bounds(dose: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (4,): a fit may leave the doses by a factor of 100 and the responses by twice their span."""
    doses = dose[dose > 0]
    low_y, high_y = float(np.min(response)), float(np.max(response))
    room = 2 * (high_y - low_y) + 1e-6 * (1 + abs(high_y))
    reach = np.log(100.0)
    low = [low_y - room, low_y - room, np.log(doses.min()) - reach, HILL_BOUNDS[0]]
    high = [high_y + room, high_y + room, np.log(doses.max()) + reach, HILL_BOUNDS[1]]
    return np.array(low), np.array(high)


def fit(dose: np.ndarray, response: np.ndarray, start: np.ndarray | None = None) -> Fit:
    """Fit one curve; dose and response of shape (n,), every point of equal weight.

    start: theta (4,) near the best one, which fit_many has for many curves at once; by default what it has for this.
    """
    from scipy.optimize import least_squares

    dose, response = np.asarray(dose, dtype=float), np.asarray(response, dtype=float)
    if start is None:
        start = fit_many(dose, response[None, :])[0]
    low, high = bounds(dose, response)
    scale = np.array([high[0] - low[0], high[0] - low[0], 1.0, 1.0])
    found = least_squares(
        lambda theta: logistic4(dose, theta) - response,
        _clip(start, low, high),
        jac=lambda theta: _jacobian(dose, theta[None, :])[0],
        bounds=(low, high),
        x_scale=scale,
        xtol=1e-10,
        ftol=1e-12,
        gtol=1e-10,
    )
    theta = found.x
    edge = 1e-4 * (high - low)
    at_bound = (theta < low + edge) | (theta > high - edge)
    ssr = float(2 * found.cost)
    dof = dose.size - 4
    residual_sd = np.sqrt(ssr / dof) if dof > 0 else np.nan
    covariance = np.zeros((4, 4))
    free = np.flatnonzero(~at_bound)
    if dof > 0 and free.size:
        jacobian = _jacobian(dose, theta[None, :])[0][:, free]
        covariance[np.ix_(free, free)] = residual_sd**2 * np.linalg.pinv(jacobian.T @ jacobian)
    return Fit(theta, covariance, float(residual_sd), dof, ssr, at_bound)


def fit_many(dose: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Fit many curves over the same doses (n,) at once: responses (B, n), NaN where empty; returns theta (B, 4).

    Damped least squares in step for all curves, inside the same bounds as `fit`.  A curve with fewer than
    four points gives NaN.
    """
    responses = np.asarray(responses, dtype=float)
    weight = np.isfinite(responses).astype(float)
    filled = np.where(weight > 0, responses, 0.0)
    seen = responses[np.isfinite(responses)]
    low, high = bounds(dose, seen)
    theta = _clip(_starts(dose, filled, weight), low, high)
    cost = _cost(dose, filled, weight, theta)
    damping = np.full(len(theta), 1e-2)
    for _ in range(_STEPS):
        jacobian = _jacobian(dose, theta) * weight[..., None]
        residual = weight * (filled - logistic4(dose, theta))
        gradient = np.einsum("bnk,bn->bk", jacobian, residual)
        normal = np.einsum("bnk,bnl->bkl", jacobian, jacobian)
        diagonal = np.einsum("bkk->bk", normal)
        normal = normal + (damping[:, None] * diagonal + 1e-12 * (1 + diagonal.max(axis=1, keepdims=True)))[
            :, :, None
        ] * np.eye(4)
        trial = _clip(theta + np.linalg.solve(normal, gradient[..., None])[..., 0], low, high)
        trial_cost = _cost(dose, filled, weight, trial)
        better = trial_cost < cost
        gain = np.where(better, cost - trial_cost, 0.0)
        theta = np.where(better[:, None], trial, theta)
        cost = np.where(better, trial_cost, cost)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-10, 1e8)
        if np.all((gain <= 1e-9 * (cost + 1e-12)) & (damping > 1e4) | (cost < 1e-16)):
            break
    return np.where(weight.sum(axis=1)[:, None] >= 4, theta, np.nan)


def _starts(dose: np.ndarray, responses: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Best point of a grid of (ln ec50, hill) for each row, with bottom and emax by a straight line; shape (B, 4)."""
    logs = np.log(dose[dose > 0])
    centres = np.linspace(logs.min() - 1, logs.max() + 1, 25)
    grid = np.array([(0.0, 1.0, centre, hill) for centre in centres for hill in _START_HILLS])
    s = fraction(dose, grid)
    n = weight.sum(axis=1)
    mean_s = weight @ s.T / n[:, None]
    mean_y = (weight * responses).sum(axis=1) / n
    s_y = (weight * responses) @ s.T - n[:, None] * mean_s * mean_y[:, None]
    s_s = np.maximum(weight @ (s**2).T - n[:, None] * mean_s**2, 1e-9)
    best = np.argmax(s_y**2 / s_s, axis=1)
    rows = np.arange(len(best))
    slope = s_y[rows, best] / s_s[rows, best]
    bottom = mean_y - slope * mean_s[rows, best]
    return np.column_stack([bottom, bottom + slope, grid[best, 2], grid[best, 3]])


def _jacobian(dose: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Derivatives of the response by theta, shape (B, n, 4)."""
    s = fraction(dose, theta)
    logs = _log(dose)
    span, hill = theta[:, 1:2] - theta[:, 0:1], theta[:, 3:4]
    bell = span * s * (1 - s)
    distance = np.where(np.isfinite(logs), logs - theta[:, 2:3], 0.0)
    return np.stack([1 - s, s, -hill * bell, distance * bell], axis=-1)


def _cost(dose: np.ndarray, filled: np.ndarray, weight: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return (weight * (filled - logistic4(dose, theta)) ** 2).sum(axis=1)


def _clip(theta: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    margin = 1e-9 * (high - low)
    return np.clip(theta, low + margin, high - margin)


def _log(dose: np.ndarray) -> np.ndarray:
    dose = np.asarray(dose, dtype=float)
    return np.log(dose, out=np.full(dose.shape, -np.inf), where=dose > 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))
