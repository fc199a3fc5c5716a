"""Writing where there is no room: one line that names the file, the old files stay, and later it works."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adccsim.analysis.writing import whole, write_text
from tests.analysis.make_runs import Design, Truth, make_study

REPOSITORY = Path(__file__).parents[2]


def test_a_file_is_whole_or_the_old_one(tmp_path):
    path = tmp_path / "a.csv"
    write_text(path, "old")
    with pytest.raises(OSError) as caught, whole(path) as part:
        part.write_text("half of the n")
        raise OSError(28, "No space left on device")
    assert (caught.value.filename, caught.value.strerror) == (str(path), "No space left on device")
    assert path.read_text() == "old" and [each.name for each in tmp_path.iterdir()] == ["a.csv"]
    write_text(path, "new")
    assert path.read_text() == "new"


def small_files(limit: int):
    """In a new process: no file may become longer than `limit` bytes; a write beyond it fails as on a full disk."""

    def apply() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return apply


@pytest.mark.parametrize(("limit", "name"), [(500, "tables/"), (100_000, "figures/")])
def test_an_analysis_without_room_ends_in_one_line_and_loses_nothing(tmp_path, limit, name):
    make_study(tmp_path / "out", Design(doses=(0.0, 1e-3, 1e-2, 1.0), replicates=1), Truth())
    command = [sys.executable, "-m", "adccsim.cli", "analyse", "out"]
    options = {"cwd": tmp_path, "text": True, "capture_output": True, "check": False}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    runs = {path: path.read_bytes() for path in (tmp_path / "out" / "runs").rglob("*.h5")}
    answer = subprocess.run(command, preexec_fn=small_files(limit), env=environment, **options)
    assert answer.returncode in (1, 2)
    errors = answer.stderr.splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: out/") and name in errors[0]
    assert "File too large" in errors[0]
    assert {path: path.read_bytes() for path in runs} == runs
    assert not [path for path in (tmp_path / "out").rglob(".*")]
    if name == "figures/":
        shutil.rmtree(tmp_path / "out" / "tables")
        again = subprocess.run(command, env=environment, **options)
        assert again.returncode == 0 and (tmp_path / "out" / "report.html").exists()
