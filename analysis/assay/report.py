"""One self-contained report.html: result, figures, tables, design, and caveats.

Nothing in it is loaded from elsewhere and nothing in it is a date: the same results give the same bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from adccsim.analysis.assay.headline import curve_name, viability_words, with_interval
from adccsim.analysis.html import write_page
from adccsim.analysis.reading.runs import Run, Study
from adccsim.analysis.reading.stand_ins import stand_in_table

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
    caveats: Sequence[str],
) -> Path:
    """Write the report to `path` and return it; figures maps names of FIGURES to PNG files."""
    fits, viability = (tables.get(name, pd.DataFrame()) for name in ("dose_response", "viability_summary"))
    return write_page(
        path,
        "wells.html",
        title=str(study.info.get("title") or study.info.get("scenario_file") or study.out_dir.resolve().name),
        subtitle=_subtitle(study, design),
        problems=study.problems,
        caveats=caveats,
        headline=headline,
        headline_title=headline.attrs.get("title", ""),
        fits=_fit_table(fits),
        viability=_viability_table(viability),
        figures=[(figures[name], FIGURES[name]) for name in FIGURES if name in figures],
        design=_design_rows(study, design, extra),
        stand_in_table=stand_in_table(study.info),
        more=[(heading, name, tables[name]) for name, heading in _MORE.items() if name in tables and len(tables[name])],
        scenario_text=scenario_text(study),
    )


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


def _viability_table(viability: pd.DataFrame) -> pd.DataFrame:
    rows = [(curve_name(row, viability), viability_words(row)) for row in viability.to_dict("records")]
    return pd.DataFrame(rows, columns=["curve", "result"])


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
                "fit status": row["status"],
                "intervals from": row["sd_basis"],
                "note": row["note"],
            }
        )
    return pd.DataFrame(rows)
