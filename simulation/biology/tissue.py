"""Tissue: antibody from the vessel to the cells around it, and how evenly the cells of a small block are reached.

Model    Supply of tissue by its vessels (nM of tissue per hour):  J = k_ex v (eps Cp - F),  k_ex = 2 P R_cap / R_K^2,
         v the relative number of open vessels. Binding is fast: at free antibody F a share theta = x/(1 + x),
         x = F/(eps KD), of the receptors H is held; with A = F + H theta in all,
             F = 2 K A / (b + sqrt(b^2 + 4 K A)),   b = H - A + K,   K = eps KD.
         Between two vessels antibody meets more receptors than it can fill: a front of held receptors leaves each
         vessel (the binding-site barrier), thinner than a block of 64 cells. Radial cylinder round one vessel, with
         lengths in R_K, time in H R_K^2/(D K), f = F/K:
             (1/r)(r f')' = T [f (1 - theta) - theta],   dtheta/dt = T [f (1 - theta) - theta] - kappa theta,
             -f' = G / (2 r) at the vessel, 0 half-way to the next
         with G = J R_K^2/(D K) the supply number, T = kon H R_K^2/(eps D) the Thiele number squared, kappa = k_int H
         R_K^2/(D K). `fill` follows it at constant supply from the empty tissue; the profile it passes at each mean
         occupancy is the closure. Where the mean lies above what this supply can hold up (plasma has fallen), x is the
         last profile raised by a constant: the same supply, the same slope, more antibody.
         Growing tissue presses on its vessels: at flow potential phi (mm2/h; its gradient is the velocity of the
         tissue; about growth rate x radius^2 / 6 in the middle of a ball) they carry 1 / (1 + phi / phi_half) of their
         blood, and oxygen comes with it. Antibody is limited by the wall: k_ex is below 1 per day, while blood passes a
         hundred times the volume of its tissue and more a day. A vessel with a twentieth of its flow still offers
         plasma at full strength, so v does not fall with pressure.
Source   Thurber, Schmidt, Wittrup 2008 (Adv Drug Deliv Rev 60:1421) for the cylinder and its numbers; catalogue keys
         permeability_um_per_s, capillary_radius_um, vessel_spacing_um, void_fraction, antibody_diffusion_um2_per_s.
         Collapse: growing cells close the vessels of a tumour (Padera 2004, Nature 427:695, from memory); the form of
         the law is assumed, catalogue key vessel_collapse_mm2_per_h.
Limits   T -> 0 or G -> 0: all cells alike; T -> inf and G -> inf: a share equal to the mean is full, the rest is bare;
         the mean of a profile is the mean asked for; KD -> inf: F = A; phi = phi_half: half the supply
         (tests/biology/test_tissue.py)
"""

import math

import numpy as np
from numba import njit

SHELLS = 64  # of the cylinder: 1 um each
_STEPS_PER_BIN = 3
_TINY = 1e-12


def extravasation_per_h(permeability_um_per_s, capillary_um, spacing_um):
    """k_ex (per hour): what one cubic um of tissue takes up per unit of concentration difference at its vessels."""
    return 2.0 * permeability_um_per_s * 3600.0 * capillary_um / spacing_um**2


def thiele_squared(kon_per_nM_h, her2_nM, void_fraction, diffusion_um2_per_s, spacing_um):
    """Binding over diffusion across the cylinder: about 40 at 167 nM, 117 at 500 nM of HER2."""
    return kon_per_nM_h * her2_nM / void_fraction * spacing_um**2 / (diffusion_um2_per_s * 3600.0)


def exchange_per_h(kd_nM, void_fraction, diffusion_um2_per_s, spacing_um):
    """D eps KD / R_K^2 (nM per hour): the supply at which the supply number G is 1."""
    return diffusion_um2_per_s * 3600.0 * void_fraction * kd_nM / spacing_um**2


@njit(inline="always")
def open_fraction(potential, per_half):
    """Share (0-1) of its blood that a vessel still carries at this flow potential (float32); per_half: 1 / phi_half.

    Tissue that is drawn in (negative potential) opens nothing.
    """
    one = np.float32(1.0)
    return one / (one + per_half * max(potential, np.float32(0.0)))


@njit(inline="always")
def apparent_kd_nM(kd_nM, cross_link, accessible):
    """Free antibody (nM) that fills half the receptors of a cell: KD/(2 + Kx R), by the binding law of the well."""
    return kd_nM / (2.0 + cross_link * accessible)


@njit(inline="always")
def free_at_equilibrium(total, her2, half):
    """Free antibody (nM of tissue) of `total` on `her2` receptors (nM) with half occupancy at `half` = eps KD."""
    b = her2 - total + half
    root = math.sqrt(b * b + 4.0 * half * total)
    return 2.0 * half * total / (b + root) if b > 0.0 else 0.5 * (root - b)


