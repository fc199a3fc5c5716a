"""Oxygen against its analytic profiles."""

import numpy as np
import pytest

from adccsim.xenograft.oxygen import perfuse, settle
from adccsim.xenograft.rows import Rows

SIDE = 32


def settled(n, perfusion, length_um, supply, patch_mm=0.08618, sweeps=3000):
    rows = Rows(SIDE)
    rows.occupy(n.ravel())
    rows.update()
    oxygen, scratch = np.ones(n.size, np.float32), np.ones(n.size, np.float32)
    settle(oxygen, scratch, perfusion, n.ravel(), patch_mm, length_um, supply, 64, rows.tuple(), sweeps)
    return oxygen.reshape(n.shape)


def ball(radius):
    at = np.indices((SIDE,) * 3) - (SIDE - 1) / 2
    r = np.sqrt((at**2).sum(axis=0))
    return r, np.where(r < radius, 64, 0).astype(np.uint8)


def test_a_ball_without_vessels_breathes_from_its_surface():
    r, n = ball(11.0)
    length = 4.0  # patches
    o2 = settled(n, np.zeros(n.size, np.float32), 1000.0 * 0.08618 * length, 1.3)
    some = (n > 0) & (r < 9.0)
    # a surface of patches is known to half a patch: the radius is fitted, the shape sinh(r / L) / r is the law
    shape = np.sinh(r[some] / length) / r[some]
    ratio = o2[some] / shape
    assert ratio.std() / ratio.mean() < 0.01
    effective = np.linspace(10.5, 12.0, 151)
    amplitude = effective / np.sinh(effective / length)
    assert 10.8 < effective[np.abs(amplitude - ratio.mean()).argmin()] < 11.9


def test_deep_tissue_with_even_vessels_has_supply_over_supply_plus_one():
    r, n = ball(12.0)
    o2 = settled(n, np.ones(n.size, np.float32), 50.0, 0.9)
    assert o2[r < 4.0] == pytest.approx(0.9 / 1.9, rel=1e-3)


def test_half_the_cells_consume_half():
    r, n = ball(12.0)
    o2 = settled(n // 2, np.ones(n.size, np.float32), 50.0, 0.9)
    assert o2[r < 4.0] == pytest.approx(0.9 / 1.4, rel=1e-3)


def test_a_patch_of_half_the_side_gives_the_same_level_in_space():
    r, n = ball(6.0)
    coarse = settled(n, np.zeros(n.size, np.float32), 300.0, 1.0, patch_mm=0.1)
    fine_r, fine_n = ball(12.0)
    fine = settled(fine_n, np.zeros(n.size, np.float32), 300.0, 1.0, patch_mm=0.05)
    assert coarse[r < 1.0].mean() == pytest.approx(fine[fine_r < 2.0].mean(), rel=0.05)


def test_outside_there_is_full_oxygen():
    _, n = ball(8.0)
    o2 = settled(n, np.zeros(n.size, np.float32), 300.0, 1.0)
    assert (o2[n == 0] == 1.0).all()


def test_pressure_halves_perfusion_at_its_half_potential():
    n = np.zeros((SIDE,) * 3, np.uint8)
    n[16, 16, 16] = 64
    rows = Rows(SIDE)
    rows.occupy(n.ravel())
    rows.update()
    vessels, perfusion, p = (np.full(n.size, v, np.float32) for v in (1.5, 0.0, 0.0))
    at = (16 * SIDE + 16) * SIDE + 16
    for potential, expected in ((0.0, 1.5), (40.0, 0.75), (-40.0, 1.5), (120.0, 0.375)):
        p[at] = potential
        perfuse(vessels, p, perfusion, 0.001, 0.04, *rows.tuple())
        assert perfusion[at] == pytest.approx(expected)
