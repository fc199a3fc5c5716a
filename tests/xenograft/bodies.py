"""Small still tumours and the numbers to run antibody and effectors on them, without the engine."""

import math
from types import SimpleNamespace

import msgspec
import numpy as np

from adccsim.conditions.mouse import AntibodyDrug, Clone, ResidentEffector, Residents, SmallMolecule, Strain, Tissue
from adccsim.conditions.section import Section
from adccsim.xenograft.layout import CELL_SLOTS, patch_side_um
from adccsim.xenograft.rows import Rows

TISSUE = {
    "cells_per_mm3": 1e5,
    "void_fraction": 0.24,
    "vessel_spacing_um": 75.0,
    "antibody_diffusion_um2_per_s": 10.0,
    "capillary_radius_um": 8.0,
    "permeability_um_per_s": 3e-3,
}
CLONE = {
    "fraction": 1.0,
    "mechanism": "none",
    "her2_per_cell": 1e6,
    "her2_cv": 0.0,
    "her2_null_fraction": 0.0,
    "p95_fraction": 0.0,
    "masked_fraction": 0.0,
    "her2_internalisation_per_h": 0.0125,
    "modulation_factor": 1.0,
    "contact_fraction": 0.03,
    "repair_time_h": 0.83,
    "direct_effect_max": 0.4,
    "direct_response": 1.0,
    "direct_occupancy_half": 0.3,
}
ANTIBODY = {
    "epitope": "IV",
    "molar_mass_kda": 145.5,
    "kon_per_nM_h": 1.0,
    "kd_nM": 5.0,
    "cross_link_per_receptor": 1e-5,
    "one_arm_weight": 0.15,
    "tissue_kon_per_nM_h": 0.36,
    "k2_bridges": 2e4,
    "fc_gain": 1.0,
    "k16_v158_nM": 500.0,
    "k16_f158_ratio": 1.8,
    "direct_effect": 1.0,
    "signalling_synergy": 0.0,
    "clearance_ml_per_d_kg": 7.06,
    "central_volume_ml_per_kg": 50.0,
    "peripheral_volume_ml_per_kg": 60.0,
    "distribution_ml_per_d_kg": 144.0,
    "absorption_ip_per_d": 3.0,
    "absorption_sc_per_d": 1.0,
    "bioavailability_ip": 0.95,
    "bioavailability_sc": 0.9,
}
STRAIN = {"extra_clearance_factor": 0.0, "extra_clearance_half_ug_per_ml": 30.0, "weight_kg": 0.02}
EFFECTOR = {
    "genotype": "VV",
    "density_per_tumour_cell": 0.02,
    "contact_rate_per_h": 1.5,
    "lifetime_h": 120.0,
    "hop_per_h": 0.4,
    "recruitment_max": 3.0,
    "recruitment_time_d": 5.0,
    "recruitment_half_per_d": 0.04,
    "fcgr_gain": 1.0,
    "cd16a_per_cell": 1e5,
    "cd16a_cv": 0.5,
    "contact_fraction": 0.2,
    "conjugation_min": 0.15,
    "conjugation_max": 0.7,
    "conjugate_lifetime_h": 0.62,
    "post_kill_attachment_h": 0.4,
    "shedding_detachment": 1.0,
    "antibody_hit_per_h": 3.1,
    "natural_hit_per_h": 1.1,
    "natural_competent_fraction": 0.3,
    "antibody_competent_fraction": 0.9,
    "immobile_fraction": 0.18,
    "potency_log_sd": 0.6,
    "potency_cap": 5.0,
    "bridges_half": 334.0,
    "bridges_hill": 0.77,
    "cd16a_shedding_per_h": 0.0,
    "granules_mean": 5.7,
    "granule_reload_h": 36.0,
    "death_per_kill": 0.1,
    "late_killing_per_h": 0.0,
}


def section[S: Section](kind: type[S], table: dict) -> S:
    """A section with the numbers of a table; those that it does not name are zero or empty."""
    empty = {float: 0.0, int: 0, str: "", bool: False}
    return kind(**{one.name: empty.get(one.type) for one in msgspec.structs.fields(kind)} | table)


def effector(table: dict = EFFECTOR) -> ResidentEffector:
    return section(ResidentEffector, table)


def antibody(table: dict = ANTIBODY) -> AntibodyDrug:
    return section(AntibodyDrug, table)


def clone(table: dict = CLONE) -> Clone:
    return section(Clone, table)


def params(drugs=None, clones=(CLONE,), tumour=None, effectors=None, strain=None):
    """What TumourParams holds, for the parts that are tested alone; drugs: name -> overrides of ANTIBODY, or a drug;
    effectors: kind -> table, a kind that is not named is absent."""
    drugs = {"antibody": {}} if drugs is None else drugs
    kinds = {"nk": EFFECTOR} if effectors is None else {kind: own for kind, own in effectors.items() if own}
    return SimpleNamespace(
        drugs={
            name: own if isinstance(own, SmallMolecule) else antibody({**ANTIBODY, **own})
            for name, own in drugs.items()
        },
        clones=tuple(clone({**CLONE, **own}) for own in clones),
        tumour=section(Tissue, {**TISSUE, **(tumour or {})}),
        effectors=section(Residents, {kind: effector(own) for kind, own in kinds.items()}),
        strain=section(Strain, {**STRAIN, **(strain or {})}),
        patch_side_um=patch_side_um(TISSUE["cells_per_mm3"]),
    )


class Still:
    """A tumour that does not grow: `inside(z, y, x)` from the centre says which patches hold 64 living cells."""

    def __init__(self, side, inside, seed=1, her2_cv=0.0, hits=2.0, hits_log_sd=0.0):
        rng = np.random.default_rng(seed)
        z, y, x = np.mgrid[:side, :side, :side] - side // 2
        self.side = side
        self.n = np.where(inside(z, y, x), 64, 0).astype(np.uint8).ravel()
        self.rows = Rows(side)
        self.rows.occupy(self.n)
        self.rows.update()
        self.patches = np.flatnonzero(self.n)
        shape = (len(self.patches), 64)
        variance = math.log(1.0 + her2_cv**2)
        log_her2 = rng.normal(size=shape) * math.sqrt(variance) - variance / 2.0
        level = np.clip(np.floor(128 + 16 * log_her2 / math.log(2.0) + 0.5), 1, 255).astype(np.uint32)
        threshold = np.clip(np.floor(hits * np.exp(hits_log_sd * rng.normal(size=shape)) + 0.5), 1, 8).astype(np.uint32)
        rank = rng.integers(0, 256, shape).astype(np.uint32)
        cells = np.zeros((side**3, CELL_SLOTS), np.uint32)
        cells[self.patches, :64] = (
            np.uint32(1) | ((threshold - 1) << np.uint32(6)) | (level << np.uint32(13)) | (rank << np.uint32(21))
        )
        self.cells = cells.ravel()
        self.perfusion = np.where(self.n > 0, 1.0, 0.0).astype(np.float32)

    @property
    def count(self) -> int:
        return int(self.n.sum())


def ball(side=16, radius=5.0, **traits):
    """A ball of patches."""
    return Still(side, lambda z, y, x: z * z + y * y + x * x <= radius * radius, **traits)
