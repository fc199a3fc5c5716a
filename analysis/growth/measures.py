"""Volume and growth measures of tumours in mice, computed from caliper data.

Model    Volume L W^2 / 2 or pi / 6 L W^2 (W the shorter axis). Growth rate k: least-squares slope of ln V on the day.
         Specific growth rate ln 2 / DT from the first and last reading. Adjusted area (1 / t) integral ln(V / V0) dt,
         trapezoidal rule, to the last day of each mouse.
         T/C = V_T / V_C;  tgi_tc = 100 (1 - T/C);  tgi_delta = 100 (1 - (T - T0) / (C - C0));
         tgi_piecewise = tgi_delta where T >= T0, else 100 + 100 (1 - T / T0);
         growth-rate inhibition 100 (1 - k_T / k_C);  rate T/C = 100 exp((k_T - k_C) t), 21 d by default;
         log cell kill = growth delay / (3.32 DT_C).
Source   Hather G et al. Cancer Inform 2014;13(S4):65 (rate-based T/C). Mehrara E et al. Cancer Res 2007;67:3970 (growth
         rate instead of doubling time). Formulas and the ten published figures that tgi_piecewise reproduces: table 2
         of doi:10.1080/15384047.2016.1139248.
Limits   no treatment effect: T/C 100 %, every tgi and inhibition 0; V_T = 0: tgi_tc 100, tgi_piecewise 200;
         exponential growth: k = specific growth rate, adjusted area = k t / 2.     (tests/analysis/growth)

Volumes of a mouse that has left the study are never carried forward. Volumes below the limit of quantification enter
logarithms as that limit and are counted; arithmetic means use them as measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

LOQ_MM3 = 20.0
RATE_DAYS = 21.0
IN_STUDY_FRACTION = 0.8
LOG_KILL = 3.32  # doublings per factor of ten, log2(10)


def caliper_volume(length_mm: np.ndarray, width_mm: np.ndarray, formula: str = "half") -> np.ndarray:
    """Volume in mm3 from two diameters in mm, broadcast; the shorter is the width, in whichever order they are given.

    formula: "half" L W^2 / 2, or "ellipsoid" pi / 6 L W^2. Raises ValueError for any other.
    """
    factors = {"half": 0.5, "ellipsoid": np.pi / 6}
    if formula not in factors:
        raise ValueError(f"volume formula {formula!r}: must be one of {', '.join(factors)}")
    length_mm, width_mm = np.asarray(length_mm, dtype=float), np.asarray(width_mm, dtype=float)
    return factors[formula] * np.maximum(length_mm, width_mm) * np.minimum(length_mm, width_mm) ** 2


def log_volume(volume_mm3: np.ndarray, loq_mm3: float = LOQ_MM3) -> np.ndarray:
    """ln of the volume, with volumes below the limit of quantification set to that limit; NaN stays NaN."""
    return np.log(np.maximum(volume_mm3, loq_mm3))


def slopes(day: np.ndarray, ln_volume: np.ndarray) -> np.ndarray:
    """Least-squares slope per day over the last axis, shapes (..., T) -> (...), NaN readings left out.

    NaN where fewer than two days remain.
    """
    present = np.isfinite(ln_volume)
    n = np.maximum(present.sum(axis=-1), 1)
    t = np.where(present, day, 0.0)
    t = np.where(present, t - (t.sum(axis=-1) / n)[..., None], 0.0)
    y = np.where(present, ln_volume, 0.0)
    y = np.where(present, y - (y.sum(axis=-1) / n)[..., None], 0.0)
    spread = (t * t).sum(axis=-1)
    return np.divide((t * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=spread > 1e-12)


def adjusted_area(day: np.ndarray, ln_volume: np.ndarray) -> float:
    """(1 / t) integral of ln(V / V0) over one mouse's readings, both (T,), sorted; NaN with fewer than two."""
    if len(day) < 2:
        return float("nan")
    relative = ln_volume - ln_volume[0]
    return float(np.trapezoid(relative, day) / (day[-1] - day[0]))


def crossing_day(day: np.ndarray, volume_mm3: np.ndarray, target_mm3: float, loq_mm3: float = LOQ_MM3) -> float:
    """First day a tumour reaches `target_mm3`, ln V interpolated linearly between readings; NaN if it never does."""
    reached = np.flatnonzero(volume_mm3 >= target_mm3)
    if len(reached) == 0:
        return float("nan")
    i = int(reached[0])
    if i == 0:
        return float(day[0])
    before, after = log_volume(volume_mm3[[i - 1, i]], loq_mm3)
    if after <= before:
        return float(day[i])
    fraction = (np.log(target_mm3) - before) / (after - before)
    return float(day[i - 1] + np.clip(fraction, 0.0, 1.0) * (day[i] - day[i - 1]))


def tc_pct(control_mm3: float, treated_mm3: float) -> float:
    """T/C in percent from two volumes of one day; NaN if the control is zero."""
    return 100 * treated_mm3 / control_mm3 if control_mm3 > 0 else float("nan")


