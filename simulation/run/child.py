"""A process that makes runs, one at a time, for another process that may time it, kill it and outlive it.

Started as a fresh interpreter, so that it inherits no thread, lock or half-imported library. When its owner dies, even
by SIGKILL, the child ends itself: nothing is left behind that computes for nobody. It does so by SIGTERM to itself, as
a batch system would ask it, so a run that can save its state needs one handler for both.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from simulation import runtime
from simulation.run.folder import hold

SAVING_S = 20.0  # how long a child whose owner is gone may take to save before it is ended; Slurm's KillWait is 30 s

Run = Callable[[Mapping, Path, bool], Path]
Answer = tuple[float, str, str]  # seconds, reason ("" if the run has its file), traceback

_PROGRAM = "import sys; sys.path[:] = {path!r}; from simulation.run.child import serve; serve({descriptor})"


class Died(Exception):
    """The process of a run ended under it; str() says how."""


class TimedOut(Exception):
    """A run passed its time limit and its process was killed."""


def call(run: Run | None, runs_dir: Path, check: bool, condition: Mapping) -> Answer:
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


class Child:
    """A process and what it works on. `connection` is readable when it began a run, ended one, or died."""

    def __init__(self, job: Callable[[Mapping], Answer], runs_dir: Path, threads: int):
        self.connection, theirs = Pipe()
        program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self.run_id: str | None = None
        self.deadline = float("inf")
        with suppress(OSError):  # one that died at once is noticed when it is given a run
            self.connection.send((job, runs_dir, threads))

    def give(self, run_id: str, condition: Mapping) -> None:
        """Hand over a condition."""
        self.run_id = run_id
        self.deadline = float("inf")  # set when the run begins: a slow start of the process is not its fault
        with suppress(OSError):  # it died while idle: the closed pipe is noticed as a death under this run
            self.connection.send(condition)

    def began(self, timeout_s: float | None) -> None:
        """The run has begun: from now on its time counts."""
        self.deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)

    def make(self, run_id: str, condition: Mapping, timeout_s: float | None) -> Answer:
        """Make one run and wait for it. Raises Died or TimedOut; the process is gone then."""
        self.give(run_id, condition)
        try:
            while True:
                left = None if self.deadline == float("inf") else max(0.0, self.deadline - time.monotonic())
                if not self.connection.poll(left):
                    self.end()
                    raise TimedOut
                answer = self.connection.recv()
                if answer is not None:
                    return answer
                self.began(timeout_s)
        except (EOFError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)  # how it ended is known a moment after its end of the pipe closed
            raise Died(self.end()) from None

    def end(self) -> str:
        """Kill the process if it lives; say how it ended."""
        self.process.kill()
        self.connection.close()
        return how_it_ended(self.process.wait())


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
        while True:
            condition = connection.recv()
            lock = hold(runs_dir)  # while this lives, even for a moment as an orphan, its .part is no leftover
            connection.send(None)
            connection.send(job(condition))
            if lock is not None:
                os.close(lock)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with_owner(descriptor: int) -> None:
    """Wait until the other end of the connection is closed, then end this process, also in the middle of a run."""
    watch = select.poll()
    watch.register(descriptor, 0)  # nothing but the hang-up, which is always reported
    watch.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING_S)
    os._exit(1)
