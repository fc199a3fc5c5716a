"""Wells for the fit: the experiment W3, its donors, and lysis with the expected values of the controls.

Donors are points of a scrambled Sobol sequence in their scores, so that 32 of them represent the population; each keeps
its random numbers over doses, lines and laws (paired). Wells have 1000 targets at the density and volume per target of
the experiment. Controls enter as expected values: spontaneous deaths of targets, and LDH of effectors alone.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import structs

from adccsim.conditions import WellCondition
from benchmarks.in_vitro_lysis.laws.candidates import packed

SCENARIO = Path(__file__).resolve().parents[1] / "W3" / "scenario.toml"
DOSES = np.array([1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0])  # ug/mL
TARGETS = 1000


@dataclass(frozen=True)
class Free:
    """Fitted parameters: bridges at half activation, slope, hits per hour at full activation, u of the law (0-1)."""

    half: float
    slope: float
    hits: float
    u: float


def donors(count: int, seed: int) -> list:
    """`count` (a power of two) donors of the population."""
    from scipy.stats import norm, qmc

    from adccsim.scenario.well.donors import Donor

    points = qmc.Sobol(5, scramble=True, rng=seed).random(count)
    scores = norm.ppf(points[:, :4])
    return [Donor(n + 1, *map(float, scores[n]), genotype=float(points[n, 4])) for n in range(count)]


def conditions(people: list, line: str, doses: np.ndarray, changes: dict) -> list[list[WellCondition]]:
    """Conditions of wells, one list over doses per donor; changes: dotted keys of the scenario."""
    from adccsim.scenario.load import load_scenario
    from adccsim.scenario.sweep import with_values
    from adccsim.scenario.well.resolve import resolve

    base = load_scenario(SCENARIO, ["random=paired"])
    fraction = TARGETS / base.targets.cells
    wells = []
    for donor in people:
        row = []
        for dose in doses:
            values = {"targets.cell_line": line, "antibody.dose_ug_per_ml": float(dose), "targets.cells": TARGETS}
            values["well.volume_ul"] = 200.0 * fraction
            well = resolve(with_values(base, values | changes), base.known, donor)
            row.append(structs.replace(well, well=structs.replace(well.well, area_mm2=well.well.area_mm2 * fraction)))
        wells.append(row)
    return wells


def lysis(rows: list[list[WellCondition]], free: Free, seed: int) -> np.ndarray:
    """Specific lysis (%) of every well, shape (donors, doses)."""
    from adccsim.well.engine import WellEngine
    from adccsim.well.params import well_params

    out = np.empty((len(rows), len(rows[0])))
    for d, row in enumerate(rows):
        for k, well in enumerate(row):
            fitted = {
                "bridges_half": free.half,
                "bridges_hill": packed(free.slope, free.u),
                "antibody_hit_per_h": free.hits,
            }
            effectors = structs.replace(well.effectors, **fitted)
            hours, cells = well.assay.duration_h, well.targets.cells
            engine = WellEngine(well_params(structs.replace(well, effectors=effectors)), (seed << 16) + d)
            engine.advance(round(hours * 60))
            seen = engine.observe()
            target_only = cells * (1.0 - math.exp(-well.targets.spontaneous_death_per_h * hours))
            own = effectors.nk_cells * (1.0 - math.exp(-effectors.death_per_h * hours))
            released = seen["targets_dead"] + effectors.ldh_content * (seen["effectors_dead"] - own)
            out[d, k] = 100.0 * (released - target_only) / (cells - target_only)
    return out
