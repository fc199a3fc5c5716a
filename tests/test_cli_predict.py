"""`adcc predict`: written once, from a committed state, and the shipped predictions can run."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.execution import provenance
from adccsim.scenario.load import load_scenario
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.plan import plan

SHIPPED = sorted((Path(__file__).resolve().parents[1] / "benchmarks/in_vitro_lysis/predict").glob("*.toml"))
SMALL = """
schema = 1
kind = "well"
title = "a small series"
[targets]
cell_line = "SK-BR-3"
cells = 200
[effectors]
type = "NK-IL2"
et_ratio = 5
donors = 2
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 2
readout = "LDH"
[output]
level = "observables"
[sweep]
"antibody.dose_ug_per_ml" = [0, 1]
"""


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


def test_a_prediction_is_written_once(adcc, monkeypatch):
    monkeypatch.setattr(provenance, "committed_state", lambda files: "c" * 40)
    first = adcc("predict", "small.toml", "--out", "written", "--workers", "1")
    assert first.exit_code == 0, first.stderr
    (path,) = Path("written").iterdir()
    assert path.stem == provenance.state_hash()
    table = pd.read_csv(path)
    assert table["dose_ug_per_ml"].tolist() == [0, 1]
    assert (table["commit"] == "c" * 40).all()
    assert (table["n"] == 2).all()
    before = path.read_bytes()
    again = adcc("predict", "small.toml", "--out", "written", "--workers", "1")
    assert again.exit_code == 2
    assert "never overwritten" in again.stderr
    assert path.read_bytes() == before


def test_a_state_that_is_not_committed_is_refused_before_anything_runs(adcc):
    result = adcc("predict", "small.toml", "--out", "written")
    assert result.exit_code == 2
    assert "small.toml: not in the checkout" in result.stderr or "not a git checkout" in result.stderr
    assert not Path("written").exists()
    assert not Path("results").exists()


def test_without_files_it_says_where_they_are_looked_for(adcc):
    result = adcc("predict")
    assert result.exit_code == 2
    assert "benchmarks/in_vitro_lysis/predict: no scenario files here" in result.stderr


def test_two_files_of_one_name_are_refused(adcc):
    Path("other").mkdir()
    Path("other/small.toml").write_text(SMALL)
    result = adcc("predict", "small.toml", "other/small.toml")
    assert result.exit_code == 2
    assert "small: two files of this name" in result.stderr


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_prediction_loads_has_donors_and_takes_minutes(path):
    scenario = load_scenario(path)
    assert scenario.effectors.donors >= 20
    assert scenario.random == "paired"
    assert plan(expand(scenario)).seconds(2) < 180
