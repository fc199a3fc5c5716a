"""The published NCI-N87 study with every cell an agent, beside the same study at 1 % of the cells.

    python benchmarks/xenograft_growth/study_true_scale.py [--scratch DIR] [--fraction F] [--small F] [--out DIR]
        [--workers W] [--threads T] [--set KEY=VALUE ...]

scenarios/nci_n87_trastuzumab.toml (vehicle and 10 mg/kg weekly, six mice each, 21 days) through `adcc run` with
`--set tumour.fraction_simulated=1`, analysis and report included. It resumes: the same command goes on from the
finished mice and from the checkpoints of the others under --scratch (default results/n87_true_scale), and times add up.
Each mouse takes some 3 GiB at its largest; --workers and --threads are handed on (default two mice at a time, a core
each).
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


def at_fraction(fraction: float, folder: Path, words: list[str]) -> dict:
    """The study at this share of the cells; what it took and what its tables say."""
    took = run_study(STUDY, folder, "--set", f"tumour.fraction_simulated={fraction:g}", *words)
    return {
        "fraction_simulated": fraction,
        **took,
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
    parser.add_argument("--set", dest="sets", action="append", default=[], help="handed on to adcc run")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    asked = parser.parse_args()
    words = ["--workers", str(asked.workers), "--threads", str(asked.threads)]
    words += [word for each in asked.sets for word in ("--set", each)]
    load = load_average()
    small = at_fraction(asked.small, asked.scratch / f"fraction_{asked.small:g}", words)
    full = at_fraction(asked.fraction, asked.scratch / f"fraction_{asked.fraction:g}", words)
    together = asked.workers * full["peak_GiB"]
    result = {
        "benchmark": "xenograft_study_true_scale",
        "schema": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(asked.scratch),
        "load_average": {"start": load, "end": load_average()},
        "workers": asked.workers,
        "threads_per_mouse": asked.threads,
        "memory_of_all_workers_GiB": together,
        "targets": {"memory_of_all_workers_GiB": MOST_GIB},
        "met": {"memory_of_all_workers_GiB": together <= MOST_GIB},
        "studies": [small, full],
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "xenograft_study_true_scale.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for each in (small, full):
        volumes = ", ".join(f"{row['arm']} {row['mean_volume_mm3']:.0f} mm3" for row in each["volumes"])
        size = f"{each['fraction_simulated']:g} of the cells"
        print(f"{size}: {volumes}; {each['wall_s']:.0f} s, {each['peak_GiB']:.2f} GiB per mouse")
    print(f"written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
