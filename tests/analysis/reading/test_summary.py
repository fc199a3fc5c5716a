"""The summary table: rebuilt in steps or at once it is the same, and it holds what the run files hold."""

import json
import shutil

import pyarrow.parquet as parquet
import pytest

from adccsim.analysis.assay import study as studies
from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.reading import summary as summaries
from adccsim.analysis.reading.runs import read_run
from adccsim.analysis.reading.summary import END_VALUES, refresh
from adccsim.execution import local
from adccsim.execution.folder import write_json
from adccsim.record import layout
from adccsim.version import WELL_MODEL
from tests.cluster.sweeps import describe, text


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of 28 finished runs."""
    out = tmp_path_factory.mktemp("study")
    assert local.execute(describe(text(replicates=4), out), out, workers=1).failed == ()
    return out


@pytest.fixture
def out(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def rows(out):
    return parquet.read_table(out / "tables" / "runs.parquet").to_pylist()


def run_files(out):
    return sorted((out / "runs").rglob("*.h5"))


def test_a_row_per_run_with_design_and_last_values(out):
    summary = refresh(out)
    assert (summary.rows, summary.read, summary.problems) == (28, 28, [])
    found = {row["run_id"]: row for row in rows(out)}
    for path in run_files(out):
        run, row = read_run(path), found[path.stem]
        assert (row["plate"], row["role"], row["model_version"]) == (run.plate, run.role, run.model_version)
        assert row["dose_ug_per_ml"] == run.condition["antibody"]["dose_ug_per_ml"]
        assert {name: row[name] for name in END_VALUES} == {name: run.observables[name].last for name in END_VALUES}
        assert row["file_bytes"] == path.stat().st_size


def test_the_table_knows_every_series_of_the_run_file():
    assert set(END_VALUES) == set(layout.SERIES)


def test_only_new_and_changed_files_are_read_and_the_table_is_the_same(out):
    whole = rows(out) if refresh(out).rows else []
    (out / "tables" / "runs.parquet").unlink()
    aside = out / "aside"
    aside.mkdir()
    for path in run_files(out)[::3]:
        shutil.move(path, aside / path.name)
    first = refresh(out)
    assert (first.read, first.problems) == (18, ["10 of 28 runs have no file"])
    for path in aside.iterdir():
        shutil.move(path, out / "runs" / path.name[:2] / path.name)
    assert refresh(out).read == 10
    assert rows(out) == whole
    before = (out / "tables" / "runs.parquet").stat().st_mtime_ns
    assert refresh(out).read == 0
    assert (out / "tables" / "runs.parquet").stat().st_mtime_ns == before, "nothing new, nothing written"
    gone = run_files(out)[0]
    gone.unlink()
    assert refresh(out).rows == 27
    assert gone.stem not in {row["run_id"] for row in rows(out)}


def test_what_is_bad_foreign_or_of_another_model_is_named_and_left_out(out):
    first, second, *_ = run_files(out)
    assert refresh(out).rows == 28  # a file that changes after it was read is read again
    first.write_bytes(first.read_bytes()[:2000])
    shutil.copy(second, second.with_name("ffffffffffffffff.h5"))
    summary = refresh(out)
    assert summary.rows == 27
    name = first.relative_to(out).as_posix()
    assert summary.problems == [
        f"{name}: truncated or not an HDF5 file; skipped",
        "1 files below runs belong to another study or model version; left out",
    ]
    study = json.loads((out / "study.json").read_text())
    study["versions"]["model"] = "well-99"
    del study["sha256"]
    write_json(out / "study.json", study)
    summary = refresh(out)  # rows of the old table are of the old model
    assert summary.rows == 0 and f"model {WELL_MODEL}, the study is well-99; skipped" in summary.problems[1]


def test_the_table_does_not_depend_on_the_number_of_processes(out, monkeypatch):
    bad = run_files(out)[3]
    bad.write_bytes(b"no run")
    one = refresh(out)
    alone = one.path.read_bytes()
    one.path.unlink()
    monkeypatch.setattr(summaries, "SPREAD_FROM", 10)
    two = refresh(out, processes=2)
    assert (two.rows, two.read, two.problems) == (one.rows, one.read, one.problems) and two.rows == 27
    assert two.path.read_bytes() == alone


def test_a_large_study_gives_the_numbers_of_a_small_one(out, monkeypatch):
    small = analyse_wells(out, with_figures=False)
    monkeypatch.setattr(studies, "LARGE", 10)
    large = analyse_wells(out, with_figures=False)
    assert large.problems == small.problems == []
    for name in ("lysis", "lysis_summary", "controls"):
        assert large.tables[name].equals(small.tables[name]), name
    fitted = ["status", "doses", "wells", "highest_mean_pct"]
    assert large.tables["dose_response"][fitted].equals(small.tables["dose_response"][fitted])
    assert large.headline.equals(small.headline)
    monkeypatch.setattr(summaries, "SPREAD_FROM", 10)
    large.report.with_name("tables").joinpath("runs.parquet").unlink()
    spread = analyse_wells(out, with_figures=False, processes=2)
    assert all(spread.tables[name].equals(table) for name, table in large.tables.items())
    assert set(small.tables) - set(large.tables) == {"kinetics", "kinetics_summary", "killing"}
