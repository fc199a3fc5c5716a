"""Worker processes: started, fed, timed and, where need be, killed; and what asks a sweep to stop.

A process that dies under a run (out of memory, a crash in compiled code) may have died for its neighbours' sake: the
run is tried once more with nothing next to it. A run that passes the time limit is killed.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait

from adccsim.execution.child import LOOK_S, Child, TimedOut, until
from adccsim.execution.folder import run_file
from adccsim.execution.ledger import Failure, RunLedger

ATTEMPTS = 2
GRACE_S = 1.5  # how long running work may go on after a request to stop
SAVING_S = 60.0  # a mouse is asked to save what it has, and may take so long

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


class Pool:
    """Workers, the queue, and the runs under which a worker died."""

    def __init__(self, ledger: RunLedger, size: int, threads: int, job: Callable, timeout_s: float | None, stop: Stop):
        self.ledger, self.size, self.timeout_s, self.stop = ledger, size, timeout_s, stop
        self.new_worker = partial(Child, job, ledger.folder.runs_dir, threads, timeout_s)
        self.idle: list[Child] = []
        self.busy: list[Child] = []
        self.queue: deque[str] = deque()
        self.suspects: deque[str] = deque()
        self.attempts: dict[str, int] = {}

    def work_through(self, pending: list[str]) -> None:
        """Bring all pending runs to an end, or as many as finish shortly after a request to stop."""
        self.ledger.expect(pending)
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
            self._enter_unreported()

    def _enter_unreported(self) -> None:
        """Stopped: some of what was given out has its file, and was not reported any more."""
        known = {*self.ledger.done, *(failure.run_id for failure in self.ledger.failed)}
        for run_id in self.attempts.keys() - known:
            if run_file(self.ledger.folder.runs_dir, run_id).exists():
                self.ledger.record_done(run_id, 0.0)

    def _ask_to_save(self) -> float:
        """Tell the workers that can save to do so; seconds that the busy ones are left."""
        saving = [w for w in self.busy if self.ledger.conditions[w.given[0]].saves]
        for worker in saving:
            worker.process.terminate()
        return SAVING_S if saving else GRACE_S

    def _dispatch(self) -> None:
        while self.queue and (worker := self._free_for(self.queue[0])) is not None:
            self._start(worker, self.queue.popleft())
        if self.suspects and not self.busy:
            # Alone in the machine: no idle neighbour holds memory either.
            while self.idle:
                self.idle.pop().end()
            self._start(self.new_worker(), self.suspects.popleft())
        for worker in self.busy:
            worker.send()

    def _free_for(self, run_id: str) -> Child | None:
        """Who takes this run: a process without work, or one that holds few runs, all of them short."""
        if len(self.busy) < self.size:
            return self.idle.pop() if self.idle else self.new_worker()
        free = [worker for worker in self.busy if worker.has_room(self.ledger.conditions[run_id])]
        return min(free, key=lambda worker: len(worker.given), default=None)

    def _start(self, worker: Child, run_id: str) -> None:
        self.attempts[run_id] = self.attempts.get(run_id, 0) + 1
        worker.give(run_id, self.ledger.conditions[run_id])
        if worker not in self.busy:
            self.busy.append(worker)

    def _wait(self, last_moment: float) -> None:
        """Until something happens: an answer, a death, a passed time limit or a signal."""
        moment = min([last_moment, *(worker.deadline for worker in self.busy)])
        timeout = until(moment, float("inf") if self.timeout_s is None else LOOK_S)
        stop = [] if self.stop.number is not None else [self.stop.reader]
        sources: list[Connection | int] = [*(worker.connection for worker in self.busy), *stop]
        ready = wait(sources, None if timeout == float("inf") else timeout)
        for worker in list(self.busy):
            if worker.connection in ready:
                self._collect(worker)
            else:
                try:
                    worker.check_time()
                except TimedOut as late:
                    self._stopped_late(worker, late)

    def _stopped_late(self, worker: Child, late: TimedOut) -> None:
        """Enter that a process was ended because its run passed the time limit."""
        self.busy.remove(worker)
        self._give_back(late.others)  # those that had begun were waiting for the disk
        if late.culprit is not None:
            self._fail(late.culprit, f"passed the time limit of {self.timeout_s:g} s and was stopped")

    def _give_back(self, run_ids: list[str]) -> None:
        """Put runs that were no process's death back to the front of the queue."""
        for run_id in reversed(run_ids):
            self.attempts[run_id] -= 1
            self.queue.appendleft(run_id)

    def _collect(self, worker: Child) -> None:
        try:
            found = worker.receive()
        except (EOFError, OSError):
            self.busy.remove(worker)
            reason = worker.reap()
            if self.stop.number is not None:
                return  # a signal to the whole group reached the worker too: not an error of the run
            self._give_back(worker.untouched())
            for run_id in worker.suspects():
                if self.attempts[run_id] < ATTEMPTS:
                    self.suspects.append(run_id)
                else:
                    self._fail(run_id, reason)
            return
        if not worker.given:
            self.busy.remove(worker)
            self.idle.append(worker)
        if self.stop.number is None:
            self._dispatch()  # first of all: the process is waiting
        with self.ledger.at_once():
            for run_id, (seconds, reason, trace) in found:
                if reason:
                    self._fail(run_id, reason, trace)
                else:
                    self.ledger.record_done(run_id, seconds)

    def _fail(self, run_id: str, reason: str, trace: str = "") -> None:
        self.ledger.record_failure(Failure(run_id, reason, self.attempts[run_id], trace))
