"""Lysis from control wells: the formulas, the controls, the tables."""

import numpy as np
import pytest

from adccsim.analysis import MissingControls
from adccsim.analysis.assay.controls import controls_table, percent_lysis, plate_controls
from adccsim.analysis.assay.lysis import lysis_summary, lysis_table
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import read_study
from tests.analysis.make_runs import Design, Truth, make_study


def tables(folder, design, truth, seed=1):
    make_study(folder, design, truth, seed)
    study = read_study(folder)
    frame, extra = design_table(study.runs, study.info["varied"])
    controls = plate_controls(study.runs, frame)
    return lysis_table(study.runs, frame, extra, controls), extra, controls, frame


def test_ldh_takes_the_effectors_own_release_off():
    specific, uncorrected = percent_lysis("LDH", np.array([0.9]), np.array([0.2]), np.array([0.1]), np.array([1.2]))
    assert specific == pytest.approx([60.0])
    assert uncorrected == pytest.approx([70.0])


@pytest.mark.parametrize("readout", ["51Cr", "calcein"])
def test_labels_of_targets_need_no_such_correction(readout):
    specific, uncorrected = percent_lysis(readout, np.array([0.9]), np.array([0.2]), np.array([0.1]), np.array([1.2]))
    assert specific == pytest.approx([70.0])
    assert uncorrected == pytest.approx(specific)


def test_counts_compare_with_target_only_wells():
    specific, _ = percent_lysis("live-count", np.array([300.0]), np.array([1200.0]), np.zeros(1), np.zeros(1))
    assert specific == pytest.approx([75.0])


def test_limits_and_values_outside_0_to_100_stay():
    target, effector, maximum = np.array([0.2]), np.array([0.1]), np.array([1.2])
    for sample, expected in ((0.3, 0.0), (1.3, 100.0), (0.2, -10.0), (1.4, 110.0)):
        assert percent_lysis("LDH", np.array([sample]), target, effector, maximum)[0] == pytest.approx([expected])


def test_no_window_gives_no_lysis():
    specific, uncorrected = percent_lysis("LDH", np.array([1.0]), np.array([1.0]), np.zeros(1), np.array([1.0]))
    assert np.isnan(specific).all()
    assert np.isnan(uncorrected).all()


@pytest.mark.parametrize("readout", ["LDH", "51Cr", "calcein", "live-count"])
def test_every_readout_gives_back_the_truth(tmp_path, readout):
    truth = Truth(noise=0.0)
    lysis, *_ = tables(tmp_path, Design(readout=readout, ratios=(1.0, 5.0), doses=(0.0, 1e-3, 1.0)), truth)
    expected = [truth.lysis(row.dose_ug_per_ml, row.et_ratio) for row in lysis.itertuples()]
    assert lysis["specific_lysis_pct"].to_numpy() == pytest.approx(expected, abs=1e-9)
    natural = [truth.lysis(0.0, row.et_ratio) for row in lysis.itertuples()]
    assert lysis["natural_killing_pct"].to_numpy() == pytest.approx(natural, abs=1e-9)
    assert (lysis["adcc_pct"] + lysis["natural_killing_pct"]).to_numpy() == pytest.approx(expected, abs=1e-9)
    above = lysis["uncorrected_lysis_pct"] - lysis["specific_lysis_pct"]
    own = 100 * truth.effector_release * lysis["et_ratio"] / (1 - truth.spontaneous) if readout == "LDH" else 0
    assert above.to_numpy() == pytest.approx(np.broadcast_to(own, above.shape), abs=1e-9)


def test_noise_of_controls_and_samples_averages_out(tmp_path):
    """Mean over plates of donors; the error of a well is noise x sqrt(1 + 2/3) / window, controls having 3 wells."""
    truth = Truth(noise=0.05)
    lysis, *_ = tables(tmp_path, Design(doses=(0.0, 1.0), donors=12), truth)
    found = lysis.groupby(["dose_ug_per_ml", "donor"])["specific_lysis_pct"].mean().unstack()
    error = found.std(axis=1, ddof=1) / np.sqrt(found.shape[1])
    expected = [truth.lysis(dose) for dose in found.index]
    assert np.all(np.abs(found.mean(axis=1) - expected) < 4 * error)


