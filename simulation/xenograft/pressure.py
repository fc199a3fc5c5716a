"""Pressure: crowded tissue pushes outwards, and where the tissue ends the push ends.

Model    Darcy flow. Of the excess n - K of a patch the share `relaxation` leaves per hour: the flow potential p obeys
         sum over the six neighbours (p_b - p_k) = relaxation (n_b - K) in patches that are at least half full, and the
         flow through a face is p_b - p_k cells per hour. Outside, p = K v (r - R): the surroundings press the more the
         farther a patch stands out of the ball of equal volume (v the speed of that drift), so that a tumour that
         shrinks stays in one piece: without it, suction breaks up the rim.
Method   Multigrid V cycles, warm-started, five grids. Smoothing is Chebyshev-weighted Jacobi on the FIXED interval
         [1/3, 2] of rough modes: a solver that stops early must not aim at the smooth modes, else error and next
         hour's excess feed each other and cells pile up in the centre.
Source   Multigrid: Trottenberg, Oosterlee, Schueller 2001, Multigrid (smoothing factors in chapter 2).
Limits   uniform excess in a ball: p = relaxation (n - K) (R^2 - r^2) / 6; a cycle shrinks the residual several times
         (tests/xenograft/test_pressure.py)
"""

import math

import numpy as np
from numba import njit, prange

from adccsim.memory import empty_column

GRIDS = 5  # patch sides 1, 2, 4, 8, 16: fixed, since a number of grids that followed the box would change results
BOX_MULTIPLE = 2 ** (GRIDS - 1)
_COARSEST_SWEEPS = 12
# Roots of the Chebyshev polynomial of degree 3 on [1/3, 2], as damping factors.
_DAMPING = tuple(np.float32(1.0 / (7.0 / 6.0 + 5.0 / 6.0 * math.cos(math.pi * (2 * k + 1) / 6.0))) for k in range(3))
_SIXTH = np.float32(1.0 / 6.0)


class Pressure:
    """The flow potential of one box: `p` is state (warm start), the rest is scratch. float32[side**3]."""

    def __init__(self, side: int):
        if side % BOX_MULTIPLE:
            raise ValueError(f"the side of the box, {side} patches, is not a multiple of {BOX_MULTIPLE}")
        self.side = side
        sides = [side >> g for g in range(GRIDS)]
        self._sides = sides
        self._old, self._p, self._source, self._inside = (
            [empty_column(s**3, np.float32) for s in sides] for _ in range(4)
        )
        self.p = self._p[0]

    def solve(self, n, rows, patch_cells, relaxation, feed, drift, radius, cycles) -> None:
        """Bring p up to the counts n by so many cycles.

        relaxation: per hour; feed: cells that every patch gains per hour while their crowding is not built up yet;
        drift: pressure of the surroundings, cells per hour and patch of distance; radius: of the ball of equal volume,
        in patches.
        """
        law = (patch_cells, relaxation, feed, drift, radius)
        _sources(n, self.p, self._source[0], self._inside[0], *law, *rows)
        for g in range(1, GRIDS):
            _coarsen_mask(self._inside[g - 1], self._inside[g], self._sides[g])
        for _ in range(cycles):
            self._cycle(rows)

    def _cycle(self, rows) -> None:
        p, old, source, inside, sides = self._p, self._old, self._source, self._inside, self._sides
        self._smooth_fine(rows)
        _restrict_fine(p[0], source[0], inside[0], old[0], *rows)
        _restrict(old[0], source[1], inside[1], sides[1])
        for g in range(1, GRIDS - 1):
            p[g][:] = 0.0
            _smooth(p[g], old[g], source[g], inside[g], sides[g], 1)
            _residual(p[g], source[g], inside[g], old[g], sides[g])
            _restrict(old[g], source[g + 1], inside[g + 1], sides[g + 1])
        p[-1][:] = 0.0
        _smooth(p[-1], old[-1], source[-1], inside[-1], sides[-1], _COARSEST_SWEEPS)
        for g in range(GRIDS - 2, 0, -1):
            _prolong(p[g], inside[g], p[g + 1], sides[g])
            _smooth(p[g], old[g], source[g], inside[g], sides[g], 1)
        _prolong_fine(p[0], inside[0], p[1], *rows)
        self._smooth_fine(rows)

    def _smooth_fine(self, rows) -> None:
        a, b = self.p, self._old[0]
        for damping in _DAMPING:
            _sweep_fine(a, b, self._source[0], self._inside[0], damping, *rows)
            a, b = b, a
        _copy_fine(a, b, *rows)  # three sweeps end in the scratch array


@njit(cache=True, parallel=True)
def _sources(n, p, source, inside, patch_cells, relaxation, feed, drift, radius, side, rid, r0, r1, cb, nch):
    """Right-hand side, mask of the tissue, and the pressure of the surroundings."""
    half = side >> 1
    full = np.float32(patch_cells)
    rate = np.float32(relaxation)
    gain = np.float32(feed)
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            z, y = rid[r] // side - half + 0.5, rid[r] % side - half + 0.5
            for x in range(r0[r], r1[r]):
                b = rid[r] * side + x
                count = np.float32(n[b])
                if count + count >= full:
                    inside[b] = np.float32(1.0)
                    source[b] = rate * (count - full) + gain
                else:
                    inside[b] = np.float32(0.0)
                    source[b] = np.float32(0.0)
                    d = x - half + 0.5
                    p[b] = drift * (math.sqrt(z * z + y * y + d * d) - radius)


