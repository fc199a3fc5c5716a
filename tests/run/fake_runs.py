"""Runs that misbehave on demand, in place of a simulation; importable by name, so that worker processes find them."""

import os
import signal
import threading
from pathlib import Path

import h5py

from simulation.record.layout import SCHEMA_VERSION
from simulation.run.folder import run_file
from simulation.seal import SEALED_FROM
from tests.sealing import append_seal


def condition(behaviour: str, nk_cells: int = 10) -> dict:
    """A condition with the keys that order and work are computed from, and how the run is to behave."""
    return {
        "kind": "well",
        "behaviour": behaviour,
        "effectors": {"nk_cells": nk_cells},
        "targets": {"cells": 10},
        "assay": {"duration_h": 4.0},
        "action": [],
        "culture": None,
    }


def conditions(*behaviours: str) -> dict[str, dict]:
    """Run id -> condition; the ids say what the run does and sort in the given order."""
    return {
        f"{number:02x}-{name}": condition(f"{number:02x}-{name}", 100 - number)
        for number, name in enumerate(behaviours)
    }


def run(condition: dict, runs_dir: Path, check: bool = False) -> Path:
    """Write a small complete run file after doing what the condition's behaviour asks for."""
    run_id = condition["behaviour"]
    path = run_file(runs_dir, run_id)
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".h5.fake.part")
    behaviour = run_id.partition("-")[2]
    first_try = not part.exists()
    part.write_text("unfinished")
    if behaviour == "raise":
        raise ValueError("no cells\nin the well")
    if behaviour == "die" or (behaviour == "die-once" and first_try):
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "crash":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "leave":
        os._exit(3)
    if behaviour == "hang":
        print(f"hanging {run_id}\n", end="", flush=True)  # one write, also unbuffered: two processes share the pipe
        threading.Event().wait()
    write(part, run_id)
    part.replace(path)
    print(f"finished {run_id}\n", end="", flush=True)
    return path


def write(path: Path, run_id: str, status: str = "complete", layout: int = SCHEMA_VERSION) -> None:
    """A file with the attributes that a finished run carries."""
    with h5py.File(path, "w") as file:
        file.create_group("meta").attrs.update({"schema_version": layout, "run_id": run_id, "status": status})
    if layout >= SEALED_FROM:
        append_seal(path)
