"""Calibration of the mouse: growth, effector density and direct effect, from the calibration data only; then frozen.

    python benchmarks/xenograft_growth/calibrate.py [--fraction 0.01] [--out DIR] [--only n87|bt474] [--threads 1]

Fitted only to (Cancer Biol Ther 2016;17:346, Table 2; Jarrett 2018; Clynes 2000 from memory):
  NCI-N87 without treatment     98.2 -> 1167.7 mm3 in 21 days            growth_per_d
  NCI-N87, 10 mg/kg weekly x 3  112.3 -> 658.8 mm3 in 21 days            a ridge: effectors alone, direct effect alone,
                                                                         both; NK cells: none, half or all of the kills
  BT-474 without treatment      doubling in 12.4 days at 200 mm3         growth_per_d
  BT-474, 4 then 2 mg/kg weekly 29 % inhibition without Fc receptors     direct_effect_max
                                96 % with them (day 35, 1 - T/C)         density of effectors
Each fit uses one typical mouse (no variation between mice) with the same random numbers throughout. Every fitted point
of the ridge is written at once as a catalogue overlay, DIR/<name>.toml, for `catalogue = [...]` of a scenario; all fits
are listed in DIR/calibration.json. The vessel collapse constant (vessel_collapse_mm2_per_h) is set with turn.py; this
program uses the value of the catalogue.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from adccsim import runtime
from adccsim.conditions.mouse import Dose, MouseCondition

HERE = Path(__file__).parent
SEED = 2026
TOLERANCE = 0.01  # of the target volume: about the noise of one mouse at 1 % of its cells
N87_VEHICLE, N87_TREATED, N87_DAYS = (98.2, 1167.7), (112.3, 658.8), 21
BT474_START_MM3, BT474_DOUBLING_D, BT474_DAYS = 120.0, 12.4, 35
BT474_KEPT = {"without Fc receptors": 0.71, "with Fc receptors": 0.04}  # T/C
N87_DIRECT = 0.1  # direct effect of the mixed points of the ridge, as in the catalogue
SPREADS = ("start_volume_cv", "growth_log_sd", "clearance_log_sd", "effector_density_log_sd", "vessel_log_sd")
PAPER = "Cancer Biol Ther 2016;17:346, Table 2"


def condition(catalogue, line: str, start_mm3: float, strain: str, drug: str, fraction: float) -> MouseCondition:
    """The typical untreated mouse of a strain with one tumour of that line; drug: the drug that may be given later."""
    from adccsim.scenario.load import scenario_from_dict
    from adccsim.scenario.xenograft.resolve import resolve_arm, resolve_drugs, resolve_effectors, resolve_mouse

    scenario = scenario_from_dict(
        {
            "schema": 1,
            "kind": "xenograft",
            "tumour": {"start_volume_mm3": 140.0, "fraction_simulated": fraction, "clone": [{"cell_line": line}]},
            "mouse": {"strain": strain, **dict.fromkeys(SPREADS, 0.0)},
            "study": {"days": 1.0},
            "arm": [{"name": "vehicle", "mice": 1}],
        }
    )
    arm = resolve_arm(scenario, scenario.arm[0], catalogue)
    mouse = resolve_mouse(scenario, catalogue, arm, 1)
    return structs.replace(
        mouse,
        tumour=structs.replace(arm.tumour, start_volume_mm3=start_mm3),
        effectors=resolve_effectors(arm.numbers, catalogue),
        drugs=resolve_drugs([drug], catalogue),
    )


def grow(mouse: MouseCondition, days: float, doses: dict[int, float], drug: str, route: str) -> tuple[float, dict]:
    """(volume mm3 after `days`, last observation); doses: day -> mg/kg."""
    from adccsim.xenograft.engine import TumourEngine
    from adccsim.xenograft.params import tumour_params

    study = structs.replace(mouse.study, days=float(days), endpoint_mm3=4000.0, caliper_days=(0.0,))
    mouse = structs.replace(mouse, study=study)
    engine = TumourEngine(tumour_params(mouse), SEED)
    for day in range(math.ceil(days)):
        if day in doses:
            engine.apply(Dose(drug=drug, mg_per_kg=doses[day], route=route, day=float(day)))
        engine.advance(min(24, round(24 * (days - day))))
    seen = engine.observe()
    return float(seen["volume_true_mm3"]), seen


def solve(
    volume_at: Callable[[float], float], wanted: float, guess: float, low: float, high: float
) -> tuple[float, float]:
    """(x, volume) with the volume within TOLERANCE of `wanted`, or as close as the range low-high allows.

    Secant method on ln volume from `guess`; volume_at is monotone except for the noise of one mouse.
    """
    tried: list[tuple[float, float]] = []
    x = guess
    for _ in range(9):
        error = math.log(volume_at(x) / wanted)
        tried.append((x, error))
        print(f"    {x:.5g} -> {wanted * math.exp(error):.1f} mm3 (target {wanted:.1f})", flush=True)
        if abs(error) < TOLERANCE:
            break
        if len(tried) == 1:
            following = x * 1.2 if x > 0.0 else 0.1
        else:
            (x0, e0), (x1, e1) = sorted(tried, key=lambda s: abs(s[1]))[:2]
            following = x0 - e0 * (x1 - x0) / (e1 - e0) if e1 != e0 else 1.1 * x0
        x = min(max(following, low, 0.4 * x), high, max(2.5 * x, 0.1 * high))
        if any(math.isclose(x, earlier) for earlier, _ in tried):
            break
    x, error = min(tried, key=lambda s: abs(s[1]))
    if abs(error) > 2.0 * TOLERANCE:
        print(f"    NOT REACHED between {low:g} and {high:g}", flush=True)
    return x, wanted * math.exp(error)


def with_numbers(
    mouse: MouseCondition, density: float | None = None, nk_fraction: float = 0.5, **cells: float
) -> MouseCondition:
    """The mouse with `density` effectors per tumour cell (NK and myeloid together) and clone parameters `cells`."""
    out = structs.replace(mouse, clones=(structs.replace(mouse.clones[0], **cells),))
    if density is None:
        return out
    kinds = {
        kind: structs.replace(getattr(mouse.effectors, kind), density_per_tumour_cell=density * fraction)
        for kind, fraction in (("nk", nk_fraction), ("myeloid", 1.0 - nk_fraction))
    }
    return structs.replace(out, effectors=structs.replace(mouse.effectors, **kinds))


def number(value: float, low: float, high: float, unit: str, source: str) -> str:
    """One overlay number in TOML."""
    low, high = min(low, value), max(high, value)
    text = f'value = {value:.6g}, low = {low:.6g}, high = {high:.6g}, unit = "{unit}"'
    return f'{{ {text}, source = "{source}", provenance = "calibrated" }}'


def write_overlay(
    path: Path, line: str, growth: float, direct: float, densities: dict[str, float], source: str
) -> None:
    """Write an overlay of one line and both effectors: growth and direct effect of the line, densities for all mice."""
    source = f"{source}; {_origin()}"
    text = "# Calibrated by benchmarks/xenograft_growth/calibrate.py; not a measurement.\n"
    text += f"[tumours.{line}]\n"
    text += f"growth_per_d = {number(growth, 0.02, 0.2, '1/d', source)}\n"
    text += f"direct_effect_max = {number(direct, 0.0, 1.0, '1', source)}\n"
    for name, density in densities.items():
        text += f"\n[residents.{name}]\n"
        text += f"density_per_tumour_cell = {number(density, 0.0, 0.1, '1/cell', source)}\n"
    path.write_text(text, encoding="utf-8")


def _origin() -> str:
    from adccsim.version import XENOGRAFT_MODEL

    return f"calibrated {datetime.now(UTC):%Y-%m-%d}, model {XENOGRAFT_MODEL}"


def kills_per_effector(seen: dict) -> tuple[float, float]:
    """Kills per effector present at the end, NK and myeloid; their ratio gives the numbers with equal kills."""
    return tuple(seen[f"kills_{kind}"] / max(seen[f"effectors_{kind}"], 1) for kind in ("nk", "myeloid"))


def n87_growth(catalogue, fraction: float) -> dict:
    """NCI-N87 without treatment: growth_per_d, with the vessel collapse constant of the catalogue."""
    print("NCI-N87 without treatment: growth_per_d", flush=True)
    vehicle = condition(catalogue, "NCI-N87", N87_VEHICLE[0], "nude", "trastuzumab", fraction)

    def volume(growth):
        return grow(with_numbers(vehicle, growth_per_d=growth), N87_DAYS, {}, "trastuzumab", "iv")[0]

    growth, reached = solve(volume, N87_VEHICLE[1], 0.165, 0.09, 0.3)
    return {"fit": "NCI-N87 growth_per_d", "value": growth, "volume_mm3": reached, "asked_mm3": N87_VEHICLE[1]}


def fit_n87(catalogue, fraction: float, out: Path, growth: float | None = None) -> list[dict]:
    """NCI-N87: growth, then the ridge. One overlay per point, the middle one first."""
    drug, doses = "trastuzumab", {0: 10.0, 7: 10.0, 14: 10.0}
    rows = [] if growth else [n87_growth(catalogue, fraction)]
    growth = growth or rows[0]["value"]
    treated = condition(catalogue, "NCI-N87", N87_TREATED[0], "nude", drug, fraction)

    def volume(density, direct, nk_fraction):
        mouse = with_numbers(treated, density, nk_fraction, growth_per_d=growth, direct_effect_max=direct)
        return grow(mouse, N87_DAYS, doses, drug, "iv")

    nk, myeloid = kills_per_effector(volume(0.02, N87_DIRECT, 0.5)[1])
    half = (1.0 / nk) / (1.0 / nk + 1.0 / myeloid)  # fraction of NK cells at which they do half of the kills
    print(f"kills per effector present on the last day: NK {nk:.3g}, myeloid {myeloid:.3g}", flush=True)
    guess = {"nk50": 0.02, "nk0": 0.02 * (1.0 - half) * 2.0, "nk100": 0.04 * half}
    for name, direct in (("mixed", N87_DIRECT), ("effectors", 0.0)):
        for label, nk_fraction in (("nk50", half), ("nk0", 0.0), ("nk100", 1.0)):
            print(f"NCI-N87 treated, {name}, {label}: effectors per tumour cell", flush=True)
            density, reached = solve(
                lambda d, direct=direct, nk_fraction=nk_fraction: volume(d, direct, nk_fraction)[0],
                N87_TREATED[1], guess[label], 0.0005, 0.2,
            )  # fmt: skip
            guess[label] = density * 1.3  # more are needed without the direct effect
            source = (
                f"NCI-N87 10 mg/kg weekly x 3, 112.3 to 658.8 mm3 in 21 d ({PAPER}); point {name}-{label} of the ridge"
            )
            densities = {"mouse-NK": density * nk_fraction, "mouse-myeloid": density * (1.0 - nk_fraction)}
            fit = {"fit": f"NCI-N87 {name} {label}", "value": density, "volume_mm3": reached}
            inputs = {"direct_effect_max": direct, "nk_share_of_cells": nk_fraction}
            rows.append({**fit, "asked_mm3": N87_TREATED[1], **inputs})
            if _reached(rows[-1]):
                write_overlay(out / f"n87_{name}_{label}.toml", "NCI-N87", growth, direct, densities, source)
    print("NCI-N87 treated, direct effect alone: direct_effect_max", flush=True)
    direct, reached = solve(lambda e: volume(0.0, e, 0.5)[0], N87_TREATED[1], 0.2, 0.0, 0.8)
    source = f"NCI-N87 10 mg/kg weekly x 3, 112.3 to 658.8 mm3 in 21 d ({PAPER}); direct arm alone"
    write_overlay(out / "n87_direct.toml", "NCI-N87", growth, direct, {"mouse-NK": 0.0, "mouse-myeloid": 0.0}, source)
    rows.append({"fit": "NCI-N87 direct", "value": direct, "volume_mm3": reached, "asked_mm3": N87_TREATED[1]})
    return rows


def fit_bt474(catalogue, fraction: float, out: Path) -> list[dict]:
    """BT-474: growth, the direct effect in mice without Fc receptors, then effectors in mice with Fc receptors."""
    drug, doses = "trastuzumab", {0: 4.0, 7: 2.0, 14: 2.0, 21: 2.0, 28: 2.0}
    print("BT-474 without treatment: growth_per_d", flush=True)
    large = condition(catalogue, "BT-474", 200.0, "nude", drug, fraction)
    growth, reached = solve(
        lambda g: grow(with_numbers(large, growth_per_d=g), BT474_DOUBLING_D, {}, drug, "ip")[0], 400.0, 0.065, 0.04,
        0.12,
    )  # fmt: skip
    rows = [{"fit": "BT-474 growth_per_d", "value": growth, "volume_mm3": reached, "asked_mm3": 400.0}]

    def volume(strain, direct, density):
        mouse = condition(catalogue, "BT-474", BT474_START_MM3, strain, drug, fraction)
        mouse = with_numbers(mouse, density, 0.5, growth_per_d=growth, direct_effect_max=direct)
        return grow(mouse, BT474_DAYS, doses if density is not None else {}, drug, "ip")[0]

    control = volume("nude", 0.0, None)
    print(f"BT-474 without Fc receptors: direct_effect_max (untreated {control:.1f} mm3 on day 35)", flush=True)
    wanted = BT474_KEPT["without Fc receptors"] * control
    direct, reached = solve(lambda e: volume("FcgR-null", e, 0.02), wanted, 0.12, 0.0, 0.8)
    rows.append({"fit": "BT-474 direct_effect_max", "value": direct, "volume_mm3": reached, "asked_mm3": wanted})
    print("BT-474 with Fc receptors: effectors per tumour cell", flush=True)
    wanted = BT474_KEPT["with Fc receptors"] * control
    density, reached = solve(lambda d: volume("nude", direct, d), wanted, 0.2, 0.002, 0.4)
    rows.append({"fit": "BT-474 density", "value": density, "volume_mm3": reached, "asked_mm3": wanted})
    source = (
        "BT-474, 29 % inhibition without and 96 % with Fc receptors, day 35 (Clynes 2000, Nat Med 6:443, from memory)"
    )
    densities = {"mouse-NK": 0.5 * density, "mouse-myeloid": 0.5 * density}
    if _reached(rows[-1]):
        write_overlay(out / "bt474.toml", "BT-474", growth, direct, densities, source)
    return rows


def _reached(row: dict) -> bool:
    """Whether a fit succeeded; a failed fit writes no overlay."""
    return abs(math.log(row["volume_mm3"] / row["asked_mm3"])) < 2.0 * TOLERANCE


def main() -> None:
    """Run the fits and write overlays and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fraction", type=float, default=0.01, help="fraction of the tumour that is simulated")
    parser.add_argument("--out", type=Path, default=HERE / "overlays")
    parser.add_argument("--only", choices=("n87", "bt474"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--growth", type=float, help="growth_per_d of NCI-N87, if already fitted")
    args = parser.parse_args()
    runtime.configure(threads=args.threads)
    from adccsim.parameters import lookup

    catalogue = lookup.load()
    args.out.mkdir(parents=True, exist_ok=True)
    start, rows = time.process_time(), []
    if args.only != "bt474":
        rows += fit_n87(catalogue, args.fraction, args.out, args.growth)
    if args.only != "n87":
        rows += fit_bt474(catalogue, args.fraction, args.out)
    for path in sorted(args.out.glob("*.toml")):
        lookup.load([path])  # check that the overlay can be read
    record = args.out / "calibration.json"
    earlier = json.loads(record.read_text(encoding="utf-8"))["fits"] if record.exists() else []
    settings = {"seed": SEED, "fraction_simulated": args.fraction, "made": _origin(), "tolerance": TOLERANCE}
    fits = {row["fit"]: row for row in earlier} | {row["fit"]: {**row, **settings} for row in rows}
    figures = {"processor_time_s": round(time.process_time() - start, 1), "fits": list(fits.values())}
    record.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        volumes = f"{row['volume_mm3']:.1f} mm3 (target {row['asked_mm3']:.1f})"
        print(f"{row['fit']:28s} {row['value']:.5g}   {volumes}{'' if _reached(row) else '   NOT REACHED'}")


if __name__ == "__main__":
    main()
