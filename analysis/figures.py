"""What all figures share: colours, panels, the dose axis, and saving as PNG and SVG.

Figures are matplotlib Figure objects without global state.  The same data give the same bytes: no dates, fixed ids.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, LogFormatterSciNotation, NullLocator

from adccsim.analysis.reading.design import et_label, short_key, shown
from adccsim.analysis.writing import whole
from adccsim.text import printable

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe and Ito's palette: told apart with every common colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#222222"
MOST_PANELS = 20
STYLE: "dict[RcKeyType, object]" = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "svg.hashsalt": "adccsim",
    "svg.fonttype": "path",
}
PNG_DPI = 150
# What matplotlib writes on a logarithmic axis.
_POWER = re.compile(r"\$\\mathdefault\{[-−\d.]*(\\times)?(10\^\{[-−]?\d+\})?\}\$")


@dataclass(frozen=True)
class Facets:
    """How a table is spread over panels and colours: the columns of each, and the keys present in order."""

    panel: list[str]
    hue: list[str]
    panels: list[tuple]
    hues: list[tuple]
    left_out: int = 0

    def panel_title(self, key: tuple) -> str:
        """Words for one panel."""
        return _label(self.panel, key)

    def hue_label(self, key: tuple) -> str:
        """Words for one colour."""
        return _label(self.hue, key)


def facets(frame: pd.DataFrame, hue_first: Sequence[str], most_hues: int = 6, panel_first: str = "cell_line") -> Facets:
    """Columns that vary become colours in the order of `hue_first` while the colours suffice, then panels.

    panel_first always makes panels.  Beyond MOST_PANELS the rest is left out and counted.
    """
    varying = [name for name in dict.fromkeys([panel_first, *hue_first]) if frame[name].nunique(dropna=False) > 1]
    panel = [name for name in varying if name == panel_first]
    hue: list[str] = []
    for name in varying:
        if name in panel:
            continue
        # The number of colours that one panel needs, with this column among them.
        needed = frame[[*panel, *hue, name]].drop_duplicates()
        count = needed.groupby(panel, dropna=False).size().max() if panel else len(needed)
        (hue if count <= most_hues else panel).append(name)
    panels = _keys(frame, panel)
    return Facets(panel, hue, panels[:MOST_PANELS], _keys(frame, hue), max(0, len(panels) - MOST_PANELS))


def rows_of(frame: pd.DataFrame, columns: Sequence[str], key: tuple) -> pd.DataFrame:
    """The rows whose `columns` equal `key`."""
    chosen = np.ones(len(frame), dtype=bool)
    for column, value in zip(columns, key, strict=True):
        chosen &= (frame[column] == value).to_numpy()
    return frame[chosen]


def panel_figure(facet: Facets, title: str, width: float = 3.9, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """A figure (inches per panel) with shared axes and one Axes per panel of `facet`, in order."""
    count = len(facet.panels)
    columns = 1 if count == 1 else 2 if count <= 4 else 3 if count <= 9 else 4
    rows = -(-count // columns)
    wide, tall = (5.6, 4.0) if count == 1 else (width * columns, height * rows + 0.3)
    figure = Figure(figsize=(wide, tall), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.ravel())
    for axis in axes[count:]:
        axis.set_visible(False)
    for axis, key in zip(axes, facet.panels, strict=False):
        axis.set_title(facet.panel_title(key))
    for i, axis in enumerate(axes[:count]):
        # A panel above an empty place keeps its own tick labels.
        axis.tick_params(labelbottom=i + columns >= count, labelleft=i % columns == 0)
    left_out = f"  (the first {count} of {count + facet.left_out} panels)" if facet.left_out else ""
    figure.suptitle(title + left_out, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure, axes[:count]


def outer_labels(figure: Figure, x: str, y: str) -> None:
    """One label per axis for all panels."""
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def dose_positions(doses: np.ndarray) -> tuple[float, float, float]:
    """(place of dose 0, lowest, highest positive dose) in ng/mL; dose 0 stands a decade left of the lowest."""
    positive = doses[doses > 0]
    return 0.1 * positive.min(), float(positive.min()), float(positive.max())


def dose_axis(axis: Axes, doses: np.ndarray) -> None:
    """Logarithmic dose axis in ng/mL with dose 0 at the left beyond a break; doses (ng/mL) as they are in the data."""
    zero, low, high = dose_positions(doses)
    has_zero = bool((doses == 0).any())
    axis.set_xscale("log")
    axis.set_xlim((zero if has_zero else low) / 1.8, high * 1.8)
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    step = max(1, -(-(last - first + 1) // 6))
    ticks = [10.0**k for k in range(first, last + 1, step)]
    scientific = LogFormatterSciNotation()
    labels = [_plain_power(tick) or scientific(tick) for tick in ticks]
    if has_zero:
        ticks, labels = [zero, *ticks], ["0", *labels]
        _break(axis, np.sqrt(zero * low))
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(FixedFormatter(labels))
    axis.xaxis.set_minor_locator(NullLocator())


def dose_words(dose_ug_per_ml: float) -> str:
    """A dose in the unit that reads best: 0.003 -> "3 ng/mL", 1 -> "1 µg/mL"."""
    return f"{dose_ug_per_ml:g} µg/mL" if dose_ug_per_ml >= 0.1 else f"{1000 * dose_ug_per_ml:g} ng/mL"


def ordered_colours(count: int) -> list:
    """`count` colours from dark to light for something with an order (dose, E:T)."""
    scale = matplotlib.colormaps["viridis"]
    return [scale(x) for x in np.linspace(0.0, 0.88, max(count, 1))]


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write stem.png and stem.svg and return both paths. Names are shown as they are: `$` begins no formula."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    with matplotlib.rc_context(STYLE):
        _as_it_is(figure)
        with whole(png) as part:
            figure.savefig(part, dpi=PNG_DPI, metadata={"Software": None})
        # The layout stands; computing it again for the second file would take as long as drawing it.
        figure.set_layout_engine("none")
        with whole(svg) as part:
            figure.savefig(part, metadata={"Date": None, "Creator": None})
    return [png, svg]


def _as_it_is(figure: Figure) -> None:
    """Take formulas out of all text but powers of ten on an axis, and characters out that XML does not allow."""
    for axis in [one for axes in figure.axes for one in (axes.xaxis, axes.yaxis)]:
        labels = [label.get_text() for label in axis.get_ticklabels()]  # a tick has its text from now on
        if labels != [printable(words) for words in labels]:
            axis.set_ticks(axis.get_ticklocs(), [printable(words) for words in labels])
    for text in figure.findobj(Text):
        words = text.get_text()
        if "$" in words and not _POWER.fullmatch(words):
            text.set_parse_math(False)
        if printable(words) != words:
            text.set_text(printable(words))


def _break(axis: Axes, place: float) -> None:
    """Two strokes across the axis at `place` (data), over a gap in the line."""
    where = axis.get_xaxis_transform()
    axis.plot([place / 1.12, place * 1.12], [0, 0], transform=where, color="white", lw=3, clip_on=False, zorder=5)
    for x in (place / 1.12, place * 1.12):
        axis.plot([x / 1.1, x * 1.1], [-0.02, 0.02], transform=where, color="#555555", lw=0.9, clip_on=False, zorder=6)


def _plain_power(value: float) -> str:
    return f"{value:g}" if 1e-2 <= value <= 1e4 else ""


def _keys(frame: pd.DataFrame, columns: list[str]) -> list[tuple]:
    if not columns:
        return [()]
    unique = frame[columns].drop_duplicates().sort_values(columns, kind="stable")
    return [tuple(row) for row in unique.itertuples(index=False, name=None)]


def _label(columns: Sequence[str], key: tuple) -> str:
    words = dict(zip(columns, key, strict=True))
    if words.get("dose_ug_per_ml") == 0:
        words.pop("antibody", None)
    return ", ".join(_words(column, value) for column, value in words.items())


def _words(column: str, value: float | str) -> str:
    if column == "et_ratio":
        return f"E:T {et_label(float(value))}"
    if column == "hours":
        return f"{value:g} h"
    if column == "dose_ug_per_ml":
        return "no antibody" if not value else dose_words(float(value))
    if column == "role":
        return {"fc_null": "Fc-null", "no_antibody": "no antibody"}.get(str(value), str(value))
    if column == "targets.her2_per_cell":
        return f"{value:g} HER2"
    if "." in column:
        return f"{short_key(column)} {shown(value)}"
    return str(value)