def tgi_tc(control_mm3: float, treated_mm3: float) -> float:
    """100 (1 - T/C), percent."""
    return 100 - tc_pct(control_mm3, treated_mm3)


def tgi_delta(control_start: float, control_end: float, treated_start: float, treated_end: float) -> float:
    """100 (1 - (T - T0) / (C - C0)), percent; NaN if the control did not grow."""
    growth = control_end - control_start
    return 100 * (1 - (treated_end - treated_start) / growth) if growth > 0 else float("nan")


def tgi_piecewise(control_start: float, control_end: float, treated_start: float, treated_end: float) -> float:
    """tgi_delta while the treated tumours are no smaller than at the start, else 100 + 100 (1 - T / T0), percent."""
    if treated_end >= treated_start:
        return tgi_delta(control_start, control_end, treated_start, treated_end)
    return 100 + 100 * (1 - treated_end / treated_start)


def growth_rate_inhibition(k_control: float, k_treated: float) -> float:
    """100 (1 - k_T / k_C), percent; above 100 the tumours shrink; NaN if the control does not grow."""
    return 100 * (1 - k_treated / k_control) if k_control > 0 else float("nan")


def rate_tc_pct(k_control: float, k_treated: float, days: float = RATE_DAYS) -> float:
    """T/C in percent after `days` of growth at two rates per day from equal start volumes."""
    return 100 * float(np.exp((k_treated - k_control) * days))


def log_cell_kill(delay_d: float, control_doubling_d: float) -> float:
    """log10 of the cell kill that a growth delay corresponds to, if survivors regrow like the control."""
    return delay_d / (LOG_KILL * control_doubling_d)


def choose_baseline_day(rows: pd.DataFrame, wanted: float | None = None) -> float:
    """Day of randomisation: `wanted`, else day 0 if a volume was measured, else the first day with most mice measured.

    "Most": at least IN_STUDY_FRACTION of all mice of the study; if there is no such day, the first day of all.
    """
    if wanted is not None:
        return float(wanted)
    read = rows[rows["volume_mm3"].notna()]
    if read.empty:
        return 0.0
    if (read["day"] == 0).any():
        return 0.0
    mice = len(rows[["arm", "mouse"]].drop_duplicates())
    counts = read.groupby("day").size()
    full = counts[counts >= IN_STUDY_FRACTION * mice]
    return float(full.index[0] if len(full) else counts.index[0])


def choose_evaluation_day(
    rows: pd.DataFrame, control: str, baseline: float, wanted: float | None = None
) -> float | None:
    """Last day on which at least IN_STUDY_FRACTION of the control mice are still in the study, or `wanted`.

    A mouse is in the study up to its last reading. None if no day after the baseline qualifies.
    """
    if wanted is not None:
        return float(wanted)
    read = rows[(rows["arm"] == control) & rows["volume_mm3"].notna() & (rows["day"] >= baseline)]
    if read.empty:
        return None
    last = read.groupby("mouse")["day"].max().to_numpy()
    mice = rows.loc[rows["arm"] == control, "mouse"].nunique()
    days = [d for d in sorted(read["day"].unique()) if d > baseline and np.sum(last >= d) >= IN_STUDY_FRACTION * mice]
    return float(days[-1]) if days else None


def mouse_growth(
    day: np.ndarray, volume_mm3: np.ndarray, baseline: float, evaluation: float | None, loq_mm3: float = LOQ_MM3
) -> dict[str, object]:
    """Growth of one mouse: day (T,) sorted, volume_mm3 (T,) without gaps, days before the baseline already removed.

    Returns a dict of columns of the mouse table; what cannot be computed is NaN, with the reason in "note".
    """
    notes: list[str] = []
    start = volume_mm3[day == baseline]
    start_mm3 = float(start[0]) if len(start) else float("nan")
    end = volume_mm3[day == evaluation] if evaluation is not None else []
    end_mm3 = float(end[0]) if len(end) else float("nan")
    ln_v = log_volume(volume_mm3, loq_mm3)
    rate = float(slopes(day, ln_v)) if len(day) else float("nan")
    specific = float((ln_v[-1] - ln_v[0]) / (day[-1] - day[0])) if len(day) > 1 else float("nan")
    if len(day) < 2:
        notes.append(f"{len(day)} reading{'' if len(day) == 1 else 's'}: no growth rate")
    elif len(day) == 2:
        notes.append("growth rate from two readings only")
    if not np.isfinite(start_mm3):
        notes.append(f"no reading on the baseline day {baseline:g}")
    elif start_mm3 == 0:
        notes.append("start volume zero: no relative volume")
    if evaluation is not None and not np.isfinite(end_mm3):
        notes.append(f"no reading on the evaluation day {evaluation:g}")
    if np.isfinite(rate) and rate <= 0:
        notes.append("does not grow: no doubling time")
    below = int(np.sum(volume_mm3 < loq_mm3))
    if below:
        notes.append(f"{below} readings below {loq_mm3:g} mm3, set to {loq_mm3:g} in logarithms")
    has_start = np.isfinite(start_mm3)
    targets = {"2x": 2 * start_mm3, "4x": 4 * start_mm3, "1000_mm3": 1000.0}
    crossings = {
        name: crossing_day(day, volume_mm3, target, loq_mm3) - baseline if target > 0 else float("nan")
        for name, target in targets.items()
    }
    not_reached = [name.replace("_", " ") for name, crossing in crossings.items() if not np.isfinite(crossing)]
    if not_reached and len(day):
        notes.append(f"does not reach {', '.join(not_reached)}")
    return {
        "readings": len(day),
        "last_day": float(day[-1]) if len(day) else float("nan"),
        "days_observed": float(day[-1] - baseline) if len(day) else float("nan"),
        "start_volume_mm3": start_mm3,
        "evaluation_volume_mm3": end_mm3,
        "last_volume_mm3": float(volume_mm3[-1]) if len(day) else float("nan"),
        "relative_volume": end_mm3 / start_mm3 if start_mm3 > 0 else float("nan"),
        "growth_rate_per_day": rate,
        "doubling_time_d": float(np.log(2) / rate) if rate > 0 else float("nan"),
        "specific_growth_rate_per_day": specific,
        "adjusted_log_area": adjusted_area(day, ln_v) if has_start else float("nan"),
        "below_loq": below,
        **{f"days_to_{name}": crossing for name, crossing in crossings.items()},
        "note": "; ".join(notes),
    }


