"""Calibration of the mouse: growth, effector density and direct arm, from the data set aside for it; then frozen.

    python benchmarks/xenograft_growth/calibrate.py [--fraction 0.01] [--out DIR] [--only n87|bt474]

Fitted to, and to nothing else (Cancer Biol Ther 2016;17:346, Table 2; Jarrett 2018; Clynes 2000 from memory):
  NCI-N87 without treatment     98.2 -> 1167.7 mm3 in 21 days            growth_per_d
  NCI-N87, 10 mg/kg weekly x 3  112.3 -> 658.8 mm3 in 21 days            a ridge: effectors alone, the direct arm alone,
                                                                         both; effectors: NK 0, half or all of the kills
  BT-474 without treatment      doubling in 12.4 days at 200 mm3         growth_per_d
  BT-474, 4 then 2 mg/kg weekly 29 % inhibition without Fc receptors     direct_effect_max
                                96 % with them (day 35, 1 - T/C)         density of effectors
Each fit is one typical mouse (no spread between mice) with the same random numbers throughout. Every point of the ridge
becomes an overlay of the catalogue, DIR/<name>.toml, to be named in `catalogue = [...]` of a scenario; a table of all
fits goes to DIR/calibration.json.
"""

import argparse
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

from simulation import runtime

HERE = Path(__file__).parent
TOLERANCE = 0.01  # of the volume asked for: about the noise of one mouse at a hundredth of its cells
N87_VEHICLE, N87_TREATED, N87_DAYS = (98.2, 1167.7), (112.3, 658.8), 21
BT474_START_MM3, BT474_DOUBLING_D, BT474_DAYS = 120.0, 12.4, 35
BT474_KEPT = {"without Fc receptors": 0.71, "with Fc receptors": 0.04}  # T/C
N87_DIRECT = 0.1  # the mixed points of the ridge take the direct arm of the catalogue
PAPER = "Cancer Biol Ther 2016;17:346, Table 2"


def condition(known, line: str, start_mm3: float, strain: str, drug: str, fraction: float) -> dict:
    """The typical mouse of a strain with one tumour of that line, as scenario/xenograft_resolve.py makes it."""
    from simulation.scenario import xenograft_resolve as resolve
    from simulation.scenario.xenograft_schema import Clone

    numbers = known.mice[strain].values()
    cells = {*known.cell_lines[line].numbers, *resolve.OF_THE_CELLS, "grows"}
    tissue = {name: value for name, value in known.tumours[line].values().items() if name not in cells}
    return {
        "clones": [resolve.resolve_clone(Clone(cell_line=line, fraction=1.0), known)],
        "tumour": {**tissue, "start_volume_mm3": start_mm3, "fraction_simulated": fraction},
        "strain": {"name": strain, **{name: numbers[name] for name in resolve.STRAIN_NUMBERS}},
        "effectors": resolve.resolve_effectors(numbers, known),
        "drugs": resolve.resolve_drugs([drug], known),
        "doses": [],
        "study": {"days": 0.0, "endpoint_mm3": 0.0, "caliper_days": [0.0]},
    }


def grow(mouse: dict, days: float, doses: dict[int, float], drug: str, route: str) -> tuple[float, dict]:
    """(volume mm3 after `days`, last observation); doses: day -> mg/kg."""
    from simulation.xenograft.engine import TumourEngine
    from simulation.xenograft.params import tumour_params

    mouse = {**mouse, "study": {**mouse["study"], "days": float(days), "endpoint_mm3": 4000.0}}
    engine = TumourEngine(tumour_params(mouse), 2026)
    for day in range(math.ceil(days)):
        if day in doses:
            engine.apply({"drug": drug, "mg_per_kg": doses[day], "route": route})
        engine.advance(min(24, round(24 * (days - day))))
    seen = engine.observe()
    return float(seen["volume_true_mm3"]), seen


def solve(volume_at: Callable[[float], float], wanted: float, low: float, high: float) -> tuple[float, float]:
    """(x, volume), volume within TOLERANCE of `wanted`, or the nearer end of low-high; volume_at is monotone."""
    f = {x: math.log(volume_at(x) / wanted) for x in (low, high)}
    if f[low] * f[high] > 0.0:
        x = min(f, key=lambda end: abs(f[end]))
        print(f"    NOT REACHED between {low:g} and {high:g}: {wanted * math.exp(f[x]):.1f} mm3 at {x:g}", flush=True)
        return x, wanted * math.exp(f[x])
    for _ in range(12):
        x = low + (high - low) * min(max(f[low] / (f[low] - f[high]), 0.1), 0.9)
        f[x] = math.log(volume_at(x) / wanted)
        print(f"    {x:.5g} -> {wanted * math.exp(f[x]):.1f} mm3 (asked {wanted:.1f})", flush=True)
        if abs(f[x]) < TOLERANCE:
            break
        low, high = (x, high) if f[x] * f[low] > 0.0 else (low, x)
    return x, wanted * math.exp(f[x])


