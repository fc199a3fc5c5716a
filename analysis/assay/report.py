"""One self-contained report.html: result, figures, tables, design, and what to beware of.

Nothing in it is loaded from elsewhere and nothing in it is a date: the same results give the same bytes.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.assay.headline import curve_name, viability_words, with_interval
from analysis.reading.runs import Run, Study
from analysis.reading.stand_ins import stand_in_table
from analysis.tables import tidy
from analysis.writing import write_text
from simulation.text import html

_CSS = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem} h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0} th{text-align:left;border-bottom:2px solid #999}
th,td{padding:.2rem .7rem .2rem 0;vertical-align:top} td{border-bottom:1px solid #eee} td.n{text-align:right}
.scroll{overflow-x:auto;max-height:32rem;overflow-y:auto} figure{margin:1rem 0} img{max-width:100%}
.warn{background:#fff6e0;border-left:4px solid #E69F00;padding:.5rem 1rem}
.bad{background:#fdeaea;border-left:4px solid #D55E00;padding:.5rem 1rem}
.sub{color:#666} pre{background:#f6f6f6;padding:.8rem;overflow-x:auto;font-size:12px} summary{cursor:pointer}
"""

FIGURES = {
    "dose_response": "Dose response. Points are means with 95 % intervals, lines are four-parameter logistic fits with "
    "their 95 % bands; dose 0 stands left of the break; open points are left out of the fit (hook).",
    "viability": "Relative viability against dose, with fits and 95 % bands as above.",
    "comparison": "Conditions side by side: means with 95 % intervals.",
    "et_curve": "Lysis against the effector to target ratio.",
    "time_course": "Lysis over time, from the readings of samples and controls at the same moment.",
    "kills_per_nk": "How many targets each NK cell killed, without antibody and at the highest dose.",
    "well": "One well at the end of the assay. Colours: state of each cell; blue: antibody on living targets.",
}

_FORMULAS = """<ul>
<li>All readings are blank-subtracted. E sample, TO mean of target-only wells, EO mean of effector-only wells at the
same E:T, M maximum release.</li>
<li>LDH: lysis % = 100 (E &minus; EO &minus; TO) / (M &minus; TO). 51Cr and calcein: without EO. Live count:
100 (1 &minus; E / TO). Viability: 100 E / TO. Uncorrected lysis: 100 (E &minus; TO) / (M &minus; TO).</li>
<li>Natural killing is the lysis without antibody on the same plate at the same E:T; ADCC is lysis minus it.</li>
<li>Intervals are 95 %. Several donors: replicates are averaged within a donor, n counts donors, intervals of fits draw
whole donors. One donor: n counts wells, and SD and intervals are those of technical replicates.</li>
<li>Kills, contacts and granules come from the record of every cell; lysis never uses it.</li></ul>"""

# name of the table: heading in the report
_MORE = {
    "lysis_summary": "Lysis by condition",
    "viability_summary": "Viability: curves",
    "viability": "Viability by condition",
    "dose_response_donors": "Dose response, each donor",
    "kinetics_summary": "Times",
    "killing": "What each NK cell did",
    "controls": "Control wells",
}


def write_report(
    path: Path,
    study: Study,
    design: pd.DataFrame,
    extra: Sequence[str],
    headline: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Path],
    cautions: Sequence[str],
) -> Path:
    """Write the report to `path` and return it; figures maps names of FIGURES to PNG files."""
    title = str(study.info.get("title") or study.info.get("scenario_file") or study.out_dir.resolve().name)
    body = [f"<h1>{html(title)}</h1>", f'<p class="sub">{html(_subtitle(study, design))}</p>']
    if study.problems:
        body.append(f'<div class="bad"><b>Not everything could be used</b>{html_list(study.problems)}</div>')
    if cautions:
        body.append(f'<div class="warn"><b>Beware</b>{html_list(cautions)}</div>')
    body.append("<h2>Result</h2>")
    if headline.empty:
        body.append("<p>No wells to show.</p>")
    else:
        body += [f"<p>{html(str(headline.attrs.get('title', '')))}</p>", html_table(headline)]
    fits = tables.get("dose_response")
    if fits is not None and len(fits):
        body += ["<h2>Dose response</h2>", html_table(_fit_table(fits))]
    viability = tables.get("viability_summary")
    if viability is not None and len(viability):
        rows = [(curve_name(row, viability), viability_words(row)) for row in viability.to_dict("records")]
        body += ["<h2>Viability</h2>", html_table(pd.DataFrame(rows, columns=["curve", "result"]))]
    body.append("<h2>Figures</h2>")
    body += [html_figure(figures[name], FIGURES[name]) for name in FIGURES if name in figures]
    body += [
        "<h2>Design</h2>",
        html_table(_design_rows(study, design, extra)),
        *stand_in_section(study.info),
        "<h2>How it was computed</h2>",
        _FORMULAS,
    ]
    body.append("<h2>More tables</h2><p>The same as CSV in the folder tables.</p>")
    for name, heading in _MORE.items():
        if name in tables and len(tables[name]):
            body.append(f"<details><summary>{heading} ({name}.csv)</summary>{html_table(tables[name])}</details>")
    text = scenario_text(study)
    if text:
        body.append(f"<h2>Scenario file</h2><details><summary>as it was run</summary><pre>{html(text)}</pre></details>")
    write_text(path, html_page(title, body))
    return path


