"""Stand-ins of a study in mice: numbers that its entries of the catalogue take over from others."""

from adccsim.parameters.lookup import Catalogue
from adccsim.scenario.stand_ins import Row, entry_rows, set_by, values_of
from adccsim.scenario.xenograft.resolve import RESIDENTS, resolve_strain
from adccsim.scenario.xenograft.schema import XenograftScenario


def stand_ins(scenario: XenograftScenario) -> list[Row]:
    known = scenario.known
    rows: list[Row] = []
    tissue = set_by(scenario, "tumour")
    for clone in [clone for arm in scenario.arm for clone in (*scenario.tumour.clone, *arm.clone)]:
        own = tissue | {name for name, value in clone.model_dump().items() if value is not None}
        for what, kind in (("cell line", known.cell_lines), ("tumour", known.tumours)):
            rows += entry_rows(what, kind[clone.cell_line], own)
        rows += entry_rows("mechanism", known.mechanisms[clone.mechanism], own)
    strains = [*(arm.strain for arm in scenario.arm if arm.strain), *values_of(scenario, "mouse", "strain")]
    for strain in dict.fromkeys(strains):
        rows += entry_rows("strain", known.mice[str(strain)], set_by(scenario, "mouse"))
    for drug in dict.fromkeys(dose.drug for arm in scenario.arm for dose in arm.dose):
        entry = known.drugs[drug]
        rows += entry_rows("drug", entry, ())
        if entry.strings["class"] == "antibody":
            rows += entry_rows("antibody", known.antibodies[str(entry.strings["antibody"])], ())
    for resident, name in RESIDENTS.items():
        if resident != "human_nk" or any(
            resolve_strain(scenario, arm, known)["human_nk_per_tumour_cell"] > 0 for arm in scenario.arm
        ):
            rows += _resident(known, name)
    return rows


def _resident(known: Catalogue, name: str) -> list[Row]:
    """An effector in a tumour: what it takes over, and what it has from the effector of the well that it rests on."""
    entry = known.residents[name]
    base = known.effectors[str(entry.strings["base"])]
    return entry_rows("resident effector", entry, ()) + [
        {"of": f"resident effector {name}", "number": key, "value": n.value, "unit": n.unit, "from": base.name}
        for key, n in base.numbers.items()
        if key not in entry.numbers and not key.startswith(("donor_", "genotype_"))
    ]
