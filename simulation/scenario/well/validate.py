"""Validate: the raw tables of a well's file against the schema, key by key: all errors are found in one reading.

A key with an error is left out or replaced by a sound stand-in; its path is remembered as broken, and the scenario that
results is good enough to look for further errors, never to run.
"""

import copy
from collections.abc import Hashable, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adccsim.scenario.errors import NO_VALUE, Invalid, dotted, explain, nearest, show, sweep_path
from adccsim.scenario.tables import SCHEMA_VERSION
from adccsim.scenario.validate import did_you_mean
from adccsim.scenario.well.schema import TABLES, Scenario, all_keys, sweepable

_MOST_VALUES = 10_000
_NEEDED_TABLES = ("targets", "effectors", "antibody", "assay")

# Sound values of the required keys: they complete a table of which only one value is validated, and stand in for
# required keys that are missing or faulty.
_STAND_IN: dict[str, dict[str, object]] = {
    "targets": {"cell_line": "SK-BR-3"},
    "effectors": {"type": "NK-resting", "et_ratio": 1.0},
    "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 1.0},
    "assay": {"duration_h": 4.0, "readout": "calcein"},
    "culture": {
        "days": 1.0,
        "passage_interval_days": 1.0,
        "split_ratio": 2.0,
        "dose_steps_ug_per_ml": [1.0],
        "mutation_rate_per_division": 0.0,
    },
    "compare": {"data": "observed.csv"},
    "calibrate": {"free": {"effectors.default.motility": []}},
    "sensitivity": {"keys": ["effectors.antibody_hit_per_h", "effectors.bridges_half"]},
}


def validate_tables(raw: dict) -> tuple[Scenario, list[Invalid], list[str]]:
    """Validate a file without its sweep.

    Returns the scenario (with a stand-in, or nothing, for every faulty key), the errors, and the broken paths.
    """
    try:
        return Scenario.model_validate(raw), [], []
    except ValidationError as error:
        items = error.errors(include_url=False)
    sound = copy.deepcopy(raw)
    for item in items:
        _put_aside(sound, item["loc"])
    for table in (*_NEEDED_TABLES, *sorted({"culture", "compare", "calibrate", "sensitivity"} & raw.keys())):
        sound[table] = {**_STAND_IN[table], **sound.get(table, {})}
    sound = {"schema": SCHEMA_VERSION, "kind": "well", **sound}
    return Scenario.model_validate(sound), [_error(item) for item in items], [dotted(item["loc"]) for item in items]


def _put_aside(node: dict, loc: Sequence[str | int]) -> None:
    """Remove the faulty value at loc; a faulty action becomes one that is never wrong."""
    if loc[0] == "action" and len(loc) > 1:
        node["action"][loc[1]] = {"at_h": 0.0, "wash": True}  # keeps the places of the other actions
    elif loc[0] == "catalogue" or len(loc) == 1:
        node.pop(loc[0], None)
    else:
        node.get(loc[0], {}).pop(loc[1], None)


def _error(item: ErrorDetails) -> Invalid:
    """One entry of a pydantic error list as an error."""
    kind, loc, value = item["type"], item["loc"], item["input"]
    path = dotted(loc)
    if kind == "extra_forbidden":
        plain = ".".join(part for part in loc if isinstance(part, str))
        return Invalid(path, value, f"unknown key{did_you_mean(plain, all_keys())}")
    if kind == "missing":
        needed = f': kind "well" needs the table [{path}]' if path in _NEEDED_TABLES else ""
        return Invalid(path, NO_VALUE, f"missing{needed}")
    if kind == "literal_error" and isinstance(value, str):
        words = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        close = nearest(value, words)
        return Invalid(path, value, explain(item) + (f"; did you mean {show(close)}?" if close else ""))
    return Invalid(path, value, explain(item))


def validate_sweep(flat: Mapping[str, object]) -> tuple[dict[str, tuple], list[Invalid]]:
    """The swept lists, coerced to the types of their keys, and the errors.

    A faulty value is replaced by a sound one of its list, so that the places of the others stay; a list with no sound
    value is left out.
    """
    allowed = sweepable()
    sweep: dict[str, tuple] = {}
    errors: list[Invalid] = []
    for key, values in flat.items():
        path = sweep_path(key)
        if key in allowed:
            if not isinstance(values, list):
                errors.append(Invalid(path, values, "must be a list of values"))
            elif not values:
                errors.append(Invalid(path, values, "empty list: nothing would be run"))
            elif len(values) > _MOST_VALUES:
                errors.append(Invalid(path, NO_VALUE, f"has {len(values):,} values; at most {_MOST_VALUES:,}"))
            else:
                sound = _sound_values(key, values, errors)
                if sound:
                    spare = next(iter(sound.values()))
                    sweep[key] = tuple(sound.get(i, spare) for i in range(len(values)))
        elif key in all_keys():
            errors.append(Invalid(path, values, "cannot be swept: one value holds for the whole scenario"))
        else:
            errors.append(Invalid(path, values, f"unknown key{did_you_mean(key, allowed)}"))
    return sweep, errors


def _sound_values(key: str, values: list, errors: list[Invalid]) -> dict[int, Hashable]:
    """Validate the values of one swept key one by one. Returns place -> coerced value of those without an error."""
    table, _, name = key.partition(".")
    sound: dict[int, Hashable] = {}
    place_of: dict[Hashable, int] = {}
    for i, value in enumerate(values):
        try:
            coerced = getattr(TABLES[table].model_validate({**_STAND_IN.get(table, {}), name: value}), name)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                inner = dotted(item["loc"][1:])
                errors.append(Invalid(sweep_path(key, i) + inner, item["input"], _error(item).message))
            continue
        if coerced in place_of:
            message = f"duplicate condition: the same value as [{place_of[coerced]}]"
            errors.append(Invalid(sweep_path(key, i), value, message))
            continue
        place_of[coerced] = i
        sound[i] = coerced
    return sound


def fill_from_sweep(raw: dict, sweep: dict[str, tuple]) -> dict:
    """The file with its table's key given the first swept value wherever the table lacks it (a new dict)."""
    filled = dict(raw)
    for key, values in sweep.items():
        table, _, name = key.partition(".")
        own = filled.get(table, {})
        if isinstance(own, dict):
            filled[table] = {name: values[0], **own}
    return filled
