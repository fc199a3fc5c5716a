"""Reading caliper sheets: both layouts, all number formats, and errors by row and column."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.caliper_rows import COLUMNS, check_rows
from adccsim.analysis.growth.caliper_sheet import choose_control, read_caliper

TIDY = """study,arm,mouse,day,volume_mm3,event,reason,body_weight_g
s1,vehicle,1,0,100.5,,,21.5
s1,vehicle,1,7,1200.25,endpoint,tumour size,22
s1,drug A,1,0,99,,,20
s1,drug A,1,7,,removed,ulceration,
"""


def write(tmp_path, text, name="sheet.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def problems_of(tmp_path, text, **kwargs):
    with pytest.raises(SheetError) as caught:
        read_caliper(write(tmp_path, text), **kwargs)
    return caught.value.problems


def test_tidy_sheet(tmp_path):
    sheet = read_caliper(write(tmp_path, TIDY))
    assert tuple(sheet.rows.columns) == COLUMNS
    assert sheet.rows["volume_mm3"].tolist()[:3] == [100.5, 1200.25, 99.0]
    assert np.isnan(sheet.rows["volume_mm3"].iloc[3])
    assert sheet.rows["event"].tolist() == ["", "endpoint", "", "removed"]
    assert sheet.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_comma_separators_spaces_and_byte_order_mark(tmp_path, separator, encoding):
    text = (
        TIDY.replace(",", separator).replace(".", ",").replace("drug A", "  drug   A ").replace("1200,25", "1 200,25")
    )
    text = text.replace("study", " Study ").replace("volume_mm3", "Volume mm3")
    sheet = read_caliper(write(tmp_path, text, encoding=encoding))
    pd.testing.assert_frame_equal(sheet.rows, read_caliper(write(tmp_path, TIDY, "plain.csv")).rows)


def test_comma_separated_with_quoted_decimal_commas_and_sep_line(tmp_path):
    text = 'sep=,\narm,mouse,day,volume_mm3\nvehicle,1,0,"100,5"\nvehicle,1,7,"200,25"\n'
    assert read_caliper(write(tmp_path, text)).rows["volume_mm3"].tolist() == [100.5, 200.25]


def test_thousands_are_read_when_both_signs_occur(tmp_path):
    text = "arm;mouse;day;volume_mm3\nvehicle;1;0;1.234,5\nvehicle;1;7;12.345.678,9\n"
    assert read_caliper(write(tmp_path, text)).rows["volume_mm3"].tolist() == [1234.5, 12345678.9]


def test_wide_sheet_is_the_same_study(tmp_path):
    wide = "day,vehicle:1,drug A:1\n0,100.5,99\n7,1200.25,\n"
    rows = read_caliper(write(tmp_path, wide, "s1.csv")).rows
    assert rows[["arm", "mouse", "day", "volume_mm3"]].values.tolist() == [
        ["vehicle", "1", 0.0, 100.5],
        ["vehicle", "1", 7.0, 1200.25],
        ["drug A", "1", 0.0, 99.0],
    ]
    assert set(rows["study"]) == {"s1"}


@pytest.mark.parametrize(("formula", "factor"), [("half", 0.5), ("ellipsoid", np.pi / 6)])
def test_diameters_become_a_volume_and_a_swapped_pair_is_noted(tmp_path, formula, factor):
    text = "arm,mouse,day,length_mm,width_mm\nvehicle,1,0,10,8\nvehicle,1,7,9,12\n"
    sheet = read_caliper(write(tmp_path, text), formula)
    np.testing.assert_allclose(sheet.rows["volume_mm3"], [factor * 640, factor * 972])
    assert any("width above length" in note for note in sheet.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arm,mouse,day,volume_mm3\nv,1,0,abc\n", ["row 2, column volume_mm3: 'abc' is not a number"]),
        ("arm,mouse,day,volume_mm3\nv,1,0,-4\n", ["row 2, column volume_mm3: -4 is below zero"]),
        ("arm,mouse,day,volume_mm3\nv,1,,4\n,1,3,5\n", ["row 2, column day: empty", "row 3, column arm: empty"]),
        ("arm,mouse,day,volume_mm3\nv,1,0,inf\n", ["row 2, column volume_mm3: 'inf' is not a number"]),
        ("arm,mouse,day,volum_mm3\nv,1,0,4\n", ["did you mean volume_mm3?"]),
        ("arm,mouse,day\nv,1,0\n", ["volume_mm3 is missing"]),
        ("arm,mouse,day,volume_mm3,event\nv,1,0,4,exploded\n", ["row 2, column event: unknown event 'exploded'"]),
        (
            "arm,mouse,day,volume_mm3\nv,1,0,4\n\nV,1,0,4\n",
            ["row 4, column arm: 'V' and 'v' (row 2) differ only in spelling", "both have a reading on day 0"],
        ),
        ("arm,mouse,day,volume_mm3\nv,1,0,100,5\n", ["row 2: 5 cells under 4 headers", "decimal comma"]),
        ("arm;mouse;day;volume_mm3\nv;1;0;1,234\nv;1;3;200\n", ["'1,234' may mean thousands or a decimal comma"]),
        ("arm;mouse;day;volume_mm3\nv;1;0;1,2\nv;1;3;2.5\n", ["decimal comma (row 2, column volume_mm3)"]),
        ("arm,mouse,day,length_mm,width_mm\nv,1,0,10,\n", ["row 2, column width_mm: only one diameter given"]),
        (
            "arm,mouse,day,volume_mm3,event\nv,1,0,4,death\nv,1,3,5,\n",
            ["row 3", "mouse 1 of arm v left the study on day 0"],
        ),
        ("arm,mouse,day,volume_mm3,arm\nv,1,0,4,x\n", ["'arm' occurs more than once"]),
        ("day,vehicle 1,drug:1\n0,1,2\n", ["column 'vehicle 1': columns of a wide sheet must be named arm:mouse"]),
        ("day,vehicle:1\n0,x\n", ["row 2, column vehicle:1: 'x' is not a number"]),
        ("arm,mouse,day,volume_mm3\n", ["no row"]),
        ("\n\n", ["is empty"]),
        ("arm,mouse,day,volume_mm3\nv,1,0,\n", ["contains no volume"]),
        ("a\0b", ["not a text table"]),
    ],
)
def test_errors_name_row_and_column(tmp_path, text, expected):
    message = "\n".join(problems_of(tmp_path, text))
    for part in expected:
        assert part in message


def test_all_errors_are_reported_at_once(tmp_path):
    text = "arm,mouse,day,volume_mm3\nv,1,zero,4\nv,1,3,big\nv,1,7,9\n"
    assert len(problems_of(tmp_path, text)) == 2


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(SheetError, match="folder"):
        read_caliper(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_caliper(tmp_path / "none.csv")


def test_duplicate_rows_count_once_and_two_readings_are_averaged(tmp_path):
    text = "arm,mouse,day,volume_mm3\nv,1,0,100\nv,1,0,100\nv,1,7,200\nv,1,7,300\n"
    sheet = read_caliper(write(tmp_path, text))
    assert sheet.rows["volume_mm3"].tolist() == [100.0, 250.0]
    assert any("counted once" in n for n in sheet.notes)
    assert any("rows 4, 5" in n and "mean of 2" in n for n in sheet.notes)


def test_unused_columns_and_mice_without_volume_are_named(tmp_path):
    text = "arm,mouse,day,volume_mm3,comment,event\nv,1,0,100,fine,\nv,2,0,,gone,death\n"
    notes = read_caliper(write(tmp_path, text)).notes
    assert any("'comment' is not used" in n for n in notes)
    assert any("mouse 2 of arm v" in n for n in notes)


def test_order_follows_the_sheet_and_days_are_sorted(tmp_path):
    text = "arm,mouse,day,volume_mm3\nz,b,7,3\nz,a,0,1\na,q,0,9\nz,b,0,2\n"
    rows = read_caliper(write(tmp_path, text)).rows
    assert rows[["arm", "mouse", "day"]].values.tolist() == [["z", "b", 0], ["z", "b", 7], ["z", "a", 0], ["a", "q", 0]]


def test_rows_of_another_source_are_checked_the_same_way():
    rows = pd.DataFrame({"study": "s", "arm": ["v", "v"], "mouse": [1, 1], "day": [0, 7], "volume_mm3": [1.0, 2.0]})
    assert check_rows(rows).rows["mouse"].tolist() == ["1", "1"]
    with pytest.raises(SheetError, match="column day is missing"):
        check_rows(rows.drop(columns="day"))
    with pytest.raises(SheetError, match="row 3, column volume_mm3: inf is not finite"):
        check_rows(rows.assign(volume_mm3=[1.0, np.inf]))


@pytest.mark.parametrize(
    ("arms", "named", "expected"),
    [
        (["drug", "Vehicle"], None, "Vehicle"),
        (["untreated", "drug"], None, "untreated"),
        (["isotype control", "Control", "drug"], None, "Control"),
        (["vehicle (PBS)", "drug"], None, "vehicle (PBS)"),
        (["a", "b"], " B ", "b"),
    ],
)
def test_control_arm(arms, named, expected):
    assert choose_control(arms, named) == expected


@pytest.mark.parametrize(
    ("arms", "named", "expected"),
    [
        (["a", "b"], None, "no arm is called vehicle, control or untreated"),
        (["vehicle", "untreated", "drug"], None, "2 arms (vehicle, untreated)"),
        (["vehicle", "drug"], "placebo", "'placebo' is not among the arms: vehicle, drug"),
        (["uncontrolled", "drug"], None, "no arm is called"),
    ],
)
def test_control_arm_refused(arms, named, expected):
    with pytest.raises(SheetError) as caught:
        choose_control(arms, named)
    assert expected in str(caught.value)


def test_a_body_weight_in_percent_is_left_out_with_a_note(tmp_path):
    sheet = tmp_path / "a.csv"
    sheet.write_text("arm,mouse,day,volume_mm3,body weight (%)\nv,1,0,100,100\nv,1,3,150,98\n")
    read = read_caliper(sheet)
    assert read.rows["body_weight_g"].isna().all() and list(read.rows["volume_mm3"]) == [100, 150]
    assert any("'body weight (%)' is not used: the unit '%' is not known" in note for note in read.notes)
