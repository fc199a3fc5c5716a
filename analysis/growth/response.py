"""Response categories of individual mice, and their counts per arm.

Model    dV = 100 (V - V0) / V0 at every reading from the baseline on. Best response: minimum of dV; best average
         response: minimum of the running mean of dV from the baseline; both over days >= 10 after the baseline.
         mRECIST  CR: best < -95 and average < -40; PR: < -50 and < -20; SD: < 35 and < 30; else PD.
         PPTP-like  MCR: below 40 mm3 at the last reading; CR: below 40 mm3 once; PR: regression of at least 50 % once;
         SD: growth of at most 25 % at the last reading; else PD.
Source   mRECIST: Gao H et al. Nat Med 2015;21:1318. The second scheme follows the objective response measures of the
         Pediatric Preclinical Testing Program (Houghton PJ et al. Pediatr Blood Cancer 2007;49:928), with 40 mm3 as the
         volume below which a tumour counts as absent; hence "PPTP-like". Interval of a fraction: Clopper CJ, Pearson
         ES. Biometrika 1934;26:404.
Limits   no change: SD in both; zero volumes from day 10 on: CR and MCR.           (tests/analysis/growth)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

FIRST_DAY = 10.0
ABSENT_BELOW_MM3 = 40.0
MRECIST = ("CR", "PR", "SD", "PD")
PPTP = ("MCR", "CR", "PR", "SD", "PD")
RESPONDERS = ("MCR", "CR", "PR")
_LIMITS = {"CR": (-95.0, -40.0), "PR": (-50.0, -20.0), "SD": (35.0, 30.0)}


def change_pct(volume_mm3: np.ndarray) -> np.ndarray:
    """Change from the first volume in percent, (T,) -> (T,); the first must be above zero."""
    return 100 * (volume_mm3 - volume_mm3[0]) / volume_mm3[0]


def mrecist(day: np.ndarray, volume_mm3: np.ndarray) -> tuple[str, float, float]:
    """(category, best response %, best average response %) of one mouse; day counts from the baseline, sorted from 0.

    Category "" and NaN if there is no reading on day 10 or later, or the start volume is zero.
    """
    late = day >= FIRST_DAY
    if len(day) == 0 or day[0] != 0 or not volume_mm3[0] > 0 or not late.any():
        return "", float("nan"), float("nan")
    change = change_pct(volume_mm3)
    best = float(change[late].min())
    average = float((np.cumsum(change) / np.arange(1, len(change) + 1))[late].min())
    for category, (most, most_average) in _LIMITS.items():
        if best < most and average < most_average:
            return category, best, average
    return "PD", best, average


def pptp(day: np.ndarray, volume_mm3: np.ndarray) -> str:
    """PPTP-like category of one mouse; "" without a baseline of at least 40 mm3 or without a later reading."""
    if len(day) < 2 or day[0] != 0 or volume_mm3[0] < ABSENT_BELOW_MM3:
        return ""
    change = change_pct(volume_mm3)[1:]
    if volume_mm3[-1] < ABSENT_BELOW_MM3:
        return "MCR"
    if np.any(volume_mm3[1:] < ABSENT_BELOW_MM3):
        return "CR"
    if change.min() <= -50:
        return "PR"
    return "SD" if change[-1] <= 25 else "PD"


def mouse_response(day: np.ndarray, volume_mm3: np.ndarray) -> dict[str, object]:
    """Columns of the mouse table for one mouse; day counts from the baseline."""
    category, best, average = mrecist(day, volume_mm3)
    pptp_category = pptp(day, volume_mm3)
    notes = []
    if not category:
        notes.append("mRECIST not estimable: no reading on day 10 or later, or no start volume")
    if not pptp_category:
        notes.append("PPTP-like category not estimable: start volume below 40 mm3, or only one reading")
    return {
        "best_change_pct": best,
        "best_average_change_pct": average,
        "mrecist": category,
        "pptp_like": pptp_category,
        "response_note": "; ".join(notes),
    }


def counts(mice: pd.DataFrame) -> pd.DataFrame:
    """Per study and arm: mice with a category, their counts, and the fraction of responders with exact 95 % interval.

    mice: the mouse table with the columns study, arm, mrecist, pptp_like. Two rows per arm, one per scheme.
    """
    table = []
    for (study, arm), group in mice.groupby(["study", "arm"], sort=False):
        for scheme, column, categories in (("mRECIST", "mrecist", MRECIST), ("PPTP-like", "pptp_like", PPTP)):
            assigned = group.loc[group[column] != "", column]
            hits, n = int(assigned.isin(RESPONDERS).sum()), len(assigned)
            low, high = fraction_interval(hits, n)
            table.append(
                {
                    "study": study,
                    "arm": arm,
                    "scheme": scheme,
                    "mice": len(group),
                    "with_category": n,
                    **{c: int((assigned == c).sum()) if c in categories else np.nan for c in PPTP},
                    "responders_pct": 100 * hits / n if n else np.nan,
                    "ci95_low_pct": 100 * low,
                    "ci95_high_pct": 100 * high,
                    "note": ("mRECIST has no category MCR" if scheme == "mRECIST" else "")
                    if n
                    else "not estimable: no mouse with a category",
                }
            )
    frame = pd.DataFrame(table)
    return frame.astype({c: "Int64" for c in PPTP})


def fraction_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson limits (0-1) of the fraction hits / n; NaN for n = 0."""
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
