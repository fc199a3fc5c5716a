"""Picture: the well as a palette PNG, its legend, and what lies under the pointer.

Colours  Tumour cells by what they carry, on a ramp that grows in lightness (viridis, the same to colour-blind eyes); NK
         cells by what they do and have done. Kind is told by shape too: tumour cells are large discs, dying ones rings,
         lysed ones debris, NK cells small dots.
Limits   an empty well is floor and nothing else; each living cell covers its own site (tests/teaching/test_picture.py)
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from adccsim.well.engine import WellEngine
from adccsim.well.layout import ALIVE, CLEARED, DEAD, WALL
from adccsim.well.readout import agents

# Colours as (r, g, b). Viridis, without its darkest fifth, which the floor would swallow.
RAMP = (
    (74, 92, 160), (62, 98, 156), (47, 107, 142), (40, 125, 142),
    (33, 142, 141), (31, 160, 136), (42, 176, 127), (72, 193, 110),
    (112, 207, 87), (157, 217, 59), (208, 225, 28), (253, 231, 37),
)  # fmt: skip
FLOOR, OUTSIDE = (15, 21, 36), (0, 0, 0)
DYING, LYSED = (255, 150, 130), (104, 114, 134)
NK_SEARCHING, NK_HOLDING, NK_KILLER, NK_SERIAL, NK_DEAD = (
    (177, 191, 184), (240, 112, 55), (249, 160, 255), (195, 58, 200), (92, 102, 126),
)  # fmt: skip
COLOURS = (*RAMP, DYING, LYSED, NK_SEARCHING, NK_HOLDING, NK_KILLER, NK_SERIAL, NK_DEAD)
_KINDS = ("dying", "lysed", "searching", "holding", "killer", "serial", "dead")
_KIND = {name: len(RAMP) + i for i, name in enumerate(_KINDS)}  # place in COLOURS

# Palette: 0 outside (transparent), 1 floor, then three tones of each colour.
BODY, EDGE, CORE = 0, 1, 2
_TONES = 3
_FIRST = 2

# Molecules per cell at the two ends of the ramp; logarithmic between.
LOW, HIGH = 1e3, 4e6
MOST_PIXELS = 960

VIEWS = {"bound": "Antibody bound", "her2": "HER2"}


@dataclass(frozen=True)
class Snapshot:
    """All that a picture needs, copied from a well at one moment: the well may go on while it is drawn.

    cells: arrays as in the run file's /final, and target_damage, target_threshold. inside: bool (side, side), (y, x).
    """

    cells: Mapping[str, np.ndarray]
    inside: np.ndarray
    hours: float


def snapshot(engine: WellEngine) -> Snapshot:
    """Copy what a picture needs; nothing else may touch the engine meanwhile."""
    n = engine.n_targets
    cells = agents(engine) | {name: engine.targets[name][:n].copy() for name in ("target_damage", "target_threshold")}
    inside = engine.grid[: engine.plane].reshape(engine.row, engine.row) != WALL
    return Snapshot(cells, inside, engine.tick * engine.tick_h)


def pixels_per_site(side: int) -> int:
    """Pixels along a site, so that a well of `side` sites is about 960 pixels wide; 2 to 8."""
    return max(2, min(8, MOST_PIXELS // side))


def draw(shot: Snapshot, view: str) -> np.ndarray:
    """Palette indices of the picture, uint8 (height, width), the first row on top. view: "bound" or "her2"."""
    cells, scale = shot.cells, pixels_per_site(len(shot.inside))
    image = _floor(shot.inside.tobytes(), len(shot.inside), scale).copy()
    width = image.shape[1]
    flat = image.reshape(-1)
    status = cells["target_status"]
    corner = (cells["target_y"].astype(np.int64) * width + cells["target_x"]) * scale
    colour = ramp_level(cells[f"target_{view}"])
    for shape, chosen, kind in (
        ("debris", status == DEAD, _KIND["lysed"]),
        ("ring", (status > ALIVE) & (status < DEAD), _KIND["dying"]),
        ("disc", status == ALIVE, None),
    ):
        stamp(flat, corner[chosen], colour[chosen] if kind is None else kind, outline(shape, 2 * scale, width))
    kinds = nk_kinds(cells)
    site = (cells["effector_y"].astype(np.int64) * width + cells["effector_x"]) * scale
    dot = outline("dot", scale, width)
    for number in (_KIND[name] for name in ("dead", "searching", "killer", "serial", "holding")):
        chosen = kinds == number
        stamp(flat, site[chosen], number, dot)
    return image


def ramp_level(molecules: np.ndarray) -> np.ndarray:
    """Place on the ramp (0 to 11) of a number of molecules per cell."""
    fraction = np.log10(np.maximum(molecules, LOW) / LOW) / np.log10(HIGH / LOW)
    return np.minimum((fraction * len(RAMP)).astype(np.int64), len(RAMP) - 1)


def nk_kinds(cells: Mapping[str, np.ndarray]) -> np.ndarray:
    """Colour number of each NK cell: dead, holding a target, or searching with 0, 1 or more kills."""
    state, kills = cells["effector_state"], cells["effector_kills"]
    kinds = np.where(kills == 0, _KIND["searching"], np.where(kills == 1, _KIND["killer"], _KIND["serial"]))
    kinds = np.where((state == 1) | (state == 2), _KIND["holding"], kinds)
    return np.where(state == 3, _KIND["dead"], kinds)


def stamp(flat: np.ndarray, corner: np.ndarray, colour, shape: tuple[np.ndarray, np.ndarray]) -> None:
    """Put cells of one shape (outline) at their corners (n,); colour: one number, or one per cell."""
    offsets, tones = shape
    first = _FIRST + _TONES * np.asarray(colour)
    values = first[..., None] + tones  # (n, pixels), or (pixels,) where all have one colour
    flat[corner[:, None] + offsets] = values.astype(np.uint8)


@cache
def outline(name: str, size: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets in the picture and tones of one cell of `size` pixels."""
    axis = np.arange(size) - (size - 1) / 2
    far = np.hypot(axis[:, None], axis[None, :])
    radius = size / 2
    tone = np.full(far.shape, -1)
    tone[far <= radius] = EDGE
    tone[far <= radius - 0.6] = BODY
    if name == "disc" and size >= 8:
        tone[far <= radius * 0.42] = CORE
    elif name == "ring":
        tone[far <= radius * (0.62 if size >= 6 else 0.5)] = -1
    elif name == "debris":
        rows, columns = np.indices(far.shape)
        tone[(far > radius) | ((rows * 3 + columns * 5) % 4 > 0)] = -1
        tone[tone >= 0] = BODY
    elif name == "dot" and size < 4:
        tone[:] = BODY
    where = tone >= 0
    rows, columns = np.nonzero(where)
    return rows * width + columns, tone[where]


