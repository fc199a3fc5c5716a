"""Load a scenario of a well: raw tables against the schema, then whatever needs several keys or the catalogue."""

from collections.abc import Mapping, Sequence
from os.path import isfile
from pathlib import Path

from adccsim.scenario.errors import Invalid, ScenarioError
from adccsim.scenario.tables import Origin, catalogue_of
from adccsim.scenario.well.calibrate import calibrate_errors
from adccsim.scenario.well.checks import check_scenario
from adccsim.scenario.well.factors import check_factors
from adccsim.scenario.well.schema import Scenario
from adccsim.scenario.well.validate import fill_from_sweep, validate_sweep, validate_tables


def load_well(
    raw: dict, flat: Mapping[str, object], errors: list[Invalid], sets: Sequence[str], folder: Path, text: str
) -> Scenario:
    """The scenario of a parsed file without [sweep] (flat: dotted key -> list). Raises ScenarioError with all errors.

    errors: those that were found before.
    """
    sweep, sweep_errors = validate_sweep(flat)
    scenario, table_errors, broken = validate_tables(fill_from_sweep(raw, sweep))
    errors += table_errors + sweep_errors
    broken += [error.path for error in sweep_errors]

    overlays, texts, known, catalogue_errors = catalogue_of(folder, scenario.catalogue)
    errors += catalogue_errors
    broken += [error.path for error in catalogue_errors]
    scenario = scenario.model_copy(update={"sweep": sweep})
    scenario._origin = Origin(text, overlays, tuple(sets), known, folder, texts)
    data = scenario.compare_data
    if scenario.compare and data and not {"compare", "compare.data"} & set(broken) and not isfile(data):
        errors.append(Invalid("compare.data", scenario.compare.data, "no such file next to the scenario"))
    if scenario.calibrate and not any(path.startswith("calibrate") for path in broken):
        errors += calibrate_errors(scenario, known)
    try:
        check_scenario(scenario, known, broken)
        if not broken:
            check_factors(scenario, known)
    except ScenarioError as error:
        errors += error.errors
    if errors:
        raise ScenarioError(errors)
    return scenario
