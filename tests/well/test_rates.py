"""Every rate of the event table, measured: what happened against the integral of what should happen.

In a Markov chain the count of one kind of event minus the integral of its rate along the path has mean zero and the
variance of the integral. So one run tells for each kind by how many standard errors the kernel is off; the rates are
written here once more, from the columns of the well. A factor 1.2 on any of them is seen.
"""

import numpy as np
import pytest

from adccsim.well.layout import (
    ALIVE,
    ATTACHED,
    CAN_ADCC,
    CAN_NATURAL,
    DEAD,
    EVENT_KINDS,
    GONE,
    GRANULE_SHIFT,
    LEVEL_SHIFT,
    PARTNER,
    START_SHIFT,
    STATE,
    C,
    P,
)
from tests.oracle.conditions import small_well
from tests.well.runs import NO_ANTIBODY, NO_DEATHS, ONLY_WALKING, observed, start, z_against

FINE_H = 1.0 / 360.0  # 10 s: rates hardly change within a tick
KINDS = (
    "hits",
    "kills",
    "shed",
    "reloads",
    "repairs",
    "detachments",
    "effectors_dead",
    "spontaneous",
    "deaths",
    "cleared",
)


def rates(engine):
    """Expected events per hour of each kind, now, shape (10,)."""
    r, t = engine.rates, engine.targets
    status, damage = t["target_status"], t["target_damage"].astype(float)
    state, partner = engine.effectors[:, STATE], np.maximum(engine.effectors[:, PARTNER], 0)
    living, held = (state & GONE) == 0, (state & ATTACHED) != 0
    on_living = held & (status[partner] == ALIVE)
    adcc_competent, natural_competent = (state & CAN_ADCC) != 0, (state & CAN_NATURAL) != 0
    level, granules, load = (state >> LEVEL_SHIFT) & 15, (state >> GRANULE_SHIFT) & 255, (state >> START_SHIFT) & 255
    potency = engine.effector["effector_potency"]

    n_f = t["target_contact_bound"][partner].astype(float)
    n_16 = engine.effector["effector_unit_cd16a"].astype(float) * level
    x = np.maximum(n_f * n_16 / (engine.pools[P["k2"]] + n_f + n_16), 1e-300)
    s = x**r.bridges_hill / (x**r.bridges_hill + r.bridges_half**r.bridges_hill)

    hit = (
        potency * (r.antibody_hit * s * adcc_competent + r.natural_hit * natural_competent) * on_living * (granules > 0)
    )
    late = potency * r.late_kill * on_living * (granules == 0) * (adcc_competent | natural_competent)
    fatal = damage[partner] + 1 >= t["target_threshold"][partner]
    kill = hit * fatal + late
    away = (1.0 + r.shedding_detachment * (1.0 - level / 8.0)) / r.conjugate_lifetime_h
    dying = (status > ALIVE) & (status < DEAD)
    return np.array([
        hit.sum(),
        kill.sum(),
        (r.shedding * s * level * adcc_competent * on_living).sum(),
        ((load - granules) * living).sum() / r.reload_h,
        (damage * (status == ALIVE)).sum() / r.repair_h,
        (away * on_living).sum() + (held & ~on_living).sum() / r.post_kill_attachment_h,
        living.sum() * r.effector_death + r.death_per_kill * kill.sum(),
        (status == ALIVE).sum() * r.spontaneous_death,
        (status == 3).sum() * r.death_stage + (dying.sum() + (status == ALIVE).sum()) * r.spontaneous_death,
        (status == DEAD).sum() * r.clearance,
    ])  # fmt: skip


def counts(engine, events):
    """How often each kind has happened, shape (10,)."""
    n = engine.counters
    parted = sum(int((kind == EVENT_KINDS.index("detachment")).sum()) for _, kind, *_ in events)
    repaired = n[C["hits"]] - int(engine.targets["target_damage"].sum())  # a hit adds one, a repair takes one
    return np.array([
        n[C["hits"]], n[C["kills"]], n[C["shed"]], n[C["reloads"]], repaired, parted, n[C["effectors_dead"]],
        n[C["spontaneous_deaths"]], n[C["deaths"]], n[C["cleared"]],
    ])  # fmt: skip


QUICK = {  # rare events made frequent, so that each kind is counted
    "effectors__granule_reload_h": 6.0,
    "effectors__death_per_h": 0.1,
    "targets__spontaneous_death_per_h": 0.06,
    "targets__clearance_time_h": 2.0,
}
CASES = {
    "everything": small_well(1000, effectors__et_ratio=1.0, **QUICK),
    "few bridges and late kills": small_well(
        1000,
        **QUICK,
        effectors__et_ratio=1.0,
        targets__her2_per_cell=5e4,
        effectors__granules_mean=2.0,
        effectors__late_killing_per_h=3.0,
    ),
    "natural killing": small_well(1000, effectors__et_ratio=2.0, **NO_ANTIBODY),
}


