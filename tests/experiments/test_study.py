"""Runs and analysis of a study as functions."""

import signal
from functools import partialmethod
from pathlib import Path

import pytest

from adccsim.analysis.growth import mice
from adccsim.execution.ledger import Failure, Outcome
from adccsim.experiments import study
from adccsim.experiments.errors import IncompleteStudy, InputError, Interrupted, RunsFailed
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_text
from tests.analysis.make_mice import make_mice
from tests.experiments import WELLS

OUT = Path("out")


def test_a_scenario_becomes_runs_tables_and_a_text():
    Path("s.toml").write_text(WELLS)
    lines, steps = [], []
    found = study.run_and_analyse("s.toml", OUT, workers=1, report=lines.append, progress=steps.append)
    assert found.sound and len(found.outcome.done) == 8  # two donors: two doses and two controls
    assert set(found.analysis.tables["lysis_summary"]["dose_ug_per_ml"]) == {0, 1e-3, 1}
    assert found.text.startswith("specific lysis (%)") and found.report.is_file()
    assert lines[0] == "a few cells: 8 runs -> out"
    assert [step.finished for step in steps] == list(range(9))
    again = study.run_and_analyse("s.toml", OUT, workers=1, report=lines.append)
    assert again.analysis is None and again.text.rstrip() == found.text.rstrip()
    assert lines[-1] == "8 runs finished before, skipped"


def test_a_loaded_scenario_runs_and_takes_no_sets():
    scenario = scenario_from_text(WELLS)
    assert len(study.run(scenario, OUT, workers=1).done) == 8
    with pytest.raises(ValueError, match="loaded already"):
        study.run(scenario, OUT, sets=["seed=2"])


def test_a_bad_scenario_is_named_and_nothing_is_written(names):
    Path("s.toml").write_text(WELLS)
    with pytest.raises(ScenarioError, match=r"targets\.cells"):
        study.run("s.toml", OUT, sets=["targets.cells=0"])
    assert names() == ["measured.csv", "s.toml"]


def outcome(**changes):
    return Outcome(**{"done": (), "skipped": (), "failed": ()} | changes)


def test_failed_and_interrupted_runs_are_exceptions(monkeypatch):
    failed = tuple(Failure(f"run{i}", "no memory", 1) for i in range(22))
    monkeypatch.setattr(study, "run_study", lambda *given, **options: outcome(failed=failed))
    with pytest.raises(RunsFailed) as caught:
        study.run(scenario_from_text(WELLS), OUT)
    assert caught.value.lines[0] == "run run0: no memory"
    assert caught.value.lines[20:] == ("... and 2 more runs, see out/failed",)
    stopped = outcome(done=("a",), failed=failed[:1], signal=signal.SIGTERM)
    monkeypatch.setattr(study, "run_study", lambda *given, **options: stopped)
    lines = []
    with pytest.raises(Interrupted) as caught:
        study.run(scenario_from_text(WELLS), OUT, report=lines.append)
    assert caught.value.signal == signal.SIGTERM
    assert str(caught.value) == "interrupted: 1 finished run kept; the same command goes on from there"
    assert lines[1:] == ["error: run run0: no memory"]


def test_some_failed_runs_are_reported_and_the_study_goes_on(monkeypatch):
    moved = tuple(f"file {i} damaged" for i in range(21))
    some = outcome(done=("a",), failed=(Failure("b", "late", 1),), set_aside=moved)
    monkeypatch.setattr(study, "run_study", lambda *given, **options: some)
    lines = []
    assert study.run(scenario_from_text(WELLS), OUT, report=lines.append) is some
    assert lines[1] == "warning: file 0 damaged" and lines[-1] == "error: run b: late"
    assert lines[-2] == "warning: ... and 1 more damaged files were set aside, see log"


def test_a_folder_of_mice_is_analysed_as_mice(folder, monkeypatch):
    monkeypatch.setattr(mice.MiceAnalysis, "write", partialmethod(mice.MiceAnalysis.write, with_figures=False))
    made = make_mice(folder / "mice", {"study.days": 8})
    assert "tumours" in study.analyse(made).tables
    for path in (made / "runs").rglob("*.h5"):
        path.unlink()
    with pytest.raises(IncompleteStudy, match="mice: no mouse"):
        study.analyse(made)


def test_what_is_no_study_is_refused():
    for name in ("nowhere", "x" * 5000):
        with pytest.raises(InputError, match="no results folder"):
            study.analyse(Path(name))


def test_missing_controls_are_failed_runs_where_runs_have_failed(monkeypatch):
    Path("s.toml").write_text(WELLS.replace("donors = 2", "donors = 1"))
    sample = study.run("s.toml", OUT, workers=1, sets=["assay.readout=LDH"])
    roles = {path: path.read_bytes().count(b"target_only") for path in (OUT / "runs").rglob("*.h5")}
    next(path for path, hits in roles.items() if hits).unlink()
    with pytest.raises(IncompleteStudy, match="no target_only well"):
        study.analyse(OUT)
    failed = outcome(done=sample.done, failed=(Failure("b", "late", 1),))
    monkeypatch.setattr(study, "run_study", lambda *given, **options: failed)
    with pytest.raises(RunsFailed, match="no target_only well"):
        study.run_and_analyse("s.toml", OUT)
