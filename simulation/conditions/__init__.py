"""Conditions: everything that decides one run, as frozen, typed numbers, and the names that follow from them.

A condition is what a scenario becomes when its sweep is expanded and every number of the catalogue is filled in: one
well (WellCondition) or one mouse (MouseCondition). Engines, the recorder and the test oracle see nothing else. Its
canonical JSON stands in the run file, and the run id is a hash of it.
"""

from collections.abc import Mapping

from adccsim.conditions.mouse import MouseCondition
from adccsim.conditions.section import ConditionError
from adccsim.conditions.well import WellCondition

__all__ = ["AnyCondition", "ConditionError", "MouseCondition", "WellCondition", "condition_from"]

AnyCondition = WellCondition | MouseCondition
_KINDS: dict[object, type[AnyCondition]] = {WellCondition.KIND: WellCondition, MouseCondition.KIND: MouseCondition}


def condition_from(table: Mapping[str, object]) -> AnyCondition:
    """The condition of either kind that a JSON table holds. Raises ConditionError for a table that is none."""
    return _KINDS.get(table.get("kind"), WellCondition).build(table)
