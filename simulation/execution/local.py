"""A sweep on this machine: runs in spawned processes that may fail, hang or die without taking the others along.

Results do not depend on anything here: a run is a pure function of its condition, and its file is named by a hash of
it. Order, number of processes, shards and restarts only decide when a file appears.

A run that raises fails at once, since it would raise again; for processes that hang or die see pool.py.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from adccsim import runtime
from adccsim.conditions import AnyCondition
from adccsim.conditions.tumour_size import machine_bytes
from adccsim.execution.child import Run, call, compute
from adccsim.execution.folder import StudyFolder
from adccsim.execution.ledger import Failure, Outcome, RunLedger, Step, inspect_runs
from adccsim.execution.pool import Pool, Stop, Stopped, signals


def execute(
    conditions: Mapping[str, AnyCondition],
    out_dir: Path,
    *,
    workers: int | None = None,
    threads: int | None = None,
    timeout_s: float | None = None,
    check: bool = False,
    progress: Callable[[Step], None] | None = None,
    run: Run | None = None,
) -> Outcome:
    """Bring every condition (by run id) to a finished file in out_dir.

    workers: processes at most, default one per core; one, or one pending run, works in this process unless a time
    limit, or little address space, asks for something that can be lost. threads: cores one run may use, default all
    for a single run, else 1.
    timeout_s: longest time of one run in seconds, compiling included where it comes first. check: let runs verify
    themselves. run: what makes a file, by default adccsim.execution.one.run_to_file; has to be importable by name.
    Raises FolderError if out_dir cannot be used, and nothing for runs that fail.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers: {workers} is not at least 1")
    with StudyFolder(out_dir) as folder:
        folder.remove_leftovers()
        found = inspect_runs(folder, conditions)
        pending, skipped = found.pending, found.finished
        wanted = min(workers or runtime.cores(), max(1, len(pending)))
        workers = min(wanted, most_at_once(conditions, pending))
        # Cores that lack of memory leaves idle go to the runs; else one run each, and all cores to a single one.
        several = len(pending) > 1 and workers == wanted
        threads = threads or (1 if several else max(1, runtime.cores() // workers))
        runtime.configure(threads)
        ledger = RunLedger(folder, conditions, progress, found.blocked)
        folder.log(f"start: {len(pending)} runs, {len(skipped)} finished before, {workers} processes")
        with signals() as stop:
            if workers == 1 and timeout_s is None and not runtime.short_of_address_space():
                _one_after_another(ledger, pending, partial(call, run, folder.runs_dir, check), stop)
            elif pending:
                job = partial(compute, run, folder.runs_dir, check)
                Pool(ledger, workers, threads, job, timeout_s, stop).work_through(pending)
        folder.remove_leftovers()
        ending = ", interrupted" if stop.number else ""
        folder.log(f"end: {len(ledger.done)} done, {len(ledger.failed)} failed{ending}")
    return Outcome(
        tuple(sorted(ledger.done)), tuple(sorted(skipped)), tuple(ledger.failed), stop.number, tuple(found.set_aside)
    )


def most_at_once(conditions: Mapping[str, AnyCondition], pending: list[str]) -> int:
    """How many of the pending runs fit into the memory of this machine side by side; at least 1."""
    memory = machine_bytes()
    if not pending or memory is None:
        return max(1, len(pending))
    return max(1, memory // max(conditions[run_id].memory_bytes for run_id in pending))


def shard(conditions: Mapping[str, AnyCondition], index: int, count: int) -> dict[str, AnyCondition]:
    """Part `index` (0 to count - 1) of the conditions: parts are disjoint, complete and alike in amount of work."""
    if not 0 <= index < count:
        raise ValueError(f"shard {index}/{count}: the first number runs from 0 to {count - 1}")
    order = sorted(conditions, key=lambda run_id: (-conditions[run_id].agent_hours, run_id))
    return {run_id: conditions[run_id] for run_id in order[index::count]}


def _one_after_another(ledger: RunLedger, pending: list[str], job: Callable, stop: Stop) -> None:
    ledger.expect(pending)
    for run_id in pending:
        try:
            stop.raising = True
            if stop.number is None:
                seconds, reason, trace = job(ledger.conditions[run_id])
            stop.raising = False
        except Stopped:
            pass
        if stop.number is not None:
            # The run may have ended just before: then its file counts at the next start.
            return
        if reason:
            ledger.record_failure(Failure(run_id, reason, 1, trace))
        else:
            ledger.record_done(run_id, seconds)
