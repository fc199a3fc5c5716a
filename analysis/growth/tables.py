"""Tables of one study of mice: mice, arms, days, comparisons, tests, response, survival, combination, power.

Every table has `study` as its first and `note` as its last column; the note explains empty cells. The day of evaluation
and the baseline are chosen by rule (see `measures`) and written into the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from adccsim.analysis.growth import measures, power, response, survival
from adccsim.analysis.growth.compare import comparison_table, seen
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.testing import combination_table, test_table


@dataclass(frozen=True)
class GrowthStudy:
    """All tables of one study; `tables` by name, each with study as first column and note as a column."""

    name: str
    control: str
    arms: list[str]
    baseline_day: float
    evaluation_day: float | None
    tables: dict[str, pd.DataFrame]


def analyse_study(rows: pd.DataFrame, control: str, design: GrowthDesign) -> GrowthStudy:
    """All tables of one study. rows: tidy rows of one study; control: the name of its control arm."""
    name, arms = str(rows["study"].iloc[0]), list(rows["arm"].unique())
    baseline = measures.choose_baseline_day(rows, design.baseline_day)
    evaluation = measures.choose_evaluation_day(rows, control, baseline, design.evaluation_day)
    mice = mouse_table(rows, control, design, baseline, evaluation)
    order = [control, *(a for a in arms if a != control)]
    tables = {
        "mice": mice,
        "arms": arm_table(mice, order, control, evaluation),
        "volumes_by_day": measures.by_day(rows, baseline, design.loq_mm3),
        "comparisons": comparison_table(mice, order, control, evaluation, design),
        "tests": test_table(rows, mice, order, control, baseline, evaluation, design),
        "response": response.counts(mice),
        "survival": survival_table(mice, order, name),
        "survival_curve": survival_curves(mice, order, name),
        "combination": combination_table(mice, arms, control, evaluation, design),
        "power": power_tables(mice, order, name, evaluation, design),
    }
    return GrowthStudy(name, control, order, baseline, evaluation, tables)


def mouse_table(
    rows: pd.DataFrame, control: str, design: GrowthDesign, baseline: float, evaluation: float | None
) -> pd.DataFrame:
    """One row per mouse: growth, response, end point, body weight; `note` explains missing values."""
    table = []
    for (study, arm, mouse), group in rows.groupby(["study", "arm", "mouse"], sort=False):
        read = group[group["volume_mm3"].notna() & (group["day"] >= baseline)]
        day, volume = read["day"].to_numpy(dtype=float), read["volume_mm3"].to_numpy(dtype=float)
        marks = [tuple(m) for m in group.loc[group["event"] != "", ["day", "event", "reason"]].itertuples(index=False)]
        end, reached, cause = survival.mouse_endpoint(day, volume, marks, design.endpoint_mm3, design.other_causes)
        growth = measures.mouse_growth(day, volume, baseline, evaluation, design.loq_mm3)
        responses = response.mouse_response(day - baseline, volume)
        notes = [growth.pop("note"), responses.pop("response_note")]
        weighed = group[group["body_weight_g"].notna() & (group["day"] >= baseline)]
        weight = weighed["body_weight_g"].to_numpy(dtype=float)
        if len(weight) < 2:
            notes.append("weighed less than twice")
        table.append(
            {
                "study": study,
                "arm": arm,
                "mouse": mouse,
                **growth,
                **responses,
                "days_to_endpoint": end - baseline,
                "endpoint_reached": bool(reached),
                "cause": cause,
                "largest_weight_loss_pct": 100 * (1 - weight.min() / weight[0]) if len(weight) > 1 else np.nan,
                "note": "; ".join(str(n) for n in notes if n),
            }
        )
    mice = pd.DataFrame(table)
    return pd.concat([mice, measures.per_mouse_tgi(mice, control)], axis=1)


def arm_table(mice: pd.DataFrame, arms: list[str], control: str, evaluation: float | None) -> pd.DataFrame:
    """One row per arm: numbers of mice, growth rate with t interval, volumes on the day of evaluation."""
    table = []
    for arm in arms:
        group = mice[mice["arm"] == arm]
        rate = measures.arm_values(mice, arm, "growth_rate_per_day")
        volume = measures.arm_values(mice, arm, "evaluation_volume_mm3")
        low, high = _t_limits(rate)
        notes = []
        if len(rate) < 2:
            notes.append(f"mice with a growth rate: {len(rate)}, no SD")
        if evaluation is not None and len(volume) < len(group):
            notes.append(f"{len(group) - len(volume)} of {len(group)} mice not measured on day {evaluation:g}")
        mean_rate = rate.mean() if len(rate) else np.nan
        if len(rate) and not mean_rate > 0:
            notes.append("does not grow: no doubling time")
        if evaluation is None:
            notes.append("no day of evaluation")
        elif len(volume) < 2:
            notes.append(f"mice measured on day {evaluation:g}: {len(volume)}, no SD")
        weight_loss = measures.arm_values(mice, arm, "largest_weight_loss_pct")
        if len(weight_loss) == 0:
            notes.append("no body weights")
        table.append(
            {
                "study": group["study"].iloc[0],
                "arm": arm,
                "role": "control" if arm == control else "treated",
                "mice": len(group),
                "mice_with_growth_rate": len(rate),
                "start_volume_mm3": _mean(measures.arm_values(mice, arm, "start_volume_mm3")),
                "growth_rate_per_day": mean_rate,
                "growth_rate_sd": rate.std(ddof=1) if len(rate) > 1 else np.nan,
                "ci95_low_per_day": low,
                "ci95_high_per_day": high,
                "doubling_time_d": np.log(2) / mean_rate if mean_rate > 0 else np.nan,
                "specific_growth_rate_per_day": _mean(measures.arm_values(mice, arm, "specific_growth_rate_per_day")),
                "adjusted_log_area": _mean(measures.arm_values(mice, arm, "adjusted_log_area")),
                "evaluation_day": np.nan if evaluation is None else evaluation,
                "mice_read": len(volume),
                "mean_volume_mm3": _mean(volume),
                "sd_volume_mm3": volume.std(ddof=1) if len(volume) > 1 else np.nan,
                "geometric_mean_mm3": _geometric(volume),
                "median_volume_mm3": np.median(volume) if len(volume) else np.nan,
                "relative_volume": _mean(measures.arm_values(mice, arm, "relative_volume")),
                "largest_weight_loss_pct": _mean(weight_loss),
                "readings_below_loq": int(group["below_loq"].sum()),
                "note": "; ".join(notes),
            }
        )
    return pd.DataFrame(table)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _geometric(volume: np.ndarray) -> float:
    return float(np.exp(measures.log_volume(volume).mean())) if len(volume) else float("nan")


def _t_limits(values: np.ndarray) -> tuple[float, float]:
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def survival_table(mice: pd.DataFrame, arms: list[str], study: str) -> pd.DataFrame:
    """Per arm: mice, events, censored mice, median time to the end point with its interval, causes."""
    table = []
    for arm in arms:
        group = seen(mice, arm)
        event, time = group["endpoint_reached"].to_numpy(dtype=bool), group["days_to_endpoint"].to_numpy()
        median = survival.median_time(survival.curve(time, event)) if len(group) else (np.nan,) * 3
        missing = "median not reached" if len(group) else "not estimable: no mouse observed"
        notes = [] if np.isfinite(median[0]) else [missing]
        if np.isfinite(median[0]) and not (np.isfinite(median[1]) and np.isfinite(median[2])):
            notes.append("a limit of the median is not reached")
        causes = group["cause"].value_counts(sort=False)
        table.append(
            {
                "study": study,
                "arm": arm,
                "mice": len(group),
                "events": int(event.sum()),
                "censored": int((~event).sum()),
                "median_days": median[0],
                "ci95_low_days": median[1],
                "ci95_high_days": median[2],
                "causes": "; ".join(f"{cause}: {n}" for cause, n in causes.items()),
                "note": "; ".join(notes),
            }
        )
    return pd.DataFrame(table)


def survival_curves(mice: pd.DataFrame, arms: list[str], study: str) -> pd.DataFrame:
    """Kaplan-Meier curves of all arms with 95 % limits; the last row of an arm is the end of its last mouse."""
    tables = []
    for arm in arms:
        group = seen(mice, arm)
        if group.empty:
            continue
        curve = survival.curve(group["days_to_endpoint"].to_numpy(), group["endpoint_reached"].to_numpy())
        last = float(group["days_to_endpoint"].max())
        if last > curve["day"].iloc[-1]:
            final = {**curve.iloc[-1].to_dict(), "day": last, "events": 0}
            final["at_risk"] = int((group["days_to_endpoint"] >= last).sum())
            curve = pd.concat([curve, pd.DataFrame([final])], ignore_index=True)
        curve["note"] = np.where(curve["ci95_low"].isna(), "no limits where survival is 0 or 1", "")
        tables.append(curve.assign(study=study, arm=arm))
    columns = ["study", "arm", "day", "at_risk", "events", "survival", "ci95_low", "ci95_high", "note"]
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True).astype({"at_risk": int, "events": int})[columns]


def power_tables(
    mice: pd.DataFrame, arms: list[str], study: str, evaluation: float | None, design: GrowthDesign
) -> pd.DataFrame:
    """Mice per arm for a range of effects, from the SD within the arms of this study, for two quantities."""
    rates = [measures.arm_values(mice, a, "growth_rate_per_day") for a in arms]
    days = measures.RATE_DAYS
    bases = [(f"growth rate over {days:g} d", days, power.pooled_sd(rates) * days)]
    if evaluation is not None:
        ends = [measures.arm_values(mice, a, "evaluation_volume_mm3") for a in arms]
        logs = [measures.log_volume(v, design.loq_mm3) for v in ends]
        bases.append((f"ln volume on day {evaluation:g}", evaluation, power.pooled_sd(logs)))
    tables = []
    for basis, day, sd in bases:
        if np.isfinite(sd) and sd > 0:
            tables.append(power.power_table(sd, day, basis))
        else:
            reason = "not estimable: no arm of this study has variation between mice"
            tables.append(pd.DataFrame([{"basis": basis, "day": day, "note": reason}]))
    columns = list(power.power_table(0.3, 21.0, "").columns)
    table = pd.concat([t.reindex(columns=columns).astype(object) for t in tables], ignore_index=True)
    table.insert(0, "study", study)
    return table.infer_objects()
