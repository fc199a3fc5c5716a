"""Resolve a study in mice: every mouse of every arm becomes a MouseCondition, every catalogue number filled in.

Precedence of a number of a cell: the user's override, then the mechanism, then the line in the mouse (tumours.toml),
then the line in the well (cell_lines.toml). Effectors: residents.toml over the entry of effectors.toml that it names.
What differs between mice is multiplied in here and nowhere else: growth, clearance, effector density, vessels, volume.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from adccsim.conditions.mouse import (
    AntibodyDrug,
    BodyWeight,
    CaliperError,
    Clone,
    Dose,
    Drug,
    MouseCondition,
    MouseFactors,
    MouseOutput,
    ResidentEffector,
    Residents,
    SavedTumour,
    SmallMolecule,
    Strain,
    Study,
    Tissue,
    WeighedDose,
)
from adccsim.conditions.section import digest, text_without
from adccsim.parameters import lookup
from adccsim.scenario.tables import Table, located
from adccsim.scenario.xenograft.branch import saved_tumour
from adccsim.scenario.xenograft.mice import draw_mouse, score, unit_of
from adccsim.scenario.xenograft.schema import Arm, XenograftScenario, clone_numbers, mouse_numbers, tissue_numbers
from adccsim.scenario.xenograft.schema import Clone as CloneTable
from adccsim.version import XENOGRAFT_MODEL

# Numbers of a tumours entry that belong to the cells; the others are the tissue around them.
OF_THE_CELLS = ("growth_per_d", "cell_loss_factor", "her2_drift_per_division", "her2_loss_per_division")
OF_THE_BALANCE = ("weight_loss_per_mg_kg", "weight_nadir_d")  # numbers of a drug that only body weight needs
RESIDENTS = {"nk": "mouse-NK", "myeloid": "mouse-myeloid", "human_nk": "human-NK"}
TWICE_WEEKLY_D = (3, 4)
FRAME_AGENTS = 100_000  # of a frame, unless the user says otherwise


def caliper_days(days: float, given: Sequence[float] | None) -> list[float]:
    """Days of reading: the user's, else 0 and then every 3 and 4 days in turn, and the last."""
    if given is not None:
        return list(given)
    out, day, turn = [0.0], 0.0, 0
    while day + TWICE_WEEKLY_D[turn % 2] < days:
        day += TWICE_WEEKLY_D[turn % 2]
        turn += 1
        out.append(day)
    return [*out, days]


@dataclass(frozen=True)
class ResolvedArm:
    """What all mice of an arm share. tumour: at the mean start volume; numbers: all numbers of the strain, with the
    spread between mice; lineage: a digest of tumour and strain before mice differ."""

    name: str
    clones: tuple[Clone, ...]
    tumour: Tissue
    strain: Strain
    numbers: Mapping[str, float]
    doses: tuple[Dose, ...]
    study: Study
    output: MouseOutput
    lineage: str


def resolve_clone(clone: CloneTable, known: lookup.Catalogue) -> Clone:
    """All numbers of one kind of tumour cell. Raises KeyError for names that are not in the catalogue."""
    line, tumour = known.cell_lines[clone.cell_line], known.tumours[clone.cell_line]
    in_vivo = {name: number.value for name, number in tumour.numbers.items() if name in line.numbers}
    numbers = line.values() | in_vivo | {name: tumour.numbers[name].value for name in OF_THE_CELLS}
    changed = lookup.apply_mechanism(known.mechanisms[clone.mechanism], numbers)
    # A mechanism that shortens the doubling time in the well speeds growth in the mouse by the same factor.
    changed["growth_per_d"] *= numbers["doubling_time_h"] / changed["doubling_time_h"]
    return Clone(
        **_overridden(changed, clone, clone_numbers()),
        cell_line=clone.cell_line,
        fraction=clone.fraction,
        mechanism=clone.mechanism,
    )


def resolve_tissue(scenario: XenograftScenario, first: CloneTable, known: lookup.Catalogue) -> dict[str, float]:
    """The numbers of the tissue of a tumour: those of its first clone's line, with the user's."""
    line, tumour = known.cell_lines[first.cell_line], known.tumours[first.cell_line]
    not_tissue = {*line.numbers, *OF_THE_CELLS, "grows"}
    numbers = {name: number.value for name, number in tumour.numbers.items() if name not in not_tissue}
    return _overridden(numbers, scenario.tumour, tissue_numbers())


