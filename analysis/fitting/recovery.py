"""Recovery: are parameters found again from data that were simulated with known ones?

Model    Regression-adjusted ABC on one bank of simulations drawn from the prior. Summaries are first turned into one
         number per parameter: its expectation given the data, by ridge regression on the summaries and their squares
         (semi-automatic summaries, Fearnhead and Prangle 2012). The nearest share `KEPT` of the bank, with Epanechnikov
         weights, is moved to the observed data by a weighted linear regression on logits of the unit coordinates
         (Beaumont 2002), so that no particle leaves the prior.
Limits   summaries that say nothing: the posterior is the prior; exact summaries: a point
                                                                             (tests/analysis/fitting/test_recovery.py)
"""

import numpy as np
import pandas as pd

from adccsim.analysis.fitting.calibration import UNIFORM_SD
from adccsim.analysis.fitting.posterior import weighted_quantile

KEPT = 0.2
IDENTIFIED_BELOW = 0.7  # posterior SD over prior SD
_RIDGE = 1e-2
_EDGE = 1e-4


def posterior_of(
    summaries: np.ndarray, units: np.ndarray, observed: np.ndarray, kept: float = KEPT
) -> tuple[np.ndarray, np.ndarray]:
    """(particles (n, P) in unit coordinates, weights (n,) that sum to 1) given observed summaries (S,).

    summaries (B, S) and units (B, P) are the bank.
    """
    mean, scale = summaries.mean(axis=0), summaries.std(axis=0) + 1e-12
    features = _features((summaries - mean) / scale)
    seen = _features(((observed - mean) / scale)[None, :])
    logits = _logit(units)
    normal = features.T @ features + _RIDGE * len(features) * np.eye(features.shape[1])
    slopes = np.linalg.solve(normal, features.T @ (logits - logits.mean(axis=0)))
    found, target = features @ slopes, (seen @ slopes)[0]
    spread = found.std(axis=0) + 1e-12
    away = np.sqrt((((found - target) / spread) ** 2).sum(axis=1))
    nearest = np.argsort(away)[: max(20, int(kept * len(away)))]
    near = away[nearest]
    weights = 1 - (near / (near.max() * (1 + 1e-9))) ** 2
    weights /= weights.sum()
    design = np.column_stack([np.ones(len(nearest)), (found[nearest] - target) / spread])
    heavy = design * weights[:, None]
    line = np.linalg.lstsq(heavy.T @ design, heavy.T @ logits[nearest], rcond=None)[0]
    moved = logits[nearest] - design[:, 1:] @ line[1:]
    return 1 / (1 + np.exp(-moved)), weights


def study(
    names: list[str], summaries: np.ndarray, units: np.ndarray, truths: np.ndarray, seen: np.ndarray
) -> pd.DataFrame:
    """One row per parameter: posterior_over_prior_sd (mean over truths), identified, coverage90_pct, correlation.

    truths (T, P) in unit coordinates and seen (T, S), their data.  correlation: of the true value and posterior mean.
    """
    inside, ratios, means = [], [], []
    for truth, data in zip(truths, seen, strict=True):
        particles, weights = posterior_of(summaries, units, data)
        mean = weights @ particles
        means.append(mean)
        ratios.append(np.sqrt(weights @ (particles - mean) ** 2) / UNIFORM_SD)
        low, high = (np.array([weighted_quantile(column, weights, q) for column in particles.T]) for q in (0.05, 0.95))
        inside.append((low <= truth) & (truth <= high))
    ratio = np.mean(ratios, axis=0)
    centres = np.array(means)
    return pd.DataFrame(
        {
            "parameter": names,
            "posterior_over_prior_sd": ratio,
            "identified": ratio < IDENTIFIED_BELOW,
            "coverage90_pct": 100 * np.mean(inside, axis=0),
            "correlation": [float(np.corrcoef(truths[:, p], centres[:, p])[0, 1]) for p in range(len(names))],
        }
    )


def _features(scaled: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(scaled)), scaled, scaled**2])


def _logit(units: np.ndarray) -> np.ndarray:
    inside = np.clip(units, _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside))
