"""Tumours without drugs or effectors, for tests of growth and movement."""

import math

import numpy as np

from adccsim.xenograft.state import Clone, Tissue
from adccsim.xenograft.tumour import Tumour

PLAIN = Clone(fraction=1.0, growth_per_h=0.005, loss_factor=0.5)
NO_LOSS = Clone(fraction=1.0, growth_per_h=0.01, loss_factor=0.0)
AIRY = {"oxygen_half": 1e-6, "hypoxic_death_per_h": 0.0}  # oxygen without effect


def tissue(cells: int, *clones: Clone, **numbers) -> Tissue:
    return Tissue(cells, clones or (PLAIN,), **numbers)


def hour(tumour: Tumour, birth_factor: float = 1.0, extra_death_per_h: float = 0.0, passing=None) -> None:
    """One step of a tumour without antibody or effectors."""
    clones = len(tumour.tissue.clones)
    if passing is None:
        passing = np.ones((clones, 1, 1), np.float32)
    tumour.make_room()
    tumour.update_oxygen()
    profiles = np.zeros((2, tumour.side**3), np.uint16)
    cover = np.zeros((1, 16), np.uint8)
    tumour.update_cells(passing, cover, profiles, np.full(clones, birth_factor), np.full(clones, extra_death_per_h))
    tumour.solve_pressure()
    tumour.move(np.zeros(4))


def grown(what: Tissue, hours: int, run_key: int = 1, margin: int = 4, **drug) -> Tumour:
    """The tumour after so many hours."""
    tumour = Tumour(what, run_key, margin)
    for _ in range(hours):
        hour(tumour, **drug)
    return tumour


def rate_per_h(tumour: Tumour) -> float:
    """Mean growth rate of all cells since the start."""
    return math.log(tumour.cells_now / tumour.tissue.start_cells) / (tumour.step * tumour.tissue.tick_h)


def living_words(tumour: Tumour) -> np.ndarray:
    """Words of all cells that take up room, patch by patch."""
    slots = tumour.cells.reshape(len(tumour.n), -1)
    return slots[np.arange(slots.shape[1]) < tumour.n[:, None]]
