"""`adcc`: the command line. Parses, delegates, prints; decides nothing.

Exit codes: 0 done; 1 some runs failed or some files could not be used (which, and why, is printed); 2 bad input,
nothing was written; 130 and 143 interrupted by SIGINT and SIGTERM, with every finished run kept.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from simulation import __version__, console

if TYPE_CHECKING:
    from simulation.run.books import Outcome
    from simulation.scenario.schema import Scenario
    from simulation.scenario.sweep import Condition

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 128
SUMMARY = "summary.txt"

app = typer.Typer(
    name="adcc",
    help="Antibody-dependent cellular cytotoxicity, cell by cell: a scenario file in, lysis statistics out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioFile = Annotated[str, typer.Argument(metavar="FILE", help="scenario file (TOML), or the name of a shipped one")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override one key of the file; may be repeated")
]


def main() -> None:
    """Entry point of the command `adcc`."""
    app()


@contextmanager
def _plain_faults() -> Iterator[None]:
    """Turn what a user can mend into one line per fault and exit code 2."""
    from simulation.catalogue.lookup import CatalogueError
    from simulation.run.folder import FolderError
    from simulation.runtime import RuntimeSettingsError
    from simulation.scenario.faults import ScenarioError

    try:
        yield
    except (ScenarioError, CatalogueError) as error:
        console.faults(error.faults)
        raise typer.Exit(BAD_INPUT) from None
    except (FolderError, RuntimeSettingsError) as error:
        console.faults([error])
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:  # a full disk, a folder that went away: finished runs are kept
        console.faults([f"{error.filename or 'results'}: {error.strerror or error}"])
        raise typer.Exit(SOME_FAILED) from None


def _version(wanted: bool) -> None:
    if wanted:
        console.say(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


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
) -> None:
    """Simulate a scenario, skip what is finished, and analyse it."""
    part = _shard(shard)
    with _plain_faults():
        from simulation.run.folder import untouched_since
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find
        from simulation.scenario.sweep import expand

        path = find(file)
        scenario = load_scenario(path, sets or [])
        conditions = expand(scenario)
        folder = out or Path("results") / path.stem
        outcome = _simulate(
            scenario, conditions, path, folder,
            shard=part, workers=workers, threads=threads, timeout_s=timeout, check=check,
        )  # fmt: skip
    if part is not None:
        console.note(f"shard {shard} is done; when all are: adcc analyse {folder}")
        raise typer.Exit(SOME_FAILED if outcome.failed else DONE)
    if not outcome.done and not outcome.failed and untouched_since(folder, folder / SUMMARY):
        console.summary((folder / SUMMARY).read_text(encoding="utf-8"), folder / "report.html")
        console.note(f"nothing changed since this analysis; adcc analyse {folder} makes it anew")
        raise typer.Exit(DONE)
    sound = _analyse(folder, missing_controls=SOME_FAILED if outcome.failed else BAD_INPUT)
    raise typer.Exit(DONE if sound and not outcome.failed else SOME_FAILED)


def _simulate(scenario: "Scenario", conditions: list["Condition"], path: Path, folder: Path, **options) -> "Outcome":
    """Run what is not finished yet and say how it went; ends the command when interrupted or when nothing came out."""
    from simulation.run.study import run_study

    console.note(f"{scenario.title or path.stem}: {console.count(len(conditions), 'run')} -> {folder}")
    with console.Progress() as progress:
        outcome = run_study(
            scenario, conditions, path.name, folder, announce=console.note, progress=progress, **options
        )
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
    from analysis.study import analyse_wells

    try:
        result = analyse_wells(folder)
    except MissingControls as error:
        console.faults([f"{folder}: {line}" for line in str(error).split("; ")])
        raise typer.Exit(missing_controls) from None
    except OSError as error:
        console.faults([f"{error.filename or folder}: {error.strerror or error}"])
        raise typer.Exit(BAD_INPUT) from None
    if result.problems:
        (folder / SUMMARY).unlink(missing_ok=True)
    else:
        (folder / SUMMARY).write_text(result.text(), encoding="utf-8")
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
    if source.is_file():
        raise typer.Exit(_analyse_sheet(source, out, control))
    for name, value in (("--out", out), ("--control", control)):
        if value is not None:
            console.faults([f"{name} goes with a sheet of caliper data (FILE.csv); {source} is none"])
            raise typer.Exit(BAD_INPUT)
    if not (source / "runs").is_dir():
        console.faults([f"{source}: no results folder (there is no {source / 'runs'})"])
        raise typer.Exit(BAD_INPUT)
    raise typer.Exit(DONE if _analyse(source, missing_controls=BAD_INPUT) else SOME_FAILED)


def _analyse_sheet(sheet: Path, out: Path | None, control: str | None) -> int:
    """Analyse caliper data, print what came out, and return the exit code."""
    from analysis.growth_study import analyse_growth
    from analysis.sheet import CaliperError

    if out is None:
        console.faults([f"{sheet}: say with --out where tables, figures and report are to go"])
        return BAD_INPUT
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        console.faults([f"{nearest} is a file, not a directory: results cannot go to {out}"])
        return BAD_INPUT
    with _plain_faults():
        try:
            result = analyse_growth(sheet, out, control)
        except CaliperError as error:
            console.faults(f"{sheet}: {line}" for line in error.problems)
            return BAD_INPUT
    console.summary(result.text(), result.report)
    for line in result.notes:
        console.note(f"note: {line}")
    console.faults(result.problems)
    return SOME_FAILED if result.problems else DONE


@app.command()
def plate(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="tidy sheet, or matrix export of a 96-well reader")],
    plate_map: Annotated[
        Path | None, typer.Option("--map", metavar="MAP.csv", help="which well is what, for a matrix")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="results folder; default results/<name of the file>")] = None,
    readout: Annotated[str, typer.Option(help="LDH, 51Cr, calcein or live-count")] = "LDH",
) -> None:
    """Turn a laboratory's own plate into % specific lysis and say how good the plate is."""
    from analysis import MissingControls
    from analysis.errors import SheetFault
    from analysis.plate import analyse_plate, write_plate

    try:
        result = analyse_plate(file, plate_map, readout)
        folder = out or Path("results") / file.stem
        figures = write_plate(result, folder)
    except SheetFault as fault:
        console.faults(f"{file}: {line}" for line in fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    except MissingControls as fault:
        console.faults(f"{file}: {line}" for line in str(fault).split("; "))
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:
        console.faults([f"{error.filename or file}: {error.strerror or error}"])
        raise typer.Exit(BAD_INPUT) from None
    console.plate(result, folder, figures)


@app.command()
def compare(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="scenario files with a table [compare]")],
    out: Annotated[Path, typer.Option(help="folder of the page; each study gets one in it")] = Path("results/compare"),
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default one per core")] = None,
    sets: Sets = None,
) -> None:
    """Run the scenario of an experiment (or reuse its runs) and put prediction beside observation."""
    studies = []
    with _plain_faults():
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find
        from simulation.scenario.sweep import expand

        for file in files:
            path = find(file)
            scenario = load_scenario(path, sets or [])
            conditions = expand(scenario)
            # Benchmarks are folders, and their scenarios all have one name.
            name = path.resolve().parent.name if path.stem == "scenario" else path.stem
            if out / name in [study[3] for study in studies]:
                raise typer.BadParameter(f"two files would write to {out / name}; rename one of them")
            studies.append((path, scenario, conditions, out / name, *_observed(path, scenario, conditions)))
    found, sound = [], True
    for path, scenario, conditions, folder, observed, keys, notes in studies:
        with _plain_faults():
            outcome = _simulate(scenario, conditions, path, folder, workers=workers)
        result, problems = _compared(folder, scenario, observed, keys, notes)
        found.append(result)
        sound = sound and not outcome.failed and not problems
    from analysis.compare_report import overview, write_comparison, write_page

    with _plain_faults():
        figures = [write_comparison(each, study[3]) for each, study in zip(found, studies, strict=True)]
        page = write_page(out / "compare.html", found, figures)
    console.comparison(overview(found), found, page)
    raise typer.Exit(DONE if sound else SOME_FAILED)


