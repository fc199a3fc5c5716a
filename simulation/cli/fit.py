"""`adcc calibrate`: numbers of the catalogue fitted to measured experiments."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, DONE, INTERRUPTED, SOME_FAILED, ScenarioFile, Sets, app, plain_faults
from simulation.cli.simulated import simulated

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from analysis.fitting.emulator import Emulated
    from analysis.reading.runs import Run
    from simulation.scenario.schema import Scenario

STORE = "calibration_points.jsonl"
DATABASE = "posterior.db"


@dataclass(frozen=True)
class Experiment:
    """A measured experiment and the scenario that mirrors it, with wells made small for a fit."""

    name: str
    scenario: "Scenario"
    observed: "pd.DataFrame"
    keys: tuple[str, ...]


@app.command()
def calibrate(
    file: ScenarioFile,
    out: Annotated[Path | None, typer.Option(help="results folder; default results/<name of the file>")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default one per core")] = None,
    sets: Sets = None,
) -> None:
    """Fit free catalogue numbers to measured experiments: least squares, then a sample of the posterior."""
    with plain_faults():
        from simulation.runtime import require_address_space

        require_address_space("adcc calibrate")
        from analysis.fitting.calibration import local_widths
        from simulation.run.folder import prepare
        from simulation.scenario.load import load_scenario
        from simulation.scenario.shipped import find

        path = find(file)
        scenario = load_scenario(path, sets or [])
        given = scenario.calibrate
        if given is None:
            console.faults([f"{path}: no table [calibrate]; free = {{...}} in it names the numbers to fit"])
            raise typer.Exit(BAD_INPUT)
        if given.population and given.method == "ABC-SMC" and find_spec("pyabc") is None:
            console.faults(["ABC-SMC needs the extra calibrate (pip install 'adccsim[calibrate]'); calibrate.method = "
                            '"emulator" and calibrate.population = 0 do without'])  # fmt: skip
            raise typer.Exit(BAD_INPUT)
        paths = (path, *scenario.calibrate_experiments)
        plan = _Plan(paths, tuple(sets or ()), given.donors, given.cells, scenario.seed)
        experiments = _sound(plan)
        free = _free(scenario)
        _no_idle_parameter(experiments, free)
        folder = out or Path("results") / path.stem
        prepare(folder)
        begun = time.monotonic()
        digest = _digest(experiments, plan)
        measure = partial(_measure, plan, digest, folder / STORE, workers)
        best, asked = _search(scenario, free, measure)
        near = local_widths(free, best, measure) if given.evaluations else {}
        posterior = emulated = None
        if given.population and given.method == "emulator":
            emulated = _emulated(scenario, free, best, digest, folder, measure)
            posterior = emulated.posterior
        elif given.population:
            posterior = _posterior(scenario, free, plan, folder, workers)
        if not given.evaluations and posterior is not None:
            best = {each.path: float(posterior[each.path].median()) for each in free}
        table = evaluate(experiments, best)
        facts = {
            "experiments": [each.name for each in experiments], "seed": scenario.seed, "donors": given.donors,
            "cells": given.cells, "points_of_the_search": asked, "wall_s": round(time.monotonic() - begun, 1),
        }  # fmt: skip
        checked = None
        if emulated is not None:
            facts["posterior"], checked = emulated.facts, emulated.checked
        page = _write(folder, scenario, free, best, near, table, posterior, facts, checked)
    console.calibration(table, best, page)
    raise typer.Exit(DONE)


# -- the objective --------------------------------------------------------------------------------------------------


def load_experiment(path: Path, donors: int, cells: int, seed: int, sets: Sequence[str] = ()) -> Experiment:
    """The experiment of a scenario with [compare]; donors drawn from `seed`, random numbers paired, small wells.

    cells: targets per well (a whole number of compartments on a chip); area and volume shrink alike, so density and
    volume per target stay. sets: of --set, laid first. Raises ScenarioError, SheetFault.
    """
    from analysis.fitting.observed import read_observed
    from simulation.catalogue.lookup import with_values
    from simulation.scenario.load import load_scenario
    from simulation.scenario.resolve import cells_of, resolve_vessel

    full = load_scenario(path, sets)
    well = resolve_vessel(full, full.known)
    per_compartment = well.targets_per_microwell or 1
    few = per_compartment * max(1, round(min(cells, cells_of(full, full.known)) / per_compartment))
    share = few / cells_of(full, full.known)
    chip = well.shape == "chip"  # its area follows from its cells
    every_min = full.output.every_min or round(full.assay.duration_h * 60)
    small = [
        f"effectors.donors={donors}", f"seed={seed}", "replicates=1", "random=paired", "output.level=observables",
        f"output.every_min={every_min}", f"targets.cells={few}", f"well.volume_ul={well.volume_ul * share}",
    ]  # fmt: skip
    scenario = load_scenario(path, [*sets, *small])
    area = {} if chip else {f"wells.{well.format}.area_mm2": well.area_mm2 * share}
    scenario._origin = replace(scenario._origin, known=with_values(scenario.known, area))
    observed, keys, _ = read_observed(scenario.compare_data)
    return Experiment(scenario.compare_data.resolve().parent.name, scenario, observed, tuple(keys))


def evaluate(experiments: Sequence[Experiment], values: Mapping[str, float]) -> "pd.DataFrame":
    """All experiments with catalogue numbers `values` ("kind.entry.field" -> value): rows of calibration.residuals.

    A column `experiment` comes first. A well that two experiments share is simulated once.
    """
    import pandas as pd

    from analysis.fitting.calibration import residuals
    from simulation.scenario.sweep import expand

    done: dict[str, Run] = {}
    tables = []
    for each in experiments:
        scenario = _with_numbers(each.scenario, values)
        conditions = expand(scenario)
        for condition in conditions:
            if condition.text not in done:
                done[condition.text] = simulated(condition)
        table = residuals(each.observed, each.keys, [done[each.text] for each in conditions], scenario.sweep)
        table.insert(0, "experiment", each.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _with_numbers(scenario: "Scenario", values: Mapping[str, float]) -> "Scenario":
    """The scenario as if the catalogue held `values`."""
    from simulation.catalogue.lookup import with_values

    changed = scenario.model_copy()
    changed._origin = replace(scenario._origin, known=with_values(scenario.known, values))
    return changed


# -- before anything runs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """What a process needs to build the experiments for itself; sets belong to the first path."""

    paths: tuple[Path, ...]
    sets: tuple[str, ...]
    donors: int
    cells: int
    seed: int

    def experiments(self) -> list[Experiment]:
        """All experiments, small."""
        return [
            load_experiment(path, self.donors, self.cells, self.seed, self.sets if place == 0 else ())
            for place, path in enumerate(self.paths)
        ]


@cache
def _experiments(plan: _Plan) -> list[Experiment]:
    return plan.experiments()


def _sound(plan: _Plan) -> list[Experiment]:
    """The experiments, their observations held against the design; ends the command with the faults of any."""
    from types import SimpleNamespace

    from analysis.assay.cells import check_recorded
    from analysis.errors import SheetFault
    from analysis.fitting.compare import check_observed
    from analysis.reading.design import design_table
    from simulation.scenario.load import load_scenario
    from simulation.scenario.sweep import expand

    for path in plan.paths[1:]:
        if load_scenario(path).compare is None:
            console.faults([f"{path}: no table [compare]: it says what was measured"])
            raise typer.Exit(BAD_INPUT)
    try:
        experiments = _experiments(plan)
        for each in experiments:
            check_recorded(each.observed, each.scenario.output.level)
            runs = [
                SimpleNamespace(run_id=c.run_id, plate=c.plate, condition=c.as_dict()) for c in expand(each.scenario)
            ]
            check_observed(each.observed, each.keys, *design_table(runs, each.scenario.sweep))
    except SheetFault as fault:
        console.faults(str(line) for line in fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    return experiments


def _free(scenario: "Scenario") -> list:
    from analysis.fitting.calibration import Free
    from simulation.scenario.calibrate import free_range

    return [Free(path, *free_range(scenario.known, path, ends)) for path, ends in scenario.calibrate.free.items()]


def _no_idle_parameter(experiments: Sequence[Experiment], free: Sequence) -> None:
    """End the command where a free number is read by no well of any experiment."""
    from simulation.scenario.sweep import expand

    def wells(each: Experiment, values: dict[str, float]) -> list[str]:
        return [c.text for c in expand(_with_numbers(each.scenario, values))]

    def read(free: object) -> bool:
        return any(wells(e, {free.path: free.low}) != wells(e, {free.path: free.high}) for e in experiments)

    idle = [each.path for each in free if not read(each)]
    if idle:
        console.faults(f"calibrate.free.{json.dumps(path)}: has no effect: no experiment reads it" for path in idle)
        raise typer.Exit(BAD_INPUT)


def _digest(experiments: Sequence[Experiment], plan: _Plan) -> str:
    """Names what a stored point was measured with: every number of every well, and what it was held against."""
    from simulation.scenario.sweep import expand

    digest = hashlib.sha256()
    for each in experiments:
        digest.update(each.observed.to_csv().encode())
        for condition in expand(each.scenario):
            digest.update(condition.text.encode())
    return digest.hexdigest()[:16]


# -- the search and the posterior -----------------------------------------------------------------------------------


def _job(plan: _Plan, values: Mapping[str, float]) -> dict[str, float]:
    """z of every row at one point; runs in any process."""
    table = evaluate(_experiments(plan), values)
    return {f"{row.experiment} {row.label} {row.of}": row.z for row in table.itertuples()}


def _measure(plan: _Plan, base: str, store: Path, workers: int | None, points: Sequence[Mapping[str, float]]) -> list:
    """z of several points, from the store where they are known; ends the command when interrupted or failed."""
    import numpy as np

    from simulation.run.points import measure_points

    names = [hashlib.sha256(f"{base} {json.dumps(p, sort_keys=True)}".encode()).hexdigest()[:16] for p in points]
    with console.Progress("points") as progress:
        answer = measure_points(dict(zip(names, points, strict=True)), partial(_job, plan), store, workers, progress)
    if answer.signal is not None:
        console.note("interrupted: points that were measured are kept; the same command goes on from there")
        raise typer.Exit(INTERRUPTED + answer.signal)
    if answer.failed:
        console.faults(sorted(set(answer.failed.values())))
        raise typer.Exit(SOME_FAILED)
    return [np.array(list(answer.found[name].values())) for name in names]


def _search(scenario: "Scenario", free: Sequence, measure: object) -> tuple[dict[str, float], int]:
    """(best values by path, points asked for): the catalogue's own, within the ranges, where nothing is searched."""
    from analysis.fitting.calibration import search
    from simulation.catalogue.lookup import number_at

    start = {each.path: number_at(scenario.known, each.path).value for each in free}
    start = {each.path: min(max(start[each.path], each.low), each.high) for each in free}
    if not scenario.calibrate.evaluations:
        return start, 0
    asked = 0

    def counted(points: Sequence[Mapping[str, float]]) -> list:
        nonlocal asked
        asked += len(points)
        found = measure(points)
        console.note(f"{console.count(asked, 'point')} asked for")
        return found

    return search(free, start, counted, scenario.calibrate.evaluations), asked


