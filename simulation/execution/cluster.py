"""A sweep on a cluster: bundles of runs given out by dask.distributed, on this machine, by a batch system or to a
scheduler that is there already.

As with processes of one machine, nothing here can move a number: a run is a pure function of its condition and its file
appears whole or not at all. What a lost worker had not finished is given to another one; what is counted in the end are
files. A run that takes its process along is tried again alone, one whose every worker is lost fails.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from uuid import uuid4

from adccsim import runtime
from adccsim.conditions import AnyCondition
from adccsim.execution import encryption, shell, task
from adccsim.execution.bundles import Bundle, bundled, estimate_s, pack
from adccsim.execution.child import Run
from adccsim.execution.errors import ClusterError
from adccsim.execution.folder import StudyFolder, run_file
from adccsim.execution.ledger import Failure, Outcome, RunLedger, Step, inspect_runs
from adccsim.execution.pool import ATTEMPTS, Stop, signals
from adccsim.execution.site import Site

BATCH_SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
CLUSTERS = ("local", *BATCH_SYSTEMS)  # or the address of a scheduler
ADDRESSES = ("tcp://", "tls://")
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": encryption.LOOPBACK}
# What Dask counts and samples of itself many times a second, for a dashboard that is not there.
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,  # no result is held twice
}
_LOOK_S = 0.05  # between two looks at what has come back
_MEND_S = 5.0  # between two looks at lost jobs
_PATIENCE_S = 120.0  # before it is said that no worker has come


def execute(
    conditions: Mapping[str, AnyCondition],
    out_dir: Path,
    *,
    cluster: str = "local",
    site: Site | None = None,
    workers: int | None = None,
    threads: int | None = None,
    timeout_s: float | None = None,
    check: bool = False,
    progress: Callable[[Step], None] | None = None,
    announce: Callable[[str], None] = lambda line: None,
    run: Run | None = None,
) -> Outcome:
    """Bring every condition (by run id) to a finished file in out_dir, as local.execute does.

    cluster: one of CLUSTERS, or tcp:// or tls://host:port of a scheduler. site: of a batch system. workers: most at a
    time, by default the cores here, or what the site says. threads: cores of one run, by default 1. Raises FolderError
    if out_dir cannot be used, RuntimeSettingsError if the kernel cache of this machine cannot and ClusterError if the
    cluster fails as a whole; nothing for runs that fail.
    """
    site, threads, out_dir = site or Site(), threads or 1, Path(out_dir).absolute()
    if cluster == "local":
        runtime.cache_directory()  # refused here in one line, not by each worker
    with StudyFolder(out_dir) as folder:
        folder.remove_leftovers()
        found = inspect_runs(folder, conditions)
        pending, skipped = found.pending, found.finished
        ledger = RunLedger(folder, conditions, progress, found.blocked)
        folder.log(f"start: {len(pending)} runs, {len(skipped)} finished before, dask on {cluster}")
        with signals() as stop:
            if pending:
                seconds = {run_id: estimate_s(conditions[run_id]) for run_id in pending}
                if cluster in BATCH_SYSTEMS and max(seconds.values()) > site.lifetime_s:
                    raise ClusterError(
                        f"the longest run takes about {max(seconds.values()) / 3600:.1f} h, a worker lives "
                        f"{site.lifetime_s / 3600:.1f} h: wall_time_h = {site.wall_time_h:g} of the site is too short"
                    )
                order = task.Order(str(folder.runs_dir), runtime.kernel_digest(), threads, timeout_s, check, run)
                with _connected(cluster, site, workers, threads, folder.out_dir) as (client, backend):
                    size = _size(client, cluster, site, workers)
                    given = _Given(client, backend, ledger, order, stop, announce)
                    given.work_through(bundled(pending, seconds, size))
        folder.remove_leftovers()
        ending = ", interrupted" if stop.number else ""
        folder.log(f"end: {len(ledger.done)} done, {len(ledger.failed)} failed{ending}")
    return Outcome(
        tuple(sorted(ledger.done)), tuple(sorted(skipped)), tuple(ledger.failed), stop.number, tuple(found.set_aside)
    )


class _Given:
    """What has been given to the cluster and is not back yet."""

    def __init__(self, client, backend, ledger: RunLedger, order: task.Order, stop: Stop, announce):
        from distributed import as_completed

        self.client, self.backend, self.ledger, self.order = client, backend, ledger, order
        self.stop, self.announce = stop, announce
        self.bundles: dict[object, Bundle] = {}  # by future
        self.back = as_completed()
        self.attempts: dict[str, int] = {}

    def work_through(self, bundles: list[Bundle]) -> None:
        """Bring all bundles to an end, or return soon after a request to stop."""
        self.ledger.expect([run_id for bundle in bundles for run_id in bundle.run_ids])
        for bundle in bundles:
            self._give(bundle)
        mended = began = time.monotonic()
        waiting_for_workers = True
        while self.bundles and self.stop.number is None:
            futures = self.back.next_batch(block=False)
            for future in futures:
                self._take(future, self.bundles.pop(future))
            if futures:
                waiting_for_workers = False
                continue
            wait([self.stop.reader], _LOOK_S)
            now = time.monotonic()
            if now - mended > _MEND_S:
                mended = now
                self._mend()
                if waiting_for_workers and now - began > _PATIENCE_S:
                    waiting_for_workers = bool(self.client.scheduler_info()["workers"])
                    if not waiting_for_workers:
                        self.announce("no worker has come so far: are the jobs waiting in the queue, or did they fail?")
        for bundle in self.bundles.values():  # stopped: some of what is out has its file already
            for run_id in bundle.run_ids:
                if self._has_file(run_id):
                    self.ledger.record_done(run_id, 0.0)

    def _give(self, bundle: Bundle) -> None:
        packed = pack({run_id: self.ledger.conditions[run_id] for run_id in bundle.run_ids})
        future = self.client.submit(task.make, packed, self.order, key=f"bundle-{uuid4().hex}", pure=False)
        self.bundles[future] = bundle
        self.back.add(future)

    def _take(self, future, bundle: Bundle) -> None:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            with self.ledger.at_once():
                for result in future.result():
                    self._enter(result)
        elif future.status == "error":
            error = future.exception()
            if not isinstance(error, KilledWorker):
                raise ClusterError(str(error) if isinstance(error, task.NodeError) else f"a task ended with {error!r}")
            self._lost(bundle, error.allowed_failures + 1)
        elif self.client.status == "running":  # cancelled by a scheduler that forgot it
            self._give(bundle)
        else:
            raise ClusterError("the connection to the scheduler is lost; the same command goes on from here")
        future.release()

    def _enter(self, result: task.Result) -> None:
        run_id = result.run_id
        self.attempts[run_id] = self.attempts.get(run_id, 0) + 1
        if result.state == task.DONE and not self._has_file(run_id):
            result = task.Result(run_id, task.FAILED, result.seconds, "the worker made it, and there is no file")
        if result.state == task.DONE:
            self.ledger.record_done(run_id, result.seconds)
        elif result.state == task.SUSPECT and self.attempts[run_id] < ATTEMPTS:
            self._give(Bundle((run_id,), 0.0))
        else:
            self.ledger.record_failure(Failure(run_id, result.reason, self.attempts[run_id], result.trace))

    def _lost(self, bundle: Bundle, workers: int) -> None:
        """Every worker that took this bundle is gone: which run is the cause shows when each run is tried alone."""
        for run_id in bundle.run_ids:
            if self._has_file(run_id):
                self.ledger.record_done(run_id, 0.0)
            elif len(bundle.run_ids) > 1:
                self._give(Bundle((run_id,), 0.0))
            else:
                reason = f"each of {workers} workers that took it by itself was lost (out of memory?)"
                self.ledger.record_failure(Failure(run_id, reason, workers))

    def _has_file(self, run_id: str) -> bool:
        return run_file(self.ledger.folder.runs_dir, run_id).exists()

    def _mend(self) -> None:
        """Ask again for workers that were lost and jobs that were never taken: Dask goes on counting them."""
        if self.backend is None:
            return
        jobs = self.backend.workers
        for name in [name for name, job in jobs.items() if getattr(job, "job_id", "") is None]:
            del jobs[name]
        if set(self.backend.worker_spec) - set(jobs):
            self.backend.scale(len(self.backend.worker_spec))


def _size(client, cluster: str, site: Site, workers: int | None) -> int:
    """How many workers are to be expected."""
    if cluster == "local":
        return workers or runtime.cores()
    if cluster in BATCH_SYSTEMS:
        return workers or site.workers
    return max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


@contextmanager
def _connected(cluster: str, site: Site, workers: int | None, threads: int, out_dir: Path) -> Iterator[tuple]:
    """(client, the cluster that was started for it or None), closed afterwards in any case."""
    try:
        import dask
        import distributed
    except ImportError:
        raise ClusterError("dask is not installed: pip install 'adccsim[cluster]'") from None
    settings = {
        **_QUIET,
        "distributed.scheduler.allowed-failures": site.lost_workers,
        "distributed.scheduler.worker-saturation": 1.0,  # a worker that dies is blamed for one bundle, not for several
        "distributed.scheduler.default-task-durations": {"bundle": "20s"},
        # Longer than a worker of this machine takes to start again by itself; a job that is gone does not come back.
        "distributed.deploy.lost-worker-timeout": "60s" if cluster == "local" else "5s",
    }
    with dask.config.set(settings), _log_in(out_dir / "jobs"):
        if cluster.startswith(ADDRESSES):
            with _client_of(cluster) as client:
                yield client, None
            return
        tls = encryption.settings()
        with encryption.private_directory() as scratch, ExitStack() as until_the_end:
            until_the_end.enter_context(dask.config.set({**tls, **scratch, **encryption.NO_PAGES}))
            if cluster == "local":
                backend = _local(workers)
            else:
                files = until_the_end.enter_context(encryption.files_for_jobs(tls, out_dir / "jobs"))
                backend = _batch(cluster, site, workers, threads, out_dir, files)
            try:
                with distributed.Client(backend) as client:
                    yield client, backend
            finally:
                _close(backend)


def _client_of(address: str):
    """A client of somebody else's scheduler, with the keys that the configuration of Dask names, if any."""
    from distributed import Client

    try:
        return Client(address, timeout="20s", set_as_default=True)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no scheduler answers at {address} ({type(error).__name__})") from None
    except (TypeError, RuntimeError) as error:  # no certificate, or the scheduler asks for one
        raise ClusterError(f"no connection to {address}: {str(error).splitlines()[0]}") from None


