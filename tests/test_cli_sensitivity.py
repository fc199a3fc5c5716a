"""`adcc sensitivity` from file to page, small."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from adccsim.cli import app

SCENARIO = """
schema = 1
kind = "well"
title = "what moves a small well"
random = "paired"
[targets]
cell_line = "SK-BR-3"
cells = 300
[effectors]
type = "NK-IL2"
et_ratio = 5.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 4
readout = "LDH"
[output]
level = "observables"
[sensitivity]
keys = ["effectors.antibody_hit_per_h", "effectors.motility", "antibody.kon_per_nM_h"]
outputs = ["specific_lysis_pct", "adcc_pct"]
method = "morris"
trajectories = 4
[sweep]
"antibody.dose_ug_per_ml" = [1e-4, 1]
"""


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(SCENARIO)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


def test_a_study_is_measured_written_and_not_measured_twice(adcc):
    first = adcc("sensitivity", "mine.toml", "--workers", "1")
    assert first.exit_code == 0, first.stderr
    folder = Path("results/mine")
    assert "lysis, 1 ug/mL" in first.stdout
    table = (folder / "tables/sensitivity_morris.csv").read_text().splitlines()
    assert len(table) == 1 + 4 * 3  # two doses, two quantities, three keys
    assert "data:image/png" in (folder / "sensitivity.html").read_text()
    stored = (folder / "sensitivity_points.jsonl").read_bytes()
    again = adcc("sensitivity", "mine.toml", "--workers", "1")
    assert "measured before, skipped" in again.stderr
    assert (folder / "sensitivity_points.jsonl").read_bytes() == stored
    assert again.stdout == first.stdout
    # a point of another seed is another point
    other = adcc("sensitivity", "mine.toml", "--workers", "1", "--set", "seed=5", "--set", "sensitivity.trajectories=4")
    assert "measured before" not in other.stderr


def test_more_hits_and_faster_cells_give_more_lysis(adcc):
    result = adcc("sensitivity", "mine.toml", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv("results/mine/tables/sensitivity_morris.csv")
    effect = table[table["output"] == "lysis, 1 ug/mL"].set_index("key")["mu"]
    assert effect["effectors.antibody_hit_per_h"] > 5
    assert effect["effectors.motility"] > 1


def test_without_the_table_or_with_bad_keys_nothing_runs(adcc):
    Path("mine.toml").write_text(re.sub(r"(?s)\[sensitivity\].*?\[sweep\]", "[sweep]", SCENARIO))
    without = adcc("sensitivity", "mine.toml")
    assert without.exit_code == 2
    assert "no table [sensitivity]" in without.stderr
    Path("mine.toml").write_text(SCENARIO.replace("motility", "mobility"))
    bad = adcc("sensitivity", "mine.toml")
    assert bad.exit_code == 2
    assert "did you mean effectors.motility?" in bad.stderr
    assert not Path("results").exists()


def test_without_the_library_a_sentence_says_what_to_install(adcc, monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib", None)
    result = adcc("sensitivity", "mine.toml")
    assert result.exit_code == 2
    assert "pip install 'adccsim[calibrate]'" in result.stderr
