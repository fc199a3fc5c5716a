"""Resolve: one scenario without its sweep becomes the plain numbers that an engine needs.

A resolved condition is a JSON-able dict with every catalogue number inlined: the engine, the run file and the test
oracle see nothing else. Precedence of a number: the user's override, then the mechanism, then the catalogue entry.
Conversion and defaults happen here and nowhere else. No checks: see checks.py.
"""

import math
from collections.abc import Mapping

from simulation.catalogue import lookup
from simulation.scenario.capacity import GROWTH_FROM_H
from simulation.scenario.donors import Donor
from simulation.scenario.schema import Action, Scenario, Table, overridable
from simulation.version import WELL_MODEL

# A well without antibody holds this in place of one, whatever antibody the scenario names: at dose 0 all antibodies
# are the same well. Nothing of it acts; k constants are 1 so that no formula divides by zero.
NO_ANTIBODY = {
    "name": "none",
    "epitope": "none",
    "partner": "",
    "molar_mass_kda": 150.0,
    "kon_per_nM_h": 0.0,
    "kd_nM": 1.0,
    "cross_link_per_receptor": 0.0,
    "one_arm_weight": 1.0,
    "k16_v158_nM": 1.0,
    "k16_f158_ratio": 1.0,
    "k2_bridges": 1.0,
    "fc_gain": 0.0,
    "direct_effect": 0.0,
}


def resolve(scenario: Scenario, known: lookup.Catalogue, donor: Donor, replicate: int = 1) -> dict:
    """The resolved condition of a scenario for one donor and replicate; `sweep` and `replicates` are not looked at.

    All names must be in the catalogue (KeyError). `role` says what the well is; `output` what is written.
    """
    well = resolve_well(scenario, known)
    targets = resolve_targets(scenario, known)
    effectors = _effectors(scenario, known, donor, targets["cells"])
    antibody, partner = _antibodies(scenario, known)
    culture = _culture(scenario)
    actions = [_action(action, effectors["nk_fraction"]) for action in sorted(scenario.action, key=lambda a: a.at_h)]
    resolved = {
        "schema": scenario.schema_version,
        "kind": scenario.kind,
        "model": WELL_MODEL,
        "seed": scenario.seed,
        "random": scenario.random,
        "role": "sample",
        "donor": donor.number,
        "replicate": replicate,
        "targets": targets,
        "effectors": effectors,
        "antibody": antibody,
        "partner": partner,
        "well": well,
        "assay": _assay(scenario, known),
        "action": actions,
        "culture": culture,
        "output": _output(scenario),
    }
    if not has_antibody(resolved):
        resolved = without_antibody(resolved)
    return {**resolved, "role": role_of(resolved)}


def grows(scenario: Scenario) -> bool:
    """Whether cells divide and the direct arm acts in this scenario."""
    return scenario.assay.duration_h > GROWTH_FROM_H or (scenario.culture is not None and scenario.culture.days > 0)


def has_antibody(resolved: Mapping) -> bool:
    """Whether antibody is in the well at any time of the assay or pre-incubation."""
    added = any("add_antibody_ug_per_ml" in action for action in resolved["action"])
    return added or resolved["antibody"]["dose_ug_per_ml"] > 0


def has_effectors(resolved: Mapping) -> bool:
    """Whether effectors are in the well at any time."""
    return resolved["effectors"]["et_ratio"] > 0 or any("add_effectors" in action for action in resolved["action"])


def role_of(resolved: Mapping) -> str:
    """target_only, no_antibody or sample, from what the well holds."""
    if has_antibody(resolved):
        return "sample"
    return "no_antibody" if has_effectors(resolved) else "target_only"


def without_antibody(resolved: Mapping) -> dict:
    """The same well with no antibody at all; role is left for the caller.

    Pre-incubation time stays (it belongs to the plate). After a culture the antibody's constants stay too, for the
    culture was under it; only the dose goes.
    """
    antibody = NO_ANTIBODY if resolved["culture"] is None else resolved["antibody"]
    return {
        **resolved,
        "antibody": {
            **antibody,
            "dose_ug_per_ml": 0.0,
            "pre_incubation_min": resolved["antibody"]["pre_incubation_min"],
            "wash_after_opsonisation": False,
        },
        "partner": None if resolved["culture"] is None else resolved["partner"],
        "action": [action for action in resolved["action"] if "add_antibody_ug_per_ml" not in action],
    }


def chip_compartments(cells: int, targets_per_microwell: int) -> int:
    """Compartments that `cells` targets fill on a microwell chip; the last may hold fewer."""
    return math.ceil(cells / targets_per_microwell)


def cells_of(scenario: Scenario, known: lookup.Catalogue) -> int:
    """Targets seeded per well: the user's number or the default of the well format."""
    if scenario.targets.cells is not None:
        return scenario.targets.cells
    return round(known.wells[scenario.well.format].numbers["default_cells"].value)


