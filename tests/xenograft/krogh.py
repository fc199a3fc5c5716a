"""Oracle: one vessel and the cylinder of tissue it feeds, on a fine radial grid with binding that takes its time.

No closure and no patch: free antibody diffuses outward, binds at kon, comes off at koff and is internalised:
    dF/dt = D (1/r) d/dr (r dF/dr) - kon (F/eps)(H - B) + koff B,   dB/dt = kon (F/eps)(H - B) - koff B - k_int B
    at the vessel  -D dF/dr = P (eps Cp - F),   at the outer radius no flux
F, B and H in nM of tissue, Cp in nM of plasma.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp


class Tissue(NamedTuple):
    """Numbers of the cylinder (um, um/s, um2/s, per nM and hour, per hour, nM)."""

    permeability_um_per_s: float = 3e-3
    capillary_um: float = 8.0
    radius_um: float = 75.0
    diffusion_um2_per_s: float = 10.0
    void_fraction: float = 0.24
    her2_nM: float = 167.0
    kon_per_nM_h: float = 0.36
    kd_nM: float = 0.3
    internalised_per_h: float = 0.0125


def solve(tissue, plasma_nM, hours, shells=160):
    """Free and bound antibody of every shell at `hours`, and how much tissue each shell holds.

    plasma_nM: function of the hour. Returns (weight (shells,) summing to 1, free, bound (hours, shells) in nM).
    """
    edges = np.linspace(tissue.capillary_um, tissue.radius_um, shells + 1)
    area = edges[1:] ** 2 - edges[:-1] ** 2
    width = edges[1] - edges[0]
    between = 2.0 * edges[1:-1] * tissue.diffusion_um2_per_s * 3600.0 / width
    wall = 2.0 * edges[0] * tissue.permeability_um_per_s * 3600.0
    koff = tissue.kon_per_nM_h * tissue.kd_nM

    def slope(hour, state):
        free, bound = state[0::2], state[1::2]
        flux = between * (free[:-1] - free[1:])
        change = np.zeros(shells)
        change[:-1] -= flux
        change[1:] += flux
        change[0] += wall * (tissue.void_fraction * plasma_nM(hour) - free[0])
        binding = tissue.kon_per_nM_h / tissue.void_fraction * free * (tissue.her2_nM - bound) - koff * bound
        out = np.empty_like(state)
        out[0::2] = change / area - binding
        out[1::2] = binding - tissue.internalised_per_h * bound
        return out

    found = solve_ivp(
        slope, (0.0, hours[-1]), np.zeros(2 * shells), "LSODA", t_eval=hours, rtol=1e-6, atol=1e-6, lband=2, uband=2
    )
    return area / area.sum(), found.y[0::2].T, found.y[1::2].T