def _close(backend) -> None:
    with suppress(AssertionError):  # Dask is sure that every job has been taken; one that was refused makes it raise
        backend.close(timeout=30)


def _local(workers: int | None):
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers or runtime.cores(),
        threads_per_worker=1,
        host="127.0.0.1",
        memory_limit=0,  # what takes the memory is the process of a run, which Dask does not see
        scheduler_kwargs=_NO_DASHBOARD,
        silence_logs=logging.CRITICAL,
    )


def _batch(cluster: str, site: Site, workers: int | None, threads: int, out_dir: Path, tls_files: Path):
    """A cluster of jobs, the first of which is in the queue; further ones come and go with the work."""
    backend = batch_cluster(cluster, site, threads, out_dir, tls_files)
    most = max(1, (workers or site.workers) // site.workers_per_job)

    async def first() -> None:
        await backend  # raises what the submission of the first job says, which adapting would only log

    try:
        backend.worker_spec.update(backend.new_worker_spec())
        backend.sync(first)
    except (RuntimeError, OSError) as error:
        _close(backend)
        said = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
        reason = said[-1].strip(" '")  # the last line that the command of the batch system printed
        raise ClusterError(f"{cluster} does not take the job: {reason}") from None
    backend.adapt(minimum_jobs=1, maximum_jobs=most, interval="2s")
    return backend


def batch_cluster(cluster: str, site: Site, threads: int, out_dir: Path, tls_files: Path):
    """The dask-jobqueue cluster of a site, with no job yet. Raises ClusterError if dask-jobqueue is missing."""
    try:
        import dask_jobqueue
    except ImportError:
        raise ClusterError("dask-jobqueue is not installed: pip install 'adccsim[cluster]'") from None
    return getattr(dask_jobqueue, BATCH_SYSTEMS[cluster])(**batch_options(cluster, site, threads, out_dir, tls_files))


def batch_options(cluster: str, site: Site, threads: int, out_dir: Path, tls_files: Path) -> dict:
    """What dask-jobqueue needs to know about the jobs of a site; tls_files: what encryption.files_for_jobs made."""
    logs = out_dir / "jobs"
    plain = shell.fits_directive(logs)
    log_lines = [] if plain else [shell.log_redirection(cluster, logs, False)]
    log_requests = [] if plain else [shell.NO_LOG[cluster]]
    stagger_s = site.margin_s / 3
    worker_arguments = ["--lifetime", f"{site.lifetime_s - stagger_s:.0f}s", "--lifetime-stagger", f"{stagger_s:.0f}s"]
    worker_arguments += ["--no-dashboard", "--dashboard-address", encryption.LOOPBACK]
    if threads > 1:
        worker_arguments += ["--nthreads", "1"]  # the cores of a worker belong to one run at a time
    options = {
        "queue": site.partition,
        "cores": site.workers_per_job * threads,
        "processes": site.workers_per_job,
        "memory": f"{site.memory_gb * site.workers_per_job:g}GB",
        "walltime": wall_time(site.wall_time_h, cluster),
        "job_script_prologue": [*log_lines, *encryption.job_lines(tls_files), *shell.prologue(site)],
        "job_extra_directives": [*log_requests, *site.directives],
        "python": shell.python(),
        "worker_extra_args": worker_arguments,
        "interface": site.interface,
        "protocol": "tls://",
        "log_directory": str(logs) if plain else None,
        "job_name": "adcc",
        "death_timeout": 120,
        "scheduler_options": _NO_DASHBOARD,
        "silence_logs": logging.CRITICAL,
    }
    name = {"lsf": "project", "sge": "project"}.get(cluster, "account")
    return {**options, name: site.account}


def wall_time(hours: float, cluster: str) -> str:
    """A job's longest time as a batch system reads it: h:mm:ss, or h:mm for LSF."""
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + ("" if cluster == "lsf" else ":00")


@contextmanager
def _log_in(folder: Path) -> Iterator[None]:
    """What Dask has to say goes to folder/dask.log and not to the terminal."""
    folder.mkdir(exist_ok=True)
    handler = logging.FileHandler(folder / "dask.log", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado.application", "asyncio")]
    before = [(logger.propagate, logger.level, list(logger.handlers)) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        for logger, (propagate, level, handlers) in zip(loggers, before, strict=True):
            logger.propagate, logger.handlers = propagate, handlers
            logger.setLevel(level)
        handler.close()
