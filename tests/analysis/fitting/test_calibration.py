"""Residuals of an experiment, their scale, and the search that minimises them."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.calibration import TOLERANCE, UNIFORM_SD, Free, distance, local_widths, residuals, search
from adccsim.analysis.fitting.observed import EC50, EMAX, LYSIS, read_observed
from adccsim.analysis.reading.runs import read_study
from tests.analysis.make_runs import Design, Truth, make_study


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """(runs, tables) of a dose series with donors."""
    folder = tmp_path_factory.mktemp("simulated")
    design = Design(donors=6, replicates=1, readout="calcein", controls=("target_only",))
    make_study(folder, design, Truth(donor_emax_sd=6, donor_log10_ec50_sd=0.2, noise=0.002))
    return read_study(folder).runs, analyse_wells(folder, with_figures=False).tables


def rows(tmp_path, text):
    path = tmp_path / "observed.csv"
    path.write_text("quantity,dose_ug_per_ml,et_ratio,value,sd,log10_sd,n\n" + text)
    return read_observed(path)[:2]


def test_simulated_numbers_are_those_of_the_analysis(tmp_path, simulated):
    runs, tables = simulated
    summary = tables["lysis_summary"].set_index("dose_ug_per_ml")
    dose = summary.index[-2]
    observed, keys = rows(tmp_path, f"{LYSIS},{dose:g},5,50,10,,20\n{EMAX},,5,60,9,,20\n{EC50},,5,2,,0.3,20\n")
    table = residuals(observed, keys, runs, {}).set_index(["quantity", "of"])
    assert table.loc[(LYSIS, "mean"), "simulated"] == pytest.approx(summary["mean"][dose])
    assert table.loc[(LYSIS, "sd"), "simulated"] == pytest.approx(summary["sd"][dose])
    curve = tables["dose_response"].iloc[0]
    assert table.loc[(EMAX, "mean"), "simulated"] == pytest.approx(curve["donor_emax_mean_pct"], abs=0.5)
    ec50 = 10 ** table.loc[(EC50, "mean"), "simulated"]
    assert ec50 == pytest.approx(curve["donor_ec50_geomean_ng_per_ml"], rel=0.03)


def test_sigma_combines_the_standard_error_and_the_required_agreement(tmp_path, simulated):
    runs, tables = simulated
    summary = tables["lysis_summary"].set_index("dose_ug_per_ml")
    dose = summary.index[-1]
    observed, keys = rows(tmp_path, f"{LYSIS},{dose:g},5,{summary['mean'][dose] - 7:.9g},12,,16\n")
    table = residuals(observed, keys, runs, {})
    mean = table[table["of"] == "mean"].iloc[0]
    assert mean["sigma"] == pytest.approx(np.hypot(12 / 4, TOLERANCE[LYSIS]))
    assert mean["z"] == pytest.approx(7 / mean["sigma"], rel=1e-6)
    assert distance(table) == pytest.approx(np.sqrt((table["z"] ** 2).mean()))


def test_a_row_that_is_not_simulated_is_an_error(tmp_path, simulated):
    observed, keys = rows(tmp_path, f"{LYSIS},123,5,50,10,,20\n")
    with pytest.raises(SheetError, match="123 is not simulated"):
        residuals(observed, keys, simulated[0], {})


def test_a_missing_number_is_infinitely_distant():
    assert distance(pd.DataFrame({"z": [0.0, np.nan]})) == np.inf


@pytest.mark.parametrize(("low", "high", "logarithmic"), [(1, 100, True), (1, 2, False), (0, 10, False)])
def test_unit_coordinates_are_the_inverse_of_values(low, high, logarithmic):
    free = Free("a.b.c", low, high)
    assert free.logarithmic is logarithmic
    assert (free.value(0), free.value(1)) == pytest.approx((low, high))
    for value in np.linspace(low + 1e-6, high, 7):
        assert free.value(free.unit(value)) == pytest.approx(value)


def test_the_search_finds_a_minimum_and_stays_inside_the_bounds():
    free = [Free("rate", 0.1, 10), Free("fraction", 0.0, 1.0), Free("edge", 0.0, 1.0)]
    asked = []

    def z_of(points):
        asked.extend(points)
        return [
            np.array([10 * np.log(p["rate"] / 2), 20 * (p["fraction"] - 0.3), 5 * (p["edge"] - 1.4), 3.0])
            for p in points
        ]

    best = search(free, {"rate": 0.5, "fraction": 0.8, "edge": 0.5}, z_of, 60)
    assert best["rate"] == pytest.approx(2, rel=0.02)
    assert best["fraction"] == pytest.approx(0.3, abs=0.02)
    assert best["edge"] > 0.97
    assert all(each.low <= p[each.path] <= each.high for p in asked for each in free)
    assert len(asked) <= 75


def test_local_widths_are_those_of_a_linear_normal_problem():
    """z = 10 (u - 0.5) of the first, z = v + w of the other two, 30 times: by hand from the precision matrix."""
    free = [Free("a", 0.0, 1.0), Free("b", 0.0, 1.0), Free("c", 0.0, 1.0)]

    def z_of(points):
        return [np.array([10 * (p["a"] - 0.5), 30 * (p["b"] + p["c"])]) for p in points]

    widths = local_widths(free, {"a": 0.5, "b": 0.5, "c": 0.97}, z_of)  # the last one has room only below
    prior = 1 / UNIFORM_SD**2
    assert widths["a"] == pytest.approx(np.sqrt(1 / (100 + prior)) / UNIFORM_SD)
    alone = np.linalg.inv([[900 + prior, 900], [900, 900 + prior]])[0, 0]
    assert widths["b"] == pytest.approx(np.sqrt(alone) / UNIFORM_SD)
    assert widths["b"] == pytest.approx(widths["c"]) and 0.6 < widths["b"] < 0.8  # only their sum is known
