"""Figures of in-vitro wells: dose response, E:T curve, time course, kills per NK."""

from collections.abc import Sequence
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from adccsim.analysis.assay.dose_response import OK, TOO_FEW, Curve
from adccsim.analysis.assay.killing import kill_fractions
from adccsim.analysis.figures import (
    COLOURS,
    MARKERS,
    STYLE,
    Facets,
    dose_axis,
    dose_positions,
    facets,
    ordered_colours,
    outer_labels,
    panel_figure,
    rows_of,
)
from adccsim.analysis.reading.design import at_every_level, et_label, with_one_antibody
from adccsim.analysis.reading.runs import Run

MOST_DOSES = 13  # of a time course: a row of a 96-well plate, and no antibody
MOST_LINES = 40
MOST_KILLS = 5


def dose_response_figure(curves: Sequence[Curve], extra: Sequence[str], label: str, title: str) -> Figure | None:
    """Means with 95 % intervals, fitted curves and bands against dose (ng/mL); None without a curve of three doses."""
    curves = [curve for curve in curves if len(curve.doses) >= 3]
    if not curves:
        return None
    with matplotlib.rc_context(STYLE):
        frame = pd.DataFrame([curve.condition for curve in curves])
        facet = facets(frame, ["et_ratio", "antibody", "role", *extra, "effector", "hours", "readout"])
        figure, axes = panel_figure(facet, title, width=4.2)
        every = 1000 * np.concatenate([curve.doses for curve in curves])
        for axis, panel in zip(axes, facet.panels, strict=True):
            for i, hue in enumerate(facet.hues):
                chosen = rows_of(rows_of(frame, facet.panel, panel), facet.hue, hue).index
                for index in chosen:
                    _draw_curve(axis, curves[index], facet.hue_label(hue), COLOURS[i % 8], MARKERS[i % 8], every)
            dose_axis(axis, every)
            falling = np.mean([curve.mean[-1] < curve.mean[0] for curve in curves]) > 0.5
            axis.legend(loc="lower left" if falling else "upper left", handlelength=1.2, labelspacing=0.35)
        _room_for_legend(axes, [curve.high for curve in curves], [curve.mean for curve in curves], falling)
        outer_labels(figure, "antibody dose (ng/mL)", label)
    return figure


def et_figure(summary: pd.DataFrame, extra: Sequence[str]) -> Figure | None:
    """Lysis against E:T with 95 % intervals, one line per dose; None unless there are two ratios above 0."""
    frame = summary[(summary["et_ratio"] > 0) & (summary["role"] != "fc_null") & summary["mean"].notna()]
    if frame["et_ratio"].nunique() < 2:
        return None
    frame = with_one_antibody(frame)
    doses = _few_doses(frame, 5)
    title = _title_of("Lysis against effector to target ratio", frame, doses)
    frame = frame[frame["dose_ug_per_ml"].isin(doses)]
    with matplotlib.rc_context(STYLE):
        facet = facets(frame, ["dose_ug_per_ml", "antibody", *extra, "effector", "hours", "readout"], len(COLOURS))
        figure, axes = panel_figure(facet, title)
        colours = _dose_colours(facet)
        ratios = sorted(set(frame["et_ratio"]))
        for axis, panel in zip(axes, facet.panels, strict=True):
            for i, hue in enumerate(facet.hues):
                line = rows_of(rows_of(frame, facet.panel, panel), facet.hue, hue).sort_values("et_ratio")
                if line.empty:
                    continue
                error = [line["mean"] - line["ci95_low"], line["ci95_high"] - line["mean"]]
                style = {"color": colours[i], "marker": MARKERS[i % 8], "ms": 5, "lw": 1.5, "capsize": 2.5}
                axis.errorbar(line["et_ratio"], line["mean"], np.nan_to_num(error), label=facet.hue_label(hue), **style)
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(FixedLocator(ratios))
            axis.xaxis.set_major_formatter(FixedFormatter([et_label(ratio) for ratio in ratios]))
            axis.xaxis.set_minor_locator(NullLocator())
        _legend_beside(figure, axes)
        outer_labels(figure, "effector : target", "specific lysis (%), mean and 95 % CI")
    return figure


