"""Checks that need more than one key: unknown names, contradictions, cells that do not fit, values without effect.

Every combination of the sweep is looked at, for every donor where donors matter; equal errors are reported once.
"""

from collections.abc import Iterable, Mapping

from adccsim.conditions.geometry import CapacityError, memory_bytes, most_targets
from adccsim.conditions.well import Vessel, WellCondition
from adccsim.parameters.lookup import Catalogue
from adccsim.scenario.errors import NO_VALUE, Report, ScenarioError, nearest, show
from adccsim.scenario.sweep import point_count, points, with_values
from adccsim.scenario.validate import number_errors
from adccsim.scenario.well.contradictions import find_contradictions
from adccsim.scenario.well.donors import donors_of
from adccsim.scenario.well.resolve import resolve, resolve_targets
from adccsim.scenario.well.schema import TABLES, Scenario, overridable

MOST_WELLS = 100_000


def check_scenario(scenario: Scenario, known: Catalogue, broken: Iterable[str] = ()) -> None:
    """Raise ScenarioError with every error of a scenario whose keys are valid one by one.

    broken: paths that have an error already and hold a placeholder; errors that rest on them are left out.
    """
    report = Report(broken)
    asked = point_count(scenario) * scenario.effectors.donors * scenario.replicates
    if asked > MOST_WELLS:
        message = f"{asked:,} wells (combinations x donors x replicates); at most {MOST_WELLS:,} in one scenario"
        report.add("sweep", NO_VALUE, message, ["effectors.donors", "replicates"])
        scenario = scenario.model_copy(update={"sweep": {}})  # the rest is still looked at, at the base values
    wells = _check_points(scenario, known, report)
    report.at({})
    twins = any(well.has_antibody and well.has_effectors for same_point in wells.values() for well in same_point)
    if scenario.assay.fc_null_control and wells and not twins:
        message = "has no effect: no well holds both antibody and effectors"
        report.add("assay.fc_null_control", True, message, ["antibody", "effectors", "action"])
    if not report.errors and not report.broken:
        _check_repeats(scenario, wells, report)
    if report.errors:
        raise ScenarioError(report.errors)


def _check_points(scenario: Scenario, known: Catalogue, report: Report) -> dict[tuple[int, ...], list[WellCondition]]:
    """Look at every combination. Returns the resolved wells of each (one per donor), by its place in the sweep."""
    donors = donors_of(scenario.seed, scenario.effectors.donors)
    wells: dict[tuple[int, ...], list[WellCondition]] = {}
    entries_seen: set[tuple] = set()
    for point in points(scenario):
        report.at(point.index)
        at = _check_names(point.scenario, known, report)
        entries = (at.targets.cell_line, at.targets.mechanism, at.effectors.type, at.antibody.name)
        if entries not in entries_seen:
            entries_seen.add(entries)
            _check_entries(at, known, report)
        find_contradictions(at, known, report)
        for donor in donors:
            well = resolve(at, known, donor)
            wells.setdefault(tuple(point.index.values()), []).append(well)
            who = f"donor {donor.number}: " if len(donors) > 1 else ""
            if not _check_capacity(well, known, who, report):
                break
    return wells


def _check_names(scenario: Scenario, known: Catalogue, report: Report) -> Scenario:
    """Every name must be in the catalogue.

    Returns the scenario with a known name in place of each unknown one, so that the rest can be looked at; the report
    takes nothing more that rests on those.
    """
    asked = [
        ("targets.cell_line", scenario.targets.cell_line, known.cell_lines, "cell line"),
        ("targets.mechanism", scenario.targets.mechanism, known.mechanisms, "mechanism"),
        ("effectors.type", scenario.effectors.type, known.effectors, "effector"),
        ("antibody.name", scenario.antibody.name, known.antibodies, "antibody"),
        ("well.format", scenario.well.format, known.wells, "well format"),
        ("assay.readout", scenario.assay.readout, known.readouts, "read-out"),
    ]
    if scenario.antibody.partner:
        asked.append(("antibody.partner", scenario.antibody.partner, known.antibodies, "antibody"))
    stand_in: dict[str, str] = {}
    for key, name, entries, what in asked:
        if name not in entries:
            report.add(key, name, f"unknown {what}; {_suggest(name, entries)}", ["catalogue"])
            stand_in[key] = next(iter(entries))
    if not stand_in:
        return scenario
    report.set_aside(stand_in)
    return with_values(scenario, stand_in)


