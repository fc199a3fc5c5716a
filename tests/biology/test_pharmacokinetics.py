"""Plasma kinetics against a numerical solver, the closed form of one dose, and their limits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from adccsim.biology.pharmacokinetics import advance_linear, advance_saturable, convolved, disposition, saturable_loss

LAW = (7.06, 50.0, 60.0, 144.0)  # clearance, central, peripheral, exchange


def twin(start, ip, sc, law, largest, half, days):
    """(ip, sc, plasma, periphery) by a numerical solver, from the equations."""
    clearance, central, peripheral, exchange = law

    def slope(_, a):
        c = a[2] / central
        over = exchange * (c - a[3] / peripheral)
        loss = clearance * c + largest * c / (half + c)
        return [-ip * a[0], -sc * a[1], ip * a[0] + sc * a[1] - loss - over, over]

    return solve_ivp(slope, (0.0, days), start, "LSODA", rtol=1e-11, atol=1e-9).y[:, -1]


@pytest.mark.parametrize("days", [1.0 / 24.0, 1.0, 7.0, 60.0])
@pytest.mark.parametrize("start", [(0.0, 13e3, 0.0), (10e3, 0.0, 0.0), (3e3, 5e3, 7e3)])
def test_linear_system_is_exact(start, days):
    found = advance_linear(*start, 3.0, *LAW, days)
    exact = twin((start[0], 0.0, start[1], start[2]), 3.0, 1.0, LAW, 0.0, 1.0, days)[[0, 2, 3]]
    assert found == pytest.approx(exact, rel=1e-7, abs=1e-5)


def test_steps_add_up():
    once = advance_linear(1e3, 2e3, 3e3, 3.0, *LAW, 5.0)
    state = (1e3, 2e3, 3e3)
    for _ in range(120):
        state = advance_linear(*state, 3.0, *LAW, 1.0 / 24.0)
    assert state == pytest.approx(once, rel=1e-12)


def test_one_dose_is_the_sum_of_two_exponentials():
    fast, slow = disposition(*LAW)
    back = 144.0 / 60.0
    for day in (0.1, 1.0, 10.0):
        expected = ((fast - back) * math.exp(-fast * day) + (back - slow) * math.exp(-slow * day)) / (fast - slow)
        assert advance_linear(0.0, 1.0, 0.0, 3.0, *LAW, day)[1] == pytest.approx(expected, rel=1e-12)


def test_without_exchange_there_is_one_compartment():
    plasma = advance_linear(0.0, 1e3, 0.0, 3.0, 7.0, 50.0, 60.0, 0.0, 4.0)[1]
    assert plasma == pytest.approx(1e3 * math.exp(-7.0 / 50.0 * 4.0), rel=1e-12)


def test_a_fast_depot_is_an_injection():
    depot = advance_linear(1e3, 0.0, 0.0, 1e7, *LAW, 1.0)
    assert depot[1:] == pytest.approx(advance_linear(0.0, 1e3, 0.0, 1.0, *LAW, 1.0)[1:], rel=1e-5)


def test_absorption_as_fast_as_disposition_has_no_pole():
    fast, slow = disposition(*LAW)
    for rate in (fast, slow):
        at = advance_linear(1e3, 0.0, 0.0, rate, *LAW, 2.0)
        near = advance_linear(1e3, 0.0, 0.0, rate * (1.0 + 1e-6), *LAW, 2.0)
        assert at[1:] == pytest.approx(near[1:], rel=1e-5)
    for a, b in ((2.0, 2.0), (2.0, 3.0)):
        integral = quad(lambda s, a=a, b=b: math.exp(-b * s) * math.exp(-a * (1.5 - s)), 0.0, 1.5)[0]
        assert convolved(a, b, 1.5) == pytest.approx(integral, rel=1e-9)


def test_area_under_the_curve_is_dose_over_clearance():
    edges = [0.0, 0.5, 2.0, 10.0, 50.0, 150.0, 400.0]
    pieces = [
        quad(lambda t: advance_linear(0.0, 4500.0, 0.0, 3.0, *LAW, t)[1] / LAW[1], *ab)[0] for ab in pairwise(edges)
    ]
    area = sum(pieces)
    assert area == pytest.approx(4500.0 / LAW[0], rel=1e-6)


@pytest.mark.parametrize("days", [1.0 / 24.0, 1.0, 7.0])
def test_saturable_loss_against_the_solver(days):
    start, largest, half = (2e3, 1e3, 3e3, 500.0), 635.0, 30.0
    found = advance_saturable(*start, 3.0, 1.0, *LAW, largest, half, days)
    assert found == pytest.approx(twin(start, 3.0, 1.0, LAW, largest, half, days), rel=1e-6)


def test_saturable_loss_has_its_two_limits():
    """Little antibody: linear with clearance CL + Vmax/Km; much: a constant loss that does not matter."""
    assert saturable_loss(30.0, 600.0, 30.0) == 300.0
    few = advance_saturable(0.0, 0.0, 1.0, 0.0, 3.0, 1.0, *LAW, 635.4, 30.0, 3.0)
    linear = advance_linear(0.0, 1.0, 0.0, 3.0, LAW[0] + 635.4 / 30.0, *LAW[1:], 3.0)
    assert few[2:] == pytest.approx(linear[1:], rel=1e-3)
    much = advance_saturable(0.0, 0.0, 1e8, 0.0, 3.0, 1.0, *LAW, 635.4, 30.0, 3.0)
    assert much[2:] == pytest.approx(advance_linear(0.0, 1e8, 0.0, 3.0, *LAW, 3.0)[1:], rel=1e-4)


def test_nothing_in_nothing_out():
    assert advance_linear(0.0, 0.0, 0.0, 3.0, *LAW, 1.0) == (0.0, 0.0, 0.0)
    assert np.all(np.array(advance_saturable(0.0, 0.0, 0.0, 0.0, 3.0, 1.0, *LAW, 600.0, 30.0, 1.0)) == 0.0)
