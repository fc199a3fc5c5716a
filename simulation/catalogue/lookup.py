"""The catalogue: every number the simulator knows, with its range, unit, source and provenance.

Files   one TOML table per kind beside this module; `[default]` holds what all entries share, an entry's own field wins.
Overlay a user's TOML file, `[kind.entry.field]` with value, unit, source, provenance; later files win field by field.
Limits  an overlay keeps the unit of the field it replaces; a value outside the known range needs its own low and high.
                                                                            (tests/catalogue/test_catalogue.py)
"""

import difflib
import functools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

KINDS = (
    *("cell_lines", "effectors", "antibodies", "mechanisms", "wells", "readouts"),
    *("tumours", "mice", "residents", "drugs"),
)
PROVENANCES = ("found", "derived", "calibrated", "assumed")
OPERATIONS = ("value", "factor", "set")
DEFAULT = "default"

# Text fields with a closed set of values; all other text is free.
CHOICES: dict[tuple[str, str], tuple[str | bool, ...]] = {
    ("effectors", "genotype"): ("VV", "VF", "FF", "population"),
    ("effectors", "is_cell_line"): (True, False),
    ("antibodies", "epitope"): ("IV", "II", "none"),
    ("wells", "shape"): ("disc", "square", "chip"),
    ("drugs", "class"): ("antibody", "small-molecule"),
}
# A line in a mouse, and an effector in a tumour, are those of the well: such an entry holds what only the mouse needs,
# and may hold a field of the well where the mouse needs another value; `note` then says why.
IN_VIVO_OF = {"tumours": "cell_lines", "residents": "effectors"}
# Only a chip has compartments; every other field of a kind is needed by all its entries.
OPTIONAL = frozenset({"microwell_side_um", "targets_per_microwell"})

NUMBER_KEYS = frozenset({*OPERATIONS, "low", "high", "unit", "source", "provenance", "note"})

Raw = dict[str, dict[str, dict[str, Any]]]  # kind -> entry -> field -> inline table or text


