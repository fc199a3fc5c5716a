"""Units in column headers, and whether the numbers below a header can be in the unit that it names.

Conversions are exact factors to the unit in which the analysis computes: volumes mm3, diameters mm, body weights g,
times day or hour, lysis %, doses ug/mL. A molar concentration needs a molar mass and is refused with that sentence.

`implausible` answers with one sentence where all numbers of a column lie outside what can be measured. It judges whole
columns only: single outliers are data. Zeros and missing values say nothing about a unit and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# quantity -> unit as plain_header writes it -> factor to the first unit of the row
FACTORS: dict[str, dict[str, float]] = {
    "volume": {"mm3": 1.0, "ul": 1.0, "cm3": 1000.0, "cc": 1000.0, "ccm": 1000.0, "ml": 1000.0},
    "length": {"mm": 1.0, "cm": 10.0, "um": 0.001},
    "weight": {"g": 1.0, "kg": 1000.0, "mg": 0.001},
    "day": {"day": 1.0, "days": 1.0, "d": 1.0, "week": 7.0, "weeks": 7.0, "wk": 7.0, "hours": 1 / 24, "h": 1 / 24},
    "hour": {"h": 1.0, "hr": 1.0, "hrs": 1.0, "hour": 1.0, "hours": 1.0, "min": 1 / 60, "minutes": 1 / 60, "d": 24.0,
             "day": 24.0, "days": 24.0},
    "lysis": {"%": 1.0, "pct": 1.0, "percent": 1.0, "fraction": 100.0, "0_1": 100.0},
    "dose": {
        **{"ug_ml": 1.0, "ug": 1.0, "mcg_ml": 1.0, "mg_l": 1.0, "mg_ml": 1000.0, "g_l": 1000.0},
        **{"ng_ml": 1e-3, "ng": 1e-3, "ug_l": 1e-3, "pg_ml": 1e-6, "pg": 1e-6, "ng_l": 1e-6},
    },
}  # fmt: skip
_MOLAR = re.compile(r"[munp]?m|(?:[munp]?mol|[munp]?mole)_l")
_SHORTEST = 3  # numbers a column needs before its size is judged


class UnknownUnit(ValueError):
    """A header names a unit that cannot be converted; the message is the end of a sentence about the column."""


@dataclass(frozen=True)
class Extent:
    """What a quantity can be: all numbers below `low` or above `high` are a matter of units, not of biology.

    name: plural, for the sentence; low_advice and high_advice: what to check, and the header that would be right.
    """

    name: str
    unit: str
    low: float
    high: float
    low_advice: str
    high_advice: str


EXTENTS: dict[str, Extent] = {
    "volume": Extent(
        "tumour volumes", "mm3", 20.0, 30_000.0,
        "if they are in cm3, call the column volume_cm3", "if they are in mm3, call the column volume_mm3",
    ),
    "length": Extent(
        "diameters", "mm", 2.0, 150.0,
        "if they are in cm, call the columns length_cm and width_cm", "if they are in um, say so in the headers",
    ),
    "weight": Extent(
        "body weights", "g", 5.0, 2_000.0,
        "if they are in kg, call the column body_weight_kg", "if they are in mg, call the column body_weight_mg",
    ),
    "day": Extent(
        "days", "d", 0.0, 3_000.0,
        "if they are weeks, call the column weeks", "a date of a spreadsheet is no day: count from randomisation",
    ),
    "lysis": Extent(
        "values of lysis", "%", 1.0, 1_000.0,
        "if they are fractions, call the column lysis_fraction", "a lysis is rarely above 100 %: are they raw signals?",
    ),
    "dose": Extent(
        "doses", "ug/mL", 1e-8, 1e4,
        "check the unit in the header", "if they are in ng/mL or pg/mL, name it in the header",
    ),
    "et_ratio": Extent("E:T ratios", "effectors per target", 1e-3, 1e3, "check the column", "check the column"),
}  # fmt: skip


def header_meaning(title: str, aliases: Mapping[str, str]) -> tuple[str, str] | None:
    """(meaning, unit) of a header, None where no alias fits: "Tumor Volume (cm³)" -> ("volume", "cm3").

    aliases: header in lower case with single underscores and without a unit -> meaning. The unit is what stands in
    brackets, or the last words where these are a unit ("volume_cm3", "dose_ng_per_ml"); "" where none is stated.
    """
    plain = plain_header(title)
    if plain in aliases:
        return aliases[plain], ""
    bracketed = re.fullmatch(r"\s*(.*?)\s*[\[(]\s*([^\])]*)\s*[\])]\s*", title)
    if bracketed and plain_header(bracketed[1]) in aliases:
        return aliases[plain_header(bracketed[1])], plain_header(bracketed[2])
    words = plain.split("_")
    units = {unit for of in FACTORS.values() for unit in of}
    for size in (3, 2, 1):  # "ug_per_ml" before "ml"
        name, unit = "_".join(words[:-size]), "_".join(word for word in words[-size:] if word != "per")
        if name in aliases and (unit in units or _MOLAR.fullmatch(unit)):
            return aliases[name], unit
    return None


def factor(quantity: str, unit: str) -> float:
    """Factor from `unit` (as header_meaning gives it, "" for none stated) to the unit of the analysis.

    Raises UnknownUnit, whose message completes "row 1, column X: ...".
    """
    unit = "_".join(word for word in unit.split("_") if word != "per")
    known = FACTORS[quantity]
    if not unit:
        return 1.0
    if unit in known:
        return known[unit]
    if quantity == "dose" and _MOLAR.fullmatch(unit):
        raise UnknownUnit(
            "a molar concentration needs the molar mass of the antibody; write ug/mL "
            "(1 nM of an IgG of 150 kDa is 0.15 ug/mL)"
        )
    allowed = ", ".join(name.replace("_", "/") for name in known)
    raise UnknownUnit(f"the unit {unit.replace('_', '/')!r} is not known; one of {allowed}")


def implausible(quantity: str, values: np.ndarray, low: float | None = None) -> str:
    """One sentence where all of `values` (in the unit of the analysis) lie outside EXTENTS[quantity], else "".

    low: another lower limit, such as the limit of quantification of a study.
    """
    extent = EXTENTS[quantity]
    values = np.asarray(values, dtype=float)
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    low = extent.low if low is None else low
    if len(size) < _SHORTEST:
        return ""
    said = f"all {len(size)} {extent.name}" + (" other than zero" if len(size) < np.isfinite(values).sum() else "")
    if size.max() <= low:
        return f"{said} are {low:g} {extent.unit} or less (the largest is {size.max():.3g}): {extent.low_advice}"
    if size.min() > extent.high:
        return (
            f"{said} are above {extent.high:g} {extent.unit} (the smallest is {size.min():.3g}): {extent.high_advice}"
        )
    return ""


def plain_header(text: str) -> str:
    """Lower case, micro as u, exponents as digits, one underscore for whatever is neither letter, digit nor %."""
    signs = str.maketrans({"µ": "u", "μ": "u", "³": "3", "²": "2"})
    text = text.casefold().translate(signs).replace("^", "")
    return re.sub(r"[^a-z0-9%]+", "_", text).strip("_")
