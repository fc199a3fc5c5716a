"""One self-contained HTML report of a tumour-growth study. Nothing is loaded from elsewhere, nothing in it is a date."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from analysis import growth_testing, tumour_growth
from analysis.growth_design import ARM_ITEMS, NOT_STATED, STUDY_ITEMS, GrowthDesign
from analysis.growth_inference import MIN_BOOTSTRAP, RESAMPLES
from analysis.growth_tables import GrowthStudy

_CSS = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem} h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
h3{font-size:1rem;margin-top:1.4rem}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0} th{text-align:left;border-bottom:2px solid #999}
th,td{padding:.2rem .7rem .2rem 0;vertical-align:top} td{border-bottom:1px solid #eee}
td.n,th.n{text-align:right;white-space:nowrap} .scroll{overflow-x:auto} figure{margin:1rem 0} img{max-width:100%}
figcaption{color:#666;font-size:13px} .warn{background:#fff6e0;border-left:4px solid #E69F00;padding:.5rem 1rem}
.sub{color:#666} summary{cursor:pointer} .why{color:#8a5a00}
"""

FIGURES = {
    "mean_curves": "Mean ± SEM and geometric mean over time. Once a mouse of an arm has left, lines are broken and symbols "
    "open: from there on only the survivors are averaged.",
    "individual_curves": "Every mouse. A cross marks a mouse that reached the end point or died.",
    "growth_rates": "Growth rate of every mouse, the quantity of the primary test.",
    "waterfall": "Best change of each mouse from its start volume, on day 10 or later.",
    "spider": "Change of each mouse from its start volume, cut at +300 %.",
    "kaplan_meier": "Kaplan-Meier curves of the time to the end point; a tick is a censored mouse.",
    "body_weight": "Body weight as a measure of tolerability.",
}
_MEASURE_WORDS = {
    "tc_pct": "T/C",
    "tc_geometric_pct": "T/C of geometric means",
    "growth_rate_difference": "growth-rate difference",
    "growth_rate_inhibition": "growth-rate inhibition",
    "area_inhibition": "inhibition of the adjusted log area",
    "median_survival_ratio": "ratio of median times to the end point",
    "hazard_ratio": "hazard ratio",
}
_STUDY_WORDS = {
    "cell_line": "cell line",
    "allocation_unit": "unit of allocation",
    "end_point_rule": "end-point rule, in words",
}


def write_report(
    path: Path,
    title: str,
    studies: Sequence[GrowthStudy],
    design: GrowthDesign,
    figures: Mapping[str, Mapping[str, Path]],
    notes: Sequence[str],
) -> Path:
    """Write the report; figures: study -> figure name -> PNG file; notes: one sentence each. Returns the path."""
    body = [f"<h1>{escape(title)}</h1>", '<p class="sub">Tumour growth in mice: statistics of caliper data</p>']
    if notes:
        body.append(f'<div class="warn"><b>Notes on the data</b>{_list(notes)}</div>')
    for study in studies:
        if len(studies) > 1:
            body.append(f"<h1>Study {escape(study.name)}</h1>")
        body += _study_sections(study, design, figures.get(study.name, {}))
    body += ["<h2>How it was computed</h2>", _methods(design), "<h2>How far the tests can be trusted</h2>", _trust()]
    page = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    page += f"<style>{_CSS}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    path.write_text(page, encoding="utf-8")
    return path


def _study_sections(study: GrowthStudy, design: GrowthDesign, figures: Mapping[str, Path]) -> list[str]:
    tables = study.tables
    out = ["<h2>Result</h2>", f"<p>{escape(estimand(study))}</p>", _html(headline(study))]
    out += ["<h3>Tests against the control</h3>", _html(_test_rows(tables["tests"]))]
    for arm in [a for a in study.arms if a != study.control]:
        out.append(f"<details><summary>All measures: {escape(arm)} against {escape(study.control)}</summary>")
        out.append(_html(_measure_rows(tables["comparisons"], arm)) + "</details>")
    if len(tables["combination"]):
        out += ["<h3>Combination and share of ADCC</h3>", _html(_combination_rows(tables["combination"]))]
    out += ["<h2>Figures</h2>", *(_figure(name, figures[name]) for name in FIGURES if name in figures)]
    out += ["<h2>Response</h2>", _html(_response_rows(tables["response"]))]
    out += ["<h2>Time to the end point</h2>", _html(_survival_rows(tables["survival"]))]
    out += ["<h2>Arms</h2>", _html(_arm_rows(tables["arms"]))]
    out += ["<h2>Design sheet</h2>", _html(design_sheet(study, design))]
    out += ["<h2>How many mice next time</h2>", _html(_power_rows(tables["power"]))]
    return out


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
        f"Day of evaluation: {study.evaluation_day:g}, the last on which at least 80 % of the control mice ({study.control}) "
        f"were still in the study, unless the design names another. Volumes of that day are those of the mice read on "
        f"it ({counts}); no value is carried forward. {growth}"
    )


