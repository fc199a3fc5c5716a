"""A disk that is really full: a small tmpfs in a mount namespace; with more room the sweep goes on."""

import os
import shutil
import subprocess
import sys

import pytest

from adccsim.execution import local
from tests.cluster.drivers import SLURM_FREE
from tests.cluster.sweeps import REPOSITORY, census, describe, text, told

pytestmark = pytest.mark.slow

SCRIPT = """
mount -t tmpfs -o size=2m tmpfs disk || exit 99
"$@"; code=$?
files=$(find disk/out/runs -name '*.h5' | wc -l)
parts=$(find disk/out -name '*.part' | wc -l)
free=$(df --output=avail disk | tail -1)
echo "first $code $files $parts $free"
mount -o remount,size=100m disk
"$@"; echo "second $?"
cp -a disk/out out
"""


@pytest.fixture(scope="module")
def namespace():
    """The command that runs another one with mounts of its own: as root, or where users may make namespaces."""
    for command in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
        ):
            return command
    why = "no mount namespace can be made here; it needs root, or user namespaces"
    if os.environ.get("ADCCSIM_REQUIRE_SLURM"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_a_full_disk_and_then_more_room(namespace, tmp_path, engine):
    scenario = text(replicates=12)
    (tmp_path / "sweep.toml").write_text(scenario)
    (tmp_path / "disk").mkdir()
    assert local.execute(describe(scenario, tmp_path / "laptop"), tmp_path / "laptop", workers=1).failed == ()
    reference = census(tmp_path / "laptop")
    assert reference.files == 84
    command = [sys.executable, "-m", "adccsim.cli", "run", "sweep.toml", "--out", "disk/out"]
    command += ["--workers", "2", "--engine", engine]
    environment = SLURM_FREE | {"PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(
        [*namespace, "sh", "-c", SCRIPT, "sh", *command], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    said = answer.stdout
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith(("first ", "second "))}
    assert answer.returncode == 0 and set(lines) == {"first", "second"}, said
    code, files, parts, free_kb = map(int, lines["first"])
    assert code == 1 and "No space left on device" in said and "Traceback" not in said, said
    assert 10 <= files < reference.files and free_kb < 100, "the disk was full while work was under way"
    found = census(tmp_path / "out")
    told(f"a disk of 2 MB ({engine})", found, files_when_full=files, parts_when_full=parts, kB_free=free_kb)
    assert lines["second"] == ["0"], said
    assert found == reference


ANALYSIS = """
mount -t tmpfs -o size=4m tmpfs disk || exit 99
cp -a out disk/out
dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null
"$@"; echo "first $?"
rm disk/filler
mount -o remount,size=100m disk
"$@"; echo "second $?"
cp -a disk/out after
"""


def test_an_analysis_on_a_full_disk_and_then_with_more_room(namespace, tmp_path):
    (tmp_path / "sweep.toml").write_text(text(replicates=2))
    (tmp_path / "disk").mkdir()
    out = tmp_path / "out"
    assert local.execute(describe(text(replicates=2), out), out, workers=1).failed == ()
    answer = subprocess.run(
        [*namespace, "sh", "-c", ANALYSIS, "sh", sys.executable, "-m", "adccsim.cli", "analyse", "disk/out"],
        cwd=tmp_path, env=SLURM_FREE | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    errors = answer.stderr.splitlines()
    assert len(errors) == 1 and "disk/out/" in errors[0] and "No space left on device" in errors[0], answer.stderr
    told = dict(line.split() for line in answer.stdout.splitlines() if line.startswith(("first ", "second ")))
    assert told["first"] in ("1", "2") and told["second"] == "0"
    assert census(tmp_path / "after") == census(out)
    assert (tmp_path / "after" / "report.html").exists() and not list((tmp_path / "after").rglob("*.part"))
