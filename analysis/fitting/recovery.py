"""Recovery: are known parameters recovered from data simulated with them?

Model    Regression-adjusted ABC on one bank of simulations drawn from the prior. Summaries are first reduced to one
         number per parameter: its expectation given the data, by ridge regression on the summaries and their squares
         (semi-automatic summaries, Fearnhead and Prangle 2012). The nearest fraction `KEPT` of the bank, with
         Epanechnikov weights, is adjusted to the observed data by a weighted linear regression on logits of the unit
         coordinates (Beaumont 2002), so that no particle leaves the prior.
Limits   uninformative summaries: the posterior is the prior; exact summaries: a point
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
    target_features = _features(((observed - mean) / scale)[None, :])
    logits = _logit(units)
    normal = features.T @ features + _RIDGE * len(features) * np.eye(features.shape[1])
    slopes = np.linalg.solve(normal, features.T @ (logits - logits.mean(axis=0)))
    expected, target = features @ slopes, (target_features @ slopes)[0]
    spread = expected.std(axis=0) + 1e-12
    distance = np.sqrt((((expected - target) / spread) ** 2).sum(axis=1))
    nearest = np.argsort(distance)[: max(20, int(kept * len(distance)))]
    near = distance[nearest]
    weights = 1 - (near / (near.max() * (1 + 1e-9))) ** 2
    weights /= weights.sum()
    design = np.column_stack([np.ones(len(nearest)), (expected[nearest] - target) / spread])
    weighted = design * weights[:, None]
    line = np.linalg.lstsq(weighted.T @ design, weighted.T @ logits[nearest], rcond=None)[0]
    moved = logits[nearest] - design[:, 1:] @ line[1:]
    return 1 / (1 + np.exp(-moved)), weights


def study(
    names: list[str], summaries: np.ndarray, units: np.ndarray, truths: np.ndarray, seen: np.ndarray
) -> pd.DataFrame:
    """One row per parameter: posterior_over_prior_sd (mean over truths), identified, coverage90_pct, correlation.

    truths (T, P) in unit coordinates; seen (T, S): their data.  correlation: between true value and posterior mean.
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
    posterior_means = np.array(means)
    return pd.DataFrame(
        {
            "parameter": names,
            "posterior_over_prior_sd": ratio,
            "identified": ratio < IDENTIFIED_BELOW,
            "coverage90_pct": 100 * np.mean(inside, axis=0),
            "correlation": [float(np.corrcoef(truths[:, p], posterior_means[:, p])[0, 1]) for p in range(len(names))],
        }
    )


def _features(scaled: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(scaled)), scaled, scaled**2])


def _logit(units: np.ndarray) -> np.ndarray:
    inside = np.clip(units, _EDGE, 1 - _EDGE)
    return np.log(inside / (1 - inside))
