"""Same scenario, same bytes: processes, order, shards, kills and restarts leave no trace in a run file."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from adccsim.execution import local
from adccsim.execution.one import run_to_file
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.well.expand import expand

REPOSITORY = Path(__file__).parents[2]

SCENARIO = """
schema = 1
kind = "well"
seed = 11
replicates = 2
[targets]
cell_line = "SK-BR-3"
cells = 200
[effectors]
type = "NK-92-CD16a-V158"
et_ratio = 2.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 1
readout = "LDH"
reader_cv = 0.02
[output]
level = "events"
[sweep]
"antibody.dose_ug_per_ml" = [0, 0.01, 1]
"effectors.et_ratio" = [1, 3]
"""

KILLED = """
import os
from pathlib import Path
from tests.run import test_same_bytes as this
if __name__ == "__main__":
    def after(step):
        if step.finished:
            os.kill(os.getpid(), 9)
    this.local.execute(this.conditions(), Path("out"), workers={workers}, progress=after)
"""


def conditions() -> dict[str, dict]:
    return {condition.run_id: condition for condition in expand(scenario_from_text(SCENARIO))}


def files(out_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out_dir / "runs").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> dict[str, bytes]:
    """What one process writes, in its own order."""
    out = tmp_path_factory.mktemp("reference")
    outcome = local.execute(conditions(), out, workers=1)
    assert outcome.failed == ()
    assert len(outcome.done) == 18  # 12 wells, of which 4 are no_antibody controls; 2 target-only, 4 effector-only
    return files(out)


def test_two_processes(reference, tmp_path):
    local.execute(conditions(), tmp_path, workers=2)
    assert files(tmp_path) == reference


def test_shuffled_order(reference, tmp_path):
    runs = list(conditions().values())
    random.Random(5).shuffle(runs)
    (tmp_path / "runs").mkdir()
    for resolved in runs:
        run_to_file(resolved, tmp_path / "runs")
    assert files(tmp_path) == reference


def test_checked_runs(reference, tmp_path):
    local.execute(conditions(), tmp_path, workers=1, check=True)
    assert files(tmp_path) == reference


def test_shards_into_one_folder(reference, tmp_path):
    for index in (2, 0, 1):
        local.execute(local.shard(conditions(), index, 3), tmp_path, workers=1)
    assert files(tmp_path) == reference


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_on_the_way_and_resumed(reference, tmp_path, workers):
    program = f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n" + KILLED.format(workers=workers)
    (tmp_path / "killed.py").write_text(program)
    answer = subprocess.run([sys.executable, "killed.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == -9, answer.stderr
    out = tmp_path / "out"
    kept = {name: content for name, content in files(out).items() if name.endswith(".h5")}
    assert 1 <= len(kept) < len(reference)
    outcome = local.execute(conditions(), out, workers=2)
    assert len(outcome.skipped) >= len(kept)
    assert {name: content for name, content in files(out).items() if name.endswith(".h5")} == reference
