"""A task of a cluster: a bundle of runs, made one after the other in a process next to the worker that was given it.

A run that crashes, hangs or eats the memory takes that process along, and not the worker: it is named as the suspect,
the others of the bundle go on, and the driver tries the suspect again alone. Runs that have their file
are passed over, so a bundle that was lost with its worker is simply given again.
"""

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adccsim import runtime
from adccsim.conditions import AnyCondition
from adccsim.execution.bundles import unpack
from adccsim.execution.child import Answer, Child, Died, Rest, Run, TimedOut, compute
from adccsim.execution.folder import error_of, run_file

DONE, FAILED, SUSPECT = "done", "failed", "suspect"


class NodeError(RuntimeError):
    """A node cannot do the work of this study at all; str() is one plain line."""


@dataclass(frozen=True)
class Order:
    """How the runs of a study are to be made on any node.

    digest: of the sources that decide the numbers, so that a node with other software is refused. run: what makes a
    file, by default adccsim.execution.one.run_to_file.
    """

    runs_dir: str
    digest: str
    threads: int
    timeout_s: float | None
    check: bool
    run: Run | None


@dataclass(frozen=True)
class Result:
    """What became of one run of a bundle: DONE, FAILED or SUSPECT, seconds it took, and why it has no file."""

    run_id: str
    state: str
    seconds: float
    reason: str = ""
    trace: str = ""


_children: dict[Order, Child] = {}  # of this worker process: one, for the order it works on


def make(packed: bytes, order: Order) -> list[Result]:
    """Make the runs of a packed bundle; returns one Result each. Raises NodeError before any run is begun."""
    runs_dir = Path(order.runs_dir)
    host = socket.gethostname()
    if not runs_dir.is_dir():
        raise NodeError(f"{host} does not see {runs_dir}: results have to lie on a file system that all nodes share")
    if runtime.kernel_digest() != order.digest:
        raise NodeError(f"{host} has another adccsim, Python, numba or numpy than the process that gives out the work")
    try:
        runtime.cache_directory()
    except runtime.RuntimeSettingsError as error:
        raise NodeError(f"{host}: {error}") from None
    if _at_work(order):  # a task that was broken off left runs in it, which are in other hands now
        _children.pop(order).end()
    results, waiting = [], deque[tuple[str, AnyCondition]]()
    conditions = unpack(packed)
    for run_id, condition in conditions.items():
        path = run_file(runs_dir, run_id)
        if path.exists() and error_of(path, run_id) is None:
            results.append(Result(run_id, DONE, 0.0))
        else:
            waiting.append((run_id, condition))
    while waiting or _at_work(order):
        child = _child(order, runs_dir)
        while waiting and child.has_room(waiting[0][1]):
            child.give(*waiting.popleft())
        untouched: list[str] = []
        try:
            for run_id, (seconds, reason, trace) in child.answers():
                results.append(Result(run_id, FAILED if reason else DONE, seconds, reason, trace))
        except TimedOut as late:
            reason = f"passed the time limit of {order.timeout_s:g} s and was stopped"
            if late.culprit is not None:
                results.append(Result(late.culprit, FAILED, order.timeout_s or 0.0, reason))
            untouched = late.others  # those that had begun were waiting for the disk
        except Died as death:
            results += [Result(run_id, SUSPECT, 0.0, str(death)) for run_id in child.suspects()]
            untouched = child.untouched()
        if child.process.returncode is not None:
            _children.clear()
            waiting.extendleft((run_id, conditions[run_id]) for run_id in reversed(untouched))
    return results


def _at_work(order: Order) -> bool:
    return order in _children and bool(_children[order].given)


def _child(order: Order, runs_dir: Path) -> Child:
    if order not in _children:
        for other in _children.values():
            other.end()
        _children.clear()
        job: Callable[[AnyCondition], Answer | Rest] = partial(compute, order.run, runs_dir, order.check)
        _children[order] = Child(job, runs_dir, order.threads, order.timeout_s)
    return _children[order]
