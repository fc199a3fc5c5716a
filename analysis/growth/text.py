"""Tables of a tumour-growth study as text for the report.

A cell holds a value with its interval, or the reason why it is missing.
"""

from __future__ import annotations

import pandas as pd

from adccsim.analysis.growth import testing
from adccsim.analysis.growth.design import ARM_ITEMS, NOT_STATED, STUDY_ITEMS, GrowthDesign
from adccsim.analysis.growth.headline import p_text
from adccsim.analysis.growth.inference import MIN_BOOTSTRAP
from adccsim.analysis.growth.tables import GrowthStudy

_MEASURE_LABELS = {
    "tc_pct": "T/C",
    "tc_geometric_pct": "T/C of geometric means",
    "growth_rate_difference": "growth-rate difference",
    "growth_rate_inhibition": "growth-rate inhibition",
    "area_inhibition": "inhibition of the adjusted log area",
    "median_survival_ratio": "ratio of median times to the end point",
    "hazard_ratio": "hazard ratio",
    "bliss_excess": "Bliss excess",
    "adcc_fraction_log_scale": "ADCC fraction, log scale",
    "adcc_fraction_linear_scale": "ADCC fraction, linear scale",
}
_STUDY_LABELS = {
    "cell_line": "cell line",
    "allocation_unit": "unit of allocation",
    "end_point_rule": "end-point rule",
}


def estimand(study: GrowthStudy) -> str:
    """Which mice and days the measures of a study refer to, in sentences."""
    mice = study.tables["mice"]
    growth = (
        "Growth rates: slope of ln volume of every mouse with two or more readings, from the baseline "
        f"(day {study.baseline_day:g}) until it leaves the study."
    )
    if study.evaluation_day is None:
        return f"{growth} No day of evaluation: fewer than 80 % of the control mice were measured after the baseline."
    measured = mice["evaluation_volume_mm3"].notna()
    counts = ", ".join(
        f"{a} {int(measured[mice['arm'] == a].sum())} of {int((mice['arm'] == a).sum())}" for a in study.arms
    )
    return (
        f"Day of evaluation: {study.evaluation_day:g}, the last on which at least 80 % of the control mice "
        f"({study.control}) were still in the study, unless the study design states another. Volumes of that day are "
        f"those of the mice measured on it ({counts}); no value is carried forward. {growth}"
    )


def caveats(study: GrowthStudy) -> list[str]:
    """Known weaknesses of the statistics in studies like this one, from the benchmark: few mice, early drop-out."""
    mice = study.tables["mice"]
    measured = testing.measured()
    caveats = []
    per_arm = mice.groupby("arm", sort=False)["growth_rate_per_day"].count()
    fewest = int(per_arm.min())
    if fewest < 5:
        size = measured["null"]["slopes Welch t rejects"][3]
        caveats.append(
            f"{per_arm.idxmin()} has {fewest} mice with a growth rate. With three per arm the primary test rejects "
            f"{size:.1f} % instead of 5 % when there is no effect, and has less power; a permutation test of three "
            f"against three cannot reach 5 %; intervals of ratios need at least {MIN_BOOTSTRAP} mice per arm."
        )
    last = mice["last_day"].max()
    left = mice[mice["last_day"] < last].groupby("arm", sort=False).size()
    if len(left):
        counts = ", ".join(f"{arm} {n}" for arm, n in left.items())
        slowing = measured["slowing drop-out effect"]["slopes Welch t covers"][8]
        caveats.append(
            f"Mice not measured until day {last:g}: {counts}. If mice with large tumours leave and growth slows with "
            f"size, a 95 % interval of a growth-rate difference covers the difference over the whole study in "
            f"{slowing:.0f} % (n = 8); later volumes are those of the survivors."
        )
    return caveats


def _interval(row: pd.Series) -> str:
    if pd.isna(row["value"]):
        return str(row["note"]) or "not estimable"
    if pd.isna(row["ci95_low"]):
        return f"{row['value']:.3g}" + (f" ({row['note']})" if row["note"] else "")
    return f"{row['value']:.3g} ({row['ci95_low']:.3g} to {row['ci95_high']:.3g})"


def test_rows(tests: pd.DataFrame) -> pd.DataFrame:
    """The tests of one study, as text; a missing p is replaced by the reason."""
    rows = []
    for row in tests.to_dict("records"):
        size = row["measured_type_1_error_pct"]
        measured_mice = row["measured_at_mice_per_arm"]
        rows.append(
            {
                "arm": row["arm"],
                "test": f"{row['test']} ({row['role']})" if row["role"] == "primary" else row["test"],
                "compares": row["compares"],
                "mice": f"{row['mice']} in total" if row["arm"] == "all" else _both(row["mice"], row["control_mice"]),
                "difference": _interval(pd.Series(row)).replace(f" ({row['note']})", "") if row["unit"] else "",
                "p": p_text(row["p"], row["note"]),
                "p (Holm)": p_text(row["p_holm"], "") if not pd.isna(row["p_holm"]) else "",
                "measured type I error": f"{size:.1f} % at n = {measured_mice:.0f}" if not pd.isna(size) else "",
                "note": "" if pd.isna(row["p"]) else row["note"],
            }
        )
    return pd.DataFrame(rows)


def _both(mice: int, control_mice: int) -> str:
    """Numbers of treated and control mice as "7 + 8", with non-breaking spaces."""
    return f"{mice}\u00a0+\u00a0{control_mice}"


