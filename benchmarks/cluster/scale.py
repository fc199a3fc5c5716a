"""Scale: ten thousand small wells through Dask and through the process pool, and what looking at them costs.

    python benchmarks/cluster/scale.py [--runs N] [--repeats N] [--workers N] [--out DIR] [--scratch DIR]

  kernel        seconds of the simulations alone: a sample of the wells is set up and run without a file, in as many
                processes at once as there are workers, before each turn of the engines
  stages        what one run is made of, well by well in one process; its file written plainly for comparison
  pool, dask    in turns, each in a process of its own and a new folder, files written and flushed; the start of the
                worker processes is in, that of the driver (reading the scenario, making the conditions) is told apart.
                Nothing is removed before the end: ext4 looks at every file removed lately when it makes another one
  overhead      (wall x workers - kernel seconds) / runs, with the least kernel seconds of all turns; for the pool by
                processor time, too
  look          adcc status; the summary table from scratch, and again with nothing new; adcc analyse
  memory        largest resident set of the driver, and of the analysis at a tenth of the runs and at all of them

Writes cluster_scale.json into --out (default benchmarks/results). Wall times mean something on a quiet machine only.
"""

import argparse
import hashlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import CPU, NO_CLOCK, WALL, Figure, load_average, machine, show, write  # noqa: E402

SMALL = "targets.cells=100"  # of the shipped large sweep: 4 h in a 384-well plate
RUNS_PER_DONOR = 600  # of it, controls included: a donor is made of whole plates
SAMPLE, STAGED = 2000, 100
OVERHEAD_MS, STATUS_S, ANALYSE_S = 10.0, 2.0, 60.0


def sets(runs: int) -> tuple[str, str]:
    """What is set in the large sweep for at least `runs` runs."""
    return SMALL, f"effectors.donors={max(2, math.ceil(runs / RUNS_PER_DONOR))}"


def conditions(runs: int) -> list:
    """At least `runs` conditions of the sweep, in whole plates: without its controls a plate has no lysis."""
    from adccsim.scenario.load import load_scenario
    from adccsim.scenario.shipped import find
    from adccsim.scenario.well.expand import expand

    by_plate: dict[str, list] = {}
    for condition in expand(load_scenario(find("large_sweep"), sets(runs))):
        by_plate.setdefault(condition.plate, []).append(condition)
    found: list = []
    for plate in by_plate.values():
        if len(found) < runs:
            found += plate
    return found


def kernel_seconds(wells: list, workers: int) -> tuple[float, int]:
    """(seconds of all simulations without their files, wells of the sample that all workers together worked on)."""
    command = [sys.executable, str(Path(__file__).resolve()), "--runs", str(len(wells)), "--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    fractions = [
        subprocess.Popen([*command, "--kernel", str(fraction)], env=environment, stdout=subprocess.PIPE, text=True)
        for fraction in range(workers)
    ]
    answers = [json.loads(fraction.communicate()[0].splitlines()[-1]) for fraction in fractions]
    sample = sum(answer["wells"] for answer in answers)
    return sum(answer["s"] for answer in answers) * len(wells) / sample, sample


