"""Contacts: what one effector does within an hour among the cells of its patch, by the laws of the well.

Model    The sequence of the well (its event table), exact on the effector's own clock: it meets cells of its patch
         at random at rate `contact`; a living one is engaged with chance p0 + (p1 - p0) S; in the contact hits,
         parting, shedding, reload and repair compete; hits use granules and add damage, and damage at the cell's
         threshold commits it; after a kill the two stay together for a while. A contact that outlives the hour is
         followed to its end at once, and the effector stays busy for what it took beyond the hour.
         Several contacts and kills within one hour are possible.
Source   biology/synapse.py, killing.py, binding.py; numbers of residents.toml over those of effectors.toml.
Limits   kills per effector = those of the well at equal contact rate, cells, occupancy and CD16a
         (tests/xenograft/test_against_well.py); no Fc, no natural cytotoxicity: no cell changes (test_effectors.py)

Effector word, 64 bits: 0-1 kind (0 mouse NK, 1 myeloid, 2 human NK), 2 can ADCC, 3 can natural, 4 never engages,
5-8 CD16a level, 9-16 granules, 17-24 granules at the start, 25-32 potency class, 33-40 CD16a class, 41-50 time it stays
busy (1/64 h), 51-58 kills; 59-63 stay 0. Class k of potency and CD16a is 2**((k - 128) / 16).
"""

import math

import numpy as np
from numba import njit

from adccsim.biology.binding import singly_bound
from adccsim.biology.killing import (
    CD16A_LEVELS,
    antibody_hit_rate,
    detach_rate,
    natural_hit_rate,
    reload_rate,
    repair_rate,
    shedding_rate,
)
from adccsim.biology.rng import TO_UNIT32, mix64
from adccsim.biology.synapse import activation, bridges, engaging
from adccsim.xenograft.layout import (
    ALIVE,
    COMMITTED,
    KILLED_BIT,
    clone_of,
    damage_of,
    her2_of,
    rank_of,
    state_of,
    threshold_of,
    with_damage,
    with_state,
)

KINDS = ("nk", "myeloid", "human_nk")
CAN_ADCC, CAN_NATURAL, IDLE = np.uint64(1 << 2), np.uint64(1 << 3), np.uint64(1 << 4)
LEVEL_AT, GRANULES_AT, START_AT, POTENCY_AT, CD16A_AT, BUSY_AT, KILLS_AT = (
    np.uint64(s) for s in (5, 9, 17, 25, 33, 41, 51)
)
BUSY_PER_H = 64.0
MOST_BUSY = 1023
CLASS_ZERO, CLASSES_PER_DOUBLING = 128, 16

# Bins of bridges that follow the bits of a 32-bit float: 32 per doubling, 2**-10 to 2**20 bridges.
_S_LOW, _S_SHIFT = 2.0**-10, 18
_S_FIRST = int(np.float32(_S_LOW).view(np.int32)) >> _S_SHIFT
S_BINS = 30 * 32

# Columns of the law table, float64[len(KINDS), len(LAW)]; rates per hour, molecules, nM.
LAW_NAMES = (
    "contact", "death", "conjugation_min", "conjugation_span", "conjugate_lifetime_h", "post_kill_h",
    "shedding_detachment", "antibody_hit", "natural_hit", "late_kill", "bridges_half", "bridges_hill", "shedding",
    "reload_h", "death_per_kill", "unit_cd16a", "k2", "k2_per_nM", "repair_h",
)  # fmt: skip
LAW = {name: i for i, name in enumerate(LAW_NAMES)}
_L = tuple(range(len(LAW_NAMES)))
(_CONTACT, _DEATH, _MIN, _SPAN, _LIFETIME, _POST, _DETACH, _ANTIBODY, _NATURAL, _LATE, _HALF, _HILL, _SHED, _RELOAD,
 _PER_KILL, _CD16A, _K2, _K2_SLOPE, _REPAIR) = _L  # fmt: skip

