"""Plan: what a scenario will cost before anything runs: wells, cells, layers, memory, time and file sizes.

Estimates only, from the numbers of the resolved conditions; nothing is simulated. Time comes from the events that
agents are expected to have, memory from the columns of a well (conditions/cost.py), file sizes from what each output
level keeps.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from adccsim.conditions.geometry import filling_of
from adccsim.conditions.levels import LEVELS
from adccsim.conditions.well import WellCondition, WellOutput
from adccsim.text import count

# A worker process before it holds a well: interpreter, libraries, compiled kernels.
WORKER_BYTES = 250_000_000

# Run file, bytes after compression (rough): fixed part with metadata and histograms, then per thing that is kept.
FILE_BYTES = 37_000
OBSERVATION_BYTES = 205
TARGET_ROW_BYTES = 14
NK_ROW_BYTES = 3
LOGGED_EVENT_BYTES = 14
FRAME_TARGET_BYTES = 1
FRAME_NK_BYTES = 2
LOGGED_EVENTS_PER_NK_H = 1.5


@dataclass(frozen=True)
class Row:
    """One point of the design: its wells over donors, replicates and whatever else is swept.

    targets, nk, layers, filling (0-1) are those of the fullest of these wells; wells is their number.
    """

    role: str
    cell_line: str
    mechanism: str
    effector: str
    antibody: str
    dose_ug_per_ml: float
    et_ratio: float
    duration_h: float
    readout: str
    targets: int
    nk: int
    layers: int
    filling: float
    wells: int

    def cells(self) -> list[object]:
        """The row as it is printed, see Plan.columns."""
        line = self.cell_line if self.mechanism == "none" else f"{self.cell_line} + {self.mechanism}"
        return [
            *(self.role, line, self.effector, self.antibody, self.dose_ug_per_ml, self.et_ratio, self.duration_h),
            *(self.readout, self.targets, self.nk, self.layers, f"{100 * self.filling:.1f} %", self.wells),
        ]


@dataclass(frozen=True)
class Plan:
    """What a list of conditions will take.

    wells_by_role, wells, plates: counts. cells: agents of all wells together. layers, filling (0-1): of the fullest
    well. well_bytes: memory of the largest well. cpu_seconds: of all wells on one core; longest_seconds: of one well.
    disk_bytes: run files at the output level asked for; disk_bytes_by_level: at each level, were it asked for.
    """

    wells_by_role: dict[str, int]
    wells: int
    plates: int
    cells: int
    layers: int
    filling: float
    well_bytes: int
    cpu_seconds: float
    longest_seconds: float
    disk_bytes: int
    disk_bytes_by_level: dict[str, int]
    rows: tuple[Row, ...]
    columns: ClassVar = (
        *("role", "cell line", "effector", "antibody", "ug/mL", "E:T", "h", "read-out", "targets", "NK", "layers"),
        *("filling", "wells"),
    )
    wide: ClassVar = ("effector", "antibody")
    row_name: ClassVar = "points of the design"

    @property
    def runs(self) -> int:
        """Runs, one for each well."""
        return self.wells

    def totals(self) -> list[str]:
        """What the rows come to, one line each."""
        roles = ", ".join(f"{n:,} {role}" for role, n in self.wells_by_role.items())
        fullest = f"fullest well {count(self.layers, 'layer')}, {100 * self.filling:.1f} % filled"
        return [
            f"wells    {self.wells:,} on {count(self.plates, 'plate')}: {roles}",
            f"cells    {self.cells:,} in all; {fullest}",
        ]

    def memory_bytes(self, workers: int) -> int:
        """Memory that `workers` processes need at most, in bytes."""
        return workers * (WORKER_BYTES + self.well_bytes)

    def seconds(self, workers: int) -> float:
        """Time on `workers` cores; never less than that of the longest well."""
        return max(self.longest_seconds, self.cpu_seconds / max(1, workers))


@dataclass(frozen=True)
class _Well:
    """Costs of one well. point: the columns of its row that name the point of the design."""

    point: tuple[str, str, str, str, str, float, float, float, str]
    targets: int
    nk: int
    layers: int
    filling: float
    memory: int
    seconds: float
    disk: dict[str, int]
    level: str


def plan(conditions: Sequence[WellCondition]) -> Plan:
    """Plan of the conditions that sweep.expand returns. Raises CapacityError if a well does not fit its format."""
    wells = [_well(condition) for condition in conditions]
    by_point: dict[tuple, list[_Well]] = {}
    for well in wells:
        by_point.setdefault(well.point, []).append(well)
    return Plan(
        wells_by_role=dict(Counter(condition.role for condition in conditions)),
        wells=len(wells),
        plates=len({condition.plate for condition in conditions}),
        cells=sum(well.targets + well.nk for well in wells),
        layers=max((well.layers for well in wells), default=0),
        filling=max((well.filling for well in wells), default=0.0),
        well_bytes=max((well.memory for well in wells), default=0),
        cpu_seconds=sum(well.seconds for well in wells),
        longest_seconds=max((well.seconds for well in wells), default=0.0),
        disk_bytes=sum(well.disk[well.level] for well in wells),
        disk_bytes_by_level={level: sum(well.disk[level] for well in wells) for level in LEVELS},
        rows=tuple(_row(same) for same in by_point.values()),
    )


def _well(condition: WellCondition) -> _Well:
    targets, nk, layers = condition.targets.cells, condition.peak_nk, condition.layers_needed()
    hours, sites = condition.assay.duration_h, condition.well.sites
    return _Well(
        point=(
            condition.role,
            condition.targets.cell_line,
            condition.targets.mechanism,
            condition.effectors.type,
            condition.antibody.name,
            condition.antibody.dose_ug_per_ml,
            condition.effectors.et_ratio,
            hours,
            condition.assay.readout,
        ),
        targets=targets,
        nk=nk,
        layers=layers,
        filling=filling_of(sites, targets, nk, layers),
        memory=condition.memory_bytes,
        seconds=condition.seconds,
        disk=_disk(targets, nk, hours, condition.output),
        level=condition.output.level,
    )


def _disk(targets: int, nk: int, hours: float, output: WellOutput) -> dict[str, int]:
    """Bytes of one run file at each output level; every level holds the one before."""
    minutes = hours * 60
    observables = FILE_BYTES + OBSERVATION_BYTES * (1 + minutes / output.every_min)
    final = observables + TARGET_ROW_BYTES * targets + NK_ROW_BYTES * nk
    events = final + LOGGED_EVENT_BYTES * (LOGGED_EVENTS_PER_NK_H * nk * hours + targets)
    frames = 1 + minutes / (output.frames_every_min or output.every_min)
    sizes = (observables, final, events, events + frames * (FRAME_TARGET_BYTES * targets + FRAME_NK_BYTES * nk))
    return {level: round(size) for level, size in zip(LEVELS, sizes, strict=True)}


def _row(wells: Sequence[_Well]) -> Row:
    fullest = max(wells, key=lambda well: (well.layers, well.filling))
    counts = fullest.targets, fullest.nk, fullest.layers, fullest.filling, len(wells)
    return Row(*fullest.point, *counts)
