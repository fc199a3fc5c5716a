"""State: the columns of the well's agents, how they start, and what must hold at any time."""

import numpy as np
from numba import njit

from adccsim.biology.killing import CD16A_LEVELS, granule_load, lognormal, potency, threshold
from adccsim.biology.rng import STREAM_EFFECTORS, STREAM_TARGETS, normal, philox, unit, unit_open
from adccsim.well.layout import (
    ALIVE,
    ATTACHED,
    CAN_ADCC,
    CAN_NATURAL,
    CLEARED,
    COUNTERS,
    DEAD,
    FIXED,
    GONE,
    GRANULE_SHIFT,
    LEVEL_SHIFT,
    PARTNER,
    POS,
    START_SHIFT,
    STATE,
    WALL,
)

TARGET_COLUMNS = {
    "target_site": np.int32, "target_status": np.uint8, "target_damage": np.uint8, "target_threshold": np.uint8,
    "target_clone": np.int32, "target_receptors": np.float64, "target_receptors_0": np.float64,
    "target_response": np.float32, "target_arrest": np.float32, "target_contact_bound": np.float32,
    "target_scratch": np.float64,
}  # fmt: skip
EFFECTOR_COLUMNS = {
    "effector_kills": np.int32, "effector_potency": np.float32, "effector_unit_cd16a": np.float32,
    "effector_contacts": np.int32, "effector_first_kill_h": np.float32,
}  # fmt: skip


@njit(cache=True)
def draw_targets(first, n, key, mean, cv, null_fraction, hits, hits_log_sd, receptors, receptors_0, thresholds):
    """HER2 copies and hit thresholds of targets first .. first+n-1, keyed by agent: one more cell changes no other."""
    stream = np.uint64(STREAM_TARGETS)
    for t in range(first, first + n):
        a, b = philox(key, stream, np.uint64(2 * t))
        c, d = philox(key, stream, np.uint64(2 * t + 1))
        e, _ = philox(key, stream, np.uint64(2 * t) + (np.uint64(1) << np.uint64(40)))  # far above the pairs
        is_null = unit(e) < null_fraction
        receptors[t] = 0.0 if is_null else lognormal(mean, cv, normal(a, b))
        receptors_0[t] = receptors[t]
        thresholds[t] = threshold(hits, normal(c, d), hits_log_sd)


@njit(cache=True)
def draw_effectors(
    first, n, key, cd16a, cd16a_cv, contact_fraction, potency_log_sd, potency_cap, donor_potency, f_natural, f_antibody,
    granules_mean, f_fixed, records, potencies, unit_cd16a,
):  # fmt: skip
    """Traits of effectors first .. first+n-1 into rows 0 .. n-1, keyed by agent (first counts earlier additions)."""
    stream = np.uint64(STREAM_EFFECTORS)
    for k in range(n):
        base = np.uint64(4 * (first + k))
        a, b = philox(key, stream, base)
        c, d = philox(key, stream, base + np.uint64(1))
        e, f = philox(key, stream, base + np.uint64(2))
        g, h = philox(key, stream, base + np.uint64(3))
        unit_cd16a[k] = lognormal(cd16a, cd16a_cv, normal(a, b)) * contact_fraction / CD16A_LEVELS
        potencies[k] = potency(potency_log_sd, potency_cap, normal(c, d)) * donor_potency
        u = unit(e)
        load = granule_load(granules_mean, unit_open(f))
        state = np.int32(h >> np.uint64(61))  # direction
        state |= (CD16A_LEVELS << LEVEL_SHIFT) | (load << GRANULE_SHIFT) | (load << START_SHIFT)
        if u < f_natural:
            state |= CAN_NATURAL
        if u < f_antibody:
            state |= CAN_ADCC
        if unit(g) < f_fixed:
            state |= FIXED
        records[k, PARTNER] = -1
        records[k, STATE] = state


@njit(cache=True)
def tally(records):
    """(living effectors, sum of their CD16a levels, sum of their granules), in one pass over the records (n, 4)."""
    alive = level_sum = granule_sum = 0
    for i in range(records.shape[0]):
        state = records[i, STATE]
        if not state & GONE:
            alive += 1
            level_sum += (state >> LEVEL_SHIFT) & 15
            granule_sum += (state >> GRANULE_SHIFT) & 255
    return alive, level_sum, granule_sum


def levels(state):
    """CD16a level (0-8) of each state word."""
    return (state >> LEVEL_SHIFT) & 15


def granules(state):
    """Granules left of each state word."""
    return (state >> GRANULE_SHIFT) & 255


def searching(state):
    """Effectors that neither hold a target nor are dead: bool (n,)."""
    return (state & (ATTACHED | GONE)) == 0


def errors(arrays, clock, counters, layers, plane, row):
    """What does not hold in this state: list of sentences, empty if all is well.

    Checks that occupancy agrees with positions, that flow agrees with census, and that every conjugate is with a target
    that exists and touches it.
    """
    out = []
    n = int(clock["targets"])
    status = arrays["target_status"][:n]
    records = arrays["effectors"]
    grid = arrays["grid"]
    count = dict(zip(COUNTERS, counters, strict=True))
    if int((status == ALIVE).sum()) != count["alive"]:
        out.append(f"alive: census {int((status == ALIVE).sum())}, flow {count['alive']}")
    if int(((status > ALIVE) & (status < DEAD)).sum()) != count["dying"]:
        out.append("dying: census and flow differ")
    if int((status >= DEAD).sum()) != count["deaths"] or int((status == CLEARED).sum()) != count["cleared"]:
        out.append("dead or cleared: census and flow differ")
    alive_effectors = (records[:, STATE] & GONE) == 0
    if int((~alive_effectors).sum()) != count["effectors_dead"]:
        out.append("dead effectors: census and flow differ")
    held = (records[:, STATE] & ATTACHED) != 0
    if int(held.sum()) != count["attached"] or (held & ~alive_effectors).any():
        out.append("attached effectors: census and flow differ")
    sites = records[alive_effectors, POS]
    if not np.array_equal(grid[sites], np.flatnonzero(alive_effectors) + 1):
        out.append("an effector is not where the grid has it")
    if int((grid > 0).sum()) != int(alive_effectors.sum()):
        out.append("the grid holds effectors that do not exist")
    present = np.flatnonzero(status != CLEARED)
    for layer in range(layers):
        for offset in (0, 1, row, row + 1):
            where = arrays["target_site"][present] + layer * plane + offset
            if not np.array_equal(grid[where], -(present + 1)):
                out.append("a target is not where the grid has it")
    if int(((grid < 0) & (grid != WALL)).sum()) != 4 * layers * len(present):
        out.append("the grid holds targets that are gone")
    partner = records[held, PARTNER]
    if held.any() and (partner.min() < 0 or (status[partner] == CLEARED).any()):
        out.append("an effector holds a target that is gone")
    if held.any():
        here = records[held, POS] % plane
        there = arrays["target_site"][partner]
        dy, dx = here // row - there // row, here % row - there % row
        if ((dy < -1) | (dy > 2) | (dx < -1) | (dx > 2)).any():
            out.append("an effector holds a target that it does not touch")
    if (levels(records[:, STATE]) > CD16A_LEVELS).any():
        out.append("a CD16a level is out of range")
    if count["hits"] - count["reloads"] - count["granules_washed"] != int(
        (((records[:, STATE] >> START_SHIFT) & 255) - granules(records[:, STATE])).sum()
    ):
        out.append("granules: spent and reloaded do not add up")
    if count["kills"] + count["spontaneous_deaths"] + count["alive"] != n:
        out.append("targets: killed + died by themselves + alive is not all")
    return out
