"""Geometry of a well: its sites, whether its cells fit on the grid, and in how many layers.

A well is a grid of sites of 10 um x 10 um. A target covers 2x2 sites in every layer, an NK cell one site of one
layer. NK cells that would crowd one layer are stacked: the layers are the fewest in which NK cells take at most the
fraction `filling` of the sites that targets leave free. A well that needs more than `max_layers` is refused, and so is
one whose targets take 60 % of the sites: random sequential placing of 2x2 blocks jams near 75 % and slows long
before.

Pure functions of numbers: used by the scenario checks, by `adcc check` and by the engine.
Limits   nk = 0 -> 1 layer;  nk -> filling x free sites -> 1 layer exactly  (tests/conditions/test_geometry.py)
"""

import math

from adccsim.biology.motility import SITE_UM

SITES_PER_TARGET = 4
TARGET_SHARE_LIMIT = 0.6

# Memory of one well, bytes; rounded up from the columns a well holds per agent and the occupancy grid.
TARGET_BYTES = 128
EFFECTOR_BYTES = 64
SITE_BYTES = 4


class CapacityError(ValueError):
    """The cells do not fit. `culprit` is "targets" or "effectors": whose number has to come down."""

    def __init__(self, culprit: str, message: str):
        self.culprit = culprit
        super().__init__(message)


def sites_in(area_mm2: float) -> int:
    """Number of 100 um2 sites on an area in mm2."""
    return int(area_mm2 * 1e6 / SITE_UM**2 + 1e-9)


def microwell_sites(side_um: float) -> int:
    """Sites along one side of a compartment of a microwell chip."""
    return int(side_um // SITE_UM)


def microwells_in(area_mm2: float, side_um: float) -> int:
    """Compartments of a microwell chip whose area they fill."""
    return round(area_mm2 * 1e6 / side_um**2)


def most_targets(sites: int) -> int:
    """Largest number of targets that stays under the placing limit on `sites` sites."""
    return max(0, math.ceil(TARGET_SHARE_LIMIT * sites / SITES_PER_TARGET) - 1)


def filling_of(sites: int, targets: int, nk: int, layers: int) -> float:
    """Fraction of the free sites (those outside targets) of all layers that NK cells take; above 1: too many."""
    free = layers * (sites - SITES_PER_TARGET * targets)
    return nk / free if free > 0 else math.inf


def layers_needed(sites: int, targets: int, nk: int, filling: float, max_layers: int) -> int:
    """Layers that a well needs: the smallest n with nk / (n (sites - 4 targets)) <= filling.

    sites, targets, nk: counts; filling: largest fraction of the free sites that NK cells may take (0-1]; max_layers:
    most layers the format can hold. Raises CapacityError when targets crowd the floor, or more layers are needed.
    """
    if targets > most_targets(sites):
        fraction = SITES_PER_TARGET * targets / sites if sites else math.inf
        raise CapacityError(
            "targets",
            f"{targets:,} targets cover {100 * fraction:,.0f} % of the {sites:,} sites; "
            f"at most {most_targets(sites):,} targets fit (less than {100 * TARGET_SHARE_LIMIT:.0f} %)",
        )
    free = sites - SITES_PER_TARGET * targets
    layers = max(1, math.ceil(nk / (free * filling) - 1e-9))
    if layers > max_layers:
        raise CapacityError(
            "effectors",
            f"{nk:,} NK cells on {free:,} free sites need {layers:,} layers at a filling of {filling:g}; the well has "
            f"at most {max_layers} (their filling would be {filling_of(sites, targets, nk, max_layers):.2f}; "
            f"at most {math.floor(max_layers * free * filling + 1e-9):,} NK cells fit)",
        )
    return layers


def memory_bytes(targets: int, nk: int, sites: int, layers: int) -> int:
    """Memory of one running well, estimated, in bytes."""
    return TARGET_BYTES * targets + EFFECTOR_BYTES * nk + SITE_BYTES * sites * layers
