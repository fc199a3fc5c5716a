"""`adcc status` and `adcc cluster script`: how far a study is, and scripts for batch systems."""

from pathlib import Path
from typing import Annotated

import typer

from simulation import console
from simulation.cli.common import ScenarioFile, Sets, app, plain_faults

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Scripts for batch systems.")
app.add_typer(group, name="cluster")

SiteFile = Annotated[Path | None, typer.Option(metavar="SITE.toml", help="partition, wall time, memory, ...")]


def engine_options(engine: str, cluster: str | None, site: Path | None, sharded: bool) -> dict:
    """Options of run_study for --engine, --cluster and --site. Raises ScenarioError where they do not fit together."""
    from simulation.run.cluster import ADDRESSES, BATCH_SYSTEMS, CLUSTERS
    from simulation.scenario.faults import NO_VALUE, Fault, ScenarioError

    faults = []
    if engine not in ("local", "dask"):
        faults.append(Fault("--engine", engine, "must be local or dask"))
    elif engine == "local":
        given = {"--cluster": cluster, "--site": site}
        faults += [
            Fault(name, str(value), "goes with --engine dask") for name, value in given.items() if value is not None
        ]
    else:
        name = cluster or "local"
        if name not in CLUSTERS and not name.startswith(ADDRESSES):
            allowed = f"{', '.join(CLUSTERS)}, or tcp://host:port or tls://host:port"
            faults.append(Fault("--cluster", name, f"must be one of {allowed}"))
        elif site is not None and name not in BATCH_SYSTEMS:
            faults.append(Fault("--site", str(site), f"goes with a batch system: --cluster {', '.join(BATCH_SYSTEMS)}"))
        if sharded:
            faults.append(Fault("--shard", NO_VALUE, "goes with --engine local: Dask gives out the whole study"))
    if faults:
        raise ScenarioError(faults)
    if engine == "local":
        return {}
    from functools import partial

    from simulation.run import cluster as clusters
    from simulation.run.site import load_site

    where = {"cluster": name, "site": load_site(site) if site else None, "announce": console.note}
    return {"engine": partial(clusters.execute, **where)}


@app.command()
def status(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="results folder, also while runs are made")],
) -> None:
    """Say how far a study is: done, running, failed and why, to do, rate, time left."""
    with plain_faults():
        from simulation.run.status import status as look

        console.status(look(out))


@group.command()
def script(
    file: ScenarioFile,
    out: Annotated[Path | None, typer.Option(help="results folder; default results/<name of the file>")] = None,
    cluster: Annotated[str, typer.Option(help="slurm, pbs, lsf or sge")] = "slurm",
    site: SiteFile = None,
    variant: Annotated[
        str, typer.Option(metavar="array|dask", help="a job array, or one job that drives Dask")
    ] = "array",
    sets: Sets = None,
) -> None:
    """Print a ready job script, with figures from the plan: adcc cluster script FILE > job.sh; sbatch job.sh."""
    with plain_faults():
        from simulation.run.cluster import BATCH_SYSTEMS
        from simulation.run.scripts import array_script, driver_script
        from simulation.run.site import Site, load_site
        from simulation.scenario.conditions import plan_of
        from simulation.scenario.faults import Fault, ScenarioError
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find

        faults = []
        if cluster not in BATCH_SYSTEMS:
            faults.append(Fault("--cluster", cluster, f"must be one of {', '.join(BATCH_SYSTEMS)}"))
        if variant not in ("array", "dask"):
            faults.append(Fault("--variant", variant, "must be array or dask"))
        if faults:
            raise ScenarioError(faults)
        path = find(file)
        scenario = load_scenario(path, sets or [])
        known = load_site(site) if site else Site()
        folder = (out or Path("results") / path.stem).absolute()
        costs = plan_of(scenario)
        place = str(path.absolute())
        text = (
            array_script(cluster, place, folder, sets or [], costs, known)
            if variant == "array"
            else driver_script(cluster, place, site and site.absolute(), folder, sets or [], known)
        )
        (folder / "jobs").mkdir(parents=True, exist_ok=True)  # batch systems do not make the folder of their logs
        console.document(text.rstrip())
        console.note(f"made {folder / 'jobs'} for the logs of the jobs")
        if variant == "array":
            console.note(f"the same with Dask: adcc cluster script {file} --variant dask")
