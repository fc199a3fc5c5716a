"""Caliper sheets of a laboratory, read into one tidy table.

Tidy sheet: one row per mouse and day with the headers arm, mouse, day, and volume_mm3 or length_mm + width_mm; optional
study, event, reason, body_weight_g. Wide sheet: a first column day, then one column per mouse named arm:mouse.
Read are comma, semicolon and tab as separators, decimal comma or point, a byte-order mark, spaces in cells and headers.

What comes out is the same in both cases, and is what a reader of simulated mice has to deliver too (`check_rows`):
a DataFrame with the columns COLUMNS; day in days after randomisation, volume in mm3 (NaN where an event comes without),
event one of "", "endpoint", "death", "removed", reason in the sheet's own words, body weight in g (NaN if not taken).

Every fault names row (as a spreadsheet counts them, the header is row 1) and column, and all faults are told at once.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import SheetFault
from analysis.sheet import MISSING, Numbers, read_table
from analysis.tumour_growth import caliper_volume

COLUMNS = ("study", "arm", "mouse", "day", "volume_mm3", "event", "reason", "body_weight_g")
CONTROL_NAMES = ("vehicle", "control", "untreated")
_HEADERS = ("study", "arm", "mouse", "day", "volume_mm3", "length_mm", "width_mm", "event", "reason", "body_weight_g")
_EVENTS = {
    "": ("", "0", "no", "none", "false", "alive"),
    "endpoint": ("endpoint", "end point", "end-point", "1", "yes", "true"),
    "death": ("death", "dead", "died", "found dead"),
    "removed": ("removed", "censored", "withdrawn", "sacrificed", "euthanised", "euthanized"),
}


@dataclass(frozen=True)
class CaliperSheet:
    """rows: tidy table with the columns COLUMNS; notes: what was merged, swapped or left aside, in sentences."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_caliper(path: Path, formula: str = "half") -> CaliperSheet:
    """Read a tidy or wide caliper sheet. formula: of the volume from two diameters, "half" or "ellipsoid".

    Raises SheetFault for anything that cannot be read, FileNotFoundError for a missing file.
    """
    path = Path(path)
    if path.is_dir():
        raise SheetFault([f"{path} is a folder; a caliper sheet is one CSV file"])
    header, records = read_table(path)
    names = [_header_name(cell) for cell in header]
    if "arm" not in names and names and names[0] == "day":
        rows, notes = _read_wide(header, records, path.stem)
    else:
        rows, notes = _read_tidy(header, names, records, path.stem, formula)
    return check_rows(rows, notes)


def check_rows(rows: pd.DataFrame, notes: list[str] | None = None) -> CaliperSheet:
    """Order and merge the rows of any source, and refuse what no statistics can repair.

    rows needs study, arm, mouse, day, volume_mm3; event, reason, body_weight_g are optional, and so is `_row`, the row
    number told in faults. Two readings of one mouse and day are averaged (a note says so), empty rows are dropped.
    Raises SheetFault.
    """
    rows = rows.reset_index(drop=True).copy()
    notes = list(notes or [])
    missing = [c for c in COLUMNS[:5] if c not in rows]
    if missing:
        raise SheetFault([f"column {c} is missing" for c in missing])
    for column in ("event", "reason"):
        rows[column] = rows[column].fillna("").astype(str) if column in rows else ""
    if "body_weight_g" not in rows:
        rows["body_weight_g"] = np.nan
    if "_row" not in rows:
        rows["_row"] = np.arange(2, len(rows) + 2)
    for column in ("study", "arm", "mouse"):
        rows[column] = rows[column].astype(str)
    for column in ("day", "volume_mm3", "body_weight_g"):
        rows[column] = pd.to_numeric(rows[column]).astype(float)
    problems = [*_value_faults(rows), *_name_faults(rows)]
    if problems:
        raise SheetFault(problems)
    empty = rows["volume_mm3"].isna() & (rows["event"] == "") & rows["body_weight_g"].isna()
    if empty.any():
        notes.append(f"rows with neither volume nor event nor weight, taken as missing readings: {int(empty.sum())}")
    seen = rows[["study", "arm", "mouse"]].drop_duplicates()
    rows = _merge_duplicates(rows[~empty], notes)
    if rows.empty or rows["volume_mm3"].isna().all():
        raise SheetFault(["the sheet holds no volume"])
    problems = _after_the_end(rows)
    if problems:
        raise SheetFault(problems)
    read = rows[rows["volume_mm3"].notna()][["study", "arm", "mouse"]].drop_duplicates()
    unread = seen.merge(read, how="left", indicator=True).query("_merge == 'left_only'")
    for study, arm, mouse in unread[["study", "arm", "mouse"]].itertuples(index=False):
        notes.append(f"mouse {mouse} of arm {arm} (study {study}) has no volume at all")
    order = {name: i for i, name in enumerate(dict.fromkeys(zip(seen["study"], seen["arm"], strict=True)))}
    mouse_order = {name: i for i, name in enumerate(seen.itertuples(index=False, name=None))}
    keys = pd.DataFrame(
        {
            "arm": [order[key] for key in zip(rows["study"], rows["arm"], strict=True)],
            "mouse": [mouse_order[key] for key in rows[["study", "arm", "mouse"]].itertuples(index=False, name=None)],
            "day": rows["day"].to_numpy(),
        },
        index=rows.index,
    )
    rows = rows.loc[keys.sort_values(["arm", "mouse", "day"], kind="stable").index, list(COLUMNS)]
    return CaliperSheet(rows.reset_index(drop=True), tuple(notes))


