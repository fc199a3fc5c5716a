"""Worker processes: started, fed, timed and, where need be, killed; and what asks a sweep to stop.

A process that dies under a run (out of memory, a crash in compiled code) may have died for its neighbours' sake: the
run is tried once more with nothing beside it. A run that passes the time limit is killed.
"""

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from simulation import runtime
from simulation.run.books import Books, Failure
from simulation.run.folder import hold

ATTEMPTS = 2
GRACE_S = 1.5  # how long running work may go on after a request to stop
SAVING_S = 60.0  # a mouse is told to save what it has, and may take so long

Run = Callable[[Mapping, Path, bool], Path]


def call(run: Run | None, runs_dir: Path, check: bool, condition: Mapping) -> tuple[float, str, str]:
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


class Stopped(KeyboardInterrupt):
    """Raised in this process out of a running run when it is asked to stop."""


class Stop:
    """Which signal arrived, if any, and a descriptor that becomes readable when it does."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.raising = False
        self.reader, self._writer = os.pipe()

    def handle(self, number: int, frame: object) -> None:
        """Signal handler: note the signal, wake who waits on `reader`, and leave a run of this process."""
        self.number = number
        os.write(self._writer, b"!")
        if self.raising:
            self.raising = False
            raise Stopped

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self.reader)
        os.close(self._writer)


@contextmanager
def signals() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a wish to stop; only the main thread may do so, elsewhere nothing changes."""
    stop, before = Stop(), {}
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
        """Hand over a condition."""
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


class Pool:
    """Workers, the queue, and the runs under which a worker died."""

    def __init__(self, books: Books, size: int, threads: int, job: Callable, timeout_s: float | None, stop: Stop):
        self.books, self.size, self.timeout_s, self.stop = books, size, timeout_s, stop
        self.new_worker = partial(_Worker, job, books.folder.runs_dir, threads)
        self.idle: list[_Worker] = []
        self.busy: list[_Worker] = []
        self.queue: deque[str] = deque()
        self.suspects: deque[str] = deque()
        self.attempts: dict[str, int] = {}

    def work_through(self, pending: list[str]) -> None:
        """Bring all pending runs to an end, or as many as finish shortly after a request to stop."""
        self.books.expect(pending)
        self.queue.extend(pending)
        last_moment = float("inf")
        try:
            while True:
                if self.stop.number is None:
                    self._dispatch()
                elif last_moment == float("inf"):
                    last_moment = time.monotonic() + self._ask_to_save()
                if not self.busy or time.monotonic() >= last_moment:
                    return
                self._wait(last_moment)
        finally:
            for worker in [*self.idle, *self.busy]:
                worker.end()

    def _ask_to_save(self) -> float:
        """Tell the workers that can save to do so; seconds that the busy ones are left."""
        saving = [w for w in self.busy if self.books.conditions[w.run_id]["kind"] == "xenograft"]
        for worker in saving:
            worker.process.terminate()
        return SAVING_S if saving else GRACE_S

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
        worker.give(run_id, self.books.conditions[run_id])
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
            if self.stop.number is not None:
                return  # a signal to the whole group reached the worker too: no fault of the run
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
            self.books.record_done(run_id, seconds)

    def _fail(self, run_id: str, reason: str, trace: str = "") -> None:
        self.books.record_failure(Failure(run_id, reason, self.attempts[run_id], trace))
