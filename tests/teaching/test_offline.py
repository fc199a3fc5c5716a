"""No internet: server and browser in a network namespace with loopback only, and a home that holds the files alone.

A namespace is made by `unshare`: as root, or as any user where the kernel lets users make their own. Where neither is
allowed the tests are skipped (with ADCCSIM_REQUIRE_BROWSER=1 they fail).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adccsim import runtime
from adccsim.teaching import assets
from tests.teaching.offline_visit import FINE

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def namespace(browser_machine):
    """The command that runs another one without a network."""
    for command in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
        ):
            return command
    if os.environ.get("ADCCSIM_REQUIRE_BROWSER") == "1":
        pytest.fail("no network namespace can be made here; it needs root, or user namespaces")
    pytest.skip("no network namespace can be made here; it needs root, or user namespaces")


@pytest.fixture
def home(tmp_path):
    """Environment of somebody whose home is new."""
    (tmp_path / "home").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(REPOSITORY),
        "ADCCSIM_CACHE_DIR": str(runtime.cache_root()),  # compiled kernels; they lie outside the home
    }


def test_a_class_plays_with_nothing_but_this_machine(namespace, home, tmp_path):
    shutil.copytree(assets.cache_folder(), Path(home["HOME"]) / ".cache" / "adccsim" / "page")
    command = [*namespace, sys.executable, "-m", "tests.teaching.offline_visit", str(tmp_path / "server.txt")]
    answer = subprocess.run(command, cwd=REPOSITORY, env=home, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.strip() == FINE
    log = (tmp_path / "server.txt").read_text(encoding="utf-8")
    assert "Could not load" not in log  # the server asked nobody either


def test_without_files_and_network_one_line_names_the_command(namespace, home):
    command = [*namespace, sys.executable, "-m", "adccsim.cli", "teach", "--no-browser"]
    answer = subprocess.run(command, cwd=REPOSITORY, env=home, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert len(answer.stderr.strip().splitlines()) == 1
    assert assets.PREPARE in answer.stderr


def test_preparing_without_a_network_says_so_and_leaves_nothing(namespace, home):
    command = [*namespace, sys.executable, "-m", "adccsim.cli", "teach", "--prepare"]
    answer = subprocess.run(command, cwd=REPOSITORY, env=home, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "network" in answer.stderr