class CatalogueError(ValueError):
    """A catalogue or overlay that cannot be used; `faults` holds one line per fault, each beginning with a key path."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


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
    """One named entry, defaults already filled in: `numbers` by field name, and `strings` (text and flags)."""

    name: str
    numbers: dict[str, Number]
    strings: dict[str, str | bool]

    def values(self) -> dict[str, float]:
        """Return field name -> value in the field's own unit (the name carries it)."""
        return {name: number.value for name, number in self.numbers.items()}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries by kind and name. `defaults` holds the shared fields of each kind as an entry named "default"."""

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

    def kind(self, kind: str) -> dict[str, Entry]:
        """Return the entries of `kind`, written with underscore or hyphen; ValueError names the kinds there are."""
        name = kind.replace("-", "_")
        if name not in KINDS:
            raise ValueError(f"{kind}: no such kind{_nearest(name, KINDS)}; allowed: {', '.join(KINDS)}")
        return getattr(self, name)


def load(overlays: Sequence[Path] = ()) -> Catalogue:
    """Read the shipped tables, lay `overlays` over them in order, and return the resolved catalogue.

    Pure: the same files give an equal catalogue. Raises CatalogueError with every fault, each naming its key path.
    """
    raw = _shipped()
    names = _field_names(raw)
    faults: list[str] = []
    for path in overlays:
        raw = _overlaid(raw, Path(path), names, faults)
    if faults:
        raise CatalogueError(faults)
    entries: dict[str, dict[str, Entry]] = {}
    defaults: dict[str, Entry] = {}
    for kind in KINDS:
        shared = _entry(kind, DEFAULT, raw[kind].get(DEFAULT, {}), None, faults)
        defaults[kind] = shared
        entries[kind] = {
            name: _entry(kind, name, table, shared, faults) for name, table in raw[kind].items() if name != DEFAULT
        }
    _check_complete(entries, names, faults)
    if faults:
        raise CatalogueError(faults)
    return Catalogue(**entries, defaults=defaults)


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
        kind: {name: Entry(name, numbers, catalogue.kind(kind)[name].strings) for name, numbers in entries.items()}
        for kind, entries in kinds.items()
    }
    defaults = {kind: Entry(DEFAULT, shared[kind], entry.strings) for kind, entry in catalogue.defaults.items()}
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


@functools.cache
def _shipped() -> Raw:
    """The tables of this folder as parsed; callers must not write into them. Works from a wheel as from a checkout."""
    folder = resources.files(__package__)
    return {kind: tomllib.loads(folder.joinpath(f"{kind}.toml").read_text(encoding="utf-8")) for kind in KINDS}


def _field_names(raw: Raw) -> dict[str, dict[str, frozenset[str]]]:
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


def _overlaid(raw: Raw, path: Path, names: dict[str, dict[str, frozenset[str]]], faults: list[str]) -> Raw:
    """Return `raw` with the entries of the file `path` laid over it; faults are added to the list."""
    try:
        with path.open("rb") as file:
            overlay = tomllib.load(file)
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror})")
        return raw
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path}: not valid TOML ({error})")
        return raw
    merged = {kind: dict(entries) for kind, entries in raw.items()}
    for kind, entries in overlay.items():
        if kind not in KINDS or not isinstance(entries, dict):
            faults.append(f"{_path(kind)}: no such table{_nearest(kind, KINDS)}; allowed: {', '.join(KINDS)}")
            continue
        for name, table in entries.items():
            if not isinstance(table, dict):
                faults.append(f"{_path(kind, name)}: {table!r}; expected a table of fields")
                continue
            if name not in merged[kind] and name != DEFAULT and "description" not in table:
                faults.append(
                    f"{_path(kind, name)}: no such entry{_nearest(name, merged[kind])}; a new one needs a description"
                )
                continue
            known = names[kind]["numbers"] | names[kind]["strings"]
            own = dict(merged[kind].get(name, {}))
            for key, item in table.items():
                where = _path(kind, name, key)
                if key not in known:
                    faults.append(f"{where}: unknown field{_nearest(key, known)}")
                elif key in names[kind]["strings"]:
                    own[key] = item
                elif not isinstance(item, dict):
                    faults.append(f"{where}: {item!r}; expected a table with value, unit, source, provenance")
                else:
                    own[key] = _with_range(item, _known_number(raw, kind, name, key), where, faults)
            merged[kind][name] = own
    return merged


def _known_number(raw: Raw, kind: str, name: str, key: str) -> dict[str, Any] | None:
    """The inline table that an overlay of this field replaces: the entry's own, else the shared one, else None."""
    return raw[kind].get(name, {}).get(key) or raw[kind].get(DEFAULT, {}).get(key)


def _with_range(item: dict[str, Any], known: dict[str, Any] | None, where: str, faults: list[str]) -> dict[str, Any]:
    """Complete an overlay number: low and high come from the number it replaces; without one they are the value."""
    item = dict(item)
    operation = next((name for name in OPERATIONS if name in item), None)
    if known is not None and operation in known:
        value, low, high = item[operation], known["low"], known["high"]
        if "unit" in item and item["unit"] != known["unit"]:
            faults.append(f"{where}.unit: {item['unit']!r}; this field is in {known['unit']!r}")
        elif "low" not in item and "high" not in item and _is_number(value) and not low <= value <= high:
            faults.append(f"{where}.{operation}: {value!r} is outside {low:g} to {high:g}; give low and high too")
        item.setdefault("low", min(low, value) if _is_number(value) else low)
        item.setdefault("high", max(high, value) if _is_number(value) else high)
    elif operation is not None:
        item.setdefault("low", item[operation])
        item.setdefault("high", item[operation])
    return item


def _entry(kind: str, name: str, table: Mapping[str, Any], shared: Entry | None, faults: list[str]) -> Entry:
    """Check and freeze one entry; fields it lacks come from `shared`, as the very same Number objects."""
    numbers: dict[str, Number] = dict(shared.numbers) if shared else {}
    strings: dict[str, str | bool] = dict(shared.strings) if shared else {}
    for key, item in table.items():
        where = _path(kind, name, key)
        if isinstance(item, dict):
            number = _number(kind, item, where, faults)
            if number is not None:
                numbers[key] = number
        else:
            _check_text(kind, key, item, where, faults)
            strings[key] = item
    return Entry(name, numbers, strings)


