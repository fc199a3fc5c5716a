"""Pair: one tumour under treatment and the same tumour without, hour by hour; TGI by the formula of analysis.

Both are the engine's own tumours, driven as `adcc run` drives them: at an hour the tumour is observed first, then doses
are given, then time goes on. They are one mouse in two arms (random = "paired"): same volume, vessels, effectors and
random numbers. A dose by hand is written down as an [[arm.dose]] of the treated arm, so `adcc run` of the exported file
plays the same two mice to the same end.
"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from adccsim.analysis.growth.measures import tgi_tc
from adccsim.conditions.mouse import Dose, MouseCondition
from adccsim.conditions.tumour_size import largest_cells
from adccsim.execution.driver import drive
from adccsim.execution.mouse import MouseWorld
from adccsim.names import CONTROL_NAMES, control_arms
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.xenograft.expand import expand_mice
from adccsim.scenario.xenograft.schema import XenograftScenario
from adccsim.toml_text import toml_text

TREATED, CONTROL = "treated", "control"
DRUG, ROUTE = "trastuzumab", "iv"  # of a dose by hand where no dose is planned


class Mouse(MouseWorld):
    """One mouse on the page, with the volume of its tumour in mm3 at every hour so far."""

    def __init__(self, condition: MouseCondition):
        super().__init__(condition)
        self.volumes = [self.engine.volume_mm3]

    def advance(self, ticks: int) -> None:
        """Let time go on by an hour."""
        super().advance(ticks)
        self.volumes.append(self.engine.volume_mm3)


class Pair:
    """A treated and an untreated tumour of one mouse. `raw`: parsed scenario file with two such arms.

    A planned dose of 0 mg/kg says the drug of a dose by hand, and is no dose. Raises ScenarioError, with every error,
    for what `adcc check` would refuse and for what is not one mouse in two arms.
    """

    def __init__(self, raw: Mapping):
        self.raw = _as_taught(raw)
        self.scenario = _load(self.raw)
        self.mice = _mice_of(self.raw, self.scenario)
        self.end_tick = self.treated.end_tick
        for mouse in self.mice.values():
            drive(mouse, 0)

    @property
    def treated(self) -> Mouse:
        """The mouse that the class treats."""
        return self.mice[TREATED]

    @property
    def control(self) -> Mouse:
        """The same mouse without a dose."""
        return self.mice[CONTROL]

    @property
    def tick(self) -> int:
        """Hours since randomisation."""
        return self.treated.tick

    @property
    def over(self) -> bool:
        """Whether the study has ended, or one of the two has reached the end point."""
        return any(mouse.ended for mouse in self.mice.values())

    @property
    def drug(self) -> str:
        """The drug of a dose by hand: the first planned one."""
        return _first_dose(self.raw)["drug"]

    def advance(self, ticks: int) -> int:
        """Go on by so many hours, at most to the end of the study; returns the hours done."""
        before = self.tick
        while self.tick < before + ticks and not self.over:
            now = self.tick
            for mouse in self.mice.values():  # hour by hour together: both stop when one of them leaves the study
                drive(mouse, now + 1)
        return self.tick - before

    def _arms(self) -> list[tuple[str, Any]]:
        control = _control_name(self.raw)
        return [(CONTROL if arm.name == control else TREATED, arm) for arm in self.scenario.arm]

    def give(self, mg_per_kg: float) -> None:
        """Give the treated mouse a dose now. Raises ScenarioError, and changes nothing, when the schema or the end of
        the study forbids it, or when the mouse has had its dose this hour.
        """
        if self.over:
            raise ScenarioError([Invalid("arm.dose", NO_VALUE, "the study is over; reset to start again")])
        first = _first_dose(self.raw)
        raw = copy.deepcopy(self.raw)
        dose = {"drug": first["drug"], "mg_per_kg": mg_per_kg, "route": first["route"], "days": [self.tick / 24]}
        if not (isinstance(mg_per_kg, int | float) and mg_per_kg > 0):
            raise ScenarioError([Invalid("arm.dose.mg_per_kg", mg_per_kg, "must be greater than 0")])
        if any(self.tick in _hours(given["days"]) for given in _doses(_treated(raw)) if given["mg_per_kg"] != 0):
            # two doses of one hour would be added in the order of the file, and the last digit may tell
            raise ScenarioError([Invalid("arm.dose", NO_VALUE, "the mouse has had its dose this hour; play on first")])
        _treated(raw).setdefault("dose", []).append(dose)
        scenario = _load(raw)
        self.treated.engine.apply(
            Dose(drug=first["drug"], mg_per_kg=float(mg_per_kg), route=first["route"], day=self.tick / 24)
        )
        self.raw, self.scenario = raw, scenario

    def dose_hours(self) -> list[int]:
        """Hours of all doses of the treated mouse, planned ones to come included."""
        return sorted(
            {hour for role, arm in self._arms() if role == TREATED for d in arm.dose for hour in _hours(d.days)}
        )

    def tgi_pct(self) -> float:
        """TGI now, 100 (1 - T/C) in per cent, of true volumes."""
        return tgi_tc(self.control.volumes[-1], self.treated.volumes[-1])

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(days, volume of the treated, of the untreated tumour in mm3) at every hour so far."""
        return np.arange(self.tick + 1) / 24, np.array(self.treated.volumes), np.array(self.control.volumes)

    def to_toml(self) -> str:
        """The run so far as a scenario file: what was chosen, and every dose given by hand."""
        return toml_text(_as_run(self.raw))


