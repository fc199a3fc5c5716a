"""Binding of a bivalent antibody: roots by bracketing, closed-form equilibrium, kinetics by a library integrator."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from adccsim.biology.binding import (
    bound_after,
    dose_nM,
    equilibrium_bound,
    equilibrium_free,
    free_receptors,
    nM_per_molecule,
    serum_igg_nM,
    singly_bound,
)

KON, KD, KX, RA = 1.0, 5.0, 1e-5, 1e6  # per nM and hour, nM, per receptor, receptors
ROOTS = [
    (ra, fraction, kx) for ra in (1e3, 1e6, 5e6) for fraction in (0.0, 1e-6, 0.3, 0.9, 1.0) for kx in (0.0, 1e-7, 1e-4)
]


def free_twin(accessible, bound, kx):
    """r that meets both balances: Ra = r + A1 + 2 A2 and B = A1 + A2 with A2 = Kx r A1 / 2."""

    def excess(r):
        single = bound / (1.0 + 0.5 * kx * r)
        return r + single + 2.0 * (bound - single) - accessible

    return 0.0 if excess(0.0) >= 0.0 else brentq(excess, 0.0, accessible, xtol=1e-12, rtol=1e-14)


def rate_twin(bound, accessible, c_nM, loss):
    """dB/dt of the law, from the bracketed root."""
    r = free_twin(accessible, bound, KX)
    single = bound / (1.0 + 0.5 * KX * r)
    return 2.0 * KON * c_nM * r - KON * KD * single - loss * bound


def relaxed(c_nM, dt_h, hours, accessible=RA, loss=0.0, bound=0.0):
    """Bound antibody after `hours` in steps of dt_h."""
    for _ in range(round(hours / dt_h)):
        bound = bound_after(bound, accessible, c_nM, KON, KON * KD, KX, loss, dt_h)
    return bound


@pytest.mark.parametrize(("accessible", "fraction", "kx"), ROOTS)
def test_free_receptors_is_the_root_of_the_balances(accessible, fraction, kx):
    bound = fraction * accessible
    r = free_receptors(accessible, bound, kx)
    assert r == pytest.approx(free_twin(accessible, bound, kx), rel=1e-9, abs=1e-12 * accessible)
    single = singly_bound(accessible, r, kx)
    double = 0.5 * kx * r * single
    assert single + double == pytest.approx(bound, rel=1e-9, abs=1e-6)
    assert r + single + 2.0 * double == pytest.approx(accessible, rel=1e-12)


def test_a_cell_without_receptors_stays_empty():
    assert free_receptors(0.0, 0.0, KX) == 0.0
    assert equilibrium_free(0.0, 10.0, KD, KX) == 0.0
    assert bound_after(0.0, 0.0, 10.0, KON, KON * KD, KX, 0.1, 1.0) == 0.0


def test_equilibrium_meets_mass_action_and_both_balances():
    for c in (1e-4, 0.38, 6.87, 700.0):
        r = equilibrium_free(RA, c, KD, KX)
        single, double = 2.0 * (c / KD) * r, (c / KD) * KX * r * r
        assert r + single + 2.0 * double == pytest.approx(RA, rel=1e-12)
        bound = equilibrium_bound(RA, c, KD, KX)
        assert bound == pytest.approx(single + double, rel=1e-12)
        assert free_receptors(RA, bound, KX) == pytest.approx(r, rel=1e-9)


def test_equilibrium_limits():
    for c in (0.01, 1.0, 100.0):
        langmuir = RA * 2.0 * c / KD / (1.0 + 2.0 * c / KD)
        assert equilibrium_bound(RA, c, KD, 0.0) == pytest.approx(langmuir, rel=1e-12)
        assert equilibrium_bound(RA, c, KD, 1e-14) == pytest.approx(langmuir, rel=1e-6)
    assert equilibrium_bound(RA, 0.0, KD, KX) == 0.0
    # few antibodies: B = C dB/dC at 0 = C (2 Ra + Kx Ra^2) / K1, all receptors still free
    assert equilibrium_bound(RA, 1e-9, KD, KX) == pytest.approx(1e-9 / KD * (2.0 * RA + KX * RA**2), rel=1e-6)
    # flooded: every receptor its own antibody, none held by both arms
    assert equilibrium_bound(RA, 1e9, KD, KX) == pytest.approx(RA, rel=1e-6)


def test_the_default_constants_give_the_apparent_affinity_of_the_model():
    """Half of 1.1e6 receptors are taken at 0.38 nM: inside the 0.2-10 nM that cell assays report."""
    half = brentq(lambda c: equilibrium_free(1.1e6, c, KD, KX) / 1.1e6 - 0.5, 1e-3, 10.0)
    assert half == pytest.approx(0.38, abs=0.01)


@pytest.mark.parametrize("c_nM", [0.01, 0.38, 6.87, 69.0])
@pytest.mark.parametrize("dt_h", [1.0 / 60.0, 0.5, 1e6])
def test_steps_of_any_length_end_in_equilibrium(c_nM, dt_h):
    bound = 0.0
    for _ in range(max(60, round(200.0 / dt_h))):
        bound = bound_after(bound, RA, c_nM, KON, KON * KD, KX, 0.0, dt_h)
    assert bound == pytest.approx(equilibrium_bound(RA, c_nM, KD, KX), rel=1e-6)


@pytest.mark.parametrize("loss", [0.0, 0.13])
def test_kinetics_converge_at_first_order(loss):
    c, hours = 0.38, 1.0
    exact = solve_ivp(lambda _, b: [rate_twin(b[0], RA, c, loss)], (0.0, hours), [0.0], rtol=1e-10, atol=1e-3).y[0, -1]
    error = [abs(relaxed(c, dt, hours, loss=loss) - exact) for dt in (1 / 60, 1 / 120, 1 / 240, 1 / 480)]
    assert error[0] < 0.01 * exact  # the grid of the well: one minute
    orders = np.log2(np.array(error[:-1]) / np.array(error[1:]))
    assert orders == pytest.approx([1.0, 1.0, 1.0], abs=0.1)


def test_the_slope_of_the_implicit_step_is_the_derivative_of_the_rate():
    """A very long step is a Newton step: it moves by -rate / slope."""
    for bound, loss in [(1e3, 0.0), (3e5, 0.1), (8e5, 0.0)]:
        c, h = 0.5, 1.0
        rate = rate_twin(bound, RA, c, loss)
        slope = (rate_twin(bound + h, RA, c, loss) - rate_twin(bound - h, RA, c, loss)) / (2.0 * h)
        moved = bound_after(bound, RA, c, KON, KON * KD, KX, loss, 1e9) - bound
        assert moved == pytest.approx(-rate / slope, rel=1e-4)


def test_loss_without_antibody_in_the_medium_is_exponential():
    """With dissociation off, what is bound is only taken in: B = B0 exp(-k t)."""
    bound, k, dt = 1e5, 0.0125, 1.0 / 60.0
    for _ in range(240):
        bound = bound_after(bound, RA, 0.0, 0.0, 0.0, KX, k, dt)
    assert bound == pytest.approx(1e5 * math.exp(-k * 4.0), rel=k * dt * 4.0)


def test_units():
    assert dose_nM(1.0, 145.5) == pytest.approx(6.873, abs=1e-3)
    assert serum_igg_nM(1.0) == pytest.approx(6666.67, abs=0.01)
    molecules = 6.02214076e23 * 1e-9 * 200e-6  # of 1 nM in 200 uL
    assert nM_per_molecule(200.0) * molecules == pytest.approx(1.0, rel=1e-12)
