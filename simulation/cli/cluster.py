"""`adcc status` and `adcc cluster script`: how far a study is, and scripts for batch systems."""

from pathlib import Path
from typing import TYPE_CHECKING

from adccsim import console
from adccsim.cli.arguments import (
    PATH,
    TEXT,
    Commands,
    argument,
    command,
    option,
    out_of_file,
    scenario_file,
    sets,
    site_file,
)
from adccsim.cli.common import error_lines

if TYPE_CHECKING:
    from adccsim.execution.site import Site
    from adccsim.scenario.errors import Invalid

group = Commands(
    name="cluster",
    places={"script": "adccsim.cli.cluster:script"},
    no_args_is_help=True,
    help="Scripts for batch systems.",
)


def engine_options(engine: str, cluster: str | None, site: Path | None, sharded: bool) -> dict:
    """Options of a study for --engine, --cluster and --site. Raises ScenarioError where they do not fit together."""
    from adccsim.scenario.errors import ScenarioError

    name = cluster or "local"
    errors = _engine_errors(engine, cluster, site, sharded, name)
    if errors:
        raise ScenarioError(errors)
    if engine == "local":
        return {}
    from functools import partial

    from adccsim.execution import cluster as clusters

    return {"engine": partial(clusters.execute, cluster=name, site=_site(site), announce=console.note)}


def _engine_errors(engine: str, cluster: str | None, site: Path | None, sharded: bool, name: str) -> "list[Invalid]":
    from adccsim.execution.cluster import ADDRESSES, BATCH_SYSTEMS, CLUSTERS
    from adccsim.scenario.errors import NO_VALUE, Invalid

    if engine not in ("local", "dask"):
        return [Invalid("--engine", engine, "must be local or dask")]
    if engine == "local":
        asked = {"--cluster": cluster, "--site": site}
        return [Invalid(key, str(value), "needs --engine dask") for key, value in asked.items() if value is not None]
    errors = []
    if name not in CLUSTERS and not name.startswith(ADDRESSES):
        allowed = f"{', '.join(CLUSTERS)}, or tcp://host:port or tls://host:port"
        errors.append(Invalid("--cluster", name, f"must be one of {allowed}"))
    elif site is not None and name not in BATCH_SYSTEMS:
        errors.append(Invalid("--site", str(site), f"needs a batch system: --cluster {', '.join(BATCH_SYSTEMS)}"))
    if sharded:
        errors.append(Invalid("--shard", NO_VALUE, "needs --engine local: Dask distributes the whole study"))
    return errors


def _site(path: Path | None) -> "Site | None":
    from adccsim.execution.site import load_site

    return load_site(path) if path else None


@command("status")
@argument("out", type=PATH, metavar="DIR", help="results folder, also while runs are made")
def status(out: Path) -> None:
    """Say how far a study is: done, running, failed and why, to do, rate, time left."""
    with error_lines():
        from adccsim.execution.status import status as look

        console.status(look(out))


@command("script")
@scenario_file
@out_of_file
@option("--cluster", type=TEXT, default="slurm", help="slurm, pbs, lsf or sge")
@site_file
@option("--variant", type=TEXT, default="array", metavar="array|dask", help="a job array, or one job that drives Dask")
@sets
def script(file: str, out: Path | None, cluster: str, site: Path | None, variant: str, sets: tuple[str, ...]) -> None:
    """Print a ready job script, with figures from the plan: adcc cluster script FILE > job.sh; sbatch job.sh."""
    with error_lines():
        from adccsim.execution.scripts import array_script, driver_script
        from adccsim.execution.site import Site
        from adccsim.scenario.conditions import plan_of
        from adccsim.scenario.load import load_scenario
        from adccsim.scenario.shipped import find

        _check_script(cluster, variant)
        path = find(file)
        scenario = load_scenario(path, sets)
        known = _site(site) or Site()
        folder = (out or Path("results") / path.stem).absolute()
        costs = plan_of(scenario)
        place = str(path.absolute())
        text = (
            array_script(cluster, place, folder, list(sets), costs, known)
            if variant == "array"
            else driver_script(cluster, place, site and site.absolute(), folder, list(sets), known)
        )
        (folder / "jobs").mkdir(parents=True, exist_ok=True)  # batch systems do not make the folder of their logs
        console.document(text.rstrip())
        console.note(f"made {folder / 'jobs'} for the logs of the jobs")
        if variant == "array":
            console.note(f"the same with Dask: adcc cluster script {file} --variant dask")


def _check_script(cluster: str, variant: str) -> None:
    from adccsim.execution.cluster import BATCH_SYSTEMS
    from adccsim.scenario.errors import Invalid, ScenarioError

    errors = []
    if cluster not in BATCH_SYSTEMS:
        errors.append(Invalid("--cluster", cluster, f"must be one of {', '.join(BATCH_SYSTEMS)}"))
    if variant not in ("array", "dask"):
        errors.append(Invalid("--variant", variant, "must be array or dask"))
    if errors:
        raise ScenarioError(errors)