def _mice_of(raw: Mapping, scenario: XenograftScenario) -> dict[str, Mouse]:
    """Both mice. The drug's constants are there even before a first dose: one may be given by hand."""
    control = _control_name(raw)
    ready = copy.deepcopy(dict(raw))
    doses = _treated(ready).setdefault("dose", [])
    doses.append({**_first_dose(raw), "mg_per_kg": 1.0, "days": [0.0]})
    planned = {mouse.arm: mouse.doses for mouse in expand_mice(scenario)}
    found = {}
    for condition in expand_mice(_load(ready)):
        _refuse_end_point(condition)
        output = replace(condition.output, level="observables", frames_every_h=None, frame_agents=None)
        mouse = replace(condition, doses=planned.get(condition.arm, ()), output=output)
        found[CONTROL if condition.arm == control else TREATED] = Mouse(mouse)
    return {TREATED: found[TREATED], CONTROL: found[CONTROL]}


def _refuse_end_point(condition: MouseCondition) -> None:
    tumour, end = condition.tumour, condition.study.endpoint_mm3
    most = largest_cells(condition) / tumour.cells_per_mm3 / tumour.fraction_simulated
    if most >= end:
        message = f"the tumour may reach it ({most:,.3g} mm3); here both tumours are played to the end of the study"
        raise ScenarioError([Invalid("study.endpoint_mm3", end, message)])


def _as_taught(raw: Mapping) -> dict:
    """A copy with paired random numbers; raises ScenarioError where the file asks for what is not one mouse twice."""
    raw = copy.deepcopy(dict(raw))
    errors = []
    if raw.get("kind") != MouseCondition.KIND:
        errors.append(Invalid("kind", raw.get("kind", NO_VALUE), 'must be "xenograft" here'))
    if raw.get("random", "paired") != "paired":
        message = 'must be "paired" here: both tumours share their random numbers'
        errors.append(Invalid("random", raw["random"], message))
    for name in ("sweep", "branch"):
        if raw.get(name):
            errors.append(Invalid(name, NO_VALUE, f"one mouse is played, with and without treatment; no [{name}]"))
    arms = raw.get("arm")
    if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms) or _control_name(raw) is None:
        message = f"two arms are played, one of them called {', '.join(CONTROL_NAMES[:-1])} or {CONTROL_NAMES[-1]}"
        errors.append(Invalid("arm", NO_VALUE, message))
    else:
        for i, arm in enumerate(arms):
            if arm.get("mice", 1) != 1:
                errors.append(Invalid(f"arm[{i}].mice", arm["mice"], "one mouse is played"))
            if arm["name"] == _control_name(raw) and arm.get("dose"):
                errors.append(Invalid(f"arm[{i}].dose", NO_VALUE, "the control has none"))
    if errors:
        raise ScenarioError(errors)
    return {**raw, "random": "paired"}


def _as_run(raw: Mapping) -> dict:
    """The scenario as `adcc run` takes it: without doses of nothing, and without a treated arm that gets no dose."""
    raw = copy.deepcopy(dict(raw))
    for arm in raw["arm"]:
        if isinstance(arm.get("dose"), list):
            arm["dose"] = [dose for dose in arm["dose"] if not (isinstance(dose, dict) and dose.get("mg_per_kg") == 0)]
            if not arm["dose"]:
                del arm["dose"]
    raw["arm"] = [
        arm for arm in raw["arm"] if arm.get("dose") or arm.keys() - {"name", "mice"} or _is_control(raw, arm)
    ]
    return raw


def _load(raw: Mapping) -> XenograftScenario:
    return scenario_from_dict(_as_run(raw))


def _control_name(raw: Mapping) -> str | None:
    """Name of the control of two arms, None where it is not plain which one that is."""
    names = [arm.get("name") for arm in raw["arm"]]
    hits = control_arms([name for name in names if isinstance(name, str)])
    return hits[0] if len(names) == 2 and len(hits) == 1 else None


def _is_control(raw: Mapping, arm: Mapping) -> bool:
    return arm["name"] == _control_name(raw)


def _treated(raw: Mapping) -> dict:
    return next(arm for arm in raw["arm"] if not _is_control(raw, arm))


def _doses(arm: Mapping) -> list[dict]:
    doses = arm.get("dose", [])
    return [dose for dose in doses if isinstance(dose, dict)] if isinstance(doses, list) else []


def _first_dose(raw: Mapping) -> dict:
    """Drug and route of the first planned dose, or those of a dose given by hand."""
    first = next(iter(_doses(_treated(raw))), {})
    return {"drug": first.get("drug", DRUG), "route": first.get("route", ROUTE)}


def _hours(days) -> set[int]:
    return {round(24 * day) for day in days}
