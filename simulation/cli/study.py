"""`adcc run`, `adcc analyse`, `adcc check`: a scenario to run files, run files to tables and a report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation import console
from simulation.cli.cluster import engine_options
from simulation.cli.common import BAD_INPUT, DONE, INTERRUPTED, SOME_FAILED, ScenarioFile, Sets, app, plain_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulation.conditions import AnyCondition
    from simulation.run.books import Outcome
    from simulation.scenario.schema import Loaded

SUMMARY = "summary.txt"


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, slash, parts = text.partition("/")
    if not (slash and index.isdecimal() and parts.isdecimal() and int(index) < int(parts)):
        raise typer.BadParameter(f"{text!r} is not i/k with i from 0 to k - 1, like 0/4")
    return int(index), int(parts)


@app.command()
def run(
    file: ScenarioFile,
    out: Annotated[Path | None, typer.Option(help="results folder; default results/<name of the file>")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default one per core")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="cores one run may use; default 1 if several wait")] = None,
    sets: Sets = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/K", help="only part I (0 to K-1) of K, for several machines")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="runs verify their own bookkeeping; slower")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="longest time of one run")] = None,
    engine: Annotated[str, typer.Option(metavar="local|dask", help="who gives out the runs")] = "local",
    cluster: Annotated[
        str | None,
        typer.Option(help="with --engine dask: local (default), slurm, pbs, lsf, sge, tcp:// or tls://host:port"),
    ] = None,
    site: Annotated[Path | None, typer.Option(metavar="SITE.toml", help="partition, wall time, memory, ...")] = None,
) -> None:
    """Simulate a scenario, skip what is finished, and analyse it."""
    part = _shard(shard)
    options = {"workers": workers, "threads": threads, "timeout_s": timeout, "check": check}
    with plain_faults():
        options |= engine_options(engine, cluster, site, part is not None)
        from simulation.scenario.conditions import conditions_of, warnings_of
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find

        path = find(file)
        scenario = load_scenario(path, sets or [])
        conditions = conditions_of(scenario)
        for line in warnings_of(scenario):
            console.note(f"note: {line}")
        folder = out or Path("results") / path.stem
        outcome = simulate(scenario, conditions, path, folder, shard=part, **options)
    if part is not None:
        console.note(f"shard {shard} is done; when all are: adcc analyse {folder}")
        raise typer.Exit(SOME_FAILED if outcome.failed else DONE)
    if not outcome.done and not outcome.failed and _still_holds(folder):
        console.summary((folder / SUMMARY).read_text(encoding="utf-8"), folder / "report.html")
        console.note(f"nothing changed since this analysis; adcc analyse {folder} makes it anew")
        raise typer.Exit(DONE)
    sound = _analyse(folder, missing_controls=SOME_FAILED if outcome.failed else BAD_INPUT)
    raise typer.Exit(DONE if sound and not outcome.failed else SOME_FAILED)


def _still_holds(folder: Path) -> bool:
    """Whether the text of the last analysis is as it was written, and nothing that it was made of has changed since."""
    from simulation.run.folder import untouched_since
    from simulation.seal import matches_digest

    return untouched_since(folder, folder / SUMMARY) and matches_digest(folder / SUMMARY)


def simulate(
    scenario: "Loaded", conditions: "Sequence[AnyCondition]", path: Path, folder: Path, **options
) -> "Outcome":
    """Run what is not finished yet and say how it went; ends the command when interrupted or when nothing came out."""
    from simulation.run.study import run_study

    console.note(f"{scenario.title or path.stem}: {console.count(len(conditions), 'run')} -> {folder}")
    with console.Progress() as progress:
        outcome = run_study(
            scenario, conditions, path.name, folder, announce=console.note, progress=progress, **options
        )
    console.set_aside(outcome.set_aside)
    if outcome.skipped:
        console.note(f"{console.count(len(outcome.skipped), 'run')} finished before, skipped")
    console.failures(outcome.failed, folder / "failed")
    if outcome.signal is not None:
        kept = len(outcome.done) + len(outcome.skipped)
        console.note(f"interrupted: {console.count(kept, 'finished run')} kept; the same command goes on from there")
        raise typer.Exit(INTERRUPTED + outcome.signal)
    if outcome.failed and not outcome.done and not outcome.skipped:
        raise typer.Exit(SOME_FAILED)  # nothing to analyse
    return outcome


def _analyse(folder: Path, missing_controls: int) -> bool:
    """Analyse a folder and print what came out; False when something in it could not be used."""
    from analysis import MissingControls
    from analysis.assay.study import analyse_wells
    from analysis.errors import ForeignFile, SheetFault
    from analysis.reading.runs import kind_of
    from analysis.writing import write_text
    from simulation.runtime import cores, require_address_space
    from simulation.seal import DamagedFile, write_digest
    from simulation.study_file import StudyFileError

    with plain_faults():
        require_address_space(f"the analysis of {folder}")
    try:
        if kind_of(folder) == "xenograft":
            from analysis.growth.mice import analyse_mice

            result = analyse_mice(folder)
        else:
            result = analyse_wells(folder, processes=cores())
    except SheetFault as error:
        console.faults(f"{folder}: {line}" for line in error.problems)
        raise typer.Exit(missing_controls) from None
    except MissingControls as error:
        console.faults([f"{folder}: {line}" for line in str(error).split("; ")])
        raise typer.Exit(missing_controls) from None
    except (DamagedFile, StudyFileError) as error:
        console.faults([f"{folder / 'study.json'}: {error}"])
        raise typer.Exit(BAD_INPUT) from None
    except ForeignFile as error:  # damage that shows only in the middle of a file of 0.1.0, which has no digest
        console.faults([f"{folder}: {error}"])
        raise typer.Exit(SOME_FAILED) from None
    except OSError as error:
        console.faults([f"{error.filename or folder}: {error.strerror or error}"])
        raise typer.Exit(BAD_INPUT) from None
    with plain_faults():
        (folder / SUMMARY).unlink(missing_ok=True)
        if not result.problems:
            write_text(folder / SUMMARY, result.text())
            write_digest(folder / SUMMARY)
    console.summary(result.text(), result.report)
    console.faults(result.problems)
    return not result.problems


@app.command()
def analyse(
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE.csv", help="results folder, or a sheet of caliper data")],
    out: Annotated[Path | None, typer.Option(help="where the analysis of a sheet goes; needed with FILE.csv")] = None,
    control: Annotated[str | None, typer.Option(help="control arm of a sheet; default vehicle, control, ...")] = None,
) -> None:
    """Turn the run files of a study, or a laboratory's own caliper sheet, into tables, figures and a report."""
    if os.path.isfile(source):  # pathlib's raises for a name that is too long
        raise typer.Exit(_analyse_sheet(source, out, control))
    for name, value in (("--out", out), ("--control", control)):
        if value is not None:
            console.faults([f"{name} goes with a sheet of caliper data (FILE.csv); {source} is none"])
            raise typer.Exit(BAD_INPUT)
    if not os.path.isdir(source / "runs"):
        console.faults([f"{source}: no results folder (there is no {source / 'runs'})"])
        raise typer.Exit(BAD_INPUT)
    raise typer.Exit(DONE if _analyse(source, missing_controls=BAD_INPUT) else SOME_FAILED)


