"""The type I errors printed in reports are those of the committed benchmark, and they lie within their bands."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from adccsim.analysis.growth import testing as growth_testing

REPOSITORY = Path(__file__).parents[3]
RESULT = json.loads((REPOSITORY / "benchmarks" / "results" / "growth_statistics.json").read_text(encoding="utf-8"))
CELLS = {(c["situation"], c["mice_per_arm"]): c["results"] for c in RESULT["cells"]}


def test_shipped_rates_are_those_of_the_benchmark():
    fractions = growth_testing.measured()
    assert RESULT["studies"] == 4000
    for (situation, mice), results in CELLS.items():
        for name, result in results.items():
            assert fractions[situation][name][mice] == result["pct"]


@pytest.mark.parametrize("situation", ["null", "zeros"])
def test_primary_keeps_its_level_at_eight_mice(situation):
    assert 4 <= CELLS[situation, 8]["slopes Welch t rejects"]["pct"] <= 6


@pytest.mark.parametrize(
    ("situation", "interval"),
    [
        ("null", "slopes Welch t"),
        ("effect", "slopes Welch t"),
        ("zeros effect", "slopes Welch t"),
        ("null", "T/C bootstrap-t"),
        ("effect", "T/C bootstrap-t"),
        ("null", "k_T/k_C bootstrap-t"),
        ("effect", "k_T/k_C bootstrap-t"),
    ],
)
def test_intervals_cover_at_eight_mice_without_drop_out(situation, interval):
    assert 93 <= CELLS[situation, 8][f"{interval} covers"]["pct"] <= 97


def test_measured_size_is_that_of_the_same_or_fewer_mice():
    primary = growth_testing.PRIMARY
    null = growth_testing.measured()["null"]["slopes Welch t rejects"]
    assert growth_testing.measured_size(primary, 6, False) == (null[5], 5)
    assert growth_testing.measured_size(primary, 20, False) == (null[8], 8)
    assert growth_testing.measured_size(primary, 2, False) is None
    assert growth_testing.measured_size("no such test", 8, False) is None


def test_a_small_run_of_the_benchmark_agrees():
    """300 studies of two cells: within four standard errors of the committed rates."""
    path = REPOSITORY / "benchmarks" / "statistics" / "size_and_coverage.py"
    spec = importlib.util.spec_from_file_location("size_and_coverage", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    for situation, mice in (("null", 5), ("drop-out effect", 5)):
        results = module.cell(situation, mice, 300, [7, mice])["results"]
        for name, result in results.items():
            expected = CELLS[situation, mice][name]["pct"] / 100
            error = np.sqrt(max(expected * (1 - expected), 0.01) / 300)
            assert abs(result["pct"] / 100 - expected) < 4 * error, name
