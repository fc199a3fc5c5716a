"""A sweep on this machine: runs in spawned processes that may fail, hang or die without taking the others along.

Results do not depend on anything here: a run is a pure function of its condition, and its file is named by a hash of
it. Order, number of processes, shards and restarts only decide when a file appears.

A run that raises fails at once, since it would raise again. A process that dies under a run (out of memory, a crash in
compiled code) may have died for its neighbours' sake: the run is tried once more with nothing beside it. A run that
passes the time limit is killed.
"""

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from simulation import runtime
from simulation.run.folder import StudyFolder, fault_of, hold, run_file

ATTEMPTS = 2
GRACE_S = 1.5  # how long running work may go on after a request to stop


@dataclass(frozen=True)
class Failure:
    """A run without a file: its id, one line that says why, and how often it was tried (0: never started)."""

    run_id: str
    reason: str
    attempts: int
    trace: str = ""


@dataclass(frozen=True)
class Step:
    """What a progress display needs at the start and after each run: counts so far, share of the work in [0, 1]."""

    finished: int
    failed: int
    total: int
    work_done: float
    run_id: str


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended: run ids done now and skipped (finished before), failures, and the signal that stopped it."""

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: tuple[Failure, ...]
    signal: int | None = None


Run = Callable[[Mapping, Path, bool], Path]


def execute(
    conditions: Mapping[str, Mapping],
    out_dir: Path,
    *,
    workers: int | None = None,
    threads: int | None = None,
    timeout_s: float | None = None,
    check: bool = False,
    progress: Callable[[Step], None] | None = None,
    run: Run | None = None,
) -> Outcome:
    """Bring every condition (run id -> resolved condition) to a finished file in out_dir.

    workers: processes at most, default one per core; one, or one pending run, works in this process unless a time
    limit asks for something that can be killed. threads: cores one run may use, default all for a single run, else 1.
    timeout_s: longest time of one run in seconds, compiling included where it comes first. check: let runs verify
    themselves. run: what makes a file, by default simulation.run.one.run_to_file; has to be importable by name.
    Raises FolderError if out_dir cannot be used, and nothing for runs that fail.
    """
    with StudyFolder(out_dir) as folder:
        folder.remove_leftovers()
        skipped, blocked = _what_is_there(folder, conditions)
        pending = sorted(conditions.keys() - skipped - {failure.run_id for failure in blocked})
        # The longest first, so that none is left alone at the end; the id settles ties.
        pending.sort(key=lambda run_id: -work(conditions[run_id]))
        workers = min(workers or runtime.cores(), max(1, len(pending)))
        threads = threads or (1 if len(pending) > 1 else runtime.cores())
        runtime.configure(threads)
        sweep = _Sweep(folder, conditions, progress, blocked)
        folder.log(f"start: {len(pending)} runs, {len(skipped)} finished before, {workers} processes")
        job = partial(_call, run, folder.runs_dir, check)
        with _signals() as stop:
            if workers == 1 and timeout_s is None:
                _one_after_another(sweep, pending, job, stop)
            elif pending:
                _Pool(sweep, workers, threads, job, timeout_s, stop).work_through(pending)
        folder.remove_leftovers()
        ending = ", interrupted" if stop.number else ""
        folder.log(f"end: {len(sweep.done)} done, {len(sweep.failed)} failed{ending}")
    return Outcome(tuple(sorted(sweep.done)), tuple(sorted(skipped)), tuple(sweep.failed), stop.number)


def shard(conditions: Mapping[str, Mapping], index: int, count: int) -> dict[str, Mapping]:
    """Part `index` (0 to count - 1) of the conditions: parts are disjoint, complete and alike in amount of work."""
    if not 0 <= index < count:
        raise ValueError(f"shard {index}/{count}: the first number runs from 0 to {count - 1}")
    order = sorted(conditions, key=lambda run_id: (-work(conditions[run_id]), run_id))
    return {run_id: conditions[run_id] for run_id in order[index::count]}


def work(condition: Mapping) -> float:
    """Rough amount of work in a run, in agent hours; only its ratios matter, and only for order and time left."""
    effectors, targets = condition["effectors"]["nk_cells"], condition["targets"]["cells"]
    return (effectors + 0.4 * targets + 100) * condition["assay"]["duration_h"]


def _what_is_there(folder: StudyFolder, conditions: Mapping[str, Mapping]) -> tuple[set[str], list[Failure]]:
    """Finished runs, and runs whose place is taken by a file that is not theirs or not whole: never overwritten."""
    skipped, blocked = set(), []
    for run_id in sorted(conditions):
        path = run_file(folder.runs_dir, run_id)
        if not path.exists():
            continue
        fault = fault_of(path, run_id)
        if fault is None:
            skipped.add(run_id)
        else:
            name = path.relative_to(folder.out_dir)
            blocked.append(Failure(run_id, f"{name}: {fault}; left as it is, remove it to run this condition", 0))
    return skipped, blocked


@dataclass
class _Sweep:
    """The books: what is done and what failed, on disk and for the display."""

    folder: StudyFolder
    conditions: Mapping[str, Mapping]
    progress: Callable[[Step], None] | None
    failed: list[Failure]
    done: list[str] = field(default_factory=list)
    _left: float = 0.0
    _all: float = 0.0
    _total: int = 0

    def expect(self, run_ids: list[str]) -> None:
        self._all = self._left = sum(work(self.conditions[run_id]) for run_id in run_ids)
        self._total = len(run_ids)
        if run_ids and self.progress is not None:
            self.progress(Step(0, 0, self._total, 0.0, ""))

    def record_done(self, run_id: str, seconds: float) -> None:
        self.done.append(run_id)
        self.folder.forget_failure(run_id)
        self.folder.log(f"done {run_id} in {seconds:.2f} s")
        self._show(run_id)

    def record_failure(self, failure: Failure) -> None:
        self.failed.append(failure)
        condition = self.conditions[failure.run_id]
        self.folder.write_failure(failure.run_id, failure.reason, failure.trace, failure.attempts, condition)
        self.folder.log(f"failed {failure.run_id} after {failure.attempts} attempt(s): {failure.reason}")
        self._show(failure.run_id)

    def _show(self, run_id: str) -> None:
        self._left -= work(self.conditions[run_id])
        if self.progress is not None:
            failed = sum(failure.attempts > 0 for failure in self.failed)
            share = 1 - self._left / self._all if self._all else 1.0
            self.progress(Step(len(self.done) + failed, failed, self._total, share, run_id))


def _call(run: Run | None, runs_dir: Path, check: bool, condition: Mapping) -> tuple[float, str, str]:
    """Make one run; return its seconds and, if it failed, a reason and the traceback."""
    start = time.perf_counter()
    try:
        if run is None:
            from simulation.run.one import run_to_file as run
        run(condition, runs_dir, check)
    except Exception as error:
        text = str(error).strip().partition("\n")[0]
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return time.perf_counter() - start, reason, traceback.format_exc()
    return time.perf_counter() - start, "", ""


# -- being asked to stop --------------------------------------------------------------------------------------------


class _Stopped(KeyboardInterrupt):
    """Raised in this process out of a running run when it is asked to stop."""


class _Stop:
    """Which signal arrived, if any, and a descriptor that becomes readable when it does."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.raising = False
        self.reader, self._writer = os.pipe()

    def handle(self, number: int, frame: object) -> None:
        self.number = number
        os.write(self._writer, b"!")
        if self.raising:
            self.raising = False
            raise _Stopped

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)


