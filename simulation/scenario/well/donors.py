"""Donors: how one blood donor's effectors differ from the typical ones.

The scores of donor d come from the seed and d alone, so that a donor is the same person at every dose and E:T ratio
and adding a donor changes no other. The catalogue's spreads scale them: potency, motility and purity are log-normal
factors around 1, the bridges of half signal vary in log10, and a `population` draws its CD16a-158 genotype.

With `donors = 1` the typical donor is used: every score is 0 and a population counts as VF.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Donor:
    """One donor as scores. potency, motility, bridges, purity: standard normal, 0 is typical. genotype: uniform on
    [0, 1), or None for the typical donor."""

    number: int
    potency: float = 0.0
    motility: float = 0.0
    bridges: float = 0.0
    purity: float = 0.0
    genotype: float | None = None

    def traits(self, effectors: Mapping) -> dict:
        """This donor's entries of a resolved effectors table, from that table's own spreads and genotype.

        Returns donor_potency, donor_motility, donor_bridges (factors), nk_fraction (0-1) and genotype (VV, VF, FF).
        """
        return {
            "donor_potency": math.exp(self.potency * effectors["donor_potency_log_sd"]),
            "donor_motility": math.exp(self.motility * effectors["donor_motility_log_sd"]),
            "donor_bridges": 10.0 ** (self.bridges * effectors["donor_bridges_log10_sd"]),
            "nk_fraction": min(
                1.0, effectors["nk_fraction"] * math.exp(self.purity * effectors["donor_purity_log_sd"])
            ),
            "genotype": self._genotype(effectors),
        }

    def _genotype(self, effectors: Mapping) -> str:
        if effectors["genotype"] != "population":
            return effectors["genotype"]
        if self.genotype is None:
            return "VF"
        ff, vf, vv = (effectors[f"genotype_{name}_fraction"] for name in ("ff", "vf", "vv"))
        u = self.genotype * (ff + vf + vv)
        return "FF" if u < ff else "VF" if u < ff + vf else "VV"


def draw_donor(seed: int, number: int) -> Donor:
    """Donor `number` (1, 2, ...) of a study with this seed."""
    import numpy as np  # here, so that checking a scenario without donors does not load numpy

    key = hashlib.sha256(f"donor {seed} {number}".encode("ascii")).digest()[:16]
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))
    potency, motility, bridges, purity = (float(z) for z in generator.standard_normal(4))
    return Donor(number, potency, motility, bridges, purity, float(generator.random()))


def donors_of(seed: int, count: int) -> list[Donor]:
    """The donors of a study: the typical one when count is 1, else donors 1 .. count drawn from the seed."""
    return [Donor(1)] if count == 1 else [draw_donor(seed, number) for number in range(1, count + 1)]
