"""A picture of one well as it stands at the end: the whole floor, and 1 mm of it enlarged."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from adccsim.analysis.figures import STYLE
from adccsim.analysis.reading.design import et_label
from adccsim.analysis.reading.runs import Run, read_final

SITE_MM = 0.01
ZOOM_MM = 1.0
MEDIUM = "#F4F1EA"
COMMITTED, DEAD = "#E69F00", "#5A4A42"
NK_COLOURS = ("#009E73", "#D6336C", "#7B1E7A", "#9A9A9A")
NK_WORDS = ("NK searching", "NK on a living target", "NK on a dying target", "NK dead")


def representative_run(runs: Sequence[Run]) -> Run | None:
    """The well to show: E:T nearest 5, highest dose up to 1 ug/mL, first donor and replicate, with a last frame."""

    def rank(run: Run) -> tuple:
        condition = run.condition
        dose = condition["antibody"]["dose_ug_per_ml"]
        ratio = max(condition["effectors"]["et_ratio"], 1e-9)
        units = (condition.get("donor", 1), condition.get("replicate", 1))
        distance = abs(np.log(ratio / 5.0))
        return (
            dose > 1.0,
            distance,
            -dose if dose <= 1.0 else dose,
            condition["targets"]["cell_line"],
            *units,
            run.run_id,
        )

    wanted = [run for run in runs if run.role in ("sample", "culture") and run.condition["targets"].get("cells", 0) > 0]
    for run in sorted(wanted, key=rank):
        if "target_x" in read_final(run):
            return run
    return None


def well_figure(run: Run) -> Figure:
    """Left the whole well, right ZOOM_MM of it.  Living targets are shaded by bound antibody, the rest by state."""
    final, condition = read_final(run), run.condition
    well = condition.get("well", {})
    alive = final["target_status"] == 0
    bound = np.maximum(final.get("target_bound", np.zeros(alive.size)), 1.0)
    top = max(float(np.quantile(bound[alive], 0.98)) if alive.any() else 10.0, 100.0)
    shade = (LogNorm(max(1.0, top / 1e3), top), matplotlib.colormaps["Blues"].resampled(256))
    side = _side_sites(well, final)
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(10.6, 5.6), layout="constrained")
        whole, zoom = figure.subplots(1, 2)
        _draw_floor(whole, final, well, side, shade, bound)
        wide = min(ZOOM_MM, 0.6 * side * SITE_MM)
        low = side * SITE_MM / 2 - wide / 2
        whole.add_patch(Rectangle((low, low), wide, wide, fill=False, ec="black", lw=1.4))
        _draw_cells(zoom, final, well, shade, bound)
        zoom.set(xlim=(low, low + wide), ylim=(low, low + wide))
        for axis, title in ((whole, "The whole well"), (zoom, f"The square, {wide:.2g} mm wide")):
            axis.set_aspect("equal")
            axis.set_title(title)
            axis.set_xlabel("mm")
        bar = figure.colorbar(matplotlib.cm.ScalarMappable(*shade), ax=zoom, shrink=0.75, pad=0.02)
        bar.set_label("antibodies bound per living target")
        bar.outline.set_visible(False)
        figure.legend(handles=_legend(final), loc="outside lower center", ncols=7, handletextpad=0.3, columnspacing=1.4)
        dose, ratio = condition["antibody"]["dose_ug_per_ml"], condition["effectors"]["et_ratio"]
        words = f"{condition['targets']['cell_line']}, {condition['effectors']['type']} {et_label(ratio)}, "
        words += f"{condition['antibody']['name']} {dose:g} µg/mL, {condition['assay']['duration_h']:g} h"
        figure.suptitle(f"The well at the end: {words}", fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _side_sites(well: Mapping, final: Mapping) -> int:
    """Sites along one side of the grid: the well and a wall of one site around it."""
    if well.get("shape") == "disc":
        return 2 * int(np.ceil(np.sqrt(float(well["area_mm2"]) / np.pi) / SITE_MM)) + 3
    names = ("target_x", "target_y", "effector_x", "effector_y")
    seen = max(int(final[name].max()) + 2 for name in names if final[name].size) + 1
    if well.get("shape") == "chip":
        pitch = _pitch_sites(well)
        return -(-(seen - 1) // pitch) * pitch + 1
    return max(seen, int(np.round(np.sqrt(float(well.get("area_mm2") or 0.0)) / SITE_MM)) + 2)


def _pitch_sites(well: Mapping) -> int:
    return round(float(well["microwell_side_um"]) / (1000 * SITE_MM)) + 1


def _target_colours(final: Mapping, shade: tuple, bound: np.ndarray) -> np.ndarray:
    norm, colours = shade
    rgb = colours(0.15 + 0.85 * np.clip(norm(bound), 0, 1))[:, :3]
    status = final["target_status"]
    rgb[(status >= 1) & (status <= 3)] = to_rgb(COMMITTED)
    rgb[status == 4] = to_rgb(DEAD)
    return rgb


def _draw_floor(axis: Axes, final: Mapping, well: Mapping, side: int, shade: tuple, bound: np.ndarray) -> None:
    """One pixel per site: faster and smaller than some 1e5 drawn cells."""
    image = np.ones((side, side, 3))
    centre = (side - 1) / 2
    if well.get("shape") == "disc":
        y, x = np.ogrid[:side, :side]
        image[(x - centre) ** 2 + (y - centre) ** 2 < ((side - 3) / 2) ** 2] = to_rgb(MEDIUM)
    else:
        image[:] = to_rgb(MEDIUM)
    shown = final["target_status"] < 5
    rgb = _target_colours(final, shade, bound)[shown]
    x, y = final["target_x"][shown].astype(int), final["target_y"][shown].astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            image[np.minimum(y + dy, side - 1), np.minimum(x + dx, side - 1)] = rgb
    for state in (3, 0, 2, 1):
        here = final["effector_state"] == state
        image[final["effector_y"][here].astype(int), final["effector_x"][here].astype(int)] = to_rgb(NK_COLOURS[state])
    extent = (0, side * SITE_MM, 0, side * SITE_MM)
    axis.imshow(image, origin="lower", extent=extent, interpolation="antialiased")
    if well.get("shape") == "disc":
        middle = side * SITE_MM / 2
        axis.add_patch(Circle((middle, middle), middle - 1.5 * SITE_MM, fill=False, ec="#999999", lw=0.8))
        for edge in ("left", "bottom"):
            axis.spines[edge].set_visible(False)


def _draw_cells(axis: Axes, final: Mapping, well: Mapping, shade: tuple, bound: np.ndarray) -> None:
    axis.set_facecolor(MEDIUM)
    if well.get("shape") == "chip":
        for place in SITE_MM * (np.arange(0, _side_sites(well, final), _pitch_sites(well)) + 0.5):
            axis.axvline(place, color="#A8A8A8", lw=1.2, zorder=0.5)
            axis.axhline(place, color="#A8A8A8", lw=1.2, zorder=0.5)
    shown = final["target_status"] < 5
    centres = SITE_MM * (np.column_stack([final["target_x"], final["target_y"]])[shown] + 1.0)
    _discs(axis, centres, 0.95 * 2 * SITE_MM, _target_colours(final, shade, bound)[shown], "#6B7785")
    for state in (3, 0, 2, 1):
        here = final["effector_state"] == state
        centres = SITE_MM * (np.column_stack([final["effector_x"], final["effector_y"]])[here] + 0.5)
        _discs(axis, centres, SITE_MM, NK_COLOURS[state], "white")


def _discs(axis: Axes, centres: np.ndarray, diameter: float, colour: object, edge: str) -> None:
    """Discs of `diameter` mm.  They are rasterised: a crowded well as vectors is a file of tens of megabytes."""
    if not len(centres):
        return
    size = np.full(len(centres), diameter)
    discs = EllipseCollection(
        size, size, np.zeros(len(centres)), units="xy", offsets=centres, offset_transform=axis.transData
    )
    discs.set(facecolor=colour, edgecolor=edge, linewidth=0.3, rasterized=True)
    axis.add_collection(discs)


def _legend(final: Mapping) -> list[Line2D]:
    def dot(colour: str, size: float, label: str) -> Line2D:
        return Line2D([], [], ls="", marker="o", ms=size, mfc=colour, mec="none", label=label)

    entries = [dot("#4A90C4", 9, "target alive"), dot(COMMITTED, 9, "target dying"), dot(DEAD, 9, "target dead")]
    states = set(np.unique(final["effector_state"]).tolist())
    return entries + [dot(NK_COLOURS[s], 6, NK_WORDS[s]) for s in range(4) if s in states]
