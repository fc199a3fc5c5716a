"""One ADCC well, exactly: every cell carries its own exponential clock, and the earliest clock in a heap rings next.

This simulator is the judge of the product's kernel. It was written from the event table of the well model alone,
shares no line with the product and draws from another generator (the Mersenne twister of numba).

Method   Each agent has the total rate of all that it can do; its next time is exponential with that rate. When the
         rate changes, by its own event or by its partner's, the clock is drawn anew (exponentials have no memory).
         When the clock rings, one of the competing events is chosen in proportion to its rate. No bound, no thinning.
Antibody Integrated for every cell once per `grid_s` (antibody.py). Bridges, and so the rates of hits and of shedding,
         are constant in between.
Source   Event table of the model description, section 4, and its sections 1-3.
Limits   Spontaneous death alone, a lone conjugate's chain of hits and repair, shedding, death stages, encounters,
         binding equilibrium (test_next_event.py).
Choices  A late kill may cost the killer its life as any other kill; only targets that are not committed take
         antibody in; a committed target that k_sp takes counts as a spontaneous death as well as a kill.
Left out Division (assays over a day), actions during the run, culture, microwell chips, rim excess: ValueError.
"""

# ruff: noqa: NPY002 - inside compiled code, numba's Mersenne twister is reached through these names

import numpy as np

from .antibody import advance_antibody, bridge_constant, synapse
from .compiled import compiled
from .state import (
    ALIVE,
    ATTACHED,
    CLEARED,
    CONJUGATED,
    CONTACTS,
    DEAD,
    DEATHS,
    EFFECTOR,
    ENCOUNTERS,
    FREE,
    GONE,
    HITS,
    KILLS,
    LEVELS,
    NK_ALIVE,
    NK_DEATHS,
    NK_SEARCHING,
    NOBODY,
    SEARCHING,
    SPONTANEOUS,
    STEP_X,
    STEP_Y,
    empty_well,
    place_effectors,
    place_targets,
)

GRID_S = 10.0


# ---------------------------------------------------------------------------------------------- rates and clocks
@compiled
def schedule(w, agent, now, rate):
    """Draw the agent's next time at this total rate and move it to its place in the heap."""
    due = now + np.random.exponential(1.0) / rate if rate > 0.0 else np.inf
    when, who, place = w.when, w.who, w.place
    here = place[agent]
    while here > 0:
        parent = (here - 1) // 2
        if when[parent] <= due:
            break
        when[here], who[here] = when[parent], who[parent]
        place[who[here]] = here
        here = parent
    while True:
        child = 2 * here + 1
        if child >= when.size:
            break
        if child + 1 < when.size and when[child + 1] < when[child]:
            child += 1
        if when[child] >= due:
            break
        when[here], who[here] = when[child], who[child]
        place[who[here]] = here
        here = child
    when[here], who[here], place[agent] = due, agent, here


@compiled
def target_rates(w, i):
    """(repair, death stage or clearance; spontaneous death): what the target can do by itself."""
    p, target = w.p, w.targets[i]
    if target.status == ALIVE:
        return target.damage / p.repair_time, p.spontaneous
    if target.status < DEAD:
        return 3.0 / p.death_time, p.spontaneous
    if target.status == DEAD:
        return 1.0 / p.clearance_time, 0.0
    return 0.0, 0.0


@compiled
def effector_rates(w, j):
    """(hop or hit, tumble or shed, leave, late kill, reload, death) in the present state."""
    p, cell = w.p, w.nk[j]
    if cell.state == GONE:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    act = turn = leave = late = 0.0
    if cell.state == SEARCHING:
        act = p.hop if cell.mobile else 0.0
        turn = p.tumble
    elif cell.state == CONJUGATED:
        by_antibody = p.k_hit * cell.signal if cell.antibody else 0.0
        by_nature = p.h_nat if cell.natural else 0.0
        if cell.granules > 0:
            act = cell.potency * (by_antibody + by_nature)
        elif cell.antibody or cell.natural:
            late = cell.potency * p.late
        if cell.antibody:
            turn = p.k_shed * cell.signal * cell.level
        leave = (1.0 + p.c_det * (1.0 - cell.level / LEVELS)) / p.conjugate_time
    else:
        leave = 1.0 / p.post_kill_time
    return act, turn, leave, late, (cell.full - cell.granules) / p.reload_time, p.nk_death


@compiled
def reset_target(w, i, now):
    forward, spontaneous = target_rates(w, i)
    schedule(w, i, now, forward + spontaneous)


@compiled
def reset_effector(w, j, now):
    act, turn, leave, late, reload, death = effector_rates(w, j)
    schedule(w, w.p.targets + j, now, act + turn + leave + late + reload + death)


# --------------------------------------------------------------------------------------------- bonds and deaths
@compiled
def bind(w, i, j, signal):
    cell, target = w.nk[j], w.targets[i]
    cell.state, cell.target, cell.signal = CONJUGATED, i, signal
    cell.before, cell.after = NOBODY, target.first
    if target.first != NOBODY:
        w.nk[target.first].before = j
    target.first = j
    w.counts[NK_SEARCHING] -= 1
    w.counts[CONTACTS] += 1


