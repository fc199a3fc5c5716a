"""How far a study is, from the names in its folder."""

import json
import os

import pytest

from adccsim.execution.folder import FolderError, StudyFolder, run_file
from adccsim.execution.status import status
from tests.run.fake_runs import condition


@pytest.fixture
def study(tmp_path):
    """A folder of ten runs: five done a second apart, one failed, one being made, one stale .part."""
    ids = [f"{n:02x}{n:02x}" for n in range(10)]
    with StudyFolder(tmp_path) as folder:
        folder.write_study({"run_ids": ids, "title": "t"})
        trace = "Traceback:\n  File x\nValueError: no cells here\n"
        folder.write_failure(ids[5], "ValueError: no", trace, 2, condition("a"))
        folder.write_failure(ids[0], "old", "", 1, condition("b"))  # it has succeeded since
    now = 1_000_000_000.0
    for number, run_id in enumerate(ids[:5]):
        path = run_file(tmp_path / "runs", run_id)
        path.parent.mkdir()
        path.write_text("")
        os.utime(path, (now + number, now + number))
    for run_id, moment in ((ids[6], None), (ids[7], now)):
        path = run_file(tmp_path / "runs", run_id).with_name(f"{run_id}.abc.part")
        path.parent.mkdir()
        path.write_text("")
        if moment:
            os.utime(path, (moment, moment))
    path = run_file(tmp_path / "runs", "ffff")
    path.parent.mkdir()
    path.write_text("")
    return tmp_path


def test_counts_failures_rate_and_time_left(study):
    found = status(study)
    assert (found.total, found.done, found.running, found.unfinished, found.foreign) == (10, 5, 1, 1, 1)
    assert [(run.run_id, run.attempts, run.line) for run in found.failed] == [("0505", 2, "ValueError: no cells here")]
    assert found.to_do == 4
    assert found.rate_per_s == pytest.approx(1.0)  # four further runs in four seconds
    assert found.seconds_left == pytest.approx(4.0)


def test_a_record_that_cannot_be_read_is_named(study):
    (study / "failed" / "0808.json").write_text("{")
    assert ("0808", "its record cannot be read") in [(run.run_id, run.line) for run in status(study).failed]


def test_what_is_no_results_folder(tmp_path):
    with pytest.raises(FolderError, match="no results folder"):
        status(tmp_path)
    (tmp_path / "study.json").write_text(json.dumps([]))
    with pytest.raises(FolderError, match="must be a JSON object with an entry run_ids"):
        status(tmp_path)