def _analyse_sheet(sheet: Path, out: Path | None, control: str | None) -> int:
    """Analyse caliper data, print what came out, and return the exit code."""
    from analysis.errors import SheetFault
    from analysis.growth.study import analyse_growth
    from simulation.runtime import require_address_space

    if out is None:
        console.faults([f"{sheet}: say with --out where tables, figures and report are to go"])
        return BAD_INPUT
    nearest = next(path for path in (out, *out.absolute().parents) if os.path.exists(path))
    if not nearest.is_dir():
        console.faults([f"{nearest} is a file, not a directory: results cannot go to {out}"])
        return BAD_INPUT
    with plain_faults():
        require_address_space(f"the analysis of {sheet}")
        try:
            result = analyse_growth(sheet, out, control)
        except SheetFault as error:
            console.faults(f"{sheet}: {line}" for line in error.problems)
            return BAD_INPUT
    console.summary(result.text(), result.report)
    for line in result.notes:
        console.note(f"note: {line}")
    console.faults(result.problems)
    return SOME_FAILED if result.problems else DONE


@app.command()
def check(file: ScenarioFile, sets: Sets = None) -> None:
    """Say what a scenario would run, and whether it can, without running anything."""
    with plain_faults():
        from simulation.runtime import cores
        from simulation.scenario.conditions import plan_of, warnings_of
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find
        from simulation.scenario.stand_ins import stand_ins

        path = find(file)
        scenario = load_scenario(path, sets or [])
        costs = plan_of(scenario)
        for line in warnings_of(scenario):
            console.note(f"note: {line}")
        show = console.mice_plan if scenario.kind == "xenograft" else console.plan
        show(scenario.title or path.stem, costs, cores())
        console.stand_ins(stand_ins(scenario))
