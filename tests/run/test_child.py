"""The process of a run ends with its owner, and says how it ended."""

import errno
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

import adccsim.execution.child as child_module
from adccsim.conditions import WellCondition
from adccsim.execution.child import (
    AHEAD,
    AHEAD_S,
    FEWEST_AHEAD,
    HELD_BYTES,
    LOOK_S,
    SHORT_S,
    Child,
    Died,
    TimedOut,
    call,
    compute,
    short_s,
)
from tests.cluster.sweeps import runs_of, text
from tests.gate import until
from tests.run import fake_runs

REPOSITORY = Path(__file__).parents[2]

OWNER = """
import sys
import time
from functools import partial
from pathlib import Path
from adccsim.execution.child import Child, call
from tests.run import fake_runs
runs = Path(sys.argv[1])
child = Child(partial(call, fake_runs.run, runs, False), runs, 1)
print("child", child.process.pid, flush=True)
child.make("00-hang", fake_runs.condition("00-hang"))
"""


@pytest.fixture
def child(tmp_path):
    made = Child(partial(call, fake_runs.run, tmp_path, False), tmp_path, 1)
    yield made
    made.end()


def test_one_run_after_another(child, tmp_path):
    seconds, reason, trace = child.make("00-ok", fake_runs.condition("00-ok"))
    assert seconds > 0 and (reason, trace) == ("", "")
    _, reason, trace = child.make("01-raise", fake_runs.condition("01-raise"))
    assert reason == "ValueError: no cells" and trace.startswith("Traceback")
    with pytest.raises(Died, match="ended by SIGSEGV"):
        child.make("02-crash", fake_runs.condition("02-crash"))
    with pytest.raises(Died):  # a dead child makes nothing any more, and does not hang
        child.make("03-ok", fake_runs.condition("03-ok"))


def test_a_run_past_its_time_is_killed(tmp_path):
    child = Child(partial(call, fake_runs.run, tmp_path, False), tmp_path, 1, timeout_s=0.2)
    with pytest.raises(TimedOut) as late:
        child.make("00-hang", fake_runs.condition("00-hang"))
    assert late.value.culprit == "00-hang"
    assert child.process.returncode == -signal.SIGKILL


def slow(condition: WellCondition):
    """A run that takes as long as it says."""
    time.sleep(fake_runs.more_of(condition)["takes_s"])
    return lambda: (0.0, "", "")


def test_a_time_limit_is_looked_at_when_it_is_due(tmp_path):
    limit_s = 1.5 * LOOK_S
    child = Child(slow, tmp_path, 1)
    child.make("starts", fake_runs.condition("starts", takes_s=0.0))
    child.timeout_s = limit_s
    began = time.monotonic()
    with pytest.raises(TimedOut) as late:
        child.make("late", fake_runs.condition("late", takes_s=60.0))
    assert limit_s <= time.monotonic() - began
    assert (late.value.culprit, late.value.others) == ("late", [])


def test_a_run_that_ends_before_the_blow_is_not_blamed(tmp_path):
    child = Child(computed_when_there, tmp_path, 1, timeout_s=0.3)
    for name in ("first", "next"):
        child.give(name, waiting(tmp_path, name, awaited=f"{name} may end"))
    kill = child.process.kill

    def kill_after_its_end():
        (tmp_path / "first may end").touch()
        until(lambda: ended(child) == 1, "the first has ended")
        kill()

    held_back = mock.patch.object(child.process, "kill", side_effect=kill_after_its_end)
    with held_back, pytest.raises(TimedOut) as late:
        child.answers()
    assert (late.value.culprit, late.value.others) == (None, ["first", "next"])


def test_who_gives_large_conditions_never_waits_for_a_run_that_hangs(tmp_path):
    large = fake_runs.condition("00-hang", note=os.urandom(10_000).hex())
    child = Child(partial(call, fake_runs.run, tmp_path, False), tmp_path, 1, timeout_s=0.3)
    given = 0
    while child.has_room(large):
        child.give(str(given), large)
        given += 1
    assert 2 <= given <= HELD_BYTES / 20_000
    with pytest.raises(TimedOut) as late:
        child.answers()
    assert late.value.culprit == "0"


def test_a_run_that_finds_no_room_on_the_disk_fails_and_leaves_nothing(tmp_path):
    name, condition = next(iter(runs_of(text(replicates=1)).items()))
    rest = compute(None, tmp_path / "runs", False, condition)
    assert len(list(tmp_path.rglob("*.part"))) == 1, "it says that it is under way"
    with mock.patch.object(os, "fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))):
        seconds, reason, trace = rest()
    path = tmp_path / "runs" / name[:2] / f"{name}.h5"
    assert reason == f"OSError: [Errno 28] No space left on device: '{path}'" and "fsync" in trace and seconds > 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def written_when_there(condition: WellCondition):
    """A run that leaves a mark when it is computed, and whose disk is ready once the mark of another run is there."""
    more = fake_runs.more_of(condition)
    folder, name, awaited = Path(more["folder"]), more["name"], more["awaited"]
    (folder / name).touch()
    if name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)

    def rest():
        while not (folder / awaited).exists():
            time.sleep(0.005)
        return 0.0, "", ""

    return rest


