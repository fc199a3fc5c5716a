"""`adcc calibrate`: free parameters of the catalogue fitted to measured experiments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from simulation.scenario.schema import Scenario

CONTROLS_OF_LYSIS = ("sample", "no_antibody", "target_only", "effector_only")


@dataclass(frozen=True)
class Experiment:
    """A measured experiment and the scenario that mirrors it, with wells made small for a fit."""

    name: str
    scenario: "Scenario"
    observed: "pd.DataFrame"
    keys: tuple[str, ...]


def load_experiment(path: Path, donors: int, cells: int, seed: int) -> Experiment:
    """The experiment of a scenario with [compare]; donors drawn from `seed`, random numbers paired, small wells.

    cells: targets per well (a whole number of compartments on a chip); area and volume shrink alike, so density and
    volume per target stay. Raises ScenarioError, SheetFault.
    """
    from analysis.observed import read_observed
    from simulation.catalogue.lookup import with_values
    from simulation.scenario.load import load_scenario
    from simulation.scenario.resolve import resolve_well

    known = load_scenario(path)
    well = resolve_well(known, known.known)
    per_compartment = well.get("targets_per_microwell", 1)
    few = per_compartment * max(1, round(cells / per_compartment))
    from simulation.scenario.resolve import cells_of

    share = few / cells_of(known, known.known)
    sets = [f"effectors.donors={donors}", f"seed={seed}", "replicates=1", "random=paired", "output.level=observables"]
    if well["shape"] != "chip":
        sets.append("output.every_min=" + str(known.output.every_min or round(known.assay.duration_h * 60)))
    sets += [f"targets.cells={few}", f"well.volume_ul={well['volume_ul'] * share}"]
    scenario = load_scenario(path, sets)
    area = f"wells.{well['format']}.area_mm2"
    small = scenario.known if well["shape"] == "chip" else with_values(scenario.known, {area: well["area_mm2"] * share})
    scenario._origin = replace(scenario._origin, known=small)
    observed, keys, _ = read_observed(scenario.compare_data)
    name = path.parent.name if path.stem == "scenario" else path.stem
    return Experiment(name, scenario, observed, tuple(keys))


def evaluate(experiments: Sequence[Experiment], values: Mapping[str, float]) -> "pd.DataFrame":
    """All experiments with catalogue numbers `values` ("kind.entry.field" -> value): rows of calibration.residuals.

    A column `experiment` comes first. A well that two experiments share is simulated once.
    """
    import pandas as pd

    from analysis.calibration import residuals
    from simulation.catalogue.lookup import with_values
    from simulation.scenario.sweep import expand

    done: dict[str, object] = {}
    tables = []
    for each in experiments:
        scenario = each.scenario.model_copy()
        origin = each.scenario._origin
        scenario._origin = replace(origin, known=with_values(origin.known, values))
        runs = []
        for condition in expand(scenario):
            if condition.role not in CONTROLS_OF_LYSIS:
                continue
            if condition.json not in done:
                done[condition.json] = _simulated(condition)
            runs.append(done[condition.json])
        table = residuals(each.observed, each.keys, runs, scenario.text)
        table.insert(0, "experiment", each.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _simulated(condition: object) -> object:
    from analysis.trajectory import Run, Series
    from simulation.run.one import measure
    from simulation.version import WELL_MODEL

    found = {name: Series(value, time, "", edges) for name, (value, time, edges) in measure(condition.resolved).items()}
    return Run(condition.run_id, condition.plate, WELL_MODEL, condition.resolved, Path(), found)
