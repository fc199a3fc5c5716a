"""Oxygen: what the vessels of each patch bring, what its cells take, and what spreads between patches.

Model    0 = D lap o + q s v (1 - o) - q (n / K) o, level o relative to arterial (0-1); q the consumption of tissue at
         nominal density, s = vessel_supply, v the perfusion of the patch (mean 1 at the start). With L^2 = D / q and
         patches of side h, lambda = (h / L)^2:  o (6 + lambda (s v + n / K)) = sum of neighbours + lambda s v.
         Around the tumour o = 1. Quasi-steady: a few sweeps per hour from the last solution, since the tissue changes
         over days. Vessels close under the pressure of growth (biology/tissue.py, open_fraction).
Source   Length of 61 um: hypoxia beyond 140 um of a vessel (Cancer Research 66, 2219, 2006).
Limits   uniform perfusion: o = s / (1 + s); no vessels: o = (R / r) sinh(r / L) / sinh(R / L) in a ball
         (tests/xenograft/test_oxygen.py)
"""

import numpy as np
from numba import njit, prange

from adccsim.biology.tissue import open_fraction

SWEEPS_PER_STEP = 4
SWEEPS_AT_START = 200


@njit(cache=True, parallel=True)
def perfuse(vessels, p, perfusion, mm2_per_p, collapse_mm2_per_h, side, rid, r0, r1, cb, nch):
    """Perfusion of every patch from its vessels and the flow potential; mm2_per_p turns p (cells/h) into mm2/h."""
    per_half = np.float32(mm2_per_p / collapse_mm2_per_h)
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                perfusion[b] = vessels[b] * open_fraction(p[b], per_half)


@njit(inline="always")
def _row(u, out, perfusion, n, consumption, supply, a, length, side):
    s2 = side * side
    e = u[a + 1 : a + 1 + length]
    w = u[a - 1 : a - 1 + length]
    s = u[a - side : a - side + length]
    t = u[a + side : a + side + length]
    d = u[a - s2 : a - s2 + length]
    v = u[a + s2 : a + s2 + length]
    o = out[a : a + length]
    g = perfusion[a : a + length]
    m = n[a : a + length]
    one = np.float32(1.0)
    for x in range(length):
        fed = supply * g[x]
        level = (((e[x] + w[x]) + (s[x] + t[x])) + ((d[x] + v[x]) + fed)) / (
            np.float32(6.0) + fed + consumption * np.float32(m[x])
        )
        o[x] = level if m[x] > 0 else one


@njit(cache=True, parallel=True, error_model="numpy")  # a test for zero would keep the rows out of the vector units
def _sweep(u, out, perfusion, n, consumption, supply, side, rid, r0, r1, cb, nch):
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            a = rid[r] * side + r0[r]
            _row(u, out, perfusion, n, consumption, supply, a, np.uint64(r1[r] - r0[r]), side)


def settle(oxygen, scratch, perfusion, n, patch_mm, length_um, vessel_supply, patch_cells, rows, sweeps) -> None:
    """Bring `oxygen` towards its steady state by an even number of sweeps; float32[side**3], `scratch` likewise.

    Both must hold 1 outside the visited rows.
    """
    ratio = (1000.0 * patch_mm / length_um) ** 2
    consumption, supply = np.float32(ratio / patch_cells), np.float32(ratio * vessel_supply)
    for _ in range((sweeps + 1) // 2):
        _sweep(oxygen, scratch, perfusion, n, consumption, supply, *rows)
        _sweep(scratch, oxygen, perfusion, n, consumption, supply, *rows)
