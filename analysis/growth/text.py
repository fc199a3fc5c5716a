"""Tables of a tumour-growth study in words: what a reader sees of them in the report and on the screen.

Numbers come with their interval in one cell, and where one is missing the cell holds the reason.
"""

from __future__ import annotations

import pandas as pd

from adccsim.analysis.growth import testing
from adccsim.analysis.growth.design import ARM_ITEMS, NOT_STATED, STUDY_ITEMS, GrowthDesign
from adccsim.analysis.growth.headline import p_text
from adccsim.analysis.growth.inference import MIN_BOOTSTRAP
from adccsim.analysis.growth.tables import GrowthStudy

_MEASURE_WORDS = {
    "tc_pct": "T/C",
    "tc_geometric_pct": "T/C of geometric means",
    "growth_rate_difference": "growth-rate difference",
    "growth_rate_inhibition": "growth-rate inhibition",
    "area_inhibition": "inhibition of the adjusted log area",
    "median_survival_ratio": "ratio of median times to the end point",
    "hazard_ratio": "hazard ratio",
    "bliss_excess": "Bliss excess",
    "adcc_share_log_scale": "ADCC share, log scale",
    "adcc_share_linear_scale": "ADCC share, linear scale",
}
_STUDY_WORDS = {
    "cell_line": "cell line",
    "allocation_unit": "unit of allocation",
    "end_point_rule": "end-point rule, in words",
}


def estimand(study: GrowthStudy) -> str:
    """What the numbers of a study are numbers of, in sentences."""
    mice = study.tables["mice"]
    growth = (
        "Growth rates: slope of ln volume of every mouse with two readings or more, from the baseline "
        f"(day {study.baseline_day:g}) until it left the study."
    )
    if study.evaluation_day is None:
        return f"{growth} No day of evaluation: fewer than 80 % of the control mice were read after the baseline."
    read = mice["evaluation_volume_mm3"].notna()
    counts = ", ".join(
        f"{a} {int(read[mice['arm'] == a].sum())} of {int((mice['arm'] == a).sum())}" for a in study.arms
    )
    return (
        f"Day of evaluation: {study.evaluation_day:g}, the last on which at least 80 % of the control mice "
        f"({study.control}) were still in the study, unless the design names another. Volumes of that day are those of "
        f"the mice read on it ({counts}); no value is carried forward. {growth}"
    )


def cautions(study: GrowthStudy) -> list[str]:
    """What the benchmark has shown to break in studies like this one: few mice, and mice that leave early."""
    mice = study.tables["mice"]
    measured = testing.measured()
    said = []
    per_arm = mice.groupby("arm", sort=False)["growth_rate_per_day"].count()
    least = int(per_arm.min())
    if least < 5:
        size = measured["null"]["slopes Welch t rejects"][3]
        said.append(
            f"{per_arm.idxmin()} has {least} mice with a growth rate. With three per arm the primary test rejects "
            f"{size:.1f} % instead of 5 % where nothing is there, and misses more; a permutation test of three against "
            f"three cannot reach 5 %; intervals of ratios are given from {MIN_BOOTSTRAP} mice per arm."
        )
    last = mice["last_day"].max()
    left = mice[mice["last_day"] < last].groupby("arm", sort=False).size()
    if len(left):
        counts = ", ".join(f"{arm} {n}" for arm, n in left.items())
        slowing = measured["slowing drop-out effect"]["slopes Welch t covers"][8]
        said.append(
            f"Mice that were not read up to day {last:g}: {counts}. Where large tumours leave and growth slows with "
            f"size, a 95 % interval of a growth-rate difference covers the difference over the whole study in "
            f"{slowing:.0f} % (n = 8); later volumes are those of the survivors."
        )
    return said


def _interval(row: pd.Series) -> str:
    if pd.isna(row["value"]):
        return str(row["note"]) or "not estimable"
    if pd.isna(row["ci95_low"]):
        return f"{row['value']:.3g}" + (f" ({row['note']})" if row["note"] else "")
    return f"{row['value']:.3g} ({row['ci95_low']:.3g} to {row['ci95_high']:.3g})"


def test_rows(tests: pd.DataFrame) -> pd.DataFrame:
    """The tests of one study, as texts; an empty p carries its reason."""
    rows = []
    for row in tests.to_dict("records"):
        size = row["measured_type_1_error_pct"]
        at = row["measured_at_mice_per_arm"]
        rows.append(
            {
                "arm": row["arm"],
                "test": f"{row['test']} ({row['role']})" if row["role"] == "primary" else row["test"],
                "compares": row["compares"],
                "mice": f"{row['mice']} in all" if row["arm"] == "all" else _both(row["mice"], row["control_mice"]),
                "difference": _interval(pd.Series(row)).replace(f" ({row['note']})", "") if row["unit"] else "",
                "p": p_text(row["p"], row["note"]),
                "p (Holm)": p_text(row["p_holm"], "") if not pd.isna(row["p_holm"]) else "",
                "measured type I error": f"{size:.1f} % at n = {at:.0f}" if not pd.isna(size) else "",
                "note": "" if pd.isna(row["p"]) else row["note"],
            }
        )
    return pd.DataFrame(rows)