def comparison_figure(summary: pd.DataFrame, extra: Sequence[str], label: str) -> Figure | None:
    """Means with 95 % intervals, one line per condition apart from dose, for studies without a dose series.

    None unless there are between two and MOST_LINES conditions.
    """
    frame = summary[~summary["role"].isin(("target_only",)) & summary["mean"].notna()]
    frame = with_one_antibody(frame)
    names = ["cell_line", "effector", "antibody", *extra, "readout", "hours", "et_ratio"]
    names = [name for name in names if frame[name].nunique() > 1]
    if not names:
        return None
    lines = frame[names].drop_duplicates().sort_values(names)
    if len(lines) > MOST_LINES:
        return None
    few = _few_doses(frame, 5)
    title = _title_of("Conditions compared", frame, few)
    frame = frame[frame["dose_ug_per_ml"].isin(few)]
    with matplotlib.rc_context(STYLE):
        shown = Facets([], names, [()], [tuple(row) for row in lines.itertuples(index=False, name=None)])
        doses = Facets([], ["dose_ug_per_ml"], [()], [(dose,) for dose in sorted(set(frame["dose_ug_per_ml"]))])
        figure = Figure(figsize=(6.4, 1.3 + 0.3 * len(lines)), layout="constrained")
        axis = figure.subplots()
        for i, dose in enumerate(doses.hues):
            group = rows_of(frame[frame["role"] != "fc_null"], doses.hue, dose)
            place = [shown.hues.index(tuple(row)) for row in group[names].itertuples(index=False, name=None)]
            error = np.nan_to_num([group["mean"] - group["ci95_low"], group["ci95_high"] - group["mean"]])
            style = {"fmt": MARKERS[i % 8], "ms": 6, "capsize": 2.5, "color": _dose_colours(doses)[i]}
            axis.errorbar(group["mean"], place, xerr=error, label=doses.hue_label(dose), **style)
        axis.set_yticks(range(len(lines)), [shown.hue_label(hue) for hue in shown.hues])
        axis.set_ylim(len(lines) - 0.5, -0.5)
        axis.set_xlim(left=min(0.0, axis.get_xlim()[0]) if frame["mean"].min() < 0 else 0.0)
        axis.set_xlabel(label)
        _legend_beside(figure, [axis])
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def time_figure(kinetics: pd.DataFrame, extra: Sequence[str]) -> Figure | None:
    """Lysis against time, one line per dose, band of one sd; None without a series.

    Of more than MOST_DOSES doses some are left out, and the title says so.
    """
    frame = with_one_antibody(kinetics)
    frame = frame[(frame["role"] != "fc_null") & frame["specific_lysis_pct"].notna()]
    doses = _spread(frame["dose_ug_per_ml"], MOST_DOSES)
    title = _title_of("Lysis over time", frame, doses)
    frame = frame[frame["dose_ug_per_ml"].isin(doses)]
    if frame.empty or frame["hours"].nunique() < 3:
        return None
    with matplotlib.rc_context(STYLE):
        order = ["dose_ug_per_ml", "et_ratio", "antibody", *extra, "effector", "duration_h", "readout"]
        facet = facets(frame, order, most_hues=max(len(COLOURS), len(doses)))
        figure, axes = panel_figure(facet, title, width=3.6, height=2.8)
        colours = _dose_colours(facet)
        for axis, panel in zip(axes, facet.panels, strict=True):
            for i, hue in enumerate(facet.hues):
                line = rows_of(rows_of(frame, facet.panel, panel), facet.hue, hue).sort_values("hours")
                if line.empty:
                    continue
                hours, mean, sd = (line[name].to_numpy(float) for name in ("hours", "specific_lysis_pct", "sd"))
                axis.plot(hours, mean, color=colours[i], lw=1.6, label=facet.hue_label(hue) or "mean")
                axis.fill_between(hours, mean - sd, mean + sd, color=colours[i], alpha=0.15, lw=0)
            axis.set_xlim(0, frame["hours"].max())
        _legend_beside(figure, axes)
        outer_labels(figure, "time after addition of effectors (h)", "specific lysis (%), mean ± SD")
    return figure


def kills_figure(runs: Sequence[Run], design: pd.DataFrame, extra: Sequence[str]) -> Figure | None:
    """Share of NK cells by number of kills, without antibody and at the highest dose; None without histograms."""
    by_id = {run.run_id: run for run in runs}
    frame = at_every_level(with_one_antibody(design), extra)
    frame = frame[frame["role"].isin(("sample", "no_antibody", "culture")) & (frame["et_ratio"] > 0)]
    frame = frame[frame["dose_ug_per_ml"].isin({0.0, frame["dose_ug_per_ml"].max()})].reset_index(drop=True)
    fractions = {run_id: kill_fractions(by_id[run_id], MOST_KILLS) for run_id in frame["run_id"]}
    frame = frame[[fractions[run_id] is not None for run_id in frame["run_id"]]]
    if frame.empty:
        return None
    order = ["dose_ug_per_ml", "et_ratio", "antibody", *extra]
    with matplotlib.rc_context(STYLE):
        facet = facets(frame, [*order, "effector", "hours", "readout"], most_hues=6)
        figure, axes = panel_figure(facet, "Kills per NK cell", width=4.0, height=2.9)
        for axis, panel in zip(axes, facet.panels, strict=True):
            inside = rows_of(frame, facet.panel, panel)
            present = [hue for hue in facet.hues if len(rows_of(inside, facet.hue, hue))]
            width = 0.82 / max(len(present), 1)
            for i, hue in enumerate(present):
                group = rows_of(inside, facet.hue, hue)
                wells = 100 * np.array([fractions[run_id] for run_id in group["run_id"]])
                place = np.arange(MOST_KILLS + 1) + (i - (len(present) - 1) / 2) * width
                colour = COLOURS[facet.hues.index(hue) % 8]
                axis.bar(place, wells.mean(axis=0), 0.92 * width, color=colour, label=facet.hue_label(hue) or "mean")
            axis.grid(axis="x", visible=False)
            # Most NK cells kill none: on a linear axis the serial killers would be invisible.
            axis.set_yscale("log")
            axis.set_ylim(0.02, 150)
            axis.yaxis.set_major_locator(FixedLocator([0.1, 1, 10, 100]))
            axis.yaxis.set_major_formatter(FixedFormatter(["0.1", "1", "10", "100"]))
            axis.set_xticks(range(MOST_KILLS + 1), [*map(str, range(MOST_KILLS)), f"{MOST_KILLS}+"])
        _legend_beside(figure, axes)
        outer_labels(figure, "targets killed by one NK cell", "share of NK cells (%)")
    return figure