@cache
def _floor(inside: bytes, side: int, scale: int) -> np.ndarray:
    sites = np.frombuffer(inside, bool).reshape(side, side).astype(np.uint8)
    return np.repeat(np.repeat(sites, scale, axis=0), scale, axis=1)


def palette(colours: tuple = COLOURS) -> np.ndarray:
    """The colours of the indices, uint8 (n, 3)."""
    rows = [OUTSIDE, FLOOR]
    for colour in colours:
        body = np.array(colour, float)
        rows += [body, 0.5 * body + 0.5 * np.array(FLOOR), 0.72 * body + 0.28 * np.array(FLOOR)]
    return np.round(rows).astype(np.uint8)


def png(image: np.ndarray, colours: tuple = COLOURS) -> bytes:
    """PNG file of palette indices, index 0 transparent; made for runs of one colour, in a few milliseconds."""
    height, width = image.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each line starts with its filter, 0: none
    lines[:, 1:] = image
    body = squeeze(lines)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette(colours).tobytes()),
        (b"tRNS", b"\0"),
        (b"IDAT", body),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def squeeze(data: bytes | np.ndarray) -> bytes:
    """zlib's form of pixels: fast, and good at runs of one colour."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return packer.compress(data) + packer.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def legend() -> dict[str, Any]:
    """The legend in words and colours: hex colours of the ramp, its ends, and entries of shape, colour, text."""
    return {
        "ramp": [hex_colour(colour) for colour in RAMP],
        "ends": ["1,000 or fewer", "4 million per cell"],
        "floor": hex_colour(FLOOR),
        "entries": [
            {"shape": "ring", "colour": hex_colour(DYING), "text": "tumour cell, dying"},
            {"shape": "debris", "colour": hex_colour(LYSED), "text": "tumour cell, lysed"},
            {"shape": "dot", "colour": hex_colour(NK_SEARCHING), "text": "NK cell, searching"},
            {"shape": "dot", "colour": hex_colour(NK_HOLDING), "text": "NK cell, holding a target"},
            {"shape": "dot", "colour": hex_colour(NK_KILLER), "text": "NK cell, has killed once"},
            {"shape": "dot", "colour": hex_colour(NK_SERIAL), "text": "NK cell, serial killer"},
            {"shape": "dot", "colour": hex_colour(NK_DEAD), "text": "NK cell, dead"},
        ],
    }


def hex_colour(colour: tuple[int, int, int]) -> str:
    """As browsers write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def under_pointer(shot: Snapshot, x: float, y: float) -> dict[str, Any]:
    """What lies at a place, in fractions (0-1) of the picture from the left and the top: {"title", "lines"}."""
    side = len(shot.inside)
    if not (0 <= x < 1 and 0 <= y < 1):
        return {"title": "", "lines": []}
    column, row = int(x * side), int(y * side)
    if not shot.inside[row, column]:
        return {"title": "", "lines": []}
    cells = shot.cells
    here = (cells["effector_x"] == column) & (cells["effector_y"] == row) & (cells["effector_state"] != 3)
    if here.any():
        return _nk_in_words(cells, int(np.flatnonzero(here)[0]))
    dx, dy = column - cells["target_x"], row - cells["target_y"]
    here = (dx >= 0) & (dx < 2) & (dy >= 0) & (dy < 2) & (cells["target_status"] != CLEARED)
    if here.any():
        return _target_in_words(cells, int(np.flatnonzero(here)[0]))
    return {"title": "Medium", "lines": ["No cell here."]}


