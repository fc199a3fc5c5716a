"""A measured experiment and the scenario that mirrors it: read, checked against the design, simulated small."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from adccsim.analysis.assay.cells import check_recorded
from adccsim.analysis.fitting.calibration import residuals
from adccsim.analysis.fitting.compare import check_observed
from adccsim.analysis.fitting.observed import read_observed
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import Run
from adccsim.conditions import WellCondition
from adccsim.experiments.inputs import Source
from adccsim.experiments.wells import planned, simulated
from adccsim.parameters.lookup import with_values
from adccsim.scenario.load import load_scenario
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.resolve import cells_of, resolve_vessel
from adccsim.scenario.well.schema import Scenario


@dataclass(frozen=True)
class Experiment:
    """A measured experiment and the scenario that mirrors it, with wells made small for a fit.

    observed, keys  the measured numbers, one per row, and the columns that say of which condition.
    """

    name: str
    scenario: Scenario
    observed: pd.DataFrame
    keys: tuple[str, ...]


def load_experiment(path: Path, donors: int, cells: int, seed: int, sets: Sequence[str] = ()) -> Experiment:
    """The experiment of a scenario file with [compare]: see small_experiment. sets: "key=value" texts, laid first.

    Raises ScenarioError, SheetError.
    """
    scenario = load_scenario(path, sets)
    assert isinstance(scenario, Scenario)
    return small_experiment(Source.of(scenario), donors, cells, seed)


def small_experiment(source: Source, donors: int, cells: int, seed: int) -> Experiment:
    """The experiment of a scenario with [compare]; donors drawn from `seed`, random numbers paired, small wells.

    cells: targets per well (a whole number of compartments on a chip); area and volume shrink alike, so density and
    volume per target stay. Raises ScenarioError, SheetError.
    """
    full = source.load()
    well = resolve_vessel(full, full.known)
    per_compartment = well.targets_per_microwell or 1
    few = per_compartment * max(1, round(min(cells, cells_of(full, full.known)) / per_compartment))
    fraction = few / cells_of(full, full.known)
    every_min = full.output.every_min or round(full.assay.duration_h * 60)
    small = source.load(
        [
            *(f"effectors.donors={donors}", f"seed={seed}", "replicates=1", "random=paired"),
            *("output.level=observables", f"output.every_min={every_min}"),
            *(f"targets.cells={few}", f"well.volume_ul={well.volume_ul * fraction}"),
        ]
    )
    # The area of a chip follows from its cells.
    area = {} if well.shape == "chip" else {f"wells.{well.format}.area_mm2": well.area_mm2 * fraction}
    small = small.with_catalogue(with_values(small.known, area))
    data = data_file(small)
    observed, keys, _ = read_observed(data)
    return Experiment(data.resolve().parent.name, small, observed, tuple(keys))


def data_file(scenario: Scenario) -> Path:
    """The file of measured numbers that [compare] names."""
    assert scenario.compare_data is not None
    return scenario.compare_data


def check_design(
    observed: pd.DataFrame, keys: Sequence[str], scenario: Scenario, conditions: Sequence[WellCondition]
) -> None:
    """Raises SheetError where a measured number belongs to no simulated condition, or would not be recorded."""
    check_recorded(observed, scenario.output.level)
    check_observed(observed, keys, *design_table([planned(each) for each in conditions], scenario.sweep))


def evaluate(experiments: Sequence[Experiment], values: Mapping[str, float]) -> pd.DataFrame:
    """All experiments with catalogue numbers `values` ("kind.entry.field" -> value): rows of calibration.residuals.

    A column `experiment` comes first. A well that two experiments share is simulated once.
    """
    done: dict[str, Run] = {}
    tables = []
    for each in experiments:
        scenario = with_numbers(each.scenario, values)
        conditions = expand(scenario)
        for condition in conditions:
            if condition.text not in done:
                done[condition.text] = simulated(condition)
        table = residuals(each.observed, each.keys, [done[each.text] for each in conditions], scenario.sweep)
        table.insert(0, "experiment", each.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def with_numbers(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """The scenario as if the catalogue held `values` ("kind.entry.field" -> value)."""
    return scenario.with_catalogue(with_values(scenario.known, values))
