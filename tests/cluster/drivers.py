"""Drivers to be struck: a sweep in a process of its own, and a look at the processes and files behind it.

python -m tests.cluster.drivers ENGINE SCENARIO OUT_DIR [RUN of tests.cluster.bad_runs]
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.slurm import Slurm
from tests.cluster.sweeps import REPOSITORY, describe

SLURM_FREE = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}


def start(engine: str, scenario: Path, out_dir: Path, *run: str) -> subprocess.Popen:
    """Start a driver of two workers: "local" for processes, "dask" for Dask on this machine; `run` names a bad run."""
    environment = SLURM_FREE | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.cluster.drivers", engine, str(scenario), str(out_dir), *run]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def adcc(slurm: Slurm, *words: object) -> subprocess.Popen:
    """Start the command with what the commands of a Slurm need in its environment."""
    command = [sys.executable, "-m", "simulation.cli", *map(str, words)]
    environment = slurm.environment | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def finished(out_dir: Path) -> int:
    """Run files that are there."""
    return sum(1 for _ in (out_dir / "runs").rglob("*.h5"))


def writers(out_dir: Path) -> Iterator[tuple[int, Path]]:
    """(process, unfinished file) for every .part below out_dir that a process holds open."""
    parts = {str(path) for path in (out_dir / "runs").rglob("*.part")}
    for folder in Path("/proc").iterdir() if parts else ():
        if not folder.name.isdigit():
            continue
        try:
            for link in (folder / "fd").iterdir():
                target = os.readlink(link)
                if target in parts:
                    yield int(folder.name), Path(target)
        except OSError:
            continue  # it ended meanwhile


def parent(pid: int) -> int:
    """The parent of a process; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    from simulation.run import cluster, local
    from tests.cluster import bad_runs

    engine, scenario, out_dir, *named = sys.argv[1:]
    run = getattr(bad_runs, named[0]) if named else None
    execute = {"local": local.execute, "dask": cluster.execute}[engine]
    outcome = execute(describe(Path(scenario).read_text(), Path(out_dir)), Path(out_dir), workers=2, run=run)
    print(f"done {len(outcome.done)}, skipped {len(outcome.skipped)}, signal {outcome.signal}")
    for failure in outcome.failed:
        print(f"failed {failure.run_id} after {failure.attempts}: {failure.reason}")
    sys.exit(bool(outcome.failed))