def with_numbers(mouse: dict, density: float | None = None, nk_share: float = 0.5, **cells: float) -> dict:
    """The mouse with effectors of `density` per tumour cell (NK and myeloid together) and numbers of its cells."""
    out = {**mouse, "clones": [{**mouse["clones"][0], **cells}]}
    if density is not None:
        shares = {"nk": nk_share, "myeloid": 1.0 - nk_share}
        kinds = {k: {**mouse["effectors"][k], "density_per_tumour_cell": density * s} for k, s in shares.items()}
        out["effectors"] = {**mouse["effectors"], **kinds}
    return out


def number(value: float, low: float, high: float, unit: str, source: str) -> str:
    """One overlay number in TOML."""
    low, high = min(low, value), max(high, value)
    text = f'value = {value:.6g}, low = {low:.6g}, high = {high:.6g}, unit = "{unit}"'
    return f'{{ {text}, source = "{source}", provenance = "calibrated" }}'


def write_overlay(
    path: Path, line: str, growth: float, direct: float, densities: dict[str, float], source: str
) -> None:
    """An overlay of one line and both effectors. Growth and direct arm are those of the line, densities of all mice."""
    text = f"# Calibrated by benchmarks/xenograft_growth/calibrate.py; {source}.\n"
    text += f"[tumours.{line}]\n"
    text += f"growth_per_d = {number(growth, 0.02, 0.2, '1/d', source)}\n"
    text += f"direct_effect_max = {number(direct, 0.0, 1.0, '1', source)}\n"
    for name, density in densities.items():
        text += f"\n[residents.{name}]\n"
        text += f"density_per_tumour_cell = {number(density, 0.0, 0.1, '1/cell', source)}\n"
    path.write_text(text, encoding="utf-8")


def kills_per_effector(seen: dict) -> tuple[float, float]:
    """Kills per effector present at the end, NK and myeloid: their ratio sets how many of each kill alike."""
    return tuple(seen[f"kills_{kind}"] / max(seen[f"effectors_{kind}"], 1) for kind in ("nk", "myeloid"))


def fit_n87(known, fraction: float, out: Path) -> list[dict]:
    """NCI-N87: growth, then the ridge. One overlay per point."""
    drug, doses = "trastuzumab", {0: 10.0, 7: 10.0, 14: 10.0}
    print("NCI-N87 without treatment: growth_per_d", flush=True)
    vehicle = condition(known, "NCI-N87", N87_VEHICLE[0], "nude", drug, fraction)
    growth, reached = solve(
        lambda g: grow(with_numbers(vehicle, growth_per_d=g), N87_DAYS, {}, drug, "iv")[0], N87_VEHICLE[1], 0.09, 0.16
    )
    rows = [{"fit": "NCI-N87 growth_per_d", "value": growth, "volume_mm3": reached, "asked_mm3": N87_VEHICLE[1]}]
    treated = condition(known, "NCI-N87", N87_TREATED[0], "nude", drug, fraction)

    def volume(density, direct, nk_share):
        mouse = with_numbers(treated, density, nk_share, growth_per_d=growth, direct_effect_max=direct)
        return grow(mouse, N87_DAYS, doses, drug, "iv")

    nk, myeloid = kills_per_effector(volume(0.02, N87_DIRECT, 0.5)[1])
    half = (1.0 / nk) / (1.0 / nk + 1.0 / myeloid)  # as many NK cells as kill half of all
    for name, direct in (("effectors", 0.0), ("mixed", N87_DIRECT)):
        for label, share in (("nk0", 0.0), ("nk50", half), ("nk100", 1.0)):
            print(f"NCI-N87 treated, {name}, {label}: effectors per tumour cell", flush=True)
            density, reached = solve(
                lambda d, direct=direct, share=share: volume(d, direct, share)[0], N87_TREATED[1], 0.001, 0.12
            )
            source = (
                f"NCI-N87 10 mg/kg weekly x 3, 112.3 to 658.8 mm3 in 21 d ({PAPER}); point {name}-{label} of the ridge"
            )
            densities = {"mouse-NK": density * share, "mouse-myeloid": density * (1.0 - share)}
            write_overlay(out / f"n87_{name}_{label}.toml", "NCI-N87", growth, direct, densities, source)
            own = {"direct_effect_max": direct, "nk_share_of_cells": share}
            fit = {"fit": f"NCI-N87 {name} {label}", "value": density, "volume_mm3": reached}
            rows.append({**fit, "asked_mm3": N87_TREATED[1], **own})
    print("NCI-N87 treated, direct arm alone: direct_effect_max", flush=True)
    direct, reached = solve(lambda e: volume(0.0, e, 0.5)[0], N87_TREATED[1], 0.0, 0.6)
    source = f"NCI-N87 10 mg/kg weekly x 3, 112.3 to 658.8 mm3 in 21 d ({PAPER}); direct arm alone"
    write_overlay(out / "n87_direct.toml", "NCI-N87", growth, direct, {"mouse-NK": 0.0, "mouse-myeloid": 0.0}, source)
    rows.append({"fit": "NCI-N87 direct", "value": direct, "volume_mm3": reached, "asked_mm3": N87_TREATED[1]})
    return rows