def resolve_strain(scenario: XenograftScenario, arm: Arm, known: lookup.Catalogue) -> dict[str, float]:
    """All numbers of the arm's strain, spread between mice included, with the user's."""
    numbers = _overridden(known.mice[arm.strain or scenario.mouse.strain].values(), scenario.mouse, mouse_numbers())
    if scenario.study.caliper_error_coefficient is not None:
        numbers["caliper_error_coefficient"] = scenario.study.caliper_error_coefficient
    return numbers


def caliper_error(numbers: Mapping[str, float]) -> CaliperError:
    """The error of the caliper, of the numbers of a strain."""
    return CaliperError(
        numbers["caliper_error_coefficient"],
        numbers["caliper_error_power"],
        numbers["caliper_error_floor_mm3"],
        numbers["limit_of_quantification_mm3"],
    )


def resolve_effectors(strain: Mapping[str, float], known: lookup.Catalogue, density_factor: float = 1.0) -> Residents:
    """The effectors of a strain (its numbers) by kind; human_nk is None unless cells were transferred."""
    out: dict[str, ResidentEffector | None] = {}
    for kind, name in RESIDENTS.items():
        entry = known.residents[name]
        base = known.effectors[str(entry.strings["base"])]
        own: dict[str, Any] = {**base.values(), **entry.values(), **base.strings, **entry.strings, "type": name}
        del own["description"]
        if own["genotype"] == "population":
            own["genotype"] = "VF"  # the typical donor, as in a well with one donor
        if kind == "human_nk":
            own["density_per_tumour_cell"] = strain["human_nk_per_tumour_cell"]
        else:
            own["density_per_tumour_cell"] *= strain[f"{kind}_density_factor"]
            own["fcgr_gain"] *= strain["fcgr_factor"]
        own["density_per_tumour_cell"] *= density_factor
        present = kind != "human_nk" or own["density_per_tumour_cell"] > 0
        out[kind] = ResidentEffector(**own) if present else None
    return Residents(**out)


def foreign_numbers(entry: lookup.Entry) -> list[str]:
    """Numbers of a drug's entry that its class has no use for."""
    antibody = entry.strings["class"] == "antibody"
    used = AntibodyDrug.__struct_fields__ if antibody else (*SmallMolecule.__struct_fields__, *OF_THE_BALANCE)
    return sorted(set(entry.numbers) - set(used))


def resolve_drugs(names: Sequence[str], known: lookup.Catalogue, clearance: float = 1.0) -> dict[str, Drug]:
    """Numbers of each drug by name; an antibody brings its entry of antibodies.toml."""
    out: dict[str, Drug] = {}
    for name in sorted(set(names)):
        entry = known.drugs[name]
        own: dict[str, Any] = dict(entry.values())
        if entry.strings["class"] == "antibody":
            antibody = known.antibodies[str(entry.strings["antibody"])]
            own = {**antibody.values(), "epitope": antibody.strings["epitope"], **own}
            own["clearance_ml_per_d_kg"] *= clearance
            out[name] = AntibodyDrug(**own, antibody=str(entry.strings["antibody"]))
        else:
            own["half_life_h"] /= clearance
            for number in OF_THE_BALANCE:
                del own[number]
            out[name] = SmallMolecule(**own, antibody=str(entry.strings["antibody"]))
    return out


def resolve_weight(
    unit: str, doses: Sequence[Dose], strain: Mapping[str, float], known: lookup.Catalogue
) -> BodyWeight:
    """Numbers of one mouse for biology/body_weight.py; its `doses` are those of drugs that cost weight.

    No antibody does: that those to human HER2 leave the mouse alone is assumed.
    """
    size = 1000.0 * math.exp(strain["weight_log_sd"] * score(unit, "weight"))
    costs = {dose.drug: known.drugs[dose.drug].values() for dose in doses}
    return BodyWeight(
        start_g=round(size * strain["weight_kg"], 9),
        adult_g=round(size * strain["adult_weight_kg"], 9),
        gain_d=strain["weight_gain_d"],
        tissue_g_per_mm3=strain["tissue_g_per_mm3"],
        doses=tuple(
            WeighedDose(
                day=dose.day,
                mg_per_kg=dose.mg_per_kg,
                weight_loss_per_mg_kg=costs[dose.drug]["weight_loss_per_mg_kg"],
                weight_nadir_d=costs[dose.drug]["weight_nadir_d"],
            )
            for dose in doses
            if OF_THE_BALANCE[0] in costs[dose.drug]
        ),
    )


