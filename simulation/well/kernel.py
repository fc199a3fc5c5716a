"""The exact event loop of one well: a continuous-time Markov chain by uniformisation.

Every effector is asked at the bounded rate `effector_bound`, every target at `target_bound`; one event picks an agent and a
rate coordinate x below its bound, and x falls into one of the agent's own rates or into nothing. That is exact: no time
step, no event lost. Antibody is constant within a tick (one minute), between ticks it moves deterministically.

One event uses one Philox index: word A picks agent and rate, word B direction (low bits) and chance (high bits). So the
number of draws is the whole state of the generator, and a run can stop before any event and go on bit for bit.
"""

import numpy as np
from numba import njit

from simulation.biology.growth import division_rate
from simulation.biology.killing import (
    CD16A_LEVELS,
    antibody_hit_rate,
    detach_rate,
    natural_hit_rate,
    reload_rate,
    repair_rate,
    shedding_rate,
)
from simulation.biology.rng import STREAM_EVENTS, STREAM_POISSON, TO_UNIT32, philox, poisson, unit
from simulation.biology.synapse import activation, bridges
from simulation.well.antibody import step_antibody
from simulation.well.layout import (
    ALIVE,
    ANTIBODY_ARM,
    ATTACHED,
    BIRTH,
    CLEARANCE,
    CLEARED,
    COMMITMENT,
    COMMITTED,
    CONJUGATION,
    DEAD,
    DEATH,
    DETACHMENT,
    DIRECTION,
    DONE,
    EFFECTOR_DEATH,
    EVENTS_FULL,
    FIXED,
    GONE,
    GRANULE_SHIFT,
    HIT,
    KILLS,
    LEVEL_SHIFT,
    NATURAL_ARM,
    PARTNER,
    POS,
    RATE_EXCEEDS_BOUND,
    START_SHIFT,
    STATE,
    TARGETS_FULL,
    WALL,
    C,
    K,
    P,
)

BATCH = 32  # random numbers and look-ahead loads are made for this many events at once
_32 = np.uint64(32)
_SEVEN = np.uint64(7)
_EVENTS, _COUNTS = np.uint64(STREAM_EVENTS), np.uint64(STREAM_POISSON)
_TICK, _EVENT, _IN_TICK, _DRAWS, _TARGETS, _SLOTS, _LOGGED = (K[n] for n in K)
_KILLS, _SPONTANEOUS, _DEATHS, _CLEARED, _BIRTHS, _HITS, _ENCOUNTERS, _CONTACTS = (
    C[n] for n in ("kills", "spontaneous_deaths", "deaths", "cleared", "births", "hits", "encounters", "contacts")
)
_EFF_DEAD, _ATTACHED, _DYING, _ALIVE, _ASKED, _SHED, _RELOADS = (
    C[n] for n in ("effectors_dead", "attached", "dying", "alive", "events", "shed", "reloads")
)
_SEARCHING, _K2, _CLEARED_POOL = P["searching_h"], P["k2"], P["cleared_0"]


@njit(inline="always")
def _log(on, log_time, log_kind, log_target, log_effector, log_pos, clock, hour, kind, target, effector, pos):
    if on:
        k = clock[_LOGGED]
        log_time[k] = hour
        log_kind[k] = kind
        log_target[k] = target
        log_effector[k] = effector
        log_pos[k] = pos
        clock[_LOGGED] = k + 1


@njit(nogil=True, cache=True)
def _clear(t, p, offsets, word, grid, effectors, t_pos, t_status, receptors, receptors_0, bound, pools, counters):
    """Remove a corpse: free its sites in every layer, let go of effectors that still hold it, and book its antibody."""
    t_status[t] = CLEARED
    counters[_CLEARED] += 1
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
                        effectors[i, STATE] = (state & ~(ATTACHED | DIRECTION)) | np.int32(turn & _SEVEN)
                        counters[_ATTACHED] -= 1
                        turn = (turn >> np.uint64(3)) | (turn << np.uint64(61))
    for pool in range(2):
        pools[_CLEARED_POOL + pool] += bound[pool, t] * p.nM_per_molecule
        bound[pool, t] = 0.0
    receptors[t] = 0.0
    receptors_0[t] = 0.0


@njit(nogil=True, cache=True)
def _divide(
    t, new, p, word, chance, grid, t_pos, t_status, t_damage, t_threshold, t_clone, receptors, receptors_0, response,
    arrest, bound, contact_bound, counters,
):  # fmt: skip
    """Try to place a daughter of t as target `new` on one of eight neighbouring 2x2 places; True if there was room."""
    place = np.int64(word & _SEVEN)
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
    t_threshold[new] = t_threshold[t]
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
    counters[_BIRTHS] += 1
    counters[_ALIVE] += 1
    return True


