"""The well where the answer is known: survival, natural killing, granules, binding, antibody, walks, growth."""

import math

import numpy as np
import pytest

from adccsim.biology.binding import equilibrium_bound
from adccsim.biology.motility import SITE_UM, encounter_per_h, mean_squared_displacement_um2
from adccsim.conditions.geometry import CapacityError
from adccsim.well.layout import ALIVE, POS, START_SHIFT, STATE
from adccsim.well.state import granules
from tests.oracle.conditions import PARTNER, condition, small_well
from tests.well.lattice import lone_walker_encounters_per_h
from tests.well.runs import NO_ANTIBODY, NO_DEATHS, ONLY_WALKING, doing, observed, run, start, z_against, z_score

ALONE = {"effectors__et_ratio": 0.0}


# -- death and killing ----------------------------------------------------------------------------------------------
def test_targets_alone_survive_exponentially():
    rate, n = 0.2, 20_000
    engine = start(small_well(n, **ALONE, **NO_ANTIBODY, targets__spontaneous_death_per_h=rate), key=1)
    for hour in (1, 2, 4, 8):
        engine.advance(60 * hour - engine.tick)
        survival = math.exp(-rate * hour)
        seen = engine.observe()
        assert abs(seen["targets_alive"] / n - survival) < 4.0 * math.sqrt(survival * (1.0 - survival) / n)
        assert seen["targets_alive"] + seen["targets_dead"] == n and seen["kills"] == 0


def test_corpses_are_cleared_exponentially():
    """Death and clearance at one rate: cleared after two equal exponential steps."""
    rate, n, hours = 0.5, 20_000, 3.0
    dying = {"targets__spontaneous_death_per_h": rate, "targets__clearance_time_h": 1.0 / rate}
    fraction = run(small_well(n, **ALONE, **NO_ANTIBODY, **dying), 2, hours).observe()["targets_cleared"] / n
    expected = 1.0 - (1.0 + rate * hours) * math.exp(-rate * hours)
    assert abs(fraction - expected) < 4.0 * math.sqrt(expected * (1.0 - expected) / n)


NATURAL_ONLY = {
    "no antibody": NO_ANTIBODY,
    "no CD16a": {"effectors__cd16a_per_cell": 0.0},
    "F(ab')2": {"antibody__fc_gain": 0.0},
    "no HER2": {"targets__her2_null_fraction": 1.0},
}


def test_without_bridges_only_natural_killing_is_left():
    """Four ways to have none agree: each by itself within error, and hit by hit where they share the random numbers."""
    wells = {name: small_well(500, effectors__et_ratio=5.0, **change) for name, change in NATURAL_ONLY.items()}
    kills = {name: observed(c, range(100 * i, 100 * i + 10), "kills") for i, (name, c) in enumerate(wells.items())}
    reference = kills.pop("no antibody")
    assert reference.mean() > 50
    for name, sample in kills.items():
        assert abs(z_score(sample, reference)) < 4.0, name
    first = run(wells["no antibody"], 7).counters
    for name in kills:
        assert np.array_equal(run(wells[name], 7).counters, first), name
    saturated = small_well(500, effectors__et_ratio=5.0)
    assert z_score(observed(saturated, range(10), "kills"), reference) > 10.0


def test_targets_without_her2_bind_nothing():
    engine = run(small_well(500, targets__her2_null_fraction=0.5, effectors__et_ratio=0.0), 3, 2.0)
    receptors, bound = engine.targets["target_receptors"], engine.bound[0]
    gone = engine.targets["target_status"] > ALIVE
    null = receptors == 0.0
    assert abs(null.sum() - 250) < 4.0 * math.sqrt(125.0) + gone.sum()
    assert (bound[null] == 0.0).all() and (bound[~null] > 0.0).all()
    nothing = run(small_well(500, targets__her2_null_fraction=1.0), 3, 2.0)
    assert nothing.observe()["antibody_free_nM"] == nothing.params.doses_nM[0]


def test_kills_stay_within_the_granules():
    """No reload: every hit spends a granule of the start; with one granule each and one hit to kill, kills are hits."""
    strong = {"effectors__granule_reload_h": 1e12, "effectors__et_ratio": 0.5, "targets__hits_log_sd": 0.0}
    engine = run(small_well(1000, **strong), 4, 8.0)
    state = engine.effectors[:, STATE]
    load = (state >> START_SHIFT) & 255
    assert (granules(state) <= load).all() and load.min() >= 1
    assert engine.observe()["hits"] == (load - granules(state)).sum() > 500
    assert (2 * engine.effector_kills() <= load + 4).all()  # two hits a kill, but others may have hit first

    single = small_well(1000, **strong, effectors__granules_mean=1.0, targets__hits_to_kill=1.0)
    engine = run(single, 5, 8.0)
    seen = engine.observe()
    assert seen["kills"] == seen["hits"] == engine.effector_kills().sum() <= 500
    assert engine.effector_kills().max() == 1
    assert (engine.effector_kills() == 1 - granules(engine.effectors[:, STATE])).all()


