"""The golden mice: small tumours with every mechanism on, run through the same driver and writer as any other.

The conditions are kept resolved in mouse_conditions.json, so that a number of the catalogue may change without moving
them. `python -m tests.golden.mice` writes what they give now to tests/golden/<model version>.json; with the word `anew`
it resolves the conditions again first. Do that only together with a new XENOGRAFT_MODEL and a **Regression** line in
the CHANGELOG.
"""

import json
import sys
from pathlib import Path

import h5py

from adccsim import runtime

runtime.configure(threads=1)  # kernels of this source state and no other, also where no pytest has said so

from adccsim.conditions import MouseCondition  # noqa: E402
from adccsim.execution.one import simulate  # noqa: E402
from adccsim.version import XENOGRAFT_MODEL  # noqa: E402
from tests.scenario.mice_example import mice  # noqa: E402

FILE = Path(__file__).with_name(f"{XENOGRAFT_MODEL}.json")
CONDITIONS = Path(__file__).with_name("mouse_conditions.json")


def cases() -> dict[str, MouseCondition]:
    """Conditions by name."""
    return {name: MouseCondition.build(table) for name, table in json.loads(CONDITIONS.read_text()).items()}


def run(case: MouseCondition) -> dict[str, list[float]]:
    """Every series of one mouse and its caliper readings, decoded."""
    with h5py.File("golden", "w", driver="core", backing_store=False) as file:
        simulate(case, file, check=True)
        values = {name: group["value"][()].ravel().tolist() for name, group in file["observables"].items()}
        return values | {"calipers": file["calipers/volume_caliper_mm3"][()].tolist()}


def resolved_now() -> dict[str, dict]:
    """The conditions as the catalogue resolves them now: two antibodies by two routes on two clones that lose HER2;
    human NK cells and vessels that collapse; two cytotoxic drugs and one that restores the direct effect; nothing."""
    small = {"tumour.fraction_simulated": 2e-4, "study.days": 7, "arm.0.mice": 1, "arm.1.mice": 1}
    clones = [
        {"cell_line": "NCI-N87", "fraction": 0.8, "her2_loss_per_division": 0.01},
        {"cell_line": "NCI-N87", "fraction": 0.2, "masked_fraction": 0.7},
    ]
    human = {"mouse.strain": "NSG-human-NK", "mouse.human_nk_per_tumour_cell": 0.05}
    doses = {
        "two_antibodies": [("trastuzumab", 10, "ip", [0, 4]), ("pertuzumab", 5, "sc", [1])],
        "human_nk": [("trastuzumab", 1, "iv", [0])],
        "partners": [
            ("cisplatin", 5, "iv", [0]), ("capecitabine", 360, "po", [0, 1, 2, 3]), ("triciribine", 1, "ip", [1, 3]),
            ("trastuzumab", 4, "iv", [0]),
        ],
    }  # fmt: skip
    more = {
        "two_antibodies": {"output.level": "events", "tumour.clone": clones},
        "human_nk": {**human, "tumour.vessel_collapse_mm2_per_h": 0.01},
        "partners": {"tumour.clone.0.mechanism": "PTEN-loss"},
    }
    names = ("drug", "mg_per_kg", "route", "days")
    out = {"untreated": mice({**small, "arm.1.dose": []})[0].as_dict()}
    for name, given in doses.items():
        dose = [dict(zip(names, each, strict=True)) for each in given]
        out[name] = mice({**small, **more[name], "arm.1.dose": dose})[1].as_dict()
    return out


if __name__ == "__main__":
    if sys.argv[1:] == ["anew"]:
        CONDITIONS.write_text(json.dumps(resolved_now(), indent=0, sort_keys=True) + "\n")
    FILE.write_text(json.dumps({name: run(case) for name, case in cases().items()}, separators=(",", ":")) + "\n")
    print(f"wrote {FILE}")
