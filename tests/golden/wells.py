"""The golden wells: small, every mechanism on, run through the same driver and writer as any other.

`python -m tests.golden.wells` writes what they give now to tests/golden/<model version>.json. Do that only together
with a new WELL_MODEL and a **Regression** line in the CHANGELOG.
"""

import json
from pathlib import Path

import h5py

from adccsim import runtime

runtime.configure(threads=1)  # kernels of this source state and no other, also where no pytest has said so

from adccsim.execution.one import simulate  # noqa: E402
from adccsim.version import WELL_MODEL  # noqa: E402
from tests.oracle.conditions import PARTNER, condition  # noqa: E402
from tests.well.runs import typed  # noqa: E402

FILE = Path(__file__).with_name(f"{WELL_MODEL}.json")

_SMALL = {"targets__cells": 400, "well__area_mm2": 1.28, "well__volume_ul": 8.0, "targets__her2_null_fraction": 0.1}


def cases() -> dict[str, dict]:
    """Resolved conditions by name."""
    short = condition(
        **_SMALL, effectors__et_ratio=4, partner=PARTNER, effectors__late_killing_per_h=0.15,
        well__serum_igg_g_per_l=0.05, assay__reader_cv=0.02, antibody__dose_ug_per_ml=0.01,
    )  # fmt: skip
    short["action"] = [
        {"at_h": 1.0, "add_antibody_ug_per_ml": 0.05},
        {"at_h": 2.0, "wash": True},
        {"at_h": 2.5, "add_effectors": 200, "nk_cells": 200, "other_cells": 0},
        {"at_h": 3.0, "wash_effectors": True},
    ]
    long = condition(**_SMALL, effectors__et_ratio=0.2, assay__duration_h=48.0, targets__modulation_factor=3.0)
    long["assay"]["readout"] = "viability"
    long["output"]["every_min"] = 120
    cultured = condition(**_SMALL, effectors__et_ratio=0, assay__duration_h=26.0, antibody__dose_ug_per_ml=10.0)
    cultured["assay"]["readout"] = "viability"
    cultured["output"]["every_min"] = 120
    cultured["culture"] = {
        "days": 6.0, "passage_interval_days": 3.0, "split_ratio": 2.0, "medium_change_days": 1.5,
        "dose_steps_ug_per_ml": [1.0, 10.0], "mutation_rate_per_division": 0.01, "resistant_direct_response": 0.0,
    }  # fmt: skip
    stacked = condition(**_SMALL, effectors__et_ratio=20, assay__duration_h=1.0)
    return {"four_hours": short, "two_days": long, "after_culture": cultured, "stacked": stacked}


def run(case: dict) -> dict[str, list[float]]:
    """Every series and histogram of one well, decoded."""
    with h5py.File("golden", "w", driver="core", backing_store=False) as file:
        simulate(typed(case), file, check=True)
        return {name: group["value"][()].ravel().tolist() for name, group in file["observables"].items()}


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: run(case) for name, case in cases().items()}, separators=(",", ":")) + "\n")
    print(f"wrote {FILE}")