def test_reloaded_granules_are_accounted_for():
    engine = run(small_well(1000, effectors__granule_reload_h=2.0, effectors__et_ratio=0.5), 6, 8.0)
    state = engine.effectors[:, STATE]
    load = (state >> START_SHIFT) & 255
    assert (granules(state) <= load).all()  # and hits = start - left + reloads: verify() inside run()
    assert engine.observe()["hits"] > (load - granules(state)).sum()


# -- antibody -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dose_ug_per_ml", [0.003, 0.1, 10.0])
def test_binding_ends_in_the_closed_form_equilibrium(dose_ug_per_ml):
    """No loss and a long time: each cell, with its own receptors, is in equilibrium with what is left in the medium."""
    still = {**ALONE, **NO_DEATHS, "targets__her2_internalisation_per_h": 0.0}
    engine = start(small_well(300, **still, antibody__dose_ug_per_ml=dose_ug_per_ml), key=7, tick_h=0.5)
    engine.advance(6000)  # cells that compete for little antibody take weeks to even it out
    free_nM = engine.observe()["antibody_free_nM"]
    receptors = engine.targets["target_receptors"]
    expected = [equilibrium_bound(r, free_nM, 5.0, 1e-5) for r in receptors]
    assert engine.bound[0] == pytest.approx(expected, rel=1e-6)
    assert receptors.std() / receptors.mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("modulation", [1.0, 8.0])
def test_antibody_balances_over_a_day(modulation):
    """All parts, each booked by itself, add up to what was added; uptake agrees with a second integral."""
    dilute = {"antibody__dose_ug_per_ml": 0.01, "targets__modulation_factor": modulation}
    engine = start(small_well(500, **dilute, effectors__et_ratio=1.0), key=8)
    k_net, uptake = 0.0125 * modulation, 0.0  # modulation: what is bound goes in so many times faster
    held = engine.bound[0][engine.targets["target_status"] == ALIVE].sum()
    taken_before = engine.observe()["antibody_internalised_per_target"]
    for tick in range(24 * 60):
        if tick == 600:
            engine.apply(doing(wash=True))
            engine.apply(doing(add_antibody_ug_per_ml=0.02))
        engine.advance(1)
        now = engine.bound[0][engine.targets["target_status"] == ALIVE].sum()
        uptake += 0.5 * (held + now) * k_net * engine.tick_h
        held = now
    added = engine.params.doses_nM[0] * 3.0
    assert np.abs(engine.antibody_balance_nM()).max() < 1e-9 * added
    seen = engine.observe()
    assert seen["antibody_cleared_per_target"] > 0.0 and seen["targets_cleared"] > 50
    assert seen["antibody_internalised_per_target"] - taken_before == pytest.approx(uptake / 500.0, rel=5e-3)


def test_modulated_receptors_settle_where_synthesis_meets_loss():
    """Every receptor held: dR/dt = k (R0 - R) - k (m - 1) R, so R falls to R0 / m at rate k m."""
    still = {**ALONE, **NO_DEATHS, "antibody__dose_ug_per_ml": 3000.0, "antibody__cross_link_per_receptor": 0.0}
    engine = start(small_well(100, **still, targets__modulation_factor=4.0), key=9)
    for hours in (10.0, 40.0):
        engine.advance(round(60 * hours) - engine.tick)
        fraction = engine.targets["target_receptors"] / engine.targets["target_receptors_0"]
        expected = 0.25 + 0.75 * math.exp(-0.0125 * 4.0 * (hours + 0.5))  # half an hour of pre-incubation
        assert fraction == pytest.approx(np.full(100, expected), rel=0.01)
    unmodulated = run(small_well(100, **still), 9, 24.0)
    assert np.array_equal(unmodulated.targets["target_receptors"], unmodulated.targets["target_receptors_0"])


# -- motility -------------------------------------------------------------------------------------------------------
def encounters_per_h(engine, hours: float, settle_min: int = 20) -> float:
    """Encounters per hour of searching."""
    engine.advance(settle_min)
    before = engine.observe()
    engine.advance(round(60 * hours))
    after = engine.observe()
    met = after["encounters"] - before["encounters"]
    return met / (after["effector_searching_h"] - before["effector_searching_h"])


