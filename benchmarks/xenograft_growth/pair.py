"""The Fc receptor pair of BT-474 with the effectors of NCI-N87: effect of each uncertain parameter.

    python benchmarks/xenograft_growth/pair.py [--fraction 0.003] [--out DIR]

Target: 96 % inhibition with Fc receptors and 29 % without (Clynes 2000, from memory), 4 then 2 mg/kg weekly, day 35.
All parameters are those of the catalogue: growth and direct effect fitted to BT-474, effectors in the middle of the N87
ridge. Each parameter in turn is set to the ends of its range in the catalogue, with all others unchanged; none of them
is a constant of killing or binding. Writes xenograft_pair.json.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import calibrate  # noqa: E402
from msgspec import structs  # noqa: E402

from adccsim import runtime  # noqa: E402
from adccsim.conditions import MouseCondition  # noqa: E402

DOSES = {0: 4.0, 7: 2.0, 14: 2.0, 21: 2.0, 28: 2.0}
OF_EFFECTORS = ("contact_rate_per_h", "recruitment_max", "fcgr_gain", "lifetime_h")
OF_CELLS = ("her2_internalisation_per_h", "her2_per_cell")


def remaining_pct(mouse: MouseCondition, control: float) -> float:
    """Volume relative to that of the untreated tumour, percent."""
    return 100.0 * calibrate.grow(mouse, calibrate.BT474_DAYS, DOSES, "trastuzumab", "ip")[0] / control


def main() -> None:
    """Write the table, one row per parameter and end of its range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fraction", type=float, default=0.003)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    args = parser.parse_args()
    runtime.configure(threads=args.threads)
    from adccsim.parameters import lookup
    from adccsim.version import XENOGRAFT_MODEL

    start, catalogue = time.process_time(), lookup.load()

    def mouse(strain: str, **changes: float) -> MouseCondition:
        start_mm3 = calibrate.BT474_START_MM3
        out = calibrate.condition(catalogue, "BT-474", start_mm3, strain, "trastuzumab", args.fraction)
        return calibrate.with_numbers(out, **changes)

    def with_effectors(factor: float = 1.0, of: tuple[str, ...] = ("nk", "myeloid"), **numbers: float):
        out = mouse("nude")
        kinds = {}
        for kind in of:
            cells = getattr(out.effectors, kind)
            changes = {"density_per_tumour_cell": cells.density_per_tumour_cell * factor, **numbers}
            kinds[kind] = structs.replace(cells, **changes)
        return structs.replace(out, effectors=structs.replace(out.effectors, **kinds))

    control = calibrate.grow(mouse("nude"), calibrate.BT474_DAYS, {}, "trastuzumab", "ip")[0]
    rows = [("without Fc receptors", 0.0, remaining_pct(mouse("FcgR-null"), control))]
    rows += [("density x", f, remaining_pct(with_effectors(f), control)) for f in (1.0, 2.0, 4.0, 8.0)]
    resident = catalogue.residents["mouse-myeloid"].numbers
    for name in OF_EFFECTORS:
        for value in (resident[name].low, resident[name].high):
            # only the fcgr_gain of myeloid cells varies, not that of mouse NK cells
            changed = with_effectors(of=("myeloid",) if name == "fcgr_gain" else ("nk", "myeloid"), **{name: value})
            rows.append((name, value, remaining_pct(changed, control)))
    line = catalogue.cell_lines["BT-474"].numbers
    for name in OF_CELLS:
        for value in (line[name].low, line[name].high):
            rows.append((name, value, remaining_pct(mouse("nude", **{name: value}), control)))
    for name, value, left in rows:
        print(f"{name:28s} {value:10.4g}   inhibition {100.0 - left:5.1f} %", flush=True)
    result = {
        "benchmark": "xenograft_pair",
        "schema": 1,
        "model": XENOGRAFT_MODEL,
        "seed": calibrate.SEED,
        "fraction_simulated": args.fraction,
        "processor_time_s": time.process_time() - start,
        "untreated_mm3": control,
        "asked_percent": {"with Fc receptors": 96, "without": 29},
        "rows": [{"number": name, "value": value, "inhibition_percent": 100.0 - left} for name, value, left in rows],
    }
    (args.out / "xenograft_pair.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
