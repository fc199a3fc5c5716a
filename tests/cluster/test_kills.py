"""Killed at any moment and nothing lost: seeded kill -9 of workers and drivers, and the same study afterwards."""

import os
import random
import signal

import pytest

from simulation.run import local
from tests.cluster.drivers import finished, parent, start, writers
from tests.cluster.slurm import until
from tests.cluster.sweeps import census, describe, text, told

pytestmark = pytest.mark.slow

LONGER = {"cells": 2000, "hours": 4}  # runs of some 0.05 s and more: long enough to be struck while they write


def undisturbed(scenario, folder):
    assert local.execute(describe(scenario, folder), folder, workers=1).failed == ()
    return census(folder)


def over(driver) -> str:
    said, _ = driver.communicate(timeout=500)
    assert driver.returncode == 0, said
    return said


def test_twenty_and_more_killed_workers(tmp_path):
    scenario = text(replicates=35, **LONGER)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 245
    out = tmp_path / "out"
    driver = start("dask", tmp_path / "sweep.toml", out)
    chance = random.Random(20)
    kills = {"process of a run": 0, "Dask worker": 0}
    struck, begun, last = set(), 0, 0
    while driver.poll() is None and sum(kills.values()) < 24:
        # Another kill only after more has been done: the work goes on between the blows.
        if (done := finished(out)) < last + chance.randint(2, 6):
            continue
        for pid, part in writers(out):
            run_id = part.name.partition(".")[0]
            if run_id in struck:
                continue
            whom = "Dask worker" if chance.random() < 0.4 and parent(parent(pid)) == driver.pid else "process of a run"
            owner = parent(pid)
            try:
                if whom == "Dask worker":
                    os.kill(owner, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            struck.add(run_id)
            kills[whom] += 1
            last = done
            until(lambda pid=pid: not os.path.exists(f"/proc/{pid}/fd/0"), "the process is gone", 20)
            begun += part.exists()  # it never got its name
            break
    assert driver.poll() is None, driver.communicate()[0]
    assert finished(out) < reference.files, "the last blow fell while work was under way"
    said = over(driver)
    found = census(out)
    told("kill -9 of workers", found, kills=sum(kills.values()), unfinished_files=begun, **kills)
    assert sum(kills.values()) >= 20 and min(kills.values()) >= 3
    assert begun >= 5
    assert found == reference, said


@pytest.mark.parametrize("engine", ["dask", "local"])
def test_killed_between_the_first_write_and_the_rename(tmp_path, engine):
    scenario = text(replicates=6)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 42
    out = tmp_path / "out"
    driver = start(engine, tmp_path / "sweep.toml", out, "on_a_slow_disk")
    struck: set[str] = set()
    bytes_written = []
    while driver.poll() is None and len(struck) < 8:
        for pid, part in writers(out):
            run_id = part.name.partition(".")[0]
            try:
                size = part.stat().st_size
                if run_id in struck or size == 0:
                    continue
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, FileNotFoundError):
                continue
            until(lambda pid=pid: not os.path.exists(f"/proc/{pid}/fd/0"), "the process is gone", 20)
            if part.exists():  # else it got its name in time
                struck.add(run_id)
                bytes_written.append(size)
            break
    assert driver.poll() is None, driver.communicate()[0]
    assert finished(out) < reference.files, "the last blow fell while work was under way"
    said = over(driver)
    found = census(out)
    told(f"kill -9 between first write and rename ({engine})", found, kills=len(struck), bytes_written=bytes_written)
    assert len(struck) >= 5 and min(bytes_written) > 10_000
    assert found == reference, said


@pytest.mark.parametrize("engine", ["dask", "local"])
def test_a_driver_killed_at_10_50_and_90_percent(tmp_path, engine):
    scenario = text(replicates=40, **LONGER)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 280
    out, seen = tmp_path / "out", []
    for share in (0.1, 0.5, 0.9):
        driver = start(engine, tmp_path / "sweep.toml", out)
        until(lambda share=share: finished(out) >= share * reference.files, f"{share:.0%} is done", 300)
        driver.kill()
        driver.communicate()
        seen.append(finished(out))
        assert share * reference.files <= seen[-1] < reference.files, "the blow fell while work was under way"
    said = over(start(engine, tmp_path / "sweep.toml", out))
    found = census(out)
    told(f"kill -9 of the driver ({engine})", found, files_at_kills=seen)
    assert found == reference, said