def _observed(path: Path, scenario: "Scenario", conditions: list["Condition"]) -> tuple:
    """What [compare] names, checked against the design before anything is run: (rows, keys, notes)."""
    from analysis.compare import check_observed
    from analysis.design import design_table
    from analysis.errors import SheetFault
    from analysis.observed import read_observed

    if scenario.compare is None:
        console.faults([f'{path}: no table [compare]; data = "observed.csv" in it names what was measured'])
        raise typer.Exit(BAD_INPUT)
    runs = [SimpleNamespace(run_id=each.run_id, plate=each.plate, condition=each.resolved) for each in conditions]
    try:
        observed, keys, notes = read_observed(scenario.compare_data)
        check_observed(observed, keys, *design_table(runs, scenario.text))
    except SheetFault as fault:
        console.faults(f"{scenario.compare_data}: {line}" for line in fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    return observed, keys, notes


def _compared(folder: Path, scenario: "Scenario", observed: object, keys: list[str], notes: list[str]) -> tuple:
    """(comparison, whether something of the study could not be used)."""
    from analysis import MissingControls
    from analysis.compare import compare as beside
    from analysis.errors import SheetFault
    from analysis.study import analyse_wells

    settings = scenario.compare.model_dump()
    settings["title"] = settings["title"] or scenario.title or folder.name
    try:
        study = analyse_wells(folder)
        result = beside(observed, keys, study.tables, settings)
    except (SheetFault, MissingControls) as fault:
        console.faults([f"{folder}: {line}" for line in str(fault).splitlines()])
        raise typer.Exit(SOME_FAILED) from None
    result.notes += notes
    console.faults(study.problems)
    return result, bool(study.problems)


@app.command()
def check(file: ScenarioFile, sets: Sets = None) -> None:
    """Say what a scenario would run, and whether it can, without running anything."""
    with _plain_faults():
        from simulation.runtime import cores
        from simulation.scenario.load import load_scenario
        from simulation.scenario.plan import plan
        from simulation.scenario.shipped import find
        from simulation.scenario.sweep import expand

        path = find(file)
        scenario = load_scenario(path, sets or [])
        console.plan(scenario.title or path.stem, plan(expand(scenario)), cores())


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="cell-lines, effectors, antibodies, ...")] = None,
    name: Annotated[str | None, typer.Option(help="everything about this one entry")] = None,
) -> None:
    """Show the catalogue: every number with range, unit, provenance and source; or the shipped scenarios."""
    with _plain_faults():
        from simulation.catalogue import lookup
        from simulation.scenario.faults import NO_VALUE, Fault, ScenarioError, nearest
        from simulation.scenario.shipped import titles

        catalogue = lookup.load()
        kinds = {kind_.replace("_", "-"): catalogue.kind(kind_) for kind_ in lookup.KINDS}
        if kind is None:
            for each, entries in kinds.items():
                console.say(f"{each}: {', '.join(entries)}")
            console.say(f"scenarios: {', '.join(titles())}")
            return
        if kind == "scenarios":
            console.table(("name", "title"), titles().items(), wide=("title",))
            return
        if kind not in kinds:
            close = nearest(kind, [*kinds, "scenarios"])
            hint = f"did you mean {close}?" if close else f"one of {', '.join([*kinds, 'scenarios'])}"
            raise ScenarioError([Fault(kind, NO_VALUE, f"no such kind; {hint}")])
        entries = kinds[kind]
        if name is None:
            console.catalogue_kind(kind, entries, catalogue.defaults[kind.replace("-", "_")])
            return
        if name not in entries:
            close = nearest(name, entries)
            hint = f"did you mean {close}?" if close else f"one of {', '.join(entries)}"
            raise ScenarioError([Fault(name, NO_VALUE, f"no such entry of {kind}; {hint}")])
        console.catalogue_entry(kind, entries[name])


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="shipped scenario to copy, or the name of a new one")],
    source: Annotated[
        str, typer.Option("--from", metavar="SCENARIO", help="shipped scenario to start from")
    ] = "adcc_protocol",
) -> None:
    """Write a commented scenario file, NAME.toml, to start from. Never overwrites."""
    with _plain_faults():
        from simulation.scenario.shipped import write_copy

        path = write_copy(name, source)
        console.say(f"wrote {path}; next: adcc check {path}, then adcc run {path}")


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors that complete and check TOML."""
    from simulation.scenario.schema import json_schema

    json.dump(json_schema(), sys.stdout, indent=2)
    console.say()


if __name__ == "__main__":
    main()
