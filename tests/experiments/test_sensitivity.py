"""A sensitivity study as a function: in memory or in a folder, and its refusals."""

import signal
from pathlib import Path

import pytest

from adccsim.execution.points import Measured
from adccsim.experiments import sensitivity as module
from adccsim.experiments.errors import InputError, Interrupted, RunsFailed
from adccsim.experiments.sensitivity import sensitivity
from adccsim.scenario.load import load_scenario
from tests.experiments import with_tables

VARIED = with_tables(
    '[sensitivity]\nkeys = ["effectors.antibody_hit_per_h", "effectors.motility"]\nmethod = "morris"\ntrajectories = 4'
)


@pytest.fixture
def scenario():
    Path("s.toml").write_text(VARIED)
    return Path("s.toml")


def test_a_study_in_memory_writes_nothing(scenario, names):
    lines = []
    found = sensitivity(load_scenario(scenario), workers=1, report=lines.append)
    table = found.tables["morris"]
    assert len(table) == 4 and set(table["key"]) == {"effectors.antibody_hit_per_h", "effectors.motility"}
    assert (found.title, found.page) == ("a few cells", None) and "4 Morris paths" in found.facts[0]
    assert len(lines) == 1 and lines[0].startswith("morris: ") and lines[0].endswith(" points")
    assert names() == ["measured.csv", "s.toml"]


def test_a_study_in_a_folder_keeps_its_points_and_is_written(scenario, monkeypatch):
    first = sensitivity(scenario, Path("out"), workers=1)
    assert first.page == Path("out/sensitivity.html") and Path("out/tables/sensitivity_morris.csv").is_file()
    monkeypatch.setattr(module, "measure_point", lambda source, values: pytest.fail("measured again"))
    lines = []
    again = sensitivity(scenario, Path("out"), workers=1, report=lines.append)
    assert again.tables["morris"].equals(first.tables["morris"]) and "measured before, skipped" in lines[-1]
    assert again.write(Path("elsewhere")).is_file()


@pytest.mark.parametrize("name", ["adcc_protocol", "nci_n87_trastuzumab"])
def test_without_the_table_there_is_nothing_to_vary(name):
    with pytest.raises(InputError, match="no table \\[sensitivity\\]"):
        sensitivity(name)


def test_without_the_library_it_says_what_to_install(scenario, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'adccsim"):
        sensitivity(scenario)


def test_failed_points_and_signals_are_exceptions(scenario, monkeypatch):
    def answers(number):
        return lambda points, *rest: Measured({}, 0, dict.fromkeys(list(points)[:6], "ValueError: no"), number)

    monkeypatch.setattr(module, "measure_points", answers(None))
    with pytest.raises(RunsFailed) as caught:
        sensitivity(scenario)
    assert len(caught.value.lines) == 6 and caught.value.lines[-1].startswith("6 points could not be simulated")
    monkeypatch.setattr(module, "measure_points", answers(signal.SIGINT))
    lines = []
    with pytest.raises(Interrupted, match="0 measured points kept"):
        sensitivity(scenario, report=lines.append)
    assert len([line for line in lines if line.startswith("error: ")]) == 5
