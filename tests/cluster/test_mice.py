"""Mice on a cluster: pre-empted by a real Slurm, their workers killed; they go on from their checkpoints.

Every test asks first whether the mice were under way when they were struck: a tumour of day 1 is saved and no run
file is there. Afterwards the bytes are those of an undisturbed run in one process.
"""

import os
import signal

import pytest

from simulation.record.checkpoint import load_checkpoint
from simulation.run import cluster, local
from tests.cluster.drivers import adcc, parent, start, writers
from tests.cluster.slurm import until
from tests.cluster.sweeps import bytes_of, describe, mice, resumed, runs_of

pytestmark = pytest.mark.slow

SCENARIO = mice(fraction=0.05, days=10)  # some seconds each at the least: long enough to be struck
SITE = 'partition = "{partition}"\nwall_time_h = 0.5\nmemory_gb = 0.9\nworkers = 2\n'


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Bytes of the two run files, made one after the other in this process."""
    out = tmp_path_factory.mktemp("laptop")
    assert local.execute(describe(SCENARIO, out), out, workers=1).failed == ()
    assert len(bytes_of(out)) == 2 and resumed(out) == {}
    return bytes_of(out)


@pytest.fixture
def files(tmp_path):
    """Write the scenario and a site file for a partition; their paths."""

    def write(partition):
        (tmp_path / "mice.toml").write_text(SCENARIO)
        (tmp_path / "site.toml").write_text(SITE.format(partition=partition))
        return tmp_path / "mice.toml", tmp_path / "site.toml"

    return write


def under_way(out) -> int:
    """Mice that have saved their tumour of day 1 and have no file yet."""
    found = {path.name.partition(".")[0] for path in (out / "checkpoints").glob("*.day1.ckpt")}
    return len(found - {path.stem for path in (out / "runs").rglob("*.h5")})


def saved(out) -> dict[str, int]:
    """Run id -> hour of the checkpoint from which it would go on."""
    paths = [path for path in (out / "checkpoints").glob("*.ckpt") if ".day" not in path.name]
    return {path.stem: load_checkpoint(path)[0]["tick"] for path in paths}


def in_order(out, undisturbed) -> bool:
    """Whether the undisturbed bytes are there, and no checkpoint or unfinished file any more."""
    return bytes_of(out) == undisturbed and not saved(out) and not list(out.rglob("*.part"))


def test_a_pre_empted_array_is_requeued_and_its_mice_go_on(slurm, files, undisturbed, tmp_path):
    scenario, site = files("scavenge")
    out = tmp_path / "out"
    said, _ = adcc(slurm, "cluster", "script", scenario, "--site", site, "--out", out).communicate()
    script = "".join(line for line in said.splitlines(keepends=True) if not line.startswith(("made ", "the same ")))
    assert "--requeue" in script and "--array=0-0" in script
    job = slurm.submit(script.replace("--array=0-0", "--array=0-1").replace('TASK_ID/1"', 'TASK_ID/2"'))
    tasks = {f"{job}_0", f"{job}_1"}
    describe(SCENARIO, out)
    until(lambda: under_way(out) == 2, "both mice are under way", 400)
    assert slurm.jobs().keys() == tasks and slurm.shown(job, "Restarts") == {"0"}

    slurm.submit("#!/bin/bash\nsleep 3\n", "--partition=main", "--nodes=2", "--job-name=urgent", "--output=/dev/null")
    until(lambda: {state for state, _ in slurm.jobs().values()} == {"PENDING"}, "both tasks are pre-empted", 60)
    hours = saved(out)
    assert len(hours) == 2 and all(24 <= hour < 240 for hour in hours.values()), hours
    assert not bytes_of(out), "no mouse had ended when it was struck"

    until(lambda: {state for state, _ in slurm.jobs().values()} == {"RUNNING"}, "both tasks run again", 200)
    assert slurm.jobs().keys() == tasks and slurm.shown(job, "Restarts") == {"1"}, "the same job, once more"
    until(lambda: not slurm.jobs(), f"the array {job} has ended", 400)
    print(f"\npre-emption on Slurm: job {job} requeued once, mice saved at hours {sorted(hours.values())}, "
          f"resumed {resumed(out)}, files {len(bytes_of(out))}")  # fmt: skip
    assert resumed(out) == {run_id: [hour] for run_id, hour in hours.items()}
    assert in_order(out, undisturbed)


def test_a_worker_job_of_dask_that_is_cancelled_under_a_mouse(slurm, files, undisturbed, tmp_path):
    scenario, site = files("main")
    out = tmp_path / "out"
    driver = adcc(slurm, "run", scenario, "--out", out, "--engine", "dask", "--cluster", "slurm",
                  "--site", site)  # fmt: skip
    until(lambda: under_way(out) == 2, "both mice are under way", 400)
    running = [job for job, (state, _) in slurm.jobs().items() if state == "RUNNING"]
    slurm.call("scancel", running[0])
    until(lambda: saved(out), "its mouse has saved", 30)
    said, _ = driver.communicate(timeout=400)
    assert driver.returncode == 0, said
    print(f"\nscancel of a worker job under a mouse: resumed at {resumed(out)}, files {len(bytes_of(out))}")
    assert len(running) == 2
    assert [hour > 0 for hours in resumed(out).values() for hour in hours] == [True]
    assert in_order(out, undisturbed)


def test_dask_writes_the_bytes_of_one_process(undisturbed, tmp_path):
    outcome = cluster.execute(describe(SCENARIO, tmp_path), tmp_path, workers=2)
    assert outcome.done == tuple(sorted(runs_of(SCENARIO))) and outcome.failed == ()
    assert in_order(tmp_path, undisturbed)


@pytest.mark.parametrize("whom", ["Dask worker", "driver"])
def test_killed_under_a_mouse(undisturbed, tmp_path, whom):
    (tmp_path / "mice.toml").write_text(SCENARIO)
    out = tmp_path / "out"
    driver = start("dask", tmp_path / "mice.toml", out)
    until(lambda: under_way(out) == 2, "both mice are under way", 400)
    makers = sorted({pid for pid, _ in writers(out)})
    assert len(makers) == 2 and all(parent(worker) == driver.pid for worker in map(parent, makers))
    os.kill(driver.pid if whom == "driver" else parent(makers[0]), signal.SIGKILL)
    expected = 2 if whom == "driver" else 1
    until(lambda: len(saved(out)) >= expected or len(resumed(out)) >= expected, "the mice have saved", 30)
    assert not bytes_of(out), "no mouse had ended when it was struck"
    if whom == "driver":
        driver.communicate()
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in makers), "no orphan is left", 30)
        driver = start("dask", tmp_path / "mice.toml", out)
    said, _ = driver.communicate(timeout=400)
    assert driver.returncode == 0, said
    print(f"\nkill -9 of the {whom} under a mouse: resumed at {resumed(out)}, files {len(bytes_of(out))}")
    assert len(resumed(out)) == expected and all(hour >= 24 for hours in resumed(out).values() for hour in hours)
    assert in_order(out, undisturbed)
