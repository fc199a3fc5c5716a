"""One self-contained HTML report of a tumour-growth study. Nothing is loaded from elsewhere; it holds no date."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.growth import (
    headline as growth_headline,
)
from analysis.growth import (
    measures as tumour_growth,
)
from analysis.growth import (
    testing as growth_testing,
)
from analysis.growth import (
    text as growth_words,
)
from analysis.growth.design import GrowthDesign
from analysis.growth.inference import MIN_BOOTSTRAP, RESAMPLES
from analysis.growth.tables import GrowthStudy
from analysis.writing import write_text
from simulation.text import html

_PX_PER_INCH = 108
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
    "mean_curves": "Mean ± SEM and geometric mean over time. Once a mouse of an arm has left, lines are broken and "
    "symbols open: from there on only the survivors are averaged.",
    "individual_curves": "Every mouse. A cross marks a mouse that reached the end point or died.",
    "growth_rates": "Growth rate of every mouse, the quantity of the primary test.",
    "waterfall": "Best change of each mouse from its start volume, on day 10 or later.",
    "spider": "Change of each mouse from its start volume, cut at +300 %.",
    "kaplan_meier": "Kaplan-Meier curves of the time to the end point; a tick is a censored mouse.",
    "body_weight": "Body weight as a measure of tolerability.",
}


def write_report(
    path: Path,
    title: str,
    studies: Sequence[GrowthStudy],
    design: GrowthDesign,
    figures: Mapping[str, Mapping[str, Path]],
    notes: Sequence[str],
    appendix: Sequence[str] = (),
) -> Path:
    """Write the report; figures: study -> figure name -> PNG file; notes: one sentence each. Returns the path.

    appendix: pieces of HTML that stand behind the studies, for what only simulated mice have.
    """
    body = [f"<h1>{html(title)}</h1>", '<p class="sub">Tumour growth in mice: statistics of caliper data</p>']
    if notes:
        body.append(f'<div class="warn"><b>Notes on the data</b>{_list(notes)}</div>')
    for study in studies:
        if len(studies) > 1:
            body.append(f"<h1>Study {html(study.name)}</h1>")
        body += _study_sections(study, design, figures.get(study.name, {}))
    body += [
        *appendix,
        "<h2>How it was computed</h2>",
        _methods(design),
        "<h2>How far the tests can be trusted</h2>",
        _trust(),
    ]
    page = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>'
    page += f"<style>{_CSS}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    write_text(path, page)
    return path


def _study_sections(study: GrowthStudy, design: GrowthDesign, figures: Mapping[str, Path]) -> list[str]:
    tables = study.tables
    out = [
        "<h2>Result</h2>",
        f"<p>{html(growth_words.estimand(study))}</p>",
        f"<h3>{html(growth_headline.volumes_title(study))}</h3>",
        html_table(growth_headline.volumes(study)),
        "<h3>Treated arms against the control (95 % intervals)</h3>",
        html_table(_measures_down(growth_headline.headline(study))),
        f'<p class="sub">{" ".join(growth_headline.STATISTICS)}</p>',
    ]
    beware = growth_words.cautions(study)
    if beware:
        out.append(f'<div class="warn"><b>Caveats</b>{_list(beware)}</div>')
    primary = tables["tests"]["role"] == "primary"
    out += ["<h3>Primary test against the control</h3>", html_table(growth_words.test_rows(tables["tests"][primary]))]
    beside = html_table(growth_words.test_rows(tables["tests"][~primary]))
    out.append(f"<details><summary>Other tests</summary>{beside}</details>")
    for arm in [a for a in study.arms if a != study.control]:
        out.append(f"<details><summary>All measures: {html(arm)} against {html(study.control)}</summary>")
        out.append(html_table(growth_words.measure_rows(tables["comparisons"], arm)) + "</details>")
    if len(tables["combination"]):
        out += [
            "<h3>Combination and share of ADCC</h3>",
            html_table(growth_words.combination_rows(tables["combination"])),
        ]
    out += ["<h2>Figures</h2>", *(html_figure(figures[name], FIGURES[name]) for name in FIGURES if name in figures)]
    out += ["<h2>Response</h2>", html_table(growth_words.response_rows(tables["response"]))]
    out += ["<h2>Time to the end point</h2>", html_table(growth_words.survival_rows(tables["survival"]))]
    out += ["<h2>Arms</h2>", html_table(growth_words.arm_rows(tables["arms"]))]
    out += ["<h2>Design sheet</h2>", html_table(growth_words.design_sheet(study, design))]
    out += ["<h2>How many mice next time</h2>", html_table(growth_words.power_rows(tables["power"]))]
    return out


def _measures_down(headline: pd.DataFrame) -> pd.DataFrame:
    """The headline with a column per arm: sentences in many narrow columns cannot be read."""
    if headline.empty:
        return headline
    turned = headline.drop(columns="control").set_index("arm").T
    return turned.rename_axis("", axis=0).rename_axis(None, axis=1).reset_index(names="measure")


def _methods(design: GrowthDesign) -> str:
    volume = "L W² / 2" if design.volume_formula == "half" else "π/6 L W²"
    return f"""<ul>
