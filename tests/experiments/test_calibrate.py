"""A fit as a function: in memory or in a folder, and its refusals."""

import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

from adccsim.execution.points import Measured
from adccsim.experiments import calibrate as module
from adccsim.experiments.calibrate import calibrate
from adccsim.experiments.errors import InputError, Interrupted, RunsFailed
from adccsim.scenario.load import scenario_from_dict
from tests.experiments import COMPARED, WELLS

FITTED = COMPARED.replace("[sweep]", """
[calibrate]
donors = 2
cells = 50
evaluations = 3
population = 0
[calibrate.free]
"effectors.default.antibody_hit_per_h" = []
[sweep]""")  # fmt: skip
HIT = "effectors.default.antibody_hit_per_h"


@pytest.fixture
def scenario():
    Path("s.toml").write_text(FITTED)
    return Path("s.toml")


def test_a_fit_in_memory_writes_nothing(scenario, names):
    lines, steps = [], []
    found = calibrate(scenario, workers=1, report=lines.append, progress=steps.append)
    assert found.overlay is None and found.posterior is None
    assert found.free[0].low <= found.best[HIT] <= found.free[0].high and 0 < found.widths[HIT] <= 1
    assert found.residuals["observed"].tolist() == [10, 3, 30, 5]
    assert found.facts["points_of_the_search"] > 0 and "points asked for" in lines[-1] and steps
    assert tomllib.loads(found.overlay_text)["effectors"]["default"]["antibody_hit_per_h"]["provenance"] == "calibrated"
    assert names() == ["measured.csv", "s.toml"]


def test_a_fit_in_a_folder_keeps_its_points_and_is_written(scenario, monkeypatch):
    first = calibrate(scenario, Path("out"), workers=1)
    assert first.overlay == Path("out/best.toml") and Path("out/tables/residuals.csv").is_file()
    monkeypatch.setattr(module, "measure_point", lambda plan, values: pytest.fail("measured again"))
    again = calibrate(scenario, Path("out"), workers=1)
    assert again.best == first.best and again.write(Path("elsewhere")).is_file()


def test_measured_numbers_that_have_changed_are_read_again(scenario):
    calibrate(scenario, sets=["calibrate.evaluations=0"], workers=1)
    Path("measured.csv").write_text("dose_ug_per_ml,et_ratio,value,sd,n\n1,2,50,5,8\n")
    found = calibrate(scenario, sets=["calibrate.evaluations=0"], workers=1)
    assert found.residuals["observed"].tolist() == [50, 5] and found.widths == {}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (['calibrate.free."effectors.NK-92-CD16a-V158.motility"=[1,2]'], "has no effect"),
        (["sweep.antibody.dose_ug_per_ml=[0.5,1]"], "is not simulated"),
        (['calibrate.experiments=["bare.toml"]'], "bare.toml: no table \\[compare\\]"),
    ],
)
def test_what_cannot_be_fitted_is_refused(scenario, names, sets, message):
    Path("bare.toml").write_text(WELLS)
    with pytest.raises(InputError, match=message):
        calibrate(scenario, Path("out"), sets=sets)
    assert names() == ["bare.toml", "measured.csv", "s.toml"]


@pytest.mark.parametrize("name", ["adcc_protocol", "nci_n87_trastuzumab"])
def test_without_the_table_there_is_nothing_to_fit(name):
    with pytest.raises(InputError, match="no table \\[calibrate\\]"):
        calibrate(name)


def test_a_scenario_without_text_cannot_be_sent_to_processes():
    with pytest.raises(ValueError, match="from a file or a text"):
        calibrate(scenario_from_dict(tomllib.loads(FITTED), folder=Path()))


def test_failed_points_and_signals_are_exceptions(scenario, monkeypatch):
    failed = Measured({}, 0, {"a": "ValueError: b", "c": "ValueError: b"}, None)
    monkeypatch.setattr(module, "measure_points", lambda *given: failed)
    with pytest.raises(RunsFailed) as caught:
        calibrate(scenario)
    assert caught.value.lines == ("ValueError: b",)
    monkeypatch.setattr(module, "measure_points", lambda *given: Measured({}, 0, {}, signal.SIGINT))
    with pytest.raises(Interrupted, match="points that were measured are kept") as caught:
        calibrate(scenario)
    assert caught.value.signal == signal.SIGINT


def test_points_of_a_round_are_drawn_once(folder):
    draws = [np.array([[0.5]]), np.array([[0.7]])]
    for _ in range(2):
        assert module._recalled(folder / "rounds.json", "fit", "round 1", lambda: draws.pop(0)).tolist() == [[0.5]]
    assert module._recalled(folder / "rounds.json", "other", "round 1", lambda: draws.pop(0)).tolist() == [[0.7]]
