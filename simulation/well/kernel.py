"""The exact event loop of one well: a continuous-time Markov chain by uniformisation.

Agents are asked at bounded rates; one event picks an agent and a rate coordinate x below its bound, and x falls into
one of the agent's own rates or into nothing. That is exact: no time step, no event lost. What the picking knows:
  * mobile effectors share the bound `effector_bound`; the few whose hit rate exceeds it own a second slot of the same
    width;
  * effectors that never move never touch a target, so they are asked only at their death rate;
  * tumbles are not events: a searching effector hops at a time t, and since it last looked at t0 it has turned with
    probability 1 - exp(-tumble (t - t0)). The law of the walk is the same, with half the events;
  * targets share `target_bound`.
Antibody is constant within a tick (one minute), between ticks it moves deterministically.

One event uses one Philox index: word A picks agent and rate, word B directions (bits 0-5) and chances (bits 6-31,
32-63). So the number of draws is the whole state of the generator, and a run can
stop before any event and go on bit for bit.
"""

import numpy as np
from numba import njit

from adccsim.biology.growth import division_rate
from adccsim.biology.killing import (
    MAX_HITS_TO_KILL,
    antibody_hit_rate,
    detach_rate,
    natural_hit_rate,
    reload_rate,
    repair_rate,
    shedding_rate,
)
from adccsim.biology.rng import STREAM_EVENTS, STREAM_POISSON, TO_UNIT32, philox, poisson, unit
from adccsim.biology.synapse import activation, bridges
from adccsim.well.antibody import step_antibody
from adccsim.well.bodies import clear, divide
from adccsim.well.layout import (
    ALIVE,
    ATTACHED,
    BIRTH,
    CAN_ADCC,
    CAN_NATURAL,
    CLEARANCE,
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
    LEVEL_SHIFT,
    PARTNER,
    POS,
    RATE_EXCEEDS_BOUND,
    STAMP,
    START_SHIFT,
    STATE,
    STRONG,
    TARGETS_FULL,
    WALL,
    C,
    K,
    P,
)

BATCH = 32  # random numbers, picks and chances are made for this many events at once
_32 = np.uint64(32)
_SEVEN = np.uint64(7)
_26_BITS = np.uint64((1 << 26) - 1)
_TO_UNIT26 = 2.0**-26
STAMPS_PER_TICK = 65536.0  # time stamps of searching effectors: wrapping 32-bit integers, a millisecond each
_EVENTS, _COUNTS = np.uint64(STREAM_EVENTS), np.uint64(STREAM_POISSON)
_TICK, _EVENT, _IN_TICK, _DRAWS, _TARGETS, _SLOTS, _LOGGED = (K[n] for n in K)
_KILLS, _SPONTANEOUS, _DEATHS, _CLEARED, _BIRTHS, _HITS, _ENCOUNTERS, _CONTACTS = (
    C[n] for n in ("kills", "spontaneous_deaths", "deaths", "cleared", "births", "hits", "encounters", "contacts")
)
_EFF_DEAD, _ATTACHED, _DYING, _ALIVE, _ASKED, _SHED, _RELOADS = (
    C[n] for n in ("effectors_dead", "attached", "dying", "alive", "events", "shed", "reloads")
)
_SEARCHING, _K2 = P["searching_h"], P["k2"]


@njit(inline="always")
def decay(x):
    """exp(-x) for x >= 0 by a short series and six squarings: plain arithmetic, so that a batch of them is vectorised.

    Relative error below 1e-8 up to x = 20; far beyond, where the value is under 1e-17, below 1e-4.
    """
    y = min(x, 45.0) * (-1.0 / 64.0)
    s = 1.0 + y * (
        1.0
        + y * (1 / 2 + y * (1 / 6 + y * (1 / 24 + y * (1 / 120 + y * (1 / 720 + y * (1 / 5040 + y * (1 / 40320)))))))
    )
    s *= s
    s *= s
    s *= s
    s *= s
    s *= s
    return s * s


@njit(inline="always")
def _log(on, log, clock, hour, kind, target, effector, site):
    if on:
        k = clock[_LOGGED]
        log[0][k] = hour
        log[1][k] = kind
        log[2][k] = target
        log[3][k] = effector
        log[4][k] = site
        clock[_LOGGED] = k + 1


