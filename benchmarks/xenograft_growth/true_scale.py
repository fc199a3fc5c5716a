"""A full-size tumour: every cell of 100 mm3 of NCI-N87 for 28 days under 10 mg/kg trastuzumab weekly.

    python benchmarks/xenograft_growth/true_scale.py [--cells N] [--days D] [--threads T] [--out DIR]

The run uses the code path of `adcc run`: driver, engine (antibody, oxygen, effectors, growth, movement), a daily
observation, and a run file with slices. 1e7 cells grow to about 1e8. Compiling is excluded: a small tumour of the same
kind runs first, in the same process. Writes xenograft_true_scale.json into --out (default benchmarks/results).

Phases are timed with the process clock around the methods of the engine, so they count all threads. The lower bound on
memory traffic is what every step must read and write at least once per patch (see FLOOR_BYTES), over the bandwidth
measured here with a triad.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adccsim import runtime  # noqa: E402

TARGETS = {"wall_s": 240.0, "peak_GiB": 4.0, "cell_steps_per_s_core": 120e6}
# Bytes of one step per patch of 64 cells: cells read by biology, effectors and the first pass, the leavers and arrivals
# of both passes with their outboxes, effector words, and each field once per sweep that cannot be merged.
FLOOR_BYTES = {
    "cells": 3 * 256 + 2 * 64,
    "outboxes": 2 * 64 + 4 * 8,
    "effectors": 3 * 16,
    "pressure": 7 * 20 + 30,
    "oxygen": 4 * 13 + 12,
    "antibody": 12 * 32 + 60,
}
PHASES = {
    "rows": ("tumour", ("make_room",)),
    "oxygen": ("tumour", ("update_oxygen",)),
    "antibody": ("antibody", ("step", "carry")),
    "biology": ("tumour", ("update_cells",)),
    "effectors": ("effectors", ("step",)),
    "pressure": ("tumour", ("solve_pressure",)),
    "moves": ("tumour", ("move",)),
    "output": ("", ("observe", "arrays")),
}


def study(cells: float, days: int) -> dict:
    """The scenario at full scale, as a user would write it; only its treated mouse is run."""
    weekly = [day for day in range(0, days, 7)]
    dose = {"drug": "trastuzumab", "mg_per_kg": 10, "route": "iv", "days": weekly}
    volume = cells / 1e5
    return {
        "schema": 1,
        "title": "NCI-N87 at true scale",
        "kind": "xenograft",
        "seed": 2026,
        "tumour": {"start_volume_mm3": volume, "fraction_simulated": 1.0, "clone": [{"cell_line": "NCI-N87"}]},
        "mouse": {
            "strain": "nude", "enrolment_low_mm3": 0.5 * volume, "enrolment_high_mm3": 2.0 * volume,
            **{f"{name}_log_sd": 0.0 for name in ("growth", "clearance", "effector_density", "vessel")},
            "start_volume_cv": 0.0,
        },
        "study": {"days": days, "caliper_days": [0, days], "endpoint_mm3": 20_000},
        "output": {"level": "final", "every_h": 24},
        "arm": [{"name": "vehicle", "mice": 1}, {"name": "trastuzumab", "mice": 1, "dose": [dose]}],
    }  # fmt: skip


def simulate(cells: float, days: int, make, folder: Path) -> None:
    """One mouse through the driver into a run file."""
    import h5py

    from adccsim.execution.mouse import MouseWorld
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import scenario_from_dict

    condition = conditions_of(scenario_from_dict(study(cells, days)))[-1]
    with h5py.File(folder / f"{cells:.0f}.h5", "w") as file:
        world = MouseWorld(condition, make=make)
        world.run()
        world.write(file)


def timed_engine(clock: dict, seen: dict):
    """A factory of engines that add the processor time of their phases to `clock` and cell counts to `seen`."""
    from adccsim.xenograft.engine import TumourEngine

    def add(owner, name: str, phase: str) -> None:
        original = getattr(owner, name)

        def timed(*args, **kwargs):
            start = time.process_time()
            try:
                return original(*args, **kwargs)
            finally:
                clock[phase] += time.process_time() - start

        setattr(owner, name, timed)

    def make(params, key, check=False):
        start = time.process_time()
        engine = TumourEngine(params, key, check=check)
        clock["start"] += time.process_time() - start
        for phase, (part, names) in PHASES.items():
            owner = getattr(engine, part) if part else engine
            for name in names:
                add(owner, name, phase)
        advance_once = engine.advance
        seen.update(cells_at_start=engine.tumour.cells_now, largest_patch=0, cell_steps=0)

        def advance(ticks, events=None):
            for _ in range(ticks):
                advance_once(1, events)
                seen["cell_steps"] += engine.tumour.cells_now
                seen["cells_at_end"] = engine.tumour.cells_now
                seen["largest_patch"] = max(seen["largest_patch"], engine.tumour.largest)
                seen["patches_visited"] = engine.tumour.rows.patches

        engine.advance = advance
        return engine

    return make


def peak_bytes(whose: int = resource.RUSAGE_SELF) -> int:
    """Peak memory of this process, or of the largest of its finished children (RUSAGE_CHILDREN)."""
    # ru_maxrss counts kilobytes on Linux and bytes on macOS
    return resource.getrusage(whose).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def bandwidth_GB_per_s(threads: int) -> float:
    """Best of several triads a = b + 2 c over arrays larger than any cache, all threads together."""
    import numba
    import numpy as np

    @numba.njit(parallel=True, fastmath=True)
    def triad(a, b, c):
        for i in numba.prange(a.size):
            a[i] = b[i] + 2.0 * c[i]

    a, b, c = (np.ones(16_000_000) for _ in range(3))
    triad(a, b, c)
    best = 0.0
    for _ in range(7):
        start = time.perf_counter()
        triad(a, b, c)
        best = max(best, 3 * a.nbytes / (time.perf_counter() - start) / 1e9)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=float, default=1e7)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--threads", type=int, default=runtime.cores())
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    cli = parser.parse_args()
    runtime.configure(threads=cli.threads)
    from benchmarks.speed.measure import load_average, machine

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        compiling = time.perf_counter()
        simulate(2e4, 1, timed_engine(defaultdict(float), {}), folder)
        compiling = time.perf_counter() - compiling
        clock, seen = defaultdict(float), {}
        load = load_average()
        wall, cpu = time.perf_counter(), time.process_time()
        simulate(cli.cells, cli.days, timed_engine(clock, seen), folder)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        file_bytes = (folder / f"{cli.cells:.0f}.h5").stat().st_size
        hardware = machine(folder)
    peak = peak_bytes()
    steps = seen["cell_steps"]
    clock["rest"] = cpu - sum(clock.values())
    speed = bandwidth_GB_per_s(cli.threads)
    floor_ns = sum(FLOOR_BYTES.values()) / 64.0 / speed * cli.threads
    figures = {
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_GiB": peak / 2**30,
        "cell_steps_per_s_core": steps / cpu,
    }
    result = {
        "benchmark": "xenograft_true_scale",
        "schema": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": hardware,
        "threads": cli.threads,
        "load_average": {"start": load, "end": load_average()},
        "days": cli.days,
        "compiling_and_small_run_s": compiling,
        **seen,
        **figures,
        "ns_per_cell_step": {phase: 1e9 * s / steps for phase, s in sorted(clock.items())} | {"all": 1e9 * cpu / steps},
        "memory": {
            "triad_GB_per_s": speed,
            "floor_bytes_per_patch_step": FLOOR_BYTES,
            "floor_ns_per_cell_step": floor_ns,
            "over_floor": 1e9 * cpu / steps / floor_ns,
        },
        "run_file_bytes": file_bytes,
        "targets": TARGETS,
        "met": {
            name: bool(figures[name] >= target if name == "cell_steps_per_s_core" else figures[name] <= target)
            for name, target in TARGETS.items()
        },
    }
    cli.out.mkdir(parents=True, exist_ok=True)
    path = cli.out / "xenograft_true_scale.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({**figures, "ns_per_cell_step": result["ns_per_cell_step"], "met": result["met"]}, indent=1))
    print(f"{seen['cells_at_start']:,} -> {seen['cells_at_end']:,} cells, written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
