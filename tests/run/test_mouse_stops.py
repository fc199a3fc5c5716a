"""`adcc run` on a real tumour: stopped, killed and started again, it ends with the bytes of an undisturbed run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gate import FIRST_DAY, Gate

REPOSITORY = Path(__file__).parents[2]
STUDY = """
schema = 1
kind = "xenograft"
seed = 3
[tumour]
start_volume_mm3 = 130
fraction_simulated = 0.01
[[tumour.clone]]
cell_line = "NCI-N87"
[study]
days = 3
[output]
level = "events"
save_days = [1]
[[arm]]
name = "vehicle"
mice = 1
[[arm]]
name = "trastuzumab"
mice = 1
[[arm.dose]]
drug = "trastuzumab"
mg_per_kg = 10
route = "iv"
days = [0]
"""


def start(scenario: Path, out: Path, *more: str, gate: Gate | None = None) -> subprocess.Popen:
    command = [sys.executable, "-m", "adccsim.cli", "run", str(scenario), "--out", str(out), *more]
    environment = os.environ | (gate.environment if gate else {})
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def bytes_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "runs").rglob("*.h5")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mice")
    scenario = folder / "mice.toml"
    scenario.write_text(STUDY, encoding="utf-8")
    process = start(scenario, folder / "whole", "--workers", "1")
    text = process.communicate()[0].decode()
    assert process.returncode == 0, text
    assert "tgi_tc" in text
    return scenario, bytes_of(folder / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_saves_and_the_next_run_goes_on(undisturbed, tmp_path, workers):
    scenario, whole = undisturbed
    gate = Gate(tmp_path / "gate", FIRST_DAY)
    process = start(scenario, tmp_path, "--workers", workers, gate=gate)
    gate.wait_for(int(workers))
    process.send_signal(signal.SIGTERM)
    text = process.communicate()[0].decode()
    assert process.returncode == 143, text
    saved = [path for path in (tmp_path / "checkpoints").glob("*.ckpt") if ".day" not in path.name]
    assert len(saved) == int(workers) and not list((tmp_path / "checkpoints").glob("*.part"))
    process = start(scenario, tmp_path, "--workers", workers)
    text = process.communicate()[0].decode()
    assert process.returncode == 0, text
    assert bytes_of(tmp_path) == whole
    assert not [path for path in (tmp_path / "checkpoints").glob("*.ckpt") if ".day" not in path.name]


@pytest.mark.slow
def test_kill_9_leaves_nothing_half_written(undisturbed, tmp_path):
    scenario, whole = undisturbed
    gate = Gate(tmp_path / "gate", FIRST_DAY)
    process = start(scenario, tmp_path, "--workers", "1", gate=gate)
    gate.wait_for(1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not bytes_of(tmp_path)
    process = start(scenario, tmp_path, "--workers", "1")
    text = process.communicate()[0].decode()
    assert process.returncode == 0, text
    assert bytes_of(tmp_path) == whole
