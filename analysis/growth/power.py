"""Number of mice per arm: closed form, exact t test and simulation.

Model    Two arms of n mice, ln V at the day of evaluation normal with standard deviation s in each; a tumour-growth
         inhibition tgi_tc = g % is a difference d = ln(1 / (1 - g / 100)).
         Closed form n = 2 (z_(1-alpha/2) + z_power)^2 s^2 / d^2. Student's t: the least n whose two-sided test has the
         power, by the non-central t distribution. Simulation: the fraction of simulated studies that Welch's t
         rejects; the result is the first n from Student's n upwards whose simulated power suffices, because Welch's t
         loses power with very few mice.
Source   Julious SA. Stat Med 2004;23:1921 (closed form and non-central t).
Limits   large n: all three agree; s = 0.28 and tgi_tc = 25 %: about 15 mice.
                                                                          (tests/analysis/growth/test_power.py)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from adccsim.analysis.growth.inference import SEED, welch_parts

ALPHA = 0.05
POWER = 0.8
TARGETS_PCT = (20, 30, 40, 50, 60, 70, 80)
MOST_MICE = 500
STUDIES = 20_000


def difference_of_tgi(tgi_pct: float) -> float:
    """Difference of ln V that corresponds to a tgi_tc in percent; tgi_pct below 100."""
    return float(-np.log1p(-tgi_pct / 100))


def mice_closed_form(difference: float, sd: float, power: float = POWER, alpha: float = ALPHA) -> float:
    """Mice per arm by the normal approximation, not rounded."""
    quantiles = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float(2 * (quantiles * sd / difference) ** 2)


def power_of_t(mice: int, difference: float, sd: float, alpha: float = ALPHA) -> float:
    """Power of the two-sided t test with `mice` per arm, by the non-central t distribution."""
    dof = 2 * mice - 2
    shift = difference / sd * np.sqrt(mice / 2)
    critical = stats.t.ppf(1 - alpha / 2, dof)
    value = stats.nct.sf(critical, dof, shift) + stats.nct.cdf(-critical, dof, shift)
    return float(value) if np.isfinite(value) else 1.0  # the distribution function fails only for very large shifts


def mice_needed(difference: float, sd: float, power: float = POWER) -> tuple[int, float] | None:
    """(mice per arm, simulated power) for the smallest n that suffices for Welch's t; None above MOST_MICE."""
    for mice in range(2, MOST_MICE + 1):
        if power_of_t(mice, difference, sd) >= power:
            reached = power_by_simulation(mice, difference, sd)
            if reached >= power - 0.003:  # one binomial standard error
                return mice, reached
    return None


def power_by_simulation(mice: int, difference: float, sd: float, studies: int = STUDIES, seed: int = SEED) -> float:
    """Fraction of simulated studies in which Welch's t rejects at ALPHA; binomial error sqrt(p (1 - p) / studies)."""
    rng = np.random.default_rng([seed, mice])
    treated = rng.normal(-difference, sd, (studies, mice))
    control = rng.normal(0.0, sd, (studies, mice))
    value, error, dof = welch_parts(treated, control)
    return float(np.mean(np.abs(value) > stats.t.ppf(1 - ALPHA / 2, dof) * error))


def power_table(sd: float, day: float, basis: str) -> pd.DataFrame:
    """Mice per arm for every target of TARGETS_PCT: columns basis, day, tgi_tc_pct, log_difference, sd_log,
    mice_closed_form, mice_per_arm, simulated_power_pct, note.

    sd: of the log quantity between mice, on that day or over that many days; basis: name of the quantity.
    """
    table = []
    for target in TARGETS_PCT:
        difference = difference_of_tgi(target)
        needed = mice_needed(difference, sd)
        table.append(
            {
                "basis": basis,
                "day": day,
                "tgi_tc_pct": target,
                "log_difference": difference,
                "sd_log": sd,
                "mice_closed_form": mice_closed_form(difference, sd),
                "mice_per_arm": needed[0] if needed else np.nan,
                "simulated_power_pct": 100 * needed[1] if needed else np.nan,
                "note": "" if needed else f"more than {MOST_MICE} mice per arm",
            }
        )
    return pd.DataFrame(table).astype({"mice_per_arm": "Int64"})


def pooled_sd(groups: list[np.ndarray]) -> float:
    """Standard deviation within groups, pooled over those with two values or more; NaN where there is none."""
    groups = [g[np.isfinite(g)] for g in groups]
    groups = [g for g in groups if len(g) > 1]
    freedom = sum(len(g) - 1 for g in groups)
    if freedom == 0:
        return float("nan")
    return float(np.sqrt(sum((len(g) - 1) * g.var(ddof=1) for g in groups) / freedom))
