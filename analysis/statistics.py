"""Means, spreads and intervals, with the unit of replication stated.

Model    Wells are averaged within their unit (a donor) first; the interval then comes from the units:
         mean +- t(0.975, n - 1) sd / sqrt(n).  With one unit the wells themselves are all there is, and
         the spread is that of technical replicates.
         Cluster bootstrap: whole units are drawn with replacement.  Percentile intervals of few units are
         too short; they are widened to the percentile that matches sqrt(n / (n - 1)) t(n - 1).  Below
         FEW_CLUSTERS units even the extreme resamples are too near: point +- t(n - 1) sqrt(n / (n - 1)) sd.
Source   Hesterberg 2015, The American Statistician 69, 371 (expanded percentile interval).
Limits   n = 1: no sd and no interval;  n -> inf: normal interval, plain percentiles.
                                                                          (tests/analysis/test_statistics.py)
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

DONORS = "donors"
REPLICATES = "replicates"
# sd_basis, and what tables called it (as error_kind) up to version 0.1.
_BASES = {DONORS: DONORS, REPLICATES: REPLICATES, "between donors": DONORS, "technical error only": REPLICATES}
RESAMPLES = 500
CONFIDENCE = 0.95
FEW_CLUSTERS = 6


def sd_basis(text: str) -> str | None:
    """DONORS or REPLICATES from a cell of a table, "" where it is empty, None for any other word."""
    return _BASES.get(text.strip().casefold()) if text.strip() else ""


@cache
def t_quantile(dof: float, probability: float) -> float:
    """Quantile of Student's t with `dof` degrees of freedom; infinite where dof < 1."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, probability)) if dof >= 1 else float("inf")


def t_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float, float, float]:
    """(mean, sd, low, high) of independent values, in their unit; NaN where the number of values allows none.

    The interval is the 95 % one.  Values that are not finite are left out.  One value has a mean only.
    """
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return (np.nan,) * 4
    mean = float(values.mean())
    if values.size == 1:
        return mean, np.nan, np.nan, np.nan
    sd = float(values.std(ddof=1))
    half = t_quantile(values.size - 1, 0.5 + CONFIDENCE / 2) * sd / np.sqrt(values.size)
    return mean, sd, mean - half, mean + half


def unit_means(frame: pd.DataFrame, by: list[str], value: str, unit: str = "donor") -> pd.DataFrame:
    """Mean of `value` per group and unit, with columns by + [unit, value, "wells"]; empty values are dropped."""
    kept = frame[frame[value].notna()]
    grouped = kept.groupby([*by, unit], dropna=False, sort=True)[value]
    return grouped.agg(["mean", "size"]).reset_index().rename(columns={"mean": value, "size": "wells"})


def summarise_units(frame: pd.DataFrame, by: list[str], value: str, unit: str = "donor") -> pd.DataFrame:
    """One row per group of `by`: n, wells, mean, sd, ci95_low, ci95_high, sd_basis, note.

    frame  tidy table with one row per well, the columns `by`, `unit` and `value`.
    With several units in a group n counts units and sd_basis is "donors"; with one unit n
    counts its wells and sd_basis is "replicates".  Groups without any value are kept, with
    n = 0 and a note.
    """
    # Over arrays: to slice a table for each of some thousand groups would take most of an analysis.
    group = frame.groupby(by, dropna=False, sort=True).ngroup().to_numpy()
    values, units = frame[value].to_numpy(dtype=float), pd.factorize(frame[unit])[0]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    keys = frame[by].iloc[order[starts]].itertuples(index=False, name=None)
    rows = []
    for key, members in zip(keys, np.split(order, starts[1:]) if len(starts) else [], strict=True):
        members = members[~np.isnan(values[members])]
        wells, (_, of) = values[members], np.unique(units[members], return_inverse=True)
        several = len(members) > 0 and of.max() > 0
        means = np.bincount(of, wells) / np.bincount(of) if several else wells
        mean, sd, low, high = t_interval(means)
        note = "" if len(means) > 1 else ("one well: SD not available" if len(means) else "no value")
        rows.append((*key, len(means), len(wells), mean, sd, low, high, DONORS if several else REPLICATES, note))
    names = [*by, "n", "wells", "mean", "sd", "ci95_low", "ci95_high", "sd_basis", "note"]
    return pd.DataFrame(rows, columns=names)


def cluster_bootstrap_indices(clusters: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Indices of whole clusters drawn with replacement, shape (resamples, clusters); the same for one seed."""
    return np.random.default_rng(seed).integers(0, clusters, size=(resamples, clusters))


def cluster_interval(draws: np.ndarray, clusters: int, point: float) -> tuple[float, float]:
    """95 % interval (low, high) of a quantity from a cluster bootstrap: draws (resamples,), `point` its estimate.

    Give the quantity on the scale on which it is about symmetric (the logarithm of an EC50).  With few clusters and
    finite draws it is the t interval with the bootstrap's spread, else the expanded percentile interval.
    """
    if clusters < 2 or clusters >= FEW_CLUSTERS or not np.isfinite(draws).all():
        return expanded_percentile_interval(draws, clusters)
    spread = float(np.std(draws)) * np.sqrt(clusters / (clusters - 1))
    half = t_quantile(clusters - 1, 0.5 + CONFIDENCE / 2) * spread
    return point - half, point + half


def expanded_percentile_interval(draws: np.ndarray, clusters: int) -> tuple[float, float]:
    """Bootstrap 95 % interval (low, high) of `draws`, shape (resamples,), widened for a small number of clusters.

    Infinite draws are allowed (a quantity that a resample does not reach) and sort to the ends.
    """
    draws = np.sort(np.asarray(draws, dtype=float)[~np.isnan(draws)])
    if draws.size == 0 or clusters < 2:
        return np.nan, np.nan
    from scipy.special import ndtr

    wide = t_quantile(clusters - 1, 0.5 + CONFIDENCE / 2) * np.sqrt(clusters / (clusters - 1))
    tail = float(ndtr(-wide))
    # Order statistics instead of interpolated quantiles: between a number and infinity there is no mean.
    low = int(np.floor(tail * (draws.size - 1)))
    return float(draws[low]), float(draws[draws.size - 1 - low])


def paired_difference(high: np.ndarray, low: np.ndarray) -> tuple[float, float, int]:
    """(mean, standard error, degrees of freedom) of high - low over units that have both; shapes (units,)."""
    difference = np.asarray(high, dtype=float) - np.asarray(low, dtype=float)
    difference = difference[np.isfinite(difference)]
    if difference.size < 2:
        return (float(difference.mean()) if difference.size else np.nan), np.nan, 0
    error = float(difference.std(ddof=1) / np.sqrt(difference.size))
    return float(difference.mean()), error, difference.size - 1
