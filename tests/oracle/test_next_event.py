"""The oracle by itself, against closed forms: it can judge the kernel only if it is right where theory is known.

Every statistical tolerance is four standard errors; the mean field of encounters is no exact theory and says its own.
"""

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

from tests.oracle.conditions import condition, small_well
from tests.oracle.next_event import run, simulate
from tests.oracle.state import EFFECTOR, ENCOUNTERS, FREE, STEP_X, STEP_Y, empty_well

NEVER = 1e12  # h: a mean time that switches a mechanism off
ROOM = Path(__file__).parent

# Nothing but search, conjugation at the first encounter, and hits: other mechanisms come back one by one.
BARE = {
    "targets__spontaneous_death_per_h": 0.0,
    "targets__clearance_time_h": NEVER,
    "targets__repair_time_h": NEVER,
    "targets__hits_log_sd": 0.0,
    "targets__her2_internalisation_per_h": 0.0,
    "effectors__speed_um_per_min": 4e4,
    "effectors__immobile_fraction": 0.0,
    "effectors__conjugation_min": 1.0,
    "effectors__conjugation_max": 1.0,
    "effectors__conjugate_lifetime_h": NEVER,
    "effectors__post_kill_attachment_h": NEVER,
    "effectors__potency_log_sd": 0.0,
    "effectors__cd16a_shedding_per_h": 0.0,
    "effectors__granules_mean": NEVER,
    "effectors__granule_reload_h": NEVER,
    "effectors__death_per_h": 0.0,
    "effectors__death_per_kill": 0.0,
    "effectors__natural_competent_fraction": 1.0,
    "effectors__antibody_competent_fraction": 1.0,
    "effectors__natural_hit_per_h": 0.0,
    "effectors__antibody_hit_per_h": 0.0,
    "antibody__dose_ug_per_ml": 0.0,
    "assay__duration_h": 1.0,
}
# A dose and a contact so rich in bridges that S is 1 to within one part in a million.
SATURATED = {"antibody__dose_ug_per_ml": 10.0, "effectors__bridges_half": 1e-6}


def bare_well(targets: int, nk: int, **overrides) -> dict:
    return small_well(targets, **{**BARE, "effectors__nk_cells": nk, **overrides})


def assert_fraction(successes: int, trials: int, expected: float) -> None:
    """A binomial count within four standard errors of its expectation."""
    error = math.sqrt(expected * (1.0 - expected) / trials)
    assert abs(successes / trials - expected) < 4.0 * error


def killed_by(hours: float, hit_rate: float, theta: int, repair_time: float = NEVER) -> float:
    """Probability that one conjugate has committed its target: the chain of damage 0 ... theta."""
    rates = np.zeros((theta + 1, theta + 1))
    for damage in range(theta):
        rates[damage, damage + 1] = hit_rate
        if damage:
            rates[damage, damage - 1] = damage / repair_time
    rates -= np.diag(rates.sum(axis=1))
    return float(expm(rates * hours)[0, theta])


def lone_kills(wells: int, **overrides) -> int:
    """Kills in this many wells of one NK cell each, which finds its only target at once."""
    lone = bare_well(20, 1, **overrides)
    return sum(run(lone, seed, grid_s=600.0)["kills"] for seed in range(wells))


