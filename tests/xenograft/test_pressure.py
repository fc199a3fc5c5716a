"""The flow potential: the analytic ball, the twin on a small box, and a solver that settles when stopped early."""

import numpy as np
import pytest

from adccsim.xenograft.pressure import Pressure
from adccsim.xenograft.rows import Rows
from adccsim.xenograft.state import ball_radius


def full_ball(cells, side, count):
    """Counts of a ball of patches that all hold `count` cells."""
    at = np.indices((side, side, side)) - (side - 1) / 2
    inside = (at**2).sum(axis=0) < ball_radius(cells, 64) ** 2
    return np.where(inside, count, 0).astype(np.uint8).ravel()


def solver(n, side):
    rows = Rows(side)
    rows.occupy(n)
    rows.update()
    return Pressure(side), rows.tuple()


def twin(n, side, relaxation, feed, drift, radius):
    """The same equations as one dense linear system over the patches of the tissue."""
    inside = np.flatnonzero(2 * n.astype(int) >= 64)
    number = {b: i for i, b in enumerate(inside)}
    matrix, right = np.zeros((len(inside), len(inside))), np.zeros(len(inside))
    for b, i in number.items():
        matrix[i, i] = 6.0
        right[i] = relaxation * (float(n[b]) - 64.0) + feed
        for k in (b - 1, b + 1, b - side, b + side, b - side**2, b + side**2):
            if k in number:
                matrix[i, number[k]] = -1.0
            else:
                at = np.array([k // side**2, k // side % side, k % side]) - (side - 1) / 2
                right[i] += drift * (np.linalg.norm(at) - radius)
    return inside, np.linalg.solve(matrix, right)


@pytest.mark.parametrize("drift", [0.0, 0.7])
def test_the_potential_is_that_of_the_dense_twin(drift):
    side = 16
    n = full_ball(15000, side, 66)
    n[np.flatnonzero(n)[::7]] = 40
    flow, rows = solver(n, side)
    flow.solve(n, rows, 64, 0.25, 0.4, drift, 4.0, 15)
    inside, expected = twin(n, side, 0.25, 0.4, drift, 4.0)
    assert np.abs(flow.p[inside] - expected).max() < 1e-4 * np.abs(expected).max()


def test_uniform_excess_gives_the_parabola_of_a_ball():
    side, cells = 32, 300_000
    n = full_ball(cells, side, 68)
    flow, rows = solver(n, side)
    flow.solve(n, rows, 64, 0.25, 0.0, 0.0, 0.0, 12)
    p = flow.p.reshape((side,) * 3)
    middle = p[15:17, 15:17, 15:17].mean()
    profile = p[15:17, 15:17, 16:].mean(axis=(0, 1))
    r2 = np.arange(0.5, 16.0) ** 2 + 0.5
    slope = np.polyfit(r2[:8], profile[:8], 1)[0]
    assert slope == pytest.approx(-0.25 * 4.0 / 6.0, rel=5e-3)  # p = a (n - K) (R^2 - r^2) / 6
    # the potential vanishes about half a patch outside the rim, which is itself known to half a patch
    radius = ball_radius(cells, 64) + 0.5
    assert middle == pytest.approx(radius**2 / 6.0, rel=1.5 / radius)


@pytest.mark.parametrize("side", [16, 32])
def test_a_cycle_shrinks_the_error_at_least_twice(side):
    n = full_ball(15000 * (side // 16) ** 3, side, 68)
    exact, rows = solver(n, side)
    exact.solve(n, rows, 64, 0.25, 0.0, 0.0, 0.0, 20)
    flow, _ = solver(n, side)
    error = [np.abs(exact.p).max()]
    for _ in range(4):
        flow.solve(n, rows, 64, 0.25, 0.0, 0.0, 0.0, 1)
        error.append(np.abs(flow.p - exact.p).max())
    assert error[1] < 0.75 * error[0]
    assert error[4] < error[0] / 16.0


def test_one_cycle_an_hour_does_not_build_up():
    """Excess that is off the mean and a solver that stops early: the pair must settle, not swing up."""
    side = 32
    n = full_ball(300_000, side, 64).astype(float)
    flow, rows = solver(n.astype(np.uint8), side)
    box = n.reshape((side,) * 3)
    some = box > 0
    excess = []
    box[some] += 4.0 * np.cos(np.pi * np.indices(box.shape)[0][some] / 20.0)
    for _ in range(80):
        flow.solve(np.rint(box).astype(np.uint8).ravel(), rows, 64, 0.25, 0.0, 0.0, 0.0, 1)
        p = flow.p.reshape(box.shape)
        leaving = sum(p - np.roll(p, shift, axis) for shift in (1, -1) for axis in range(3))
        box[some] -= leaving[some]
        excess.append(np.abs(box[some] - 64.0).max())
    assert max(excess[60:]) < 1.0
    assert max(excess) < 5.0


def test_the_surroundings_press_on_what_stands_out():
    n = np.zeros((16, 16, 16), np.uint8)
    n[5:11, 5:11, 5:11] = 64
    n[8, 8, 11:13] = 64
    flow, rows = solver(n.ravel(), 16)
    flow.solve(n.ravel(), rows, 64, 0.25, 0.0, 0.5, 3.7, 10)
    p = flow.p.reshape(n.shape)
    assert p[8, 8, 12] > max(p[8, 8, 11], p[8, 8, 10])  # the spur flows back into the tumour


def test_a_box_that_the_grids_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        Pressure(24)
