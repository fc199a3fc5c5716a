"""How often a flat plateau is called a hook, and how often a true fall of 15 points is detected.

    python benchmarks/statistics/hook.py [--curves 2000]

Simulated curves: four-parameter logistic, bottom 8 %, Emax 60 %, slope 1, doses 0, 0.001, 0.01, 0.1, 1, 10, 30 and
100 ug/mL, n wells per dose (one donor) or one well per dose of n donors.

  curves   rising     EC50 50 ng/mL: the plateau has four doses         saturated  EC50 1 pg/mL: it has seven
  noise    constant   SD = CV x 60 points at every dose                  proportional  SD = CV x lysis
           signal     CV of a raw signal with target-only 0.2 and maximum 1.35 above the blank
  donors   rising curve, constant noise, Emax differing by 8 points (SD) and ln EC50 by 0.5 between donors
  fall     15 points at the two highest doses, or at the highest one, of the rising curve

The target for false hooks is at most 5 %; the power has no target and is reported. Writes benchmarks/results/hook.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adccsim.analysis.assay import falls  # noqa: E402
from benchmarks.speed.measure import load_average, machine  # noqa: E402
from tests.analysis.assay.noisy_curves import CURVES, DOSES, FALL_POINTS, simulated  # noqa: E402

NOISE = ("constant", "proportional", "signal")
REPLICATES = (2, 3, 4)
CVS = (0.03, 0.05, 0.1, 0.15)
MOST_FALSE_PCT = 5.0
SEED = 20_261_129


def settings() -> Iterator[dict]:
    """All settings: arguments of `simulated`."""
    for curve, noise, n, cv in product(CURVES, NOISE, REPLICATES, CVS):
        yield {"curve": curve, "noise": noise, "n": n, "cv": cv}
    for n, cv in product(REPLICATES, CVS):
        yield {"curve": "rising", "noise": "constant", "n": n, "cv": cv, "donors": True}
    for noise, n, cv, start in product(NOISE, REPLICATES, CVS, (30.0, 100.0)):
        yield {"curve": "rising", "noise": noise, "n": n, "cv": cv, "falls_from": start}
    for n, cv in product(REPLICATES, CVS):
        yield {"curve": "rising", "noise": "constant", "n": n, "cv": cv, "donors": True, "falls_from": 30.0}


def figure(setting: dict, curves: int, seed: list[int]) -> dict:
    """Percentage of hooks among `curves` simulated curves, as a row of the results."""
    rng = np.random.default_rng(seed)
    hooks = [falls.hook(simulated(rng, **setting)) for _ in range(curves)]
    fraction = sum(hook is not None for hook in hooks) / curves
    false = "falls_from" not in setting
    row = {
        "name": "false_hooks_pct" if false else "power_pct",
        **setting,
        "value": round(100 * fraction, 2),
        "unit": "%",
        "target": MOST_FALSE_PCT if false else None,
        "sense": "at most" if false else None,
        "met": 100 * fraction <= MOST_FALSE_PCT if false else None,
        "n_curves": curves,
        "spread": {"standard_error": round(100 * float(np.sqrt(fraction * (1 - fraction) / curves)), 2)},
    }
    if not false:
        first = float(setting["falls_from"])
        right = sum(hook is not None and DOSES[hook.last + 1] == first for hook in hooks)
        row["right_dose_pct"] = round(100 * right / curves, 2)
    return row


def main() -> None:
    """Simulate all settings and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    start, started = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    figures = []
    for i, setting in enumerate(settings()):
        figures.append(figure(setting, options.curves, [SEED, i]))
        row = figures[-1]
        print(row["name"], *setting.values(), f"{row['value']} %", flush=True)
    worst = max(row["value"] for row in figures if row["name"] == "false_hooks_pct")
    document = {
        "benchmark": "hook",
        "schema": 1,
        "started": started,
        "seconds": round(time.perf_counter() - start, 1),
        "load_average": load_average(),
        "machine": machine(options.out if options.out.is_dir() else ROOT),
        "level_pct": 100 * falls.HOOK_LEVEL,
        "fall_points": FALL_POINTS,
        "largest_false_hooks_pct": worst,
        "figures": figures,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "hook.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"at most {worst} % false hooks (target {MOST_FALSE_PCT:g} %)")


if __name__ == "__main__":
    main()
