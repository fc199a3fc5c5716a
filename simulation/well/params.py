"""Params: a condition turned into the numbers that the engine uses. Units change here and nowhere else."""

import math
from dataclasses import dataclass

import numpy as np

from adccsim.biology.binding import dose_nM, nM_per_molecule, serum_igg_nM
from adccsim.biology.growth import division_rate
from adccsim.biology.killing import CD16A_LEVELS, MAX_HITS_TO_KILL, death_stage_rate, repair_rate
from adccsim.biology.motility import hop_per_h, tumble_per_h
from adccsim.biology.synapse import genotype_factor
from adccsim.conditions.well import Effectors, Targets, WellCondition
from adccsim.well.layout import Rates

TICK_H = 1.0 / 60.0


@dataclass(frozen=True)
class WellParams:
    """Everything a well needs: its cells, geometry, antibody and rates (bounds of `rates` are filled by the engine)."""

    targets: Targets
    effectors: Effectors
    n_targets: int
    n_effectors: int
    peak_effectors: int  # most at one time, additions included: the layers have room for them
    shape: str
    sites: int
    compartment_side: int
    compartments: int
    max_layers: int
    layer_filling: float
    rim_excess: float
    rim_width: float
    doses_nM: tuple[float, float]
    molar_mass_kda: tuple[float, float]
    pre_incubation_h: float
    wash_after_opsonisation: bool
    growth: bool
    rates: Rates


def well_params(condition: WellCondition, tick_h: float = TICK_H) -> WellParams:
    """Params of a condition; tick_h is the antibody grid."""
    t, e, a, w = condition.targets, condition.effectors, condition.antibody, condition.well
    partner = condition.partner or a
    growth, n_targets, n_effectors = condition.grows, t.cells, e.nk_cells
    doses = [dose_nM(a.dose_ug_per_ml, a.molar_mass_kda), 0.0]
    if condition.partner:
        doses[1] = dose_nM(a.dose_ug_per_ml, partner.molar_mass_kda)
    mobile = n_targets > 0  # effectors alone have nobody to meet: where they walk changes nothing that is read
    motility = e.motility * e.donor_motility
    hop = hop_per_h(e.speed_um_per_min, motility) if mobile else 0.0
    tumble = tumble_per_h(e.persistence_min, motility) if mobile else 0.0
    effect = t.direct_effect
    own_death = t.culture_death_per_h if growth else t.spontaneous_death_per_h
    # the doubling time of a line is what is seen, births less deaths: cells divide a little faster than that
    division_time_h = math.log(2.0) / (math.log(2.0) / t.doubling_time_h + own_death)
    rates = Rates(
        tick_h=tick_h,
        hop=hop,
        tumble=tumble,
        forget=min(e.memory_fade_per_h, tumble),
        conjugation_min=e.conjugation_min,
        conjugation_span=e.conjugation_max - e.conjugation_min,
        conjugate_lifetime_h=e.conjugate_lifetime_h,
        post_kill_attachment_h=e.post_kill_attachment_h,
        shedding_detachment=e.shedding_detachment,
        antibody_hit=e.antibody_hit_per_h,
        natural_hit=e.natural_hit_per_h * t.natural_sensitivity,
        late_kill=e.late_killing_per_h,
        bridges_half=e.bridges_half * e.donor_bridges,
        bridges_hill=e.bridges_hill,
        shedding=e.cd16a_shedding_per_h,
        reload_h=e.granule_reload_h,
        effector_death=e.death_per_h,
        death_per_kill=e.death_per_kill,
        repair_h=t.repair_time_h,
        death_stage=death_stage_rate(t.death_time_h),
        spontaneous_death=own_death,
        clearance=1.0 / t.clearance_time_h,
        doubling_time_h=division_time_h,
        growth=int(growth),
        growth_block=t.growth_block,
        target_contact=t.contact_fraction,
        direct_effect_max_0=effect * a.direct_effect,
        direct_effect_max_1=effect * partner.direct_effect,
        direct_occupancy_half=t.direct_occupancy_half,
        direct_onset_h=t.direct_onset_h,
        mutation_rate=condition.culture.mutation_rate_per_division if condition.culture else 0.0,
        mutant_response=condition.culture.resistant_direct_response if condition.culture else 0.0,
        pools_in_use=2 if condition.partner else 1,
        kon_0=a.kon_per_nM_h,
        kon_1=partner.kon_per_nM_h,
        koff_0=a.koff_per_h,
        koff_1=partner.koff_per_h,
        cross_link_0=a.cross_link_per_receptor,
        cross_link_1=partner.cross_link_per_receptor,
        one_arm_weight_0=a.one_arm_weight,
        one_arm_weight_1=partner.one_arm_weight,
        accessible=t.accessible_fraction,
        net_loss=t.her2_internalisation_per_h,
        modulation=t.modulation_factor,
        nM_per_molecule=nM_per_molecule(w.volume_ul),
        k2_bridges=a.k2_bridges,
        fc_gain=a.fc_gain,
        k16_nM=a.k16_v158_nM,
        genotype_factor=genotype_factor(e.genotype, a.k16_f158_ratio),
        serum_igg_nM=serum_igg_nM(w.serum_igg_g_per_l),
        row=0,
        plane=0,
        layers=0,
        effector_bound=0.0,
        reload_bound=0.0,
        target_bound=0.0,
    )
    return WellParams(
        targets=t,
        effectors=e,
        n_targets=n_targets,
        n_effectors=n_effectors,
        peak_effectors=condition.peak_nk,
        shape=w.shape,
        sites=w.sites,
        compartment_side=w.compartment_side,
        compartments=w.compartments,
        max_layers=w.max_layers,
        layer_filling=w.layer_filling,
        rim_excess=w.rim_excess,
        rim_width=w.rim_width,
        doses_nM=(doses[0], doses[1]),
        molar_mass_kda=(a.molar_mass_kda, partner.molar_mass_kda),
        pre_incubation_h=a.pre_incubation_min / 60.0,
        wash_after_opsonisation=a.wash_after_opsonisation,
        growth=growth,
        rates=rates,
    )


def attached_bound(rates: Rates, strongest_hit, any_adcc: bool):
    """Most that an attached effector's own rates can sum to (per hour), death and reload apart.

    strongest_hit: hits or late kills per hour at full activation, a number or an array over effectors.
    """
    detach = (1.0 + max(rates.shedding_detachment, 0.0)) / rates.conjugate_lifetime_h
    shed = rates.shedding * CD16A_LEVELS if any_adcc else 0.0
    return np.maximum(detach + strongest_hit + shed, 1.0 / rates.post_kill_attachment_h)


def bounds(rates: Rates, strongest_hit: float, largest_load: int, any_adcc: bool) -> Rates:
    """Rates with the uniformisation bounds for effectors of the given extremes (hits per hour; granules).

    One slot has room for a hop, and for half of the strongest attached effector: two slots hold any.
    """
    attached = float(attached_bound(rates, strongest_hit, any_adcc))
    reload_bound = largest_load / rates.reload_h
    targets = repair_rate(MAX_HITS_TO_KILL - 1, rates.repair_h) + rates.spontaneous_death
    if rates.growth:
        targets += division_rate(rates.doubling_time_h, 0.0, rates.growth_block)
    dying = rates.death_stage + rates.spontaneous_death
    meeting = rates.hop > 0.0
    return rates._replace(
        effector_bound=(max(rates.hop, 0.5 * attached) if meeting else 0.0) + rates.effector_death + reload_bound,
        reload_bound=reload_bound,
        target_bound=max(targets, dying, rates.clearance),
    )