@pytest.mark.parametrize("case", CASES)
def test_events_come_at_their_rates(case):
    expected, seen = np.zeros(len(KINDS)), np.zeros(len(KINDS))
    for key in range(3):
        engine, events = start(CASES[case], key, tick_h=FINE_H, check=False), []
        before = rates(engine)
        for _ in range(4 * 360):
            engine.advance(1, events)
            after = rates(engine)
            expected += 0.5 * (before + after) * FINE_H
            before = after
        engine.verify()
        seen += counts(engine, events)
    z = (seen - expected) / np.sqrt(np.maximum(expected, 1.0))
    for name, n, e, score in zip(KINDS, seen, expected, z, strict=True):
        print(f"{name:15s} {n:6.0f} expected {e:9.1f} z {score:6.2f}")
    assert (np.abs(z) < 4.0).all()
    if case == "everything":  # enough of each kind that a factor 1.2 would show
        assert (expected > 450).all()


def test_a_committed_target_dies_after_its_time():
    """Three stages of a third each, so the time is gamma distributed: the mean by Little's law, from a census."""
    engine = start(small_well(1000, **NO_DEATHS, effectors__et_ratio=3.0, targets__death_time_h=0.6), 2, tick_h=FINE_H)
    dying = 0.0
    for _ in range(6 * 360):
        dying += 0.5 * engine.counters[C["dying"]]
        engine.advance(1)
        dying += 0.5 * engine.counters[C["dying"]]
    seen = engine.observe()
    assert seen["kills"] > 600 and seen["targets_dying"] < 0.05 * seen["kills"]
    mean_h = dying * FINE_H / (seen["targets_dead"] + 0.5 * seen["targets_dying"])
    assert abs(mean_h - 0.6) < 4.0 * 0.6 / np.sqrt(3.0 * seen["targets_dead"])


FLEETING = ONLY_WALKING | {"effectors__conjugate_lifetime_h": 1e-3, "effectors__et_ratio": 0.3}


def fresh_contacts(**change):
    """Contacts of wells where contacts take no time: every encounter with a target not remembered, at some chance."""
    return observed(small_well(300, **(FLEETING | change)), range(8), "contacts", hours=25.0)


def test_an_encounter_becomes_a_contact_at_its_chance():
    """A target is remembered whether it was held or not, so short contacts change nothing but their own number."""
    nothing_heard = {"effectors__antibody_hit_per_h": 0.0, "effectors__natural_hit_per_h": 0.0}
    every = fresh_contacts(**nothing_heard, effectors__conjugation_min=1.0, effectors__conjugation_max=1.0).mean()
    idle = fresh_contacts(**nothing_heard, effectors__conjugation_min=0.15, effectors__conjugation_max=0.7)
    assert abs(z_against(idle / every, 0.15)) < 4.0
    full = {
        "antibody__dose_ug_per_ml": 1.0, "antibody__pre_incubation_min": 30.0, "effectors__bridges_half": 1e-9,
        "effectors__cd16a_shedding_per_h": 0.0, "effectors__conjugation_min": 0.15, "effectors__conjugation_max": 0.7,
    }  # fmt: skip
    bridged = fresh_contacts(**nothing_heard, **full)
    assert abs(z_against(bridged / every, 0.7)) < 4.0


def test_memory_fades_at_its_rate():
    """Each effector locked in with one target: it holds it once, and again about as often as it forgets it."""
    box = {"shape": "chip", "microwell_side_um": 50, "targets_per_microwell": 1, "max_layers": 1}
    locked = small_well(200, **FLEETING, effectors__nk_cells=200)
    locked["well"] |= box | {"area_mm2": 200 * 50**2 * 1e-6}
    locked["effectors"] |= {"conjugation_min": 1.0, "conjugation_max": 1.0}

    def contacts(fade_per_h, hours):
        locked["effectors"]["memory_fade_per_h"] = fade_per_h
        engine = start(locked, 3)
        engine.advance(round(60 * hours))
        meet_h = hours * 200 / engine.observe()["encounters"]
        return engine.effector["effector_contacts"].mean(), meet_h

    assert contacts(0.0, 40.0)[0] == 1.0
    fade, hours = 0.1, 100.0
    seen, meet_h = contacts(fade, hours)
    # a cycle is the time to forget and the (much shorter) time to the next encounter
    expected = 1.0 + (hours - meet_h) / (1.0 / fade + meet_h)
    assert abs(seen - expected) < 4.0 * np.sqrt(expected / 200.0)
