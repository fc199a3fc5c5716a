"""The catalogue: every number the simulator knows, with its range, unit, source and provenance.

Files   one TOML table per kind beside this module; `[default]` holds what all entries share, an entry's own field wins.
Overlay a user's TOML file, `[kind.entry.field]` with value, unit, source, provenance (overlay.py).
Limits  every number and both ends of its range lie within the bounds of its unit (fields.py).
                                                                            (tests/catalogue/test_catalogue.py)
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adccsim.parameters.fields import (
    CHOICES,
    DEFAULT,
    IN_VIVO_OF,
    KINDS,
    NUMBER_KEYS,
    OPERATIONS,
    OPTIONAL,
    PROVENANCES,
    CatalogueError,
    did_you_mean,
    is_number,
    key_path,
    out_of_bounds,
    shipped,
    shown,
)
from adccsim.parameters.overlay import Added, Names, check_added, field_names, lay_over, taken_over


@dataclass(frozen=True, slots=True)
class Number:
    """One number of the catalogue.

    `value` lies within `low`..`high` (same unit, inclusive). `provenance` is one of PROVENANCES. `operation` is "value"
    for an ordinary field; in a mechanism it is "factor" (multiplies the field of the line) or "set" (replaces it).
    """

    value: float
    low: float
    high: float
    unit: str
    source: str
    provenance: str
    note: str = ""
    operation: str = "value"


@dataclass(frozen=True, slots=True)
class Entry:
    """One named entry, defaults already filled in: `numbers` by field name, and `strings` (text and flags).

    `taken_from`: field -> the entry of the same kind whose number or text stands in for one that this entry does not
    state ("" for what all entries share). What every entry of a kind has in common is not among them.
    """

    name: str
    numbers: dict[str, Number]
    strings: dict[str, str | bool]
    taken_from: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def values(self) -> dict[str, float]:
        """Return field name -> value in the field's own unit (the name carries it)."""
        return {name: number.value for name, number in self.numbers.items()}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries by kind and name. `defaults` holds the shared fields of each kind as an entry named "default".

    kept: what was computed from these entries and may be used again, by a key of whoever computed it.
    """

    cell_lines: dict[str, Entry]
    effectors: dict[str, Entry]
    antibodies: dict[str, Entry]
    mechanisms: dict[str, Entry]
    wells: dict[str, Entry]
    readouts: dict[str, Entry]
    tumours: dict[str, Entry]
    mice: dict[str, Entry]
    residents: dict[str, Entry]
    drugs: dict[str, Entry]
    defaults: dict[str, Entry] = field(repr=False)
    kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def kind(self, kind: str) -> dict[str, Entry]:
        """Return the entries of `kind`, written with underscore or hyphen; ValueError names the kinds there are."""
        name = kind.replace("-", "_")
        if name not in KINDS:
            raise ValueError(f"{kind}: no such kind{did_you_mean(name, KINDS)}; allowed: {', '.join(KINDS)}")
        return getattr(self, name)


def load(overlays: Sequence[Path] = ()) -> Catalogue:
    """Read the shipped tables, lay `overlays` over them in order, and return the resolved catalogue.

    Pure: the same files give an equal catalogue. Raises CatalogueError with every error, each naming its key path.
    """
    raw = shipped()
    names = field_names(raw)
    errors: list[str] = []
    added: dict[tuple[str, str], Added] = {}
    for path in overlays:
        raw = lay_over(raw, Path(path), names, added, errors)
    if errors:
        raise CatalogueError(errors)
    entries: dict[str, dict[str, Entry]] = {}
    defaults: dict[str, Entry] = {}
    for kind in KINDS:
        shared = _entry(kind, DEFAULT, raw[kind].get(DEFAULT, {}), None, errors)
        defaults[kind] = shared
        entries[kind] = {}
        for name, table in raw[kind].items():
            if name != DEFAULT:
                entry = _entry(kind, name, table, shared, errors)
                taken = taken_over(raw, kind, name, added) | _said_to_be(entry, shared)
                entries[kind][name] = replace(entry, taken_from=taken)
    check_added(raw, added, errors)
    _check_complete(entries, names, errors)
    if errors:
        raise CatalogueError(errors)
    return Catalogue(**entries, defaults=defaults)


def _said_to_be(entry: Entry, shared: Entry) -> dict[str, str]:
    """Field -> entry for the entry's own numbers whose source says that they are another entry's ("as NSG; ...")."""
    found = {}
    for name, number in entry.numbers.items():
        said = re.match(r"as ((?:[^;,.]|\.(?=\d))+)", number.source)  # a name may hold a dot: 721.221
        if said and shared.numbers.get(name) is not number:
            found[name] = said[1].strip()
    return found


def with_values(catalogue: Catalogue, values: Mapping[str, float]) -> Catalogue:
    """The catalogue with some numbers replaced: "kind.entry.field" -> value in the field's unit.

    Entry "default" changes the shared number, in every entry that has none of its own. The range is widened where a
    value lies outside it. KeyError with the path for a field that is not there.
    """
    kinds = {kind: {name: dict(entry.numbers) for name, entry in catalogue.kind(kind).items()} for kind in KINDS}
    shared = {kind: dict(entry.numbers) for kind, entry in catalogue.defaults.items()}
    for path, value in values.items():
        kind, name, key = split_path(path)
        try:
            old = shared[kind][key] if name == DEFAULT else kinds[kind][name][key]
        except KeyError:
            raise KeyError(path) from None
        new = replace(old, value=float(value), low=min(old.low, value), high=max(old.high, value))
        if name == DEFAULT:
            shared[kind][key] = new
            for numbers in kinds[kind].values():
                if numbers.get(key) is old:
                    numbers[key] = new
        else:
            kinds[kind][name][key] = new
    changed = {
        kind: {name: replace(catalogue.kind(kind)[name], numbers=numbers) for name, numbers in entries.items()}
        for kind, entries in kinds.items()
    }
    defaults = {kind: replace(entry, numbers=shared[kind]) for kind, entry in catalogue.defaults.items()}
    return Catalogue(**changed, defaults=defaults)


def number_at(catalogue: Catalogue, path: str) -> Number:
    """The number at "kind.entry.field". Raises KeyError with the path where there is none."""
    kind, name, key = split_path(path)
    try:
        entry = catalogue.defaults[kind] if name == DEFAULT else catalogue.kind(kind)[name]
        return entry.numbers[key]
    except (KeyError, ValueError):
        raise KeyError(path) from None


def split_path(path: str) -> tuple[str, str, str]:
    """(kind, entry, field) of a path; an entry's name may hold dots, a kind and a field do not."""
    kind, _, rest = path.partition(".")
    name, _, key = rest.rpartition(".")
    return kind, name.strip('"'), key


