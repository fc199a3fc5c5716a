"""The local runner: order, processes, deaths, time limits and restarts change when a file appears, never which."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from adccsim.execution import local
from adccsim.execution.child import Child, TimedOut
from adccsim.execution.folder import FolderError, StudyFolder, error_of, run_file
from adccsim.run_schema import SCHEMA_VERSION
from adccsim.seal import SIZE
from tests.run import fake_runs

REPOSITORY = Path(__file__).parents[2]


def sweep(out_dir, *behaviours, **options):
    return local.execute(fake_runs.conditions(*behaviours), out_dir, run=fake_runs.run, **options)


def files(out_dir: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (out_dir / "runs").rglob("*") if path.is_file()}


def failure(out_dir: Path, run_id: str) -> dict:
    return json.loads((out_dir / "failed" / f"{run_id}.json").read_text())


def test_one_process_runs_here_and_a_second_call_runs_nothing(tmp_path):
    first = sweep(tmp_path, "ok", "ok", workers=1)
    assert first == local.Outcome(done=("00-ok", "01-ok"), skipped=(), failed=())
    again = sweep(tmp_path, "ok", "ok", workers=1)
    assert again == local.Outcome(done=(), skipped=("00-ok", "01-ok"), failed=())


def test_two_processes_write_the_same_files_as_one(tmp_path):
    behaviours = ["ok"] * 5
    assert sweep(tmp_path / "two", *behaviours, workers=2).done == sweep(tmp_path / "one", *behaviours, workers=1).done
    assert files(tmp_path / "two") == files(tmp_path / "one")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_raises_is_kept_on_record_and_the_others_finish(tmp_path, workers):
    outcome = sweep(tmp_path, "raise", "ok", "ok", workers=workers)
    assert outcome.done == ("01-ok", "02-ok")
    assert [(f.run_id, f.reason, f.attempts) for f in outcome.failed] == [("00-raise", "ValueError: no cells", 1)]
    record = failure(tmp_path, "00-raise")
    assert record["condition"]["targets"]["cell_line"] == "00-raise"
    assert "Traceback" in record["traceback"]
    assert record["attempts"] == 1


def test_siblings_survive_processes_that_die(tmp_path):
    outcome = sweep(tmp_path, "die", "ok", "crash", "die-once", "leave", "ok", workers=2)
    assert outcome.done == ("01-ok", "03-die-once", "05-ok")
    assert {f.run_id: (f.reason, f.attempts) for f in outcome.failed} == {
        "00-die": ("its process was ended by SIGKILL (out of memory?)", 2),
        "02-crash": ("its process was ended by SIGSEGV", 2),
        "04-leave": ("its process ended with exit code 3", 2),
    }
    assert failure(tmp_path, "00-die")["attempts"] == 2
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_past_the_time_limit_is_killed(tmp_path):
    outcome = sweep(tmp_path, "hang", "ok", workers=1, timeout_s=2.0)
    assert outcome.done == ("01-ok",)
    assert [f.reason for f in outcome.failed] == ["passed the time limit of 2 s and was stopped"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_process_that_is_stopped_too_late_costs_no_run(tmp_path, monkeypatch):
    check_time, blows = Child.check_time, []

    def once(child: Child) -> None:
        if not blows and child.given:
            blows.append(list(child.given))
            child.end()
            raise TimedOut(None, list(child.given))
        check_time(child)

    monkeypatch.setattr(Child, "check_time", once)
    outcome = sweep(tmp_path, "ok", "ok", "ok", workers=2, timeout_s=60.0)
    assert blows and outcome.done == ("00-ok", "01-ok", "02-ok") and outcome.failed == ()


def test_a_failure_is_forgotten_once_the_run_succeeds(tmp_path):
    with StudyFolder(tmp_path) as folder:
        folder.write_failure("00-ok", "no power", "", 1, fake_runs.condition("00-ok"))
    assert (tmp_path / "failed" / "00-ok.json").exists()
    sweep(tmp_path, "ok", workers=1)
    assert not (tmp_path / "failed" / "00-ok.json").exists()


def test_damaged_files_are_set_aside_and_run_again_and_others_left_alone(tmp_path):
    sweep(tmp_path, "ok", "ok", "ok", "ok", "ok", workers=1)
    path = {number: run_file(tmp_path / "runs", f"{number:02x}-ok") for number in range(5)}
    path[0].write_bytes(path[0].read_bytes()[:100])
    path[1].write_text("a shopping list")
    fake_runs.write(path[2], "somebody-else")
    with h5py.File(path[3], "w"):
        pass
    fake_runs.write(path[4], "04-ok", status="running")
    before = files(tmp_path)
    outcome = sweep(tmp_path, "ok", "ok", "ok", "ok", "ok", "ok", workers=1)
    assert outcome.done == ("00-ok", "01-ok", "03-ok", "04-ok", "05-ok")
    words = {0: "truncated", 1: "not an HDF5", 3: "not a run file", 4: "not complete"}
    for line, (number, reason) in zip(outcome.set_aside, words.items(), strict=True):
        name = f"{number:02x}-ok"
        assert line.startswith(f"runs/{name[:2]}/{name}.h5: ") and reason in line
        assert line.endswith(f"set aside as damaged/{name}.h5") and line in (tmp_path / "log").read_text()
        assert (tmp_path / "damaged" / f"{name}.h5").read_bytes() == before[name]
    assert [(f.run_id, f.attempts) for f in outcome.failed] == [("02-ok", 0)]
    assert "another run (somebody-else); left as it is" in outcome.failed[0].reason
    sweep(tmp_path / "whole", *["ok"] * 6, workers=1)
    assert files(tmp_path) == files(tmp_path / "whole") | {"02-ok": before["02-ok"]}
    path[0].write_bytes(b"again")
    assert sweep(tmp_path, "ok", workers=1).done == ("00-ok",)
    assert (tmp_path / "damaged" / "00-ok.2.h5").read_bytes() == b"again"


def test_shards_are_disjoint_complete_and_independent_of_file_order():
    conditions = {f"{n:04x}": fake_runs.condition("ok", nk_cells=n % 7) for n in range(50)}
    parts = [local.shard(conditions, index, 3) for index in range(3)]
    assert sorted(run_id for part in parts for run_id in part) == sorted(conditions)
    assert [len(part) for part in parts] == [17, 17, 16]
    backwards = dict(reversed(conditions.items()))
    assert [sorted(local.shard(backwards, index, 3)) for index in range(3)] == [sorted(part) for part in parts]
    amounts = [sum(each.agent_hours for each in part.values()) for part in parts]
    assert max(amounts) < 1.1 * min(amounts)
    with pytest.raises(ValueError, match="from 0 to 2"):
        local.shard(conditions, 3, 3)


def test_progress_counts_every_run_and_ends_complete(tmp_path):
    steps = []
    sweep(tmp_path, "ok", "raise", "ok", workers=1, progress=steps.append)
    assert [(step.finished, step.failed, step.total) for step in steps] == [(0, 0, 3), (1, 0, 3), (2, 1, 3), (3, 1, 3)]
    assert [step.work_done for step in steps] == sorted(step.work_done for step in steps)
    assert steps[-1].work_done == pytest.approx(1.0)


SCRIPT = """
import sys
from pathlib import Path
from adccsim.execution import local
from adccsim.execution.child import Child, TimedOut
from tests.run import fake_runs
if __name__ == "__main__":
    conditions = fake_runs.conditions(*sys.argv[3:])
    outcome = local.execute(conditions, Path(sys.argv[1]), workers=int(sys.argv[2]), run=fake_runs.run)
    print("ended", outcome.signal, *outcome.done)
