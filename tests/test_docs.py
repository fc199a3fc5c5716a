"""The Python in the documentation runs: each block of README.md and docs/python.md, with small wells and tumours."""

import os
import re
import shutil
from pathlib import Path

import matplotlib
import pytest

import adccsim as ac
from tests.experiments import MEASURED, with_tables

REPOSITORY = Path(__file__).parents[1]
SMALL_WELL = {
    "targets.cells": 120,
    "assay.duration_h": 1,
    "replicates": 1,
    "effectors.donors": 1,
}
SMALL_TUMOUR = {"tumour.fraction_simulated": 1e-3}
EXPERIMENT = with_tables("""
[compare]
data = "measured.csv"
citation = "a bench"
[calibrate]
donors = 2
cells = 50
evaluations = 2
population = 0
[calibrate.free]
"effectors.default.antibody_hit_per_h" = []""")
SMALL_SENSITIVITY = {
    "sensitivity.keys": ["antibody.kd_nM", "antibody.kon_per_nM_h"],
    "sensitivity.samples": 8, "sensitivity.strongest": 2, "sensitivity.trajectories": 4,
    "targets.cells": 60, "assay.duration_h": 1, "output.every_min": 60,
}  # fmt: skip


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def small(scenario: object) -> dict[str, object]:
    return SMALL_TUMOUR if ac.load_scenario(scenario).kind == "xenograft" else SMALL_WELL


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the files that the documents speak of; ac.run and ac.sensitivity simulate little."""
    run, sensitivity = ac.run, ac.sensitivity

    def run_small(scenario, out=None, *, set=None, **others):
        return run(scenario, out, set=small(scenario) | dict(set or {}) | small(scenario), workers=1, **others)

    monkeypatch.setattr(ac, "run", run_small)
    monkeypatch.setattr(ac, "sensitivity", lambda scenario: sensitivity(scenario, set=SMALL_SENSITIVITY, workers=1))
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    Path("measured.csv").write_text(MEASURED)
    Path("experiment.toml").write_text(EXPERIMENT)
    cases = REPOSITORY / "tests" / "cases" / "lab_files"
    shutil.copy(cases / "reference_plate.csv", "plate.csv")
    shutil.copy(cases / "reference_map.csv", "map.csv")
    shutil.copy(REPOSITORY / "scenarios" / "data" / "example_caliper.csv", "calipers.csv")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_the_python_of_the_documents_runs(name, folder):
    path = REPOSITORY / name
    overlays = [text for text in blocks(path, "toml") if text.startswith("[antibodies.")]
    for text, file in zip(overlays, ("mine.toml", "variant.toml"), strict=False):
        Path(file).write_text(text)
    names: dict[str, object] = {}
    python = blocks(path, "python")
    assert python
    for text in python:
        exec(compile(text, f"{name}: {text.splitlines()[0]}", "exec"), names)
    assert os.getcwd() == str(folder)
