"""A sensitivity study as files: tables, one figure per method, and a page."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adccsim.analysis.figures import COLOURS, STYLE, save
from adccsim.analysis.fitting.sensitivity import MEASURES, MORRIS, SOBOL
from adccsim.analysis.html import write_page
from adccsim.analysis.reading.design import short_key
from adccsim.analysis.tables import write_table

HEADINGS = {
    MORRIS: "Morris: effect over the whole range (percentage points of lysis)",
    SOBOL: "Sobol: fraction of the variance",
}
CAPTIONS = {
    MORRIS: "Bars: mean absolute effect of a parameter over its whole range with 95 % interval; blue: an increase "
    "raises the output, orange: lowers it. Dots: SD of the effect (sigma); far from 0 the effect is non-linear or "
    "depends on other parameters.",
    SOBOL: "Light: total fraction of the variance, interactions included; dark: fraction that a parameter explains "
    "alone; 95 % intervals. Noisy estimates may lie outside 0 to 1.",
}
_MOST_ROWS = 30


def write_sensitivity(tables: Mapping[str, pd.DataFrame], folder: Path, title: str, facts: list[str]) -> Path:
    """Write tables/sensitivity_<method>.csv, figures/sensitivity_<method>.png and .svg, and sensitivity.html.

    facts: lines that describe the study. Returns the page. Files of an earlier study with these names are removed.
    """
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    methods = []
    for method in HEADINGS:
        stem = folder / "figures" / f"sensitivity_{method}"
        table_file = folder / "tables" / f"sensitivity_{method}.csv"
        for old in (table_file, stem.with_suffix(".png"), stem.with_suffix(".svg")):
            old.unlink(missing_ok=True)
        if method not in tables:
            continue
        table = write_table(tables[method], table_file)
        picture = save(bars_figure(table, method), stem)[0]
        methods.append((HEADINGS[method], picture, CAPTIONS[method], table))
    return write_page(folder / "sensitivity.html", "sensitivity.html", title=title, facts=facts, methods=methods)


def bars_figure(table: pd.DataFrame, method: str) -> Figure:
    """One panel per output, one row per parameter, the strongest over all outputs on top."""
    measure = MEASURES[method]
    outputs = list(dict.fromkeys(table["output"]))
    wide = table.pivot(index="key", columns="output", values=measure)
    keys = list(wide.max(axis=1).fillna(0.0).sort_values(ascending=False, kind="stable").index[:_MOST_ROWS])
    columns = min(len(outputs), 4)
    rows = -(-len(outputs) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.3 + 2.5 * columns, 1.1 + rows * (0.5 + 0.24 * len(keys))), layout="constrained")
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axis, output in zip(axes.flat, outputs, strict=False):
            rows_of_output = table[table["output"] == output].set_index("key").reindex(keys)
            _draw(axis, rows_of_output, method)
            axis.set_title(output, fontsize=9)
            axis.set_yticks(range(len(keys)), [short_key(key) for key in keys])
            axis.tick_params(axis="y", length=0)
            axis.grid(False, axis="y")
        for axis in axes.flat[len(outputs) :]:
            axis.set_visible(False)
        axes[0, 0].invert_yaxis()
        shown = ["mu_star"] if method == MORRIS else ["first_order", "total_ci95_low"]
        left = min(0.0, float(table[shown].min().min())) if table[shown].notna().any(axis=None) else 0.0
        axes[0, 0].set_xlim(left=left)
        figure.suptitle(HEADINGS[method], fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _draw(axis: Axes, rows: pd.DataFrame, method: str) -> None:
    places = np.arange(len(rows))
    bars = partial(axis.errorbar, color="#333333", capsize=2, lw=0.9, fmt="none")
    if method == MORRIS:
        colours = [COLOURS[0] if mu >= 0 else COLOURS[1] for mu in rows["mu"]]
        axis.barh(places, rows["mu_star"], 0.7, color=colours, alpha=0.85)
        axis.plot(rows["sigma"], places, "o", ms=3, mfc="white", mec="#333333", mew=0.8)
        bars(rows["mu_star"], places, xerr=_sides(rows, "mu_star"))
        return
    axis.barh(places, rows["total"], 0.75, color=COLOURS[5], alpha=0.6)
    axis.barh(places, rows["first_order"], 0.4, color=COLOURS[0])
    bars(rows["total"], places, xerr=_sides(rows, "total"))


def _sides(rows: pd.DataFrame, name: str) -> np.ndarray:
    low, high = rows[name] - rows[f"{name}_ci95_low"], rows[f"{name}_ci95_high"] - rows[name]
    return np.nan_to_num(np.maximum([low, high], 0.0))
