"""The table of predictions: band of one more donor, curves matched to their rows, and several experiments."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from adccsim.analysis.fitting.predictions import prediction_rows, prediction_table

CONDITION = {"cell_line": "SK-BR-3", "effector": "PBMC", "antibody": "trastuzumab", "hours": 4.0, "readout": "LDH"}


def lysis(doses=(0.0, 1.0), n=5, sd=8.0, kind="donors", **more):
    rows = []
    for dose in doses:
        row = {
            "role": "sample" if dose else "no_antibody",
            **CONDITION,
            "dose_ug_per_ml": dose,
            "et_ratio": 5.0,
            **more,
        }
        row |= {"n": n, "wells": n, "mean": 20.0 + dose, "sd": sd, "ci95_low": 1.0, "ci95_high": 40.0}
        row |= {"sd_basis": kind, "note": "", "adcc_mean": dose, "adcc_sd": 1.0, "adcc_ci95_low": 0.0}
        rows.append(row | {"adcc_ci95_high": 2.0, "natural_killing_mean": 20.0})
    columns = ["role", "cell_line", "effector", "antibody", "dose_ug_per_ml", "et_ratio", "hours", "readout", *more]
    frame = pd.DataFrame(rows)
    return frame[[*columns, *(name for name in frame if name not in columns)]]


def curve(**more):
    row = {"role": "sample", **CONDITION, "et_ratio": 5.0, **more, "status": "ok", "ec50_ng_per_ml": 0.5}
    return pd.DataFrame([row | {"emax_pct": 60.0, "hill": 0.9, "donor_ec50_log10_sd": 0.3}])


def test_the_band_is_the_prediction_interval_of_one_more_donor():
    rows = prediction_rows("x", {"lysis_summary": lysis(n=5, sd=8.0)})
    half = student.ppf(0.975, 4) * 8.0 * np.sqrt(1.2)
    assert rows["band95_low"].to_numpy() == pytest.approx(rows["mean"] - half)
    assert rows["band95_high"].to_numpy() == pytest.approx(rows["mean"] + half)
    assert (rows["band95_low"] < 0).all()  # not clipped


def test_the_band_contains_95_of_100_new_donors():
    draws = np.random.default_rng(1).normal(30.0, 10.0, (4000, 7))
    observed, new = draws[:, :6], draws[:, 6]
    tables = pd.concat([lysis(doses=(1.0,), n=6)] * len(draws), ignore_index=True)
    tables = tables.assign(mean=observed.mean(axis=1), sd=observed.std(axis=1, ddof=1))
    rows = prediction_rows("x", {"lysis_summary": tables})
    inside = (rows["band95_low"] <= new) & (new <= rows["band95_high"])
    assert inside.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / len(draws)))


def test_one_donor_has_no_band():
    rows = prediction_rows("x", {"lysis_summary": lysis(n=3, kind="replicates")})
    assert rows["band95_low"].isna().all()


def test_a_curve_is_matched_to_its_doses():
    tables = {"lysis_summary": lysis(**{"effectors.genotype": "VV"})}
    tables["dose_response"] = curve(**{"effectors.genotype": "VV"})
    rows = prediction_rows("x", tables).set_index("dose_ug_per_ml")
    assert rows.loc[1.0, "ec50_ng_per_ml"] == 0.5
    assert rows.loc[1.0, "donor_ec50_log10_sd"] == 0.3
    assert rows.loc[1.0, "note"] == ""
    assert np.isnan(rows.loc[0.0, "ec50_ng_per_ml"])
    assert rows.loc[0.0, "note"] == "no EC50: no antibody"


def test_kills_of_a_condition_are_included():
    tables = {"lysis_summary": lysis()}
    killing = lysis().drop(columns=["wells", "mean", "sd", "note"])
    tables["killing"] = killing.assign(kills_per_nk=[0.1, 0.7], kills_per_nk_sd=0.05, fraction_0_kills=[0.9, 0.5])
    assert prediction_rows("x", tables)["kills_per_nk"].tolist() == [0.1, 0.7]


def test_experiments_with_different_sweeps_share_one_table():
    one = prediction_rows("one", {"lysis_summary": lysis(**{"effectors.genotype": "VV"})})
    two = prediction_rows("two", {"lysis_summary": lysis(), "dose_response": curve()})
    table = prediction_table([one, two], {"model": "well-1", "catalogue": "abc", "commit": "def"})
    assert table["prediction"].tolist() == ["one", "one", "two", "two"]
    assert table["effectors.genotype"].tolist() == ["VV", "VV", "", ""]
    assert (table["commit"] == "def").all()
    assert table["ec50_ng_per_ml"].tolist()[-1] == 0.5