def headline(study: GrowthStudy) -> pd.DataFrame:
    """The result a reader came for: per treated arm T/C, tgi_tc, tgi_delta, growth-rate inhibition and the primary test."""
    comparisons, tests = study.tables["comparisons"], study.tables["tests"]
    rows = []
    for arm in [a for a in study.arms if a != study.control]:
        of = comparisons[comparisons["arm"] == arm].set_index("measure")
        primary = tests[(tests["arm"] == arm) & (tests["role"] == "primary")]
        first = primary.iloc[0]
        rows.append(
            {
                "arm": arm,
                "mice": f"{first['mice']} / {first['control_mice']}",
                "T/C (%)": _interval(of.loc["tc_pct"]),
                "tgi_tc (%)": _interval(of.loc["tgi_tc"]),
                "tgi_delta (%)": _interval(of.loc["tgi_delta"]),
                "growth-rate inhibition (%)": _interval(of.loc["growth_rate_inhibition"]),
                "p (primary)": _p(first["p"], first["note"]),
                "p (Holm)": _p(first["p_holm"], first["note"]),
            }
        )
    return pd.DataFrame(rows)


def _interval(row: pd.Series) -> str:
    if pd.isna(row["value"]):
        return str(row["note"]) or "not estimable"
    if pd.isna(row["ci95_low"]):
        return f"{row['value']:.3g}" + (f" ({row['note']})" if row["note"] else "")
    return f"{row['value']:.3g} ({row['ci95_low']:.3g} to {row['ci95_high']:.3g})"


def _p(value: float, note: str) -> str:
    if pd.isna(value):
        return str(note) or "not estimable"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _test_rows(tests: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in tests.to_dict("records"):
        size = row["measured_type_1_error_pct"]
        at = row["measured_at_mice_per_arm"]
        rows.append(
            {
                "arm": row["arm"],
                "test": f"{row['test']} ({row['role']})" if row["role"] == "primary" else row["test"],
                "difference": _interval(pd.Series(row)).replace(f" ({row['note']})", "") if row["unit"] else "",
                "p": _p(row["p"], row["note"]),
                "p (Holm)": _p(row["p_holm"], "") if not pd.isna(row["p_holm"]) else "",
                "its own type I error, measured": f"{size:.1f} % at n = {at:.0f}" if not pd.isna(size) else "",
                "note": "" if pd.isna(row["p"]) else row["note"],
            }
        )
    return pd.DataFrame(rows)


def _measure_rows(comparisons: pd.DataFrame, arm: str) -> pd.DataFrame:
    of = comparisons[comparisons["arm"] == arm]
    return pd.DataFrame(
        {
            "measure": [
                _MEASURE_WORDS.get(m, m.replace("_", " ") if not m.startswith("tgi") else m) for m in of["measure"]
            ],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in of.iterrows()
            ],
            "unit": of["unit"],
            "mice": [f"{t} / {c}" for t, c in zip(of["mice"], of["control_mice"], strict=True)],
            "method": of["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in of.iterrows()],
        }
    )


def _number_only(row: pd.Series) -> str:
    return _interval(row.where(row.index != "note", ""))


def _combination_rows(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arms": table["arms"],
            "measure": [m.replace("_", " ") for m in table["measure"]],
            "value (95 % interval)": [
                _interval(r) if pd.isna(r["value"]) else _number_only(r) for _, r in table.iterrows()
            ],
            "unit": table["unit"],
            "method": table["method"],
            "note": ["" if pd.isna(r["value"]) else r["note"] for _, r in table.iterrows()],
        }
    )


