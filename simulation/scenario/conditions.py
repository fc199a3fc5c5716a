"""What a scenario of either kind comes to: its conditions, what they will take, and what a user should know of it."""

from collections.abc import Sequence

from adccsim.conditions import AnyCondition
from adccsim.scenario.kinds import Costs, kind_of
from adccsim.scenario.stand_ins import Row
from adccsim.scenario.tables import Loaded


def conditions_of(scenario: Loaded) -> Sequence[AnyCondition]:
    """Every well or mouse that a scenario asks for. Raises ScenarioError."""
    return kind_of(scenario.kind).conditions(scenario)


def plan_of(scenario: Loaded) -> Costs:
    """Runs, memory, time and file sizes of a scenario (a Plan or MicePlan); nothing is simulated."""
    return kind_of(scenario.kind).plan(scenario)


def warnings_of(scenario: Loaded) -> list[str]:
    """What is allowed but unwise in a scenario, one sentence each."""
    return kind_of(scenario.kind).warnings(scenario)


def stand_ins_of(scenario: Loaded) -> list[Row]:
    """One row per number: of (what), number, value, unit, from (whose it is), each once and in a fixed order."""
    rows = kind_of(scenario.kind).stand_ins(scenario)
    return [row for i, row in enumerate(rows) if row not in rows[:i]]
