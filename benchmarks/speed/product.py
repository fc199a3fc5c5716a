"""The product's side of the benchmarks: wells of the full biology, and one well on the kernel under the clock."""

import time

from msgspec import structs

from adccsim.conditions import WellCondition

ET_RATIO = 10  # of plate, first result and lean Mesa
TARGETS_IN_96_FLAT = 10_000


def wells(targets: int, hours: float, et_ratio: float, count: int = 1) -> dict[str, WellCondition]:
    """Sample wells of the full biology, replicates of each other: run id -> condition."""
    from adccsim.scenario.load import scenario_from_dict
    from adccsim.scenario.well.expand import expand

    scenario = scenario_from_dict(
        {
            "schema": 1,
            "kind": "well",
            "title": "speed",
            "seed": 2026,
            "replicates": count,
            "targets": {"cell_line": "SK-BR-3", "cells": targets},
            "effectors": {"type": "NK-resting", "nk_fraction": 1.0, "genotype": "VF", "et_ratio": et_ratio},
            "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 1.0},
            "well": {"format": "96-flat"},
            "assay": {"duration_h": hours, "readout": "LDH"},
        }
    )
    return {c.run_id: c for c in expand(scenario) if c.role == "sample"}


def well(targets: int, hours: float, et_ratio: float) -> WellCondition:
    """The condition of one well at the density of a full flat 96-well; et_ratio 0 leaves the targets alone."""
    full = next(iter(wells(TARGETS_IN_96_FLAT, hours, et_ratio or 1.0).values()))
    fraction = targets / TARGETS_IN_96_FLAT
    vessel = structs.replace(
        full.well, area_mm2=full.well.area_mm2 * fraction, volume_ul=full.well.volume_ul * fraction
    )
    effectors = structs.replace(
        full.effectors, nk_cells=round(targets * et_ratio), other_cells=0, et_ratio=float(et_ratio)
    )
    return structs.replace(full, targets=structs.replace(full.targets, cells=targets), effectors=effectors, well=vessel)


def cells(targets: int, et_ratio: float) -> dict[str, int]:
    """Number of cells by kind."""
    return {"targets": targets, "nk_cells": round(targets * et_ratio)}


def run_kernel(condition: WellCondition, key: int) -> dict[str, float]:
    """One well on the kernel, without a file.

    Returns set_up_s and run_s (processor time of this thread), wall_s of the run, events (asked for, with those that
    came to nothing), kills, contacts and encounters.
    """
    from adccsim.well.engine import WellEngine
    from adccsim.well.layout import C
    from adccsim.well.params import well_params

    began = time.thread_time()
    engine = WellEngine(well_params(condition), key)
    ready, wall = time.thread_time(), time.perf_counter()
    engine.advance(round(condition.assay.duration_h / engine.tick_h))
    run_s, wall_s = time.thread_time() - ready, time.perf_counter() - wall
    count = {name: int(engine.counters[C[name]]) for name in ("events", "kills", "contacts", "encounters")}
    return {**count, "set_up_s": ready - began, "run_s": run_s, "wall_s": wall_s}
