"""Resolve: one scenario without its sweep becomes a WellCondition, every catalogue number filled in.

Precedence of a number: the user's override, then the mechanism, then the catalogue entry. Conversion and defaults
happen here and nowhere else. No checks: see checks.py.

A sweep repeats most tables of its scenario, so each section of a condition is made once per catalogue and shared by all
wells that hold it (Catalogue.kept).
"""

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from msgspec.structs import replace

from adccsim.conditions.section import Section
from adccsim.conditions.well import (
    Antibody,
    Assay,
    Culture,
    Effectors,
    Intervention,
    Partner,
    Targets,
    Vessel,
    WellCondition,
    WellOutput,
    grows,
)
from adccsim.parameters import lookup
from adccsim.scenario.tables import Table
from adccsim.scenario.well.donors import Donor
from adccsim.scenario.well.schema import Action, Scenario, overridable
from adccsim.version import WELL_MODEL

OF_A_CHIP = ("microwell_side_um", "targets_per_microwell")  # numbers of the wells entry of a chip, and of no other
MOST_KEPT = 20_000  # sections of a catalogue: a sensitivity study asks for new numbers at every point


def resolve(scenario: Scenario, known: lookup.Catalogue, donor: Donor, replicate: int = 1) -> WellCondition:
    """The condition of a scenario for one donor and replicate; `sweep` and `replicates` are not looked at.

    All names must be in the catalogue (KeyError).
    """
    targets = resolve_targets(scenario, known)
    effectors = _effectors(scenario, known, donor, targets.cells)
    antibody, partner = _antibodies(scenario, known)
    well = WellCondition(
        schema=scenario.schema_version,
        kind=scenario.kind,
        model=WELL_MODEL,
        seed=scenario.seed,
        random=scenario.random,
        role="sample",
        donor=donor.number,
        replicate=replicate,
        targets=targets,
        effectors=effectors,
        antibody=antibody,
        partner=partner,
        well=resolve_vessel(scenario, known),
        assay=_assay(scenario, known),
        interventions=_interventions(scenario, effectors.nk_fraction),
        culture=_culture(scenario),
        output=_output(scenario, known),
    )
    if well.has_antibody:
        return well
    return replace(well.without_antibody(), role="no_antibody" if well.has_effectors else "target_only")


def scenario_grows(scenario: Scenario) -> bool:
    """Whether cells divide and the direct effect acts in this scenario."""
    return grows(scenario.assay.duration_h, scenario.culture.days if scenario.culture else 0.0)


def cells_of(scenario: Scenario, known: lookup.Catalogue) -> int:
    """Targets seeded per well: the user's number or the default of the well format."""
    if scenario.targets.cells is not None:
        return scenario.targets.cells
    return round(known.wells[scenario.well.format].numbers["default_cells"].value)


def partner_of(scenario: Scenario, known: lookup.Catalogue) -> str:
    """Name of the second antibody, "" for none: the user's word, else the catalogue's."""
    given = scenario.antibody
    return given.partner if given.partner is not None else str(known.antibodies[given.name].strings["partner"])


def chip_compartments(cells: int, targets_per_microwell: int) -> int:
    """Compartments that `cells` targets fill on a microwell chip; the last may hold fewer."""
    return math.ceil(cells / targets_per_microwell)


# -- sections -----------------------------------------------------------------------------------------------------


def _kept[S: Section](known: lookup.Catalogue, make: Callable[[], S], *key: Hashable) -> S:
    """The section that was made for this key before, else the one that is made now."""
    found = known.kept.get(key)
    if found is None:
        if len(known.kept) >= MOST_KEPT:
            known.kept.clear()
        found = known.kept[key] = make()
    return found


def _values(table: Table) -> tuple[Hashable, ...]:
    """The values of a scenario table, to tell tables apart by."""
    return tuple(vars(table).values())


def resolve_vessel(scenario: Scenario, known: lookup.Catalogue) -> Vessel:
    """The well itself. A chip's area is that of the compartments its targets need, walls not counted."""
    given, cells = scenario.well, cells_of(scenario, known)

    def make() -> Vessel:
        entry = known.wells[given.format]
        number = entry.values()
        of_all = set(Vessel.__struct_fields__) - set(OF_A_CHIP)
        numbers: dict[str, Any] = {name: value for name, value in number.items() if name in of_all}
        numbers["max_layers"] = round(number["max_layers"])
        stated = {name: value for name, value in vars(given).items() if value is not None and name not in OF_A_CHIP}
        vessel = Vessel(**numbers | stated, shape=str(entry.strings["shape"]))
        if vessel.shape != "chip":
            return vessel
        side, targets = (
            round(number[name]) if own is None else own
            for name, own in zip(OF_A_CHIP, (given.microwell_side_um, given.targets_per_microwell), strict=True)
        )
        area_mm2 = chip_compartments(cells, targets) * side**2 * 1e-6
        return replace(vessel, microwell_side_um=side, targets_per_microwell=targets, area_mm2=area_mm2)

    return _kept(known, make, "well", _values(given), cells)


