"""Stand-ins of a well: numbers that its entries of the catalogue take over from others."""

from adccsim.parameters.lookup import Catalogue
from adccsim.scenario.stand_ins import Row, entry_rows, set_by, values_of
from adccsim.scenario.well.schema import Scenario


def stand_ins(scenario: Scenario) -> list[Row]:
    known = scenario.known
    rows: list[Row] = []
    for table, key, kind, what in (
        ("targets", "cell_line", known.cell_lines, "cell line"),
        ("targets", "mechanism", known.mechanisms, "mechanism"),
        ("effectors", "type", known.effectors, "effector"),
        ("antibody", "name", known.antibodies, "antibody"),
        ("well", "format", known.wells, "well"),
        ("assay", "readout", known.readouts, "read-out"),
    ):
        own = set_by(scenario, table)
        if table == "antibody" and not _holds_antibody(scenario):
            continue
        if table == "well" and "cells" in set_by(scenario, "targets"):
            own |= {"default_cells"}
        for name in values_of(scenario, table, key):
            rows += entry_rows(what, kind[str(name)], own)
    if scenario.effectors.donors == 1:  # the spread between donors is read by nothing
        rows = [row for row in rows if not str(row["number"]).startswith(("donor_", "genotype_"))]
    if _holds_antibody(scenario):
        for partner in _partners(scenario, known):
            rows += entry_rows("antibody", known.antibodies[partner], ())
    return rows


def _holds_antibody(scenario: Scenario) -> bool:
    doses = values_of(scenario, "antibody", "dose_ug_per_ml")
    added = any(action.add_antibody_ug_per_ml is not None for action in scenario.action)
    cultured = scenario.culture is not None and any(dose > 0 for dose in scenario.culture.dose_steps_ug_per_ml)
    return added or cultured or any(float(str(dose)) > 0 for dose in doses)


def _partners(scenario: Scenario, known: Catalogue) -> list[str]:
    """Names of every second antibody of the wells."""
    if "antibody.partner" in scenario.sweep:
        return [str(name) for name in scenario.sweep["antibody.partner"] if name]
    if scenario.antibody.partner is not None:
        return [scenario.antibody.partner] if scenario.antibody.partner else []
    names = [str(known.antibodies[str(name)].strings["partner"]) for name in values_of(scenario, "antibody", "name")]
    return [name for name in dict.fromkeys(names) if name]
