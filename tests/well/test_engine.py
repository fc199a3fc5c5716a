"""The engine: what a run must not depend on, what a hand may do to a well, and what is refused."""

import numpy as np
import pytest

from adccsim.well import engine as engine_module
from adccsim.well.engine import RateError, WellFullError
from adccsim.well.layout import (
    ALIVE,
    CAN_ADCC,
    CAN_NATURAL,
    EVENT_KINDS,
    FIXED,
    POS,
    START_SHIFT,
    STATE,
    WALL,
)
from adccsim.well.state import granules, levels, searching
from tests.oracle.conditions import PARTNER, WELL, condition, small_well
from tests.well.runs import ONLY_WALKING, doing, run, same_state, start, z_score

KINDS = {name: i for i, name in enumerate(EVENT_KINDS)}
# Everything on: two antibodies, effectors in two layers, late kills, growth (an assay over a day), modulation.
RICH = small_well(
    200,
    effectors__et_ratio=3.0,
    effectors__late_killing_per_h=0.2,
    well__layer_filling=0.06,
    antibody__dose_ug_per_ml=0.05,
    partner=PARTNER,
    assay__duration_h=30.0,
    targets__doubling_time_h=20.0,
    targets__modulation_factor=5.0,
)
PLAIN = small_well(300, effectors__et_ratio=3.0)


