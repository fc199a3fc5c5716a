"""A laboratory's plate as files: a tidy sheet, or the 96-well matrix of a reader with its map, to one row per well.

Tidy sheet: one row per well and these columns, in any order, case and punctuation (analysis.assay.plates.headers):
    dose        dose, conc, concentration, antibody dose; unit ug/mL, mg/L, ng/mL or pg/mL; without one: ug/mL
    E:T         et, e:t, et ratio, effector:target, effector to target (ratio); 5, 5:1 and 1:2 are understood
    hours       hours, h, time, duration; unit h, min or d                                             (may be left out)
    replicate   replicate, rep, repeat                                                                 (may be left out)
    result      % lysis:    specific lysis (pct), lysis, % lysis, percent lysis, cytotoxicity (%), value; fractions as
                            lysis_fraction; cells such as 45% are understood
                raw signal: signal, raw, raw signal, reading, OD, A490, absorbance, fluorescence, RFU, RLU, counts, cpm
    role        role, type, content, well type: sample, target only (spontaneous), effector only,
                maximum (triton, total), blank (medium); a sheet without this column holds samples only
    also        well (A1), plate, donor, cell line, antibody; spellings of one name are one (analysis.sheets.names)
Matrix: the 8 x 12 block of a reader's export (analysis.assay.plates.blocks). Its map is a matrix of the same shape. A
cell names a well: dose/E:T or dose@E:T for a sample ("0.01/5", "10 ng/mL / 5:1", "1@5", which no spreadsheet takes for
a date), target_only, effector_only (with @E:T where there are several), maximum, blank; an empty cell is a well not
used.

Separators, decimal comma and text encodings are those of adccsim.analysis.sheets.sheet. An error names the row and
column, or the well.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis.assay.plates.blocks import Matrix, find_matrix
from adccsim.analysis.assay.plates.headers import Column, find_columns, is_header, meaning_of
from adccsim.analysis.errors import SheetError
from adccsim.analysis.sheets.names import odd_name_notes, shown_names, spelling_notes
from adccsim.analysis.sheets.numbers import MISSING, Numbers
from adccsim.analysis.sheets.sheet import Table, read_table
from adccsim.analysis.sheets.units import FACTORS, implausible, plain_header

CONTROLS = ("target_only", "effector_only", "maximum", "blank")
KEYS = ("plate", "donor", "hours", "cell_line", "antibody")  # a control without one of them serves all of its values

_ROLES = {
    "sample": ("sample", "samples", "test", "experimental", "unknown"),
    "target_only": ("target_only", "targets_only", "target", "targets", "spontaneous", "spontaneous_release"),
    "effector_only": ("effector_only", "effectors_only", "effector", "effectors", "effector_spontaneous"),
    "maximum": ("maximum", "max", "maximum_release", "max_release", "total", "total_lysis", "triton", "lysis_control"),
    "blank": ("blank", "medium", "media", "medium_only", "background"),
}
_NAMES = ("plate", "donor", "cell_line", "antibody")
_RATIO = re.compile(r"([\d.,]+)(?:\s*:\s*([\d.,]+))?")
_MAP_SAMPLE = re.compile(r"(?:sample\s+)?([-+\d.,eE]+)\s*(?:([a-zµμ]+)\s*/\s*(ml|l))?\s*[/@]\s*([^/@]+)", re.IGNORECASE)
_WELL = re.compile(r"([A-H])0?([1-9]|1[0-2])", re.IGNORECASE)
# What a spreadsheet makes of 1/5 and of 25:1 unless the cell is formatted as text.
_DATE = re.compile(
    r"\d{1,2}[-. ][a-z]{3,}\.?(?:[- ]\d{2,4})?|[a-z]{3,}[- ]\d{1,2}|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*", re.I
)
_TIME = re.compile(r"\d{1,3}:\d{2}:\d{2}.*|\d{1,3}:0\d( ?[ap]m)?", re.IGNORECASE)
# No reader, antibody or assay reaches these; beyond them squares overflow. Zero and less are judged elsewhere.
_LARGEST = {"value": 1e12, "dose": 1e6, "et_ratio": 1e6, "hours": 1e5}
_AGREEING_POINTS = 0.1
_MOST_LISTED = 12


@dataclass
class Sheet:
    """What a file says, one row per well that was read.

    wells has the columns role, dose_ug_per_ml, et_ratio, hours, replicate, plate, donor, cell_line, antibody, well,
    `value` (raw units where `raw`, else % lysis) and `where` (the place in the file). What is not said is NaN or "".
    """

    wells: pd.DataFrame
    raw: bool
    notes: list[str] = field(default_factory=list)


def read_sheet(path: Path, plate_map: Path | None = None) -> Sheet:
    """Read a tidy sheet, or a matrix where there is a map. Raises SheetError with every error of the files."""
    matrix = find_matrix(path, holds_words=False)
    if plate_map is not None:
        if matrix is None:
            raise SheetError(["no 96-well matrix in it (rows A to H under a header 1 to 12)"])
        return _from_matrix(matrix, path, plate_map)
    if matrix is not None:
        raise SheetError(["a 96-well matrix, whose wells are named by a map (--map MAP.csv)"])
    return _from_tidy(path)


def _from_matrix(matrix: Matrix, path: Path, plate_map: Path) -> Sheet:
    names = find_matrix(plate_map, holds_words=True)
    if names is None:
        raise SheetError([f"{plate_map.name}: a map has the shape of the plate, rows A to H under a header 1 to 12"])
    problems: list[str] = []
    readings = [(*matrix.where[well], text) for well, text in matrix.cells.items() if text.casefold() not in MISSING]
    signals = Numbers(problems, ((row, "signal", text) for row, _, text in readings))
    doses = Numbers(problems)
    rows, unread, unnamed = [], [], []
    for well, text in matrix.cells.items():
        row, column = matrix.where[well]
        map_row, map_column = names.where[well]
        place = f"{plate_map.name}, row {map_row}, column {map_column} (well {well})"
        said = _map_cell(names.cells[well], place, (map_row, f"{map_column} (well {well})"), doses, problems)
        if text.casefold() in MISSING:
            unread += [well] if said else []
        elif said is None:
            unnamed.append(well)
        else:
            at = f"{column} (well {well})"
            value = _limited(signals.read(text, row, at, series="signal"), "value", f"row {row}, column {at}", problems)
            rows.append(said | {"well": well, "value": value, "where": f"well {well}"})
    notes = [*matrix.notes, *names.notes, *signals.check(), *doses.check()]
    if not problems and not rows:
        problems.append(f"{plate_map.name} names no well that has a reading")
    if problems:
        raise SheetError(_first_of_each(problems))
    if unread:
        notes.append(f"named in the map but without a reading: {_listed(unread)}")
    if unnamed:
        notes.append(f"read but not named in the map, left out: {_listed(unnamed)}")
    return _sheet(rows, path.stem, True, notes)


def _listed(wells: list[str]) -> str:
    """The first wells or rows, and how many more there are."""
    more = len(wells) - _MOST_LISTED
    return ", ".join(wells[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _first_of_each(problems: list[str]) -> list[str]:
    """One sentence for all wells with one problem: the first place, and how many more there are."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        place, colon, what = problem.partition("): ")
        places.setdefault(what if colon else problem, []).append(place + colon[:1] if colon else "")
    more = {what: f" and {len(at) - 1} more" if len(at) > 1 else "" for what, at in places.items()}
    return [f"{at[0]}{more[what]}: {what}" if at[0] else what for what, at in places.items()]


