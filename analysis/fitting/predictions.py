"""Predictions: results of simulated experiments before the measurements are known, as one table.

Model    Mean, SD between donors and 95 % interval of the mean as in lysis_summary; the band is the 95 % prediction
         interval of one more donor: mean +- t(0.975, n - 1) sd sqrt(1 + 1/n). Nothing is clipped.
Limits   n -> inf: band = mean +- 1.96 sd; sd = 0: the band is the mean    (tests/analysis/fitting/test_predictions.py)
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from adccsim.analysis.reading.design import CONDITION_COLUMNS
from adccsim.analysis.statistics import CONFIDENCE, DONORS, t_quantile

_CURVE = [f"{name}{end}" for name in ("ec50_ng_per_ml", "emax_pct", "hill") for end in ("", "_ci95_low", "_ci95_high")]
_DONORS = ["donor_ec50_geomean_ng_per_ml", "donor_ec50_log10_sd", "donor_emax_mean_pct", "donor_emax_sd_pct"]
_KILLS = ["kills_per_nk", "kills_per_nk_sd", "fraction_0_kills"]
_RESULTS = [
    *("n", "wells", "mean", "sd", "ci95_low", "ci95_high", "band95_low", "band95_high", "sd_basis"),
    *("adcc_mean", "adcc_sd", "adcc_ci95_low", "adcc_ci95_high", "natural_killing_mean"),
]


def prediction_rows(name: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of one experiment: `prediction` (its name), the columns of lysis_summary, the 95 % band, and more.

    tables  of an analysis with `lysis_summary`, and `dose_response` and `killing` if present: EC50, Emax and slope of
    the curve to which a row belongs (none for wells without antibody), and kills per NK cell.
    """
    lysis = tables["lysis_summary"].drop(columns="note")
    keys = [key for key in lysis.columns[: list(lysis.columns).index("n")]]
    rows = lysis.assign(prediction=name)
    rows["band95_low"], rows["band95_high"] = _band(rows)
    for table, on, wanted in (
        ("dose_response", [key for key in keys if key != "dose_ug_per_ml"], ["status", *_CURVE, *_DONORS]),
        ("killing", keys, _KILLS),
    ):
        if table in tables:
            results = tables[table]
            rows = rows.merge(results[[*on, *(c for c in wanted if c in results)]], on=on, how="left", validate="m:1")
    rows = rows.rename(columns={"status": "curve_status"})
    varied = [key for key in keys if key not in ("role", *CONDITION_COLUMNS)]
    wanted = ["prediction", "role", *CONDITION_COLUMNS, *varied, *_RESULTS, "curve_status", *_CURVE, *_DONORS, *_KILLS]
    rows = rows.reindex(columns=wanted)
    curve = rows["curve_status"].fillna("no antibody")
    missing = rows["ec50_ng_per_ml"].isna()
    return rows.assign(note=np.where(missing, "no EC50: " + curve, ""))


def prediction_table(parts: list[pd.DataFrame], provenance: Mapping[str, str]) -> pd.DataFrame:
    """All experiments in one table; keys that an experiment does not vary are empty text in its rows.

    provenance: further columns with the same value in every row (model, catalogue, commit).
    """
    varied = dict.fromkeys(key for part in parts for key in part if "." in key)
    columns = dict.fromkeys(key for part in parts for key in part)
    filled = [part.dropna(axis="columns", how="all") for part in parts]  # an empty column must not determine the type
    table = pd.concat(filled, ignore_index=True).reindex(columns=list(columns))
    front = ["prediction", "role", *CONDITION_COLUMNS, *varied]
    table = table[[*front, *(name for name in table if name not in front)]]
    for key in varied:
        table[key] = table[key].astype(object).where(table[key].notna(), "")
    return table.assign(**provenance)


def _band(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the prediction interval of one more donor; NaN with one donor."""
    several = (rows["sd_basis"] == DONORS) & (rows["n"] > 1)
    n = rows["n"].where(several).to_numpy(dtype=float)
    t = np.array([t_quantile(k - 1, 0.5 + CONFIDENCE / 2) if k > 1 else np.nan for k in n])
    half = t * rows["sd"].to_numpy(dtype=float) * np.sqrt(1.0 + 1.0 / n)
    mean = rows["mean"].to_numpy(dtype=float)
    return mean - half, mean + half
