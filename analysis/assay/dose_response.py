"""Dose response: EC50, Emax, bottom and slope of every curve, or a plain word where the data hold none.

Model    Four-parameter logistic (analysis.assay.logistic) with dose 0 as a point of the fit.  Several donors: the curve
         of the mean of donors, intervals by a bootstrap that draws whole donors; each donor is fitted by itself as
         well. One donor: the curve through its wells, intervals from the covariance of the fit, which
         holds the error of technical replicates only.
         Response or none: F test of the curve against a constant, each donor centred on its own mean, at 1 %
         (5 % where fewer than four degrees of freedom are left).
         Hook: a fall at high doses beyond the noise (analysis.assay.falls); the falling doses leave the fit. EC50 and
         the other numbers stand next to the remark.
Limits   flat data: "no dose response";  rising to the last dose: "upper plateau not reached", no EC50
                                                                            (tests/analysis/assay/test_dose_response.py)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adccsim.analysis.assay import falls
from adccsim.analysis.assay.curve_wells import Wells
from adccsim.analysis.assay.logistic import Fit, bounds, fit, fit_many, fraction, logistic4
from adccsim.analysis.reading.design import pooled, pooled_by
from adccsim.analysis.statistics import (
    DONORS,
    FEW_CLUSTERS,
    REPLICATES,
    cluster_bootstrap_indices,
    cluster_interval,
    t_interval,
)
from adccsim.analysis.tables import join_notes

FEWEST_DOSES = 5
PLATEAU = 0.85
MONOTONE_UP_TO_UG_PER_ML = 1.0
_T_DRAWS = 2000
_GRID = 80

PARAMETERS = ("ec50_ng_per_ml", "emax_pct", "bottom_pct", "hill")
OK = "ok"
TOO_FEW = "too few doses"
NO_RESPONSE = "no dose response"
NO_PLATEAU = "upper plateau not reached"
BELOW_LOWEST = "EC50 below the lowest dose"
UNDETERMINED = "EC50 not determined"


@dataclass
class Curve:
    """One dose-response curve: what was measured, what was fitted, and what may be said.

    doses (K,) in ug/mL, rising; mean, low, high (K,) the mean response and its 95 % interval; used (K,) False where
    a hook excluded the dose.  theta (4,) and draws (B, 4) of the fit, None where none is supported; grid (ug/mL),
    fitted, band_low, band_high for drawing.  row: the columns of dose_response.csv.
    """

    condition: dict
    doses: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    used: np.ndarray
    status: str
    row: dict
    theta: np.ndarray | None = None
    draws: np.ndarray | None = None
    donors: int = 1
    band: dict[str, np.ndarray] = field(default_factory=dict)

    def interval(self, draws: np.ndarray, point: float) -> tuple[float, float]:
        """95 % interval of a quantity computed from `self.draws`; draws of shape (B,), point its estimate."""
        if self.donors > 1:
            return cluster_interval(draws, self.donors, point)
        low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
        return float(low), float(high)


def dose_response_curves(
    wells: pd.DataFrame,
    extra: Sequence[str],
    value: str = "specific_lysis_pct",
    rising: bool = True,
    with_intervals: bool = True,
) -> tuple[list[Curve], pd.DataFrame]:
    """(curves, donors): one Curve per condition apart from dose, and a table with a row per curve and donor.

    wells  one row per well: role, the condition columns, `extra`, plate, donor, at_zero and `value`.  Wells without
           antibody belong to every curve of their plate and E:T.
    rising  the direction that a response is expected to have.
    with_intervals  as of analyse_curve; the spread between donors is there in any case.
    """
    by = [name for name in pooled_by(extra) if name != "dose_ug_per_ml"]
    wells = wells[wells[value].notna()]
    zero = wells[wells["at_zero"] & (wells["role"] != "fc_null")]
    curves, donor_rows = [], []
    treated = pooled(wells[wells["dose_ug_per_ml"] > 0], extra)
    for key, group in treated.groupby(by, dropna=False, sort=True):
        condition = dict(zip(by, key, strict=True))
        shared = zero[zero["plate"].isin(group["plate"]) & (zero["et_ratio"] == condition["et_ratio"])]
        dose = np.concatenate([np.zeros(len(shared)), group["dose_ug_per_ml"].to_numpy(dtype=float)])
        donor, response = (np.concatenate([shared[name], group[name]]) for name in ("donor", value))
        points = Wells(dose, donor, response.astype(float))
        curve = analyse_curve(points, condition, rising, with_intervals)
        if curve.donors > 1:
            rows = _donor_rows(points, condition, rising)
            curve.row |= _between_donors(rows)
            donor_rows += rows
        curves.append(curve)
    return curves, pd.DataFrame(donor_rows)


def dose_response_table(curves: Sequence[Curve], extra: Sequence[str]) -> pd.DataFrame:
    """dose_response.csv: one row per curve; status says in words whether the numbers exist."""
    names = [f"{p}{end}" for p in PARAMETERS for end in ("", "_ci95_low", "_ci95_high")]
    by = [name for name in pooled_by(extra) if name != "dose_ug_per_ml"]
    facts = ["doses", "donors", "wells", "sd_basis", "highest_mean_pct", "highest_mean_at_ug_per_ml", "monotone"]
    between = ["donors_fitted", "donor_ec50_geomean_ng_per_ml", "donor_ec50_log10_sd", "donor_emax_mean_pct"]
    columns = [*by, "status", *names, *facts, *between, "donor_emax_sd_pct", "hook_from_ug_per_ml", "note"]
    table = pd.DataFrame([curve.condition | curve.row for curve in curves], columns=columns)
    # Columns that this study cannot fill say nothing.
    idle = [name for name in [*between, "donor_emax_sd_pct", "hook_from_ug_per_ml"] if table[name].isna().all()]
    return table.drop(columns=idle)


def analyse_curve(
    points: Wells, condition: dict, rising: bool = True, with_intervals: bool = True, start: np.ndarray | None = None
) -> Curve:
    """Judge and fit one curve from its wells.

    with_intervals = False leaves out the intervals of the parameters and the band, which take most of the time.
    start: theta (4,) near that of the fit to all wells, where it is known.
    """
    doses, _, matrix = points.means()
    donors = len(matrix)
    sign = 1.0 if rising else -1.0
    intervals = [t_interval(matrix[:, k] if donors > 1 else points.at(dose)) for k, dose in enumerate(doses)]
    mean, _, low, high = (np.array(column) for column in zip(*intervals, strict=True))
    hook = falls.hook(points, rising)
    used = np.ones(len(doses), dtype=bool)
    if hook is not None:
        used[hook.last + 1 :] = False
    curve = Curve(condition, doses, mean, low, high, used, OK, {}, donors=donors)
    best = int(np.argmax(sign * mean))
    curve.row = {
        "doses": len(doses),
        "donors": donors,
        "wells": len(points.dose),
        "sd_basis": DONORS if donors > 1 else REPLICATES,
        "highest_mean_pct": mean[best],
        "highest_mean_at_ug_per_ml": doses[best],
        "monotone": _monotone(points, rising),
        "hook_from_ug_per_ml": None if hook is None else doses[hook.last + 1],
    }
    notes = [] if doses[0] == 0 else ["no well without antibody: bottom is extrapolated"]
    if not falls.can_be_judged(points):
        notes.append(f"{falls.why_not_judged(points)}: hook and monotony not judged")
    if donors > 1 and np.isnan(matrix).any():
        notes.append("some donors lack some doses")
    if not used.all():
        points, start = points.where(np.isin(points.dose, doses[used])), None
    _fit(curve, points, matrix[:, used], sign, with_intervals, start, notes)
    if hook is not None:
        _mention_hook(curve, hook, notes)
    curve.row["status"] = curve.status
    curve.row["note"] = join_notes(*notes)
    return curve


def _mention_hook(curve: Curve, hook: falls.Fall, notes: list[str]) -> None:
    """The remark on a fall; without a response there is nothing that could fall."""
    if curve.status == NO_RESPONSE:
        curve.row["hook_from_ug_per_ml"] = None
        curve.used[:] = True
        return
    place = f"falls above {curve.doses[hook.last]:g} ug/mL"
    if curve.status == OK:
        curve.status = f"hook: {place}"
    notes.append(f"{place} by {hook.size:.1f} points; these doses are left out of the fit")


def _monotone(points: Wells, rising: bool) -> str:
    """ "yes" if no dose up to 1 ug/mL lies below an earlier one by more than noise."""
    within = points.where(points.dose <= MONOTONE_UP_TO_UG_PER_ML)
    if not len(within.dose) or not falls.can_be_judged(within):
        return "not judged"
    return "no" if falls.dips(within, rising) else "yes"


def _fit(
    curve: Curve,
    points: Wells,
    matrix: np.ndarray,
    sign: float,
    with_intervals: bool,
    start: np.ndarray | None,
    notes: list[str],
) -> None:
    """Fill theta, draws, status, the parameter columns and the band of `curve`."""
    doses = curve.doses[curve.used]
    if len(doses) < FEWEST_DOSES:
        curve.status = TOO_FEW
        notes.append(f"{len(doses)} doses; a fit needs {FEWEST_DOSES}, dose 0 included")
        return
    if curve.donors > 1:
        dose, response = doses, np.nanmean(matrix, axis=0)
    else:
        dose, response = points.dose, points.response
    found = fit(dose, response, start)
    judged = matrix if curve.donors > 1 else response[None, :]
    if not _responds(dose, judged, found.theta):
        curve.status = NO_RESPONSE
        notes.append(f"mean {np.nanmean(judged):.1f} % over all doses")
        return
    if sign * (found.theta[1] - found.theta[0]) < 0:
        curve.status = "falls with dose" if sign > 0 else "rises with dose"
        return
    theta = found.theta
    at_lowest, at_highest = fraction(np.array([doses[doses > 0].min(), doses.max()]), theta)
    if at_highest < PLATEAU:
        curve.status = NO_PLATEAU
        notes.append(f"mean {curve.row['highest_mean_pct']:.1f} % at {curve.row['highest_mean_at_ug_per_ml']:g} ug/mL")
    elif at_lowest > PLATEAU:
        curve.status = BELOW_LOWEST
    curve.theta = theta
    if not with_intervals:
        draws = theta[None, :]
    elif curve.donors > 1:
        draws = _donor_draws(doses, matrix)
    else:
        draws = _parametric_draws(found, doses, response)
    curve.draws = draws
    _fill_parameters(curve, found, draws, doses, notes)
    if with_intervals:
        _fill_band(curve, theta, draws, doses)


def _responds(dose: np.ndarray, matrix: np.ndarray, theta: np.ndarray) -> bool:
    """F test of the curve against a constant; rows of `matrix` (units, points) are centred on their own means."""
    from scipy.special import fdtrc

    known = np.isfinite(matrix)
    fitted = np.where(known, logistic4(dose, theta), np.nan)
    flat = matrix - np.nanmean(matrix, axis=1, keepdims=True)
    bent = flat - (fitted - np.nanmean(fitted, axis=1, keepdims=True))
    ss_flat, ss_bent = float(np.nansum(flat**2)), float(np.nansum(bent**2))
    dof = int(known.sum()) - len(matrix) - 3
    if dof < 1 or ss_flat <= 1e-12:
        return False
    if ss_bent <= 1e-12 * ss_flat:
        return True
    ratio = max(0.0, (ss_flat - ss_bent) / 3) / (ss_bent / dof)
    return bool(fdtrc(3, dof, ratio) < (0.01 if dof >= 4 else 0.05))


def _donor_draws(doses: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Fits of the mean of donors, donors drawn with replacement; (B, 4)."""
    drawn = matrix[cluster_bootstrap_indices(len(matrix))]
    known = np.isfinite(drawn)
    counts = known.sum(axis=1)
    means = np.divide(
        np.where(known, drawn, 0).sum(axis=1), counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )
    draws = fit_many(doses, means)
    return draws[np.isfinite(draws).all(axis=1)]


