"""Whole tumours without drugs: growth at the right rate, inheritance, and steps that do not matter."""

import math

import numpy as np
import pytest

from adccsim.xenograft import kernel, layout
from adccsim.xenograft.state import Clone
from adccsim.xenograft.tumour import Tumour
from tests.xenograft.tissues import AIRY, NO_LOSS, PLAIN, grown, hour, living_words, rate_per_h, tissue


def fraction_error(fraction, count):
    return math.sqrt(fraction * (1.0 - fraction) / count)


def test_division_only_is_exponential_at_its_rate():
    tumour = grown(tissue(40_000, NO_LOSS, **AIRY), 100)
    # births of a Yule process: sd of ln N is sqrt((1 - e^-gt) / N0)
    error = math.sqrt((1.0 - math.exp(-1.0)) / 40_000) / 100
    assert rate_per_h(tumour) == pytest.approx(0.01, abs=4 * error)
    assert tumour.totals["births"] == tumour.cells_now - 40_000


def test_growth_with_losses_is_the_net_rate_and_dead_cells_keep_their_fraction():
    tumour = grown(tissue(40_000, PLAIN, **AIRY), 120)
    counts, _ = tumour.census()
    births = tumour.totals["births"] + tumour.totals["deaths_natural"] + tumour.totals["cleared"]
    assert rate_per_h(tumour) == pytest.approx(0.005, abs=4 * math.sqrt(births) / 60_000 / 120)
    steady = (0.005 / (0.0125 + 0.005)) / (1.0 + 0.005 / (0.0125 + 0.005))
    assert counts["cells_dead"] / tumour.cells_now == pytest.approx(steady, abs=0.01)
    assert counts["cells_alive"] == tumour.alive


@pytest.mark.parametrize("tick_h", [0.5, 2.0])
def test_the_length_of_a_step_does_not_change_growth(tick_h):
    numbers = {**AIRY, "start": 40_000}
    tumour = grown(tissue(numbers.pop("start"), NO_LOSS, tick_h=tick_h, **numbers), round(100 / tick_h))
    error = math.sqrt((1.0 - math.exp(-1.0)) / 40_000) / 100
    assert rate_per_h(tumour) == pytest.approx(0.01, abs=4 * error)


def test_growth_in_poor_oxygen_starts_at_the_rate_asked_for():
    what = tissue(40_000, PLAIN, oxygen_length_um=60.0, vessel_supply=0.9, perfused_fraction=0.4, oxygen_half=0.25)
    tumour = grown(what, 48)
    assert tumour.oxygen_factor_at_start < 0.85
    assert rate_per_h(tumour) == pytest.approx(0.005, rel=0.1)


def test_nothing_is_born_without_oxygen_and_cells_die_of_hypoxia():
    tumour = Tumour(tissue(20_000, PLAIN._replace(loss_factor=0.0), hypoxic_death_per_h=0.01), 1)
    before = tumour.alive
    table, counts = tumour.clone_table, np.zeros((64, kernel.COUNTS), np.int64)
    kernel.update_cells(
        tumour.cells, tumour.n, np.zeros_like(tumour.oxygen), tumour.cleared, table, np.ones((1, 256), np.uint8),
        np.ones((1, 1, 1), np.float32), np.zeros((1, 16), np.uint8), np.zeros((2, len(tumour.n)), np.uint16),
        0.25, 0.01, np.uint32(0), np.uint64(9), *tumour.rows.tuple(), counts,
    )  # fmt: skip
    births, losses = counts[:, kernel.BIRTHS].sum(), counts[:, kernel.LOSSES].sum()
    assert births == 0
    expected = -math.expm1(-0.01)
    assert abs(losses / before - expected) < 4 * fraction_error(expected, before)


def test_daughters_have_the_traits_of_their_mothers():
    clones = (
        Clone(0.5, 0.01, 0.0, her2_cv=0.5, hits_to_kill=2.0),
        Clone(0.5, 0.01, 0.0, her2_null_fraction=1.0, hits_to_kill=5.0),
    )
    tumour = grown(tissue(10_000, *clones, **AIRY), 100)
    words = living_words(tumour)
    clone, level = layout.clone_of.py_func(words), layout.her2_of.py_func(words)
    hits = layout.threshold_of.py_func(words)
    assert set(hits[clone == 0]) == {2} and set(hits[clone == 1]) == {5}
    assert (level[clone == 1] == 0).all() and (level[clone == 0] > 0).all()
    mean = layout.her2_relative()[level[clone == 0].astype(int)]
    assert mean.mean() == pytest.approx(1.0, abs=5 * 0.5 / math.sqrt(5000))
    assert mean.std() == pytest.approx(0.5, rel=0.1)


def test_hits_that_kill_are_drawn_anew_at_birth_from_the_line():
    tumour = Tumour(tissue(10_000, NO_LOSS._replace(hits_to_kill=3.0, hits_log_sd=0.4), **AIRY), 1)
    slots = tumour.cells.reshape(len(tumour.n), -1)
    slots[:] = slots & ~layout.THRESHOLD_MASK  # mothers that one hit kills
    for _ in range(100):
        hour(tumour)
    hits = layout.threshold_of.py_func(living_words(tumour))
    born = tumour.totals["births"]
    expected = 0.5 * (1.0 + math.erf(math.log(2.5 / 3.0) / 0.4 / math.sqrt(2.0)))
    few = ((hits <= 2).sum() - 10_000) / born
    assert abs(few - expected) < 4 * fraction_error(expected, born)


