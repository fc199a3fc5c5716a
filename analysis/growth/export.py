"""Caliper data for other programs: the tidy sheet, and the input formats of TumGrowth and KuLGaP.

TumGrowth (help of github.com/tonedivad/TumGrowth): tab-separated; first line Grp, Mid, Use, Surv and the days as whole
numbers, second line the name of the measurement for every day; Surv is filled for a mouse alive on its last day.
KuLGaP (github.com/bhklab/pyKuLGaP, read_pdx_from_byte_stream): comma-separated; Time, then equally many columns Control
and Treatment, one file per treated arm; it reads each column up to its first gap.
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
    """Write the tidy sheet at full precision: reading it back gives the same numbers."""
    write_csv(rows[list(COLUMNS)], path)
    return path


def file_labels(names: Iterable[str]) -> dict[str, str]:
    """name -> label for file names (letters, digits, dots, dashes), unique also where case is ignored."""
    labels: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w.\-]+", "_", name, flags=re.ASCII).strip("_") or "arm"
        taken = {label.casefold() for label in labels.values()}
        candidates = itertools.chain([plain], (f"{plain}_{number}" for number in itertools.count(2)))
        labels[name] = next(label for label in candidates if label.casefold() not in taken)
    return labels


def write_tumgrowth(rows: pd.DataFrame, mice: pd.DataFrame, path: Path) -> tuple[Path, list[str]]:
    """Write one study for TumGrowth; rows: tidy, mice: the mouse table. Returns the path and notes on what is left out.

    Spaces and separators in the names of arms and mice become underscores. Days that are not whole numbers are omitted,
    because TumGrowth ignores them.
    """
    read = rows[rows["volume_mm3"].notna()]
    days = [d for d in sorted(read["day"].unique()) if float(d).is_integer() and d >= 0]
    omitted = sorted(set(read["day"].unique()) - set(days))
    notes = (
        [f"{path.name}: days {', '.join(f'{d:g}' for d in omitted)} left out (whole days from 0 only)"]
        if omitted
        else []
    )
    reached = mice.set_index(["arm", "mouse"])["endpoint_reached"]
    lines = ["\t".join(["Grp", "Mid", "Use", "Surv", *(f"{d:.0f}" for d in days)])]
    lines.append("\t".join(["", "", "", "", *("Volume" for _ in days)]))
    for (arm, mouse), group in read.groupby(["arm", "mouse"], sort=False):
        volume = group.set_index("day")["volume_mm3"]
        cells = [f"{volume[d]:.10g}" if d in volume.index else "" for d in days]
        alive = "" if reached[(arm, mouse)] else "x"
        names = [guard(_bare(arm)), guard(f"{_bare(arm)}.{_bare(mouse)}")]
        lines.append("\t".join([*names, "x", alive, *cells]))
    write_text(path, "\n".join(lines) + "\n")
    return path, notes


def _bare(name: str) -> str:
    return re.sub(r"[\s\t\"]+", "_", name)


def write_kulgap(rows: pd.DataFrame, arm: str, control: str, path: Path) -> tuple[Path | None, list[str]]:
    """Write one treated arm and its control for KuLGaP. Returns the path (None if nothing is left) and notes.

    KuLGaP needs equal numbers of treated and control mice and columns without gaps: only the first mice of the larger
    arm are exported, and days on which a mouse still in the study was not measured are left out.
    """
    wide = {}
    for name in (control, arm):
        group = rows[(rows["arm"] == name) & rows["volume_mm3"].notna() & (rows["day"] >= 0)]
        table = group.pivot_table(index="day", columns="mouse", values="volume_mm3", sort=False).sort_index()
        wide[name] = table[list(dict.fromkeys(group["mouse"]))]
    size = min(t.shape[1] for t in wide.values())
    notes = []
    for name, table in wide.items():
        if table.shape[1] > size:
            left = ", ".join(table.columns[size:])
            notes.append(f"{path.name}: mice {left} of {name} left out (both arms need the same number of mice)")
    joined = pd.concat([wide[n].iloc[:, :size] for n in (control, arm)], axis=1)
    joined = joined.sort_index()
    joined.columns = [f"Control.{i + 1}" for i in range(size)] + [f"Treatment.{i + 1}" for i in range(size)]
    gap = joined.isna() & joined.iloc[::-1].notna().cummax().iloc[::-1]  # missing, but measured again later
    dropped = joined.index[gap.any(axis=1)]
    if len(dropped):
        notes.append(f"{path.name}: days {', '.join(f'{d:g}' for d in dropped)} left out (a mouse was not measured)")
    joined = joined.drop(index=dropped)
    if size == 0 or joined.empty:
        return None, [*notes, f"{path.name}: not written, no data left"]
    with whole(path) as part:
        joined.rename_axis("Time").to_csv(part, lineterminator="\n")
    return path, notes