def _suggest(name: str, entries: Mapping[str, object]) -> str:
    close = nearest(name, entries)
    return f"did you mean {show(close)}?" if close else f"known: {', '.join(sorted(entries))}"


def _check_entries(scenario: Scenario, known: Catalogue, report: Report) -> None:
    """Numbers that come from an overlay or a mechanism must lie within the same bounds as a user's own."""
    for table, key, name, values in (
        ("targets", "targets.cell_line", scenario.targets.cell_line, resolve_targets(scenario, known).as_dict()),
        ("effectors", "effectors.type", scenario.effectors.type, known.effectors[scenario.effectors.type].values()),
        ("antibody", "antibody.name", scenario.antibody.name, known.antibodies[scenario.antibody.name].values()),
    ):
        given = getattr(scenario, table)
        numbers = {field: values[field] for field in overridable(table) if getattr(given, field) is None}
        for field, reason in number_errors(TABLES[table], numbers):
            message = f"gives {table}.{field} = {show(numbers[field])}: {reason}"
            report.add(key, name, message, ["targets.mechanism"])


def _check_capacity(well: WellCondition, known: Catalogue, who: str, report: Report) -> bool:
    """Do the cells of one well fit? Adds by how much they do not, for a crowd with the memory it would take."""
    vessel, cells, effectors = well.well, well.targets.cells, well.effectors
    gigabytes = memory_bytes(cells, 0, vessel.sites, 1) / 1e9
    if vessel.shape == "chip" and not _check_chip(vessel, cells, gigabytes, known, report):
        return False
    try:
        well.layers_needed()
    except CapacityError as error:
        if error.culprit == "targets":
            message = f"does not fit in {vessel.format}: {error}; they alone would take {gigabytes:,.3g} GB of memory"
            report.add("targets.cells", cells, message, ["well"])
        else:
            later = " with those that actions add" if well.peak_nk > effectors.nk_cells else ""
            message = f"does not fit in {vessel.format}{later}: {who}{error}"
            report.add("effectors.et_ratio", effectors.et_ratio, message, ["targets.cells", "well", "effectors"])
        return False
    return True


def _check_chip(vessel: Vessel, cells: int, gigabytes: float, known: Catalogue, report: Report) -> bool:
    """A chip must be of a size that can be made, and its targets must fit into each of its compartments."""
    side, per_compartment = vessel.microwell_side_um, vessel.targets_per_microwell
    largest = known.wells[vessel.format].numbers["area_mm2"].high
    if vessel.area_mm2 > largest:
        message = (
            f"does not fit in {vessel.format}: needs {vessel.area_mm2:,.6g} mm2 of compartments, at most "
            f"{largest:g} mm2; its targets alone would take {gigabytes:,.3g} GB of memory"
        )
        report.add("targets.cells", cells, message, ["well"])
        return False
    sites = vessel.compartment_side**2
    if per_compartment is not None and per_compartment > most_targets(sites):
        message = f"a compartment of {side} um has {sites} sites and holds at most {most_targets(sites)} targets"
        report.add("well.targets_per_microwell", per_compartment, message, ["well"])
        return False
    return True


def _check_repeats(scenario: Scenario, wells: Mapping[tuple[int, ...], list[WellCondition]], report: Report) -> None:
    """Two values of one swept key that give the same wells everywhere: one of them has no effect."""
    for place, key in enumerate(scenario.sweep):
        by_value: dict[int, set[tuple[WellCondition, ...]]] = {}
        for index, same_point in wells.items():
            by_value.setdefault(index[place], set()).add(tuple(same_point))
        first_with: dict[frozenset, int] = {}
        for i, same in sorted(by_value.items()):
            earlier = first_with.setdefault(frozenset(same), i)
            if earlier != i:
                report.at({key: i})
                report.add(key, scenario.sweep[key][i], f"duplicate condition: the same wells as [{earlier}]")
