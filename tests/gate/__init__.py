"""A gate: processes wait at a known point until the test lets them go on, however fast or slow the machine is."""

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 1200.0  # after which something hangs; no machine is so slow

# Where a run can be held: before its unfinished file is there, before that gets its name, and a mouse on its first day.
BEGINS, ENDS, FIRST_DAY = r"^open .*/runs/.*\.part$", r"^os\.rename .*\.h5$", r"^os\.rename .*\.day1\.ckpt$"


def until(happened: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> object:
    """Look again and again until `happened` returns something true; AssertionError, naming `what`, after limit_s."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = happened()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {limit_s:g} s in vain: {what}")


@dataclass(frozen=True, order=True)
class Held:
    """A process that waits at the gate: the event, the run id, and its process id."""

    event: str
    run_id: str
    pid: int


class Gate:
    """Holds every process that has `environment` wherever "event path" matches one of the patterns `at`."""

    def __init__(self, folder: Path, *at: str):
        self.folder = folder
        folder.mkdir()
        self.environment = {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(REPOSITORY)]),
            "ADCCSIM_TEST_GATE": str(folder),
            "ADCCSIM_TEST_GATE_AT": "|".join(at),
        }

    def exports(self) -> list[str]:
        """The environment as lines of a shell script."""
        return [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()]

    def held(self) -> list[Held]:
        """Who waits now, in order."""
        marks = [path.name for path in self.folder.iterdir() if path.suffix[1:].isdigit()]
        found = [Held(*mark.rpartition(".")[0].split("-"), int(mark.rpartition(".")[2])) for mark in marks]
        return sorted(each for each in found if alive(each.pid) and not self._released(each))

    def has_begun(self, pid: int) -> set[str]:
        """Run ids that a process has brought to the gate so far."""
        return {path.name.split("-")[1].partition(".")[0] for path in self.folder.glob(f"*.{pid}*")}

    def wait_for(self, count: int) -> list[Held]:
        """The first moment at which so many processes or more wait."""
        return until(lambda: len(found := self.held()) >= count and found, f"{count} wait at the gate")

    def release(self, held: Held) -> None:
        """Let one run pass this point, now and whenever it is tried again."""
        (self.folder / f"{held.event}-{held.run_id}.go").touch()

    def release_one_by_one(self, count: int, happened: Callable[[], int]) -> None:
        """Let runs pass until `happened`, which counts what they leave, has come to `count` exactly."""
        before = happened()
        while before < count:
            self.release(self.wait_for(1)[0])
            until(lambda before=before: happened() > before, f"more than {before} have passed")
            before = happened()
        assert before == count

    def open(self) -> None:
        """Hold nobody any more."""
        (self.folder / "open").touch()

    def _released(self, held: Held) -> bool:
        return (self.folder / f"{held.event}-{held.run_id}.go").exists()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
