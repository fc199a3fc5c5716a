"""`adcc run`, `adcc analyse`, `adcc check`: a scenario to run files, run files to tables and a report."""

import os
from pathlib import Path

import click

from adccsim import console
from adccsim.cli.arguments import (
    PATH,
    TEXT,
    Real,
    Whole,
    argument,
    command,
    option,
    out_of_file,
    scenario_file,
    sets,
    site_file,
    workers,
)
from adccsim.cli.cluster import engine_options
from adccsim.cli.common import BAD_INPUT, DONE, SOME_FAILED, error_lines


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, slash, parts = text.partition("/")
    if not (slash and index.isdecimal() and parts.isdecimal() and int(index) < int(parts)):
        raise click.BadParameter(f"{text!r} is not i/k with i from 0 to k - 1, like 0/4")
    return int(index), int(parts)


@command("run")
@scenario_file
@out_of_file
@workers
@option("--threads", type=Whole(min=1), help="cores one run may use; default 1 if several wait")
@sets
@option("--shard", type=TEXT, metavar="I/K", help="only part I (0 to K-1) of K, for several machines")
@option("--check", is_flag=True, help="runs verify their own bookkeeping; slower")
@option("--timeout", type=Real(min=0.001), metavar="SECONDS", help="longest time of one run")
@option("--engine", type=TEXT, default="local", metavar="local|dask", help="who gives out the runs")
@option(
    "--cluster", type=TEXT, help="with --engine dask: local (default), slurm, pbs, lsf, sge, tcp:// or tls://host:port"
)
@site_file
def run(
    file: str,
    out: Path | None,
    workers: int | None,
    threads: int | None,
    sets: tuple[str, ...],
    shard: str | None,
    check: bool,
    timeout: float | None,
    engine: str,
    cluster: str | None,
    site: Path | None,
) -> None:
    """Simulate a scenario, skip what is finished, and analyse it."""
    part = _shard(shard)
    options = {"sets": sets, "workers": workers, "threads": threads, "timeout_s": timeout, "check": check}
    with error_lines():
        options |= engine_options(engine, cluster, site, part is not None)
        from adccsim.experiments import study
        from adccsim.scenario.shipped import find

        path = find(file)
        folder = out or Path("results") / path.stem
        with console.Progress() as progress:
            options |= {"report": console.note, "progress": progress}
            if part is None:
                found = study.run_and_analyse(path, folder, **options)
            else:
                outcome = study.run(path, folder, shard=part, **options)
    if part is not None:
        console.note(f"shard {shard} is done; when all are: adcc analyse {folder}")
        raise click.exceptions.Exit(SOME_FAILED if outcome.failed else DONE)
    console.summary(found.text, found.report)
    console.errors(found.problems)
    if found.analysis is None:
        console.note(f"nothing changed since this analysis; adcc analyse {folder} recomputes it")
    raise click.exceptions.Exit(DONE if found.sound else SOME_FAILED)


@command("analyse")
@argument("source", type=PATH, metavar="DIR|FILE.csv", help="results folder, or a sheet of caliper data")
@option("--out", type=PATH, help="where the analysis of a sheet goes; needed with FILE.csv")
@option("--control", type=TEXT, help="control arm of a sheet; default vehicle, control, ...")
def analyse(source: Path, out: Path | None, control: str | None) -> None:
    """Turn the run files of a study, or a laboratory's own caliper sheet, into tables, figures and a report."""
    sheet = os.path.isfile(source)  # pathlib's raises for a name that is too long
    _check_options(sheet, source, out, control)
    with error_lines():
        if sheet:
            from adccsim.experiments.sheets import calipers

            result = calipers(source, out, control)
        else:
            from adccsim.experiments.study import analyse as analyse_study

            result = analyse_study(source)
    console.summary(result.text(), result.report)
    for line in result.notes if sheet else ():
        console.note(f"note: {line}")
    console.errors(result.problems)
    raise click.exceptions.Exit(SOME_FAILED if result.problems else DONE)


def _check_options(sheet: bool, source: Path, out: Path | None, control: str | None) -> None:
    """Refuse --out without a sheet, and a sheet without it."""
    if sheet and out is None:
        console.errors([f"{source}: --out DIR is required, for tables, figures and report"])
        raise click.exceptions.Exit(BAD_INPUT)
    for name, value in (("--out", out), ("--control", control)):
        if not sheet and value is not None:
            console.errors([f"{name} is for a caliper sheet (FILE.csv); {source} is none"])
            raise click.exceptions.Exit(BAD_INPUT)


@command("check")
@scenario_file
@sets
def check(file: str, sets: tuple[str, ...]) -> None:
    """Say what a scenario would run, and whether it can, without running anything."""
    with error_lines():
        from adccsim.experiments.inputs import given_scenario
        from adccsim.runtime import cores
        from adccsim.scenario.conditions import plan_of, stand_ins_of, warnings_of

        given = given_scenario(file, sets)
        scenario = given.scenario
        costs = plan_of(scenario)
        for line in warnings_of(scenario):
            console.note(f"note: {line}")
        console.plan(given.title, costs, cores())
        console.stand_ins(stand_ins_of(scenario))
