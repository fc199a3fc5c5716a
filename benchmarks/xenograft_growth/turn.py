"""Transition from exponential to linear growth of untreated NCI-N87, and the error of simulating only a fraction.

    python benchmarks/xenograft_growth/turn.py [--fractions 0.003 0.01 0.03 0.1] [--days 35] [--out DIR]

One typical mouse per fraction, with the parameters of the catalogue, from 98.2 mm3. Vessels collapse under the pressure
of growth (vessel_collapse_mm2_per_h), the deep tissue starves, and a rim that advances at constant speed remains; no
transition is prescribed in the model. The constant is calibrated: in addition to the volume on day 21 it is compared
with the linear growth of 175-190 mm3/d in fits of other studies at 2400-3400 mm3 (Scheuher 2023, Table S2c: doubling in
9.7-12.4 d), and with 18 % hypoxic cells at 200 mm3 (Jarrett 2018, BT-474). Writes xenograft_turn.json.
"""

import argparse
import itertools
import json
import math
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import calibrate  # noqa: E402
from msgspec import structs  # noqa: E402

from adccsim import runtime  # noqa: E402

CALIPER_D = 21
ANCHORS = {
    "volume_day_21_mm3": {"published": calibrate.N87_VEHICLE[1], "sd": 272.8, "source": calibrate.PAPER},
    "slope_at_2400_mm3_per_d": {"published": 175.0, "source": "Scheuher 2023, Table S2c, T-DXd study"},
    "slope_at_3400_mm3_per_d": {"published": 189.56, "source": "Scheuher 2023, Table S2c"},
    "hypoxic_at_200_mm3": {"published": 0.18, "source": "Jarrett 2018, initial values (BT-474)"},
}


def course(catalogue, fraction: float, days: int, **tissue: float) -> dict:
    """Volume, surface speed and tissue of one typical untreated mouse, day by day."""
    from adccsim.xenograft.engine import TumourEngine
    from adccsim.xenograft.params import tumour_params

    start = calibrate.N87_VEHICLE[0]
    mouse = calibrate.condition(catalogue, "NCI-N87", start, "nude", "trastuzumab", fraction)
    mouse = structs.replace(
        mouse,
        tumour=structs.replace(mouse.tumour, **tissue),
        study=structs.replace(mouse.study, days=float(days), endpoint_mm3=20_000.0, caliper_days=(0.0,)),
    )
    start_time = time.process_time()
    engine = TumourEngine(tumour_params(calibrate.with_numbers(mouse, 0.0)), calibrate.SEED)
    rows = []
    for day in range(days + 1):
        if day:
            engine.advance(24)
        seen = engine.observe()
        inner = seen["density_shells"][3:9]
        inner = inner[inner > 0.0]  # a shell of a small tumour may lie between two patches
        rows.append(
            {
                "day": day,
                "volume_mm3": engine.volume_mm3,
                "hypoxic_fraction": float(seen["hypoxic_fraction"]),
                "dead_fraction": seen["cells_dead"] / (seen["cells_dead"] + seen["cells_alive"]),
                "patch_max": int(seen["patch_max"]),
                "density_off": float(max(abs(inner - 1.0))),
                "rim_off": max(abs(seen["rim_axes"] - 1.0), abs(seen["rim_diagonals"] - 1.0)),
            }
        )
    return {"fraction_simulated": fraction, "processor_time_s": time.process_time() - start_time, "course": rows}


def at_volume(rows: list[dict], volume: float, read) -> float | None:
    """read(row before, row after) interpolated at `volume`; None outside the course."""
    for before, after in itertools.pairwise(rows):
        if before["volume_mm3"] <= volume < after["volume_mm3"]:
            return read(before, after)
    return None


def slope(before: dict, after: dict) -> float:
    return (after["volume_mm3"] - before["volume_mm3"]) / (after["day"] - before["day"])


def figures(rows: list[dict]) -> dict:
    """Values of the anchors, and speed of the surface (radius of a sphere of that volume, um per day, by week)."""
    radius = [(3.0 * row["volume_mm3"] / (4.0 * math.pi)) ** (1.0 / 3.0) * 1000.0 for row in rows]
    by_day = {row["day"]: row["volume_mm3"] for row in rows}
    return {
        "volume_day_21_mm3": by_day.get(CALIPER_D),
        "slope_at_2400_mm3_per_d": at_volume(rows, 2400.0, slope),
        "slope_at_3400_mm3_per_d": at_volume(rows, 3400.0, slope),
        "hypoxic_at_200_mm3": at_volume(
            rows, 200.0, lambda a, b: 0.5 * (a["hypoxic_fraction"] + b["hypoxic_fraction"])
        ),
        "growth_per_d_by_week": [
            math.log(by_day[day + 7] / by_day[day]) / 7.0 for day in range(0, rows[-1]["day"] - 6, 7)
        ],
        "surface_um_per_d_by_week": [(radius[day + 7] - radius[day]) / 7.0 for day in range(0, rows[-1]["day"] - 6, 7)],
        "largest_patch": max(row["patch_max"] for row in rows),
        "density_off_after_day_2": max(row["density_off"] for row in rows[3:]),
        "rim_off": max(row["rim_off"] for row in rows),
    }


def main() -> None:
    """Run one course per fraction and one without collapse, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.001, 0.003, 0.01, 0.03, 0.1])
    parser.add_argument("--days", type=int, default=35)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    runtime.configure(threads=args.threads)
    from adccsim.parameters import lookup
    from adccsim.version import XENOGRAFT_MODEL
    from benchmarks.speed.measure import load_average, machine

    catalogue = lookup.load()
    load = load_average()
    runs = []
    for fraction in sorted(args.fractions):
        run = course(catalogue, fraction, args.days)
        runs.append(run | {"figures": figures(run["course"])})
        print(f"{fraction:g}", json.dumps(runs[-1]["figures"]), flush=True)
    without_collapse = course(catalogue, 0.003, args.days, vessel_collapse_mm2_per_h=0.0)
    largest = runs[-1]["figures"][f"volume_day_{CALIPER_D}_mm3"]
    result = {
        "benchmark": "xenograft_turn",
        "schema": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": XENOGRAFT_MODEL,
        "machine": machine(args.out),
        "threads": args.threads,
        "load_average": {"start": load, "end": load_average()},
        "seed": calibrate.SEED,
        "anchors": ANCHORS,
        "over_the_largest_fraction": {
            f"{run['fraction_simulated']:g}": run["figures"][f"volume_day_{CALIPER_D}_mm3"] / largest for run in runs
        },
        "without_collapse": without_collapse | {"figures": figures(without_collapse["course"])},
        "runs": runs,
    }
    (args.out / "xenograft_turn.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"over_the_largest_fraction": result["over_the_largest_fraction"]}, indent=1))


if __name__ == "__main__":
    main()
