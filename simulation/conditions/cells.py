"""Numbers of cells and antibodies that a well and a mouse share; the catalogue says what each is and where it is from.

The unit of a number stands in its name: per_cell, per_h, _h, _min, _um, _nM, _kda; fractions, factors and coefficients
of variation have none. CV and log_sd describe how cells differ.
"""

from adccsim.conditions.section import Section


class TumourCells(Section, frozen=True, kw_only=True):
    """One line of tumour cells, mechanism and overrides applied (catalogue: cell_lines.toml, mechanisms.toml)."""

    cell_line: str
    mechanism: str
    her2_per_cell: float
    her2_cv: float
    her2_null_fraction: float
    p95_fraction: float
    masked_fraction: float
    her2_internalisation_per_h: float
    modulation_factor: float
    hits_to_kill: float
    hits_log_sd: float
    repair_time_h: float
    death_time_h: float
    spontaneous_death_per_h: float
    culture_death_per_h: float
    clearance_time_h: float
    doubling_time_h: float
    direct_effect_max: float
    direct_response: float
    direct_occupancy_half: float
    direct_onset_h: float
    natural_sensitivity: float
    growth_block: float
    contact_fraction: float

    @property
    def accessible_fraction(self) -> float:
        """Fraction of HER2 that an antibody can reach: neither the p95 fragment nor masked."""
        return (1.0 - self.p95_fraction) * (1.0 - self.masked_fraction)

    @property
    def direct_effect(self) -> float:
        """Largest direct (signalling) effect that an antibody can have: no antibody blocks the p95 fragment."""
        return self.direct_effect_max * (1.0 - self.p95_fraction)


class EffectorCells(Section, frozen=True, kw_only=True):
    """One kind of effector cell, overrides applied (catalogue: effectors.toml, residents.toml)."""

    type: str
    is_cell_line: bool
    genotype: str
    nk_fraction: float
    cd16a_per_cell: float
    cd16a_cv: float
    speed_um_per_min: float
    persistence_min: float
    motility: float
    immobile_fraction: float
    memory_fade_per_h: float
    conjugation_min: float
    conjugation_max: float
    conjugate_lifetime_h: float
    post_kill_attachment_h: float
    shedding_detachment: float
    antibody_hit_per_h: float
    natural_hit_per_h: float
    natural_competent_fraction: float
    antibody_competent_fraction: float
    potency_log_sd: float
    potency_cap: float
    bridges_half: float
    bridges_hill: float
    cd16a_shedding_per_h: float
    granules_mean: float
    granule_reload_h: float
    contact_fraction: float
    death_per_h: float
    death_per_kill: float
    late_killing_per_h: float
    ldh_content: float
    donor_potency_log_sd: float
    donor_motility_log_sd: float
    donor_bridges_log10_sd: float
    donor_purity_log_sd: float
    genotype_ff_fraction: float
    genotype_vf_fraction: float
    genotype_vv_fraction: float


class Binding(Section, frozen=True, kw_only=True):
    """How an antibody binds HER2 and CD16a (catalogue: antibodies.toml)."""

    epitope: str
    molar_mass_kda: float
    kon_per_nM_h: float
    kd_nM: float
    cross_link_per_receptor: float
    one_arm_weight: float
    k16_v158_nM: float
    k16_f158_ratio: float
    k2_bridges: float
    fc_gain: float
    direct_effect: float

    @property
    def koff_per_h(self) -> float:
        """Rate at which one arm lets go of HER2."""
        return self.kon_per_nM_h * self.kd_nM