def _map_cell(text: str, place: str, at: tuple[int, str], numbers: Numbers, problems: list[str]) -> dict | None:
    """Role, dose and E:T that one cell of a map names; None for a well that is not used."""
    if text.casefold() in {*MISSING, "empty", "unused"}:
        return None
    name, *ratio = re.split("[/@]", text, maxsplit=1)
    role = _role(name)
    if role and role != "sample":
        return {"role": role, "et_ratio": et_ratio("".join(ratio), place, problems)}
    sample = _MAP_SAMPLE.fullmatch(text.strip())
    factor = 1.0
    if sample and sample[2]:
        factor = FACTORS["dose"].get(f"{plain_header(sample[2])}_{sample[3].casefold()}", 0.0)
    if sample is None or not factor:
        problems.append(f"{place}: {text!r} {_no_well(text)}")
        return None
    dose = _limited(numbers.read(sample[1], *at) * factor, "dose", place, problems)
    if dose < 0:
        problems.append(f"{place}: a dose is never negative")
    return {"role": "sample", "dose_ug_per_ml": dose, "et_ratio": et_ratio(sample[4], place, problems)}


def _no_well(text: str) -> str:
    """Why a cell of a map names no well, and what to write."""
    if _DATE.fullmatch(text.strip()):
        return "is a date: a spreadsheet takes 1/5 for one; write 1@5, or format the cells of the map as text first"
    if _role_words(text) in ("volume_correction", "volume_correction_control", "volume_control", "medium_lysis"):
        return (
            "has no role here: one blank is subtracted from all wells; leave the cell empty (lysis then comes out too "
            "low by the excess of this blank), or subtract it from the maximum yourself"
        )
    return "names no well; write dose/E:T (0.01/5), target_only, effector_only, maximum or blank"


