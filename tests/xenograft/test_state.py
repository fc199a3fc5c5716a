"""The starting ball: as many cells as asked for, traits as asked for, the same ball in any box."""

import math

import numpy as np
import pytest

from adccsim.xenograft import layout
from adccsim.xenograft.state import Clone, TissueError, check, dead_fraction, draw_vessels, krogh_mean, place_ball
from tests.xenograft.tissues import PLAIN, tissue

MIXED = (
    Clone(0.75, 0.005, 0.5, her2_cv=0.3, hits_to_kill=3.0, hits_log_sd=0.4),
    Clone(0.25, 0.002, 0.0, her2_null_fraction=0.4),
)


def ball(what, side=16, key=5):
    cells = np.zeros(side**3 * layout.CELL_SLOTS, np.uint32)
    n, vessels = np.zeros(side**3, np.uint8), np.zeros(side**3, np.float32)
    place_ball(what, side, key, cells, n, vessels)
    return cells.reshape(-1, layout.CELL_SLOTS), n, vessels


def words(what, **box):
    cells, n, _ = ball(what, **box)
    return cells[np.arange(layout.CELL_SLOTS) < n[:, None]]


@pytest.mark.parametrize("cells", [1, 63, 1000, 30001])
def test_a_ball_has_exactly_the_cells_asked_for(cells):
    _, n, _ = ball(tissue(cells))
    assert n.sum() == cells
    assert n.max() <= layout.PATCH_CELLS


def test_a_ball_is_round_and_in_the_middle():
    _, n, _ = ball(tissue(30000))
    at = np.argwhere(n.reshape(16, 16, 16)) - 7.5
    weight = n[n > 0].astype(float)
    assert np.abs(weight @ at / weight.sum()).max() < 0.02
    assert np.linalg.norm(at, axis=1).max() < (3 * 30000 / 64 / 4 / math.pi) ** (1 / 3) + math.sqrt(3) / 2


def test_a_larger_box_holds_the_same_ball():
    small, n_small, vessels_small = ball(tissue(5000, *MIXED), side=16)
    large, n_large, vessels_large = ball(tissue(5000, *MIXED), side=32)
    inner = np.zeros((32, 32, 32), bool)
    inner[8:24, 8:24, 8:24] = True
    assert np.array_equal(n_large[inner.ravel()], n_small)
    assert np.array_equal(large[inner.ravel()], small)
    assert np.array_equal(vessels_large[inner.ravel()], vessels_small)


def within(fraction, expected, count, errors=4.0):
    return abs(fraction - expected) < errors * math.sqrt(expected * (1.0 - expected) / count)


def test_clones_and_dead_cells_have_their_fractions():
    all_words = words(tissue(50000, *MIXED))
    first = layout.clone_of.py_func(all_words) == 0
    assert within(first.mean(), 0.75, len(all_words))
    for clone, mine in ((MIXED[0], all_words[first]), (MIXED[1], all_words[~first])):
        dead = (mine & layout.STATE_MASK) == layout.DEAD
        expected = dead_fraction(clone, 0.3 / 24)
        assert dead.sum() == 0 if expected == 0.0 else within(dead.mean(), expected, len(mine))


def test_dead_cells_are_those_of_steady_growth():
    clone, clearance = Clone(1.0, 0.005, 0.5), 0.0125
    dead = dead_fraction(clone, clearance)
    # d(dead)/dt = loss alive - clearance dead grows at the rate of the tumour
    loss = 0.005
    assert loss * (1.0 - dead) - clearance * dead == pytest.approx(clone.growth_per_h * dead)


def test_her2_has_the_mean_and_spread_of_its_line_and_its_nulls():
    all_words = words(tissue(60000, *MIXED))
    clone, level = layout.clone_of.py_func(all_words), layout.her2_of.py_func(all_words)
    relative = layout.her2_relative()[level[clone == 0].astype(int)]
    # rounding down to sixteenths of an octave adds (ln 2 / 16)^2 / 12 to the variance
    error = 0.3 / math.sqrt(len(relative))
    assert relative.mean() == pytest.approx(1.0, abs=4 * error + 5e-4)
    assert relative.std() == pytest.approx(0.3, abs=0.01)
    nulls = level[clone == 1] == 0
    assert within(nulls.mean(), 0.4, len(nulls))
    assert set(level[clone == 1][~nulls]) == {layout.HER2_REFERENCE}


def test_hits_to_kill_follow_the_law_of_the_well():
    all_words = words(tissue(60000, *MIXED))
    hits = layout.threshold_of.py_func(all_words[layout.clone_of.py_func(all_words) == 0])
    at_most_2 = 0.5 * (1.0 + math.erf(math.log(2.5 / 3.0) / 0.4 / math.sqrt(2.0)))
    assert within((hits <= 2).mean(), at_most_2, len(hits))


def test_vessels_have_mean_1_over_the_perfused_fraction():
    vessels = np.zeros(48**3, np.float32)
    draw_vessels(tissue(10, perfused_fraction=0.6, vessel_spread=0.5), 48, 3, vessels)
    assert within((vessels > 0).mean(), 0.6, len(vessels))
    assert vessels.mean() == pytest.approx(1.0, abs=float(4 * vessels.std() / math.sqrt(len(vessels))))
    assert vessels[vessels > 0].min() >= 0.5 / 0.6 - 1e-6 and vessels.max() <= 1.5 / 0.6 + 1e-6


def test_ranks_are_uniform():
    rank = layout.rank_of.py_func(words(tissue(60000)))
    assert rank.mean() == pytest.approx(127.5, abs=4 * 73.9 / math.sqrt(len(rank)))


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (tissue(10, PLAIN._replace(fraction=0.5)), "add up"),
        (tissue(10, PLAIN._replace(loss_factor=1.0)), "loss_factor"),
        (tissue(10, PLAIN._replace(growth_per_h=-1.0)), "growth"),
        (tissue(10, PLAIN._replace(switch_to=1)), "switch_to"),
        (tissue(0), "one cell"),
        (tissue(10, edge_sites=5), "edge_sites"),
        (tissue(10, *[PLAIN._replace(fraction=1 / 17)] * 17), "16 clones"),
    ],
)
def test_what_cannot_be_built_is_refused(what, word):
    with pytest.raises(TissueError, match=word):
        check(what)


def test_a_krogh_cylinder_is_full_when_wide_open_and_loses_what_it_consumes():
    assert krogh_mean(75.0, 8.0, 1e5) == pytest.approx(1.0, abs=1e-4)
    # finite differences of o'' + o'/r = o / L^2, o(rc) = 1, o'(R) = 0
    r = np.linspace(8.0, 75.0, 2001)
    h = r[1] - r[0]
    matrix = np.zeros((len(r), len(r)))
    for i in range(1, len(r) - 1):
        matrix[i, i - 1 : i + 2] = 1 / h**2 - 1 / (2 * h * r[i]), -2 / h**2 - 1 / 60.0**2, 1 / h**2 + 1 / (2 * h * r[i])
    matrix[0, 0] = 1.0
    matrix[-1, -3:] = 1.0, -4.0, 3.0
    level = np.linalg.solve(matrix, np.eye(len(r))[0])
    mean = np.trapezoid(level * r, r) / np.trapezoid(r, r)
    assert krogh_mean(75.0, 8.0, 60.0) == pytest.approx(mean, rel=1e-3)