def fit_bt474(known, fraction: float, out: Path) -> list[dict]:
    """BT-474: growth, the direct arm in mice without Fc receptors, then effectors in mice that have them."""
    drug, doses = "trastuzumab", {0: 4.0, 7: 2.0, 14: 2.0, 21: 2.0, 28: 2.0}
    print("BT-474 without treatment: growth_per_d", flush=True)
    large = condition(known, "BT-474", 200.0, "nude", drug, fraction)
    growth, reached = solve(
        lambda g: grow(with_numbers(large, growth_per_d=g), BT474_DOUBLING_D, {}, drug, "ip")[0], 400.0, 0.04, 0.09
    )
    rows = [{"fit": "BT-474 growth_per_d", "value": growth, "volume_mm3": reached, "asked_mm3": 400.0}]

    def volume(strain, direct, density):
        mouse = condition(known, "BT-474", BT474_START_MM3, strain, drug, fraction)
        mouse = with_numbers(mouse, density, 0.5, growth_per_d=growth, direct_effect_max=direct)
        return grow(mouse, BT474_DAYS, doses if density is not None else {}, drug, "ip")[0]

    control = volume("nude", 0.0, None)
    print("BT-474 without Fc receptors: direct_effect_max", flush=True)
    wanted = BT474_KEPT["without Fc receptors"] * control
    direct, reached = solve(lambda e: volume("FcgR-null", e, 0.02), wanted, 0.0, 0.6)
    rows.append({"fit": "BT-474 direct_effect_max", "value": direct, "volume_mm3": reached, "asked_mm3": wanted})
    print("BT-474 with Fc receptors: effectors per tumour cell", flush=True)
    wanted = BT474_KEPT["with Fc receptors"] * control
    density, reached = solve(lambda d: volume("nude", direct, d), wanted, 0.002, 0.15)
    rows.append({"fit": "BT-474 density", "value": density, "volume_mm3": reached, "asked_mm3": wanted})
    source = (
        "BT-474, 29 % inhibition without and 96 % with Fc receptors, day 35 (Clynes 2000, Nat Med 6:443, from memory)"
    )
    densities = {"mouse-NK": 0.5 * density, "mouse-myeloid": 0.5 * density}
    if abs(math.log(reached / wanted)) < 2.0 * TOLERANCE:  # a fit that fails leaves no overlay behind
        write_overlay(out / "bt474.toml", "BT-474", growth, direct, densities, source)
    return rows


def main() -> None:
    """Run the fits and write overlays and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fraction", type=float, default=0.01, help="share of the tumour that is simulated")
    parser.add_argument("--out", type=Path, default=HERE / "overlays")
    parser.add_argument("--only", choices=("n87", "bt474"))
    asked = parser.parse_args()
    runtime.configure(threads=os.cpu_count() or 1)
    from simulation.catalogue import lookup

    known = lookup.load()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = []
    if asked.only != "bt474":
        rows += fit_n87(known, asked.fraction, asked.out)
    if asked.only != "n87":
        rows += fit_bt474(known, asked.fraction, asked.out)
    for path in sorted(asked.out.glob("*.toml")):
        lookup.load([path])  # what was written can be read
    (asked.out / "calibration.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        missed = abs(math.log(row["volume_mm3"] / row["asked_mm3"])) > 2.0 * TOLERANCE
        volumes = f"{row['volume_mm3']:.1f} mm3 (asked {row['asked_mm3']:.1f})"
        print(f"{row['fit']:28s} {row['value']:.5g}   {volumes}{'   NOT REACHED' if missed else ''}")


if __name__ == "__main__":
    main()
