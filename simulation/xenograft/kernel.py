"""Cell biology of one step, patch by patch: birth and inheritance, loss, death by effectors, clearance, repair.

Model    A living cell divides at  birth f (1 - block) x other drugs, and is lost at  loss + hypoxia (1 - f) + drugs f,
         with f = o^2 / (o^2 + o50^2) of its oxygen o. Over a step of length t both come from one draw, with chances
         b g and d g, g = (e^((b - d) t) - 1) / (b - d): births and losses compete, and the expected growth is
         e^((b - d) t) for a step of any length. A committed cell dies at 1 / death time; a dead one is cleared at its
         rate; each level of damage is repaired at 1 / repair time. A daughter has her mother's clone and HER2, up to
         drift, loss of HER2 and switching, and no damage; how many hits kill her is drawn again (hits_at_birth). Both
         stay in the mother's patch.
Limits   no losses: N = N0 e^(b t); nothing is born where f = 0; HER2 of daughters = mothers' without drift
         (tests/xenograft/test_growth.py)
"""

import numpy as np
from numba import njit, prange

from adccsim.biology.killing import hits_at_birth
from adccsim.biology.rng import hash32, mix64, next_patch_key, row_word
from adccsim.xenograft.layout import (
    ALIVE,
    CELL_SLOTS,
    COMMITTED,
    DAMAGE_MASK,
    DEAD,
    KILLED_BIT,
    RANK_MASK,
    RANK_SHIFT,
    STATE_MASK,
    THRESHOLD_MASK,
    THRESHOLD_SHIFT,
    clone_of,
    damage_of,
    her2_of,
    killed,
    rank_of,
    with_clone,
    with_damage,
    with_her2,
    with_state,
)
from adccsim.xenograft.prefetch import prefetch

# Columns of the clone table, float64[clones, CLONE_COLUMNS]: chances per birth and rates per step.
BIRTH, LOSS, DRUG_LOSS, DRIFT, HER2_LOSS, SWITCH, SWITCH_TO, REPAIR, DYING, CLONE_COLUMNS = range(10)
# Columns of the counts per chunk, int64[chunks, COUNTS].
BIRTHS, LOSSES, DRUG_LOSSES, CLEARED, KILLS, CELLS, REFUSED, COUNTS = range(8)

_AHEAD = 2  # patches
_WORD = 4294967296.0
_TOP = np.uint32(0xFFFFFFFF)
_THREE = np.uint32(COMMITTED)
_BORN_KEEPS = ~np.uint32(DAMAGE_MASK | KILLED_BIT | STATE_MASK | RANK_MASK | THRESHOLD_MASK) & _TOP


@njit(inline="always")
def word_of(chance):
    """The 32-bit threshold below which a draw falls with this chance (0-1)."""
    return np.uint32(min(max(chance, 0.0) * _WORD, 4294967295.0))


@njit(inline="always")
def _daughter(mother, draw, table, hits, clone):
    """The word of a newborn cell; `draw` is a fresh 64-bit word."""
    low = np.uint32(draw)
    child = (mother & _BORN_KEEPS) | np.uint32(ALIVE) | (np.uint32(draw >> np.uint64(56)) << RANK_SHIFT)
    child |= (np.uint32(hits_at_birth(hits[clone], draw)) - np.uint32(1)) << THRESHOLD_SHIFT
    level = np.int64(her2_of(mother))
    if level > 0:
        drift = word_of(table[clone, DRIFT])
        if low < drift:
            level += 1 if (low & np.uint32(1)) == np.uint32(1) else -1
            child = with_her2(child, min(max(level, 1), 255))
        again = mix64(draw)
        if np.uint32(again) < word_of(table[clone, HER2_LOSS]):
            child = with_her2(child, 0)
    if table[clone, SWITCH] > 0.0 and np.uint32(mix64(draw ^ np.uint64(1))) < word_of(table[clone, SWITCH]):
        child = with_clone(child, np.int64(table[clone, SWITCH_TO]))
    return child


@njit(inline="always")
def _repaired(word, draw, chance):
    """Each level of damage is gone after the step with this chance."""
    left = damage_of(word)
    below = word_of(chance)
    for _ in range(damage_of(word)):
        if np.uint32(draw) < below:
            left -= np.uint32(1)
        draw = mix64(draw)
    return np.uint32(with_damage(word, left))


