"""The result that a user came for, small enough for a screen: percent by dose and E:T, EC50 and Emax."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.dose_response import OK, TOO_FEW
from adccsim.analysis.reading.design import et_label, short_key, shown, with_one_antibody
from adccsim.analysis.statistics import DONORS

SERIES, MOST_BLOCKS = 3, 12  # rows of a printed table, and tables, from and up to which they are printed apart
_PLAIN = {"cell_line": "cell line", "hours": "hours", "dose_ug_per_ml": "dose (ug/mL)"}


def headline_table(summary: pd.DataFrame, extra: Sequence[str], quantity: str) -> pd.DataFrame:
    """Means with sd from a summary (columns mean, sd, n): one row per condition and dose, one column per E:T.

    quantity  words for the value, used where E:T does not vary.  What does not vary is left out of the rows and
    stands in `attrs["title"]`; `attrs["blocks"]` names the columns of varied keys.
    """
    frame = summary[~summary["role"].isin(("fc_null", "target_only")) & summary["mean"].notna()]
    if (frame["et_ratio"] == 0).any():
        # Antibody without effectors: its dose 0 is the target-only well.
        frame = summary[(summary["role"] != "fc_null") & summary["mean"].notna()]
    frame = frame.copy()
    if frame.empty:
        return pd.DataFrame()
    names = ["cell_line", "effector", "antibody", *extra, "readout", "hours"]
    frame = with_one_antibody(frame)
    rows = [name for name in names if name == "cell_line" or frame[name].nunique() > 1]
    across = frame["et_ratio"].nunique() > 1
    frame["shown"] = [_mean_sd(mean, sd) for mean, sd in zip(frame["mean"], frame["sd"], strict=True)]
    frame["column"] = [f"E:T {et_label(et)}" for et in frame["et_ratio"]] if across else quantity
    order = [f"E:T {et_label(et)}" for et in sorted(set(frame["et_ratio"]))] if across else [quantity]
    index = [*rows, "dose_ug_per_ml"]
    table = frame.groupby([*index, "column"], sort=True)["shown"].first().unstack("column")[order].fillna("")
    table = table.reset_index()
    plain = {name: _PLAIN.get(name, short_key(name)) for name in table.columns if name not in order}
    table = table.rename(columns=plain)
    table.columns.name = None
    table["dose (ug/mL)"] = [f"{dose:g}" for dose in table["dose (ug/mL)"]]
    table.attrs["blocks"] = [plain[name] for name in extra if name in plain]
    table.attrs["title"] = _title(frame, [name for name in names if name not in rows], quantity)
    return table


def headline_text(table: pd.DataFrame, dose_response: pd.DataFrame, viability: pd.DataFrame) -> str:
    """The table, and one line per curve of dose_response.csv and viability_summary.csv, as plain text."""
    if table.empty:
        return "no wells to show"
    lines = [str(table.attrs.get("title", "")), ""]
    for heading, block in _blocks(table):
        lines += [heading, block.to_string(index=False), ""] if heading else [block.to_string(index=False), ""]
    # A study without a dose series needs no line that says so.
    fits = [row for row in dose_response.to_dict("records") if row["status"] != TOO_FEW]
    lines += [_curve_line(row, dose_response) for row in fits]
    lines += [f"{curve_name(row, viability)}: {viability_words(row)}" for row in viability.to_dict("records")]
    return "\n".join(lines).rstrip()


def _blocks(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(heading, rows): one table for each combination of varied keys, where each is a series; else the whole."""
    names = table.attrs.get("blocks", [])
    groups = list(table.groupby(names, sort=False)) if names else []
    if len(groups) > MOST_BLOCKS or any(len(rows) < SERIES for _, rows in groups) or len(groups) < 2:
        return [("", table)]
    headings = [
        ", ".join(f"{name} {shown(value)}" for name, value in zip(names, key, strict=True)) for key, _ in groups
    ]
    return [(heading, rows.drop(columns=names)) for heading, (_, rows) in zip(headings, groups, strict=True)]


