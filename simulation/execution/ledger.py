"""The ledger of a study: which runs are done, which failed and why, on disk and for a progress display."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adccsim.conditions import AnyCondition
from adccsim.execution.folder import OtherFile, StudyFolder, check_run_file, checkpoint_file, run_file, set_aside
from adccsim.scenario.xenograft.branch import DamagedCheckpoint, read_meta
from adccsim.seal import DamagedFile


@dataclass(frozen=True)
class Failure:
    """A run without a file: its id, one line that says why, and how often it was tried (0: never started)."""

    run_id: str
    reason: str
    attempts: int
    trace: str = ""


@dataclass(frozen=True)
class Step:
    """What a progress display needs at the start and after one or several runs: counts, fraction of the work in [0, 1].

    run_id: "" unless it is one run.
    """

    finished: int
    failed: int
    total: int
    work_done: float
    run_id: str


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended: run ids done now and skipped (finished before), failures, and the signal that stopped it.

    set_aside: one line per damaged file that was moved away before the runs began.
    """

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: tuple[Failure, ...]
    signal: int | None = None
    set_aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a folder holds of a study.

    pending: runs to make, the longest first, so that none is left alone at the end; the id settles ties. finished: runs
    that have their file. blocked: runs whose place is taken by a file that is not theirs, which is left as it is.
    set_aside: one line per damaged file that was moved to DIR/damaged; its run is pending.
    """

    pending: list[str]
    finished: set[str]
    blocked: list[Failure]
    set_aside: list[str]


def inspect_runs(folder: StudyFolder, conditions: Mapping[str, AnyCondition]) -> Found:
    """Check every run file, and every checkpoint of a run without one, byte by byte; set damaged ones aside."""
    finished: set[str] = set()
    blocked: list[Failure] = []
    moved: list[str] = []
    for run_id in sorted(conditions):
        path = run_file(folder.runs_dir, run_id)
        if not path.exists():
            moved += _checked_checkpoint(folder, run_id)
            continue
        try:
            check_run_file(path, run_id)
        except DamagedFile as error:
            moved.append(_moved(folder, path, error))
        except OtherFile as error:
            name = path.relative_to(folder.out_dir)
            blocked.append(Failure(run_id, f"{name}: {error}; left as it is, remove it to run this condition", 0))
        else:
            finished.add(run_id)
    pending = sorted(conditions.keys() - finished - {failure.run_id for failure in blocked})
    pending.sort(key=lambda run_id: -conditions[run_id].agent_hours)
    return Found(pending, finished, blocked, moved)


def _checked_checkpoint(folder: StudyFolder, run_id: str) -> list[str]:
    """Set the checkpoint of a run aside if it is damaged: the run starts from the beginning."""
    path = checkpoint_file(folder.out_dir / "checkpoints", run_id)
    if not path.exists():
        return []
    try:
        read_meta(path)
    except DamagedCheckpoint as error:
        return [_moved(folder, path, error)]
    except ValueError:  # of another scenario, or not to be read now: the run says so
        pass
    return []


def _moved(folder: StudyFolder, path: Path, error: ValueError) -> str:
    before, kept = (each.relative_to(folder.out_dir) for each in (path, set_aside(folder.out_dir, path)))
    line = f"{before}: {error}; set aside as {kept}"
    folder.log(line)
    return line


@dataclass
class RunLedger:
    """What is done and what failed, on disk and for the display."""

    folder: StudyFolder
    conditions: Mapping[str, AnyCondition]
    progress: Callable[[Step], None] | None
    failed: list[Failure]
    done: list[str] = field(default_factory=list)
    _left: float = 0.0
    _all: float = 0.0
    _total: int = 0
    _lines: list[str] | None = None  # for the log, where they are kept to be written together

    def expect(self, run_ids: list[str]) -> None:
        """Say which runs are going to be made."""
        self._all = self._left = sum(self.conditions[run_id].agent_hours for run_id in run_ids)
        self._total = len(run_ids)
        if run_ids and self.progress is not None:
            self.progress(Step(0, 0, self._total, 0.0, ""))

    def record_done(self, run_id: str, seconds: float) -> None:
        """A run has its file."""
        self.done.append(run_id)
        self.folder.forget_failure(run_id)
        self._log(f"done {run_id} in {seconds:.2f} s")
        self._show(run_id)

    def record_failure(self, failure: Failure) -> None:
        """A run was made and has no file."""
        self.failed.append(failure)
        condition = self.conditions[failure.run_id]
        self.folder.write_failure(failure.run_id, failure.reason, failure.trace, failure.attempts, condition)
        self._log(f"failed {failure.run_id} after {failure.attempts} attempt(s): {failure.reason}")
        self._show(failure.run_id)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Runs that are entered inside are shown and logged together, at the end: they have come back together."""
        progress, self.progress = self.progress, None
        before = len(self.done) + len(self.failed)
        self._lines = []
        try:
            yield
        finally:
            self.progress, lines, self._lines = progress, self._lines, None
            self.folder.log(*lines)
        if len(self.done) + len(self.failed) > before:
            self._report("")

    def _log(self, line: str) -> None:
        if self._lines is None:
            self.folder.log(line)
        else:
            self._lines.append(line)

    def _show(self, run_id: str) -> None:
        self._left -= self.conditions[run_id].agent_hours
        self._report(run_id)

    def _report(self, run_id: str) -> None:
        if self.progress is not None:
            failed = sum(failure.attempts > 0 for failure in self.failed)
            fraction = 1 - self._left / self._all if self._all else 1.0
            self.progress(Step(len(self.done) + failed, failed, self._total, fraction, run_id))
