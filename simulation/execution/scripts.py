"""Scripts for a batch system: a job array in which each task makes one shard, and a job that drives Dask.

Figures come from the plan of the scenario. They are texts: nothing is submitted here.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from adccsim.execution.bundles import OVERHEAD_S
from adccsim.execution.cluster import wall_time
from adccsim.execution.shell import NO_LOG, fits_directive, log_redirection, prologue, python, quoted
from adccsim.execution.site import Site
from adccsim.scenario.well.plan import Plan
from adccsim.scenario.xenograft.plan import MicePlan

TASK_S = 1800.0  # work in one task of an array: long compared with its start, short compared with a wall time
MOST_TASKS = 1000  # Slurm's MaxArraySize is 1001 by default
SLOWER = 3.0  # a node may be this much slower than the estimate
START_S = 300.0  # Python, libraries and compiling from scratch


@dataclass(frozen=True)
class Array:
    """A job array: number of tasks, and of each expected seconds, wall time in hours and memory in GB."""

    tasks: int
    seconds: float
    wall_time_h: float
    memory_gb: float


def array_of(costs: Plan | MicePlan, site: Site) -> Array:
    """How to cut a study into the tasks of an array: as many as work asks for, at most MOST_TASKS."""
    seconds = costs.cpu_seconds + costs.runs * OVERHEAD_S
    tasks = min(MOST_TASKS, costs.runs, max(1, math.ceil(seconds / TASK_S)))
    each = max(costs.longest_seconds, seconds / tasks)
    memory_gb = max(site.memory_gb, math.ceil(2 * costs.memory_bytes(1) / 1e9))
    return Array(tasks, each, min(site.wall_time_h, math.ceil((START_S + SLOWER * each) / 900) / 4), memory_gb)


def array_script(system: str, file: str, out_dir: Path, sets: list[str], costs: Plan | MicePlan, site: Site) -> str:
    """A ready job array for a batch system of cluster.BATCH_SYSTEMS."""
    array = array_of(costs, site)
    last, hours = array.tasks - 1, array.wall_time_h
    index = {
        "slurm": "$SLURM_ARRAY_TASK_ID",
        "pbs": "$PBS_ARRAY_INDEX",
        "lsf": "$((LSB_JOBINDEX - 1))",
        "sge": "$((SGE_TASK_ID - 1))",
    }[system]
    single = array.tasks == 1 and system == "pbs"  # PBS refuses an array of one
    head = _head(system, site, out_dir, hours, array.memory_gb, None if single else last)
    command = _adcc("run", file, "--out", str(out_dir), *_settings(sets), "--workers", "1", "--shard")
    shard = f"{0 if single else index}/{array.tasks}"
    tasks = "task" if array.tasks == 1 else "tasks"
    lines = [
        "#!/bin/bash",
        f"# {costs.runs:,} runs in {array.tasks:,} {tasks} of about {_minutes(array.seconds)} on one core; "
        f"files about {costs.disk_bytes / 1e9:.2g} GB.",
        "# A task that is stopped and started again goes on from its finished runs"
        + (", a mouse from its checkpoint." if isinstance(costs, MicePlan) else ".")
        + " When all have ended:",
        f"#   {_adcc('analyse', str(out_dir))}",
        *_tested(system),
        *head,
        "set -eu",
        *prologue(site),
        f'exec {command} "{shard}"',
    ]
    return "\n".join(lines) + "\n"


def driver_script(system: str, file: str, site_file: Path | None, out_dir: Path, sets: list[str], site: Site) -> str:
    """A ready job that runs the driver of the Dask engine; its workers are further jobs, which it asks for itself."""
    site_words = ["--site", str(site_file)] if site_file else []
    words = ["--out", str(out_dir), *_settings(sets), "--engine", "dask", "--cluster", system, *site_words]
    lines = [
        "#!/bin/bash",
        "# One small job that gives out the work; it asks for worker jobs as the site file says. Where it may,",
        "# its command can run on a login node as well, in tmux or screen.",
        *_tested(system),
        *_head(system, site, out_dir, site.wall_time_h, max(2.0, site.memory_gb), None),
        "set -eu",
        *prologue(site),
        f"exec {_adcc('run', file, *words)}",
    ]
    return "\n".join(lines) + "\n"


def _tested(system: str) -> list[str]:
    return (
        []
        if system == "slurm"
        else [f"# Not tested on a real {system.upper()}: compare with the scripts of your site."]
    )


def _head(system: str, site: Site, out_dir: Path, hours: float, memory_gb: float, last: int | None) -> list[str]:
    """Requests to the batch system, then where the log goes if that cannot be said in one of them.

    last: highest index of an array that begins with 0, None for a single job.
    """
    time, megabytes = wall_time(hours, system), math.ceil(memory_gb * 1000)
    logs = out_dir / "jobs"
    plain = fits_directive(logs)
    if system == "slurm":
        sign, options = "#SBATCH", [
            "--job-name=adcc", "--ntasks=1", "--cpus-per-task=1", f"--mem={megabytes}M", f"--time={time}", "--requeue",
            "--open-mode=append",
            f"--output={logs}/%x-%A{'' if last is None else '_%a'}.log" if plain else NO_LOG[system],
            *([] if last is None else [f"--array=0-{last}"]),
            *([f"--partition={site.partition}"] if site.partition else []),
            *([f"--account={site.account}"] if site.account else []),
        ]  # fmt: skip
    elif system == "pbs":
        sign, options = "#PBS", [
            "-N adcc", f"-l select=1:ncpus=1:mem={megabytes}mb", f"-l walltime={time}", "-r y", "-j oe",
            f"-o {logs}/" if plain else NO_LOG[system],
            *([] if last is None else [f"-J 0-{last}"]),
            *([f"-q {site.partition}"] if site.partition else []), *([f"-A {site.account}"] if site.account else []),
        ]  # fmt: skip
    elif system == "lsf":
        name = "adcc" if last is None else f"adcc[1-{last + 1}]"
        sign, options = "#BSUB", [
            f'-J "{name}"', "-n 1", f'-R "rusage[mem={megabytes}MB]"', f"-W {time}", "-r",
            f"-o {logs}/adcc-%J{'' if last is None else '_%I'}.log" if plain else NO_LOG[system],
            *([f"-q {site.partition}"] if site.partition else []), *([f"-P {site.account}"] if site.account else []),
        ]  # fmt: skip
    else:
        sign, options = "#$", [
            "-N adcc", "-cwd", "-V", "-S /bin/bash", f"-l h_rt={time}", f"-l h_vmem={megabytes}M", "-r y", "-j y",
            f"-o {logs}/" if plain else NO_LOG[system], *([] if last is None else [f"-t 1-{last + 1}"]),
            *([f"-q {site.partition}"] if site.partition else []), *([f"-P {site.account}"] if site.account else []),
        ]  # fmt: skip
    requests = [f"{sign} {option}" for option in (*options, *site.directives)]
    return requests if plain else [*requests, log_redirection(system, logs, last is not None)]


def _adcc(*words: str) -> str:
    return f"{python()} -m adccsim.cli {quoted(*words)}"


def _settings(sets: list[str]) -> list[str]:
    return [word for text in sets for word in ("--set", text)]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
