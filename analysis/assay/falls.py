"""Falls in a dose-response curve, tested against the noise: a hook at high doses, and dips on the way up.

Model    Null hypothesis: the true means never fall with dose. Statistic: the largest of the contrasts
             t = (mean of doses i..c - mean of doses c+1..l) / standard error,
         for a hook over all i <= c with l the highest dose, which must lie below doses i..c by itself too (one-sided t
         at 5 %: the fall lasts); for a dip over all pairs of doses.
         Its null distribution is simulated for equal means, the least favourable case of the hypothesis, with the
         covariance and the degrees of freedom of the data, so that the choice of the largest contrast is paid for.
         Levels: a hook is reported at 2 %, a dip at 0.5 % in each half of the curve (1 % together).
         Noise: residual variance of wells around the mean of their dose, or with several donors of donor means around
         donor + dose, pooled over the upper part of the curve, from the first dose that reaches half of the rise. With
         a constant CV the wells of low doses scatter less and would make the noise of the plateau look too small. The
         whole curve is pooled where the upper part leaves fewer than two degrees of freedom.
Source   Multiple contrast tests: Bretz, Genz and Hothorn 2001, Biometrical Journal 43, 645; isotonic least favourable
         case: Robertson, Wright and Dykstra 1988, Order Restricted Statistical Inference.
Limits   flat plateau: at most 5 % hooks at n = 2, 3, 4 and CV 3 to 15 % (benchmarks/statistics/hook.py);
         one well per dose of one donor, or more than 100 doses: no test, no hook   (tests/analysis/assay/test_falls.py)
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from adccsim.analysis.assay.curve_wells import Wells
from adccsim.analysis.statistics import t_quantile

HOOK_LEVEL = 0.02
DIP_LEVEL = 0.005
_LAST = 0.95
_FEWEST_DOF = 2
_DRAWS = 20_000
_ROUNDING = 1e-9
_MOST_NUMBERS = 4_000_000  # of draws times contrasts at a time: 32 MB
_MOST_DOSES = 100  # contrasts grow with the square of the doses; beyond this a curve is not judged


class Fall(NamedTuple):
    """A fall that the noise does not explain: index of the last dose before it, and its size in points."""

    last: int
    size: float


class Levels(NamedTuple):
    """Means of K doses (up to a constant), their covariance (K, K) per unit variance, variance, degrees of freedom."""

    mean: np.ndarray
    covariance: np.ndarray
    variance: float
    dof: int


def hook(points: Wells, rising: bool = True) -> Fall | None:
    """The fall that lasts up to the highest dose, `last` an index of the sorted doses; None where there is none.

    A fall that begins at dose 0 is a response in the wrong direction, not a hook.
    """
    doses, start = _upper_part(points, rising)
    if start is None or (start == 0 and doses[0] == 0) or len(doses) > _MOST_DOSES:
        return None
    levels = _levels(points, doses[start:], rising)
    found = _largest_fall(levels, _lasting(len(doses) - start), HOOK_LEVEL, True) if levels else None
    return None if found is None else Fall(start + found.last, found.size)


def dips(points: Wells, rising: bool = True) -> bool:
    """Whether some dose lies below an earlier one by more than noise."""
    doses, start = _upper_part(points, rising)
    parts = [doses] if start is None else [doses[:start], doses[start:]]
    for part in parts:
        levels = _levels(points, part, rising) if len(part) > 1 else None
        if levels and _largest_fall(levels, _pairs(len(part)), DIP_LEVEL):
            return True
    return False


def can_be_judged(points: Wells) -> bool:
    """Whether replicates (wells of one donor, or donors) show the noise, at no more doses than are compared."""
    doses, donors, matrix = points.means()
    if len(doses) > _MOST_DOSES:
        return False
    readings = len(points.dose) if len(donors) == 1 else int(np.isfinite(matrix).sum())
    return readings - len(doses) - len(donors) + 1 >= 1


def why_not_judged(points: Wells) -> str:
    """Why `can_be_judged` is False."""
    doses = len(np.unique(points.dose))
    return f"{doses} doses, at most {_MOST_DOSES} are compared" if doses > _MOST_DOSES else "no replicates"


def _upper_part(points: Wells, rising: bool) -> tuple[np.ndarray, int | None]:
    """(doses, index of the first dose that reaches half of the rise to the highest mean, or None)."""
    doses, _, matrix = points.means()
    level = np.nanmean(matrix, axis=0) * (1 if rising else -1)
    top = int(np.argmax(level))
    if top == 0:
        return doses, 0 if doses[0] > 0 else None
    half = (level[: top + 1].min() + level[top]) / 2
    return doses, int(np.argmax(level >= half))


def _levels(points: Wells, doses: np.ndarray, rising: bool) -> Levels | None:
    """Levels of some of the doses; None where no replicate shows the noise."""
    part = _estimate(points.where(np.isin(points.dose, doses)), rising)
    if part.dof < _FEWEST_DOF:
        whole = _estimate(points, rising)
        if whole.dof > part.dof:
            part = part._replace(variance=whole.variance, dof=whole.dof)
    return part if part.dof >= 1 else None


def _estimate(points: Wells, rising: bool) -> Levels:
    """Least-squares means of the doses: of wells for one donor, of donor means adjusted for the donor for several."""
    doses, donors, matrix = points.means()
    if len(donors) > 1:
        unit, column = np.nonzero(np.isfinite(matrix))
        response = matrix[unit, column]
    else:
        column = np.searchsorted(doses, points.dose)
        unit, response = np.zeros(len(column), dtype=int), points.response
    response = response if rising else -response
    design = np.hstack([np.eye(len(doses))[column], np.eye(len(donors))[unit][:, 1:]])
    inverse = np.linalg.pinv(design.T @ design)
    found = inverse @ design.T @ response
    dof = len(response) - np.linalg.matrix_rank(design)
    squares = float(((response - design @ found) ** 2).sum())
    size = slice(len(doses))
    return Levels(found[size], inverse[size, size], squares / dof if dof > 0 else np.nan, int(dof))


def _largest_fall(levels: Levels, contrasts: np.ndarray, level: float, last_too: bool = False) -> Fall | None:
    """The fall with the largest t, where it exceeds its critical value.

    last_too: only contrasts whose first part lies above the last dose alone as well (one-sided t at 5 %), so that a dip
    from which the response recovers is no lasting fall.
    """
    if len(contrasts) == 0:
        return None
    t = _t_values(levels, contrasts)
    if last_too:
        alone = np.maximum(contrasts, 0)
        alone[:, -1] = -1
        t = np.where(_t_values(levels, alone) > t_quantile(levels.dof, _LAST), t, 0.0)
    best = int(np.argmax(t))
    shape = tuple(map(tuple, np.round(levels.covariance, 9)))
    if t[best] <= _critical(shape, levels.dof, contrasts.tobytes(), level):
        return None
    return Fall(int(np.flatnonzero(contrasts[best] > 0)[-1]), float(contrasts[best] @ levels.mean))


def _t_values(levels: Levels, contrasts: np.ndarray) -> np.ndarray:
    drop = contrasts @ levels.mean
    error = np.sqrt(np.einsum("ck,kl,cl->c", contrasts, levels.covariance, contrasts) * levels.variance)
    # Readings that are all equal deviate by rounding only.
    rounding = _ROUNDING * (1 + np.abs(levels.mean).max())
    return np.where(drop > rounding, drop / np.maximum(error, 1e-3 * rounding), 0.0)


@lru_cache(maxsize=512)
def _critical(covariance: tuple, dof: int, contrasts: bytes, level: float) -> float:
    """Quantile 1 - level of the largest t among the contrasts where all means are equal, by simulation."""
    matrix = np.array(covariance)
    rows = np.frombuffer(contrasts).reshape(-1, len(matrix))
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.maximum(values, 0))
    scaled = rows @ root / np.sqrt(np.einsum("ck,kl,cl->c", rows, matrix, rows))[:, None]
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(_DRAWS, len(matrix)))
    pieces = np.array_split(draws, -(-_DRAWS * len(rows) // _MOST_NUMBERS))  # held one after another
    largest = np.concatenate([(piece @ scaled.T).max(axis=1) for piece in pieces])
    t = largest / np.sqrt(rng.chisquare(dof, _DRAWS) / dof)
    return float(np.quantile(t, 1 - level))


@lru_cache
def _lasting(doses: int) -> np.ndarray:
    """Contrasts (C, doses): mean of doses i..c minus the mean of all doses above c."""
    rows = []
    for last in range(doses - 1):
        for first in range(last + 1):
            row = np.zeros(doses)
            row[first : last + 1] = 1 / (last + 1 - first)
            row[last + 1 :] = -1 / (doses - last - 1)
            rows.append(row)
    return np.array(rows)


@lru_cache
def _pairs(doses: int) -> np.ndarray:
    """Contrasts (C, doses): each dose minus each higher one."""
    unit = np.eye(doses)
    return np.array([unit[j] - unit[k] for j in range(doses) for k in range(j + 1, doses)])
