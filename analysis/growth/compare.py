"""Each arm of a study against its control: every measure with its interval, or the reason why there is none.

The formulas are in `measures`, `survival` and `inference`; this module decides which mice enter which measure.
T/C and tgi_tc: all mice measured on the day of evaluation, as in the mean volumes of the arms. tgi_delta and
tgi_piecewise: those of them that were also measured on the baseline day. Growth rates: all mice with two or more
readings, over their time in the study. The columns mice and control_mice count the mice behind each number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from adccsim.analysis.growth import inference, measures, survival
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.inference import Estimate, not_estimable

GOALS = {"2x": "2 x its start volume", "4x": "4 x its start volume", "1000_mm3": "1000 mm3"}


def comparison_table(
    mice: pd.DataFrame, arms: list[str], control: str, evaluation: float | None, design: GrowthDesign
) -> pd.DataFrame:
    """One row per treated arm and measure: value, 95 % interval, unit, method, number of mice, note."""
    table = []
    for arm in arms:
        if arm == control:
            continue
        for measure, unit, estimate, counted in _measures(mice, arm, control, evaluation, design):
            table.append(
                {
                    "study": mice["study"].iloc[0],
                    "arm": arm,
                    "control": control,
                    "measure": measure,
                    **estimate_columns(estimate),
                    "unit": unit,
                    "mice": counted[0],
                    "control_mice": counted[1],
                    "method": estimate.method,
                    "note": estimate.note,
                }
            )
    columns = ["study", "arm", "control", "measure", "value", "ci95_low", "ci95_high", "unit", "mice", "control_mice"]
    return pd.DataFrame(table, columns=[*columns, "method", "note"])


def estimate_columns(estimate: Estimate) -> dict[str, float]:
    """value, ci95_low, ci95_high of an estimate; NaN where missing."""
    return {
        name: np.nan if q is None else q
        for name, q in (("value", estimate.value), ("ci95_low", estimate.low), ("ci95_high", estimate.high))
    }


def _measures(mice: pd.DataFrame, arm: str, control: str, evaluation: float | None, design: GrowthDesign):
    """(measure, unit, Estimate, (treated mice, control mice)) of one arm against the control."""
    yield from _end_volume_measures(mice, arm, control, evaluation, design)
    yield from _growth_measures(mice, arm, control, evaluation)
    kt, kc = (measures.arm_values(mice, a, "growth_rate_per_day") for a in (arm, control))
    n = (len(kt), len(kc))
    rate = rate_difference(mice, arm, control, design)
    yield "growth_rate_difference", "per day", rate, n
    ratio = inference.bootstrap_t_ratio(kt, kc, log=False, what="growth rate")
    yield "growth_rate_inhibition", "%", ratio.through(lambda r: 100 * (1 - r)), n
    days = measures.RATE_DAYS
    yield f"rate_tc_{days:g}d", "%", rate.through(lambda d: 100 * float(np.exp(d * days))), n
    areas = [measures.arm_values(mice, a, "adjusted_log_area") for a in (arm, control)]
    area = inference.bootstrap_t_ratio(*areas, log=False, what="adjusted log area")
    yield "area_inhibition", "%", area.through(lambda r: 100 * (1 - r)), (len(areas[0]), len(areas[1]))
    for goal in GOALS:
        yield from _delay(mice, arm, control, goal)
    yield from _survival_measures(mice, arm, control)


def _end_volume_measures(mice: pd.DataFrame, arm: str, control: str, evaluation: float | None, design: GrowthDesign):
    """Measures of the volumes on the day of evaluation, from all mice measured on that day."""
    treated, untreated = (measures.arm_values(mice, a, "evaluation_volume_mm3") for a in (arm, control))
    n = (len(treated), len(untreated))
    if missing := unread(evaluation, (arm, control), n):
        for name in ("tc_pct", "tgi_tc", "tc_geometric_pct"):
            yield name, "%", not_estimable(missing), n
        return
    on_day = f"day {evaluation:g}"
    ratio = inference.bootstrap_t_ratio(treated, untreated, log=True, what="volume")
    yield "tc_pct", "%", ratio.through(lambda r: 100 * r, f"{on_day}, means; {ratio.method}"), n
    yield "tgi_tc", "%", ratio.through(lambda r: 100 * (1 - r), f"{on_day}, means; {ratio.method}"), n
    ln_treated, ln_untreated = (measures.log_volume(group, design.loq_mm3) for group in (treated, untreated))
    difference = inference.welch(ln_treated, ln_untreated, what="log volume")
    ratio = difference.through(lambda d: 100 * float(np.exp(d)), f"{on_day}, geometric means; Welch t on ln V")
    yield "tc_geometric_pct", "%", ratio, n


def unread(evaluation: float | None, arms: Sequence[str], mice: Sequence[int], also: str = "") -> str:
    """Why volumes cannot be compared, "" if they can: no day of evaluation, or an arm without a mouse measured then.

    mice: number per arm measured on that day; also: text to append for a second day that is required.
    """
    if evaluation is None:
        return "no day of evaluation"
    missing = " and ".join(arm for arm, counted in zip(arms, mice, strict=True) if counted == 0)
    return f"no mouse of {missing} was measured on day {evaluation:g}{also}" if missing else ""


def _growth_measures(mice: pd.DataFrame, arm: str, control: str, evaluation: float | None):
    """Measures of growth from the baseline to the day of evaluation, from the mice measured on both days."""
    treated, untreated = (measures.complete_pairs(mice, a) for a in (arm, control))
    n = (len(treated), len(untreated))
    if missing := unread(evaluation, (arm, control), n, " and on the baseline day"):
        for name in ("tgi_delta", "tgi_piecewise"):
            yield name, "%", not_estimable(missing), n
        return
    on_day = f"day {evaluation:g}"
    growth = [pair[:, 1] - pair[:, 0] for pair in (treated, untreated)]
    delta = inference.bootstrap_t_ratio(*growth, log=False, what="growth")
    delta = delta.through(lambda r: 100 * (1 - r), f"{on_day}, means of mice measured on both days; {delta.method}")
    delta = replace(delta, note="; ".join(part for part in (delta.note, _left_out(mice, (arm, control), n)) if part))
    yield "tgi_delta", "%", delta, n
    if treated[:, 1].mean() >= treated[:, 0].mean():
        yield "tgi_piecewise", "%", delta, n
        return
    shrunk = inference.bootstrap_t_paired_ratio(treated[:, 1], treated[:, 0])
    shrunk = shrunk.through(lambda r: 100 + 100 * (1 - r), f"{on_day}, means, below the start; {shrunk.method}")
    if shrunk.low is not None and shrunk.low < 100:
        shrunk = not_estimable("interval: it includes the kink at T = T0, see tgi_delta", shrunk.value, shrunk.method)
    yield "tgi_piecewise", "%", shrunk, n


def _left_out(mice: pd.DataFrame, arms: tuple[str, str], n: tuple[int, int]) -> str:
    """Note on mice measured on the day of evaluation but not on the baseline day."""
    measured = [len(measures.arm_values(mice, arm, "evaluation_volume_mm3")) for arm in arms]
    parts = [f"{all_ - both} of {arm}" for arm, all_, both in zip(arms, measured, n, strict=True) if all_ > both]
    return f"without mice not measured on the baseline day: {', '.join(parts)}" if parts else ""


def rate_difference(mice: pd.DataFrame, arm: str, control: str, design: GrowthDesign) -> Estimate:
    """Growth rate of the arm minus that of the control: the primary comparison."""
    if design.paired:
        table = mice.pivot_table(index="mouse", columns="arm", values="growth_rate_per_day", dropna=False)
        return inference.paired(table[arm].to_numpy(), table[control].to_numpy(), "growth rate")
    treated, untreated = (measures.arm_values(mice, a, "growth_rate_per_day") for a in (arm, control))
    return inference.welch(treated, untreated, "growth rate")


def _delay(mice: pd.DataFrame, arm: str, control: str, goal: str):
    """Growth delay to one volume and the log cell kill derived from it."""
    medians, n = [], []
    for name in (arm, control):
        group = mice[(mice["arm"] == name) & mice["days_observed"].notna()]
        reached = group[f"days_to_{goal}"].notna().to_numpy()
        time = np.where(reached, group[f"days_to_{goal}"], group["days_observed"])
        medians.append(survival.median_time(survival.curve(time, reached))[0] if len(group) else float("nan"))
        n.append(len(group))
    method = f"difference of Kaplan-Meier medians of the day a mouse reaches {GOALS[goal]}"
    no_interval = "no interval for a difference of medians with so few mice"
    kill_method = f"growth delay / ({measures.LOG_KILL} x doubling time of the control's mean growth rate)"
    missing = [name for name, m in zip((arm, control), medians, strict=True) if not np.isfinite(m)]
    if missing:
        reason = f"fewer than half of the mice of {' and '.join(missing)} reached this volume"
        yield f"growth_delay_{goal}", "d", not_estimable(reason, method=method), tuple(n)
        yield f"log_cell_kill_{goal}", "log10", not_estimable(reason, method=kill_method), tuple(n)
        return
    delay = medians[0] - medians[1]
    yield f"growth_delay_{goal}", "d", Estimate(delay, method=method, note=no_interval), tuple(n)
    rates = measures.arm_values(mice, control, "growth_rate_per_day")
    rate = rates.mean() if len(rates) else 0.0
    kill = (
        Estimate(measures.log_cell_kill(delay, np.log(2) / rate), method=kill_method, note=no_interval)
        if rate > 0
        else not_estimable("the control arm does not grow", method=kill_method)
    )
    yield f"log_cell_kill_{goal}", "log10", kill, tuple(n)


def seen(mice: pd.DataFrame, *arms: str) -> pd.DataFrame:
    """The mice of the given arms that were observed after the baseline."""
    return mice[mice["arm"].isin(arms) & mice["days_to_endpoint"].notna()]


def _survival_measures(mice: pd.DataFrame, arm: str, control: str):
    medians, n = [], []
    for name in (arm, control):
        group = seen(mice, name)
        n.append(len(group))
        time, event = group["days_to_endpoint"].to_numpy(), group["endpoint_reached"].to_numpy()
        medians.append(survival.median_time(survival.curve(time, event))[0] if len(group) else float("nan"))
    method = "ratio of Kaplan-Meier medians of the time to the end point"
    missing = [name for name, m in zip((arm, control), medians, strict=True) if not np.isfinite(m)]
    if missing:
        reason = f"the median of {' and '.join(missing)} is not reached"
        ratio = not_estimable(reason, method=method)
    elif medians[1] == 0:
        ratio = not_estimable("the control arm is at its end point at the start", method=method)
    else:
        note = "no interval for a ratio of medians with so few mice"
        ratio = Estimate(medians[0] / medians[1], method=method, note=note)
    yield "median_survival_ratio", "", ratio, tuple(n)
    both = seen(mice, arm, control)
    hazard = survival.hazard_ratio(
        both["days_to_endpoint"].to_numpy(), both["endpoint_reached"].to_numpy(), (both["arm"] == arm).to_numpy()
    )
    yield "hazard_ratio", "", hazard, tuple(n)
