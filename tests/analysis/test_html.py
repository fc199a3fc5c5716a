"""HTML of reports: text from outside shows as text, tables and figures keep their form."""

import base64

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError

from adccsim.analysis.html import figure, notes, render, table, text_table, write_page

NASTY = "<b>&\"'\x1b[2J\u202e"
SHOWN = "&lt;b&gt;&amp;&quot;&#x27;\\x1b[2J\\u202e"


def test_text_is_escaped_wherever_it_stands(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    assert notes([NASTY]) == f"<ul><li>{SHOWN}</li></ul>"
    assert table(pd.DataFrame({NASTY: [NASTY]})).count(SHOWN) == 2
    assert text_table(pd.DataFrame({NASTY: [NASTY]})).count(SHOWN) == 2
    shown = figure(picture, NASTY)
    assert f'alt="{SHOWN}"' in shown and base64.b64encode(b"\x89PNG").decode() in shown
    page = write_page(tmp_path / "p.html", "sensitivity.html", title=NASTY, facts=[NASTY], methods=[]).read_text()
    assert page.count(SHOWN) == 3 and "<b>" not in page


def test_markup_in_a_cell_is_text_and_a_missing_value_is_an_error():
    def page(piece):
        return render("compare.html", title="t", overview=pd.DataFrame({"a": [piece]}), comparisons=[])

    assert "<td><ul><li>x</li></ul></td>" not in page("<ul><li>x</li></ul>")
    with pytest.raises(UndefinedError):
        render("sensitivity.html", title="t")


def test_numbers_have_four_digits_and_stand_right():
    frame = pd.DataFrame({"a": [1.23456, np.nan], "b": ["x", None]})
    assert table(frame) == (
        '<div class="scroll"><table><tr><th>a</th><th>b</th></tr>\n'
        '<tr><td class="n">1.235</td><td>x</td></tr>\n<tr><td class="n"></td><td></td></tr></table></div>'
    )
    assert table(frame[:0]) == '<div class="scroll"><table><tr><th>a</th><th>b</th></tr>\n</table></div>'


def test_texts_that_begin_like_numbers_stand_right_and_empty_columns_go():
    frame = pd.DataFrame({"a": ["1", "not estimable: few"], "b": ["2.5", "-1"], "c": ["", ""]})
    assert text_table(frame) == (
        '<div class="scroll"><table><tr><th>a</th><th class=n>b</th></tr><tr><td>1</td><td class=n>2.5</td></tr>'
        "<tr><td class=why>not estimable: few</td><td class=n>-1</td></tr></table></div>"
    )
    assert text_table(frame[:0]) == "<p>Nothing to show.</p>"
