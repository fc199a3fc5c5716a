"""Fields of the catalogue: the kinds there are, what each field holds, and how far a user's number may go.

A bound is that of the unit: wide enough for every preparation, line and mouse, narrow enough that a slip of the unit or
a number that no formula stands (a negative rate, a half-life of 0, 1e308) is named. `scenario/schema.py` bounds the
fields that a scenario may set more closely.
"""

import difflib
import functools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from adccsim.text import one_line

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
# One entry of a cell line or antibody may hold its numbers in mice as well, in a section of this name: it is then the
# entry of that name among the tumours or drugs.
IN_MICE, SECTIONS = "in_mice", {"cell_lines": "tumours", "antibodies": "drugs"}
# Only a chip has compartments; every other field of a kind is needed by all its entries.
OPTIONAL = frozenset({"microwell_side_um", "targets_per_microwell"})

NUMBER_KEYS = frozenset({*OPERATIONS, "low", "high", "unit", "source", "provenance", "note"})

# Largest value by unit, also as the end of a range; the least is 0.
LARGEST = {
    "1": 1e4, "factor": 1e3,
    "1/(nM h)": 1e4, "1/h": 1e3, "1/d": 1e3,
    "1/cell": 1e8, "1/mm3": 1e7, "1/receptor": 1.0, "bridges": 1e6, "molecules": 1e12, "hits": 200.0,
    "cells": 1e9, "cells per cell": 1e6, "target cells": 10.0, "layers": 100.0,
    "absorbance": 100.0, "counts per minute": 1e9, "fluorescence units": 1e9,
    "h": 1e6, "d": 1e4, "min": 1e4,
    "kDa": 1e3, "kg": 1.0, "g/mm3": 0.1, "kg/mg": 1e3, "mg/kg": 1e5, "nM": 1e9, "ug/mL": 1e6,
    "mL/(d kg)": 1e5, "mL/kg": 1e5, "uL": 1e5, "mm2": 1e5, "mm2/h": 1e6, "mm3": 1e5,
    "um": 1e4, "um/h": 1e4, "um/min": 60.0, "um/s": 1e3, "um2/s": 1e4,
}  # fmt: skip
# Units of which 0 is a division by zero or nothing at all; a field that a shipped entry sets to 0 is an exception.
_NEVER_ZERO = frozenset(
    {"kDa", "kg", "g/mm3", "mL/kg", "uL", "mm2", "um", "nM", "molecules", "1/mm3", "mg/kg", "ug/mL", "h", "d", "min",
     "bridges", "hits", "layers", "cells"}
)  # fmt: skip
# Numbers of unit 1 that are fractions, chances or weights: 0 to 1. Names that end in _fraction are, too.
_FRACTIONS = frozenset(
    {"bioavailability_ip", "bioavailability_sc", "birth_block", "cell_loss_factor", "conjugation_max",
     "conjugation_min", "counts_effectors", "death_per_kill", "direct_effect_max", "direct_response", "grows",
     "growth_block", "her2_branch_block", "her2_drift_per_division", "her2_loss_per_division", "hypoxic_below",
     "layer_filling", "one_arm_weight", "opsonised_from", "oxygen_half", "restored_response", "rim_width",
     "signalling_synergy", "vessel_spread"}
)  # fmt: skip

Raw = dict[str, dict[str, dict[str, Any]]]  # kind -> entry -> field -> inline table or text


