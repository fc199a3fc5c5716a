"""Every mechanism moves what it is said to move, in the direction that it is said to.

One line per mechanism: the well without it against the well with it, at the value of the catalogue. Both arms of a line
share their keys, so traits and places of cells are the same, and the mean of the paired differences must exceed three
of its standard errors. What 4-h lysis does not show is looked for where it acts: over a day, or in another quantity.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from adccsim.parameters import lookup
from adccsim.well.engine import WellEngine
from adccsim.well.layout import ALIVE, CAN_ADCC, CAN_NATURAL, POS, START_SHIFT, STATE
from adccsim.well.state import granules
from tests.oracle.conditions import PARTNER, TARGETS, small_well
from tests.well.runs import NO_ANTIBODY, NO_DEATHS, run, start

KEYS = range(8)
CATALOGUE = lookup.load()
IL2 = ("natural_competent_fraction", "conjugation_min", "granule_reload_h", "death_per_h")


def mechanism(name, common=None):
    """Overrides that a mechanism of the catalogue makes on the default line, itself changed by `common`."""
    numbers = {field: value for field, value in TARGETS.items() if isinstance(value, float)}
    for path, value in (common or {}).items():
        if path.startswith("targets__"):
            numbers[path.removeprefix("targets__")] = value
    changed = lookup.apply_mechanism(CATALOGUE.mechanisms[name], numbers)
    return {f"targets__{field}": value for field, value in changed.items() if value != numbers[field]}


def antibody(name, *fields):
    """Overrides that make these fields of the antibody those of a catalogue entry."""
    numbers = CATALOGUE.antibodies[name].values()
    return {f"antibody__{field}": numbers[field] for field in fields}


def effectors(name, *fields):
    """Overrides that make these fields of the effectors those of a catalogue entry."""
    numbers = CATALOGUE.effectors[name].values()
    return {f"effectors__{field}": numbers[field] for field in fields}


# -- what is looked at ----------------------------------------------------------------------------------------------
def spread_of_hits(engine):
    """Variance over mean of hits per effector (granules spent)."""
    state = engine.effectors[:, STATE]
    spent = ((state >> START_SHIFT) & 255) - granules(state)
    return spent.var() / spent.mean()


def killers(engine):
    """Share of effectors that killed."""
    return (engine.effector_kills() > 0).mean()


def kills_per_hit(engine):
    return engine.observe()["kills"] / engine.observe()["hits"]


def contacts_per_encounter(engine):
    return engine.observe()["contacts"] / engine.observe()["encounters"]


def mean_damage(engine):
    return engine.targets["target_damage"][engine.targets["target_status"] == ALIVE].mean()


def spread_of_thresholds(engine):
    return engine.targets["target_threshold"].std()


def mean_potency(engine):
    return engine.effector["effector_potency"].mean()


def distance_of_targets(engine):
    """Mean distance of targets from the centre, in sites."""
    site, centre = engine.targets["target_site"], (engine.row - 1) / 2.0
    return np.hypot(site // engine.row - centre, site % engine.row - centre).mean()


def spread_of_bound(engine):
    bound = engine.bound[0]
    return bound.std() / bound.mean()


def spread_of_cd16a(engine):
    return engine.effector["effector_unit_cd16a"].std() / engine.effector["effector_unit_cd16a"].mean()


def silent_killers(engine):
    """Kills by effectors of the ADCC pathway only."""
    arms = engine.effectors[:, STATE] & (CAN_ADCC | CAN_NATURAL)
    return engine.effector_kills()[arms == CAN_ADCC].sum()


def strayed(engine):
    """Mean squared distance of effectors from where they started, in sites."""
    home = WellEngine(engine.params, int(engine.key)).effectors[:, POS]
    y, x = np.divmod(engine.effectors[:, POS].astype(int) % engine.plane, engine.row)
    y0, x0 = np.divmod(home.astype(int) % engine.plane, engine.row)
    return ((y - y0) ** 2 + (x - x0) ** 2).mean()


class Line(NamedTuple):
    """One mechanism: overrides without it, with it, of both wells; hours; the observable and the sign of its move."""

    null: dict
    value: dict
    common: dict
    hours: float
    see: str | Callable
    sign: int


def off(**fields):
    """Overrides of the null well; `t_` stands for targets, `e_` effectors, `a_` antibody, `w_` well."""
    tables = {"t": "targets", "e": "effectors", "a": "antibody", "w": "well"}
    return {f"{tables[name[0]]}__{name[2:]}": value for name, value in fields.items()}


NEVER = 1e12  # hours
SATURATED = off(e_et_ratio=2.0)  # HER2-high line, saturating antibody
STEEP = off(e_et_ratio=2.0, t_her2_per_cell=3e4)  # few receptors: activation is far from its ceiling
FEW = off(e_et_ratio=0.3)  # few effectors, many targets each
# effectors that hit one target all the time
TIRELESS = {
    **off(e_et_ratio=0.5, e_granules_mean=200.0, e_conjugate_lifetime_h=NEVER),
    **off(t_hits_to_kill=8.0, t_repair_time_h=0.1),
}
EXHAUSTED = off(e_et_ratio=0.5, e_granules_mean=2.0)
HOLDING = off(e_et_ratio=1.0, e_granules_mean=1.0)  # most contacts end by parting, not by a kill
MANY = off(t_cells=1600)  # for what moves by a few per cent
NATURAL = {**off(e_et_ratio=2.0), **NO_ANTIBODY}
BIND = {**off(e_et_ratio=0.0), **NO_DEATHS}  # antibody and targets
DILUTE = {**BIND, **off(a_dose_ug_per_ml=0.003)}
GROW = {
    **BIND,
    **off(t_cells=600, w_area_mm2=20.0, t_doubling_time_h=30.0, a_dose_ug_per_ml=10.0),
    "assay__duration_h": 72.0,
}
BLOCKED = {**GROW, **off(t_direct_effect_max=0.9)}
LITTLE = off(a_dose_ug_per_ml=0.01)
DAY = STEEP | off(e_et_ratio=0.5)
MUTATING = {
    "days": 1.0, "passage_interval_days": 1.0, "split_ratio": 2.0, "medium_change_days": 1.0,
    "dose_steps_ug_per_ml": [0.0], "mutation_rate_per_division": 0.05, "resistant_direct_response": 0.0,
}  # fmt: skip

LINES = {
    # -- binding: antibody reaches the cell
    "opsonisation": Line(off(a_dose_ug_per_ml=0.0), {}, SATURATED, 4, "kills", +1),
    "association": Line(off(a_kon_per_nM_h=0.2, a_kd_nM=25.0), {}, DILUTE, 1, "antibody_bound_per_target", +1),
    "dissociation": Line(off(a_kd_nM=1e-9), {}, DILUTE, 8, "antibody_free_nM", +1),
    "cross-linking": Line(off(a_cross_link_per_receptor=0.0), {}, DILUTE, 8, "receptor_occupancy", +1),
    "depletion by the cells": Line(off(w_volume_ul=1e6), {}, DILUTE, 8, "antibody_bound_per_target", -1),
    "receptor spread": Line(off(t_her2_cv=0.0), {}, BIND, 1, spread_of_bound, +1),
    "receptor number": Line(off(t_her2_per_cell=1e5), {}, BIND, 1, "antibody_bound_per_target", +1),
    "internalisation": Line(off(t_her2_internalisation_per_h=0.0), {}, BIND, 16, "antibody_bound_per_target", -1),
    "pre-incubation": Line(off(a_pre_incubation_min=0.0), {}, SATURATED | LITTLE, 1, "kills", +1),
    "wash after opsonisation": Line({}, off(a_wash_after_opsonisation=True), STEEP, 8, "antibody_bound_per_target", -1),
    # -- resistance: what the target does to binding
    "MUC4 masking": Line({}, mechanism("MUC4-masking", STEEP), STEEP, 4, "kills", -1),
    "MUC1 masking": Line({}, mechanism("MUC1-masking", STEEP), STEEP, 4, "antibody_bound_per_target", -1),
    "p95HER2": Line({}, mechanism("p95HER2", STEEP), STEEP, 4, "antibody_bound_per_target", -1),
    "p95HER2 spoils the direct effect": Line({}, mechanism("p95HER2", BLOCKED), BLOCKED, 72, "births", +1),
    "HER2 loss": Line({}, mechanism("HER2-loss", SATURATED), SATURATED, 4, "kills", -1),
    "HER2 loss in part": Line({}, off(t_her2_null_fraction=0.3), SATURATED, 4, "kills", -1),
    "antigen modulation": Line({}, mechanism("antigen-modulation", BIND), BIND, 16, "antibody_bound_per_target", -1),
    "modulation lowers killing": Line({}, mechanism("antigen-modulation", DAY), DAY | MANY, 24, "kills", -1),
    "lapatinib raises HER2": Line({}, mechanism("lapatinib", STEEP), STEEP, 4, "kills", +1),
    # -- bridges and activation
    "serum IgG": Line({}, off(w_serum_igg_g_per_l=10.0), STEEP, 4, "kills", -1),
    "prozone above 100 ug/mL": Line({}, off(a_dose_ug_per_ml=300.0), STEEP, 4, "kills", -1),
    "afucosylation": Line({}, antibody("trastuzumab-afucosylated", "fc_gain"), STEEP, 4, "kills", +1),
    "deglycosylation": Line({}, antibody("trastuzumab-deglycosylated", "fc_gain"), STEEP, 4, "kills", -1),
    "hinge cleavage": Line({}, antibody("trastuzumab-hinge-cleaved", "fc_gain"), STEEP, 4, "kills", -1),
    "F(ab')2": Line({}, antibody("trastuzumab-F(ab')2", "fc_gain"), SATURATED, 4, "kills", -1),
    "isotype control": Line({}, antibody("isotype-control", "kon_per_nM_h"), SATURATED, 4, "kills", -1),
    "V over F": Line(off(e_genotype="FF"), off(e_genotype="VV"), STEEP | MANY, 4, "kills", +1),
    "partner antibody": Line({}, {"partner": PARTNER}, STEEP, 4, "kills", +1),
    "partner binds": Line({}, {"partner": PARTNER}, BIND, 1, "antibody_bound_per_target", +1),
    "CD16a number": Line(off(e_cd16a_per_cell=3e4), {}, STEEP, 4, "kills", +1),
    "CD16a spread": Line(off(e_cd16a_cv=0.0), {}, STEEP, 0, spread_of_cd16a, +1),
    "effector contact area": Line(off(e_contact_fraction=0.05), {}, STEEP, 4, "kills", +1),
    "target contact area": Line(off(t_contact_fraction=0.01), {}, STEEP, 4, "kills", +1),
    "bridge affinity": Line(off(a_k2_bridges=2e5), {}, STEEP, 4, "kills", +1),
    "one-armed antibodies": Line(off(a_one_arm_weight=1.0), off(a_one_arm_weight=0.1), STEEP, 4, "kills", -1),
    "threshold in bridges": Line(off(e_bridges_half=34.0), {}, STEEP, 4, "kills", -1),
    "shallow activation": Line(off(e_bridges_hill=2.0), {}, STEEP | off(t_her2_per_cell=3e3), 4, "kills", +1),
    "donor threshold": Line({}, off(e_donor_bridges=3.0), STEEP, 4, "kills", -1),
    # -- meeting and holding
    "motility": Line(off(e_motility=1.0), {}, SATURATED | MANY, 4, "encounters", +1),
    "donor motility": Line({}, off(e_donor_motility=0.5), SATURATED, 4, "kills", -1),
    "speed": Line(off(e_speed_um_per_min=2.0), {}, SATURATED, 4, "encounters", +1),
    "persistence": Line(off(e_persistence_min=0.2), {}, FEW, 1, strayed, +1),
    "immobile share": Line(off(e_immobile_fraction=0.0), {}, SATURATED | MANY, 4, "encounters", -1),
    "U-bottom": Line({}, off(w_area_mm2=1.4), SATURATED | off(t_cells=1000, w_area_mm2=3.2), 4, "encounters", +1),
    "rim": Line({}, off(w_rim_excess=0.5), SATURATED, 0, distance_of_targets, +1),
    "memory": Line(off(e_memory_fade_per_h=1e6), {}, SATURATED, 4, contacts_per_encounter, -1),
    "spontaneous conjugation": Line(off(e_conjugation_min=0.0), {}, NATURAL, 4, "contacts", +1),
    "conjugation by bridges": Line(off(e_conjugation_max=0.15), {}, SATURATED, 1, "contacts", +1),
    "parting": Line(off(e_conjugate_lifetime_h=NEVER), {}, SATURATED, 4, "conjugates", -1),
    "post-kill attachment": Line(off(e_post_kill_attachment_h=0.01), {}, SATURATED, 2, "conjugates", +1),
    # -- hits and what they do
    "ADCC pathway": Line(off(e_antibody_hit_per_h=0.0), {}, SATURATED, 4, "hits", +1),
    "natural cytotoxicity": Line(off(e_natural_hit_per_h=0.0), {}, NATURAL, 4, "kills", +1),
    "easy prey": Line({}, off(t_natural_sensitivity=8.0), NATURAL, 4, "kills", +1),
    "natural non-responders": Line(off(e_natural_competent_fraction=1.0), {}, NATURAL, 4, killers, -1),
    "antibody non-responders": Line(off(e_antibody_competent_fraction=1.0), {}, SATURATED | MANY, 4, killers, -1),
    "recruited silent effectors": Line(off(e_antibody_competent_fraction=0.3), {}, SATURATED, 4, silent_killers, +1),
    "potency spread": Line(off(e_potency_log_sd=0.0), {}, TIRELESS, 3, spread_of_hits, +1),
    "potency cap": Line(off(e_potency_cap=1e9), {}, SATURATED | off(e_potency_log_sd=1.0), 0, mean_potency, -1),
    "donor potency": Line({}, off(e_donor_potency=2.0), SATURATED, 4, "kills", +1),
    "threshold of two hits": Line(off(t_hits_to_kill=1.0), {}, SATURATED, 4, kills_per_hit, -1),
    "spread of thresholds": Line(off(t_hits_log_sd=0.0), {}, SATURATED, 0, spread_of_thresholds, +1),
    "repair": Line(off(t_repair_time_h=NEVER), {}, FEW, 8, mean_damage, -1),
    "granule limit": Line(off(e_granules_mean=200.0), {}, FEW | MANY, 8, "hits", -1),
    "reload": Line(off(e_granule_reload_h=NEVER), {}, EXHAUSTED, 24, "hits", +1),
    "reload with IL-2": Line({}, effectors("NK-IL2", "granule_reload_h"), EXHAUSTED, 24, "hits", +1),
    "shedding": Line(off(e_cd16a_shedding_per_h=0.0), {}, FEW, 16, "cd16a_level", -1),
    "shedding lowers hits": Line(off(e_cd16a_shedding_per_h=0.0), {}, STEEP | FEW | MANY, 16, "hits", -1),
    "shedding frees the effector": Line(off(e_shedding_detachment=0.0), {}, HOLDING | MANY, 8, "conjugates", -1),
    "late killing": Line({}, off(e_late_killing_per_h=0.2), EXHAUSTED, 16, "kills", +1),
    # -- deaths and clearance
    "time to die": Line(off(t_death_time_h=0.01), {}, SATURATED, 4, "targets_dying", +1),
    "spontaneous death": Line(off(t_spontaneous_death_per_h=0.0), {}, NATURAL, 4, "spontaneous_deaths", +1),
    "clearance": Line(off(t_clearance_time_h=NEVER), {}, SATURATED, 4, "targets_cleared", +1),
    "effector death": Line(off(e_death_per_h=0.0), {}, NATURAL, 4, "effectors_alive", -1),
    "death per kill": Line(off(e_death_per_kill=0.0), {}, SATURATED, 4, "effectors_dead", +1),
    # -- preparation and donors
    "IL-2": Line({}, effectors("NK-IL2", *IL2), NATURAL, 4, "kills", +1),
    "purity": Line({}, effectors("CD56-isolated", "nk_fraction"), SATURATED, 4, "kills", -1),
    "no CD16a": Line({}, effectors("NK-92", "cd16a_per_cell"), SATURATED, 4, "kills", -1),
    "E:T": Line(off(e_et_ratio=1.0), off(e_et_ratio=5.0), {}, 4, "kills", +1),
    # -- growth and the direct effect (three days, no effectors)
    "growth": Line(off(t_doubling_time_h=NEVER), {}, GROW, 72, "births", +1),
    "room": Line({}, off(w_area_mm2=0.75), GROW, 72, "births", -1),
    "direct effect": Line(off(t_direct_effect_max=0.0), {}, GROW, 72, "births", -1),
    "direct effect takes a day": Line(off(t_direct_onset_h=0.1), {}, BLOCKED, 30, "births", +1),
    "half occupancy": Line(off(t_direct_occupancy_half=0.01), {}, BLOCKED | LITTLE, 72, "births", +1),
    "weaker direct effect": Line({}, antibody("pertuzumab", "direct_effect"), BLOCKED, 72, "births", +1),
    "PTEN loss": Line({}, mechanism("PTEN-loss", BLOCKED), BLOCKED, 72, "births", +1),
    "PIK3CA": Line({}, mechanism("PIK3CA-mutation", BLOCKED), BLOCKED, 72, "births", +1),
    "EGFR": Line({}, mechanism("EGFR-up", BLOCKED), BLOCKED, 72, "births", +1),
    "HER3": Line({}, mechanism("HER3-up", BLOCKED), BLOCKED, 72, "births", +1),
    "MET": Line({}, mechanism("MET-up", BLOCKED), BLOCKED, 72, "births", +1),
    "EphA2": Line({}, mechanism("EphA2-up", BLOCKED), BLOCKED, 72, "births", +1),
    "IQGAP1": Line({}, mechanism("IQGAP1-up", BLOCKED), BLOCKED, 72, "births", +1),
    "acquired resistance": Line({}, mechanism("acquired-resistance", BLOCKED), BLOCKED, 72, "births", +1),
    "lapatinib blocks growth": Line({}, mechanism("lapatinib", GROW), GROW, 72, "births", -1),
    "culture death": Line({}, off(t_culture_death_per_h=0.002), GROW, 72, "targets_dead", +1),
    "mutation": Line({}, {"culture": MUTATING}, GROW, 72, "resistant_fraction", +1),
}


def seen(line, change, key):
    """The line's observable in one well with `change`, at the line's hours."""
    cells = line.common.get("targets__cells", 400)
    engine = start(small_well(cells, **{**line.common, **change}), key, check=False)
    engine.advance(round(60 * line.hours))
    engine.verify()
    return float(line.see(engine) if callable(line.see) else engine.observe()[line.see])


@pytest.mark.parametrize("name", LINES)
def test_the_mechanism_moves_its_observable(name):
    line = LINES[name]
    moved = np.array([seen(line, line.value, key) - seen(line, line.null, key) for key in KEYS])
    error = moved.std(ddof=1) / math.sqrt(len(moved))
    assert line.sign * moved.mean() > 3.0 * error, f"{moved.mean():g} +- {error:g}"
    assert moved.any()


DIRECT_EFFECT = ["PTEN-loss", "PIK3CA-mutation", "EGFR-up", "HER3-up", "MET-up", "EphA2-up", "IQGAP1-up"]


@pytest.mark.parametrize("name", [*DIRECT_EFFECT, "acquired-resistance"])
def test_resistance_of_the_direct_effect_leaves_a_short_assay_alone(name):
    """Binding and ADCC do not know of it: a 4-h well is the same well."""
    plain, resistant = (run(small_well(300, **SATURATED, **change), 1) for change in ({}, mechanism(name)))
    assert np.array_equal(plain.counters, resistant.counters) and np.array_equal(plain.bound, resistant.bound)


def test_every_mechanism_of_the_catalogue_is_tried():
    used = {change for line in LINES.values() for change in (*line.null, *line.value)}
    for name, entry in CATALOGUE.mechanisms.items():
        assert {f"targets__{field}" for field in entry.numbers} <= used, name
