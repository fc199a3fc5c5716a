"""How a tumour lies in memory: a box of patches, and one 32-bit word per tumour cell.

Box      M**3 cubic patches of 64 cells nominal, patch b = (z * M + y) * M + x. Patch b owns the slots
         b * CELL_SLOTS ... of `cells` and b * EFFECTOR_SLOTS ... of `effectors`; the first n[b] and ne[b] are taken.
         The outermost two layers of patches stay empty, so a stencil never leaves the box.
Cell     bits 0-1 state, 2 killed by an effector, 3-5 damage (lytic hits taken), 6-8 threshold - 1 (hits to kill),
         9-12 clone, 13-20 HER2 level, 21-28 vessel rank; 29-31 are free and stay 0.
HER2     level 0 is a cell without HER2; level v >= 1 holds reference * 2**((v - HER2_REFERENCE) / 16) receptors.
Limits   every field returns what was put in, whatever the others hold   (tests/xenograft/test_layout.py)
"""

import numpy as np
from numba import njit

PATCH_CELLS = 64  # cells of a patch at rest: a cube of 4 x 4 x 4
CELL_SLOTS = 128
EFFECTOR_SLOTS = 16

EMPTY = 0
ALIVE = 1
DEAD = 2
COMMITTED = 3  # has taken enough hits and will be dead within the hour

HER2_REFERENCE = 128
HER2_STEPS_PER_DOUBLING = 16
CLONES = 16
MAX_THRESHOLD = 8

STATE_MASK = np.uint32(0x3)
KILLED_BIT = np.uint32(1 << 2)
DAMAGE_SHIFT = np.uint32(3)
DAMAGE_MASK = np.uint32(0x7 << 3)
THRESHOLD_SHIFT = np.uint32(6)
THRESHOLD_MASK = np.uint32(0x7 << 6)
CLONE_SHIFT = np.uint32(9)
CLONE_MASK = np.uint32(0xF << 9)
HER2_SHIFT = np.uint32(13)
HER2_MASK = np.uint32(0xFF << 13)
RANK_SHIFT = np.uint32(21)
RANK_MASK = np.uint32(0xFF << 21)

_ONE = np.uint32(1)
_BYTE = np.uint32(0xFF)


@njit(inline="always")
def pack(state, threshold, clone, her2, rank):
    """A fresh cell word: no damage, not killed. `threshold` 1-8 hits, `clone` 0-15, `her2` and `rank` 0-255."""
    return (
        np.uint32(state)
        | ((np.uint32(threshold) - _ONE) << THRESHOLD_SHIFT)
        | (np.uint32(clone) << CLONE_SHIFT)
        | (np.uint32(her2) << HER2_SHIFT)
        | (np.uint32(rank) << RANK_SHIFT)
    )


@njit(inline="always")
def state_of(word):
    return word & STATE_MASK


@njit(inline="always")
def damage_of(word):
    return (word & DAMAGE_MASK) >> DAMAGE_SHIFT


@njit(inline="always")
def threshold_of(word):
    """Lytic hits that kill this cell, 1-8."""
    return ((word & THRESHOLD_MASK) >> THRESHOLD_SHIFT) + _ONE


@njit(inline="always")
def clone_of(word):
    return (word & CLONE_MASK) >> CLONE_SHIFT


@njit(inline="always")
def her2_of(word):
    return (word & HER2_MASK) >> HER2_SHIFT


@njit(inline="always")
def rank_of(word):
    """Rank of the cell's distance to its vessel among 256 classes: 0 touches the vessel."""
    return (word & RANK_MASK) >> RANK_SHIFT


@njit(inline="always")
def with_state(word, state):
    return (word & ~STATE_MASK) | np.uint32(state)


@njit(inline="always")
def with_damage(word, damage):
    return (word & ~DAMAGE_MASK) | (np.uint32(damage) << DAMAGE_SHIFT)


@njit(inline="always")
def with_clone(word, clone):
    return (word & ~CLONE_MASK) | (np.uint32(clone) << CLONE_SHIFT)


@njit(inline="always")
def with_her2(word, level):
    return (word & ~HER2_MASK) | (np.uint32(level) << HER2_SHIFT)


@njit(inline="always")
def with_rank(word, rank):
    return (word & ~RANK_MASK) | (np.uint32(rank) << RANK_SHIFT)


@njit(inline="always")
def killed(word):
    """The word of a cell that an effector has killed: dead, flagged, the rest kept for the record."""
    return (word & ~STATE_MASK) | np.uint32(DEAD) | KILLED_BIT


def her2_relative():
    """HER2 of each level relative to the reference of the clone's line, float64 of shape (256,); level 0 has none."""
    levels = np.arange(256, dtype=np.float64)
    relative = 2.0 ** ((levels - HER2_REFERENCE) / HER2_STEPS_PER_DOUBLING)
    relative[0] = 0.0
    return relative


def patch_side_um(cells_per_mm3):
    """Side of a patch in um, for the density of the tissue at rest."""
    return 1000.0 * (PATCH_CELLS / cells_per_mm3) ** (1.0 / 3.0)
