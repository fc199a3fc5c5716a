"""Job scripts: what is printed for each batch system, against stored text. Only those for Slurm are run elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from simulation.run import scripts
from simulation.run.bundles import OVERHEAD_S
from simulation.run.cluster import BATCH_SYSTEMS, batch_options, wall_time
from simulation.run.scripts import MOST_TASKS, array_of, array_script, driver_script
from simulation.run.site import Site
from simulation.scenario.plan import plan
from tests.scenario import conditions

STORED = Path(__file__).parent / "scripts"
SITE = Site(
    partition="short", account="lab12", wall_time_h=2.5, memory_gb=1.5, cache_dir="$TMPDIR/adcc",
    prologue=("module load python/3.12",), directives=("--qos=low",),
)  # fmt: skip
OUT = Path("results/sweep dir")


@pytest.fixture
def costs():
    return plan(conditions({"replicates": 96, "targets.cells": 10_000, "effectors.et_ratio": 10.0}))


@pytest.fixture
def many(costs):
    """A study of twenty hours on one core."""
    return replace(costs, wells=250_000, cpu_seconds=72_000.0, disk_bytes=20 * 10**9)


@pytest.fixture(autouse=True)
def python(monkeypatch):
    monkeypatch.setattr(scripts.sys, "executable", "python")


def compared(name: str, text: str) -> None:
    assert text == (STORED / name).read_text(encoding="utf-8"), f"tests/run/scripts/{name} holds another text"


@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_arrays(system, many):
    compared(f"array.{system}.sh", array_script(system, "my sweep.toml", OUT, ["replicates=96"], many, SITE))


@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_drivers_of_dask(system):
    compared(f"driver.{system}.sh", driver_script(system, "my sweep.toml", Path("site.toml"), OUT, [], SITE))


@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_jobs_of_dask_workers(system, tmp_path):
    import dask_jobqueue

    # The job class alone: the cluster would start a scheduler.
    options = batch_options(system, SITE, 2, tmp_path)
    kept = {name: value for name, value in options.items() if name not in ("scheduler_options", "silence_logs")}
    job_class = getattr(dask_jobqueue, BATCH_SYSTEMS[system]).job_cls
    more = {"lsf_units": "mb", "use_stdin": True} if system == "lsf" else {}
    job = job_class("tcp://10.0.0.1:8786", name="adcc-0", python="python", **kept, **more)
    compared(f"worker.{system}.sh", job.job_script().replace(str(tmp_path), "results"))


def test_as_many_tasks_as_the_work_asks_for(costs):
    array = array_of(costs, Site())
    assert array.tasks == 1 and array.seconds == pytest.approx(costs.cpu_seconds + OVERHEAD_S * costs.wells)
    longer = replace(costs, cpu_seconds=40 * 1800.0)
    assert 40 <= array_of(longer, Site()).tasks <= 42
    assert array_of(replace(costs, cpu_seconds=1e9, wells=10**6), Site()).tasks == MOST_TASKS
    one = array_of(replace(costs, cpu_seconds=1e5, longest_seconds=1e5, wells=1), Site(wall_time_h=200))
    assert (one.tasks, one.seconds) == (1, pytest.approx(1e5, rel=1e-3))
    assert one.wall_time_h > 3 * 1e5 / 3600
    assert array_of(replace(costs, well_bytes=10**10), Site()).memory_gb >= 10


@pytest.mark.parametrize(
    ("hours", "system", "text"), [(2.5, "slurm", "02:30:00"), (0.1, "pbs", "00:06:00"), (100, "lsf", "100:00")]
)
def test_wall_times(hours, system, text):
    assert wall_time(hours, system) == text