def kernel_fraction(runs: int, workers: int, fraction: int) -> dict[str, float]:
    """Seconds of one worker's share of the sample, in this process."""
    from adccsim import runtime
    from benchmarks.speed.product import run_kernel

    runtime.configure(1)
    wells = conditions(runs)
    sample = wells[:: max(1, len(wells) // SAMPLE)][fraction::workers]
    run_kernel(sample[0], sample[0].run_key)  # compiles
    spent = [run_kernel(well, well.run_key) for well in sample]
    return {"s": sum(one["set_up_s"] + one["run_s"] for one in spent), "wells": len(sample)}


def stages(wells: list, scratch: Path) -> dict[str, list[float]]:
    """Milliseconds of each stage of a run, for a sample of wells; processor time but for the wait for the disk."""
    import h5py

    from adccsim.execution.one import begin
    from adccsim.execution.well import WellWorld
    from benchmarks.speed.product import run_kernel

    spent: dict[str, list[float]] = {name: [] for name in ("kernel", "simulation", "file", "plain file", "disk")}

    def timed(name, clock, work):
        began = clock()
        result = work()
        spent[name].append(1000 * (clock() - began))
        return result

    def plainly(contents):
        with h5py.File("plain", "w", driver="core", backing_store=False) as file:
            contents.write(file)

    def contents_of(condition):
        world = WellWorld(condition)
        world.run()
        return world.contents()

    cpu = time.thread_time
    contents_of(wells[0]).image()  # compiles, and makes the skeleton
    for well in wells[:: max(1, len(wells) // STAGED)]:
        timed("kernel", cpu, lambda well=well: run_kernel(well, well.run_key))
        contents = timed("simulation", cpu, lambda well=well: contents_of(well))
        timed("file", cpu, contents.image)
        timed("plain file", cpu, lambda contents=contents: plainly(contents))
        timed("disk", time.perf_counter, begin(well, scratch / "staged" / "runs"))
    return spent


def drive(engine: str, runs: int, workers: int, out_dir: Path) -> dict:
    """One sweep in this process: wall seconds, runs done, and the largest resident set of this process in bytes."""
    from adccsim.execution import cluster, local
    from adccsim.execution.folder import StudyFolder
    from adccsim.execution.study import study_record
    from adccsim.scenario.load import load_scenario
    from adccsim.scenario.shipped import find

    began = time.perf_counter()
    wells = conditions(runs)
    with StudyFolder(out_dir) as folder:
        folder.write_study(study_record(load_scenario(find("large_sweep"), sets(runs)), wells, "large_sweep.toml"))
    execute = {"pool": local.execute, "dask": cluster.execute}[engine]
    ready, cpu = time.perf_counter(), time.process_time()
    outcome = execute({well.run_id: well for well in wells}, out_dir, workers=workers)
    wall_s, driver_s = time.perf_counter() - ready, time.process_time() - cpu
    assert len(outcome.done) == len(wells), outcome.failed[:3]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # with Dask the processes of its workers are not among them
    return {
        "wall_s": wall_s, "start_s": ready - began, "done": len(outcome.done), "rss_bytes": _peak_bytes(),
        "driver_cpu_s": driver_s, "cpu_s": driver_s + ended.ru_utime + ended.ru_stime,
    }  # fmt: skip


def look(what: str, out_dir: Path, workers: int) -> dict:
    """One look at a results folder: wall and processor seconds with all processes, largest resident set of this one."""
    began, cpu = time.perf_counter(), time.process_time()
    if what == "summary":
        from adccsim.analysis.reading.summary import refresh

        refresh(out_dir, workers)
    elif what == "analyse":
        from adccsim.analysis.assay.study import analyse_wells

        analyse_wells(out_dir, processes=workers)
    else:
        from adccsim.execution.status import status

        status(out_dir)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s += helpers.ru_utime + helpers.ru_stime
    return {"wall_s": wall_s, "cpu_s": cpu_s, "rss_bytes": _peak_bytes()}


def _peak_bytes() -> int:
    """Largest resident set of this process. What getrusage says on Linux is that of its parent, if that was larger."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def apart(*words: object) -> dict:
    """What this program says when it is called with these words, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).resolve()), *map(str, words)]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def digest(out_dir: Path) -> str:
    """Hash over names and bytes of all run files."""
    sha = hashlib.sha256()
    for path in sorted((out_dir / "runs").rglob("*.h5")):
        sha.update(path.name.encode() + path.read_bytes())
    return sha.hexdigest()[:16]


def figures(runs: int, repeats: int, workers: int, scratch: Path) -> list[Figure]:
    wells = conditions(runs)
    runs = len(wells)
    counts = {"wells": runs, "targets_per_well": 100}

    def figure(name, title, unit, value, clock, n=1, **rest):
        spread = {"min": value, "median": value, "max": value}
        return Figure(name, title, unit, value, n, spread, clock, counts, load_average(), threads=workers, **rest)

    def several(name, title, unit, samples, clock, **rest):
        rest |= {"clock": clock, "cells": counts, "load_average": load_average()}
        return Figure.of(name, title, unit, samples, **{"threads": workers, **rest})

    found: list[Figure] = []
    titles = {
        "kernel": "one run: kernel and set-up", "simulation": "one run: the same, observed and read out",
        "file": "one run: its file made", "plain file": "for comparison: its file made without a skeleton",
        "disk": "one run: written, flushed, renamed",
    }  # fmt: skip
    for name, samples in stages(wells, scratch).items():
        clock = WALL if name == "disk" else CPU
        found.append(several(f"stage_{name.replace(' ', '_')}_ms", titles[name], "ms", samples, clock, threads=1))
    spent: dict[str, list[dict]] = {"pool": [], "dask": []}
    hashes = set()
    kernels = []
    for turn in range(repeats):
        kernels.append(kernel_seconds(wells, workers))
        for engine, outcomes in spent.items():
            out = scratch / f"{engine}-{turn}"
            outcomes.append(apart("--drive", engine, "--runs", runs, "--workers", workers, "--scratch", out))
            hashes.add(digest(out))
    assert len(hashes) == 1, "the two engines wrote other bytes"
    note = f"scaled up from {kernels[0][1]} wells"
    found.append(several("kernel_s", "simulations alone", "s", [each[0] for each in kernels], CPU, note=note))
    kernel_s = min(each[0] for each in kernels)  # a disturbed one would flatter the sweep that it is taken from
    for engine, outcomes in spent.items():
        overhead = [1000 * (one["wall_s"] * workers - kernel_s) / runs for one in outcomes]
        memory = [one["rss_bytes"] / 1e6 for one in outcomes]
        found += [
            several(f"{engine}_wall_s", f"{engine}: all runs", "s", [one["wall_s"] for one in outcomes], WALL),
            several(f"{engine}_overhead_ms", f"{engine}: overhead per run", "ms", overhead, WALL, target=OVERHEAD_MS),
            several(f"{engine}_driver_cpu_ms", f"{engine}: driver, per run", "ms",
                    [1000 * one["driver_cpu_s"] / runs for one in outcomes], CPU),
            several(f"{engine}_rss_mb", f"{engine}: memory of the driver", "MB", memory, NO_CLOCK),
        ]  # fmt: skip
    overhead = [1000 * (one["cpu_s"] - kernel_s) / runs for one in spent["pool"]]
    found.append(several("pool_overhead_cpu_ms", "pool: overhead per run, all processes", "ms", overhead, CPU))
    start = [one["start_s"] for outcomes in spent.values() for one in outcomes]
    found.append(several("driver_start_s", "conditions and study.json made", "s", start, WALL))
    out = scratch / f"dask-{repeats - 1}"
    size = sum(path.stat().st_size for path in (out / "runs").rglob("*.h5")) / runs
    found.append(figure("bytes_per_run", "size of a run file", "B", size, NO_CLOCK, runs))

    tenth = scratch / "tenth"
    small = apart("--drive", "pool", "--runs", runs // 10, "--workers", workers, "--scratch", tenth)
    found.append(figure("driver_tenth_rss_mb", "pool, a tenth: driver", "MB", small["rss_bytes"] / 1e6, NO_CLOCK))
    for what in ("summary", "analyse"):
        small = apart("--look", what, "--workers", workers, "--scratch", tenth)
        title = f"{what} of a tenth: memory"
        found.append(figure(f"{what}_tenth_rss_mb", title, "MB", small["rss_bytes"] / 1e6, NO_CLOCK))
    for name, what, title, target in (
        ("status", "status", "adcc status", STATUS_S),
        ("summary", "summary", "summary table from scratch", None),
        ("summary_again", "summary", "summary table, nothing new", None),
        ("analyse", "analyse", "analysis, table there already", None),
    ):
        spent = apart("--look", what, "--workers", workers, "--scratch", out)
        found += [
            figure(f"{name}_s", title, "s", spent["wall_s"], WALL, target=target),
            figure(f"{name}_cpu_s", f"{title}: processor", "s", spent["cpu_s"], CPU),
            figure(f"{name}_rss_mb", f"{title}: memory", "MB", spent["rss_bytes"] / 1e6, NO_CLOCK),
        ]
    by_name = {each.name: each.value for each in found}
    total = by_name["summary_s"] + by_name["analyse_s"]
    found.append(figure("analyse_all_s", "adcc analyse of a new folder", "s", total, WALL, target=ANALYSE_S))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten thousand small wells through Dask and through processes.")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3, help="sweeps with each engine")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--scratch", type=Path, default=None, help="folder for run files; default a temporary one")
    parser.add_argument("--drive", choices=("pool", "dask"), help=argparse.SUPPRESS)
    parser.add_argument("--kernel", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--look", choices=("status", "summary", "analyse"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        print(json.dumps(drive(options.drive, options.runs, options.workers, options.scratch)))
        return
    if options.kernel is not None:
        print(json.dumps(kernel_fraction(options.runs, options.workers, options.kernel)))
        return
    if options.look:
        print(json.dumps(look(options.look, options.scratch, options.workers)))
        return
    scratch = Path(tempfile.mkdtemp(prefix="adcc-scale-", dir=options.scratch))
    try:
        document = {
            "benchmark": "cluster scale",
            "date": datetime.now(UTC).date().isoformat(),
            "runs": options.runs,
            "workers": options.workers,
            "machine": machine(scratch),
        }
        found = figures(options.runs, options.repeats, options.workers, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    write(options.out / "cluster_scale.json", document, found)
    show(f"{options.runs:,} small wells, {options.workers} workers", found)


if __name__ == "__main__":
    main()
