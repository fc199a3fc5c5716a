"""Dask on this machine: the files of a laptop, and runs that raise, hang or take their worker along."""

import json

import pytest
from msgspec.structs import replace

from adccsim.execution import cluster, local
from adccsim.execution.errors import ClusterError
from adccsim.execution.folder import FolderError, StudyFolder, claimed
from adccsim.execution.site import Site
from tests.cluster import bad_runs
from tests.cluster.sweeps import census, describe, runs_of, text, told
from tests.run import fake_runs


def test_dask_writes_the_files_of_one_process(tmp_path):
    scenario = text(replicates=3)
    reference = tmp_path / "laptop"
    assert local.execute(describe(scenario, reference), reference, workers=1).failed == ()
    out, steps = tmp_path / "dask", []
    runs = describe(scenario, out)
    outcome = cluster.execute(runs, out, workers=2, progress=steps.append)
    assert outcome.done == tuple(sorted(runs)) and outcome.failed == ()
    assert census(out) == census(reference)
    assert census(out).files == 21
    assert [steps[0].finished, steps[-1].finished, steps[-1].total] == [0, 21, 21]
    again = cluster.execute(runs, out, workers=2)
    assert again.skipped == outcome.done and again.done == ()


def test_runs_that_raise_hang_or_die_fail_and_their_siblings_finish(tmp_path):
    behaviours = ("ok", "raise", "die", "ok", "leave", "hang", "die-once", "ok")
    outcome = cluster.execute(fake_runs.conditions(*behaviours), tmp_path, workers=2, timeout_s=2.0, run=fake_runs.run)
    assert outcome.done == ("00-ok", "03-ok", "06-die-once", "07-ok")
    found = {failure.run_id: (failure.reason, failure.attempts) for failure in outcome.failed}
    assert found == {
        "01-raise": ("ValueError: no cells", 1),
        "02-die": ("its process was ended by SIGKILL (out of memory?)", 2),
        "04-leave": ("its process ended with exit code 3", 2),
        "05-hang": ("passed the time limit of 2 s and was stopped", 1),
    }
    print(f"\nruns that raise, die, leave, hang: attempts {[count for _, count in found.values()]}, "
          f"siblings finished {len(outcome.done)}")  # fmt: skip
    record = json.loads((tmp_path / "failed" / "01-raise.json").read_text())
    assert record["attempts"] == 1 and "ValueError" in record["traceback"]
    assert sorted(path.stem for path in (tmp_path / "failed").iterdir()) == sorted(found)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
def test_a_run_that_kills_every_worker_fails_alone(tmp_path):
    outcome = cluster.execute(
        fake_runs.conditions("ok", "ok", "shoot", "ok", "ok", "ok"), tmp_path, workers=2, run=bad_runs.run,
        site=Site(lost_workers=1),
    )  # fmt: skip
    shot = len(list(tmp_path.glob("shot-*")))
    assert outcome.done == ("00-ok", "01-ok", "03-ok", "04-ok", "05-ok")
    assert [(failure.run_id, failure.attempts) for failure in outcome.failed] == [("02-shoot", 2)]
    assert "lost" in outcome.failed[0].reason
    assert shot == 4, "twice in its bundle, twice by itself"
    print(f"\na run that kills its worker: workers lost {shot}, siblings finished {len(outcome.done)} of 5")


def test_a_full_disk_fails_runs_and_leaves_a_folder_that_resumes(tmp_path):
    scenario = text(replicates=3)
    reference, out = tmp_path / "laptop", tmp_path / "out"
    local.execute(describe(scenario, reference), reference, workers=1)
    runs = describe(scenario, out)
    full = cluster.execute(runs, out, workers=1, run=bad_runs.on_a_full_disk)
    assert len(full.done) == bad_runs.ROOM_FOR
    assert len(full.failed) == len(runs) - bad_runs.ROOM_FOR
    for failure in full.failed:
        name = out / "runs" / failure.run_id[:2] / f"{failure.run_id}.h5"
        assert failure.reason == f"OSError: [Errno 28] No space left on device: '{name}'"
    found = census(out)
    assert (found.files, found.parts, len(found.failed)) == (12, 0, 9)
    (out / "more-room").touch()
    resumed = cluster.execute(runs, out, workers=1, run=bad_runs.on_a_full_disk)
    assert resumed.skipped == full.done and resumed.failed == ()
    told("full disk", census(out), failed_first=len(full.failed))
    assert census(out) == census(reference)


