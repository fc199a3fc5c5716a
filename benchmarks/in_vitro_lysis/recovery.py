"""Parameter recovery: data are simulated with known parameters, which are then inferred as from measurements.

One bank of draws from the prior is used for all truths. Each draw is a small version of experiment W3: five of its
eight doses, donors with a separate seed, paired wells with few targets. The summaries are mean and SD between donors of
the lysis per dose. The truths are further draws outside the bank, of the same size and with other donors: both contain
the noise of donors and wells. Posteriors by regression-adjusted ABC (analysis.fitting.recovery) on the bank, because
the sampler of `adcc calibrate` would need thousands of points per truth.

    python benchmarks/in_vitro_lysis/recovery.py         a few minutes on one core; finished draws are kept
"""

import argparse
import hashlib
import json
import platform
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from adccsim import runtime
from adccsim.analysis.fitting.calibration import Free
from adccsim.analysis.fitting.observed import LYSIS
from adccsim.analysis.fitting.recovery import study
from adccsim.version import WELL_MODEL

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "calibration_recovery.json"
SCENARIO = HERE / "W3" / "scenario.toml"
SEED = 71
DOSES_UG_PER_ML = (1e-6, 1e-4, 1e-3, 1e-2, 1.0)
# The last two act too slowly for a 4-h assay and are expected to be unidentifiable.
FREE = (
    Free("effectors.default.antibody_hit_per_h", 0.8, 10.0),
    Free("effectors.default.bridges_half", 50.0, 6000.0),
    Free("effectors.default.natural_hit_per_h", 0.1, 3.0),
    Free("effectors.default.donor_potency_log_sd", 0.1, 1.0),
    Free("effectors.default.granule_reload_h", 6.0, 72.0),
    Free("cell_lines.default.repair_time_h", 0.5, 2.0),
)


def summaries_of(donors: int, cells: int, values: dict[str, float]) -> dict[str, float]:
    """Means and SDs of the lysis at each dose; values: path -> value, and the seed of donors and wells."""
    from adccsim.experiments.measured import evaluate, load_experiment

    numbers = {path: value for path, value in values.items() if path != "seed"}
    sweep = f"sweep.antibody.dose_ug_per_ml={list(DOSES_UG_PER_ML)}"
    w3 = load_experiment(SCENARIO, donors, cells, int(values["seed"]), [sweep])
    subset = w3.observed[(w3.observed["quantity"] == LYSIS) & w3.observed["dose_ug_per_ml"].isin(DOSES_UG_PER_ML)]
    table = evaluate([replace(w3, observed=subset)], numbers)
    return dict(zip(table["label"], table["simulated"], strict=True))


def points(draws: int, seed: int = SEED) -> tuple[np.ndarray, dict[str, dict[str, float]]]:
    """(unit coordinates (draws, P), id -> values with a seed): a longer run begins with the same draws."""
    rng = np.random.default_rng(seed)
    units = np.array([rng.random(len(FREE)) for _ in range(draws)])
    named = {}
    for place, unit in enumerate(units):
        values = {each.path: each.value(u) for each, u in zip(FREE, unit, strict=True)} | {"seed": 1000 + place}
        named[hashlib.sha256(f"{WELL_MODEL} {json.dumps(values)}".encode()).hexdigest()[:16]] = values
    return units, named


def recover(
    draws: int, truths: int, donors: int, cells: int, store: Path, workers: int | None, progress=lambda s: None
):
    """The table of adccsim.analysis.fitting.recovery.study from a bank of `draws` and further `truths` draws."""
    from adccsim.execution.points import measure_points

    units, named = points(draws + truths)
    result = measure_points(named, partial(summaries_of, donors, cells), store, workers, progress)
    if result.signal is not None or result.failed:
        raise SystemExit(f"stopped with {len(result.found)} of {len(named)} draws; {result.failed}")
    rows = np.array([list(result.found[name].values()) for name in named])
    names = [each.path for each in FREE]
    return study(names, rows[:draws], units[:draws], units[draws:], rows[draws:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=238)
    parser.add_argument("--truths", type=int, default=24)
    parser.add_argument("--donors", type=int, default=10)
    parser.add_argument("--cells", type=int, default=150)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--store", type=Path, default=Path("results/recovery.jsonl"))
    args = parser.parse_args()
    from adccsim.console import Progress

    args.store.parent.mkdir(parents=True, exist_ok=True)
    runtime.configure(1)
    with Progress("draws") as progress:
        table = recover(
            args.draws, args.truths, args.donors, args.cells, args.store, args.workers, progress
        )  # fmt: skip
    print(table.to_string(index=False))
    record = {
        "what": "recovery of known parameters from simulated W3 data (see benchmarks/in_vitro_lysis/recovery.py)",
        "model": WELL_MODEL, "seed": SEED, "draws": args.draws, "truths": args.truths, "donors": args.donors,
        "cells": args.cells, "prior": {each.path: [each.low, each.high] for each in FREE},
        "machine": platform.machine(),
        "python": platform.python_version(),
        "parameters": json.loads(table.round(3).to_json(orient="records")),
    }  # fmt: skip
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")
