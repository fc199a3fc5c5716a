"""Plate: one well that a class plays with, and the control wells that its % specific lysis needs, in step.

The wells are those of `adcc run` and driven alike: at each tick actions first, then the observation, then time goes
on. They share their random numbers (random = "paired"), so that an intervention during the run changes what
it acts on and nothing before it: the scenario that a plate exports gives the same events when `adcc run` plays it.
"""

import copy
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from adccsim.analysis.assay.controls import LYSIS_READOUTS, percent_lysis
from adccsim.conditions.well import Intervention, WellCondition
from adccsim.execution.driver import drive
from adccsim.execution.well import WellWorld
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.well.donors import donors_of
from adccsim.scenario.well.resolve import resolve
from adccsim.scenario.well.schema import Action, Scenario
from adccsim.toml_text import toml_text
from adccsim.well.engine import WellEngine, WellFullError

SAMPLE, CONTROL, TARGET_ONLY, EFFECTOR_ONLY = "sample", "no_antibody", "target_only", "effector_only"


class Plate:
    """A well with its controls. `raw`: parsed scenario file of one well (no sweep, one donor, one replicate).

    Raises ScenarioError, with every error, for what `adcc check` would refuse and for what is not one well.
    """

    def __init__(self, raw: Mapping, record_events: bool = False):
        self.raw = _as_taught(raw)
        self.scenario = _load(self.raw)
        self.events: list[tuple] = []
        self._curves: dict[str, tuple] = {}  # role -> (state, hours, lysis)
        self.wells = {role: WellWorld(_as_shown(each)) for role, each in conditions_of(self.scenario).items()}
        if record_events:
            self.sample.events = self.events
        self.per_h = round(1.0 / self.sample.engine.tick_h)
        self.end_tick = self.sample.end_tick
        self.advance(0)

    @property
    def sample(self) -> WellWorld:
        """The well that the class plays with."""
        return self.wells[SAMPLE]

    @property
    def control(self) -> WellWorld:
        """The same well without antibody."""
        return self.wells[CONTROL]

    @property
    def tick(self) -> int:
        """Minutes since effectors were added."""
        return self.sample.tick

    @property
    def hours(self) -> float:
        """Hours since effectors were added."""
        return self.tick / self.per_h

    @property
    def over(self) -> bool:
        """Whether the assay has ended."""
        return self.tick >= self.end_tick

    def advance(self, ticks: int) -> int:
        """Go on by so many ticks, at most to the end of the assay; returns the ticks done.

        ticks may be any split of the same time: the result does not depend on it.
        """
        before = self.tick
        for well in self.wells.values():
            drive(well, before + ticks)
        return self.tick - before

    def act(self, **action) -> None:
        """Do something by hand now: add_antibody_ug_per_ml=x, wash=True, add_effectors=n or wash_effectors=True.

        It is validated and recorded as an [[action]] of the scenario. Raises ScenarioError when the schema, the well or
        the end of the assay forbids it; nothing is changed then.
        """
        if self.over:
            raise ScenarioError([Invalid("action", NO_VALUE, "the assay is over; reset to start again")])
        raw = copy.deepcopy(self.raw)
        raw["action"] = [*raw.get("action", []), {"at_h": self.hours, **action}]
        scenario = _load(raw)
        conditions = conditions_of(scenario)
        self._refuse_new_layer(conditions[SAMPLE])
        done = {role: self._newest(conditions[role], self.wells[role].condition) for role in self.wells}
        saved = {role: _copy_of(well.engine) for role, well in self.wells.items() if done[role]}
        try:
            for role in saved:
                self.wells[role].engine.apply(done[role])
        except WellFullError as error:
            for role, state in saved.items():
                self.wells[role].engine.restore(state)
            raise ScenarioError([Invalid("action", NO_VALUE, str(error))]) from None
        self.raw, self.scenario = raw, scenario
        for role, well in self.wells.items():
            well.condition = conditions[role]
            if well.record.steps[-1] == self.tick:
                well.observe()

    def _newest(self, condition: WellCondition, before: WellCondition) -> Intervention | None:
        """The intervention of this moment that a condition has and had not before; None where it has no new one."""
        now, had = (
            [one for one in wells.interventions if round(one.at_h * self.per_h) == self.tick]
            for wells in (condition, before)
        )
        return now[-1] if len(now) > len(had) else None

    def _refuse_new_layer(self, condition: WellCondition) -> None:
        """The layers of a well are laid out at its start: cells that need one more cannot come in during the run."""
        if condition.layers_needed() != self.sample.engine.layers:
            message = "too many NK cells for the floor of this well; wash some out first, or reset with a higher E:T"
            raise ScenarioError([Invalid("action.add_effectors", NO_VALUE, message)])

    def curve(self, role: str = SAMPLE) -> tuple[np.ndarray, np.ndarray]:
        """(hours, % specific lysis) at every observation of a well so far: shapes (T,), NaN where undefined.

        The readings are those of `adcc run` and the formula is that of analysis; controls are the wells of this plate.
        """
        state = (self.tick, len(self.raw.get("action", [])))
        if role not in self._curves or self._curves[role][0] != state:  # asked several times per picture
            self._curves[role] = (state, *self._curve(role))
        return self._curves[role][1:]

    def _curve(self, role: str) -> tuple[np.ndarray, np.ndarray]:
        assay = self.sample.condition.assay
        net = {name: self._net(name) for name in {role, TARGET_ONLY, EFFECTOR_ONLY} & self.wells.keys()}
        hours, readings = net[role]
        effector_only = net.get(EFFECTOR_ONLY, (hours, {"signal": np.zeros(len(hours))}))[1]["signal"]
        target_only = net[TARGET_ONLY][1]
        with np.errstate(invalid="ignore", divide="ignore"):
            lysis, _ = percent_lysis(
                assay.readout,
                readings["signal"],
                target_only["signal"],
                effector_only,
                target_only["signal_maximum"],
            )
        return hours, lysis

    def _net(self, role: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        well = self.wells[role]
        raw = well.signals()
        blank = raw["signal_blank"]
        return well.record.hours, {name: raw[name] - blank for name in ("signal", "signal_maximum")}

    def to_toml(self) -> str:
        """The run so far as a scenario file: what was chosen, and every intervention. Events are kept in the file
        that `adcc run` makes of it."""
        raw = copy.deepcopy(self.raw)
        output = raw.setdefault("output", {})
        if output.get("level") != "frames":
            output["level"] = "events"
        return toml_text(raw)


def conditions_of(scenario: Scenario) -> dict[str, WellCondition]:
    """Role -> condition of the well and of every control that its lysis may need.

    The antibody's constants and all controls are there even while the well holds neither antibody nor effectors: a hand
    may add both.
    """
    donor = donors_of(scenario.seed, 1)[0]
    both = (Action(at_h=0.0, add_antibody_ug_per_ml=1.0), Action(at_h=0.0, add_effectors=1))
    asked = resolve(scenario, scenario.known, donor).interventions
    well = resolve(scenario.model_copy(update={"action": both}), scenario.known, donor)
    # Each control keeps the interventions that concern it.
    controls = replace(well, interventions=(*asked, *well.interventions)).controls()
    wells = {SAMPLE: replace(well, interventions=asked)}
    for control in controls:
        own = tuple(one for one in control.interventions if any(one is other for other in asked))
        wells[control.role] = replace(control, interventions=own)
    return wells


def _as_shown(condition: WellCondition) -> WellCondition:
    """The same well with no record of events and frames: the page shows the agents as they are now."""
    return replace(condition, output=replace(condition.output, level="observables", frames_every_min=None))


def _as_taught(raw: Mapping) -> dict:
    """A copy with paired random numbers; raises ScenarioError where the file asks for what is not one well."""
    raw = copy.deepcopy(dict(raw))
    errors = []
    if raw.get("random", "paired") != "paired":
        message = 'must be "paired" here: the wells of a lesson share their random numbers'
        errors.append(Invalid("random", raw["random"], message))
    if raw.get("sweep"):
        errors.append(Invalid("sweep", NO_VALUE, "a lesson plays one well; give one value and no [sweep]"))
    if raw.get("replicates", 1) != 1:
        errors.append(Invalid("replicates", raw["replicates"], "a lesson plays one well"))
    if isinstance(raw.get("effectors"), dict) and raw["effectors"].get("donors", 1) != 1:
        errors.append(Invalid("effectors.donors", raw["effectors"]["donors"], "a lesson plays one well of one donor"))
    if isinstance(raw.get("assay"), dict) and raw["assay"].get("readout") == "viability":
        message = f"has no lysis; use one of {', '.join(LYSIS_READOUTS)}"
        errors.append(Invalid("assay.readout", "viability", message))
    if errors:
        raise ScenarioError(errors)
    return {**raw, "random": "paired"}


def _load(raw: Mapping) -> Scenario:
    return scenario_from_dict(dict(raw))


def _copy_of(engine: WellEngine) -> dict[str, np.ndarray]:
    return {name: values.copy() for name, values in engine.arrays().items()}
