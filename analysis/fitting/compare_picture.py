"""Figures of a comparison: observed and simulated lysis against dose, EC50 and Emax, and cell counts."""

import textwrap
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adccsim.analysis.assay.cells import CONTACTS, DEATHS, HALF, KILLS
from adccsim.analysis.figures import (
    COLOURS,
    STYLE,
    dose_axis,
    dose_positions,
    facets,
    outer_labels,
    panel_figure,
    rows_of,
)
from adccsim.analysis.fitting.compare import Comparison
from adccsim.analysis.fitting.compare_assessment import FITTED
from adccsim.analysis.fitting.observed import EC50, EMAX
from adccsim.analysis.statistics import DONORS

_SIMULATED, _OBSERVED = COLOURS[0], COLOURS[1]


def points_figure(comparison: Comparison) -> Figure | None:
    """Observed means with SD, simulated means with their SD as a band; None without lysis data.

    Against dose for three or more doses, else one row per condition.
    """
    points = comparison.points
    if points.empty:
        return None
    with matplotlib.rc_context(STYLE):
        if points["dose_ug_per_ml"].nunique() < 3:
            figure = Figure(figsize=(6.4, 1.4 + 0.34 * len(points)), layout="constrained")
            figure.suptitle(_heading(comparison), fontsize=11, fontweight="bold", x=0.01, ha="left")
            _draw_conditions(figure.subplots(), points)
            figure.supxlabel("specific lysis (%), mean ± SD", fontsize=9)
            return figure
        by = [name for name in _conditions(points) if name != "dose_ug_per_ml" and points[name].nunique() > 1]
        facet = facets(points, by, most_hues=1, panel_first=by[0] if by else "et_ratio")
        figure, axes = panel_figure(facet, _heading(comparison), width=4.4, height=3.4)
        every = 1000 * points["dose_ug_per_ml"].to_numpy()
        for axis, panel in zip(axes, facet.panels, strict=True):
            _draw_doses(axis, rows_of(points, facet.panel, panel).sort_values("dose_ug_per_ml"), every)
            dose_axis(axis, every)
            axis.legend(loc="upper left", handlelength=1.4)
        outer_labels(figure, "antibody dose (ng/mL)", "specific lysis (%)")
    return figure


def parameters_figure(comparison: Comparison) -> Figure | None:
    """Ratio simulated over observed of every EC50 and Emax with its 95 % interval; None without ratios."""
    rows = comparison.parameters
    rows = rows[rows["ratio"].notna()] if len(rows) else rows
    if rows.empty:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 1.5 + 0.34 * len(rows)), layout="constrained")
        axis = figure.subplots()
        names = {EC50: "EC50", EMAX: "Emax"}
        for place, row in enumerate(rows.to_dict("records")):
            error = np.nan_to_num(
                [[row["ratio"] - row["ratio_ci95_low"]], [row["ratio_ci95_high"] - row["ratio"]]], nan=0.0
            )
            colour = COLOURS[7] if row["basis"] == FITTED else _SIMULATED
            axis.errorbar(row["ratio"], place, xerr=error, fmt="o", color=colour, ms=5, capsize=2.5)
        axis.axvline(1.0, color=_OBSERVED, lw=1.2, zorder=1)
        keys = [name for name in _conditions(rows) if name in rows and rows[name].nunique(dropna=False) > 1]
        labels = [
            ", ".join([names[row["quantity"]], *(str(row[key]) for key in keys if pd.notna(row[key])), row["basis"]])
            for row in rows.to_dict("records")
        ]
        axis.set_yticks(range(len(rows)), labels)
        axis.invert_yaxis()
        axis.set_xscale("log")
        spread = rows[["ratio", "ratio_ci95_low", "ratio_ci95_high"]].to_numpy()
        low, high = min(0.4, 0.8 * np.nanmin(spread)), max(2.5, 1.25 * np.nanmax(spread))
        ticks = [tick for tick in (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100) if low <= tick <= high]
        axis.set_xlim(low, high)
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        figure.suptitle(_heading(comparison), fontsize=11, fontweight="bold", x=0.01, ha="left")
        figure.supxlabel("simulated / observed with 95 % interval", fontsize=9)
    return figure


