"""Speed of the in-vitro well: kernel, plate, first result, and the distance to a lean Mesa model of the same rules.

    python benchmarks/speed/well.py [--quick] [--out DIR] [--scratch DIR]

Full biology is resting NK cells (all of them NK, genotype VF) on SK-BR-3 in a flat 96-well, 1e4 targets, trastuzumab
1 ug/mL, 4 h.

  kernel        one well on one core, at 1, 5 and 10 NK cells per target; compiling excluded, setting up on its own
  plate         96 wells, all at 10:1, through adccsim.execution.local with two processes; files written and flushed
  first result  a new process until the demo's first 10:1 well is a file, with warm and with empty compile cache
  lean Mesa     the reduced rules of reduced.py in both models: complete small wells for the kills and the speed, and a
                10:1 well of full size, of which Mesa runs a part

Writes well_speed.json into --out (default benchmarks/results; with --quick, results). --quick runs tiny wells to see
that everything works: its figures mean nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import CPU, NO_CLOCK, WALL, Figure, load_average, machine, show, write  # noqa: E402
from benchmarks.speed.product import ET_RATIO, cells, run_kernel, well, wells  # noqa: E402

# Measured earlier, on another machine state; a tumble was an event of its own there.
PROTOTYPE = "prototype, other machine state"
PROTOTYPE_BARE_NS = "6-10 ns"
PROTOTYPE_NS = "25-33 ns"
PROTOTYPE_S = {1: "0.076 s", 5: "0.250 s", 10: "0.520 s"}
PLATE_S, FIRST_RESULT_S = 20.0, 10.0
WORKERS = 2


@dataclass(frozen=True)
class Sizes:
    """How much is run; pairs count small wells and wells of full size."""

    targets: int = 10_000
    small_targets: int = 1_000
    hours: float = 4.0
    kernel_wells: int = 7
    plate_wells: int = 96
    plates: int = 3
    warm_starts: int = 5
    cold_starts: int = 2
    product_wells: tuple[int, int] = (300, 7)
    mesa_wells: tuple[int, int] = (24, 2)
    mesa_part: float = 0.1
    demo_sets: tuple[str, ...] = ()


QUICK = Sizes(
    targets=300, small_targets=100, hours=1.0, kernel_wells=2, plate_wells=4, plates=1, warm_starts=1, cold_starts=0,
    product_wells=(8, 2), mesa_wells=(4, 1), demo_sets=("targets.cells=300", "assay.duration_h=1"),
)  # fmt: skip


def kernel(sizes: Sizes) -> list[Figure]:
    """Figures of single wells: by E:T, of the targets alone, and of a small well at the same density."""
    began = time.perf_counter()
    run_kernel(well(50, 0.1, 1), 0)  # compiles, or loads what is compiled
    note = f"without compiling or loading the kernel, which took {time.perf_counter() - began:.2f} s beforehand"
    figures = [figure for et in PROTOTYPE_S for figure in _kernel(f"kernel_{et}to1", sizes.targets, et, sizes, note)]
    alone = _kernel("kernel_0to1", sizes.targets, 0, sizes, f"targets and antibody, no effectors; {note}")
    small = _kernel("kernel_small_10to1", sizes.small_targets, ET_RATIO, sizes, f"same density; {note}")
    return [*figures, alone[0], small[0], small[2]]


def _kernel(name: str, targets: int, et: int, sizes: Sizes, note: str) -> list[Figure]:
    title = f"kernel, {targets:,} targets, {et}:1"
    load, size = load_average(), cells(targets, et)
    resolved = well(targets, sizes.hours, et)
    runs = [run_kernel(resolved, key) for key in range(1, sizes.kernel_wells + 1)]
    full_size = targets == sizes.targets and et > 0

    def figure(what, words, unit, samples, clock=CPU, prototype=None):
        reference = (prototype, PROTOTYPE) if prototype and full_size else None
        return Figure.of(
            f"{name}_{what}", f"{title}: {words}", unit, samples, clock=clock, cells=size, load_average=load,
            reference=reference, note=note,
        )  # fmt: skip

    return [
        figure("s", "time per well", "s", [run["run_s"] for run in runs], prototype=PROTOTYPE_S.get(et)),
        figure("wall_s", "time per well, wall", "s", [run["wall_s"] for run in runs], WALL),
        figure("ns", "per event", "ns", [run["run_s"] / run["events"] * 1e9 for run in runs], prototype=PROTOTYPE_NS),
        figure("events_per_s", "events", "1/s", [run["events"] / run["run_s"] for run in runs]),
        figure("events", "events per well", "events", [run["events"] for run in runs], NO_CLOCK),
        figure("set_up_s", "setting up", "s", [run["set_up_s"] for run in runs]),
    ]


def plate(sizes: Sizes, scratch: Path) -> list[Figure]:
    """Wall time of a plate of finished files, each time in a new folder with new processes."""
    from adccsim.execution.local import execute

    runs = wells(sizes.targets, sizes.hours, ET_RATIO, sizes.plate_wells)
    load, seconds = load_average(), []
    for _ in range(sizes.plates):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            began = time.perf_counter()
            outcome = execute(runs, Path(folder), workers=WORKERS)
            seconds.append(time.perf_counter() - began)
        if len(outcome.done) != len(runs):
            raise RuntimeError(f"{len(outcome.failed)} of {len(runs)} wells failed: {outcome.failed[:1]}")
    return [
        Figure.of(
            "plate_wall_s", f"plate: {len(runs)} wells at 10:1, files written", "s", seconds, clock=WALL,
            cells=cells(sizes.targets, ET_RATIO), load_average=load, threads=WORKERS, target=PLATE_S,
            note="cells are those of one well; starting two processes and loading the compiled kernel included",
        )
    ]  # fmt: skip


def first_result(sizes: Sizes, scratch: Path) -> list[Figure]:
    """Wall time of a process that ends with one run file, with warm and with empty compile cache."""
    size = cells(sizes.targets, ET_RATIO)
    load = load_average()
    _start(sizes, scratch, None)  # whatever the demo compiles beyond the kernel is in the cache now
    warm = [_start(sizes, scratch, None) for _ in range(sizes.warm_starts)]
    note = "from the start of the process to its end; the interpreter's own byte code is cached"
    figures = [
        Figure.of(
            "first_result_warm_s", "first result of a new process, warm compile cache", "s", warm, clock=WALL,
            cells=size, load_average=load, target=FIRST_RESULT_S, note=note,
        )
    ]  # fmt: skip
    load, cold = load_average(), []
    for _ in range(sizes.cold_starts):
        with tempfile.TemporaryDirectory(dir=scratch) as empty:
            cold.append(_start(sizes, scratch, Path(empty)))
    if cold:
        figures.append(
            Figure.of(
                "first_result_cold_s", "first result of a new process, empty compile cache", "s", cold, clock=WALL,
                cells=size, load_average=load, note=note,
            )
        )  # fmt: skip
    return figures


def _start(sizes: Sizes, scratch: Path, cache: Path | None) -> float:
    """Seconds of one first_result.py; cache: an empty directory for compiled kernels instead of the usual one."""
    import h5py

    environment = {**os.environ, "ADCCSIM_CACHE_DIR": str(cache)} if cache else {**os.environ}
    environment.pop("NUMBA_CACHE_DIR", None)  # the new process shall choose it as any other
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        program = [sys.executable, str(Path(__file__).with_name("first_result.py")), folder, *sizes.demo_sets]
        began = time.perf_counter()
        subprocess.run(program, env=environment, check=True)
        seconds = time.perf_counter() - began
        (path,) = Path(folder).glob("runs/*/*.h5")
        with h5py.File(path) as file:
            if file["meta"].attrs["status"] != "complete":
                raise RuntimeError(f"{path.name} is not complete")
    return seconds


def against_mesa(sizes: Sizes) -> list[Figure]:
    """Figures of both models under the reduced rules."""
    from benchmarks.speed.against_mesa import compare  # Mesa is not loaded before this point

    return compare(
        sizes.targets, sizes.small_targets, sizes.hours, sizes.product_wells, sizes.mesa_wells, sizes.mesa_part
    )


def why(figures: list[Figure]) -> list[str]:
    """How far from the bare kernel, and why: what was measured, what was changed, what is only inferred."""
    value = {figure.name: figure.value for figure in figures}
    full_ns, bare_ns = value["kernel_10to1_ns"], value["reduced_full_ns"]
    small_ns, small_bare_ns = value["kernel_small_10to1_ns"], value["reduced_small_ns"]
    antibody_ns = value["kernel_0to1_s"] * 1e9
    fractions = " and ".join(
        f"{antibody_ns / value[f'kernel_{et}to1_events']:.1f} of the {value[f'kernel_{et}to1_ns']:.1f} ns at {et}:1"
        for et in (1, ET_RATIO)
    )
    return [
        f"Measured at 10:1: {full_ns:.1f} ns per event with the full biology, {bare_ns:.1f} ns with the reduced rules "
        f"on the same kernel (a factor of {full_ns / bare_ns:.2f}). In a small well, more of which fits the nearer "
        f"caches, it is {small_ns:.1f} and {small_bare_ns:.1f} ns.",
        f"Measured: targets and antibody alone take {antibody_ns / 1e6:.1f} ms per well, that is {fractions}.",
        f"Prototype, other machine state: {PROTOTYPE_BARE_NS} per event for the bare rules, {PROTOTYPE_NS} for the "
        f"full biology, {', '.join(PROTOTYPE_S.values())} per well at 1, 5 and 10 NK cells per target. A tumble was "
        "an event of its own there: compare seconds per well, not nanoseconds per event.",
        "Changed since: tumbles are folded into hops, which halves the number of events; the few cells with high hit "
        "rates own a second slot instead of raising the bound for all; immobile cells lie in a block of their own and "
        "are asked at their death rate only. The events saved this way are cheap ones, so those left cost more each.",
        "Inferred, not counted: what is left per event cannot be foretold. The cell and what becomes of it are drawn "
        "at random, so branches are mispredicted, and its record, its site and the next one come from beyond the "
        "first cache; the loads of 32 events at a time overlap and hide a part of it.",
    ]


def measure(sizes: Sizes, quick: bool, scratch: Path) -> tuple[dict, list[Figure]]:
    """Run everything; returns the document without its figures, and the figures."""
    from adccsim import runtime

    runtime.configure(threads=1)
    scratch.mkdir(parents=True, exist_ok=True)
    started, began, load = datetime.now(UTC), time.perf_counter(), load_average()
    parts = {
        "kernel": lambda: kernel(sizes),
        "plate": lambda: plate(sizes, scratch),
        "first result": lambda: first_result(sizes, scratch),
        "lean Mesa": lambda: against_mesa(sizes),
    }
    figures = []
    for name, part in parts.items():
        print(f"{time.perf_counter() - began:5.0f} s  {name}", file=sys.stderr, flush=True)
        figures += part()
    if quick:  # nothing to compare tiny wells with
        figures = [replace(figure, target=None, reference=None) for figure in figures]
    document = {
        "benchmark": "well_speed",
        "schema": 1,
        "quick": quick,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 1),
        "load_average": {"start": load, "end": load_average()},
        "machine": machine(scratch),
        "sizes": asdict(sizes),
        "why": why(figures),
    }
    return document, figures


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny wells: only to see that it works")
    parser.add_argument("--out", type=Path, help="folder of well_speed.json; default benchmarks/results")
    parser.add_argument("--scratch", type=Path, default=ROOT / "results", help="where run files lie meanwhile")
    options = parser.parse_args()
    out = options.out or (ROOT / "results" if options.quick else ROOT / "benchmarks" / "results")
    document, figures = measure(QUICK if options.quick else Sizes(), options.quick, options.scratch)
    write(out / "well_speed.json", document, figures)
    show("Speed of the well" + (": tiny wells, the figures mean nothing" if options.quick else ""), figures)
    print("\n".join(f"\n{paragraph}" for paragraph in document["why"]))
    load = document["load_average"]
    print(f"\n{document['seconds']:.0f} s; load average {load['start']} to {load['end']}; {out / 'well_speed.json'}")


if __name__ == "__main__":
    main()
