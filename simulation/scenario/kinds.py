"""Kinds of scenarios: a well, or a study in mice. What depends on the kind is asked here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from adccsim.conditions import AnyCondition
    from adccsim.scenario.errors import Invalid
    from adccsim.scenario.stand_ins import Row
    from adccsim.scenario.tables import Loaded

KINDS = ("well", "xenograft")


class Costs(Protocol):
    """What a plan of either kind says: what the runs will take, and the table that `adcc check` prints."""

    @property
    def runs(self) -> int:
        """Number of runs."""

    @property
    def longest_seconds(self) -> float:
        """Time of the longest run on one core."""

    @property
    def cpu_seconds(self) -> float:
        """Time of all runs on one core."""

    @property
    def disk_bytes(self) -> int:
        """Run files at the output level asked for."""

    @property
    def disk_bytes_by_level(self) -> Mapping[str, int]:
        """Run files at each output level; empty where that is not estimated."""

    def memory_bytes(self, workers: int) -> int:
        """Memory that `workers` processes need at most, in bytes."""

    def seconds(self, workers: int) -> float:
        """Time on `workers` cores."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what CostRow.cells holds."""

    @property
    def wide(self) -> tuple[str, ...]:
        """Columns whose text may need several lines."""

    @property
    def row_name(self) -> str:
        """What the rows are, in the plural."""

    @property
    def rows(self) -> Sequence[CostRow]:
        """The points of the design."""

    def totals(self) -> list[str]:
        """What the rows come to, one line each."""


class CostRow(Protocol):
    """One point of the design."""

    def cells(self) -> list[object]:
        """The row as it is printed."""


class Kind[S: Loaded, C: AnyCondition](Protocol):
    """What a kind of scenario answers: the functions of well/kind.py and of xenograft/kind.py.

    S, C: its scenarios and its conditions.
    """

    MODEL: str

    def load(
        self, raw: dict, flat: Mapping[str, object], errors: list[Invalid], sets: Sequence[str], folder: Path, text: str
    ) -> S:
        """The checked scenario of a parsed file; flat: its sweep. Raises ScenarioError with every error."""

    def conditions(self, scenario: S) -> Sequence[C]:
        """Every well or mouse that the scenario asks for."""

    def plan(self, scenario: S) -> Costs:
        """Runs, memory, time and file sizes, with nothing simulated."""

    def warnings(self, scenario: S) -> list[str]:
        """What is allowed but unwise, one sentence each."""

    def stand_ins(self, scenario: S) -> list[Row]:
        """Numbers taken from other entries of the catalogue."""

    def run_entries(self, scenario: S, conditions: Sequence[C]) -> Sequence[Mapping[str, object]]:
        """What study.json says of each run."""

    def study_entries(self, scenario: S) -> dict[str, object]:
        """What study.json holds for this kind alone."""

    def saved_tumour(self, scenario: S) -> Path | None:
        """The checkpoint that the runs branch from, None where they start again."""

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the scenario files of this kind."""


def kind_of(name: object) -> Kind[Any, Any]:
    """The kind of this name; a well where it is no name of one. What only the other kind needs is not imported."""
    if name == "xenograft":
        from adccsim.scenario.xenograft import kind as xenograft

        return xenograft
    from adccsim.scenario.well import kind as well

    return well
