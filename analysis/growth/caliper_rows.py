"""Tidy rows of caliper data from any source: names made one, order, duplicates, and what no statistics can repair."""

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
    """rows: tidy table with the columns COLUMNS; notes: what was merged, swapped or left aside, in sentences."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()


def check_rows(rows: pd.DataFrame, notes: list[str] | None = None) -> CaliperSheet:
    """Order and merge the rows of any source, and refuse what no statistics can repair.

    rows needs study, arm, mouse, day, volume_mm3; event, reason, body_weight_g are optional, and so is `_row`, the row
    number told in faults. Two readings of one mouse and day are averaged (a note says so), empty rows are dropped.
    Raises SheetError.
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
    empty = rows["volume_mm3"].isna() & (rows["event"] == "") & rows["body_weight_g"].isna()
    if empty.any():
        notes.append(f"rows with neither volume nor event nor weight, taken as missing readings: {int(empty.sum())}")
    seen = rows[["study", "arm", "mouse"]].drop_duplicates()
    rows = _merge_duplicates(rows[~empty], notes)
    if rows.empty or rows["volume_mm3"].isna().all():
        raise SheetError(["the sheet holds no volume"])
    problems = _after_the_end(rows)
    if problems:
        raise SheetError(problems)
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


def _value_errors(rows: pd.DataFrame) -> list[str]:
    problems = []
    for column in ("day", "volume_mm3", "body_weight_g"):
        for row, value in rows.loc[np.isinf(rows[column]), ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value} is not finite")
    for row in rows.loc[rows["day"].isna(), "_row"]:
        problems.append(f"row {row}, column day: empty")
    for column, least in (("volume_mm3", "zero"), ("body_weight_g", "zero")):
        for row, value in rows.loc[rows[column] < 0, ["_row", column]].itertuples(index=False):
            problems.append(f"row {row}, column {column}: {value:g} is below {least}")
    for row, event in rows.loc[~rows["event"].isin(EVENTS), ["_row", "event"]].itertuples(index=False):
        problems.append(f"row {row}, column event: {event!r} is not known")
    return problems


def _unite_names(rows: pd.DataFrame, notes: list[str]) -> list[str]:
    """Give every name one spelling, in place, by the rule of `names`; faults where two spellings cannot be one mouse.

    A mouse is a name within its arm. One mouse and day with two spellings that both hold a volume, or both a body
    weight, may be two mice or one reading twice: that is not guessed.
    """
    spelt = rows[_NAMES].copy()
    for column in ("study", "arm"):
        shown = shown_names(rows[column])
        notes += [*spelling_notes(column, shown), *odd_name_notes(column, shown)]
        rows[column] = rows[column].map(shown)
    for (_, arm), own in rows.groupby(["study", "arm"], sort=False):
        shown = shown_names(own["mouse"])
        notes += spelling_notes("mouse", shown, f"arm {arm}")
        rows.loc[own.index, "mouse"] = own["mouse"].map(shown)
    notes += odd_name_notes("mouse", spelt["mouse"])
    notes += odd_name_notes("reason", rows.loc[rows["reason"].str.casefold() != "none", "reason"])
    return _two_spellings_on_one_day(rows, spelt)


def _two_spellings_on_one_day(rows: pd.DataFrame, spelt: pd.DataFrame) -> list[str]:
    """Faults that name both cells; rows: with united names, spelt: the names as they stand in the sheet."""
    problems: dict[int, str] = {}
    if rows[_NAMES].equals(spelt):
        return []
    written = spelt.agg("\n".join, axis=1)
    for column in ("volume_mm3", "body_weight_g"):
        read = rows[rows[column].notna()]
        for _, own in read[read.duplicated([*_NAMES, "day"], keep=False)].groupby([*_NAMES, "day"], sort=False):
            first, spellings = own.index[0], written[own.index]
            others = spellings.index[spellings != spellings[first]]
            if len(others):
                where = next(name for name in _NAMES[::-1] if spelt.at[first, name] != spelt.at[others[0], name])
                problems.setdefault(
                    rows.at[others[0], "_row"],
                    f"row {rows.at[others[0], '_row']}, column {where}: {spelt.at[others[0], where]!r} is read on day "
                    f"{rows.at[first, 'day']:g}, and so is {spelt.at[first, where]!r} in row {rows.at[first, '_row']}, "
                    "which differ only in spelling; give two mice two names, or one mouse one reading",
                )
    return list(problems.values())


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
    ended = rows[rows["event"].isin(["death", "removed"])].groupby(_NAMES, as_index=False)["day"].min()
    if ended.empty:
        return []
    read = rows.loc[rows["volume_mm3"].notna(), [*_NAMES, "day", "_row"]]
    later = read.merge(ended.rename(columns={"day": "end"}), on=_NAMES)
    later = later[later["day"] > later["end"]].drop_duplicates(_NAMES)
    return [
        f"row {each.row}, column volume_mm3: mouse {each.mouse} of arm {each.arm} left on day {each.end:g}"
        for each in later.rename(columns={"_row": "row"}).itertuples()
    ]
