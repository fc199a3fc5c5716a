"""On a real Slurm of two nodes: a job array and Dask write the files that a laptop writes, byte for byte."""

import json
import os
import re
import signal

import pytest

from adccsim.execution import local
from tests.cluster.drivers import adcc, finished
from tests.cluster.sweeps import census, describe, text, told
from tests.gate import ENDS, Gate, until

pytestmark = pytest.mark.slow

SITE = """
partition = "main"
wall_time_h = 0.5
memory_gb = 0.9
workers = 2
"""


def ended(process) -> str:
    """What a command printed; AssertionError unless it ended with exit code 0."""
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def laptop(scenario, folder):
    """The undisturbed sweep in one process."""
    assert local.execute(describe(scenario, folder), folder, workers=1).failed == ()
    return census(folder)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate", ENDS)


@pytest.fixture
def files(tmp_path, gate):
    """Write scenario and site file, whose jobs are held by the gate; their paths."""

    def write(scenario):
        (tmp_path / "sweep.toml").write_text(scenario)
        (tmp_path / "site.toml").write_text(f"{SITE}prologue = {json.dumps(gate.exports())}\n")
        return tmp_path / "sweep.toml", tmp_path / "site.toml"

    return write


def test_an_array_and_dask_write_the_laptops_bytes(slurm, files, gate, tmp_path):
    scenario = text(replicates=8)
    sweep, site = files(scenario)
    reference = laptop(scenario, tmp_path / "laptop")
    assert reference.files == 56

    # A job array, as printed, but for the number of shards: so small a study is one task by itself.
    script = ended(adcc(slurm, "cluster", "script", sweep, "--site", site, "--out", tmp_path / "array"))
    script = "".join(line for line in script.splitlines(keepends=True) if not line.startswith(("made ", "the same ")))
    assert "--array=0-0" in script and 'SLURM_ARRAY_TASK_ID/1"' in script
    script = script.replace("--array=0-0", "--array=0-3").replace('TASK_ID/1"', 'TASK_ID/4"')
    job = slurm.submit(script)
    until(lambda: len({held.pid for held in gate.held()}) == 2, "two tasks are at work")
    nodes = {node for state, node in slurm.jobs().values() if state == "RUNNING"}
    gate.open()
    until(lambda: not slurm.jobs(), f"the array {job} has ended")
    found = census(tmp_path / "array")
    told("array of 4 tasks on Slurm", found, nodes=len(nodes))
    assert nodes == {"n1", "n2"}
    assert found == reference

    said = ended(adcc(slurm, "run", sweep, "--out", tmp_path / "dask", "--engine", "dask", "--cluster", "slurm",
                      "--site", site))  # fmt: skip
    found = census(tmp_path / "dask")
    told("Dask on Slurm", found)
    assert found == reference, said
    assert not slurm.jobs(), "the driver cancels its jobs"


def test_a_worker_job_that_is_cancelled_is_replaced(slurm, files, gate, tmp_path):
    scenario = text(replicates=8)
    sweep, site = files(scenario)
    reference = laptop(scenario, tmp_path / "laptop")
    out = tmp_path / "out"
    driver = adcc(slurm, "run", sweep, "--out", out, "--engine", "dask", "--cluster", "slurm", "--site", site)
    gate.release_one_by_one(10, lambda: finished(out))
    gate.wait_for(1)
    running = [job for job, (state, _) in slurm.jobs().items() if state == "RUNNING"]
    assert running and finished(out) == 10, "the fault strikes while work is under way"
    slurm.call("scancel", running[0])
    until(lambda: running[0] not in slurm.jobs(), "the job is gone")
    gate.open()
    said = ended(driver)
    found = census(out)
    told("scancel of a worker job", found, jobs_before=len(running), files_before=10)
    assert found == reference, said


def test_a_driver_that_is_terminated_leaves_its_jobs_cancelled_and_a_folder_that_resumes(slurm, files, gate, tmp_path):
    scenario = text(replicates=8)
    sweep, site = files(scenario)
    out = tmp_path / "out"
    words = ["run", sweep, "--out", out, "--engine", "dask", "--cluster", "slurm", "--site", site]
    driver = adcc(slurm, *words)
    gate.release_one_by_one(10, lambda: finished(out))
    gate.wait_for(1)
    os.kill(driver.pid, signal.SIGTERM)
    said, _ = driver.communicate()
    assert driver.returncode == 143, said
    kept = int(re.search(r"interrupted: (\d+) finished runs? kept", said).group(1))
    until(lambda: not slurm.jobs(), "its jobs are gone")
    assert kept == finished(out) == 10
    gate.open()
    again = ended(adcc(slurm, *words))
    assert "10 runs finished before, skipped" in again
    reference = laptop(scenario, tmp_path / "laptop")
    found = census(out)
    told("SIGTERM of the driver", found, kept=kept)
    assert found == reference


def test_a_job_that_slurm_refuses_is_told_in_a_line(slurm, files, tmp_path):
    sweep, site = files(text(replicates=1))
    site.write_text(SITE.replace('"main"', '"nowhere"'))
    driver = adcc(slurm, "run", sweep, "--out", tmp_path / "out", "--engine", "dask", "--cluster", "slurm",
                  "--site", site)  # fmt: skip
    said, _ = driver.communicate()
    assert driver.returncode == 1
    assert "error: slurm does not take the job: sbatch: error:" in said
    assert "Traceback" not in said
