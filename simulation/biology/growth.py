"""Growth: division of tumour cells and its arrest by bound antibody (the direct effect).

Model    A living cell divides at (ln 2 / T_d) (fraction of free neighbouring places) (1 - a) (1 - growth_block).
         The arrest a relaxes within about a day towards E_dir rho (1 + theta_50) theta / (theta + theta_50),
         theta the occupancy of its accessible receptors: a G1 arrest, no killing.
         Two epitopes combine as 1 - (1 - a1)(1 - a2)(1 - synergy).
         In a tumour the same block acts on births at once.
Source   Catalogue keys doubling_time_h, direct_effect_max, direct_response, direct_occupancy_half, direct_onset_h,
         growth_block.
Limits   no antibody, room for all: N = N0 2^(t / T_d); saturation: rate x (1 - E_dir rho)
         (tests/biology/test_growth.py)
"""

import math

from numba import njit


@njit(inline="always")
def division_rate(doubling_time_h, arrest, growth_block):
    """Divisions attempted per hour by one living cell."""
    return math.log(2.0) / doubling_time_h * (1.0 - arrest) * (1.0 - growth_block)


@njit(inline="always")
def direct_block(occupancy, effect_max, response, occupancy_half):
    """Share of divisions blocked in the long run at the given receptor occupancy (0-1)."""
    fraction = (1.0 + occupancy_half) * occupancy / (occupancy + occupancy_half)  # 1 at full occupancy
    return min(max(effect_max * response * fraction, 0.0), 1.0)


@njit(inline="always")
def combined_block(a, b, synergy):
    """Fraction of divisions blocked by two antibodies; alone they block a and b; synergy: part of what is left."""
    return 1.0 - (1.0 - a) * (1.0 - b) * (1.0 - synergy)
