"""Antibody in patches: diffusion, one patch, balance, sub-steps, the box, moving cells."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from adccsim.biology.tissue import free_at_equilibrium
from adccsim.xenograft.antibody import Antibody, stages
from tests.xenograft.bodies import Still, ball, params

PLASMA = np.array([900.0, 0.0])
NONE = np.zeros(2)


def advance(antibody, body, hours, plasma=PLASMA, substeps=1):
    for step in range(hours):
        antibody.step(body.rows.tuple(), body.n, body.cells, body.perfusion, plasma, step, substeps=substeps)
    return antibody


def faults_of(antibody, pool=0):
    """uptake - internalised - lost - content, relative to uptake."""
    uptake, internalised, lost = antibody.balance[:, pool]
    return (uptake - internalised - lost - antibody.total[pool].sum(dtype=float)) / uptake


def test_without_her2_antibody_diffuses():
    """A slab, no vessels, no HER2: the cosine profile decays at D k^2, k = pi / length."""
    side = 48
    body = Still(side, lambda z, y, x: (np.abs(z) < 3) & (np.abs(y) < 3) & (np.abs(x + 0.5) < 16))
    body.perfusion[:] = 0.0
    antibody = Antibody(side, params(clones=[{"her2_per_cell": 0.0}]))
    length = 32
    place = np.arange(side) - (side // 2 - 16) + 0.5
    wave = np.where((place > 0) & (place < length), np.cos(math.pi * place / length), 0.0)
    held = (body.n > 0).reshape(side, side, side)
    antibody.total[0] = (held * (10.0 + wave)).ravel()
    hours = 10
    advance(antibody, body, hours, plasma=np.array([1e-12, 0.0]))
    left = antibody.total[0].reshape(side, side, side)[held] - 10.0
    shape = np.broadcast_to(wave, held.shape)[held]
    k = math.pi / length  # per patch; what follows is the decay on a grid of patches, 0.3 % below D k^2
    rate = 10.0 * 3600.0 / params().patch_side_um ** 2 * 2.0 * (1.0 - math.cos(k))
    assert left @ shape / (shape @ shape) == pytest.approx(math.exp(-rate * hours), rel=1e-2)
    assert rate == pytest.approx(10.0 * 3600.0 * (k / params().patch_side_um) ** 2, rel=5e-3)
    assert antibody.total[0].sum(dtype=float) == pytest.approx(10.0 * held.sum(), rel=1e-4)


def test_one_patch_is_an_ordinary_equation():
    body = Still(16, lambda z, y, x: (z == 0) & (y == 0) & (x == 0))
    antibody = Antibody(16, params())
    pool = antibody.pools[0]
    her2 = antibody.start_her2_nM

    def slope(_, a):
        free = free_at_equilibrium(a[0], her2, pool.half_nM)
        return [pool.extravasation * (0.24 * 900.0 - free) - pool.internalised * (a[0] - free)]

    for hours in (6, 48):
        exact = solve_ivp(slope, (0.0, hours), [0.0], "LSODA", rtol=1e-9).y[0, -1]
        antibody = advance(Antibody(16, params()), body, hours)
        assert antibody.total[0].max() == pytest.approx(exact, rel=5e-3)
        assert antibody.theta[0].max() == pytest.approx((exact - antibody.free[0].max()) / her2, rel=5e-3)


def test_balance_with_moving_cells():
    """Uptake, loss inside cells and loss with cells are summed apart, and they add up."""
    rng = np.random.default_rng(2)
    body = ball()
    antibody = Antibody(body.side, params())
    rows = body.rows.tuple()
    for step in range(20):
        antibody.step(rows, body.n, body.cells, body.perfusion, PLASMA if step < 10 else NONE, step)
        before, faces = body.n.copy(), np.zeros(body.side**3, np.uint64)
        cleared = np.zeros_like(before)
        for b in body.patches:
            if 2 < before[b] < 100 and rng.random() < 0.5:
                face = int(rng.integers(6))
                to = b + (1, -1, 16, -16, 256, -256)[face]
                if body.n[to] < 100:
                    faces[b] = np.uint64(2) << np.uint64(8 * face)
                    body.n[b] -= 2
                    body.n[to] += 2
                cleared[b] = rng.integers(2)
        antibody.carry(rows, before, body.n, faces, cleared)
        body.rows.occupy(body.n)
        body.rows.update()
    assert antibody.balance[2, 0] > 0.0
    assert antibody.total.min() > -0.1 * antibody.total.max()  # patches without HER2 overshoot, and recover
    assert abs(faults_of(antibody)) < 1e-4


def test_bound_antibody_goes_with_its_cells():
    body = Still(16, lambda z, y, x: (z == 0) & (y == 0) & (np.abs(x) < 2))
    antibody = advance(Antibody(16, params()), body, 3)
    b = body.patches[1]
    faces = np.zeros(16**3, np.uint64)
    faces[b] = np.uint64(16)  # a quarter of its cells to the next patch along x
    before = body.n.copy()
    before[b + 1] -= 24  # the two patches differ
    after = before.copy()
    after[b] -= 16
    after[b + 1] += 16
    total, bound = antibody.total[0].copy(), (antibody.total[0] - antibody.free[0])[b]
    antibody.carry(body.rows.tuple(), before, after, faces, np.zeros_like(after))
    assert antibody.total[0][b] == pytest.approx(total[b] - 0.25 * bound, rel=1e-6)
    assert antibody.total[0][b + 1] == pytest.approx(total[b + 1] + 0.25 * bound, rel=1e-6)
    assert antibody.total[0].sum() == pytest.approx(total.sum(), rel=1e-6)


def test_cells_without_antibody_around_them_take_none():
    body = ball()
    antibody = advance(Antibody(body.side, params()), body, 5, plasma=NONE)
    assert not antibody.given.any() and (antibody.profiles == 0).all() and (antibody.total == 0.0).all()


def test_more_substeps_change_little():
    """A step front in the middle of a tumour half of which has no vessels: the hardest case for splitting."""
    body = ball(20, 7.0)
    x = np.arange(body.side**3) % body.side
    body.perfusion[x > body.side // 2] = 0.0
    found = [advance(Antibody(body.side, params()), body, 24, substeps=k).total[0] for k in (1, 8)]
    content = found[1].sum(dtype=float)
    assert abs(found[0].sum(dtype=float) / content - 1.0) < 5e-3
    assert np.abs(found[0] - found[1]).sum(dtype=float) < 0.02 * content


def test_the_box_does_not_matter():
    found = []
    for side in (16, 24):
        body = ball(side)
        antibody = advance(Antibody(side, params()), body, 5)
        found.append((antibody.total[0][body.patches], antibody.profiles[0][body.patches]))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_a_second_antibody_has_a_pool_of_its_own():
    body = ball(12, 3.0)
    both = Antibody(12, params({"one": {}, "two": {"epitope": "II", "kd_nM": 20.0}}))
    advance(both, body, 6, plasma=np.array([900.0, 300.0]))
    alone = advance(Antibody(12, params()), body, 6)
    assert np.array_equal(both.total[0], alone.total[0])
    assert 0.2 < both.theta[1].max() / both.theta[0].max() < 0.5
    used = both.profiles[:, body.patches]
    assert used[1].min() > used[0].max()  # profiles of the second pool lie behind those of the first
    for pool in (0, 1):
        assert abs(faults_of(both, pool)) < 1e-4


def test_her2_is_counted_from_the_cells():
    body = ball(12, 3.0, her2_cv=0.5)
    antibody = advance(Antibody(12, params()), body, 1)
    per_cell = antibody.her2[body.patches]
    assert per_cell.mean() * 64.0 == pytest.approx(166.0, rel=0.03)
    assert per_cell.std() / per_cell.mean() == pytest.approx(0.5 / 8.0, rel=0.2)
    bare = Still(12, lambda z, y, x: z * z + y * y + x * x <= 9)
    bare.cells &= ~np.uint32(0xFF << 13)  # no HER2
    none = advance(Antibody(12, params()), bare, 1)
    assert (none.her2[bare.patches] == 0.0).all() and (none.theta == 0.0).all() and (none.profiles == 0).all()


def test_a_wider_box_keeps_everything():
    body, wide = ball(12, 3.0), ball(16, 3.0)
    antibody = advance(Antibody(12, params()), body, 4)
    before = {name: getattr(antibody, name).copy() for name in ("total", "free", "theta", "profiles", "her2")}

    def move(old, new, old_side, new_side, _):
        shift = (new_side - old_side) // 2
        inner = slice(shift, shift + old_side)
        new.reshape((new_side,) * 3)[inner, inner, inner] = old.reshape((old_side,) * 3)

    antibody.widen(16, body.rows.tuple(), move)
    for name, old in before.items():
        assert np.array_equal(getattr(antibody, name)[..., wide.patches], old[..., body.patches])
    advance(antibody, wide, 1)
    advance_old = advance(Antibody(12, params()), body, 5)
    assert np.allclose(antibody.total[0][wide.patches], advance_old.total[0][body.patches], rtol=1e-6)


def test_stages_are_even_and_stable():
    pool = Antibody(8, params()).pools[0]
    for hours in (0.1, 1.0, 4.0):
        s = stages(pool, hours)
        assert s % 2 == 0 and (s * s + s) / 2.0 * 2.0 / (12.0 * pool.diffusion) >= hours
