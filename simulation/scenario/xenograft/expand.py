"""Sweep of a study in mice: every point of the sweep is one study, every mouse of every arm one condition."""

from adccsim.conditions.mouse import MouseCondition
from adccsim.scenario.sweep import Point, points
from adccsim.scenario.xenograft.resolve import resolve_arm, resolve_mouse
from adccsim.scenario.xenograft.schema import XenograftScenario


def mice_by_study(scenario: XenograftScenario) -> dict[str, list[MouseCondition]]:
    """All mice of each point of the sweep, in the order of the file; "" names the only one where nothing is swept.

    A mouse is in several studies where a swept number does not reach its arm.
    """
    found: dict[str, list[MouseCondition]] = {}
    for point in points(scenario):
        arms = [(arm.mice, resolve_arm(point.scenario, arm, scenario.known)) for arm in point.scenario.arm]
        found[study_name(scenario, point)] = [
            resolve_mouse(point.scenario, scenario.known, arm, number)
            for mice, arm in arms
            for number in range(1, mice + 1)
        ]
    return found


def expand_mice(scenario: XenograftScenario) -> list[MouseCondition]:
    """All mice of a scenario in the order of the file, no run_id twice."""
    mice = (mouse for study in mice_by_study(scenario).values() for mouse in study)
    return list({mouse.run_id: mouse for mouse in mice}.values())


def study_points(scenario: XenograftScenario) -> dict[str, dict]:
    """The swept values at each point of the sweep, by the name of its study; one without values if nothing is swept."""
    return {
        study_name(scenario, point): {key: scenario.sweep[key][i] for key, i in point.index.items()}
        for point in points(scenario)
    }


def study_name(scenario: XenograftScenario, point: Point) -> str:
    """What tells one point of the sweep from another, in a user's words; "" when nothing is swept."""
    return ", ".join(f"{key} {_word(scenario.sweep[key][i])}" for key, i in point.index.items())


def _word(value: object) -> str:
    """A value in words: as short as it can be without two values of one sweep sharing it."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return repr(value) if isinstance(value, float) and float(short) != value else short