def _posterior(scenario: "Scenario", free: Sequence, plan: _Plan, folder: Path, workers: int | None) -> "pd.DataFrame":
    from analysis.fitting.posterior import sample
    from simulation import runtime

    runtime.configure(1)
    given = scenario.calibrate
    return sample(
        free, partial(_job, plan), given.population, given.generations, scenario.seed, folder / DATABASE,
        workers or runtime.cores(), console.note,
    )  # fmt: skip


def _emulated(
    scenario: "Scenario", free: Sequence, best: Mapping[str, float], digest: str, folder: Path, measure: object
) -> "Emulated":
    """The posterior by emulator; the points of its rounds are kept beside those that are measured."""
    import numpy as np

    from analysis.fitting.emulator import sample
    from simulation.run.folder import write_json
    from simulation.run.points import ROUNDS, read_rounds

    given = scenario.calibrate
    said = json.dumps([digest, scenario.seed, given.population, best, {f.path: [f.low, f.high] for f in free}])
    ours = hashlib.sha256(said.encode()).hexdigest()[:16]

    def recall(name: str, draw: object) -> np.ndarray:
        kept = read_rounds(folder / ROUNDS)
        key = f"{ours} {name}"
        if key not in kept:
            kept[key] = draw().tolist()
            write_json(folder / ROUNDS, kept)
        return np.array(kept[key])

    return sample(free, best, measure, given.population, given.generations, scenario.seed, console.note, recall)


def _write(
    folder: Path, scenario: "Scenario", free: Sequence, best: Mapping[str, float],
    near: Mapping[str, float], table: "pd.DataFrame", posterior: "pd.DataFrame | None", facts: dict,
    checked: "np.ndarray | None",
) -> Path:  # fmt: skip
    from datetime import date

    from analysis.fitting.posterior import overlay_text, write_calibration
    from simulation.catalogue.lookup import number_at
    from simulation.version import WELL_MODEL

    facts |= {"model": WELL_MODEL, "date": date.today().isoformat()}
    numbers = {each.path: number_at(scenario.known, each.path) for each in free}
    units = {path: number.unit for path, number in numbers.items()}
    ranges = {path: (number.low, number.high) for path, number in numbers.items()}
    text = overlay_text(best, units, ranges, facts)
    starts = {path: number.value for path, number in numbers.items()}
    return write_calibration(folder, free, starts, best, near, table, posterior, text, facts, checked)
