"""Simulated experiments next to measured ones, as a function."""

from functools import partial
from pathlib import Path

import pytest

from adccsim.experiments import compare as module
from adccsim.experiments.compare import compare
from adccsim.experiments.errors import ArgumentError, InputError
from adccsim.scenario.load import load_scenario, scenario_from_text
from tests.experiments import COMPARED, WELLS


@pytest.fixture
def scenario(monkeypatch):
    monkeypatch.setattr(module, "analyse_wells", partial(module.analyse_wells, with_figures=False))
    Path("s.toml").write_text(COMPARED)
    return Path("s.toml")


def test_a_comparison_in_memory_writes_nothing(scenario, names):
    found = compare([scenario], workers=1)
    (each,) = found.studies
    assert found.page is None and found.sound and each.name == "s"
    assert each.comparison.points["observed"].tolist() == [10, 30]
    assert found.overview["points"].tolist() == ["2"]
    assert names() == ["measured.csv", "s.toml"]


def test_a_comparison_is_written_where_it_is_asked_for(scenario):
    found = compare([scenario], Path("out"), workers=1)
    assert found.page == Path("out/compare.html") and found.page.is_file()
    assert sorted(path.name for path in Path("out").iterdir()) == ["compare.html", "s"]
    assert Path("out/s/tables/compare_points.csv").is_file() and list(Path("out/s/runs").rglob("*.h5"))
    assert found.write(Path("elsewhere")).is_file()


def test_loaded_scenarios_are_compared_and_sets_are_laid_over_files(scenario):
    loaded = compare([load_scenario(scenario)], workers=1)
    paired = compare([scenario], sets=["seed=1"], workers=1)
    points = [each.studies[0].comparison.points["simulated"].tolist() for each in (loaded, paired)]
    assert points[0] == points[1]


@pytest.mark.parametrize(
    ("text", "measured", "message"),
    [
        (WELLS, "", "no table \\[compare\\]"),
        (COMPARED, "dose_ug_per_ml,et_ratio,value,sd,n\n5,2,10,3,8\n", "measured.csv: row 2, .*is not simulated"),
        (COMPARED, "dose_ug_per_ml,et_ratio,value,sd,n\n1,2,low,3,8\n", "measured.csv: row 2, column value"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(text, measured, message, names):
    if measured:
        Path("measured.csv").write_text(measured)
    with pytest.raises(InputError, match=message):
        compare([scenario_from_text(text)], Path("out"))
    assert names() == ["measured.csv"]


def test_two_studies_of_one_name_are_refused(scenario):
    with pytest.raises(ArgumentError, match="two files would write to out/s"):
        compare([scenario, scenario], Path("out"))


def test_a_study_in_mice_has_nothing_to_compare():
    with pytest.raises(InputError, match="no table \\[compare\\]"):
        compare(["nci_n87_trastuzumab"])
