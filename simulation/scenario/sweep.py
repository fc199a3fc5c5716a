"""Sweep: every combination of the [sweep] lists is one point of the design, the last key fastest."""

import itertools
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from adccsim.scenario.tables import Loaded, Table


@dataclass(frozen=True)
class Point[S: Loaded]:
    """One combination of the swept values: the scenario with them in place, and the index of each key's value."""

    scenario: S
    index: dict[str, int]


def points[S: Loaded](scenario: S) -> Iterator[Point[S]]:
    """All combinations of the sweep, the last key fastest; the scenario itself when nothing is swept."""
    keys = list(scenario.sweep)
    tables: dict[Hashable, Table] = {}
    for choice in itertools.product(*(range(len(scenario.sweep[key])) for key in keys)):
        index = dict(zip(keys, choice, strict=True))
        values = {key: scenario.sweep[key][i] for key, i in index.items()}
        yield Point(with_values(scenario, values, tables), index)


def point_count(scenario: Loaded) -> int:
    """Number of combinations of the sweep; 1 when nothing is swept."""
    count = 1
    for values in scenario.sweep.values():
        count *= len(values)
    return count


def with_values[S: Loaded](scenario: S, values: Mapping[str, object], made: dict[Hashable, Table] | None = None) -> S:
    """The scenario with dotted keys set to values that are valid for them; made: tables of earlier points, to share."""
    by_table: dict[str, dict[str, object]] = {}
    for key, value in values.items():
        table, _, name = key.partition(".")
        by_table.setdefault(table, {})[name] = value
    made = {} if made is None else made
    update = {}
    for table, own in by_table.items():
        which = (table, *own.items())
        if which not in made:
            made[which] = getattr(scenario, table).model_copy(update=own)
        update[table] = made[which]
    return scenario.model_copy(update=update) if update else scenario