def choose_control(arms: list[str], named: str | None = None) -> str:
    """The control arm: the named one (case does not matter), else the only one called vehicle, control or untreated.

    An arm is called so if that is its whole name, failing that if the word is in its name. Raises SheetFault.
    """
    listed = ", ".join(arms)
    if named is not None:
        hits = [a for a in arms if a.casefold() == named.strip().casefold()]
        if len(hits) != 1:
            raise SheetFault([f"control arm {named!r} is not among the arms: {listed}"])
        return hits[0]
    hits = [a for a in arms if a.casefold() in CONTROL_NAMES]
    hits = hits or [a for a in arms if set(re.findall(r"[a-z]+", a.casefold())) & set(CONTROL_NAMES)]
    if len(hits) == 1:
        return hits[0]
    why = "no arm is called" if not hits else f"{len(hits)} arms ({', '.join(hits)}) are called"
    raise SheetFault([f"{why} vehicle, control or untreated: name the control arm, one of {listed}"])


def _header_name(cell: str) -> str:
    return re.sub(r"[\s\-]+", "_", cell.strip().casefold())


def _read_tidy(
    header: list[str], names: list[str], records: list[tuple[int, list[str]]], study: str, formula: str
) -> tuple[pd.DataFrame, list[str]]:
    problems: list[str] = []
    notes: list[str] = []
    for name, cell in zip(names, header, strict=True):
        if name in _HEADERS or not name:
            continue
        near = difflib.get_close_matches(name, _HEADERS, n=1, cutoff=0.75)
        if near and near[0] not in names:
            problems.append(f"row 1, column {cell!r} is not known; is it {near[0]}?")
        else:
            notes.append(f"column {cell!r} is not used")
    diameters = "length_mm" in names and "width_mm" in names
    problems += [f"row 1: column {c} is missing" for c in ("arm", "mouse", "day") if c not in names]
    if "volume_mm3" not in names and not diameters:
        problems.append("row 1: column volume_mm3 is missing, or length_mm and width_mm instead of it")
    if problems:
        raise SheetFault(problems)
    numbers = Numbers(problems)
    table: list[dict[str, object]] = []
    swapped = 0
    for row, cells in records:
        cell = dict(zip(names, cells, strict=True))
        entry: dict[str, object] = {"_row": row, "study": cell.get("study") or study, "reason": cell.get("reason", "")}
        for column in ("arm", "mouse"):
            entry[column] = cell[column]
            if not cell[column]:
                problems.append(f"row {row}, column {column}: empty")
        entry["day"] = numbers.read(cell["day"], row, "day")
        if cell["day"].casefold() in MISSING:
            problems.append(f"row {row}, column day: empty")
        entry["volume_mm3"] = numbers.read(cell.get("volume_mm3", ""), row, "volume_mm3")
        entry["body_weight_g"] = numbers.read(cell.get("body_weight_g", ""), row, "body_weight_g")
        if diameters and cell.get("volume_mm3", "").casefold() in MISSING:
            length, width = (numbers.read(cell[c], row, c) for c in ("length_mm", "width_mm"))
            if np.isnan(length) != np.isnan(width):
                lacking = "length_mm" if np.isnan(length) else "width_mm"
                problems.append(f"row {row}, column {lacking}: one diameter only")
            problems += [
                f"row {row}, column {c}: {d:g} mm is below zero"
                for c, d in (("length_mm", length), ("width_mm", width))
                if d < 0
            ]
            swapped += bool(width > length)
            entry["volume_mm3"] = float(caliper_volume(length, width, formula))
        entry["event"] = _event(cell.get("event", ""), row, problems)
        table.append(entry)
    numbers.check()
    if problems:
        raise SheetFault(problems)
    if swapped:
        notes.append(f"rows with a width above the length, where the shorter was taken as the width: {swapped}")
    return pd.DataFrame(table), notes


