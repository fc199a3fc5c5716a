"""Body weight of a mouse under treatment, as the balance reads it: with its tumour.

Model    Healthy:   w(t) = w_adult - (w_adult - w_start) exp(-t / t_gain).
         Toxicity:  a dose D given at time d takes the share a D x exp(1 - x), x = (t - d) / t_nadir, off the logarithm
                    of the weight: nothing at once, a D at the nadir, a twentieth of it after six times as long. Doses
                    and drugs add up, so that no mouse falls below nothing.
         Balance:   w exp(-losses) + density of tissue x volume of the tumour.
         What the tumour itself takes out of its host (cachexia) is not in it, and no weight is fed back: doses are per
         kg of a standard mouse, and growth and killing know nothing of it.
Units    g, days, mg/kg, mm3.
Source   form assumed; numbers in catalogue/mice.toml (adult_weight_kg, weight_gain_d, tissue_g_per_mm3) and drugs.toml
         (weight_loss_per_mg_kg, weight_nadir_d).
Limits   no dose: the healthy curve and the tumour; one dose at its nadir: exp(-a D); none before a dose
         (tests/biology/test_body_weight.py)
"""

import math
from collections.abc import Iterable


def healthy_g(day: float, start_g: float, adult_g: float, gain_d: float) -> float:
    """Weight of an untreated mouse without a tumour, g; gain_d: time constant of its growth, d (inf: none)."""
    return adult_g - (adult_g - start_g) * math.exp(-day / gain_d)


def log_loss(day: float, doses: Iterable[tuple[float, float, float, float]]) -> float:
    """What all doses have taken off the logarithm of the weight by a day.

    doses: (day given, mg/kg, loss per mg/kg, days to the nadir).
    """
    total = 0.0
    for given, mg_per_kg, loss_per_mg_kg, nadir_d in doses:
        x = (day - given) / nadir_d
        if x > 0.0:
            total += loss_per_mg_kg * mg_per_kg * x * math.exp(1.0 - x)
    return total


def on_the_balance_g(healthy: float, loss: float, tumour_mm3: float, tissue_g_per_mm3: float) -> float:
    """Weight of the mouse with its tumour, g; loss as from log_loss."""
    return healthy * math.exp(-loss) + tissue_g_per_mm3 * tumour_mm3
