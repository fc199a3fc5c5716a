"""Observed values of an experiment: from a CSV file to one row per condition with mean, SD and n.

Columns  quantity       specific_lysis_pct (default), emax_pct, ec50_ng_per_ml, or a quantity counted under a
                        microscope: see adccsim.analysis.assay.cells
         value          the observed value (also called mean); never clipped at 0 or 100
         sd             SD of a lysis or an Emax between units, in percentage points; log10_sd: that of an EC50
         n              number of units behind value and sd (donors, else wells; cells for cell counts)
         at_h           hours after the addition of effectors, for deaths_of_last_pct only
         dose_ug_per_ml, et_ratio, hours, cell_line, effector, antibody, readout, and swept keys ("effectors.genotype"):
                        condition of the scenario to which the row belongs; an empty cell matches every value
         source, provenance, citation, doi, note, where: free text
         sd_basis       units of sd and n: donors (independent units) or replicates (wells of one donor); tables of
                        version 0.1 call it error_kind, and their values are accepted
Rows without sd may repeat a condition: they are single wells, or wells of donors if there is a column `donor`, and are
averaged (within a donor first).  The lysis table written by `adcc plate` and the sheet that it reads are accepted
unchanged: synonyms for dose, E:T, hours and % lysis are those of adccsim.analysis.assay.plates.headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis.assay.cells import DEATHS
from adccsim.analysis.assay.cells import QUANTITIES as COUNTED
from adccsim.analysis.assay.plates.file import as_fractions, et_ratio
from adccsim.analysis.assay.plates.headers import find_columns, meaning_of
from adccsim.analysis.errors import SheetError
from adccsim.analysis.reading.design import CONDITION_COLUMNS
from adccsim.analysis.sheets.names import shown_names, spelling_notes
from adccsim.analysis.sheets.numbers import Numbers
from adccsim.analysis.sheets.sheet import Table, read_table
from adccsim.analysis.statistics import DONORS, REPLICATES, sd_basis, summarise_units

LYSIS, EMAX, EC50 = "specific_lysis_pct", "emax_pct", "ec50_ng_per_ml"
QUANTITIES = (LYSIS, EMAX, EC50, *COUNTED)
_FORMER = {name.replace("_fraction", "_share"): name for name in COUNTED}  # names up to 0.1.0
FREE_TEXT = ("source", "provenance", "citation", "doi", "note", "where")
_VALUES = ("value", "sd", "log10_sd", "n", "at_h")
_NAMES = ("cell_line", "effector", "antibody", "readout")
_BASIS = ("sd_basis", "error_kind")


def read_observed(path: Path) -> tuple[pd.DataFrame, list[str], list[str]]:
    """(rows, keys, notes) of an observed file.

    rows   columns quantity, value, sd, log10_sd, n, sd_basis, `keys`, row (its line in the file), free text.
    keys   the columns that define the condition of a row; empty cells are NaN (numbers) or "" (text).
    Raises SheetError with every error of the file, each with row and column.
    """
    table = read_table(Path(path), _is_header)
    problems: list[str] = []
    header, factors, notes = _columns(table, problems)
    keys = [name for name in header if name in CONDITION_COLUMNS or "." in name]
    if "value" not in header:
        problems.append(f"row {table.header_row}: column value is missing")
    numeric = [name for name in header if name in _VALUES or (name in keys and name not in _NAMES and "." not in name)]
    indices = [(name, header.index(name)) for name in numeric if name != "et_ratio"]
    numbers = Numbers(problems, ((row, name, cells[i]) for row, cells in table.body for name, i in indices))
    reader = _Reader(keys, factors, numbers, problems)
    frame = pd.DataFrame([reader.row(row, dict(zip(header, cells, strict=True))) for row, cells in table.body])
    notes += numbers.check()
    problems += _value_errors(frame)
    if problems:
        raise SheetError(problems)
    empty = frame["value"].isna()
    if empty.any():
        notes.append(f"rows without a value, left out: {', '.join(str(n) for n in frame.loc[empty, 'row'])}")
    frame = frame[~empty].reset_index(drop=True)
    notes += _one_spelling(frame)
    notes += _fractions(frame, table.header[header.index("value")], factors, keys)
    frame, errors = _averaged(frame, keys)
    if errors or frame.empty:
        raise SheetError(errors or [f"{Path(path).name} has no row with a value"])
    return frame, keys, notes


def without_replicates(row: Mapping) -> Mapping:
    """The row without SD and n if these are of technical replicates: wells are not donors."""
    counted = row["quantity"] in COUNTED
    if counted or row.get("sd_basis", "") != REPLICATES:
        return row
    return {**row, "sd": np.nan, "log10_sd": np.nan, "n": np.nan}


def _is_standard(title: str) -> bool:
    """Whether a header belongs to this format."""
    return title in {"quantity", "donor", "mean", *_BASIS, *_VALUES, *FREE_TEXT, *CONDITION_COLUMNS} or "." in title


def _is_header(cells: list[str]) -> bool:
    return sum(_is_standard(cell) or meaning_of(cell)[0] != "" for cell in cells if cell) > 1


def _columns(table: Table, problems: list[str]) -> tuple[list[str], dict[str, float], list[str]]:
    """(header of this format, factor of a column read under a synonym, notes).

    Headers of this format are kept; for all others the synonyms of a plate sheet apply.
    """
    header = ["value" if name == "mean" and "value" not in table.header else name for name in table.header]
    factors: dict[str, float] = {}
    notes = list(table.notes)
    others = ["" if _is_standard(title) else title for title in header]
    synonyms, _ = find_columns(others, table.header_row, problems)
    for meaning, column in synonyms.items():
        name = {"dose": "dose_ug_per_ml", "lysis": "value"}.get(meaning, meaning)
        if name in {"value", "dose_ug_per_ml", "et_ratio", "hours", "cell_line", "antibody", "donor"} - set(header):
            header[column.place] = name
            factors[name] = column.factor
            if name == "value" and column.factor != 1 and "sd" in header:  # an SD has the unit of its value
                factors["sd"] = column.factor
                notes.append(f"column sd is multiplied by {column.factor:g}, like {column.title!r}")
            scaling = f", multiplied by {column.factor:g}" if column.factor != 1 else ""
            notes.append(f"column {column.title!r} is read as {name}{scaling}")
    ignored = [name for name in header if name and not _is_standard(name)]
    return header, factors, notes + ([f"columns not used: {', '.join(ignored)}"] if ignored else [])


@dataclass(frozen=True)
class _Reader:
    """Reads the cells of one row; errors are appended to `problems`."""

    keys: list[str]
    factors: dict[str, float]
    numbers: Numbers
    problems: list[str]

    def row(self, row: int, cells: dict[str, str]) -> dict:
        """One observed value with its condition."""
        quantity = cells.get("quantity") or LYSIS
        values: dict[str, object] = {"row": row, "quantity": _FORMER.get(quantity, quantity)}
        values |= {"donor": cells.get("donor", ""), "sd_basis": self._basis(row, cells)}
        if values["quantity"] not in QUANTITIES:
            listed = ", ".join(QUANTITIES)
            self.problems.append(f"row {row}, column quantity: {values['quantity']!r} must be one of {listed}")
        for name in _VALUES:
            values[name] = self._number(cells[name], row, name) if name in cells else np.nan
        for name in self.keys:
            if name in _NAMES:
                values[name] = cells[name]
            elif "." in name:
                values[name] = _number_or_text(cells[name])
            elif name == "et_ratio":
                values[name] = et_ratio(cells[name], f"row {row}, column {name}", self.problems)
            else:
                values[name] = self._number(cells[name], row, name)
        return values | {name: cells[name] for name in FREE_TEXT if name in cells}

    def _number(self, cell: str, row: int, name: str) -> float:
        percent = name in ("value", "sd") and name in self.factors
        size = 1.0 if percent and cell.endswith("%") else self.factors.get(name, 1.0)
        return self.numbers.read(cell, row, name, percent=percent) * size

    def _basis(self, row: int, cells: dict[str, str]) -> str:
        for column in _BASIS:
            if column in cells:
                basis = sd_basis(cells[column])
                if basis is None:
                    self.problems.append(
                        f"row {row}, column {column}: {cells[column]!r} must be {DONORS} or {REPLICATES}"
                    )
                return basis or ""
        return ""


def _one_spelling(frame: pd.DataFrame) -> list[str]:
    """Give every name one spelling, in place; returns notes on the spellings that were merged."""
    notes = []
    for column in ("donor", *_NAMES):
        if column in frame:
            shown = shown_names(frame[column])
            notes += spelling_notes(column.replace("_", " "), shown)
            frame[column] = frame[column].map(shown)
    return notes


def _fractions(frame: pd.DataFrame, title: str, factors: dict[str, float], keys: list[str]) -> list[str]:
    """Convert lysis given as clear fractions to %, in place, as in a plate sheet; returns notes."""
    lysis = frame["quantity"] == LYSIS
    if not lysis.any() or factors.get("value", 1.0) != 1.0:
        return []
    groups = [frame.loc[lysis, key] for key in [*keys, "donor"]]
    value, notes = as_fractions(frame.loc[lysis, "value"], groups, title, own="value" not in factors)
    frame.loc[lysis, "value"] = value
    return notes


def _number_or_text(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _value_errors(frame: pd.DataFrame) -> list[str]:
    errors = []
    for row in frame.to_dict("records"):
        place = f"row {row['row']}, column"
        if row["quantity"] == EC50 and row["value"] <= 0:
            errors.append(f"{place} value: an EC50 must be above 0")
        for name in ("sd", "log10_sd"):
            if row[name] < 0:
                errors.append(f"{place} {name}: an SD must not be negative")
        if np.isfinite(row["n"]) and (row["n"] < 1 or row["n"] != int(row["n"])):
            errors.append(f"{place} n: must be a whole number of at least 1")
        wrong = "sd" if row["quantity"] == EC50 else "log10_sd"
        if np.isfinite(row[wrong]):
            right = "log10_sd" if wrong == "sd" else "sd"
            errors.append(f"{place} {wrong}: the SD of {row['quantity']} belongs in column {right}")
        if np.isfinite(row["at_h"]) != (row["quantity"] == DEATHS):
            errors.append(f"{place} at_h: required for {DEATHS}, and not allowed for any other quantity")
        if row["quantity"] in (EMAX, EC50) and np.isfinite(row.get("dose_ug_per_ml", np.nan)):
            errors.append(f"{place} dose_ug_per_ml: {row['quantity']} refers to a whole curve, not to a dose")
    return errors


def _averaged(frame: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """(one row per condition, errors): repeated rows without an SD are replaced by mean, SD and n."""
    by = ["quantity", *keys, "at_h"]
    rows, errors = [], []
    for _, group in frame.groupby(by, dropna=False, sort=False):
        first = group.iloc[0].to_dict()
        if len(group) > 1:
            stated = group[["sd", "log10_sd", "n"]].notna().any(axis=1)
            if stated.any() or first["quantity"] != LYSIS:
                lines = " and ".join(str(n) for n in group["row"])
                errors.append(f"rows {lines} have the same condition; give one mean with sd and n")
                continue
            summary = summarise_units(group.assign(all=0), ["all"], "value", unit="donor").iloc[0]
            first |= {"value": summary["mean"], "sd": summary["sd"], "n": float(summary["n"])}
            first["sd_basis"] = summary["sd_basis"]
        rows.append(first)
    return pd.DataFrame(rows, columns=list(frame.columns)).drop(columns="donor"), errors
