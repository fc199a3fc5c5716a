"""Conditions of wells for tests, as plain tables: the default numbers of the model, any of them overridden by name.

The numbers are those of the default set of the model description (resting NK cells on a HER2-high line, trastuzumab,
1e4 targets in a flat 96-well). They stand here once more, apart from the catalogue, so that a slip in the catalogue
cannot hide in a test that reads it.
"""

from copy import deepcopy

TARGETS = {
    "cell_line": "SK-BR-3",
    "cells": 10_000,
    "mechanism": "none",
    "her2_per_cell": 1.0e6,
    "her2_cv": 0.5,
    "her2_null_fraction": 0.0,
    "p95_fraction": 0.0,
    "masked_fraction": 0.0,
    "her2_internalisation_per_h": 0.0125,
    "modulation_factor": 1.0,
    "hits_to_kill": 2.0,
    "hits_log_sd": 0.5,
    "repair_time_h": 0.83,
    "death_time_h": 0.5,
    "spontaneous_death_per_h": 0.02,
    "culture_death_per_h": 0.002,
    "clearance_time_h": 8.0,
    "doubling_time_h": 38.0,
    "direct_effect_max": 0.5,
    "direct_response": 1.0,
    "direct_occupancy_half": 0.3,
    "direct_onset_h": 24.0,
    "natural_sensitivity": 1.0,
    "growth_block": 0.0,
    "contact_fraction": 0.03,
}

# nk_fraction 1: here one effector is one NK cell, so that E:T is NK per target.
EFFECTORS = {
    "type": "primary NK (resting)",
    "et_ratio": 1.0,
    "nk_cells": 0,
    "other_cells": 0,
    "genotype": "VF",
    "donor_potency": 1.0,
    "donor_motility": 1.0,
    "donor_bridges": 1.0,
    "is_cell_line": False,
    "nk_fraction": 1.0,
    "cd16a_per_cell": 1.0e5,
    "cd16a_cv": 0.5,
    "speed_um_per_min": 4.0,
    "persistence_min": 3.0,
    "motility": 1.14,
    "immobile_fraction": 0.18,
    "memory_fade_per_h": 4.0,
    "conjugation_min": 0.15,
    "conjugation_max": 0.7,
    "conjugate_lifetime_h": 0.62,
    "post_kill_attachment_h": 0.4,
    "shedding_detachment": 1.0,
    "antibody_hit_per_h": 3.1,
    "natural_hit_per_h": 1.1,
    "natural_competent_fraction": 0.3,
    "antibody_competent_fraction": 0.9,
    "potency_log_sd": 0.6,
    "potency_cap": 5.0,
    "bridges_half": 334.0,
    "bridges_hill": 0.77,
    "cd16a_shedding_per_h": 1.0,
    "granules_mean": 5.7,
    "granule_reload_h": 36.0,
    "contact_fraction": 0.2,
    "death_per_h": 0.02,
    "death_per_kill": 0.1,
    "late_killing_per_h": 0.0,
    "ldh_content": 0.1,
    "donor_potency_log_sd": 0.6,
    "donor_motility_log_sd": 0.5,
    "donor_bridges_log10_sd": 0.2,
    "donor_purity_log_sd": 0.0,
    "genotype_ff_fraction": 0.47,
    "genotype_vf_fraction": 0.42,
    "genotype_vv_fraction": 0.11,
}

# The fields that a second antibody has too; dose and handling belong to the first one only.
BINDING = {
    "epitope": "IV",
    "partner": "",
    "molar_mass_kda": 145.5,
    "kon_per_nM_h": 1.0,
    "kd_nM": 5.0,
    "cross_link_per_receptor": 1.0e-5,
    "one_arm_weight": 0.5,
    "k16_v158_nM": 500.0,
    "k16_f158_ratio": 1.8,
    "k2_bridges": 2.0e4,
    "fc_gain": 1.0,
    "direct_effect": 1.0,
}
ANTIBODY = {
    "name": "trastuzumab",
    "dose_ug_per_ml": 1.0,
    "pre_incubation_min": 30,
    "wash_after_opsonisation": False,
    **BINDING,
}
PARTNER = {"name": "pertuzumab", **BINDING, "epitope": "II", "molar_mass_kda": 148.0}

WELL = {
    "format": "96-flat",
    "volume_ul": 200.0,
    "serum_igg_g_per_l": 0.0,
    "rim_excess": 0.0,
    "rim_width": 0.1,
    "area_mm2": 32.0,
    "shape": "disc",
    "max_layers": 6,
    "layer_filling": 0.4,
}
ASSAY = {
    "duration_h": 4.0,
    "readout": "LDH",
    "reader_cv": 0.0,
    "release_delay_h": 0.0,
    "leak_per_h": 0.0,
    "counts_effectors": 1.0,
    "blank": 0.05,
    "full_scale": 2.0,
    "raw_unit": "A490",
}


def condition(**overrides) -> dict:
    """A full resolved condition; `effectors__et_ratio=5.0` overrides one field of a table, `seed=7` a top-level one.

    NK and other cells follow from et_ratio, cells and nk_fraction unless they are given. A `partner__...` override
    (or `partner=PARTNER`) adds the second antibody; the rest of it is pertuzumab.
    Raises KeyError for a name that no condition has: a misspelt override would test nothing.
    """
    result = {
        "schema": 1,
        "kind": "well",
        "model": "well-3",
        "seed": 2026,
        "random": "independent",
        "role": "sample",
        "donor": 1,
        "replicate": 1,
        "targets": deepcopy(TARGETS),
        "effectors": deepcopy(EFFECTORS),
        "antibody": deepcopy(ANTIBODY),
        "partner": None,
        "well": deepcopy(WELL),
        "assay": deepcopy(ASSAY),
        "action": [],
        "culture": None,
        "output": {"level": "final", "every_min": 10},
    }
    for path, value in overrides.items():
        table, _, field = path.partition("__")
        if table not in result:
            raise KeyError(path)
        if not field:
            result[table] = deepcopy(value)
            continue
        if table == "partner" and result["partner"] is None:
            result["partner"] = deepcopy(PARTNER)
        kind = type(result[table][field])
        result[table][field] = kind(value) if kind in (int, float) else value

    effectors = result["effectors"]
    total = effectors["et_ratio"] * result["targets"]["cells"]
    if "effectors__nk_cells" not in overrides:
        effectors["nk_cells"] = round(total * effectors["nk_fraction"])
    if "effectors__other_cells" not in overrides:
        effectors["other_cells"] = max(0, round(total) - effectors["nk_cells"])
    return result


def small_well(targets: int = 500, **overrides) -> dict:
    """The default condition shrunk to a few targets: sites and volume per target stay those of the flat 96-well."""
    fraction = targets / TARGETS["cells"]
    scaled = {
        "targets__cells": targets,
        "well__area_mm2": WELL["area_mm2"] * fraction,
        "well__volume_ul": WELL["volume_ul"] * fraction,
    }
    return condition(**{**scaled, **overrides})