@njit(nogil=True, cache=True)
def advance(
    p, key, ticks, check, record, clock, counters, pools, grid, offsets, n_mobile, n_fixed, strong, effectors, kills,
    potency, unit_cd16a, contacts, first_kill,
    t_pos, t_status, t_damage, t_threshold, hits, t_clone, receptors, receptors_0, response, arrest, bound,
    contact_bound, scratch, log,
):  # fmt: skip
    """Run the well for `ticks` ticks, or until a buffer is full; returns a code of layout (DONE, EVENTS_FULL, ...).

    p: layout.Rates; key: uint64; clock, counters, pools: see layout. Effector rows are n_mobile mobile ones, n_fixed
    that never move, then later additions; strong lists the rows with a second slot. Effector columns have shape (n,) or
    (n, 4), target columns the capacity of the well; hits: killing.hits_quantiles of the line. Everything is updated in
    place; a call after EVENTS_FULL (log emptied) or TARGETS_FULL (columns enlarged) goes on with the very next event.
    """
    n_effectors = effectors.shape[0]
    flags = np.empty(BATCH, np.float64)
    words = np.empty(BATCH, np.uint64)
    who = np.empty(BATCH, np.int64)
    stamps = np.zeros(BATCH, np.uint32)
    nows = np.empty(BATCH, np.uint32)
    still = np.empty(BATCH, np.float64)
    rate = p.effector_bound
    n_asked = n_effectors - n_fixed
    first_slots = n_asked * rate
    all_slots = first_slots + strong.size * rate
    effector_total = all_slots + n_fixed * p.effector_death
    inverse_rate = 1.0 / rate if rate > 0.0 else 0.0
    inverse_death = 1.0 / p.effector_death if p.effector_death > 0.0 else 0.0
    inverse_target = 1.0 / p.target_bound if p.target_bound > 0.0 else 0.0
    detach_after = 1.0 / p.post_kill_attachment_h
    reload_from = rate - p.reload_bound
    turn_per_stamp = p.tumble * p.tick_h / STAMPS_PER_TICK
    forget_per_stamp = p.forget * p.tick_h / STAMPS_PER_TICK
    log_room = log[0].size
    log_margin = BATCH * (3 + 12 * p.layers)
    last = clock[_TICK] + ticks
    if check:  # rates that no state changes are checked here, the others event by event
        searching = p.hop + p.effector_death
        target = max(p.spontaneous_death + repair_rate(MAX_HITS_TO_KILL - 1, p.repair_h), p.clearance)
        target = max(target, p.spontaneous_death + p.death_stage)
        if (n_asked > 0 and searching > reload_from * (1 + 1e-9)) or target > p.target_bound * (1 + 1e-9):
            return RATE_EXCEEDS_BOUND
    while clock[_TICK] < last:
        tick = clock[_TICK]
        if clock[_EVENT] == 0 and clock[_IN_TICK] < 0:  # a fresh tick
            n = clock[_TARGETS]
            slots = n + (n // 64 + 64 if p.growth and n > 0 else 0)
            if slots > t_pos.size:
                return TARGETS_FULL
            step_antibody(
                n, p, p.tick_h, pools, t_status, receptors, receptors_0, response, arrest, bound, contact_bound, scratch
            )
            clock[_SLOTS] = slots
            total = effector_total + slots * p.target_bound
            clock[_IN_TICK] = poisson(total * p.tick_h, key, _COUNTS, np.uint64(tick))
            pools[_SEARCHING] += (n_effectors - counters[_EFF_DEAD] - counters[_ATTACHED]) * p.tick_h
        total = effector_total + clock[_SLOTS] * p.target_bound
        k2 = pools[_K2]
        due = clock[_IN_TICK]
        e = clock[_EVENT]
        stamp_0 = np.float64(tick % 65536) * STAMPS_PER_TICK
        stamp_step = STAMPS_PER_TICK / max(due, 1)
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
            for j in range(batch):  # who is asked, at which rate coordinate; loads of a batch overlap
                x = flags[j]
                if x < first_slots:
                    i = min(np.int64(x * inverse_rate), n_asked - 1)  # rounding must not reach past the last
                    x -= i * rate
                    # the top of a slot is for granule reload: told apart by its sign
                    flags[j] = x if x < reload_from else x - rate - 1e-300
                    if i >= n_mobile:
                        i += n_fixed
                    who[j] = i
                    stamps[j] = np.uint32(effectors[np.uint64(i), STAMP])
                elif x < all_slots:
                    x -= first_slots
                    i = min(np.int64(x * inverse_rate), strong.size - 1)
                    flags[j] = reload_from + x - i * rate
                    who[j] = strong[i]
                elif x < effector_total:
                    flags[j] = 0.0
                    who[j] = n_mobile + min(np.int64((x - all_slots) * inverse_death), n_fixed - 1)
                else:
                    x -= effector_total
                    i = np.int64(x * inverse_target)
                    flags[j] = x - i * p.target_bound
                    who[j] = -1 - i
            for j in range(BATCH):  # chance that an effector has not turned since it last hopped
                nows[j] = np.uint32(np.int64(stamp_0 + (e + j + 0.5) * stamp_step))
            for j in range(BATCH):
                still[j] = decay(turn_per_stamp * np.float64(np.uint32(nows[j] - stamps[j])))
            for j in range(batch):
                x = flags[j]
                word = words[j]
                if who[j] >= 0:
                    i = np.uint64(who[j])
                    state = effectors[i, STATE]
                    if x < 0.0:
                        granules = (state >> GRANULE_SHIFT) & 255
                        if -x < reload_rate(granules, (state >> START_SHIFT) & 255, p.reload_h) and not state & GONE:
                            effectors[i, STATE] = state + (1 << GRANULE_SHIFT)
                            counters[_RELOADS] += 1
                        continue
                    if state & ATTACHED:
                        t = np.uint64(effectors[i, PARTNER])
                        part = False
                        commit = False
                        if x < p.effector_death:
                            grid[np.uint64(effectors[i, POS])] = 0
                            effectors[i, STATE] = (state & ~ATTACHED) | GONE
                            counters[_EFF_DEAD] += 1
                            counters[_ATTACHED] -= 1
                            _log(
                                record,
                                log,
                                clock,
                                (tick + (e + j + 0.5) / due) * p.tick_h,
                                EFFECTOR_DEATH,
                                t,
                                i,
                                effectors[i, POS],
                            )
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
                                    own = natural_hit_rate(potency[i], p.natural_hit) if state & CAN_NATURAL else 0.0
                                    if x < own:
                                        hit = True
                                    elif state & CAN_ADCC:
                                        x -= own
                                        most = antibody_hit_rate(potency[i], p.antibody_hit, 1.0)
                                        own += most
                                        if x < most:
                                            s = activation(
                                                bridges(contact_bound[t], unit_cd16a[i] * level, k2),
                                                p.bridges_half,
                                                p.bridges_hill,
                                            )
                                            hit = x < antibody_hit_rate(potency[i], p.antibody_hit, s)
                                            x = np.inf
                                        else:
                                            x -= most
                                    else:
                                        x -= own
                                elif state & (CAN_NATURAL | CAN_ADCC):
                                    own = potency[i] * p.late_kill
                                    commit = x < own
                                    x = np.inf if commit else x - own
                                if check and p.effector_death + away + own + shedding_rate(level, p.shedding, 1.0) > (
                                    reload_from + (rate if state & STRONG else 0.0)
                                ) * (1 + 1e-9):
                                    return RATE_EXCEEDS_BOUND
                                if hit:
                                    state -= 1 << GRANULE_SHIFT
                                    effectors[i, STATE] = state
                                    counters[_HITS] += 1
                                    t_damage[t] += 1
                                    _log(
                                        record,
                                        log,
                                        clock,
                                        (tick + (e + j + 0.5) / due) * p.tick_h,
                                        HIT,
                                        t,
                                        i,
                                        effectors[i, POS],
                                    )
                                    commit = t_damage[t] >= t_threshold[t]
                                elif state & CAN_ADCC and x < shedding_rate(level, p.shedding, 1.0):
                                    s = activation(
                                        bridges(contact_bound[t], unit_cd16a[i] * level, k2),
                                        p.bridges_half,
                                        p.bridges_hill,
                                    )
                                    if x < shedding_rate(level, p.shedding, s):
                                        effectors[i, STATE] = state - (1 << LEVEL_SHIFT)
                                        counters[_SHED] += 1
                        elif x < detach_after:
                            part = True
                        if part:
                            effectors[i, STAMP] = np.int32(nows[j])
                            effectors[i, STATE] = (state & ~(ATTACHED | DIRECTION)) | np.int32(word & _SEVEN)
                            counters[_ATTACHED] -= 1
                            _log(
                                record,
                                log,
                                clock,
                                (tick + (e + j + 0.5) / due) * p.tick_h,
                                DETACHMENT,
                                t,
                                i,
                                effectors[i, POS],
                            )
                        elif commit:
                            hour = (tick + (e + j + 0.5) / due) * p.tick_h
                            t_status[t] = COMMITTED
                            counters[_KILLS] += 1
                            counters[_ALIVE] -= 1
                            counters[_DYING] += 1
                            kills[i] += 1
                            if first_kill[i] < 0:
                                first_kill[i] = hour
                            _log(record, log, clock, hour, COMMITMENT, t, i, effectors[i, POS])
                            if np.float64(word >> _32) * TO_UNIT32 < p.death_per_kill:
                                grid[np.uint64(effectors[i, POS])] = 0
                                effectors[i, STATE] = (state & ~ATTACHED) | GONE
                                counters[_EFF_DEAD] += 1
                                counters[_ATTACHED] -= 1
                                _log(record, log, clock, hour, EFFECTOR_DEATH, t, i, effectors[i, POS])
                        continue
                    # searching
                    if state & GONE:
                        continue
                    if x < p.effector_death:
                        grid[np.uint64(effectors[i, POS])] = 0
                        effectors[i, STATE] = state | GONE
                        counters[_EFF_DEAD] += 1
                        _log(
                            record,
                            log,
                            clock,
                            (tick + (e + j + 0.5) / due) * p.tick_h,
                            EFFECTOR_DEATH,
                            -1,
                            i,
                            effectors[i, POS],
                        )
                        continue
                    if x - p.effector_death >= p.hop or state & FIXED:
                        continue
                    last_stamp = np.uint32(effectors[i, STAMP])
                    if last_stamp != stamps[j]:  # asked a moment ago in this very batch
                        still[j] = decay(turn_per_stamp * np.float64(np.uint32(nows[j] - last_stamp)))
                    effectors[i, STAMP] = np.int32(nows[j])
                    u = np.float64((word >> np.uint64(6)) & _26_BITS) * _TO_UNIT26
                    if u >= still[j]:
                        state = (state & ~DIRECTION) | np.int32(word & _SEVEN)
                        # forgetting happens at a tumble, so its chance is nested in that of tumbling
                        if effectors[i, PARTNER] >= 0 and u >= decay(
                            forget_per_stamp * np.float64(np.uint32(nows[j] - last_stamp))
                        ):
                            effectors[i, PARTNER] = -1
                    here = np.uint64(effectors[i, POS])
                    there = here + np.uint64(offsets[np.uint64(state & DIRECTION)])
                    what = grid[there]
                    if what == 0:
                        grid[there] = np.int32(i) + np.int32(1)
                        grid[here] = 0
                        effectors[i, POS] = np.int32(there)
                        effectors[i, STATE] = state
                        continue
                    state = (state & ~DIRECTION) | np.int32((word >> np.uint64(3)) & _SEVEN)
                    if what < 0 and what != WALL:
                        t = np.uint64(-what - 1)
                        if t_status[t] == ALIVE:
                            counters[_ENCOUNTERS] += 1
                            if effectors[i, PARTNER] != np.int32(t):
                                effectors[i, PARTNER] = np.int32(t)
                                level = (state >> LEVEL_SHIFT) & 15
                                s = activation(
                                    bridges(contact_bound[t], unit_cd16a[i] * level, k2), p.bridges_half, p.bridges_hill
                                )
                                if np.float64(word >> _32) * TO_UNIT32 < p.conjugation_min + p.conjugation_span * s:
                                    state |= ATTACHED
                                    contacts[i] += 1
                                    counters[_CONTACTS] += 1
                                    counters[_ATTACHED] += 1
                                    _log(
                                        record,
                                        log,
                                        clock,
                                        (tick + (e + j + 0.5) / due) * p.tick_h,
                                        CONJUGATION,
                                        t,
                                        i,
                                        here,
                                    )
                    effectors[i, STATE] = state
                    continue
                # a target, or an empty slot kept for births within this tick
                t = np.uint64(-1 - who[j])
                if t >= np.uint64(clock[_TARGETS]):
                    continue
                status = t_status[t]
                if status == ALIVE:
                    if x < p.spontaneous_death:
                        t_status[t] = DEAD
                        counters[_SPONTANEOUS] += 1
                        counters[_DEATHS] += 1
                        counters[_ALIVE] -= 1
                        _log(record, log, clock, (tick + (e + j + 0.5) / due) * p.tick_h, DEATH, t, -1, t_pos[t])
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
                        if x - mend < split and new < t_pos.size and divide(
                            np.int64(t), new, p, word, np.float64(word >> _32) * TO_UNIT32, grid, t_pos, t_status,
                            t_damage,
                            t_threshold, hits, t_clone, receptors, receptors_0, response, arrest, bound, contact_bound,
                            counters,
                        ):  # fmt: skip
                            clock[_TARGETS] = new + 1
                            _log(
                                record, log, clock, (tick + (e + j + 0.5) / due) * p.tick_h, BIRTH, new, -1, t_pos[new]
                            )
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
                        _log(record, log, clock, (tick + (e + j + 0.5) / due) * p.tick_h, DEATH, t, -1, t_pos[t])
                elif status == DEAD and x < p.clearance:
                    clear(
                        np.int64(t),
                        p,
                        np.int32(nows[j]),
                        word,
                        grid,
                        effectors,
                        t_pos,
                        t_status,
                        receptors,
                        receptors_0,
                        bound,
                        pools,
                        counters,
                    )
                    _log(record, log, clock, (tick + (e + j + 0.5) / due) * p.tick_h, CLEARANCE, t, -1, t_pos[t])
            e += batch
            clock[_DRAWS] += batch
        counters[_ASKED] += due
        clock[_EVENT] = 0
        clock[_IN_TICK] = -1
        clock[_TICK] = tick + 1
    return DONE
