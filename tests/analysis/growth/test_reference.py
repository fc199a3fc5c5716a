"""Kaplan-Meier, log-rank, Cox, mixed model, Welch, Holm and logistic fit against R (tests/reference/growth).

Tolerances: closed forms 1e-9; iterated fits 1e-5 relative, the difference between lme4 and nlme themselves being 5e-6.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay import logistic
from adccsim.analysis.growth import inference as growth_inference
from adccsim.analysis.growth import mixed_model, survival

FOLDER = Path(__file__).parents[2] / "reference" / "growth"
VALUES = pd.read_csv(FOLDER / "values.csv").set_index("name")["value"]
SETS = {"study": ("times.csv", "vehicle"), "aml": ("aml.csv", "Nonmaintained")}


def value(*name):
    return VALUES["|".join(name)]


def times(name):
    return pd.read_csv(FOLDER / SETS[name][0])


@pytest.mark.parametrize("name", SETS)
def test_kaplan_meier_and_medians(name):
    data = times(name)
    compared = 0
    for arm, of in data.groupby("arm"):
        curve = survival.curve(of["time"].to_numpy(), of["event"].to_numpy())
        for row in curve[curve["events"] > 0].to_dict("records"):
            key = (name, "km", arm, f"{row['day']:g}")
            assert row["survival"] == pytest.approx(value(*key, "survival"), abs=1e-9)
            for limit in ("low", "high"):
                np.testing.assert_allclose(row[f"ci95_{limit}"], value(*key, limit), rtol=1e-9)
            compared += 1
        median = survival.median_time(curve)
        for limit, number in zip(("median", "median_low", "median_high"), median, strict=True):
            np.testing.assert_allclose(number, value(name, limit, arm), rtol=1e-12)
    assert compared == sum("|km|" in key and key.startswith(name) for key in VALUES.index) // 3


@pytest.mark.parametrize("name", SETS)
def test_log_rank_and_cox(name):
    data = times(name)
    control = SETS[name][1]
    overall = survival.log_rank(data["time"].to_numpy(), data["event"].to_numpy(), data["arm"].to_numpy())
    assert overall.statistic == pytest.approx(value(name, "logrank_all"), rel=1e-9)
    for arm in set(data["arm"]) - {control}:
        pair = data[data["arm"].isin([arm, control])]
        time, event = pair["time"].to_numpy(), pair["event"].to_numpy()
        treated = (pair["arm"] == arm).to_numpy()
        assert survival.log_rank(time, event, treated).statistic == pytest.approx(value(name, "logrank", arm), rel=1e-9)
        hazard = survival.hazard_ratio(time, event, treated)
        if f"{name}|log_hr|{arm}" not in VALUES.index:
            assert hazard.value is None
            continue
        assert np.log(hazard.value) == pytest.approx(value(name, "log_hr", arm), rel=1e-5)
        error = np.log(hazard.high / hazard.low) / (2 * survival.Z)
        assert error == pytest.approx(value(name, "log_hr_se", arm), rel=1e-5)


def test_mixed_model():
    data = pd.read_csv(FOLDER / "log_volumes.csv")
    arms = list(dict.fromkeys(data["arm"]))
    groups = list(data.groupby(["arm", "mouse"], sort=False))
    shape = (1, len(groups), max(len(g) for _, g in groups))
    day, y, present = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    for i, (_, g) in enumerate(groups):
        day[0, i, : len(g)], y[0, i, : len(g)], present[0, i, : len(g)] = g["day"], g["ln_volume"], True
    fit = mixed_model.fit(day, y, present, np.array([arms.index(arm) for (arm, _), _ in groups]))
    assert fit.converged.all()
    for arm in arms[1:]:
        difference, error = (float(q[0]) for q in fit.difference(arms.index(arm), 0))
        for package in ("lme4", "nlme"):
            assert difference == pytest.approx(value(package, "difference", arm), rel=1e-5)
            assert error == pytest.approx(value(package, "se", arm), rel=1e-5)
    assert fit.residual_sd[0] == pytest.approx(value("lme4", "residual_sd"), rel=1e-5)
    assert fit.mouse_sd[0, 1] == pytest.approx(value("lme4", "slope_sd"), rel=1e-4)


def test_welch_and_holm():
    data = pd.read_csv(FOLDER / "slopes.csv")
    groups = {arm: of["slope"].to_numpy() for arm, of in data.groupby("arm", sort=False)}
    control = groups.pop("vehicle")
    estimates = {arm: growth_inference.welch(slope, control) for arm, slope in groups.items()}
    for arm, estimate in estimates.items():
        computed = (estimate.statistic, estimate.dof, estimate.p, estimate.low, estimate.high)
        expected = [value("welch", name, arm) for name in ("t", "dof", "p", "low", "high")]
        np.testing.assert_allclose(computed, expected, rtol=1e-9)
    adjusted = growth_inference.holm([e.p for e in estimates.values()])
    np.testing.assert_allclose(adjusted, [value("welch", "holm", arm) for arm in estimates], rtol=1e-9)


def test_logistic_fit():
    data = pd.read_csv(FOLDER / "dnase.csv")
    fit = logistic.fit(data["dose"].to_numpy(), data["response"].to_numpy())
    names = ("bottom", "emax", "lec50", "h")
    errors = np.sqrt(np.diag(fit.covariance))
    # bottom is nearly zero: compared on the scale of its standard error.
    np.testing.assert_allclose(fit.theta, [value("logistic", n) for n in names], rtol=1e-5, atol=1e-4 * errors.min())
    np.testing.assert_allclose(errors, [value("logistic", "se", n) for n in names], rtol=1e-3)
    assert fit.residual_sd == pytest.approx(value("logistic", "residual_sd"), rel=1e-6)