def _event(cell: str, row: int, problems: list[str]) -> str:
    for event, words in _EVENTS.items():
        if cell.casefold() in words:
            return event
    allowed = ", ".join(words[0] for words in _EVENTS.values() if words[0])
    problems.append(f"row {row}, column event: {cell!r} is not known; one of {allowed}, or empty")
    return ""


def _read_wide(header: list[str], records: list[tuple[int, list[str]]], study: str) -> tuple[pd.DataFrame, list[str]]:
    problems: list[str] = []
    mice: list[tuple[str, str]] = []
    for cell in header[1:]:
        arm, colon, mouse = (part.strip() for part in cell.rpartition(":"))
        if not (colon and arm and mouse):
            problems.append(f"row 1, column {cell!r}: a wide sheet names its columns arm:mouse")
        mice.append((arm, mouse))
    numbers = Numbers(problems)
    table = []
    for row, cells in records:
        day = numbers.read(cells[0], row, "day")
        if cells[0].casefold() in MISSING:
            problems.append(f"row {row}, column day: empty")
        for (arm, mouse), column, cell in zip(mice, header[1:], cells[1:], strict=True):
            volume = numbers.read(cell, row, column)
            if not np.isnan(volume):  # an empty cell of a wide sheet is a mouse not read or no longer there
                table.append(
                    {"_row": row, "study": study, "arm": arm, "mouse": mouse, "day": day, "volume_mm3": volume}
                )
    numbers.check()
    if not mice:
        problems.append("row 1: no column arm:mouse beside day")
    if problems or not table:
        raise SheetFault(problems or ["the sheet holds no volume"])
    return pd.DataFrame(table), []


def _value_faults(rows: pd.DataFrame) -> list[str]:
    problems = []
    for column in ("day", "volume_mm3", "body_weight_g"):
        for row, value in rows.loc[np.isinf(rows[column]), ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value} is not finite")
    for row in rows.loc[rows["day"].isna(), "_row"]:
        problems.append(f"row {row}, column day: empty")
    for column, least in (("volume_mm3", "zero"), ("body_weight_g", "zero")):
        for row, value in rows.loc[rows[column] < 0, ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value:g} is below {least}")
    for row, event in rows.loc[~rows["event"].isin(list(_EVENTS)), ["_row", "event"]].itertuples(index=False):
        problems.append(f"row {row}, column event: {event!r} is not known")
    return problems


def _name_faults(rows: pd.DataFrame) -> list[str]:
    """Names that differ only in case or spaces are one name mistyped; two arms would silently come of it."""
    problems = []
    for column in ("study", "arm"):
        first: dict[str, tuple[str, int]] = {}
        for name, row in rows.drop_duplicates(column)[[column, "_row"]].itertuples(index=False):
            known, at = first.setdefault(re.sub(r"\W+", "", name.casefold()) or name, (name, row))
            if known.casefold().split() == name.casefold().split() and known != name:
                problems.append(f"row {row}, column {column}: {name!r} and {known!r} (row {at}) differ only in case")
    return problems


def _merge_duplicates(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    keys = ["study", "arm", "mouse", "day"]
    if not rows.duplicated(keys).any():
        return rows
    equal = rows.duplicated([*keys, "volume_mm3", "event", "reason", "body_weight_g"])
    if equal.any():
        listed = ", ".join(str(r) for r in rows.loc[equal, "_row"].head(8))
        notes.append(f"rows that stand there twice and count once: {int(equal.sum())} (row {listed})")
        rows = rows[~equal]
    if rows.duplicated(keys).any():
        doubled = rows.loc[rows.duplicated(keys, keep=False)].groupby(keys, sort=False)["_row"].agg(list)
        for (_, arm, mouse, day), at in list(doubled.items())[:20]:
            listed = ", ".join(str(r) for r in at)
            notes.append(f"mouse {mouse} of arm {arm}, day {day:g}: mean of {len(at)} readings (rows {listed})")
        rows = rows.groupby(keys, sort=False, as_index=False).agg(
            {
                "volume_mm3": "mean",
                "body_weight_g": "mean",
                "event": lambda words: next((w for w in words if w), ""),
                "reason": lambda words: next((w for w in words if w), ""),
                "_row": "first",
            }
        )
    return rows


def _after_the_end(rows: pd.DataFrame) -> list[str]:
    ended = rows[rows["event"].isin(["death", "removed"])].groupby(["study", "arm", "mouse"])["day"].min()
    problems = []
    for key, day in ended.items():
        mine = (rows["study"] == key[0]) & (rows["arm"] == key[1]) & (rows["mouse"] == key[2])
        later = rows[mine & (rows["day"] > day) & rows["volume_mm3"].notna()]
        for row in later["_row"].head(1):
            problems.append(f"row {row}, column volume_mm3: mouse {key[2]} of arm {key[1]} left on day {day:g}")
    return problems