@compiled
def part(w, j):
    """Take effector j off its target; it searches on in a new direction and remembers the target."""
    cell = w.nk[j]
    if cell.before == NOBODY:
        w.targets[cell.target].first = cell.after
    else:
        w.nk[cell.before].after = cell.after
    if cell.after != NOBODY:
        w.nk[cell.after].before = cell.before
    cell.state, cell.memory, cell.target = SEARCHING, cell.target, NOBODY
    cell.direction = np.random.randint(8)
    w.counts[NK_SEARCHING] += 1


@compiled
def effector_dies(w, j, now):
    cell = w.nk[j]
    if cell.state != SEARCHING:
        part(w, j)
    cell.state = GONE
    w.grid[cell.layer, cell.x, cell.y] = FREE
    w.counts[NK_SEARCHING] -= 1
    w.counts[NK_ALIVE] -= 1
    w.counts[NK_DEATHS] += 1
    reset_effector(w, j, now)


@compiled
def stop_living(w, i, status, now):
    """Target i leaves the living for `status`: whoever is conjugated with it only holds on from now."""
    w.targets[i].status = status
    w.k_net[i] = 0.0
    reset_target(w, i, now)
    j = w.targets[i].first
    while j != NOBODY:
        w.nk[j].state = ATTACHED
        reset_effector(w, j, now)
        j = w.nk[j].after


@compiled
def kill(w, j, now):
    """Effector j commits its target to death, has the credit, and may die of it."""
    w.nk[j].kills += 1
    w.counts[KILLS] += 1
    stop_living(w, w.nk[j].target, ALIVE + 1, now)
    if np.random.random() < w.p.death_per_kill:
        effector_dies(w, j, now)


@compiled
def clear(w, i, now):
    """Corpse i goes, with its antibody; whoever held it searches again."""
    target = w.targets[i]
    target.status = CLEARED
    w.grid[:, target.x : target.x + 2, target.y : target.y + 2] = FREE
    for a in range(2):
        w.pools[a].cleared += w.bound[a, i]
        w.bound[a, i] = 0.0
    w.sites[i] = 0.0
    reset_target(w, i, now)
    while target.first != NOBODY:
        j = target.first
        part(w, j)
        reset_effector(w, j, now)


# --------------------------------------------------------------------------------------------------- the events
@compiled
def target_event(w, i, now):
    target = w.targets[i]
    forward, spontaneous = target_rates(w, i)
    if np.random.random() * (forward + spontaneous) < spontaneous:
        w.counts[SPONTANEOUS] += 1
        w.counts[DEATHS] += 1
        stop_living(w, i, DEAD, now)
    elif target.status == ALIVE:
        target.damage -= 1
        reset_target(w, i, now)
    elif target.status < DEAD:
        target.status += 1
        if target.status == DEAD:
            w.counts[DEATHS] += 1
        reset_target(w, i, now)
    else:
        clear(w, i, now)


@compiled
def hop(w, j, k2):
    """One step ahead: move, turn at an obstacle, or meet a living target."""
    p, grid, cell = w.p, w.grid, w.nk[j]
    x, y = cell.x + STEP_X[cell.direction], cell.y + STEP_Y[cell.direction]
    there = grid[cell.layer, x, y]
    if there == FREE:
        grid[cell.layer, cell.x, cell.y], grid[cell.layer, x, y] = FREE, EFFECTOR
        cell.x, cell.y = x, y
        return
    cell.direction = np.random.randint(8)
    i = there - 1
    if there < 0 or w.targets[i].status != ALIVE:
        return
    w.counts[ENCOUNTERS] += 1
    if cell.memory != i:
        signal = synapse(w, k2, i, j)
        if np.random.random() < p.p0 + (p.p1 - p.p0) * signal:
            bind(w, i, j, signal)
    cell.memory = i


@compiled
def hit(w, j, now):
    cell = w.nk[j]
    target = w.targets[cell.target]
    w.counts[HITS] += 1
    cell.granules -= 1
    target.damage += 1
    if target.damage >= target.theta:
        kill(w, j, now)
    else:
        reset_target(w, cell.target, now)


@compiled
def effector_event(w, j, k2, now):
    cell = w.nk[j]
    searching = cell.state == SEARCHING
    act, turn, leave, late, reload, death = effector_rates(w, j)
    u = np.random.random() * (act + turn + leave + late + reload + death)
    if u < act:
        if searching:
            hop(w, j, k2)
        else:
            hit(w, j, now)
    elif u < act + turn:
        if searching:
            cell.direction = np.random.randint(8)
            if np.random.random() < w.p.forget:
                cell.memory = NOBODY
        else:
            cell.level -= 1
            cell.signal = synapse(w, k2, cell.target, j)
    elif u < act + turn + leave:
        part(w, j)
    elif u < act + turn + leave + late:
        kill(w, j, now)
    elif u < act + turn + leave + late + reload:
        cell.granules += 1
    else:
        effector_dies(w, j, now)
    reset_effector(w, j, now)


