"""The command line: what it prints, what it refuses and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim import __version__
from adccsim.cli import app
from tests.gate import ENDS, Gate

REPOSITORY = Path(__file__).parents[1]

SCENARIO = """
schema = 1
kind = "well"
title = "a small well"
[targets]
cell_line = "SK-BR-3"
cells = 200
[effectors]
type = "NK-92-CD16a-V158"
et_ratio = 2.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 0.5
readout = "LDH"
"""


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    """Call the command in an empty directory: adcc("run", "x.toml") -> result with exit_code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


def scenario(change: str = "", **replace: str) -> Path:
    """Write scenario.toml here: the small one, with lines appended and `key = value` lines replaced."""
    text = SCENARIO
    for key, value in replace.items():
        text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert found == 1
    path = Path("scenario.toml")
    path.write_text(text + change)
    return path


def test_version_and_help(adcc):
    assert adcc("--version").stdout.strip() == __version__
    assert "run" in adcc("--help").stdout
    assert adcc().exit_code == 2


BAD_SCENARIOS = {
    "unknown key": ({"change": "[well]\ncolour = 3\n"}, ["well.colour", "unknown key"]),
    "misspelt key": ({"change": '[well]\nformatt = "96-flat"\n'}, ["well.formatt", "did you mean well.format?"]),
    "misspelt table": ({"change": "[wel]\nvolume_ul = 3\n"}, ["wel", "well"]),
    "wrong type": ({"cells": '"many"'}, ["targets.cells"]),
    "truth for a number": ({"et_ratio": "true"}, ["effectors.et_ratio"]),
    "not a number": ({"dose_ug_per_ml": "nan"}, ["antibody.dose_ug_per_ml"]),
    "infinity": ({"dose_ug_per_ml": "inf"}, ["antibody.dose_ug_per_ml"]),
    "negative dose": ({"dose_ug_per_ml": "-1"}, ["antibody.dose_ug_per_ml"]),
    "negative E:T": ({"et_ratio": "-1"}, ["effectors.et_ratio"]),
    "a billion cells": ({"cells": "1_000_000_000"}, ["targets.cells", "GB"]),
    "empty sweep": ({"change": '[sweep]\n"antibody.dose_ug_per_ml" = []\n'}, ["antibody.dose_ug_per_ml", "empty"]),
    "sweep of an unknown key": ({"change": '[sweep]\n"antibody.dosis" = [1]\n'}, ["antibody.dosis", "unknown key"]),
    "duplicate condition": ({"change": '[sweep]\n"effectors.et_ratio" = [1, 1.0]\n'}, ["et_ratio", "duplicate"]),
    "unknown line": ({"cell_line": '"SKBR3"'}, ["targets.cell_line", "SK-BR-3"]),
    "unknown antibody": ({"name": '"trastuzumap"'}, ["antibody.name", "trastuzumab"]),
    "kind that is not there": ({"kind": '"organoid"'}, ["kind"]),
    "newer schema": ({"schema": "2"}, ["schema", "newer"]),
    "broken TOML": ({"change": "[well\n"}, ["scenario.toml", "not valid TOML"]),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", BAD_SCENARIOS)
def test_bad_scenarios_are_refused_in_plain_lines(adcc, command, name):
    change, words = BAD_SCENARIOS[name]
    result = adcc(command, scenario(**change))
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines), result.stderr
    assert any(all(word in line for word in words) for line in lines), result.stderr
    assert result.stdout == ""
    assert [path.name for path in Path().iterdir()] == ["scenario.toml"]


