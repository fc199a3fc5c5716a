"""`adcc plate` and `adcc compare`: a laboratory's own measurements, and published ones beside the simulation."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, DONE, SOME_FAILED, Sets, app, plain_faults
from simulation.cli.study import simulate

if TYPE_CHECKING:
    import pandas as pd

    from simulation.conditions import WellCondition
    from simulation.scenario.schema import Scenario


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
    from simulation.runtime import require_address_space

    with plain_faults():
        require_address_space("adcc plate")
    from analysis import MissingControls
    from analysis.assay.plates.output import write_plate
    from analysis.assay.plates.plate import analyse_plate
    from analysis.errors import SheetFault

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
    with plain_faults():
        from simulation.runtime import require_address_space

        require_address_space("adcc compare")
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find
        from simulation.scenario.sweep import expand

        for file in files:
            path = find(file)
            scenario = load_scenario(path, sets or [])
            if scenario.compare is None:
                console.faults([f'{path}: no table [compare]; data = "observed.csv" in it names what was measured'])
                raise typer.Exit(BAD_INPUT)
            conditions = expand(scenario)
            # Benchmarks are folders, and their scenarios all have one name.
            name = path.resolve().parent.name if path.stem == "scenario" else path.stem
            if out / name in [study[3] for study in studies]:
                raise typer.BadParameter(f"two files would write to {out / name}; rename one of them")
            studies.append((path, scenario, conditions, out / name, *_observed(path, scenario, conditions)))
    found, sound = [], True
    for path, scenario, conditions, folder, observed, keys, notes in studies:
        with plain_faults():
            outcome = simulate(scenario, conditions, path, folder, workers=workers)
        result, problems = _compared(folder, scenario, observed, keys, notes)
        found.append(result)
        sound = sound and not outcome.failed and not problems
    from analysis.fitting.compare_report import overview, write_comparison, write_page

    with plain_faults():
        figures = [write_comparison(each, study[3]) for each, study in zip(found, studies, strict=True)]
        page = write_page(out / "compare.html", found, figures)
    console.comparison(overview(found), found, page)
    raise typer.Exit(DONE if sound else SOME_FAILED)


def _observed(path: Path, scenario: "Scenario", conditions: list["WellCondition"]) -> tuple:
    """What [compare] names, checked against the design before anything is run: (rows, keys, notes)."""
    from analysis.assay.cells import check_recorded
    from analysis.errors import SheetFault
    from analysis.fitting.compare import check_observed
    from analysis.fitting.observed import read_observed
    from analysis.reading.design import design_table

    runs = [SimpleNamespace(run_id=each.run_id, plate=each.plate, condition=each.as_dict()) for each in conditions]
    try:
        observed, keys, notes = read_observed(scenario.compare_data)
        check_recorded(observed, scenario.output.level)
        check_observed(observed, keys, *design_table(runs, scenario.sweep))
    except SheetFault as fault:
        console.faults(f"{scenario.compare_data}: {line}" for line in fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    return observed, keys, notes


def _compared(folder: Path, scenario: "Scenario", observed: object, keys: list[str], notes: list[str]) -> tuple:
    """(comparison, whether something of the study could not be used)."""
    from analysis import MissingControls
    from analysis.assay.study import analyse_wells
    from analysis.errors import SheetFault
    from analysis.fitting.compare import compare as beside

    settings = scenario.compare.model_dump()
    settings["title"] = settings["title"] or scenario.title or folder.name
    try:
        study = analyse_wells(folder)
        result = beside(observed, keys, study.tables | _cells(folder, scenario, observed), settings)
    except (SheetFault, MissingControls) as fault:
        console.faults([f"{folder}: {line}" for line in str(fault).splitlines()])
        raise typer.Exit(SOME_FAILED) from None
    result.notes += notes
    console.faults(study.problems)
    return result, bool(study.problems)


def _cells(folder: Path, scenario: "Scenario", observed: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """The table `cells` of a finished study, where the observation has something that a microscope counts."""
    from analysis.assay.cells import OBSERVABLES, QUANTITIES, cell_table
    from analysis.reading.design import design_table
    from analysis.reading.runs import read_study

    wanted = [name for name in QUANTITIES if name in set(observed["quantity"])]
    if not wanted:
        return {}
    runs = read_study(folder, names=OBSERVABLES).runs
    return {"cells": cell_table(runs, *design_table(runs, scenario.sweep), wanted)}
