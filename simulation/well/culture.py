"""Culture: months of passaging under antibody before the assay, so that resistant clones can be selected.

Targets alone grow in the well; medium changes reset the antibody to the dose of the day; at a passage one part in
`split_ratio` is carried on (never more than were seeded). Each stretch between passages is a well of its own; what
passes on are receptor numbers, direct response and clone of the cells picked.
"""

import numpy as np

from simulation.biology.rng import STREAM_CULTURE, key_at, unit_at
from simulation.well.engine import WellEngine
from simulation.well.layout import ALIVE
from simulation.well.params import WellParams, well_params

CULTURE_TICK_H = 1.0 / 6.0  # antibody is near its plateau for days: ten minutes resolve it
HERITABLE = ("target_receptors_0", "target_response", "target_clone")


def _alone(condition: dict, dose_ug_per_ml: float) -> WellParams:
    """Params of the targets alone at a dose."""
    effectors = condition["effectors"] | {"nk_cells": 0}
    antibody = condition["antibody"] | {
        "dose_ug_per_ml": dose_ug_per_ml, "pre_incubation_min": 0.0, "wash_after_opsonisation": False,
    }  # fmt: skip
    return well_params(condition | {"effectors": effectors, "antibody": antibody, "action": []}, tick_h=CULTURE_TICK_H)


def pick(founders: dict, n: int, key: int, draw: int, replace: bool) -> dict:
    """n of the cells in `founders` (columns of equal length), drawn by the run's key; with or without replacement."""
    have = len(founders["target_clone"])
    stream = np.uint64(STREAM_CULTURE)
    draws = range((draw << 32), (draw << 32) + (n if replace else have))
    scores = np.array([unit_at(np.uint64(key), stream, np.uint64(i)) for i in draws])
    rows = (scores * have).astype(int) if replace else np.sort(np.argsort(scores, kind="stable")[:n])
    return {name: values[rows] for name, values in founders.items()}


def founders_after_culture(condition: dict, run_key: int) -> dict | None:
    """Heritable columns of the cells that a culture hands to the assay, as many as the assay seeds; None without
    culture.

    condition: resolved, with "culture" = days, passage_interval_days, split_ratio, medium_change_days,
    dose_steps_ug_per_ml (equal times), mutation_rate_per_division. Raises ValueError if the culture dies out.
    """
    culture, n_seed = condition["culture"], int(condition["targets"]["cells"])
    if not culture or culture["days"] <= 0 or n_seed == 0:
        return None
    hours = 24.0 * culture["days"]
    doses = culture["dose_steps_ug_per_ml"]
    change_h = 24.0 * (culture["medium_change_days"] or culture["passage_interval_days"])
    founders, start, passage = None, 0.0, 0
    while start < hours - 1e-9:
        length = min(24.0 * culture["passage_interval_days"], hours - start)
        cells = n_seed if founders is None else len(founders["target_clone"])
        here = condition | {"targets": condition["targets"] | {"cells": cells}}
        passage += 1
        key = int(key_at(np.uint64(run_key), np.uint64(STREAM_CULTURE), np.uint64(1 << 62) + np.uint64(passage)))
        dose = doses[min(int(start / hours * len(doses)), len(doses) - 1)]
        engine = WellEngine(_alone(here, dose), key, founders=founders)
        at = 0.0
        while at < length - 1e-9:
            if at > 0.0:
                dose = doses[min(int((start + at) / hours * len(doses)), len(doses) - 1)]
                engine.apply({"wash": True})
                if dose > 0.0:
                    engine.apply({"add_antibody_ug_per_ml": dose})
            step = min(change_h, length - at)
            engine.advance(round(step / engine.tick_h))
            at += step
        status = engine.targets["target_status"][: engine.n_targets]
        alive = np.flatnonzero(status == ALIVE)
        if len(alive) == 0:
            raise ValueError(f"the culture died out by day {(start + length) / 24:.0f}")
        harvest = {name: engine.targets[name][alive] for name in HERITABLE}
        start += length
        keep = min(max(1, round(len(alive) / culture["split_ratio"])), n_seed)
        founders = pick(harvest, keep, run_key, passage, replace=False)
    return pick(founders, n_seed, run_key, passage + 1, replace=True)
