"""Numbers of a sheet under any convention: the right value or a refusal, never another number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adccsim.analysis.sheets.numbers import Numbers, advice


def read_all(cells, column="c", **kwargs):
    """(values, problems, notes) of one column of cells."""
    problems = []
    given_cells = [(row, column, cell) for row, cell in enumerate(cells, start=2)]
    numbers = Numbers(problems, given_cells)
    values = [numbers.read(cell, row, column, **kwargs) for row, column, cell in given_cells]
    notes = numbers.check()
    return values, problems, notes


def write(value, decimals, sign, group):
    text = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.10g}"
    return text.replace(",", "\0").replace(".", sign).replace("\0", group)


WHOLE = [110, 177, 284, 457, 735, 924]


@pytest.mark.parametrize(("sign", "word"), [(".", "point"), (",", "comma")])
def test_thousands_of_whole_numbers_are_read_where_the_column_proves_them(sign, word):
    values, problems, notes = read_all([*map(str, WHOLE), f"1{sign}143", f"1{sign}028"])
    assert (values, problems) == ([*WHOLE, 1143.0, 1028.0], [])
    assert notes == [f"column c: a {word} separates thousands (row 8, column c: '1{sign}143' is 1143)"]


@pytest.mark.parametrize(
    "cells",
    [
        ["110", "1.143"],  # too few numbers to prove anything
        [*map(str, WHOLE), "1", "1.143"],  # 1.143 may well be a decimal next to 1
        [*map(str, WHOLE), "1200", "1.143"],  # a thousand without a sign
        [*map(str, WHOLE), "20.125"],  # 20,125 does not follow on 924
        ["10", "3.333", "1.111"],
        ["1.143", "1,143"],
        ["1.143", "2,5", "3.5"],
        ["1.234.567", "0.5"],
    ],
)
def test_what_may_mean_two_things_is_refused_with_the_cell(cells):
    _, problems, _ = read_all(cells)
    assert problems and "row " in problems[0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["0.468", "1.034"], [0.468, 1.034]),
        (["1.034", "1.145"], [1.034, 1.145]),  # absorbances: no number without a sign contradicts
        (["284,5", "1.143"], [284.5, 1143.0]),
        (["21.5", "1,034"], [21.5, 1034.0]),
        (["1 034", "1'034", "1’034", "1\u202f034,5"], [1034.0, 1034.0, 1034.0, 1034.5]),
        (["1.234,5", "12.345.678,9"], [1234.5, 12345678.9]),
        (["- 5", "\u22125", "1e-3", "1,5E+02"], [-5.0, -5.0, 0.001, 150.0]),
        (["", "n.a.", "–"], [np.nan] * 3),
    ],
)
def test_one_convention_of_the_sheet_settles_every_cell(cells, values):
    found, problems, _ = read_all(cells)
    assert problems == []
    np.testing.assert_equal(found, values)


def test_a_group_of_other_than_three_digits_is_no_number():
    assert "groups of three" in read_all(["12 5"])[1][0]
    assert read_all(["1.23.456"])[1] and read_all(["1,2345.6"])[1]


@given(
    st.lists(st.floats(20, 5000), min_size=4, max_size=30),
    st.sampled_from([0, 1, 2, 3, None]),
    st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'")]),
)
def test_no_convention_gives_another_number_in_silence(values, decimals, signs):
    """Volumes from 20 to 5000 mm3 in every usual notation: each value comes out, or a problem is named."""
    values = [round(value, 3 if decimals is None else decimals) for value in values]
    cells = [write(value, decimals, *signs) for value in values]
    # Nothing but 1.034, 2.500 ... looks the same under both conventions: the check of magnitudes is for that.
    if all(cell.count(signs[1] or "x") == 1 and len(cell) <= 7 and signs[0] not in cell for cell in cells):
        return
    found, problems, _ = read_all(cells)
    if not problems:
        np.testing.assert_allclose(found, values, rtol=1e-12)


def test_percent_signs_belong_to_all_cells_or_none():
    assert read_all(["45%", "7,5 %"], percent=True)[0] == [45.0, 7.5]
    assert "has a percent sign" in read_all(["45%", "0.45"], percent=True)[1][0]
    assert "without the percent sign" in read_all(["45%"])[1][0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("<50", "loq_mm3"), ("ulcerated", "event"), ("found dead", "event"), ("OVRFLW", "upper limit"),
        (">2000", "upper limit"), ("#DIV/0!", "formula"), ("#####", "widen"), ("2024-03-01", "date"),
        ("1-Mar", "date"), ("110 mm3", "unit in the header"), ("45%", "45 for 45 %"), ("big", ""),
    ],
)  # fmt: skip
def test_words_for_numbers_come_with_advice(cell, words):
    assert words in advice(cell) and bool(advice(cell)) == bool(words)
    assert read_all([cell])[1] == [f"row 2, column c: {cell!r} is not a number{advice(cell)}"]


def test_without_all_cells_at_hand_thousands_are_refused():
    problems = []
    numbers = Numbers(problems)
    for row, cell in enumerate([*map(str, WHOLE), "1.143"], start=2):
        numbers.read(cell, row, "c")
    numbers.check()
    assert problems == [
        "row 8, column c: '1.143' may mean thousands or a decimal point; write it without a point (1143), or with "
        "another number of decimals (1.1430)"
    ]
