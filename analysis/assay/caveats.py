"""Words of warning that belong beside the numbers: what a reader could otherwise take for more than it is."""

from collections.abc import Sequence

import pandas as pd

from adccsim.analysis.assay.headline import curve_name
from adccsim.analysis.reading.runs import Run

# Rules of thumb of the laboratory, not laws: beyond them the window between spontaneous and maximum release is small.
DAY_H = 24.0
HIGH_SPONTANEOUS_PCT = 30.0
HIGH_BACKGROUND_PCT = 20.0


def caveats(runs: Sequence[Run], tables: dict[str, pd.DataFrame]) -> list[str]:
    """One sentence per warning; `tables` as adccsim.analysis.assay.study makes them (any of them may be absent)."""
    return [*_of_design(runs), *_of_controls(tables.get("controls")), *_of_results(tables)]


def _of_design(runs: Sequence[Run]) -> list[str]:
    said = []
    conditions = [run.condition for run in runs]
    if len({condition.get("donor", 1) for condition in conditions}) == 1:
        said.append(
            "One donor: the SD shown is that of technical replicates, the chance of cells in one well. "
            "Donors differ by far more; ask for several with effectors.donors."
        )
    cultured = sorted({c["effectors"]["type"] for c in conditions if c["effectors"].get("is_cell_line")})
    if cultured:
        said.append(
            f"{', '.join(cultured)}: the numbers of effector cell lines are assumed, not calibrated. "
            "Trust the direction of an effect more than its size."
        )
    if conditions and not any(condition["assay"].get("reader_cv") for condition in conditions):
        said.append("No reader noise was simulated (assay.reader_cv = 0): wells agree better than in a laboratory.")
    if any(c["assay"]["readout"] == "LDH" and c["assay"]["duration_h"] > DAY_H for c in conditions):
        said.append(
            "LDH over more than a day: targets grow, and the maximum is that of the grown control well, so lysis is "
            "understated; live-count shows what is left."
        )
    if any(condition.get("random") == "paired" for condition in conditions):
        said.append("Arms share their random numbers: compare them within a donor and replicate, never as independent.")
    return said


def _of_controls(controls: pd.DataFrame | None) -> list[str]:
    if controls is None or controls.empty:
        return []
    said = []
    leaky = controls[controls["spontaneous_release_pct"] > HIGH_SPONTANEOUS_PCT]
    if len(leaky):
        said.append(
            f"High spontaneous release, up to {leaky['spontaneous_release_pct'].max():.0f} % of maximum "
            f"({_places(leaky)}): the window that lysis is measured in is small."
        )
    loud = controls[controls["effector_release_pct"] > HIGH_BACKGROUND_PCT]
    if len(loud):
        said.append(
            f"High background of effectors alone, up to {loud['effector_release_pct'].max():.0f} % of maximum "
            f"({_places(loud)}): lysis is a small difference of large readings."
        )
    return said


def _of_results(tables: dict[str, pd.DataFrame]) -> list[str]:
    said = []
    lysis = tables.get("lysis")
    if lysis is not None and len(lysis):
        outside = int(((lysis["specific_lysis_pct"] < 0) | (lysis["specific_lysis_pct"] > 100)).sum())
        if outside:
            said.append(f"{outside} of {len(lysis)} wells lie below 0 or above 100 % lysis; they are kept as they are.")
    fits = tables.get("dose_response")
    if fits is not None:
        for row in fits.to_dict("records"):
            name = curve_name(row, fits)
            if pd.notna(row.get("hook_from_ug_per_ml")):
                said.append(
                    f"{name}: falls from {row['hook_from_ug_per_ml']:g} ug/mL on, beyond the noise (hook); "
                    "the fit leaves these doses out."
                )
            if row["monotone"] == "no":
                said.append(f"{name}: lysis is not monotone in dose up to 1 ug/mL, beyond the noise.")
    return said


def _places(rows: pd.DataFrame) -> str:
    names = sorted({f"{row.cell_line}, {row.effector} {row.et_ratio:g}:1" for row in rows.itertuples()})
    return "; ".join(names[:4]) + (f"; and {len(names) - 4} more" if len(names) > 4 else "")
