"""Culture: months of passaging under antibody before the assay, so that resistant clones can be selected.

Targets alone grow in the well; medium changes reset the antibody to the dose of the day; at a passage one part in
`split_ratio` is carried on (never more than were seeded). Each stretch between passages is a well of its own; what
passes on are receptor numbers, direct response and clone of the cells picked.
"""

import numpy as np
from msgspec.structs import replace

from adccsim.biology.rng import STREAM_CULTURE, key_at, unit_at
from adccsim.conditions.well import Intervention, WellCondition
from adccsim.well.engine import WellEngine
from adccsim.well.layout import ALIVE
from adccsim.well.params import WellParams, well_params

CULTURE_TICK_H = 1.0 / 6.0  # antibody is near its plateau for days: ten minutes resolve it
HERITABLE = ("target_receptors_0", "target_response", "target_clone")


def _alone(condition: WellCondition, dose_ug_per_ml: float, cells: int) -> WellParams:
    """Params of so many targets alone at a dose."""
    alone = replace(
        condition,
        targets=replace(condition.targets, cells=cells),
        effectors=replace(condition.effectors, nk_cells=0),
        antibody=replace(
            condition.antibody, dose_ug_per_ml=dose_ug_per_ml, pre_incubation_min=0, wash_after_opsonisation=False
        ),
        interventions=(),
    )
    return well_params(alone, tick_h=CULTURE_TICK_H)


def pick(founders: dict, n: int, key: int, draw: int, replace: bool) -> dict:
    """n of the cells in `founders` (columns of equal length), drawn by the run's key; with or without replacement."""
    have = len(founders["target_clone"])
    stream = np.uint64(STREAM_CULTURE)
    draws = range((draw << 32), (draw << 32) + (n if replace else have))
    scores = np.array([unit_at(np.uint64(key), stream, np.uint64(i)) for i in draws])
    rows = (scores * have).astype(int) if replace else np.sort(np.argsort(scores, kind="stable")[:n])
    return {name: values[rows] for name, values in founders.items()}


def founders_after_culture(condition: WellCondition, run_key: int) -> dict | None:
    """Heritable columns of the cells that a culture hands to the assay, as many as the assay seeds; None without
    culture.

    Raises ValueError if the culture dies out.
    """
    culture, n_seed = condition.culture, condition.targets.cells
    if culture is None or culture.days <= 0 or n_seed == 0:
        return None
    hours = 24.0 * culture.days
    doses = culture.dose_steps_ug_per_ml
    change_h = 24.0 * (culture.medium_change_days or culture.passage_interval_days)
    founders, start, passage = None, 0.0, 0
    while start < hours - 1e-9:
        length = min(24.0 * culture.passage_interval_days, hours - start)
        cells = n_seed if founders is None else len(founders["target_clone"])
        passage += 1
        key = int(key_at(np.uint64(run_key), np.uint64(STREAM_CULTURE), np.uint64(1 << 62) + np.uint64(passage)))
        dose = doses[min(int(start / hours * len(doses)), len(doses) - 1)]
        engine = WellEngine(_alone(condition, dose, cells), key, founders=founders)
        at = 0.0
        while at < length - 1e-9:
            if at > 0.0:
                dose = doses[min(int((start + at) / hours * len(doses)), len(doses) - 1)]
                engine.apply(Intervention(at_h=at, wash=True))
                if dose > 0.0:
                    engine.apply(Intervention(at_h=at, add_antibody_ug_per_ml=dose))
            step = min(change_h, length - at)
            engine.advance(round(step / engine.tick_h))
            at += step
        status = engine.targets["target_status"][: engine.n_targets]
        alive = np.flatnonzero(status == ALIVE)
        if len(alive) == 0:
            raise ValueError(f"the culture died out by day {(start + length) / 24:.0f}")
        harvest = {name: engine.targets[name][alive] for name in HERITABLE}
        start += length
        keep = min(max(1, round(len(alive) / culture.split_ratio)), n_seed)
        founders = pick(harvest, keep, run_key, passage, replace=False)
    return pick(founders, n_seed, run_key, passage + 1, replace=True)
