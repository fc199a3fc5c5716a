"""A laboratory's own plate: what is read from a file, lysis through its controls, and the judgement of its quality."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis import MissingControls
from adccsim.analysis.assay.plates.blocks import ROWS
from adccsim.analysis.assay.plates.file import read_sheet
from adccsim.analysis.assay.plates.output import write_plate
from adccsim.analysis.assay.plates.plate import analyse_plate, flag_outliers, z_prime
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.observed import read_observed

TARGET, EFFECTOR, MAXIMUM, BLANK = 0.2, {5.0: 0.1, 10.0: 0.25}, 1.7, 0.05
DOSES = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


def truth(dose, et_ratio):
    """Percent lysis; below 0 without antibody and above 100 at the top of the higher ratio."""
    return -3 + 55 * dose / (5e-4 + dose) * et_ratio / 5


def layout():
    """Well -> (map cell, noise-free blank-subtracted signal)."""
    wells = {}
    for i, row in enumerate(ROWS):
        for column in range(1, 9):
            et = 5.0 if column <= 4 else 10.0
            signal = TARGET + EFFECTOR[et] + truth(DOSES[i], et) / 100 * (MAXIMUM - TARGET)
            wells[f"{row}{column}"] = (
                f"{DOSES[i]:g}/{et:g}:1" if i % 2 else f"{1000 * DOSES[i]:g} ng/mL / {et:g}",
                signal,
            )
        wells[f"{row}9"] = ("target_only", TARGET)
        wells[f"{row}10"] = ("effector_only/5", EFFECTOR[5.0]) if i < 4 else ("Effector only / 10:1", EFFECTOR[10.0])
        wells[f"{row}11"] = ("maximum", MAXIMUM) if i < 6 else ("", np.nan)
        wells[f"{row}12"] = ("blank", 0.0) if i < 4 else ("", np.nan)
    return wells


def grid(cells, separator=",", before=""):
    header = separator.join(["<>", *map(str, range(1, 13))])
    rows = [separator.join([row, *(cells[f"{row}{n}"] for n in range(1, 13))]) for row in ROWS]
    return before + "\n".join([header, *rows]) + "\n"


def plate(folder, noise=0.0, seed=1, change=None, decimal=".", separator=",", before="", rim=1.0):
    """Write plate.csv and map.csv; change: well -> text of its reading.  Returns the two paths."""
    rng = np.random.default_rng(seed)
    readings, names = {}, {}
    for well, (name, signal) in layout().items():
        factor = rim if well[0] in "AH" or well[1:] in ("1", "12") else 1.0
        value = (signal + BLANK) * factor * np.exp(noise * rng.standard_normal())
        readings[well] = "" if np.isnan(value) else f"{value:.9f}".replace(".", decimal)
        names[well] = name
    readings |= change or {}
    (folder / "plate.csv").write_text(grid(readings, separator, before))
    (folder / "map.csv").write_text(grid(names))
    return folder / "plate.csv", folder / "map.csv"


def test_lysis_of_a_matrix_follows_from_its_own_controls(tmp_path):
    result = analyse_plate(*plate(tmp_path, before="Reader,X\nWavelength,490\n\n"))
    samples = result.wells[result.wells["role"] == "sample"]
    expected = [truth(row.dose_ug_per_ml, row.et_ratio) for row in samples.itertuples()]
    assert len(samples) == 64
    assert samples["specific_lysis_pct"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert samples["specific_lysis_pct"].min() < 0  # never clipped
    assert samples["specific_lysis_pct"].max() > 100
    own = [100 * EFFECTOR[row.et_ratio] / (MAXIMUM - TARGET) for row in samples.itertuples()]
    uncorrected = samples["uncorrected_lysis_pct"] - samples["specific_lysis_pct"]
    assert uncorrected.to_numpy() == pytest.approx(own, abs=1e-5)
    assert samples["adcc_pct"].to_numpy() == pytest.approx(np.array(expected) + 3, abs=1e-5)
    assert result.notes == []


def test_readouts_take_their_own_formula(tmp_path):
    paths = plate(tmp_path)
    chromium = analyse_plate(*paths, readout="51Cr").wells
    ldh = analyse_plate(*paths, readout="LDH").wells
    assert chromium["specific_lysis_pct"].equals(ldh["uncorrected_lysis_pct"])
    count = analyse_plate(*paths, readout="live-count").wells
    row = count[count["role"] == "sample"].iloc[0]
    assert row["specific_lysis_pct"] == pytest.approx(100 * (1 - (row["value"] - BLANK) / TARGET), abs=1e-4)
    with pytest.raises(SheetError, match="viability"):
        analyse_plate(*paths, readout="viability")


def test_separators_and_decimal_commas_mean_the_same(tmp_path):
    plain = analyse_plate(*plate(tmp_path)).wells["specific_lysis_pct"]
    comma = analyse_plate(*plate(tmp_path, decimal=",", separator=";")).wells["specific_lysis_pct"]
    assert comma.equals(plain)


def test_a_matrix_without_header_is_read(tmp_path):
    path, plate_map = plate(tmp_path)
    whole = analyse_plate(path, plate_map).wells["value"]
    for file in (path, plate_map):
        lines = [line.partition(",")[2] for line in file.read_text().splitlines()[1:]]
        file.write_text("\n".join(lines) + "\n")
    assert analyse_plate(path, plate_map).wells["value"].equals(whole)


TIDY = "Type;Antibody conc. (ng/mL);E:T;Time (h);Rep;Well;A490;Donor"


def tidy(folder, hours=("",), donors=("",)):
    """The same plate as a tidy sheet with a decimal comma; sample rows are repeated per time and donor."""
    lines = [TIDY]
    for well, (name, signal) in layout().items():
        if not name:
            continue
        reading = f"{signal + BLANK:.9f}".replace(".", ",")
        row = ROWS.index(well[0])
        if "/" in name and not name.casefold().startswith("effector"):
            et = "5:1" if int(well[1:]) <= 4 else "10:1"
            for hour in hours:
                for donor in donors:
                    lines.append(f"sample;{1000 * DOSES[row]:g};{et};{hour};{well[1:]};;{reading};{donor}")
        else:
            role, _, et = name.partition("/")
            role = {"target_only": "Spontaneous release", "maximum": "Triton", "blank": "medium"}.get(
                role, role.strip()
            )
            lines.append(f"{role};;{et.strip()};;{well[1:]};;{reading};")
    path = folder / "tidy.csv"
    path.write_text("\n".join(lines) + "\n", encoding="cp1252")
    return path


def test_a_tidy_sheet_gives_the_lysis_of_the_matrix(tmp_path):
    keys = ["et_ratio", "dose_ug_per_ml"]
    matrix = analyse_plate(*plate(tmp_path)).lysis.sort_values(keys)
    sheet = analyse_plate(tidy(tmp_path)).lysis.sort_values(keys)
    assert sheet["mean"].to_numpy() == pytest.approx(matrix["mean"].to_numpy(), abs=1e-6)
    assert sheet["dose_ug_per_ml"].to_numpy() == pytest.approx(matrix["dose_ug_per_ml"].to_numpy())


def test_controls_that_name_no_donor_or_hour_serve_all(tmp_path):
    result = analyse_plate(tidy(tmp_path, hours=("2", "4"), donors=("anna", "ben")))
    assert set(result.lysis["hours"]) == {2.0, 4.0}
    assert (result.lysis["sd_basis"] == "donors").all()
    assert (result.lysis["n"] == 2).all()
    assert result.quality["plate"].nunique() == 4


def test_percent_lysis_needs_no_control_and_is_not_clipped(tmp_path):
    path = tmp_path / "lysis.csv"
    path.write_text("dose,et ratio,value\n0,5,-4\n0,5,-6\n1,5,103\n1,5,105\n")
    result = analyse_plate(path)
    assert list(result.lysis["mean"]) == [-5.0, 104.0]
    assert "read as ug/mL" in result.notes[0]
    assert write_plate(result, tmp_path / "out") == []


TIDY_FAULTS = {
    "no number": ("dose_ug_per_ml,et_ratio,signal\n1,5,0.3\n1,5,high\n", ["row 3, column signal", "'high'"]),
    "no ratio": ("dose_ug_per_ml,et_ratio,signal\n1,many,0.3\n", ["row 2, column et_ratio", "'many'"]),
    "ratio over zero": ("dose_ug_per_ml,et_ratio,signal\n1,5:0,0.3\n", ["row 2, column et_ratio"]),
    "no dose": ("dose_ug_per_ml,et_ratio,signal\n,5,0.3\n", ["row 2, column dose_ug_per_ml", "needs it"]),
    "negative dose": ("dose_ug_per_ml,et_ratio,signal\n-1,5,0.3\n", ["row 2, column dose_ug_per_ml"]),
    "unit": ("dose_nM,et_ratio,signal\n1,5,0.3\n", ["row 1", "dose_nM"]),
    "no result": ("dose_ug_per_ml,et_ratio\n1,5\n", ["row 1", "result"]),
    "two results": ("dose_ug_per_ml,et_ratio,signal,lysis\n1,5,1,2\n", ["row 1", "both results"]),
    "role": ("role,dose_ug_per_ml,et_ratio,signal\nsmaple,1,5,1\n", ["row 2, column role", "smaple"]),
    "well": ("well,dose_ug_per_ml,et_ratio,signal\nA13,1,5,1\n", ["row 2, column well", "A13"]),
    "well twice": ("well,dose_ug_per_ml,et_ratio,signal\nA1,1,5,1\nA01,1,5,1\n", ["row 3", "A1", "row 2"]),
    "controls of percent": ("role,dose_ug_per_ml,et_ratio,value\nblank,,,1\nsample,1,5,3\n", ["control wells"]),
}


@pytest.mark.parametrize("name", TIDY_FAULTS)
def test_faults_of_a_tidy_sheet_name_the_cell(tmp_path, name):
    text, words = TIDY_FAULTS[name]
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(SheetError) as error:
        read_sheet(tmp_path / "bad.csv")
    assert any(all(word in line for word in words) for line in error.value.problems), error.value.problems


def test_faults_of_a_matrix_name_the_well(tmp_path):
    path, plate_map = plate(tmp_path, change={"C7": "OVRFLW"}, before="Reader,X\n")
    plate_map.write_text(plate_map.read_text().replace("maximum", "maxi", 1))
    with pytest.raises(SheetError) as error:
        read_sheet(path, plate_map)
    lines = error.value.problems
    assert any("row 5, column 8 (well C7)" in line and "OVRFLW" in line for line in lines)
    assert any("map.csv, row 2, column 12 (well A11)" in line and "'maxi'" in line for line in lines)
    with pytest.raises(SheetError, match="--map"):
        read_sheet(path)


def test_wells_that_do_not_match_are_said(tmp_path):
    path, plate_map = plate(tmp_path, change={"B2": "", "H12": "0.7"})
    notes = read_sheet(path, plate_map).notes
    assert any("B2" in note and "without a reading" in note for note in notes)
    assert any("H12" in note and "left out" in note for note in notes)


def test_all_missing_controls_are_named(tmp_path):
    path, plate_map = plate(tmp_path)
    plate_map.write_text(plate_map.read_text().replace("maximum", "").replace("effector_only/5", ""))
    with pytest.raises(MissingControls) as error:
        analyse_plate(path, plate_map)
    assert {gap[1:] for gap in error.value.missing} == {("maximum", None), ("effector_only", 5.0)}
    assert {gap[1] for gap in missing_of(path, plate_map, "51Cr")} == {"maximum"}


def missing_of(path, plate_map, readout):
    with pytest.raises(MissingControls) as error:
        analyse_plate(path, plate_map, readout)
    return error.value.missing


def test_a_plate_without_blanks_says_what_that_does(tmp_path):
    path, plate_map = plate(tmp_path)
    plate_map.write_text(plate_map.read_text().replace("blank", ""))
    assert "no blank well" in " ".join(analyse_plate(path, plate_map).notes)


def test_a_planted_outlier_is_flagged_and_kept(tmp_path):
    paths = plate(tmp_path, noise=0.02)
    clean = analyse_plate(*paths)
    reading = float(clean.wells.set_index("well").loc["D3", "value"])
    spoiled = analyse_plate(*plate(tmp_path, noise=0.02, change={"D3": f"{1.3 * reading:.6f}"}))
    assert list(spoiled.wells.loc[spoiled.wells["outlier"], "well"]) == ["D3"]
    at = (spoiled.lysis["dose_ug_per_ml"] == 1e-3) & (spoiled.lysis["et_ratio"] == 5)
    row = spoiled.lysis[at].iloc[0]
    assert (row["wells"], row["flagged_wells"]) == (4, 1)
    shift = 100 * 0.3 * reading / (MAXIMUM - TARGET) / 4  # a quarter of the well's own error is in the mean
    assert row["mean"] - clean.lysis[at].iloc[0]["mean"] == pytest.approx(shift, rel=0.03)
    found = spoiled.quality.set_index("quantity").loc["outliers"]
    assert found["value"] == 1
    assert "D3" in found["note"]


def test_a_sound_plate_is_seldom_flagged():
    """At 5 % for the whole plate: 400 noisy plates, tolerance three standard errors."""
    rng = np.random.default_rng(7)
    unit = pd.DataFrame({"role": "sample", "dose_ug_per_ml": np.repeat(np.arange(12.0), 3), "et_ratio": 5.0})
    unit["antibody"] = ""
    level = np.repeat(rng.uniform(0.3, 1.6, 12), 3)
    flagged = [
        flag_outliers(unit.assign(value=level * np.exp(0.03 * rng.standard_normal(36))), raw=True)[0].any()
        for _ in range(400)
    ]
    assert abs(np.mean(flagged) - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 400)


def test_both_wells_of_a_pair_are_flagged_and_too_few_replicates_are_not_judged():
    unit = pd.DataFrame({"role": "sample", "dose_ug_per_ml": np.repeat(np.arange(8.0), 2), "et_ratio": 5.0})
    rng = np.random.default_rng(3)
    unit["antibody"], unit["value"] = "", np.repeat(np.arange(1.0, 9.0), 2) * np.exp(0.02 * rng.standard_normal(16))
    unit.loc[4, "value"] *= 1.5
    flags, note = flag_outliers(unit, raw=True)
    assert list(np.flatnonzero(flags)) == [4, 5]
    assert "of a pair both" in note
    assert "not judged" in flag_outliers(unit.iloc[:6], raw=True)[1]


def test_z_prime_by_hand():
    high, low = np.array([9.0, 10.0, 11.0]), np.array([1.0, 2.0, 3.0])
    assert z_prime(high, low) == pytest.approx(1 - 3 * (1 + 1) / 8)
    assert z_prime(np.array([5.0, 5.0]), np.array([1.0, 1.0])) == 1
    assert np.isnan(z_prime(high, low[:1]))


def test_an_edge_effect_is_measured(tmp_path):
    result = analyse_plate(*plate(tmp_path, noise=0.01, rim=1.08))
    edge = result.quality.set_index("quantity").loc["edge: outer ring minus inside"]
    assert edge["ci95_low"] < 8 < edge["ci95_high"]
    assert edge["ci95_low"] > 4
    assert edge["note"] == "rim and inside differ"
    even = analyse_plate(*plate(tmp_path, noise=0.01)).quality.set_index("quantity")
    assert even.loc["edge: outer ring minus inside", "ci95_low"] < 0


def test_replicate_cv_is_that_of_the_noise(tmp_path):
    quality = analyse_plate(*plate(tmp_path, noise=0.03)).quality.set_index("quantity")
    assert quality.loc["CV of replicates, median", "value"] == pytest.approx(3, rel=0.35)


def test_what_is_written_can_be_compared_with_a_simulation(tmp_path):
    result = analyse_plate(*plate(tmp_path, noise=0.01))
    figures = write_plate(result, tmp_path / "out")
    assert [path.name for path in figures] == ["plate.png", "plate.svg"]
    tables = {path.name for path in (tmp_path / "out/tables").iterdir()}
    assert tables == {f"plate_{name}.csv" for name in ("wells", "lysis", "quality", "dose_response")}
    observed, keys, _ = read_observed(tmp_path / "out/tables/plate_lysis.csv")
    assert len(observed) == 16
    assert {"dose_ug_per_ml", "et_ratio"} <= set(keys)
    assert observed["value"].to_numpy() == pytest.approx(result.lysis["mean"].to_numpy(), rel=1e-5)