def computed_when_there(condition: WellCondition):
    """A run that is computed once a mark is there, and whose disk is ready at once."""
    more = fake_runs.more_of(condition)
    while not (Path(more["folder"]) / more["awaited"]).exists():
        time.sleep(0.005)
    return lambda: (0.0, "", "")


def ended(child: Child) -> int:
    """Runs of a child that have ended, also those that it has not told."""
    return child._board.read()[1]


def waiting(folder, name, awaited, nk_cells=10) -> dict:
    return fake_runs.condition(name, nk_cells, folder=str(folder), name=name, awaited=awaited)


def all_answers(child: Child, count: int) -> list[str]:
    """Ids of the next runs that it answers."""
    found: list[str] = []
    while len(found) < count:
        found += [run_id for run_id, _ in child.answers()]
    return found


def test_a_short_run_is_computed_while_the_one_before_waits_for_the_disk(tmp_path):
    child = Child(written_when_there, tmp_path, 1, timeout_s=30.0)
    for name, awaited in (("a", "b"), ("b", "c"), ("c", "c")):
        run = waiting(tmp_path, name, awaited)
        assert child.has_room(run)
        child.give(name, run)
    assert all_answers(child, 3) == ["a", "b", "c"]
    assert not child.given
    child.end()


def test_short_runs_go_ahead_up_to_a_number_and_a_time(tmp_path):
    run, slower = waiting(tmp_path, "a", "a"), waiting(tmp_path, "a", "a", nk_cells=50_000)
    assert short_s(run) < AHEAD_S / AHEAD and AHEAD_S / FEWEST_AHEAD < short_s(slower) < SHORT_S
    for condition, room in ((run, AHEAD), (slower, FEWEST_AHEAD)):
        child = Child(written_when_there, tmp_path, 1)
        for number in range(room):
            assert child.has_room(condition)
            child.give(str(number), condition)
        assert not child.has_room(condition)
        child.end()


def test_answers_come_together(tmp_path):
    child = Child(silent_until_all_have_ended, tmp_path, 1)
    names = [f"{number:02d}" for number in range(AHEAD)]
    for name in names:
        child.give(name, waiting(tmp_path, name, name))
    assert [run_id for run_id, _ in child.answers()] == names, "in one message"
    child.end()


def test_a_failure_is_told_before_the_next_run_takes_the_process_along(tmp_path):
    child = Child(partial(compute, fake_runs.run, tmp_path, False), tmp_path, 1)
    for name in ("00-ok", "01-raise", "02-die", "03-ok"):
        child.give(name, fake_runs.condition(name))
    told = []
    with pytest.raises(Died):
        while True:
            told += [(run_id, bool(answer[1])) for run_id, answer in child.answers()]
    assert told == [("00-ok", False), ("01-raise", True)]
    assert child.suspects() == ["02-die"] and child.untouched() == ["03-ok"]


def test_who_is_suspected_when_a_process_dies(tmp_path):
    child = Child(written_when_there, tmp_path, 1)
    child.give("a", waiting(tmp_path, "a", "never"))
    child.give("dies", waiting(tmp_path, "dies", "never"))
    child.give("c", waiting(tmp_path, "c", "c"))
    with pytest.raises(Died, match="SIGKILL"):
        child.answers()
    assert child.suspects() == ["a", "dies"] and child.untouched() == ["c"]


def silent_until_all_have_ended(condition: WellCondition):
    """A run in a process that tells nothing for an hour, unless it has nothing left to do."""
    child_module.TELL_S = 3600.0
    return lambda: (0.0, "", "")


def silent_until_death(condition: WellCondition):
    """The same; "dies" kills the process once a mark is there."""
    if fake_runs.more_of(condition)["name"] == "dies":
        computed_when_there(condition)
        os.kill(os.getpid(), signal.SIGKILL)
    return silent_until_all_have_ended(condition)


def test_a_run_that_ended_unreported_is_no_suspect(tmp_path):
    child = Child(silent_until_death, tmp_path, 1)
    for name in ("a", "b", "dies", "c"):
        child.give(name, waiting(tmp_path, name, "both have ended"))
    child.send()
    until(lambda: ended(child) == 2, "a and b have ended")
    (tmp_path / "both have ended").touch()
    with pytest.raises(Died):
        child.answers()
    assert child.suspects() == ["dies"] and child.untouched() == ["a", "b", "c"]


def test_a_long_run_has_a_child_for_itself(tmp_path):
    long, short = waiting(tmp_path, "long", "long", nk_cells=10**7), waiting(tmp_path, "short", "short")
    child = Child(written_when_there, tmp_path, 1)
    child.give("short", short)
    assert not child.has_room(long)
    assert all_answers(child, 1) == ["short"]
    child.give("long", long)
    assert not child.has_room(short)
    assert all_answers(child, 1) == ["long"]
    child.end()


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