def _response_rows(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in table.to_dict("records"):
        share = (
            f"{row['responders_pct']:.0f} ({row['ci95_low_pct']:.0f} to {row['ci95_high_pct']:.0f})"
            if not pd.isna(row["responders_pct"])
            else row["note"]
        )
        counted = {c: "" if pd.isna(row[c]) else int(row[c]) for c in ("MCR", "CR", "PR", "SD", "PD")}
        rows.append(
            {"arm": row["arm"], "scheme": row["scheme"], "mice": row["mice"], **counted, "responders (%)": share}
        )
    return pd.DataFrame(rows)


def _survival_rows(table: pd.DataFrame) -> pd.DataFrame:
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


def _arm_rows(table: pd.DataFrame) -> pd.DataFrame:
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


def _power_rows(table: pd.DataFrame) -> pd.DataFrame:
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


def _methods(design: GrowthDesign) -> str:
    volume = "L W² / 2" if design.volume_formula == "half" else "π/6 L W²"
    return f"""<ul>
<li>Volume from two diameters: {volume}, W the shorter. T/C = V<sub>T</sub> / V<sub>C</sub>; tgi_tc = 100 (1 &minus; T/C);
tgi_delta = 100 (1 &minus; (T &minus; T<sub>0</sub>) / (C &minus; C<sub>0</sub>)); tgi_piecewise = tgi_delta, but
100 + 100 (1 &minus; T / T<sub>0</sub>) where the treated tumours shrink. Growth-rate inhibition =
100 (1 &minus; k<sub>T</sub> / k<sub>C</sub>); rate T/C = 100 exp((k<sub>T</sub> &minus; k<sub>C</sub>)
{tumour_growth.RATE_DAYS:g} d). They differ; none of them is "the" TGI.</li>
<li>Volumes under {design.loq_mm3:g} mm³ enter logarithms as {design.loq_mm3:g} mm³; arithmetic means use them as read.</li>
<li>Primary test: Welch's t on the mice's growth rates; Holm over the arms. The tests beside it answer other questions or
have another error; do not pick among them. Ratios: bootstrap-t, {RESAMPLES} resamples, from {MIN_BOOTSTRAP} mice per arm.</li>
<li>Mixed model: ln V ~ day × arm with random level and slope per mouse, REML, Wald z, all arms together.</li>
<li>Growth delay and median times are Kaplan-Meier medians; hazard ratio: Cox with Efron's ties.</li>
<li>Bliss excess = k<sub>AB</sub> &minus; (k<sub>A</sub> + k<sub>B</sub> &minus; k<sub>C</sub>), below zero: more than
independent action. The ADCC share is given on the scale of growth rates and of tgi_tc; the two differ by nature.</li>
</ul>"""


def _trust() -> str:
    """Measured type I error and coverage, and what drop-out and few mice do to them."""
    measured = growth_testing.measured()
    rows = []
    for situation, words in (
        ("null", "no drop-out"),
        ("zeros", "tumours regress below the limit"),
        ("drop-out null", "informative drop-out"),
        ("slowing drop-out null", "drop-out, and growth slows with size"),
    ):
        for quantity, name in (
            ("slopes Welch t rejects", growth_testing.PRIMARY),
            ("slopes permutation rejects", growth_testing.PERMUTATION),
            ("mixed Wald z rejects", growth_testing.MIXED),
            ("end volume Welch t rejects", growth_testing.END_VOLUME),
        ):
            shares = measured.get(situation, {}).get(quantity, {})
            rows.append({"type I error (%), nominal 5": words, "test": name, **_by_n(shares)})
    coverage = []
    for situation, words in (
        ("effect", "effect, no drop-out"),
        ("drop-out effect", "effect, informative drop-out"),
        ("slowing drop-out effect", "effect, drop-out, and growth slows with size"),
    ):
        for quantity, name in (
            ("slopes Welch t covers", "growth-rate difference, Welch t"),
            ("mixed Wald z covers", "growth-rate difference, mixed model"),
            ("T/C bootstrap-t covers", "T/C, bootstrap-t"),
            ("k_T/k_C bootstrap-t covers", "growth-rate ratio, bootstrap-t"),
        ):
            shares = measured.get(situation, {}).get(quantity, {})
            coverage.append({"coverage (%), nominal 95": words, "interval": name, **_by_n(shares)})
    text = """<p>Shares of simulated studies (4,000 per cell, exponential growth of an NCI-N87 study; the benchmark
size_and_coverage describes it). The primary test keeps its level, and is careful with three mice, where a permutation
test cannot reach 5 % at all. The mixed model's Wald z rejects too often, the more so the fewer the mice. Where mice leave
because their tumours are large <i>and</i> growth slows with size, a mouse that leaves early was seen in its fast phase
only: then the intervals of growth rates miss the rate over the whole study more often than they should.</p>"""
    return text + _html(pd.DataFrame(rows)) + _html(pd.DataFrame(coverage))


def _by_n(shares: Mapping[int, float]) -> dict[str, str]:
    return {f"n = {n}": f"{shares[n]:.1f}" if n in shares else "" for n in (3, 5, 8)}


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _figure(name: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    caption = escape(FIGURES[name])
    image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _html(frame: pd.DataFrame) -> str:
    """A table of texts; columns whose cells all begin like a number stand to the right; empty columns are left out."""
    if frame.empty:
        return "<p>Nothing to show.</p>"
    shown = frame.astype(object).where(frame.notna(), "").astype(str)
    shown = shown.loc[:, [bool(shown[c].str.len().gt(0).any()) for c in shown]]
    right = {c: shown[c].str.fullmatch(r"[<−-]? ?[\d.,%+-]*").all() for c in shown}
    head = "".join(f"<th{' class=n' if right[c] else ''}>{escape(str(c))}</th>" for c in shown)
    body = []
    for row in shown.to_dict("records"):
        cells = []
        for c, cell in row.items():
            kind = " class=n" if right[c] else " class=why" if cell.startswith("not estimable") else ""
            cells.append(f"<td{kind}>{escape(cell)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(body)}</table></div>'