def test_drift_widens_her2_by_one_level_at_a_time():
    tumour = grown(tissue(10_000, NO_LOSS._replace(her2_drift=0.5), **AIRY), 100)
    level = layout.her2_of.py_func(living_words(tumour)).astype(float)
    # a cell has behind it, on average, gt divisions in which it was the newborn half of the time
    steps = 0.5 * 100 * 0.01
    assert level.mean() == pytest.approx(layout.HER2_REFERENCE, abs=0.1)
    assert level.var() == pytest.approx(0.5 * 2 * steps, rel=0.2)


def test_her2_that_is_lost_stays_lost():
    tumour = grown(tissue(20_000, NO_LOSS._replace(her2_loss=0.05), **AIRY), 60)
    lost = (layout.her2_of.py_func(living_words(tumour)) == 0).mean()
    # births at rate g bring g p N losses, and the lost grow along: share 1 - e^(-p g t)
    expected = -math.expm1(-0.05 * 0.01 * 60)
    assert abs(lost - expected) < 5 * fraction_error(expected, tumour.totals["births"])


def test_newborn_cells_switch_clone_at_their_chance():
    clones = (
        NO_LOSS._replace(fraction=1.0, switch_to=1, switch_per_birth=0.1),
        NO_LOSS._replace(fraction=0.0),
    )
    tumour = grown(tissue(20_000, *clones, **AIRY), 60)
    fraction = tumour.census()[0]["clone_cells"][1] / tumour.alive
    expected = -math.expm1(-0.1 * 0.01 * 60)
    assert abs(fraction - expected) < 5 * fraction_error(expected, tumour.totals["births"])


def test_signalling_blocks_births_of_its_clone_and_of_no_other():
    clones = (NO_LOSS._replace(fraction=0.5), NO_LOSS._replace(fraction=0.5))
    passing = np.ones((2, 1, 1), np.float32)
    passing[0] = 0.25
    tumour = grown(tissue(40_000, *clones, **AIRY), 50, passing=passing)
    grown_by = np.log(tumour.census()[0]["clone_cells"] / 20_000.0) / 50
    error = math.sqrt(1.0 / 20_000) / 50 + math.sqrt(0.5 / 20_000) / 50  # births and the draw of the clones
    assert grown_by[0] == pytest.approx(0.0025, abs=4 * error)
    assert grown_by[1] == pytest.approx(0.01, abs=4 * error)


def test_drug_deaths_are_counted_apart_and_take_cells_at_their_rate():
    tumour = grown(tissue(40_000, NO_LOSS, **AIRY), 24, birth_factor=0.0, extra_death_per_h=0.02)
    assert tumour.totals["births"] == tumour.totals["deaths_natural"] == 0
    left = math.exp(-0.02 * 24)
    assert abs(tumour.alive / 40_000 - left) < 4 * fraction_error(left, 40_000)
    assert tumour.totals["deaths_drug"] == 40_000 - tumour.alive


def test_dead_cells_are_cleared_at_their_rate():
    tumour = grown(tissue(30_000, NO_LOSS._replace(growth_per_h=0.0), **AIRY), 1)
    words = tumour.cells.reshape(len(tumour.n), -1)
    taken = np.arange(words.shape[1]) < tumour.n[:, None]
    words[taken] = words[taken] & ~np.uint32(3) | np.uint32(layout.DEAD)
    tumour.alive = 0
    for _ in range(24):
        hour(tumour)
    left = math.exp(-0.3)
    assert abs(tumour.cells_now / 30_000 - left) < 4 * fraction_error(left, 30_000)


def test_committed_cells_die_marked_and_damage_is_repaired_level_by_level():
    clone = NO_LOSS._replace(growth_per_h=0.0, death_time_h=2.0, repair_time_h=4.0)
    tumour = Tumour(tissue(30_000, clone, clearance_per_h=0.0, **AIRY), 1)
    slots = tumour.cells.reshape(len(tumour.n), -1)
    taken = np.argwhere(np.arange(slots.shape[1]) < tumour.n[:, None])
    for part, change in ((taken[::2], np.uint32(layout.COMMITTED)), (taken[1::2], np.uint32(1 | 4 << 3))):
        slots[tuple(part.T)] = slots[tuple(part.T)] & ~np.uint32(3) | change
    tumour.alive = 15_000
    hour(tumour)
    words = living_words(tumour)
    state, damage = layout.state_of.py_func(words), layout.damage_of.py_func(words)
    dead = state == layout.DEAD
    assert (words[dead] & layout.KILLED_BIT > 0).all()
    expected = -math.expm1(-0.5)
    assert abs(dead.sum() / 15_000 - expected) < 4 * fraction_error(expected, 15_000)
    kept = damage[state == layout.ALIVE].mean() / 4.0
    expected = math.exp(-0.25)
    assert abs(kept - expected) < 4 * fraction_error(expected, 60_000)
