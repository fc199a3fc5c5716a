"""A process that makes runs, one after the other, for another process that may time it, kill it and outlive it.

Started as a fresh interpreter, so that it inherits no thread, lock or half-imported library. When its owner dies, even
by SIGKILL, the child ends itself: nothing is left behind that computes in vain. It does so by SIGTERM to itself, as
a batch system would ask it, so a run that can save its state needs one handler for both.
"""

import os
import pickle
import queue
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from mmap import mmap
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from adccsim import runtime
from adccsim.conditions import AnyCondition
from adccsim.execution.folder import hold

SAVING_S = 20.0  # how long a child whose owner is gone may take to save before it is ended; Slurm's KillWait is 30 s

AHEAD = 16  # short runs that a child holds at most, as long as they are not expected to take longer than AHEAD_S,
FEWEST_AHEAD = 3  # and these in any case: one waits, one is computed, one is being flushed to disk
AHEAD_S = 0.3
SHORT_S = 0.2  # expected time of a run that may wait in a child; longer ones go to the first free child
TELL_S = 0.05  # what short runs have come to is reported together, this long after the last time
LOOK_S = 0.25  # between two looks at the time limits: when a run begins is not reported
# Conditions that a child holds, and buffers on the way to it: who gives never waits for a child that is at work.
HELD_BYTES, BUFFER_BYTES = 1 << 16, 1 << 17
TRACE_CHARACTERS = 8000  # of a traceback, its end

Run = Callable[[AnyCondition, Path, bool], Path]
Answer = tuple[float, str, str]  # seconds, reason ("" if the run has its file), traceback
Rest = Callable[[], Answer]  # what is left of a run when it has been computed

_PROGRAM = "import sys; sys.path[:] = {path!r};from adccsim.execution.child import serve; serve({pipe}, {board})"


class Died(Exception):
    """The process of a run ended under it; str() says how."""


class TimedOut(Exception):
    """A run passed its time limit and its process was killed.

    culprit: its id, or None if it ended just before the kill. others: what the process held next to it.
    """

    def __init__(self, culprit: str | None, others: list[str]):
        super().__init__(culprit)
        self.culprit, self.others = culprit, others


def call(run: Run | None, runs_dir: Path, check: bool, condition: AnyCondition) -> Answer:
    """Make one run; return its seconds and, if it failed, a reason and the traceback."""
    found = compute(run, runs_dir, check, condition)
    return found() if callable(found) else found


def compute(run: Run | None, runs_dir: Path, check: bool, condition: AnyCondition) -> Answer | Rest:
    """Make one run but for the wait for the disk, which is left to the returned function; a failure is answered now.

    Neither of them raises.
    """
    start = time.perf_counter()
    try:
        if run is None:
            from adccsim.execution.one import begin

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
    return seconds, reason, "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:]


def short_s(condition: AnyCondition) -> float:
    """Expected time of a run that may wait in a child behind others, in seconds; infinite for one that may not."""
    return condition.seconds if condition.seconds < SHORT_S and not condition.saves else float("inf")


