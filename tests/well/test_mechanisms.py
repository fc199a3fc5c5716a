"""Every mechanism moves what it is said to move, in the direction that it is said to.

One line per mechanism: the well without it against the well with it, at the value of the catalogue. Both arms of a line
share their keys, so traits and places of cells are the same, and the mean of the paired differences must exceed three
of its standard errors. What 4-h lysis does not show is looked for where it acts: over a day, or in another quantity.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest

from simulation.catalogue import lookup
from simulation.well.layout import ALIVE, ANTIBODY_ARM, NATURAL_ARM, POS, STATE
from tests.oracle.conditions import BINDING, EFFECTORS, PARTNER, TARGETS, small_well
from tests.well.runs import NO_ANTIBODY, NO_DEATHS, start

KEYS = range(8)
CATALOGUE = lookup.load()


def mechanism(name):
    """Overrides that a named mechanism of the catalogue makes on the default line."""
    numbers = {k: v for k, v in TARGETS.items() if isinstance(v, float)}
    changed = lookup.apply_mechanism(CATALOGUE.mechanisms[name], numbers)
    return {f"targets__{k}": v for k, v in changed.items() if v != numbers[k]}


def antibody(name, *fields):
    """Overrides that make these fields of the antibody those of a catalogue entry."""
    numbers = CATALOGUE.antibodies[name].values()
    return {f"antibody__{field}": numbers[field] for field in fields}


def effectors(name, *fields):
    """Overrides that make these fields of the effectors those of a catalogue entry."""
    numbers = CATALOGUE.effectors[name].values()
    return {f"effectors__{field}": numbers[field] for field in fields}


# -- what is looked at ----------------------------------------------------------------------------------------------
def spread_of_kills(engine):
    """Variance over mean of kills per effector."""
    kills = engine.effector_kills()
    return kills.var() / kills.mean()


def killers(engine):
    """Share of effectors that killed."""
    return (engine.effector_kills() > 0).mean()


def kills_per_hit(engine):
    return engine.observe()["kills"] / engine.observe()["hits"]


def contacts_per_encounter(engine):
    return engine.observe()["contacts"] / engine.observe()["encounters"]


def mean_damage(engine):
    return engine.targets["target_damage"][engine.targets["target_status"] == ALIVE].mean()


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
    """Kills by effectors of the antibody arm only."""
    arms = engine.effectors[:, STATE] & (ANTIBODY_ARM | NATURAL_ARM)
    return engine.effector_kills()[arms == ANTIBODY_ARM].sum()


def strayed(engine):
    """How far effectors are from where they would be in their own layer if they had not moved: distinct sites seen."""
    home = start_sites[int(engine.key)]
    y, x = np.divmod(engine.effectors[:, POS].astype(int) % engine.plane, engine.row)
    y0, x0 = np.divmod(home % engine.plane, engine.row)
    return ((y - y0) ** 2 + (x - x0) ** 2).mean()


start_sites: dict[int, np.ndarray] = {}


class Line(NamedTuple):
    """One mechanism: overrides without it, with it, of both; hours; the observable and the sign of its move."""

    null: dict
    value: dict
    common: dict
    hours: float
    see: object
    sign: int


HIGH = {"effectors__et_ratio": 2.0}  # HER2-high line, saturating antibody
LOW = {"effectors__et_ratio": 2.0, "targets__her2_per_cell": 3e4}  # activation far from its ceiling
FEW = {"effectors__et_ratio": 0.3}  # few effectors, many targets each
PLAIN = {"effectors__et_ratio": 2.0, **NO_ANTIBODY}  # natural killing only
ALONE = {"effectors__et_ratio": 0.0}
BIND = {**ALONE, **NO_DEATHS}
DILUTE = {**BIND, "antibody__dose_ug_per_ml": 0.01}
GROW = {
    **ALONE, **NO_DEATHS, "assay__duration_h": 72.0, "targets__cells": 600, "well__area_mm2": 20.0,
    "targets__doubling_time_h": 30.0,
}  # fmt: skip
DAYS = {**GROW, "antibody__dose_ug_per_ml": 10.0, "targets__direct_effect_max": 0.9}
IL2 = "NK-IL2"

LINES = {
    # -- binding
    "antibody opsonises": Line({"antibody__dose_ug_per_ml": 0.0}, {}, HIGH, 4, "kills", 1),
    "association": Line({"antibody__kon_per_nM_h": 0.2, "antibody__kd_nM": 25.0}, {}, DILUTE, 1, "antibody_bound_per_target", 1),
}
