"""Simulated dose-response curves with the noise of a plate reader, for the test of falls and its benchmark."""

import numpy as np

from adccsim.analysis.assay.curve_wells import Wells
from adccsim.analysis.assay.logistic import logistic4

DOSES = np.array([0, 0.001, 0.01, 0.1, 1, 10, 30, 100.0])
CURVES = {"rising": np.array([8, 60, np.log(0.05), 1.0]), "saturated": np.array([8, 60, np.log(1e-6), 1.0])}
FALL_POINTS = 15.0


def noisy(rng: np.random.Generator, lysis: np.ndarray, cv: float, noise: str) -> np.ndarray:
    """Readings (n,) in % lysis around true values of the same shape."""
    if noise == "constant":
        return lysis + rng.normal(0, 60 * cv, lysis.shape)
    if noise == "proportional":
        return lysis * (1 + rng.normal(0, cv, lysis.shape))
    window, target_only = 1.15, 0.2
    signal = (target_only + window * lysis / 100) * (1 + rng.normal(0, cv, lysis.shape))
    return 100 * (signal - target_only) / window


def simulated(
    rng: np.random.Generator,
    curve: str,
    noise: str,
    n: int,
    cv: float,
    donors: bool = False,
    falls_from: float = np.inf,
) -> Wells:
    """One curve with n wells per dose, or with n donors; it lies FALL_POINTS lower from `falls_from` ug/mL on."""
    theta = np.tile(CURVES[curve], (n, 1))
    if donors:
        theta[:, 1] += rng.normal(0, 8.0, n)
        theta[:, 2] += rng.normal(0, 0.5, n)
    lysis = logistic4(DOSES, theta) - np.where(falls_from <= DOSES, FALL_POINTS, 0.0)
    dose = np.tile(DOSES, n)
    donor = np.repeat(np.arange(n) if donors else np.zeros(n), len(DOSES))
    return Wells(dose, donor, noisy(rng, lysis.ravel(), cv, noise))