def rows(catalogue: Catalogue, kind: str) -> list[dict[str, str | float]]:
    """Return the numbers of one kind for a listing, in file order: the shared ones once, under the name "default",
    then for each entry those of its own. Keys: name, field, value, low, high, unit, source, provenance. In mechanisms
    the unit reads "factor" where the field of the target line is multiplied. ValueError for an unknown kind.
    """
    entries = catalogue.kind(kind)
    shared = catalogue.defaults[kind.replace("-", "_")]
    out: list[dict[str, str | float]] = []
    for entry in (shared, *entries.values()):
        for name, number in entry.numbers.items():
            if entry is not shared and shared.numbers.get(name) is number:
                continue
            out.append(
                {
                    "name": entry.name,
                    "field": name,
                    "value": number.value,
                    "low": number.low,
                    "high": number.high,
                    "unit": number.unit,
                    "source": number.source,
                    "provenance": number.provenance,
                }
            )
    return out


def apply_mechanism(mechanism: Entry, targets: Mapping[str, float]) -> dict[str, float]:
    """Return the target fields after `mechanism`: "factor" multiplies, "set" replaces, all else stays.

    `targets` maps cell_lines field names to values and must hold every field that the mechanism touches (KeyError).
    """
    changed = dict(targets)
    for name, number in mechanism.numbers.items():
        changed[name] = changed[name] * number.value if number.operation == "factor" else number.value
    return changed


def _entry(kind: str, name: str, table: Mapping[str, Any], shared: Entry | None, errors: list[str]) -> Entry:
    """Check and freeze one entry; fields it lacks come from `shared`, as the very same Number objects."""
    numbers: dict[str, Number] = dict(shared.numbers) if shared else {}
    strings: dict[str, str | bool] = dict(shared.strings) if shared else {}
    for key, item in table.items():
        where = key_path(kind, name, key)
        if isinstance(item, dict):
            number = _number(kind, key, item, where, errors)
            if number is not None:
                numbers[key] = number
        else:
            _check_text(kind, key, item, where, errors)
            strings[key] = item
    return Entry(name, numbers, strings)