def test_wells_without_antibody_average_zero_adcc_on_each_plate(tmp_path):
    lysis, *_ = tables(tmp_path, Design(doses=(0.0, 1.0), donors=2), Truth())
    means = lysis[lysis["role"] == "no_antibody"].groupby("plate")["adcc_pct"].mean()
    assert means.to_numpy() == pytest.approx(0, abs=1e-9)


def test_without_dose_zero_there_is_lysis_but_no_adcc(tmp_path):
    lysis, *_ = tables(tmp_path, Design(doses=(0.1, 1.0)), Truth())
    assert lysis["specific_lysis_pct"].notna().all()
    assert lysis["adcc_pct"].isna().all()
    assert set(lysis["note"]) == {"no well without antibody at this E:T"}


def test_missing_controls_are_all_named(tmp_path):
    with pytest.raises(MissingControls) as caught:
        tables(tmp_path, Design(doses=(0.0, 1.0), ratios=(1.0, 5.0), controls=()), Truth())
    plate = caught.value.missing[0][0]
    expected = [(plate, "target_only", None), (plate, "effector_only", 1.0), (plate, "effector_only", 5.0)]
    assert caught.value.missing == expected
    for word in (plate, "no target_only well", "no effector_only well at E:T 1", "at E:T 5"):
        assert word in str(caught.value)


def test_chromium_needs_no_effector_only_wells(tmp_path):
    lysis, *_ = tables(tmp_path, Design(doses=(0.0, 1.0), readout="51Cr", controls=("target_only",)), Truth())
    assert len(lysis) == 6


def test_a_swept_ratio_of_zero_is_a_target_only_well(tmp_path):
    design = Design(doses=(0.0, 1.0), ratios=(0.0, 5.0), controls=("effector_only",))
    lysis, _, controls, _ = tables(tmp_path, design, Truth(noise=0.0))
    assert next(iter(controls.values())).target_only_wells == 3
    assert lysis.loc[lysis["et_ratio"] == 0, "specific_lysis_pct"].to_numpy() == pytest.approx(0, abs=1e-9)


def test_summary_counts_donors_or_says_technical(tmp_path):
    lysis, extra, *_ = tables(tmp_path / "one", Design(doses=(0.0, 1.0)), Truth())
    one = lysis_summary(lysis, extra)
    assert set(one["sd_basis"]) == {"replicates"}
    assert set(one["n"]) == {3}
    assert set(one["role"]) == {"no_antibody", "sample"}
    lysis, extra, *_ = tables(tmp_path / "many", Design(doses=(0.0, 1.0), donors=4), Truth(donor_emax_sd=8))
    many = lysis_summary(lysis, extra)
    assert set(many["sd_basis"]) == {"donors"}
    assert set(many["n"]) == {4}
    top = many[many["dose_ug_per_ml"] == 1.0].iloc[0]
    assert top["ci95_low"] < top["mean"] < top["ci95_high"]
    assert top["sd"] > 2 * one[one["dose_ug_per_ml"] == 1.0].iloc[0]["sd"]
    assert top["adcc_mean"] == pytest.approx(top["mean"] - top["natural_killing_mean"])


def test_controls_table_shows_releases(tmp_path):
    truth = Truth(noise=0.0)
    _, _, controls, frame = tables(tmp_path, Design(doses=(1.0,), ratios=(1.0, 10.0)), truth)
    table = controls_table(controls, frame)
    assert table["spontaneous_release_pct"].to_numpy() == pytest.approx(100 * truth.spontaneous)
    assert table["effector_release_pct"].tolist() == pytest.approx([1.0, 10.0])


def test_fc_null_wells_are_no_natural_killing(tmp_path):
    """A twin without Fc has antibody in it: it is a sample of its own and not the plate's dose 0."""
    design = Design(doses=(0.0, 1.0), replicates=2)
    make_study(tmp_path, design, Truth(noise=0.0))
    study = read_study(tmp_path)
    for run in study.runs:
        if run.role == "no_antibody" and run.condition["replicate"] == 2:
            run.condition["role"] = "fc_null"
    frame, extra = design_table(study.runs)
    controls = plate_controls(study.runs, frame)
    lysis = lysis_table(study.runs, frame, extra, controls)
    assert set(lysis["role"]) == {"sample", "no_antibody", "fc_null"}
    assert lysis["natural_killing_pct"].to_numpy() == pytest.approx(Truth().bottom)
    assert set(lysis_summary(lysis, extra)["role"]) == {"sample", "no_antibody", "fc_null"}