def _both(mice: int, control_mice: int) -> str:
    """7 + 8 with spaces that do not break: treated and control mice behind a number."""
    return f"{mice}\u00a0+\u00a0{control_mice}"


def measure_rows(comparisons: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Every measure of one arm against the control, as texts."""
    of = comparisons[comparisons["arm"] == arm]
    return pd.DataFrame(
        {
            "measure": [_measure_words(m) for m in of["measure"]],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in of.iterrows()
            ],
            "unit": of["unit"],
            "mice": [_both(t, c) for t, c in zip(of["mice"], of["control_mice"], strict=True)],
            "method": of["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in of.iterrows()],
        }
    )


def _measure_words(name: str) -> str:
    return name if name.startswith("tgi") else _MEASURE_WORDS.get(name, name.replace("_", " "))


def _number_only(row: pd.Series) -> str:
    return _interval(row.where(row.index != "note", ""))


def combination_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Bliss excess and ADCC share, as texts."""
    return pd.DataFrame(
        {
            "arms": table["arms"],
            "measure": [_measure_words(m) for m in table["measure"]],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in table.iterrows()
            ],
            "unit": table["unit"],
            "method": table["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in table.iterrows()],
        }
    )


def response_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Counts of response categories with the share of responders."""
    rows = []
    for row in table.to_dict("records"):
        fraction = (
            f"{row['responders_pct']:.0f} ({row['ci95_low_pct']:.0f} to {row['ci95_high_pct']:.0f})"
            if not pd.isna(row["responders_pct"])
            else row["note"]
        )
        counted = {c: "" if pd.isna(row[c]) else int(row[c]) for c in ("MCR", "CR", "PR", "SD", "PD")}
        rows.append(
            {"arm": row["arm"], "scheme": row["scheme"], "mice": row["mice"], **counted, "responders (%)": fraction}
        )
    return pd.DataFrame(rows)


def survival_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Medians and how the mice ended."""
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
            "how it ended": table["causes"],
        }
    )


def arm_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers of mice, growth and volumes per arm."""
    return pd.DataFrame(
        {
            "arm": table["arm"],
            "mice": table["mice"],
            "start (mm³)": [_plain(v) for v in table["start_volume_mm3"]],
            "growth rate (per day)": [_plain(v) for v in table["growth_rate_per_day"]],
            "SD": [_plain(v) for v in table["growth_rate_sd"]],
            "doubling time (d)": [_plain(v) for v in table["doubling_time_d"]],
            "read on day of evaluation": [
                f"{r} of {n}" for r, n in zip(table["mice_read"], table["mice"], strict=True)
            ],
            "mean (mm³)": [_plain(v) for v in table["mean_volume_mm3"]],
            "geometric mean": [_plain(v) for v in table["geometric_mean_mm3"]],
            "median": [_plain(v) for v in table["median_volume_mm3"]],
            "note": table["note"],
        }
    )


def power_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Mice per arm for a range of effects."""
    return pd.DataFrame(
        {
            "spread of": table["basis"],
            "SD of the log": [_plain(v) for v in table["sd_log"]],
            "tgi_tc to be found (%)": [_plain(v) for v in table["tgi_tc_pct"]],
            "mice per arm": ["" if pd.isna(v) else f"{int(v)}" for v in table["mice_per_arm"]],
            "closed form": ["" if pd.isna(v) else f"{v:.1f}" for v in table["mice_closed_form"]],
            "simulated power (%)": ["" if pd.isna(v) else f"{v:.0f}" for v in table["simulated_power_pct"]],
            "note": table["note"],
        }
    )


def _plain(value: float, absent: str = "") -> str:
    return absent if pd.isna(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def design_sheet(study: GrowthStudy, design: GrowthDesign) -> pd.DataFrame:
    """Items a reader needs to judge the study: from the design file where stated, from the data where they show it."""
    rows = [(_STUDY_WORDS.get(k, k), design.study.get(k, NOT_STATED)) for k in STUDY_ITEMS]
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
    chosen = "as stated in the design" if design.evaluation_day is not None else "by rule"
    rows += [
        ("baseline", f"day {study.baseline_day:g}"),
        ("day of evaluation", f"{day}, {chosen}"),
        ("end point in the analysis", f"volume of {design.endpoint_mm3:g} mm³ or more, a mark in the sheet, or death"),
        (
            "ulceration, weight loss",
            "censored" if design.other_causes == "censor" else "counted as reaching the end point",
        ),
        ("limit of quantification", f"{design.loq_mm3:g} mm³, in logarithms only"),
        ("blocks", "mice of one name are one block (paired simulation)" if design.paired else "none: mice independent"),
    ]
    return pd.DataFrame(rows, columns=["item", "value"])
