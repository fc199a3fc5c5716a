"""The kind "well": what kinds.Kind asks, answered for scenarios of wells."""

from collections.abc import Sequence
from pathlib import Path

from adccsim.conditions.well import WellCondition
from adccsim.scenario.well.checks import check_scenario
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.factors import check_factors
from adccsim.scenario.well.load import load_well as load
from adccsim.scenario.well.plan import Plan
from adccsim.scenario.well.plan import plan as plan_wells
from adccsim.scenario.well.schema import Scenario, json_schema
from adccsim.scenario.well.stand_ins import stand_ins
from adccsim.version import WELL_MODEL as MODEL

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

_UNIT = ("plate", "role", "donor", "replicate")


def conditions(scenario: Scenario) -> list[WellCondition]:
    """Every well of a scenario; one that load.py has not checked is checked here. Raises ScenarioError."""
    if scenario._origin.known is None:
        check_scenario(scenario, scenario.known)
        check_factors(scenario, scenario.known)
    return expand(scenario)


def plan(scenario: Scenario) -> Plan:
    """Wells, memory, time and file sizes; nothing is simulated. Raises ScenarioError."""
    return plan_wells(conditions(scenario))


def warnings(scenario: Scenario) -> list[str]:
    """Nothing is unwise about a well that is allowed."""
    return []


def run_entries(scenario: Scenario, conditions: Sequence[WellCondition]) -> list[dict[str, object]]:
    """Run id, plate, role, donor and replicate of these wells."""
    return [{key: getattr(each, key) for key in ("run_id", *_UNIT)} for each in conditions]


def study_entries(scenario: Scenario) -> dict[str, object]:
    """Nothing more."""
    return {}


def saved_tumour(scenario: Scenario) -> Path | None:
    """A well starts again."""
    return None
