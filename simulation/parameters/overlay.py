"""Overlays: a user's TOML files laid over the shipped tables, field by field, later files last.

An overlay keeps the unit of a field and the bounds of the unit (fields.py); a value outside the known range needs its
own low and high. A new entry has a description, and states the numbers that make it what it is (IDENTITY), or names an
entry that it is like: `like = "trastuzumab"`. What it does not state is taken from that entry, or from [default],
and `Added` remembers it: a number that came from elsewhere is never silent.    (tests/catalogue/test_overlays.py)

An antibody or cell line may state its numbers in mice in the same entry: `[antibodies.mine.in_mice]` (fields.py).
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adccsim.parameters.fields import (
    DEFAULT,
    IN_VIVO_OF,
    KINDS,
    OPERATIONS,
    Raw,
    did_you_mean,
    is_number,
    key_path,
    sections_apart,
    shipped,
    shown,
    units,
)
from adccsim.reading import UnreadableError, read_toml

# Without these a new entry would pass as another one: [default] is the entry named here (see the heads of the tables).
REFERENCE = {"antibodies": "trastuzumab", "effectors": "NK-resting", "mice": "nude"}
# An entry of these kinds is a formula, chosen by its name: numbers alone would be accepted and do nothing.
NAMED_IN_CODE = frozenset({"readouts"})
IDENTITY = {
    "antibodies": ("kd_nM",),
    "mice": ("nk_density_factor", "myeloid_density_factor"),
    "tumours": ("growth_per_d",),
}


@dataclass(slots=True)
class Added:
    """An entry that an overlay adds: the entry it is like ("" for none), and the fields that overlays state."""

    like: str
    stated: set[str]


Names = dict[str, dict[str, frozenset[str]]]


def field_names(raw: Raw) -> Names:
    """kind -> {"numbers", "strings"}: the field names of the shipped tables, which are all that an overlay may name."""
    names = {}
    for kind in KINDS:
        items = [(name, item) for table in raw[kind].values() for name, item in table.items()]
        names[kind] = {
            "numbers": frozenset(name for name, item in items if isinstance(item, dict)),
            "strings": frozenset(name for name, item in items if not isinstance(item, dict)),
        }
    # A mechanism of the user may touch any field of a line, not only those that a shipped one touches.
    names["mechanisms"]["numbers"] = names["cell_lines"]["numbers"]
    for kind, well_kind in IN_VIVO_OF.items():
        names[kind]["numbers"] |= names[well_kind]["numbers"]
    return names


def lay_over(raw: Raw, path: Path, names: Names, added: dict[tuple[str, str], Added], errors: list[str]) -> Raw:
    """Return `raw` with the entries of the file `path` laid over it.

    Entries that are new go to `added`, errors to the list.
    """
    try:
        overlay = sections_apart(read_toml(path, "an overlay"), errors)
    except UnreadableError as error:
        errors.append(f"{path}: {error}")
        return raw
    merged = {kind: dict(entries) for kind, entries in raw.items()}
    for kind, entries in overlay.items():
        if kind not in KINDS or not isinstance(entries, dict):
            errors.append(f"{key_path(kind)}: no such table{did_you_mean(kind, KINDS)}; allowed: {', '.join(KINDS)}")
            continue
        for name, table in entries.items():
            if not isinstance(table, dict):
                errors.append(f"{key_path(kind, name)}: {shown(table)}; expected a table of fields")
            elif not name.isprintable() or not name.strip():
                errors.append(f"{key_path(kind, name)}: a name must be text that can be shown")
            elif name in merged[kind] or name == DEFAULT or _begin(merged, kind, name, table, added, errors):
                _lay_entry(merged, kind, name, table, names, added, errors)
    return merged


def _begin(merged: Raw, kind: str, name: str, table: dict, added: dict[tuple[str, str], Added], errors: list) -> bool:
    """Begin a new entry with what it takes from the entry it is like. False, with the error added, if it cannot be."""
    where, like = key_path(kind, name), table.get("like", "")
    if kind in NAMED_IN_CODE:
        near = did_you_mean(name, merged[kind])
        errors.append(f"{where}: no such entry{near}; a new one needs a formula in the code, see docs/how_to_add.md")
        return False
    if "description" not in table:
        errors.append(f"{where}: no such entry{did_you_mean(name, merged[kind])}; a new one needs a description")
        return False
    known = [other for other in merged[kind] if other != DEFAULT]
    if "like" in table and (not isinstance(like, str) or like not in known):
        near = did_you_mean(like, known) if isinstance(like, str) else ""
        errors.append(f"{where}.like: {shown(like)} is no entry of {kind}{near}")
        return False
    added[kind, name] = Added(like, set())
    merged[kind][name] = dict(merged[kind][like]) if like else {}
    return True


def _lay_entry(merged: Raw, kind: str, name: str, table: dict, names: Names, added: dict, errors: list[str]) -> None:
    known = names[kind]["numbers"] | names[kind]["strings"]
    own = dict(merged[kind].get(name, {}))
    new = added.get((kind, name))
    for key, item in table.items():
        where = key_path(kind, name, key)
        if key == "like" and new is not None:
            if item != new.like:
                errors.append(f"{where}: an earlier overlay added {name} already; say there what it is like")
        elif key not in known:
            why = "only a new entry is like another" if key == "like" else "unknown field"
            errors.append(f"{where}: {why}{'' if key == 'like' else did_you_mean(key, known)}")
        elif key in names[kind]["strings"]:
            own[key] = item
        elif not isinstance(item, dict):
            errors.append(f"{where}: {shown(item)}; expected a table with value, unit, source, provenance")
        else:
            before = own.get(key) or merged[kind].get(DEFAULT, {}).get(key)
            own[key] = _with_range(kind, key, item, before, where, errors)
        if new is not None:
            new.stated.add(key)
    merged[kind][name] = own


def _with_range(
    kind: str, key: str, item: dict[str, Any], known: dict[str, Any] | None, where: str, errors: list[str]
) -> dict[str, Any]:
    """Complete an overlay number: low and high come from the number it replaces; without one they are the value."""
    item = dict(item)
    operation = next((name for name in OPERATIONS if name in item), None)
    allowed = [known["unit"]] if known is not None and operation in known else sorted(units().get((kind, key), ()))
    if operation != "factor" and "unit" in item and item["unit"] not in allowed:
        errors.append(f"{where}.unit: {shown(item['unit'])}; this field is in {' or '.join(map(repr, allowed))}")
    elif known is not None and operation in known:
        value, low, high = item[operation], known["low"], known["high"]
        if "low" not in item and "high" not in item and is_number(value) and not low <= value <= high:
            errors.append(f"{where}.{operation}: {shown(value)} is outside {low:g} to {high:g}; give low and high too")
        item.setdefault("low", min(low, value) if is_number(value) else low)
        item.setdefault("high", max(high, value) if is_number(value) else high)
    elif operation is not None:
        item.setdefault("low", item[operation])
        item.setdefault("high", item[operation])
    return item


def check_added(raw: Raw, added: dict[tuple[str, str], Added], errors: list[str]) -> None:
    """A new entry that would pass as another one, or that does nothing, is an error."""
    for (kind, name), new in added.items():
        where, numbers = key_path(kind, name), {key for key, item in raw[kind][name].items() if isinstance(item, dict)}
        if kind == "mechanisms" and not numbers:
            errors.append(f"{where}: changes no number: a line with it would be the line without; name one to change")
        unbound = kind == "antibodies" and "kon_per_nM_h" in new.stated and _value(raw, kind, name, "kon_per_nM_h") == 0
        missing = [key for key in IDENTITY.get(kind, ()) if key not in new.stated]
        if missing and not new.like and not unbound:
            reference = REFERENCE.get(kind, "")
            example = reference or next(other for other in raw[kind] if other != DEFAULT)
            stands_in = f"{', '.join(missing)} would be {f'that of {reference}' if reference else 'the shared number'}"
            give = f'give {"it" if len(missing) == 1 else "them"}, or say like = "{example}"'
            errors.append(f"{where}: {stands_in}; {give}: what is not given is then taken from there, and listed")


def _value(raw: Raw, kind: str, name: str, key: str) -> object:
    item = raw[kind][name].get(key)
    return item.get("value") if isinstance(item, dict) else None


def taken_over(raw: Raw, kind: str, name: str, added: dict[tuple[str, str], Added]) -> dict[str, str]:
    """Field -> the entry ("" for the shared numbers) that an entry takes it from without saying so itself.

    A new entry: every field that no overlay states. A shipped entry: fields in which the entries of its kind differ and
    for which it has none of its own, where [default] is one entry (REFERENCE), and those of IDENTITY everywhere.
    """
    shared, own, reference = raw[kind].get(DEFAULT, {}), raw[kind][name], REFERENCE.get(kind, "")
    new = added.get((kind, name))
    if new is not None:
        source = new.like or reference
        return {key: source for key in {**shared, **own} if key not in new.stated and key != "description"}
    if name == reference:
        return {}
    differ = _differing(kind) if reference else frozenset(IDENTITY.get(kind, ()))
    return {key: reference for key in shared if key in differ and key not in own}


@functools.cache
def _differing(kind: str) -> frozenset[str]:
    """The numbers that some shipped entry of the kind states for itself."""
    tables = [table for name, table in shipped()[kind].items() if name != DEFAULT]
    return frozenset(key for table in tables for key, item in table.items() if isinstance(item, dict))
