"""The process of a run ends with its owner, and says how it ended."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from simulation.run.child import Child, Died, TimedOut, call
from tests.run import fake_runs

REPOSITORY = Path(__file__).parents[2]

OWNER = """
import sys
from functools import partial
from pathlib import Path
from simulation.run.child import Child, call
from tests.run import fake_runs
runs = Path(sys.argv[1])
child = Child(partial(call, fake_runs.run, runs, False), runs, 1)
print("child", child.process.pid, flush=True)
child.make("00-hang", fake_runs.condition("00-hang"), None)
"""


@pytest.fixture
def child(tmp_path):
    made = Child(partial(call, fake_runs.run, tmp_path, False), tmp_path, 1)
    yield made
    made.end()


def test_one_run_after_another(child, tmp_path):
    seconds, reason, trace = child.make("00-ok", fake_runs.condition("00-ok"), None)
    assert seconds > 0 and (reason, trace) == ("", "")
    _, reason, trace = child.make("01-raise", fake_runs.condition("01-raise"), 60.0)
    assert reason == "ValueError: no cells" and trace.startswith("Traceback")
    with pytest.raises(Died, match="ended by SIGSEGV"):
        child.make("02-crash", fake_runs.condition("02-crash"), None)
    with pytest.raises(Died):  # a dead child makes nothing any more, and does not hang
        child.make("03-ok", fake_runs.condition("03-ok"), None)


def test_a_run_past_its_time_is_killed(child):
    with pytest.raises(TimedOut):
        child.make("00-hang", fake_runs.condition("00-hang"), 0.2)
    assert child.process.returncode == -signal.SIGKILL


def test_a_child_ends_with_its_owner_even_in_the_middle_of_a_run(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    pid = int(owner.stdout.readline().split()[1])
    assert owner.stdout.readline() == "hanging 00-hang\n"
    with open(f"/proc/{pid}/status") as orphan:
        assert "Name" in orphan.read()  # it is at work
    owner.kill()
    # The child holds the other end of standard output: the file ends when the child has ended.
    assert owner.stdout.read() == ""
    owner.wait()
    owner.stdout.close()