@contextmanager
def _signals() -> Iterator[_Stop]:
    """Turn SIGINT and SIGTERM into a wish to stop; only the main thread may do so, elsewhere nothing changes."""
    stop, before = _Stop(), {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                before[number] = signal.signal(number, stop.handle)
            except ValueError:
                break
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()


# -- in this process ------------------------------------------------------------------------------------------------


def _one_after_another(sweep: _Sweep, pending: list[str], job: Callable, stop: _Stop) -> None:
    sweep.expect(pending)
    for run_id in pending:
        try:
            stop.raising = True
            if stop.number is None:
                seconds, reason, trace = job(sweep.conditions[run_id])
            stop.raising = False
        except _Stopped:
            pass
        if stop.number is not None:
            # The run may have ended just before: then its file counts at the next start.
            return
        if reason:
            sweep.record_failure(Failure(run_id, reason, 1, trace))
        else:
            sweep.record_done(run_id, seconds)


# -- in processes of their own --------------------------------------------------------------------------------------


def _serve(connection: Connection, job: Callable, runs_dir: Path, threads: int) -> None:
    """Life of a worker: a condition in, a sign that it began and then its result out, until the other end closes."""
    # Ctrl-C reaches the whole terminal group; when to stop is decided in one place. SIGTERM ends a worker at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runtime.configure(threads)
    hold(runs_dir)  # kept for life: while this worker lives, even as an orphan, its .part is no leftover
    try:
        while True:
            condition = connection.recv()
            connection.send(None)
            connection.send(job(condition))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Worker:
    """A process and what it works on."""

    def __init__(self, job: Callable, runs_dir: Path, threads: int):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, job, runs_dir, threads), daemon=True)
        self.process.start()
        theirs.close()
        self.run_id: str | None = None
        self.deadline = float("inf")

    def give(self, run_id: str, condition: Mapping) -> None:
        self.run_id = run_id
        self.deadline = float("inf")  # set when the run begins: a slow start of the process is not its fault
        try:
            self.connection.send(condition)
        except OSError:
            return  # it died while idle: the closed pipe is noticed as a death under this run

    def end(self) -> str:
        """Kill the process if it lives; say how it ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        code = self.process.exitcode
        self.process.close()
        return _how_it_ended(code)


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


class _Pool:
    """Workers, the queue, and the runs under which a worker died."""

    def __init__(self, sweep: _Sweep, size: int, threads: int, job: Callable, timeout_s: float | None, stop: _Stop):
        self.sweep, self.size, self.timeout_s, self.stop = sweep, size, timeout_s, stop
        self.new_worker = partial(_Worker, job, sweep.folder.runs_dir, threads)
        self.idle: list[_Worker] = []
        self.busy: list[_Worker] = []
        self.queue: deque[str] = deque()
        self.suspects: deque[str] = deque()
        self.attempts: dict[str, int] = {}

    def work_through(self, pending: list[str]) -> None:
        self.sweep.expect(pending)
        self.queue.extend(pending)
        last_moment = float("inf")
        try:
            while True:
                if self.stop.number is None:
                    self._dispatch()
                elif last_moment == float("inf"):
                    last_moment = time.monotonic() + GRACE_S
                if not self.busy or time.monotonic() >= last_moment:
                    return
                self._wait(last_moment)
        finally:
            for worker in [*self.idle, *self.busy]:
                worker.end()

    def _dispatch(self) -> None:
        while self.queue and len(self.busy) < self.size:
            self._start(self.queue.popleft())
        if self.suspects and not self.busy:
            # Alone in the machine: no idle neighbour holds memory either.
            while self.idle:
                self.idle.pop().end()
            self._start(self.suspects.popleft())

    def _start(self, run_id: str) -> None:
        worker = self.idle.pop() if self.idle else self.new_worker()
        self.attempts[run_id] = self.attempts.get(run_id, 0) + 1
        worker.give(run_id, self.sweep.conditions[run_id])
        self.busy.append(worker)

    def _wait(self, last_moment: float) -> None:
        """Until something happens: an answer, a death, a passed time limit or a signal."""
        moment = min([last_moment, *(worker.deadline for worker in self.busy)])
        timeout = None if moment == float("inf") else max(0.0, moment - time.monotonic())
        stop = [] if self.stop.number is not None else [self.stop.reader]
        ready = wait([*(worker.connection for worker in self.busy), *stop], timeout)
        for worker in list(self.busy):
            if worker.connection in ready:
                self._collect(worker)
            elif time.monotonic() >= worker.deadline:
                worker.end()
                self.busy.remove(worker)
                self._fail(worker.run_id, f"passed the time limit of {self.timeout_s:g} s and was stopped")

    def _collect(self, worker: _Worker) -> None:
        run_id = worker.run_id
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self.busy.remove(worker)
            worker.process.join(1.0)
            reason = worker.end()
            if self.attempts[run_id] < ATTEMPTS:
                self.suspects.append(run_id)
            else:
                self._fail(run_id, reason)
            return
        if answer is None:
            worker.deadline = time.monotonic() + (float("inf") if self.timeout_s is None else self.timeout_s)
            return
        self.busy.remove(worker)
        self.idle.append(worker)
        seconds, reason, trace = answer
        if reason:
            self._fail(run_id, reason, trace)
        else:
            self.sweep.record_done(run_id, seconds)

    def _fail(self, run_id: str, reason: str, trace: str = "") -> None:
        self.sweep.record_failure(Failure(run_id, reason, self.attempts[run_id], trace))
