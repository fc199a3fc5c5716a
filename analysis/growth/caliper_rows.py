"""Tidy rows of caliper data from any source: one spelling per name, sorted, without duplicates, errors reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adccsim.analysis.errors import SheetError
from adccsim.analysis.sheets.names import odd_name_notes, shown_names, spelling_notes

COLUMNS = ("study", "arm", "mouse", "day", "volume_mm3", "event", "reason", "body_weight_g")
EVENTS = ("", "endpoint", "death", "removed")
_NAMES = ["study", "arm", "mouse"]


@dataclass(frozen=True)
class CaliperSheet:
    """rows: tidy table with the columns COLUMNS; notes: sentences on what was merged, swapped or ignored."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()


def check_rows(rows: pd.DataFrame, notes: list[str] | None = None) -> CaliperSheet:
    """Sort and merge the rows of any source, and check their values.

    rows needs study, arm, mouse, day, volume_mm3; event, reason, body_weight_g are optional, and so is `_row`, the row
    number used in error messages. Two readings of one mouse and day are averaged (with a note); empty rows are dropped.
    Raises SheetError with every error found.
    """
    rows = rows.reset_index(drop=True).copy()
    notes = list(notes or [])
    missing = [c for c in COLUMNS[:5] if c not in rows]
    if missing:
        raise SheetError([f"column {c} is missing" for c in missing])
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
    problems = [*_value_errors(rows), *_unite_names(rows, notes)]
    if problems:
        raise SheetError(problems)
    blank = rows["volume_mm3"].isna() & (rows["event"] == "") & rows["body_weight_g"].isna()
    if blank.any():
        notes.append(f"rows without volume, event or weight, treated as missing readings: {int(blank.sum())}")
    listed = rows[["study", "arm", "mouse"]].drop_duplicates()
    rows = _merge_duplicates(rows[~blank], notes)
    if rows.empty or rows["volume_mm3"].isna().all():
        raise SheetError(["the sheet contains no volume"])
    problems = _readings_after_removal(rows)
    if problems:
        raise SheetError(problems)
    measured = rows[rows["volume_mm3"].notna()][["study", "arm", "mouse"]].drop_duplicates()
    unmeasured = listed.merge(measured, how="left", indicator=True).query("_merge == 'left_only'")
    for study, arm, mouse in unmeasured[["study", "arm", "mouse"]].itertuples(index=False):
        notes.append(f"mouse {mouse} of arm {arm} (study {study}) has no volume reading")
    arm_order = {name: i for i, name in enumerate(dict.fromkeys(zip(listed["study"], listed["arm"], strict=True)))}
    mouse_order = {name: i for i, name in enumerate(listed.itertuples(index=False, name=None))}
    keys = pd.DataFrame(
        {
            "arm": [arm_order[key] for key in zip(rows["study"], rows["arm"], strict=True)],
            "mouse": [mouse_order[key] for key in rows[["study", "arm", "mouse"]].itertuples(index=False, name=None)],
            "day": rows["day"].to_numpy(),
        },
        index=rows.index,
    )
    rows = rows.loc[keys.sort_values(["arm", "mouse", "day"], kind="stable").index, list(COLUMNS)]
    return CaliperSheet(rows.reset_index(drop=True), tuple(notes))


def _value_errors(rows: pd.DataFrame) -> list[str]:
    problems = []
    for column in ("day", "volume_mm3", "body_weight_g"):
        for row, value in rows.loc[np.isinf(rows[column]), ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value} is not finite")
    for row in rows.loc[rows["day"].isna(), "_row"]:
        problems.append(f"row {row}, column day: empty")
    for column in ("volume_mm3", "body_weight_g"):
        for row, value in rows.loc[rows[column] < 0, ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value:g} is below zero")
    for row, event in rows.loc[~rows["event"].isin(EVENTS), ["_row", "event"]].itertuples(index=False):
        problems.append(f"row {row}, column event: unknown event {event!r}")
    return problems