def _from_tidy(path: Path) -> Sheet:
    table = read_table(path, is_header)
    problems: list[str] = []
    columns, notes = find_columns(table.header, table.header_row, problems)
    notes = [*table.notes, *notes]
    _check_columns(table, columns, problems)
    if problems:
        raise SheetError(problems)
    result, raw = columns.get("lysis") or columns["signal"], "lysis" not in columns
    numeric = [columns[name] for name in ("dose", "hours", "replicate") if name in columns]
    numbers = Numbers(problems, ((row, result.title, cells[result.place]) for row, cells in table.body))
    others = Numbers(problems, ((row, c.title, cells[c.place]) for row, cells in table.body for c in numeric))
    rows, without = [], []
    for row, cells in table.body:
        text = cells[result.place]
        value = numbers.read(text, row, result.title, percent=not raw) * (1.0 if text.endswith("%") else result.factor)
        said = _tidy_row(row, cells, columns, others, problems)
        if np.isfinite(value):
            value = _limited(value, "value", f"row {row}, column {result.title}", problems)
            rows.append(said | {"value": value, "where": f"row {row}"})
        elif text.casefold() in MISSING:
            without.append(str(row))
    notes += [f"rows without a result, left out: {_listed(without)}"] if without else []
    notes += numbers.check() + others.check()
    if not raw and any(row["role"] != "sample" for row in rows):
        problems.append(
            f"the sheet holds control wells, so {result.title!r} can be no % lysis; call a raw reading signal"
        )
    if not problems and not rows:
        problems.append("no row has a result")
    if problems:
        raise SheetError(problems)
    sheet = _sheet(rows, path.stem, raw, notes)
    errors = _doubled_wells(sheet.wells)
    if errors:
        raise SheetError(errors)
    marked = any(cells[result.place].endswith("%") for _, cells in table.body)
    if not raw:
        keys = [sheet.wells[key] for key in ("dose_ug_per_ml", "et_ratio", *KEYS)]
        value, remarks = as_fractions(sheet.wells["value"], keys, result.title, own=marked or result.factor != 1)
        sheet.wells["value"] = value
        sheet.notes += remarks
    return sheet


def _check_columns(table: Table, columns: dict[str, Column], problems: list[str]) -> None:
    """What a sheet of wells lacks, or says twice."""
    row = f"row {table.header_row}"
    if "lysis" not in columns and "signal" not in columns:
        problems.append(f"{row}: no column with a result; call it specific_lysis_pct (percent) or signal (raw reading)")
    if "lysis" in columns and "signal" in columns:
        titles = " and ".join(repr(columns[name].title) for name in ("signal", "lysis"))
        problems.append(f"{row}: {titles} are both results; keep one of them")
    for name, words, own in (("dose", "the dose", "dose_ug_per_ml"), ("et_ratio", "E:T", "et_ratio")):
        named = any(meaning_of(title)[0] == name for title in table.header)
        if name not in columns and not named:
            problems.append(f"{row}: no column for {words}; call it {own}")


def _tidy_row(row: int, cells: list[str], columns: dict[str, Column], numbers: Numbers, problems: list[str]) -> dict:
    """What one row says about its well, apart from the result."""
    text = {name: cells[column.place] for name, column in columns.items()}
    earlier = len(problems)
    place = {name: f"row {row}, column {column.title}" for name, column in columns.items()}
    said: dict[str, object] = {name: text[name] for name in _NAMES if name in text}
    measured: dict[str, float] = {}
    said["role"] = _role(text["role"]) if text.get("role") else "sample"
    if said["role"] is None:
        problems.append(f"{place['role']}: {text['role']!r} is no role; one of {', '.join(_ROLES)}")
    for name in ("dose", "hours", "replicate"):
        if name in text:
            number = numbers.read(text[name], row, columns[name].title) * columns[name].factor
            key = "dose_ug_per_ml" if name == "dose" else name
            said[key] = measured[key] = _limited(number, name, place[name], problems)
    said["et_ratio"] = measured["et_ratio"] = et_ratio(text["et_ratio"], place["et_ratio"], problems)
    if text.get("well"):
        found = _WELL.fullmatch(text["well"])
        said["well"] = f"{found[1].upper()}{found[2]}" if found else ""
        if not found:
            problems.append(f"{place['well']}: {text['well']!r} is no well of a 96-well plate (A1 to H12)")
    if measured["dose_ug_per_ml"] < 0:
        problems.append(f"{place['dose']}: a dose is never negative")
    if said["role"] == "sample":
        for name, key in (("dose", "dose_ug_per_ml"), ("et_ratio", "et_ratio")):
            if np.isnan(measured[key]) and not any(problem.startswith(place[name]) for problem in problems[earlier:]):
                problems.append(f"{place[name]}: a sample needs it (0 where there is none)")
    return said


