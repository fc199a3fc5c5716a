"""Plate and lysis sheets as laboratories have them (tests/cases/lab_files): the right value, or a refusal that helps.

Expected values come from the reference readings by numpy and scipy alone: blank-subtracted means, the LDH formula and a
least-squares fit of the four-parameter logistic.
"""

import csv
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from adccsim.analysis.assay.plates.blocks import find_matrix
from adccsim.analysis.assay.plates.output import write_plate
from adccsim.analysis.assay.plates.plate import analyse_plate, z_prime
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.observed import read_observed

CASES = Path(__file__).parents[2] / "cases"
LAB = CASES / "lab_files"
MAP = LAB / "reference_map.csv"
PERCENT = "dose_ug_per_ml,E:T,replicate,% lysis\n"


def curve(dose, bottom, emax, ec50, hill):
    return bottom + (emax - bottom) * dose**hill / (ec50**hill + dose**hill)


def fitted(dose, lysis):
    """(bottom %, Emax %, EC50 ng/mL) by least squares of scipy."""
    (bottom, emax, ec50, _), _ = curve_fit(curve, dose, lysis, p0=(5, 50, 0.02, 1), bounds=(0, [100, 100, 10, 5]))
    return bottom, emax, 1000 * ec50


def reference_lysis():
    rows = list(csv.DictReader((LAB / "reference_lysis.csv").open()))
    return np.array([float(row["dose_ug_per_ml"]) for row in rows]), np.array([float(row["% lysis"]) for row in rows])


def reference_plate():
    """(doses, % lysis of the sample wells, Z', means of target-only, maximum and blank) from the reference export."""
    signal = pd.read_csv(LAB / "reference_plate.csv", index_col=0).to_numpy(dtype=float)
    dose = np.repeat([0, 0.001, 0.01, 0.1, 1, 10, 30, 100], 3)
    target, effector, maximum, blank = (signal[:, column] for column in (3, 4, 5, 6))
    net = signal[:, :3].ravel() - blank.mean() - (effector.mean() - blank.mean()) - (target.mean() - blank.mean())
    window = maximum.mean() - target.mean()
    z = 1 - 3 * (maximum.std(ddof=1) + target.std(ddof=1)) / window
    return dose, 100 * net / window, z, target.mean(), maximum.mean(), blank.mean()


def numbers(result):
    row = result.fits.iloc[0]
    return row["bottom_pct"], row["emax_pct"], row["ec50_ng_per_ml"]


def test_the_references_are_the_curve_that_the_cases_name():
    assert fitted(*reference_lysis()) == pytest.approx((8, 60, 50), rel=1e-3)
    dose, lysis, z, target, maximum, blank = reference_plate()
    assert fitted(dose, lysis) == pytest.approx((8, 60, 50), rel=1e-3)
    assert (target, maximum, blank) == pytest.approx((0.30, 1.45, 0.10))
    assert z == pytest.approx(0.9833, abs=5e-5)


