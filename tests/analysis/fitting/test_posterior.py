"""Posterior widths, quantiles, the overlay, and the files of a calibration."""

import json
import logging
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.calibration import Free
from adccsim.analysis.fitting.posterior import (
    overlay_text,
    predictive,
    read_posterior,
    sample,
    weighted_quantile,
    widths,
    write_calibration,
)
from adccsim.parameters import lookup

FREE = [Free("effectors.default.motility", 0.5, 2.0), Free("cell_lines.721.221.natural_sensitivity", 1.0, 30.0)]
FACTS = {"experiments": ["W3", "S1"], "date": "2001-02-03", "model": "well-9", "seed": 5}


def test_a_weighted_quantile_of_equal_weights_is_the_ordinary_one():
    values = np.random.default_rng(1).normal(size=2001)
    for q in (0.05, 0.5, 0.95):
        assert weighted_quantile(values, np.full(2001, 1 / 2001), q) == pytest.approx(np.quantile(values, q), abs=0.01)


def test_the_width_of_the_prior_is_one_and_of_a_point_zero():
    rng = np.random.default_rng(2)
    flat = [FREE[0].value(u) for u in rng.random(4000)]
    posterior = pd.DataFrame({FREE[0].path: flat, FREE[1].path: 7.0, "weight": 1 / 4000})
    table = widths(FREE, posterior).set_index("parameter")
    assert table["posterior_over_prior_sd"][FREE[0].path] == pytest.approx(1, abs=4 / np.sqrt(4000))
    assert table["posterior_over_prior_sd"][FREE[1].path] == pytest.approx(0, abs=1e-9)
    assert table["median"][FREE[1].path] == 7


def test_the_overlay_is_read_by_the_catalogue(tmp_path):
    best = {FREE[0].path: 1.23456, FREE[1].path: 41.0}  # the second is outside the range of the catalogue
    text = overlay_text(best, {FREE[0].path: "1", FREE[1].path: "1"}, {p.path: (p.low, p.high) for p in FREE}, FACTS)
    path = tmp_path / "best.toml"
    path.write_text(text)
    catalogue = lookup.load([path])
    number = catalogue.defaults["effectors"].numbers["motility"]
    assert (number.value, number.provenance) == (1.235, "calibrated")
    assert "W3, S1" in number.source and "2001-02-03" in number.source and "well-9" in number.source
    assert catalogue.cell_lines["721.221"].numbers["natural_sensitivity"].value == 41.0
    assert catalogue.effectors["PBMC"].numbers["motility"].value == 1.235


def test_a_calibration_is_written_and_its_posterior_read_back(tmp_path):
    rng = np.random.default_rng(3)
    posterior = pd.DataFrame({each.path: [each.value(u) for u in rng.random(30)] for each in FREE})
    posterior = posterior.assign(weight=1 / 30, distance=1.0)
    best = {each.path: each.value(0.5) for each in FREE}
    table = pd.DataFrame({"experiment": ["W3"], "label": ["a"], "z": [0.1]})
    near = {each.path: 0.5 for each in FREE}
    write_calibration(tmp_path, FREE, best, best, near, table, posterior, "# overlay\n", FACTS)
    assert json.loads((tmp_path / "calibration.json").read_text())["seed"] == 5
    again = read_posterior(tmp_path / "tables" / "posterior.csv")
    assert again[FREE[0].path].to_numpy() == pytest.approx(posterior[FREE[0].path].to_numpy(), rel=1e-4)
    assert (tmp_path / "figures" / "pairs.png").stat().st_size > 2000
    parameters = pd.read_csv(tmp_path / "tables" / "parameters.csv")
    assert parameters["local_posterior_over_prior_sd"].tolist() == [0.5, 0.5]


def test_a_table_without_weights_is_not_a_posterior(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(SheetError, match="weight"):
        read_posterior(tmp_path / "x.csv")


def test_abc_recovers_informed_parameters_and_resumes(tmp_path):
    """z = 20 (u - 0.7) in the first coordinate, no information on the second: only the first is determined."""
    pytest.importorskip("pyabc")
    logging.getLogger("ABC").setLevel(logging.ERROR)
    calls = []

    def z_of(values):
        calls.append(values)
        return {"a": 20 * (FREE[0].unit(values[FREE[0].path]) - 0.7)}

    messages = []
    arguments = (FREE, z_of, 60)
    sample(*arguments, 2, 7, tmp_path / "p.db", 1, messages.append)
    first = len(calls)
    posterior = sample(*arguments, 5, 7, tmp_path / "p.db", 1, messages.append)
    assert messages == ["posterior: generation 1 to 2 of 60 particles", "posterior: generation 3 to 5 of 60 particles"]
    assert len(calls) > first
    ratio = widths(FREE, posterior).set_index("parameter")["posterior_over_prior_sd"]
    assert ratio[FREE[0].path] < 0.3
    assert ratio[FREE[1].path] > 0.7
    assert FREE[0].unit(widths(FREE, posterior)["median"][0]) == pytest.approx(0.7, abs=0.1)
    assert posterior["weight"].sum() == pytest.approx(1)
    assert sample(*arguments, 5, 7, tmp_path / "p.db", 1, messages.append).equals(posterior)  # nothing left to do
    assert len(messages) == 2


def test_the_posterior_predictive_is_listed_with_the_observed():
    table = pd.DataFrame({"experiment": "W3", "label": ["a", "b"], "of": "mean", "observed": [10.0, 0.5],
                          "sigma": [2.0, 0.1], "z": 0.0})  # fmt: skip
    spread = predictive(table, np.column_stack([np.linspace(-1, 1, 21), np.full(21, 2.0)]))
    assert spread["mean"].tolist() == pytest.approx([10.0, 0.7])
    assert spread.loc[0, ["low90", "high90"]].tolist() == pytest.approx([8.2, 11.8])
    assert spread.loc[1, ["low90", "high90"]].tolist() == pytest.approx([0.7, 0.7])
    assert spread["draws"].tolist() == [21, 21]


def test_the_shipped_posterior_can_be_read_and_lies_within_its_prior():
    folder = Path(__file__).parents[3] / "benchmarks" / "in_vitro_lysis" / "calibration" / "posterior"
    posterior = read_posterior(folder / "posterior.csv")
    parameters = pd.read_csv(folder / "parameters.csv").set_index("parameter")
    free = tomllib.loads((folder.parents[1] / "calibrate.toml").read_text())["calibrate"]["free"]
    assert set(free) == set(parameters.index)
    assert len(posterior) == 1000
    for name, row in parameters.iterrows():
        assert posterior[name].between(row["low"] * (1 - 1e-5), row["high"] * (1 + 1e-5)).all()
        assert posterior[name].median() == pytest.approx(row["median"], rel=0.01)
