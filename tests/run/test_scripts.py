"""Job scripts: what is printed for each batch system, against stored text, and what bash makes of it.

Only those for Slurm are run by a batch system elsewhere.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.execution import shell
from adccsim.execution.bundles import OVERHEAD_S
from adccsim.execution.cluster import BATCH_SYSTEMS, batch_options, wall_time
from adccsim.execution.scripts import MOST_TASKS, array_of, array_script, driver_script
from adccsim.execution.site import Site
from adccsim.scenario.well.plan import plan
from tests.cluster.sweeps import text as small_sweep
from tests.scenario import conditions

STORED = Path(__file__).parent / "scripts"
SITE = Site(
    partition="short", account="lab12", wall_time_h=2.5, memory_gb=1.5, cache_dir="$TMPDIR/adcc",
    prologue=("module load python/3.12",), directives=("--qos=low",),
)  # fmt: skip
OUT, PLAIN_OUT = Path("results/sweep dir"), Path("results/sweep")
INDEX = {
    "slurm": {"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0"},
    "pbs": {"PBS_JOBID": "7[1]", "PBS_ARRAY_INDEX": "0"},
    "lsf": {"LSB_JOBID": "7", "LSB_JOBINDEX": "1"},
    "sge": {"JOB_ID": "7", "SGE_TASK_ID": "1"},
}
# Any byte but the slash may stand in a name: quotes, signs of the shell, directives, escapes, text that is not UTF-8.
HOSTILE = [
    "-n", " a  b ", "it's", 'say "x"', "$HOME;`touch x`$(touch y)",
    "a\n#SBATCH --wrap=z\n#PBS -o z\n#BSUB -o z\n#$ -o z",
    "\t\r\x1b[31m\x7f", "50%x\\n", "*?[a]{b,c}~!#&|<>()^", "µ—\u2028\u00a0", os.fsdecode(bytes(range(0x80, 0x100))),
]  # fmt: skip
STUB = """#!/bin/sh
printf '%s\\0' "$@" >"$STUB_SAYS"
printf 'in the log%s\\n' "$DASK_DISTRIBUTED__COMM__TLS__WORKER__KEY"
"""


@pytest.fixture(scope="module")
def costs():
    return plan(conditions({"replicates": 96, "targets.cells": 10_000, "effectors.et_ratio": 10.0}))


@pytest.fixture(scope="module")
def many(costs):
    """A study of twenty hours on one core."""
    return replace(costs, wells=250_000, cpu_seconds=72_000.0, disk_bytes=20 * 10**9)


@pytest.fixture
def python(monkeypatch):
    monkeypatch.setattr(shell, "sys", SimpleNamespace(executable="python"))


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """In place of Python, under a hostile name: stub(text of a script, environment) -> the words that bash gives it."""
    path = tmp_path / "my \npy'thon"
    path.write_text(STUB)
    path.chmod(0o755)
    monkeypatch.setattr(shell, "sys", SimpleNamespace(executable=str(path)))  # not for who else asks
    (tmp_path / "submit").mkdir()

    def words(text: str, environment: dict[str, str]) -> list[str]:
        script = tmp_path / "job.sh"
        script.write_bytes(os.fsencode(text))
        said = tmp_path / "said"
        environment = os.environ | environment | {"STUB_SAYS": str(said)}
        answer = subprocess.run(["bash", script], cwd=tmp_path / "submit", env=environment, capture_output=True)
        assert (answer.returncode, answer.stderr) == (0, b""), answer
        assert not list((tmp_path / "submit").iterdir()), "nothing in a path was executed"
        return os.fsdecode(said.read_bytes()).split("\0")[:-1]

    return words


def compared(name: str, text: str) -> None:
    assert text == (STORED / name).read_text(encoding="utf-8"), f"tests/run/scripts/{name} holds another text"


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_arrays(system, many):
    compared(f"array.{system}.sh", array_script(system, "my sweep.toml", OUT, ["replicates=96"], many, SITE))


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_drivers_of_dask(system):
    compared(f"driver.{system}.sh", driver_script(system, "my sweep.toml", Path("site.toml"), PLAIN_OUT, [], SITE))


def worker_script(system: str, out_dir: Path, site: Site = SITE) -> str:
    """The script of a worker job, from the job class alone: the cluster would start a scheduler."""
    import dask_jobqueue

    options = batch_options(system, site, 2, out_dir, out_dir / "jobs" / "tls-1")
    kept = {name: value for name, value in options.items() if name not in ("scheduler_options", "silence_logs")}
    job_class = getattr(dask_jobqueue, BATCH_SYSTEMS[system]).job_cls
    more = {"lsf_units": "mb", "use_stdin": True} if system == "lsf" else {}
    return job_class("tls://10.0.0.1:8786", name="adcc-0", **kept, **more).job_script()


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_jobs_of_dask_workers(system, tmp_path):
    compared(f"worker.{system}.sh", worker_script(system, tmp_path).replace(str(tmp_path), "results"))


def directives(text: str) -> list[str]:
    """Lines that a batch system may read as a request, wherever they stand."""
    return [line for line in text.splitlines() if line.lstrip().startswith(("#SBATCH", "#PBS", "#BSUB", "#$"))]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_any_legal_path_arrives_unchanged_and_adds_no_directive(system, name, many, stub, tmp_path):
    site = replace_site(cache_dir=f"${{CACHE}}/{name}" if "$" not in name and name.isprintable() else "$CACHE")
    out, file, setting = tmp_path / name / "out", str(tmp_path / f"{name}.toml"), f"title={name}"
    (out / "jobs").mkdir(parents=True)
    text = array_script(system, file, out, [setting], many, site)
    environment = INDEX[system] | {"CACHE": "a b;c"}
    assert stub(text, environment) == [
        "-P", "-m", "adccsim.cli", "run", file, "--out", str(out), "--set", setting, "--workers", "1",
        "--shard", "0/42",
    ]  # fmt: skip
    driver = driver_script(system, file, Path(file), out, [], site)
    assert stub(driver, environment) == [
        "-P", "-m", "adccsim.cli", "run", file, "--out", str(out), "--engine", "dask", "--cluster", system,
        "--site", file,
    ]  # fmt: skip
    plain = array_script(system, "s.toml", Path("out"), [], many, site)
    assert len(directives(text)) == len(directives(plain))
    said = "".join(path.read_text() for path in (out / "jobs").iterdir())
    assert said == "" if shell.fits_directive(out) else said == "in the log\n" * 2, "of the array and of the driver"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("system", BATCH_SYSTEMS)
def test_worker_jobs_survive_any_legal_path(system, name, stub, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    out = tmp_path / name / "out"
    (out / "jobs" / "tls-1").mkdir(parents=True)
    for file in ("certificate.pem", "key.pem"):
        (out / "jobs" / "tls-1" / file).write_text(f" the\n{file}\n")
    text = worker_script(system, out, replace_site())
    assert stub(text, INDEX[system])[:4] == ["-P", "-m", "distributed.cli.dask_worker", "tls://10.0.0.1:8786"]
    assert not {word for line in directives(text) for word in line.split() if word.endswith(("z", "=z"))}
    logs = [path.read_text() for path in (out / "jobs").glob("adcc-*.log")]
    assert logs == ([] if shell.fits_directive(out) else ["in the log the\nkey.pem\n"])
    assert not list(tmp_path.glob("tmp.*")), "the temporary directory is removed"


def replace_site(**changes) -> Site:
    """SITE with other values and without a prologue, which bash could not run here."""
    return SITE.model_copy(update={"prologue": (), **changes})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A/adcc", "/x y/adcc"), ("${A}_1/b c", "/x y_1/b c"), ("~/adcc", "/h/adcc"), ("/a;touch z", "/a;touch z"),
        ("/it's", "/it's"), ('"$A"', '"/x y"'), ("/a/~/b", "/a/~/b"),
    ],
)  # fmt: skip
def test_variables_are_expanded_in_a_cache_directory_and_nothing_else_is(text, value):
    line = f'x={shell.with_variables(text)}; printf %s "$x"'
    environment = {"A": "/x y", "HOME": "/h", "PATH": os.environ["PATH"]}
    assert (
        subprocess.run(["bash", "-c", line], env=environment, capture_output=True, check=True).stdout == value.encode()
    )


def test_a_job_imports_nothing_from_the_folder_it_starts_in(tmp_path, monkeypatch):
    """The printed script, run by bash with the variables of a Slurm task."""
    submit, odd = tmp_path / "submit", tmp_path / "odd\n#SBATCH --wrap=x\n$HOME"
    for folder in (submit, odd):
        folder.mkdir()
    for module in ("numpy", "random", "pickle", "simulation", "analysis", "adccsim", "sitecustomize_not", "click"):
        (submit / f"{module}.py").write_text("import pathlib; pathlib.Path('executed').touch()\n")
    file = odd / "-it's\na sweep.toml"
    file.write_text(small_sweep(replicates=1, cells=20))
    monkeypatch.chdir(submit)
    printed = CliRunner().invoke(
        app, ["cluster", "script", str(file), "--out", str(odd / "out\nput"), "--set", "seed=5"]
    )
    assert printed.exit_code == 0, printed.output
    (tmp_path / "job.sh").write_text(printed.stdout)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"} | INDEX["slurm"]
    answer = subprocess.run(["bash", tmp_path / "job.sh"], cwd=submit, env=environment, capture_output=True, text=True)
    log = (odd / "out\nput" / "jobs" / "adcc-7_0.log").read_text()
    assert answer.returncode == 0, log
    assert len(list((odd / "out\nput" / "runs").rglob("*.h5"))) == 7 and "7 runs" in log
    assert not (submit / "executed").exists()
    assert {path.name for path in submit.iterdir()} == {path.name for path in submit.glob("*.py")}


SPAWNS = """
import sys
from adccsim.analysis.reading.processes import in_order
from adccsim.cli import main
if __name__ == "__main__":
    sys.argv = ["adcc", "--version"]
    try:
        main()
    except SystemExit:
        print(*in_order(abs, [-1, -2, -3], processes=2))