@njit(nogil=True, cache=True)
def advance(
    p, key, ticks, check, record, clock, counters, pools, grid, offsets, effectors, potency, unit_cd16a, contacts, first_kill,
    t_pos, t_status, t_damage, t_threshold, t_clone, receptors, receptors_0, response, arrest, bound, contact_bound, scratch,
    log_time, log_kind, log_target, log_effector, log_pos,
):  # fmt: skip
    """Run the well for `ticks` ticks, or until a buffer is full; returns a code of layout (DONE, EVENTS_FULL, ...).

    p: layout.Rates; key: uint64; clock, counters, pools: see layout. Effector columns have shape (n,) or (n, 4), target
    columns the capacity of the well. Everything is updated in place; a call after EVENTS_FULL (log emptied) or TARGETS_FULL
    (columns enlarged) goes on with the very next event.
    """
    n_effectors = effectors.shape[0]
    flags = np.empty(BATCH, np.float64)
    words = np.empty(BATCH, np.uint64)
    ahead = np.empty(BATCH, np.int32)
    rate = p.effector_bound
    effector_total = n_effectors * rate
    inverse_rate = 1.0 / rate if rate > 0.0 else 0.0
    inverse_target = 1.0 / p.target_bound if p.target_bound > 0.0 else 0.0
    detach_after = 1.0 / p.post_kill_attachment_h
    reload_from = rate - p.reload_bound
    move = p.hop + p.tumble
    log_room = log_time.size
    log_margin = BATCH * (3 + 12 * p.layers)
    last = clock[_TICK] + ticks
    while clock[_TICK] < last:
        tick = clock[_TICK]
        if clock[_EVENT] == 0 and clock[_IN_TICK] < 0:  # a fresh tick
            n = clock[_TARGETS]
            slots = n + (n // 64 + 64 if p.growth and n > 0 else 0)
            if slots > t_pos.size:
                return TARGETS_FULL
            step_antibody(n, p, p.tick_h, pools, t_status, receptors, receptors_0, response, arrest, bound, contact_bound, scratch)
            clock[_SLOTS] = slots
            total = effector_total + slots * p.target_bound
            clock[_IN_TICK] = poisson(total * p.tick_h, key, _COUNTS, np.uint64(tick))
            clock[_EVENT] = 0
            pools[_SEARCHING] += (n_effectors - counters[_EFF_DEAD] - counters[_ATTACHED]) * p.tick_h
        total = effector_total + clock[_SLOTS] * p.target_bound
        k2 = pools[_K2]
        due = clock[_IN_TICK]
        e = clock[_EVENT]
        while e < due:
            if record and clock[_LOGGED] + log_margin > log_room:
                clock[_EVENT] = e
                return EVENTS_FULL
            batch = min(BATCH, due - e)
            first = np.uint64(clock[_DRAWS])
            for j in range(BATCH):
                a, b = philox(key, _EVENTS, first + np.uint64(j))
                flags[j] = unit(a) * total
                words[j] = b
            for j in range(BATCH):  # touch what the events will need: the loads overlap instead of waiting in line
                i = np.uint64(flags[j] * inverse_rate)
                if i < np.uint64(n_effectors):
                    ahead[j] = grid[np.uint64(effectors[i, POS]) + np.uint64(offsets[np.uint64(effectors[i, STATE] & DIRECTION)])]
            for j in range(batch):
                x = flags[j]
                word = words[j]
                if x < effector_total:
                    i = np.uint64(x * inverse_rate)
                    x -= i * rate
                    state = effectors[i, STATE]
                    if state & ATTACHED:
                        if x >= reload_from:
                            granules = (state >> GRANULE_SHIFT) & 255
                            if rate - x < reload_rate(granules, (state >> START_SHIFT) & 255, p.reload_h):
                                effectors[i, STATE] = state + (1 << GRANULE_SHIFT)
                                counters[_RELOADS] += 1
                            continue
                        t = np.uint64(effectors[i, PARTNER])
                        part = False
                        commit = False
                        if x < p.effector_death:
                            grid[np.uint64(effectors[i, POS])] = 0
                            effectors[i, STATE] = (state & ~ATTACHED) | GONE
                            counters[_EFF_DEAD] += 1
                            counters[_ATTACHED] -= 1
                            _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                 (tick + (e + j + 0.5) / due) * p.tick_h, EFFECTOR_DEATH, t, i, effectors[i, POS])  # fmt: skip
                            continue
                        x -= p.effector_death
                        if t_status[t] == ALIVE:
                            level = (state >> LEVEL_SHIFT) & 15
                            granules = (state >> GRANULE_SHIFT) & 255
                            away = detach_rate(level, p.conjugate_lifetime_h, p.shedding_detachment)
                            hit = False
                            if x < away:
                                part = True
                            else:
                                x -= away
                                own = 0.0
                                if granules > 0:
                                    own = natural_hit_rate(potency[i], p.natural_hit) if state & NATURAL_ARM else 0.0
                                    if x < own:
                                        hit = True
                                    elif state & ANTIBODY_ARM:
                                        x -= own
                                        most = antibody_hit_rate(potency[i], p.antibody_hit, 1.0)
                                        own += most
                                        if x < most:
                                            s = activation(bridges(contact_bound[t], unit_cd16a[i] * level, k2), p.bridges_half, p.bridges_hill)
                                            hit = x < antibody_hit_rate(potency[i], p.antibody_hit, s)
                                            x = np.inf
                                        else:
                                            x -= most
                                    else:
                                        x -= own
                                elif state & (NATURAL_ARM | ANTIBODY_ARM):
                                    own = potency[i] * p.late_kill
                                    commit = x < own
                                    x = np.inf if commit else x - own
                                if check and p.effector_death + away + own + shedding_rate(level, p.shedding, 1.0) > reload_from * (1 + 1e-9):
                                    return RATE_EXCEEDS_BOUND
                                if hit:
                                    state -= 1 << GRANULE_SHIFT
                                    effectors[i, STATE] = state
                                    counters[_HITS] += 1
                                    t_damage[t] += 1
                                    _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                         (tick + (e + j + 0.5) / due) * p.tick_h, HIT, t, i, effectors[i, POS])  # fmt: skip
                                    commit = t_damage[t] >= t_threshold[t]
                                elif state & ANTIBODY_ARM and x < shedding_rate(level, p.shedding, 1.0):
                                    s = activation(bridges(contact_bound[t], unit_cd16a[i] * level, k2), p.bridges_half, p.bridges_hill)
                                    if x < shedding_rate(level, p.shedding, s):
                                        effectors[i, STATE] = state - (1 << LEVEL_SHIFT)
                                        counters[_SHED] += 1
                        elif x < detach_after:
                            part = True
                        if part:
                            effectors[i, STATE] = (state & ~(ATTACHED | DIRECTION)) | np.int32(word & _SEVEN)
                            counters[_ATTACHED] -= 1
                            _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                 (tick + (e + j + 0.5) / due) * p.tick_h, DETACHMENT, t, i, effectors[i, POS])  # fmt: skip
                        elif commit:
                            hour = (tick + (e + j + 0.5) / due) * p.tick_h
                            t_status[t] = COMMITTED
                            counters[_KILLS] += 1
                            counters[_ALIVE] -= 1
                            counters[_DYING] += 1
                            effectors[i, KILLS] += 1
                            if first_kill[i] < 0:
                                first_kill[i] = hour
                            _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock, hour,
                                 COMMITMENT, t, i, effectors[i, POS])  # fmt: skip
                            if np.float64(word >> _32) * TO_UNIT32 < p.death_per_kill:
                                grid[np.uint64(effectors[i, POS])] = 0
                                effectors[i, STATE] = (state & ~ATTACHED) | GONE
                                counters[_EFF_DEAD] += 1
                                counters[_ATTACHED] -= 1
                                _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock, hour,
                                     EFFECTOR_DEATH, t, i, effectors[i, POS])  # fmt: skip
                        continue
                    # searching
                    if x < p.hop:
                        if state & (FIXED | GONE):
                            continue
                        here = np.uint64(effectors[i, POS])
                        there = here + np.uint64(offsets[np.uint64(state & DIRECTION)])
                        what = grid[there]
                        if what == 0:
                            grid[there] = np.int32(i) + np.int32(1)
                            grid[here] = 0
                            effectors[i, POS] = np.int32(there)
                            continue
                        state = (state & ~DIRECTION) | np.int32(word & _SEVEN)
                        if what < 0 and what != WALL:
                            t = np.uint64(-what - 1)
                            if t_status[t] == ALIVE:
                                counters[_ENCOUNTERS] += 1
                                if effectors[i, PARTNER] != np.int32(t):
                                    effectors[i, PARTNER] = np.int32(t)
                                    level = (state >> LEVEL_SHIFT) & 15
                                    s = activation(bridges(contact_bound[t], unit_cd16a[i] * level, k2), p.bridges_half, p.bridges_hill)
                                    if np.float64(word >> _32) * TO_UNIT32 < p.conjugation_min + p.conjugation_span * s:
                                        state |= ATTACHED
                                        contacts[i] += 1
                                        counters[_CONTACTS] += 1
                                        counters[_ATTACHED] += 1
                                        _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                             (tick + (e + j + 0.5) / due) * p.tick_h, CONJUGATION, t, i, here)  # fmt: skip
                        effectors[i, STATE] = state
                    elif x < move:
                        effectors[i, STATE] = (state & ~DIRECTION) | np.int32(word & _SEVEN)
                        if np.float64(word >> _32) * TO_UNIT32 < p.forget:
                            effectors[i, PARTNER] = -1
                    elif x < move + p.effector_death:
                        if not state & GONE:
                            grid[np.uint64(effectors[i, POS])] = 0
                            effectors[i, STATE] = state | GONE
                            counters[_EFF_DEAD] += 1
                            _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                 (tick + (e + j + 0.5) / due) * p.tick_h, EFFECTOR_DEATH, -1, i, effectors[i, POS])  # fmt: skip
                    elif x >= reload_from and not state & GONE:
                        granules = (state >> GRANULE_SHIFT) & 255
                        if rate - x < reload_rate(granules, (state >> START_SHIFT) & 255, p.reload_h):
                            effectors[i, STATE] = state + (1 << GRANULE_SHIFT)
                            counters[_RELOADS] += 1
                    continue
                # a target, or an empty slot kept for births within this tick
                x -= effector_total
                t = np.uint64(x * inverse_target)
                if t >= np.uint64(clock[_TARGETS]):
                    continue
                x -= t * p.target_bound
                status = t_status[t]
                if status == ALIVE:
                    if x < p.spontaneous_death:
                        t_status[t] = DEAD
                        counters[_SPONTANEOUS] += 1
                        counters[_DEATHS] += 1
                        counters[_ALIVE] -= 1
                        _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                             (tick + (e + j + 0.5) / due) * p.tick_h, DEATH, t, -1, t_pos[t])  # fmt: skip
                        continue
                    x -= p.spontaneous_death
                    mend = repair_rate(t_damage[t], p.repair_h)
                    if x < mend:
                        t_damage[t] -= 1
                        continue
                    if p.growth:
                        split = division_rate(p.doubling_time_h, arrest[t], p.growth_block)
                        if check and p.spontaneous_death + mend + split > p.target_bound * (1 + 1e-9):
                            return RATE_EXCEEDS_BOUND
                        new = clock[_TARGETS]
                        if x - mend < split and new < t_pos.size and _divide(
                            np.int64(t), new, p, word, np.float64(word >> _32) * TO_UNIT32, grid, t_pos, t_status, t_damage,
                            t_threshold, t_clone, receptors, receptors_0, response, arrest, bound, contact_bound, counters,
                        ):  # fmt: skip
                            clock[_TARGETS] = new + 1
                            _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                                 (tick + (e + j + 0.5) / due) * p.tick_h, BIRTH, new, -1, t_pos[new])  # fmt: skip
                elif status < DEAD:
                    if x < p.death_stage:
                        t_status[t] = status + 1
                    elif x < p.death_stage + p.spontaneous_death:
                        t_status[t] = DEAD
                    else:
                        continue
                    if t_status[t] == DEAD:
                        counters[_DYING] -= 1
                        counters[_DEATHS] += 1
                        _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                             (tick + (e + j + 0.5) / due) * p.tick_h, DEATH, t, -1, t_pos[t])  # fmt: skip
                elif status == DEAD and x < p.clearance:
                    _clear(np.int64(t), p, offsets, word, grid, effectors, t_pos, t_status, receptors, receptors_0, bound, pools, counters)
                    _log(record, log_time, log_kind, log_target, log_effector, log_pos, clock,
                         (tick + (e + j + 0.5) / due) * p.tick_h, CLEARANCE, t, -1, t_pos[t])  # fmt: skip
            e += batch
            clock[_DRAWS] += batch
        counters[_ASKED] += due
        clock[_EVENT] = 0
        clock[_IN_TICK] = -1
        clock[_TICK] = tick + 1
    return DONE
