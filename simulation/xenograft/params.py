"""Params: the resolved condition of one mouse, and the sizes that follow from it."""

import math
from dataclasses import dataclass

from adccsim.conditions.mouse import Clone, Dose, Drug, MouseCondition, Residents, Strain, Tissue
from adccsim.conditions.tumour_size import largest_cells, start_cells
from adccsim.xenograft.layout import PATCH_CELLS


@dataclass(frozen=True)
class TumourParams:
    """Everything a tumour needs.

    n_cells: cells at the start, dead ones included, of the simulated share. most_cells: what the box has to hold.
    patch_side_um: side of a patch of 64 cells. The sections are those of the condition, with the
    numbers of this very mouse: rates per the unit in each name.
    """

    n_cells: int
    most_cells: int
    patch_side_um: float
    tumour: Tissue
    clones: tuple[Clone, ...]
    strain: Strain
    effectors: Residents
    drugs: dict[str, Drug]
    doses: tuple[Dose, ...]


def tumour_params(condition: MouseCondition) -> TumourParams:
    """Params of a condition; nothing is drawn."""
    tumour = condition.tumour
    return TumourParams(
        n_cells=start_cells(condition),
        most_cells=largest_cells(condition),
        patch_side_um=1000.0 * math.cbrt(PATCH_CELLS / tumour.cells_per_mm3),
        tumour=tumour,
        clones=condition.clones,
        strain=condition.strain,
        effectors=condition.effectors,
        drugs=condition.drugs,
        doses=condition.doses,
    )
