"""Drivers to be struck: a sweep in a process of its own, and a look at the processes and files behind it.

python -m tests.cluster.drivers ENGINE SCENARIO OUT_DIR
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.slurm import Slurm
from tests.cluster.sweeps import REPOSITORY, describe
from tests.gate import Gate

SLURM_FREE = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}


def start(engine: str, scenario: Path, out_dir: Path, gate: Gate | None = None) -> subprocess.Popen:
    """Start a driver of two workers, held by a gate if one is given: "local" for processes, "dask" for Dask here."""
    environment = SLURM_FREE | (gate.environment if gate else {"PYTHONPATH": str(REPOSITORY)})
    command = [sys.executable, "-m", "tests.cluster.drivers", engine, str(scenario), str(out_dir)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def adcc(slurm: Slurm, *words: object) -> subprocess.Popen:
    """Start the command with what the commands of a Slurm need in its environment."""
    command = [sys.executable, "-m", "adccsim.cli", *map(str, words)]
    environment = slurm.environment | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def finished(out_dir: Path) -> int:
    """Run files that are there."""
    return sum(1 for _ in (out_dir / "runs").rglob("*.h5"))


def parent(pid: int | str) -> int:
    """The parent of a process; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    from adccsim.execution import cluster, local

    engine, scenario, out_dir = sys.argv[1:]
    execute = {"local": local.execute, "dask": cluster.execute}[engine]
    outcome = execute(describe(Path(scenario).read_text(), Path(out_dir)), Path(out_dir), workers=2)
    print(f"done {len(outcome.done)}, skipped {len(outcome.skipped)}, signal {outcome.signal}")
    for failure in outcome.failed:
        print(f"failed {failure.run_id} after {failure.attempts}: {failure.reason}")
    sys.exit(bool(outcome.failed))