def cells_figure(comparison: Comparison) -> Figure:
    """Cell counts under a microscope: a time course as lines, other quantities one row each, in panels by kind."""
    rows = comparison.cells
    course = rows[rows["quantity"] == DEATHS]
    counts = rows["quantity"].isin([KILLS, CONTACTS])
    parts = [
        ("cumulative deaths, % of the final number", course),
        ("fraction", rows[~counts & (rows["quantity"] != DEATHS)]),
        ("number per cell", rows[counts]),
    ]
    parts = [(label, part) for label, part in parts if len(part)]
    with matplotlib.rc_context(STYLE):
        tallest = max(len(part) for _, part in parts)
        height = 3.4 if len(course) else 1.5 + 0.4 * tallest
        figure = Figure(figsize=(5.4 * len(parts), height), layout="constrained")
        for axis, (label, part) in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            axis.set_xlabel("hours" if part is course else label)
            if part is course:
                axis.plot(part["at_h"], part["simulated"], color=_SIMULATED, lw=1.7, label="simulated mean")
                band = (part["simulated"] - part["simulated_sd"], part["simulated"] + part["simulated_sd"])
                axis.fill_between(part["at_h"], *band, color=_SIMULATED, alpha=0.16, lw=0, label="± SD between donors")
                axis.plot(part["at_h"], part["observed"], "o", color=_OBSERVED, label="observed")
                axis.set_ylabel(label)
                axis.legend(loc="upper left")
            else:
                # The quantity serves as a condition here: first column, without a column name in its label.
                named = part.drop(columns="quantity").assign(observed_sd=_errors_of_fractions(part))
                named.insert(0, "", part["quantity"].str.replace("_", " "))
                _draw_conditions(axis, named)
                axis.set_xlim(left=0)
        figure.suptitle(_heading(comparison), fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _errors_of_fractions(rows: pd.DataFrame) -> pd.Series:
    """Binomial standard errors of observed fractions; NaN where a row is not a fraction of independent cells."""
    fraction = rows["observed"].where(~rows["quantity"].isin([KILLS, CONTACTS, HALF]))
    return np.sqrt(fraction * (1 - fraction) / rows["observed_n"])


def _heading(comparison: Comparison) -> str:
    return textwrap.fill(comparison.title, 52)


def _conditions(frame: pd.DataFrame) -> list[str]:
    """The columns that define the condition of a row: those before the first result."""
    return list(frame.columns[: min(list(frame.columns).index(name) for name in ("observed", "quantity")
                                    if name in frame)])  # fmt: skip


def _draw_doses(axis: Axes, rows: pd.DataFrame, every: np.ndarray) -> None:
    dose = 1000 * rows["dose_ug_per_ml"].to_numpy()
    place = np.where(dose > 0, dose, dose_positions(every)[0])
    mean, sd = rows["simulated"].to_numpy(), rows["simulated_sd"].to_numpy()
    several = (rows["sd_basis"] == DONORS).all()
    axis.plot(place, mean, color=_SIMULATED, lw=1.7, label="simulated mean")
    if np.isfinite(sd).any():
        label = "± SD between donors" if several else "± SD of wells, one donor"
        axis.fill_between(place, mean - sd, mean + sd, color=_SIMULATED, alpha=0.16, lw=0, label=label)
    bars = partial(axis.errorbar, fmt="o", ms=5, color=_OBSERVED, lw=1, capsize=2.5, zorder=4)
    bars(place, rows["observed"], np.nan_to_num(rows["observed_sd"]), label="observed mean ± SD")


def _draw_conditions(axis: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    bars = partial(axis.errorbar, ms=5.5, capsize=2.5, lw=1)
    for shift, name, colour, shape in ((-0.12, "observed", _OBSERVED, "o"), (0.12, "simulated", _SIMULATED, "s")):
        error = np.nan_to_num(rows[f"{name}_sd"].to_numpy(dtype=float))
        bars(rows[name], places + shift, xerr=error, fmt=shape, color=colour, label=name)
    varying = [name for name in _conditions(rows) if rows[name].nunique() > 1] or ["et_ratio"]
    axis.set_yticks(
        places, [", ".join(f"{name} {row[name]}".strip() for name in varying) for row in rows.to_dict("records")]
    )
    axis.invert_yaxis()
    axis.legend(loc="best")