def resolve_well(scenario: Scenario, known: lookup.Catalogue) -> dict:
    """The resolved well table. A chip's area is that of the compartments its targets need, walls not counted."""
    given, entry = scenario.well, known.wells[scenario.well.format]
    number = entry.values()
    well = {
        "format": given.format,
        "shape": entry.strings["shape"],
        "area_mm2": number["area_mm2"],
        "max_layers": round(number["max_layers"]),
        "layer_filling": number["layer_filling"],
        "volume_ul": number["volume_ul"] if given.volume_ul is None else given.volume_ul,
        "serum_igg_g_per_l": given.serum_igg_g_per_l,
        "rim_excess": given.rim_excess,
        "rim_width": number["rim_width"],
    }
    if well["shape"] == "chip":
        for name in ("microwell_side_um", "targets_per_microwell"):
            own = getattr(given, name)
            well[name] = round(number[name]) if own is None else own
        compartments = chip_compartments(cells_of(scenario, known), well["targets_per_microwell"])
        well["area_mm2"] = compartments * well["microwell_side_um"] ** 2 * 1e-6
    return well


def resolve_targets(scenario: Scenario, known: lookup.Catalogue) -> dict:
    """The resolved targets table: catalogue entry, then mechanism, then overrides."""
    given = scenario.targets
    numbers = lookup.apply_mechanism(known.mechanisms[given.mechanism], known.cell_lines[given.cell_line].values())
    return {
        **_overridden(numbers, "targets", given),
        "cell_line": given.cell_line,
        "cells": cells_of(scenario, known),
        "mechanism": given.mechanism,
    }


def _overridden(numbers: Mapping[str, float], table: str, given: Table) -> dict[str, float]:
    """Catalogue numbers with the user's in their place; + 0.0 makes floats of all and rids them of -0.0."""
    own = {name: getattr(given, name) for name in overridable(table)}
    return {**{k: v + 0.0 for k, v in numbers.items()}, **{k: v for k, v in own.items() if v is not None}}


def _effectors(scenario: Scenario, known: lookup.Catalogue, donor: Donor, targets: int) -> dict:
    given, entry = scenario.effectors, known.effectors[scenario.effectors.type]
    effectors = {
        **_overridden(entry.values(), "effectors", given),
        "type": given.type,
        "is_cell_line": entry.strings["is_cell_line"],
        "et_ratio": given.et_ratio,
        "genotype": given.genotype or entry.strings["genotype"],
    }
    effectors |= donor.traits(effectors)
    return {**effectors, **_preparation(given.et_ratio * targets, effectors["nk_fraction"])}


def _preparation(cells: float, nk_fraction: float) -> dict[str, int]:
    """NK cells (the agents) and other cells of so many effector cells; the others count in E:T and take no room."""
    nk = round(cells * nk_fraction)
    return {"nk_cells": nk, "other_cells": max(0, round(cells) - nk)}


def _antibodies(scenario: Scenario, known: lookup.Catalogue) -> tuple[dict, dict | None]:
    """The resolved antibody and its partner, a second antibody with its own pool at the same dose (or None)."""
    given, entry = scenario.antibody, known.antibodies[scenario.antibody.name]
    partner_name = partner_of(scenario, known)
    antibody = {
        **_overridden(entry.values(), "antibody", given),
        "name": given.name,
        "epitope": given.epitope or entry.strings["epitope"],
        "partner": partner_name,
        "dose_ug_per_ml": given.dose_ug_per_ml,
        "pre_incubation_min": given.pre_incubation_min,
        "wash_after_opsonisation": given.wash_after_opsonisation,
    }
    if not partner_name:
        return antibody, None
    other = known.antibodies[partner_name]
    partner = {
        **{name: value + 0.0 for name, value in other.values().items()},
        "name": partner_name,
        "epitope": other.strings["epitope"],
        "partner": "",
    }
    return antibody, partner


def partner_of(scenario: Scenario, known: lookup.Catalogue) -> str:
    """Name of the second antibody, "" for none: the user's word, else the catalogue's."""
    given = scenario.antibody
    return given.partner if given.partner is not None else known.antibodies[given.name].strings["partner"]


def _assay(scenario: Scenario, known: lookup.Catalogue) -> dict:
    # fc_null_control adds wells and changes none: it would only give the other wells new names.
    entry = known.readouts[scenario.assay.readout]
    return {
        **{name: value + 0.0 for name, value in entry.values().items()},
        "raw_unit": entry.strings["raw_unit"],
        "duration_h": scenario.assay.duration_h,
        "readout": scenario.assay.readout,
        "reader_cv": scenario.assay.reader_cv,
    }


def _action(action: Action, nk_fraction: float) -> dict:
    resolved = {name: value for name, value in action.model_dump().items() if value is not None}
    if action.add_effectors is not None:
        resolved |= _preparation(action.add_effectors, nk_fraction)
    return resolved


def _culture(scenario: Scenario) -> dict | None:
    given = scenario.culture
    if given is None or given.days == 0:
        return None
    changed = given.passage_interval_days if given.medium_change_days is None else given.medium_change_days
    return {
        **given.model_dump(),
        "dose_steps_ug_per_ml": list(given.dose_steps_ug_per_ml),
        "medium_change_days": changed,
        "resistant_direct_response": given.resistant_direct_response or 0.0,
    }


def _output(scenario: Scenario) -> dict:
    given, minutes = scenario.output, round(scenario.assay.duration_h * 60)
    every = given.every_min
    if every is None:
        every = min(10 if minutes <= 24 * 60 else 60, minutes)
    output = {"level": given.level, "every_min": every}
    if given.level == "frames":
        output["frames_every_min"] = every if given.frames_every_min is None else given.frames_every_min
    return output
