"""Size of a simulated tumour: cells at the start and at most, memory; for the checks, the plan and the engine.

A mouse leaves when its caliper volume reaches the end point, at the next reading; between two readings it grows on.
Limits   fraction 1, 100 mm3, 1e5 cells/mm3: 1e7 cells   (tests/scenario/test_xenograft_plan.py)
"""

import math
import os
from collections.abc import Mapping

# Memory, bytes: of one visited patch with all its fields (some 800) and once more its cells, which are there twice
# while the box grows; and of the rest of a process.
PATCH_CELLS = 64
PATCH_BYTES = 1350
PROCESS_BYTES = 250_000_000
LEAST_CELLS = 640  # ten patches: under that there is no tissue


def start_cells(condition: Mapping) -> int:
    """Cells at the start of the simulated share of a tumour."""
    tumour = condition["tumour"]
    return round(tumour["start_volume_mm3"] * tumour["cells_per_mm3"] * tumour["fraction_simulated"])


def largest_cells(condition: Mapping) -> int:
    """Most cells the simulated share can come to: free growth to the end, or to the reading after the end point."""
    tumour, study = condition["tumour"], condition["study"]
    rate = max(clone["growth_per_d"] for clone in condition["clones"])
    days = study["caliper_days"]
    longest_gap = max([later - earlier for earlier, later in zip(days, [*days[1:], study["days"]], strict=True)])
    free = tumour["start_volume_mm3"] * math.exp(min(50.0, rate * study["days"]))
    # Calipers read 4.5 % low and err by some 7 % of a volume at the end point: three such errors are allowed for.
    stopped = 1.3 * study["endpoint_mm3"] * math.exp(min(50.0, rate * longest_gap))
    most = min(free, max(stopped, tumour["start_volume_mm3"]))
    return math.ceil(1.1 * most * tumour["cells_per_mm3"] * tumour["fraction_simulated"])


def cell_hours(condition: Mapping) -> float:
    """Cells times hours of a run, growing freely up to the end point: what its time goes with."""
    tumour, study = condition["tumour"], condition["study"]
    rate = max(clone["growth_per_d"] for clone in condition["clones"])
    start = start_cells(condition)
    most = max(study["endpoint_mm3"] / tumour["start_volume_mm3"], 1.0)
    growing_d = min(study["days"], math.log(most) / rate)
    return 24.0 * start * math.expm1(rate * growing_d) / rate


def memory_bytes(condition: Mapping) -> int:
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
