"""Coverage of the intervals of the Bliss excess and the ADCC fraction, from 4,000 simulated studies per cell.

    python benchmarks/statistics/combination_coverage.py [--studies 4000]

Mice, calipers and days as in size_and_coverage.py, no drop-out. Four arms for the Bliss excess: vehicle 0.118 /d, two
drugs at 0.100 and 0.095 /d, and both together, either additive (0.077 /d) or stronger (0.060 /d). Three arms for the
ADCC fraction: vehicle 0.118 /d, antibody 0.060 /d, its Fc-null counterpart 0.100 /d; the log scale uses growth rates,
the linear scale volumes of day 21. Truth: the same quantity from the means of 200,000 mice per arm. `covers` refers to
the intervals given; `gives an interval` is how often there was one (none if the antibody does not differ from vehicle).
Writes benchmarks/results/growth_combination.json and .md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

import numpy as np
import scipy

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from size_and_coverage import DAYS, MICE, simulate  # noqa: E402

from adccsim.analysis.growth import inference  # noqa: E402
from adccsim.analysis.growth import measures as tumour_growth  # noqa: E402

SEED = 20_262
VEHICLE, DRUG_A, DRUG_B = 0.118, 0.100, 0.095
TOGETHER = {"Bliss excess, additive": 0.077, "Bliss excess, stronger": 0.060}
ANTIBODY, FC_NULL = 0.060, 0.100


def rates_of(volumes: np.ndarray) -> np.ndarray:
    """Growth rate per day of every mouse; volumes (..., days) in mm3."""
    return tumour_growth.slopes(DAYS, tumour_growth.log_volume(volumes))


def adcc_fraction(antibody: np.ndarray, fc_null: np.ndarray, vehicle: np.ndarray) -> float:
    """ADCC fraction of the arm means."""
    return float(1 - (fc_null.mean() - vehicle.mean()) / (antibody.mean() - vehicle.mean()))


def covered(estimates: list[inference.Estimate], truth: float) -> dict:
    """Rates in percent with binomial standard errors."""
    with_interval = [e for e in estimates if e.low is not None]
    hits = np.mean([e.low <= truth <= e.high for e in with_interval]) if with_interval else 0.0
    fractions = {
        "covers": (hits, len(with_interval)),
        "gives an interval": (len(with_interval) / len(estimates), len(estimates)),
    }
    return {
        name: {"pct": round(100 * float(p), 2), "se": round(100 * float(np.sqrt(p * (1 - p) / max(of, 1))), 2), "n": of}
        for name, (p, of) in fractions.items()
    }


def cells(n: int, studies: int) -> dict[str, dict]:
    """All quantities at n mice per arm."""
    rng = np.random.default_rng([SEED, n])
    results = {}
    for name, together in TOGETHER.items():
        arms = (together, DRUG_A, DRUG_B, VEHICLE)
        a = [rates_of(simulate(rng, rate, (200_000,))).mean() for rate in arms]
        truth = a[0] - a[1] - a[2] + a[3]
        drawn = [rates_of(simulate(rng, rate, (studies, n))) for rate in arms]
        estimates = [inference.bliss_excess(*(arm[i] for arm in drawn)) for i in range(studies)]
        results[name] = covered(estimates, float(truth))
    arms = (ANTIBODY, FC_NULL, VEHICLE)
    full = [simulate(rng, rate, (200_000,)) for rate in arms]
    drawn = [simulate(rng, rate, (studies, n)) for rate in arms]
    for name, measure, what in (
        ("ADCC share, log scale", rates_of, "growth rate"),
        ("ADCC share, linear scale", lambda v: v[..., -1], "volume"),
    ):
        truth = adcc_fraction(*(measure(v) for v in full))
        values = [measure(v) for v in drawn]
        estimates = [inference.bootstrap_t_fraction(*(arm[i] for arm in values), what) for i in range(studies)]
        results[name] = covered(estimates, truth)
    return results


def main() -> None:
    """Run all cells and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    table = {}
    for n in MICE:
        table[n] = cells(n, options.studies)
        print(f"n = {n}: {table[n]}", flush=True)
    software = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    whole = {"studies": options.studies, "seed": SEED, "software": software, "mice_per_arm": table}
    (options.out / "growth_combination.json").write_text(json.dumps(whole, indent=1) + "\n")
    lines = [
        "# Coverage of Bliss excess and ADCC fraction",
        "",
        f"{options.studies:,} studies per cell, nominal 95 %; rate in % ± binomial standard error. Written by",
        "`python benchmarks/statistics/combination_coverage.py`, whose first lines describe the situations.",
        "**Bold** marks coverage outside 93-97 %.",
        "",
        "| quantity | | " + " | ".join(f"n = {n}" for n in MICE) + " |",
        "| --- | --- |" + " ---: |" * len(MICE),
    ]
    for quantity in table[MICE[0]]:
        for fraction in ("covers", "gives an interval"):
            entries = []
            for n in MICE:
                r = table[n][quantity][fraction]
                if r["n"] == 0:
                    entries.append("none given")
                    continue
                text = f"{r['pct']:.1f} ± {r['se']:.1f}"
                entries.append(f"**{text}**" if fraction == "covers" and not 93 <= r["pct"] <= 97 else text)
            lines.append(f"| {quantity} | {fraction} | " + " | ".join(entries) + " |")
    (options.out / "growth_combination.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
