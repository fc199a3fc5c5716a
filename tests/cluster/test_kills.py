"""Killed at any moment and nothing lost: seeded kill -9 of workers and drivers, and the same study afterwards.

The runs wait at a gate, so each blow falls on a run that is known to be under way, on a machine of any speed.
"""

import os
import random
import signal

import pytest

from adccsim.execution import local
from tests.cluster.drivers import finished, parent, start
from tests.cluster.sweeps import census, describe, text, told
from tests.gate import BEGINS, ENDS, Gate, Held, alive, until

pytestmark = pytest.mark.slow


def undisturbed(scenario, folder):
    assert local.execute(describe(scenario, folder), folder, workers=1).failed == ()
    return census(folder)


def over(driver) -> str:
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    return said


def strike(gate: Gate, held: Held, *more: int) -> set[str]:
    """kill -9 a process that waits at the gate, after those in `more`; the runs that it may have had under way."""
    for pid in (*more, held.pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(held.pid), "the process is gone")
    return gate.has_begun(held.pid)


def test_twenty_and_more_killed_workers(tmp_path):
    scenario = text(replicates=15)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 105
    out, gate = tmp_path / "out", Gate(tmp_path / "gate", BEGINS, ENDS)
    driver = start("dask", tmp_path / "sweep.toml", out, gate)
    chance = random.Random(20)
    kills = {"process of a run": 0, "Dask worker": 0}
    events = []
    struck: set[str] = set()  # a run is struck once: the second death under a run would count as its fault
    while sum(kills.values()) < 24:
        held = gate.wait_for(1)[0]
        if held.run_id in struck or chance.random() < 0.5:
            gate.release(held)
            continue
        worker = parent(held.pid)
        whom = "Dask worker" if chance.random() < 0.4 else "process of a run"
        struck |= strike(gate, held, *([worker] if whom == "Dask worker" else []))
        kills[whom] += 1
        events.append(held.event)
    assert driver.poll() is None and finished(out) < reference.files, "the last blow fell while work was under way"
    gate.open()
    said = over(driver)
    found = census(out)
    told("kill -9 of workers", found, kills=sum(kills.values()), **kills, before_the_rename=events.count("os.rename"))
    assert min(kills.values()) >= 3
    assert min(events.count("open"), events.count("os.rename")) >= 3
    assert found == reference, said


@pytest.mark.parametrize("engine", ["dask", "local"])
def test_killed_between_the_first_write_and_the_rename(tmp_path, engine):
    scenario = text(replicates=6)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 42
    out, gate = tmp_path / "out", Gate(tmp_path / "gate", ENDS)
    driver = start(engine, tmp_path / "sweep.toml", out, gate)
    struck: set[str] = set()
    bytes_written = []
    while len(bytes_written) < 8:
        held = gate.wait_for(1)[0]
        # Runs that waited in a process behind the one that is struck may have begun: they are struck with it.
        if held.run_id in struck:
            gate.release(held)
            continue
        parts = list((out / "runs").rglob(f"{held.run_id}.*.part"))
        struck |= strike(gate, held) | {path.name.partition(".")[0] for path in (out / "runs").rglob("*.part")}
        bytes_written.append(max(path.stat().st_size for path in parts))
        assert not list((out / "runs").rglob(f"{held.run_id}.h5")), "it never got its name"
    assert driver.poll() is None and finished(out) < reference.files, "the last blow fell while work was under way"
    gate.open()
    said = over(driver)
    found = census(out)
    told(f"kill -9 before the rename ({engine})", found, kills=len(bytes_written), bytes_written=bytes_written)
    assert min(bytes_written) > 10_000
    assert found == reference, said


@pytest.mark.parametrize("engine", ["dask", "local"])
def test_a_driver_killed_at_10_50_and_90_percent(tmp_path, engine):
    scenario = text(replicates=10)
    (tmp_path / "sweep.toml").write_text(scenario)
    reference = undisturbed(scenario, tmp_path / "laptop")
    assert reference.files == 70
    out, gate = tmp_path / "out", Gate(tmp_path / "gate", ENDS)
    for files in (7, 35, 63):
        driver = start(engine, tmp_path / "sweep.toml", out, gate)
        gate.release_one_by_one(files, lambda: finished(out))
        orphans = gate.wait_for(1)
        driver.kill()
        driver.communicate()
        until(lambda orphans=orphans: not any(alive(each.pid) for each in orphans), "no orphan is left")
        assert finished(out) == files, "the blow fell while work was under way"
    gate.open()
    said = over(start(engine, tmp_path / "sweep.toml", out))
    found = census(out)
    told(f"kill -9 of the driver ({engine})", found, files_at_kills=[7, 35, 63])
    assert found == reference, said
