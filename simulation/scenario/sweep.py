"""Sweep: a scenario becomes the list of wells that are run.

Every combination of the [sweep] lists, for every donor and replicate, is a condition; the controls that read-outs
need are added by themselves:
  target_only    no effectors and no antibody: once per plate
  effector_only  no targets: once per plate and E:T, where the read-out counts effectors (LDH)
  no_antibody    dose 0: once per plate and E:T
  fc_null        the same well with an antibody without Fc: for every well with antibody, only when asked for
A control that equals a swept well, or another control, is that well: conditions are told apart by run_id alone, and a
condition is the same whatever else is swept beside it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulation.scenario.donors import donors_of
from simulation.scenario.identity import Texts, names_of
from simulation.scenario.resolve import has_antibody, has_effectors, resolve, without_antibody
from simulation.scenario.schema import Scenario


@dataclass(frozen=True)
class Condition:
    """One well to run.

    resolved: every number, as a JSON-able dict (not to be changed). json: its canonical text, which `json.loads` turns
    back into `resolved`. run_id: names the run file. run_key: seeds the generator. plate, role, donor, replicate: as in
    `resolved` and the identity module.
    """

    resolved: dict = field(repr=False, compare=False)
    json: str = field(repr=False)
    run_id: str
    run_key: int
    plate: str
    role: str
    donor: int
    replicate: int


@dataclass(frozen=True)
class Point:
    """One combination of the swept values: the scenario with them in place, and the index of each key's value."""

    scenario: Scenario
    index: dict[str, int]


def points(scenario: Scenario) -> Iterator[Point]:
    """All combinations of the sweep, the last key fastest; the scenario itself when nothing is swept."""
    keys = list(scenario.sweep)
    for choice in itertools.product(*(range(len(scenario.sweep[key])) for key in keys)):
        index = dict(zip(keys, choice, strict=True))
        yield Point(with_values(scenario, {key: scenario.sweep[key][i] for key, i in index.items()}), index)


def point_count(scenario: Scenario) -> int:
    """Number of combinations of the sweep; 1 when nothing is swept."""
    count = 1
    for values in scenario.sweep.values():
        count *= len(values)
    return count


def with_values(scenario: Scenario, values: dict[str, Any]) -> Scenario:
    """The scenario with dotted keys set to values that are valid for them."""
    by_table: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        table, _, name = key.partition(".")
        by_table.setdefault(table, {})[name] = value
    update = {table: getattr(scenario, table).model_copy(update=own) for table, own in by_table.items()}
    return scenario.model_copy(update=update) if update else scenario


def expand(scenario: Scenario) -> list[Condition]:
    """All conditions of a scenario: the user's wells in the order of the file, then the controls, no run_id twice.

    A scenario from load.py expands without error; one that was put together by hand is checked here first.
    Raises ScenarioError.
    """
    if scenario._origin.known is None:
        from simulation.scenario.checks import check_scenario  # checks.py walks the sweep with this module

        check_scenario(scenario, scenario.known)
    texts = Texts()
    wanted: dict[str, dict] = {}
    controls: dict[str, dict] = {}
    donors = donors_of(scenario.seed, scenario.effectors.donors)
    for point in points(scenario):
        for donor in donors:
            well = resolve(point.scenario, scenario.known, donor)
            wanted.setdefault(texts.whole(well), well)
            for control in controls_of(well, point.scenario.assay.fc_null_control):
                controls.setdefault(texts.whole(control), control)
    wells = [*wanted.values(), *(well for text, well in controls.items() if text not in wanted)]
    return [_condition({**well, "replicate": n}, texts) for well in wells for n in range(1, scenario.replicates + 1)]


def _condition(resolved: dict, texts: Texts) -> Condition:
    text, run_id, run_key, plate = names_of(resolved, texts)
    return Condition(
        resolved=resolved,
        json=text,
        run_id=run_id,
        run_key=run_key,
        plate=plate,
        role=resolved["role"],
        donor=resolved["donor"],
        replicate=resolved["replicate"],
    )


def controls_of(well: dict, fc_null: bool = False) -> list[dict]:
    """The controls that one resolved well asks for, resolved; some may equal the well itself."""
    bare = without_antibody(well)
    controls = [_target_only(bare)]
    if has_effectors(well):
        controls.append({**bare, "role": "no_antibody"})
        if well["assay"]["counts_effectors"] > 0:
            controls.append(_effector_only(bare))
        if fc_null and has_antibody(well):
            controls.append(_fc_null(well))
    return controls


def _target_only(bare: dict) -> dict:
    return {
        **bare,
        "role": "target_only",
        "effectors": {**bare["effectors"], "et_ratio": 0.0, "nk_cells": 0, "other_cells": 0},
        "action": [action for action in bare["action"] if "wash" in action],
    }


def _effector_only(bare: dict) -> dict:
    # plate_cells: which plate the well belongs to; it holds no target that could say so.
    targets = {**bare["targets"], "cells": 0, "plate_cells": bare["targets"]["cells"]}
    return {**bare, "role": "effector_only", "targets": targets}


def _fc_null(well: dict) -> dict:
    partner = well["partner"] and {**well["partner"], "fc_gain": 0.0}
    return {**well, "role": "fc_null", "antibody": {**well["antibody"], "fc_gain": 0.0}, "partner": partner}
