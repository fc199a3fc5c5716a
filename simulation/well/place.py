"""Placement: the empty well as a grid of sites, and where cells lie when it starts."""

import math

import numpy as np
from numba import njit

from adccsim.biology.rng import STREAM_PLACE_EFFECTORS, STREAM_PLACE_TARGETS, philox, unit
from adccsim.well.layout import WALL

_RIM_TRIES = 200


def empty_grid(shape, sites, layers, compartment_side=0, compartments=0):
    """Grid of a well with no cells: int32 (layers, rows, rows), 0 inside and WALL outside, with a border of walls.

    shape "disc" or "square" holds `sites` sites per layer; "chip" is a square array of `compartments` square
    compartments of `compartment_side` sites, walled from each other.
    """
    if shape == "disc":
        radius = math.sqrt(sites / math.pi)
        rows = 2 * math.ceil(radius) + 3
        centre = (rows - 1) / 2
        axis = (np.arange(rows) - centre) ** 2
        inside = axis[:, None] + axis[None, :] < radius * radius
    elif shape == "square":
        side = round(math.sqrt(sites))
        rows = side + 2
        inside = np.zeros((rows, rows), bool)
        inside[1:-1, 1:-1] = True
    else:
        across = math.ceil(math.sqrt(compartments))
        pitch = compartment_side + 1
        rows = across * pitch + 1
        inside = np.zeros((rows, rows), bool)
        for k in range(compartments):
            y, x = 1 + (k // across) * pitch, 1 + (k % across) * pitch
            inside[y : y + compartment_side, x : x + compartment_side] = True
    plane = np.where(inside, 0, WALL).astype(np.int32)
    return np.repeat(plane[None], layers, axis=0)


def compartment_corners(compartments, side):
    """Grid index (row-major, layer 0) of the first site of each compartment of a chip: int64 (compartments,)."""
    across = math.ceil(math.sqrt(compartments))
    rows = across * (side + 1) + 1
    k = np.arange(compartments)
    return (1 + (k // across) * (side + 1)) * rows + 1 + (k % across) * (side + 1)


@njit(cache=True)
def place_targets(grid, rows, plane, layers, n, first, key, rim_excess, rim_width, corners, side, out):
    """Put targets first .. first+n-1 on free 2x2 places (random sequential addition); out[t] = index of the corner
    site.

    rim_excess: fraction of targets that settle in the rim, the outer share `rim_width` of the radius. corners:
    compartments of a chip (size 0 for a plain well); target t goes to compartment t modulo their number. Returns the
    number placed (n unless the well is full).
    """
    inner = plane - rows - 1
    centre = (rows - 1) / 2.0
    rim2 = ((1.0 - rim_width) * (rows - 3) / 2.0) ** 2
    draw = np.uint64(first) << np.uint64(24)
    stream = np.uint64(STREAM_PLACE_TARGETS)
    for k in range(n):
        t = first + k
        word, _ = philox(key, stream, draw)
        draw += np.uint64(1)
        wants_rim = unit(word) < rim_excess
        tries = 0
        while True:
            a, b = philox(key, stream, draw)
            draw += np.uint64(1)
            tries += 1
            if tries > 10_000_000:
                return k
            if corners.size:
                s = corners[t % corners.size] + np.int64(unit(a) * (side - 1)) * rows + np.int64(unit(b) * (side - 1))
            else:
                s = np.int64(unit(a) * inner)
            if grid[s] or grid[s + 1] or grid[s + rows] or grid[s + rows + 1]:
                continue
            if wants_rim and tries < _RIM_TRIES:
                dy, dx = s // rows - centre, s % rows - centre
                if dy * dy + dx * dx < rim2:
                    continue
            break
        out[t] = s
        for layer in range(layers):
            base = s + layer * plane
            grid[base] = grid[base + 1] = grid[base + rows] = grid[base + rows + 1] = -(t + 1)
    return n


@njit(cache=True)
def place_effectors(grid, rows, plane, layers, n, first, key, corners, side, out):
    """Find n free sites of any layer, uniformly, for effectors; out (n,) int32 returns them, taken in the grid.

    first: effectors ever added before (keys the draws). Returns the number placed; stops early only if ten million
    tries in a row meet occupied sites.
    """
    draw = np.uint64(first) << np.uint64(24)
    stream = np.uint64(STREAM_PLACE_EFFECTORS)
    total = plane * layers
    for k in range(n):
        tries = 0
        while True:
            a, b = philox(key, stream, draw)
            draw += np.uint64(1)
            tries += 1
            if tries > 10_000_000:
                return k
            if corners.size:
                u = unit(b) * layers
                layer = np.int64(u)
                u -= layer
                corner = corners[(first + k) % corners.size]
                s = layer * plane + corner + np.int64(unit(a) * side) * rows + np.int64(u * side)
            else:
                s = np.int64(unit(a) * total)
            if grid[s] == 0:
                break
        grid[s] = 1
        out[k] = s
    return n
