"""`adcc sensitivity`: which catalogue numbers move the outcome, over the whole of their ranges."""

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, DONE, INTERRUPTED, SOME_FAILED, ScenarioFile, Sets, app, plain_faults
from simulation.cli.simulated import simulated

if TYPE_CHECKING:
    from simulation.scenario.schema import Scenario

STORE = "sensitivity_points.jsonl"


@app.command()
def sensitivity(
    file: ScenarioFile,
    out: Annotated[Path | None, typer.Option(help="results folder; default results/<name of the file>")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default one per core")] = None,
    sets: Sets = None,
) -> None:
    """Vary catalogue numbers over their ranges and say what moves the outcome (Morris, then Sobol)."""
    _need_library()
    from analysis.fitting.calibration import Free
    from analysis.fitting.sensitivity import study
    from analysis.fitting.sensitivity_report import write_sensitivity

    with plain_faults():
        from simulation.runtime import require_address_space

        require_address_space("adcc sensitivity")
        from simulation.run.folder import prepare
        from simulation.scenario.factors import varied
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find

        path = find(file)
        scenario = load_scenario(path, sets or [])
        if scenario.sensitivity is None:
            console.faults([f"{path}: no table [sensitivity]; keys = [...] in it names the numbers to vary"])
            raise typer.Exit(BAD_INPUT)
        numbers = varied(scenario, scenario.known)
        factors = [Free(key, number.low, number.high) for key, number in numbers.items()]
        folder = out or Path("results") / path.stem
        prepare(folder)
        base = _digest_of(scenario)
        job = partial(measure_point, path, tuple(sets or ()))
        settings = scenario.sensitivity.model_dump()
        simulate = partial(_simulate, base, job, folder, workers)
        tables = study(factors, settings, scenario.seed, simulate)
        facts = [
            _design_line(scenario),
            "Ranges are those of the catalogue; numbers that are not named keep their value.",
        ]
        page = write_sensitivity(tables, folder, scenario.title or path.stem, facts)
    for method, table in tables.items():
        console.sensitivity(method, table)
    console.say(f"page: {page}")
    raise typer.Exit(DONE)


def measure_point(path: Path, sets: tuple[str, ...], values: Mapping[str, float]) -> dict[str, float]:
    """The outputs of [sensitivity] with some numbers replaced (key -> value): label -> %."""
    from analysis.fitting.sensitivity import watched
    from simulation.scenario.sweep import expand, points, with_values

    scenario = _loaded(path, sets)
    runs = [simulated(condition) for condition in expand(with_values(scenario, dict(values)))]
    places = [{key: scenario.sweep[key][i] for key, i in point.index.items()} for point in points(scenario)]
    return watched(runs, scenario.sweep, places, scenario.sensitivity.outputs)


@cache
def _loaded(path: Path, sets: tuple[str, ...]) -> "Scenario":
    from simulation.scenario.load import load_scenario

    return load_scenario(path, sets)


def _simulate(
    base: str, job: partial, folder: Path, workers: int | None, method: str, wanted: list[dict[str, float]]
) -> list[Mapping[str, float]]:
    """Outcomes of all points, in order; ends the command when interrupted or when a point cannot be simulated."""
    from simulation.conditions.section import canonical_json
    from simulation.run.points import measure_points

    names = [hashlib.sha256((base + canonical_json(values)).encode("ascii")).hexdigest()[:24] for values in wanted]
    by_name = dict(zip(names, wanted, strict=True))
    console.note(f"{method}: {console.count(len(by_name), 'point')} -> {folder}")
    with console.Progress("points") as progress:
        measured = measure_points(by_name, job, folder / STORE, workers, progress)
    if measured.known_before:
        console.note(f"{console.count(measured.known_before, 'point')} measured before, skipped")
    console.faults(f"{by_name[name]}: {fault}" for name, fault in list(measured.failed.items())[:5])
    if measured.signal is not None:
        kept = console.count(len(measured.found), "measured point")
        console.note(f"interrupted: {kept} kept; the same command goes on from there")
        raise typer.Exit(INTERRUPTED + measured.signal)
    if measured.failed:
        console.faults(
            [f"{console.count(len(measured.failed), 'point')} could not be simulated: no indices without them"]
        )
        raise typer.Exit(SOME_FAILED)
    return [measured.found[name] for name in names]


def _digest_of(scenario: "Scenario") -> str:
    """A name for everything but the varied numbers: equal only where a stored point may be used again."""
    from simulation.scenario.sweep import expand

    runs = "".join(condition.run_id for condition in expand(scenario))
    return hashlib.sha256((runs + ",".join(scenario.sensitivity.outputs)).encode("ascii")).hexdigest()


def _design_line(scenario: "Scenario") -> str:
    given, donors = scenario.sensitivity, scenario.effectors.donors
    who = f"mean of {donors} donors" if donors > 1 else "one typical donor"
    sizes = [f"{given.trajectories} Morris paths"] if "morris" in given.method else []
    sizes += [f"Sobol base sample {given.samples}"] if "sobol" in given.method else []
    what = f"{scenario.targets.cell_line}, {scenario.effectors.type}, {who}"
    return f"{what}; {console.count(len(given.keys), 'number')} varied; {', '.join(sizes)}."


def _need_library() -> None:
    try:
        import SALib  # noqa: F401
    except ModuleNotFoundError:
        console.faults(["adcc sensitivity needs the extra `calibrate`: pip install 'adccsim[calibrate]'"])
        raise typer.Exit(BAD_INPUT) from None
