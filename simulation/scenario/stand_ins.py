"""Stand-ins: numbers that a scenario reads from an entry of the catalogue and that belong to another entry.

An antibody that states no affinity of its own binds with that of trastuzumab; an effector in a mouse kills with the
numbers of a human NK cell. Such numbers are allowed, and never silent: `adcc check`, study.json and reports list them.
A number that the scenario sets or sweeps is its own and is not listed.             (tests/scenario/test_stand_ins.py)
"""

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from simulation.catalogue.lookup import Catalogue, Entry
from simulation.scenario.schema import Loaded, Scenario

if TYPE_CHECKING:
    from simulation.scenario.xenograft_schema import XenograftScenario

Row = dict[str, str | float]


def stand_ins(scenario: Loaded) -> list[Row]:
    """One row per number: of (what), number, value, unit, from (whose it is), each once and in a fixed order."""
    rows = _in_wells(scenario) if isinstance(scenario, Scenario) else _in_mice(scenario)
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def _in_wells(scenario: Scenario) -> list[Row]:
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
        own = _set_by(scenario, table)
        if table == "antibody" and not _holds_antibody(scenario):
            continue
        if table == "well" and "cells" in _set_by(scenario, "targets"):
            own |= {"default_cells"}
        for name in _values(scenario, table, key):
            rows += _rows(what, kind[str(name)], own)
    if scenario.effectors.donors == 1:  # the spread between donors is read by nothing
        rows = [row for row in rows if not str(row["number"]).startswith(("donor_", "genotype_"))]
    if _holds_antibody(scenario):
        for partner in _partners(scenario, known):
            rows += _rows("antibody", known.antibodies[partner], ())
    return rows


def _in_mice(scenario: "XenograftScenario") -> list[Row]:
    from simulation.scenario.xenograft_resolve import RESIDENTS, resolve_strain  # a well does not wait for it

    known = scenario.known
    rows: list[Row] = []
    tissue = _set_by(scenario, "tumour")
    for clone in [clone for arm in scenario.arm for clone in (*scenario.tumour.clone, *arm.clone)]:
        own = tissue | {name for name, value in clone.model_dump().items() if value is not None}
        for what, kind in (("cell line", known.cell_lines), ("tumour", known.tumours)):
            rows += _rows(what, kind[clone.cell_line], own)
        rows += _rows("mechanism", known.mechanisms[clone.mechanism], own)
    strains = [*(arm.strain for arm in scenario.arm if arm.strain), *_values(scenario, "mouse", "strain")]
    for strain in dict.fromkeys(strains):
        rows += _rows("strain", known.mice[str(strain)], _set_by(scenario, "mouse"))
    for drug in dict.fromkeys(dose.drug for arm in scenario.arm for dose in arm.dose):
        entry = known.drugs[drug]
        rows += _rows("drug", entry, ())
        if entry.strings["class"] == "antibody":
            rows += _rows("antibody", known.antibodies[str(entry.strings["antibody"])], ())
    for kind, name in RESIDENTS.items():
        if kind != "human_nk" or any(
            resolve_strain(scenario, arm, known)["human_nk_per_tumour_cell"] > 0 for arm in scenario.arm
        ):
            rows += _resident(known, name)
    return rows


def _resident(known: Catalogue, name: str) -> list[Row]:
    """An effector in a tumour: what it takes over, and what it has from the effector of the well that it rests on."""
    entry = known.residents[name]
    base = known.effectors[str(entry.strings["base"])]
    return _rows("resident effector", entry, ()) + [
        {"of": f"resident effector {name}", "number": key, "value": n.value, "unit": n.unit, "from": base.name}
        for key, n in base.numbers.items()
        if key not in entry.numbers and not key.startswith(("donor_", "genotype_"))
    ]


def _rows(what: str, entry: Entry, own: Container[str]) -> list[Row]:
    """The stand-ins of one entry. own: fields that the scenario states itself."""
    rows: list[Row] = []
    for key, source in entry.taken_from.items():
        if key in own:
            continue
        number = entry.numbers.get(key)
        value, unit = (number.value, number.unit) if number else (str(entry.strings.get(key, "")) or "none", "")
        whose = source or "all entries alike"
        rows.append({"of": f"{what} {entry.name}", "number": key, "value": value, "unit": unit, "from": whose})
    return rows


def _values(scenario: Loaded, table: str, key: str) -> Iterable[object]:
    return scenario.sweep.get(f"{table}.{key}") or (getattr(getattr(scenario, table), key),)


def _set_by(scenario: Loaded, table: str) -> set[str]:
    """Keys of a table that the scenario states; a swept key stands there with its first value."""
    return {name for name, value in getattr(scenario, table).model_dump().items() if value is not None}


def _holds_antibody(scenario: Scenario) -> bool:
    doses = _values(scenario, "antibody", "dose_ug_per_ml")
    added = any(action.add_antibody_ug_per_ml is not None for action in scenario.action)
    cultured = scenario.culture is not None and any(dose > 0 for dose in scenario.culture.dose_steps_ug_per_ml)
    return added or cultured or any(float(str(dose)) > 0 for dose in doses)


def _partners(scenario: Scenario, known: Catalogue) -> list[str]:
    """Names of every second antibody of the wells."""
    if "antibody.partner" in scenario.sweep:
        return [str(name) for name in scenario.sweep["antibody.partner"] if name]
    if scenario.antibody.partner is not None:
        return [scenario.antibody.partner] if scenario.antibody.partner else []
    names = [str(known.antibodies[str(name)].strings["partner"]) for name in _values(scenario, "antibody", "name")]
    return [name for name in dict.fromkeys(names) if name]
