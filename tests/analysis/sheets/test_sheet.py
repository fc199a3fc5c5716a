"""Files of a laboratory: what is no text table, where the header is, and where reading stops."""

import os
from pathlib import Path

import pytest

from adccsim.analysis.errors import MOST_PROBLEMS, SheetError
from adccsim.analysis.sheets import sheet


def written(tmp_path, content, name="s.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def error(path, **kwargs):
    with pytest.raises(SheetError) as caught:
        sheet.read_table(path, **kwargs)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_titles_above_the_header_are_passed_over_and_named(tmp_path):
    path = written(tmp_path, "Study 24, batch 2\n\n;;\na;b;c\n1,5;2;3\n1,6;2;3\n")
    table = sheet.read_table(path)
    assert (table.header, table.header_row) == (["a", "b", "c"], 4)
    assert table.body == [(5, ["1,5", "2", "3"]), (6, ["1,6", "2", "3"])]
    table = sheet.read_table(path, lambda cells: cells[:2] == ["a", "b"])
    assert table.header_row == 4 and table.notes == [
        "row 4 is the header; not read above it: 'Study 24, batch 2' (row 1)"
    ]


def test_a_known_header_goes_before_an_earlier_row_of_several_cells(tmp_path):
    path = written(tmp_path, "Operator,Jane,\nDate,May,\na,b,c\n1,2,3\n")
    assert sheet.read_table(path, lambda cells: "c" in cells).header_row == 3
    assert sheet.read_table(written(tmp_path, "Operator,Jane,,\na,b,c,d\n1,2,3,4\n")).header_row == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_the_one_that_cuts_the_rows_alike(tmp_path, separator):
    lines = ["Tumors of May", separator.join(['"x (a, b)"', "y", "z"])]
    lines += [separator.join(['"1,5"', "2", "3"])] * 5
    table = sheet.read_table(written(tmp_path, "\n".join(lines)))
    assert table.header == ["x (a, b)", "y", "z"] and table.body[0][1] == ["1,5", "2", "3"]


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"PK\x03\x04rest", "workbook (.xlsx, .ods)"), (b"\xd0\xcf\x11\xe0\xa1", "old workbook (.xls)"),
        (b"%PDF-1.7", "PDF"), (b"\x1f\x8b\x08", "compressed"), (b"\x89HDF\r\n", "HDF5"), (b"", "is empty"),
        (b"a\0b", "not a text table"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named(tmp_path, start, word):
    assert word in error(written(tmp_path, start))


def test_reading_stops_and_never_waits(tmp_path):
    assert "a folder" in error(tmp_path)
    assert "a device or a pipe" in error(Path("/dev/zero"))
    os.mkfifo(tmp_path / "pipe")
    assert "a device or a pipe" in error(tmp_path / "pipe")
    with pytest.raises(SheetError, match="more than"):
        sheet.read_bytes(written(tmp_path, b"12345"), 4)
    assert sheet.read_bytes(written(tmp_path, b"1234"), 4) == b"1234"
    with pytest.raises(FileNotFoundError):
        sheet.read_bytes(tmp_path / "none")


def test_one_problem_in_many_rows_is_one_line_and_many_problems_are_counted(tmp_path):
    text = error(written(tmp_path, "a\n" + "1,2\n" * 51), is_header=lambda cells: cells == ["a"])
    assert text.startswith("row 2 (and rows 3, 4 and 48 more): 2 cells under 1 headers")
    found = SheetError(f"row {n}, column c: {n!r} is odd" for n in range(100)).problems
    assert len(found) == MOST_PROBLEMS + 1 and found[-1] == "... and 80 more"
