"""Conditions of a scenario of either kind, what they will take, and what is unwise about them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulation.conditions import AnyCondition, WellCondition
from simulation.scenario.checks import check_scenario
from simulation.scenario.factors import check_factors
from simulation.scenario.plan import Plan, plan
from simulation.scenario.schema import Loaded, Scenario
from simulation.scenario.sweep import expand

if TYPE_CHECKING:
    from simulation.scenario.xenograft_plan import MicePlan

# What belongs to mice is imported where it is needed: a well does not wait for the schema of mice.


def conditions_of(scenario: Loaded) -> Sequence[AnyCondition]:
    """Every well or mouse that a scenario asks for. A scenario of a well that load.py has not checked is checked here.

    Raises ScenarioError.
    """
    if isinstance(scenario, Scenario):
        return _wells_of(scenario)
    from simulation.scenario.xenograft_sweep import expand_mice

    return expand_mice(scenario)


def plan_of(scenario: Loaded) -> "Plan | MicePlan":
    """Runs, memory, time and file sizes of a scenario; nothing is simulated. Raises ScenarioError."""
    if isinstance(scenario, Scenario):
        return plan(_wells_of(scenario))
    from simulation.scenario.xenograft_plan import plan_mice
    from simulation.scenario.xenograft_sweep import mice_by_study

    return plan_mice(mice_by_study(scenario))


def _wells_of(scenario: Scenario) -> list[WellCondition]:
    if scenario._origin.known is None:
        check_scenario(scenario, scenario.known)
        check_factors(scenario, scenario.known)
    return expand(scenario)


def warnings_of(scenario: Loaded) -> list[str]:
    """What is allowed but unwise in a scenario, one sentence each."""
    if isinstance(scenario, Scenario):
        return []
    from simulation.scenario.xenograft_checks import warnings

    return warnings(scenario)
