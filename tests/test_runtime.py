"""Runtime settings: an edited law is never answered from an old compilation; a stranger's cache is never used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import adccsim
from adccsim import runtime
from adccsim.cli import app
from tests import test_cli_calibrate, test_cli_sensitivity

PACKAGE = Path(adccsim.__file__).parent

LAW = """
from numba import njit

@njit(cache=True)
def law(x):
    return {factor} * x
"""

KERNEL = """
from numba import njit
from adccsim.biology.law import law

@njit(cache=True)
def kernel(n):
    total = 0.0
    for i in range(n):
        total += law(float(i))
    return total
"""

PROGRAM = """
from adccsim import runtime
print(runtime.configure())
from adccsim.well.kernel import kernel
print(kernel(4), sum(kernel.stats.cache_hits.values()))
"""


@pytest.fixture
def house(tmp_path):
    """A package with the same folders, one law and one kernel, and the real runtime."""
    package = tmp_path / "adccsim"
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


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache directory in use: above/root/numba-<digest>/kernel_1/index.nbi, the first of them to be changed."""
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "above" / "root"))
    for name in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "to be restored")
    inner = runtime.cache_directory()
    (inner / "kernel_1").mkdir(mode=0o700)
    (inner / "kernel_1" / "index.nbi").touch(mode=0o600)
    assert runtime.cache_directory() == inner
    return {"above": inner.parents[1], "root": inner.parent, "digest": inner, "kernel": inner / "kernel_1",
            "index": inner / "kernel_1" / "index.nbi"}  # fmt: skip


def refused(where: Path, why: str) -> None:
    """The cache directory is refused in one line that names `where`, the reason and what to do."""
    with pytest.raises(runtime.RuntimeSettingsError) as error:
        runtime.configure()
    assert re.search(
        rf"^cache of compiled kernels: {re.escape(str(where))} {why}.*set ADCCSIM_CACHE_DIR", str(error.value)
    )
    assert "\n" not in str(error.value)


def test_every_directory_that_is_created_is_private_whatever_the_umask(monkeypatch, tmp_path):
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "a" / "b" / "c"))
    before = os.umask(0)
    try:
        inner = runtime.cache_directory()
    finally:
        os.umask(before)
    made = [inner, *list(inner.parents)[:3]]
    assert [path.name for path in made[1:]] == ["c", "b", "a"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 4


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707])
@pytest.mark.parametrize("which", ["above", "root", "digest"])
def test_a_directory_that_others_can_write_is_refused(cache, which, mode):
    cache[which].chmod(mode)
    refused(cache[which], rf"can be written by other users \(mode 0{mode:o}")


@pytest.mark.parametrize("which", ["kernel", "index"])
def test_contents_that_others_can_write_are_refused_where_others_can_reach_them(cache, which):
    cache[which].chmod(0o777)
    runtime.cache_directory()  # as with a umask of 0: others cannot enter the directory around it
    cache["digest"].chmod(0o755)
    refused(cache[which], "can be written by other users")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("which", ["above", "root", "digest", "kernel", "index"])
def test_what_belongs_to_another_user_is_refused(cache, which):
    os.chown(cache[which], 12345, -1)
    refused(cache[which], "belongs to user 12345")


@pytest.mark.parametrize("which", ["root", "digest", "kernel", "index"])
def test_a_link_is_refused(cache, which):
    path = cache[which]
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")
    refused(path, "is a link")


def test_a_link_above_counts_as_what_it_points_to(cache, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to("above")
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "link" / "root"))
    assert runtime.cache_directory() == cache["digest"]
    cache["above"].chmod(0o777)
    refused(cache["above"], "can be written by other users")
    cache["above"].chmod(0o1777)  # as /tmp: nobody can rename or remove what belongs to somebody else
    assert runtime.cache_directory() == cache["digest"]


def test_links_that_lead_back_to_themselves_are_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    monkeypatch.setenv("ADCCSIM_CACHE_DIR", str(tmp_path / "one" / "cache"))
    with pytest.raises(
        runtime.RuntimeSettingsError, match=r"cannot create a cache directory .*levels of symbolic links"
    ):
        runtime.configure()


def test_a_directory_that_cannot_be_written_is_refused(cache, monkeypatch):
    monkeypatch.setattr(runtime.os, "access", lambda path, mode: path != cache["digest"])
    with pytest.raises(runtime.RuntimeSettingsError, match="no permission to write to the cache directory"):
        runtime.configure()


def test_a_node_with_an_unusable_cache_says_so_in_one_line(cache, tmp_path):
    from adccsim.execution import bundles, task

    cache["digest"].chmod(0o777)
    order = task.Order(str(tmp_path), runtime.kernel_digest(), 1, None, False, None)
    with pytest.raises(task.NodeError, match=r"^\S+: cache of compiled kernels: .* can be written by other users"):
        task.make(bundles.pack({}), order)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "s.toml", "--workers", "1"),
        ("run", "s.toml", "--workers", "2"),
        ("run", "s.toml", "--engine", "dask"),
        ("sensitivity", "sensitivity.toml", "--workers", "1"),
        ("sensitivity", "sensitivity.toml", "--workers", "2"),
        ("calibrate", "s.toml", "--workers", "2"),
        ("teach", "--no-browser"),
    ],
    ids=" ".join,
)
def test_commands_refuse_a_bad_cache_in_one_line(cache, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(test_cli_calibrate.SCENARIO)
    Path("observed.csv").write_text(test_cli_calibrate.OBSERVED)
    Path("sensitivity.toml").write_text(test_cli_sensitivity.SCENARIO)
    cache["digest"].chmod(0o777)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and re.match(r"error: cache of compiled kernels: .* can be written by other users", lines[0])
    assert "Traceback" not in result.output
