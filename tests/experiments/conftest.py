"""Every test here starts in an empty folder, and fails if anything is printed or left in the temporary folder."""

import tempfile
from pathlib import Path

import pytest

from adccsim import runtime
from tests.experiments import MEASURED


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, capfd):
    """A folder with measured.csv in it, which is the current one."""
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(runtime.cache_root()))
    temporary, work = tmp_path / "temporary", tmp_path / "work"
    temporary.mkdir()
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(work)
    Path("measured.csv").write_text(MEASURED)
    yield work
    assert tuple(capfd.readouterr()) == ("", "")
    assert list(temporary.iterdir()) == []


@pytest.fixture
def names(folder):
    """The names of what lies in the folder, by a call."""
    return lambda: sorted(path.name for path in folder.iterdir())
