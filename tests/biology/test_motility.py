"""Motility: the walk in closed form against walkers in plain Python, and the faces of a target counted one by one."""

import math

import numpy as np
import pytest

from adccsim.biology.motility import (
    MEAN_STEP_UM,
    encounter_per_h,
    hop_per_h,
    mean_squared_displacement_um2,
    tumble_per_h,
)

STEPS = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]


def test_rates():
    assert sum(10.0 * math.hypot(*s) for s in STEPS) / 8.0 == pytest.approx(MEAN_STEP_UM)
    assert hop_per_h(4.0, 1.0) == pytest.approx(240.0 / 12.0711, rel=1e-5)
    assert hop_per_h(4.0, 1.14) == pytest.approx(1.14 * hop_per_h(4.0, 1.0))
    assert tumble_per_h(3.0, 1.0) == pytest.approx(20.0)
    assert tumble_per_h(3.0, 2.0) == pytest.approx(40.0)


def test_a_target_is_faced_by_twenty_site_and_direction_pairs():
    block = {(0, 0), (0, 1), (1, 0), (1, 1)}
    around = [(x, y) for x in range(-1, 3) for y in range(-1, 3) if (x, y) not in block]
    faces = sum((x + dx, y + dy) in block for x, y in around for dx, dy in STEPS)
    hop = 22.7
    # uniform over free sites and directions: hops per hour times the share of pairs that face a target
    assert encounter_per_h(hop, 32.0) == pytest.approx(hop * faces / (8.0 * (32.0 - 4.0)))


def test_displacement_limits():
    hop, tumble = 22.7, 22.8
    assert mean_squared_displacement_um2(hop, tumble, 0.0) == 0.0
    assert mean_squared_displacement_um2(hop, tumble, 1e-6) == pytest.approx(150.0 * hop * 1e-6, rel=1e-4)
    # a new direction at every instant leaves uncorrelated steps; none at all leaves straight lines
    assert mean_squared_displacement_um2(hop, 1e9, 2.0) == pytest.approx(150.0 * hop * 2.0, rel=1e-6)
    straight = 150.0 * (hop * 2.0 + (hop * 2.0) ** 2)  # second moment of a Poisson number of equal steps
    assert mean_squared_displacement_um2(hop, 1e-4, 2.0) == pytest.approx(straight, rel=1e-3)
    late = mean_squared_displacement_um2(hop, tumble, 101.0) - mean_squared_displacement_um2(hop, tumble, 100.0)
    assert late == pytest.approx(150.0 * (hop + 2.0 * hop**2 / tumble), rel=1e-9)


def walk(random, hop, tumble, hours):
    """Squared displacement (um2) of one walker, event by event."""
    x = y = 0
    t, (dx, dy) = 0.0, STEPS[random.integers(8)]
    while True:
        t += random.exponential(1.0 / (hop + tumble))
        if t > hours:
            return 100.0 * (x * x + y * y)
        if random.random() < hop / (hop + tumble):
            x, y = x + dx, y + dy
        else:
            dx, dy = STEPS[random.integers(8)]


@pytest.mark.parametrize(("hop", "tumble"), [(22.7, 22.8), (22.7, 3.0)])
def test_displacement_of_plain_walkers(hop, tumble):
    random, hours, n = np.random.default_rng(3), 0.5, 4000
    squared = np.array([walk(random, hop, tumble, hours) for _ in range(n)])
    expected = mean_squared_displacement_um2(hop, tumble, hours)
    assert abs(squared.mean() - expected) < 4.0 * squared.std() / math.sqrt(n)
