"""Type I error and coverage of the tumour-growth statistics, from 4,000 simulated studies per cell.

    python benchmarks/statistics/size_and_coverage.py [--studies 4000]

Simulated mice: start volume 150 mm3, CV 12 %; exponential growth, vehicle 0.118 /d and treated 0.084 /d (NCI-N87 of
doi:10.1080/15384047.2016.1139248, table 2), sd of ln rate between mice 0.10; caliper sd 0.21 max(V, 83)^0.84 (assumed);
readings on days 0, 3, 7, 10, 14, 17, 21, negative readings are zeros. Situations:

  null       both arms 0.118 /d                     effect        0.118 against 0.084 /d
  zeros      both arms -0.15 /d, so that most       zeros effect  0.118 against -0.15 /d
             late readings are below 20 mm3 or 0
  drop-out   the mouse leaves after its first reading of 1000 mm3, or by ulceration at 0.02 /d per 500 mm3 of true
             volume: both informative; null and effect as above
  slowing    growth becomes linear at 60 mm3/d, combined with the drop-out: a mouse that leaves early is then observed
             in its fast phase only

Truth: differences and ratios of the same quantities over 200,000 mice without drop-out. Random numbers of every cell
are independent. Writes benchmarks/results/growth_statistics.json and .md, and analysis/growth/measured.json, the rates
that every report prints with its tests.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adccsim.analysis.growth import inference, mixed_model  # noqa: E402
from adccsim.analysis.growth import measures as tumour_growth  # noqa: E402

DAYS = np.array([0.0, 3, 7, 10, 14, 17, 21])


@dataclass(frozen=True)
class Situation:
    """Growth rates per day of both arms; mm3 per day beyond which growth is linear; whether mice leave."""

    control: float
    treated: float
    linear: float = np.inf
    drop_out: bool = False

    @property
    def null(self) -> bool:
        """Whether both arms are the same."""
        return self.control == self.treated


SITUATIONS = {
    "null": Situation(0.118, 0.118),
    "effect": Situation(0.118, 0.084),
    "zeros": Situation(-0.15, -0.15),
    "zeros effect": Situation(0.118, -0.15),
    "drop-out null": Situation(0.118, 0.118, drop_out=True),
    "drop-out effect": Situation(0.118, 0.084, drop_out=True),
    "slowing drop-out null": Situation(0.118, 0.118, 60.0, True),
    "slowing drop-out effect": Situation(0.118, 0.084, 60.0, True),
}
MICE = (3, 5, 8)
RESAMPLES = 999
SEED = 20_261
END_MM3 = 1000.0


def simulate(
    rng: np.random.Generator, rate: float, shape: tuple[int, ...], linear: float = np.inf, drop_out: bool = False
) -> np.ndarray:
    """Caliper volumes (*shape, days) in mm3, NaN after a mouse has left."""
    start = 150.0 * np.exp(rng.normal(0, 0.12, shape))[..., None]
    k = (rate * np.exp(rng.normal(0, 0.10, shape)))[..., None]
    true = start * np.exp(k * DAYS)
    if np.isfinite(linear):  # exponential up to linear / k, then the tangent
        turn = np.maximum(np.log(linear / k / start) / k, 0.0)
        true = np.where(true * k > linear, start * np.exp(k * turn) + linear * (DAYS - turn), true)
    read = np.maximum(true + rng.normal(size=true.shape) * 0.21 * np.maximum(true, 83) ** 0.84, 0.0)
    if drop_out:
        gap = np.diff(DAYS)
        hazard = 0.02 * true[..., :-1] / 500 * gap
        leaves = (read[..., :-1] >= END_MM3) | (rng.random(hazard.shape) < -np.expm1(-hazard))
        read[..., 1:][np.maximum.accumulate(leaves, axis=-1)] = np.nan
    return read


def packed(values: np.ndarray) -> np.ndarray:
    """Finite entries of each row first, then the rest."""
    return np.take_along_axis(values, np.argsort(~np.isfinite(values), axis=1, kind="stable"), axis=1)


def by_counts(treated: np.ndarray, control: np.ndarray):
    """Studies grouped by the number of mice left: (rows, treated (S, n), control (S, m)), both n, m >= 2."""
    counts = np.isfinite(treated).sum(axis=1), np.isfinite(control).sum(axis=1)
    x, y = packed(treated), packed(control)
    for n, m in sorted(set(zip(*(c.tolist() for c in counts), strict=True))):
        if min(n, m) >= 2:
            rows = np.flatnonzero((counts[0] == n) & (counts[1] == m))
            yield rows, x[rows, :n], y[rows, :m]


class Tally:
    """Hits among studies that could be evaluated, in percent with binomial standard error."""

    def __init__(self):
        self.hits, self.trials = {}, {}

    def add(self, name: str, hit: np.ndarray) -> None:
        self.hits[name] = self.hits.get(name, 0) + int(np.sum(hit))
        self.trials[name] = self.trials.get(name, 0) + len(hit)

    def result(self) -> dict[str, dict[str, float]]:
        table = {}
        for name, trials in self.trials.items():
            p = self.hits[name] / trials
            table[name] = {
                "pct": round(100 * p, 2),
                "se": round(100 * (p * (1 - p) / trials) ** 0.5, 2),
                "studies": trials,
            }
        return table


def welch_rows(tally: Tally, name: str, treated: np.ndarray, control: np.ndarray, truth: float | None) -> None:
    """Rejection of the null hypothesis, and coverage of the true difference, by Welch's t."""
    for _, x, y in by_counts(treated, control):
        difference, error, dof = inference.welch_parts(x, y)
        quantile = stats.t.ppf(0.975, dof)
        tally.add(f"{name} rejects", np.abs(difference) > quantile * error)
        if truth is not None:
            tally.add(f"{name} covers", np.abs(difference - truth) <= quantile * error)