def test_every_fault_has_its_own_line(adcc):
    path = scenario(cells="0", et_ratio="-1", dose_ug_per_ml="nan")
    result = adcc("run", path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 3


def test_tables_that_a_kind_needs(adcc):
    Path("bare.toml").write_text('schema = 1\nkind = "well"\n')
    result = adcc("run", "bare.toml")
    assert result.exit_code == 2
    for table in ("targets", "effectors", "antibody", "assay"):
        assert any(line.startswith(f"error: {table}: missing") for line in result.stderr.splitlines())


@pytest.mark.parametrize("name", ["nowhere.toml", "x" * 5000, ".", "no\nline"])
def test_files_that_cannot_be_read(adcc, name):
    result = adcc("run", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert not list(Path().iterdir())


def test_a_nearly_right_name_of_a_shipped_scenario_is_recognised(adcc):
    result = adcc("check", "adcc-protocl")
    assert result.exit_code == 2
    assert "did you mean the shipped scenario adcc_protocol?" in result.stderr


def test_bad_values_on_the_command_line(adcc):
    path = scenario()
    for options, words in [
        (["--set", "antibody.dose_ug_per_ml"], "key=value"),
        (["--set", "antibody.dosage=1"], "antibody.dosage"),
        (["--workers", "0"], "--workers"),
        (["--threads", "-2"], "--threads"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "nan"], "--timeout"),
        (["--shard", "3/3"], "i/k"),
        (["--shard", "x"], "i/k"),
        (["--nonsense"], "--nonsense"),
    ]:
        result = adcc("run", path, *options)
        assert (result.exit_code, words in result.stderr) == (2, True), (options, result.stderr)
        assert [entry.name for entry in Path().iterdir()] == ["scenario.toml"]


def test_results_below_a_file_are_refused(adcc):
    path = scenario()
    Path("notes").write_text("text")
    for out in ("notes", "notes/below"):
        result = adcc("run", path, "--out", out)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1].startswith("error: notes is a file, not a directory")
    assert Path("notes").read_text() == "text"


def files() -> set[str]:
    return {str(path) for path in Path("results").rglob("*") if path.is_file()}


def test_a_study_from_file_to_report_and_again(adcc):
    path = scenario()
    first = adcc("run", path, "--workers", "1")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith("specific lysis (%)")
    assert "report: results/scenario/report.html" in first.stdout
    made = files()
    for name in ("study.json", "report.html", "log", "tables/lysis.csv", "figures/well.png"):
        assert f"results/scenario/{name}" in made
    assert json.loads(Path("results/scenario/study.json").read_text())["scenario"] == path.read_text()
    contents = {name: Path(name).read_bytes() for name in made if not name.endswith("log")}
    again = adcc("run", path)
    assert again.exit_code == 0
    assert again.stdout == first.stdout
    assert "4 runs finished before, skipped" in again.stderr
    assert files() == made
    assert {name: Path(name).read_bytes() for name in contents} == contents
    assert adcc("analyse", "results/scenario").stdout == first.stdout


def test_a_file_that_is_no_run_is_named_each_time(adcc):
    path = scenario()
    assert adcc("run", path, "--workers", "1").exit_code == 0
    Path("results/scenario/runs/holiday.h5").write_text("a picture")
    for command in (("run", path), ("analyse", "results/scenario")):
        result = adcc(*command)
        assert result.exit_code == 1
        assert "runs/holiday.h5: truncated or not an HDF5 file; skipped" in result.stderr
        assert "specific lysis" in result.stdout


def test_a_truncated_run_is_named_set_aside_and_run_again(adcc):
    path = scenario('[sweep]\n"antibody.dose_ug_per_ml" = [0.1, 1]\n')
    assert adcc("run", path, "--workers", "1").exit_code == 0
    study = json.loads(Path("results/scenario/study.json").read_text())
    run_id = next(c["run_id"] for c in study["conditions"] if c["role"] == "sample")
    broken = Path(f"results/scenario/runs/{run_id[:2]}/{run_id}.h5")
    whole = broken.read_bytes()
    broken.write_bytes(whole[:1000])
    result = adcc("analyse", "results/scenario")
    assert result.exit_code == 1
    assert f"runs/{run_id[:2]}/{run_id}.h5: " in result.stderr
    result = adcc("run", path, "--workers", "1")
    assert result.exit_code == 0, result.output
    assert run_id in result.output
    assert broken.read_bytes() == whole
    assert (Path("results/scenario/damaged") / broken.name).read_bytes() == whole[:1000]
    assert "specific lysis" in result.stdout


def test_missing_controls_are_named(adcc):
    path = scenario()
    assert adcc("run", path, "--workers", "1").exit_code == 0
    study = json.loads(Path("results/scenario/study.json").read_text())
    for condition in study["conditions"]:
        if condition["role"] == "target_only":
            next(Path("results").rglob(condition["run_id"] + ".h5")).unlink()
    result = adcc("analyse", "results/scenario")
    assert result.exit_code == 2
    assert re.search(r"error: results/scenario: plate \w+: no target_only well", result.stderr)


