"""Prediction and observation: matching, differences, ratios with intervals, and the assessment."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.compare import check_observed, compare
from adccsim.analysis.fitting.compare_assessment import ASSESSMENTS, FITTED, REPORTED
from adccsim.analysis.fitting.compare_report import overview, write_comparison, write_page
from adccsim.analysis.fitting.observed import read_observed
from tests.analysis.make_runs import Design, Truth, make_study

TRUTH = Truth(donor_emax_sd=6, donor_log10_ec50_sd=0.2, noise=0.004)
DESIGN = Design(donors=8, replicates=1, readout="calcein", controls=("target_only",))
SETTINGS = {
    "title": "an experiment", "role": "independent data", "citation": "", "doi": "", "note": "",
    "same_laboratory_pct": 10.0, "other_laboratory_pct": 20.0,
    "same_laboratory_ec50_fold": 3.0, "other_laboratory_ec50_fold": 10.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    make_study(folder, DESIGN, TRUTH)
    return analyse_wells(folder, with_figures=False).tables


@pytest.fixture(scope="module")
def one_donor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    make_study(folder, Design(donors=1, replicates=3, readout="calcein", controls=("target_only",)), TRUTH)
    return analyse_wells(folder, with_figures=False).tables


def observation(folder, tables, shift=0.0, fold=1.0, sd=8.0, n=20, rows=""):
    """observed.csv: the simulated means moved by `shift` points, at doses divided by `fold`; then further rows."""
    summary = tables["lysis_summary"]
    summary = summary[summary["role"].isin(("sample", "no_antibody"))]
    lines = ["quantity,dose_ug_per_ml,et_ratio,value,sd,log10_sd,n,source"]
    doses, means = summary["dose_ug_per_ml"].to_numpy(), summary["mean"].to_numpy()
    order = np.argsort(doses)
    logs = np.log10(np.maximum(doses[order], 1e-9))
    for dose in doses[order]:
        moved = np.interp(np.log10(max(dose * fold, 1e-9)), logs, means[order]) if dose else means[order][0]
        lines.append(f"specific_lysis_pct,{dose:g},5,{moved + shift:.9g},{sd},,{n},a bench")
    path = folder / "observed.csv"
    path.write_text("\n".join(lines) + "\n" + rows)
    return path


def compared(path, tables, **settings):
    observed, keys, _ = read_observed(path)
    return compare(observed, keys, tables, SETTINGS | settings)


def test_a_perfect_prediction_has_no_bias_and_ratios_of_one(tmp_path, tables):
    comparison = compared(observation(tmp_path, tables), tables)
    row = comparison.summary
    assert row["points"] == len(DESIGN.doses)
    assert row["bias_pct"] == pytest.approx(0, abs=1e-7)
    assert row["rmse_pct"] == pytest.approx(0, abs=1e-7)
    assert (row["within_1_sd_pct"], row["within_2_sd_pct"]) == (100, 100)
    excess = comparison.points["simulated_sd"] - 8.0
    assert row["largest_sd_difference_pct"] == excess[excess.abs().idxmax()]
    assert row["ec50_ratio"] == pytest.approx(1, rel=1e-4)
    assert row["emax_ratio"] == pytest.approx(1, rel=1e-4)
    assert row["ec50_ratio_ci95_low"] < 1 < row["ec50_ratio_ci95_high"]
    assert comparison.assessment == ASSESSMENTS[0]
    assert "predicted" in comparison.title


@pytest.mark.parametrize(("shift", "level"), [(4, 0), (-12, 1), (-40, 2)])
def test_a_shift_is_the_bias_and_decides_the_assessment(tmp_path, tables, shift, level):
    comparison = compared(observation(tmp_path, tables, shift=shift), tables)
    assert comparison.summary["bias_pct"] == pytest.approx(-shift, abs=1e-6)
    assert comparison.summary["rmse_pct"] == pytest.approx(abs(shift), abs=1e-6)
    assert comparison.summary["within_1_sd_pct"] == (100 if abs(shift) <= 8 else 0)
    assert comparison.summary["within_2_sd_pct"] == (100 if abs(shift) <= 16 else 0)
    assert comparison.assessment == ASSESSMENTS[level]
    assert any("at every condition" in note for note in comparison.notes)
    # Observed values below 0 stay as they are.
    assert comparison.points["observed"].min() == pytest.approx(tables["lysis_summary"]["mean"].min() + shift, abs=1e-6)


def test_the_limits_are_those_of_the_settings(tmp_path, tables):
    path = observation(tmp_path, tables, shift=12)
    assert compared(path, tables, same_laboratory_pct=13.0).assessment == ASSESSMENTS[0]
    assert compared(path, tables, other_laboratory_pct=11.0).assessment == ASSESSMENTS[2]


def test_reported_values_are_compared_with_the_mean_of_donors(tmp_path, tables):
    curve = tables["dose_response"].iloc[0]
    ec50, emax = curve["donor_ec50_geomean_ng_per_ml"], curve["donor_emax_mean_pct"]
    extra = f"ec50_ng_per_ml,,5,{ec50 / 4:.9g},,0.3,20,x\nemax_pct,,5,{emax + 5:.9g},9,,20,x\n"
    comparison = compared(observation(tmp_path, tables, rows=extra), tables)
    rows = comparison.parameters[comparison.parameters["basis"] == REPORTED].set_index("quantity")
    row = rows.loc["ec50_ng_per_ml"]
    assert row["ratio"] == pytest.approx(4)
    half = np.log10(row["ratio_ci95_high"] / row["ratio"])
    sd, n = curve["donor_ec50_log10_sd"], curve["donors_fitted"]
    # Independent check of Welch's interval: p of scipy's t test is exactly 5 % at the limit of the interval.
    test = stats.ttest_ind_from_stats(half, sd, n, 0.0, 0.3, 20, equal_var=False)
    assert test.pvalue == pytest.approx(0.05, rel=1e-6)
    assert rows.loc["emax_pct", "ratio"] == pytest.approx(emax / (emax + 5))
    assert comparison.summary["emax_difference_pct"] == pytest.approx(-5)
    assert comparison.summary["ec50_basis"] == REPORTED
    assert comparison.assessment == ASSESSMENTS[1]
    assert any("EC50 4-fold higher" in reason for reason in comparison.reasons)


def test_curves_through_the_means_detect_a_shifted_ec50(tmp_path, tables):
    comparison = compared(observation(tmp_path, tables, fold=5, sd=2), tables)
    row = comparison.parameters[comparison.parameters["quantity"] == "ec50_ng_per_ml"].iloc[0]
    assert row["basis"] == FITTED
    assert row["ratio"] == pytest.approx(5, rel=0.25)  # the shifted curve is interpolated between the doses
    assert 1 < row["ratio_ci95_low"] < 5 < row["ratio_ci95_high"]


def test_flat_observations_have_no_ratio(tmp_path, tables):
    path = observation(tmp_path, tables)
    frame = pd.read_csv(path).assign(value=lambda x: 10 + 0.1 * np.arange(len(x)))
    frame.to_csv(path, index=False)
    comparison = compared(path, tables)
    assert comparison.parameters["ratio"].isna().all()
    assert "ec50_ratio" not in comparison.summary
    assert any("observed: no dose response" in note for note in comparison.notes)


def test_one_simulated_donor_has_the_sd_of_technical_replicates_only(tmp_path, one_donor):
    extra = "ec50_ng_per_ml,,5,1,,0.3,20,x\n"
    comparison = compared(observation(tmp_path, one_donor, rows=extra), one_donor)
    assert any("technical replicates" in note for note in comparison.notes)
    reported = comparison.parameters[comparison.parameters["basis"] == "one simulated curve"].iloc[0]
    assert np.isfinite(reported["ratio"])
    assert np.isnan(reported["ratio_ci95_low"])


@pytest.mark.parametrize(
    ("column", "basis"),
    [
        ("sd_basis", "replicates"),
        ("error_kind", "technical error only"),
        ("sd_basis", "donors"),
        ("error_kind", "between donors"),
    ],
)
def test_the_sd_of_wells_is_not_compared_with_that_of_donors(tmp_path, tables, column, basis):
    path = observation(tmp_path, tables)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]},{column}", *(f"{line},{basis}" for line in lines[1:])]) + "\n")
    comparison = compared(path, tables)
    donors = "donors" in basis
    assert any(note.startswith("SD between donors differs") for note in comparison.notes) == donors
    assert any("is an SD of technical replicates, not of donors" in note for note in comparison.notes) != donors
    assert comparison.points["observed_sd"].notna().all() == donors
    assert comparison.points["observed_n"].notna().all() == donors
    assert comparison.points["difference_ci95_low"].notna().all() == donors
    assert set(comparison.points["observed_sd_basis"]) == {"donors" if donors else "replicates"}
    assert comparison.points["difference"].abs().max() < 1e-6  # means are compared all the same
    fitted = comparison.parameters[comparison.parameters["basis"] == FITTED]
    assert fitted["ratio"].to_numpy() == pytest.approx(1, rel=1e-6)
    assert fitted["ratio_ci95_low"].notna().all() == donors


def test_another_basis_of_an_sd_is_an_error(tmp_path):
    path = tmp_path / "observed.csv"
    path.write_text("dose_ug_per_ml,value,sd,n,sd_basis\n1,5,2,3,mice\n")
    with pytest.raises(SheetError, match="row 2, column sd_basis: 'mice' must be donors or replicates"):
        read_observed(path)


def test_single_wells_without_donors_are_replicates(tmp_path):
    path = tmp_path / "wells.csv"
    path.write_text("dose_ug_per_ml,value\n1,10\n1,12\n")
    assert list(read_observed(path)[0]["sd_basis"]) == ["replicates"]
    path.write_text("dose_ug_per_ml,value,donor\n1,10,a\n1,12,b\n")
    assert list(read_observed(path)[0]["sd_basis"]) == ["donors"]


def test_calibration_data_are_labelled_fitted(tmp_path, tables):
    comparison = compared(observation(tmp_path, tables), tables, role="calibration data")
    assert "(fitted)" in comparison.title
    assert any("not a prediction" in note for note in comparison.notes)


def test_single_wells_of_donors_are_averaged_within_donors(tmp_path):
    path = tmp_path / "wells.csv"
    path.write_text(
        "dose_ug_per_ml,et_ratio,donor,value\n1,5,a,10\n1,5,a,20\n1,5,b,25\n1,5,c,-5\n0.1,5,a,7\n0.1,5,a,9\n"
    )
    rows, _, _ = read_observed(path)
    first, second = rows.to_dict("records")
    assert (first["value"], first["n"]) == (pytest.approx(35 / 3), 3)
    assert first["sd"] == pytest.approx(np.std([15, 25, -5], ddof=1))
    assert (second["value"], second["n"]) == (8, 2)


OBSERVED_ERRORS = {
    "no value": ("dose_ug_per_ml,et_ratio\n1,5\n", ["column value"]),
    "no number": ("dose_ug_per_ml,value\n1,5\n2,many\n", ["row 3, column value", "'many'"]),
    "quantity": ("quantity,value\nlysis,5\n", ["row 2, column quantity"]),
    "spread below zero": ("dose_ug_per_ml,value,sd\n1,5,-1\n", ["row 2, column sd"]),
    "half a donor": ("dose_ug_per_ml,value,n\n1,5,2.5\n", ["row 2, column n"]),
    "EC50 of zero": ("quantity,value\nec50_ng_per_ml,0\n", ["row 2, column value"]),
    "wrong spread": ("quantity,value,sd\nec50_ng_per_ml,1,0.3\n", ["row 2, column sd", "log10_sd"]),
    "EC50 at a dose": ("quantity,dose_ug_per_ml,value\nec50_ng_per_ml,1,0.3\n", ["row 2, column dose_ug_per_ml"]),
    "twice": ("dose_ug_per_ml,value,sd,n\n1,5,1,3\n1,6,1,3\n", ["rows 2 and 3"]),
}


@pytest.mark.parametrize("name", OBSERVED_ERRORS)
def test_errors_of_an_observed_file_name_the_cell(tmp_path, name):
    text, expected = OBSERVED_ERRORS[name]
    (tmp_path / "observed.csv").write_text(text)
    with pytest.raises(SheetError) as error:
        read_observed(tmp_path / "observed.csv")
    assert any(all(part in line for part in expected) for line in error.value.problems), error.value.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dose_ug_per_ml,et_ratio,value\n0.5,5,3\n", ["row 2, column dose_ug_per_ml", "0.5 is not simulated"]),
        ("dose_ug_per_ml,effectors.genotype,value\n1,VV,3\n", ["row 2, column effectors.genotype", "does not vary"]),
        ("et_ratio,value\n5,3\n", ["row 2 matches", "dose_ug_per_ml"]),
    ],
)
def test_rows_that_match_no_condition_or_several_are_errors(tmp_path, tables, text, expected):
    (tmp_path / "observed.csv").write_text(text)
    observed, keys, _ = read_observed(tmp_path / "observed.csv")
    for check in (
        lambda: compare(observed, keys, tables, SETTINGS),
        lambda: check_observed(observed, keys, tables["lysis"], []),
    ):
        with pytest.raises(SheetError) as error:
            check()
        assert all(part in str(error.value) for part in expected), str(error.value)


def test_tables_figures_and_page(tmp_path, tables):
    comparison = compared(observation(tmp_path, tables), tables)
    figures = write_comparison(comparison, tmp_path / "study")
    assert set(figures) == {"points", "parameters"}
    written = {path.name for path in (tmp_path / "study/tables").iterdir()}
    assert written == {"compare.csv", "compare_points.csv", "compare_parameters.csv"}
    page = write_page(tmp_path / "compare.html", [comparison], [figures]).read_text()
    assert "an experiment (predicted)" in page
    assert page.count("data:image/png;base64") == 2
    assert comparison.assessment in page
    table = overview([comparison])
    assert list(table["experiment"]) == [comparison.title]
    # A second comparison in the same folder removes the tables of the first.
    bare = compared(observation(tmp_path, tables).with_name("observed.csv"), tables)
    bare.points = bare.points.iloc[:0]
    assert set(write_comparison(bare, tmp_path / "study")) == {"parameters"}
    assert not (tmp_path / "study/tables/compare_points.csv").exists()


def counted(**simulated):
    """A table `cells` with one row per quantity at one condition."""
    rows = [
        {"quantity": name, "role": "sample", "et_ratio": 0.25, "hours": 5.0, "dose_ug_per_ml": 0.0, "at_h": np.nan,
         "mean": value, "sd": 0.1, "n": 4, "sd_basis": "donors"} for name, value in simulated.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("fraction", "kills", "level"), [(0.47, 1.1, 0), (0.58, 1.0, 1), (0.45, 0.6, 2)])
def test_cell_counts_are_assessed_by_fraction_and_by_ratio(tmp_path, tables, fraction, kills, level):
    path = tmp_path / "observed.csv"
    path.write_text("quantity,et_ratio,value,n\nzero_kill_fraction,0.25,0.5,100\nkills_per_nk,0.25,1.0,100\n")
    comparison = compared(path, tables | {"cells": counted(zero_kill_fraction=fraction, kills_per_nk=kills)})
    assert comparison.summary["fraction_off"] == pytest.approx(fraction - 0.5)
    assert comparison.summary["count_off"] == pytest.approx(kills - 1)
    assert comparison.assessment == ASSESSMENTS[level]
    figures = write_comparison(comparison, tmp_path / "study")
    assert set(figures) == {"cells"}
    assert len(pd.read_csv(tmp_path / "study/tables/compare_cells.csv")) == 2


def test_a_time_point_is_required_for_a_course_and_not_allowed_otherwise(tmp_path):
    path = tmp_path / "observed.csv"
    path.write_text("quantity,at_h,value\nkills_per_nk,1.0,2\ndeaths_of_last_pct,,50\n")
    with pytest.raises(SheetError, match="at_h"):
        read_observed(path)