def test_lone_walkers_meet_targets_at_the_exact_rate():
    """Few walkers: the well meets the stationary law of its own lattice, which lies 5-10 % above the mean field."""
    ratio, shift = [], []
    for key in range(12):
        engine = start(small_well(300, effectors__et_ratio=0.3, **ONLY_WALKING), key)
        exact = lone_walker_encounters_per_h(engine, filling=0.3 / 28.0)
        ratio.append(encounters_per_h(engine, hours=500.0) / exact)
        shift.append(exact / encounter_per_h(engine.rates.hop, 32.0))
    assert abs(z_against(ratio, 1.0)) < 4.0
    assert np.std(ratio) / math.sqrt(12) < 0.005  # sharp enough to mean something
    assert np.mean(shift) == pytest.approx(1.075, abs=0.025)


def test_crowding_and_stacking_hardly_change_encounters():
    """E:T 1 to 40: the exact rate with crowding as a mean field holds within 3 %; equal fillings agree within error.

    Above one layer the filling of each stays 36 %, so 10, 20, 30 and 40 effectors per target must give one number.
    """
    found = {et: [] for et in (1.0, 5.0, 10.0, 20.0, 30.0, 40.0)}
    expected = {et: [] for et in (1.0, 5.0, 10.0)}
    for et in found:
        for key in range(4):  # one key, one placement of targets
            engine = start(small_well(300, effectors__et_ratio=et, **ONLY_WALKING), key)
            if et in expected:
                expected[et].append(lone_walker_encounters_per_h(engine, filling=et / 28.0))
            found[et].append(encounters_per_h(engine, hours=100.0 / et))
    for et in expected:
        assert 0.97 < np.mean(found[et]) / np.mean(expected[et]) < 1.01, et
    for et in (20.0, 30.0, 40.0):
        assert abs(z_score(found[et], found[10.0])) < 4.0, et


