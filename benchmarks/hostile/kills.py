"""Kills at random moments: of the driver (SIGKILL, SIGTERM, SIGINT) and of workers (SIGKILL), then the same command.

A round starts `adcc run` on a small sweep in a new folder, waits until a random number of runs has its file, strikes,
and, after some further blows, lets the same command come to its end undisturbed. Then every run file is compared with
 one of an undisturbed sweep. Lost: a run without a file. Damaged: a file with other bytes. A driver that ends before
it is struck is counted as not struck.
"""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile import inputs
from benchmarks.hostile.damage import run_files

ROOT = Path(__file__).resolve().parents[2]
REPLICATES = 8  # 128 wells
LIMIT_S = 300.0
BLOWS = ("driver SIGKILL", "driver SIGTERM", "driver SIGINT", "worker SIGKILL")
SCENARIO = inputs.WELLS.replace("replicates = 2", f"replicates = {REPLICATES}").replace("cells = 100", "cells = 1500")


@dataclass(frozen=True)
class Round:
    """One sweep with its blows: engine (local, dask), who was struck how, and what was left after the last command."""

    engine: str
    blows: tuple[str, ...]
    struck: int
    lost: int
    damaged: int
    superfluous: int
    traceback: bool
    code: int | None


def command(scenario: Path, out: Path, engine: str) -> list[str]:
    """The command line of a sweep with two workers."""
    more = ["--engine", "dask"] if engine == "dask" else []
    return [sys.executable, "-m", "adccsim.cli", "run", str(scenario), "--out", str(out), "--workers", "2", *more]


def start(scenario: Path, out: Path, engine: str, log: Path) -> subprocess.Popen:
    """Start a sweep in a session of its own; what it says is added to `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command(scenario, out, engine),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def finished(out: Path) -> int:
    """Runs that have their file."""
    return sum(1 for _ in (out / "runs").glob("*/*.h5"))


def below(process: int) -> list[int]:
    """All processes that descend from one, by /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [process]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def undisturbed(scratch: Path) -> tuple[Path, dict[str, bytes]]:
    """The scenario, and the run files of a sweep that nobody disturbs."""
    scratch.mkdir(parents=True, exist_ok=True)
    scenario = scratch / "sweep.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    process = start(scenario, scratch / "whole", "local", scratch / "whole.log")
    if process.wait(LIMIT_S) != 0:
        raise RuntimeError((scratch / "whole.log").read_text(errors="replace")[-2000:])
    return scenario, run_files(scratch / "whole")


def play(number: int, seed: int, engine: str, scenario: Path, reference: dict[str, bytes], scratch: Path) -> Round:
    """One round with one to three blows."""
    chance = random.Random(f"{seed} kill {number}")
    out, log = scratch / f"round-{number}", scratch / f"round-{number}.log"
    planned = [BLOWS[(number + i) % len(BLOWS)] for i in range(chance.choice([1, 2, 3]))]
    struck = 0
    for blow in planned:
        process = start(scenario, out, engine, log)
        goal = finished(out) + chance.randint(0, len(reference) // 4)
        hit = _strike(chance, process, blow, goal, out)
        struck += hit
        if hit and blow.startswith("driver"):
            process.wait(LIMIT_S)
            _gone(process)
        else:  # the driver goes on without the worker
            process.wait(LIMIT_S)
    last = start(scenario, out, engine, log)
    try:
        code = last.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(last.pid, signal.SIGKILL)
        last.wait()
        code = None
    found = run_files(out)
    text = log.read_text(encoding="utf-8", errors="replace")
    return Round(
        engine, tuple(planned), struck, len(reference.keys() - found.keys()), sum(found[name] != data for name,
        data in reference.items() if name in found), len(found.keys() - reference.keys()),
        "Traceback (most recent call last)" in text, code,
    )  # fmt: skip


def _strike(chance: random.Random, process: subprocess.Popen, blow: str, goal: int, out: Path) -> bool:
    """Strike when `goal` runs have their file; False if the command ended before."""
    limit = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < limit:
        if finished(out) >= goal:
            target = process.pid
            if blow.startswith("worker"):
                workers = below(process.pid)
                if not workers:
                    time.sleep(0.01)
                    continue
                target = chance.choice(workers)
            try:
                os.kill(target, getattr(signal, blow.split()[1]))
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.005)
    return False


def _gone(process: subprocess.Popen) -> None:
    """Wait until what the driver started has ended, too: workers notice that their owner is gone."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
