"""Caliper data for other programs: the tidy sheet, and the wide forms of TumGrowth and KuLGaP.

TumGrowth (help of github.com/tonedivad/TumGrowth): tab-separated; first line Grp, Mid, Use, Surv and the days as whole
numbers, second line the name of the measurement over every day; Surv is filled for a mouse alive on its last day.
KuLGaP (github.com/bhklab/pyKuLGaP, read_pdx_from_byte_stream): comma-separated; Time, then equally many columns Control
and Treatment, one file per treated arm; it reads every column up to its first gap.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from adccsim.analysis.growth.caliper_rows import COLUMNS
from adccsim.analysis.sheets.cell_text import guard
from adccsim.analysis.tables import write_csv
from adccsim.analysis.writing import whole, write_text


def write_tidy(rows: pd.DataFrame, path: Path) -> Path:
    """The tidy sheet with every digit: reading it again gives the same numbers."""
    write_csv(rows[list(COLUMNS)], path)
    return path


def file_words(names: Iterable[str]) -> dict[str, str]:
    """Each name as part of a file name: letters, digits, dots and dashes. No two share one, upper or lower case."""
    words: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w.\-]+", "_", name, flags=re.ASCII).strip("_") or "arm"
        taken = {word.casefold() for word in words.values()}
        tries = itertools.chain([plain], (f"{plain}_{number}" for number in itertools.count(2)))
        words[name] = next(word for word in tries if word.casefold() not in taken)
    return words


def write_tumgrowth(rows: pd.DataFrame, mice: pd.DataFrame, path: Path) -> tuple[Path, list[str]]:
    """One study for TumGrowth; rows tidy, mice the mouse table. Returns the path and what could not be passed on.

    Arms and mice lose their spaces and separators, days that are not whole numbers are left out (that program ignores
    them).
    """
    read = rows[rows["volume_mm3"].notna()]
    days = [d for d in sorted(read["day"].unique()) if float(d).is_integer() and d >= 0]
    lost = sorted(set(read["day"].unique()) - set(days))
    notes = [f"{path.name}: days {', '.join(f'{d:g}' for d in lost)} left out (whole days from 0 only)"] if lost else []
    reached = mice.set_index(["arm", "mouse"])["endpoint_reached"]
    lines = ["\t".join(["Grp", "Mid", "Use", "Surv", *(f"{d:.0f}" for d in days)])]
    lines.append("\t".join(["", "", "", "", *("Volume" for _ in days)]))
    for (arm, mouse), own in read.groupby(["arm", "mouse"], sort=False):
        volume = own.set_index("day")["volume_mm3"]
        cells = [f"{volume[d]:.10g}" if d in volume.index else "" for d in days]
        alive = "" if reached[(arm, mouse)] else "x"
        names = [guard(_bare(arm)), guard(f"{_bare(arm)}.{_bare(mouse)}")]
        lines.append("\t".join([*names, "x", alive, *cells]))
    write_text(path, "\n".join(lines) + "\n")
    return path, notes


def _bare(name: str) -> str:
    return re.sub(r"[\s\t\"]+", "_", name)


def write_kulgap(rows: pd.DataFrame, arm: str, control: str, path: Path) -> tuple[Path | None, list[str]]:
    """One treated arm and its control for KuLGaP. Returns the path (None if nothing is left) and what was left out.

    That program wants as many treated as control mice and columns without gaps: of the larger arm the first mice are
    taken, and days on which a mouse still in the study was not read are left out.
    """
    wide = {}
    for name in (control, arm):
        own = rows[(rows["arm"] == name) & rows["volume_mm3"].notna() & (rows["day"] >= 0)]
        table = own.pivot_table(index="day", columns="mouse", values="volume_mm3", sort=False).sort_index()
        wide[name] = table[list(dict.fromkeys(own["mouse"]))]
    size = min(t.shape[1] for t in wide.values())
    notes = []
    for name, table in wide.items():
        if table.shape[1] > size:
            left = ", ".join(table.columns[size:])
            notes.append(f"{path.name}: mice {left} of {name} left out (both arms need equally many)")
    joined = pd.concat([wide[n].iloc[:, :size] for n in (control, arm)], axis=1)
    joined = joined.sort_index()
    joined.columns = [f"Control.{i + 1}" for i in range(size)] + [f"Treatment.{i + 1}" for i in range(size)]
    gap = joined.isna() & joined.iloc[::-1].notna().cummax().iloc[::-1]  # missing, but read again later
    dropped = joined.index[gap.any(axis=1)]
    if len(dropped):
        notes.append(f"{path.name}: days {', '.join(f'{d:g}' for d in dropped)} left out (a mouse was not read)")
    joined = joined.drop(index=dropped)
    if size == 0 or joined.empty:
        return None, [*notes, f"{path.name}: not written, nothing is left"]
    with whole(path) as part:
        joined.rename_axis("Time").to_csv(part, lineterminator="\n")
    return path, notes