def test_runs_that_fail_are_named_and_the_exit_code_says_so(adcc):
    result = adcc("run", scenario(), "--timeout", "0.001", "--workers", "1")
    assert result.exit_code == 1
    assert result.stderr.count("passed the time limit of 0.001 s") == 4
    assert len(list(Path("results/scenario/failed").iterdir())) == 4
    assert adcc("run", scenario(), "--workers", "1").exit_code == 0
    assert not list(Path("results/scenario/failed").iterdir())


def test_shards_leave_the_analysis_to_the_user(adcc):
    path = scenario()
    for shard in ("0/2", "1/2"):
        result = adcc("run", path, "--workers", "1", "--shard", shard)
        assert result.exit_code == 0
        assert "adcc analyse results/scenario" in result.stderr
        assert result.stdout == ""
    assert adcc("analyse", "results/scenario").exit_code == 0


def test_a_changed_scenario_in_the_same_folder_is_said(adcc):
    assert adcc("run", scenario(), "--workers", "1").exit_code == 0
    result = adcc("run", scenario(), "--workers", "1", "--set", "antibody.dose_ug_per_ml=0.1")
    assert "held another study" in result.stderr
    assert result.exit_code == 1
    assert "its run id is not in study.json" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_keeps_what_is_finished(adcc, number):
    path = scenario(title='"many wells"\nreplicates = 20')
    gate = Gate(Path("gate").absolute(), ENDS)
    command = [sys.executable, "-m", "adccsim.cli", "run", str(path), "--workers", "1"]
    environment = os.environ | gate.environment
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        gate.release_one_by_one(20, lambda: len(list(Path("results/scenario/runs").rglob("*.h5"))))
        gate.wait_for(1)
        assert any("% of the work" in line for line in process.stderr)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 128 + number
    assert len(list(Path("results/scenario/runs").rglob("*.h5"))) == 20
    assert "kept; the same command goes on from there" in rest
    assert "Traceback" not in rest
    assert not list(Path("results").rglob("*.part"))
    assert not list(Path("results/scenario/failed").iterdir())


def test_check_shows_the_design_and_writes_nothing(adcc):
    result = adcc("check", scenario('[sweep]\n"effectors.et_ratio" = [1, 5]\n'))
    assert result.exit_code == 0
    assert "wells    7 on 1 plate" in result.stdout
    for words in ("1,000", "memory", "files"):
        assert words in result.stdout
    assert [path.name for path in Path().iterdir()] == ["scenario.toml"]


def test_a_new_scenario_starts_from_a_shipped_one(adcc):
    assert adcc("init", "mine").exit_code == 0
    assert adcc("check", "mine.toml").exit_code == 0
    kept = Path("mine.toml").read_text()
    again = adcc("init", "mine")
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert Path("mine.toml").read_text() == kept
    unknown = adcc("init", "other", "--from", "nothing")
    assert unknown.exit_code == 2
    assert adcc("init", "below/nowhere/x").exit_code == 2
    assert [path.name for path in Path().iterdir()] == ["mine.toml"]


def test_the_catalogue_is_listed_with_sources(adcc):
    overview = adcc("list")
    assert overview.exit_code == 0
    assert "cell-lines: SK-BR-3, BT-474" in overview.stdout
    lines = adcc("list", "cell-lines").stdout
    for words in ("her2_per_cell", "1/cell", "derived", "assumed", "JIMT-1"):
        assert words in lines
    one = adcc("list", "cell-lines", "--name", "JIMT-1").stdout
    assert "masked_fraction" in one
    assert "clearance_time_h" in one  # shared by all lines, and holds for this one too
    assert "BT-474" not in one.splitlines()[0]


def test_unknown_things_to_list(adcc):
    for arguments, words in [
        (["cellines"], "did you mean cell-lines?"),
        (["cell-lines", "--name", "JIMT1"], "did you mean JIMT-1?"),
    ]:
        result = adcc("list", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr


def test_the_schema_is_json(adcc):
    content = json.loads(adcc("schema").stdout)
    assert "targets" in content["properties"]


def test_a_folder_without_runs_is_not_analysed(adcc):
    result = adcc("analyse", "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: nowhere: no results folder")
