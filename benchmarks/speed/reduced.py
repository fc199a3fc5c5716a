"""The reduced rules of the comparison with Mesa: their numbers, and the product running them by parameters alone.

Both models take every number from here. The product has more states and rates; each is put where it does nothing:
no antibody, equal conjugation with and without bridges, every NK cell naturally cytotoxic, no spread between
cells, granules that outlast the assay, no repair, clearance or death of its own. Dying targets stand and block like
corpses, so its three stages to death may stay.
"""

import math

from adccsim.conditions import WellCondition

SITE_UM = 10.0
MEAN_STEP_UM = SITE_UM * (1.0 + math.sqrt(2.0)) / 2.0  # four straight and four diagonal directions
AREA_PER_TARGET_UM2 = 3200.0  # as 1e4 targets in a flat 96-well of 32 mm2

SPEED_UM_PER_MIN = 4.0
PERSISTENCE_MIN = 3.0
MEMORY_FADE_PER_H = 4.0
CONJUGATION = 0.3
HIT_PER_H = 0.8
HITS_TO_KILL = 3
CONJUGATE_LIFETIME_H = 0.62
POST_KILL_ATTACHMENT_H = 0.4

HOP_PER_H = SPEED_UM_PER_MIN * 60.0 / MEAN_STEP_UM
TUMBLE_PER_H = 60.0 / PERSISTENCE_MIN
FORGET_PER_H = min(MEMORY_FADE_PER_H, TUMBLE_PER_H)

NEVER_H = 1e9
PARAMETERS = {
    "targets": {
        "hits_to_kill": float(HITS_TO_KILL),
        "hits_log_sd": 0.0,
        "repair_time_h": NEVER_H,
        "clearance_time_h": NEVER_H,
        "spontaneous_death_per_h": 0.0,
    },
    "effectors": {
        "speed_um_per_min": SPEED_UM_PER_MIN,
        "persistence_min": PERSISTENCE_MIN,
        "motility": 1.0,
        "donor_motility": 1.0,
        "immobile_fraction": 0.0,
        "memory_fade_per_h": MEMORY_FADE_PER_H,
        "conjugation_min": CONJUGATION,
        "conjugation_max": CONJUGATION,
        "conjugate_lifetime_h": CONJUGATE_LIFETIME_H,
        "post_kill_attachment_h": POST_KILL_ATTACHMENT_H,
        "natural_hit_per_h": HIT_PER_H,
        "natural_competent_fraction": 1.0,
        "antibody_competent_fraction": 0.0,
        "potency_log_sd": 0.0,
        "donor_potency": 1.0,
        "granules_mean": 1e9,  # the state holds 200 at most, far more than four hours of hits
        "granule_reload_h": NEVER_H,
        "late_killing_per_h": 0.0,
        "death_per_h": 0.0,
        "death_per_kill": 0.0,
    },
    "antibody": {"dose_ug_per_ml": 0.0, "pre_incubation_min": 0},
    "well": {"shape": "square"},
}


def side_sites(targets: int) -> int:
    """Side of the square well in sites: the density of a flat 96-well."""
    return round(math.sqrt(targets * AREA_PER_TARGET_UM2) / SITE_UM)


def condition(base: WellCondition, targets: int, killers: int, hours: float) -> WellCondition:
    """A condition of the reduced rules; what they leave open is taken from base, any well."""
    result = base.as_dict()
    for table, values in PARAMETERS.items():
        unknown = values.keys() - result[table].keys()
        if unknown:  # a misspelt name would leave a mechanism on
            raise KeyError(f"{table}: {sorted(unknown)}")
        result[table].update(values)
    result["targets"]["cells"] = targets
    result["effectors"].update(nk_cells=killers, other_cells=0, et_ratio=killers / targets)
    result["well"]["area_mm2"] = (side_sites(targets) * SITE_UM / 1000.0) ** 2
    result["assay"]["duration_h"] = hours
    return WellCondition.build(result)
