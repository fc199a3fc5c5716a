"""`adcc analyse FILE.csv`: a laboratory's own caliper sheet through the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import app

SHEET = Path(__file__).parents[1] / "scenarios" / "data" / "example_caliper.csv"


def adcc(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stdout + result.stderr
    return result


def test_the_example_sheet_gives_tables_figures_and_a_report(tmp_path):
    out = tmp_path / "out"
    result = adcc("analyse", SHEET, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "tgi_delta (%)" in result.stdout and str(out / "report.html") in result.stdout.replace("\n", "")
    assert (out / "report.html").exists() and list((out / "tables").glob("*.csv")) and list((out / "figures").glob("*"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("analyse", SHEET), "--out"),
        (("analyse", SHEET, "--out", SHEET / "below"), "is a file, not a directory"),
        (("analyse", SHEET, "--out", "out", "--control", "nobody"), "nobody"),
        (("analyse", ".", "--control", "vehicle"), "--control is for a caliper sheet"),
        (("analyse", "nowhere.csv", "--out", "out"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_analysed_is_refused_in_plain_lines(tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    result = adcc(*arguments)
    assert result.exit_code == 2 and word in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_cell_is_named_with_its_row_and_column(tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("arm,mouse,day,volume_mm3\nvehicle,1,0,100\nvehicle,1,3,big\n")
    result = adcc("analyse", sheet, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "row 3" in result.stderr and "volume_mm3" in result.stderr
    assert not (tmp_path / "out").exists()
