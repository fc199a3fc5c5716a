"""Moves: nobody is lost, flows have the size of the potential's slopes, effectors walk and are carried."""

import math

import numpy as np
import pytest

from adccsim.xenograft.layout import CELL_SLOTS, EFFECTOR_SLOTS, HER2_REFERENCE, pack
from adccsim.xenograft.movement import CELLS, COUNTS, EFFECTORS, OUTBOX, outflow, pull
from adccsim.xenograft.rows import CHUNKS, Rows

SIDE = 16


class Tissue:
    """A box of patches with counts n of cells and ne of effectors, every one with a number of its own."""

    def __init__(self, n, ne=None):
        self.n = n.astype(np.uint8).ravel()
        self.ne = np.zeros(SIDE**3, np.uint8) if ne is None else ne.astype(np.uint8).ravel()
        self.cells = np.zeros((SIDE**3, CELL_SLOTS), np.uint32)
        self.effectors = np.zeros((SIDE**3, EFFECTOR_SLOTS), np.uint64)
        taken = np.arange(CELL_SLOTS) < self.n[:, None]
        names = np.arange(taken.sum())
        self.cells[taken] = pack(1, 1, 0, HER2_REFERENCE, 0) & ~np.uint32(0xFF << 13) | ((names & 0xFF) << 13)
        taken = np.arange(EFFECTOR_SLOTS) < self.ne[:, None]
        self.effectors[taken] = np.arange(taken.sum(), dtype=np.uint64) << np.uint64(8)
        self.n_before, self.faces = np.zeros_like(self.n), np.zeros(SIDE**3, np.uint64)
        self.effector_faces = self.faces.copy()

    def words(self):
        ranks = np.uint32(0xFF << 21)
        cells = np.sort(self.cells[np.arange(CELL_SLOTS) < self.n[:, None]] & ~ranks)
        return cells, np.sort(self.effectors[np.arange(EFFECTOR_SLOTS) < self.ne[:, None]])

    def move(self, p, key=7, walk=0):
        rows = Rows(SIDE)
        rows.occupy(self.n)
        rows.update()
        cells, effectors, outbox = self.cells.ravel(), self.effectors.ravel(), np.zeros(SIDE**3 * OUTBOX, np.uint32)
        outflow(
            cells, outbox, self.n, self.n_before, self.faces, effectors, self.ne, self.effector_faces,
            p.astype(np.float32).ravel(), np.float32(1.0), np.full(4, walk, np.uint32), np.uint64(key), *rows.tuple(),
        )  # fmt: skip
        counts = np.zeros((CHUNKS, COUNTS), np.int64)
        pull(
            cells, outbox, self.n, self.faces, effectors, self.ne, self.effector_faces, rows.first, rows.last,
            *rows.tuple(), counts,
        )  # fmt: skip
        assert counts[:, CELLS].sum() == self.n.sum()
        assert counts[:, EFFECTORS].sum() == self.ne.sum()
        return self


def cube(count, low=5, high=11):
    n = np.zeros((SIDE, SIDE, SIDE), int)
    n[low:high, low:high, low:high] = count
    return n


def slope(per_patch):
    return -per_patch * np.indices((SIDE, SIDE, SIDE))[2].astype(float)


@pytest.mark.parametrize("key", [1, 2, 3])
@pytest.mark.parametrize("steepness", [0.3, 5.0, 60.0])
def test_every_cell_and_effector_arrives(key, steepness):
    rng = np.random.default_rng(key)
    some = cube(1) * rng.integers(0, 129, (SIDE,) * 3)
    tissue = Tissue(some, cube(1) * rng.integers(0, 17, (SIDE,) * 3))
    before = tissue.words()
    for step in range(3):
        tissue.move(steepness * rng.standard_normal((SIDE,) * 3), key=100 * key + step, walk=1 << 31)
    for old, new in zip(before, tissue.words(), strict=True):
        assert np.array_equal(old, new)
    assert tissue.n.max() <= CELL_SLOTS and tissue.ne.max() <= EFFECTOR_SLOTS


