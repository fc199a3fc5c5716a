"""The golden mice: small tumours with every mechanism on, run through the same driver and writer as any other.

The conditions are kept resolved in mouse_conditions.json, so that a number of the catalogue may change without moving
them. `python -m tests.golden.mice` writes what they give now to tests/golden/<model version>.json. Do that only
together with a new XENOGRAFT_MODEL and a **Regression** line in the CHANGELOG.
"""

import json
from pathlib import Path

import h5py

from simulation.run.one import simulate
from simulation.version import XENOGRAFT_MODEL

FILE = Path(__file__).with_name(f"{XENOGRAFT_MODEL}.json")
CONDITIONS = Path(__file__).with_name("mouse_conditions.json")


def cases() -> dict[str, dict]:
    """Resolved conditions by name."""
    return json.loads(CONDITIONS.read_text())


def run(case: dict) -> dict[str, list[float]]:
    """Every series of one mouse and its caliper readings, decoded."""
    with h5py.File("golden", "w", driver="core", backing_store=False) as file:
        simulate(case, file, check=True)
        values = {name: group["value"][()].ravel().tolist() for name, group in file["observables"].items()}
        return values | {"calipers": file["calipers/volume_caliper_mm3"][()].tolist()}


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: run(case) for name, case in cases().items()}, separators=(",", ":")) + "\n")
    print(f"wrote {FILE}")
