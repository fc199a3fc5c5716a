"""Opsonisation: which cells of a patch the antibody has reached, as small whole numbers that kernels can look up.

Model    A patch has a profile: the bin of its mean occupancy and the bin of its supply by vessels. The cells of a patch
         are ranked by the way from their vessel; `cover` gives the occupancy class of each sixteenth of the ranks, from
         the radial cylinder of biology/tissue.py followed at that supply.
Limits   the mean of a profile is the mean occupancy asked for, within the width of the classes; no supply: all cells
         alike   (tests/xenograft/test_opsonisation.py)
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from adccsim.biology.binding import AVOGADRO_PER_MOL
from adccsim.biology.growth import combined_block, direct_block
from adccsim.biology.tissue import apparent_kd_nM, by_rank, exchange_per_h, extravasation_per_h, fill, thiele_squared
from adccsim.conditions.mouse import AntibodyDrug, Clone, Drug, Tissue
from adccsim.xenograft.layout import CLONES, rank_of

POOLS = 2  # HER2 epitopes that antibodies tell apart
RANKS = 16
CLASSES = 64  # occupancy of a cell: class 0 none, class c >= 1 2**((c - 63) / 5)

# Bins of a profile follow the bits of a 32-bit float: 4 per octave of x = F/(eps KD), 2 per octave of the supply.
X_LOW, X_HIGH, X_SHIFT = 2.0**-12, 2.0**10, 21
G_LOW, G_HIGH, G_SHIFT = 2.0**-6, 2.0**8, 22
X_FIRST = int(np.float32(X_LOW).view(np.int32)) >> X_SHIFT
G_FIRST = int(np.float32(G_LOW).view(np.int32)) >> G_SHIFT
X_BINS = (int(np.float32(X_HIGH).view(np.int32)) >> X_SHIFT) - X_FIRST
G_BINS = (int(np.float32(G_HIGH).view(np.int32)) >> G_SHIFT) - G_FIRST
PROFILES = 1 + POOLS * X_BINS * G_BINS  # profile 0: no antibody
_4 = np.uint32(4)


class Pool(NamedTuple):
    """One antibody on one epitope, in the units of the patches: nM of tissue, hours."""

    binds: float  # 1, or 0 for an antibody without antigen: it only passes through
    half_nM: float  # eps KD: free antibody of the tissue at half occupancy
    void: float
    extravasation: float
    diffusion: float  # exchange between neighbouring patches
    internalised: float
    supply_unit: float  # nM per hour at which the supply number is 1
    thiele2: float
    kappa: float
    capillary: float  # in units of the spacing


def antibodies_of(drugs: Mapping[str, Drug]) -> dict[int, str]:
    """Pool -> name of the antibody that binds there: epitope IV pool 0, II pool 1, without antigen a pool left over.

    drugs: numbers of each drug (condition). Raises ValueError for two antibodies on one epitope: they would compete.
    """
    antibodies = {name: drug for name, drug in sorted(drugs.items()) if isinstance(drug, AntibodyDrug)}
    out: dict[int, str] = {}
    for name in sorted(antibodies, key=lambda n: antibodies[n].epitope == "none"):
        pool = {"IV": 0, "II": 1}.get(antibodies[name].epitope, 0 if 0 not in out else 1)
        if pool in out:
            raise ValueError(f"{name} and {out[pool]} bind the same epitope: give one of them")
        out[pool] = name
    return out


def class_occupancy():
    """Occupancy (0-1) of each class, float64[CLASSES]."""
    out = 2.0 ** ((np.arange(CLASSES) - (CLASSES - 1.0)) / 5.0)
    out[0] = 0.0
    return out


def _bin_middles(low, bins, shift):
    """Geometric middles of the bins that the bits of a float make."""
    first = int(np.float32(low).view(np.int32)) >> shift
    edges = ((np.arange(bins + 1) + first) << shift).astype(np.int32).view(np.float32).astype(float)
    return np.sqrt(edges[1:] * edges[:-1])


def pool_cover(pool: Pool) -> np.ndarray:
    """Occupancy classes of one pool, uint8[X_BINS * G_BINS, RANKS]: profile x_bin * G_BINS + g_bin, rank by rank."""
    x = _bin_middles(X_LOW, X_BINS, X_SHIFT)
    middles = class_occupancy()
    edges = np.concatenate([[middles[1] * 2.0**-0.1], np.sqrt(middles[1:-1] * middles[2:])])
    out = np.zeros((X_BINS, G_BINS, RANKS), np.uint8)
    for g, supply in enumerate(_bin_middles(G_LOW, G_BINS, G_SHIFT)):
        weight, occupancy = fill(x / (1.0 + x), supply, pool.thiele2, pool.kappa, pool.capillary)
        out[:, g] = np.searchsorted(edges, by_rank(weight, occupancy, RANKS), side="right")
    return out.reshape(X_BINS * G_BINS, RANKS)


def receptor_table(clones: Sequence[Clone], relative: np.ndarray) -> np.ndarray:
    """HER2 within reach of an antibody, molecules per cell, float32[CLONES, 256]: clone and HER2 level.

    clones: numbers of each clone (condition); relative: layout.her2_relative().
    """
    out = np.zeros((CLONES, 256), np.float32)
    for c, clone in enumerate(clones):
        reach = clone.her2_per_cell * (1.0 - clone.p95_fraction) * (1.0 - clone.masked_fraction)
        out[c] = reach * relative
    return out


def nM_per_receptor(patch_side_um: float) -> float:
    """Concentration (nM of tissue) that one molecule makes in a patch."""
    return 1e9 / (AVOGADRO_PER_MOL * patch_side_um**3 * 1e-15)


def pool_of(drug: AntibodyDrug, tumour: Tissue, clones: Sequence[Clone], patch_side_um: float, her2_nM: float) -> Pool:
    """The numbers of one antibody in a tumour with her2_nM of accessible HER2 at nominal density."""
    void, spacing = tumour.void_fraction, tumour.vessel_spacing_um
    diffusion = tumour.antibody_diffusion_um2_per_s
    fraction = np.array([clone.fraction for clone in clones])
    mean = her2_nM / nM_per_receptor(patch_side_um) / (tumour.cells_per_mm3 * patch_side_um**3 * 1e-9)
    binds = float(drug.kon_per_nM_h > 0.0)
    kd = apparent_kd_nM(drug.kd_nM, drug.cross_link_per_receptor, mean)
    loss = fraction @ [clone.her2_internalisation_per_h * clone.modulation_factor for clone in clones]
    unit = exchange_per_h(kd, void, diffusion, spacing)
    return Pool(
        binds=binds,
        half_nM=void * kd,
        void=void,
        extravasation=extravasation_per_h(tumour.permeability_um_per_s, tumour.capillary_radius_um, spacing),
        diffusion=diffusion * 3600.0 / patch_side_um**2,
        internalised=float(loss),
        supply_unit=unit,
        thiele2=thiele_squared(drug.tissue_kon_per_nM_h, her2_nM, void, diffusion, spacing),
        kappa=float(loss) * her2_nM / unit,
        capillary=tumour.capillary_radius_um / spacing,
    )


@njit(inline="always")
def occupancy_class(cover, profile, word):
    """Occupancy class of the cell `word` in a patch with this profile."""
    return cover[profile, rank_of(word) >> _4]


def signalling_pass(
    clones: Sequence[Clone], effects: tuple[float, float], synergy: float, response: np.ndarray
) -> np.ndarray:
    """Share of births that signalling leaves, float32[CLONES, CLASSES, CLASSES]: clone, class in each of two pools.

    clones: numbers of each clone (condition); effects: factor of each pool's antibody on the direct effect; synergy:
    of the remaining births that both antibodies together take on top; response: direct_response of each clone now.
    """
    theta = class_occupancy()
    out = np.ones((CLONES, CLASSES, CLASSES), np.float32)
    for c, clone in enumerate(clones):
        largest = clone.direct_effect
        a, b = (
            np.array([direct_block(t, largest * e, response[c], clone.direct_occupancy_half) for t in theta])
            for e in effects
        )
        joint = synergy * np.minimum(theta[:, None], theta[None, :]) * (response[c] if largest > 0.0 else 0.0)
        out[c] = 1.0 - combined_block(a[:, None], b[None, :], joint)
    return out