def test_nothing_moves_without_slope_and_walk():
    tissue = Tissue(cube(64), cube(3))
    cells, effectors = tissue.cells.copy(), tissue.effectors.copy()
    tissue.move(np.ones((SIDE,) * 3))
    assert np.array_equal(tissue.cells, cells) and np.array_equal(tissue.effectors, effectors)


def test_a_flow_of_less_than_a_cell_is_right_on_average():
    moved, faces = 0, 0
    for key in range(20):
        tissue = Tissue(cube(64))
        tissue.move(slope(0.3), key=key)
        moved += sum((tissue.faces >> np.uint64(8 * f)) & np.uint64(255) for f in range(6)).sum()
        faces += 6**3
    expected = 0.3 * faces
    assert abs(moved - expected) < 4 * math.sqrt(0.3 * 0.7 * faces)


def test_cells_flow_down_the_slope_only():
    tissue = Tissue(cube(64)).move(slope(2.0))
    assert (tissue.faces[tissue.faces > 0] == 2).all()  # two cells through the first face, +x
    n = tissue.n.reshape((SIDE,) * 3)
    assert n[8, 8, 5] == 62 and n[8, 8, 8] == 64 and n[8, 8, 11] == 2


def test_effectors_are_carried_as_cells_are():
    carried = stayed = 0
    for key in range(30):
        tissue = Tissue(cube(64), cube(4))
        tissue.move(slope(8.0), key=key)
        there = tissue.effector_faces.reshape((SIDE,) * 3)[5:11, 5:11, 5:10]
        carried += int(there.sum())
        stayed += there.size * 4 - int(there.sum())
    fraction = carried / (carried + stayed)
    # 8 of 64 leave; at most two effectors pass one face, which takes off the few cases of three or four
    missing = 4 * 0.125**3 * 0.875 + 2 * 0.125**4
    assert abs(fraction - (0.125 - missing / 4)) < 4 * math.sqrt(0.125 * 0.875 / (carried + stayed))


def test_effectors_walk_at_their_rate_to_all_sides():
    leavers = np.zeros(6)
    for key in range(40):
        tissue = Tissue(cube(64), cube(1))
        tissue.move(np.zeros((SIDE,) * 3), key=key, walk=round(0.4 * 2**32))
        inner = tissue.effector_faces.reshape((SIDE,) * 3)[6:10, 6:10, 6:10].ravel()
        leavers += [int(((inner >> np.uint64(8 * f)) & np.uint64(255)).sum()) for f in range(6)]
    trials = 40 * 4**3
    assert abs(leavers.sum() - 0.4 * trials) < 4 * math.sqrt(0.4 * 0.6 * trials)
    assert np.abs(leavers - 0.4 * trials / 6).max() < 4 * math.sqrt(0.4 * trials / 6)


def test_effectors_do_not_walk_out_of_the_tissue():
    tissue = Tissue(cube(64), cube(8))
    tissue.move(np.zeros((SIDE,) * 3), walk=2**32 - 1)
    assert (tissue.ne[tissue.n == 0] == 0).all()


def test_effectors_spread_over_cells_and_not_over_patches():
    """Detailed balance: in the long run the thin half of a tissue holds the share of effectors that it has of cells."""
    n = cube(64)
    n[:, :, 8:] //= 4
    thin = (np.indices((SIDE,) * 3)[2] >= 8).ravel()
    held = total = 0
    for key in range(5):
        tissue = Tissue(n, n > 0)
        for step in range(300):  # five times as long as it takes to even out over the six patches
            tissue.move(np.zeros((SIDE,) * 3), key=1000 * key + step, walk=1 << 31)
        held += int(tissue.ne[thin].sum())
        total += int(tissue.ne.sum())
    assert abs(held / total - 0.2) < 4 * math.sqrt(0.2 * 0.8 / total)


def test_a_cell_in_a_new_patch_has_a_new_rank():
    tissue = Tissue(cube(64)).move(slope(20.0))
    stayed = tissue.cells.reshape((SIDE,) * 3 + (CELL_SLOTS,))[8, 8, 5, :44]
    came = tissue.cells.reshape((SIDE,) * 3 + (CELL_SLOTS,))[8, 8, 11, :20]
    assert (stayed >> np.uint32(21) == 0).all()
    assert len(set(came >> np.uint32(21))) > 12
