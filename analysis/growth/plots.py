"""Figures of a tumour-growth study: mean and individual curves, spider, waterfall, growth rates, Kaplan-Meier, weight.

Every function returns a matplotlib Figure, or None if there is nothing to draw; `figures.save` saves it.
The control arm is grey; a treated arm has the same colour in every figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullLocator
from scipy import stats

from adccsim.analysis.figures import INK, MARKERS, STYLE
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.headline import p_text
from adccsim.analysis.growth.tables import GrowthStudy

CONTROL_COLOUR = "#555555"
TREATED_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
WEIGHT_LIMIT_PCT = -20.0


def arm_styles(study: GrowthStudy) -> dict[str, tuple[str, str, str]]:
    """Arm -> (colour, marker, line style); beyond six treated arms the colours repeat with another line style."""
    styles = {study.control: (CONTROL_COLOUR, "o", "-")}
    treated = [a for a in study.arms if a != study.control]
    for i, arm in enumerate(treated):
        colours, dashes = TREATED_COLOURS, ("-", "--", ":", "-.")
        dash = dashes[i // len(colours) % len(dashes)]
        styles[arm] = (colours[i % len(colours)], MARKERS[(i + 1) % len(MARKERS)], dash)
    return styles


def draw_all(study: GrowthStudy, rows: pd.DataFrame, design: GrowthDesign) -> dict[str, Figure]:
    """All figures that the data of one study allow, by file name."""
    mice = study.tables["mice"]
    with matplotlib.rc_context(STYLE):
        figures = {
            "mean_curves": mean_curves(study),
            "individual_curves": individual_curves(study, rows, design),
            "spider": spider(study, rows),
            "waterfall": waterfall(study, mice),
            "growth_rates": growth_rates(study, mice),
            "kaplan_meier": kaplan_meier(study, mice),
            "body_weight": body_weight(study, rows),
        }
    return {name: figure for name, figure in figures.items() if figure is not None}


def _legend_below(figure: Figure, axis: Axes, columns: int = 3) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))


def _panels(study: GrowthStudy, height: float = 2.5) -> tuple[Figure, dict[str, Axes]]:
    """One panel per arm with shared axes."""
    columns = min(3, len(study.arms))
    rows = math.ceil(len(study.arms) / columns)
    figure = Figure(figsize=(3.1 * columns + 0.4, height * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    for axis in axes[len(study.arms) :]:
        axis.set_visible(False)
    # With shared axes a panel above a hidden one would lose its tick labels.
    for i, axis in enumerate(axes[: len(study.arms)]):
        axis.tick_params(labelbottom=i + columns >= len(study.arms))
    return figure, dict(zip(study.arms, axes, strict=False))


def _weeks(axis: Axes) -> None:
    """Ticks of the day axis every week, or every few weeks in a long study."""
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(MultipleLocator(7 * max(1, math.ceil((high - low) / 70))))


def _volume_axis(axis: Axes, lowest: float) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_minor_locator(NullLocator())
    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000) if t >= lowest * 0.8]
    top = axis.get_ylim()[1]
    axis.set_yticks([t for t in ticks if t <= top * 1.2])
    axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))


def mean_curves(study: GrowthStudy) -> Figure | None:
    """Mean +- SEM on a linear scale and geometric mean on a log scale; dashed once a mouse of an arm has left."""
    table = study.tables["volumes_by_day"]
    if table.empty:
        return None
    styles = arm_styles(study)
    figure = Figure(figsize=(9.4, 4.2), layout="constrained")
    linear, log = figure.subplots(1, 2)
    incomplete = False
    for arm in study.arms:
        curve = table[table["arm"] == arm]
        colour, marker, dash = styles[arm]
        complete = (curve["mice_read"] == curve["mice_enrolled"]).to_numpy()
        whole = (
            int(np.argmin(complete)) if not complete.all() else len(complete)
        )  # days before the first mouse is missing
        incomplete |= whole < len(complete)
        day = curve["day"].to_numpy()
        for axis, column in ((linear, "mean_mm3"), (log, "geometric_mean_mm3")):
            value = curve[column].to_numpy()
            label = f"{arm} (n = {curve['mice_enrolled'].iloc[0]})" if len(curve) else arm
            axis.plot(day[:whole], value[:whole], marker, color=colour, ls=dash, lw=1.6, ms=4.5, label=label)
            axis.plot(day[max(whole - 1, 0) :], value[max(whole - 1, 0) :], color=colour, ls=(0, (2, 2)), lw=1)
            axis.plot(day[whole:], value[whole:], marker, color=colour, mfc="white", ms=4.5)
        sem = curve["sem_mm3"].fillna(0).to_numpy()
        linear.errorbar(day, curve["mean_mm3"], sem, fmt="none", ecolor=colour, elinewidth=1, capsize=2)
    linear.set_title("Mean ± SEM")
    log.set_title("Geometric mean (log scale)")
    linear.set_ylabel("tumour volume (mm³)")
    linear.set_ylim(bottom=0)
    _volume_axis(log, float(table["geometric_mean_mm3"].min()))
    for axis in (linear, log):
        axis.set_xlabel("day" + ("     (open symbols: survivors only)" if incomplete else ""))
        if study.evaluation_day is not None:
            axis.axvline(study.evaluation_day, color="#999999", lw=0.8, ls=":")
            axis.annotate(
                "evaluation", (study.evaluation_day, 1.005), xycoords=("data", "axes fraction"), fontsize=7.5,
                color="#777777", ha="center", va="bottom",
            )  # fmt: skip
        _weeks(axis)
    _legend_below(figure, linear)
    return figure


def individual_curves(study: GrowthStudy, rows: pd.DataFrame, design: GrowthDesign) -> Figure | None:
    """Volume of every mouse, one panel per arm, log scale; a cross marks a mouse that reached the end point or died."""
    read = rows[rows["volume_mm3"].notna() & (rows["day"] >= study.baseline_day)]
    if read.empty:
        return None
    styles = arm_styles(study)
    figure, axes = _panels(study)
    ends = study.tables["mice"].set_index(["arm", "mouse"])
    floor = design.loq_mm3
    for arm, axis in axes.items():
        for mouse, group in read[read["arm"] == arm].groupby("mouse", sort=False):
            volume = np.maximum(group["volume_mm3"], floor / 2)
            axis.plot(group["day"], volume, color=styles[arm][0], lw=0.9, alpha=0.8)
            if ends.loc[(arm, mouse), "endpoint_reached"]:
                axis.plot(group["day"].iloc[-1], volume.iloc[-1], "x", color=INK, ms=5, mew=1.1)
        axis.axhline(floor, color="#999999", lw=0.8, ls=":")
        axis.axhline(design.endpoint_mm3, color="#999999", lw=0.8, ls="--")
        axis.set_title(f"{arm} (n = {int((study.tables['mice']['arm'] == arm).sum())})")
    lowest = float(np.maximum(read["volume_mm3"], floor / 2).min())
    _volume_axis(next(iter(axes.values())), lowest)
    _weeks(next(iter(axes.values())))
    figure.supylabel("tumour volume (mm³)", fontsize=9)
    figure.supxlabel(
        f"day     (dashed: end point {design.endpoint_mm3:g} mm³; dotted: limit of quantification {floor:g} mm³)",
        fontsize=8,
    )
    return figure


def spider(study: GrowthStudy, rows: pd.DataFrame) -> Figure | None:
    """Change from the start volume in percent for every mouse, one panel per arm; the axis ends at +300 %."""
    read = rows[rows["volume_mm3"].notna() & (rows["day"] >= study.baseline_day)]
    start = study.tables["mice"].set_index(["arm", "mouse"])["start_volume_mm3"]
    styles = arm_styles(study)
    figure, axes = _panels(study)
    drawn = False
    for arm, axis in axes.items():
        for level in (-50, 0, 35):
            axis.axhline(level, color="#999999", lw=0.8, ls="-" if level == 0 else ":")
        for mouse, group in read[read["arm"] == arm].groupby("mouse", sort=False):
            first = start[(arm, mouse)]
            if np.isfinite(first) and first > 0:
                drawn = True
                axis.plot(group["day"], 100 * (group["volume_mm3"] / first - 1), color=styles[arm][0], lw=1, alpha=0.85)
        axis.set_ylim(-105, 300)
        axis.set_title(arm)
    _weeks(next(iter(axes.values())))
    figure.supylabel("change from start volume (%)", fontsize=9)
    figure.supxlabel("day     (dotted: mRECIST limits of -50 % and +35 %)", fontsize=8)
    return figure if drawn else None


def waterfall(study: GrowthStudy, mice: pd.DataFrame) -> Figure | None:
    """Best change of every mouse on day 10 or later, sorted within arms; bars above +200 % are truncated and marked."""
    shown = mice[mice["best_change_pct"].notna()]
    if shown.empty:
        return None
    arm_order = shown["arm"].map({arm: i for i, arm in enumerate(study.arms)})
    shown = shown.assign(_arm=arm_order).sort_values(
        ["_arm", "best_change_pct"], ascending=[True, False], kind="stable"
    )
    styles = arm_styles(study)
    figure = Figure(figsize=(max(6.0, 0.17 * len(shown) + 2), 4.0), layout="constrained")
    axis = figure.subplots()
    top = 200.0
    place = np.arange(len(shown)) + 1.2 * shown["_arm"].to_numpy()  # a gap between arms
    value = shown["best_change_pct"].to_numpy()
    for arm in study.arms:
        in_arm = (shown["arm"] == arm).to_numpy()
        if in_arm.any():
            axis.bar(place[in_arm], np.clip(value[in_arm], -100, top), width=0.85, color=styles[arm][0], label=arm)
    for x in place[value > top]:
        axis.annotate("▲", (x, top), ha="center", va="bottom", fontsize=6, color="#777777")
    for level in (-95, -50, 35):
        axis.axhline(level, color="#777777", lw=0.8, ls=":")
    axis.axhline(0, color=INK, lw=0.8)
    axis.set_ylim(-105, top + 14)
    axis.set_xlim(place[0] - 1, place[-1] + 1)
    axis.set_xticks([])
    axis.grid(axis="x", visible=False)
    axis.set_ylabel("best change from start (%)")
    absent = len(mice) - len(shown)
    count = f"{len(shown)} mice" + (f", {absent} without a reading on day 10 or later not shown" if absent else "")
    axis.set_xlabel(f"{count}; ▲ above +{top:g} %; dotted: mRECIST limits")
    _legend_below(figure, axis)
    return figure


def growth_rates(study: GrowthStudy, mice: pd.DataFrame) -> Figure | None:
    """Growth rate of every mouse by arm with mean and 95 % interval: the quantity of the primary test."""
    groups = {a: mice.loc[mice["arm"] == a, "growth_rate_per_day"].dropna().to_numpy() for a in study.arms}
    if not any(len(g) for g in groups.values()):
        return None
    styles = arm_styles(study)
    figure = Figure(figsize=(7.2, 0.55 * len(groups) + 1.3), layout="constrained")
    axis = figure.subplots()
    for i, (arm, rates) in enumerate(groups.items()):
        colour, marker, _ = styles[arm]
        if len(rates) == 0:
            continue
        order = np.argsort(np.argsort(rates, kind="stable"))
        axis.plot(rates, i + 0.16 * ((order % 3) - 1), marker, color=colour, ms=4.5, alpha=0.6, mew=0)
        axis.plot([rates.mean()] * 2, [i - 0.3, i + 0.3], color=INK, lw=1.6)
        if len(rates) > 1:
            half = stats.t.ppf(0.975, len(rates) - 1) * rates.std(ddof=1) / np.sqrt(len(rates))
            axis.plot([rates.mean() - half, rates.mean() + half], [i, i], color=INK, lw=1.2)
    axis.axvline(0, color="#999999", lw=0.8)
    primary = study.tables["tests"][study.tables["tests"]["role"] == "primary"].set_index("arm")
    for i, arm in enumerate(groups):
        if arm in primary.index and np.isfinite(primary.loc[arm, "p"]):
            p = p_text(primary.loc[arm, "p"], "")
            axis.annotate(f"p {p}" if p.startswith("<") else f"p = {p}", (1.01, i), xycoords=("axes fraction", "data"),
                          fontsize=8, va="center", color=INK, annotation_clip=False)  # fmt: skip
    axis.set_yticks(range(len(groups)), [f"{arm} (n = {len(rates)})" for arm, rates in groups.items()])
    axis.set_ylim(len(groups) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    test = primary["test"].iloc[0] if len(primary) else ""
    p_label = f"\np: {test} against {study.control}, before Holm correction" if test else ""
    axis.set_xlabel(f"growth rate of ln volume (per day); bar: mean with 95 % interval{p_label}", fontsize=8)
    return figure


def kaplan_meier(study: GrowthStudy, mice: pd.DataFrame) -> Figure | None:
    """Kaplan-Meier curves of the time to the end point, with ticks for censored mice and numbers at risk."""
    seen = mice[mice["days_to_endpoint"].notna()]
    if seen.empty:
        return None
    styles = arm_styles(study)
    curves = study.tables["survival_curve"]
    figure = Figure(figsize=(7.2, 3.4 + 0.2 * len(study.arms)), layout="constrained")
    axis, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 0.22 * len(study.arms) + 0.25))
    for arm in study.arms:
        colour, _, dash = styles[arm]
        curve = curves[curves["arm"] == arm]
        axis.step(curve["day"], 100 * curve["survival"], where="post", color=colour, ls=dash, lw=1.6, label=arm)
        censored = np.sort(seen.loc[(seen["arm"] == arm) & ~seen["endpoint_reached"], "days_to_endpoint"].to_numpy())
        if len(censored):
            steps = np.searchsorted(curve["day"].to_numpy(), censored, side="right") - 1
            axis.plot(censored, 100 * curve["survival"].to_numpy()[steps], "|", color=colour, ms=8, mew=1.4)
    axis.set_ylim(-3, 105)
    axis.set_ylabel("mice below the end point (%)")
    axis.axhline(50, color="#999999", lw=0.8, ls=":")
    last = float(seen["days_to_endpoint"].max())
    axis.set_xlim(-0.02 * max(last, 1), 1.04 * max(last, 1))
    _weeks(axis)
    _at_risk(below, study.arms, seen, axis.get_xticks(), last, styles)
    _legend_below(figure, axis)
    return figure


def _at_risk(axis: Axes, arms: Sequence[str], seen: pd.DataFrame, ticks: np.ndarray, last: float, styles: dict) -> None:
    """Numbers of mice at risk below the day axis."""
    for i, arm in enumerate(arms):
        time = seen.loc[seen["arm"] == arm, "days_to_endpoint"].to_numpy()
        for tick in ticks:
            if 0 <= tick <= last:
                axis.text(tick, -i, str(int(np.sum(time >= tick))), ha="center", va="center", fontsize=7.5,
                          color=styles[arm][0])  # fmt: skip
    axis.set_ylim(-len(arms) + 0.3, 0.9)
    axis.set_yticks([])
    axis.grid(visible=False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    axis.set_title("mice at risk", fontsize=7.5, color="#777777", pad=2)
    axis.tick_params(axis="x", length=0)
    axis.set_xlabel("days after the start of treatment")


def body_weight(study: GrowthStudy, rows: pd.DataFrame) -> Figure | None:
    """Mean +- SEM change of body weight from the first weighing, in percent; the dashed line is a loss of 20 %."""
    weighed = rows[rows["body_weight_g"].notna() & (rows["day"] >= study.baseline_day)]
    if weighed.empty:
        return None
    weighed = weighed.assign(
        change=100
        * (weighed["body_weight_g"] / weighed.groupby(["arm", "mouse"])["body_weight_g"].transform("first") - 1)
    )
    styles = arm_styles(study)
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axis = figure.subplots()
    for arm in study.arms:
        colour, marker, dash = styles[arm]
        by_day = weighed[weighed["arm"] == arm].groupby("day")["change"].agg(["mean", "std", "size"])
        if by_day.empty:
            continue
        sem = (by_day["std"] / np.sqrt(by_day["size"])).fillna(0)
        axis.errorbar(
            by_day.index, by_day["mean"], sem, color=colour, marker=marker, ms=4, ls=dash, lw=1.4,
            elinewidth=0.9, capsize=2, label=arm,
        )  # fmt: skip
    axis.axhline(0, color="#999999", lw=0.8)
    axis.axhline(WEIGHT_LIMIT_PCT, color="#D55E00", lw=0.9, ls="--")
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, WEIGHT_LIMIT_PCT - 2), max(high, 5))
    _weeks(axis)
    axis.set_xlabel(f"day     (dashed: {WEIGHT_LIMIT_PCT:g} %)")
    axis.set_ylabel("change in body weight (%), mean ± SEM")
    _legend_below(figure, axis)
    return figure
