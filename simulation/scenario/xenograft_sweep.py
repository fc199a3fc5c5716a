"""Sweep of a study in mice: every point of the sweep is one study, every mouse of every arm one condition."""

from dataclasses import dataclass, field, replace

from simulation.scenario.identity import canonical_json, mouse_key, run_id
from simulation.scenario.sweep import Point, points
from simulation.scenario.xenograft_resolve import resolve_arm, resolve_mouse
from simulation.scenario.xenograft_schema import XenograftScenario


@dataclass(frozen=True)
class MouseCondition:
    """One mouse to run.

    resolved: every number, as a JSON-able dict (not to be changed). json: its canonical text. run_id names the run
    file, run_key seeds the generator. studies: the points of the sweep that it belongs to, ("",) without a sweep;
    several where a swept number does not reach its arm. arm, mouse: as in `resolved`.
    """

    resolved: dict = field(repr=False, compare=False)
    json: str = field(repr=False)
    run_id: str
    run_key: int
    studies: tuple[str, ...]
    arm: str
    mouse: int

    @property
    def study(self) -> str:
        """The first point of the sweep that this mouse belongs to."""
        return self.studies[0]


def expand_mice(scenario: XenograftScenario) -> list[MouseCondition]:
    """All mice of a scenario in the order of the file, no run_id twice."""
    found: dict[str, MouseCondition] = {}
    for point in points(scenario):
        at, known, study = point.scenario, scenario.known, study_name(scenario, point)
        for arm in at.arm:
            shared = resolve_arm(at, arm, known)
            for number in range(1, arm.mice + 1):
                resolved = resolve_mouse(at, known, arm, shared, number)
                name = run_id(resolved)
                if name in found:
                    found[name] = replace(found[name], studies=(*found[name].studies, study))
                    continue
                found[name] = MouseCondition(
                    resolved=resolved,
                    json=canonical_json(resolved),
                    run_id=name,
                    run_key=mouse_key(resolved),
                    studies=(study,),
                    arm=arm.name,
                    mouse=number,
                )
    return list(found.values())


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
