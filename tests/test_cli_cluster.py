"""The command line of clusters: what it prints, what it refuses, and who may work in a folder."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.execution.folder import claimed
from tests.cluster.sweeps import mice, text


@pytest.fixture
def adcc(tmp_path, monkeypatch):
    """Call the command in an empty directory with sweep.toml, a sweep of seven small wells."""
    monkeypatch.chdir(tmp_path)
    Path("sweep.toml").write_text(text(replicates=1))

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


REFUSED = {
    "engine": (["--engine", "ray"], ["--engine", "must be local or dask"]),
    "cluster without dask": (["--cluster", "slurm"], ["--cluster", "needs --engine dask"]),
    "site without dask": (["--site", "site.toml"], ["--site", "needs --engine dask"]),
    "unknown cluster": (
        ["--engine", "dask", "--cluster", "moon"],
        ["--cluster", "slurm", "tcp://host:port or tls://host:port"],
    ),
    "site without batch system": (["--engine", "dask", "--site", "site.toml"], ["--site", "needs a batch system"]),
    "shard with dask": (["--engine", "dask", "--shard", "0/2"], ["--shard", "needs --engine local"]),
    "no site file": (["--engine", "dask", "--cluster", "slurm", "--site", "no.toml"], ["no.toml", "no such file"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_together_is_refused(adcc, name):
    options, words = REFUSED[name]
    result = adcc("run", "sweep.toml", *options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ") and all(word in line for word in words), line
    assert [path.name for path in Path().iterdir()] == ["sweep.toml"]


def test_status_of_a_study(adcc):
    assert adcc("status", "results/sweep").exit_code == 2
    assert adcc("run", "sweep.toml", "--workers", "1", "--shard", "0/2").exit_code == 0
    result = adcc("status", "results/sweep")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:4] == ["done     4 of 7", "running  0", "failed   0", "to do    3"]


def test_a_folder_that_is_in_use_is_refused(adcc):
    with claimed(Path("results/sweep").absolute(), shared=False):
        result = adcc("run", "sweep.toml", "--workers", "1")
    assert result.exit_code == 2
    assert "is at work in" in result.stderr
    assert not list(Path("results/sweep/runs").iterdir())


def test_a_job_script_is_printed(adcc):
    result = adcc("cluster", "script", "sweep.toml", "--out", "there")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "#!/bin/bash" and "#SBATCH --array=0-0" in lines
    assert lines[-1].startswith("exec ") and lines[-1].endswith('--shard "$SLURM_ARRAY_TASK_ID/1"')
    assert Path("there/jobs").is_dir(), "Slurm does not make the folder of its logs"
    driver = adcc("cluster", "script", "sweep.toml", "--variant", "dask", "--cluster", "pbs")
    assert "--engine dask --cluster pbs" in driver.stdout and "Not tested on a real PBS" in driver.stdout
    bad = adcc("cluster", "script", "sweep.toml", "--variant", "ray", "--cluster", "local")
    assert bad.exit_code == 2 and len(bad.stderr.splitlines()) == 2


def test_a_job_script_for_mice(adcc):
    Path("mice.toml").write_text(mice(fraction=0.01, days=3))
    result = adcc("cluster", "script", "mice.toml", "--out", "there")
    assert result.exit_code == 0
    assert "# 2 runs in 1 task of about" in result.stdout and "a mouse from its checkpoint" in result.stdout
