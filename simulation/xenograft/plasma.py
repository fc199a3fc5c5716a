"""Plasma of one mouse: every antibody it was given, by the hour.

Model    biology/pharmacokinetics.py, one system per antibody, with a depot of its own for i.p. and for s.c. doses. In
         mice with saturable extra clearance the loss at low concentration is (1 + factor) CL, half of the extra at
         `half`: Vmax = factor CL half. What the tumour takes up is taken out of plasma once an hour (`take`).
Source   catalogue/drugs.toml and mice.toml.
Limits   exact between doses; dosed = in the body + cleared + taken up   (tests/xenograft/test_plasma.py)
"""

from collections.abc import Mapping

import numpy as np

from adccsim.biology.binding import dose_nM
from adccsim.biology.pharmacokinetics import advance_linear, advance_saturable
from adccsim.conditions.mouse import AntibodyDrug
from adccsim.xenograft.opsonisation import POOLS, antibodies_of

ROUTES = ("iv", "ip", "sc")
HOURS_PER_DAY = 24.0
# Amounts of one antibody, ug per kg of mouse.
AMOUNTS = ("depot_ip", "depot_sc", "plasma", "periphery", "dosed", "cleared", "taken")
_IP, _SC, _PLASMA, _PERIPHERY, _DOSED, _CLEARED, _TAKEN = range(len(AMOUNTS))


class Plasma:
    """Antibodies in the plasma of one mouse.

    params: TumourParams. `names` lists the antibodies, `pools` the epitope pool of each; `amounts` is
    float64[len(names), len(AMOUNTS)], ug per kg.
    """

    def __init__(self, params):
        pools = {name: pool for pool, name in antibodies_of(params.drugs).items()}
        self.names = sorted(pools)
        self.pools = [pools[name] for name in self.names]
        self.drugs = [params.drugs[name] for name in self.names]
        self.extra = float(params.strain.extra_clearance_factor)
        self.half_ug_per_ml = float(params.strain.extra_clearance_half_ug_per_ml)
        self.weight_kg = float(params.strain.weight_kg)
        self.amounts = np.zeros((len(self.names), len(AMOUNTS)))

    def dose(self, drug: str, mg_per_kg: float, route: str) -> None:
        """Inject now. Raises ValueError for an antibody or a route that is not known."""
        if drug not in self.names or route not in ROUTES:
            raise ValueError(f"no antibody {drug} by {route}; known: {', '.join(self.names)}; {', '.join(ROUTES)}")
        k = self.names.index(drug)
        amount = 1000.0 * mg_per_kg
        if route == "iv":
            self.amounts[k, _PLASMA] += amount
        else:
            amount *= self.drugs[k].bioavailability_ip if route == "ip" else self.drugs[k].bioavailability_sc
            self.amounts[k, _IP if route == "ip" else _SC] += amount
        self.amounts[k, _DOSED] += amount

    def advance(self, hours: float = 1.0) -> np.ndarray:
        """Advance all antibodies; returns the mean concentration over these hours in each pool, nM, shape (POOLS,)."""
        mean = np.zeros(POOLS)
        for k, drug in enumerate(self.drugs):
            mean[self.pools[k]] = dose_nM(
                self._advance(self.amounts[k], drug, hours / HOURS_PER_DAY), drug.molar_mass_kda
            )
        return mean

    def _advance(self, a: np.ndarray, drug: AntibodyDrug, days: float) -> float:
        central, clearance = drug.central_volume_ml_per_kg, drug.clearance_ml_per_d_kg
        law = (clearance, central, drug.peripheral_volume_ml_per_kg, drug.distribution_ml_per_d_kg)
        before = a[:_DOSED].sum()
        if before <= 0.0:
            return 0.0
        at_start = a[_PLASMA]
        ip, sc = drug.absorption_ip_per_d, drug.absorption_sc_per_d
        if self.extra > 0.0:
            loss = (self.extra * clearance * self.half_ug_per_ml, self.half_ug_per_ml)
            a[_IP], a[_SC], a[_PLASMA], a[_PERIPHERY] = advance_saturable(
                a[_IP], a[_SC], a[_PLASMA], a[_PERIPHERY], ip, sc, *law, *loss, days
            )
        else:  # linear: each depot by itself, plasma and periphery with the first
            a[_IP], p1, q1 = advance_linear(a[_IP], a[_PLASMA], a[_PERIPHERY], ip, *law, days)
            a[_SC], p2, q2 = advance_linear(a[_SC], 0.0, 0.0, sc, *law, days)
            a[_PLASMA], a[_PERIPHERY] = p1 + p2, q1 + q2
        cleared = before - a[:_DOSED].sum()
        a[_CLEARED] += cleared
        if self.extra > 0.0:  # clearance is no constant: the two ends stand for the hour
            return 0.5 * (at_start + a[_PLASMA]) / central
        return cleared / (clearance * days)

    def concentration(self) -> np.ndarray:
        """Concentration now, ug/mL, shape (len(names),)."""
        volumes = np.array([drug.central_volume_ml_per_kg for drug in self.drugs])
        return self.amounts[:, _PLASMA] / volumes

    def take(self, uptake: np.ndarray, patch_side_um: float, fraction_simulated: float) -> None:
        """What the tumour took up in an hour leaves the plasma; less than nothing flows back.

        uptake: nM x patches of the simulated share, shape (POOLS,). Never more is taken than there is.
        """
        for k, drug in enumerate(self.drugs):
            mol = uptake[self.pools[k]] * 1e-9 * patch_side_um**3 * 1e-15 / fraction_simulated
            a = self.amounts[k]
            taken = min(mol * drug.molar_mass_kda * 1e9 / self.weight_kg, a[_PLASMA])
            a[_PLASMA] -= taken
            a[_TAKEN] += taken

    def arrays(self) -> dict[str, np.ndarray]:
        """The state by antibody: what is missing in a saved state has not been given."""
        return dict(zip(self.names, self.amounts, strict=True))

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the state that arrays() gave; antibodies that it does not name are absent."""
        for k, name in enumerate(self.names):
            self.amounts[k] = arrays.get(name, 0.0)
