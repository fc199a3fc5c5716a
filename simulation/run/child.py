"""A process that makes runs, one after the other, for another process that may time it, kill it and outlive it.

Started as a fresh interpreter, so that it inherits no thread, lock or half-imported library. When its owner dies, even
by SIGKILL, the child ends itself: nothing is left behind that computes for nobody. It does so by SIGTERM to itself, as
a batch system would ask it, so a run that can save its state needs one handler for both.
"""

import os
import pickle
import queue
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from simulation import runtime
from simulation.run.folder import hold
from simulation.scenario.plan import run_seconds

SAVING_S = 20.0  # how long a child whose owner is gone may take to save before it is ended; Slurm's KillWait is 30 s

AHEAD = 3  # short runs that a child holds at most: one waits, one is computed, one is being flushed to disk
SHORT_S = 0.2  # expected time of a run that may wait in a child; longer ones go to whoever is free first

Run = Callable[[Mapping, Path, bool], Path]
Answer = tuple[float, str, str]  # seconds, reason ("" if the run has its file), traceback
Rest = Callable[[], Answer]  # what is left of a run when it has been computed

_PROGRAM = "import sys; sys.path[:] = {path!r}; from simulation.run.child import serve; serve({descriptor})"


class Died(Exception):
    """The process of a run ended under it; str() says how."""


class TimedOut(Exception):
    """A run passed its time limit and its process was killed."""


def call(run: Run | None, runs_dir: Path, check: bool, condition: Mapping) -> Answer:
    """Make one run; return its seconds and, if it failed, a reason and the traceback."""
    found = compute(run, runs_dir, check, condition)
    return found() if callable(found) else found


def compute(run: Run | None, runs_dir: Path, check: bool, condition: Mapping) -> Answer | Rest:
    """Make one run but for the wait for the disk, which is left to the returned function; a failure is answered now.

    Neither of them raises.
    """
    start = time.perf_counter()
    try:
        if run is None:
            from simulation.run.one import begin

            rest = begin(condition, runs_dir, check)
        else:
            rest = partial(Path, run(condition, runs_dir, check))
    except Exception as error:
        return _failed(error, time.perf_counter() - start)
    return partial(_finish, rest, time.perf_counter() - start)


def _finish(rest: Callable[[], Path], seconds: float) -> Answer:
    start = time.perf_counter()
    try:
        rest()
    except Exception as error:
        return _failed(error, seconds + time.perf_counter() - start)
    return seconds + time.perf_counter() - start, "", ""


def _failed(error: Exception, seconds: float) -> Answer:
    text = str(error).strip().partition("\n")[0]
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return seconds, reason, "".join(traceback.format_exception(error))


def is_short(condition: Mapping) -> bool:
    """Whether a run may wait in a child behind others."""
    return condition["kind"] == "well" and run_seconds(condition) < SHORT_S


