"""Column headers of plate sheets and of observed lysis: one vocabulary, and the factor to the unit of the analysis.

Each meaning has the usual words for it; letter case, punctuation and a unit in brackets or behind the word are read by
adccsim.analysis.sheets.units ("E:T", "Dose (µg/mL)", "Cytotoxicity (%)", "lysis_fraction").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from adccsim.analysis.sheets.units import UnknownUnit, factor, header_meaning, plain_header

WORDS = {
    "dose": ("dose", "conc", "concentration", "antibody_dose", "antibody_conc", "antibody_concentration"),
    "et_ratio": ("et", "e_t", "et_ratio", "e_t_ratio", "effector_target", "effector_to_target", "effector_target_ratio",
                 "effector_to_target_ratio"),
    "hours": ("hours", "hour", "h", "hrs", "time", "duration"),
    "replicate": ("replicate", "rep", "repeat", "technical_replicate"),
    "lysis": ("specific_lysis", "%_specific_lysis", "lysis", "%_lysis", "percent_lysis", "pct_lysis", "cytotoxicity",
              "%_cytotoxicity", "percent_cytotoxicity", "specific_cytotoxicity", "killing", "%_killing", "value"),
    "signal": ("signal", "raw", "raw_signal", "reading", "od", "absorbance", "fluorescence", "rfu", "rlu",
               "luminescence", "counts", "cpm"),
    "role": ("role", "type", "content", "well_type", "sample_type"),
    "well": ("well", "well_id", "position"),
    "plate": ("plate", "plate_id"),
    "donor": ("donor", "donor_id"),
    "cell_line": ("cell_line", "line", "target_line"),
    "antibody": ("antibody", "mab"),
}  # fmt: skip
_ALIASES = {alias: meaning for meaning, aliases in WORDS.items() for alias in aliases} | {"time_min": "hours"}
_QUANTITIES = {"dose": "dose", "hours": "hour", "lysis": "lysis"}
_PHOTOMETRY = re.compile(r"(?:od|a|abs|absorbance)_?\d{3}")


class Column(NamedTuple):
    """place: index in the header; title: as it stands there; factor: to ug/mL, h or %."""

    place: int
    title: str
    factor: float = 1.0


def meaning_of(title: str) -> tuple[str, str]:
    """(meaning, unit) of a header, ("", "") where it is not known."""
    plain = plain_header(title)
    if _PHOTOMETRY.fullmatch(plain):
        return "signal", ""
    if plain in ("minutes", "min", "time_min", "duration_min"):
        return "hours", "min"
    return header_meaning(title, _ALIASES) or ("", "")


def is_header(cells: list[str]) -> bool:
    """Whether a row holds at least two different headers of this vocabulary."""
    return len({meaning_of(cell)[0] for cell in cells} - {""}) > 1


def find_columns(header: Sequence[str], header_row: int, problems: list[str]) -> tuple[dict[str, Column], list[str]]:
    """(meaning -> its column, notes on what was taken for what); what cannot be used goes to `problems`."""
    columns: dict[str, Column] = {}
    notes, ignored = [], []
    for place, title in enumerate(header):
        meaning, unit = meaning_of(title)
        if not meaning:
            ignored += [title] if title else []
        elif meaning in columns:
            problems.append(
                f"row {header_row}: {columns[meaning].title!r} and {title!r} mean the same; keep one of them"
            )
        else:
            try:
                size = factor(_QUANTITIES[meaning], unit) if meaning in _QUANTITIES else 1.0
            except UnknownUnit as error:
                problems.append(f"row {header_row}, column {title!r}: {error}")
                size = 1.0
            columns[meaning] = Column(place, title, size)
            if meaning == "dose" and not unit:
                notes.append(f"column {title!r} has no unit: read as ug/mL")
    if ignored:
        notes.append(f"columns not used: {', '.join(ignored)}")
    return columns, notes
