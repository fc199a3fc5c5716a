"""Assessment of a comparison: the difference of simulation and measurement against the reproducibility of assays."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.cells import CONTACTS, DEATHS, KILLS
from adccsim.analysis.fitting.observed import EC50, EMAX
from adccsim.analysis.statistics import DONORS, REPLICATES

ASSESSMENTS = (
    "within the reproducibility of one laboratory",
    "within the reproducibility between laboratories, but not of one laboratory",
    "outside the reproducibility between laboratories",
)
FEWEST_EQUAL_SIGNS = 6
FRACTION_LIMIT, COUNT_LIMIT, COURSE_LIMIT_PCT = 0.05, 0.15, 8.0
REPORTED, FITTED = "mean of donors", "curve through the means"


def judge(
    points: pd.DataFrame, parameters: pd.DataFrame, cells: pd.DataFrame, settings: Mapping
) -> tuple[dict, str, list[str], list[str]]:
    """(summary row, assessment, reasons, notes)."""
    row: dict[str, object] = {
        "experiment": settings["title"], "role": settings["role"], "points": len(points) + len(cells)
    }  # fmt: skip
    reasons, notes, levels = [], [], []
    limits = [settings["same_laboratory_pct"], settings["other_laboratory_pct"]]
    folds = [settings["same_laboratory_ec50_fold"], settings["other_laboratory_ec50_fold"]]
    compared = points[points["difference"].notna()] if len(points) else points
    if len(compared):
        difference = compared["difference"]
        worst = compared.loc[difference.abs().idxmax()]
        away = compared["observed_sds_away"].dropna()
        row |= {
            "bias_pct": difference.mean(),
            "rmse_pct": np.sqrt((difference**2).mean()),
            "largest_difference_pct": worst["difference"],
            "within_1_sd_pct": 100 * (away <= 1).mean() if len(away) else np.nan,
            "within_2_sd_pct": 100 * (away <= 2).mean() if len(away) else np.nan,
        }
        levels.append(_level(abs(worst["difference"]), limits))
        reasons.append(
            f"largest difference of a mean {worst['difference']:+.1f} points, at {worst['dose_ug_per_ml']:g} ug/mL "
            f"and {worst['et_ratio']:g}:1 (same laboratory {limits[0]:g}, another {limits[1]:g})"
        )
        signs = set(np.sign(difference))
        # At least six equal signs are needed for significance: two-sided sign test at 5 %.
        if len(compared) >= FEWEST_EQUAL_SIGNS and len(signs) == 1 and 0 not in signs:
            notes.append(f"the simulation is {'higher' if signs == {1.0} else 'lower'} at every condition")
        errors = compared["simulated_sd"] / np.sqrt(compared["simulated_n"])
        several = (compared["sd_basis"] == DONORS).all()
        wells = compared["observed_sd_basis"] == REPLICATES
        if several and wells.any():
            notes.append(
                f"the observed SD of {'all' if wells.all() else int(wells.sum())} conditions is an SD of technical "
                "replicates, not of donors, and is not used; these differences have no interval"
            )
        if several:
            n = int(compared["simulated_n"].min())
            notes.append(f"simulated means of {n} donors: standard error up to {errors.max():.1f} points")
            excess = compared["simulated_sd"] - compared["observed_sd"]
            if excess.notna().any():
                place = excess.abs().idxmax()
                row["largest_sd_difference_pct"] = excess[place]
                notes.append(
                    f"SD between donors differs most at {compared['dose_ug_per_ml'][place]:g} ug/mL: "
                    f"{compared['simulated_sd'][place]:.1f} points simulated, "
                    f"{compared['observed_sd'][place]:.1f} observed"
                )
        else:
            notes.append("one simulated donor: SD of technical replicates, not between donors")
    for quantity, name in ((EC50, "ec50"), (EMAX, "emax")):
        decisive = _decisive(parameters, quantity)
        if decisive is None:
            continue
        row |= {f"{name}_ratio{end}": decisive[f"ratio{end}"] for end in ("", "_ci95_low", "_ci95_high")}
        row |= {f"{name}_basis": decisive["basis"]}
        if quantity == EC50:
            fold = max(decisive["ratio"], 1 / decisive["ratio"])
            levels.append(_level(fold, folds))
            reasons.append(f"EC50 {fold:.3g}-fold {'higher' if decisive['ratio'] > 1 else 'lower'} "
                           f"(same laboratory {folds[0]:g}, another {folds[1]:g})")  # fmt: skip
        else:
            away = decisive["simulated"] - decisive["observed"]
            levels.append(_level(abs(away), limits))
            reasons.append(f"Emax {away:+.1f} points (same laboratory {limits[0]:g}, another {limits[1]:g})")
            row["emax_difference_pct"] = away
    if len(cells):
        columns, of_cells, level = _judge_cells(cells)
        row |= columns
        reasons += of_cells
        levels.append(level)
    for each in parameters.to_dict("records"):
        if not np.isfinite(each["ratio"]):
            notes.append(
                f"{each['quantity']} ({each['basis']}) could not be compared: {each['note'] or 'no positive value'}"
            )
    assessment = ASSESSMENTS[max(levels)] if levels else "no comparable values"
    if settings["role"] == "calibration data" and levels:
        notes.append(
            "the effector parameters of the catalogue were fitted to these data: agreement is a fit, not a prediction"
        )
    return row | {"assessment": assessment}, assessment, reasons, notes


def _judge_cells(cells: pd.DataFrame) -> tuple[dict, list[str], int]:
    """(columns of the summary, reasons, level) of the cell counts."""
    row, reasons, levels = {}, [], []
    course = cells["quantity"] == DEATHS
    count = cells["quantity"].isin([KILLS, CONTACTS])
    if course.any():
        rms = float(np.sqrt((cells.loc[course, "off"] ** 2).mean()))
        row["course_rms_pct"] = rms
        reasons.append(f"time course of deaths: RMS difference {rms:.1f} points (limit {COURSE_LIMIT_PCT:g})")
        levels.append(_level(rms, [COURSE_LIMIT_PCT, 2 * COURSE_LIMIT_PCT]))
    for chosen, name, limit in ((~course & ~count, "fraction_off", FRACTION_LIMIT), (count, "count_off", COUNT_LIMIT)):
        if chosen.any():
            worst = cells.loc[cells.loc[chosen, "off"].abs().idxmax()]
            row[name] = worst["off"]
            shown = f"{worst['off']:+.0%}" if name == "count_off" else f"{worst['off']:+.3f}"
            reasons.append(f"{worst['quantity']} {worst['simulated']:.3g} against {worst['observed']:.3g}, {shown} "
                           f"(limit {limit:g})")  # fmt: skip
            levels.append(_level(abs(worst["off"]), [limit, 2 * limit]))
    return row, reasons, max(levels)


def _decisive(parameters: pd.DataFrame, quantity: str) -> pd.Series | None:
    """The most distant row, which decides the assessment; values reported by the experiment precede fitted ones."""
    if parameters.empty:
        return None
    rows = parameters[(parameters["quantity"] == quantity) & parameters["ratio"].notna()]
    rows = rows[rows["basis"] != FITTED] if (rows["basis"] != FITTED).any() else rows
    if rows.empty:
        return None
    return rows.loc[np.log(rows["ratio"]).abs().idxmax()]


def _level(size: float, limits: Sequence[float]) -> int:
    return int(sum(size > limit for limit in limits))
