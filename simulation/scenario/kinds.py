"""Kinds of scenarios: a well, or a study in mice. What depends on the kind is asked here, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from adccsim.conditions import AnyCondition
    from adccsim.scenario.errors import Invalid
    from adccsim.scenario.stand_ins import Row
    from adccsim.scenario.tables import Loaded

KINDS = ("well", "xenograft")


class Kind(Protocol):
    """What a kind of scenario answers: the functions of well/kind.py and of xenograft/kind.py."""

    MODEL: str

    def load(
        self, raw: dict, flat: dict[str, Any], errors: list[Invalid], sets: Sequence[str], folder: Path, text: str
    ) -> Loaded:
        """The checked scenario of a parsed file; flat: its sweep. Raises ScenarioError with every error."""

    def conditions(self, scenario: Any) -> Sequence[AnyCondition]:
        """Every well or mouse that the scenario asks for."""

    def plan(self, scenario: Any) -> Any:
        """Runs, memory, time and file sizes, with nothing simulated."""

    def warnings(self, scenario: Any) -> list[str]:
        """What is allowed but unwise, one sentence each."""

    def stand_ins(self, scenario: Any) -> list[Row]:
        """Numbers taken from other entries of the catalogue."""

    def run_entries(self, scenario: Any, conditions: Sequence[Any]) -> list[dict[str, Any]]:
        """What study.json says of each run."""

    def study_entries(self, scenario: Any) -> dict[str, Any]:
        """What study.json holds for this kind alone."""

    def saved_tumour(self, scenario: Any) -> Path | None:
        """The checkpoint that the runs branch from, None where they start again."""

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the scenario files of this kind."""


def kind_of(name: object) -> Kind:
    """The kind of this name; a well where it is no name of one. What only the other kind needs is not imported."""
    if name == "xenograft":
        from adccsim.scenario.xenograft import kind as xenograft

        return xenograft
    from adccsim.scenario.well import kind as well

    return well
