"""Plan of a study in mice: arms, cells, memory, time and file sizes, before anything runs.

Estimates only, from the numbers of the conditions: time goes with cells times hours of free growth up to the end point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from adccsim.conditions.mouse import Clone, Dose, MouseCondition
from adccsim.conditions.tumour_size import cell_hours, largest_cells, start_cells

# Run file, bytes after compression (rough).
FILE_BYTES = 120_000
OBSERVATION_BYTES = 500
PICTURE_BYTES_PER_PATCH = 6
KILL_BYTES = 8
AGENT_BYTES = 5  # of a frame; packed, for neighbours lie side by side
KILLED_PER_CELL_DAY = 0.05


@dataclass(frozen=True)
class ArmRow:
    """One arm at one point of the sweep: its mice, cells of the smallest and the largest tumour, and its doses."""

    study: str
    arm: str
    strain: str
    cell_line: str
    doses: str
    mice: int
    cells_start: int
    cells_most: int

    def cells(self) -> list[object]:
        """The row as it is printed, see MicePlan.columns; a swept study comes first."""
        study = [self.study] if self.study else []
        return [
            *(*study, self.arm, self.cell_line, self.strain, self.doses, self.mice),
            *(self.cells_start, self.cells_most),
        ]


@dataclass(frozen=True)
class MicePlan:
    """What a study will take: mouse_bytes, cpu_seconds on one core, longest_seconds of one mouse, disk_bytes."""

    rows: tuple[ArmRow, ...]
    mice: int
    cells_start: int
    cells_most: int
    mouse_bytes: int
    cpu_seconds: float
    longest_seconds: float
    disk_bytes: int
    disk_bytes_by_level: ClassVar[dict[str, int]] = {}  # not estimated
    wide: ClassVar = ("doses",)
    row_name: ClassVar = "arms"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what rows hold."""
        swept = any(row.study for row in self.rows)
        return ("study",) * swept + ("arm", "tumour", "strain", "doses", "mice", "cells at first", "at most")

    def totals(self) -> list[str]:
        """What the rows come to, one line each."""
        most = f"up to {self.cells_most:,} in one"
        return [
            f"mice     {self.mice:,}, one run each",
            f"cells    {self.cells_start:,} at the start of all tumours together; {most}",
        ]

    @property
    def runs(self) -> int:
        """Runs, one for each mouse."""
        return self.mice

    def memory_bytes(self, workers: int) -> int:
        """Memory that `workers` processes need at most, in bytes."""
        return min(workers, max(1, self.mice)) * self.mouse_bytes

    def seconds(self, workers: int) -> float:
        """Time on `workers` cores; never less than that of the longest run."""
        return max(self.longest_seconds, self.cpu_seconds / max(1, min(workers, self.mice)))


def plan_mice(by_study: Mapping[str, Sequence[MouseCondition]]) -> MicePlan:
    """Plan of what xenograft_sweep.mice_by_study returns; a mouse of several studies is counted with the first."""
    by_arm: dict[tuple[str, str], list[MouseCondition]] = {}
    every: dict[str, MouseCondition] = {}
    for study, mice in by_study.items():
        for mouse in mice:
            if every.setdefault(mouse.run_id, mouse) is mouse:
                by_arm.setdefault((study, mouse.arm), []).append(mouse)
    seconds = [mouse.seconds for mouse in every.values()]
    return MicePlan(
        rows=tuple(_row(study, arm, mice) for (study, arm), mice in by_arm.items()),
        mice=len(every),
        cells_start=sum(start_cells(mouse) for mouse in every.values()),
        cells_most=max((largest_cells(mouse) for mouse in every.values()), default=0),
        mouse_bytes=max((mouse.memory_bytes for mouse in every.values()), default=0),
        cpu_seconds=sum(seconds),
        longest_seconds=max(seconds, default=0.0),
        disk_bytes=sum(_disk(mouse) for mouse in every.values()),
    )


def dose_words(doses: Sequence[Dose]) -> str:
    """ "trastuzumab 10 mg/kg iv on day 0, 7, 14", drug by drug; "none" without a dose."""
    days: dict[tuple[str, float, str], list[float]] = {}
    for dose in doses:
        days.setdefault((dose.drug, dose.mg_per_kg, dose.route), []).append(dose.day)
    parts = [f"{drug} {mg:g} mg/kg {route} on day {_days(on)}" for (drug, mg, route), on in days.items()]
    return "; ".join(parts) or "none"


def _days(days: Sequence[float]) -> str:
    if len(days) > 6:
        return f"{days[0]:g} to {days[-1]:g} ({len(days)} times)"
    return ", ".join(f"{day:g}" for day in days)


def _row(study: str, arm: str, mice: Sequence[MouseCondition]) -> ArmRow:
    first = mice[0]
    return ArmRow(
        study=study,
        arm=arm,
        strain=first.strain.name,
        cell_line=" + ".join(_clone_words(clone) for clone in first.clones),
        doses=dose_words(first.doses),
        mice=len(mice),
        cells_start=min(start_cells(mouse) for mouse in mice),
        cells_most=max(largest_cells(mouse) for mouse in mice),
    )


def _clone_words(clone: Clone) -> str:
    return clone.cell_line if clone.mechanism == "none" else f"{clone.cell_line} {clone.mechanism}"


def _disk(condition: MouseCondition) -> int:
    output, hours = condition.output, 24.0 * condition.study.days
    patches = largest_cells(condition) / 64
    size = FILE_BYTES + OBSERVATION_BYTES * (1 + hours / output.every_h)
    if output.has_agents:
        size += 2 * PICTURE_BYTES_PER_PATCH * (1.9 * patches) ** (2.0 / 3.0)
    if output.has_events:
        size += KILL_BYTES * min(1e6, KILLED_PER_CELL_DAY * cell_hours(condition) / 24.0)
    if output.frames_every_h is not None and output.frame_agents is not None:
        agents = min(largest_cells(condition), output.frame_agents)
        size += (PICTURE_BYTES_PER_PATCH * patches + AGENT_BYTES * agents) * (1 + hours / output.frames_every_h)
    return round(size)
