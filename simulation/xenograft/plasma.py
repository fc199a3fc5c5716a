"""Plasma of one mouse: every antibody it was given, by the hour.

Model    biology/pharmacokinetics.py, one system per antibody, with a depot of its own for i.p. and for s.c. doses. In
         mice with saturable extra clearance the loss at low concentration is (1 + factor) CL, half of the extra at
         `half`: Vmax = factor CL half. What the tumour takes up is taken out of plasma once an hour (`take`).
Source   catalogue/drugs.toml and mice.toml.
Limits   exact between doses; dosed = in the body + cleared + taken up   (tests/xenograft/test_plasma.py)
"""

from collections.abc import Mapping

import numpy as np

from simulation.biology.binding import dose_nM
from simulation.biology.pharmacokinetics import advance_linear, advance_saturable

ROUTES = ("iv", "ip", "sc")
HOURS_PER_DAY = 24.0
# Amounts of one antibody, ug per kg of mouse.
AMOUNTS = ("depot_ip", "depot_sc", "plasma", "periphery", "dosed", "cleared", "taken")
_IP, _SC, _PLASMA, _PERIPHERY, _DOSED, _CLEARED, _TAKEN = range(len(AMOUNTS))


class Plasma:
    """Antibodies in the plasma of one mouse.

    drugs: numbers of each drug (condition), antibodies among them; strain: numbers of the mouse. `names` lists the
    antibodies; `amounts` is float64[len(names), len(AMOUNTS)], ug per kg.
    """

    def __init__(self, drugs: Mapping[str, Mapping], strain: Mapping):
        self.names = sorted(name for name, drug in drugs.items() if drug["class"] == "antibody")
        self.drugs = [drugs[name] for name in self.names]
        self.extra = float(strain["extra_clearance_factor"])
        self.half_ug_per_ml = float(strain["extra_clearance_half_ug_per_ml"])
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
            amount *= self.drugs[k][f"bioavailability_{route}"]
            self.amounts[k, _IP if route == "ip" else _SC] += amount
        self.amounts[k, _DOSED] += amount

    def advance(self, hours: float = 1.0) -> np.ndarray:
        """Advance all antibodies; returns the mean concentration over these hours, ug/mL, shape (len(names),)."""
        mean = np.zeros(len(self.names))
        for k, drug in enumerate(self.drugs):
            mean[k] = self._advance(self.amounts[k], drug, hours / HOURS_PER_DAY)
        return mean

    def _advance(self, a: np.ndarray, drug: Mapping, days: float) -> float:
        central, clearance = drug["central_volume_ml_per_kg"], drug["clearance_ml_per_d_kg"]
        law = (clearance, central, drug["peripheral_volume_ml_per_kg"], drug["distribution_ml_per_d_kg"])
        before = a[:_DOSED].sum()
        if before <= 0.0:
            return 0.0
        at_start = a[_PLASMA]
        ip, sc = drug["absorption_ip_per_d"], drug["absorption_sc_per_d"]
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
        return np.array(
            [a[_PLASMA] / d["central_volume_ml_per_kg"] for a, d in zip(self.amounts, self.drugs, strict=True)]
        )

    def nM(self, ug_per_ml: np.ndarray) -> np.ndarray:
        """Molar concentrations of the antibodies, in their order."""
        return np.array([dose_nM(c, d["molar_mass_kda"]) for c, d in zip(ug_per_ml, self.drugs, strict=True)])

    def take(self, drug: str, ug_per_kg: float) -> None:
        """Tumour uptake of an hour leaves the plasma (negative: flows back); never more than there is."""
        a = self.amounts[self.names.index(drug)]
        taken = min(ug_per_kg, a[_PLASMA])
        a[_PLASMA] -= taken
        a[_TAKEN] += taken