def test_it_imports_nothing_of_the_product():
    allowed = {"math", "typing", "copy", "numpy", "numba", "antibody", "state", "compiled", "hashlib", "pathlib"}
    for file in ("next_event.py", "antibody.py", "state.py", "conditions.py", "compiled.py"):
        for node in ast.walk(ast.parse((ROOM / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom):
                assert node.module in allowed


def test_same_seed_same_well():
    well = small_well(200)
    first, again, other = run(well, 5), run(well, 5), run(well, 6)
    for name, value in first.items():
        assert np.array_equal(value, again[name]), name
    assert first["encounters"] != other["encounters"]


def test_spontaneous_death_alone_is_exponential():
    well = small_well(500, effectors__et_ratio=0.0, targets__spontaneous_death_per_h=0.1)
    wells = [run(well, seed) for seed in range(8)]
    dead = sum(result["dead"] for result in wells)
    assert dead == sum(result["spontaneous"] for result in wells)
    assert all(result["alive"] + result["dead"] == 500 for result in wells)
    assert_fraction(dead, 8 * 500, 1.0 - math.exp(-0.1 * 4.0))


def test_effectors_die_exponentially():
    dead = sum(run(bare_well(100, 500, effectors__death_per_h=0.5), seed)["effectors_dead"] for seed in range(4))
    assert_fraction(dead, 4 * 500, 1.0 - math.exp(-0.5))


def test_corpses_are_cleared_exponentially():
    well = bare_well(500, 0, targets__spontaneous_death_per_h=1e6, targets__clearance_time_h=2.0)
    assert_fraction(run(well, 1)["cleared"], 500, 1.0 - math.exp(-0.5))


def walkers(sites_per_target: float, **overrides) -> dict:
    """500 NK cells that meet 500 targets at the default speed and never conjugate."""
    search = {
        "well__area_mm2": 500 * sites_per_target * 1e-4,
        "effectors__speed_um_per_min": 4.0,
        "effectors__conjugation_min": 0.0,
        "effectors__conjugation_max": 0.0,
    }
    return bare_well(500, 500, **{**search, **overrides})


HOP_PER_H = 4.0 * 60.0 / 12.071 * 1.14


def test_encounters_meet_the_mean_field():
    """Of the 8 directions from each free site, 20 per target lead onto it: rate hop 20 / (8 (sites - 4)).

    Tolerance 15 %: the mean field counts neighbouring targets' shared borders twice and knows no persistence, by which
    a walker ploughs new ground; with 32 sites per target the lattice lies about 7 % above it.
    """
    well = walkers(32, assay__duration_h=4.0)
    rate = np.mean([run(well, seed)["encounter_rate"] for seed in range(10)])
    assert rate == pytest.approx(HOP_PER_H * 20.0 / (8.0 * (32 - 4)), rel=0.15)


@pytest.mark.parametrize("sites_per_target", [16, 32])
def test_encounters_without_persistence_are_exact(sites_per_target):
    """Tumbling 100 times per hop makes every direction equally likely on every free site: count the ways in."""
    well = walkers(sites_per_target, effectors__persistence_min=0.03)
    ratios = []
    for seed in range(10):
        w, hours = empty_well(well, 600.0), np.zeros(2)
        simulate(w, seed, hours)
        target, ground = w.grid[0] > 0, (w.grid[0] == FREE) | (w.grid[0] == EFFECTOR)
        steps = zip(STEP_X, STEP_Y, strict=True)
        ways = sum((ground & np.roll(target, (-x, -y), axis=(0, 1))).sum() for x, y in steps)
        ratios.append(w.counts[ENCOUNTERS] / hours[0] / (HOP_PER_H * ways / (8.0 * ground.sum())))
    assert abs(np.mean(ratios) - 1.0) < 4.0 * np.std(ratios, ddof=1) / math.sqrt(len(ratios))


@pytest.mark.parametrize(("theta", "repair_time"), [(1, NEVER), (2, NEVER), (3, 0.3)])
def test_a_lone_conjugate_kills_by_the_chain_of_hits(theta, repair_time):
    kills = lone_kills(
        2000,
        effectors__natural_hit_per_h=2.0,
        targets__hits_to_kill=theta,
        targets__repair_time_h=repair_time,
    )
    assert_fraction(kills, 2000, killed_by(1.0, 2.0, theta, repair_time))


def test_arms_and_potency_add_up():
    kills = lone_kills(
        2000,
        **SATURATED,
        effectors__natural_hit_per_h=0.7,
        effectors__antibody_hit_per_h=0.5,
        effectors__natural_competent_fraction=0.3,
        effectors__antibody_competent_fraction=0.8,
        effectors__donor_potency=2.0,
    )
    assert_fraction(kills, 2000, 0.3 * killed_by(1.0, 2.4, 2) + 0.5 * killed_by(1.0, 1.0, 2))


def test_late_killing_after_the_last_granule():
    """One granule and two hits needed: the second step is the slow kill of the empty effector."""
    kills = lone_kills(
        2000,
        effectors__granules_mean=1.0,
        effectors__natural_hit_per_h=2.0,
        effectors__late_killing_per_h=1.0,
    )
    assert_fraction(kills, 2000, 1.0 - (2.0 * math.exp(-1.0) - math.exp(-2.0)))


def test_shedding_leaves_an_exponential_share_of_cd16a():
    """At S = 1 each of the 8 levels goes by itself at k_shed, as long as one is left."""
    well = bare_well(500, 500, **SATURATED, effectors__cd16a_shedding_per_h=0.7)
    level = np.mean([run(well, seed, grid_s=60.0)["cd16a_level"] for seed in range(4)])
    expected = math.exp(-0.7)
    assert abs(level - expected) < 4.0 * math.sqrt(expected * (1.0 - expected) / (8 * 4 * 500))


def test_committed_targets_die_in_three_stages():
    well = bare_well(500, 500, effectors__natural_hit_per_h=1e6, targets__death_time_h=1.0)
    wells = [run(well, seed) for seed in range(4)]
    died = 1.0 - math.exp(-3.0) * (1.0 + 3.0 + 4.5)
    assert_fraction(sum(r["dead"] for r in wells), sum(r["kills"] for r in wells), died)
    assert all(r["alive"] + r["dying"] + r["dead"] == 500 for r in wells)


def test_death_per_kill_and_release_by_clearance():
    quick = {"effectors__natural_hit_per_h": 1e3, "targets__death_time_h": 0.01}
    fatal = run(bare_well(500, 100, **quick, effectors__death_per_kill=1.0), 1)
    assert fatal["effectors_dead"] == fatal["kills"] > 0
    held = run(bare_well(500, 100, **quick), 1)
    assert held["kills_per_nk"].size == 2
    released = run(bare_well(500, 100, **quick, targets__clearance_time_h=0.05), 1)
    assert released["kills_per_nk"].size > 2 and released["cleared"] > 0


def test_binding_reaches_the_closed_form_and_keeps_every_molecule():
    """One cell type, a limiting dose and a day of binding: equilibrium at the free antibody that is left."""
    cells, ra, kd, kx = 500, 1e6, 5.0, 1e-5
    well = bare_well(
        cells,
        0,
        targets__her2_cv=0.0,
        antibody__dose_ug_per_ml=0.5,
        antibody__pre_incubation_min=1440.0,
        assay__duration_h=0.1,
    )
    result = run(well, 1, grid_s=60.0)
    free = result["free_nM"]
    b = 1.0 + 2.0 * free / kd
    empty = 2.0 * ra / (b + math.sqrt(b * b + 8.0 * free / kd * kx * ra))
    both = 2.0 * free / kd * empty + free / kd * kx * empty**2
    assert result["bound_per_target"] == pytest.approx(both, rel=1e-6)
    molecules_per_nM = well["well"]["volume_ul"] * 1e-15 * 6.02214076e23
    added = 0.5e3 / 145.5
    assert free + result["bound_per_target"] * cells / molecules_per_nM == pytest.approx(added, rel=1e-9)


@pytest.mark.parametrize("dose", [0.001, 1.0])
def test_books_balance_with_everything_on(dose):
    well = small_well(
        500,
        effectors__et_ratio=5.0,
        effectors__late_killing_per_h=0.1,
        effectors__granule_reload_h=NEVER,
        well__serum_igg_g_per_l=0.5,
        antibody__dose_ug_per_ml=dose,
        partner__kd_nM=4.0,
    )
    result = run(well, 3)
    histogram = result["kills_per_nk"]
    assert histogram.sum() == 2500
    assert histogram @ np.arange(histogram.size) == result["kills"] > 0
    assert (result["granules_full"] - result["granules_left"]).sum() == result["hits"]
    assert result["granules_left"].min() >= 0
    assert result["alive"] + result["dying"] + result["dead"] == 500
    assert result["contacts"] <= result["encounters"]
    molecules_per_nM = well["well"]["volume_ul"] * 1e-15 * 6.02214076e23
    for name, mass in (("", well["antibody"]["molar_mass_kda"]), ("partner_", well["partner"]["molar_mass_kda"])):
        on_cells = sum(result[f"{name}{where}_per_target"] for where in ("bound", "internalised", "cleared"))
        assert result[f"{name}bound_per_target"] > 0.0
        found = result[f"{name}free_nM"] + on_cells * 500 / molecules_per_nM
        assert found == pytest.approx(dose * 1000.0 / mass, rel=1e-9)


def test_kills_stay_within_granules_without_late_killing():
    result = run(small_well(500, effectors__et_ratio=5.0, effectors__granule_reload_h=NEVER), 4)
    assert 0 < result["kills"] <= result["hits"] <= result["granules_full"].sum()


def test_wash_takes_the_free_antibody_only():
    washed = small_well(500, effectors__et_ratio=0.0, antibody__wash_after_opsonisation=True)
    kept = small_well(500, effectors__et_ratio=0.0)
    after, before = run(washed, 2), run(kept, 2)
    assert 0.0 < after["free_nM"] < 0.5 * before["free_nM"]
    assert 0.0 < after["bound_per_target"] < before["bound_per_target"]


def test_no_fc_no_antibody_arm():
    """F(ab')2 binds, and with natural killing off nobody dies of it."""
    well = small_well(200, antibody__fc_gain=0.0, effectors__natural_hit_per_h=0.0)
    result = run(well, 1)
    assert result["bound_per_target"] > 0.0 and result["hits"] == 0


def test_refusals():
    with pytest.raises(ValueError, match="division"):
        run(small_well(20, assay__duration_h=48.0), 1)
    with pytest.raises(ValueError, match="actions"):
        run(small_well(20, action=[{"at_h": 1.0, "wash": True}]), 1)
    with pytest.raises(ValueError, match="do not fit"):
        run(small_well(20, effectors__et_ratio=500.0), 1)
    with pytest.raises(KeyError):
        condition(effectors__et_ration=5.0)
