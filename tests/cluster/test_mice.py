"""Mice on a cluster: pre-empted by a real Slurm, their workers killed; they go on from their checkpoints.

Mice wait at a gate on their first day, so each is under way when it is struck, on a machine of any speed. Once it has
been asked to stop a mouse takes the step that it is at and saves. Afterwards the bytes are those of an undisturbed run
in one process.
"""

import json
import os
import signal

import pytest

from adccsim.execution import cluster, local
from adccsim.record.checkpoint import load_checkpoint
from tests.cluster.drivers import adcc, parent, start
from tests.cluster.sweeps import bytes_of, describe, mice, resumed, runs_of
from tests.gate import FIRST_DAY, Gate, alive, until

pytestmark = pytest.mark.slow

SCENARIO = mice(fraction=0.1, days=4)  # by estimate too long for one bundle of two: each has a worker
SAVED_AT_H = 25  # the first step after the gate
SITE = 'partition = "{partition}"\nwall_time_h = 0.5\nmemory_gb = 0.9\nworkers = 2\nprologue = {prologue}\n'


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Bytes of the two run files, made one after the other in this process."""
    out = tmp_path_factory.mktemp("laptop")
    assert local.execute(describe(SCENARIO, out), out, workers=1).failed == ()
    assert len(bytes_of(out)) == 2 and resumed(out) == {}
    return bytes_of(out)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate", FIRST_DAY)


@pytest.fixture
def files(tmp_path, gate):
    """Write the scenario and a site file for a partition, whose jobs are held by the gate; their paths."""

    def write(partition):
        (tmp_path / "mice.toml").write_text(SCENARIO)
        (tmp_path / "site.toml").write_text(SITE.format(partition=partition, prologue=json.dumps(gate.exports())))
        return tmp_path / "mice.toml", tmp_path / "site.toml"

    return write


def saved(out) -> dict[str, int]:
    """Run id -> hour of the checkpoint from which it would go on."""
    paths = [path for path in (out / "checkpoints").glob("*.ckpt") if ".day" not in path.name]
    return {path.stem: load_checkpoint(path)[0]["tick"] for path in paths}


def in_order(out, undisturbed) -> bool:
    """Whether the undisturbed bytes are there, and no checkpoint or unfinished file any more."""
    return bytes_of(out) == undisturbed and not saved(out) and not list(out.rglob("*.part"))


def test_a_pre_empted_array_is_requeued_and_its_mice_go_on(slurm, files, gate, undisturbed, tmp_path):
    scenario, site = files("scavenge")
    out = tmp_path / "out"
    said, _ = adcc(slurm, "cluster", "script", scenario, "--site", site, "--out", out).communicate()
    script = "".join(line for line in said.splitlines(keepends=True) if not line.startswith(("made ", "the same ")))
    assert "--requeue" in script and "--array=0-0" in script
    job = slurm.submit(script.replace("--array=0-0", "--array=0-1").replace('TASK_ID/1"', 'TASK_ID/2"'))
    tasks = {f"{job}_0", f"{job}_1"}
    describe(SCENARIO, out)
    gate.wait_for(2)
    assert slurm.jobs().keys() == tasks and slurm.shown(job, "Restarts") == {"0"}
    assert not bytes_of(out), "no mouse had ended when it was struck"

    urgent = slurm.submit("#!/bin/bash\nsleep infinity\n", "--partition=main", "--nodes=2", "--job-name=urgent",
                          "--output=/dev/null")  # fmt: skip
    until(lambda: slurm.jobs("urgent")[urgent][0] == "RUNNING", "both tasks have made way")
    assert {state for state, _ in slurm.jobs().values()} == {"PENDING"} and slurm.jobs().keys() == tasks
    assert list(saved(out).values()) == [SAVED_AT_H, SAVED_AT_H]

    slurm.call("scancel", urgent)
    until(lambda: not slurm.jobs(), f"the array {job} has ended")
    print(f"\npre-emption on Slurm: job {job} requeued once, resumed {resumed(out)}, files {len(bytes_of(out))}")
    assert slurm.shown(job, "Restarts") == {"1"}, "the same job, once more"
    assert resumed(out) == {run_id: [SAVED_AT_H] for run_id in runs_of(SCENARIO)}
    assert in_order(out, undisturbed)


def test_a_worker_job_of_dask_that_is_cancelled_under_a_mouse(slurm, files, gate, undisturbed, tmp_path):
    scenario, site = files("main")
    out = tmp_path / "out"
    driver = adcc(slurm, "run", scenario, "--out", out, "--engine", "dask", "--cluster", "slurm",
                  "--site", site)  # fmt: skip
    gate.wait_for(2)
    running = [job for job, (state, _) in slurm.jobs().items() if state == "RUNNING"]
    assert len(running) == 2 and not bytes_of(out)
    slurm.call("scancel", running[0])
    until(lambda: saved(out) or resumed(out), "its mouse has saved")
    gate.open()
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    print(f"\nscancel of a worker job under a mouse: resumed at {resumed(out)}, files {len(bytes_of(out))}")
    assert list(resumed(out).values()) == [[SAVED_AT_H]], said
    assert in_order(out, undisturbed)


def test_dask_writes_the_bytes_of_one_process(undisturbed, tmp_path):
    outcome = cluster.execute(describe(SCENARIO, tmp_path), tmp_path, workers=2)
    assert outcome.done == tuple(sorted(runs_of(SCENARIO))) and outcome.failed == ()
    assert in_order(tmp_path, undisturbed)


@pytest.mark.parametrize("whom", ["Dask worker", "driver"])
def test_killed_under_a_mouse(gate, undisturbed, tmp_path, whom):
    (tmp_path / "mice.toml").write_text(SCENARIO)
    out = tmp_path / "out"
    driver = start("dask", tmp_path / "mice.toml", out, gate)
    makers = [held.pid for held in gate.wait_for(2)]
    assert all(parent(worker) == driver.pid for worker in map(parent, makers)) and not bytes_of(out)
    os.kill(driver.pid if whom == "driver" else parent(makers[0]), signal.SIGKILL)
    expected = 2 if whom == "driver" else 1
    until(lambda: len(saved(out)) >= expected or len(resumed(out)) >= expected, "the mice have saved")
    gate.open()
    if whom == "driver":
        driver.communicate()
        until(lambda: not any(map(alive, makers)), "no orphan is left")
        driver = start("dask", tmp_path / "mice.toml", out)
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    print(f"\nkill -9 of the {whom} under a mouse: resumed at {resumed(out)}, files {len(bytes_of(out))}")
    assert list(resumed(out).values()) == [[SAVED_AT_H]] * expected, said
    assert in_order(out, undisturbed)
