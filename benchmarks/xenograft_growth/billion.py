"""A billion cells: a tumour of 10 cm3, every cell an agent, a few hours under antibody. Does it fit into 24 GiB?

    python benchmarks/xenograft_growth/billion.py [--cells N] [--hours H] [--threads T] [--out DIR]

NCI-N87 with vessels, oxygen, pressure, both kinds of mouse effectors and 10 mg/kg trastuzumab, as in true_scale.py, and
the whole state observed at the end. Compiling is excluded: a small tumour runs first, in the same process. Writes
xenograft_billion.json (xenograft_<cells>.json for another number) into --out (default benchmarks/results): wall and
processor time of the start and of each hour, peak memory of the process, bytes per cell, the fullest patch.

A tumour of this size grows by 0.5 % an hour, so the box is large enough for days; enlarging the box would need one more
copy of the cell column (512 bytes per patch).
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adccsim import runtime  # noqa: E402
from benchmarks.xenograft_growth.true_scale import peak_bytes, study, timed_engine  # noqa: E402

TARGETS = {"peak_GiB": 24.0, "bytes_per_cell": 22.0}


def grown(cells: int, hours: int, clock: dict, seen: dict):
    """(engine with `cells` cells, dosed and advanced by `hours`; seconds of the start and of each hour)."""
    from adccsim.conditions.mouse import Dose
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import scenario_from_dict
    from adccsim.xenograft.params import tumour_params

    condition = conditions_of(scenario_from_dict(study(1e7, 1)))[-1]
    params = replace(tumour_params(condition), n_cells=cells, most_cells=cells)
    times = [time.perf_counter()]
    engine = timed_engine(clock, seen)(params, 2026)
    times.append(time.perf_counter())
    engine.apply(Dose(drug="trastuzumab", mg_per_kg=10.0, route="iv", day=0.0))
    for _ in range(hours):
        engine.advance(1, [])
        times.append(time.perf_counter())
    return engine, [after - before for before, after in itertools.pairwise(times)]


def column_bytes(engine) -> dict[str, int]:
    """Bytes of each part of the state for the visited patches, from the sizes of the columns."""
    from adccsim.xenograft.layout import CELL_SLOTS, EFFECTOR_SLOTS
    from adccsim.xenograft.movement import OUTBOX

    patches = engine.tumour.rows.patches
    per_patch = {
        "cells": 4 * CELL_SLOTS, "effectors": 8 * EFFECTOR_SLOTS, "outbox": 4 * OUTBOX, "faces": 16, "counts": 4,
        "oxygen_and_vessels": 16, "pressure": 16, "antibody": 12 + 2 + 4 + 20,
    }  # fmt: skip
    return {name: bytes_ * patches for name, bytes_ in per_patch.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=float, default=1e9)
    parser.add_argument("--hours", type=int, default=4)
    parser.add_argument("--threads", type=int, default=runtime.cores())
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    runtime.configure(threads=args.threads)
    from benchmarks.speed.measure import load_average, machine

    grown(20_000, 2, defaultdict(float), {})[0].observe()  # compiles the kernels
    clock, seen = defaultdict(float), {}
    load = load_average()
    before = peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    engine, seconds = grown(round(args.cells), args.hours, clock, seen)
    state = engine.observe()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_bytes()
    stepping = cpu - clock["start"] - clock["output"]
    figures = {
        "wall_s": wall,
        "cpu_s": cpu,
        "start_wall_s": seconds[0],
        "hour_wall_s": seconds[1:],
        "cell_steps_per_s_core": seen["cell_steps"] / stepping,
        "peak_GiB": peak / 2**30,
        "bytes_per_cell": (peak - before) / engine.tumour.cells_now,
    }
    result = {
        "benchmark": "xenograft_billion",
        "schema": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(args.out),
        "threads": args.threads,
        "load_average": {"start": load, "end": load_average()},
        **seen,
        **figures,
        "effectors": [int(k) for k in engine.effectors.present],
        "kills": int(engine.effectors.totals[:3].sum()),
        "box_side_patches": engine.side,
        "occupancy_mean": float(state["occupancy_mean"][0]),
        "axis_ratio": state["axis_ratio"],
        "density_shells": [round(float(v), 4) for v in state["density_shells"]],
        "column_bytes": column_bytes(engine),
        "ns_per_cell_step": {k: 1e9 * s / seen["cell_steps"] for k, s in sorted(clock.items())},
        "targets": TARGETS,
        "met": {name: bool(figures[name] <= target) for name, target in TARGETS.items()},
    }
    args.out.mkdir(parents=True, exist_ok=True)
    name = "billion" if round(args.cells) == 10**9 else f"{args.cells:.0f}"
    path = args.out / f"xenograft_{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({**figures, "largest_patch": seen["largest_patch"], "met": result["met"]}, indent=1))
    print(f"{seen['cells_at_start']:,} -> {seen['cells_at_end']:,} cells, written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