def ratio_rows(
    tally: Tally,
    name: str,
    treated: np.ndarray,
    control: np.ndarray,
    truth: np.ndarray,
    rng: np.random.Generator,
    log: bool,
) -> None:
    """Coverage of the true ratio of means by bootstrap-t, BCa and percentile; truth (S,) since the day may differ."""
    for rows, x_all, y_all in by_counts(treated, control):
        for at in range(0, len(rows), 200):
            x, y, true = x_all[at : at + 200], y_all[at : at + 200], truth[rows[at : at + 200]]
            low, high = inference.bootstrap_t_ratio_limits(x, y, rng, log=log, resamples=RESAMPLES)
            tally.add(f"{name} bootstrap-t covers", (low <= true) & (true <= high))
            draws = [
                np.take_along_axis(g[:, None], rng.integers(0, g.shape[1], (len(g), RESAMPLES, g.shape[1])), axis=2)
                for g in (x, y)
            ]
            star = draws[0].mean(axis=2) / draws[1].mean(axis=2)
            low, high = np.quantile(star, [0.025, 0.975], axis=1)
            tally.add(f"{name} percentile covers", (low <= true) & (true <= high))
            point = x.mean(axis=1) / y.mean(axis=1)
            n, m = x.shape[1], y.shape[1]
            x_out = (x.sum(axis=1, keepdims=True) - x) / (n - 1) / y.mean(axis=1, keepdims=True)
            y_out = x.mean(axis=1, keepdims=True) / ((y.sum(axis=1, keepdims=True) - y) / (m - 1))
            influence = np.concatenate(
                [(q.mean(axis=1, keepdims=True) - q) * (k - 1) / k for q, k in ((x_out, n), (y_out, m))], axis=1
            )
            below = np.mean(star < point[:, None], axis=1) + np.mean(star == point[:, None], axis=1) / 2
            levels = bca_levels(below, influence)
            position = np.clip(np.round(levels * (RESAMPLES - 1)).astype(int), 0, RESAMPLES - 1)
            low, high = np.take_along_axis(np.sort(star, axis=1), position.T, axis=1).T
            tally.add(f"{name} BCa covers", (low <= true) & (true <= high))