@njit(cache=True)
def _advance(theta, f, edges, area, supply, thiele2, kappa, dt):
    """One implicit step of the cylinder; theta and f (shells,) in place. False if Newton's iteration fails."""
    n = theta.size
    low, main, high, right = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    width = edges[1] - edges[0]
    for _ in range(40):
        for i in range(n):
            bottom = 1.0 + dt * (thiele2 * (f[i] + 1.0) + kappa)
            new = (theta[i] + dt * thiele2 * f[i]) / bottom
            d_new = dt * thiele2 * (1.0 - new) / bottom
            sink = area[i] * thiele2 * (f[i] * (1.0 - new) - new)
            d_sink = area[i] * thiele2 * (1.0 - new - (f[i] + 1.0) * d_new)
            inner = 2.0 * edges[i] / width if i > 0 else 0.0
            outer = 2.0 * edges[i + 1] / width if i < n - 1 else 0.0
            low[i], high[i], main[i] = inner, outer, -inner - outer - d_sink
            value = -sink + (supply if i == 0 else inner * (f[i - 1] - f[i]))
            if i < n - 1:
                value += outer * (f[i + 1] - f[i])
            right[i] = -value
        for i in range(1, n):  # tridiagonal elimination
            w = low[i] / main[i - 1]
            main[i] -= w * high[i - 1]
            right[i] -= w * right[i - 1]
        largest = 0.0
        change = 0.0
        for i in range(n - 1, -1, -1):
            change = (right[i] - (high[i] * change if i < n - 1 else 0.0)) / main[i]
            right[i] = change
        for i in range(n):
            new = f[i] + right[i]
            new = new if new > 0.1 * f[i] else 0.1 * f[i] + _TINY
            largest = max(largest, abs(new - f[i]) / (1e-3 + f[i]))
            f[i] = new
        if largest < 1e-6:
            break
    for i in range(n):
        theta[i] = (theta[i] + dt * thiele2 * f[i]) / (1.0 + dt * (thiele2 * (f[i] + 1.0) + kappa))
    return largest < 1e-3


@njit(cache=True)
def _raised(theta, area, mean):
    """Occupancies (shells,) with x raised by one constant everywhere so that they average `mean`."""
    x = theta / (1.0 - theta)
    low, high = 0.0, mean / (1.0 - mean)
    for _ in range(80):
        shift = 0.5 * (low + high)
        if ((x + shift) / (1.0 + x + shift) * area).sum() < mean:
            low = shift
        else:
            high = shift
    return (x + shift) / (1.0 + x + shift)


@njit(cache=True)
def fill(means, supply, thiele2, kappa, capillary):
    """Profiles of the cylinder at each of the mean occupancies `means` (rising, 0-1), at one supply number.

    capillary: radius of the vessel in units of R_K. Returns (weight (SHELLS,) of each shell, summing to 1, occupancy
    (len(means), SHELLS) from the vessel outward).
    """
    edges = np.linspace(capillary, 1.0, SHELLS + 1)
    area = edges[1:] ** 2 - edges[:-1] ** 2
    weight = area / area.sum()
    out = np.empty((means.size, SHELLS))
    theta, f = np.zeros(SHELLS), np.zeros(SHELLS)
    before = theta.copy()
    mean = last = 0.0
    filling = True
    for k in range(means.size):
        step = (means[k] - mean) / _STEPS_PER_BIN
        while filling and mean < means[k]:
            gain = supply / area.sum() - kappa * mean
            if gain <= 0.02 * supply:  # as good as steady
                filling = False
                break
            before[:] = theta
            last = mean
            if not _advance(theta, f, edges, area, supply, thiele2, kappa, step / gain):
                theta[:] = before
                filling = False
                break
            mean = (theta * weight).sum()
            filling = mean - last > 1e-3 * step
        if mean >= means[k]:  # between the last two steps
            out[k] = before + (means[k] - last) / (mean - last) * (theta - before)
        else:
            out[k] = _raised(theta, weight, means[k])
    return weight, out


@njit(cache=True)
def by_rank(weight, occupancy, ranks):
    """Mean occupancy (len(occupancy), ranks) of equal fractions of the tissue, nearest to the vessel first."""
    out = np.zeros((occupancy.shape[0], ranks))
    for k in range(occupancy.shape[0]):
        done = 0.0
        for i in range(weight.size):
            left = weight[i]
            while left > 1e-15:
                r = min(int(done * ranks + 1e-9), ranks - 1)
                part = min(left, (r + 1.0) / ranks - done) if r < ranks - 1 else left
                out[k, r] += max(part, 1e-18) * occupancy[k, i] * ranks
                done += max(part, 1e-18)
                left -= max(part, 1e-18)
    return out
