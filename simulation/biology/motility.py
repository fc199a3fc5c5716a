"""Motility: a persistent random walk on sites of 10 um.

Model    A searching NK cell steps to the next site along its direction (one of eight) at rate v / step and takes a new
         uniform direction at rate 1 / persistence. The mean step over eight directions is 10 (1 + sqrt 2) / 2 um =
         12.07 um. Velocity correlation exp(-t / tau): MSD = 2 D t with the long-time slope set by v, tau and the step.
Source   Catalogue keys speed_um_per_min, persistence_min, motility, memory_fade_per_h.
Limits   one walker: MSD of the persistent lattice walk; many: encounter rate of the lattice mean field
         (tests/well/test_limits.py)
"""

import math

SITE_UM = 10.0
MEAN_STEP_UM = SITE_UM * (1.0 + math.sqrt(2.0)) / 2.0


def hop_per_h(speed_um_per_min, motility):
    """Steps per hour of a searching, mobile effector."""
    return speed_um_per_min * 60.0 / MEAN_STEP_UM * motility


def tumble_per_h(persistence_min, motility):
    """New directions per hour."""
    return 60.0 / persistence_min * motility


def encounter_per_h(hop, sites_per_target, target_sites=4, faces=20):
    """Encounters per hour of one searching effector with any target, lattice mean field.

    A 2x2 block is faced by `faces` of the (site, direction) pairs around it; the effector stands on one of the sites
    that targets leave free and looks in one of eight directions. Crowding by effectors and stacking do not enter.
    """
    return hop * faces / 8.0 / (sites_per_target - target_sites)


def mean_squared_displacement_um2(hop, tumble, t_h):
    """MSD (um2) of one free walker after t_h: lattice steps with a direction that lasts 1/tumble on average."""
    mean_square_step = SITE_UM**2 * 1.5  # four straight steps of 1, four diagonal of sqrt 2
    free = mean_square_step * hop * t_h
    # pairs of steps correlate as exp(-tumble * lag), with the squared length of a step of the same direction
    pairs = mean_square_step * hop * hop * (t_h / tumble - (1.0 - math.exp(-tumble * t_h)) / tumble**2)
    return free + 2.0 * pairs
