"""Observed values of an experiment: a CSV file to one row per condition, with mean, SD and n.

Columns  quantity       specific_lysis_pct (where the column is missing), emax_pct, ec50_ng_per_ml, or what a microscope
                        counts: the quantities of analysis.cells
         value          the observed number (also called mean); never clipped at 0 or 100
         sd             spread of a lysis or an Emax between units, in points; log10_sd that of an EC50
         n              how many units (donors, else wells; cells where cells are counted) stand behind value and sd
         at_h           hours from the addition of effectors, of deaths_of_last_pct only
         dose_ug_per_ml, et_ratio, hours, cell_line, effector, antibody, readout, and swept keys ("effectors.genotype"):
                        which condition of the scenario the row belongs to; an empty cell fits every one
         source, provenance, citation, doi, note, where: free text
Rows without sd may repeat a condition: they are single wells, or with a column `donor` wells of donors, and are
averaged here (within a donor first).  The lysis table that `adcc plate` writes can be read as it is.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.cells import DEATHS
from analysis.cells import QUANTITIES as COUNTED
from analysis.design import CONDITION_COLUMNS
from analysis.errors import SheetFault
from analysis.sheet import read_table
from analysis.sheet_numbers import Numbers
from analysis.statistics import summarise_units

LYSIS, EMAX, EC50 = "specific_lysis_pct", "emax_pct", "ec50_ng_per_ml"
QUANTITIES = (LYSIS, EMAX, EC50, *COUNTED)
FREE_TEXT = ("source", "provenance", "citation", "doi", "note", "where")
_VALUES = ("value", "sd", "log10_sd", "n", "at_h")
_WORDS = ("cell_line", "effector", "antibody", "readout")


def read_observed(path: Path) -> tuple[pd.DataFrame, list[str], list[str]]:
    """(rows, keys, notes) of an observed file.

    rows   columns quantity, value, sd, log10_sd, n, `keys`, row (its line in the file), free text.
    keys   the columns that say which condition a row belongs to; empty cells are NaN (numbers) or "" (words).
    Raises SheetFault with every fault of the file, each with row and column.
    """
    header, body, header_row, above = read_table(Path(path))
    header = ["value" if name == "mean" and "value" not in header else name for name in header]
    keys = [name for name in header if name in CONDITION_COLUMNS or "." in name]
    known = {"quantity", "donor", *_VALUES, *FREE_TEXT, *keys}
    ignored = [name for name in header if name and name not in known]
    notes = [*above, *([f"columns not used: {', '.join(ignored)}"] if ignored else [])]
    problems: list[str] = [] if "value" in header else [f"row {header_row}: no column value"]
    numeric = [name for name in header if name in _VALUES or (name in keys and name not in _WORDS and "." not in name)]
    places = [(name, header.index(name)) for name in numeric]
    numbers = Numbers(problems, ((row, name, cells[at]) for row, cells in body for name, at in places))
    rows = [_row(row, dict(zip(header, cells, strict=True)), keys, numbers, problems) for row, cells in body]
    notes += numbers.check()
    frame = pd.DataFrame(rows)
    problems += _value_faults(frame)
    if problems:
        raise SheetFault(problems)
    empty = frame["value"].isna()
    if empty.any():
        notes.append(f"rows without a value, left out: {', '.join(str(n) for n in frame.loc[empty, 'row'])}")
    frame, faults = _averaged(frame[~empty].reset_index(drop=True), keys)
    if faults or frame.empty:
        raise SheetFault(faults or [f"{Path(path).name} has no row with a value"])
    return frame, keys, notes


def _row(row: int, cells: dict[str, str], keys: list[str], numbers: Numbers, problems: list[str]) -> dict:
    said: dict[str, object] = {"row": row, "quantity": cells.get("quantity") or LYSIS, "donor": cells.get("donor", "")}
    if said["quantity"] not in QUANTITIES:
        problems.append(f"row {row}, column quantity: {said['quantity']!r} is not one of {', '.join(QUANTITIES)}")
    for name in _VALUES:
        said[name] = numbers.read(cells[name], row, name) if name in cells else np.nan
    for name in keys:
        if name in _WORDS:
            said[name] = cells[name]
        elif "." in name:
            said[name] = _number_or_word(cells[name])
        else:
            said[name] = numbers.read(cells[name], row, name)
    return said | {name: cells[name] for name in FREE_TEXT if name in cells}


def _number_or_word(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _value_faults(frame: pd.DataFrame) -> list[str]:
    faults = []
    for row in frame.to_dict("records"):
        place = f"row {row['row']}, column"
        if row["quantity"] == EC50 and row["value"] <= 0:
            faults.append(f"{place} value: an EC50 is above 0")
        for name in ("sd", "log10_sd"):
            if row[name] < 0:
                faults.append(f"{place} {name}: a spread is never negative")
        if np.isfinite(row["n"]) and (row["n"] < 1 or row["n"] != int(row["n"])):
            faults.append(f"{place} n: a count is a whole number of at least 1")
        wrong = "sd" if row["quantity"] == EC50 else "log10_sd"
        if np.isfinite(row[wrong]):
            right = "log10_sd" if wrong == "sd" else "sd"
            faults.append(f"{place} {wrong}: the spread of {row['quantity']} stands in {right}")
        if np.isfinite(row["at_h"]) != (row["quantity"] == DEATHS):
            faults.append(f"{place} at_h: {DEATHS} needs it, and no other quantity has it")
        if row["quantity"] in (EMAX, EC50) and np.isfinite(row.get("dose_ug_per_ml", np.nan)):
            faults.append(f"{place} dose_ug_per_ml: {row['quantity']} belongs to a whole curve, not to a dose")
    return faults


def _averaged(frame: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """(one row per condition, faults): repeated rows without a spread become mean, SD and n."""
    by = ["quantity", *keys, "at_h"]
    rows, faults = [], []
    for _, group in frame.groupby(by, dropna=False, sort=False):
        first = group.iloc[0].to_dict()
        if len(group) > 1:
            stated = group[["sd", "log10_sd", "n"]].notna().any(axis=1)
            if stated.any() or first["quantity"] != LYSIS:
                lines = " and ".join(str(n) for n in group["row"])
                faults.append(f"rows {lines} are about one condition; give a single mean with sd and n")
                continue
            found = summarise_units(group.assign(all=0), ["all"], "value", unit="donor").iloc[0]
            first |= {"value": found["mean"], "sd": found["sd"], "n": float(found["n"])}
        rows.append(first)
    return pd.DataFrame(rows, columns=list(frame.columns)).drop(columns="donor"), faults