@njit(inline="always")
def _sweep_row(u, out, source, inside, damping, a, length, side):
    """One damped Jacobi sweep along a row; slices with unsigned bounds, so that it runs in the vector units."""
    s2 = side * side
    e = u[a + 1 : a + 1 + length]
    w = u[a - 1 : a - 1 + length]
    s = u[a - side : a - side + length]
    t = u[a + side : a + side + length]
    d = u[a - s2 : a - s2 + length]
    v = u[a + s2 : a + s2 + length]
    h = u[a : a + length]
    o = out[a : a + length]
    f = source[a : a + length]
    m = inside[a : a + length]
    for x in range(length):
        jump = (((e[x] + w[x]) + (s[x] + t[x])) + ((d[x] + v[x]) + f[x])) * _SIXTH - h[x]
        o[x] = h[x] + damping * m[x] * jump


@njit(cache=True, parallel=True)
def _sweep_fine(u, out, source, inside, damping, side, rid, r0, r1, cb, nch):
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            _sweep_row(u, out, source, inside, damping, rid[r] * side + r0[r], np.uint64(r1[r] - r0[r]), side)


@njit(cache=True, parallel=True)
def _copy_fine(u, out, side, rid, r0, r1, cb, nch):
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            a = rid[r] * side
            out[a + r0[r] : a + r1[r]] = u[a + r0[r] : a + r1[r]]


@njit(inline="always")
def _residual_row(u, source, inside, out, a, length, side):
    s2 = side * side
    e = u[a + 1 : a + 1 + length]
    w = u[a - 1 : a - 1 + length]
    s = u[a - side : a - side + length]
    t = u[a + side : a + side + length]
    d = u[a - s2 : a - s2 + length]
    v = u[a + s2 : a + s2 + length]
    h = u[a : a + length]
    o = out[a : a + length]
    f = source[a : a + length]
    m = inside[a : a + length]
    for x in range(length):
        o[x] = m[x] * ((((e[x] + w[x]) + (s[x] + t[x])) + ((d[x] + v[x]) + f[x])) - np.float32(6.0) * h[x])


@njit(cache=True, parallel=True)
def _restrict_fine(u, source, inside, out, side, rid, r0, r1, cb, nch):
    """The residual of the finest grid."""
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            _residual_row(u, source, inside, out, rid[r] * side + r0[r], np.uint64(r1[r] - r0[r]), side)


@njit(cache=True, parallel=True)
def _residual(u, source, inside, out, side):
    for z in prange(1, side - 1):
        for y in range(1, side - 1):
            _residual_row(u, source, inside, out, (z * side + y) * side + 1, np.uint64(side - 2), side)


@njit(cache=True)
def _smooth(u, scratch, source, inside, side, rounds):
    """Rounds of three weighted sweeps on a coarse grid; the result is in u."""
    for _ in range(rounds):
        for damping in _DAMPING:
            for z in range(1, side - 1):
                for y in range(1, side - 1):
                    a = (z * side + y) * side + 1
                    _sweep_row(u, scratch, source, inside, damping, a, np.uint64(side - 2), side)
            u[:] = scratch


@njit(cache=True, parallel=True)
def _coarsen_mask(fine, coarse, side):
    """A coarse patch is tissue where at least half of its eight parts are."""
    wide = 2 * side
    for z in prange(side):
        for y in range(side):
            for x in range(side):
                count = np.float32(0.0)
                for k in range(8):
                    count += fine[((2 * z + (k >> 2)) * wide + 2 * y + ((k >> 1) & 1)) * wide + 2 * x + (k & 1)]
                coarse[(z * side + y) * side + x] = np.float32(1.0) if count >= 4.0 else np.float32(0.0)


@njit(cache=True, parallel=True)
def _restrict(fine, coarse, inside, side):
    """Mean of the eight parts, times 4 for the doubled spacing."""
    wide = 2 * side
    for z in prange(side):
        for y in range(side):
            for x in range(side):
                i = (z * side + y) * side + x
                total = np.float32(0.0)
                if inside[i] > 0.0:
                    for k in range(8):
                        total += fine[((2 * z + (k >> 2)) * wide + 2 * y + ((k >> 1) & 1)) * wide + 2 * x + (k & 1)]
                coarse[i] = np.float32(0.5) * total


@njit(inline="always")
def _interpolate(coarse, side, z, y, x):
    """Trilinear value at the centre of fine patch (z, y, x) from the eight nearest coarse centres; side: coarse."""
    cz, cy, cx = z >> 1, y >> 1, x >> 1
    dz = (side * side) * (2 * (z & 1) - 1)
    dy = side * (2 * (y & 1) - 1)
    dx = 2 * (x & 1) - 1
    i = (cz * side + cy) * side + cx
    near = np.float32(0.75)
    far = np.float32(0.25)
    plane = near * (near * coarse[i] + far * coarse[i + dx]) + far * (near * coarse[i + dy] + far * coarse[i + dy + dx])
    i += dz
    other = near * (near * coarse[i] + far * coarse[i + dx]) + far * (near * coarse[i + dy] + far * coarse[i + dy + dx])
    return near * plane + far * other


@njit(cache=True, parallel=True)
def _prolong(u, inside, coarse, side):
    for z in prange(2, side - 2):
        for y in range(2, side - 2):
            for x in range(2, side - 2):
                i = (z * side + y) * side + x
                if inside[i] > 0.0:
                    u[i] += _interpolate(coarse, side >> 1, z, y, x)


@njit(cache=True, parallel=True)
def _prolong_fine(u, inside, coarse, side, rid, r0, r1, cb, nch):
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            z, y = rid[r] // side, rid[r] % side
            for x in range(r0[r], r1[r]):
                i = rid[r] * side + x
                if inside[i] > 0.0:
                    u[i] += _interpolate(coarse, side >> 1, z, y, x)
