"""The kernel against the oracle: the same wells by uniformisation and by a next-event queue, all mechanisms on.

The number of wells is such that an error of 2 % in the kills of one side is four standard errors (from the counts that
both sides were measured to scatter by); more product wells than oracle wells, since they are much cheaper. Every
comparison prints its z.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from adccsim.well import params as params_module
from adccsim.well.engine import WellEngine
from adccsim.well.params import well_params
from tests.oracle.conditions import PARTNER, condition, small_well
from tests.oracle.next_event import run
from tests.well.runs import typed

EVERYTHING = {
    "partner": PARTNER,
    "effectors__late_killing_per_h": 0.15,
    "well__serum_igg_g_per_l": 0.05,
    "targets__her2_null_fraction": 0.1,
    "targets__p95_fraction": 0.1,
    "targets__masked_fraction": 0.1,
}
SIGNIFICANT = 4.0


def product(case: dict, seed: int) -> dict:
    """What the kernel makes of one well, by the oracle's names."""
    engine = WellEngine(well_params(typed(case)), seed * 1_000_003 + 17)
    engine.advance(round(case["assay"]["duration_h"] / engine.tick_h))
    seen = engine.observe()
    names = ("kills", "hits", "contacts", "encounters", "effectors_dead")
    # the oracle averages CD16a over living effectors, as the product does
    return {n: seen[n] for n in names} | {"dead": seen["targets_dead"], "cd16a_level": seen["cd16a_level"]}


def many(function, case: dict, seeds) -> dict[str, np.ndarray]:
    """function(case, seed) for all seeds on two threads (both sides release the lock), as columns."""
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda seed: function(case, seed), seeds))
    return {name: np.array([row[name] for row in rows], float) for name in product_names(rows[0])}


def product_names(row: dict) -> list[str]:
    """Observables that both sides report."""
    wanted = ("kills", "hits", "contacts", "encounters", "effectors_dead", "dead", "cd16a_level")
    return [name for name in wanted if name in row]


def z_scores(ours: dict, theirs: dict) -> dict[str, tuple[float, float]]:
    """name -> (z, relative standard error) of the difference of means."""
    out = {}
    for name in ours:
        a, b = ours[name], theirs[name]
        error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        gap = a.mean() - b.mean()
        z = gap / error if error > 0.0 else (0.0 if gap == 0.0 else np.inf)
        out[name] = (z, error / max(abs(b.mean()), 1e-12))
    return out


def agree(case: dict, n_product: int, n_oracle: int, resolution: float) -> None:
    """Compare, print every z, and fail on |z| >= 4 or if an error of `resolution` would not have been four errors."""
    ours = many(product, case, range(1, n_product + 1))
    theirs = many(run, case, range(1, n_oracle + 1))
    scores = z_scores(ours, theirs)
    for name, (z, relative) in scores.items():
        means = f"kernel {ours[name].mean():12.2f} oracle {theirs[name].mean():12.2f}"
        print(f"{name:15s} {means} z {z:6.2f}  se {relative:.2%}")
    assert scores["kills"][1] * SIGNIFICANT <= resolution, "too few wells to see the error that this test is for"
    assert all(abs(z) < SIGNIFICANT for z, _ in scores.values())


# dose 0, near EC50 and saturating at E:T 1 and 10. Small wells keep sites and volume per target: same physics.
CASES = [
    pytest.param(1, 0.0, 700, 190, 10_000, marks=pytest.mark.slow),
    pytest.param(1, 0.001, 120, 30, 10_000, marks=pytest.mark.slow),
    pytest.param(1, 1.0, 60, 12, 10_000, marks=pytest.mark.slow),
    pytest.param(10, 0.0, 150, 80, 2_500, marks=pytest.mark.slow),
    pytest.param(10, 0.001, 40, 14, 2_500, marks=pytest.mark.slow),
    pytest.param(10, 1.0, 24, 8, 2_500, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("et", "dose", "n_product", "n_oracle", "cells"), CASES)
def test_kernel_agrees_with_the_oracle_to_two_percent(et, dose, n_product, n_oracle, cells):
    overrides = {
        "effectors__et_ratio": et, "effectors__nk_cells": et * cells, "antibody__dose_ug_per_ml": dose, **EVERYTHING
    }  # fmt: skip
    if dose == 0.0:
        overrides |= {"partner": None}
    case = condition(**overrides) if cells == 10_000 else small_well(cells, **overrides)
    agree(case, n_product, n_oracle, 0.02)


@pytest.mark.parametrize(("dose", "resolution"), [(0.0, 0.10), (0.001, 0.05), (1.0, 0.04)])
def test_kernel_agrees_with_the_oracle_coarsely(dose, resolution):
    """A quick look at every run of the tests; the precise comparison above is slow."""
    overrides = {"effectors__et_ratio": 3, "effectors__nk_cells": 6_000, "antibody__dose_ug_per_ml": dose, **EVERYTHING}
    if dose == 0.0:
        overrides |= {"partner": None}
    agree(small_well(2_000, **overrides), 60, 16, resolution)


def test_a_wrong_kernel_fails(monkeypatch):
    """Effectors that are 10 % too slow must be seen: the comparison has the power that it claims."""
    overrides = {"effectors__et_ratio": 3, "effectors__nk_cells": 6_000, "antibody__dose_ug_per_ml": 1.0, **EVERYTHING}
    case = small_well(2_000, **overrides)
    theirs = many(run, case, range(1, 17))
    right = params_module.hop_per_h
    monkeypatch.setattr(params_module, "hop_per_h", lambda speed, motility: 0.9 * right(speed, motility))
    ours = many(product, case, range(1, 61))
    scores = z_scores(ours, theirs)
    print(scores)
    assert abs(scores["encounters"][0]) > SIGNIFICANT and abs(scores["kills"][0]) > SIGNIFICANT
