"""The well and the tumour kill by one law: the same cells, occupancy, CD16a and rate of meeting, movement off.

Matched: engagement does not depend on bridges (p0 = p1), so that meetings are contacts over that chance; they are
measured in the very well that is compared, per hour of searching and share of targets alive. Nothing grows or is
cleared in the patches; NK cells of both die as in the well.
"""

import math

import numpy as np
import pytest

from adccsim.biology import synapse
from adccsim.biology.binding import equilibrium_free
from adccsim.biology.rng import mix64
from adccsim.xenograft import contacts, effectors
from adccsim.xenograft.layout import CELL_SLOTS, EFFECTOR_SLOTS, her2_relative
from tests.oracle.conditions import small_well
from tests.well.runs import start
from tests.xenograft.bodies import ANTIBODY, EFFECTOR, Still, antibody, effector

ENGAGED = 0.4
PER_PATCH = 4
HOURS = 24
TARGETS = 4000
MATCHED = {
    "targets__spontaneous_death_per_h": 0.0,
    "targets__culture_death_per_h": 0.0,
    "effectors__immobile_fraction": 0.0,
    "effectors__memory_fade_per_h": 0.0,
    "effectors__conjugation_min": ENGAGED,
    "effectors__conjugation_max": ENGAGED,
    "effectors__et_ratio": PER_PATCH / 64.0,
}


def in_wells(condition, keys):
    """(kills per NK cell in each well, meetings per hour of searching if every target were alive)."""
    kills, rate = [], []
    nk = condition["effectors"]["nk_cells"]
    for key in keys:
        well = start(condition, key, check=False)
        alive = [1.0]
        for _ in range(HOURS):
            well.advance(60)
            alive.append(well.observe()["targets_alive"] / TARGETS)
        seen = well.observe()
        kills.append(seen["kills"] / nk)
        rate.append(seen["contacts"] / ENGAGED / (seen["effector_searching_h"] * np.trapezoid(alive) / HOURS))
    return np.array(kills), float(np.mean(rate))


def in_patches(condition, meetings_per_h, patches=4000):
    """Kills by each of the NK cells in closed patches of 64 cells, and the state: (kills, cells, body, counts)."""
    t, a, nk = condition["targets"], condition["antibody"], condition["effectors"]
    body = Still(
        22, lambda z, y, x: (np.abs(z) < 9) & (np.abs(y) < 9) & (np.abs(x) < 9), 5,
        t["her2_cv"], t["hits_to_kill"], t["hits_log_sd"],
    )  # fmt: skip
    keep = body.patches[:patches]
    resident = {**EFFECTOR, **{k: nk[k] for k in EFFECTOR if k in nk}}
    resident = effector(resident | {"contact_rate_per_h": meetings_per_h, "lifetime_h": 1.0 / nk["death_per_h"]})
    fc = antibody({key: value for key, value in a.items() if key in ANTIBODY})
    dosed = a["dose_ug_per_ml"] > 0.0
    laws = effectors.law_row(resident, fc if dosed else None, t["repair_time_h"])[None, :]
    traits, fractions = (
        effectors.trait_table(resident),
        (nk["natural_competent_fraction"], nk["antibody_competent_fraction"]),
    )
    words, ne = np.zeros(22**3 * EFFECTOR_SLOTS, np.uint64), np.zeros(22**3, np.uint8)
    for b in keep:
        for i in range(PER_PATCH):
            draw = np.uint64(mix64(np.uint64(b * EFFECTOR_SLOTS + i)))
            words[b * EFFECTOR_SLOTS + i] = contacts.fresh(0, draw, *traits, *fractions, 0.0)
        ne[b] = PER_PATCH
    free_nM = a["dose_ug_per_ml"] * 1000.0 / a["molar_mass_kda"]
    receptors, fraction = np.zeros((16, 256), np.float32), np.zeros(16)
    receptors[0], fraction[0] = t["her2_per_cell"] * her2_relative(), t["contact_fraction"]
    occupancy = np.zeros(64)
    if dosed:
        bare = equilibrium_free(t["her2_per_cell"], free_nM, a["kd_nM"], a["cross_link_per_receptor"])
        occupancy[63] = 1.0 - bare / t["her2_per_cell"]
    cover = np.array([[0] * 16, [63] * 16], np.uint8)
    profiles, free = np.zeros((2, 22**3), np.uint16), np.zeros((2, 22**3), np.float32)
    profiles[0], free[0] = int(dosed), free_nM
    arms = np.array([[a["cross_link_per_receptor"], a["one_arm_weight"]], [0.0, 1.0]])
    rows = body.rows.tuple()
    log = [np.zeros((rows[5], 1 << 12), d) for d in (np.int64, np.uint64, np.float32)]
    totals = np.zeros(len(contacts.COUNT_NAMES), np.int64)
    hill = [contacts.activation_table(laws[0, contacts.LAW["bridges_half"]], laws[0, contacts.LAW["bridges_hill"]])]
    mended = np.random.default_rng(3)
    for hour in range(HOURS):
        counts = np.zeros((rows[5], totals.size), np.int64)
        effectors.step_effectors(
            body.cells, body.n, words, ne, profiles, free, 1.0, 64.0, laws, np.stack(hill), contacts.class_factors(),
            receptors, fraction, occupancy, cover, arms, np.zeros(1),
            np.zeros((1, 3, 1024), np.uint8), np.zeros((1, 3)), True, np.uint64(mix64(np.uint64(hour))), counts, *log,
            *rows,
        )  # fmt: skip
        totals += counts.sum(axis=0)
        damage = (body.cells >> np.uint32(3)) & np.uint32(7)  # between contacts damage is repaired hour by hour
        hurt = np.flatnonzero(damage)
        left = mended.binomial(damage[hurt].astype(int), math.exp(-1.0 / t["repair_time_h"])).astype(np.uint32)
        body.cells[hurt] = (body.cells[hurt] & ~np.uint32(0x38)) | (left << np.uint32(3))
    count = dict(zip(contacts.COUNT_NAMES, totals.tolist(), strict=True))
    return count["kills_nk"] / (PER_PATCH * len(keep)), body.cells.reshape(-1, CELL_SLOTS)[keep], count


