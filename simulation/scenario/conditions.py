"""Conditions of a scenario of either kind."""

from simulation.scenario.schema import Loaded
from simulation.scenario.sweep import Condition, expand
from simulation.scenario.xenograft_checks import warnings
from simulation.scenario.xenograft_schema import XenograftScenario
from simulation.scenario.xenograft_sweep import MouseCondition, expand_mice


def conditions_of(scenario: Loaded) -> list[Condition] | list[MouseCondition]:
    """Every well or mouse that a scenario asks for."""
    return expand_mice(scenario) if isinstance(scenario, XenograftScenario) else expand(scenario)


def warnings_of(scenario: Loaded) -> list[str]:
    """What is allowed but unwise in a scenario, one sentence each."""
    return warnings(scenario) if isinstance(scenario, XenograftScenario) else []