def bca_levels(below: np.ndarray, influence: np.ndarray) -> np.ndarray:
    """BCa levels (2, S) of the bootstrap distribution (Efron & Tibshirani 1993, chapter 14).

    below (S,): its fraction below the estimate; influence (S, mice): contribution of each mouse to the estimate.
    """
    size = np.sum(influence**2, axis=1)
    acceleration = np.sum(influence**3, axis=1) / (6 * np.maximum(size, 1e-300) ** 1.5)
    z0 = stats.norm.ppf(np.clip(below, 1e-3, 1 - 1e-3))
    return np.stack([stats.norm.cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z))) for z in (-1.959964, 1.959964)])


def mixed_rows(tally: Tally, ln_v: np.ndarray, truth: float) -> None:
    """Wald z of the slope difference of the mixed model; ln_v (S, 2, n, T), arm 0 the control."""
    studies, _, n, _ = ln_v.shape
    y = ln_v.reshape(studies, 2 * n, -1)
    present = np.isfinite(y)
    usable = present.sum(axis=(1, 2)) > 2 * present.any(axis=2).sum(axis=1)
    day = np.broadcast_to(DAYS, y.shape)
    fit = mixed_model.fit(day[usable], y[usable], present[usable], np.repeat([0, 1], n))
    difference, error = fit.difference(1, 0)
    tally.add("mixed Wald z rejects", np.abs(difference[fit.converged]) > 1.959964 * error[fit.converged])
    tally.add("mixed Wald z covers", (np.abs(difference - truth) <= 1.959964 * error)[fit.converged])
    tally.add("mixed model singular", fit.singular)
    tally.add("mixed model does not converge", ~fit.converged)


def log_rank_rows(tally: Tally, volumes: np.ndarray) -> None:
    """Log-rank test of the time to the first reading of END_MM3; volumes (S, 2, n, T), mice that leave are censored."""
    reached = np.maximum.accumulate(np.nan_to_num(volumes) >= END_MM3, axis=3)
    event = reached & ~np.concatenate([np.zeros_like(reached[..., :1]), reached[..., :-1]], axis=3)
    before = np.concatenate([np.zeros_like(reached[..., :1]), reached[..., :-1]], axis=3)
    risk = (np.isfinite(volumes) & ~before).sum(axis=2).astype(float)  # (S, 2, T)
    deaths = event.sum(axis=2)
    n, d = risk.sum(axis=1), deaths.sum(axis=1)
    fraction = np.divide(risk[:, 1], n, out=np.zeros_like(n), where=n > 0)
    excess = (deaths[:, 1] - d * fraction).sum(axis=1)
    variance = (d * fraction * (1 - fraction) * np.divide(n - d, n - 1, out=np.zeros_like(n), where=n > 1)).sum(axis=1)
    usable = variance > 0
    tally.add("log-rank rejects", excess[usable] ** 2 > 3.841459 * variance[usable])


def cell(situation: str, n: int, studies: int, seed: list[int]) -> dict:
    """One cell of the table."""
    setting = SITUATIONS[situation]
    rates, null = (setting.control, setting.treated), setting.null
    rng = np.random.default_rng(seed)
    full = [simulate(rng, rate, (200_000,), setting.linear) for rate in rates]
    true_slopes = [tumour_growth.slopes(DAYS, tumour_growth.log_volume(v)).mean() for v in full]
    true_means = [v.mean(axis=0) for v in full]
    slope_truth = 0.0 if null else float(true_slopes[1] - true_slopes[0])
    volumes = np.stack([simulate(rng, r, (studies, n), setting.linear, setting.drop_out) for r in rates], axis=1)
    ln_v = tumour_growth.log_volume(volumes)
    k = tumour_growth.slopes(DAYS, ln_v)  # (S, 2, n)
    tally = Tally()
    welch_rows(tally, "slopes Welch t", k[:, 1], k[:, 0], slope_truth)
    for _, x, y in by_counts(k[:, 1], k[:, 0]):
        for at in range(0, len(x), 250):
            p = inference.permutation_p_values(x[at : at + 250], y[at : at + 250])
            tally.add("slopes permutation rejects", p <= 0.05)
    mixed_rows(tally, ln_v, slope_truth)
    # Day of evaluation by the shipped rule: the last with at least 80 % of the control mice still measured.
    in_study = np.isfinite(volumes[:, 0]).sum(axis=1) >= tumour_growth.IN_STUDY_FRACTION * n
    last = np.array([np.flatnonzero(row)[-1] for row in in_study])
    at_day = np.take_along_axis(volumes, last[:, None, None, None], axis=3)[..., 0]
    ln_day = tumour_growth.log_volume(at_day)
    welch_rows(tally, "end volume Welch t", ln_day[:, 1], ln_day[:, 0], 0.0 if null else None)
    if setting.control > 0:
        log_rank_rows(tally, volumes)
    ratio_truth = np.ones(studies) if null else (true_means[1] / true_means[0])[last]
    if setting.treated > 0:
        ratio_rows(tally, "T/C", at_day[:, 1], at_day[:, 0], ratio_truth, rng, log=True)
    if setting.control > 0:
        rate_truth = np.full(studies, 1.0 if null else true_slopes[1] / true_slopes[0])
        ratio_rows(tally, "k_T/k_C", k[:, 1], k[:, 0], rate_truth, rng, log=False)
    return {
        "situation": situation,
        "mice_per_arm": n,
        "studies": studies,
        "true_slope_difference_per_day": round(slope_truth, 6),
        "readings_below_loq_pct": round(100 * float(np.mean(volumes[np.isfinite(volumes)] < tumour_growth.LOQ_MM3)), 1),
        "mice_that_left_pct": round(100 * float(np.mean(np.isnan(volumes[..., -1]))), 1),
        "results": tally.result(),
    }


