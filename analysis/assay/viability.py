"""Viability over days: how far antibody (and effectors) hold a culture back, and at which dose.

Model    relative viability % = 100 E / TO, blank-subtracted; maximal inhibition = 100 - the lowest mean of a dose.
         relative EC50 = half way of the fitted curve; absolute IC50 = dose of 50 % relative viability.
         Growth rate:  GR = 2^[log2(E/x0) / log2(TO/x0)] - 1 with x0 = the target-only reading at time 0;
         GR50 = dose of GR 0.5, that is of relative viability (TO/x0)^(log2(1.5) - 1); GRmax = GR at the top dose.
Source   Hafner et al. 2016, Nature Methods 13, 521 (growth rate inhibition).
Limits   E = TO: GR = 1;  E = x0: GR = 0;  E -> 0: GR -> -1;  a control that does not grow has no GR
                                                                             (tests/analysis/assay/test_viability.py)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import SAMPLE_ROLES, PlateControls, is_target_only, net_signal
from adccsim.analysis.assay.dose_response import Curve, dose_response_curves
from adccsim.analysis.assay.logistic import dose_at
from adccsim.analysis.reading.design import pooled, pooled_by
from adccsim.analysis.reading.runs import Run
from adccsim.analysis.statistics import summarise_units
from adccsim.analysis.tables import join_notes

NOT_REACHED = "not reached"
REACHED = "reached"
BELOW_LOWEST = "below the lowest dose"
UNDETERMINED = "not determined: the interval leaves the tested doses on both sides"


def viability_wells(runs: Sequence[Run], design: pd.DataFrame, controls: dict[str, PlateControls]) -> pd.DataFrame:
    """One row per viability well: the design columns, relative_viability_pct, gr_value, growth_factor (TO/x0)."""
    by_id = {run.run_id: run for run in runs}
    wells = design[(design["readout"] == "viability") & design["plate"].isin(controls)]
    wells = wells[wells["role"].isin(SAMPLE_ROLES) | is_target_only(wells)].copy()
    values = [_of_one(by_id[row.run_id], controls[row.plate]) for row in wells.itertuples()]
    for i, name in enumerate(("relative_viability_pct", "gr_value", "growth_factor")):
        wells[name] = [value[i] for value in values]
    return wells


def growth_rate_value(sample: float, control: float, start: float) -> float:
    """GR of a blank-subtracted reading: 1 growth as the control, 0 standstill, below 0 loss.

    NaN where the control does not grow.
    """
    if not (control > start > 0):
        return float("nan")
    if sample <= 0:
        return -1.0
    return float(2 ** (np.log2(sample / start) / np.log2(control / start)) - 1)


def viability_tables(wells: pd.DataFrame, extra: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame, list[Curve]]:
    """(viability, summary, curves) from `viability_wells`.

    viability  per condition and dose: n, mean (relative viability, %), sd, ci95, gr_mean, and the numbers of its curve.
    summary    per curve: status, relative_ec50, ic50, gr50 (ng/mL) each with interval, maximal_inhibition_pct, grmax.
    """
    by = pooled_by(extra)
    curve_by = [name for name in by if name != "dose_ug_per_ml"]
    curves, _ = dose_response_curves(wells, extra, "relative_viability_pct", rising=False)
    wells = pooled(wells, extra)
    rows = [curve.condition | _summary_row(curve, _same(wells, curve, curve_by)) for curve in curves]
    summary = pd.DataFrame(rows, columns=None if rows else [*curve_by, "status", "note"])
    table = summarise_units(wells, by, "relative_viability_pct")
    gr = summarise_units(wells, by, "gr_value")
    table["gr_mean"], table["gr_sd"] = gr["mean"], gr["sd"]
    lacking = np.where(table["gr_mean"].isna(), "target-only wells do not grow: no GR", "")
    of_curve = summary.drop(columns=["note", "donors"], errors="ignore")
    table["note"] = [join_notes(*pair) for pair in zip(table["note"], lacking, strict=True)]
    table = table.merge(of_curve, on=curve_by, how="left")
    table["status"] = table["status"].fillna("control")
    empty = table.isna().any(axis=1)
    table["note"] = table["note"].mask(empty & (table["note"] == ""), "where a cell is empty: see status and ic50_word")
    order = ["cell_line", "effector", "antibody", *extra, "hours", "et_ratio", "dose_ug_per_ml", "role"]
    return table.sort_values(order).reset_index(drop=True), summary, curves


def _of_one(run: Run, control: PlateControls) -> tuple[float, float, float]:
    signal = net_signal(run)
    sample, target = float(signal.value[-1]), float(np.interp(signal.time[-1], control.time, control.target_only))
    start = float(control.target_only[0])
    relative = 100 * sample / target if target > 0 else np.nan
    return relative, growth_rate_value(sample, target, start), target / start if start > 0 else np.nan


def _same(wells: pd.DataFrame, curve: Curve, names: Sequence[str]) -> pd.DataFrame:
    chosen = np.logical_and.reduce([(wells[name] == curve.condition[name]).to_numpy() for name in names])
    return wells[chosen]


def _summary_row(curve: Curve, wells: pd.DataFrame) -> dict[str, object]:
    """The numbers of one curve; `wells` are its own treated wells."""
    notes = [str(curve.row["note"])]
    row: dict[str, object] = {"status": curve.status.replace("upper", "lower"), "donors": curve.donors}
    for end in ("", "_ci95_low", "_ci95_high"):
        row[f"relative_ec50_ng_per_ml{end}"] = curve.row.get(f"ec50_ng_per_ml{end}", np.nan)
    row["lower_plateau_pct"] = curve.row.get("emax_pct", np.nan)
    row["hill"] = curve.row.get("hill", np.nan)
    row["maximal_inhibition_pct"] = 100 - float(curve.mean.min())
    top = wells[wells["dose_ug_per_ml"] == wells["dose_ug_per_ml"].max()]
    grmax = top.groupby("donor")["gr_value"].mean()
    row["grmax"] = float(grmax.mean()) if grmax.notna().any() else np.nan
    row["growth_factor"] = growth = float(wells.groupby("donor")["growth_factor"].mean().mean())
    row |= _absolute(curve, 50.0, "ic50")
    if growth > 1:
        row |= _absolute(curve, 100 * growth ** (np.log2(1.5) - 1), "gr50")
    else:
        row |= {"gr50_ng_per_ml": np.nan, "gr50_word": "target-only wells do not grow"}
    words = {"IC50": row["ic50_word"], "GR50": row["gr50_word"]}
    notes += [f"{name} {word}" for name, word in words.items() if word != REACHED]
    row["note"] = join_notes(*notes)
    return row


def _absolute(curve: Curve, level: float, name: str) -> dict[str, object]:
    """Dose (ng/mL) at which the curve falls to `level` % viability, with interval, or the word why there is none."""
    row: dict[str, object] = {f"{name}_ng_per_ml{end}": np.nan for end in ("", "_ci95_low", "_ci95_high")}
    row[f"{name}_word"] = REACHED
    if curve.theta is None or curve.draws is None:
        row[f"{name}_word"] = NOT_REACHED if curve.mean.min() > level else curve.status.replace("upper", "lower")
        return row
    # The curve crosses a level inside the tested doses whether or not it reaches a plateau beyond them.
    tested = curve.doses[curve.used & (curve.doses > 0)]
    point = float(dose_at(level, curve.theta))
    if not tested.min() <= point <= tested.max():
        row[f"{name}_word"] = BELOW_LOWEST if point < tested.min() else NOT_REACHED
        return row
    low, high = np.exp(curve.interval(np.log(dose_at(level, curve.draws)), np.log(point)))
    if low < tested.min() and high > tested.max():
        row[f"{name}_word"] = UNDETERMINED
        return row
    row[f"{name}_ng_per_ml"], row[f"{name}_ng_per_ml_ci95_low"] = 1000 * point, 1000 * low
    if np.isfinite(high):
        row[f"{name}_ng_per_ml_ci95_high"] = 1000 * high
    else:
        row[f"{name}_word"] = "upper limit open"
    return row