"""


@pytest.fixture
def script(tmp_path):
    """Start a sweep in a process of its own: script(out_dir, workers, *behaviours) -> Popen with text output."""
    path, started = tmp_path / "sweep.py", []
    path.write_text(f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{SCRIPT}")

    def start(out_dir, workers, *behaviours):
        arguments = [sys.executable, str(path), str(out_dir), str(workers), *behaviours]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def read_until(process, *lines):
    wanted = set(lines)
    for line in process.stdout:
        wanted.discard(line.strip())
        if not wanted:
            return
    raise AssertionError(f"the sweep ended without {wanted}")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_sweep_and_keeps_what_is_finished(tmp_path, script, workers, number):
    out = tmp_path / "out"
    process = script(out, workers, "ok", "hang", "hang", "ok")
    read_until(process, "finished 00-ok", "hanging 01-hang")
    process.send_signal(number)
    rest, _ = process.communicate()
    assert f"ended {int(number)} 00-ok" in rest
    assert "00-ok" in files(out)
    assert not list(out.rglob("*.part"))
    assert not list((out / "failed").iterdir())


def test_resume_after_the_sweep_was_killed(tmp_path, script):
    out = tmp_path / "out"
    process = script(out, 1, "ok", "ok", "hang", "ok")
    read_until(process, "hanging 02-hang")
    process.kill()
    process.communicate()
    assert sorted(files(out)) == ["00-ok", "01-ok", "02-hang.h5.fake"]
    outcome = sweep(out, "ok", "ok", "ok", "ok", workers=2)
    assert outcome.skipped == ("00-ok", "01-ok")
    assert outcome.done == ("02-ok", "03-ok")
    assert not list(out.rglob("*.part"))
    sweep(tmp_path / "whole", "ok", "ok", "ok", "ok", workers=1)
    assert files(out) == files(tmp_path / "whole")


def test_leftovers_stay_while_somebody_else_works_in_the_folder(tmp_path):
    with StudyFolder(tmp_path):
        part = tmp_path / "runs" / "ab.h5.part"
        part.write_text("being written")
        with StudyFolder(tmp_path) as second:
            assert second.remove_leftovers() == 0
    with StudyFolder(tmp_path) as alone:
        assert alone.remove_leftovers() == 1
    assert not part.exists()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "notes").write_text("text")
    for out in (tmp_path / "notes", tmp_path / "notes" / "below" / "it"):
        with pytest.raises(FolderError, match="is a file, not a directory"):
            sweep(out, "ok")
    assert (tmp_path / "notes").read_text() == "text"


def test_a_folder_describes_one_study(tmp_path):
    with StudyFolder(tmp_path) as folder:
        assert not folder.write_study({"run_ids": ["a"], "title": "one"})
        assert not folder.write_study({"run_ids": ["a"], "title": "renamed"})
        assert folder.write_study({"run_ids": ["a", "b"], "title": "changed"})
        (tmp_path / "study.json").write_text("{")
        assert folder.write_study({"run_ids": ["a"], "title": "mended"})
    assert json.loads((tmp_path / "study.json").read_text())["title"] == "mended"


def test_a_finished_file_has_no_fault(tmp_path):
    fake_runs.write(tmp_path / "a.h5", "a")
    assert error_of(tmp_path / "a.h5", "a") is None
    assert "another run" in error_of(tmp_path / "a.h5", "b")


def test_a_file_of_another_layout_is_not_taken_for_this_one(tmp_path):
    fake_runs.write(tmp_path / "a.h5", "a", layout=SCHEMA_VERSION + 1)
    found = f"layout {SCHEMA_VERSION + 1}, this program reads up to layout {SCHEMA_VERSION}"
    assert error_of(tmp_path / "a.h5", "a") == found
    fake_runs.write(tmp_path / "a.h5", "a")
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-SIZE])
    assert error_of(tmp_path / "a.h5", "a") == "damaged: the SHA-256 at its end is missing"
    fake_runs.write(tmp_path / "a.h5", "a", layout=1)  # of 0.1.0, without a seal
    assert error_of(tmp_path / "a.h5", "a") is None
