"""Lysis tables: one row per well, and means with intervals per condition.

Model    natural_killing_pct = mean lysis of the wells without antibody on the same plate at the same E:T;
         adcc_pct = lysis - natural killing.  Replicates are averaged within their donor first.
Limits   no antibody: adcc_pct averages 0 on each plate                        (tests/analysis/assay/test_lysis.py)
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import (
    LYSIS_READOUTS,
    SAMPLE_ROLES,
    PlateControls,
    is_target_only,
    net_signal,
    percent_lysis,
)
from adccsim.analysis.reading.design import INTERNAL, pooled, pooled_by
from adccsim.analysis.reading.runs import Run
from adccsim.analysis.statistics import summarise_units
from adccsim.analysis.tables import join_notes

LYSIS_COLUMNS = ["specific_lysis_pct", "uncorrected_lysis_pct", "adcc_pct", "natural_killing_pct"]


def lysis_wells(design: pd.DataFrame) -> pd.DataFrame:
    """Rows of a design table that have a lysis: wells with targets, in a read-out that measures lysis.

    Target-only wells count where the study has other wells at E:T 0, as their dose 0.
    """
    measured = design[design["readout"].isin(LYSIS_READOUTS)]
    without = measured[measured["role"].isin(SAMPLE_ROLES) & (measured["et_ratio"] == 0)]["plate"].unique()
    wanted = measured["role"].isin(SAMPLE_ROLES) | (is_target_only(measured) & measured["plate"].isin(without))
    return measured[wanted]


def lysis_table(
    runs: Sequence[Run], design: pd.DataFrame, extra: Sequence[str], controls: dict[str, PlateControls]
) -> pd.DataFrame:
    """lysis.csv: one row per well at the end of the assay, lysis columns in %, extra design columns, note.

    The columns INTERNAL are for use inside the analysis. Plates that have no entry in `controls` are left out.
    """
    by_id = {run.run_id: run for run in runs}
    table = lysis_wells(design)
    table = table[table["plate"].isin(controls)].copy()
    values = [_end_lysis(by_id[row.run_id], controls[row.plate], row.et_ratio) for row in table.itertuples()]
    table["specific_lysis_pct"] = [value[0] for value in values]
    table["uncorrected_lysis_pct"] = [value[1] for value in values]
    table = with_natural_killing(table)
    notes = [_note(*row) for row in table[["specific_lysis_pct", "natural_killing_pct"]].to_numpy()]
    everywhere = [", ".join(key for key in extra if pd.isna(row[key])) for row in table.to_dict("records")]
    everywhere = [f"belongs to every value of {keys}" if keys else "" for keys in everywhere]
    table["note"] = [join_notes(*pair) for pair in zip(notes, everywhere, strict=True)]
    order = ["cell_line", "effector", "antibody", *extra, "hours", "et_ratio", "dose_ug_per_ml", "donor", "replicate"]
    table = table.sort_values([*order, "run_id"]).reset_index(drop=True)
    first = ["run_id", "condition", "plate", "donor", "role", "cell_line", "effector", "antibody", "dose_ug_per_ml"]
    return table[[*first, "et_ratio", "hours", "replicate", "readout", *extra, *LYSIS_COLUMNS, *INTERNAL, "note"]]


def with_natural_killing(table: pd.DataFrame) -> pd.DataFrame:
    """A lysis table with natural_killing_pct and adcc_pct, from its wells without antibody per plate and E:T."""
    natural = table[table["at_zero"] & (table["role"] != "fc_null")]
    natural = natural.groupby(["plate", "et_ratio"])["specific_lysis_pct"].mean()
    keys = pd.MultiIndex.from_frame(table[["plate", "et_ratio"]])
    table = table.assign(natural_killing_pct=natural.reindex(keys).to_numpy())
    return table.assign(adcc_pct=table["specific_lysis_pct"] - table["natural_killing_pct"])


def lysis_summary(lysis: pd.DataFrame, extra: Sequence[str]) -> pd.DataFrame:
    """lysis_summary.csv: per condition n, wells, mean, sd, ci95_low, ci95_high of the specific lysis, the same of adcc.

    Several donors: n counts donors, sd_basis "donors".  One donor: n counts wells, sd_basis "replicates".
    """
    frame = lysis.copy()
    frame["role"] = frame["role"].where(~(frame["at_zero"] & (frame["role"] == "sample")), "no_antibody")
    frame, by = pooled(frame, extra), pooled_by(extra)
    if frame.empty:
        return pd.DataFrame(columns=[*by, "n", "mean", "sd", "ci95_low", "ci95_high", "sd_basis", "note"])
    summary = summarise_units(frame, by, "specific_lysis_pct")
    adcc = summarise_units(frame, by, "adcc_pct")
    natural = summarise_units(frame, by, "natural_killing_pct")
    for name in ("mean", "sd", "ci95_low", "ci95_high"):
        summary[f"adcc_{name}"] = adcc[name]
    summary["natural_killing_mean"] = natural["mean"]
    lacking = np.where(summary["adcc_mean"].isna(), "no well without antibody at this E:T", "")
    summary["note"] = [join_notes(*pair) for pair in zip(summary["note"], lacking, strict=True)]
    order = ["cell_line", "effector", "antibody", *extra, "hours", "et_ratio", "dose_ug_per_ml", "role"]
    return summary.sort_values(order).reset_index(drop=True)


def _end_lysis(run: Run, control: PlateControls, et_ratio: float) -> tuple[float, float]:
    signal = net_signal(run)
    lysis, uncorrected = percent_lysis(control.readout, signal.value[-1:], *control.at(signal.time[-1:], et_ratio))
    return float(lysis[0]), float(uncorrected[0])


def _note(lysis: float, natural: float) -> str:
    if not np.isfinite(lysis):
        return "maximum release does not exceed the target-only wells"
    return "" if np.isfinite(natural) else "no well without antibody at this E:T"