@pytest.mark.parametrize("engine", [local.execute, cluster.execute], ids=["processes", "Dask"])
def test_a_damaged_file_is_set_aside_and_made_again(tmp_path, engine):
    scenario = text(replicates=1)
    reference, out = tmp_path / "laptop", tmp_path / "out"
    local.execute(describe(scenario, reference), reference, workers=1)
    runs = describe(scenario, out)
    local.execute(runs, out, workers=1)
    census(out)  # the summary table knows the file while it is whole
    path = min((out / "runs").rglob("*.h5"))
    path.write_bytes(path.read_bytes()[:3000])
    outcome = engine(runs, out, workers=1)
    assert outcome.done == (path.stem,) and outcome.failed == ()
    assert (out / "damaged" / path.name).stat().st_size == 3000
    assert census(out) == census(reference)


def test_a_file_of_another_run_is_named_and_made_again_once_it_is_removed(tmp_path):
    scenario = text(replicates=1)
    reference, out = tmp_path / "laptop", tmp_path / "out"
    local.execute(describe(scenario, reference), reference, workers=1)
    runs = describe(scenario, out)
    local.execute(runs, out, workers=1)
    census(out)
    path, other, *_ = sorted((out / "runs").rglob("*.h5"))
    path.write_bytes(other.read_bytes())
    outcome = local.execute(runs, out, workers=1)
    assert [(failure.run_id, failure.attempts) for failure in outcome.failed] == [(path.stem, 0)]
    assert census(out).summary_hash != census(reference).summary_hash
    path.unlink()
    assert local.execute(runs, out, workers=1).done == (path.stem,)
    assert census(out) == census(reference)


def test_the_second_driver_is_refused_and_shards_fraction(tmp_path):
    with claimed(tmp_path, shared=False), pytest.raises(FolderError, match=r"process \d+ on .* is at work in"):
        claimed(tmp_path, shared=False).__enter__()
    with claimed(tmp_path, shared=True):
        with claimed(tmp_path, shared=True):
            pass
        with pytest.raises(FolderError, match="is at work in"):
            claimed(tmp_path, shared=False).__enter__()
    with claimed(tmp_path, shared=False):
        pass


def test_a_changed_scenario_in_an_old_folder_is_never_mixed_in(tmp_path):
    old, new = text(replicates=1), text(replicates=1).replace("seed = 7", "seed = 8")
    out, reference = tmp_path / "out", tmp_path / "new"
    local.execute(describe(old, out), out, workers=1)
    local.execute(describe(new, out), out, workers=1)
    local.execute(describe(new, reference), reference, workers=1)
    from adccsim.analysis.reading.summary import refresh

    problems = refresh(out).problems
    assert problems == ["7 files below runs belong to another study or model version; left out"]
    assert census(out).summary_hash == census(reference).summary_hash
    assert census(out).files == 14


def test_a_cluster_that_is_not_there_is_told_in_a_line(tmp_path):
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        cluster.execute(runs_of(text(replicates=1)), tmp_path, cluster="tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"^no connection to tls://127\.0\.0\.1:9: .*ssl"):
        cluster.execute(runs_of(text(replicates=1)), tmp_path, cluster="tls://127.0.0.1:9")


def test_a_wall_time_that_is_too_short_is_refused(tmp_path):
    runs = {
        run_id: replace(condition, targets=replace(condition.targets, cells=10**9))
        for run_id, condition in runs_of(text(replicates=1)).items()
    }
    with pytest.raises(ClusterError, match=r"wall_time_h = 0\.1 of the site is too short"):
        cluster.execute(runs, tmp_path, cluster="slurm", site=Site(wall_time_h=0.1))


def test_a_node_with_other_software_is_refused(tmp_path):
    from adccsim.execution import bundles, task

    with StudyFolder(tmp_path) as folder:
        order = task.Order(str(folder.runs_dir), "0" * 16, 1, None, False, None)
        with pytest.raises(task.NodeError, match="another adccsim"):
            task.make(bundles.pack({}), order)
        order = task.Order(str(tmp_path / "elsewhere"), "0" * 16, 1, None, False, None)
        with pytest.raises(task.NodeError, match="does not see"):
            task.make(bundles.pack({}), order)


@pytest.mark.slow
def test_a_scheduler_that_is_there_already(tmp_path):
    from distributed import LocalCluster

    scenario = text(replicates=3)
    reference, out = tmp_path / "laptop", tmp_path / "out"
    local.execute(describe(scenario, reference), reference, workers=1)
    runs = describe(scenario, out)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as there:
        outcome = cluster.execute(runs, out, cluster=there.scheduler_address)
        assert len(there.scheduler_info["workers"]) == 2, "it is left as it was"
    assert outcome.done == tuple(sorted(runs))
    assert census(out) == census(reference)
