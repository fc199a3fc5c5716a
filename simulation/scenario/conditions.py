"""Conditions of a scenario of either kind, what they will take, and what is unwise about them."""

from collections.abc import Sequence

from simulation.conditions import AnyCondition, WellCondition
from simulation.scenario.checks import check_scenario
from simulation.scenario.factors import check_factors
from simulation.scenario.plan import Plan, plan
from simulation.scenario.schema import Loaded, Scenario
from simulation.scenario.sweep import expand
from simulation.scenario.xenograft_checks import warnings
from simulation.scenario.xenograft_plan import MicePlan, plan_mice
from simulation.scenario.xenograft_schema import XenograftScenario
from simulation.scenario.xenograft_sweep import expand_mice, mice_by_study


def conditions_of(scenario: Loaded) -> Sequence[AnyCondition]:
    """Every well or mouse that a scenario asks for. A scenario of a well that load.py has not checked is checked here.

    Raises ScenarioError.
    """
    return expand_mice(scenario) if isinstance(scenario, XenograftScenario) else _wells_of(scenario)


def plan_of(scenario: Loaded) -> Plan | MicePlan:
    """Runs, memory, time and file sizes of a scenario; nothing is simulated. Raises ScenarioError."""
    if isinstance(scenario, XenograftScenario):
        return plan_mice(mice_by_study(scenario))
    return plan(_wells_of(scenario))


def _wells_of(scenario: Loaded) -> list[WellCondition]:
    assert isinstance(scenario, Scenario)
    if scenario._origin.known is None:
        check_scenario(scenario, scenario.known)
        check_factors(scenario, scenario.known)
    return expand(scenario)


def warnings_of(scenario: Loaded) -> list[str]:
    """What is allowed but unwise in a scenario, one sentence each."""
    return warnings(scenario) if isinstance(scenario, XenograftScenario) else []