def _unite_names(rows: pd.DataFrame, notes: list[str]) -> list[str]:
    """Give every name one spelling, in place, by the rules of `sheets.names`; returns the errors.

    A mouse is identified by its name within its arm. If two spellings of one mouse both have a volume, or both a body
    weight, on one day, they may be two mice or one reading entered twice: an error, not a guess.
    """
    as_written = rows[_NAMES].copy()
    for column in ("study", "arm"):
        shown = shown_names(rows[column])
        notes += [*spelling_notes(column, shown), *odd_name_notes(column, shown)]
        rows[column] = rows[column].map(shown)
    for (_, arm), group in rows.groupby(["study", "arm"], sort=False):
        shown = shown_names(group["mouse"])
        notes += spelling_notes("mouse", shown, f"arm {arm}")
        rows.loc[group.index, "mouse"] = group["mouse"].map(shown)
    notes += odd_name_notes("mouse", as_written["mouse"])
    notes += odd_name_notes("reason", rows.loc[rows["reason"].str.casefold() != "none", "reason"])
    return _two_spellings_on_one_day(rows, as_written)


def _two_spellings_on_one_day(rows: pd.DataFrame, as_written: pd.DataFrame) -> list[str]:
    """Errors that name both cells; rows: with one spelling per name, as_written: the names as written in the sheet."""
    problems: dict[int, str] = {}
    if rows[_NAMES].equals(as_written):
        return []
    full_name = as_written.agg("\n".join, axis=1)
    for column in ("volume_mm3", "body_weight_g"):
        read = rows[rows[column].notna()]
        for _, group in read[read.duplicated([*_NAMES, "day"], keep=False)].groupby([*_NAMES, "day"], sort=False):
            first, spellings = group.index[0], full_name[group.index]
            others = spellings.index[spellings != spellings[first]]
            if len(others):
                other = others[0]
                column_of = next(
                    name for name in _NAMES[::-1] if as_written.at[first, name] != as_written.at[other, name]
                )
                problems.setdefault(
                    rows.at[other, "_row"],
                    f"row {rows.at[other, '_row']}, column {column_of}: {as_written.at[other, column_of]!r} and "
                    f"{as_written.at[first, column_of]!r} (row {rows.at[first, '_row']}) differ only in spelling, "
                    f"and both have a reading on day {rows.at[first, 'day']:g}; give different mice different "
                    "names, or keep one reading",
                )
    return list(problems.values())


def _merge_duplicates(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    keys = ["study", "arm", "mouse", "day"]
    if not rows.duplicated(keys).any():
        return rows
    equal = rows.duplicated([*keys, "volume_mm3", "event", "reason", "body_weight_g"])
    if equal.any():
        listed = ", ".join(str(r) for r in rows.loc[equal, "_row"].head(8))
        notes.append(f"duplicate rows, each counted once: {int(equal.sum())} (row {listed})")
        rows = rows[~equal]
    if rows.duplicated(keys).any():
        repeated = rows.loc[rows.duplicated(keys, keep=False)].groupby(keys, sort=False)["_row"].agg(list)
        for (_, arm, mouse, day), row_numbers in list(repeated.items())[:20]:
            listed = ", ".join(str(r) for r in row_numbers)
            notes.append(
                f"mouse {mouse} of arm {arm}, day {day:g}: mean of {len(row_numbers)} readings (rows {listed})"
            )
        rows = rows.groupby(keys, sort=False, as_index=False).agg(
            {
                "volume_mm3": "mean",
                "body_weight_g": "mean",
                "event": lambda texts: next((text for text in texts if text), ""),
                "reason": lambda texts: next((text for text in texts if text), ""),
                "_row": "first",
            }
        )
    return rows


def _readings_after_removal(rows: pd.DataFrame) -> list[str]:
    ended = rows[rows["event"].isin(["death", "removed"])].groupby(_NAMES, as_index=False)["day"].min()
    if ended.empty:
        return []
    read = rows.loc[rows["volume_mm3"].notna(), [*_NAMES, "day", "_row"]]
    later = read.merge(ended.rename(columns={"day": "end"}), on=_NAMES)
    later = later[later["day"] > later["end"]].drop_duplicates(_NAMES)
    return [
        f"row {each.row}, column volume_mm3: mouse {each.mouse} of arm {each.arm} left the study on day {each.end:g}"
        for each in later.rename(columns={"_row": "row"}).itertuples()
    ]