def _parametric_draws(found: Fit, doses: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Draws of theta from the multivariate t distribution of the fit, kept inside the bounds of a fit; (B, 4)."""
    if found.dof < 1:
        return found.theta[None, :]
    rng = np.random.default_rng(0)
    # The slope is positive and skewed: its logarithm is drawn.
    scale = np.diag([1.0, 1.0, 1.0, 1 / found.theta[3]])
    covariance = scale @ found.covariance @ scale
    normal = rng.multivariate_normal(np.zeros(4), covariance, size=_T_DRAWS, method="eigh")
    normal *= np.sqrt(found.dof / rng.chisquare(found.dof, size=_T_DRAWS))[:, None]
    draws = found.theta + normal
    with np.errstate(over="ignore"):
        draws[:, 3] = found.theta[3] * np.exp(normal[:, 3])
    return np.clip(draws, *bounds(doses, response))


def _fill_parameters(curve: Curve, found: Fit, draws: np.ndarray, doses: np.ndarray, notes: list[str]) -> None:
    wanted = {OK: PARAMETERS, NO_PLATEAU: ("bottom_pct",), BELOW_LOWEST: ("emax_pct", "bottom_pct")}[curve.status]
    if doses[0] > 0 and curve.status == BELOW_LOWEST:
        wanted = ("emax_pct",)
    columns = {"bottom_pct": 0, "emax_pct": 1, "ec50_ng_per_ml": 2, "hill": 3}
    scales: dict[str, Callable[[float], float]] = {"ec50_ng_per_ml": lambda x: 1000 * np.exp(x), "hill": np.exp}
    for name in wanted:
        index = columns[name]
        own, point = draws[:, index], float(found.theta[index])
        # An EC50 (ng/mL) and a slope are positive and skewed: their intervals are symmetric in the logarithm.
        if name == "hill":
            own, point = np.log(own), float(np.log(point))
        scaled = scales.get(name, float)
        curve.row[name] = float(scaled(point))
        if found.at_bound[index]:
            notes.append(f"{name} ended at the limit of the fit: no interval")
        elif len(own) > 1:
            low, high = curve.interval(own, point)
            curve.row[f"{name}_ci95_low"], curve.row[f"{name}_ci95_high"] = float(scaled(low)), float(scaled(high))
    if curve.status == OK and len(draws) > 1:
        reached = float(np.mean(fraction(doses[-1:], draws)[:, 0] >= PLATEAU))
        if reached < 0.9:
            notes.append(f"only {100 * reached:.0f} % of the draws reach the upper plateau: intervals are open upwards")
    if curve.status == OK and _outside_on_both_sides(curve.row, doses[doses > 0]):
        curve.status = UNDETERMINED
        notes.append("the interval of the EC50 leaves the tested doses on both sides")
        for name in ("ec50_ng_per_ml", "hill"):
            for column in (name, f"{name}_ci95_low", f"{name}_ci95_high"):
                curve.row.pop(column, None)
    if 1 < curve.donors < FEW_CLUSTERS:
        notes.append(f"{curve.donors} donors: intervals are rough")


def _outside_on_both_sides(row: dict, doses: np.ndarray) -> bool:
    """Whether the 95 % interval of the EC50 reaches below the lowest and above the highest dose (ug/mL) of a series."""
    low, high = (row.get(f"ec50_ng_per_ml_ci95_{end}", np.nan) for end in ("low", "high"))
    return bool(low < 1000 * doses.min() and high > 1000 * doses.max())


def _fill_band(curve: Curve, theta: np.ndarray, draws: np.ndarray, doses: np.ndarray) -> None:
    positive = doses[doses > 0]
    grid = np.concatenate([[0.0], np.geomspace(positive.min(), positive.max(), _GRID)])
    fitted = logistic4(grid, draws)
    line = logistic4(grid, theta)
    edges = np.array([curve.interval(column, point) for column, point in zip(fitted.T, line, strict=True)])
    curve.band = {"dose": grid, "fitted": line, "low": edges[:, 0], "high": edges[:, 1]}


def _donor_rows(points: Wells, condition: dict, rising: bool) -> list[dict]:
    doses, donors, means = points.means()
    # All at once through most of the way: a curve by itself takes as long as some fifty together.
    starts = fit_many(doses, means) if len(doses) >= FEWEST_DOSES else np.full((len(donors), 4), np.nan)
    names = ("status", *PARAMETERS, "highest_mean_pct", "doses", "wells", "note")
    rows = []
    for donor, start in zip(donors, starts, strict=True):
        known = start if np.isfinite(start).all() else None
        curve = analyse_curve(points.where(points.donor == donor), condition, rising, False, known)
        rows.append(condition | {"donor": donor} | {name: curve.row.get(name, np.nan) for name in names})
    return rows


def _between_donors(rows: list[dict]) -> dict[str, float]:
    """Geometric mean and log10 SD of the donors' own EC50, mean and SD of their Emax, over donors with a fit."""
    fitted = [row for row in rows if np.isfinite(row["ec50_ng_per_ml"])]
    if not fitted:
        return {"donors_fitted": 0}
    logs = t_interval(np.log10([row["ec50_ng_per_ml"] for row in fitted]))
    emax = t_interval([row["emax_pct"] for row in fitted])
    return {
        "donors_fitted": len(fitted),
        "donor_ec50_geomean_ng_per_ml": 10 ** logs[0],
        "donor_ec50_log10_sd": logs[1],
        "donor_emax_mean_pct": emax[0],
        "donor_emax_sd_pct": emax[1],
    }
