"""What one run will take: time on one core, memory and amount of work, from its condition alone; nothing is simulated.

Time of a well comes from the events that its agents are expected to have, time of a mouse from its cells and hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adccsim.conditions import geometry
from adccsim.conditions.tumour_size import cell_hours

if TYPE_CHECKING:
    from adccsim.conditions.mouse import MouseCondition
    from adccsim.conditions.well import WellCondition

# Events that one agent draws per hour, thinned ones included, and the time of one event on one core (2024 server core;
# benchmarks/results/well_speed.json). Besides, the antibody of every target is advanced once a minute.
EVENTS_PER_NK_H = 22.0
EVENTS_PER_TARGET_H = 9.0
SECONDS_PER_EVENT = 30e-9
SECONDS_PER_TARGET_MINUTE = 10e-9
SECONDS_PER_TARGET_MINUTE_GROWING = 35e-9  # with arrest and receptor turnover
CULTURE_TICKS_PER_H = 6

# All phases of a step of a mouse together; the fixed part is the settling of a new tumour and the rows of a small one.
SECONDS_PER_CELL_HOUR = 25e-9
SECONDS_PER_STEP = 3e-3


def well_seconds(condition: WellCondition) -> float:
    """Expected time of the kernel for one well on one core, in seconds."""
    targets, hours = condition.targets.cells, condition.assay.duration_h
    events = hours * (condition.peak_nk * EVENTS_PER_NK_H + targets * EVENTS_PER_TARGET_H)
    return events * SECONDS_PER_EVENT + targets * _antibody_seconds(condition)


def _antibody_seconds(condition: WellCondition) -> float:
    """Seconds that the antibody of one target takes over the whole run, a culture before the assay included."""
    hours, culture = condition.assay.duration_h, condition.culture
    each = SECONDS_PER_TARGET_MINUTE_GROWING if condition.grows else SECONDS_PER_TARGET_MINUTE
    ticks = 60 * hours + (24 * culture.days * CULTURE_TICKS_PER_H if culture else 0)
    return ticks * each


def well_bytes(condition: WellCondition) -> int:
    """Memory of one well, without the process that it runs in."""
    targets, nk, sites = condition.targets.cells, condition.peak_nk, condition.well.sites
    return geometry.memory_bytes(targets, nk, sites, condition.layers_needed())


def mouse_seconds(condition: MouseCondition) -> float:
    """Expected time of one mouse on one core, in seconds."""
    return 24.0 * condition.study.days * SECONDS_PER_STEP + cell_hours(condition) * SECONDS_PER_CELL_HOUR