class Child:
    """A process and what it works on. `connection` is readable when it has something to tell, or died.

    It holds one run, or several short ones, and answers them in the order in which they were given. timeout_s: longest
    time of one run; a limit shorter than LOOK_S may be passed by as much before anybody looks.
    """

    def __init__(
        self, job: Callable[[AnyCondition], Answer | Rest], runs_dir: Path, threads: int, timeout_s: float | None = None
    ):
        self.connection, theirs = _pipe()
        board = _shared_memory(Board.BYTES)
        try:
            program = _PROGRAM.format(path=sys.path, pipe=theirs.fileno(), board=board)
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", program], stdin=subprocess.DEVNULL, env=_environment(),
                pass_fds=[theirs.fileno(), board],
            )  # fmt: skip
            self._board = Board(board)
        finally:
            theirs.close()
            os.close(board)
        self.timeout_s = timeout_s
        self.given: deque[str] = deque()  # run ids without an answer
        self._size: deque[tuple[float, int]] = deque()  # of each of them: expected seconds, bytes of its condition
        self._answered = 0
        self._outgoing: list[bytes] = []
        with suppress(OSError):  # one that died at once is noticed when it is given a run
            self.connection.send((job, runs_dir, threads))

    def has_room(self, condition: AnyCondition) -> bool:
        """Whether it may be given this run now."""
        if not self.given:
            return True
        seconds = sum(seconds for seconds, _ in self._size) + short_s(condition)  # infinite if any of them is long
        held = sum(size for _, size in self._size) + self._size[-1][1]  # conditions of one sweep are alike
        if held > HELD_BYTES or len(self.given) >= AHEAD:
            return False
        return seconds < (float("inf") if len(self.given) < FEWEST_AHEAD else AHEAD_S)

    def give(self, run_id: str, condition: AnyCondition) -> None:
        """Hand over a condition, which goes out at the next send()."""
        self.given.append(run_id)
        self._outgoing.append(pickle.dumps(condition))
        self._size.append((short_s(condition), len(self._outgoing[-1])))

    def send(self) -> None:
        """Let go what was given since the last time."""
        if self._outgoing:
            with suppress(OSError):  # it died while idle: the closed pipe is noticed as a death under this run
                _send(self.connection, self._outgoing)
            self._outgoing = []

    @property
    def deadline(self) -> float:
        """When the run that it began last passes its time limit; a slow start of the process does not count."""
        return self._under_way()[1]

    def check_time(self) -> None:
        """Raises TimedOut if the run that it began last has passed its time limit; the process is gone then."""
        number, deadline = self._under_way()
        if time.monotonic() < deadline:
            return
        self.end()
        _, ended, _ = self._board.read()
        others = list(self.given)
        raise TimedOut(None if ended >= number else others.pop(number - 1 - self._answered), others)

    def _under_way(self) -> tuple[int, float]:
        """(number of the run that it began last, when that passes its time limit); infinite if it has ended."""
        begun, ended, moment = self._board.read()
        if self.timeout_s is None or begun <= max(ended, self._answered):
            return begun, float("inf")
        return begun, moment + self.timeout_s

    def receive(self) -> list[tuple[str, Answer]]:
        """What it tells: run ids and their answers. Raises EOFError or OSError if the process is gone."""
        answers = self.connection.recv()
        self._answered += len(answers)
        for _ in answers:
            self._size.popleft()
        return [(self.given.popleft(), answer) for answer in answers]

    def answers(self) -> list[tuple[str, Answer]]:
        """Wait until it tells something. Raises Died or TimedOut; the process is gone then."""
        self.send()
        try:
            while self.timeout_s is not None and not self.connection.poll(until(self.deadline, LOOK_S)):
                self.check_time()
            return self.receive()
        except (EOFError, OSError):
            raise Died(self.reap()) from None

    def make(self, run_id: str, condition: AnyCondition) -> Answer:
        """Make one run and wait for it. Raises Died or TimedOut; the process is gone then."""
        self.give(run_id, condition)
        return self.answers()[0][1]

    def suspects(self) -> list[str]:
        """Of a dead child: runs that it had begun and not ended, or was about to begin: one may have been its death."""
        first, last = self._begun()
        return list(self.given)[first:last]

    def untouched(self) -> list[str]:
        """Of a dead child: runs that were only waiting in it, or ended so lately that it did not come to tell."""
        first, last = self._begun()
        return [*list(self.given)[:first], *list(self.given)[last:]]

    def _begun(self) -> tuple[int, int]:
        """From which to which of its runs, counted from the first without an answer, one may be under way."""
        begun, ended, _ = self._board.read()
        first = max(0, ended - self._answered)
        return first, max(first + 1, begun - self._answered)

    def reap(self) -> str:
        """Say how a process that is dying ended; how is known a moment after its end of the pipe closed."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        return self.end()

    def end(self) -> str:
        """Kill the process if it lives; say how it ended."""
        self.process.kill()
        self.connection.close()
        return how_it_ended(self.process.wait())


def _environment() -> dict[str, str]:
    """Of a child: as here, but it keeps the memory that it frees.

    Dask has its workers give memory back at once, and so would their children: each run would fetch its 200 pages from
    the system again, a tenth of the time of a small well.
    """
    return {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}


class Board:
    """Three numbers in memory that a child shares with its owner, who may look at them after its death.

    They are: runs begun, runs ended, and when the last one began (time.monotonic).
    """

    BYTES = 24

    def __init__(self, descriptor: int):
        memory = memoryview(mmap(descriptor, self.BYTES))  # has a descriptor of its own
        self._counts, self._moment = memory[:16].cast("q"), memory[16:].cast("d")

    def begin(self) -> None:
        """Note that a run begins now."""
        self._moment[0] = time.monotonic()
        self._counts[0] += 1

    def end(self) -> None:
        """Note that a run has its file, or failed."""
        self._counts[1] += 1

    def read(self) -> tuple[int, int, float]:
        """(runs begun, runs ended, moment)."""
        return self._counts[0], self._counts[1], self._moment[0]


def until(moment: float, longest_s: float) -> float:
    """Seconds from now to a moment (time.monotonic), at least 0 and at most longest_s."""
    return min(longest_s, max(0.0, moment - time.monotonic()))


def _pipe() -> tuple[Connection, Connection]:
    """Both ends of a pipe that takes in what a child is given and answers while no process reads."""
    ends = Pipe()
    for end in ends:
        with socket.socket(fileno=os.dup(end.fileno())) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    return ends


def _shared_memory(size: int) -> int:
    """Descriptor of so many zero bytes that have no name."""
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return os.dup(file.fileno())


def _send(connection: Connection, message: list) -> None:
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


def serve(pipe: int, board: int) -> None:
    """Life of a child: conditions in, what they came to out, until the other end closes."""
    # Ctrl-C reaches the whole terminal group; when to stop is decided in one place. SIGTERM ends a child at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection = Connection(pipe)
    try:
        job, runs_dir, threads = connection.recv()
        threading.Thread(target=_end_with_owner, args=(pipe,), daemon=True).start()
        runtime.configure(threads)
        progress = Board(board)
        os.close(board)
        answers = _Answers(connection, progress)
        todo: deque[bytes] = deque()
        while True:
            while not todo or connection.poll():
                conditions = connection.recv()
                answers.expect(len(conditions))
                todo.extend(conditions)
            lock = hold(runs_dir)  # while this lives, even for a moment as an orphan, its .part is no leftover
            progress.begin()
            answers.put(job(pickle.loads(todo.popleft())), lock)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Answers:
    """What goes back to the owner; while one run waits for the disk in a thread, the next one is computed."""

    def __init__(self, connection: Connection, board: Board):
        self._connection, self._board = connection, board
        self._waiting: queue.Queue[tuple[Answer | Rest, int | None]] = queue.Queue(maxsize=1)
        self._counting = threading.Lock()
        self._expected = 0  # runs that have come and not ended
        threading.Thread(target=self._finish, daemon=True).start()

    def expect(self, runs: int) -> None:
        """Note that runs have come."""
        with self._counting:
            self._expected += runs

    def put(self, answer: Answer | Rest, lock: int | None) -> None:
        """Answer when the file is there, in the order of these calls; waits while two runs are ahead.

        A failure has no file to wait for: it is reported before the next run begins, which may take the process along.
        """
        self._waiting.put((answer, lock))
        if not callable(answer):
            self._waiting.join()

    def _finish(self) -> None:
        unreported: list[Answer] = []
        told = time.monotonic()
        while True:
            try:
                answer, lock = self._waiting.get(timeout=TELL_S if unreported else None)
            except queue.Empty:  # the next run takes longer than those before
                told = self._report_answers(unreported)
                continue
            unreported.append(answer() if callable(answer) else answer)
            with self._counting:
                self._expected -= 1
                none_left = not self._expected
            if none_left or unreported[-1][1] or time.monotonic() - told > TELL_S:
                told = self._report_answers(unreported)
            self._board.end()
            if lock is not None:
                os.close(lock)
            self._waiting.task_done()

    def _report_answers(self, unreported: list[Answer]) -> float:
        """Send these answers, and forget them; when that was."""
        with suppress(OSError):  # the owner is gone, and so is this process in a moment
            _send(self._connection, unreported)
        unreported.clear()
        return time.monotonic()


def _end_with_owner(descriptor: int) -> None:
    """Wait until the other end of the connection is closed, then end this process, also in the middle of a run."""
    watch = select.poll()
    watch.register(descriptor, 0)  # nothing but the hang-up, which is always reported
    watch.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING_S)
    os._exit(1)