def _limited(value: float, name: str, place: str, problems: list[str]) -> float:
    """The value; one beyond what can be measured goes to `problems`."""
    if abs(value) > _LARGEST.get(name, np.inf):
        problems.append(f"{place}: {value:g} cannot be; at most {_LARGEST[name]:g} is read")
    return value


def _doubled_wells(wells: pd.DataFrame) -> list[str]:
    """Errors of a sheet that names one well of one plate twice at the same time."""
    seen: dict[tuple, str] = {}
    errors = []
    for row in wells[wells["well"] != ""].itertuples():
        key = (row.plate, str(row.hours), row.well)
        if key in seen:
            errors.append(f"{row.where}: well {row.well} stands in {seen[key]} already")
        else:
            seen[key] = row.where
    return errors


def _sheet(rows: list[dict], name: str, raw: bool, notes: list[str]) -> Sheet:
    """All columns of a Sheet, in order, with one spelling per name.

    A sheet without plates is one plate that has the name of the file.
    """
    wells = pd.DataFrame(rows)
    order = ["role", "dose_ug_per_ml", "et_ratio", "hours", "replicate", "plate", "donor", "cell_line", "antibody"]
    for column in [*order, "well"]:
        if column not in wells:
            number = column in ("dose_ug_per_ml", "et_ratio", "hours", "replicate")
            wells[column] = np.nan if number else name if column == "plate" else ""
    wells["well"] = wells["well"].fillna("")
    for column in _NAMES:
        shown = shown_names(wells[column])
        what = column.replace("_", " ")
        notes = [*notes, *spelling_notes(what, shown), *odd_name_notes(what, shown)]
        wells[column] = wells[column].map(shown)
    for quantity, column in (("dose", "dose_ug_per_ml"), ("et_ratio", "et_ratio")):
        said = implausible(quantity, wells[column].to_numpy(dtype=float))
        notes = [*notes, said] if said else notes
    return Sheet(wells[[*order, "well", "value", "where"]], raw, notes)


def as_fractions(
    value: pd.Series, groups: list[pd.Series], title: str, own: bool = False
) -> tuple[pd.Series, list[str]]:
    """(lysis in %, notes) from values of at most 1: fractions where that is beyond doubt, otherwise with a note.

    Beyond doubt: another header than the format's own (`own`), a value of at least 0.1, and replicates (equal in all of
    `groups`) that agree to 0.1 points, which no plate reader measures: its signals scatter by more than 0.1 %.
    """
    said = implausible("lysis", value.to_numpy())
    if not said:
        return value, []
    grouped = value.groupby(groups, dropna=False)
    dof = len(value) - grouped.ngroups
    spread = float(np.sqrt(((value - grouped.transform("mean")) ** 2).sum() / dof)) if dof > 0 else np.inf
    own = own or plain_header(title) == "specific_lysis_pct"
    if value.abs().max() > 1 or own or value.max() < 0.1 or spread > _AGREEING_POINTS:
        return value, [said]
    return 100 * value, [
        f"column {title!r}: no value exceeds 1 (largest {value.max():.3g}) and replicates agree to {spread:.2g}: "
        "read as fractions, multiplied by 100; if they are percent, call the column specific_lysis_pct"
    ]


def et_ratio(text: str, place: str, problems: list[str]) -> float:
    """Effectors per target from 5, 5:1 or 1:2, NaN where the cell is empty; what is none goes to `problems`."""
    text = text.strip()
    if text.casefold() in MISSING:
        return np.nan
    found = _RATIO.fullmatch(text)
    try:
        above, below = (float((part or "1").replace(",", ".")) for part in found.groups()) if found else (0.0, 0.0)
    except ValueError:
        below = 0.0
    if below <= 0:
        spoilt = _TIME.fullmatch(text) or _DATE.fullmatch(text)
        cause = " (a spreadsheet takes 25:1 for a time of day and 1/5 for a date)" if spoilt else ""
        problems.append(f"{place}: {text!r} is no E:T ratio{cause}; write 5 or 5:1" + (", as text" if spoilt else ""))
        return np.nan
    return _limited(above / below, "et_ratio", place, problems)


def _role(text: str) -> str | None:
    words = _role_words(text)
    return next((role for role, aliases in _ROLES.items() if words in aliases), None)


def _role_words(text: str) -> str:
    """Lower case with one underscore for whatever is neither letter nor digit."""
    return plain_header(text)
