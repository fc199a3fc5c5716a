"""Comparisons as files: tables and figures in the folder of each study, and one page for all experiments."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis import html
from adccsim.analysis.fitting.compare import Comparison
from adccsim.analysis.tables import write_table

_POINTS = "Points: observed mean ± SD between units. Line and band: simulated mean ± SD between donors."
_RATIOS = (
    "Simulated over observed, with 95 % intervals; the line at 1 marks agreement. Grey: curves fitted to the means."
)
_CELLS = (
    "Cell counts under a microscope: observed values (fractions with binomial standard error) and simulated mean of "
    "donors ± SD between donors."
)
COLUMNS = {
    "experiment": "experiment",
    "points": "points",
    "bias_pct": "bias",
    "rmse_pct": "RMSE",
    "within_1_sd_pct": "% within 1 SD",
    "within_2_sd_pct": "% within 2 SD",
    "emax_ratio": "Emax ratio",
    "ec50_ratio": "EC50 ratio",
    "fraction_off": "fraction difference",
    "count_off": "count difference",
    "course_rms_pct": "course RMS",
    "assessment": "assessment",
}


def write_comparison(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Write folder/tables/compare_*.csv and folder/figures/compare_*.png, .svg; returns the PNG files by name."""
    from adccsim.analysis.figures import save  # matplotlib takes a second to load
    from adccsim.analysis.fitting import compare_picture  # matplotlib takes a second to load

    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    figures: dict[str, Path] = {}
    for name, table, make in (
        ("points", comparison.points, compare_picture.points_figure),
        ("parameters", comparison.parameters, compare_picture.parameters_figure),
        ("cells", comparison.cells, compare_picture.cells_figure),
    ):
        stem = folder / "figures" / f"compare_{name}"
        old = [folder / "tables" / f"compare_{name}.csv", *(stem.with_suffix(end) for end in (".png", ".svg"))]
        for path in old:  # remove results of an earlier comparison
            path.unlink(missing_ok=True)
        if len(table):
            write_table(table, old[0])
            figure = make(comparison)
            if figure is not None:
                figures[name] = save(figure, stem)[0]
    write_table(pd.DataFrame([comparison.summary]), folder / "tables" / "compare.csv")
    return figures


def write_page(path: Path, comparisons: Sequence[Comparison], figures: Sequence[dict[str, Path]]) -> Path:
    """One page: a row per experiment, then each with its assessment, tables and figures."""
    captions = {"points": _POINTS, "parameters": _RATIOS, "cells": _CELLS}
    shown = []
    for comparison, pictures in zip(comparisons, figures, strict=True):
        settings = comparison.settings
        source = "; ".join(
            part for part in (settings["citation"], settings["doi"] and f"doi {settings['doi']}") if part
        )
        tables = (comparison.points, comparison.parameters, comparison.cells)
        shown.append(
            {
                "title": comparison.title,
                "assessment": comparison.assessment,
                "notes": [*comparison.reasons, *comparison.notes],
                "sources": [text for text in (source, settings["note"]) if text],
                "figures": [(file, captions[name]) for name, file in pictures.items()],
                "tables": [table for table in tables if len(table)],
            }
        )
    title = "Simulation and measurement"
    path.parent.mkdir(parents=True, exist_ok=True)
    return html.write_page(path, "compare.html", title=title, overview=overview(comparisons), comparisons=shown)


def overview(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Experiments as rows, agreement as columns, as text."""
    rows = []
    for comparison in comparisons:
        row = comparison.summary | {"experiment": comparison.title}
        shown = {name: _text(row.get(name)) for name in COLUMNS}
        for name in ("emax_ratio", "ec50_ratio"):
            if np.isfinite(row.get(f"{name}_ci95_low", np.nan)):
                shown[name] += f" ({row[f'{name}_ci95_low']:.2g} to {row[f'{name}_ci95_high']:.2g})"
        rows.append({COLUMNS[name]: text for name, text in shown.items()})
    return pd.DataFrame(rows)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
