"""Runs that misbehave on demand, in place of a simulation; importable by name, so that worker processes find them."""

import json
import os
import signal
import threading
from pathlib import Path

import h5py
from msgspec.structs import replace

from adccsim.conditions import WellCondition
from adccsim.execution.folder import run_file
from adccsim.run_schema import SCHEMA_VERSION
from adccsim.seal import SEALED_FROM
from tests.scenario import conditions as conditions_of
from tests.sealing import append_seal


def condition(behaviour: str, nk_cells: int = 10, **more) -> WellCondition:
    """A small well whose cell line says how its run is to behave, and its mechanism what else (`more`, as JSON)."""
    well = conditions_of()[0]
    return replace(
        well,
        targets=replace(well.targets, cell_line=behaviour, mechanism=json.dumps(more), cells=10),
        effectors=replace(well.effectors, nk_cells=nk_cells),
        assay=replace(well.assay, duration_h=4.0),
    )


def more_of(condition: WellCondition) -> dict:
    """What else a condition says."""
    return json.loads(condition.targets.mechanism)


def conditions(*behaviours: str) -> dict[str, WellCondition]:
    """Run id -> condition; the ids say what the run does and sort in the given order."""
    return {
        f"{number:02x}-{name}": condition(f"{number:02x}-{name}", 100 - number)
        for number, name in enumerate(behaviours)
    }


def run(condition: WellCondition, runs_dir: Path, check: bool = False) -> Path:
    """Write a small complete run file after doing what the condition's behaviour asks for."""
    run_id = condition.targets.cell_line
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
