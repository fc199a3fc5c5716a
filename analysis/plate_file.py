"""A laboratory's plate as files: a tidy sheet, or the 96-well matrix of a reader with its map, to one row per well.

Tidy sheet: one row per well and these columns, in any order, letter case and punctuation ("E:T", "Dose (µg/mL)"):
    dose        dose, conc, concentration, antibody dose; unit ug/mL, mg/L, ng/mL or pg/mL; without one: ug/mL
    E:T         et, e:t, et ratio, effector:target, effector to target (ratio); 5, 5:1 and 1:2 are understood
    hours       hours, h, time, time h, duration (h); time min is converted                            (may be left out)
    replicate   replicate, rep, repeat                                                                 (may be left out)
    result      % lysis:    specific lysis (pct), lysis, % lysis, percent lysis, cytotoxicity, value
                raw signal: signal, raw, raw signal, reading, OD, A490, absorbance, fluorescence, RFU, RLU, counts, cpm
    role        role, type, content, well type: sample, target only (spontaneous), effector only,
                maximum (triton, total), blank (medium); a sheet without this column holds samples only
    also        well (A1), plate, donor, cell line, antibody
Matrix: rows A to H under a header 1 to 12 anywhere in the export, or eight lines of twelve numbers and nothing else.
Its map is a matrix of the same shape. A cell names a well: dose/E:T for a sample ("0.01/5", "10 ng/mL / 5:1"),
target_only, effector_only (with /E:T where there are several), maximum, blank; an empty cell is a well not used.

Separators, decimal comma and text encodings are those of analysis.sheet. A fault names the row and column, or the well.
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import SheetFault
from analysis.sheet import read_table, read_text
from analysis.sheet_numbers import MISSING, Numbers

ROWS = "ABCDEFGH"
COLUMNS = 12
CONTROLS = ("target_only", "effector_only", "maximum", "blank")
KEYS = ("plate", "donor", "hours", "cell_line", "antibody")  # a control without one of them serves all of its values

_ROLES = {
    "sample": ("sample", "samples", "test", "experimental", "unknown"),
    "target_only": ("target_only", "targets_only", "target", "targets", "spontaneous", "spontaneous_release"),
    "effector_only": ("effector_only", "effectors_only", "effector", "effectors", "effector_spontaneous"),
    "maximum": ("maximum", "max", "maximum_release", "max_release", "total", "total_lysis", "triton", "lysis_control"),
    "blank": ("blank", "medium", "media", "medium_only", "background"),
}
_HEADERS = {
    "et_ratio": ("et", "e_t", "et_ratio", "e_t_ratio", "effector_target", "effector_to_target", "effector_target_ratio",
                 "effector_to_target_ratio"),
    "hours": ("hours", "hour", "h", "time", "time_h", "time_hours", "duration", "duration_h"),
    "minutes": ("time_min", "minutes", "min", "duration_min"),
    "replicate": ("replicate", "rep", "repeat", "technical_replicate"),
    "lysis": ("specific_lysis_pct", "specific_lysis", "%_specific_lysis", "specific_lysis_%", "lysis", "lysis_pct",
              "lysis_%", "%_lysis", "percent_lysis", "pct_lysis", "cytotoxicity", "%_cytotoxicity", "value"),
    "signal": ("signal", "raw", "raw_signal", "reading", "od", "absorbance", "fluorescence", "rfu", "rlu",
               "luminescence", "counts", "cpm"),
    "role": ("role", "type", "content", "well_type", "sample_type"),
    "well": ("well", "well_id", "position"),
    "plate": ("plate", "plate_id"),
    "donor": ("donor", "donor_id"),
    "cell_line": ("cell_line", "line", "target_line"),
    "antibody": ("antibody", "mab"),
}  # fmt: skip
_DOSE = re.compile(r"(?:antibody_)?(?:dose|conc|concentration)(?:_(.+))?")
_UG_PER_ML = {"ug": 1.0, "mg_l": 1.0, "ng": 1e-3, "pg": 1e-6}
_PHOTOMETRY = re.compile(r"(?:od|a|abs|absorbance)_?\d{3}")
_RATIO = re.compile(r"([\d.,]+)(?:\s*:\s*([\d.,]+))?")
_MAP_SAMPLE = re.compile(r"(?:sample\s+)?([-+\d.,eE]+)\s*(?:([a-zµμ]+)\s*/\s*(ml|l))?\s*/\s*([^/]+)", re.IGNORECASE)
_WELL = re.compile(r"([A-H])0?([1-9]|1[0-2])", re.IGNORECASE)


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
    """Read a tidy sheet, or a matrix where there is a map. Raises SheetFault with every fault of the files."""
    matrix = _find_matrix(path, holds_words=False)
    if plate_map is not None:
        if matrix is None:
            raise SheetFault(["no 96-well matrix in it (rows A to H under a header 1 to 12)"])
        return _from_matrix(matrix, path, plate_map)
    if matrix is not None:
        raise SheetFault(["a 96-well matrix, whose wells are named by a map (--map MAP.csv)"])
    return _from_tidy(path)


@dataclass(frozen=True)
class _Matrix:
    cells: dict[str, str]  # "B3" -> text
    where: dict[str, tuple[int, int]]  # "B3" -> (row, column) in the file, both from 1


def _find_matrix(path: Path, holds_words: bool) -> _Matrix | None:
    """The only 8 x 12 block of a text file, or None. Raises SheetFault where there are several.

    holds_words: a block without header may hold words; else eight rows of a tidy sheet are not mistaken for one.
    """
    text = read_text(path)
    found: list[_Matrix] = []
    for separator in (";", "\t", ","):
        try:
            records = [[cell.strip() for cell in cells] for cells in csv.reader(io.StringIO(text), delimiter=separator)]
        except csv.Error:  # no text table
            return None
        lines = [(n, cells) for n, cells in enumerate(records, start=1) if any(cells)]
        found = _blocks(lines) or _bare_block(lines, holds_words)
        if found:
            break
    if len(found) > 1:
        raise SheetFault([f"{path.name} holds {len(found)} matrices: keep the one that is to be analysed"])
    return found[0] if found else None


def _blocks(lines: list[tuple[int, list[str]]]) -> list[_Matrix]:
    """Every header 1 to 12 that is followed by rows A to H."""
    blocks = []
    wanted = [str(n) for n in range(1, COLUMNS + 1)]
    for i, (_, header) in enumerate(lines):
        plain = [cell.lstrip("0").removesuffix(".0") for cell in header]
        starts = [k for k in range(1, len(plain) - COLUMNS + 1) if plain[k : k + COLUMNS] == wanted]
        below = lines[i + 1 : i + 1 + len(ROWS)]
        if not starts or len(below) < len(ROWS):
            continue
        k = starts[0]
        names = [cells[k - 1].upper() if len(cells) >= k else "" for _, cells in below]
        if names == list(ROWS):
            blocks.append(_matrix([(row, cells[k : k + COLUMNS]) for row, cells in below], k + 1))
    return blocks


def _bare_block(lines: list[tuple[int, list[str]]], holds_words: bool) -> list[_Matrix]:
    """A file that is eight lines of twelve cells and nothing else."""
    trimmed = [(row, cells[:-1] if len(cells) > COLUMNS and not cells[-1] else cells) for row, cells in lines]
    whole = len(trimmed) == len(ROWS) and all(len(cells) == COLUMNS for _, cells in trimmed)
    words = whole and any(re.search("[A-Za-z]{2}", cell) for cell in trimmed[0][1])
    return [_matrix(trimmed, 1)] if whole and (holds_words or not words) else []


def _matrix(rows: list[tuple[int, list[str]]], first_column: int) -> _Matrix:
    cells, where = {}, {}
    for name, (row, values) in zip(ROWS, rows, strict=True):
        for n in range(COLUMNS):
            cells[f"{name}{n + 1}"] = values[n] if n < len(values) else ""
            where[f"{name}{n + 1}"] = (row, first_column + n)
    return _Matrix(cells, where)


def _from_matrix(matrix: _Matrix, path: Path, plate_map: Path) -> Sheet:
    names = _find_matrix(plate_map, holds_words=True)
    if names is None:
        raise SheetFault([f"{plate_map.name}: a map has the shape of the plate, rows A to H under a header 1 to 12"])
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
            value = signals.read(text, row, f"{column} (well {well})", series="signal")
            rows.append(said | {"well": well, "value": value, "where": f"well {well}"})
    said_of_numbers = signals.check() + doses.check()
    if not problems and not rows:
        problems.append(f"{plate_map.name} names no well that has a reading")
    if problems:
        raise SheetFault(problems)
    notes = said_of_numbers
    if unread:
        notes.append(f"named in the map but without a reading: {', '.join(unread)}")
    if unnamed:
        notes.append(f"read but not named in the map, left out: {', '.join(unnamed)}")
    return Sheet(_complete(pd.DataFrame(rows), path.stem), raw=True, notes=notes)


def _map_cell(text: str, place: str, at: tuple[int, str], numbers: Numbers, problems: list[str]) -> dict | None:
    """Role, dose and E:T that one cell of a map names; None for a well that is not used."""
    if text.casefold() in {*MISSING, "empty", "unused"}:
        return None
    name, _, ratio = text.partition("/")
    role = _role(name)
    if role and role != "sample":
        return {"role": role, "et_ratio": _et_ratio(ratio, place, problems)}
    sample = _MAP_SAMPLE.fullmatch(text.strip())
    factor = 1.0
    if sample and sample[2]:
        factor = _UG_PER_ML.get(_plain(sample[2]) if sample[3].casefold() == "ml" else f"{_plain(sample[2])}_l", 0.0)
    if sample is None or not factor:
        problems.append(
            f"{place}: {text!r} names no well; write dose/E:T (0.01/5), target_only, effector_only, maximum or blank"
        )
        return None
    dose = numbers.read(sample[1], *at) * factor
    if dose < 0:
        problems.append(f"{place}: a dose is never negative")
    return {"role": "sample", "dose_ug_per_ml": dose, "et_ratio": _et_ratio(sample[4], place, problems)}


def _from_tidy(path: Path) -> Sheet:
    header, body, _, above = read_table(path)
    problems: list[str] = []
    columns, factor, notes = _columns(header, problems)
    notes += above
    lysis, signal = columns.get("lysis"), columns.get("signal")
    if lysis is None and signal is None:
        problems.append("row 1: no column with a result; call it specific_lysis_pct (percent) or signal (raw reading)")
    if lysis is not None and signal is not None:
        problems.append(f"row 1: {header[lysis]!r} and {header[signal]!r} are both results; keep one of them")
    for name in ("dose", "et_ratio"):
        if name not in columns:
            problems.append(f"row 1: no column for {'the dose' if name == 'dose' else 'E:T'}; call it "
                            + ("dose_ug_per_ml" if name == "dose" else "et_ratio"))  # fmt: skip
    if problems:
        raise SheetFault(problems)
    result = signal if lysis is None else lysis
    numeric = [at for name, at in columns.items() if name in ("dose", "hours", "minutes", "replicate")]
    numbers = Numbers(problems, ((row, header[result], cells[result]) for row, cells in body))
    doses = Numbers(problems, ((row, header[at], cells[at]) for row, cells in body for at in numeric))
    rows = []
    for row, cells in body:
        value = numbers.read(cells[result], row, header[result])
        said = _tidy_row(row, cells, header, columns, factor, doses, problems)
        if np.isfinite(value):
            rows.append(said | {"value": value, "where": f"row {row}"})
        elif cells[result].strip().casefold() in MISSING:
            notes.append(f"row {row}: no result, left out")
    notes += numbers.check() + doses.check()
    if lysis is not None and any(row["role"] != "sample" for row in rows):
        problems.append(
            f"the sheet holds control wells, so {header[lysis]!r} can be no % lysis; call a raw reading signal"
        )
    if not problems and not rows:
        problems.append("no row has a result")
    problems += _doubled_wells(rows)
    if problems:
        raise SheetFault(problems)
    return Sheet(_complete(pd.DataFrame(rows), path.stem), raw=lysis is None, notes=notes)


def _columns(header: list[str], problems: list[str]) -> tuple[dict[str, int], float, list[str]]:
    """(meaning -> place of its column, factor of the doses to ug/mL, notes on what was taken for what)."""
    known = {alias: meaning for meaning, aliases in _HEADERS.items() for alias in aliases}
    columns: dict[str, int] = {}
    factor, notes, ignored = 1.0, [], []
    for place, title in enumerate(header):
        plain = _plain(title)
        dose = _DOSE.fullmatch(plain)
        meaning = "dose" if dose else "signal" if _PHOTOMETRY.fullmatch(plain) else known.get(plain)
        if dose:
            unit = (dose[1] or "ug_ml").replace("_per_", "_")
            factor = _UG_PER_ML.get(unit.removesuffix("_ml"), 0.0)
            if not factor:
                problems.append(f"row 1: {title!r}: doses are read in ug/mL, ng/mL or pg/mL")
            elif not dose[1]:
                notes.append(f"column {title!r} has no unit: read as ug/mL")
        if meaning is None:
            ignored += [title] if title else []
        elif meaning in columns:
            problems.append(f"row 1: {header[columns[meaning]]!r} and {title!r} mean the same; keep one of them")
        else:
            columns[meaning] = place
    if "hours" in columns and "minutes" in columns:
        problems.append("row 1: hours and minutes are both given; keep one of them")
    if ignored:
        notes.append(f"columns not used: {', '.join(ignored)}")
    return columns, factor, notes


def _tidy_row(
    row: int, cells: list[str], header: list[str], columns: dict[str, int], factor: float, numbers: Numbers,
    problems: list[str],
) -> dict:  # fmt: skip
    def read(name: str, using: Callable) -> object:
        return using(cells[columns[name]], header[columns[name]]) if name in columns else None

    said: dict[str, object] = {}
    role = read("role", lambda text, title: (_role(text) if text else "sample", text, title))
    said["role"] = role[0] if role else "sample"
    if role and role[0] is None:
        problems.append(f"row {row}, column {role[2]}: {role[1]!r} is no role; one of {', '.join(_ROLES)}")
    said["dose_ug_per_ml"] = read("dose", lambda text, title: numbers.read(text, row, title)) * factor
    ratio = read("et_ratio", lambda text, title: _et_ratio(text, f"row {row}, column {title}", problems))
    said["et_ratio"] = ratio
    for name in ("hours", "minutes", "replicate"):
        number = read(name, lambda text, title: numbers.read(text, row, title))
        if number is not None:
            said["hours" if name == "minutes" else name] = number / 60 if name == "minutes" else number
    for name in ("plate", "donor", "cell_line", "antibody"):
        if name in columns:
            said[name] = cells[columns[name]]
    well = read("well", lambda text, title: (_WELL.fullmatch(text), text, title))
    if well and well[1]:
        said["well"] = f"{well[0][1].upper()}{well[0][2]}" if well[0] else ""
        if not well[0]:
            problems.append(f"row {row}, column {well[2]}: {well[1]!r} is no well of a 96-well plate (A1 to H12)")
    if said["dose_ug_per_ml"] < 0:
        problems.append(f"row {row}, column {header[columns['dose']]}: a dose is never negative")
    if said["role"] == "sample":
        for name, key in (("dose", "dose_ug_per_ml"), ("et_ratio", "et_ratio")):
            place = f"row {row}, column {header[columns[name]]}"
            if np.isnan(said[key]) and not any(problem.startswith(place) for problem in problems):
                problems.append(f"{place}: a sample needs it (0 where there is none)")
    return said


def _doubled_wells(rows: list[dict]) -> list[str]:
    """Faults of a sheet that names one well of one plate twice at the same time."""
    seen: dict[tuple, str] = {}
    faults = []
    for row in rows:
        key = (row.get("plate"), str(row.get("hours")), row.get("well"))
        if row.get("well") and key in seen:
            faults.append(f"{row['where']}: well {row['well']} stands in {seen[key]} already")
        elif row.get("well"):
            seen[key] = row["where"]
    return faults


def _complete(wells: pd.DataFrame, name: str) -> pd.DataFrame:
    """All columns of a Sheet, in order; a sheet without plates is one plate that has the name of the file."""
    order = ["role", "dose_ug_per_ml", "et_ratio", "hours", "replicate", "plate", "donor", "cell_line", "antibody"]
    for column in [*order, "well"]:
        if column not in wells:
            number = column in ("dose_ug_per_ml", "et_ratio", "hours", "replicate")
            wells[column] = np.nan if number else name if column == "plate" else ""
    wells["well"] = wells["well"].fillna("")
    return wells[[*order, "well", "value", "where"]]


def _et_ratio(text: str, place: str, problems: list[str]) -> float:
    """Effectors per target from 5, 5:1 or 1:2, NaN where the cell is empty; what is none goes to `problems`."""
    if text.strip().casefold() in MISSING:
        return np.nan
    found = _RATIO.fullmatch(text.strip())
    try:
        above, below = (float((part or "1").replace(",", ".")) for part in found.groups()) if found else (0.0, 0.0)
    except ValueError:
        below = 0.0
    if below <= 0:
        problems.append(f"{place}: {text.strip()!r} is no E:T ratio; write 5 or 5:1")
        return np.nan
    return above / below


def _role(text: str) -> str | None:
    plain = _plain(text)
    return next((role for role, aliases in _ROLES.items() if plain in aliases), None)


def _plain(text: str) -> str:
    """Lower case, micro as u, and one underscore for whatever is neither letter, digit nor percent sign."""
    return re.sub(r"[^a-z0-9%]+", "_", text.casefold().replace("µ", "u").replace("μ", "u")).strip("_")
