"""The kind "xenograft": what kinds.Kind asks, answered for studies in mice."""

from collections.abc import Sequence
from pathlib import Path

from adccsim.conditions.mouse import MouseCondition
from adccsim.scenario.xenograft.checks import warnings
from adccsim.scenario.xenograft.expand import expand_mice as conditions
from adccsim.scenario.xenograft.expand import mice_by_study, study_points
from adccsim.scenario.xenograft.load import load_xenograft as load
from adccsim.scenario.xenograft.plan import MicePlan, plan_mice
from adccsim.scenario.xenograft.resolve import checkpoint_path, in_vivo_overrides
from adccsim.scenario.xenograft.schema import XenograftScenario
from adccsim.scenario.xenograft.schema import xenograft_json_schema as json_schema
from adccsim.scenario.xenograft.stand_ins import stand_ins
from adccsim.version import XENOGRAFT_MODEL as MODEL

__all__ = [
    "MODEL",
    "conditions",
    "json_schema",
    "load",
    "plan",
    "run_entries",
    "saved_tumour",
    "stand_ins",
    "study_entries",
    "warnings",
]


def plan(scenario: XenograftScenario) -> MicePlan:
    """Mice, memory, time and file sizes; nothing is simulated. Raises ScenarioError."""
    return plan_mice(mice_by_study(scenario))


def study_entries(scenario: XenograftScenario) -> dict[str, object]:
    """Numbers set against the catalogue, and the swept values of each study."""
    return {"in_vivo_overrides": in_vivo_overrides(scenario), "studies": study_points(scenario)}


def run_entries(scenario: XenograftScenario, conditions: Sequence[MouseCondition]) -> list[dict[str, object]]:
    """Run id, study, arm and number of these mice; one of several studies is listed once for each."""
    run_ids = {condition.run_id for condition in conditions}
    studies: dict[str, list[str]] = {}
    mice: dict[str, MouseCondition] = {}
    for study, found in mice_by_study(scenario).items():
        for mouse in (each for each in found if each.run_id in run_ids):
            mice.setdefault(mouse.run_id, mouse)
            studies.setdefault(mouse.run_id, []).append(study)
    return [
        {"run_id": run_id, "study": study, "arm": mouse.arm, "mouse": mouse.mouse}
        for run_id, mouse in mice.items()
        for study in studies[run_id]
    ]


def saved_tumour(scenario: XenograftScenario) -> Path | None:
    """The checkpoint of [branch]."""
    return checkpoint_path(scenario) if scenario.branch is not None else None
