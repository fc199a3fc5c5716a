"""Caliper sheets as laboratories keep them (tests/cases/lab_files): the correct value, or an error with a remedy.

The correct values are computed here from the reference sheet, with numpy means and polyfit of ln V.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.caliper_sheet import check_magnitudes, read_caliper
from adccsim.analysis.growth.compare import comparison_table
from adccsim.analysis.growth.design import GrowthDesign, read_design, unknown_arms
from adccsim.analysis.growth.measures import choose_evaluation_day
from adccsim.analysis.growth.study import analyse_growth
from adccsim.analysis.growth.tables import mouse_table
from adccsim.cli import app

CASES = Path(__file__).parents[2] / "cases"
LAB = CASES / "lab_files"


def curves(path, study=None):
    """(arm, mouse) -> {day: volume} of a clean sheet, read with the csv module alone."""
    volumes = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if study in (None, row.get("study")):
                volumes[row["arm"], row["mouse"]][float(row["day"])] = float(row["volume_mm3"])
    return volumes


def expected(volumes, day=20.0):
    """(T/C in %, growth-rate inhibition in %) of the only treated arm against vehicle."""
    arms = {arm: [of for (name, _), of in volumes.items() if name == arm] for arm in {name for name, _ in volumes}}
    treated = next(name for name in arms if name != "vehicle")
    end = {arm: np.mean([of[day] for of in mice if day in of]) for arm, mice in arms.items()}
    rate = {
        arm: np.mean([np.polyfit(list(of), np.log(list(of.values())), 1)[0] for of in mice])
        for arm, mice in arms.items()
    }
    return 100 * end[treated] / end["vehicle"], 100 * (1 - rate[treated] / rate["vehicle"])


REFERENCE = expected(curves(LAB / "reference_study.csv"))


def test_the_reference_has_the_values_stated_in_the_cases():
    assert pytest.approx((37.02, 49.98), abs=0.005) == REFERENCE


def analysed(path, out, **kwargs):
    return analyse_growth(path, out, with_figures=False, **kwargs)


def measure(result, name, study=None):
    table = result.tables["comparisons"]
    table = table[(table["measure"] == name) & (table["study"] == (study or table["study"].iloc[0]))]
    assert len(table) == 1
    return table.iloc[0]


def compared(path):
    """(measures of the treated arm by name, notes): the comparison alone, without the other tables of a report."""
    sheet, design = read_caliper(path), GrowthDesign()
    evaluation = choose_evaluation_day(sheet.rows, "vehicle", 0.0)
    mice = mouse_table(sheet.rows, "vehicle", design, 0.0, evaluation)
    arms = list(mice["arm"].unique())
    return comparison_table(mice, arms, "vehicle", evaluation, design).set_index("measure"), sheet.notes


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("01-german-thousands/sheet.csv", "'1.143' is 1143"),
        ("02-mouse-id-spelling/case.csv", "'v3' = 'V3'"),
        ("02-mouse-id-spelling/spreadsheet_floats.csv", "'1' = '1.0'"),
        ("03-cm3/header_says_cm3.csv", "volume_mm3, multiplied by 1000"),
        ("13-arm-spacing/sheet.csv", "'drug 10mg/kg' = 'drug 10 mg/kg'"),
        ("16-title-line/sheet.csv", "row 3 is the header"),
        ("22-usual-headers/calipers.csv", "'Animal ID' is read as mouse"),
    ],
)
def test_the_correct_value_is_read_with_a_note(case, note):
    table, notes = compared(LAB / case)
    rows = table.loc[["tc_pct", "growth_rate_inhibition"]]
    np.testing.assert_allclose(rows["value"], REFERENCE, rtol=1e-9)
    assert rows[["mice", "control_mice"]].to_numpy().tolist() == [[5, 5]] * 2
    assert any(note in line for line in notes)


@pytest.mark.parametrize("case", ["diameters_in_cm.csv", "header_says_mm3.csv"])
def test_volumes_in_cm3_under_another_header_give_one_error(tmp_path, case):
    with pytest.raises(SheetError) as caught:
        analysed(LAB / "03-cm3" / case, tmp_path / "out")
    (message,) = caught.value.problems
    assert "all 50 tumour volumes are 20 mm3 or less" in message
    assert "volume_cm3" in message and "length_cm" in message
    assert not (tmp_path / "out").exists()


def test_diameters_in_cm_are_converted_if_the_header_says_so(tmp_path):
    text = (LAB / "03-cm3" / "diameters_in_cm.csv").read_text(encoding="utf-8")
    path = tmp_path / "sheet.csv"
    path.write_text(text.replace("length_mm", "length_cm").replace("width_mm", "width_cm"), encoding="utf-8")
    volumes = defaultdict(dict)
    for row in csv.DictReader(text.splitlines()):
        volume = 500 * float(row["length_mm"]) * float(row["width_mm"]) ** 2
        volumes[row["arm"], row["mouse"]][float(row["day"])] = volume
    values = compared(path)[0].loc[["tc_pct", "growth_rate_inhibition"], "value"]
    np.testing.assert_allclose(values, expected(volumes), rtol=1e-9)
    # The diameters are rounded to 0.1 mm: at most 1 % of a diameter, 3 % of a volume.
    np.testing.assert_allclose(values, REFERENCE, rtol=0.06)


@pytest.mark.parametrize(
    ("case", "expected_parts"),
    [
        ("09-workbooks/calipers.xlsx", ["workbook", "CSV"]),
        (
            "10-mice-in-rows/mice_in_rows.csv",
            ["one row per mouse with a column per day", "arm, mouse, day, volume_mm3"],
        ),
        ("10-mice-in-rows/prism_columns.csv", ["one column per mouse", "group:mouse", "arm, mouse, day, volume_mm3"]),
    ],
)
def test_unsupported_layouts_give_one_error_with_a_remedy(case, expected_parts):
    with pytest.raises(SheetError) as caught:
        read_caliper(LAB / case)
    (message,) = caught.value.problems
    assert all(part in message for part in expected_parts), message


def test_text_in_place_of_numbers_gives_an_error_with_a_remedy():
    with pytest.raises(SheetError) as caught:
        read_caliper(LAB / "20-words-for-numbers" / "calipers.csv")
    ulcerated, below = caught.value.problems
    assert "row 11" in ulcerated and "columns event" in ulcerated and "reason" in ulcerated
    assert "row 27" in below and "'<50'" in below and "loq_mm3" in below


def test_every_measure_reports_its_number_of_mice(tmp_path):
    """Mouse d2 was measured on day 20 but not on day 0: terminal, report and table agree."""
    path = LAB / "11-no-reading-on-day-0" / "sheet.csv"
    result = analysed(path, tmp_path)
    ratio, delta = measure(result, "tc_pct"), measure(result, "tgi_delta")
    volumes = curves(path)
    assert ratio["value"] == pytest.approx(expected(volumes)[0], rel=1e-9) == pytest.approx(REFERENCE[0])
    assert (ratio["mice"], ratio["control_mice"], delta["mice"], delta["control_mice"]) == (5, 5, 4, 5)
    both = {arm: [of for (name, _), of in volumes.items() if name == arm and 0.0 in of] for arm in ("drug", "vehicle")}
    growth = {arm: np.mean([of[20.0] - of[0.0] for of in mice]) for arm, mice in both.items()}
    assert delta["value"] == pytest.approx(100 * (1 - growth["drug"] / growth["vehicle"]), rel=1e-9)
    assert "1 of drug" in delta["note"]
    screen, page = result.text(), result.report.read_text(encoding="utf-8")
    for text in (screen, page):
        assert "37.0 (" in text and "5 + 5 mice" in text and "4 + 5 mice" in text
    assert any("mouse d2 was measured on day 20 but not on day 0" in note for note in result.notes)


def test_two_studies_with_the_same_arm_names_are_distinguished_on_the_screen(tmp_path):
    path = LAB / "12-two-studies-on-screen" / "sheet.csv"
    answer = CliRunner().invoke(app, ["analyse", str(path), "--out", str(tmp_path)])
    assert answer.exit_code == 0
    for study in ("A", "B"):
        value, _ = expected(curves(path, study))
        _, _, block = answer.stdout.partition(f"drug against vehicle, study {study}\n")
        assert block.startswith(f"  T/C (%): {value:#.3g} (")
        assert f"\nStudy {study}\n" in answer.stdout


def test_arms_measured_on_different_days_are_named_with_a_remedy_that_works(tmp_path):
    path = LAB / "19-arms-read-on-different-days" / "sheet.csv"
    result = analysed(path, tmp_path / "first")
    assert "no mouse of drug was measured on day 20" in measure(result, "tc_pct")["note"]
    (note,) = [line for line in result.notes if "not measured on day 20" in line]
    assert "ln V interpolated between days 16 and 21" in note
    volumes = curves(path)
    lines = [path.read_text(encoding="utf-8").rstrip("\n")]
    for (arm, mouse), of in volumes.items():
        if arm == "drug":
            of[20.0] = float(np.exp(np.interp(20, [16, 21], np.log([of[16.0], of[21.0]]))))
            lines.append(f"drug,{mouse},20,{of[20.0]!r}")
    filled = tmp_path / "filled.csv"
    filled.write_text("\n".join(lines) + "\n", encoding="utf-8")
    value = compared(filled)[0].loc["tc_pct", "value"]
    assert value == pytest.approx(expected(volumes)[0], rel=1e-9) == pytest.approx(35.17, abs=0.005)


@pytest.mark.parametrize(("case", "what"), [("caliper-inf-18", "reason 'inf'"), ("caliper-nan-44", "mouse 'inf'")])
def test_names_that_look_like_missing_numbers_are_accepted_with_a_note(case, what):
    sheet = read_caliper(CASES / "hostile" / case / "c.csv")
    assert len(sheet.rows) and any(line.startswith(what) for line in sheet.notes)


def respelt(tmp_path, change):
    """The reference sheet with `change` (row as a dictionary -> None) applied to its rows."""
    with (LAB / "reference_study.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    path = tmp_path / "respelt.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_one_arm_and_one_reading_in_another_unit_are_noted(tmp_path):
    def drug_in_cm3(row):
        if row["arm"] == "drug":
            row["volume_mm3"] = str(float(row["volume_mm3"]) / 1000)

    (note,) = check_magnitudes(read_caliper(respelt(tmp_path, drug_in_cm3)).rows, 20.0)
    assert note.startswith("arm drug: all 25 tumour volumes are 20 mm3 or less")
    (note,) = check_magnitudes(read_caliper(LAB / "reference_study.csv").rows.replace(1143.0, 1.143), 20.0)
    assert note.startswith("mouse v3 of arm vehicle: 676 mm3 on day 15 and 1.143 mm3 on day 20")
    assert check_magnitudes(read_caliper(LAB / "reference_study.csv").rows, 20.0) == []


def test_a_design_names_its_arms_in_any_spelling(tmp_path):
    path = respelt(tmp_path, lambda row: row.update(arm=row["arm"].replace("drug", "drug 10mg/kg")))
    path.with_suffix(".toml").write_text('[arm."Drug 10 mg/kg"]\nroute = "iv"\n', encoding="utf-8")
    design = read_design(path.with_suffix(".toml")).spelt_as(["vehicle", "drug 10mg/kg"])
    assert design.arms == {"drug 10mg/kg": {"route": "iv"}}
    assert unknown_arms(design, ["vehicle", "drug 10mg/kg"]) == []