def _number(kind: str, item: dict[str, Any], where: str, faults: list[str]) -> Number | None:
    """Check one inline table; None, with its faults added, if it is no usable number."""
    before = len(faults)
    for key in item:
        if key not in NUMBER_KEYS:
            faults.append(f"{where}.{key}: unknown key{_nearest(key, NUMBER_KEYS)}")
    allowed = ("factor", "set") if kind == "mechanisms" else ("value",)
    given = [name for name in OPERATIONS if name in item]
    if len(given) != 1 or given[0] not in allowed:
        faults.append(f"{where}: exactly one of {' or '.join(allowed)} is needed")
        return None
    operation = given[0]
    for key in (operation, "low", "high"):
        if key not in item:
            faults.append(f"{where}.{key}: missing")
        elif not _is_number(item[key]):
            faults.append(f"{where}.{key}: {item[key]!r}; expected a finite number")
    for key in ("unit", "source", "provenance", "note"):
        text = item.get(key, "" if key == "note" else None)
        if text is None:
            faults.append(f"{where}.{key}: missing")
        elif not isinstance(text, str) or (not text.strip() and key != "note"):
            faults.append(f"{where}.{key}: {text!r}; expected text")
        elif key == "provenance" and text not in PROVENANCES:
            faults.append(f"{where}.provenance: {text!r}; allowed: {', '.join(PROVENANCES)}")
    if len(faults) > before:
        return None
    value, low, high = float(item[operation]), float(item["low"]), float(item["high"])
    if not low <= value <= high:
        faults.append(f"{where}.{operation}: {value:g} is not within low {low:g} and high {high:g}")
        return None
    return Number(value, low, high, item["unit"], item["source"], item["provenance"], item.get("note", ""), operation)


def _check_text(kind: str, key: str, item: Any, where: str, faults: list[str]) -> None:
    choices = CHOICES.get((kind, key))
    # `True in ("VV", 1)` would hold for 1, so the type is compared as well.
    if choices is not None and not any(item == choice and type(item) is type(choice) for choice in choices):
        faults.append(f"{where}: {item!r}; allowed: {', '.join(str(choice) for choice in choices)}")
    elif choices is None and not isinstance(item, str):
        faults.append(f"{where}: {item!r}; expected text")


def _check_complete(
    entries: dict[str, dict[str, Entry]], names: dict[str, dict[str, frozenset[str]]], faults: list[str]
) -> None:
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
            missing = [key for key in missing if not any(f.startswith(_path(kind, name, key)) for f in faults)]
            if missing:
                faults.append(f"{_path(kind, name)}: missing {', '.join(missing)}")
    for name, entry in entries["antibodies"].items():
        partner = entry.strings.get("partner", "")
        if partner and partner not in entries["antibodies"]:
            near = _nearest(str(partner), entries["antibodies"])
            faults.append(f"{_path('antibodies', name, 'partner')}: {partner!r} is no antibody of the catalogue{near}")
    for kind, key, other in (("residents", "base", "effectors"), ("drugs", "antibody", "antibodies")):
        for name, entry in entries[kind].items():
            named = entry.strings.get(key, "")
            if named and named not in entries[other]:
                near = _nearest(str(named), entries[other])
                faults.append(f"{_path(kind, name, key)}: {named!r} is not among the {other} of the catalogue{near}")
    for name in entries["tumours"]:
        if name not in entries["cell_lines"]:
            near = _nearest(name, entries["cell_lines"])
            faults.append(f"{_path('tumours', name)}: no such cell line{near}")


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)


def _path(*keys: str) -> str:
    """A TOML key path, quoted where TOML needs quotes."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in keys)


def _nearest(word: str, known: Iterable[str]) -> str:
    """ "Return a question with the closest known word, or nothing when none is close."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""