def by_day(rows: pd.DataFrame, baseline: float, loq_mm3: float = LOQ_MM3) -> pd.DataFrame:
    """Per study, arm and day: mice enrolled and measured, mean, SD, SEM, geometric mean and median volume in mm3.

    The mean is over the mice measured on that day only; `mice_enrolled` is the size of the arm.
    """
    enrolled = rows.groupby(["study", "arm"], sort=False)["mouse"].nunique()
    read = rows[rows["volume_mm3"].notna() & (rows["day"] >= baseline)]
    table = []
    for (study, arm, day), group in read.groupby(["study", "arm", "day"], sort=False):
        volume = group["volume_mm3"].to_numpy()
        sd = float(volume.std(ddof=1)) if len(volume) > 1 else float("nan")
        table.append(
            {
                "study": study,
                "arm": arm,
                "day": day,
                "mice_enrolled": int(enrolled[(study, arm)]),
                "mice_read": len(volume),
                "mean_mm3": float(volume.mean()),
                "sd_mm3": sd,
                "sem_mm3": sd / np.sqrt(len(volume)),
                "geometric_mean_mm3": float(np.exp(log_volume(volume, loq_mm3).mean())),
                "median_mm3": float(np.median(volume)),
                "below_loq": int(np.sum(volume < loq_mm3)),
                "note": "" if len(volume) > 1 else "one mouse: no SD",
            }
        )
    order = {arm: i for i, arm in enumerate(rows["arm"].unique())}
    columns = list(table[0]) if table else ["study", "arm", "day", "note"]
    frame = pd.DataFrame(table, columns=columns)
    key = frame["arm"].map(order)
    return frame.assign(_key=key).sort_values(["study", "_key", "day"], kind="stable").drop(columns="_key")


def arm_values(mice: pd.DataFrame, arm: str, column: str) -> np.ndarray:
    """The finite entries of one column of the mouse table in one arm."""
    values = mice.loc[mice["arm"] == arm, column].to_numpy(dtype=float)
    return values[np.isfinite(values)]


def complete_pairs(mice: pd.DataFrame, arm: str) -> np.ndarray:
    """(n, 2): start and evaluation volume of the mice of an arm that were measured on both days."""
    pairs = mice.loc[mice["arm"] == arm, ["start_volume_mm3", "evaluation_volume_mm3"]].to_numpy(dtype=float)
    return pairs[np.isfinite(pairs).all(axis=1)]


def per_mouse_tgi(mice: pd.DataFrame, control: str) -> pd.DataFrame:
    """Volumes of each mouse against the means of the control arm: columns tgi_tc_mouse_pct, tgi_delta_mouse_pct,
    tgi_piecewise_mouse_pct, aligned with `mice`. For display only: their mean is not the value of the arm."""
    pairs, ends = complete_pairs(mice, control), arm_values(mice, control, "evaluation_volume_mm3")
    c0, c1 = pairs.mean(axis=0) if len(pairs) else (float("nan"), float("nan"))
    end = ends.mean() if len(ends) else float("nan")
    values: list[Sequence[float]] = []
    for t0, t1 in mice[["start_volume_mm3", "evaluation_volume_mm3"]].to_numpy(dtype=float):
        complete = np.isfinite(t0) and np.isfinite(t1) and t0 > 0
        values.append(
            (tgi_tc(end, t1), tgi_delta(c0, c1, t0, t1), tgi_piecewise(c0, c1, t0, t1) if complete else np.nan)
        )
    names = ["tgi_tc_mouse_pct", "tgi_delta_mouse_pct", "tgi_piecewise_mouse_pct"]
    return pd.DataFrame(values, columns=names, index=mice.index)