def resolve_arm(scenario: XenograftScenario, arm: Arm, known: lookup.Catalogue) -> ResolvedArm:
    """What all mice of an arm share."""
    tables = arm.clone or scenario.tumour.clone
    clones = tuple(resolve_clone(clone, known) for clone in tables)
    tissue = Tissue(
        **resolve_tissue(scenario, tables[0], known),
        start_volume_mm3=arm.start_volume_mm3 or scenario.tumour.start_volume_mm3,
        fraction_simulated=scenario.tumour.fraction_simulated,
    )
    numbers, given = resolve_strain(scenario, arm, known), scenario.study
    strain = Strain(
        name=arm.strain or scenario.mouse.strain,
        nk_density_factor=numbers["nk_density_factor"],
        myeloid_density_factor=numbers["myeloid_density_factor"],
        fcgr_factor=numbers["fcgr_factor"],
        human_nk_per_tumour_cell=numbers["human_nk_per_tumour_cell"],
        extra_clearance_factor=numbers["extra_clearance_factor"],
        extra_clearance_half_ug_per_ml=numbers["extra_clearance_half_ug_per_ml"],
        weight_kg=numbers["weight_kg"],
    )
    of_all = (
        f"[[{','.join(clone.text for clone in clones)}],{text_without(tissue, {'start_volume_mm3'})},{strain.text}]"
    )
    error = caliper_error(numbers)
    doses = [
        Dose(drug=dose.drug, mg_per_kg=dose.mg_per_kg, route=dose.route, day=day)
        for dose in arm.dose
        for day in dose.days
    ]
    return ResolvedArm(
        name=arm.name,
        clones=clones,
        tumour=tissue,
        strain=strain,
        numbers=numbers,
        doses=tuple(sorted(doses, key=lambda dose: (dose.day, dose.drug, dose.route, dose.mg_per_kg))),
        study=Study(
            days=given.days,
            caliper_days=tuple(caliper_days(given.days, given.caliper_days)),
            endpoint_mm3=given.endpoint_mm3,
            caliper_error_coefficient=error.coefficient,
            caliper_error_power=error.power,
            caliper_error_floor_mm3=error.floor_mm3,
            limit_of_quantification_mm3=error.limit_of_quantification_mm3,
        ),
        output=_output(scenario),
        lineage=digest(of_all).hex()[:16],
    )


def resolve_mouse(
    scenario: XenograftScenario, known: lookup.Catalogue, arm: ResolvedArm, number: int
) -> MouseCondition:
    """The condition of mouse `number` (1, 2, ...) of an arm.

    Raises NoMouseError, and CheckpointError where a saved tumour cannot be read.
    """
    if scenario.branch is not None:
        return _from_checkpoint(scenario, known, arm, number)
    unit = unit_of(scenario.seed, scenario.random, arm.name, number)
    mouse = draw_mouse(unit, arm.tumour.start_volume_mm3, arm.numbers, arm.study.caliper_error)
    factors, study, tissue = mouse.factors, arm.study, arm.tumour
    if scenario.study.body_weight:
        study = replace(study, body_weight=resolve_weight(unit, arm.doses, arm.numbers, known))
    return _condition(
        scenario,
        arm,
        number,
        study=study,
        mouse_factors=factors,
        clones=tuple(replace(clone, growth_per_d=clone.growth_per_d * factors.growth) for clone in arm.clones),
        tumour=replace(
            tissue,
            start_volume_mm3=mouse.start_volume_mm3,
            vessel_spacing_um=tissue.vessel_spacing_um / math.sqrt(factors.vessels),
        ),
        effectors=resolve_effectors(arm.numbers, known, factors.effector_density),
        drugs=resolve_drugs([dose.drug for dose in arm.doses], known, factors.clearance),
    )


