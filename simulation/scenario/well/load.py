"""Load a scenario of a well: raw tables against the schema, then whatever needs several keys or the catalogue."""

from collections.abc import Mapping, Sequence
from os.path import isfile
from pathlib import Path

from adccsim.parameters import lookup
from adccsim.scenario.faults import NO_VALUE, Fault, ScenarioError
from adccsim.scenario.tables import Origin
from adccsim.scenario.well.calibrate import calibrate_faults
from adccsim.scenario.well.checks import check_scenario
from adccsim.scenario.well.factors import check_factors
from adccsim.scenario.well.schema import Scenario
from adccsim.scenario.well.validate import fill_from_sweep, validate_sweep, validate_tables


def load_well(
    raw: dict, flat: Mapping[str, object], faults: list[Fault], sets: Sequence[str], folder: Path, text: str
) -> Scenario:
    """The scenario of a parsed file without [sweep] (flat: dotted key -> list). Raises ScenarioError with all faults.

    faults: those that were found before.
    """
    sweep, sweep_faults = validate_sweep(flat)
    scenario, table_faults, broken = validate_tables(fill_from_sweep(raw, sweep))
    faults += table_faults + sweep_faults
    broken += [fault.path for fault in sweep_faults]

    overlays = tuple(folder / file for file in scenario.catalogue)
    try:
        known = lookup.load(overlays)
    except lookup.CatalogueError as error:
        faults += [Fault("catalogue", NO_VALUE, line) for line in error.faults]
        broken.append("catalogue")
        known = lookup.load()
    scenario = scenario.model_copy(update={"sweep": sweep})
    scenario._origin = Origin(text, overlays, tuple(sets), known, folder)
    data = scenario.compare_data
    if scenario.compare and data and not {"compare", "compare.data"} & set(broken) and not isfile(data):
        faults.append(Fault("compare.data", scenario.compare.data, "no such file beside the scenario"))
    if scenario.calibrate and not any(path.startswith("calibrate") for path in broken):
        faults += calibrate_faults(scenario, known)
    try:
        check_scenario(scenario, known, broken)
        if not broken:
            check_factors(scenario, known)
    except ScenarioError as error:
        faults += error.faults
    if faults:
        raise ScenarioError(faults)
    return scenario
