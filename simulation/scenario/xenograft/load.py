"""Load a study in mice: raw tables against the schema, then whatever needs several keys or the catalogue.

As for a well, a faulty value is put aside or replaced by a sound stand-in, so that one reading finds every error; the
scenario that results is good enough to look for further errors, never to run.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, dotted, explain, nearest, show, sweep_path
from adccsim.scenario.tables import SCHEMA_VERSION, Origin, catalogue_of
from adccsim.scenario.validate import did_you_mean
from adccsim.scenario.xenograft.checks import check_study
from adccsim.scenario.xenograft.schema import TABLES, XenograftScenario, all_keys, sweepable

# Sound values of required keys; a list of tables stands for one entry of it.
_STAND_IN: dict[str, Any] = {
    "schema": SCHEMA_VERSION,
    "kind": "xenograft",
    "tumour": {"start_volume_mm3": 150.0, "clone": [{"cell_line": "NCI-N87"}]},
    "study": {"days": 21.0},
    "arm": [{"name": "vehicle", "mice": 1}],
    "branch": {"checkpoint": "tumour.ckpt"},
    "clone": [{"cell_line": "NCI-N87"}],
    "dose": [{"drug": "trastuzumab", "mg_per_kg": 1.0, "route": "iv", "days": [0.0]}],
    "start_volume_mm3": 150.0,
    "cell_line": "NCI-N87",
    "name": "vehicle",
    "mice": 1,
    "drug": "trastuzumab",
    "mg_per_kg": 1.0,
    "route": "iv",
    "days": 0.0,
    "checkpoint": "tumour.ckpt",
}
_MOST_VALUES = 1000


def load_xenograft(
    raw: dict, flat: Mapping[str, object], errors: list[Invalid], sets: Sequence[str], folder: Path, text: str
) -> XenograftScenario:
    """The scenario of a parsed file without [sweep] (flat: dotted key -> list). Raises ScenarioError with all errors.

    raw is changed. errors: those that were found before.
    """
    sweep, sweep_errors = _sweep(flat)
    for key, values in sweep.items():
        table, _, name = key.partition(".")
        if isinstance(raw.setdefault(table, {}), dict):
            raw[table].setdefault(name, values[0])
    scenario, table_errors, broken = _tables(raw)
    errors = [*errors, *table_errors, *sweep_errors]
    broken += [error.path for error in sweep_errors]
    overlays, texts, known, catalogue_errors = catalogue_of(folder, scenario.catalogue)
    errors += catalogue_errors
    broken += [error.path for error in catalogue_errors]
    scenario = scenario.model_copy(update={"sweep": sweep})
    scenario._origin = Origin(text, overlays, tuple(sets), known, folder, texts)
    errors += check_study(scenario, known, broken)
    if errors:
        raise ScenarioError(errors)
    return scenario


def _tables(raw: dict) -> tuple[XenograftScenario, list[Invalid], list[str]]:
    """Validate; a scenario with a stand-in for every faulty key, the errors, and the broken paths."""
    sound = copy.deepcopy(raw)
    errors: list[Invalid] = []
    broken: list[str] = []
    for _ in range(8):  # correcting a table can uncover an error inside it, a few levels deep
        try:
            return XenograftScenario.model_validate(sound), errors, broken
        except ValidationError as error:
            found: list[Invalid] = []
            for item in reversed(error.errors(include_url=False)):  # from the back: places in lists stay
                if item["type"] == "too_short" and item["input"]:
                    continue  # only because its entries have errors of their own
                wrong = _error(item)
                inside = any(wrong.path == path or wrong.path.startswith((f"{path}.", f"{path}[")) for path in broken)
                emptied = item["type"] == "too_short" and any(path.startswith(f"{wrong.path}[") for path in broken)
                if not inside and not emptied:
                    found.append(wrong)
                broken.append(wrong.path)
                _mend(sound, item["loc"])
            errors += reversed(found)
    return (
        XenograftScenario.model_validate({k: _STAND_IN[k] for k in ("schema", "kind", "tumour", "study", "arm")}),
        (errors),
        [*TABLES, "arm"],
    )


def _mend(node: Any, loc: Sequence[str | int]) -> None:
    """Replace the faulty value at loc by a sound one, or remove it."""
    for key in loc[:-1]:
        node = node[key]
    last = loc[-1]
    if isinstance(last, int):
        name = next(key for key in reversed(loc) if isinstance(key, str))
        sound = _STAND_IN.get(name)
        # A list of days stays rising when the faulty one goes; a faulty table becomes one that is never wrong.
        if isinstance(sound, list):
            node[last] = copy.deepcopy(sound[0])
        else:
            del node[last]
    elif last in _STAND_IN and not (last == "days" and "dose" in loc):
        sound = 21.0 if last == "days" else _STAND_IN[last]
        node[last] = copy.deepcopy(sound)
    elif last == "days":
        node[last] = [0.0]
    else:
        node.pop(last, None)


def _error(item: ErrorDetails) -> Invalid:
    """One entry of a pydantic error list as an error."""
    kind, loc, value = item["type"], item["loc"], item["input"]
    path = dotted(loc)
    plain = ".".join(part for part in loc if isinstance(part, str))
    if kind == "extra_forbidden":
        if plain == "replicates":
            return Invalid(path, value, "the unit of a study in mice is the mouse: say arm.mice")
        return Invalid(path, value, f"unknown key{did_you_mean(plain, all_keys())}")
    if kind == "missing":
        needed = {"tumour": "[tumour]", "study": "[study]", "arm": "[[arm]]", "tumour.clone": "[[tumour.clone]]"}
        return Invalid(path, NO_VALUE, "missing" + (f": write a table {needed[plain]}" if plain in needed else ""))
    if kind == "literal_error" and isinstance(value, str):
        words = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        close = nearest(value, words)
        return Invalid(path, value, explain(item) + (f"; did you mean {show(close)}?" if close else ""))
    return Invalid(path, value, explain(item))


def _sweep(flat: Mapping[str, object]) -> tuple[dict[str, tuple], list[Invalid]]:
    """The swept lists with the types of their keys, and the errors; a list with an error is left out."""
    allowed, sweep, errors = sweepable(), {}, []
    for key, values in flat.items():
        path = sweep_path(key)
        if key not in allowed:
            known = key in all_keys()
            why = "cannot be swept: it belongs to one arm or one clone" if known else "unknown key"
            errors.append(Invalid(path, values, why + ("" if known else did_you_mean(key, allowed))))
        elif not isinstance(values, list) or not values or len(values) > _MOST_VALUES:
            errors.append(Invalid(path, values, f"must be a list of 1 to {_MOST_VALUES:,} values"))
        else:
            table, _, name = key.partition(".")
            own = {**_STAND_IN.get(table, {})}
            sound = []
            for i, value in enumerate(values):
                try:
                    sound.append(getattr(TABLES[table].model_validate({**own, name: value}), name))
                except ValidationError as error:
                    for item in error.errors(include_url=False):
                        errors.append(Invalid(sweep_path(key, i), item["input"], _error(item).message))
            if len(set(sound)) < len(sound):
                errors.append(Invalid(path, values, "holds a value twice"))
            elif len(sound) == len(values):
                sweep[key] = tuple(sound)
    return sweep, errors
