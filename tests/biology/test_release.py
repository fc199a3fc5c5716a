"""Release of markers: the delay against a library integrator, leak and full lysis in closed form."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from adccsim.biology.release import delayed, raw_signal, released_units

HOURS = np.linspace(0.0, 4.0, 25)
DEATHS = 900.0 * (1.0 - np.exp(-HOURS))


@pytest.mark.parametrize("delay_h", [0.05, 1.0, 30.0])
def test_delay_is_first_order(delay_h):
    solved = solve_ivp(
        lambda t, r: (np.interp(t, HOURS, DEATHS) - r) / delay_h,
        (0.0, 4.0), [0.0], t_eval=HOURS, max_step=1.0 / 60.0, rtol=1e-8, atol=1e-6,
    )  # fmt: skip
    assert delayed(HOURS, DEATHS, delay_h) == pytest.approx(solved.y[0], rel=1e-4, abs=1e-3)


def test_delay_does_not_depend_on_how_often_a_straight_count_is_sampled():
    coarse = delayed(np.array([0.0, 4.0]), np.array([0.0, 80.0]), 1.0)[-1]
    fine = delayed(HOURS, 20.0 * HOURS, 1.0)[-1]
    assert coarse == pytest.approx(fine, rel=1e-12)
    assert fine == pytest.approx(80.0 - 20.0 * (1.0 - np.exp(-4.0)), rel=1e-12)


def test_no_delay_and_no_leak_release_what_died():
    assert delayed(HOURS, DEATHS, 0.0) == pytest.approx(DEATHS)
    assert delayed(HOURS, DEATHS, 1e-6) == pytest.approx(DEATHS, rel=1e-3, abs=1e-3)
    assert released_units(HOURS, DEATHS, 1000.0, 0.0, 0.0) == pytest.approx(DEATHS)


def test_living_cells_leak_and_dead_ones_release_all():
    leak = released_units(HOURS, np.zeros(25), 1000.0, 0.0, 0.05)
    assert leak == pytest.approx(1000.0 * (1.0 - np.exp(-0.05 * HOURS)))
    all_dead = released_units(HOURS, np.full(25, 1000.0), 1000.0, 0.0, 0.05)
    assert all_dead == pytest.approx(np.full(25, 1000.0))
    both = released_units(HOURS, DEATHS, 1000.0, 0.0, 0.05)
    assert (both >= np.maximum(leak, DEATHS) - 1e-9).all() and (both <= 1000.0).all()


def test_raw_signal_is_linear_in_cells():
    assert raw_signal(0.0, 0.05, 2.0) == pytest.approx(0.05)
    assert raw_signal(1e4, 0.05, 2.0) == pytest.approx(2.05)
    assert raw_signal(np.array([5e3, 2e4]), 0.05, 2.0) == pytest.approx([1.05, 4.05])