class CatalogueError(ValueError):
    """A catalogue or overlay that cannot be used; `errors` holds one line per error, each beginning with a key path."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


@functools.cache
def shipped() -> Raw:
    """The tables of this folder as parsed; callers must not write into them. Works from a wheel as from a checkout."""
    folder = resources.files(__package__)
    texts = {kind: folder.joinpath(f"{kind}.toml").read_text(encoding="utf-8") for kind in KINDS}
    errors: list[str] = []
    tables = sections_apart({kind: tomllib.loads(text) for kind, text in texts.items()}, errors)
    if errors:
        raise CatalogueError(errors)
    return tables


def sections_apart(tables: Mapping[str, Any], errors: list[str]) -> dict[str, Any]:
    """Parsed tables in which every section `in_mice` is an entry; an entry that is there twice is an error.

    `[antibodies.x.in_mice]` is `[drugs.x]` with class "antibody", the antibody x and its description.
    """
    out = {kind: dict(entries) if isinstance(entries, dict) else entries for kind, entries in tables.items()}
    for kind, other in SECTIONS.items():
        entries = tables.get(kind)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if not isinstance(entry, dict) or not isinstance(entry.get(IN_MICE), dict):
                continue
            apart = out.setdefault(other, {})
            if not isinstance(apart, dict):
                continue  # an error that is named where the kinds are read
            if name in apart:
                errors.append(f"{key_path(kind, name, IN_MICE)}: {key_path(other, name)} is there as well; say it once")
            of_the_drug = {"class": "antibody", "antibody": name} if other == "drugs" else {}
            said = {key: entry[key] for key in ("description",) if key in entry}
            apart[name] = {**said, **of_the_drug, **entry[IN_MICE]}
            out[kind][name] = {key: item for key, item in entry.items() if key != IN_MICE}
    return out


@functools.cache
def units() -> dict[tuple[str, str], frozenset[str]]:
    """(kind, field) -> the units of the field; a mechanism sets fields of a line, or multiplies them ("factor")."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind, entries in shipped().items():
        for table in entries.values():
            for name, item in table.items():
                if isinstance(item, dict):
                    found.setdefault((kind, name), set()).add(item["unit"])
    for kind, of in (*IN_VIVO_OF.items(), ("mechanisms", "cell_lines")):
        for (other, name), own in list(found.items()):
            if other == of:
                found.setdefault((kind, name), set()).update(own)
    return {field: frozenset(own) for field, own in found.items()}


@functools.cache
def _zero_in_shipped() -> frozenset[str]:
    """Fields whose range holds 0 in a shipped entry."""
    items = [
        (name, item) for entries in shipped().values() for table in entries.values() for name, item in table.items()
    ]
    return frozenset(name for name, item in items if isinstance(item, dict) and item["low"] <= 0)


def out_of_bounds(field: str, unit: str, operation: str, value: float, low: float, high: float) -> str:
    """What is wrong with a number and its range for a field of this unit; "" where nothing is."""
    unit = "factor" if operation == "factor" else unit
    largest = largest_of(field, unit)
    for name, number in ((operation, value), ("low", low), ("high", high)):
        if not 0 <= number <= largest:
            return f"{name} = {number:g} is outside 0 to {largest:g}, the bounds of {_of(field, unit)}"
    if value == 0 and not may_be_zero(field, unit):
        return f"{operation} = 0; must be above 0 {unit}"
    return ""


def largest_of(field: str, unit: str) -> float:
    """Largest value of a field of this unit; the least is 0 (see may_be_zero). Raises CatalogueError for a new unit."""
    if _is_fraction(field, unit):
        return 1.0
    if unit not in LARGEST:
        raise CatalogueError([f"{field}: unit {unit!r} has no largest value: add it to LARGEST (parameters/fields.py)"])
    return LARGEST[unit]


def may_be_zero(field: str, unit: str) -> bool:
    """Whether 0 is a value of this field."""
    return unit not in _NEVER_ZERO or field in _zero_in_shipped()


def _is_fraction(field: str, unit: str) -> bool:
    return unit == "1" and (field in _FRACTIONS or field.endswith("_fraction"))


def _of(field: str, unit: str) -> str:
    if _is_fraction(field, unit):
        return "a fraction"
    return "a factor" if unit == "factor" else f"a number in {unit}" if unit != "1" else f"{field}, which has no unit"


def is_number(item: Any) -> bool:
    """Whether an item of a TOML table is a finite number (true is none, nor an integer beyond all floats)."""
    if not isinstance(item, int | float) or isinstance(item, bool):
        return False
    try:
        return math.isfinite(item)
    except OverflowError:
        return False


def key_path(*keys: str) -> str:
    """A TOML key path, quoted where TOML needs quotes; keys that no catalogue has may be cut."""
    short = [one_line(key if len(key) <= 80 else f"{key[:77]}...") for key in keys]
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in short)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question with the closest known word, or nothing when none is close."""
    near = difflib.get_close_matches(word[:200], sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def shown(item: Any) -> str:
    """An item of a TOML table for a message: cut when long, and never an integer that Python refuses to spell."""
    if isinstance(item, int) and abs(item) > 10**30:
        return "an integer beyond 1e30"
    text = repr(item) if not isinstance(item, dict | list) else f"a {'table' if isinstance(item, dict) else 'list'}"
    return text if len(text) <= 80 else text[:77] + "..."
