"""Picture of a plate: readings as a heat map of 96 wells, what each well is, its lysis, and which are flagged."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from adccsim.analysis.assay.plates.blocks import COLUMNS, ROWS
from adccsim.analysis.assay.plates.plate import PlateResult
from adccsim.analysis.figures import STYLE
from adccsim.analysis.reading.design import et_label

MOST_PLATES = 6
_SHORT = {"target_only": "targets", "effector_only": "effectors", "maximum": "maximum", "blank": "blank"}


def plate_figure(result: PlateResult) -> Figure | None:
    """One panel per plate and time, at most MOST_PLATES; None where the file names no wells."""
    wells = result.wells[result.wells["well"] != ""]
    if wells.empty:
        return None
    groups = list(wells.groupby(["plate", "hours"], dropna=False, sort=True))[:MOST_PLATES]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 5.2 * len(groups)), layout="constrained")
        for axis, ((plate, hours), group) in zip(
            figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True
        ):
            image = _draw(axis, group)
            label = "raw signal" if result.raw else "specific lysis (%)"
            figure.colorbar(image, ax=axis, label=label, shrink=0.85, pad=0.01)
            axis.set_title(str(plate) + ("" if pd.isna(hours) else f", {hours:g} h"))
        title = "Plate: dose in µg/mL and E:T, specific lysis below; red frame: flagged as outlier, kept"
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _draw(axis: Axes, group: pd.DataFrame) -> AxesImage:
    signal = np.full((len(ROWS), COLUMNS), np.nan)
    for row in group.itertuples():
        signal[ROWS.index(row.well[0]), int(row.well[1:]) - 1] = row.value
    image = axis.imshow(signal, cmap="viridis", aspect="auto")
    middle = (np.nanmin(signal) + np.nanmax(signal)) / 2
    for row in group.itertuples():
        y, x = ROWS.index(row.well[0]), int(row.well[1:]) - 1
        colour = "white" if row.value < middle else "black"
        words = _SHORT.get(row.role) or f"{row.dose_ug_per_ml:g}\n{et_label(row.et_ratio)}"
        if row.role == "sample" and np.isfinite(row.specific_lysis_pct):
            words += f"\n{row.specific_lysis_pct:.0f} %"
        axis.text(x, y, words, ha="center", va="center", fontsize=6.5, color=colour, linespacing=1.05)
        if row.outlier:
            axis.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, ec="#D81B1B", lw=2.2))
    axis.set_xticks(range(COLUMNS), [str(n) for n in range(1, COLUMNS + 1)])
    axis.set_yticks(range(len(ROWS)), list(ROWS))
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    axis.grid(False)
    return image
