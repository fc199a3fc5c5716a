"""A cohort: five arms of eight mice at 1 % of their cells for 21 days through `adcc run`, analysis included.

    python benchmarks/xenograft_growth/cohort.py [--fraction F] [--mice N] [--days D] [--out DIR]

NCI-N87 in nude mice: vehicle and weekly trastuzumab at 1, 3, 10 and 30 mg/kg. Compiling is excluded: a small study of
the same kind runs first and fills the cache of compiled kernels. Writes xenograft_cohort.json into --out (default
benchmarks/results): wall time from command to report (target: 10 minutes on 2 cores), processor time of all
processes, memory of the largest one, and every TGI definition with its interval.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import load_average, machine  # noqa: E402
from benchmarks.xenograft_growth.command import inhibition, mean_volumes, run_study  # noqa: E402

TARGET_S = 600.0
DOSES_MG_PER_KG = (1, 3, 10, 30)


def scenario(fraction: float, mice: int, days: int) -> str:
    """The scenario file, as a user would write it."""
    weekly = list(range(0, days, 7))
    arms = "".join(
        f'[[arm]]\nname = "{dose} mg/kg"\nmice = {mice}\n[[arm.dose]]\ndrug = "trastuzumab"\nmg_per_kg = {dose}\n'
        f'route = "iv"\ndays = {weekly}\n'
        for dose in DOSES_MG_PER_KG
    )
    return (
        'schema = 1\ntitle = "NCI-N87, weekly trastuzumab"\nkind = "xenograft"\nseed = 2026\n'
        f"[tumour]\nstart_volume_mm3 = 130\nfraction_simulated = {fraction}\n"
        '[[tumour.clone]]\ncell_line = "NCI-N87"\n[mouse]\nstrain = "nude"\n'
        f"[study]\ndays = {days}\nendpoint_mm3 = 3000\n"
        f'[[arm]]\nname = "vehicle"\nmice = {mice}\n{arms}'
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--mice", type=int, default=8, help="number in each of the five arms")
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "small.toml").write_text(scenario(0.001, 1, 2))
        compiling = run_study(folder / "small.toml", folder / "small", "--workers", "1")
        (folder / "cohort.toml").write_text(scenario(args.fraction, args.mice, args.days))
        load = load_average()
        cost = run_study(folder / "cohort.toml", folder / "cohort")
        result = {
            "benchmark": "xenograft_cohort",
            "schema": 1,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(folder),
            "load_average": {"start": load, "end": load_average()},
            "compiling_and_small_study_s": compiling["wall_s"],
            "arms": 1 + len(DOSES_MG_PER_KG),
            "mice_per_arm": args.mice,
            "fraction_simulated": args.fraction,
            "days": args.days,
            **cost,
            "targets": {"wall_s": TARGET_S},
            "met": {"wall_s": cost["wall_s"] <= TARGET_S},
            "volumes": mean_volumes(folder / "cohort"),
            "comparisons": inhibition(folder / "cohort"),
        }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "xenograft_cohort.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{5 * args.mice} mice in {cost['wall_s']:.0f} s (target {TARGET_S:.0f}), written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