def _nk_in_words(cells: Mapping[str, np.ndarray], i: int) -> dict[str, Any]:
    doing = {0: "searching for a target", 1: "holding a tumour cell", 2: "still attached to a cell that it killed"}
    kills, contacts = int(cells["effector_kills"][i]), int(cells["effector_contacts"][i])
    return {
        "title": f"NK cell {i + 1}",
        "lines": [
            doing[int(cells["effector_state"][i])].capitalize(),
            f"{kills} {'kill' if kills == 1 else 'kills'} in {contacts} {'contact' if contacts == 1 else 'contacts'}",
            f"{int(cells['effector_granules'][i])} lytic granules left",
        ],
    }


def _target_in_words(cells: Mapping[str, np.ndarray], i: int) -> dict[str, Any]:
    status, damage = int(cells["target_status"][i]), int(cells["target_damage"][i])
    her2, bound = float(cells["target_her2"][i]), float(cells["target_bound"][i])
    if status >= DEAD:
        return {"title": f"Tumour cell {i + 1}", "lines": ["Lysed: its contents are in the medium"]}
    fraction = f" ({100 * bound / her2:.0f} per 100 receptors)" if her2 > 0 else ""
    hits = f"{damage} of the {int(cells['target_threshold'][i])} lytic hits that commit it to die"
    return {
        "title": f"Tumour cell {i + 1}",
        "lines": [
            f"{her2:,.0f} HER2 receptors",
            f"{bound:,.0f} antibodies bound{fraction}",
            "Dying: committed, not yet lysed" if status > ALIVE else hits,
        ],
    }
