"""Partners: small molecules given beside the antibody, as simple effects on tumour cells.

Model    A drug's amount in the body (mg/kg) rises by each dose and decays with its half-life; its effect is
         e = a/(a + half) of the amount a. Where cells take time to die of it, e passes three equal stages of `transit`
         in all. On a clone:
             births    x (1 - block e)(1 - branch e E_dir rho)        branch: the part that HER2 and EGFR drive
             deaths    + kill e per day of dividing cells
             response  rho + restore e (1 - rho) where PTEN is lost   (the antibody's own block returns)
         Several drugs act independently.
Source   catalogue/drugs.toml (small molecules); transit stages after Simeoni 2004 (Cancer Res 64:1094).
Limits   no dose: nothing changes; half-life and saturation as asked for   (tests/xenograft/test_partners.py)
"""

import math
from collections.abc import Mapping

import numpy as np

from adccsim.conditions.mouse import Clone, SmallMolecule

STAGES = 3
_STEPS_OF_RESPONSE = 64  # the table of signalling is made again at these steps of the response only
RESTORED = ("PTEN-loss",)  # mechanisms whose block a restoring drug gives back


class Partners:
    """Small molecules in one mouse. params: TumourParams; `state` float64[len(names), 1 + STAGES]: amount, stages."""

    def __init__(self, params):
        self.names = sorted(name for name, drug in params.drugs.items() if isinstance(drug, SmallMolecule))
        self.drugs = [params.drugs[name] for name in self.names]
        self.clones = params.clones
        self.state = np.zeros((len(self.names), 1 + STAGES))

    def dose(self, drug: str, mg_per_kg: float) -> None:
        """Give a dose now. Raises ValueError for a drug that is not known."""
        if drug not in self.names:
            raise ValueError(f"no small molecule {drug}; known: {', '.join(self.names)}")
        self.state[self.names.index(drug), 0] += mg_per_kg

    def advance(self, hours: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Advance all drugs; returns what they do in these hours, each of shape (clones,):

        factor on births, deaths per hour of dividing cells, response of the direct effect (0-1).
        """
        births = np.ones(len(self.clones))
        deaths = np.zeros(len(self.clones))
        lost = np.ones(len(self.clones))  # fraction of what PTEN loss took that is still lost
        for state, drug in zip(self.state, self.drugs, strict=True):
            now, late = self._effect(state, drug, hours)
            deaths += drug.kill_per_d / 24.0 * late
            lost *= 1.0 - drug.restored_response * now
            for c, clone in enumerate(self.clones):
                driven = clone.direct_effect_max * clone.direct_response
                births[c] *= (1.0 - drug.birth_block * now) * (1.0 - drug.her2_branch_block * now * driven)
        response = np.array(
            [self._response(clone, fraction) for clone, fraction in zip(self.clones, lost, strict=True)]
        )
        return births, deaths, response

    def _effect(self, state: np.ndarray, drug: SmallMolecule, hours: float) -> tuple[float, float]:
        """Effect (0-1) in these hours at once and after the stages; state changes in place."""
        rate = math.log(2.0) / drug.half_life_h
        mean = state[0] * -math.expm1(-rate * hours) / (rate * hours)
        now = mean / (mean + drug.dose_half_mg_per_kg)
        state[0] *= math.exp(-rate * hours)
        fraction = 1.0 - math.exp(-hours * STAGES / drug.transit_h) if drug.transit_h > 0.0 else 1.0
        incoming = now
        for i in range(1, 1 + STAGES):
            state[i] += (incoming - state[i]) * fraction
            incoming = state[i]
        return now, incoming

    def _response(self, clone: Clone, lost: float) -> float:
        own = clone.direct_response
        if clone.mechanism not in RESTORED or lost >= 1.0:
            return own
        return round((own + (1.0 - own) * (1.0 - lost)) * _STEPS_OF_RESPONSE) / _STEPS_OF_RESPONSE

    def arrays(self) -> dict[str, np.ndarray]:
        """The state by drug: what is missing in a saved state has not been given."""
        return dict(zip(self.names, self.state, strict=True))

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the state that arrays() gave; drugs that it does not name are absent."""
        for k, name in enumerate(self.names):
            self.state[k] = arrays.get(name, 0.0)