class Child:
    """A process and what it works on. `connection` is readable when it began a run, ended one, or died.

    It holds one run, or up to AHEAD short ones, and answers them in the order in which they were given.
    """

    def __init__(self, job: Callable[[Mapping], Answer | Rest], runs_dir: Path, threads: int):
        self.connection, theirs = Pipe()
        program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self.given: deque[str] = deque()  # run ids without an answer, the first `_begun` of which have begun
        self.deadline = float("inf")
        self._begun = 0
        self._all_short = True
        with suppress(OSError):  # one that died at once is noticed when it is given a run
            self.connection.send((job, runs_dir, threads))

    def has_room(self, condition: Mapping) -> bool:
        """Whether it may be given this run now."""
        return not self.given or (self._all_short and len(self.given) < AHEAD and is_short(condition))

    def give(self, run_id: str, condition: Mapping) -> None:
        """Hand over a condition."""
        if not self.given:
            self.deadline = float("inf")  # set when the run begins: a slow start of the process is not its fault
            self._all_short = is_short(condition)
        self.given.append(run_id)
        with suppress(OSError):  # it died while idle: the closed pipe is noticed as a death under this run
            _send(self.connection, condition)

    def receive(self, timeout_s: float | None) -> tuple[str, Answer] | None:
        """The next message: None if a run began, whose time counts from now on, else a run id and its answer.

        Raises EOFError or OSError if the process is gone.
        """
        answer = self.connection.recv()
        if answer is None:
            self._begun += 1
            self.deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
            return None
        self._begun -= 1
        if not self._begun:
            self.deadline = float("inf")
        return self.given.popleft(), answer

    def answer(self, timeout_s: float | None) -> tuple[str, Answer]:
        """Wait for the next run to end. Raises Died or TimedOut; the process is gone then."""
        try:
            while True:
                limited = self.deadline != float("inf")  # else to ask first would only cost time, in every short run
                if limited and not self.connection.poll(max(0.0, self.deadline - time.monotonic())):
                    self.end()
                    raise TimedOut
                found = self.receive(timeout_s)
                if found is not None:
                    return found
        except (EOFError, OSError):
            raise Died(self.bury()) from None

    def make(self, run_id: str, condition: Mapping, timeout_s: float | None) -> Answer:
        """Make one run and wait for it. Raises Died or TimedOut; the process is gone then."""
        self.give(run_id, condition)
        return self.answer(timeout_s)[1]

    def suspects(self) -> list[str]:
        """Runs that it had begun and not answered, or was about to begin: one of them may have been its death."""
        return list(self.given)[: max(1, self._begun)]

    def untouched(self) -> list[str]:
        """Runs that were only waiting in it."""
        return list(self.given)[max(1, self._begun) :]

    def bury(self) -> str:
        """Say how a process that is dying ended; how is known a moment after its end of the pipe closed."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        return self.end()

    def end(self) -> str:
        """Kill the process if it lives; say how it ended."""
        self.process.kill()
        self.connection.close()
        return how_it_ended(self.process.wait())


def _send(connection: Connection, message: Mapping | Answer | None) -> None:
    """As connection.send, which for each message makes a pickler that knows of open files, and takes longer."""
    connection.send_bytes(pickle.dumps(message))


def how_it_ended(code: int) -> str:
    """The exit code of a process in words; negative codes are signals."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


# -- in the child ---------------------------------------------------------------------------------------------------


def serve(descriptor: int) -> None:
    """Life of a child: a condition in, a sign that it began and then its result out, until the other end closes."""
    # Ctrl-C reaches the whole terminal group; when to stop is decided in one place. SIGTERM ends a child at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection = Connection(descriptor)
    try:
        job, runs_dir, threads = connection.recv()
        threading.Thread(target=_end_with_owner, args=(descriptor,), daemon=True).start()
        runtime.configure(threads)
        answers = _Answers(connection)
        while True:
            condition = connection.recv()
            lock = hold(runs_dir)  # while this lives, even for a moment as an orphan, its .part is no leftover
            answers.send(None)
            answers.put(job(condition), lock)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Answers:
    """What goes back to the owner; while one run waits for the disk in a thread, the next one is computed."""

    def __init__(self, connection: Connection):
        self._connection, self._sending = connection, threading.Lock()
        self._waiting: queue.Queue[tuple[Answer | Rest, int | None]] = queue.Queue(maxsize=1)
        threading.Thread(target=self._finish, daemon=True).start()

    def send(self, message: Answer | None) -> None:
        with self._sending:
            _send(self._connection, message)

    def put(self, answer: Answer | Rest, lock: int | None) -> None:
        """Answer when the file is there, in the order of these calls; waits while two runs are ahead.

        A failure has no file to wait for: it is answered before the next run begins, which may take the process along.
        """
        self._waiting.put((answer, lock))
        if not callable(answer):
            self._waiting.join()

    def _finish(self) -> None:
        while True:
            answer, lock = self._waiting.get()
            with suppress(OSError):  # the owner is gone, and so is this process in a moment
                self.send(answer() if callable(answer) else answer)
            if lock is not None:
                os.close(lock)
            self._waiting.task_done()


def _end_with_owner(descriptor: int) -> None:
    """Wait until the other end of the connection is closed, then end this process, also in the middle of a run."""
    watch = select.poll()
    watch.register(descriptor, 0)  # nothing but the hang-up, which is always reported
    watch.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING_S)
    os._exit(1)
