"""Scenarios as objects: read, checked, and expanded to the conditions of single wells or mice."""

from collections.abc import Mapping, Sequence

from adccsim.conditions import AnyCondition
from adccsim.experiments.inputs import ScenarioSource, given_scenario, set_texts
from adccsim.scenario.conditions import conditions_of as expanded
from adccsim.scenario.tables import Loaded


def load_scenario(scenario: ScenarioSource, set: Mapping[str, object] | None = None) -> Loaded:
    """Read and check a scenario: the name of a shipped one, a file, a dict of its tables, or a results folder.

    set: dotted key -> value, laid over it. Raises ScenarioError with every error.
    """
    return given_scenario(scenario, set_texts(set)).scenario


def conditions_of(scenario: ScenarioSource, set: Mapping[str, object] | None = None) -> Sequence[AnyCondition]:
    """Every well or mouse that a scenario asks for, controls included, with every number filled in.

    Each is what an engine is built from: WellEngine(conditions_of("adcc_protocol")[0]). Raises ScenarioError.
    """
    return expanded(load_scenario(scenario, set))