FORMATS = {
    "96-flat 1": (dict(effectors__et_ratio=1.0), 1, 0.10),
    "96-flat 20": (dict(effectors__et_ratio=20.0), 2, 0.10),
    "96-flat 40": (dict(effectors__et_ratio=40.0), 4, 0.10),
    # 14 sites per target: a fifth of the faces are hidden by other targets, which the mean field does not know
    "96-U 10": (dict(effectors__et_ratio=10.0, well__area_mm2=14.0), 3, 0.15),
    "384-flat 5": (
        dict(effectors__et_ratio=5.0, well__area_mm2=5.6, well__shape="square", targets__cells=2500), 1, 0.10,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_whole_wells_load_run_and_meet_the_mean_field(name):
    """Real sizes. Tolerance: direction memory (+13 to +17 %), hidden faces (-8 to -19 %), crowding (-0 to -7 %)."""
    change, layers, tolerance = FORMATS[name]
    engine = start(condition(**change, **ONLY_WALKING), key=9, check=False)
    assert engine.layers == layers
    expected = encounter_per_h(engine.rates.hop, engine.params.sites / engine.params.n_targets)
    hours = 0.2 if engine.params.n_effectors > 50_000 else 1.0
    assert encounters_per_h(engine, hours, settle_min=10) == pytest.approx(expected, rel=tolerance)
    engine.verify()


def test_a_well_that_cannot_hold_its_cells_is_refused_with_the_filling():
    with pytest.raises(CapacityError, match="filling"):
        start(condition(effectors__et_ratio=100.0), key=1)


def test_walkers_spread_as_the_closed_form_says():
    """Squared displacement at 1 h of walkers far from the wall and far apart (0.3 % of the sites); one target."""
    squared, border = [], 0.3
    for key in range(12):
        engine = start(condition(targets__cells=1, effectors__nk_cells=800, **ONLY_WALKING), key)
        before = engine.effectors[:, POS].astype(int)
        engine.advance(60)
        after = engine.effectors[:, POS].astype(int)
        y, x = before // engine.row, before % engine.row
        centre = (engine.row - 1) / 2
        inside = np.hypot(y - centre, x - centre) < (1.0 - border) * centre
        moved = (after // engine.row - y) ** 2 + (after % engine.row - x) ** 2
        squared.append(moved[inside] * SITE_UM**2)
    expected = mean_squared_displacement_um2(engine.rates.hop, engine.rates.tumble, 1.0)
    squared = np.concatenate(squared)
    assert len(squared) > 4000
    assert abs(z_against(squared, expected)) < 4.0


# -- growth ---------------------------------------------------------------------------------------------------------
ROOMY = {**ALONE, **NO_DEATHS, "targets__cells": 1000, "well__area_mm2": 100.0, "assay__duration_h": 48.0}


def test_sparse_targets_divide_at_the_doubling_time():
    """Two days with room. A birth takes one of eight places from mother and daughter: dB/dt = k (N0 + B - 2 B / 8)."""
    doubling_h, births = 120.0, []
    for key in range(24):
        grown = run(condition(**ROOMY, **NO_ANTIBODY, targets__doubling_time_h=doubling_h), key).observe()
        assert grown["targets_alive"] == 1000 + grown["births"]
        births.append(grown["births"] / 1000.0)
    x = math.log(2.0) * 48.0 / doubling_h
    expected = (math.exp(0.75 * x) - 1.0) / 0.75
    # strangers stand on 0.9 % of the places: a 2x2 place meets 9 corners, and 1000 corners lie on 1e6 sites
    assert abs(z_against(births, expected * (1.0 - 9e-3))) < 4.0
    assert np.std(births) / math.sqrt(24) < 0.02 * expected


def test_deaths_do_not_lengthen_the_doubling_time():
    """The doubling time of a line is what is seen: births make up for deaths, here a fifth of them."""
    alone = {**ROOMY, "targets__cells": 300, "targets__culture_death_per_h": 0.0015, "targets__clearance_time_h": 0.1}
    grown = observed(condition(**alone, **NO_ANTIBODY, targets__doubling_time_h=120.0), range(40), "targets_alive")
    rate = math.log(2.0) / 120.0
    # room that a daughter took is lost, room that a corpse left is won; both shift births by a few per cent
    expected = 300.0 + 300.0 * (math.exp(rate * 48.0) - 1.0)
    assert abs(z_against(grown, expected)) < 4.0


def test_the_direct_effect_slows_growth():
    kept = dict(targets__doubling_time_h=40.0)
    free = observed(condition(**ROOMY, **NO_ANTIBODY, **kept), range(4), "births")
    held = observed(
        condition(**ROOMY, antibody__dose_ug_per_ml=10.0, well__volume_ul=2000.0, **kept), range(4), "births"
    )
    assert z_score(free, held) > 4.0


def test_arrest_builds_up_within_its_onset():
    """Full occupancy, no division: the block is E_dir rho (1 - exp(-t / onset)); of two antibodies, 1 - (1 - a)^2."""
    still = {**ROOMY, "targets__cells": 50, "targets__doubling_time_h": 1e9, "antibody__dose_ug_per_ml": 1000.0}
    still |= {"targets__direct_effect_max": 0.5, "targets__direct_response": 0.8, "targets__direct_onset_h": 12.0}
    for change, full in (({}, 0.4), ({"partner": PARTNER}, 1.0 - 0.6**2)):
        engine = start(condition(**still, **change), key=11)
        for hours in (6.0, 24.0):
            engine.advance(round(60 * hours) - engine.tick)
            expected = full * (1.0 - math.exp(-(hours + 0.5) / 12.0))
            assert engine.targets["target_arrest"][:50] == pytest.approx(np.full(50, expected), rel=0.02)


def test_daughters_inherit_and_share_the_antibody():
    """No dissociation, no uptake, empty medium: a family shares the antibody of its founder and has its traits."""
    frozen = dict(
        antibody__kd_nM=1e-12, antibody__wash_after_opsonisation=True, targets__her2_internalisation_per_h=0.0
    )
    engine = start(condition(**ROOMY, **frozen, targets__doubling_time_h=24.0), key=10)
    founders = engine.targets["target_receptors_0"].copy()
    bound = dict(zip(founders, engine.bound[0], strict=True))
    assert len(bound) == 1000 and min(bound.values()) > 0.0
    engine.advance(48 * 60)
    n = engine.n_targets
    assert n > 2000
    families = engine.targets["target_receptors_0"][:n]
    assert set(families) == set(bound)
    assert (engine.targets["target_response"][:n] == 1.0).all()
    assert (engine.targets["target_clone"][:n] == 0).all()
    total = dict.fromkeys(bound, 0.0)
    for family, b in zip(families, engine.bound[0], strict=False):
        total[family] += b
    assert [total[f] for f in founders] == pytest.approx([bound[f] for f in founders], rel=1e-9)


def test_hits_that_kill_are_drawn_anew_at_birth_from_the_line():
    """Mothers that one hit kills have daughters like the line, as in the tumour."""
    spread = dict(targets__hits_to_kill=3.0, targets__hits_log_sd=0.4, targets__doubling_time_h=24.0)
    engine = start(condition(**ROOMY, **spread), key=12)
    engine.targets["target_threshold"][:] = 1
    engine.advance(48 * 60)
    hits = engine.targets["target_threshold"][1000 : engine.n_targets]
    born = len(hits)
    assert born > 1000
    expected = 0.5 * (1.0 + math.erf(math.log(2.5 / 3.0) / 0.4 / math.sqrt(2.0)))
    assert abs((hits <= 2).mean() - expected) < 4 * math.sqrt(expected * (1.0 - expected) / born)
