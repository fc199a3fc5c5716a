"""Synapse: how many HER2-antibody-CD16a bridges one contact holds, and how strongly they switch an NK cell on.

Model    Antibodies held by both arms stay on the target; those held by one arm let go again and again, and a bridge on
         them seldom lasts from engagement to signal (proofreading by dwell time): they count w, so that of B bound
         antibodies with A1 held by one arm nF = phi_T (B - (1 - w) A1) can signal.
         X = nF n16 / (K2 + nF + n16): saturating form of the two-dimensional binding quadratic, with nF antibodies and
         n16 CD16a molecules inside the contact. K2 = K2_V g / x [1 + C x / K16 + C_IgG / K16], K16 = K16_V g: free
         antibody
         and serum IgG occupy CD16a and so compete with bridges. g is the genotype factor, x the gain of the Fc part.
         Activation S = X^m / (X^m + X50^m).
Source   Catalogue keys one_arm_weight, k2_bridges, k16_v158_nM, k16_f158_ratio, fc_gain, bridges_half, bridges_hill,
         contact_fraction; benchmarks/in_vitro_lysis/laws holds the first against a threshold, steps and clustering.
Limits   w = 1: nF = phi_T B; w = 0 or no cross-link: only two-armed ones; all two-armed: nF = phi_T B for any w
         nF -> inf: X -> n16; n16 -> inf: X -> nF; no antibody: S = 0; x = 0 (no Fc): S = 0; X = X50: S = 1/2
         (tests/biology/test_synapse.py)
"""

import math

from numba import njit

NO_BRIDGES = math.inf


@njit
def bridge_constant(k2_bridges, fc_gain, k16_nM, free_antibody_nM, serum_igg_nM, genotype_factor):
    """Effective K2 (molecules in the contact); infinite where the Fc part does not bind CD16a.

    k16_nM is the affinity of unmodified IgG1 Fc for CD16a-V158; genotype_factor is 1 for VV.
    """
    if fc_gain <= 0.0:
        return NO_BRIDGES
    k16 = k16_nM * genotype_factor
    return k2_bridges * genotype_factor / fc_gain * (1.0 + free_antibody_nM * fc_gain / k16 + serum_igg_nM / k16)


@njit(inline="always")
def engaging(bound, one_armed, one_arm_weight):
    """Antibodies that can hold a bridge until it signals, of `bound` ones of which `one_armed` hold by one arm."""
    return bound - (1.0 - one_arm_weight) * one_armed


@njit(inline="always")
def bridges(antibodies, receptors, k2):
    """Bridges X in one contact from engaging antibodies and CD16a molecules inside it."""
    return antibodies * receptors / (k2 + antibodies + receptors)


@njit(inline="always")
def activation(x, half, hill):
    """Activation S in 0-1 from x bridges."""
    return 1.0 / (1.0 + (half / x) ** hill) if x > 0.0 else 0.0


def genotype_factor(genotype, f158_ratio):
    """Factor on the CD16a affinity constant: VV 1, FF f158_ratio, VF the geometric mean."""
    return {"VV": 1.0, "VF": math.sqrt(f158_ratio), "FF": f158_ratio}[genotype]