"""


def test_processes_that_the_command_starts_import_nothing_from_the_current_folder(tmp_path):
    """Python starts them with `python -c`, which puts the current folder first."""
    (tmp_path / "submit").mkdir()
    for module in ("random", "pickle", "signal", "struct"):
        (tmp_path / "submit" / f"{module}.py").write_text("import pathlib; pathlib.Path('executed').touch()\n")
    (tmp_path / "command.py").write_text(SPAWNS)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    answer = subprocess.run(
        [sys.executable, tmp_path / "command.py"],
        cwd=tmp_path / "submit",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.stdout.splitlines()[-1] == "1 2 3", answer.stderr
    assert not (tmp_path / "submit" / "executed").exists()


def test_as_many_tasks_as_the_work_asks_for(costs):
    array = array_of(costs, Site())
    assert array.tasks == 1 and array.seconds == pytest.approx(costs.cpu_seconds + OVERHEAD_S * costs.wells)
    longer = replace(costs, cpu_seconds=40 * 1800.0)
    assert 40 <= array_of(longer, Site()).tasks <= 42
    assert array_of(replace(costs, cpu_seconds=1e9, wells=10**6), Site()).tasks == MOST_TASKS
    one = array_of(replace(costs, cpu_seconds=1e5, longest_seconds=1e5, wells=1), Site(wall_time_h=200))
    assert (one.tasks, one.seconds) == (1, pytest.approx(1e5, rel=1e-3))
    assert one.wall_time_h > 3 * 1e5 / 3600
    assert array_of(replace(costs, well_bytes=10**10), Site()).memory_gb >= 10


@pytest.mark.parametrize(
    ("hours", "system", "text"), [(2.5, "slurm", "02:30:00"), (0.1, "pbs", "00:06:00"), (100, "lsf", "100:00")]
)
def test_wall_times(hours, system, text):
    assert wall_time(hours, system) == text
