"""Verdicts and numbers of dose-response curves against known truth."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay import dose_response as dr
from adccsim.analysis.assay.headline import curve_text
from adccsim.analysis.assay.logistic import logistic4

DOSES = np.array([0, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1, 1.0])
TRUTH = np.array([6.0, 55.0, np.log(1e-3), 0.9])


def wells(seed=1, doses=DOSES, theta=TRUTH, sd=1.0, replicates=3, donors=1, donor_sd=(0.0, 0.0), change=None):
    """Wells of one curve: technical noise sd (percent), donors shifted in Emax (percent) and ln EC50."""
    rng = np.random.default_rng(seed)
    rows = []
    for donor in range(1, donors + 1):
        own = theta + np.array([0, rng.normal(0, donor_sd[0]), rng.normal(0, donor_sd[1]), 0])
        level = logistic4(doses, own)
        level = change(doses, level) if change else level
        for dose, value in zip(doses, level, strict=True):
            for replicate in range(1, replicates + 1):
                rows.append((donor, replicate, dose, value + rng.normal(0, sd)))
    frame = pd.DataFrame(rows, columns=["donor", "replicate", "dose_ug_per_ml", "specific_lysis_pct"])
    constant = {"role": "sample", "cell_line": "SK-BR-3", "effector": "NK", "antibody": "trastuzumab"}
    frame = frame.assign(**constant, et_ratio=5.0, hours=4.0, readout="LDH", plate=frame["donor"].map("p{}".format))
    return frame.assign(at_zero=frame["dose_ug_per_ml"] == 0)


def analyse(frame, **more):
    curves, donors = dr.dose_response_curves(frame, [], **more)
    assert len(curves) == 1
    return curves[0], donors


def test_known_truth_is_recovered_within_its_interval():
    curve, _ = analyse(wells())
    assert curve.status == dr.OK
    assert curve.row["monotone"] == "yes"
    for name, value in {"ec50_ng_per_ml": 1.0, "emax_pct": 55.0, "bottom_pct": 6.0, "hill": 0.9}.items():
        low, high = curve.row[f"{name}_ci95_low"], curve.row[f"{name}_ci95_high"]
        # Four standard errors: the half interval is about two.
        middle, reach = (low + high) / 2, (high - low)
        assert abs(value - middle) < reach, name
        assert low < curve.row[name] < high
    assert curve.row["sd_basis"] == dr.REPLICATES


@pytest.mark.parametrize("donors", [1, 6])
def test_intervals_cover_the_truth(donors):
    """Coverage of 95 % intervals over seeds, at least 95 % less four binomial standard errors."""
    studies = 60
    hits = dict.fromkeys(("ec50_ng_per_ml", "emax_pct", "hill"), 0)
    truth = {"ec50_ng_per_ml": 1.0, "emax_pct": 55.0, "hill": 0.9}
    for seed in range(studies):
        spread = (8.0 if donors > 1 else 0.0, 0.0)
        curve, _ = analyse(wells(seed=100 + seed, sd=2.0, donors=donors, donor_sd=spread))
        for name in hits:
            hits[name] += curve.row[f"{name}_ci95_low"] <= truth[name] <= curve.row[f"{name}_ci95_high"]
    floor = 0.95 - 4 * np.sqrt(0.95 * 0.05 / studies)
    assert all(count / studies >= floor for count in hits.values()), hits


def test_flat_data_have_no_dose_response():
    flat = np.array([6.0, 6.0, np.log(1e-3), 1.0])
    verdicts = [analyse(wells(seed=seed, theta=flat))[0].status for seed in range(40)]
    # 1 % nominal: more than 3 of 40 has a chance of 1e-4.
    assert verdicts.count(dr.NO_RESPONSE) >= 37
    curve, _ = analyse(wells(seed=1, theta=flat))
    assert "ec50_ng_per_ml" not in curve.row
    assert "% over all doses" in curve.row["note"]


def test_flat_data_of_several_donors_have_no_dose_response():
    flat = np.array([6.0, 6.0, np.log(1e-3), 1.0])
    curve, _ = analyse(wells(theta=flat, donors=6, donor_sd=(0.0, 0.0)))
    assert curve.status == dr.NO_RESPONSE


def test_rising_to_the_last_dose_gives_no_ec50():
    curve, _ = analyse(wells(doses=DOSES[DOSES <= 1e-3]))
    assert curve.status == dr.NO_PLATEAU
    assert "ec50_ng_per_ml" not in curve.row
    assert "emax_pct" not in curve.row
    assert "at 0.001 ug/mL" in curve.row["note"]
    assert curve.row["bottom_pct"] == pytest.approx(6.0, abs=3)


def test_saturated_from_the_first_dose_on():
    curve, _ = analyse(wells(doses=np.array([0, 0.3, 1, 3, 10, 30.0])))
    assert curve.status == dr.BELOW_LOWEST
    assert "ec50_ng_per_ml" not in curve.row
    assert curve.row["emax_pct"] == pytest.approx(55, abs=2)


def test_too_few_doses():
    curve, _ = analyse(wells(doses=DOSES[[0, 3, 5, 8]]))
    assert curve.status == dr.TOO_FEW
    assert "4 doses" in curve.row["note"]


def test_hook_is_flagged_and_left_out_of_the_fit():
    doses = np.array([*DOSES, 10.0, 100.0])
    curve, _ = analyse(wells(doses=doses, change=lambda d, y: np.where(d > 1.0, y - 15, y)))
    assert curve.status == "hook: falls above 1 ug/mL"
    assert curve.row["hook_from_ug_per_ml"] == 10.0
    assert curve.row["monotone"] == "yes"
    assert curve.used.tolist() == [True] * len(DOSES) + [False, False]
    assert curve.row["emax_pct_ci95_low"] - 1 < 55 < curve.row["emax_pct_ci95_high"] + 1


def test_a_hook_leaves_the_numbers_where_they_are_seen():
    doses = np.array([*DOSES, 10.0, 100.0])
    curve, _ = analyse(wells(doses=doses, change=lambda d, y: np.where(d > 1.0, y - 15, y)))
    text = curve_text(dr.dose_response_table([curve], []).iloc[0].to_dict())
    assert f"EC50 {curve.row['ec50_ng_per_ml']:.3g}" in text
    assert "Emax" in text
    assert text.endswith("hook: falls above 1 ug/mL")
    assert "left out of the fit" in curve.row["note"]


def test_a_number_is_shown_whatever_the_status():
    below, _ = analyse(wells(doses=np.array([0, 0.3, 1, 3, 10, 30.0])))
    text = curve_text(dr.dose_response_table([below], []).iloc[0].to_dict())
    assert text.startswith("Emax ")
    assert text.endswith(dr.BELOW_LOWEST)


def test_flat_data_have_no_hook_and_use_every_dose():
    flat = np.array([6.0, 6.0, np.log(1e-3), 1.0])
    for seed in range(40):
        curve, _ = analyse(wells(seed=seed, theta=flat), with_intervals=False)
        if curve.status == dr.NO_RESPONSE:
            assert curve.row["hook_from_ug_per_ml"] is None
            assert curve.used.all()


def test_hook_among_donors_is_judged_within_each_donor():
    # Donors differ by 12 points, the fall is 6 in each of them.
    doses = np.array([*DOSES, 10.0])
    frame = wells(doses=doses, donors=8, donor_sd=(12.0, 0.0), change=lambda d, y: np.where(d > 1.0, y - 6, y))
    assert analyse(frame)[0].status == "hook: falls above 1 ug/mL"


def test_a_plateau_is_not_taken_for_a_hook():
    doses = np.array([*DOSES, 10.0, 100.0])
    verdicts = [analyse(wells(seed=seed, doses=doses))[0].status for seed in range(40)]
    assert verdicts.count(dr.OK) >= 37


def test_a_fall_below_1_ug_per_ml_is_not_monotone():
    curve, _ = analyse(wells(change=lambda d, y: np.where(d == 0.01, y - 20, y)))
    assert curve.row["monotone"] == "no"


def test_lysis_that_falls_with_dose_is_named():
    falling = np.array([50.0, 10.0, np.log(1e-3), 1.0])
    curve, _ = analyse(wells(theta=falling))
    assert curve.status == "falls with dose"
    assert "ec50_ng_per_ml" not in curve.row


def test_donors_widen_the_interval_and_are_reported():
    one, none = analyse(wells(donors=1))
    many, table = analyse(wells(donors=8, donor_sd=(10.0, 0.5)))
    assert none.empty
    assert many.row["sd_basis"] == dr.DONORS
    assert _width(many, "emax_pct") > 2 * _width(one, "emax_pct")
    assert len(table) == 8
    assert many.row["donors_fitted"] == 8
    logs = np.log10(table["ec50_ng_per_ml"])
    assert many.row["donor_ec50_geomean_ng_per_ml"] == pytest.approx(10 ** logs.mean())
    assert many.row["donor_emax_sd_pct"] == pytest.approx(table["emax_pct"].std(ddof=1))


def test_bootstrap_repeats():
    first, again = (analyse(wells(donors=5, donor_sd=(5.0, 0.3)))[0].row for _ in range(2))
    assert first == again


def test_one_well_per_dose_is_fitted_but_not_judged_for_a_hook():
    curve, _ = analyse(wells(replicates=1))
    assert curve.status == dr.OK
    assert curve.row["monotone"] == "not judged"
    assert "not judged" in curve.row["note"]


def test_wells_without_antibody_serve_every_antibody_of_their_plate():
    one = wells(seed=1)
    other = wells(seed=2).assign(antibody="afucosylated")
    curves, _ = dr.dose_response_curves(pd.concat([one, other[other["dose_ug_per_ml"] > 0]]), [])
    assert [curve.condition["antibody"] for curve in curves] == ["afucosylated", "trastuzumab"]
    assert all(curve.doses[0] == 0 for curve in curves)


def test_a_donor_that_lacks_a_dose_does_not_stop_the_fit():
    frame = wells(donors=5, donor_sd=(5.0, 0.3))
    frame = frame[~((frame["donor"] == 2) & (frame["dose_ug_per_ml"] == 1e-3))]
    curve, _ = analyse(frame)
    assert curve.status == dr.OK
    assert "some donors lack some doses" in curve.row["note"]


def _width(curve, name):
    return curve.row[f"{name}_ci95_high"] - curve.row[f"{name}_ci95_low"]


def test_an_ec50_that_could_be_anywhere_is_not_given():
    """A response too small for its noise: the interval of the EC50 leaves the series on both sides."""
    small = np.array([1.0, 3.0, np.log(1e-3), 1.0])
    verdicts = {seed: analyse(wells(seed=seed, theta=small, sd=0.9))[0] for seed in range(30)}
    unsure = [curve for curve in verdicts.values() if curve.status == dr.UNDETERMINED]
    assert unsure, {curve.status for curve in verdicts.values()}
    for curve in unsure:
        assert "ec50_ng_per_ml" not in curve.row and "hill" not in curve.row and "emax_pct" in curve.row
        assert "leaves the tested doses on both sides" in curve.row["note"]