# ------------------------------------------------------------------------------------------------ the whole well
@compiled
def prepare(w):
    """Opsonise before t = 0: bind for the pre-incubation, then take the free antibody away if that is asked."""
    for _ in range(w.p.preparation_steps):
        advance_antibody(w, w.p.preparation / w.p.preparation_steps)
    if w.p.wash:
        for a in range(2):
            w.pools[a].total = w.bound[a].sum() + w.pools[a].internalised
            w.pools[a].free_nM = 0.0


@compiled
def simulate(w, seed, hours):
    """Fill the well and run it to the end; adds the hours of searching and of living effectors to `hours` (2,)."""
    np.random.seed(seed)
    p = w.p
    place_targets(w)
    place_effectors(w)
    prepare(w)
    k2 = bridge_constant(w)
    for i in range(p.targets):
        reset_target(w, i, 0.0)
    for j in range(p.nk):
        reset_effector(w, j, 0.0)

    last = 0.0
    for step in range(p.steps):
        end = p.duration * (step + 1) / p.steps
        while w.when.size > 0 and w.when[0] < end:
            agent, now = w.who[0], w.when[0]
            hours[0] += w.counts[NK_SEARCHING] * (now - last)
            hours[1] += w.counts[NK_ALIVE] * (now - last)
            last = now
            if agent < p.targets:
                target_event(w, agent, now)
            else:
                effector_event(w, agent - p.targets, k2, now)
        hours[0] += w.counts[NK_SEARCHING] * (end - last)
        hours[1] += w.counts[NK_ALIVE] * (end - last)
        last = end
        if w.pools[0].total > 0.0 or w.pools[1].total > 0.0:
            advance_antibody(w, p.duration / p.steps)
            k2 = bridge_constant(w)
            for j in range(p.nk):
                if w.nk[j].state == CONJUGATED:
                    w.nk[j].signal = synapse(w, k2, w.nk[j].target, j)
                    reset_effector(w, j, end)


def run(condition: dict, seed: int, grid_s: float = GRID_S) -> dict:
    """One well of a resolved condition, from `seed` (0 to 2**32 - 1) and not from the condition's own seed.

    Counts, cumulative over the assay: kills (commitments credited), dead, spontaneous, hits, contacts (conjugations),
    encounters (hops onto a living target, remembered or not), effectors_dead.
    At the end: alive, dying, cleared targets; kills_per_nk (entry k: NK with k kills, dead NK included); cd16a_level
    (0-1) and granules_mean over living NK; granules_left and granules_full (own start) of every NK; free_nM and, in
    molecules per initial target, bound_per_target (uncleared cells), internalised_per_target, cleared_per_target; the
    same for the second antibody with `partner_` in front.
    time_searching is the share of living NK time; encounter_rate is per hour of a searching NK, immobile ones included.
    Raises ValueError for what the simulator leaves out (see the module) and for cells that do not fit the well.
    """
    w = empty_well(condition, grid_s)
    hours = np.zeros(2)
    simulate(w, seed, hours)
    status, counts, n = w.targets["status"], w.counts, max(1, w.targets.size)
    living = w.nk[w.nk["state"] != GONE]
    result = {
        "kills": int(counts[KILLS]),
        "dead": int(counts[DEATHS]),
        "spontaneous": int(counts[SPONTANEOUS]),
        "hits": int(counts[HITS]),
        "contacts": int(counts[CONTACTS]),
        "encounters": int(counts[ENCOUNTERS]),
        "effectors_dead": int(counts[NK_DEATHS]),
        "alive": int((status == ALIVE).sum()),
        "dying": int(((status > ALIVE) & (status < DEAD)).sum()),
        "cleared": int((status == CLEARED).sum()),
        "kills_per_nk": np.bincount(w.nk["kills"]),
        "cd16a_level": float(living["level"].mean()) / LEVELS if living.size else 0.0,
        "granules_mean": float(living["granules"].mean()) if living.size else 0.0,
        "granules_left": w.nk["granules"].copy(),
        "granules_full": w.nk["full"].copy(),
        "time_searching": float(hours[0] / hours[1]) if hours[1] else 0.0,
        "encounter_rate": float(counts[ENCOUNTERS] / hours[0]) if hours[0] else 0.0,
        "layers": int(w.p.layers),
    }
    for a, name in enumerate(("", "partner_")):
        result[name + "free_nM"] = float(w.pools["free_nM"][a])
        result[name + "bound_per_target"] = float(w.bound[a].sum()) / n
        result[name + "internalised_per_target"] = float(w.pools["internalised"][a]) / n
        result[name + "cleared_per_target"] = float(w.pools["cleared"][a]) / n
    return result
