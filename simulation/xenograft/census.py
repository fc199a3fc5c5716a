"""Census: counts and shape of a tumour, read from its patches without changing anything.

Shape    Radius R of the ball of equal volume; density of ten shells of thickness R / 10 about the centre of mass, as a
         fraction of the nominal one; axis ratio = sqrt(largest / smallest second moment); dispersed = fraction of cells
         beyond 1.1 R; rim = radius, over R, of a ball with as many cells per solid angle as lie in narrow cones about
         the axes of the box, and about its diagonals.
Limits   a ball: density 1, axis ratio 1, no strays (tests/xenograft/test_shape.py)
"""

import math

import numpy as np
from numba import njit, prange

from adccsim.xenograft.layout import ALIVE, CELL_SLOTS, CLONES, clone_of, her2_of, rank_of, state_of

SHELLS = 10
STRAY_BEYOND = 1.1
CONE = 0.95  # cosine of the half angle of the cones


@njit(cache=True, parallel=True)
def count_cells(cells, n, oxygen, hypoxic_below, side, rid, r0, r1, cb, nch):
    """(cells per clone, HER2 level and state int64[16, 256, 4]; hypoxic living cells; sum of their oxygen)."""
    tables = np.zeros((nch, CLONES * 256 * 4), np.int64)
    hypoxic = np.zeros(nch, np.int64)
    breath = np.zeros(nch)
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                alive = 0
                base = np.uint64(b) * np.uint64(CELL_SLOTS)
                for j in range(np.uint64(n[b])):
                    v = cells[base + j]
                    tables[c, np.int64((clone_of(v) * 256 + her2_of(v)) * 4 + state_of(v))] += 1
                    alive += np.int64(state_of(v) == ALIVE)
                if oxygen[b] < hypoxic_below:
                    hypoxic[c] += alive
                breath[c] += alive * np.float64(oxygen[b])
    return tables.sum(axis=0).reshape((CLONES, 256, 4)), hypoxic.sum(), breath.sum()


@njit(cache=True)
def _moments(n, side, rid, r0, r1, rows):
    """(cells, first moments [3], second moments [3, 3]) about the centre of the box, in patches."""
    half = side >> 1
    total = 0.0
    first = np.zeros(3)
    second = np.zeros((3, 3))
    d = np.zeros(3)
    for r in range(rows):
        d[0], d[1] = rid[r] // side - half + 0.5, rid[r] % side - half + 0.5
        for x in range(r0[r], r1[r]):
            w = float(n[rid[r] * side + x])
            if w > 0.0:
                d[2] = x - half + 0.5
                total += w
                for i in range(3):
                    first[i] += w * d[i]
                    for j in range(3):
                        second[i, j] += w * d[i] * d[j]
    return total, first, second


@njit(cache=True)
def _profile(n, side, rid, r0, r1, rows, centre, radius):
    """(cells and patches of the ten shells, stray cells, cells in the cones about the six axes and eight diagonals)."""
    half = side >> 1
    cells, patches = np.zeros(SHELLS), np.zeros(SHELLS)
    strays = 0.0
    cones = np.zeros(2)
    for r in range(rows):
        z, y = rid[r] // side - half + 0.5 - centre[0], rid[r] % side - half + 0.5 - centre[1]
        for x0 in range(r0[r], r1[r]):
            x = x0 - half + 0.5 - centre[2]
            w = n[rid[r] * side + x0]
            distance = math.sqrt(z * z + y * y + x * x)
            shell = int(distance / radius * SHELLS)
            if shell < SHELLS:
                cells[shell] += w
                patches[shell] += 1.0
            elif distance > STRAY_BEYOND * radius + 0.5:
                strays += w
            if w > 0 and distance > 0.0:
                if max(abs(z), abs(y), abs(x)) > CONE * distance:
                    cones[0] += w
                if abs(z) + abs(y) + abs(x) > CONE * math.sqrt(3.0) * distance:
                    cones[1] += w
    return cells, patches, strays, cones


def shape(n: np.ndarray, rows: tuple, patch_cells: int) -> dict:
    """Shape of the tumour with uint8 counts n: density_shells (10), axis_ratio, dispersed_fraction, rim (2)."""
    side, rid, r0, r1, cb, nch = rows
    total, first, second = _moments(n, side, rid, r0, r1, cb[nch])
    if total == 0.0:
        return {"density_shells": np.zeros(SHELLS), "axis_ratio": 1.0, "dispersed_fraction": 0.0, "rim": np.ones(2)}
    centre = first / total
    spread = np.linalg.eigvalsh(second / total - np.outer(centre, centre))
    radius = (3.0 * total / (4.0 * math.pi * patch_cells)) ** (1.0 / 3.0)
    cells, patches, strays, cones = _profile(n, side, rid, r0, r1, cb[nch], centre, radius)
    angles = np.array([3.0, 4.0]) * (1.0 - CONE)  # fraction of all directions
    return {
        "density_shells": cells / np.maximum(patches, 1.0) / patch_cells,
        "axis_ratio": float(math.sqrt(spread[2] / spread[0])) if spread[0] > 0.0 else 1.0,
        "dispersed_fraction": float(strays / total),
        "rim": (cones / total / angles) ** (1.0 / 3.0),
    }


def alive_of(table: np.ndarray) -> np.ndarray:
    """Living cells per clone and HER2 level, from the table of count_cells; a committed cell lives no more."""
    return table[:, :, ALIVE]


@njit(cache=True, parallel=True)
def count_occupancy(cells, n, cover, profiles, classes, side, rid, r0, r1, cb, nch):
    """Living cells per occupancy class of each antibody pool, int64[2, classes], and by the higher of both, [classes].

    cover, profiles: as in kernel.live.
    """
    table = np.zeros((nch, 3, classes), np.int64)
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                base = np.uint64(b) * np.uint64(CELL_SLOTS)
                for j in range(np.uint64(n[b])):
                    v = cells[base + j]
                    if state_of(v) == ALIVE:
                        k = rank_of(v) >> np.uint32(4)
                        one, two = cover[profiles[0, b], k], cover[profiles[1, b], k]
                        table[c, 0, one] += 1
                        table[c, 1, two] += 1
                        table[c, 2, max(one, two)] += 1
    total = table.sum(axis=0)
    return total[:2], total[2]
