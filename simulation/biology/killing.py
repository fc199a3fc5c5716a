"""Killing: hits of one NK cell in a contact, what they do to the target, and when the two part.

Model    Hits arrive at rate potency (k_hit S [ADCC pathway] + h_nat [natural cytotoxicity]) while the target lives and
         granules last.
         The target collects integer damage, repairs at D / tau_rep and is committed once D reaches its own threshold;
         three equal stages of mean tau_die / 3 later it is dead. A conjugate parts at
         (1 / tau_det) (1 + c_det (1 - CD16a / CD16a_0)), after commitment at 1 / tau_post.
         How many hits kill a newborn cell is drawn again from its line; no source says that this spread is heritable.
Source   Catalogue keys antibody_hit_per_h, natural_hit_per_h, hits_to_kill, repair_time_h, death_time_h,
         conjugate_lifetime_h, post_kill_attachment_h, shedding_detachment.
Limits   S = 0, no natural cytotoxicity: no hit; level = start: detaches at 1 / tau_det  (tests/biology/test_killing.py)
"""

import math
from statistics import NormalDist

import numpy as np
from numba import njit

CD16A_LEVELS = 8
DEATH_STAGES = 3
MAX_HITS_TO_KILL = 8
MAX_GRANULES = 200


@njit(inline="always")
def natural_hit_rate(potency, hit_per_h):
    """Hits per hour of the natural (antibody-independent) arm."""
    return potency * hit_per_h


@njit(inline="always")
def antibody_hit_rate(potency, hit_per_h, activation):
    """Hits per hour of the ADCC pathway at the given activation (0-1)."""
    return potency * hit_per_h * activation


@njit(inline="always")
def detach_rate(level, lifetime_h, shedding_detachment):
    """Partings per hour of a conjugate whose NK cell has `level` of CD16A_LEVELS left."""
    return (1.0 + shedding_detachment * (1.0 - level / CD16A_LEVELS)) / lifetime_h


@njit(inline="always")
def shedding_rate(level, shedding_per_h, activation):
    """CD16a levels lost per hour in an antibody contact."""
    return shedding_per_h * activation * level


@njit(inline="always")
def reload_rate(granules, granules_start, reload_h):
    """Granules regained per hour."""
    return (granules_start - granules) / reload_h


@njit(inline="always")
def repair_rate(damage, repair_h):
    """Damage units repaired per hour."""
    return damage / repair_h


@njit(inline="always")
def death_stage_rate(death_time_h):
    """Rate per hour of each of the DEATH_STAGES stages between commitment and release."""
    return DEATH_STAGES / death_time_h


@njit(inline="always")
def threshold(hits_to_kill, z, log_sd):
    """Hits that this target takes: rounded log-normal about hits_to_kill, 1 to MAX_HITS_TO_KILL; z standard normal."""
    return min(max(math.floor(hits_to_kill * math.exp(log_sd * z) + 0.5), 1), MAX_HITS_TO_KILL)


def hits_quantiles(hits_to_kill, log_sd):
    """The 256 equally likely values of `threshold` in a line, rising: uint8[256]."""
    z = [NormalDist().inv_cdf((i + 0.5) / 256.0) for i in range(256)]
    return np.array([threshold(hits_to_kill, v, log_sd) for v in z], np.uint8)


@njit(inline="always")
def hits_at_birth(quantiles, word):
    """Hits that will kill a newborn cell, whatever its mother takes; word: a fresh random uint64."""
    return quantiles[np.int64((word >> np.uint64(40)) & np.uint64(0xFF))]


@njit(inline="always")
def granule_load(mean, u):
    """Granules at the start: geometric from 1 with the given mean; u uniform in (0, 1]."""
    if mean <= 1.0:
        return 1
    return 1 + min(int(math.log(u) / math.log(1.0 - 1.0 / mean)), MAX_GRANULES - 1)


@njit(inline="always")
def lognormal(mean, cv, z):
    """Log-normal with arithmetic mean and coefficient of variation; z standard normal."""
    s2 = math.log(1.0 + cv * cv)
    return mean * math.exp(math.sqrt(s2) * z - 0.5 * s2)


@njit(inline="always")
def potency(log_sd, cap, z):
    """Potency of one NK cell: median 1, log-normal, capped."""
    return min(math.exp(log_sd * z), cap)