@njit(inline="always")
def _live(b, key, cells, n, cleared, f, table, hits, passing, cover, profile0, profile1, hypoxia, clear, busy, eights,
          marks, gone, starts, counts):  # fmt: skip
    """One patch through one step."""
    low = np.uint32(key)
    high = np.uint32(key >> np.uint64(32))
    base = np.uint64(b) * np.uint64(CELL_SLOTS)
    at_start = np.int64(n[b])
    clones = table.shape[0]
    top = clear
    for c in range(clones):
        birth = table[c, BIRTH] * f
        by_drug = table[c, DRUG_LOSS] * f
        loss = table[c, LOSS] + hypoxia * (1.0 - f) + by_drug
        net = birth - loss
        grown = 1.0 + net * (0.5 + net * (1.0 / 6.0 + net / 24.0))  # (e^net - 1) / net
        starts[c, 0] = word_of(loss * grown)
        starts[c, 1] = word_of(birth * grown)
        starts[c, 2] = word_of(by_drug * grown)
        reach = np.uint64(starts[c, 0]) + np.uint64(starts[c, 1])
        top = max(top, np.uint32(min(reach, np.uint64(_TOP))))
    flagged = 0
    slots = cells[base : base + np.uint64(CELL_SLOTS)]
    for j in range(np.uint64(at_start)):
        v = slots[j]
        u = np.uint32(hash32(np.uint32(low + np.uint32(j))) ^ high)
        struck = np.uint32(v & DAMAGE_MASK) != np.uint32(0)
        busy[j] = np.uint8(u < top) | np.uint8(struck) | np.uint8(np.uint32(v & STATE_MASK) == _THREE)
    for j in range(at_start, (at_start + 7) & ~7):
        busy[j] = np.uint8(0)
    for w in range((at_start + 7) >> 3):  # few cells have anything to do: look at eight at a time
        if eights[w]:
            for j in range(8 * w, 8 * w + 8):
                marks[flagged] = j
                flagged += np.int64(busy[j])
    count = at_start
    out = 0
    for i in range(flagged):
        j = np.int64(marks[i])
        v = slots[j]
        u = np.uint32(hash32(low + np.uint32(j)) ^ high)
        state = v & STATE_MASK
        if state == np.uint32(ALIVE):
            if (v & DAMAGE_MASK) != 0:
                v = _repaired(v, mix64(key ^ (np.uint64(j + 1) << np.uint64(40))), table[clone_of(v), REPAIR])
                slots[j] = v
            c = clone_of(v)
            if u < starts[c, 0]:
                slots[j] = with_state(v, DEAD)
                counts[DRUG_LOSSES if u < starts[c, 2] else LOSSES] += 1
                continue
            allowed = starts[c, 1]
            k = rank_of(v) >> np.uint32(4)
            passed = passing[c, cover[profile0, k], cover[profile1, k]]
            if passed < np.float32(1.0):
                allowed = np.uint32(np.float64(allowed) * passed)
            if u - starts[c, 0] < allowed:
                if count >= CELL_SLOTS:
                    counts[REFUSED] += 1
                    continue
                draw = mix64(key ^ (np.uint64(j + 1) << np.uint64(32)))
                slots[count] = _daughter(v, draw, table, hits, c)
                count += 1
                counts[BIRTHS] += 1
        elif state == np.uint32(DEAD):
            if u < clear:
                gone[out] = j
                out += 1
        elif u < word_of(table[clone_of(v), DYING]):
            slots[j] = killed(v)
            counts[KILLS] += 1
    cleared[b] = out
    counts[CLEARED] += out
    while out > 0:
        out -= 1
        count -= 1
        slots[gone[out]] = slots[count]
    n[b] = count
    counts[CELLS] += count


@njit(cache=True, parallel=True)
def update_cells(cells, n, oxygen, cleared, table, hits, passing, cover, profiles, oxygen_half, hypoxia, clear, key,
         side, rid, r0, r1, cb, nch, counts):  # fmt: skip
    """All patches through one step.

    table: float64[clones, CLONE_COLUMNS]; hits: uint8[clones, 256], quantiles of the hits that kill a cell; passing:
    float32[clones, classes, classes], fraction of births that the bound antibodies leave; cover: uint8[profiles, 16],
    occupancy class of the sixteen ranks; profiles: uint16[2, side**3]; clear: chance per step as a 32-bit word;
    counts: int64[nch, COUNTS], set per chunk.
    """
    half2 = oxygen_half * oxygen_half
    for c in prange(nch):
        busy = np.zeros(CELL_SLOTS, np.uint8)
        eights = busy.view(np.uint64)
        marks = np.zeros(CELL_SLOTS + 1, np.uint8)
        gone = np.zeros(CELL_SLOTS + 1, np.uint8)
        starts = np.zeros((table.shape[0], 3), np.uint32)
        mine = np.zeros(COUNTS, np.int64)
        for r in range(cb[c], cb[c + 1]):
            word_of_row = row_word(key, rid[r], side)
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                ahead = np.uint64(b + _AHEAD) * np.uint64(CELL_SLOTS)
                for line in range((np.int64(n[b + _AHEAD]) + 16) >> 4):  # 16 cells lie in a cache line; one is born
                    prefetch(cells, ahead + np.uint64(16 * line))
                if n[b] == 0:
                    cleared[b] = 0
                    continue
                o2 = np.float64(oxygen[b]) * np.float64(oxygen[b])
                pk = next_patch_key(word_of_row, b - rid[r] * side)
                _live(
                    b, pk, cells, n, cleared, o2 / (o2 + half2), table, hits, passing, cover, profiles[0, b],
                    profiles[1, b], hypoxia, clear, busy, eights, marks, gone, starts, mine,
                )  # fmt: skip
        for k in range(COUNTS):
            counts[c, k] = mine[k]
