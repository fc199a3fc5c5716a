"""Factors: the catalogue numbers that a sensitivity study varies, and what may not be asked of it."""

from collections.abc import Iterable

from adccsim.parameters.lookup import Catalogue, Number
from adccsim.scenario.errors import NO_VALUE, Report, ScenarioError
from adccsim.scenario.sweep import points, with_values
from adccsim.scenario.validate import did_you_mean
from adccsim.scenario.well.checks import check_scenario
from adccsim.scenario.well.donors import Donor
from adccsim.scenario.well.resolve import resolve
from adccsim.scenario.well.schema import Scenario, Sensitivity, overridable

TABLES = ("targets", "effectors", "antibody")
# The entry that a table's numbers come from: swept, there is no one range.
NAMED = ("targets.cell_line", "targets.mechanism", "effectors.type", "antibody.name")


def varied(scenario: Scenario, known: Catalogue) -> dict[str, Number]:
    """Key -> its number in the catalogue, for every key of [sensitivity]; KeyError for a key that is none."""
    entries = {
        "targets": known.cell_lines[scenario.targets.cell_line],
        "effectors": known.effectors[scenario.effectors.type],
        "antibody": known.antibodies[scenario.antibody.name],
    }
    found = {}
    for key in scenario.sensitivity.keys if scenario.sensitivity else ():
        table, _, name = key.partition(".")
        found[key] = entries[table].numbers[name]
    return found


def check_factors(scenario: Scenario, known: Catalogue) -> None:
    """Raise ScenarioError with what is wrong with [sensitivity] of a scenario that is sound in everything else."""
    given, report = scenario.sensitivity, Report()
    if given is None:
        return
    usable = _check_keys(scenario, given, report)
    for key in NAMED:
        if key in scenario.sweep:
            message = "is swept: ranges belong to one entry of the catalogue"
            report.add("sensitivity.keys", NO_VALUE, f"{key} {message}", [f'sweep."{key}"'])
    if scenario.assay.readout == "viability":
        message = "what is watched is lysis; use LDH, 51Cr, calcein or live-count"
        report.add("assay.readout", "viability", f"contradicts [sensitivity]: {message}", ["sensitivity"])
    if given.samples & (given.samples - 1):
        report.add(
            "sensitivity.samples", given.samples, f"must be a power of 2, like {1 << given.samples.bit_length()}"
        )
    _check_sizes(given, report)
    for point in points(scenario):
        if not resolve(point.scenario, known, Donor(1)).has_effectors:
            message = "leaves wells without effectors: nothing to watch there"
            report.add("effectors.et_ratio", point.scenario.effectors.et_ratio, message, ["sensitivity"])
    if not report.errors:
        _check_ends(scenario, given, known, usable, report)
    if report.errors:
        raise ScenarioError(report.errors)


def _check_keys(scenario: Scenario, given: Sensitivity, report: Report) -> list[str]:
    """Report keys that cannot be varied; returns the others."""
    allowed = [f"{table}.{name}" for table in TABLES for name in overridable(table)]
    usable: list[str] = []
    for place, key in enumerate(given.keys):
        where = f"sensitivity.keys[{place}]"
        table, _, name = key.partition(".")
        if key not in allowed:
            report.add(
                where, key, f"no catalogue number of [targets], [effectors] or [antibody]{did_you_mean(key, allowed)}"
            )
        elif key in usable:
            report.add(where, key, "named twice")
        elif key in scenario.sweep:
            report.add(where, key, "is swept as well", [f'sweep."{key}"'])
        elif getattr(getattr(scenario, table), name) is not None:
            report.add(where, key, f"is varied over its range: the value in [{table}] would have no effect", [key])
        else:
            usable.append(key)
    return usable


def _check_sizes(given: Sensitivity, report: Report) -> None:
    for field, methods in (("trajectories", "morris"), ("samples", "sobol"), ("strongest", "morris+sobol")):
        if field in given.model_fields_set and methods not in given.method:
            report.add(f"sensitivity.{field}", getattr(given, field), f"has no effect with method {given.method}")
    if given.method == "morris+sobol" and "strongest" in given.model_fields_set and given.strongest > len(given.keys):
        report.add("sensitivity.strongest", given.strongest, f"more than there are keys ({len(given.keys)})")


def _check_ends(scenario: Scenario, given: Sensitivity, known: Catalogue, keys: Iterable[str], report: Report) -> None:
    """Both ends of every range must be a scenario that can run, and differ."""
    base = scenario.model_copy(update={"sensitivity": None, "compare": None})
    for key, number in varied(scenario, known).items():
        where = f"sensitivity.keys[{given.keys.index(key)}]"
        if number.low == number.high:
            report.add(where, key, f"has no range in the catalogue: fixed at {number.value:g}")
            continue
        for end in (number.low, number.high):
            try:
                check_scenario(with_values(base, {key: end}), known)
            except ScenarioError as error:
                report.add(where, key, f"at {end:g}: {error.errors[0]}")
                break