CONDITIONS = {
    "saturated": {},
    "no antibody": {"antibody__dose_ug_per_ml": 0.0},
    "few receptors": {"targets__her2_per_cell": 2e4},
    "no shedding": {"effectors__cd16a_shedding_per_h": 0.0, "effectors__granule_reload_h": 6.0},
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_kills_per_effector_are_those_of_the_well(name):
    """Within 5 % and three standard errors of the wells' mean (2-3 % each; the patches' own error is below 1 %)."""
    condition = small_well(TARGETS, **MATCHED, **CONDITIONS[name])
    kills, rate = in_wells(condition, range(100, 116))
    error = kills.std(ddof=1) / math.sqrt(len(kills))
    found, cells, count = in_patches(condition, rate)
    print(f"{name}: {found:.3f} kills per effector, wells {kills.mean():.3f} +- {error:.3f}, {rate:.2f} meetings per h")
    assert abs(found - kills.mean()) < 0.05 * kills.mean() + 3.0 * error
    committed = ((cells & np.uint32(3)) == 3) & ((cells & np.uint32(4)) != 0)
    assert committed.sum() == count["kills_nk"]


def test_a_long_contact_goes_on_from_hour_to_hour():
    """Effectors that kill nothing search and hold by turns: the contacts of an alternating renewal process.

    Searching at first, contacts at rate a while searching and parting at rate d: the share that searches is
    d/(a + d) + a/(a + d) exp(-(a + d) t), and a times its integral are the contacts by hour T.
    """
    hold_h, meetings_per_h = 2.0, 3.0
    condition = small_well(TARGETS, **MATCHED, **CONDITIONS["no shedding"])
    condition["effectors"] |= {
        "conjugate_lifetime_h": hold_h, "antibody_hit_per_h": 0.0, "natural_hit_per_h": 0.0, "death_per_h": 1e-12,
        "natural_competent_fraction": 1.0, "antibody_competent_fraction": 1.0,
    }  # fmt: skip
    _, _, count = in_patches(condition, meetings_per_h, patches=1000)
    a, d = meetings_per_h * ENGAGED, 1.0 / hold_h
    searched = (d * HOURS + a / (a + d) * (1.0 - math.exp(-(a + d) * HOURS))) / (a + d)
    expected = PER_PATCH * 1000 * a * searched
    print(f"{count['contacts']} contacts, expected {expected:.0f}")
    assert count["kills_nk"] == 0
    # Contacts of a renewal process scatter less than those of a Poisson process of this rate.
    assert abs(count["contacts"] - expected) < 4.0 * math.sqrt(expected)


def test_both_worlds_read_the_same_laws():
    """The patches take S from the well's bridges and hill law; the well's kernel imports the very same functions."""
    from adccsim.well import kernel

    assert kernel.activation is synapse.activation is contacts.activation
    assert kernel.bridges is contacts.bridges and kernel.detach_rate is contacts.detach_rate
    table = contacts.activation_table(334.0, 0.77)
    for x in np.geomspace(1e-2, 1e5, 200):
        assert contacts.activation_of(x, table[None], 0) == pytest.approx(synapse.activation(x, 334.0, 0.77), rel=0.012)
    assert contacts.activation_of(0.0, table[None], 0) == 0.0


def test_a_changed_hill_law_changes_the_patches():
    """As it does the well: half the bridges at a third of the activation."""
    condition = small_well(TARGETS, **MATCHED, targets__her2_per_cell=2e4)
    before = in_patches(condition, 1.3, patches=500)[0]
    condition["effectors"]["bridges_hill"] = 3.0
    assert in_patches(condition, 1.3, patches=500)[0] < 0.8 * before
