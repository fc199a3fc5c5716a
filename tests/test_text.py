"""What others wrote is shown as text: no terminal control, no markup, no formula of a spreadsheet or a figure."""

import itertools
import re
import xml.dom.minidom

import matplotlib
import pandas as pd
import pytest
from click.testing import CliRunner

from adccsim import console
from adccsim.analysis.growth.caliper_sheet import read_caliper
from adccsim.analysis.growth.study import analyse_growth
from adccsim.analysis.sheets.cell_text import guard, unguard
from adccsim.analysis.tables import write_table
from adccsim.cli import app
from adccsim.execution.folder import StudyFolder
from adccsim.text import html, one_line, printable

NASTY = "\x1b[31mred\x1b]0;title\x07\x9b2J \u202egnp.exe\u2066 [red]b[/red][link=x]y[/link]"
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_one_line_escapes_what_does_not_print_and_nothing_else():
    assert one_line("a\nb\tc\r\x1b[0m\x9b\u202e\u2028\udcff") == r"a\nb\tc\r\x1b[0m\x9b\u202e\u2028\udcff"
    plain = "µm², 3 ± 1 %, HER2⁺ – «Ω» 中文 5\u00a0mg 1\u202f000 [red] <b> \\n"
    assert one_line(plain) == plain
    assert printable("a\r\nb\tc\x1b") == "a\nb\tc\\x1b"
    assert html('<b>\x1b & "q"\n') == "&lt;b&gt;\\x1b &amp; &quot;q&quot;\n"


@pytest.mark.parametrize("codepoint", [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0xFEFF, 0xD800])
def test_no_control_character_passes(codepoint):
    assert ACTS.search(one_line(chr(codepoint))) is None and one_line(chr(codepoint)) != chr(codepoint)


def test_everything_that_the_command_line_prints_is_escaped(capsys):
    console.say(NASTY)
    console.note(NASTY)
    console.errors([NASTY, f"two\nlines {NASTY}"])
    console.summary(f"first\nsecond {NASTY}", NASTY)
    console.table((NASTY, "n"), [[NASTY, 1], [f"x\n{NASTY}", 2]], title=NASTY, wide=(NASTY,))
    console.stand_ins([{"of": NASTY, "number": "kd_nM", "value": NASTY, "unit": "nM", "from": NASTY}])
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert ACTS.search(text.replace("\n", "")) is None
        assert r"\x1b[31mred" in text and "[red]b[/red]" in text.replace("\n", "")
    assert shown.err.count("\n") == 3  # one line each


def test_a_redirected_script_stays_as_it_is(capsys):
    console.document("cd 'a\tb'\n")
    assert capsys.readouterr().out == "cd 'a\tb'\n\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [NASTY],
        ["check", NASTY],
        ["check", f"--{NASTY}"],
        ["check", "adcc_protocol", "--set", NASTY],
        ["check", "adcc_protocol", "--set", f"targets.cell_line={NASTY}"],
        ["check", "adcc_protocol", "--set", f"{NASTY}=1"],
        ["run", "adcc_protocol", "--shard", NASTY],
        ["run", "adcc_protocol", "--engine", NASTY],
        ["plate", NASTY],
        ["analyse", NASTY],
        ["status", NASTY],
        ["list", NASTY],
        ["list", "antibodies", "--name", NASTY],
        ["schema", NASTY],
        ["init", "x", "--from", NASTY],
        ["cluster", "script", "adcc_protocol", "--cluster", NASTY],
    ],
    ids=lambda arguments: " ".join(a for a in arguments if a != NASTY)[:40],
)
def test_wrong_arguments_are_shown_escaped(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 2 and isinstance(answer.exception, SystemExit)
    assert ACTS.search(answer.output.replace("\n", "")) is None
    assert re.search(r"\\(x|u00)1b\[31mred", answer.output)


def test_lines_of_the_log_are_escaped(tmp_path):
    (tmp_path / "runs").mkdir()
    with StudyFolder(tmp_path) as folder:
        folder.log(f"start of {NASTY}\nfaked line")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert ACTS.search(text.replace("\n", "")) is None and text.count("\n") == 1


# -- spreadsheets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-cmd|x", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "'=1", "-5.2.1", "+A1"]
)
def test_a_formula_gets_a_mark_that_readers_strip(text):
    assert guard(text) == f"'{text}" and unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["-5.2", "+1e-5", "-.5", "-5,2", "-", "vehicle", "it's", "'quoted'", "", "a=b", "3-4"])