def resolve_targets(scenario: Scenario, known: lookup.Catalogue) -> Targets:
    """The tumour cells: catalogue entry, then mechanism, then overrides."""
    given, cells = scenario.targets, cells_of(scenario, known)

    def make() -> Targets:
        numbers = lookup.apply_mechanism(known.mechanisms[given.mechanism], known.cell_lines[given.cell_line].values())
        return Targets(
            **_overridden(numbers, "targets", given), cell_line=given.cell_line, cells=cells, mechanism=given.mechanism
        )

    return _kept(known, make, "targets", _values(given), cells)


def _overridden(numbers: Mapping[str, float], table: str, given: Table) -> dict[str, Any]:
    """Catalogue numbers with the user's in their place; + 0.0 makes floats of all and rids them of -0.0."""
    own = {name: getattr(given, name) for name in overridable(table)}
    return {**{k: v + 0.0 for k, v in numbers.items()}, **{k: v for k, v in own.items() if v is not None}}


def _effectors(scenario: Scenario, known: lookup.Catalogue, donor: Donor, targets: int) -> Effectors:
    given = scenario.effectors

    def make() -> Effectors:
        entry = known.effectors[given.type]
        numbers: dict[str, Any] = {
            **_overridden(entry.values(), "effectors", given),
            "genotype": given.genotype or entry.strings["genotype"],
        }
        numbers |= donor.traits(numbers)
        return Effectors(
            **numbers,
            **_preparation(given.et_ratio * targets, numbers["nk_fraction"]),
            type=given.type,
            is_cell_line=bool(entry.strings["is_cell_line"]),
            et_ratio=given.et_ratio,
        )

    return _kept(known, make, "effectors", _values(given), donor, targets)


def _preparation(cells: float, nk_fraction: float) -> dict[str, Any]:
    """NK cells (the agents) and other cells of so many effector cells; the others count in E:T and take no room."""
    nk = round(cells * nk_fraction)
    return {"nk_cells": nk, "other_cells": max(0, round(cells) - nk)}


def _antibodies(scenario: Scenario, known: lookup.Catalogue) -> tuple[Antibody, Partner | None]:
    """The antibody and its partner, a second antibody with its own pool at the same dose (or None)."""
    given, partner_name = scenario.antibody, partner_of(scenario, known)

    def antibody() -> Antibody:
        entry = known.antibodies[given.name]
        return Antibody(
            **_overridden(entry.values(), "antibody", given),
            name=given.name,
            epitope=given.epitope or str(entry.strings["epitope"]),
            partner=partner_name,
            dose_ug_per_ml=given.dose_ug_per_ml,
            pre_incubation_min=given.pre_incubation_min,
            wash_after_opsonisation=given.wash_after_opsonisation,
        )

    def partner() -> Partner:
        other = known.antibodies[partner_name]
        numbers = {name: value + 0.0 for name, value in other.values().items()}
        return Partner(**numbers, name=partner_name, epitope=str(other.strings["epitope"]), partner="")

    first = _kept(known, antibody, "antibody", _values(given))
    return first, _kept(known, partner, "partner", partner_name) if partner_name else None


def _assay(scenario: Scenario, known: lookup.Catalogue) -> Assay:
    given = scenario.assay

    def make() -> Assay:
        # fc_null_control adds wells and changes none: it would only give the other wells new names.
        entry = known.readouts[given.readout]
        return Assay(
            **{name: value + 0.0 for name, value in entry.values().items()},
            raw_unit=str(entry.strings["raw_unit"]),
            duration_h=given.duration_h,
            readout=given.readout,
            reader_cv=given.reader_cv,
        )

    return _kept(known, make, "assay", _values(given))


def _interventions(scenario: Scenario, nk_fraction: float) -> tuple[Intervention, ...]:
    """The interventions of a scenario in the order of their times."""
    return tuple(intervention(one, nk_fraction) for one in sorted(scenario.action, key=lambda action: action.at_h))


def intervention(action: Action, nk_fraction: float) -> Intervention:
    """One [[action]]; nk_fraction: of the effector cells that it may add."""
    added = {} if action.add_effectors is None else _preparation(action.add_effectors, nk_fraction)
    return Intervention(
        at_h=action.at_h,
        add_antibody_ug_per_ml=action.add_antibody_ug_per_ml,
        wash=action.wash,
        add_effectors=action.add_effectors,
        wash_effectors=action.wash_effectors,
        **added,
    )


def _culture(scenario: Scenario) -> Culture | None:
    given = scenario.culture
    if given is None or given.days == 0:
        return None
    return Culture(
        days=given.days,
        passage_interval_days=given.passage_interval_days,
        split_ratio=given.split_ratio,
        medium_change_days=(
            given.passage_interval_days if given.medium_change_days is None else given.medium_change_days
        ),
        dose_steps_ug_per_ml=given.dose_steps_ug_per_ml,
        mutation_rate_per_division=given.mutation_rate_per_division,
        resistant_direct_response=given.resistant_direct_response or 0.0,
    )


def _output(scenario: Scenario, known: lookup.Catalogue) -> WellOutput:
    given, minutes = scenario.output, round(scenario.assay.duration_h * 60)

    def make() -> WellOutput:
        every = given.every_min
        if every is None:
            every = min(10 if minutes <= 24 * 60 else 60, minutes)
        frames = every if given.frames_every_min is None else given.frames_every_min
        return WellOutput(
            level=given.level, every_min=every, frames_every_min=frames if given.level == "frames" else None
        )

    return _kept(known, make, "output", _values(given), minutes)
