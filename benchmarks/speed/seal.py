"""What the seal of a run file costs: writing and checking, per 100 kB and per sweep of 10,000 runs.

    python benchmarks/speed/seal.py [--out benchmarks/results] [--repeats 200]

A real run file (a well of the shipped protocol with 1,500 targets) is written and read with and without its seal, in
turn, so that a slow moment of the machine meets both. Processor time of the thread: what a busy disk or neighbour takes
does not count. The target is 0.3 ms per 100 kB for each of writing and checking.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

from adccsim import runtime  # noqa: E402

runtime.configure(threads=1)

from adccsim.analysis.reading.run_file import RunFile  # noqa: E402
from adccsim.execution.folder import check_run_file, run_file  # noqa: E402
from adccsim.execution.one import run_to_file  # noqa: E402
from adccsim.scenario.load import load_scenario  # noqa: E402
from adccsim.scenario.shipped import find  # noqa: E402
from adccsim.scenario.well.expand import expand  # noqa: E402
from adccsim.seal import SIZE, checked, seal  # noqa: E402
from benchmarks.speed.measure import CPU, Figure, load_average, machine, show, write  # noqa: E402

TARGET_MS, RUNS = 0.3, 10_000


def in_turn(repeats: int, *actions: Callable[[], object]) -> list[list[float]]:
    """Milliseconds of each action, called in turn."""
    taken: list[list[float]] = [[] for _ in actions]
    for _ in range(repeats):
        for times, action in zip(taken, actions, strict=True):
            start = time.thread_time()
            action()
            times.append(1000 * (time.thread_time() - start))
    return taken


def written(path: Path, *pieces: bytes) -> None:
    """Write the pieces one after the other."""
    with path.open("wb", buffering=0) as file:
        for piece in pieces:
            file.write(piece)


def measured(folder: Path, repeats: int) -> list[Figure]:
    """All figures, of one run file below `folder`."""
    scenario = load_scenario(find("adcc_protocol"), ['output.level="final"', "targets.cells=1500"])
    condition = expand(scenario)[0]
    path = run_to_file(condition, folder)
    assert path == run_file(folder, condition.run_id)
    content = path.read_bytes()
    body = content[:-SIZE]
    kilobytes = len(content) / 1000
    scratch = folder / "scratch"
    plain, sealed, check, resume, read = in_turn(
        repeats,
        lambda: written(scratch, body),
        lambda: written(scratch, body, seal(body)),
        lambda: checked(io.BytesIO(content), content),
        lambda: check_run_file(path, condition.run_id),
        lambda: RunFile(path).__exit__(),
    )
    writing = [b - a for a, b in zip(plain, sealed, strict=True)]
    about = {"clock": CPU, "cells": {"targets": 1500}, "load_average": load_average()}
    note = f"run file of {kilobytes:.0f} kB"
    figures = []
    for name, title, samples in (("write", "sealing", writing), ("check", "checking", check)):
        per_100 = [100 * sample / kilobytes for sample in samples]
        figures.append(
            Figure.of(f"{name}_ms_per_100kB", f"{title} a run file, per 100 kB", "ms", per_100, target=TARGET_MS,
                      note=note, **about)
        )  # fmt: skip
        total = [sample * RUNS / 1000 for sample in samples]
        figures.append(
            Figure.of(f"{name}_s_per_sweep", f"{title} the files of {RUNS:,} runs", "s", total, note=note, **about)
        )
    for name, title, samples in (
        ("resume", "the check of finished runs before a sweep goes on, HDF5 included", resume),
        ("open", "opening run files for an analysis, their check included", read),
    ):
        total = [sample * RUNS / 1000 for sample in samples]
        figures.append(Figure.of(f"{name}_s_per_sweep", f"{title}, {RUNS:,} runs", "s", total, note=note, **about))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="What the seal of a run file costs.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "benchmarks" / "results")
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder), options.repeats)
        document = {
            "command": "python benchmarks/speed/seal.py", "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(Path(folder)),
        }  # fmt: skip
    write(options.out / "seal.json", document, figures)
    show("the seal of a run file", figures)


if __name__ == "__main__":
    main()
