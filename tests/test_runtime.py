"""Runtime settings: an edited law is never answered from an old compilation; a stranger's cache is never used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import simulation
from simulation import runtime

PACKAGE = Path(simulation.__file__).parent

LAW = """
from numba import njit

@njit(cache=True)
def law(x):
    return {factor} * x
"""

KERNEL = """
from numba import njit
from simulation.biology.law import law

@njit(cache=True)
def kernel(n):
    total = 0.0
    for i in range(n):
        total += law(float(i))
    return total
"""

PROGRAM = """
from simulation import runtime
print(runtime.configure())
from simulation.well.kernel import kernel
print(kernel(4), sum(kernel.stats.cache_hits.values()))
"""


@pytest.fixture
def house(tmp_path):
    """A house of the same rooms with one law and one kernel, and the real runtime."""
    package = tmp_path / "simulation"
    for room in ("biology", "well"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").write_text("")
    for name in ("__init__.py", "version.py", "runtime.py"):
        shutil.copy(PACKAGE / name, package / name)
    (package / "biology" / "law.py").write_text(LAW.format(factor=1))
    (package / "well" / "kernel.py").write_text(KERNEL)
    return package


def ask(house: Path) -> tuple[Path, float, int]:
    """Run the kernel in a new process; return the cache directory, its result, and whether it came from the cache."""
    environment = os.environ | {"ADCCSIM_CACHE_DIR": str(house.parent / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM]
    answer = subprocess.run(command, cwd=house.parent, env=environment, capture_output=True, text=True, check=True)
    directory, numbers = answer.stdout.splitlines()
    result, hits = numbers.split()
    return Path(directory), float(result), int(hits)


def test_an_edited_law_changes_the_next_result(house):
    first, result, hits = ask(house)
    assert (result, hits) == (6.0, 0)
    assert ask(house) == (first, 6.0, 1)
    (house / "biology" / "law.py").write_text(LAW.format(factor=5))
    edited, result, hits = ask(house)
    assert (result, hits) == (30.0, 0)
    assert edited != first


def test_the_digest_follows_contents_names_and_nothing_else(house):
    digest = runtime.kernel_digest(house)
    law = house / "biology" / "law.py"
    os.utime(law, (1, 1))
    (house / "biology" / "notes.txt").write_text("not a source")
    (house / "elsewhere.py").write_text("x = 1")
    assert runtime.kernel_digest(house) == digest
    law.rename(law.with_name("rule.py"))
    renamed = runtime.kernel_digest(house)
    (house / "well" / "more.py").write_text("")
    assert len({digest, renamed, runtime.kernel_digest(house)}) == 3


def test_settings_reach_the_environment_once_and_for_all(monkeypatch, tmp_path):
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "made" / "on demand"))
    for name in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "to be restored")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    directory = runtime.configure(threads=3)
    assert directory.is_dir()
    assert directory.name == f"numba-{runtime.kernel_digest()}"
    assert os.environ["NUMBA_CACHE_DIR"] == str(directory)
    assert os.environ["NUMBA_NUM_THREADS"] == "3"
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "NUMBA_THREADING_LAYER" not in os.environ
    assert runtime.configure(threads=3) == directory
    with pytest.raises(ValueError, match="threads"):
        runtime.configure(threads=0)


def test_the_default_cache_is_private(monkeypatch, tmp_path):
    monkeypatch.delenv("ADCCSIM_CACHE_DIR", raising=False)
    monkeypatch.setattr(runtime.tempfile, "gettempdir", lambda: str(tmp_path))
    root = runtime.cache_root()
    assert root.stat().st_mode & 0o777 == 0o700
    root.chmod(0o755)
    with pytest.raises(runtime.RuntimeSettingsError, match="not a private directory"):
        runtime.cache_root()
    root.rmdir()
    (tmp_path / "other").mkdir(mode=0o700)
    root.symlink_to(tmp_path / "other")
    with pytest.raises(runtime.RuntimeSettingsError, match="not a private directory"):
        runtime.cache_root()


def test_a_cache_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(runtime.RuntimeSettingsError, match="set ADCCSIM_CACHE_DIR"):
        runtime.configure()
