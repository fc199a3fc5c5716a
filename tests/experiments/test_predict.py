"""Predictions as a function: the table, the file that is written once, and the refusals."""

from pathlib import Path

import pandas as pd
import pytest

from adccsim.execution import provenance
from adccsim.execution.ledger import Failure, Outcome
from adccsim.experiments.errors import InputError, ResultError, RunsFailed
from adccsim.experiments.predict import predict
from tests.experiments import WELLS


@pytest.fixture
def scenario(monkeypatch):
    monkeypatch.setattr(provenance, "committed_state", lambda files: "c" * 40)
    Path("s.toml").write_text(WELLS)
    return Path("s.toml")


def test_a_prediction_in_memory_writes_nothing(scenario, names):
    found = predict([scenario], workers=1)
    assert found.table["dose_ug_per_ml"].tolist() == [0, 1e-3, 1] and found.names == ("s",)
    assert set(found.table["commit"]) == {"c" * 40} and found.path is None
    assert names() == ["measured.csv", "s.toml"]


def test_a_prediction_is_written_once(scenario):
    found = predict([scenario], Path("out"), scratch=Path("runs"), workers=1)
    assert found.path == Path(f"out/{provenance.state_hash()}.csv")
    assert len(pd.read_csv(found.path)) == 3 and list(Path("runs").rglob("*.h5"))
    with pytest.raises(InputError, match="there already; a prediction is never overwritten"):
        predict([scenario], Path("out"), scratch=Path("runs"), workers=1)
    with pytest.raises(InputError, match="written by somebody else meanwhile"):
        found.write(Path("out"))


def test_a_state_that_is_not_committed_is_refused(names):
    Path("s.toml").write_text(WELLS)
    with pytest.raises(provenance.StateError):
        predict([Path("s.toml")], Path("out"))
    assert names() == ["measured.csv", "s.toml"]


def test_what_cannot_be_predicted_is_refused(scenario, folder):
    with pytest.raises(InputError, match="s: two files of this name"):
        predict([scenario, folder / "s.toml"])
    from adccsim.scenario.shipped import find

    with pytest.raises(InputError, match="only experiments in wells"):
        predict([find("nci_n87_trastuzumab")])


def test_failed_runs_and_files_that_cannot_be_used_are_exceptions(scenario, monkeypatch):
    from adccsim.experiments import predict as module

    scratch = Path("runs")
    found = predict([scenario], scratch=scratch, workers=1)
    (scratch / found.catalogue / "s/runs/x.h5").write_text("no run")
    with pytest.raises(ResultError, match=r"s: runs/x\.h5"):
        predict([scenario], scratch=scratch, workers=1)
    some = Outcome(("a",), (), (Failure("b", "late", 1),))
    monkeypatch.setattr(module, "run_conditions", lambda *given, **options: some)
    with pytest.raises(RunsFailed, match=r"s\.toml: runs failed; nothing is written"):
        predict([scenario])
