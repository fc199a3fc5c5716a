"""Morris and Sobol on functions with known indices, and the steps of a study."""

import numpy as np
import pytest

from adccsim.analysis.fitting.calibration import Free
from adccsim.analysis.fitting.sensitivity import MORRIS, SOBOL, design, indices, label_of, strongest, study, values_at
from adccsim.analysis.fitting.sensitivity_report import write_sensitivity

LINEAR = [Free(f"targets.x{i}", 0.0, 1.0) for i in range(4)]


def outcomes(factors, units, function):
    points = [values_at(factors, unit) for unit in units]
    return np.array([function(*(point[factor.path] for factor in factors)) for point in points])


def table_of(factors, method, size, function, seed=3):
    units = design(factors, method, size, seed)
    return indices(factors, method, units, {"y": outcomes(factors, units, function)}).set_index("key")


def test_a_linear_output_has_its_slopes_and_no_sigma():
    table = table_of(LINEAR, MORRIS, 10, lambda a, b, c, d: 5 * a - 3 * b + 0 * c + d)
    assert table.loc[["targets.x0", "targets.x1", "targets.x2", "targets.x3"], "mu"].to_numpy() == pytest.approx(
        [5, -3, 0, 1], abs=1e-9
    )
    assert table["mu_star"].to_numpy() == pytest.approx([5, 3, 1, 0], abs=1e-9)  # strongest first
    assert table["sigma"].to_numpy() == pytest.approx(0, abs=1e-9)


def test_an_interaction_raises_sigma():
    table = table_of(LINEAR, MORRIS, 40, lambda a, b, c, d: a * b + c)
    assert table.loc["targets.x0", "sigma"] > 0.2
    assert table.loc["targets.x2", "sigma"] == pytest.approx(0, abs=1e-9)
    assert table.loc["targets.x3", "mu_star"] == 0


def test_a_wide_range_is_varied_on_a_log_scale():
    factors = [Free("antibody.kd_nM", 0.1, 1000.0), Free("targets.her2_cv", 0.0, 1.0)]
    table = table_of(factors, MORRIS, 10, lambda kd, cv: np.log10(kd) + cv)
    assert table.loc["antibody.kd_nM", "mu"] == pytest.approx(4)
    assert table.loc["antibody.kd_nM", "scale"] == "logarithmic"
    assert table.loc["targets.her2_cv", "scale"] == "linear"


def close_to(table, name, truth):
    """Every estimate is within four standard errors (95 % half width / 1.96) and 0.06 of the truth."""
    half = (table[f"{name}_ci95_high"] - table[f"{name}_ci95_low"]).to_numpy() / 2
    error = np.abs(table[name].to_numpy() - np.array(truth))
    assert (error <= 4 * half / 1.96 + 1e-3).all()
    assert (error < 0.06).all()


def test_sobol_finds_the_indices_of_the_g_function():
    weights = np.array([0.0, 1.0, 4.5, 99.0])

    def g(*x):
        return float(np.prod((np.abs(4 * np.array(x) - 2) + weights) / (1 + weights)))

    parts = 1 / (3 * (1 + weights) ** 2)
    variance = np.prod(1 + parts) - 1
    table = table_of(LINEAR, SOBOL, 2048, g).loc[[f.path for f in LINEAR]]
    close_to(table, "first_order", parts / variance)
    close_to(table, "total", parts * np.prod(1 + parts) / (1 + parts) / variance)


def test_sobol_finds_the_indices_of_ishigami():
    factors = [Free(f"targets.x{i}", -np.pi, np.pi) for i in range(3)]
    table = table_of(factors, SOBOL, 2048, lambda a, b, c: np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)).loc[
        [f.path for f in factors]
    ]
    variance = 7**2 / 8 + 0.1 * np.pi**4 / 5 + 0.1**2 * np.pi**8 / 18 + 0.5
    alone = [0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2 / variance, 7**2 / 8 / variance, 0.0]
    both = 0.1**2 * np.pi**8 * (1 / 18 - 1 / 50) / variance
    close_to(table, "first_order", alone)
    close_to(table, "total", [alone[0] + both, alone[1], both])


def test_a_constant_output_is_noted():
    for method, measure in ((MORRIS, "mu_star"), (SOBOL, "total")):
        table = table_of(LINEAR, method, 8, lambda *x: 7.0)
        assert (table["note"] == "the output never changes").all()
        assert (np.nan_to_num(table[measure]) == 0).all()


def test_the_same_seed_gives_the_same_design():
    for method in (MORRIS, SOBOL):
        assert np.array_equal(design(LINEAR, method, 8, 5), design(LINEAR, method, 8, 5))
        assert not np.array_equal(design(LINEAR, method, 8, 5), design(LINEAR, method, 8, 6))
        assert design(LINEAR, method, 8, 5).shape == (8 * (5 if method == MORRIS else 6), 4)


def simulator(asked):
    def simulate(method, points):
        asked[method] = points
        outputs = [
            {"big": 9 * p.get("targets.x0", 0.5) + 3 * p.get("targets.x1", 0.5), "small": p["targets.x2"]}
            for p in points
        ]
        return outputs

    return simulate


def test_the_strongest_parameters_of_any_output_are_passed_to_sobol(tmp_path):
    asked = {}
    settings = {"method": "morris+sobol", "trajectories": 6, "samples": 16, "strongest": 2}
    tables = study(LINEAR, settings, 1, simulator(asked))
    assert strongest(tables[MORRIS], 2) == ["targets.x0", "targets.x2"]  # only x2 affects the small output
    assert set(asked[SOBOL][0]) == {"targets.x0", "targets.x2"}
    assert len(asked[MORRIS]) == 6 * 5
    assert len(asked[SOBOL]) == 16 * 4
    page = write_sensitivity(tables, tmp_path, "a study", ["what was run"])
    assert page.read_text().count("data:image/png") == 2
    assert (tmp_path / "tables/sensitivity_sobol.csv").read_text().count("\n") == 5
    only = study(LINEAR, settings | {"method": "morris"}, 1, simulator({}))
    write_sensitivity(only, tmp_path, "a study", [])
    assert not (tmp_path / "tables/sensitivity_sobol.csv").exists()  # files of an earlier study are removed
    assert list(only) == [MORRIS]


def test_outputs_are_named_by_the_swept_values():
    swept = {"antibody.dose_ug_per_ml": 1e-4, "effectors.et_ratio": 10.0, "effectors.genotype": "VV"}
    assert label_of("adcc_pct", swept) == "ADCC, 0.0001 ug/mL, 10:1, genotype VV"