def viability_words(row: dict) -> str:
    """One row of viability_summary.csv in words."""
    if row["status"] == TOO_FEW:
        return f"maximal inhibition {_plain_zero(row['maximal_inhibition_pct']):.1f} %"
    ec50 = with_interval(row, "relative_ec50_ng_per_ml")
    words = [f"relative EC50 {ec50} ng/mL"] if ec50 else []
    words += [] if ec50 and row["status"] == OK else [str(row["status"])]
    words.append(f"maximal inhibition {_plain_zero(row['maximal_inhibition_pct']):.1f} %")
    for name in ("ic50", "gr50"):
        value = with_interval(row, f"{name}_ng_per_ml")
        words.append(f"{name.upper()} {value} ng/mL" if value else f"{name.upper()} {row[f'{name}_word']}")
    if np.isfinite(row["grmax"]):
        words.append(f"GRmax {row['grmax']:.2f}")
    return ", ".join(words)


def with_interval(row: dict, name: str, digits: str = ".3g") -> str:
    """ "0.52 (0.41 to 0.66)", or an empty string where there is no value."""
    value = row.get(name, np.nan)
    if not np.isfinite(value):
        return ""
    low, high = row.get(f"{name}_ci95_low", np.nan), row.get(f"{name}_ci95_high", np.nan)
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{value:{digits}}"
    return f"{value:{digits}} ({low:{digits}} to {high:{digits}})"


def curve_name(row: dict, table: pd.DataFrame) -> str:
    """What tells one curve of a table from the others: its cell line and whatever else varies."""
    skip = ("status", "note", "donors", "doses", "wells")
    known = [name for name in table.columns[: list(table.columns).index("status")] if name not in skip]
    parts = [str(row["cell_line"])]
    for name in known:
        if name != "cell_line" and table[name].nunique() > 1:
            value = row[name]
            if name == "et_ratio":
                text = f"E:T {et_label(value)}"
            elif name == "hours":
                text = f"{value:g} h"
            else:
                text = shown(value)
            parts.append(f"{short_key(name)} {text}" if "." in name else text)
    return ", ".join(parts)


def _curve_line(row: dict, table: pd.DataFrame) -> str:
    return f"{curve_name(row, table)}: {curve_text(row)}"


def curve_text(row: dict) -> str:
    """EC50, Emax and slope of a row of dose_response.csv, as far as they exist, and its status where it is not "ok"."""
    shown = (
        ("EC50", "ec50_ng_per_ml", " ng/mL", ".3g"),
        ("Emax", "emax_pct", " %", ".3g"),
        ("Hill", "hill", "", ".2g"),
    )
    found = [(name, with_interval(row, column, digits), unit) for name, column, unit, digits in shown]
    numbers = ", ".join(f"{name} {text}{unit}" for name, text, unit in found if text)
    status = "" if row["status"] == OK else str(row["status"])
    return "; ".join(part for part in (numbers, status) if part)


def _plain_zero(value: float) -> float:
    """A value of -0.04 is not "-0.0"."""
    return 0.0 if abs(value) < 0.05 else value


def _mean_sd(mean: float, sd: float) -> str:
    mean = _plain_zero(mean)
    return f"{mean:.1f}" if not np.isfinite(sd) else f"{mean:.1f} ± {sd:.1f}"


def _title(frame: pd.DataFrame, constant: Sequence[str], quantity: str) -> str:
    n = sorted(set(frame["n"]))
    count = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"
    if (frame["sd_basis"] == DONORS).any():
        words = [f"{quantity}, mean ± SD of {count} donors"]
    elif n == [1]:
        words = [f"{quantity}, single well per condition; SD not available"]
    else:
        words = [f"{quantity}, mean ± SD of {count} technical replicates (wells of one donor)"]
    without = set(frame["et_ratio"]) == {0.0}
    row = frame.iloc[0]
    for name in constant:
        value = row[name]
        if name != "effector" or not without:
            words.append(f"{value:g} h" if name == "hours" else str(value))
    if frame["et_ratio"].nunique() == 1:
        words.append("no effectors" if without else f"E:T {et_label(row['et_ratio'])}")
    return "; ".join(words)
