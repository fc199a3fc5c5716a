"""Bodies: what happens to the 2x2 sites of a target when it goes (clearance) or doubles (division)."""

import numpy as np
from numba import njit

from adccsim.biology.killing import hits_at_birth
from adccsim.biology.rng import mix64
from adccsim.well.layout import ALIVE, ATTACHED, CLEARED, DIRECTION, PARTNER, STAMP, STATE, C, P

C_ATTACHED, C_CLEARED, C_BIRTHS, C_ALIVE = C["attached"], C["cleared"], C["births"], C["alive"]
P_CLEARED = P["cleared_0"]
SEVEN = np.uint64(7)


@njit(nogil=True, cache=True)
def clear(t, p, stamp, word, grid, effectors, t_pos, t_status, receptors, receptors_0, bound, pools, counters):
    """Remove a corpse: free its sites in every layer, let go of effectors that still hold it, and book its antibody."""
    t_status[t] = CLEARED
    counters[C_CLEARED] += 1
    turn = word
    for layer in range(p.layers):
        base = t_pos[t] + layer * p.plane
        for dy in range(-1, 3):
            for dx in range(-1, 3):
                site = base + dy * p.row + dx
                if 0 <= dx <= 1 and 0 <= dy <= 1:
                    grid[site] = 0
                elif grid[site] > 0:
                    i = grid[site] - 1
                    state = effectors[i, STATE]
                    if (state & ATTACHED) and effectors[i, PARTNER] == t:
                        effectors[i, STATE] = (state & ~(ATTACHED | DIRECTION)) | np.int32(turn & SEVEN)
                        effectors[i, STAMP] = stamp
                        counters[C_ATTACHED] -= 1
                        turn = (turn >> np.uint64(3)) | (turn << np.uint64(61))
    for pool in range(2):
        pools[P_CLEARED + pool] += bound[pool, t] * p.nM_per_molecule
        bound[pool, t] = 0.0
    receptors[t] = 0.0
    receptors_0[t] = 0.0


@njit(nogil=True, cache=True)
def divide(
    t, new, p, word, chance, grid, t_pos, t_status, t_damage, t_threshold, hits, t_clone, receptors, receptors_0,
    response, arrest, bound, contact_bound, counters,
):  # fmt: skip
    """Try to place a daughter of t as target `new` on one of eight neighbouring 2x2 places; True if there was room.

    hits: uint8[256], killing.hits_quantiles of the line.
    """
    place = np.int64(word & SEVEN)
    if place >= 4:
        place += 1  # skip the middle of 3x3: the mother's own place
    origin = t_pos[t] + (place // 3 - 1) * 2 * p.row + (place % 3 - 1) * 2
    for layer in range(p.layers):
        base = origin + layer * p.plane
        if base < 0 or base + p.row + 1 >= grid.size:
            return False
        if grid[base] != 0 or grid[base + 1] != 0 or grid[base + p.row] != 0 or grid[base + p.row + 1] != 0:
            return False
    for layer in range(p.layers):
        base = origin + layer * p.plane
        grid[base] = grid[base + 1] = grid[base + p.row] = grid[base + p.row + 1] = -(new + 1)
    t_pos[new] = origin
    t_status[new] = ALIVE
    t_damage[new] = 0
    t_threshold[new] = hits_at_birth(hits, mix64(word))
    t_clone[new] = t_clone[t]
    receptors_0[new] = receptors_0[t]
    receptors[new] = receptors[t]
    response[new] = response[t]
    arrest[new] = arrest[t]
    if chance < p.mutation_rate:
        response[new] = np.float32(p.mutant_response)
        t_clone[new] = 1
    for pool in range(2):
        bound[pool, t] *= 0.5
        bound[pool, new] = bound[pool, t]
    contact_bound[t] *= np.float32(0.5)
    contact_bound[new] = contact_bound[t]
    counters[C_BIRTHS] += 1
    counters[C_ALIVE] += 1
    return True