def markdown(cells: list[dict], studies: int) -> str:
    """One table: a row per quantity and situation, a column per number of mice; rate in percent +- binomial error."""
    lines = [
        "# Size and coverage of the tumour-growth statistics",
        "",
        f"{studies:,} independent studies per cell, nominal error 5 %, nominal coverage 95 %; rate in % ± binomial",
        "standard error. `rejects` is the type I error in the null situations and the power in the others. Written by",
        "`python benchmarks/statistics/size_and_coverage.py`, whose first lines describe the situations.",
        "The target bands are 4-6 % type I error and 93-97 % coverage; **bold** marks values outside.",
        "",
        "| situation | quantity | " + " | ".join(f"n = {n}" for n in MICE) + " |",
        "| --- | --- |" + " ---: |" * len(MICE),
    ]
    for situation in SITUATIONS:
        of = {c["mice_per_arm"]: c["results"] for c in cells if c["situation"] == situation}
        names = list(dict.fromkeys(name for results in of.values() for name in results))
        null = SITUATIONS[situation].null
        for name in names:
            entries = []
            for n in MICE:
                r = of.get(n, {}).get(name)
                if r is None:
                    entries.append("")
                    continue
                outside = (null and "rejects" in name and not 4 <= r["pct"] <= 6) or (
                    "covers" in name and not 93 <= r["pct"] <= 97
                )
                text = f"{r['pct']:.1f} ± {r['se']:.1f}"
                entries.append(f"**{text}**" if outside else text)
            lines.append(f"| {situation} | {name} | " + " | ".join(entries) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all cells and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--measured", type=Path, help="path to write in place of analysis/growth/measured.json")
    options = parser.parse_args()
    start = time.perf_counter()
    cells = []
    for i, situation in enumerate(SITUATIONS):
        for n in MICE:
            cells.append(cell(situation, n, options.studies, [SEED, i, n]))
            primary = cells[-1]["results"]["slopes Welch t rejects"]["pct"]
            spent = time.perf_counter() - start
            print(f"{situation:24s} n={n}  primary rejects {primary:5.1f} %  {spent:5.0f} s", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    software = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    whole = {"studies": options.studies, "days": DAYS.tolist(), "seed": SEED, "software": software, "cells": cells}
    text = json.dumps(whole, indent=1)
    (options.out / "growth_statistics.json").write_text(text + "\n")
    (options.out / "growth_statistics.md").write_text(markdown(cells, options.studies), encoding="utf-8")
    fractions: dict[str, dict[str, dict[int, float]]] = {}
    for c in cells:
        for name, result in c["results"].items():
            fractions.setdefault(c["situation"], {}).setdefault(name, {})[c["mice_per_arm"]] = result["pct"]
    text = json.dumps({"studies": options.studies, "pct": fractions}, indent=1)
    (options.measured or ROOT / "analysis" / "growth" / "measured.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
