"""`adcc calibrate`: from a scenario to an overlay, resumable, and its refusals."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.experiments import calibrate
from adccsim.experiments.measured import evaluate, load_experiment

SCENARIO = """
schema = 1
kind = "well"
seed = 3
[targets]
cell_line = "SK-BR-3"
cells = 1000
[effectors]
type = "NK-resting"
et_ratio = 2.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
pre_incubation_min = 5
[assay]
duration_h = 1.0
readout = "calcein"
[compare]
data = "observed.csv"
[calibrate]
donors = 3
cells = 200
evaluations = 8
population = 0
[calibrate.free]
"effectors.default.antibody_hit_per_h" = []
"cell_lines.default.death_time_h" = []
[sweep]
"antibody.dose_ug_per_ml" = [1e-3, 1]
"""
OBSERVED = "dose_ug_per_ml,et_ratio,value,sd,n\n1e-3,2,10,3,8\n1,2,30,5,8\n"


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCENARIO)
    Path("observed.csv").write_text(OBSERVED)

    def call(*arguments):
        result = CliRunner().invoke(app, ["calibrate", "s.toml", "--workers", "1", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


def test_a_fit_comes_nearer_and_its_overlay_can_be_used(adcc):
    result = adcc("--out", "o")
    assert result.exit_code == 0, result.stderr
    parameters = pd.read_csv("o/tables/parameters.csv").set_index("parameter")
    hit = parameters.loc["effectors.default.antibody_hit_per_h"]
    assert hit["best"] > hit["start"]  # 30 % in an hour is more than the catalogue gives
    experiment = load_experiment(Path("s.toml"), 3, 200, 3)
    before, after = (evaluate([experiment], parameters[name].to_dict()) for name in ("start", "best"))
    assert (after["z"] ** 2).sum() < (before["z"] ** 2).sum()
    assert pd.read_csv("o/tables/residuals.csv")["z"].to_numpy() == pytest.approx(after["z"].to_numpy(), rel=0.05)
    facts = json.loads(Path("o/calibration.json").read_text())
    assert (facts["seed"], facts["donors"], facts["cells"]) == (3, 3, 200)
    checked = CliRunner().invoke(app, ["check", "s.toml", "--set", 'catalogue=["o/best.toml"]'])
    assert checked.exit_code == 0, checked.stderr


def test_points_are_kept_and_not_measured_twice(adcc, monkeypatch):
    first = adcc("--out", "o")
    points = Path("o/calibration_points.jsonl").read_text()

    def never(plan, values):
        raise AssertionError("measured anew")

    monkeypatch.setattr(calibrate, "measure_point", never)
    again = adcc("--out", "o")
    assert again.exit_code == 0, again.stderr
    assert again.stdout == first.stdout
    assert Path("o/calibration_points.jsonl").read_text() == points


def test_small_wells_keep_density_and_volume_per_target(adcc):
    experiment = load_experiment(Path("s.toml"), 3, 250, 3)
    from adccsim.scenario.well.expand import expand

    well = expand(experiment.scenario)[0]
    assert well.targets.cells == 250
    assert well.well.area_mm2 == pytest.approx(32.0 / 4)
    assert well.well.volume_ul == pytest.approx(200 / 4)


def test_experiments_share_their_wells(adcc, monkeypatch):
    from adccsim.execution import well

    experiment = load_experiment(Path("s.toml"), 2, 100, 3)
    ran = []
    real = well.measure
    monkeypatch.setattr(well, "measure", lambda condition: ran.append(1) or real(condition))
    table = evaluate([experiment, experiment], {})
    single = len(ran)
    evaluate([experiment], {})
    assert len(ran) == 2 * single
    assert len(table) == 2 * len(evaluate([experiment], {}))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("--set calibrate.free.\"effectors.NK-IL2.motility\"=[1,2]", "has no effect"),
        ("--set sweep.antibody.dose_ug_per_ml=[0.5,1]", "is not simulated"),
        ("--set calibrate.donors=1", "at least 2"),
        ("--set calibrate.experiments=[\"s2.toml\"]", "no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused_before_anything_runs(adcc, extra, message):
    option, _, value = extra.partition(" ")
    result = adcc("--out", "o", option, value)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("o/calibration_points.jsonl").exists()


def test_without_the_table_there_is_nothing_to_fit(adcc):
    Path("s.toml").write_text(SCENARIO.partition("[calibrate]")[0])
    result = adcc()
    assert result.exit_code == 2
    assert "no table [calibrate]" in result.stderr


def test_the_extra_is_asked_for_where_it_is_needed(adcc, monkeypatch):
    monkeypatch.setattr(calibrate, "find_spec", lambda name: None)
    result = adcc("--out", "o", "--set", "calibrate.population=10")
    assert result.exit_code == 2
    assert "adccsim[calibrate]" in result.stderr
