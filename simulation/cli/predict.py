"""`adcc predict`: simulated experiments written down, with the commit they come from, before measurements are seen."""

from pathlib import Path
from typing import Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, DONE, SOME_FAILED, app, plain_faults
from simulation.cli.study import simulate

SCENARIOS = Path("benchmarks/in_vitro_lysis/predict")
PREDICTIONS = Path("benchmarks/in_vitro_lysis/predictions")


@app.command()
def predict(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help=f"scenario files; default {SCENARIOS}/*.toml")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder of the predictions")] = PREDICTIONS,
    scratch: Annotated[Path, typer.Option(help="folder of the runs")] = Path("results/predict"),
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default one per core")] = None,
) -> None:
    """Simulate experiments and write one table, named by the state of the catalogue; it is never overwritten."""
    paths = files or sorted(SCENARIOS.glob("*.toml"))
    if not paths:
        console.faults(
            [f"{SCENARIOS}: no scenario files here; run this in a checkout of the repository, or name files"]
        )
        raise typer.Exit(BAD_INPUT)
    with plain_faults():
        from simulation.runtime import require_address_space

        require_address_space("adcc predict")
        from simulation.run.provenance import StateError, committed_state, state_hash
        from simulation.scenario.load import load_scenario
        from simulation.scenario.sweep import expand
        from simulation.version import WELL_MODEL

        names = [path.stem for path in paths]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            console.faults([f"{name}: two files of this name; a prediction is known by it" for name in twice])
            raise typer.Exit(BAD_INPUT)
        scenarios = [load_scenario(path) for path in paths]
        overlays = list(dict.fromkeys(overlay for scenario in scenarios for overlay in scenario.overlays))
        name = state_hash(overlays)
        target = out / f"{name}.csv"
        if target.exists():
            console.faults([f"{target}: there already; a prediction is never overwritten"])
            raise typer.Exit(BAD_INPUT)
        try:
            commit = committed_state([*paths, *overlays])
        except StateError as error:
            console.faults(error.faults)
            raise typer.Exit(BAD_INPUT) from None
        conditions = [expand(scenario) for scenario in scenarios]
        for path, scenario, wells in zip(paths, scenarios, conditions, strict=True):
            if simulate(scenario, wells, path, scratch / name / path.stem, workers=workers).failed:
                console.faults([f"{path}: runs failed; nothing is written"])
                raise typer.Exit(SOME_FAILED)
    table = _tabulated(names, scratch / name, {"model": WELL_MODEL, "catalogue": name, "commit": commit})
    with plain_faults():
        from analysis.tables import write_table

        out.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("x"):  # of two processes one may write
                pass
        except FileExistsError:
            console.faults([f"{target}: written by somebody else meanwhile; a prediction is never overwritten"])
            raise typer.Exit(BAD_INPUT) from None
        write_table(table, target)
    console.say(f"{console.count(len(table), 'row')} of {console.count(len(names), 'prediction')}: {target}")
    console.say("commit this file before looking at measurements")
    raise typer.Exit(DONE)


def _tabulated(names: list[str], folder: Path, provenance: dict[str, str]) -> object:
    """The table of all experiments; ends the command where a plate lacks its controls or a file cannot be used."""
    from analysis import MissingControls
    from analysis.assay.study import analyse_wells
    from analysis.fitting.predictions import prediction_rows, prediction_table

    parts = []
    for name in names:
        try:
            result = analyse_wells(folder / name, with_figures=False)
        except MissingControls as fault:
            console.faults(f"{name}: {line}" for line in str(fault).split("; "))
            raise typer.Exit(SOME_FAILED) from None
        if result.problems or "lysis_summary" not in result.tables:
            console.faults(f"{name}: {line}" for line in result.problems or ["it has no lysis to predict"])
            raise typer.Exit(SOME_FAILED)
        parts.append(prediction_rows(name, result.tables))
    return prediction_table(parts, provenance)
