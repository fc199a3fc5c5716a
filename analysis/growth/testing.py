"""Tests of every arm against the control, and measures of several arms together (combination, ADCC fraction).

Primary: Welch's t on the growth rates of the mice (paired simulated arms: paired t on blocks), Holm over the arms.
Supportive, each with a separate Holm correction and the type I error measured in
benchmarks/statistics/size_and_coverage.py: permutation, mixed model, ln volume on the day of evaluation, log-rank. They
show how robust the result is; a test must not be selected by its result.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from adccsim.analysis.growth import inference, measures, mixed_model, survival
from adccsim.analysis.growth.compare import estimate_columns, rate_difference, seen, unread
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.inference import Estimate, not_estimable

PRIMARY = "Welch t on growth rates"
PAIRED = "paired t on growth rates"
PERMUTATION = "permutation of growth rates"
MIXED = "mixed model, Wald z"
END_VOLUME = "Welch t on ln volume"
LOG_RANK = "log-rank"
_COMPARES = {
    PRIMARY: "growth rates of individual mice (slope of ln volume)",
    PAIRED: "growth rates of individual mice (slope of ln volume), within blocks",
    PERMUTATION: "growth rates of individual mice (slope of ln volume)",
    MIXED: "slopes of ln volume over all readings",
    END_VOLUME: "ln volume on the day of evaluation",
    LOG_RANK: "time to the end point",
}
_BENCHMARK_NAME = {
    PRIMARY: "slopes Welch t rejects",
    PERMUTATION: "slopes permutation rejects",
    MIXED: "mixed Wald z rejects",
    END_VOLUME: "end volume Welch t rejects",
    LOG_RANK: "log-rank rejects",
}


@cache
def measured() -> dict:
    """Rejection and coverage rates in percent measured by the benchmark: {situation: {quantity: {mice per arm: %}}}."""
    text = Path(__file__).with_name("measured.json").read_text(encoding="utf-8")
    cells = json.loads(text)["pct"]
    return {s: {q: {int(n): v for n, v in row.items()} for q, row in rows.items()} for s, rows in cells.items()}


def measured_size(test: str, mice: int, dropped: bool) -> tuple[float, int] | None:
    """(type I error in %, mice per arm at which it was measured) of a test: the largest such number up to `mice`.

    dropped: whether mice left before the end. None if it was not measured.
    """
    row = measured().get("drop-out null" if dropped else "null", {}).get(_BENCHMARK_NAME.get(test, ""), {})
    sizes = [n for n in row if n <= mice]
    return (row[max(sizes)], max(sizes)) if sizes else None


def test_table(
    rows: pd.DataFrame,
    mice: pd.DataFrame,
    arms: list[str],
    control: str,
    baseline: float,
    evaluation: float | None,
    design: GrowthDesign,
) -> pd.DataFrame:
    """One row per treated arm and test: estimate with interval, statistic, p, Holm-adjusted p, type I error."""
    treated = [a for a in arms if a != control]
    mixed = mixed_model_differences(rows, arms, control, baseline, design)
    dropped = bool(mice["days_observed"].nunique() > 1)
    table = []
    for name, unit in (
        (PAIRED if design.paired else PRIMARY, "per day"),
        (PERMUTATION, ""),
        (MIXED, "per day"),
        (END_VOLUME, "ln mm3"),
        (LOG_RANK, ""),
    ):
        estimates = [_test(name, mice, arm, control, evaluation, design, mixed) for arm in treated]
        adjusted = inference.holm([e.p for e in estimates])
        for arm, estimate, holm in zip(treated, estimates, adjusted, strict=True):
            numbers = [_mice_in_test(name, mice, each) for each in (arm, control)]
            size = measured_size(name, min(numbers), dropped)
            role = "primary" if name in (PRIMARY, PAIRED) else "supportive"
            table.append(_test_row(mice, arm, control, role, name, unit, estimate, holm, numbers, size))
    if len(treated) > 1:
        observed = seen(mice, *arms)
        columns = ("days_to_endpoint", "endpoint_reached", "arm")
        overall = survival.log_rank(*(observed[column].to_numpy() for column in columns))
        numbers = [len(observed), int((observed["arm"] == control).sum())]
        name = f"{LOG_RANK}, all arms together"
        table.append(_test_row(mice, "all", control, "supportive", name, "", overall, None, numbers, None))
    return pd.DataFrame(
        table, columns=list(_test_row(mice, "", control, "", PRIMARY, "", Estimate(), None, [0, 0], None))
    )


def _test_row(
    mice: pd.DataFrame,
    arm: str,
    control: str,
    role: str,
    name: str,
    unit: str,
    estimate: Estimate,
    holm: float | None,
    numbers: list[int],
    size: tuple[float, int] | None,
) -> dict[str, object]:
    unmeasured = "type I error of this test not measured" if size is None and estimate.p is not None else ""
    # A quantity that a test does not provide is not missing data; the note says so.
    form = (
        ""
        if estimate.p is None
        else "test without estimate"
        if estimate.value is None
        else ""
        if estimate.dof
        else "z test, no dof"
    )
    return {
        "study": mice["study"].iloc[0],
        "arm": arm,
        "control": control,
        "role": role,
        "test": name,
        "compares": _COMPARES[name.partition(",")[0] if name.startswith(LOG_RANK) else name],
        **estimate_columns(estimate),
        "unit": unit,
        "statistic": _or_nan(estimate.statistic),
        "dof": _or_nan(estimate.dof),
        "p": _or_nan(estimate.p),
        "p_holm": _or_nan(holm),
        "mice": numbers[0],
        "control_mice": numbers[1],
        "measured_type_1_error_pct": size[0] if size else np.nan,
        "measured_at_mice_per_arm": size[1] if size else np.nan,
        "note": "; ".join(n for n in (estimate.note, form, unmeasured) if n),
    }


def _mice_in_test(test: str, mice: pd.DataFrame, arm: str) -> int:
    """Number of mice of an arm that a test uses."""
    if test == LOG_RANK:
        return len(seen(mice, arm))
    if test == MIXED:
        return int((mice.loc[mice["arm"] == arm, "readings"] > 0).sum())
    column = "evaluation_volume_mm3" if test == END_VOLUME else "growth_rate_per_day"
    return len(measures.arm_values(mice, arm, column))


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _test(
    name: str,
    mice: pd.DataFrame,
    arm: str,
    control: str,
    evaluation: float | None,
    design: GrowthDesign,
    mixed: dict[str, Estimate],
) -> Estimate:
    if name in (PRIMARY, PAIRED):
        return rate_difference(mice, arm, control, design)
    if name == PERMUTATION:
        if design.paired:
            return not_estimable("paired blocks: mice may not be exchanged between arms")
        return inference.permutation_p(*(measures.arm_values(mice, a, "growth_rate_per_day") for a in (arm, control)))
    if name == MIXED:
        return mixed[arm]
    if name == END_VOLUME:
        volumes = [measures.arm_values(mice, a, "evaluation_volume_mm3") for a in (arm, control)]
        if missing := unread(evaluation, (arm, control), [len(v) for v in volumes]):
            return not_estimable(missing)
        ln_treated, ln_untreated = (measures.log_volume(v, design.loq_mm3) for v in volumes)
        estimate = inference.welch(ln_treated, ln_untreated, "log volume")
        enrolled = int(mice["arm"].isin([arm, control]).sum())
        absent = enrolled - sum(len(v) for v in volumes)
        note = f"{absent} of {enrolled} mice not measured on day {evaluation:g}: survivors only" if absent else ""
        return Estimate(**{**estimate.__dict__, "note": "; ".join(n for n in (estimate.note, note) if n)})
    both = seen(mice, arm, control)
    return survival.log_rank(
        both["days_to_endpoint"].to_numpy(), both["endpoint_reached"].to_numpy(), (both["arm"] == arm).to_numpy()
    )


def mixed_model_differences(
    rows: pd.DataFrame, arms: list[str], control: str, baseline: float, design: GrowthDesign
) -> dict[str, Estimate]:
    """Slope differences of ln V ~ day * arm + (1 + day | mouse) with Wald z, per treated arm; one model for all."""
    method = "linear mixed model, REML, Wald z"
    read = rows[rows["volume_mm3"].notna() & (rows["day"] >= baseline)]
    fitted = [a for a in arms if _has_slope(read[read["arm"] == a])]
    absent = {a: not_estimable("an arm has fewer than two mice with two readings", method=method) for a in arms}
    if control not in fitted or len(fitted) < 2:
        return absent
    read = read[read["arm"].isin(fitted)]
    groups = list(read.groupby(["arm", "mouse"], sort=False))
    longest = max(len(g) for _, g in groups)
    day, ln_v = np.zeros((1, len(groups), longest)), np.zeros((1, len(groups), longest))
    present = np.zeros((1, len(groups), longest), dtype=bool)
    for i, (_, g) in enumerate(groups):
        day[0, i, : len(g)] = g["day"]
        ln_v[0, i, : len(g)] = measures.log_volume(g["volume_mm3"].to_numpy(dtype=float), design.loq_mm3)
        present[0, i, : len(g)] = True
    try:
        fit = mixed_model.fit(day, ln_v, present, np.array([fitted.index(arm) for (arm, _), _ in groups]))
    except ValueError as error:
        return absent | {a: not_estimable(str(error), method=method) for a in fitted}
    results = dict(absent)
    for arm in fitted:
        value, se = (float(q[0]) for q in fit.difference(fitted.index(arm), fitted.index(control)))
        if not (bool(fit.converged[0]) and np.isfinite(value) and se > 1e-9):
            results[arm] = not_estimable("the mixed model does not converge", method=method)
            continue
        z = value / se
        half = survival.Z * se
        note = "singular: a variance between mice is estimated as zero" if fit.singular[0] else ""
        results[arm] = Estimate(
            value, value - half, value + half, z, None, float(2 * stats.norm.sf(abs(z))), method, note
        )
    return results


def _has_slope(read: pd.DataFrame) -> bool:
    days = read.groupby("mouse")["day"].nunique()
    return int((days >= 2).sum()) >= 2


def combination_table(
    mice: pd.DataFrame, arms: list[str], control: str, evaluation: float | None, design: GrowthDesign
) -> pd.DataFrame:
    """Bliss excess of every combination and the ADCC fraction on both scales; empty if the study has no such arms."""
    table: list[dict[str, object]] = []

    def add(arms_used: str, measure: str, unit: str, estimate: Estimate) -> None:
        entry = {"study": mice["study"].iloc[0], "arms": arms_used, "measure": measure, **estimate_columns(estimate)}
        table.append({**entry, "unit": unit, "method": estimate.method, "note": estimate.note})

    def rates(arm: str) -> np.ndarray:
        return measures.arm_values(mice, arm, "growth_rate_per_day")

    days = measures.RATE_DAYS
    for a, b, both in design.combinations_of(arms):
        used = f"{both} against {a} and {b}"
        means = [rates(x).mean() if len(rates(x)) else np.nan for x in (a, b, control, both)]
        if np.isfinite(means).all():
            expected = float(means[0] + means[1] - means[2])
            note = "interval: see bliss_excess"
            add(used, "expected_growth_rate", "per day", Estimate(expected, method="k_A + k_B - k_control", note=note))
            observed = Estimate(float(means[3]), method="mean of the mice", note=note)
            add(used, "observed_growth_rate", "per day", observed)
        excess = inference.bliss_excess(rates(both), rates(a), rates(b), rates(control))
        add(used, "bliss_excess", "per day", excess)
        ratio = excess.through(lambda d: 100 * float(np.exp(d * days)))
        add(used, f"observed_to_expected_volume_{days:g}d", "%", ratio)
    pair = design.adcc_arms(arms)
    if pair is not None:
        used = f"{pair[0]} against {pair[1]}"
        fraction = inference.bootstrap_t_fraction(rates(pair[0]), rates(pair[1]), rates(control), "growth rate")
        add(
            used,
            "adcc_fraction_log_scale",
            "%",
            fraction.through(lambda r: 100 * r, f"growth rates; {fraction.method}"),
        )
        if evaluation is None:
            linear = not_estimable("no day of evaluation")
        else:
            volumes = [measures.arm_values(mice, a, "evaluation_volume_mm3") for a in (*pair, control)]
            linear = inference.bootstrap_t_fraction(volumes[0], volumes[1], volumes[2], "volume")
            linear = linear.through(lambda r: 100 * r, f"volumes on day {evaluation:g}; {linear.method}")
        add(used, "adcc_fraction_linear_scale", "%", linear)
    columns = ["study", "arms", "measure", "value", "ci95_low", "ci95_high", "unit", "method", "note"]
    return pd.DataFrame(table, columns=columns)
