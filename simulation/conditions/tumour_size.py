"""Size of a simulated tumour: cells at the start and at most, memory; for the checks, the plan and the engine.

A mouse leaves when its caliper volume reaches the end point, at the next reading; between two readings it grows on.
Vessels close under the pressure of growth, which slows it: of the free rate g a ball of radius R keeps about
1 / (1 + sqrt(x / 120)), x = g R^2 / (6 phi_half), the free flow potential in its middle over the one that closes half
of the vessels. The form has the right limits, a free small tumour and a rim of constant speed; 120 follows untreated
NCI-N87 in the engine to day 21 and lies above it later.
Limits   fraction 1, 100 mm3, 1e5 cells/mm3: 1e7 cells; phi_half -> inf or 0 (off): exponential
         (tests/scenario/test_xenograft_plan.py)
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adccsim.conditions.mouse import MouseCondition

# Memory, bytes: of one visited patch with all its fields (some 800) and once more its cells, which are there twice
# while the box grows; and of the rest of a process.
PATCH_CELLS = 64
PATCH_BYTES = 1350
PROCESS_BYTES = 250_000_000
_MOST_MM3 = 1e12  # where the estimate stops: no machine holds it
_SLOWING_FROM = 120.0  # x at which growth is half of the free one
LEAST_CELLS = 640  # ten patches: under that there is no tissue


def start_cells(condition: MouseCondition) -> int:
    """Cells at the start of the simulated fraction of a tumour."""
    tumour = condition.tumour
    return round(tumour.start_volume_mm3 * tumour.cells_per_mm3 * tumour.fraction_simulated)


def largest_cells(condition: MouseCondition) -> int:
    """Most cells the simulated share can come to: untreated to the end, or to the reading after the end point."""
    tumour, study = condition.tumour, condition.study
    days, start = study.caliper_days, tumour.start_volume_mm3
    longest_gap = max([later - earlier for earlier, later in zip(days, [*days[1:], study.days], strict=True)])
    free = _untreated(condition, start, study.days)[-1]
    # Calipers read 4.5 % low and err by some 7 % of a volume at the end point: three such errors are allowed for.
    stopped = _untreated(condition, max(1.3 * study.endpoint_mm3, start), longest_gap)[-1]
    return math.ceil(1.1 * min(free, stopped) * tumour.cells_per_mm3 * tumour.fraction_simulated)


def cell_hours(condition: MouseCondition) -> float:
    """Cells times hours of a run, untreated up to the end point: what its time goes with."""
    tumour, study = condition.tumour, condition.study
    course = _untreated(condition, tumour.start_volume_mm3, study.days)
    volume_days = study.days / (len(course) - 1) * sum(v for v in course[:-1] if v < study.endpoint_mm3)
    return 24.0 * volume_days * tumour.cells_per_mm3 * tumour.fraction_simulated


def _untreated(condition: MouseCondition, volume_mm3: float, days: float) -> list[float]:
    """Volumes (mm3) from now on, at equal steps of at most half a day; the last one is that after `days`."""
    growth_per_d = max(clone.growth_per_d for clone in condition.clones)
    closing = 24.0 * condition.tumour.vessel_collapse_mm2_per_h
    steps = max(1, math.ceil(2.0 * days))
    course = [volume_mm3]
    for _ in range(steps):
        square = (3.0 * course[-1] / (4.0 * math.pi)) ** (2.0 / 3.0)
        x = growth_per_d * square / (6.0 * closing) if closing > 0.0 else 0.0
        kept = 1.0 / (1.0 + math.sqrt(x / _SLOWING_FROM))
        course.append(min(course[-1] * math.exp(growth_per_d * kept * days / steps), _MOST_MM3))
    return course


def memory_bytes(condition: MouseCondition) -> int:
    """Memory of one mouse at its largest, process included. Patches outside the tumour are never touched."""
    patches = largest_cells(condition) / PATCH_CELLS
    radius = math.cbrt(3.0 * patches / (4.0 * math.pi))
    return PROCESS_BYTES + round(PATCH_BYTES * 4.0 / 3.0 * math.pi * (radius + 3.0) ** 3)


def machine_bytes() -> int | None:
    """Memory of this machine in bytes, None where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
