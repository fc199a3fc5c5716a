"""Short ways to run small wells in tests, and to compare what came out."""

import math

import numpy as np

from adccsim.conditions.well import Intervention, WellCondition
from adccsim.well.engine import WellEngine
from adccsim.well.params import TICK_H, well_params

NO_DEATHS = {
    "targets__spontaneous_death_per_h": 0.0, "targets__culture_death_per_h": 0.0, "effectors__death_per_h": 0.0,
}  # fmt: skip
NO_ANTIBODY = {"antibody__dose_ug_per_ml": 0.0, "antibody__pre_incubation_min": 0.0}
# Effectors that bump into targets and never hold one: for encounters and displacement.
ONLY_WALKING = {
    **NO_DEATHS, **NO_ANTIBODY, "effectors__conjugation_min": 0.0, "effectors__conjugation_max": 0.0,
    "effectors__immobile_fraction": 0.0,
}  # fmt: skip


def typed(table: dict | WellCondition) -> WellCondition:
    """The condition of a table from tests.oracle.conditions."""
    return table if isinstance(table, WellCondition) else WellCondition.build(table)


def doing(**what) -> Intervention:
    """An intervention that is done now."""
    return Intervention(at_h=0.0, **what)


def start(condition: dict, key: int, tick_h: float = TICK_H, check: bool = True) -> WellEngine:
    """A well before its first tick; by default it verifies itself after every advance."""
    return WellEngine(well_params(typed(condition), tick_h=tick_h), key, check=check)


def run(condition: dict, key: int, hours: float | None = None, check: bool = True) -> WellEngine:
    """A well after `hours` (default: the assay's duration), verified."""
    engine = start(condition, key, check=check)
    engine.advance(round((typed(condition).assay.duration_h if hours is None else hours) / engine.tick_h))
    return engine


def observed(condition: dict, keys, name: str, hours: float | None = None) -> np.ndarray:
    """One observable at the end of a well per key, shape (keys,)."""
    return np.array([run(condition, key, hours).observe()[name] for key in keys], float)


def z_score(a, b) -> float:
    """(mean a - mean b) in standard errors of the difference, from the spread within each independent sample."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return (a.mean() - b.mean()) / math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))


def z_against(sample, expected: float) -> float:
    """(mean - expected) in standard errors of the mean."""
    sample = np.asarray(sample, float)
    return (sample.mean() - expected) / (sample.std(ddof=1) / math.sqrt(len(sample)))


def same_state(one: WellEngine, other: WellEngine) -> bool:
    """Whether two wells hold the same state, bit for bit."""
    a, b = one.arrays(), other.arrays()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)