def measure_rows(comparisons: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Every measure of one arm against the control, as text."""
    rows = comparisons[comparisons["arm"] == arm]
    return pd.DataFrame(
        {
            "measure": [_measure_label(m) for m in rows["measure"]],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in rows.iterrows()
            ],
            "unit": rows["unit"],
            "mice": [_both(t, c) for t, c in zip(rows["mice"], rows["control_mice"], strict=True)],
            "method": rows["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in rows.iterrows()],
        }
    )


def _measure_label(name: str) -> str:
    return name if name.startswith("tgi") else _MEASURE_LABELS.get(name, name.replace("_", " "))


def _number_only(row: pd.Series) -> str:
    return _interval(row.where(row.index != "note", ""))


def combination_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Bliss excess and ADCC fraction, as text."""
    return pd.DataFrame(
        {
            "arms": table["arms"],
            "measure": [_measure_label(m) for m in table["measure"]],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in table.iterrows()
            ],
            "unit": table["unit"],
            "method": table["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in table.iterrows()],
        }
    )


def response_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Counts of response categories with the fraction of responders, as text."""
    rows = []
    for row in table.to_dict("records"):
        fraction = (
            f"{row['responders_pct']:.0f} ({row['ci95_low_pct']:.0f} to {row['ci95_high_pct']:.0f})"
            if not pd.isna(row["responders_pct"])
            else row["note"]
        )
        counts = {c: "" if pd.isna(row[c]) else int(row[c]) for c in ("MCR", "CR", "PR", "SD", "PD")}
        rows.append(
            {"arm": row["arm"], "scheme": row["scheme"], "mice": row["mice"], **counts, "responders (%)": fraction}
        )
    return pd.DataFrame(rows)


def survival_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Median times to the end point and how the observation of the mice ended, as text."""
    limits = [
        f"{_plain(r['ci95_low_days'], 'not reached')} to {_plain(r['ci95_high_days'], 'not reached')}"
        if not pd.isna(r["median_days"])
        else ""
        for _, r in table.iterrows()
    ]
    return pd.DataFrame(
        {
            "arm": table["arm"],
            "mice": table["mice"],
            "events": table["events"],
            "censored": table["censored"],
            "median (days)": [_plain(m, "not reached") for m in table["median_days"]],
            "95 % interval": limits,
            "end of observation": table["causes"],
        }
    )


def arm_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers of mice, growth and volumes per arm, as text."""
    return pd.DataFrame(
        {
            "arm": table["arm"],
            "mice": table["mice"],
            "start (mm³)": [_plain(v) for v in table["start_volume_mm3"]],
            "growth rate (per day)": [_plain(v) for v in table["growth_rate_per_day"]],
            "SD": [_plain(v) for v in table["growth_rate_sd"]],
            "doubling time (d)": [_plain(v) for v in table["doubling_time_d"]],
            "measured on day of evaluation": [
                f"{r} of {n}" for r, n in zip(table["mice_read"], table["mice"], strict=True)
            ],
            "mean (mm³)": [_plain(v) for v in table["mean_volume_mm3"]],
            "geometric mean": [_plain(v) for v in table["geometric_mean_mm3"]],
            "median": [_plain(v) for v in table["median_volume_mm3"]],
            "note": table["note"],
        }
    )


def power_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Mice per arm for a range of effects, as text."""
    return pd.DataFrame(
        {
            "SD of": table["basis"],
            "SD (log scale)": [_plain(v) for v in table["sd_log"]],
            "tgi_tc to detect (%)": [_plain(v) for v in table["tgi_tc_pct"]],
            "mice per arm": ["" if pd.isna(v) else f"{int(v)}" for v in table["mice_per_arm"]],
            "closed form": ["" if pd.isna(v) else f"{v:.1f}" for v in table["mice_closed_form"]],
            "simulated power (%)": ["" if pd.isna(v) else f"{v:.0f}" for v in table["simulated_power_pct"]],
            "note": table["note"],
        }
    )


def _plain(value: float, absent: str = "") -> str:
    return absent if pd.isna(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def design_sheet(study: GrowthStudy, design: GrowthDesign) -> pd.DataFrame:
    """Items needed to judge the study, from the study design file or from the data."""
    rows = [(_STUDY_LABELS.get(k, k), design.study.get(k, NOT_STATED)) for k in STUDY_ITEMS]
    mice = study.tables["mice"]
    for arm in study.arms:
        stated = design.arms.get(arm, {})
        n = int((mice["arm"] == arm).sum())
        role = "control arm, " if arm == study.control else ""
        text = "; ".join(
            f"{item}: {stated.get(item, NOT_STATED)}" for item in ARM_ITEMS if item != "drug" or item in stated
        )
        rows.append((f"arm {arm}", f"{role}n = {n}; {text}"))
    day = "none" if study.evaluation_day is None else f"day {study.evaluation_day:g}"
    chosen = "as stated in the study design" if design.evaluation_day is not None else "by rule"
    rows += [
        ("baseline", f"day {study.baseline_day:g}"),
        ("day of evaluation", f"{day}, {chosen}"),
        (
            "end point in the analysis",
            f"volume of {design.endpoint_mm3:g} mm³ or more, an end-point event in the sheet, or death",
        ),
        (
            "ulceration, weight loss",
            "censored" if design.other_causes == "censor" else "counted as reaching the end point",
        ),
        ("limit of quantification", f"{design.loq_mm3:g} mm³, applied to logarithms only"),
        (
            "blocks",
            "mice with the same name form a block (paired simulation)" if design.paired else "none: independent mice",
        ),
    ]
    return pd.DataFrame(rows, columns=["item", "value"])
