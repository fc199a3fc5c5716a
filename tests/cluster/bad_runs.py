"""Runs that misbehave where a cluster is concerned; importable by name, so that workers find them."""

import errno
import os
import signal
from pathlib import Path
from unittest import mock

from adccsim.conditions import WellCondition
from tests.run import fake_runs

ROOM_FOR = 12  # run files on the full disk


def run(condition: WellCondition, runs_dir: Path, check: bool = False) -> Path:
    """As tests.run.fake_runs.run; "shoot" first kills the worker that asked for the run, then its own process."""
    if condition.targets.cell_line.endswith("-shoot"):
        (runs_dir.parent / f"shot-{os.getppid()}").touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return fake_runs.run(condition, runs_dir, check)


def on_a_full_disk(condition: WellCondition, runs_dir: Path, check: bool = False) -> Path:
    """The real run, on a disk that is full once ROOM_FOR files are there, until DIR/more-room exists."""
    from adccsim.execution import one

    full = not (runs_dir.parent / "more-room").exists() and len(list(runs_dir.rglob("*.h5"))) >= ROOM_FOR
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else None
    with mock.patch.object(one.os, "fsync", side_effect=error):
        return one.run_to_file(condition, runs_dir, check)
