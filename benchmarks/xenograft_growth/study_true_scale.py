"""The published NCI-N87 study with every cell an agent, compared with the same study at 1 % of the cells.

    python benchmarks/xenograft_growth/study_true_scale.py [--scratch DIR] [--fraction F] [--small F] [--out DIR]
        [--workers W] [--threads T] [--set KEY=VALUE ...]

scenarios/nci_n87_trastuzumab.toml (vehicle and 10 mg/kg weekly, six mice each, 21 days) through `adcc run` with
`--set tumour.fraction_simulated=1`, analysis and report included. The same command resumes from
finished mice and the checkpoints of the others under --scratch (default results/n87_true_scale); times are summed.
Each mouse needs about 3 GiB at most; --workers and --threads are passed to `adcc run` (default: two mice at a time, one
core each).
Writes xenograft_study_true_scale.json into --out (default benchmarks/results): time, memory of the largest process,
volumes, and every TGI definition with its interval for both sizes.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import load_average, machine  # noqa: E402
from benchmarks.xenograft_growth.command import inhibition, mean_volumes, run_study  # noqa: E402

STUDY = ROOT / "scenarios" / "nci_n87_trastuzumab.toml"
MOST_GIB = 20.0


def at_fraction(fraction: float, folder: Path, options: list[str]) -> dict:
    """Cost and results of the study at this fraction of the cells."""
    cost = run_study(STUDY, folder, "--set", f"tumour.fraction_simulated={fraction:g}", *options)
    return {
        "fraction_simulated": fraction,
        **cost,
        "volumes": mean_volumes(folder),
        "comparisons": inhibition(folder),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scratch", type=Path, default=ROOT / "results" / "n87_true_scale")
    parser.add_argument("--fraction", type=float, default=1.0)
    parser.add_argument("--small", type=float, default=0.01, help="the fraction to compare with")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", dest="sets", action="append", default=[], help="passed to adcc run")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    options = ["--workers", str(args.workers), "--threads", str(args.threads)]
    options += [option for each in args.sets for option in ("--set", each)]
    load = load_average()
    small = at_fraction(args.small, args.scratch / f"fraction_{args.small:g}", options)
    full = at_fraction(args.fraction, args.scratch / f"fraction_{args.fraction:g}", options)
    together = args.workers * full["peak_GiB"]
    result = {
        "benchmark": "xenograft_study_true_scale",
        "schema": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(args.scratch),
        "load_average": {"start": load, "end": load_average()},
        "workers": args.workers,
        "threads_per_mouse": args.threads,
        "memory_of_all_workers_GiB": together,
        "targets": {"memory_of_all_workers_GiB": MOST_GIB},
        "met": {"memory_of_all_workers_GiB": together <= MOST_GIB},
        "studies": [small, full],
    }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "xenograft_study_true_scale.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for each in (small, full):
        volumes = ", ".join(f"{row['arm']} {row['mean_volume_mm3']:.0f} mm3" for row in each["volumes"])
        size = f"{each['fraction_simulated']:g} of the cells"
        print(f"{size}: {volumes}; {each['wall_s']:.0f} s, {each['peak_GiB']:.2f} GiB per mouse")
    print(f"written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