def chip(side_um, targets_per_microwell, **overrides):
    """A condition on a chip with just enough square compartments."""
    compartments = -(-overrides["targets__cells"] // targets_per_microwell)
    shape = {"shape": "chip", "microwell_side_um": side_um, "targets_per_microwell": targets_per_microwell}
    size = {"area_mm2": compartments * side_um**2 * 1e-6, "max_layers": 1}
    return condition(well=WELL | shape | size, **overrides)


def add(n):
    """The intervention that adds n effectors, all of them NK cells."""
    return doing(add_effectors=n, nk_cells=n, other_cells=0)


# -- what a run must not depend on ----------------------------------------------------------------------------------
@pytest.mark.parametrize("which", [PLAIN, RICH], ids=["plain", "rich"])
def test_any_split_of_the_ticks_gives_the_same_bits(which):
    whole, parts = start(which, 1), start(which, 1)
    whole.advance(100)
    for ticks in (1, 0, 32, 7, 60):
        parts.advance(ticks)
    assert whole.tick == parts.tick == 100 and whole.observe()["kills"] > 20
    assert same_state(whole, parts)


def test_looking_changes_nothing():
    seen, unseen, events = start(RICH, 2), start(RICH, 2), []
    for _ in range(10):
        seen.advance(10, events)
        seen.observe()
        seen.arrays()
        seen.verify()
    unseen.advance(100)
    assert same_state(seen, unseen)
    assert events


def test_the_event_log_agrees_with_the_counters():
    engine, events = start(RICH, 3), []
    engine.advance(180, events)
    time_h, kind, target, effector, site = (np.concatenate(column) for column in zip(*events, strict=True))
    seen = engine.observe()
    count = {name: int((kind == i).sum()) for name, i in KINDS.items()}
    assert engine.layers == 2 and count["birth"] == seen["births"] > 0
    assert count["conjugation"] == seen["contacts"] and count["hit"] == seen["hits"]
    assert count["commitment"] == seen["kills"] and count["death"] == seen["targets_dead"]
    assert count["clearance"] == seen["targets_cleared"] and count["effector_death"] == seen["effectors_dead"]
    assert (np.diff(time_h) >= 0.0).all() and time_h[0] >= 0.0 and time_h[-1] <= 3.0
    assert (target[kind != KINDS["effector_death"]] >= 0).all() and (effector[kind == KINDS["hit"]] >= 0).all()
    kills = np.bincount(effector[kind == KINDS["commitment"]], minlength=len(engine.effectors))
    assert np.array_equal(kills, engine.effector_kills())
    assert (engine.grid[site] != WALL).all()


@pytest.mark.parametrize("which", [PLAIN, RICH], ids=["plain", "rich"])
def test_a_restored_well_goes_on_bit_for_bit(which):
    original = start(which, 4)
    original.advance(70)
    saved = {name: np.array(values) for name, values in original.arrays().items()}
    original.advance(50)
    restored = start(which, 4)
    restored.advance(3)  # whatever it was before is forgotten
    restored.restore(saved)
    assert restored.tick == 70
    restored.advance(50)
    assert same_state(original, restored)


def test_a_restored_well_goes_on_after_effectors_were_added_and_washed():
    original = start(PLAIN, 5)
    original.advance(30)
    original.apply(doing(wash_effectors=True))
    original.apply(add(500))
    original.advance(30)
    saved = {name: np.array(values) for name, values in original.arrays().items()}
    restored = start(PLAIN, 5)
    restored.restore(saved)
    for well in (original, restored):
        well.advance(30)
        well.apply(add(100))
        well.advance(30)
    assert same_state(original, restored)


def test_a_small_event_buffer_is_emptied_and_re_entered(monkeypatch):
    large, small = start(RICH, 6), start(RICH, 6)
    all_at_once, piecewise = [], []
    large.advance(60, all_at_once)
    monkeypatch.setattr(engine_module, "EVENT_ROOM", 1200)  # a little more than one batch of events may need
    small.advance(60, piecewise)
    assert len(piecewise) > len(all_at_once) == 1
    assert same_state(large, small)
    for a, b in zip(zip(*all_at_once, strict=True), zip(*piecewise, strict=True), strict=True):
        assert np.array_equal(np.concatenate(a), np.concatenate(b))


def test_columns_grow_with_the_targets():
    growing = condition(
        targets__cells=100, well__area_mm2=20.0, effectors__et_ratio=0.0, assay__duration_h=60.0,
        targets__doubling_time_h=10.0, targets__culture_death_per_h=0.0,
    )  # fmt: skip
    engine = start(growing, 7)
    room = set()
    for _ in range(60):
        engine.advance(60)
        room.add(len(engine.targets["target_site"]))
    assert len(room) > 2 and engine.n_targets > 600
    assert engine.n_targets == 100 + engine.observe()["births"]
    assert same_state(engine, run(growing, 7, 60.0))


def test_one_more_effector_changes_no_other():
    """Traits belong to the agent: the extra one adds a row and leaves the others' traits (their order may differ)."""
    few = start(small_well(100, effectors__nk_cells=200), 8)
    more = start(small_well(100, effectors__nk_cells=201), 8)

    def traits(well):
        state = well.effectors[:, STATE] & ~7  # but for the direction, which belongs to the place
        return set(zip(well.effector["effector_potency"], well.effector["effector_unit_cd16a"], state, strict=True))

    assert len(traits(few)) == 200 and len(traits(more)) == 201
    assert len({t[:2] for t in traits(more)} - {t[:2] for t in traits(few)}) == 1


def test_one_more_target_changes_no_other():
    few = start(small_well(100), 9)
    more = start(small_well(100, targets__cells=101), 9)
    for name in ("target_receptors_0", "target_threshold", "target_site"):
        assert np.array_equal(few.targets[name], more.targets[name][:100])


def fraction_is(found, n, expected):
    """Whether a share of n cells is the expected one within four standard errors."""
    return abs(found - expected) < 4.0 * np.sqrt(expected * (1.0 - expected) / n)


def test_traits_follow_their_laws():
    n = 20_000
    engine = start(condition(targets__cells=n, effectors__nk_cells=n, well__area_mm2=64.0), 23)
    state, potency = engine.effectors[:, STATE], engine.effector["effector_potency"]
    adcc_competent, natural_competent = (state & CAN_ADCC) != 0, (state & CAN_NATURAL) != 0
    assert not (natural_competent & ~adcc_competent).any()  # who kills by nature also kills by antibody
    assert fraction_is(natural_competent.mean(), n, 0.3) and fraction_is(adcc_competent.mean(), n, 0.9)
    assert fraction_is(((state & FIXED) != 0).mean(), n, 0.18)
    load = (state >> START_SHIFT) & 255
    assert abs(load.mean() - 5.7) < 4.0 * np.sqrt(5.7 * 4.7 / n)  # geometric from one: variance m (m - 1)
    assert np.array_equal(load, granules(state)) and (levels(state) == 8).all()
    assert abs(np.median(potency) - 1.0) < 4.0 * 1.2533 * 0.6 / np.sqrt(n) and potency.max() == 5.0
    cd16a = engine.effector["effector_unit_cd16a"].astype(float) * 8 / 0.2
    for sample, mean in ((cd16a, 1e5), (engine.targets["target_receptors"], 1e6)):
        assert abs(sample.mean() / mean - 1.0) < 4.0 * 0.5 / np.sqrt(n)
        assert abs(sample.std() / sample.mean() - 0.5) < 0.03
    for direction in range(8):
        assert fraction_is(((state & 7) == direction).mean(), n, 0.125)


# -- exactness ------------------------------------------------------------------------------------------------------
def kills(engines, ticks):
    """Kills of each well after `ticks`."""
    out = []
    for engine in engines:
        engine.advance(ticks)
        out.append(engine.observe()["kills"])
    return out


def test_doubled_bounds_change_nothing_but_the_draws(monkeypatch):
    kept = kills([start(PLAIN, key) for key in range(24)], 240)
    bounds = engine_module.bounds

    def doubled(*arguments):
        rates = bounds(*arguments)
        return rates._replace(
            effector_bound=2.0 * rates.effector_bound, reload_bound=2.0 * rates.reload_bound,
            target_bound=2.0 * rates.target_bound,
        )  # fmt: skip

    monkeypatch.setattr(engine_module, "bounds", doubled)
    wide = [start(PLAIN, key) for key in range(100, 124)]
    assert abs(z_score(kept, kills(wide, 240))) < 4.0


def test_a_finer_antibody_grid_changes_nothing_but_the_draws():
    """10 s against 1 min near EC50, where capture goes on through the assay. Each duration has six times the ticks."""
    dilute = small_well(300, effectors__et_ratio=3.0, antibody__dose_ug_per_ml=0.003)
    minute = kills([start(dilute, key) for key in range(24)], 240)
    fine = kills([start(dilute, key, tick_h=1.0 / 360.0) for key in range(100, 124)], 1440)
    assert abs(z_score(minute, fine)) < 4.0


@pytest.mark.parametrize("halved", ["effector_bound", "target_bound"])
@pytest.mark.parametrize("which", ["killing", "walking"])
def test_a_rate_above_its_bound_is_refused(monkeypatch, halved, which):
    """Whether it is the rate of an attached effector, of one that only walks, or of a target."""
    bounds = engine_module.bounds

    def too_low(*arguments):
        rates = bounds(*arguments)
        return rates._replace(**{halved: 0.5 * getattr(rates, halved)})

    monkeypatch.setattr(engine_module, "bounds", too_low)
    engine = start(small_well(300, effectors__et_ratio=3.0, **(ONLY_WALKING if which == "walking" else {})), 10)
    with pytest.raises(RateError, match="bound"):
        engine.advance(240)


def test_a_strong_effector_above_its_bound_is_refused(monkeypatch):
    """The bound of those that hold a target depends on who they are: here they are promised a tenth of their hits."""
    bounds = engine_module.bounds
    monkeypatch.setattr(engine_module, "bounds", lambda rates, hit, *rest: bounds(rates, 0.1 * hit, *rest))
    monkeypatch.setattr(engine_module, "attached_bound", lambda rates, hit, *rest: 0.0 * hit)
    engine = start(small_well(300, effectors__et_ratio=3.0, effectors__antibody_hit_per_h=30.0), 10)
    with pytest.raises(RateError, match="bound"):
        engine.advance(240)


# -- interventions --------------------------------------------------------------------------------------------------
def test_interventions_keep_every_invariant():
    engine = start(small_well(300, effectors__et_ratio=3.0, antibody__dose_ug_per_ml=0.0), 11)
    events = []
    engine.advance(30, events)
    engine.apply(doing(add_antibody_ug_per_ml=1.0))
    engine.verify()
    assert engine.observe()["antibody_free_nM"] == pytest.approx(1000.0 / 145.5)
    engine.advance(60, events)
    assert engine.observe()["antibody_bound_per_target"] > 1e5
    engine.apply(doing(wash=True))
    engine.verify()
    assert engine.observe()["antibody_free_nM"] == 0.0
    engine.advance(30, events)
    held_before = engine.observe()["conjugates"]
    hits_before = engine.observe()["hits"]
    engine.apply(doing(wash_effectors=True))
    engine.verify()
    assert engine.observe()["conjugates"] == held_before > 0
    assert not searching(engine.effectors[:, STATE]).any()
    engine.advance(30, events)
    engine.apply(add(600))
    engine.verify()
    assert len(engine.effectors) >= 600
    engine.advance(120, events)
    engine.apply(doing(wash_effectors=True))
    engine.apply(doing(wash_effectors=True))
    engine.advance(60, events)
    engine.verify()
    assert engine.observe()["hits"] > hits_before


def test_effectors_added_to_an_empty_well_kill():
    engine = start(small_well(300, effectors__et_ratio=0.0), 12)
    engine.advance(30)
    assert engine.observe()["kills"] == 0
    engine.apply(add(1500))
    engine.advance(120)
    assert engine.observe()["kills"] > 30


def test_added_effectors_are_new_agents():
    engine = start(small_well(300, effectors__et_ratio=1.0), 13)
    engine.apply(add(300))
    assert (
        len(set(zip(engine.effector["effector_potency"], engine.effector["effector_unit_cd16a"], strict=True))) == 600
    )


def test_a_partner_is_added_with_its_antibody():
    engine = start(small_well(300, partner=PARTNER, antibody__dose_ug_per_ml=0.0), 14)
    engine.apply(doing(add_antibody_ug_per_ml=1.0))
    engine.advance(60)
    alive = engine.targets["target_status"] == ALIVE
    assert (engine.bound[:, alive] > 0.0).all()


def test_both_pools_bring_antibodies_into_a_contact():
    """By the equations of binding, A2 = Kx r A1 / 2 and Ra = r + A1 + 2 A2; one-armed antibodies count their weight."""
    other = PARTNER | {"one_arm_weight": 0.2, "cross_link_per_receptor": 1e-4, "kd_nM": 50.0}
    engine = start(small_well(100, partner=other, antibody__dose_ug_per_ml=0.3, targets__masked_fraction=0.4), 7)
    expected = np.zeros(100)
    sites = 0.6 * engine.targets["target_receptors"]
    for pool, (link, weight) in enumerate([(1e-5, 0.5), (1e-4, 0.2)]):
        bound = engine.bound[pool]
        low, high = np.zeros(100), bound.copy()
        for _ in range(60):  # bisection in A2
            both = 0.5 * (low + high)
            more = link * (sites - bound - both) * (bound - both) > 2.0 * both
            low, high = np.where(more, both, low), np.where(more, high, both)
        expected += 0.03 * (both + weight * (bound - both))
        assert 0.05 < both.sum() / bound.sum() < 0.95
    assert engine.targets["target_contact_bound"] == pytest.approx(expected, rel=1e-5)


def test_an_intervention_that_does_nothing_is_refused():
    with pytest.raises(ValueError, match="does nothing"):
        start(PLAIN, 1).apply(doing())


# -- placement ------------------------------------------------------------------------------------------------------
def test_targets_that_seek_the_rim_find_it_until_it_is_full():
    engine = start(small_well(1000, well__rim_excess=1.0, effectors__et_ratio=1.0), 15)
    engine.verify()  # no overlap, nothing on a wall
    centre = (engine.row - 1) / 2.0
    site = engine.targets["target_site"]
    far = np.hypot(site // engine.row - centre, site % engine.row - centre) >= 0.9 * (engine.row - 3) / 2.0
    assert far.mean() > 0.9  # the rim is 19 % of the disc and the targets take 12.5 %
    even = start(small_well(1000), 15).targets["target_site"]
    far = np.hypot(even // engine.row - centre, even % engine.row - centre) >= 0.9 * (engine.row - 3) / 2.0
    assert 0.1 < far.mean() < 0.3


def test_a_rim_that_cannot_hold_all_targets_still_ends():
    engine = start(small_well(1000, well__area_mm2=1.0, well__rim_excess=1.0), 16)
    engine.verify()


def test_a_chip_keeps_its_cells_in_their_compartments():
    engine = start(chip(100, 4, targets__cells=80, effectors__nk_cells=60), 17)
    engine.verify()
    pitch = 11

    def compartment(site):
        return (site // engine.row - 1) // pitch, (site % engine.row - 1) // pitch

    home = np.transpose(compartment(engine.targets["target_site"]))
    assert (np.unique(home, axis=0, return_counts=True)[1] == 4).all() and len(np.unique(home, axis=0)) == 20
    before = np.transpose(compartment(engine.effectors[:, POS]))
    assert (np.unique(before, axis=0, return_counts=True)[1] == 3).all()
    engine.advance(240)
    assert np.array_equal(np.transpose(compartment(engine.effectors[:, POS])), before)
    seen = engine.observe()
    assert seen["encounters"] > 0 and seen["kills"] > 0


def test_more_effectors_than_free_sites_are_refused():
    engine = start(small_well(100), 18)
    with pytest.raises(WellFullError, match="free sites"):
        engine.apply(add(10_000))
    engine.advance(10)  # the refused addition left no trace


def test_a_jammed_well_is_refused():
    """Two targets in 4x4 sites: one that lies in the middle leaves the other no place. The search ends all the same."""
    with pytest.raises(WellFullError, match="found room"):
        start(chip(40, 2, targets__cells=80, effectors__nk_cells=0), 19)


def test_wells_without_one_kind_of_cell_run():
    nobody = start(condition(targets__cells=0, effectors__nk_cells=0), 20)
    nobody.advance(60)
    effectors = start(small_well(0, effectors__nk_cells=500, well__area_mm2=1.0, well__volume_ul=10.0), 21)
    effectors.advance(240)
    assert effectors.observe()["effectors_dead"] > 0 and effectors.observe()["encounters"] == 0
    targets = start(small_well(200, effectors__et_ratio=0.0), 22)
    targets.advance(240)
    assert (targets.targets["target_status"] == ALIVE).sum() == targets.observe()["targets_alive"]