def html_page(title: str, body: Sequence[str]) -> str:
    """A page that needs nothing beside itself, from pieces of HTML."""
    head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>'
    return f"{head}<style>{_CSS}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"


def stand_in_section(info: Mapping) -> list[str]:
    """The numbers that entries of the catalogue took over from other entries; nothing where there are none."""
    table = stand_in_table(info)
    if table.empty:
        return []
    text = "The catalogue holds no number of their own for these; those of other entries stand in for them."
    return ["<h2>Numbers taken over from other entries</h2>", f"<p>{text}</p>", html_table(table)]


def scenario_text(study: Study) -> str:
    """The scenario as it was run, word for word; empty if study.json is absent."""
    return str(study.info.get("scenario") or study.info.get("scenario_text") or "")


def plural(word: str, count: int) -> str:
    """1 plate, 2 plates."""
    return word if count == 1 else f"{word}s"


def _subtitle(study: Study, design: pd.DataFrame) -> str:
    model = study.runs[0].model_version if study.runs else "no model"
    wells, plates = len(design), design["plate"].nunique()
    return f"In-vitro wells, model {model}, {wells} {plural('well', wells)} on {plates} {plural('plate', plates)}"


def _design_rows(study: Study, design: pd.DataFrame, extra: Sequence[str]) -> pd.DataFrame:
    rows: list[tuple[str, str]] = []
    samples = design[~design["role"].isin(("target_only", "effector_only"))]
    words = {
        "cell_line": "cell lines",
        "effector": "effectors",
        "antibody": "antibodies",
        "dose_ug_per_ml": "doses (ug/mL)",
        "et_ratio": "effectors per target",
        "hours": "duration (h)",
        "readout": "read-out",
        "donor": "donors",
        "replicate": "replicates",
    }
    for column, word in words.items():
        values = sorted(set(samples[column]))
        shown = str(len(values)) if column in ("donor", "replicate") else _values(values)
        rows.append((word, shown))
    rows += [(f"swept: {key}", _values(sorted(set(samples[key].dropna())))) for key in extra]
    counts = design["role"].value_counts().sort_index()
    rows.append(("wells by role", ", ".join(f"{count} {role}" for role, count in counts.items())))
    for word, path in _FIXED.items():
        found = {_value(run, path) for run in study.runs} - {None}
        if found:
            rows.append((word, _values(sorted(found))))
    versions = study.info.get("versions") or {}
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items()) or "not recorded"))
    return pd.DataFrame(rows, columns=["what", "value"])


_FIXED = {
    "well format": "well.format",
    "volume (uL)": "well.volume_ul",
    "targets per well": "targets.cells",
    "pre-incubation (min)": "antibody.pre_incubation_min",
    "serum IgG (g/L)": "well.serum_igg_g_per_l",
    "reader CV": "assay.reader_cv",
    "seed": "seed",
    "random numbers": "random",
}


def _value(run: Run, path: str) -> object:
    value: object = run.condition
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if path == "targets.cells" and value == 0 else value


def _values(values: Sequence) -> str:
    texts = [f"{value:g}" if isinstance(value, int | float) else str(value) for value in values]
    return ", ".join(texts) if len(texts) <= 24 else f"{len(texts)} values from {texts[0]} to {texts[-1]}"


def _fit_table(fits: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in fits.to_dict("records"):
        rows.append(
            {
                "curve": curve_name(row, fits),
                "EC50 (ng/mL)": with_interval(row, "ec50_ng_per_ml"),
                "Emax (%)": with_interval(row, "emax_pct"),
                "bottom (%)": with_interval(row, "bottom_pct"),
                "Hill": with_interval(row, "hill", ".2g"),
                "verdict": row["status"],
                "intervals from": row["sd_basis"],
                "note": row["note"],
            }
        )
    return pd.DataFrame(rows)


def html_figure(path: Path, words: str) -> str:
    """A PNG file with its caption, carried by the page."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    words = html(words)
    image = f'<img alt="{words}" src="data:image/png;base64,{data}">'
    return f'<figure>{image}<figcaption class="sub">{words}</figcaption></figure>'


def html_list(lines: Sequence[str]) -> str:
    """Lines of plain text as a list."""
    return "<ul>" + "".join(f"<li>{html(line)}</li>" for line in lines) + "</ul>"


def html_table(frame: pd.DataFrame) -> str:
    """A table; numbers flush right, with four digits, and empty where there is none."""
    frame = tidy(frame) if "note" in frame else frame
    numeric = {name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])}
    head = "".join(f"<th>{html(str(name))}</th>" for name in frame.columns)
    rows = []
    for record in frame.itertuples(index=False, name=None):
        cells = (_cell(value, name in numeric) for name, value in zip(frame.columns, record, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>\n' + "\n".join(rows) + "</table></div>"


def _cell(value: object, numeric: bool) -> str:
    if not numeric:
        return f"<td>{html('' if pd.isna(value) else str(value))}</td>"
    return '<td class="n"></td>' if pd.isna(value) else f'<td class="n">{value:.4g}</td>'
