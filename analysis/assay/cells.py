"""What a microscope counts: kills and contacts of single NK cells, and when targets die. One row per quantity.

Model    zero_kill_fraction             fraction of NK cells that killed nothing
         kills_per_nk                kills over NK cells, those without a contact included
         no_contact_fraction            fraction of NK cells that formed no conjugate
         contacts_per_contacting_nk  conjugates over NK cells that formed one at least
         kills_per_contact           kills over conjugates
         serial_killer_fraction         fraction of NK cells that killed two targets or more
         half_of_kills_fraction         smallest fraction of NK cells that did half of all kills
         what a killer does next     the fractions of analysis.assay.contacts, of runs with events
         deaths_of_last_pct          100 x lysis so far over that at the last time: the shape of a course, no size
         Wells are averaged within their donor first; mean and SD are between donors.
Limits   deaths_of_last_pct is 100 at the last time; no kill: zero_kill_fraction 1  (tests/analysis/assay/test_cells.py)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.contacts import IN_ORDER, contacts_in_order
from adccsim.analysis.assay.controls import SAMPLE_ROLES, plate_controls
from adccsim.analysis.assay.kinetics import kinetics_tables
from adccsim.analysis.errors import SheetError
from adccsim.analysis.reading.design import pooled, pooled_by
from adccsim.analysis.reading.runs import Run
from adccsim.analysis.statistics import summarise_units

ZERO_KILLS, KILLS, NO_CONTACT = "zero_kill_fraction", "kills_per_nk", "no_contact_fraction"
CONTACTS, PER_CONTACT, DEATHS = "contacts_per_contacting_nk", "kills_per_contact", "deaths_of_last_pct"
SERIAL, HALF = "serial_killer_fraction", "half_of_kills_fraction"
PER_CELL = (ZERO_KILLS, KILLS, NO_CONTACT, CONTACTS, PER_CONTACT, SERIAL, HALF)
QUANTITIES = (*PER_CELL, *IN_ORDER, DEATHS)
WITH_EVENTS = ("events", "frames")  # output levels
OBSERVABLES = ("kills_per_nk", "contacts_per_nk", "signal", "signal_maximum", "signal_blank")


def cell_table(runs: Sequence[Run], design: pd.DataFrame, extra: Sequence[str], wanted: Sequence[str]) -> pd.DataFrame:
    """The quantities `wanted`: columns quantity, role, condition and extra columns, at_h, mean, sd, n, sd_basis.

    design, extra  as of analysis.reading.design.  at_h (hours from the addition of effectors) is empty but for courses.
    Raises MissingControls where a course is wanted of a plate without its control wells, ForeignFile where the order
    of contacts is wanted of a run without events.
    """
    by = pooled_by(extra)
    parts = []
    counted = [name for name in (*PER_CELL, *IN_ORDER) if name in wanted]
    if counted:
        by_id = {run.run_id: run for run in runs}
        wells = pooled(design[design["role"].isin(SAMPLE_ROLES) & (design["et_ratio"] > 0)].copy(), extra)
        ordered = bool(set(counted) & set(IN_ORDER))
        values = [
            _counted(run) | (contacts_in_order(run) if ordered else {})
            for run in map(by_id.__getitem__, wells["run_id"])
        ]
        wells[counted] = pd.DataFrame(values, index=wells.index)[counted]
        for quantity in (name for name in counted if wells[name].notna().any()):
            found = summarise_units(wells[wells[quantity].notna()], by, quantity)
            parts.append(found.assign(quantity=quantity, at_h=np.nan))
    if DEATHS in wanted:
        parts.append(_course(kinetics_tables(runs, design, extra, plate_controls(runs, design))[0], by))
    columns = ["quantity", *by, "at_h", "mean", "sd", "n", "sd_basis"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def check_recorded(observed: pd.DataFrame, level: str) -> None:
    """Whether runs of an output level hold what was observed. Raises SheetError with the rows that they do not."""
    if level in WITH_EVENTS:
        return
    lacking = observed[observed["quantity"].isin(IN_ORDER)]
    if len(lacking):
        raise SheetError(
            f"row {row.row}: {row.quantity} needs runs with their events: output.level = \"events\", not \"{level}\" "
            "(a calibration keeps none)" for row in lacking.itertuples()
        )  # fmt: skip


def _course(kinetics: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Lysis over time as a fraction of its last value; the SD is scaled alike."""
    table = kinetics.rename(columns={"hours": "at_h", "duration_h": "hours"})
    last = table.groupby(list(by), dropna=False)["specific_lysis_pct"].transform("last")
    scale = 100.0 / last.where(last > 0)
    table["mean"], table["sd"] = table["specific_lysis_pct"] * scale, table["sd"] * scale
    return table.assign(quantity=DEATHS)


def _counted(run: Run) -> dict[str, float]:
    """The PER_CELL quantities of one run; NaN where nothing is there to divide by."""
    kills, contacts = _cells(run, "kills_per_nk"), _cells(run, "contacts_per_nk")
    nk, killed, touched = kills.sum(), _all_of(kills), _all_of(contacts)
    contacting = contacts[1:].sum()
    values = (
        _over(kills[0], nk), _over(killed, nk), _over(contacts[0], nk), _over(touched, contacting),
        _over(killed, touched), _over(kills[2:].sum(), nk), _half(kills),
    )  # fmt: skip
    return dict(zip(PER_CELL, values, strict=True))


def _half(kills: np.ndarray) -> float:
    """Smallest fraction of NK cells that did half of the kills; kills: NK cells by number of kills, shape (bins,)."""
    cells = kills[::-1]
    done = np.cumsum(cells * np.arange(kills.size)[::-1])
    if not done[-1] > 0:
        return float("nan")
    return float(np.interp(done[-1] / 2, np.append(0.0, done), np.append(0.0, np.cumsum(cells)))) / float(kills.sum())


def _cells(run: Run, name: str) -> np.ndarray:
    """NK cells by number of kills or contacts, shape (bins,)."""
    return np.asarray(run.observables[name].last, dtype=float)


def _all_of(cells: np.ndarray) -> float:
    """All kills or contacts of cells by their number, shape (bins,)."""
    return float(cells @ np.arange(cells.size))


def _over(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")
