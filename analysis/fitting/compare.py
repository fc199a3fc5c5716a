"""Comparison of prediction and observation: the difference between simulated and measured experiment, and its size.

Model    difference = simulated mean - observed mean, per condition; bias and RMSE over the conditions.  Its interval is
         Welch's, from the SD between units of both.  Observed values are not clipped to 0-100.
         If one SD is of donors and the other of technical replicates (sd_basis), SD and n of the replicates are not
         used, because wells are not donors, and there is no interval.
         EC50 and Emax, reported: means of donors (of the logarithm for an EC50); ratio with Welch's interval of the
         difference of logarithms.
         EC50 and Emax, fitted: the same logistic through the observed and through the simulated means, at the same
         doses; the interval resamples simulated donors, and draws observed means from their standard errors
         (independently per dose, as if every dose had different donors: the donors behind a mean are unknown).
         Cell counts under a microscope (analysis.assay.cells): differences of fractions and of a time course, ratios of
         counts.
         Assessment: the largest difference of a mean or an Emax, and the largest fold change of an EC50, against the
         reproducibility within a laboratory and between laboratories.  The four limits are those of [compare].  For
         counts they are set here: 0.05 for a fraction, 15 % for a number per NK, 8 points RMS for a time course, about
         the reproducibility of 100 to 200 cells from a few dates; twice that for another laboratory.
Limits   simulation = observation: bias 0, ratios 1, everything within one SD   (tests/analysis/fitting/test_compare.py)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adccsim.analysis.assay.cells import CONTACTS, KILLS
from adccsim.analysis.assay.cells import QUANTITIES as COUNTED
from adccsim.analysis.assay.dose_response import FEWEST_DOSES, NO_PLATEAU, NO_RESPONSE, PLATEAU
from adccsim.analysis.assay.logistic import Fit, fit, fit_many, fraction
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.compare_assessment import FITTED, REPORTED, judge
from adccsim.analysis.fitting.observed import EC50, EMAX, LYSIS, without_replicates
from adccsim.analysis.reading.design import CONDITION_COLUMNS, at_every_level
from adccsim.analysis.reading.design_point import NO_ANTIBODY
from adccsim.analysis.sheets.names import name_key
from adccsim.analysis.statistics import (
    CONFIDENCE,
    DONORS,
    REPLICATES,
    RESAMPLES,
    cluster_bootstrap_indices,
    cluster_interval,
    t_quantile,
)

SIMULATED_ROLES = ("sample", "no_antibody", "target_only")
_SAME = {"rtol": 1e-6, "atol": 1e-15}  # 0.1 + 0.2 and 0.3 are the same dose


@dataclass
class Comparison:
    """Comparison of one experiment with its simulation.

    points      one row per observed lysis: its condition, observed and simulated mean, sd, n, difference with interval.
    parameters  one row per EC50 or Emax: observed, simulated, ratio with interval, basis.
    cells       one row per quantity counted under a microscope: as points, and off (difference; relative for counts).
    summary     agreement in one row (the columns of compare.csv); assessment: one sentence; reasons: numbers behind it.
    """

    settings: dict
    points: pd.DataFrame
    parameters: pd.DataFrame
    summary: dict
    assessment: str
    reasons: list[str]
    notes: list[str] = field(default_factory=list)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def title(self) -> str:
        """The experiment, and whether the model was fitted to it."""
        status = "fitted" if self.settings["role"] == "calibration data" else "predicted"
        return f"{self.settings['title'] or 'experiment'} ({status})"


def compare(
    observed: pd.DataFrame, keys: Sequence[str], tables: Mapping[str, pd.DataFrame], settings: Mapping
) -> Comparison:
    """Compare an experiment with its simulation.

    observed, keys  from observed.read_observed.   tables  of an analysis: lysis, lysis_summary, dose_response; and
    cells, from cells.cell_table, if cells were counted under a microscope.
    settings  the [compare] table as a dict: title, role, the limits *_laboratory_pct and *_laboratory_ec50_fold.
    Raises SheetError if an observed row matches no simulated condition, or several.
    """
    summary = tables["lysis_summary"]
    summary = summary[summary["role"].isin(SIMULATED_ROLES)].reset_index(drop=True)
    curves = tables["dose_response"]
    curves = curves[curves["role"] == "sample"].reset_index(drop=True)
    points, parameters, counted, errors = [], [], [], []
    for row in observed.to_dict("records"):
        if row["quantity"] in COUNTED:
            candidates = tables["cells"][tables["cells"]["quantity"] == row["quantity"]].reset_index(drop=True)
            place, error = match(row, keys, candidates)
            if error:
                errors.append(error)
            else:
                counted.append(_count(row, keys, candidates.iloc[place]))
            continue
        candidates = summary if row["quantity"] == LYSIS else curves
        place, error = match(row, keys, candidates)
        if error:
            errors.append(error)
        elif row["quantity"] == LYSIS:
            points.append(_point(row, keys, candidates.iloc[place]) | {"place": place})
        else:
            basis = DONORS if candidates.iloc[place]["donors"] > 1 else REPLICATES
            parameters.append(_reported(_comparable(row, basis), keys, candidates.iloc[place]))
    if errors:
        raise SheetError(errors)
    table = pd.DataFrame(points)
    for series in _series(table, keys) if points else []:
        parameters += _fitted(series, keys, summary, tables["lysis"], curves)
    of_curves, of_cells = pd.DataFrame(parameters), pd.DataFrame(counted)
    judged = judge(table, of_curves, of_cells, settings)
    return Comparison(dict(settings), table.drop(columns="place", errors="ignore"), of_curves, *judged, of_cells)


def check_observed(observed: pd.DataFrame, keys: Sequence[str], design: pd.DataFrame, extra: Sequence[str]) -> None:
    """The matching of `compare` before anything is run; design and extra: from analysis.reading.design.

    Raises SheetError if a row matches no condition, or several.
    """
    names = [*CONDITION_COLUMNS, *extra]
    wells = at_every_level(design[design["role"].isin(SIMULATED_ROLES)][names], extra)
    wells = wells.drop_duplicates().reset_index(drop=True)
    curves = wells[wells["dose_ug_per_ml"] > 0].drop(columns="dose_ug_per_ml").drop_duplicates()
    among = {EC50: curves, EMAX: curves} | dict.fromkeys(COUNTED, wells[wells["et_ratio"] > 0].reset_index(drop=True))
    rows = observed.drop(columns="at_h").to_dict("records")  # the time point of a course is not a condition
    errors = [match(row, keys, among.get(row["quantity"], wells))[1] for row in rows]
    if any(errors):
        raise SheetError(error for error in errors if error)


def match(row: Mapping, keys: Sequence[str], candidates: pd.DataFrame) -> tuple[int, str]:
    """(index of the only candidate that a row matches, ""), or (-1, error)."""
    chosen = np.ones(len(candidates), dtype=bool)
    for key in [*keys, "at_h"]:
        value = row.get(key, "")
        # Wells without antibody belong to every antibody; a whole curve has no dose.
        if value == "" or pd.isna(value) or (key == "antibody" and row.get("dose_ug_per_ml") == 0):
            continue
        if key not in candidates:
            return (
                -1,
                f"row {row['row']}, column {key}: the scenario does not vary it; leave the cell empty or sweep the key",
            )
        column = candidates[key]
        number = isinstance(value, float) and pd.api.types.is_numeric_dtype(column)
        if number:
            fits = np.isclose(column, value, rtol=_SAME["rtol"], atol=_SAME["atol"])
        else:
            fits = (column.astype(str).map(name_key) == name_key(_text(value))).to_numpy()
        if not (chosen & fits).any():
            simulated = ", ".join(_text(each) for each in sorted(set(column[chosen])))
            return -1, f"row {row['row']}, column {key}: {_text(value)} is not simulated; the scenario has {simulated}"
        chosen &= fits
    places = np.flatnonzero(chosen)
    if len(places) > 1 and set(candidates["antibody"].iloc[places]) == {NO_ANTIBODY}:
        # Wells without antibody are listed once for every value of an antibody parameter.
        others = [name for name in candidates if not name.startswith("antibody.")]
        places = places[~candidates.iloc[places].duplicated(others).to_numpy()]
    if len(places) == 1:
        return int(places[0]), ""
    if not len(places):
        return -1, f"row {row['row']}: the simulation has no dose-response curve to compare with"
    named = [name for name in [*CONDITION_COLUMNS, *candidates.columns] if name in candidates]
    differ = [n for n in dict.fromkeys(named) if n in CONDITION_COLUMNS or "." in n]
    differ = [n for n in differ if candidates.iloc[places][n].nunique(dropna=False) > 1]
    return -1, f"row {row['row']} matches {len(places)} simulated conditions; distinguish them by {' or '.join(differ)}"


def _count(row: Mapping, keys: Sequence[str], simulated: pd.Series) -> dict:
    """One row of `cells`."""
    relative = row["quantity"] in (KILLS, CONTACTS)
    difference = simulated["mean"] - row["value"]
    names = dict.fromkeys([*keys, "et_ratio", "hours", "at_h", *_varied(simulated.index)])
    return {name: simulated[name] for name in names if name in simulated and pd.notna(simulated[name])} | {
        "quantity": row["quantity"],
        "observed": row["value"],
        "observed_n": row["n"],
        "simulated": simulated["mean"],
        "simulated_sd": simulated["sd"],
        "simulated_n": simulated["n"],
        "off": difference / row["value"] if relative else difference,
    }


def _varied(columns: Iterable[str]) -> list[str]:
    """The columns of a table that are varied keys."""
    return [name for name in columns if "." in name]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _point(row: Mapping, keys: Sequence[str], simulated: pd.Series) -> dict:
    """One row of `points`."""
    stated, basis = row.get("sd_basis", ""), simulated["sd_basis"]
    row = _comparable(row, basis)
    difference = simulated["mean"] - row["value"]
    low, high, note = np.nan, np.nan, ""
    if stated in ("", basis):
        low, high = _welch(difference, (simulated["sd"], simulated["n"]), (row["sd"], row["n"]))
    else:
        note = f"observed SD of {stated}, simulated SD of {basis}: no interval"
    away = abs(difference) / row["sd"] if row["sd"] > 0 else np.nan
    names = dict.fromkeys([*keys, "dose_ug_per_ml", "et_ratio", "hours", *_varied(simulated.index)])
    return {name: simulated[name] for name in names if name in simulated} | {
        "observed": row["value"],
        "observed_sd": row["sd"],
        "observed_n": row["n"],
        "observed_sd_basis": stated,
        "simulated": simulated["mean"],
        "simulated_sd": simulated["sd"],
        "simulated_n": simulated["n"],
        "sd_basis": simulated["sd_basis"],
        "difference": difference,
        "difference_ci95_low": low,
        "difference_ci95_high": high,
        "observed_sds_away": away,
        "note": note,
    }


def _comparable(row: Mapping, simulated_basis: str) -> Mapping:
    """The row without SD and n if these are of technical replicates and those of the simulation are of donors."""
    return without_replicates(row) if simulated_basis == DONORS else row


def _welch(difference: float, *groups: tuple[float, float]) -> tuple[float, float]:
    """95 % interval of a difference of two means from the (SD, n) of both; NaN if one is unknown."""
    parts = np.array([sd**2 / n if n > 1 else np.nan for sd, n in groups])
    counts = np.array([n for _, n in groups])
    if not np.isfinite(parts).all():
        return np.nan, np.nan
    total = parts.sum()
    dof = total**2 / (parts**2 / (counts - 1)).sum() if total > 0 else 1.0
    half = t_quantile(float(dof), 0.5 + CONFIDENCE / 2) * np.sqrt(total)
    return difference - half, difference + half


def _reported(row: Mapping, keys: Sequence[str], curve: pd.Series) -> dict:
    """One row of `parameters` for an EC50 or Emax reported by the experiment."""
    potency = row["quantity"] == EC50
    several = curve["donors"] > 1
    if several and potency:
        names = ("donor_ec50_geomean_ng_per_ml", "donor_ec50_log10_sd", "donors_fitted")
    elif several:
        names = ("donor_emax_mean_pct", "donor_emax_sd_pct", "donors_fitted")
    else:
        names = (row["quantity"], "", "donors")
    simulated, sd, n = (curve.get(name, np.nan) for name in names)
    basis, note = (REPORTED, "") if several else ("one simulated curve", "SD of technical replicates: no interval")
    named = dict.fromkeys([*keys, *_varied(curve.index)])
    reported = {key: curve[key] for key in named if key in curve} | {"quantity": row["quantity"], "basis": basis}
    reported |= {"observed": row["value"], "simulated": simulated, "observed_n": row["n"], "simulated_n": n}
    ratio, low, high = np.nan, np.nan, np.nan
    if not np.isfinite(simulated):
        note = f"simulated: {curve['status']}"
    elif min(simulated, row["value"]) > 0:
        ratio = simulated / row["value"]
        spread = [(sd, row["log10_sd"]), (sd / simulated / np.log(10), row["sd"] / row["value"] / np.log(10))]
        of_simulated, of_observed = spread[0 if potency else 1]
        low, high = 10 ** np.array(_welch(np.log10(ratio), (of_simulated, n), (of_observed, row["n"])))
    unfitted = int(curve["donors"] - n) if several and n > 0 else 0
    note = f"{unfitted} of {curve['donors']:g} simulated donors have no fit" if unfitted else note
    return reported | {"ratio": ratio, "ratio_ci95_low": low, "ratio_ci95_high": high, "note": note}


def _series(points: pd.DataFrame, keys: Sequence[str]) -> list[pd.DataFrame]:
    """Groups of points that differ only in dose and have enough doses for a fit."""
    named = dict.fromkeys([*keys, "et_ratio", "hours", *_varied(points)])
    by = [key for key in named if key in points and key != "dose_ug_per_ml"]
    by = [key for key in by if key != "antibody"] or by
    groups = [group for _, group in points.groupby(by, dropna=False, sort=True)] if by else [points]
    return [group for group in groups if group["dose_ug_per_ml"].nunique() >= FEWEST_DOSES]


def _fitted(
    series: pd.DataFrame, keys: Sequence[str], summary: pd.DataFrame, lysis: pd.DataFrame, curves: pd.DataFrame
) -> list[dict]:
    """EC50 and Emax of the curves through the observed and the simulated means of one series."""
    series = series.sort_values("dose_ug_per_ml")
    doses, observed = series["dose_ug_per_ml"].to_numpy(), series["observed"].to_numpy()
    by = [name for name in summary if name in CONDITION_COLUMNS or "." in name]
    wells = at_every_level(lysis[lysis["role"].isin(SIMULATED_ROLES)], _varied(by))
    columns = []
    for place in series["place"]:
        same = np.ones(len(wells), dtype=bool)
        for name in by:
            same &= (wells[name] == summary[name].iloc[place]).to_numpy()
        columns.append(wells[same].groupby("donor")["specific_lysis_pct"].mean())
    matrix = pd.concat(columns, axis=1).to_numpy()  # donors x doses
    donors = len(matrix)
    theta = [fit(doses, values) for values in (observed, np.nanmean(matrix, axis=0))]
    named = dict.fromkeys([*keys, *_varied(series)])
    condition = {key: series[key].iloc[0] for key in named if key in series and key != "dose_ug_per_ml"}
    notes = [_no_fit(source, doses, fitted) for source, fitted in zip(("observed", "simulated"), theta, strict=True)]
    top = summary.iloc[series["place"].iloc[-1]]
    shared = [name for name in by if name in curves and name != "dose_ug_per_ml"]
    statuses = curves.loc[(curves[shared] == top[shared]).all(axis=1), "status"]
    if NO_RESPONSE in set(statuses):
        notes[1] = f"simulated: {NO_RESPONSE}"
    error = (series["observed_sd"] / np.sqrt(series["observed_n"])).max()
    if theta[0].theta[1] - theta[0].theta[0] < 3 * error:
        notes[0] = f"observed: {NO_RESPONSE}"
    draws = _draws(series, doses, observed, matrix)
    rows = []
    for quantity, index in ((EC50, 2), (EMAX, 1)):
        # Logarithm of Emax too, so that ratios of both quantities are differences.
        values = [curve.theta[index] if index == 2 else np.log(max(curve.theta[index], 1e-9)) for curve in theta]
        point, low, high = values[1] - values[0], np.nan, np.nan
        note = "; ".join(n for n in notes if n)
        if draws is not None and not note:
            pair = [d[:, 2] if index == 2 else np.log(np.maximum(d[:, 1], 1e-9)) for d in draws]
            low, high = cluster_interval(pair[1] - pair[0], donors, point) if donors > 1 else np.quantile(
                pair[1] - pair[0], [0.025, 0.975])  # fmt: skip
        elif not note:
            note = "SD unknown: no interval"
        shown = [1000 * np.exp(value) if index == 2 else np.exp(value) for value in values]
        if any(notes):
            shown, point = [np.nan, np.nan], np.nan
        rows.append(
            condition
            | {"quantity": quantity, "basis": FITTED, "observed": shown[0], "simulated": shown[1]}
            | {"observed_n": series["observed_n"].min(), "simulated_n": donors, "ratio": np.exp(point)}
            | {"ratio_ci95_low": np.exp(low), "ratio_ci95_high": np.exp(high), "note": note}
        )
    return rows


def _no_fit(source: str, doses: np.ndarray, fitted: Fit) -> str:
    reached = fraction(doses[-1:], fitted.theta)[0] >= PLATEAU and not fitted.at_bound[1:3].any()
    return "" if reached and fitted.theta[1] > fitted.theta[0] else f"{source}: {NO_PLATEAU}"


def _draws(
    series: pd.DataFrame, doses: np.ndarray, observed: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fits to resampled observed and simulated means, each (RESAMPLES, 4); None if an SD is unknown."""
    rng = np.random.default_rng(0)
    error = (series["observed_sd"] / np.sqrt(series["observed_n"])).to_numpy()
    simulated: np.ndarray | None
    if len(matrix) > 1:
        simulated = np.nanmean(matrix[cluster_bootstrap_indices(len(matrix))], axis=1)
    else:
        standard_error = (series["simulated_sd"] / np.sqrt(series["simulated_n"])).to_numpy()
        simulated = (
            rng.normal(matrix[0], standard_error, (RESAMPLES, len(doses)))
            if np.isfinite(standard_error).all()
            else None
        )
    if simulated is None or not np.isfinite(error).all():
        return None
    drawn = fit_many(doses, rng.normal(observed, error, (RESAMPLES, len(doses)))), fit_many(doses, simulated)
    return drawn if all(np.isfinite(theta).all() for theta in drawn) else None
