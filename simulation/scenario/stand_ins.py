"""Stand-ins: numbers that a scenario reads from an entry of the catalogue and that belong to another entry.

An antibody that states no affinity of its own binds with that of trastuzumab; an effector in a mouse kills with the
numbers of a human NK cell. Such numbers are allowed, and never silent: `adcc check`, study.json and reports list them.
A number that the scenario sets or sweeps is its own and is not listed.             (tests/scenario/test_stand_ins.py)
"""

from collections.abc import Container, Iterable

from adccsim.parameters.lookup import Entry
from adccsim.scenario.tables import Loaded

Row = dict[str, str | float]


def entry_rows(what: str, entry: Entry, own: Container[str]) -> list[Row]:
    """The stand-ins of one entry. own: fields that the scenario states itself."""
    rows: list[Row] = []
    for key, source in entry.taken_from.items():
        if key in own:
            continue
        number = entry.numbers.get(key)
        value, unit = (number.value, number.unit) if number else (str(entry.strings.get(key, "")) or "none", "")
        whose = source or "all entries alike"
        rows.append({"of": f"{what} {entry.name}", "number": key, "value": value, "unit": unit, "from": whose})
    return rows


def values_of(scenario: Loaded, table: str, key: str) -> Iterable[object]:
    return scenario.sweep.get(f"{table}.{key}") or (getattr(getattr(scenario, table), key),)


def set_by(scenario: Loaded, table: str) -> set[str]:
    """Keys of a table that the scenario states; a swept key stands there with its first value."""
    return {name for name, value in getattr(scenario, table).model_dump().items() if value is not None}