def _draw_curve(axis: Axes, curve: Curve, label: str, colour: str, marker: str, every: np.ndarray) -> None:
    zero = dose_positions(every)[0]
    place = np.where(curve.doses > 0, 1000 * curve.doses, zero)
    error = np.nan_to_num([curve.mean - curve.low, curve.high - curve.mean])
    ec50 = curve.row.get("ec50_ng_per_ml", np.nan)
    remarks = [f"EC50 {ec50:.3g} ng/mL"] if np.isfinite(ec50) else []
    remarks += [] if curve.status in (OK, TOO_FEW) else [curve.status]
    label = ": ".join(part for part in (label, "; ".join(remarks)) if part)
    bars = partial(axis.errorbar, color=colour, fmt=marker, ms=4.5, lw=1, capsize=2, zorder=4)
    bars(place[curve.used], curve.mean[curve.used], error[:, curve.used], label=label or "mean")
    if not curve.used.all():
        out = ~curve.used
        bars(place[out], curve.mean[out], error[:, out], mfc="white")
    if not curve.band:
        axis.plot(place, curve.mean, color=colour, lw=0.8, ls=":", zorder=3)
        return
    inside = curve.band["dose"] > 0
    x = 1000 * curve.band["dose"][inside]
    axis.plot(x, curve.band["fitted"][inside], color=colour, lw=1.7, zorder=3)
    axis.fill_between(
        x, curve.band["low"][inside], curve.band["high"][inside], color=colour, alpha=0.15, lw=0, zorder=2
    )
    if (curve.doses == 0).any():
        across = [zero / 1.3, zero * 1.3]
        axis.plot(across, [curve.band["fitted"][0]] * 2, color=colour, lw=1.7, zorder=3)
        low, high = (float(curve.band[name][0]) for name in ("low", "high"))
        axis.fill_between(across, low, high, color=colour, alpha=0.15, lw=0, zorder=2)


def _room_for_legend(axes: list, highs: list[np.ndarray], means: list[np.ndarray], falling: bool) -> None:
    tops = np.concatenate([np.where(np.isfinite(h), h, m) for h, m in zip(highs, means, strict=True)])
    top, bottom = float(tops.max()), float(min(m.min() for m in means))
    lines = max(len(axis.get_legend_handles_labels()[1]) for axis in axes)
    room = (top - min(bottom, 0.0)) * 0.085 * lines
    if falling:
        axes[0].set_ylim(min(0.0, bottom - 5) - room, top + 5)
    else:
        axes[0].set_ylim(min(0.0, bottom - 3), top + 3 + room)


def _legend_beside(figure: Figure, axes: list) -> None:
    """One legend for all panels at the right; none for a single unnamed line."""
    found: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if list(found) not in ([], ["mean"]):
        figure.legend(found.values(), found.keys(), loc="outside right upper")


def _spread(values: pd.Series, most: int) -> list[float]:
    """At most `most` of the different values, lowest and highest among them."""
    unique = np.array(sorted(set(values)))
    if len(unique) <= most:
        return list(unique)
    return list(unique[np.unique(np.linspace(0, len(unique) - 1, most).round().astype(int))])


def _few_doses(frame: pd.DataFrame, most: int) -> list[float]:
    """At most `most` doses: the lowest, the highest, and those at which the mean lysis moves in even steps."""
    level = frame.groupby("dose_ug_per_ml")["mean"].mean()
    if len(level) <= most:
        return list(level.index)
    wanted = np.linspace(level.iloc[0], level.iloc[-1], most)
    chosen = {level.index[int(np.argmin(np.abs(level.to_numpy() - value)))] for value in wanted}
    return sorted(chosen | {level.index[0], level.index[-1]})


def _title_of(title: str, frame: pd.DataFrame, doses: Sequence[float]) -> str:
    """The title of a figure, and how many doses of `frame` it shows where `doses` are not all of them."""
    count = frame["dose_ug_per_ml"].nunique()
    return title if len(doses) == count else f"{title}  ({len(doses)} of {count} doses)"


def _dose_colours(facet: Facets) -> list:
    """Ordered colours where dose alone makes the lines (grey for none), else the categorical ones."""
    if facet.hue != ["dose_ug_per_ml"]:
        return [COLOURS[i % 8] for i in range(len(facet.hues))]
    positive = [hue for hue in facet.hues if hue[0] > 0]
    scale = dict(zip(positive, ordered_colours(len(positive))[::-1], strict=True))
    return [scale.get(hue, "#888888") for hue in facet.hues]