<li>Volume from two diameters: {volume}, W the shorter. T/C = V<sub>T</sub> / V<sub>C</sub>;
tgi_tc = 100 (1 &minus; T/C); tgi_delta = 100 (1 &minus; (T &minus; T<sub>0</sub>) / (C &minus; C<sub>0</sub>));
tgi_piecewise = tgi_delta, but 100 + 100 (1 &minus; T / T<sub>0</sub>) where the treated tumours shrink.
Growth-rate inhibition =
100 (1 &minus; k<sub>T</sub> / k<sub>C</sub>); rate T/C = 100 exp((k<sub>T</sub> &minus; k<sub>C</sub>)
{tumour_growth.RATE_DAYS:g} d). They differ; none of them is "the" TGI.</li>
<li>Volumes under {design.loq_mm3:g} mm³ enter logarithms as {design.loq_mm3:g} mm³; arithmetic means use them as
read.</li>
<li>Primary test: Welch's t on the mice's growth rates (paired t where mice are blocks); Holm over the arms. The tests
beside it answer other questions or have another error; do not pick among them. Ratios: bootstrap-t, {RESAMPLES}
resamples, from {MIN_BOOTSTRAP} mice per arm.</li>
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
            ("log-rank rejects", growth_testing.LOG_RANK),
        ):
            shares = measured.get(situation, {}).get(quantity)
            if shares:
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
test cannot reach 5 % at all. The mixed model's Wald z rejects too often, the more so the fewer the mice. Where mice
leave because their tumours are large <i>and</i> growth slows with size, a mouse that leaves early was seen in its fast
phase only: then the intervals of growth rates miss the rate over the whole study more often than they should.</p>"""
    return text + html_table(pd.DataFrame(rows)) + html_table(pd.DataFrame(coverage))


def _by_n(shares: Mapping[int, float]) -> dict[str, str]:
    return {f"n = {n}": f"{shares[n]:.1f}" if n in shares else "" for n in (3, 5, 8)}


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html(line)}</li>" for line in lines) + "</ul>"


def html_figure(path: Path, caption: str) -> str:
    """A PNG file inside the page, with its caption."""
    data = base64.b64encode(path.read_bytes()).decode()
    caption = html(caption)
    from analysis.figures import PNG_DPI  # loads matplotlib, as the figure has already done

    # Width from the PNG header: figures keep one type size whatever their own size is.
    width = int.from_bytes(path.read_bytes()[16:20], "big") * _PX_PER_INCH // PNG_DPI
    image = f'<img alt="{caption}" width="{width}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def html_table(frame: pd.DataFrame) -> str:
    """A table of texts; columns whose cells all begin like a number stand to the right; empty columns are left out."""
    if frame.empty:
        return "<p>Nothing to show.</p>"
    shown = frame.astype(object).where(frame.notna(), "").astype(str)
    shown = shown.loc[:, [bool(shown[c].str.len().gt(0).any()) for c in shown]]
    right = {c: shown[c].str.fullmatch(r"[<−-]? ?[\d.,%+-]*").all() for c in shown}
    head = "".join(f"<th{' class=n' if right[c] else ''}>{html(str(c))}</th>" for c in shown)
    body = []
    for row in shown.to_dict("records"):
        cells = []
        for c, cell in row.items():
            kind = " class=n" if right[c] else " class=why" if cell.startswith("not estimable") else ""
            cells.append(f"<td{kind}>{html(cell)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(body)}</table></div>'
