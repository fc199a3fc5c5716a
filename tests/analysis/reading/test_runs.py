"""Reading run files: what belongs is read, what does not is named."""

import json

import h5py
import numpy as np
import pytest

from adccsim.analysis import ForeignFile
from adccsim.analysis.reading.runs import observables_table, read_final, read_run, read_study
from adccsim.seal import DamagedFile
from adccsim.study_file import StudyFileError
from tests.analysis.make_runs import Design, Truth, base_condition, make_study, write_run

SMALL = Design(doses=(0.0, 1.0), replicates=1)


@pytest.fixture
def folder(tmp_path):
    make_study(tmp_path, SMALL, Truth())
    return tmp_path


def files(folder):
    return sorted((folder / "runs").rglob("*.h5"))


def test_a_sound_folder_has_no_problems(folder):
    study = read_study(folder)
    assert study.problems == []
    assert len(study.runs) == 4
    assert [run.run_id for run in study.runs] == sorted(run.run_id for run in study.runs)
    run = study.runs[0]
    assert run.observables["signal"].value.shape == run.observables["signal"].time.shape
    assert run.observables["signal"].time[-1] == 4.0


def test_tidy_table_has_a_row_per_run_observable_and_time(folder):
    study = read_study(folder, names=("signal", "signal_blank", "kills_per_nk"))
    table = observables_table(study.runs)
    assert list(table.columns) == ["run_id", "observable", "hours", "value", "units"]
    assert len(table) == 4 * 2 * 9
    assert observables_table([]).empty


def test_last_frame_is_read_by_name(folder):
    sample = next(run for run in read_study(folder).runs if run.role == "sample")
    assert read_final(sample)["target_status"].shape == (200,)


def test_truncated_file_is_named_and_skipped(folder):
    victim = files(folder)[0]
    victim.write_bytes(victim.read_bytes()[:700])
    study = read_study(folder)
    assert len(study.runs) == 3
    assert any(victim.stem in line and "truncated" in line for line in study.problems)
    assert any("1 of 4 runs have no usable file" in line for line in study.problems)


def test_foreign_files_are_named_and_skipped(folder):
    (folder / "runs" / "notes.h5").write_text("not HDF5 at all")
    with h5py.File(folder / "runs" / "other.h5", "w") as file:
        file["x"] = np.arange(3)
    study = read_study(folder)
    assert len(study.runs) == 4
    assert any("notes.h5" in line and "truncated or not an HDF5 file" in line for line in study.problems)
    assert any("other.h5" in line and "no /meta" in line for line in study.problems)


@pytest.mark.parametrize(
    ("meta", "word"),
    [
        ({"schema_version": 4}, "schema version 4"),
        ({"schema_version": 2}, "the SHA-256 at its end is missing"),
        ({"model_version": "well-0"}, "model well-0, the study is well-1"),
        ({"status": "running"}, "not complete"),
        ({"run_id": "somebody-else"}, "does not match its run id"),
    ],
)
def test_other_versions_are_named_and_never_mixed(folder, meta, word):
    entry = json.loads((folder / "study.json").read_text())["run_ids"][0]
    rng = np.random.default_rng(1)
    write_run(folder, entry, "p", base_condition(SMALL), Truth(), rng, **meta)
    study = read_study(folder)
    assert len(study.runs) == 3
    assert any(word in line and entry in line for line in study.problems)


def test_a_run_of_another_study_is_named(folder):
    write_run(folder, "feedfeedfeedfeed", "p", base_condition(SMALL), Truth(), np.random.default_rng(1))
    study = read_study(folder)
    assert len(study.runs) == 4
    assert any("feedfeedfeedfeed" in line and "not in study.json" in line for line in study.problems)


def test_a_run_of_another_kind_is_named(folder):
    info = json.loads((folder / "study.json").read_text())
    condition = base_condition(SMALL) | {"kind": "xenograft"}
    write_run(folder, info["run_ids"][0], "p", condition, Truth(), np.random.default_rng(1))
    assert any("kind xenograft" in line for line in read_study(folder).problems)


def test_without_study_json_the_runs_are_read_and_it_is_said(folder):
    (folder / "study.json").unlink()
    study = read_study(folder)
    assert len(study.runs) == 4
    assert len(study.problems) == 1
    assert "study.json is missing" in study.problems[0]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", DamagedFile, "not JSON"),
        ('{"schema": 2, "run_ids": []}', DamagedFile, "sha256 is missing"),
        ('{"schema": 1, "run_ids": ["a", [1]]}', StudyFileError, r"run_ids\[1\]: must be a run id, not \[1\]"),
        ('{"schema": 9}', DamagedFile, "sha256 is missing"),
    ],
)
def test_a_broken_study_json_is_refused(folder, text, error, words):
    (folder / "study.json").write_text(text)
    with pytest.raises(error, match=words):
        read_study(folder)


def test_failed_runs_are_counted(folder):
    victim = files(folder)[0]
    victim.unlink()
    (folder / "failed").mkdir()
    (folder / "failed" / f"{victim.stem}.json").write_text("{}")
    assert any("(1 failed" in line for line in read_study(folder).problems)


def test_a_missing_observable_series_is_a_fault_of_the_file(folder):
    victim = files(folder)[0]
    with h5py.File(victim, "a") as file:
        del file["observables/signal/time"]
    with pytest.raises(ForeignFile, match="unreadable"):
        read_run(victim)