# What a contact can end in; counters per chunk are int64[nch, len(COUNTS)].
COUNT_NAMES = (
    "kills_nk", "kills_myeloid", "kills_human_nk", "nk", "myeloid", "human_nk", "died", "arrived", "refused",
    "meetings", "contacts", "hits", "shed", "reloaded", "logged",
)  # fmt: skip
COUNT = {name: i for i, name in enumerate(COUNT_NAMES)}
_DIED, _MEETINGS, _CONTACTS, _HITS, _SHEDS, _RELOADS, _LOGGED = (
    COUNT[n] for n in ("died", "meetings", "contacts", "hits", "shed", "reloaded", "logged")
)

_ONE, _THREE, _4 = np.uint64(1), np.uint64(3), np.uint32(4)
_LEVEL_MASK, _BYTE, _TEN = np.uint64(15), np.uint64(255), np.uint64(1023)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_STEP = np.uint64(0xD1342543DE82EF95)
GONE = np.uint64(1 << 63)  # never kept: tells the caller that the effector died


def class_factors() -> np.ndarray:
    """Factor of each potency or CD16a class, float64[256]."""
    return 2.0 ** ((np.arange(256.0) - CLASS_ZERO) / CLASSES_PER_DOUBLING)


def activation_table(half: float, hill: float) -> np.ndarray:
    """Activation by the well's law at the middle of each bin of bridges, float32[S_BINS]; see `activation_of`."""
    edges = ((np.arange(S_BINS + 1) + _S_FIRST) << _S_SHIFT).astype(np.int32).view(np.float32).astype(float)
    return np.array([activation(x, half, hill) for x in np.sqrt(edges[1:] * edges[:-1])], np.float32)


@njit(inline="always")
def activation_of(x, tables, kind):
    """Activation (0-1) from x bridges: tables[kind] at the bin that the bits of x name, 32 bins per doubling.

    The hill law itself costs as much as all else in a meeting; the table differs from it by less than 1 %, both ways.
    """
    if x <= _S_LOW:
        return 0.0
    bin_of_x = (np.float32(x).view(np.int32) >> _S_SHIFT) - _S_FIRST
    return np.float64(tables[kind, min(bin_of_x, S_BINS - 1)])


@njit(inline="always")
def _with(word, at, mask, value):
    return (word & ~(mask << at)) | (np.uint64(value) << at)


@njit(inline="always")
def opsonins_in_contact(cell, receptors, contact_fraction, occupancy, cover, profile_0, profile_1, arms):
    """Engaging antibodies of one cell that a contact holds, by the binding law of the well at the cell's occupancy.

    receptors: float32[clones, 256] molecules by clone and HER2 level; contact_fraction: float64 per clone; occupancy:
    float64 per class; arms: float64[pools, 2], cross-link constant (per receptor) and weight of an antibody held by one
    arm.
    """
    k = rank_of(cell) >> _4
    clone = clone_of(cell)
    accessible = np.float64(receptors[clone, her2_of(cell)])
    bound = 0.0
    theta = occupancy[cover[profile_0, k]]
    if theta > 0.0:
        free = (1.0 - theta) * accessible
        one_armed = singly_bound(accessible, free, arms[0, 0])
        bound += engaging(one_armed * (1.0 + 0.5 * arms[0, 0] * free), one_armed, arms[0, 1])
    theta = occupancy[cover[profile_1, k]]
    if theta > 0.0:
        free = (1.0 - theta) * accessible
        one_armed = singly_bound(accessible, free, arms[1, 0])
        bound += engaging(one_armed * (1.0 + 0.5 * arms[1, 0] * free), one_armed, arms[1, 1])
    return contact_fraction[clone] * bound


@njit(inline="always")
def waiting(draw):
    """Standard exponential time from the upper half of a 64-bit draw."""
    return -math.log((np.float64(draw >> _32) + 1.0) * TO_UNIT32)


@njit(inline="always")
def nothing_before(draw, x):
    """Whether waiting(draw) is above x for certain, without a logarithm: (1 - x/4)^4 <= e^-x, with room for rounding.

    False says nothing; x: float64.
    """
    fourth = max(1.0 - 0.25 * x, 0.0)
    square = fourth * fourth
    return (np.float64(draw >> _32) + 1.0) * TO_UNIT32 < square * square - 1e-9