def _number(kind: str, field_name: str, item: dict[str, Any], where: str, errors: list[str]) -> Number | None:
    """Check one inline table; None, with its errors added, if it is no usable number."""
    before = len(errors)
    for key in item:
        if key not in NUMBER_KEYS:
            errors.append(f"{where}.{key_path(key)}: unknown key{did_you_mean(key, NUMBER_KEYS)}")
    allowed = ("factor", "set") if kind == "mechanisms" else ("value",)
    given = [name for name in OPERATIONS if name in item]
    if len(given) != 1 or given[0] not in allowed:
        errors.append(f"{where}: exactly one of {' or '.join(allowed)} is needed")
        return None
    operation = given[0]
    for key in (operation, "low", "high"):
        if key not in item:
            errors.append(f"{where}.{key}: missing")
        elif not is_number(item[key]):
            errors.append(f"{where}.{key}: {shown(item[key])}; expected a finite number")
    for key in ("unit", "source", "provenance", "note"):
        text = item.get(key, "" if key == "note" else None)
        if text is None:
            errors.append(f"{where}.{key}: missing")
        elif not isinstance(text, str) or (not text.strip() and key != "note"):
            errors.append(f"{where}.{key}: {shown(text)}; expected text")
        elif key == "provenance" and text not in PROVENANCES:
            errors.append(f"{where}.provenance: {shown(text)}; allowed: {', '.join(PROVENANCES)}")
    if len(errors) > before:
        return None
    value, low, high = float(item[operation]), float(item["low"]), float(item["high"])
    if not low <= value <= high:
        errors.append(f"{where}.{operation}: {value:g} is not within low {low:g} and high {high:g}")
        return None
    if wrong := out_of_bounds(field_name, item["unit"], operation, value, low, high):
        errors.append(f"{where}.{wrong}")
        return None
    return Number(value, low, high, item["unit"], item["source"], item["provenance"], item.get("note", ""), operation)


def _check_text(kind: str, key: str, item: Any, where: str, errors: list[str]) -> None:
    choices = CHOICES.get((kind, key))
    # `True in ("VV", 1)` would hold for 1, so the type is compared as well.
    if choices is not None and not any(item == choice and type(item) is type(choice) for choice in choices):
        errors.append(f"{where}: {shown(item)}; allowed: {', '.join(str(choice) for choice in choices)}")
    elif choices is None and not isinstance(item, str):
        errors.append(f"{where}: {shown(item)}; expected text")


def _check_complete(entries: dict[str, dict[str, Entry]], names: Names, errors: list[str]) -> None:
    """Every entry must hold every field that the engine reads, and a partner must be an antibody of the catalogue."""
    for kind in KINDS:
        if kind == "mechanisms":
            continue  # a mechanism names only what it changes
        needed = (names[kind]["numbers"] | names[kind]["strings"]) - OPTIONAL
        if kind in IN_VIVO_OF:
            needed -= names[IN_VIVO_OF[kind]]["numbers"]
        for name, entry in entries[kind].items():
            if kind == "drugs":  # what an antibody needs and what a small molecule needs are two sets of numbers
                alike = [e for e in entries[kind].values() if e.strings.get("class") == entry.strings.get("class")]
                needed = names[kind]["strings"] | set().union(*(e.numbers for e in alike))
            missing = sorted(needed - entry.numbers.keys() - entry.strings.keys())
            if entry.strings.get("shape") == "chip":
                missing += sorted(OPTIONAL - entry.numbers.keys())
            # A field that is there but faulty has been reported already.
            missing = [key for key in missing if not any(f.startswith(key_path(kind, name, key)) for f in errors)]
            if missing:
                errors.append(f"{key_path(kind, name)}: missing {', '.join(missing)}")
    for name, entry in entries["antibodies"].items():
        partner = entry.strings.get("partner", "")
        if isinstance(partner, str) and partner and partner not in entries["antibodies"]:
            near = did_you_mean(str(partner), entries["antibodies"])
            errors.append(
                f"{key_path('antibodies', name, 'partner')}: {partner!r} is no antibody of the catalogue{near}"
            )
    for kind, key, other in (("residents", "base", "effectors"), ("drugs", "antibody", "antibodies")):
        for name, entry in entries[kind].items():
            named = entry.strings.get(key, "")
            # A small molecule needs no antibody; another type than text has been reported already.
            needed = kind == "residents" or entry.strings.get("class") == "antibody"
            if isinstance(named, str) and (named or needed) and named not in entries[other]:
                near = did_you_mean(str(named), entries[other])
                errors.append(f"{key_path(kind, name, key)}: {named!r} is not among the {other} of the catalogue{near}")
    for name in entries["tumours"]:
        if name not in entries["cell_lines"]:
            near = did_you_mean(name, entries["cell_lines"])
            errors.append(f"{key_path('tumours', name)}: no such cell line{near}")