def _condition(
    scenario: XenograftScenario,
    arm: ResolvedArm,
    number: int,
    *,
    study: Study,
    mouse_factors: MouseFactors,
    clones: tuple[Clone, ...],
    tumour: Tissue,
    effectors: Residents,
    drugs: dict[str, Drug],
    checkpoint: SavedTumour | None = None,
) -> MouseCondition:
    return MouseCondition(
        schema=scenario.schema_version,
        kind="xenograft",
        model=XENOGRAFT_MODEL,
        seed=scenario.seed,
        random=scenario.random,
        arm=arm.name,
        mouse=number,
        lineage=arm.lineage,
        clones=clones,
        tumour=tumour,
        strain=arm.strain,
        effectors=effectors,
        drugs=drugs,
        doses=arm.doses,
        study=study,
        mouse_factors=mouse_factors,
        checkpoint=checkpoint,
        output=arm.output,
    )


def in_vivo_overrides(scenario: XenograftScenario) -> list[dict]:
    """Every number of the well's laws that has another value in the mouse: of, number, well, mouse, unit, reason.

    From the catalogue (lines in tumours.toml, effectors in residents.toml), and from the scenario's clones.
    """
    known = scenario.known
    rows = []
    clones = [clone for arm in scenario.arm for clone in (arm.clone or scenario.tumour.clone)]
    for line in dict.fromkeys(clone.cell_line for clone in clones):
        rows += _differences(line, known.cell_lines[line], known.tumours[line])
    for name in RESIDENTS.values():
        entry = known.residents[name]
        rows += _differences(name, known.effectors[str(entry.strings["base"])], entry)
    for clone in dict.fromkeys(clones):
        in_well, tumour = known.cell_lines[clone.cell_line].numbers, known.tumours[clone.cell_line].numbers
        for name in clone_numbers():
            own = getattr(clone, name)
            if own is not None:
                before = in_well.get(name) or tumour[name]
                reason = clone.reason or "set by the scenario"
                rows.append(_override(clone.cell_line, name, before, own, reason))
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def _differences(of: str, well: lookup.Entry, mouse: lookup.Entry) -> list[dict]:
    """Numbers of a well's entry that the entry of the mouse replaces by another value."""
    rows = []
    for name, number in mouse.numbers.items():
        before = well.numbers.get(name)
        if before is not None and before.value != number.value:
            why = number.note.removeprefix("reason: ") or number.source
            rows.append(_override(of, name, before, number.value, f"{why} ({number.provenance}: {number.source})"))
    return rows


def _override(of: str, name: str, before: lookup.Number, value: float, reason: str) -> dict:
    unit = "" if before.unit == "1" else before.unit
    return {"of": of, "number": name, "well": before.value, "mouse": value, "unit": unit, "reason": reason}


def checkpoint_path(scenario: XenograftScenario) -> Path:
    """The file of [branch], resolved against the folder of the scenario file."""
    assert scenario.branch is not None
    return located(scenario.folder, scenario.branch.checkpoint)


def _from_checkpoint(
    scenario: XenograftScenario, known: lookup.Catalogue, arm: ResolvedArm, number: int
) -> MouseCondition:
    """A mouse that goes on from a saved tumour: the numbers of the mouse are those that were saved with it."""
    meta = saved_tumour(checkpoint_path(scenario))
    saved = meta.condition
    names = [*saved.drugs, *(dose.drug for dose in arm.doses)]
    return _condition(
        scenario,
        arm,
        number,
        study=arm.study,
        mouse_factors=saved.mouse_factors,
        clones=saved.clones,
        tumour=saved.tumour,
        effectors=saved.effectors,
        drugs=resolve_drugs(names, known, saved.mouse_factors.clearance),
        checkpoint=SavedTumour(run_id=meta.run_id, tick=meta.tick, content=meta.content),
    )


def _overridden(numbers: Mapping[str, float], given: Table, names: Sequence[str]) -> dict[str, float]:
    """Catalogue numbers with the user's in their place; + 0.0 makes floats of all and rids them of -0.0."""
    own = {name: getattr(given, name) for name in names}
    return {**{k: v + 0.0 for k, v in numbers.items()}, **{k: v for k, v in own.items() if v is not None}}


def _output(scenario: XenograftScenario) -> MouseOutput:
    given = scenario.output
    frames = given.level == "frames"
    return MouseOutput(
        level=given.level,
        every_h=given.every_h,
        save_days=given.save_days or (),
        frames_every_h=(given.frames_every_h or given.every_h) if frames else None,
        frame_agents=(given.frame_agents or FRAME_AGENTS) if frames else None,
    )