def test_numbers_and_plain_text_get_none(text):
    assert guard(text) == text == unguard(text)


def test_every_short_text_comes_back():
    letters = ("=", "-", "@", "'", " ", "\t", "\n", "a", "1", ".", "＝")
    for size in range(1, 5):
        for letter in itertools.product(letters, repeat=size):
            text = "".join(letter)
            assert unguard(guard(text)) == text, repr(text)


def test_tables_hold_no_formula_and_keep_their_numbers(tmp_path):
    frame = pd.DataFrame({"=key": ["=1+1", "plain"], "value": [-5.2, 1.0], "note": ["@x", "-"]})
    returned = write_table(frame, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "'=key,value,note\n'=1+1,-5.2,'@x\nplain,1,-\n"
    assert list(returned["=key"]) == ["=1+1", "plain"]  # what reports show


@pytest.fixture(scope="module")
def nasty_study(tmp_path_factory):
    """A caliper sheet whose arms and mice are named so as to do harm, and its analysis."""
    folder = tmp_path_factory.mktemp("nasty")
    arms = ["vehicle", r"=cmd $\frac{1}$ <script>alert(1)</script>", "\x1b[31mx\u202ey"]
    rows = [
        f'"{arm}","@m{mouse}",{day},{100 * 1.07 ** (day * (1 + 0.1 * mouse)):.1f}'
        for arm in arms
        for mouse in range(3)
        for day in (0, 7, 14, 21)
    ]
    sheet = folder / "sheet.csv"
    sheet.write_text("\n".join(["arm,mouse,day,volume_mm3", *rows]) + "\n", encoding="utf-8")
    with matplotlib.rc_context():
        return sheet, analyse_growth(sheet, folder / "out")


def test_exported_sheets_read_back_the_same(nasty_study):
    sheet, result = nasty_study
    exported = next(path for path in result.exports if path.name == "caliper.csv")
    text = exported.read_text(encoding="utf-8")
    assert "'=cmd $" in text and ",'@m0," in text
    before, after = read_caliper(sheet).rows, read_caliper(exported).rows
    assert list(before["arm"]) == list(after["arm"]) and list(before["mouse"]) == list(after["mouse"])
    assert list(before["volume_mm3"]) == list(after["volume_mm3"])


def test_no_csv_file_of_an_analysis_holds_a_formula(nasty_study):
    _, result = nasty_study
    files = [*result.report.parent.rglob("*.csv"), *result.report.parent.rglob("*.tsv")]
    assert len(files) > 8
    for path in files:
        for cell in re.split(r"[,\t\n]", path.read_text(encoding="utf-8")):
            cell = cell.strip('"')
            number = re.fullmatch(r"-?[\d.]+(e[+-]\d+)?|-", cell)
            assert cell[:1] not in tuple("=+-@") or cell == "" or number, (path.name, cell)


def test_the_report_and_figures_show_names_as_text(nasty_study):
    _, result = nasty_study
    page = result.report.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page and ACTS.search(page.replace("\n", "")) is None
    figures = [path for path in result.figures if path.suffix == ".svg"]
    assert len(figures) >= 4
    for path in figures:
        xml.dom.minidom.parse(str(path))  # a control character would make it no XML
    assert ACTS.search(result.text().replace("\n", "")) is None
