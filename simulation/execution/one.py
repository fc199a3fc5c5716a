"""One run: a condition in, one run file out."""

import os
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from uuid import uuid4

import h5py

from adccsim.conditions import AnyCondition, MouseCondition
from adccsim.execution.driver import World
from adccsim.execution.folder import run_file
from adccsim.seal import naming, seal, seal_file


def world_of(condition: AnyCondition, check: bool = False, checkpoints: Path | None = None) -> World:
    """The well or the mouse of a condition, at its start. The kernels of one are not loaded for the other.

    check: verify every conservation law and rate bound as the run goes on (slower; raises AssertionError or RateError).
    checkpoints: where a mouse, which may take hours, keeps what it needs to go on; a well is too short for that.
    """
    if isinstance(condition, MouseCondition):
        from adccsim.execution.mouse import MouseWorld

        return MouseWorld(condition, check, checkpoints)
    from adccsim.execution.well import WellWorld

    return WellWorld(condition, check)


def simulate(condition: AnyCondition, file: h5py.File, check: bool = False, checkpoints: Path | None = None) -> None:
    """Simulate one condition and write it to an open HDF5 file (on disk or in memory); see world_of."""
    world = world_of(condition, check, checkpoints)
    world.run()
    world.write(file)


def run_to_file(condition: AnyCondition, runs_dir: Path, check: bool = False) -> Path:
    """Simulate one condition and write its file under runs_dir; returns the path. A file that exists is complete.

    The file is written under a name of its own, flushed to disk and renamed, so a crash leaves no half file and two
    processes may race for one id.
    """
    return begin(condition, runs_dir, check)()


def begin(condition: AnyCondition, runs_dir: Path, check: bool = False) -> Callable[[], Path]:
    """The first part of run_to_file: all but waiting for the disk, which the returned function does.

    It may be called in another thread, while this one is at the next well. The file of a mouse, which takes minutes
    and may be large, is written here.
    """
    identity = condition.run_id
    path, checkpoints = run_file(Path(runs_dir), identity), Path(runs_dir).parent / "checkpoints"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{identity}.{uuid4().hex}.part")
    file = part.open("xb", buffering=0)  # from now on `adcc status` sees that the run is being made
    try:
        world = world_of(condition, check, checkpoints)
        world.run()
        content = world.save(part)
    except BaseException:
        file.close()
        part.unlink(missing_ok=True)
        raise
    return partial(_keep, file, content, part, path, checkpoints / f"{identity}.ckpt")


def _keep(file: FileIO, content: bytes, part: Path, path: Path, checkpoint: Path) -> Path:
    """Write `content`, if any, and the seal, flush the file to disk and rename it; then the checkpoint is removed.

    Without `content` the part file is complete but for its seal.
    """
    try:
        with naming(path), file:
            ending = seal(content) if content else seal_file(part)
            file.seek(0, os.SEEK_END)
            for piece in (content, ending):
                left = memoryview(piece)
                while left:
                    left = left[file.write(left) :]
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    checkpoint.unlink(missing_ok=True)
    return path
