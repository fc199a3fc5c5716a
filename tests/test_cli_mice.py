"""The command line for studies in mice: what is printed and with which exit code, without an engine."""

import json

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from tests.analysis.make_mice import make_mice


@pytest.fixture
def adcc():
    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def test_check_says_what_a_study_takes(adcc):
    answer = adcc("check", "nci_n87_trastuzumab")
    assert answer.exit_code == 0
    for words in ("trastuzumab 10 mg/kg iv on day 0, 7, 14", "mice     12, one run each", "memory   about", "2 cores"):
        assert words in answer.stdout


def test_check_warns_of_a_line_that_does_not_grow(adcc, tmp_path):
    text = 'schema = 1\nkind = "xenograft"\n[tumour]\nstart_volume_mm3 = 130\n[[tumour.clone]]\ncell_line = "SK-BR-3"\n'
    text += '[study]\ndays = 7\n[[arm]]\nname = "vehicle"\nmice = 2\n'
    (tmp_path / "poor.toml").write_text(text, encoding="utf-8")
    answer = adcc("check", tmp_path / "poor.toml")
    assert answer.exit_code == 0
    assert "note: SK-BR-3 grows poorly or not at all in mice" in answer.stderr


def test_bad_input_is_refused_and_nothing_is_written(adcc, tmp_path):
    answer = adcc(
        "run", "nci_n87_trastuzumab", "--out", tmp_path / "out", "--set", "study.days=10", "--set", "replicates=2"
    )
    assert answer.exit_code == 2
    assert "error: replicates = 2: the unit of a study in mice is the mouse" in answer.stderr
    assert "error: arm[1].dose[0].days = 14.0: a dose must be given before the last day" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_compare_has_nothing_for_a_study_in_mice(adcc, tmp_path):
    answer = adcc("compare", "nci_n87_trastuzumab", "--out", tmp_path)
    assert answer.exit_code == 2
    assert "no table [compare]" in answer.stderr


@pytest.mark.parametrize("kind", ["tumours", "mice", "residents", "drugs"])
def test_the_catalogue_of_the_mouse_is_listed(adcc, kind):
    assert adcc("list", kind).exit_code == 0


def test_json_schemas_of_both_kinds(adcc):
    for kind, table in (("well", "targets"), ("xenograft", "arm")):
        assert table in json.loads(adcc("schema", kind).stdout)["properties"]
    assert adcc("schema", "dish").exit_code == 2


def test_analyse_a_folder_of_mice(adcc, tmp_path):
    folder = make_mice(tmp_path / "study", {"study.days": 10})
    answer = adcc("analyse", folder)
    assert answer.exit_code == 0, answer.stderr
    assert "tgi_delta (%)" in answer.stdout and "report.html" in answer.stdout
    assert (folder / "summary.txt").exists()
    assert (folder / "exports" / "caliper.csv").exists()


def test_analyse_a_folder_without_mice_says_so(adcc, tmp_path):
    folder = make_mice(tmp_path / "study", {"study.days": 8})
    for path in (folder / "runs").rglob("*.h5"):
        path.unlink()
    answer = adcc("analyse", folder)
    assert answer.exit_code == 2
    assert "no mouse" in answer.stderr
