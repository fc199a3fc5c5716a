"""Params: the resolved condition of one mouse, and the sizes that follow from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulation.scenario.xenograft_size import largest_cells, start_cells
from simulation.xenograft.layout import PATCH_CELLS


@dataclass(frozen=True)
class TumourParams:
    """Everything a tumour needs.

    n_cells: cells at the start, dead ones included, of the simulated share. most_cells: what the box has to hold.
    patch_side_um: side of a patch of 64 cells. The tables are those of the condition (scenario/xenograft_resolve.py),
    with the numbers of this very mouse: rates per the unit in each name.
    """

    n_cells: int
    most_cells: int
    patch_side_um: float
    tumour: Mapping
    clones: tuple[Mapping, ...]
    strain: Mapping
    effectors: Mapping
    drugs: Mapping
    doses: tuple[Mapping, ...]


def tumour_params(condition: Mapping) -> TumourParams:
    """Params of a resolved condition; nothing is drawn."""
    tumour = condition["tumour"]
    return TumourParams(
        n_cells=start_cells(condition),
        most_cells=largest_cells(condition),
        patch_side_um=1000.0 * math.cbrt(PATCH_CELLS / tumour["cells_per_mm3"]),
        tumour=tumour,
        clones=tuple(condition["clones"]),
        strain=condition["strain"],
        effectors=condition["effectors"],
        drugs=condition["drugs"],
        doses=tuple(condition["doses"]),
    )