@njit(inline="always")
def choosing(draw):
    """Uniform in [0, 1) from the lower half of a 64-bit draw."""
    return np.float64(draw & _LOW) * TO_UNIT32


@njit(inline="always")
def step_effector(word, key, laws, switching, factors, cells, base, count, nominal, k2, patch, receptors,
                 contact_fraction, occupancy, cover, profile_0, profile_1, arms, counts, log_place,
                 log_what, log_when):  # fmt: skip
    """The effector's word after an hour in its patch, GONE set if it died; cells, counts and the log change in place.

    key: uint64 of this effector and hour; laws: the law table; switching: activation
    tables by kind; factors: class_factors(); base, count: first slot and cells of the
    patch; nominal: cells of a patch at rest; k2: bridge constant here; log_*: kills of this chunk, in order.
    """
    kind = np.int64(word & _THREE)
    busy = np.int64((word >> BUSY_AT) & _TEN)
    if busy >= BUSY_PER_H:
        return _with(word, BUSY_AT, _TEN, busy - np.int64(BUSY_PER_H))
    adcc_competent, natural_competent = (word & CAN_ADCC) != 0, (word & CAN_NATURAL) != 0
    level = np.int64((word >> LEVEL_AT) & _LEVEL_MASK)
    granules = np.int64((word >> GRANULES_AT) & _BYTE)
    load = np.int64((word >> START_AT) & _BYTE)
    kills = np.int64((word >> KILLS_AT) & _BYTE)
    sees = adcc_competent and k2 < math.inf and profile_0 + profile_1 > 0
    harmless = (word & IDLE) != 0 or not (sees or natural_competent)  # its contacts change nothing: they are left out
    meeting = potency = unit_cd16a = 0.0
    if not harmless:
        meeting = laws[kind, _CONTACT] * count / max(count, nominal)
        potency = factors[(word >> POTENCY_AT) & _BYTE]
        unit_cd16a = laws[kind, _CD16A] * factors[(word >> CD16A_AT) & _BYTE]
    t = busy / BUSY_PER_H
    gone = False
    while True:
        key += _STEP
        draw = mix64(key)
        reload = reload_rate(granules, load, laws[kind, _RELOAD])
        rate = meeting + reload + laws[kind, _DEATH]
        if rate <= 0.0 or nothing_before(draw, (1.0 - t) * rate):
            t = 1.0
            break
        t += waiting(draw) / rate
        if t >= 1.0:
            t = 1.0
            break
        x = choosing(draw) * rate
        if x < laws[kind, _DEATH]:
            gone = True
            break
        if x < laws[kind, _DEATH] + reload:
            granules += 1
            counts[_RELOADS] += 1
            continue
        key += _STEP
        draw = mix64(key)
        place = base + (((draw >> _32) * np.uint64(count)) >> _32)
        cell = cells[place]
        if state_of(cell) != ALIVE:
            continue
        counts[_MEETINGS] += 1
        opsonins = opsonins_in_contact(cell, receptors, contact_fraction, occupancy, cover, profile_0, profile_1, arms)
        s = activation_of(bridges(opsonins, unit_cd16a * level, k2), switching, kind)
        if choosing(draw) >= laws[kind, _MIN] + laws[kind, _SPAN] * s:
            continue
        counts[_CONTACTS] += 1
        commit = False
        damage = np.int64(damage_of(cell))
        away = detach_rate(level, laws[kind, _LIFETIME], laws[kind, _DETACH])
        mend = repair_rate(damage, laws[kind, _REPAIR])
        while True:
            hit = late = 0.0
            if granules > 0:
                hit = natural_hit_rate(potency, laws[kind, _NATURAL]) if natural_competent else 0.0
                hit += antibody_hit_rate(potency, laws[kind, _ANTIBODY], s) if adcc_competent else 0.0
            elif natural_competent or adcc_competent:
                late = potency * laws[kind, _LATE]
            shed = shedding_rate(level, laws[kind, _SHED], s) if adcc_competent else 0.0
            rate = laws[kind, _DEATH] + away + hit + late + shed + reload + mend
            key += _STEP
            draw = mix64(key)
            t += waiting(draw) / rate
            x = choosing(draw) * rate
            if x < away:
                break
            x -= away
            if x < hit:
                granules -= 1
                counts[_HITS] += 1
                if damage + 1 >= np.int64(threshold_of(cell)):
                    commit = True
                    break
                damage += 1
                mend = repair_rate(damage, laws[kind, _REPAIR])
                reload = reload_rate(granules, load, laws[kind, _RELOAD])
                cell = np.uint32(with_damage(cell, damage))
                cells[place] = cell
                continue
            x -= hit
            if x < late:
                commit = True
                break
            x -= late
            if x < shed:
                level -= 1
                away = detach_rate(level, laws[kind, _LIFETIME], laws[kind, _DETACH])
                counts[_SHEDS] += 1
                s = activation_of(bridges(opsonins, unit_cd16a * level, k2), switching, kind)
                continue
            x -= shed
            if x < reload:
                granules += 1
                reload = reload_rate(granules, load, laws[kind, _RELOAD])
                counts[_RELOADS] += 1
                continue
            x -= reload
            if x < mend:
                damage -= 1
                mend = repair_rate(damage, laws[kind, _REPAIR])
                cell = np.uint32(with_damage(cell, damage))
                cells[place] = cell
                continue
            gone = True
            break
        if gone:
            break
        if commit:
            cells[place] = with_state(cell, COMMITTED) | KILLED_BIT
            kills += 1
            counts[kind] += 1
            at = counts[_LOGGED]
            if at < log_place.size:
                log_place[at] = patch
                log_what[at] = np.uint64(cells[place]) | (np.uint64(kind) << _32)
                log_when[at] = min(t, 1.0)
                counts[_LOGGED] += 1
            key += _STEP
            draw = mix64(key)
            if choosing(draw) < laws[kind, _PER_KILL]:
                gone = True
                break
            while True:
                reload = reload_rate(granules, load, laws[kind, _RELOAD])
                rate = 1.0 / laws[kind, _POST] + reload + laws[kind, _DEATH]
                key += _STEP
                draw = mix64(key)
                t += waiting(draw) / rate
                x = choosing(draw) * rate
                if x < laws[kind, _DEATH]:
                    gone = True
                    break
                if x >= laws[kind, _DEATH] + reload:
                    break
                granules += 1
                counts[_RELOADS] += 1
            if gone:
                break
        if t >= 1.0:
            break
    if gone:
        counts[_DIED] += 1
        return word | GONE
    word = _with(word, LEVEL_AT, _LEVEL_MASK, level)
    word = _with(word, GRANULES_AT, _BYTE, granules)
    word = _with(word, KILLS_AT, _BYTE, min(kills, 255))
    return _with(word, BUSY_AT, _TEN, min(np.int64((t - 1.0) * BUSY_PER_H + 0.5), MOST_BUSY))


@njit(inline="always")
def fresh(kind, draw, potency, cd16a, granules, natural_fraction, antibody_fraction, idle_fraction):
    """The word of an effector that has just arrived; draw: uint64; potency, cd16a, granules: uint8[1024] quantiles."""
    ten = np.uint64(1023)
    load = np.uint64(granules[draw & ten])
    word = np.uint64(kind) | (load << GRANULES_AT) | (load << START_AT)
    word |= np.uint64(CD16A_LEVELS) << LEVEL_AT
    word |= np.uint64(potency[(draw >> np.uint64(10)) & ten]) << POTENCY_AT
    word |= np.uint64(cd16a[(draw >> np.uint64(20)) & ten]) << CD16A_AT
    again = mix64(draw)
    u = np.float64(again & _LOW) * TO_UNIT32  # one draw for both arms: who kills without antibody kills with it
    if u < natural_fraction:
        word |= CAN_NATURAL
    if u < antibody_fraction:
        word |= CAN_ADCC
    if np.float64(again >> _32) * TO_UNIT32 < idle_fraction:
        word |= IDLE
    return word
