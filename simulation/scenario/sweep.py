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
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from simulation.conditions.well import WellCondition
from simulation.scenario.donors import donors_of
from simulation.scenario.resolve import resolve
from simulation.scenario.schema import Loaded, Scenario, Table


@dataclass(frozen=True)
class Point:
    """One combination of the swept values: the scenario with them in place, and the index of each key's value."""

    scenario: Scenario
    index: dict[str, int]


def points(scenario: Scenario) -> Iterator[Point]:
    """All combinations of the sweep, the last key fastest; the scenario itself when nothing is swept."""
    keys = list(scenario.sweep)
    tables: dict[Hashable, Table] = {}
    for choice in itertools.product(*(range(len(scenario.sweep[key])) for key in keys)):
        index = dict(zip(keys, choice, strict=True))
        values = {key: scenario.sweep[key][i] for key, i in index.items()}
        yield Point(with_values(scenario, values, tables), index)


def point_count(scenario: Scenario) -> int:
    """Number of combinations of the sweep; 1 when nothing is swept."""
    count = 1
    for values in scenario.sweep.values():
        count *= len(values)
    return count


def with_values[S: Loaded](scenario: S, values: Mapping[str, Any], made: dict[Hashable, Table] | None = None) -> S:
    """The scenario with dotted keys set to values that are valid for them; made: tables of earlier points, to share."""
    by_table: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        table, _, name = key.partition(".")
        by_table.setdefault(table, {})[name] = value
    made = {} if made is None else made
    update = {}
    for table, own in by_table.items():
        key = (table, *own.items())
        if key not in made:
            made[key] = getattr(scenario, table).model_copy(update=own)
        update[table] = made[key]
    return scenario.model_copy(update=update) if update else scenario


def expand(scenario: Scenario) -> list[WellCondition]:
    """All wells of a scenario from load.py: the user's in the order of the file, then the controls, no run_id twice."""
    wanted: dict[WellCondition, None] = {}
    controls: dict[WellCondition, None] = {}
    donors = donors_of(scenario.seed, scenario.effectors.donors)
    for point in points(scenario):
        for donor in donors:
            well = resolve(point.scenario, scenario.known, donor)
            wanted[well] = None
            controls |= dict.fromkeys(well.controls(point.scenario.assay.fc_null_control))
    wells = [*wanted, *(control for control in controls if control not in wanted)]
    return [replace(well, replicate=n) if n > 1 else well for well in wells for n in range(1, scenario.replicates + 1)]
