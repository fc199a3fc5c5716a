"""Lysis over time, from the readings of sample and control wells at the same moments.

Model    The formula of the read-out (analysis.assay.controls) at every observed time.  Wells are averaged within
         their donor first.  Time to 50 % is where a unit's curve first crosses 50 % lysis, by straight lines
         between observations; half time is where it crosses half of its own end value.
Limits   never above 50 %: no time, and a word                                (tests/analysis/assay/test_kinetics.py)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import PlateControls, net_signal, percent_lysis
from adccsim.analysis.assay.lysis import lysis_wells
from adccsim.analysis.reading.design import pooled, pooled_by
from adccsim.analysis.reading.runs import Run
from adccsim.analysis.statistics import DONORS, REPLICATES

LEVEL_PCT = 50.0


def kinetics_tables(
    runs: Sequence[Run], design: pd.DataFrame, extra: Sequence[str], controls: dict[str, PlateControls]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(kinetics, summary): lysis over time per condition, and the times to 50 % and to half of the end value.

    kinetics  condition columns, duration_h, hours (of the observation), n, specific_lysis_pct (mean), sd.
    summary   condition columns, time_to_50pct_h and half_time_h (medians over units, h), units that reached 50 %.
    """
    by_id = {run.run_id: run for run in runs}
    wells = lysis_wells(design)
    wells, by = pooled(wells[wells["plate"].isin(controls)], extra), pooled_by(extra)
    curves, times = [], []
    for key, group in wells.groupby(by, dropna=False, sort=True):
        condition = dict(zip(by, key, strict=True))
        condition["duration_h"] = condition.pop("hours")
        grid, units, kind = _unit_curves(group, by_id, controls)
        n = len(units)
        sd = units.std(axis=0, ddof=1) if n > 1 else np.full(grid.size, np.nan)
        note = "" if n > 1 else "one well: SD not available"
        curves.append(
            pd.DataFrame(
                condition
                | {"hours": grid, "n": n, "specific_lysis_pct": units.mean(axis=0), "sd": sd}
                | {"sd_basis": kind, "note": note}
            )
        )
        times.append(condition | _times(grid, units) | {"sd_basis": kind})
    if not curves:
        return pd.DataFrame(columns=[*by, "hours", "specific_lysis_pct"]), pd.DataFrame(columns=by)
    summary = pd.DataFrame(times)
    summary["note"] = summary.pop("note")
    return pd.concat(curves, ignore_index=True), summary


def crossing_time(time: np.ndarray, values: np.ndarray, level: float) -> float:
    """First time (unit of `time`) at which `values` reach `level`, by straight lines; infinity if never."""
    above = np.flatnonzero(values >= level)
    if above.size == 0:
        return float("inf")
    i = above[0]
    if i == 0:
        return float(time[0])
    fraction = (level - values[i - 1]) / (values[i] - values[i - 1])
    return float(time[i - 1] + fraction * (time[i] - time[i - 1]))


def _unit_curves(
    group: pd.DataFrame, by_id: dict[str, Run], controls: dict[str, PlateControls]
) -> tuple[np.ndarray, np.ndarray, str]:
    """Time grid (T,), one curve per unit (n, T), and what a unit is: a donor, or a well where there is one donor."""
    grid = net_signal(by_id[group["run_id"].iloc[0]]).time
    curves = []
    for row in group.itertuples():
        signal = net_signal(by_id[row.run_id])
        control = controls[row.plate].at(signal.time, row.et_ratio)
        curves.append(np.interp(grid, signal.time, percent_lysis(row.readout, signal.value, *control)[0]))
    wells = np.array(curves)
    donors = group["donor"].to_numpy()
    if len(set(donors)) == 1:
        return grid, wells, REPLICATES
    return grid, np.array([wells[donors == donor].mean(axis=0) for donor in sorted(set(donors))]), DONORS


def _times(grid: np.ndarray, units: np.ndarray) -> dict[str, object]:
    to_level = np.array([crossing_time(grid, curve, LEVEL_PCT) for curve in units])
    # A curve that ends at or below zero has no half to reach.
    halves = np.array([crossing_time(grid, c, c[-1] / 2) if c[-1] > 0 else np.inf for c in units])
    reached = int(np.isfinite(to_level).sum())
    median = float(np.median(to_level)) if 2 * reached > len(units) else np.nan
    half = float(np.median(halves)) if np.isfinite(halves).all() else np.nan
    note = "" if np.isfinite(median) else "50 % not reached"
    if not np.isfinite(half):
        note += "; no lysis at the end" if note else "no lysis at the end"
    return {
        "units": len(units),
        "units_at_50pct": reached,
        "time_to_50pct_h": median,
        "half_time_h": half,
        "end_lysis_pct": float(units[:, -1].mean()),
        "note": note,
    }
