"""Sweep of a study in mice: every point of the sweep is one study, every mouse of every arm one condition."""

from dataclasses import dataclass, field

from simulation.scenario.identity import canonical_json, mouse_key, run_id
from simulation.scenario.sweep import Point, points
from simulation.scenario.xenograft_resolve import resolve_arm, resolve_mouse
from simulation.scenario.xenograft_schema import XenograftScenario


@dataclass(frozen=True)
class MouseCondition:
    """One mouse to run.

    resolved: every number, as a JSON-able dict (not to be changed). json: its canonical text. run_id names the run
    file, run_key seeds the generator. study: which point of the sweep, "" without one; arm, mouse: as in `resolved`.
    """

    resolved: dict = field(repr=False, compare=False)
    json: str = field(repr=False)
    run_id: str
    run_key: int
    study: str
    arm: str
    mouse: int


def expand_mice(scenario: XenograftScenario) -> list[MouseCondition]:
    """All mice of a scenario in the order of the file, no run_id twice."""
    found: dict[str, MouseCondition] = {}
    for point in points(scenario):
        at, known = point.scenario, scenario.known
        for arm in at.arm:
            shared = resolve_arm(at, arm, known)
            for number in range(1, arm.mice + 1):
                resolved = resolve_mouse(at, known, arm, shared, number)
                name = run_id(resolved)
                found.setdefault(
                    name,
                    MouseCondition(
                        resolved=resolved,
                        json=canonical_json(resolved),
                        run_id=name,
                        run_key=mouse_key(resolved),
                        study=study_name(scenario, point),
                        arm=arm.name,
                        mouse=number,
                    ),
                )
    return list(found.values())


def study_name(scenario: XenograftScenario, point: Point) -> str:
    """What tells one point of the sweep from another, in a user's words; "" when nothing is swept."""
    return ", ".join(f"{key} {_word(scenario.sweep[key][i])}" for key, i in point.index.items())


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
