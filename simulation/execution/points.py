"""Points: many small experiments with numbers of their own, measured in processes and kept in one file.

For studies that ask for thousands of wells and want a few numbers of each (sensitivity): there are no run files. A
point that is measured is a line of the store at once, so an interrupted study goes on where it stopped. What a point
gives depends on the point alone, never on order, processes or restarts.
"""

import json
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from adccsim import runtime
from adccsim.execution.ledger import Step
from adccsim.execution.pool import Stop, Stopped, signals
from adccsim.seal import KEY, check_entries, naming, sealed_entries

ROUNDS = "posterior_rounds.json"
Job = Callable[[Mapping[str, float]], Mapping[str, float]]
_LOOK_S = 0.5  # how long a request to stop may go unnoticed


@dataclass(frozen=True)
class Measured:
    """Point id -> what the job gave (only the ids asked for), how many were known before, failures, the stop signal."""

    found: dict[str, dict[str, float]]
    known_before: int
    failed: dict[str, str]
    signal: int | None


def measure_points(
    points: Mapping[str, Mapping[str, float]],
    job: Job,
    store: Path,
    workers: int | None = None,
    progress: Callable[[Step], None] = lambda step: None,
) -> Measured:
    """Measure every point (id -> values) that the store does not hold; job: importable by name, or a partial of it.

    store: a file of sealed JSON lines {"id", "values", "sha256"}; a line that was cut off or is damaged is dropped, and
    its point measured again. A point whose job raises is named in `failed` with one line, and the others go on. Raises
    OSError if the store cannot be written.
    """
    found = {name: values for name, values in _read(store).items() if name in points}
    before, pending = len(found), [name for name in points if name not in found]
    workers = min(workers or runtime.cores(), max(1, len(pending)))
    failed: dict[str, str] = {}

    def keep(name: str, values: Mapping[str, float] | None, error: str) -> None:
        if error or values is None:
            failed[name] = error
        else:
            found[name] = dict(values)
            file.write(json.dumps(sealed_entries({"id": name, "values": values})) + "\n")
            file.flush()
        finished = len(found) - before + len(failed)
        progress(Step(finished, len(failed), len(pending), finished / len(pending), name))

    with signals() as stop, naming(store), store.open("a", encoding="utf-8") as file:
        if pending:
            progress(Step(0, 0, len(pending), 0.0, ""))
        runtime.configure(1)  # also for other processes: here a bad cache directory is refused in one line
        if workers == 1:
            _one_after_another(points, pending, job, stop, keep)
        else:
            _side_by_side(points, pending, job, workers, stop, keep)
    return Measured(found, before, failed, stop.number)


def _read(store: Path) -> dict[str, dict[str, float]]:
    """What a store holds; a half line at its end is cut off, so that the next one starts well."""
    if not store.exists():
        return {}
    content = store.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with store.open("r+b") as file:  # in place: a full disk cannot lose the lines before
            file.truncate(len(whole))
    return dict(filter(None, map(point_of, whole.splitlines())))


def point_of(line: bytes) -> tuple[str, dict[str, float]] | None:
    """(id, values) of a line of a store; None if the line is damaged. Lines of 0.1.0 have no seal."""
    try:
        entries = json.loads(line)
        check_entries(entries, required=entries.keys() != {"id", "values"})
        return entries["id"], dict(entries["values"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_rounds(path: Path) -> dict[str, list]:
    """Draws of the rounds of a fit by name, from sealed JSON; empty where there are none or the file is damaged.

    They are drawn again then. A file of 0.1.0 has no seal; every name in it holds a space.
    """
    try:
        kept = json.loads(path.read_bytes())
        check_entries(kept, required=any(" " not in name for name in kept))
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: draws for name, draws in kept.items() if name != KEY}


def _attempt(job: Job, values: Mapping[str, float]) -> tuple[Mapping[str, float] | None, str]:
    try:
        return job(values), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _one_after_another(points: Mapping, pending: list[str], job: Job, stop: Stop, keep: Callable) -> None:
    for name in pending:
        try:
            stop.raising = True
            if stop.number is None:
                answer = _attempt(job, points[name])
            stop.raising = False
        except Stopped:
            pass
        if stop.number is not None:
            return
        keep(name, *answer)


def _side_by_side(points: Mapping, pending: list[str], job: Job, workers: int, stop: Stop, keep: Callable) -> None:
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        waiting = {pool.submit(_attempt, job, points[name]): name for name in pending}
        while waiting and stop.number is None:
            done, _ = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    answer = future.result()
                except BrokenProcessPool:
                    answer = None, "its process died (out of memory?)"
                keep(waiting.pop(future), *answer)
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Start of a process: Ctrl-C reaches the whole terminal group, and when to stop is decided in one place."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runtime.configure(1)
