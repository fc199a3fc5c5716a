"""Figures for simulated tumours only: internal state over time, and the central section at the end."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.figures import STYLE
from adccsim.analysis.growth.plots import CONTROL_COLOUR, TREATED_COLOURS
from adccsim.analysis.reading.run_file import opened
from adccsim.analysis.reading.runs import Run

_SERIES = (
    ("plasma_ug_per_ml", "antibody in plasma (µg/mL)"),
    ("occupancy_mean", "HER2 occupied, first epitope"),
    ("opsonised_fraction", "fraction of cells with antibody"),
    ("kills", "cells killed by effectors (% per day)"),
    ("effectors", "effectors per 1,000 cells"),
    ("hypoxic_fraction", "hypoxic fraction"),
)
# field of the run file: (title, colour map, lowest, highest)
_FIELDS = {
    "cells": ("cells per patch", "viridis", 0.0, 96.0),
    "living": ("living fraction", "cividis", 0.0, 1.0),
    "her2": ("HER2, line = 1", "magma", 0.0, 2.0),
    "occupancy": ("HER2 occupied", "Blues", 0.0, 1.0),
    "oxygen": ("oxygen", "inferno", 0.0, 1.0),
}
_MOST_ARMS = 8
_PATCH_MM = 0.086


def inside_figure(arms: Mapping[str, Sequence[Run]]) -> Figure:
    """Six series over time, one line per arm: the mean over its mice for as long as all of them are in the study."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 5.2), layout="constrained")
        axes = figure.subplots(2, 3, sharex=True).ravel()
        colours = _colours(arms)
        for axis, (name, title) in zip(axes, _SERIES, strict=True):
            for colour, runs in zip(colours, arms.values(), strict=True):
                curves = [curve for curve in (_curve(run, name) for run in runs) if curve is not None]
                if not curves:
                    continue
                length = min(len(time) for time, _ in curves)
                mean = np.mean([values[:length] for _, values in curves], axis=0)
                axis.plot(curves[0][0][:length] / 24.0, mean, color=colour, lw=1.4)
            axis.set_title(title)
            axis.set_ylim(0.0, max(axis.get_ylim()[1], 0.1))
        for axis in axes[3:]:
            axis.set_xlabel("day")
        handles = [Line2D([], [], color=colour, lw=1.4, label=arm) for arm, colour in zip(arms, colours, strict=True)]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def slices_figure(arms: Mapping[str, Sequence[Run]]) -> Figure | None:
    """Central section of the first mouse of each arm at the end, one row per arm; None if no run stored slices."""
    rows = []
    for arm, runs in list(arms.items())[:_MOST_ARMS]:
        # Damage to a file of layout 1, which has no seal, may be detected only here: its arm is then not drawn.
        with suppress(ForeignFile), opened(runs[0].path) as file:
            if "slices" in file:
                rows.append((arm, {name: file["slices"][name][-1] for name in _FIELDS}))
    if not rows:
        return None
    widest = max(len(fields["cells"]) for _, fields in rows)
    with rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(2.0 * len(_FIELDS) + 0.6, 1.95 * len(rows) + 0.7), layout="constrained")
        axes = figure.subplots(len(rows), len(_FIELDS), squeeze=False)
        for i, (arm, fields) in enumerate(rows):
            for j, (name, (title, colours, low, high)) in enumerate(_FIELDS.items()):
                axis = axes[i, j]
                picture = np.ma.masked_where(fields["cells"] == 0, fields[name].astype(float))
                margin = (widest - len(picture)) / 2.0 * _PATCH_MM
                extent = (margin, margin + len(picture) * _PATCH_MM) * 2
                shown = axis.imshow(picture, cmap=colours, vmin=low, vmax=high, extent=extent, interpolation="nearest")
                axis.set_xlim(0.0, widest * _PATCH_MM)
                axis.set_ylim(-0.12 * widest * _PATCH_MM, widest * _PATCH_MM)
                axis.set_xticks([])
                axis.set_yticks([])
                axis.spines[:].set_visible(False)
                if i == 0:
                    axis.set_title(title)
                if i == len(rows) - 1:
                    figure.colorbar(shown, ax=axes[:, j], location="bottom", shrink=0.85)
            axes[i, 0].set_ylabel(arm if len(arm) < 24 else arm[:22] + "…")
            _bar(axes[i, 0], widest * _PATCH_MM)
    return figure


def _colours(arms: Mapping[str, Sequence[Run]]) -> list[str]:
    """Colour of each arm: grey without a drug, as for the control in the other figures, else in order."""
    turn = iter(range(len(arms)))
    treated = [bool(runs[0].condition["doses"]) for runs in arms.values()]
    return [TREATED_COLOURS[next(turn) % len(TREATED_COLOURS)] if dosed else CONTROL_COLOUR for dosed in treated]


def _bar(axis, width_mm: float) -> None:
    """A scale bar of 1 mm, or 0.5 mm if that is too long."""
    length = 1.0 if width_mm > 2.5 else 0.5
    axis.plot([0.0, length], [-0.07 * width_mm] * 2, color="black", lw=2)
    axis.text(length + 0.03 * width_mm, -0.07 * width_mm, f"{length:g} mm", fontsize=7, va="center")


def _curve(run: Run, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(hours, values) of one series of a run; None if the run does not have it."""
    observables = run.observables
    if name == "kills":
        return _kill_rate(run)
    if name == "effectors":
        kinds = [observables[key].value for key in observables if key.startswith("effectors_")]
        cells = observables["cells_alive"]
        return cells.time, 1000.0 * np.sum(kinds, axis=0) / np.maximum(cells.value, 1.0)
    if name not in observables:
        return None
    series = observables[name]
    values = series.value
    if values.ndim == 2 and values.shape[1] == 0:
        values = np.zeros(len(values))
    return series.time, values[:, 0] if values.ndim == 2 else values


def _kill_rate(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Kills between two observations over living cells, in % per day, assigned to the later time."""
    observables = run.observables
    kinds = [observables[key].value for key in observables if key.startswith("kills_")]
    if not kinds:
        return None
    cells, total = observables["cells_alive"], np.sum(kinds, axis=0)
    days = np.diff(cells.time) / 24.0
    rate = 100.0 * np.diff(total) / days / np.maximum(cells.value[:-1], 1.0)
    return cells.time, np.concatenate([[0.0], rate])
