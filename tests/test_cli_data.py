"""The command line with a laboratory's own data: `adcc plate` and `adcc compare`."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import app

SCENARIO = """
schema = 1
kind = "well"
title = "a small well"
[targets]
cell_line = "SK-BR-3"
cells = 2000
[effectors]
type = "NK-92-CD16a-V158"
et_ratio = 2.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 0.5
readout = "calcein"
[compare]
data = "observed.csv"
citation = "a bench"
[sweep]
"antibody.dose_ug_per_ml" = [0, 1e-3, 1]
"""
OBSERVED = "dose_ug_per_ml,et_ratio,value,sd,n\n0,2,-2,3,4\n1e-3,2,3,3,4\n1,2,5,3,4\n"
PLATE = """role,dose_ug_per_ml,et_ratio,signal
target_only,,,0.3
target_only,,,0.32
maximum,,,1.5
maximum,,,1.48
sample,0,5,0.4
sample,0,5,0.42
sample,1,5,0.9
sample,1,5,0.93
"""


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    """Call the command in an empty directory: result with exit_code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


def files(scenario=SCENARIO, observed=OBSERVED):
    Path("mine.toml").write_text(scenario)
    Path("observed.csv").write_text(observed)


def test_a_plate_becomes_a_table_and_csv_files(adcc):
    Path("plate.csv").write_text(PLATE)
    result = adcc("plate", "plate.csv", "--readout", "calcein")
    assert result.exit_code == 0, result.stderr
    assert "technical replicates" in result.stdout
    assert "Z'-factor" in result.stdout
    assert "no blank well" in result.stderr
    assert (Path("results/plate/tables/plate_lysis.csv")).exists()


def test_a_bad_plate_is_refused_in_plain_lines(adcc):
    Path("plate.csv").write_text(PLATE.replace("0.93", "much"))
    for arguments, words in [
        (["plate.csv"], "plate.csv: row 9, column signal: 'much' is not a number"),
        (["plate.csv", "--readout", "ELISA"], "'ELISA'"),
        (["nowhere.csv"], "nowhere.csv"),
    ]:
        result = adcc("plate", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert all(line.startswith("error: ") for line in result.stderr.splitlines())
    Path("plate.csv").write_text(PLATE)
    lacking = adcc("plate", "plate.csv")
    assert lacking.exit_code == 2
    assert "no effector_only well at E:T 5" in lacking.stderr
    assert not Path("results").exists()


def test_an_experiment_is_simulated_compared_and_not_run_twice(adcc):
    files()
    first = adcc("compare", "mine.toml", "--workers", "1")
    assert first.exit_code == 0, first.stderr
    assert "a small well (predicted): " in first.stdout
    assert "largest difference of a mean" in first.stdout
    folder = Path("results/compare")
    assert "data:image/png" in (folder / "compare.html").read_text()
    points = (folder / "mine/tables/compare_points.csv").read_text()
    assert points.count("\n") == 4
    assert ",-2,3,4," in points  # below 0, as observed
    runs = {path: path.stat().st_mtime_ns for path in (folder / "mine/runs").rglob("*.h5")}
    again = adcc("compare", "mine.toml", "--workers", "1")
    assert "finished before, skipped" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (folder / "mine/runs").rglob("*.h5")} == runs
    assert re.sub(r"\s", "", again.stdout) == re.sub(r"\s", "", first.stdout)


@pytest.mark.parametrize(
    ("change", "observed", "words"),
    [
        (("data =", "dta ="), OBSERVED, "compare.dta"),
        (('"observed.csv"', '"lost.csv"'), OBSERVED, "compare.data"),
        (("[compare]", "[compare]\nsame_laboratory_pct = 30"), OBSERVED, "compare.other_laboratory_pct"),
        (("[compare]", '[compare]\nrole = "fitted"'), OBSERVED, "compare.role"),
        (('data = "observed.csv"', ""), OBSERVED, "compare.data"),
        (('[compare]\ndata = "observed.csv"\ncitation = "a bench"', ""), OBSERVED, "no table [compare]"),
        (("", ""), OBSERVED.replace("1e-3", "5e-3"), "row 3, column dose_ug_per_ml: 0.005 is not simulated"),
        (("", ""), OBSERVED.replace("-2", "low"), "row 2, column value"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(adcc, change, observed, words):
    files(SCENARIO.replace(*change, 1), observed)
    result = adcc("compare", "mine.toml")
    assert result.exit_code == 2
    assert words in result.stderr
    assert all(line.startswith("error: ") for line in result.stderr.splitlines())
    assert not Path("results").exists()


def test_two_files_of_one_name_are_refused(adcc):
    files()
    result = adcc("compare", "mine.toml", "mine.toml")
    assert result.exit_code == 2
    assert "two files would write to" in result.stderr


def test_runs_do_not_depend_on_what_they_are_compared_with():
    from adccsim.scenario.load import scenario_from_text
    from adccsim.scenario.well.expand import expand

    start, end = SCENARIO.index("[compare]"), SCENARIO.index("[sweep]")
    bare = expand(scenario_from_text(SCENARIO[:start] + SCENARIO[end:]))
    with_data = SCENARIO.replace('"observed.csv"', f'"{Path(__file__).name}"')
    compared = expand(scenario_from_text(with_data, folder=Path(__file__).parent))
    assert [one.run_id for one in compared] == [one.run_id for one in bare]


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[1].glob("benchmarks/in_vitro_lysis/*/scenario.toml")))
def test_published_experiments_are_ready_to_run(path):
    from adccsim.analysis.fitting.observed import read_observed
    from adccsim.scenario.load import load_scenario

    scenario = load_scenario(path)
    rows, _, notes = read_observed(scenario.compare_data)
    assert notes == []
    assert (rows["source"] != "").all()
    assert set(rows["provenance"]) <= {"found", "derived"}
    assert rows["n"].notna().all()
    assert scenario.compare.citation
    readme = (path.parent / "README.md").read_text(encoding="utf-8")
    word = "fitted" if scenario.compare.role == "calibration data" else "predicted"
    assert f"({word})" in readme.splitlines()[0]