SHEETS = {
    "fractions under a header with %": ("04-lysis-as-fraction/sheet.csv", "read as fractions"),
    "one donor in two spellings": ("05-donor-antibody-spelling/donor.csv", "'D1' = 'd1'"),
    "one antibody in two spellings": ("05-donor-antibody-spelling/antibody.csv", "'trastuzumab' = 'Trastuzumab'"),
    "a unit in brackets": ("22-usual-headers/lysis.csv", ""),
    "the header % lysis": ("22-usual-headers/compare_lysis.csv", ""),
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_lysis_sheet_gives_its_right_value(name):
    path, note = SHEETS[name]
    result = analyse_plate(LAB / path)
    assert len(result.fits) == 1
    assert numbers(result) == pytest.approx(fitted(*reference_lysis()), rel=2e-3)
    assert set(result.lysis["sd_basis"]) == {"replicates"}
    assert set(result.lysis["n"]) == {3}
    assert note in " ".join(result.notes)


@pytest.mark.parametrize(
    "path",
    [
        "06-two-lines-per-row-letter/named_layout.txt",
        "06-two-lines-per-row-letter/numbered_layout.txt",
        "07-empty-plate-map-block/export.csv",
        "08-softmax-plate-format/export_utf16.txt",
    ],
)
def test_a_reader_export_gives_its_right_value(path):
    dose, lysis, z, target, maximum, blank = reference_plate()
    result = analyse_plate(LAB / path, MAP)
    samples = result.wells[result.wells["role"] == "sample"]
    assert samples["dose_ug_per_ml"].to_numpy() == pytest.approx(dose)
    assert samples["specific_lysis_pct"].to_numpy() == pytest.approx(lysis, abs=1e-9)
    means = result.wells.groupby("role")["value"].mean()
    assert (means["target_only"], means["maximum"], means["blank"]) == pytest.approx((target, maximum, blank))
    assert numbers(result) == pytest.approx(fitted(dose, lysis), rel=1e-3)
    assert result.quality.set_index("quantity").loc["Z'-factor", "value"] == pytest.approx(z)


def test_several_raw_readings_per_well_are_not_chosen_between(tmp_path):
    text = (LAB / "06-two-lines-per-row-letter/numbered_layout.txt").read_text()
    path = tmp_path / "two.txt"
    path.write_text(text.replace("Blank 490", "650"))
    with pytest.raises(SheetError, match=r"2 readings per well \(490, 650\)"):
        find_matrix(path, holds_words=False)


def test_a_layout_alone_is_no_plate(tmp_path):
    text = (LAB / "06-two-lines-per-row-letter/numbered_layout.txt").read_text()
    path = tmp_path / "layout.txt"
    path.write_text(text.partition("Results")[0])
    with pytest.raises(SheetError, match="names wells and holds no reading"):
        analyse_plate(path, MAP)


def refused(*arguments):
    with pytest.raises(SheetError) as error:
        analyse_plate(*arguments)
    return " / ".join(error.value.problems)


REFUSED = {
    "workbook of a plate": (("09-workbooks/plate.xlsx", "reference_map.csv"), ["workbook", "CSV"]),
    "workbook of lysis": (("09-workbooks/lysis.xlsx",), ["workbook", "CSV"]),
    "dates in a map": (
        ("reference_plate.csv", "17-spreadsheet-dates-in-map/map.csv"),
        ["row 6, column 2 (well E1) and 2 more", "'1-May' is a date", "1@5"],
    ),
    "times for E:T": (("17-spreadsheet-dates-in-map/et_as_time.csv",), ["row 2", "'25:01:00'", "time of day"]),
    "second blank": (
        ("18-volume-correction-control/plate.csv", "18-volume-correction-control/map.csv"),
        ["well A8) and 7 more", "volume_correction", "has no role"],
    ),
    "overflow": (
        ("20-words-for-numbers/plate_overflow.csv", "reference_map.csv"),
        ["well A6", "OVRFLW", "measure it again"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_place_and_the_way_out(name):
    files, words = REFUSED[name]
    said = refused(*(LAB / file for file in files))
    assert [word for word in words if word not in said] == []


def test_a_map_that_survives_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text(re.sub(r"([\d.]+)/5", r"\1@5", MAP.read_text()))
    result = analyse_plate(LAB / "reference_plate.csv", path)
    assert numbers(result) == pytest.approx(fitted(*reference_plate()[:2]), rel=1e-3)


def test_a_partly_replicated_sheet_gives_its_numbers_without_a_warning():
    path = LAB / "14-partly-replicated-sheet/sheet.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = analyse_plate(path)
    rows = pd.read_csv(path)
    assert numbers(result) == pytest.approx(
        fitted(rows["dose_ug_per_ml"].to_numpy(), rows["% lysis"].to_numpy()), rel=2e-3
    )
    assert list(result.lysis.sort_values("dose_ug_per_ml")["n"]) == list(rows.groupby("dose_ug_per_ml").size())


def test_rows_with_every_number_have_an_empty_note(tmp_path):
    write_plate(analyse_plate(LAB / "reference_lysis.csv"), tmp_path)
    for path in (tmp_path / "tables").glob("*.csv"):
        notes = set(pd.read_csv(path, keep_default_na=False)["note"])
        assert not any("not available" in note for note in notes), path.name
    for name in ("lysis", "dose_response", "wells"):
        assert set(pd.read_csv(tmp_path / f"tables/plate_{name}.csv", keep_default_na=False)["note"]) == {""}


def lysis_sheet(folder, doses, values, header=PERCENT):
    path = folder / "sheet.csv"
    path.write_text(header + "".join(f"{d:g},5,1,{v}\n" for d, v in zip(doses, values, strict=True)))
    return path


def test_cells_with_a_percent_sign_are_percent(tmp_path):
    dose, lysis = reference_lysis()
    result = analyse_plate(lysis_sheet(tmp_path, dose, [f"{value:g}%" for value in lysis]))
    assert numbers(result) == pytest.approx((8, 60, 50), rel=2e-3)


def test_a_column_called_fraction_is_multiplied_by_100(tmp_path):
    dose, lysis = reference_lysis()
    header = PERCENT.replace("% lysis", "lysis_fraction")
    result = analyse_plate(lysis_sheet(tmp_path, dose, lysis / 100, header))
    assert numbers(result) == pytest.approx((8, 60, 50), rel=2e-3)


def test_lysis_about_zero_stays_percent_with_a_note(tmp_path):
    """Noise of half a point around zero is what cells without killing give; it is no fraction."""
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(0.3, 0.4, 18), -1, 1).round(3)
    result = analyse_plate(lysis_sheet(tmp_path, np.repeat([0, 0.1, 1, 3, 10, 30.0], 3), values))
    assert np.sort(result.wells["value"]) == pytest.approx(np.sort(values))
    assert "lysis_fraction" in " ".join(result.notes)


def test_small_percentages_under_the_name_of_the_format_stay_percent(tmp_path):
    dose, lysis = reference_lysis()
    header = PERCENT.replace("% lysis", "specific_lysis_pct")
    result = analyse_plate(lysis_sheet(tmp_path, dose, lysis / 100, header))
    assert result.wells["value"].max() < 1
    assert "lysis_fraction" in " ".join(result.notes)


@pytest.mark.parametrize(("name", "well"), [("plate-tb-61", "well B3"), ("plate-nan-76", "well F9")])
def test_a_signal_that_cannot_be_is_refused_with_its_well(name, well):
    said = refused(CASES / "hostile" / name / "p.csv", CASES / "hostile" / name / "m.csv")
    assert well in said
    assert "cannot be" in said


@pytest.mark.parametrize("level", ["equal controls", "controls at the blank", "nothing above zero"])
def test_a_statistic_that_does_not_exist_is_a_word(tmp_path, level):
    lines = (LAB / "reference_plate.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    for row in rows[1:]:
        row[4] = row[6] = "0.1" if level == "controls at the blank" else "0.3"
        if level == "controls at the blank":
            row[7] = "0.1"
        if level == "nothing above zero":
            row[1:8] = ["-0.2", "-0.3", "-0.1", "-0.2", "-0.4", "-0.1", "0"]
    path = tmp_path / "plate.csv"
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = analyse_plate(path, MAP)
        write_plate(result, tmp_path / "out")
    assert np.isfinite(result.quality["value"].dropna()).all()
    missing = result.quality[result.quality["value"].isna()]
    assert missing["note"].str.startswith("not judged").all()
    assert len(missing)
    for table in (tmp_path / "out/tables").glob("*.csv"):
        assert not re.search(r"(^|,)-?(inf|nan)(,|$)", table.read_text(), re.IGNORECASE | re.MULTILINE), table.name


def test_means_that_differ_by_rounding_have_no_z_prime():
    assert np.isnan(z_prime(np.array([0.1 + 0.2, 0.3]), np.array([0.3, 0.3])))


def test_the_sheet_of_adcc_plate_is_compare_data_too():
    rows, keys, _ = read_observed(LAB / "22-usual-headers/compare_lysis.csv")
    dose, lysis = reference_lysis()
    assert {"dose_ug_per_ml", "et_ratio"} <= set(keys)
    assert rows["value"].to_numpy() == pytest.approx([lysis[dose == d].mean() for d in np.unique(dose)])
    assert set(rows["sd_basis"]) == {"replicates"}
    assert set(rows["n"]) == {3}


def test_fractions_and_spellings_are_one_rule_for_compare_data():
    rows, _, notes = read_observed(LAB / "04-lysis-as-fraction/sheet.csv")
    assert rows["value"].max() == pytest.approx(59.74, abs=0.01)
    assert "read as fractions" in " ".join(notes)
    rows, _, notes = read_observed(LAB / "05-donor-antibody-spelling/donor.csv")
    assert set(rows["sd_basis"]) == {"replicates"}
    assert "'D1' = 'd1'" in " ".join(notes)


def test_an_apostrophe_that_marks_text_is_no_part_of_a_map(tmp_path):
    """A spreadsheet keeps '1@5 as text; the mark before a cell that looks like a formula is removed as in any sheet."""
    header = "," + ",".join(str(n) for n in range(1, 13))
    marked = tmp_path / "map.csv"
    marked.write_text(header + "\n" + "\n".join(f"{letter}," + ",".join(["'+1@5"] * 12) for letter in "ABCDEFGH"))
    assert set(find_matrix(marked, holds_words=True).cells.values()) == {"+1@5"}


def test_wells_without_a_result_are_one_note(tmp_path):
    sheet = tmp_path / "a.csv"
    sheet.write_text(PERCENT + "".join(f"1,5,{n},{'' if n % 2 else 40}\n" for n in range(60)))
    notes = [note for note in analyse_plate(sheet).notes if "without a result" in note]
    assert (
        len(notes) == 1 and notes[0].startswith("rows without a result, left out: 3, 5") and "and 18 more" in notes[0]
    )


def test_the_spread_of_fractions_is_multiplied_with_them(tmp_path):
    """0.45 with an SD of 0.05 is 45 % with an SD of 5 points."""
    sheet = tmp_path / "a.csv"
    sheet.write_text("dose_ug_per_ml,et_ratio,lysis_fraction,sd,n\n0,5,0.08,0.02,3\n1,5,0.45,0.05,3\n")
    rows, _, notes = read_observed(sheet)
    assert list(rows["value"]) == pytest.approx([8, 45]) and list(rows["sd"]) == pytest.approx([2, 5])
    assert any("sd is multiplied by 100" in note for note in notes)
