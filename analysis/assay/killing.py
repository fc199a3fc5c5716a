"""What each NK cell did: kills, contacts, time to its first kill, granules left.

These come from the record of every cell, as a microscope would give them; lysis never uses them.  Shares and
means are per NK cell that was added, wells averaged within their donor first.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import SAMPLE_ROLES
from adccsim.analysis.reading.design import pooled, pooled_by
from adccsim.analysis.reading.runs import Run, Series
from adccsim.analysis.statistics import summarise_units
from adccsim.analysis.tables import join_notes

# column: the word for an empty cell
_COLUMNS = {
    "kills_per_nk": "",
    "fraction_0_kills": "no histogram of kills",
    "fraction_1_kill": "no histogram of kills",
    "fraction_2_kills": "no histogram of kills",
    "fraction_3plus_kills": "no histogram of kills",
    "contacts_per_nk": "",
    "contacts_per_kill": "no kills",
    "time_to_first_kill_h": "no time to a first kill",
    "granules_left": "no histogram of granules",
    "fraction_without_granules": "no histogram of granules",
}


def killing_table(runs: Sequence[Run], design: pd.DataFrame, extra: Sequence[str]) -> pd.DataFrame:
    """killing.csv: per condition with effectors and targets, the columns above as means, and sd of the kills per NK.

    time_to_first_kill_h is the median among NK cells that killed; fraction_* are fractions 0-1 of NK cells.
    """
    by_id = {run.run_id: run for run in runs}
    wells = pooled(design[design["role"].isin(SAMPLE_ROLES) & (design["et_ratio"] > 0)].copy(), extra)
    by = pooled_by(extra)
    if wells.empty:
        return pd.DataFrame(columns=[*by, "n", *_COLUMNS, "note"])
    values = pd.DataFrame([_of_one(by_id[run_id]) for run_id in wells["run_id"]], index=wells.index)
    wells[list(_COLUMNS)] = values
    table = summarise_units(wells, by, "kills_per_nk")
    table = table.rename(columns={"mean": "kills_per_nk", "sd": "kills_per_nk_sd"}).drop(columns="note")
    notes = [("one well: SD not available",) if n == 1 else () for n in table["n"]]
    donors = wells.groupby([*by, "donor"], dropna=False, sort=True)[list(_COLUMNS)].mean()
    means = donors.groupby(by, dropna=False, sort=True).mean().reset_index()
    for column, word in list(_COLUMNS.items())[1:]:
        table[column] = means[column]
        notes = [(*note, word) if empty else note for note, empty in zip(notes, table[column].isna(), strict=True)]
    table["note"] = [join_notes(*note) for note in notes]
    order = ["n", "wells", "kills_per_nk", "kills_per_nk_sd", *list(_COLUMNS)[1:], "sd_basis", "note"]
    return table[[*by, *order]]


def kill_fractions(run: Run, most: int = 5) -> np.ndarray | None:
    """Fractions of NK cells with 0, 1, ... most-or-more kills, shape (most + 1,); None without a histogram."""
    counts = _counts(run.observables.get("kills_per_nk"))
    if counts is None:
        return None
    number, cells = counts
    fractions = np.bincount(np.minimum(number, most), weights=cells, minlength=most + 1)
    return fractions / cells.sum()


def _of_one(run: Run) -> dict[str, float]:
    seen = run.observables
    histogram = _counts(seen.get("kills_per_nk"))
    # The histogram counts every NK cell of the run, also those that were added on the way.
    nk = float(histogram[1].sum()) if histogram else float(run.condition["effectors"].get("nk_cells") or 0)
    kills = float(seen["kills"].last) if "kills" in seen else np.nan
    contacts = float(seen["contacts"].last) if "contacts" in seen else np.nan
    fractions = kill_fractions(run, most=3)
    fractions = np.full(4, np.nan) if fractions is None else fractions
    granules = _counts(seen.get("granules_left"))
    left = empty = np.nan
    if granules is not None:
        number, cells = granules
        left, empty = float(number @ cells / cells.sum()), float(cells[number == 0].sum() / cells.sum())
    values = [
        kills / nk if nk else np.nan,
        *fractions,
        contacts / nk if nk else np.nan,
        contacts / kills if kills > 0 else np.nan,
        _histogram_median(seen.get("time_to_first_kill_h")),
        left,
        empty,
    ]
    return dict(zip(_COLUMNS, values, strict=True))


def _counts(series: Series | None) -> tuple[np.ndarray, np.ndarray] | None:
    """(number, cells) of a histogram of whole numbers: the number a bin stands for is the first one inside it."""
    if series is None or series.edges is None:
        return None
    cells = np.asarray(series.last, dtype=float)
    if cells.sum() <= 0:
        return None
    return np.ceil(series.edges[: cells.size]).astype(int), cells


def _histogram_median(series: Series | None) -> float:
    """Median of a histogram, by straight lines inside the bin that holds it; NaN if it is empty or the bin is open."""
    if series is None or series.edges is None:
        return float("nan")
    cells = np.asarray(series.last, dtype=float)
    if cells.sum() <= 0:
        return float("nan")
    below = np.concatenate([[0.0], np.cumsum(cells)]) / cells.sum()
    i = int(np.searchsorted(below, 0.5)) - 1
    low, high = series.edges[i], series.edges[i + 1]
    median = low + (high - low) * (0.5 - below[i]) / (below[i + 1] - below[i])
    return float(median) if np.isfinite(median) else float("nan")
