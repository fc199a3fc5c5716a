"""Small artificial studies for the tests of tumour growth."""

import numpy as np
import pandas as pd

DAYS = (0, 3, 7, 10, 14, 17, 21)


def exponential(
    rates: dict[str, float], mice: int = 8, days=DAYS, seed: int = 1, rate_sd: float = 0.01, noise: float = 0.08
) -> pd.DataFrame:
    """Tidy rows of mice whose ln volume is a line plus noise; rates: arm -> mean slope per day."""
    rng = np.random.default_rng(seed)
    rows = []
    for arm, rate in rates.items():
        for i in range(mice):
            start, k = np.log(150) + rng.normal(0, 0.12), rng.normal(rate, rate_sd)
            for day in days:
                volume = float(np.exp(start + k * day + rng.normal(0, noise)))
                rows.append({"study": "s", "arm": arm, "mouse": f"m{i + 1}", "day": float(day), "volume_mm3": volume})
    return pd.DataFrame(rows)


def rows_of(arms: dict[str, list[list[float]]], days=DAYS) -> pd.DataFrame:
    """Tidy rows from lists of volumes, one list per mouse; NaN is a missing reading."""
    rows = []
    for arm, mice in arms.items():
        for i, volumes in enumerate(mice):
            for day, volume in zip(days, volumes, strict=False):
                rows.append({"study": "s", "arm": arm, "mouse": f"m{i + 1}", "day": float(day), "volume_mm3": volume})
    return pd.DataFrame(rows)
