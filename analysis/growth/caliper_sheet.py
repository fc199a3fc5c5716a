"""Caliper sheets of a laboratory, read into one tidy table.

Tidy sheet: one row per mouse and day with the headers arm, mouse, day, and volume_mm3 or length_mm + width_mm; optional
study, event, reason, body_weight_g. Common synonyms are accepted ("Group", "Animal ID", "Tumor Volume (cm3)"), and
units in a header are converted. Wide sheet: a first column day, then one column per mouse named arm:mouse.
The separator may be a comma, semicolon or tab, the decimal sign a comma or point; a byte-order mark and spaces in cells
and headers are ignored.

Both forms give the same table, the one that `check_rows` also returns for simulated mice: a DataFrame with the columns
COLUMNS; day in days after randomisation, volume in mm3 (NaN for an event without a reading), event one of "",
"endpoint", "death", "removed", reason as written in the sheet, body weight in g (NaN if not taken).

Every error names its row (as a spreadsheet counts them) and column, and all errors are reported at once.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.caliper_rows import EVENTS, CaliperSheet, check_rows
from adccsim.analysis.growth.measures import caliper_volume
from adccsim.analysis.sheets.names import find_name
from adccsim.analysis.sheets.numbers import MISSING, Numbers
from adccsim.analysis.sheets.sheet import Table, read_table
from adccsim.analysis.sheets.units import UnknownUnit, factor, header_meaning, implausible, plain_header
from adccsim.names import control_arms

MOST_FOLD, WITHIN_DAYS = 50.0, 14.0  # this change needs a doubling time of 2.5 days
_EVENT_SYNONYMS = {
    "": ("", "0", "no", "none", "false", "alive"),
    "endpoint": ("endpoint", "end point", "end-point", "1", "yes", "true"),
    "death": ("death", "dead", "died", "found dead"),
    "removed": ("removed", "censored", "withdrawn", "sacrificed", "euthanised", "euthanized"),
}
_SYNONYMS = {  # meaning -> headers without a unit; the first is the name in this format
    "study": ("study", "study_id", "experiment"),
    "arm": ("arm", "group", "treatment", "treatment_group", "cohort"),
    "mouse": ("mouse", "mouse_id", "mouse_no", "animal", "animal_id", "animal_no", "id", "subject", "ear_tag"),
    "day": ("day", "days", "study_day", "day_of_study", "time"),
    "volume": ("volume", "tumor_volume", "tumour_volume", "vol", "tv"),
    "length": ("length", "tumor_length", "tumour_length"),
    "width": ("width", "tumor_width", "tumour_width"),
    "event": ("event",),
    "reason": ("reason",),
    "weight": ("body_weight", "bodyweight", "bw"),
}
_ALIASES = {alias: meaning for meaning, aliases in _SYNONYMS.items() for alias in aliases}
_TITLES = {"volume": "volume_mm3", "length": "length_mm", "width": "width_mm", "weight": "body_weight_g"}
_QUANTITIES = {"day": "day", "volume": "volume", "length": "length", "width": "length", "weight": "weight"}
_ASSUMED = {"volume": "mm3", "length": "mm", "width": "mm", "weight": "g"}  # if the header states no unit
_ONE_ROW_PER_READING = "write one row per mouse and day with the columns arm, mouse, day, volume_mm3"


@dataclass(frozen=True)
class _Column:
    """Index of a column, its title in the sheet, and the factor to the unit of the analysis."""

    index: int
    title: str
    factor: float


def read_caliper(path: Path, formula: str = "half") -> CaliperSheet:
    """Read a tidy or wide caliper sheet. formula: volume from two diameters, "half" or "ellipsoid".

    Raises SheetError with every error of the sheet, FileNotFoundError for a missing file.
    """
    path = Path(path)
    if path.is_dir():
        raise SheetError([f"{path} is a folder; a caliper sheet is one CSV file"])
    table = read_table(path, _is_header, unique=False)
    meanings = [_meaning(cell)[0] for cell in table.header]
    _refuse_other_shapes(table, meanings)
    if "arm" not in meanings and meanings and meanings[0] == "day":
        rows, notes = _read_wide(table, path.stem)
    else:
        rows, notes = _read_tidy(table, path.stem, formula)
    return check_rows(rows, [*table.notes, *notes])


def check_magnitudes(rows: pd.DataFrame, loq_mm3: float) -> list[str]:
    """Notes on days, body weights, arms and single readings that seem to be in another unit.

    rows: tidy rows of a laboratory's sheet. Raises SheetError if all volumes seem to be: with every volume at or below
    the limit of quantification all logarithms are equal, and all growth rates would be zero.
    """
    problem = implausible("volume", rows["volume_mm3"].to_numpy(), low=loq_mm3)
    if problem:
        reason = f"; {loq_mm3:g} mm3 is the limit of quantification" if f"are {loq_mm3:g} mm3" in problem else ""
        diameters = ", or, for diameters in cm, length_cm and width_cm" if reason else ""
        raise SheetError([f"{problem}{diameters}{reason}"])
    days_and_weights = [implausible(q, rows[c].to_numpy()) for q, c in (("day", "day"), ("weight", "body_weight_g"))]
    arms = [
        f"arm {arm}: {line}"
        for arm, group in rows.groupby("arm", sort=False)
        if (line := implausible("volume", group["volume_mm3"].to_numpy(), low=loq_mm3))
    ]
    return [*(line for line in days_and_weights if line), *arms, *_jumps(rows)]


def _jumps(rows: pd.DataFrame) -> list[str]:
    """One note per mouse with consecutive volumes that differ more than growth or regression can explain.

    The usual cause is a wrong unit or decimal sign in a single cell. Volumes of zero (complete regression) are ignored.
    """
    read = rows[rows["volume_mm3"] > 0]
    notes = []
    for (_, arm, mouse), group in read.groupby(["study", "arm", "mouse"], sort=False):
        day, volume = group["day"].to_numpy(), group["volume_mm3"].to_numpy()
        fold = np.exp(np.abs(np.diff(np.log(volume))))
        for i in np.flatnonzero((fold > MOST_FOLD) & (np.diff(day) <= WITHIN_DAYS))[:1]:
            notes.append(
                f"mouse {mouse} of arm {arm}: {volume[i]:g} mm3 on day {day[i]:g} and {volume[i + 1]:g} mm3 on day "
                f"{day[i + 1]:g}; check unit and decimal sign"
            )
    return notes


def choose_control(arms: list[str], named: str | None = None) -> str:
    """The control arm: the named one in any spelling, else the only arm called vehicle, control or untreated.

    A whole name that matches takes precedence over a name that contains the word. Raises SheetError.
    """
    listed = ", ".join(arms)
    if named is not None:
        match = find_name(named, arms)
        if match is None:
            raise SheetError([f"control arm {named!r} is not among the arms: {listed}"])
        return match
    hits = control_arms(arms)
    if len(hits) == 1:
        return hits[0]
    reason = "no arm is called" if not hits else f"{len(hits)} arms ({', '.join(hits)}) are called"
    raise SheetError([f"{reason} vehicle, control or untreated: name the control arm, one of {listed}"])


def _meaning(cell: str) -> tuple[str, str]:
    """(meaning, unit) of a header; ("", "") if it does not belong to this format."""
    return header_meaning(cell, _ALIASES) or ("", "")


def _is_header(cells: list[str]) -> bool:
    """Whether a row is the header of a tidy or a wide sheet, or of a sheet with one column per day."""
    meanings = [_meaning(cell)[0] for cell in cells]
    wide = meanings[0] == "day" and sum(cell != "" for cell in cells) > 1
    return wide or len({meaning for meaning in meanings if meaning}) > 1


def _refuse_other_shapes(table: Table, meanings: list[str]) -> None:
    """Raise SheetError for the two common layouts that are not supported, and for repeated columns."""
    header, row = table.header, f"row {table.header_row}"
    days = [cell for cell in header if re.fullmatch(r"(?:day|d)?[ _]?-?\d+([.,]\d+)?", cell.casefold())]
    if "day" not in meanings and len(days) > 1:
        listed = ", ".join(days[:3])
        raise SheetError([f"{row}: one row per mouse with a column per day ({listed} ...) is not supported; "
                          f"{_ONE_ROW_PER_READING}"])  # fmt: skip
    repeated = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if repeated and meanings[0] == "day" and not any(":" in cell for cell in header):
        first = repeated[0]
        raise SheetError([f"{row}: one column per mouse under the repeated group name ({first}) is not supported; "
                          f"name them group:mouse ({first}:1, {first}:2 ...), or {_ONE_ROW_PER_READING}"])  # fmt: skip
    if repeated:
        raise SheetError([f"{row}: the column {name!r} occurs more than once" for name in repeated])


def _columns(table: Table, problems: list[str], notes: list[str]) -> dict[str, _Column]:
    """meaning -> its column; a header of this format takes precedence over a synonym."""
    columns: dict[str, _Column] = {}
    row, standard = f"row {table.header_row}", {name: _TITLES.get(name, name) for name in _SYNONYMS}
    meanings = [_meaning(cell) for cell in table.header]
    for index, (title, (meaning, unit)) in enumerate(zip(table.header, meanings, strict=True)):
        plain = plain_header(title)
        if not meaning:
            near = difflib.get_close_matches(plain, standard.values(), n=1, cutoff=0.75)
            missing = near and not any(standard[m] == near[0] for m, _ in meanings if m)
            if missing:
                problems.append(f"{row}: unknown column {title!r}; did you mean {near[0]}?")
            elif title:
                notes.append(f"column {title!r} is not used")
            continue
        candidates = [c for c, (other, _) in zip(table.header, meanings, strict=True) if other == meaning]
        if len(candidates) > 1 and plain != standard[meaning]:
            if any(plain_header(other) == standard[meaning] for other in candidates):
                notes.append(f"column {title!r} is not used, because there is a column {standard[meaning]}")
            elif title == candidates[0]:
                both = " and ".join(map(repr, candidates))
                problems.append(f"{row}: {both} both mean {standard[meaning]}; keep one of them")
            continue
        try:
            size = factor(_QUANTITIES[meaning], unit) if meaning in _QUANTITIES else 1.0
        except UnknownUnit as error:
            if meaning == "weight":  # often in % of the initial weight; no other result depends on it
                notes.append(f"column {title!r} is not used: {error}")
            else:
                problems.append(f"{row}, column {title!r}: {error}")
            continue
        columns[meaning] = _Column(index, title, size)
        if plain != standard[meaning]:
            notes.append(f"column {title!r} is read as {standard[meaning]}" + _unit_text(meaning, unit, size))
    return columns


def _unit_text(meaning: str, unit: str, size: float) -> str:
    if meaning not in _QUANTITIES:
        return ""
    if not unit:
        return f"; no unit stated, {_ASSUMED[meaning]} assumed" if meaning in _ASSUMED else ""
    return "" if size == 1 else f", multiplied by {size:g}"


def _read_tidy(table: Table, study: str, formula: str) -> tuple[pd.DataFrame, list[str]]:
    problems: list[str] = []
    notes: list[str] = []
    columns = _columns(table, problems, notes)
    row = f"row {table.header_row}"
    diameters = "length" in columns and "width" in columns
    problems += [f"{row}: column {name} is missing" for name in ("arm", "mouse", "day") if name not in columns]
    if "volume" not in columns and not diameters:
        problems.append(f"{row}: column volume_mm3 is missing (or length_mm and width_mm)")
    if problems:
        raise SheetError(problems)
    numeric = {meaning: column for meaning, column in columns.items() if meaning in _QUANTITIES}
    numbers = Numbers(problems, ((row, c.title, cells[c.index]) for row, cells in table.body for c in numeric.values()))
    rows = [_tidy_row(row, cells, columns, numbers, study, problems) for row, cells in table.body]
    notes += numbers.check()
    if problems:
        raise SheetError(problems)
    frame = pd.DataFrame(rows)
    if diameters:
        length, width = frame.pop("length").to_numpy(), frame.pop("width").to_numpy()
        swapped = int((width > length).sum())
        if swapped:
            notes.append(f"rows with width above length, where the shorter diameter is used as the width: {swapped}")
        frame["volume_mm3"] = frame["volume_mm3"].fillna(pd.Series(caliper_volume(length, width, formula)))
    return frame, notes


def _tidy_row(
    row: int, cells: list[str], columns: dict[str, _Column], numbers: Numbers, study: str, problems: list[str]
) -> dict[str, object]:
    """One row of a tidy sheet in the units of the analysis; `length` and `width` only if the sheet has them."""

    def text(meaning: str) -> str:
        return cells[columns[meaning].index] if meaning in columns else ""

    def number(meaning: str) -> float:
        if meaning not in columns:
            return float("nan")
        column = columns[meaning]
        return numbers.read(cells[column.index], row, column.title) * column.factor

    values: dict[str, object] = {"_row": row, "study": text("study") or study, "reason": text("reason")}
    for name in ("arm", "mouse"):
        values[name] = text(name)
        if not values[name]:
            problems.append(f"row {row}, column {columns[name].title}: empty")
    values["day"] = number("day")
    if text("day").casefold() in MISSING:
        problems.append(f"row {row}, column {columns['day'].title}: empty")
    values["volume_mm3"] = number("volume")
    values["body_weight_g"] = number("weight")
    if "length" in columns and "width" in columns:
        # A stated volume takes precedence over diameters.
        stated = text("volume").casefold() not in MISSING
        pair = {name: float("nan") if stated else number(name) for name in ("length", "width")}
        problems += [f"row {row}, column {columns[n].title}: {d:g} is below zero" for n, d in pair.items() if d < 0]
        missing = [name for name, diameter in pair.items() if np.isnan(diameter)]
        if len(missing) == 1 and text(missing[0]).casefold() in MISSING:
            problems.append(f"row {row}, column {columns[missing[0]].title}: only one diameter given")
        values |= pair
    values["event"] = _event(text("event"), row, problems)
    return values


def _event(cell: str, row: int, problems: list[str]) -> str:
    for event, synonyms in _EVENT_SYNONYMS.items():
        if cell.casefold() in synonyms:
            return event
    allowed = ", ".join(event for event in EVENTS if event)
    problems.append(f"row {row}, column event: unknown event {cell!r}; must be one of {allowed}, or empty")
    return ""


def _read_wide(table: Table, study: str) -> tuple[pd.DataFrame, list[str]]:
    problems: list[str] = []
    mice: list[tuple[str, str]] = []
    for cell in table.header[1:]:
        arm, colon, mouse = (part.strip() for part in cell.rpartition(":"))
        if not (colon and arm and mouse):
            problems.append(f"row {table.header_row}, column {cell!r}: columns of a wide sheet must be named arm:mouse")
        mice.append((arm, mouse))
    # All volumes form one series: whether 1.034 is 1034 is decided from all mice together.
    days = ((row, "day", cells[0]) for row, cells in table.body)
    volumes = ((row, "volume", cell) for row, cells in table.body for cell in cells[1:])
    numbers = Numbers(problems, (*days, *volumes))
    unit = factor("day", _meaning(table.header[0])[1])
    rows = []
    for row, cells in table.body:
        day = numbers.read(cells[0], row, "day") * unit
        if cells[0].casefold() in MISSING:
            problems.append(f"row {row}, column day: empty")
        for (arm, mouse), column, cell in zip(mice, table.header[1:], cells[1:], strict=True):
            volume = numbers.read(cell, row, column, series="volume")
            if not np.isnan(volume):  # an empty cell is a mouse that was not measured or has left
                rows.append({"_row": row, "study": study, "arm": arm, "mouse": mouse, "day": day, "volume_mm3": volume})
    notes = numbers.check()
    if not mice:
        problems.append(f"row {table.header_row}: no column arm:mouse in addition to day")
    if problems or not rows:
        raise SheetError(problems or ["the sheet contains no volume"])
    return pd.DataFrame(rows), notes
