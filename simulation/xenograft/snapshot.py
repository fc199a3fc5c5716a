"""Snapshots of a tumour, patch by patch or agent by agent, and its kills, as plain arrays.

Only here and in the engine are the words of cells and effectors decoded.
"""

from collections.abc import Sequence

import numpy as np

from adccsim.conditions.mouse import AntibodyDrug, MouseCondition
from adccsim.xenograft.contacts import KILLS_AT
from adccsim.xenograft.layout import (
    ALIVE,
    CELL_SLOTS,
    COMMITTED,
    EFFECTOR_SLOTS,
    HER2_REFERENCE,
    HER2_STEPS_PER_DOUBLING,
    clone_of,
    her2_of,
    state_of,
)

HER2_CLASSES = ("0", "1+", "2+", "3+")
_EPITOPES = ("IV", "II")


def classes_of(condition: MouseCondition) -> dict[str, list[str]]:
    """Names of the columns of observables that have several."""
    antibodies = [name for name, drug in condition.drugs.items() if isinstance(drug, AntibodyDrug)]
    lines = [f"{i + 1}: {clone.cell_line}" for i, clone in enumerate(condition.clones)]
    return {
        "plasma_ug_per_ml": antibodies,
        "antibody_free_nM": list(_EPITOPES),
        "antibody_bound_nM": list(_EPITOPES),
        "antibody_internalised_nM": list(_EPITOPES),
        "occupancy_mean": list(_EPITOPES),
        "density_shells": [f"{i / 10:.1f}-{(i + 1) / 10:.1f} R" for i in range(10)],
        "her2_fractions": list(HER2_CLASSES),
        "clone_cells": lines,
    }


def middle_slice(engine) -> dict[str, np.ndarray]:
    """The central plane of patches, cropped to the tumour: arrays (size, size) by the names of mouse_layout.FIELDS."""
    side, low, high = _extent(engine)
    plane = side // 2
    y, x = np.mgrid[low:high, low:high]
    return fields_of(engine, (plane * side + y) * side + x)


def whole_fields(engine) -> dict[str, np.ndarray]:
    """All patches, cropped to the tumour: arrays (size, size, size)."""
    side, low, high = _extent(engine)
    z, y, x = np.mgrid[low:high, low:high, low:high]
    return fields_of(engine, (z * side + y) * side + x)


def agents(engine, most: int) -> dict[str, np.ndarray]:
    """Cells and effectors as columns of mouse_layout.AGENTS; of more than `most` of a population every n-th.

    Within a patch agents have no place: the k-th stands on the k-th of its 64 sites, an effector in the middle of one.
    """
    arrays, side, patch_um = engine.arrays(), engine.side, engine.params.patch_side_um

    def place(counts, slots):
        ends = np.cumsum(counts, dtype=np.int64)
        every = max(1, -(-int(ends[-1]) // most))
        one = np.arange(0, ends[-1], every)
        patch = np.searchsorted(ends, one, side="right")
        slot = one - (ends[patch] - counts[patch])
        corner = np.stack([patch % side, patch // side % side, patch // side**2], axis=1) - side // 2
        site = np.stack([slot % 4, slot // 4 % 4, slot // 16 % 4], axis=1)
        return ((corner + (site + 0.5) / 4.0) * patch_um).astype(np.float32), patch * slots + slot

    position, at = place(arrays["n"], CELL_SLOTS)
    words = arrays["cells"][at]
    there, at = place(arrays["ne"], EFFECTOR_SLOTS)
    effectors = arrays["effectors"][at]
    return {
        "cell-position": position,
        "cell-state": state_of(words).astype(np.uint8),
        "cell-clone": clone_of(words).astype(np.uint8),
        "cell-her2": her2_of(words).astype(np.uint8),
        "effector-position": there,
        "effector-state": (effectors & np.uint64(3)).astype(np.uint8),
        "effector-kills": ((effectors >> KILLS_AT) & np.uint64(255)).astype(np.uint8),
    }


def kill_columns(block: Sequence[np.ndarray], engine, first_tick: int) -> tuple[np.ndarray, ...]:
    """Columns of mouse_layout.KILLS from a block of the engine: step, patch, cell word, type of the effector."""
    step, patch, word, kind = block
    side = engine.side
    patch = np.asarray(patch, np.int64)
    return (
        (np.asarray(step) - first_tick).astype(np.float32) * np.float32(engine.tick_h),
        (patch % side - side // 2).astype(np.int16),
        (patch // side % side - side // 2).astype(np.int16),
        (patch // side**2 - side // 2).astype(np.int16),
        clone_of(np.asarray(word, np.uint32)).astype(np.uint8),
        her2_of(np.asarray(word, np.uint32)).astype(np.uint8),
        np.asarray(kind, np.uint8),
    )


def _extent(engine) -> tuple[int, int, int]:
    """Side of the box and the smallest centred range of patches that holds every cell."""
    side = engine.side
    n = engine.arrays()["n"].reshape(side, side, side)
    reach = 1
    for axis in range(3):
        some = np.nonzero(n.any(axis=tuple(a for a in range(3) if a != axis)))[0]
        if len(some):
            reach = max(reach, side // 2 - int(some[0]), int(some[-1]) + 1 - side // 2)
    return side, side // 2 - reach, side // 2 + reach


def fields_of(engine, patches: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of these patches (any shape), by the names of mouse_layout.FIELDS."""
    arrays = engine.arrays()
    shape, patches = patches.shape, patches.reshape(-1)
    n = arrays["n"][patches]
    living = np.zeros(len(patches), np.float32)
    her2 = np.zeros(len(patches), np.float32)
    cells = arrays["cells"].reshape(-1, CELL_SLOTS)
    for k in np.nonzero(n)[0]:
        words = cells[patches[k], : n[k]]
        state = state_of(words)
        alive = words[(state == ALIVE) | (state == COMMITTED)]
        living[k] = len(alive) / n[k]
        if len(alive):
            level = her2_of(alive).astype(float)
            relative = np.exp2((level - HER2_REFERENCE) / HER2_STEPS_PER_DOUBLING)
            her2[k] = np.where(level > 0, relative, 0.0).mean()
    present = n > 0
    out = {"cells": n, "living": living, "her2": her2}
    out["occupancy"] = np.where(present, arrays["occupancy"][patches], 0.0).astype(np.float32)
    out["oxygen"] = np.where(present, arrays["oxygen"][patches], 0.0).astype(np.float32)
    out["effectors"] = np.where(present, arrays["ne"][patches], 0).astype(np.uint8)
    return {name: values.reshape(shape) for name, values in out.items()}
