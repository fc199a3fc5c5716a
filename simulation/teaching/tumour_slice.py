"""Tumour slice: the middle plane of a tumour as a palette PNG, its legend, and what lies under the pointer.

Layout   The engine keeps cells in blocks of 86 um with their way from the block's vessel, and no place within it. A
         block is drawn as 9 x 9 sites with a vessel near the middle (where, hangs on the block), its cells side by
         side from the vessel outwards, with gaps between them where they are fewer than the sites.
Colours  those of the well (picture.py): living cells by what they carry on the same ramp, or by oxygen; dying cells
         rings, dead ones debris; effectors dots, by their kills.
Limits   no cell, floor only; every living cell of the plane is drawn once while a block holds 80 or fewer
         (tests/teaching/test_tumour_slice.py)
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from adccsim.teaching import picture
from adccsim.xenograft.contacts import CD16A_AT, KILLS_AT, KINDS, POTENCY_AT, START_AT
from adccsim.xenograft.engine import TumourEngine
from adccsim.xenograft.layout import (
    ALIVE,
    CELL_SLOTS,
    COMMITTED,
    DEAD,
    EFFECTOR_SLOTS,
    KILLED_BIT,
    PATCH_CELLS,
    clone_of,
    her2_of,
    rank_of,
    state_of,
)
from adccsim.xenograft.opsonisation import POOLS, RANKS, class_occupancy
from adccsim.xenograft.state import ball_radius

EDGE = 9  # sites along a block: one for the vessel, 80 for cells (64 nominal)
SHOWN = EDGE * EDGE - 1
_AWAY = 1  # sites that a vessel lies off the middle of its block, at most
WIDEST = 1100  # pixels, about
VESSEL, KILLED = (240, 80, 80), picture.DYING
VIEWS = {"bound": "Antibody bound", "her2": "HER2", "oxygen": "Oxygen"}
COLOURS = (
    *picture.RAMP,
    picture.DYING,
    picture.LYSED,
    picture.NK_SEARCHING,
    picture.NK_KILLER,
    picture.NK_SERIAL,
    VESSEL,
)
_KIND = {name: len(picture.RAMP) + i for i, name in enumerate(("killed", "dead", "idle", "killer", "serial", "vessel"))}
# Occupied fraction of the receptors: bars of the histogram, lower edges.
OCCUPANCY_EDGES = (0.0, 0.001, 0.01, 0.1, 0.5)
OCCUPANCY_WORDS = ("none", "0.1 %", "1 %", "10 %", "50 %")
_BYTE, _3 = np.uint64(255), np.uint64(3)


@dataclass(frozen=True)
class Slice:
    """The middle plane, copied at one moment. P blocks hold something; columns are one row per cell or effector.

    side: blocks along the picture. block_x, block_y: (P,) places from the left and top; perfused (P,) bool; oxygen (P,)
    of cells: block (row of P), words, occupancy (0-1, of the fuller epitope), her2, bound (molecules), site (0-79, 80
    and more not drawn); of effectors: block, words, site.
    """

    side: int
    patch_um: float
    hours: float
    block_x: np.ndarray
    block_y: np.ndarray
    perfused: np.ndarray
    oxygen: np.ndarray
    cell_block: np.ndarray
    words: np.ndarray
    occupancy: np.ndarray
    her2: np.ndarray
    bound: np.ndarray
    site: np.ndarray
    effector_block: np.ndarray
    effector_words: np.ndarray
    effector_site: np.ndarray

    @property
    def living(self) -> np.ndarray:
        """Which cells live and have not taken the hits that kill."""
        return state_of(self.words) == ALIVE

    @property
    def killed(self) -> np.ndarray:
        """Which cells an effector has killed, those of this hour included."""
        state = state_of(self.words)
        return (state == COMMITTED) | ((state == DEAD) & ((self.words & KILLED_BIT) != 0))

    @property
    def kills(self) -> np.ndarray:
        """Kills of each effector."""
        return (self.effector_words >> KILLS_AT & _BYTE).astype(int)

    @property
    def kind(self) -> np.ndarray:
        """Kind of each effector, a place in contacts.KINDS."""
        return (self.effector_words & _3).astype(int)


def field_side(most_cells: int, patch_cells: int) -> int:
    """Blocks along a picture that holds a ball of so many cells; even."""
    return 2 * int(np.ceil(ball_radius(most_cells, patch_cells) + 0.3))


def plane_of(engine: TumourEngine, side: int) -> np.ndarray:
    """Patches of the middle plane that a picture of `side` blocks shows, (side, side) in (y, x); -1 outside the box."""
    box, half = engine.side, engine.side // 2
    axis = np.arange(side) - side // 2 + half
    inside = (axis >= 0) & (axis < box)
    patches = (half * box + axis[:, None]) * box + axis[None, :]
    return np.where(inside[:, None] & inside[None, :], patches, -1)


def snapshot(engine: TumourEngine, side: int) -> Slice:
    """Copy what a picture needs; nothing else may touch the engine meanwhile."""
    arrays, antibody = engine.arrays(), engine.antibody
    plane = plane_of(engine, side)
    counts = np.where(plane >= 0, arrays["n"][plane], 0)
    effectors = np.where(plane >= 0, arrays["ne"][plane], 0)
    block_y, block_x = np.nonzero((counts > 0) | (effectors > 0))
    patches, n, ne = plane[block_y, block_x], counts[block_y, block_x], effectors[block_y, block_x]
    taken = np.arange(CELL_SLOTS) < n[:, None]
    words = arrays["cells"].reshape(-1, CELL_SLOTS)[patches]
    rank = np.where(taken, rank_of(words), 256)
    order = np.argsort(rank, axis=1, kind="stable")
    words = np.take_along_axis(words, order, axis=1)
    cell_block, site = np.nonzero(taken)  # sorted by rank, the taken slots come first
    words = words[cell_block, site]
    sixteenth = (rank_of(words) * RANKS) >> 8
    profiles = arrays["antibody_profiles"][:, patches]
    classes = np.stack([antibody.cover[profiles[pool, cell_block], sixteenth] for pool in range(POOLS)])
    occupancy = class_occupancy()[classes]
    clone, level = clone_of(words), her2_of(words)
    per_cell = np.array([clone.her2_per_cell for clone in engine.params.clones])
    held = np.arange(EFFECTOR_SLOTS) < ne[:, None]
    effector_block, slot = np.nonzero(held)
    effector_words = arrays["effectors"].reshape(-1, EFFECTOR_SLOTS)[patches][effector_block, slot]
    return Slice(
        side=side,
        patch_um=engine.params.patch_side_um,
        hours=engine.tick * engine.tick_h,
        block_x=block_x,
        block_y=block_y,
        perfused=arrays["vessels"][patches] > 0,
        oxygen=arrays["oxygen"][patches].copy(),
        cell_block=cell_block,
        words=words,
        occupancy=occupancy.max(axis=0),
        her2=per_cell[clone] * relative_her2()[level],
        bound=engine.effectors.receptors[clone, level] * occupancy.sum(axis=0),
        site=_spread(site, n[cell_block]),
        effector_block=effector_block,
        effector_words=effector_words,
        effector_site=_site_of_effector(effector_words),
    )


def _spread(place: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sites of cells by their place in the order from the vessel: gaps are spread among them, at most one in five."""
    return np.where(n <= SHOWN, place * SHOWN // np.maximum(n, PATCH_CELLS), place)


@cache
def relative_her2() -> np.ndarray:
    """HER2 of each level over the mean of its line."""
    from adccsim.xenograft.layout import her2_relative

    return her2_relative()


def _site_of_effector(words: np.ndarray) -> np.ndarray:
    """A site of the block that stays the same while an effector stays: by the traits that it was born with."""
    traits = (words >> POTENCY_AT & _BYTE) * np.uint64(37) + (words >> CD16A_AT & _BYTE) * np.uint64(11)
    return ((traits + (words >> START_AT & _BYTE) * np.uint64(5)) % np.uint64(64)).astype(int)


def shares_by_occupancy(shot: Slice) -> list[int]:
    """Living cells of the slice by the fraction of their receptors that hold antibody; bars of OCCUPANCY_EDGES."""
    place = np.searchsorted(OCCUPANCY_EDGES[1:], shot.occupancy[shot.living], side="right")
    return np.bincount(place, minlength=len(OCCUPANCY_EDGES)).tolist()


def pixels_per_site(side: int) -> int:
    """Pixels along a site, so that the picture is about WIDEST wide; 2 to 8."""
    return max(2, min(8, WIDEST // (side * EDGE)))


def draw(shot: Slice, view: str) -> np.ndarray:
    """Palette indices of the picture, uint8 (height, width), the first row on top. view: one of VIEWS."""
    scale = pixels_per_site(shot.side)
    width = shot.side * EDGE * scale
    image = np.ones((width, width), np.uint8)
    flat = image.reshape(-1)
    rows, columns = _sites()
    lay = _lay_of(shot)

    def corner(block: np.ndarray, site: np.ndarray) -> np.ndarray:
        y = shot.block_y[block] * EDGE + rows[lay[block], site]
        return (y * width + shot.block_x[block] * EDGE + columns[lay[block], site]) * scale

    drawn = shot.site < SHOWN
    living, killed = shot.living, shot.killed
    if view == "oxygen":
        colour = np.minimum(shot.oxygen[shot.cell_block] * len(picture.RAMP), len(picture.RAMP) - 1).astype(int)
    else:
        colour = picture.ramp_level(shot.bound if view == "bound" else shot.her2)
    for shape, chosen, kind in (
        ("debris", drawn & ~living & ~killed, "dead"),
        ("ring", drawn & killed, "killed"),
        ("disc", drawn & living, None),
    ):
        at = corner(shot.cell_block[chosen], shot.site[chosen])
        picture.stamp(flat, at, colour[chosen] if kind is None else _KIND[kind], picture.outline(shape, scale, width))
    vessels = np.flatnonzero(shot.perfused)
    middle = np.full(len(vessels), SHOWN)
    picture.stamp(flat, corner(vessels, middle), _KIND["vessel"], picture.outline("dot", scale, width))
    kinds = np.array([_KIND["idle"], _KIND["killer"], _KIND["serial"]])[np.minimum(shot.kills, 2)]
    wide = scale + 2 * (scale > 2)  # effectors stand out of the cells around them
    at = corner(shot.effector_block, shot.effector_site) - (wide - scale) // 2 * (width + 1)
    picture.stamp(flat, np.maximum(at, 0), kinds, picture.outline("dot", wide, width))
    return image


def _lay_of(shot: Slice) -> np.ndarray:
    """Which lay of _sites() each block has: always the same for a block, and no pattern that an eye would find."""
    x, y = shot.block_x - shot.side // 2, shot.block_y - shot.side // 2
    return ((x * 73_856_093) ^ (y * 19_349_663)) % 1009 % len(_sites()[0])


@cache
def _sites() -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of the sites of a block, one line per lay: in the order in which its cells take them, nearest to
    the vessel first; the last is the vessel's own.
    """
    row, column = np.divmod(np.arange(EDGE * EDGE), EDGE)
    middle, lines = EDGE // 2, []
    for down in range(-_AWAY, _AWAY + 1):
        for across in range(-_AWAY, _AWAY + 1):
            y, x = row - middle - down, column - middle - across
            order = np.lexsort((np.arctan2(y, x), np.hypot(y, x)))
            lines.append(np.concatenate([order[1:], order[:1]]))
    order = np.array(lines)
    return row[order], column[order]


def png(image: np.ndarray) -> bytes:
    """PNG file of the picture."""
    return picture.png(image, COLOURS)


def legend(view: str) -> dict[str, Any]:
    """The legend in words and colours, as picture.legend."""
    hexed = picture.hex_colour
    ends = ["none", "as in blood"] if view == "oxygen" else ["1,000 or fewer", "4 million per cell"]
    return {
        "ramp": [hexed(colour) for colour in picture.RAMP],
        "ends": ends,
        "floor": hexed(picture.FLOOR),
        "entries": [
            {"shape": "dot", "colour": hexed(VESSEL), "text": "vessel with blood"},
            {"shape": "ring", "colour": hexed(KILLED), "text": "tumour cell, killed by an immune cell"},
            {"shape": "debris", "colour": hexed(picture.LYSED), "text": "tumour cell, dead otherwise"},
            {"shape": "dot", "colour": hexed(picture.NK_SEARCHING), "text": "immune cell, no kill yet"},
            {"shape": "dot", "colour": hexed(picture.NK_KILLER), "text": "immune cell, has killed once"},
            {"shape": "dot", "colour": hexed(picture.NK_SERIAL), "text": "immune cell, has killed more"},
        ],
    }


def under_pointer(shot: Slice, x: float, y: float) -> dict[str, Any]:
    """What lies at a place, in fractions (0-1) of the picture from the left and the top: {"title", "lines"}."""
    if not (0 <= x < 1 and 0 <= y < 1):
        return {"title": "", "lines": []}
    sites = shot.side * EDGE
    column, row = int(x * sites), int(y * sites)
    found = np.flatnonzero((shot.block_x == column // EDGE) & (shot.block_y == row // EDGE))
    if not len(found):
        return {"title": "Outside the tumour", "lines": ["No cell here."]}
    block = int(found[0])
    rows, columns = (places[_lay_of(shot)[block]] for places in _sites())
    site = int(np.flatnonzero((rows == row % EDGE) & (columns == column % EDGE))[0])
    here = np.flatnonzero((shot.effector_block == block) & (shot.effector_site == site))
    if len(here):
        return _effector_in_words(shot, int(here[0]))
    if site == SHOWN:
        words = "Blood flows" if shot.perfused[block] else "No blood flows here"
        return {"title": "Vessel" if shot.perfused[block] else "No vessel", "lines": [words, _oxygen(shot, block)]}
    here = np.flatnonzero((shot.cell_block == block) & (shot.site == site))
    if not len(here):
        return {"title": "Between the cells", "lines": [_oxygen(shot, block)]}
    return _cell_in_words(shot, int(here[0]))


def _oxygen(shot: Slice, block: int) -> str:
    return f"Oxygen {100 * float(shot.oxygen[block]):.0f} % of that of blood"


def _effector_in_words(shot: Slice, i: int) -> dict[str, Any]:
    names = {
        "nk": "NK cell of the mouse",
        "myeloid": "Myeloid cell of the mouse",
        "human_nk": "Transferred human NK cell",
    }
    kills = int(shot.kills[i])
    return {
        "title": names[KINDS[shot.kind[i]]],
        "lines": [f"{kills} {'kill' if kills == 1 else 'kills'} so far", "It searches the 64 cells of this block"],
    }


def _cell_in_words(shot: Slice, i: int) -> dict[str, Any]:
    if shot.killed[i]:
        return {"title": "Tumour cell", "lines": ["Killed by an immune cell"]}
    if not shot.living[i]:
        return {"title": "Tumour cell", "lines": ["Dead, not by an immune cell; it will be cleared"]}
    her2, bound = float(shot.her2[i]), float(shot.bound[i])
    fraction = f" ({100 * float(shot.occupancy[i]):.2g} per 100 receptors)" if her2 > 0 else ""
    return {
        "title": "Tumour cell",
        "lines": [
            f"{her2:,.0f} HER2 receptors",
            f"{bound:,.0f} antibodies bound{fraction}",
            _oxygen(shot, int(shot.cell_block[i])),
        ],
    }
