"""Calibration: distance between simulated and measured experiments, and the parameters that minimise it.

Model    One row per observed number: z = (simulated - observed) / sigma, an EC50 in log10, counts of kills and contacts
         relative to the observed. sigma^2 = (standard error of the observed)^2 + (half the required agreement)^2, so
         that neither a very precise number nor one that cannot be reproduced dominates the fit. SDs between donors are
         separate rows. Means are means of simulated donors, not of a typical donor.
         distance = root mean square of z.
         Search: scipy least squares on z in unit coordinates (0 and 1 are the bounds; logarithmic for wide ranges),
         slopes from differences large enough to exceed the noise of small wells; a weak penalty with an SD of half a
         range holds parameters that the data do not determine.
Limits   simulation = observation: distance 0; doubling every sigma halves the distance
                                                                          (tests/analysis/fitting/test_calibration.py)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adccsim.analysis.assay.cells import (
    CONTACTS,
    DEATHS,
    HALF,
    KILLS,
    NO_CONTACT,
    PER_CONTACT,
    QUANTITIES,
    SERIAL,
    ZERO_KILLS,
    cell_table,
)
from adccsim.analysis.assay.controls import plate_controls
from adccsim.analysis.assay.logistic import fit_many
from adccsim.analysis.assay.lysis import lysis_table
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.compare import SIMULATED_ROLES, match
from adccsim.analysis.fitting.observed import EC50, EMAX, LYSIS, without_replicates
from adccsim.analysis.reading.design import CONDITION_COLUMNS, design_table, pooled
from adccsim.analysis.reading.runs import Run

# Half the required agreement: percentage points, log10 of an EC50, fractions, or relative to a count.
TOLERANCE = {
    LYSIS: 2.0, EMAX: 2.5, EC50: 0.15, ZERO_KILLS: 0.025, NO_CONTACT: 0.05, PER_CONTACT: 0.05,
    SERIAL: 0.05, HALF: 0.05, KILLS: 0.075, CONTACTS: 0.15, DEATHS: 4.0,
}  # fmt: skip
TOLERANCE_OF_SD = {LYSIS: 2.5, EC50: 0.1}
STEP = 0.06  # of the unit range, for slopes
PULL_SD = 0.5
UNIFORM_SD = float(np.sqrt(1 / 12))  # of the prior in unit coordinates


@dataclass(frozen=True)
class Free:
    """A free parameter: its path in the catalogue and its bounds in the unit of the parameter."""

    path: str
    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        """Whether it is varied on a log scale: a positive range that spans more than a factor of 3."""
        return self.low > 0 and self.high / self.low > 3

    def value(self, unit: float) -> float:
        """The value at a unit coordinate in [0, 1]."""
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** unit)
        return float(self.low + (self.high - self.low) * unit)

    def unit(self, value: float) -> float:
        """The unit coordinate of a value."""
        if self.logarithmic:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float((value - self.low) / (self.high - self.low))


def residuals(
    observed: pd.DataFrame, keys: Sequence[str], runs: Sequence[Run], varied: Mapping[str, Sequence]
) -> pd.DataFrame:
    """Columns label, quantity, of (mean or sd), observed, simulated, sigma, z; one row per number of an experiment.

    observed, keys  from observed.read_observed.   runs  of a scenario that sweeps `varied` (key -> values).
    Raises SheetError if a row matches no simulated condition, or several.
    """
    design, extra = design_table(runs, varied)
    wanted = set(observed["quantity"])
    lysis = cells = pd.DataFrame()
    if wanted - set(QUANTITIES):
        lysis = lysis_table(runs, design, extra, plate_controls(runs, design))
        lysis = pooled(lysis[lysis["role"].isin(SIMULATED_ROLES)].reset_index(drop=True), extra)
        by = [*CONDITION_COLUMNS, *extra]
        donors = lysis.groupby([*by, "donor"], dropna=False)["specific_lysis_pct"].mean().reset_index()
        conditions = donors[by].drop_duplicates().reset_index(drop=True)
        curves = conditions[conditions["dose_ug_per_ml"] > 0].drop(columns="dose_ug_per_ml")
        curves = curves.drop_duplicates().reset_index(drop=True)
    if wanted & set(QUANTITIES):
        cells = cell_table(runs, design, extra, sorted(wanted))
    rows, errors = [], []
    for row in observed.to_dict("records"):
        quantity = row["quantity"]
        if quantity in QUANTITIES:
            candidates = cells[cells["quantity"] == quantity].reset_index(drop=True)
        else:
            candidates = conditions if quantity == LYSIS else curves
        place, error = match(row, keys, candidates)
        if error:
            errors.append(error)
            continue
        if quantity in QUANTITIES:
            mean, spread = candidates["mean"].iloc[place], np.nan
        elif quantity == LYSIS:
            values = _at(donors, candidates.iloc[place])["specific_lysis_pct"]
            mean, spread = values.mean(), values.std(ddof=1) if len(values) > 1 else np.nan
        else:
            mean, spread = _of_curve(_at(donors, candidates.iloc[place]), quantity)
        rows += _scored(row, keys, float(mean), float(spread))
    if errors:
        raise SheetError(errors)
    return pd.DataFrame(rows)


def distance(table: pd.DataFrame) -> float:
    """Root mean square of z; infinite if a number could not be simulated."""
    z = table["z"].to_numpy()
    return float(np.sqrt(np.mean(z**2))) if np.isfinite(z).all() else float("inf")


def _at(donors: pd.DataFrame, condition: pd.Series) -> pd.DataFrame:
    same = np.ones(len(donors), dtype=bool)
    for name, value in condition.items():
        same &= (donors[name] == value).to_numpy()
    return donors[same]


def _of_curve(donors: pd.DataFrame, quantity: str) -> tuple[float, float]:
    """(mean, sd) over donors of Emax (%), or of log10 EC50 (ng/mL), from a logistic fit per donor."""
    matrix = donors[donors["dose_ug_per_ml"] > 0].pivot_table("specific_lysis_pct", "donor", "dose_ug_per_ml")
    doses = matrix.columns.to_numpy(dtype=float)
    theta = fit_many(doses, matrix.to_numpy())
    values = theta[:, 1] if quantity == EMAX else np.log10(1000 * np.exp(theta[:, 2]))
    if quantity == EC50:  # the EC50 of a curve without a response is arbitrary and would not be reported
        inside = (values > np.log10(1000 * doses.min())) & (values < np.log10(1000 * doses.max()))
        values = values[inside] if inside.any() else values
    return values.mean(), values.std(ddof=1) if len(values) > 1 else np.nan


def _scored(row: Mapping, keys: Sequence[str], mean: float, spread: float) -> list[dict]:
    """One row for the mean, and one for the SD between donors if it is observed and fitted."""
    row = without_replicates(row)  # the simulation has donors
    quantity, n = row["quantity"], row["n"] if row["n"] > 0 else np.nan
    label = " ".join([quantity, *(f"{row[key]}" for key in [*keys, "at_h"] if _stated(row.get(key)))])
    value = np.log10(row["value"]) if quantity == EC50 else row["value"]
    scale = value if quantity in (KILLS, CONTACTS) else 1.0
    sigma = np.hypot(np.nan_to_num(_standard_error(row)), TOLERANCE[quantity] * scale)
    scored = [(label, "mean", value, mean, sigma)]
    sd = row["log10_sd"] if quantity == EC50 else row["sd"]
    if quantity in TOLERANCE_OF_SD and np.isfinite(sd) and np.isfinite(spread):
        error = np.nan_to_num(sd / np.sqrt(2 * (n - 1))) if n > 1 else 0.0
        scored.append((f"{label} sd", "sd", sd, spread, np.hypot(error, TOLERANCE_OF_SD[quantity])))
    return [
        {"label": name, "quantity": quantity, "of": of, "observed": observed, "simulated": simulated, "sigma": s}
        | {"z": (simulated - observed) / s}
        for name, of, observed, simulated, s in scored
    ]


def _stated(value: object) -> bool:
    return value is not None and value != "" and not pd.isna(value)


def _standard_error(row: Mapping) -> float:
    """Standard error of an observed number; NaN if unknown."""
    quantity, value, n = row["quantity"], row["value"], row["n"]
    if quantity in (ZERO_KILLS, NO_CONTACT, PER_CONTACT, SERIAL, HALF):
        return float(np.sqrt(value * (1 - value) / n))
    if quantity == DEATHS:
        return float(100 * np.sqrt(value / 100 * (1 - value / 100) / n))
    if quantity in (KILLS, CONTACTS) and not row["sd"] > 0:
        return float(np.sqrt(value / n))  # assuming Poisson counts
    return float((row["log10_sd"] if quantity == EC50 else row["sd"]) / np.sqrt(n))


def search(
    free: Sequence[Free],
    start: Mapping[str, float],
    z_of: Callable[[Sequence[Mapping[str, float]]], list[np.ndarray]],
    evaluations: int,
) -> dict[str, float]:
    """Least squares from `start` with about `evaluations` points at most; returns path -> best value.

    z_of  takes several points at once (path -> value) and returns z of each; it may run them in parallel and must
    return the same z for the same point.
    """
    from scipy.optimize import least_squares

    first = np.clip([each.unit(start[each.path]) for each in free], 0.0, 1.0)
    lowest, best = np.inf, first

    def values(unit: np.ndarray) -> dict[str, float]:
        return {each.path: each.value(u) for each, u in zip(free, unit, strict=True)}

    def with_penalty(unit: np.ndarray, z: np.ndarray) -> np.ndarray:
        nonlocal lowest, best
        z = np.where(np.isfinite(z), z, 1e3)
        cost = float(z @ z)
        if cost < lowest:
            lowest, best = cost, unit.copy()
        return np.concatenate([z, (unit - first) / PULL_SD])

    def fun(unit: np.ndarray) -> np.ndarray:
        return with_penalty(unit, z_of([values(unit)])[0])

    def slopes(unit: np.ndarray) -> np.ndarray:
        points, steps = neighbours(unit)
        centre, *sides = [with_penalty(p, z) for p, z in zip(points, z_of([values(p) for p in points]), strict=True)]
        return np.stack([(side - centre) / step for side, step in zip(sides, steps, strict=True)], axis=1)

    rounds = max(1, round(evaluations / (len(free) + 2)))
    least_squares(fun, first, jac=slopes, bounds=(0.0, 1.0), max_nfev=rounds, xtol=1e-3, ftol=1e-4)
    return values(best)


def local_widths(
    free: Sequence[Free],
    best: Mapping[str, float],
    z_of: Callable[[Sequence[Mapping[str, float]]], list[np.ndarray]],
) -> dict[str, float]:
    """Posterior over prior SD of each parameter in unit coordinates, assuming z is linear and normal around `best`.

    A quick estimate that needs no extra: no width exceeds 1, and parameters determined only in combination are wide.
    """
    unit = np.array([each.unit(best[each.path]) for each in free])
    points, steps = neighbours(unit)
    named = [{each.path: each.value(u) for each, u in zip(free, point, strict=True)} for point in points]
    centre, *sides = z_of(named)
    slopes = np.stack([(side - centre) / step for side, step in zip(sides, steps, strict=True)], axis=1)
    covariance = np.linalg.inv(slopes.T @ slopes + np.eye(len(free)) / UNIFORM_SD**2)
    return {each.path: float(sd) for each, sd in zip(free, np.sqrt(np.diag(covariance)) / UNIFORM_SD, strict=True)}


def neighbours(unit: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """(the point and its neighbours one step away in each coordinate, signed steps)."""
    steps = np.where(unit + STEP <= 1.0, STEP, -STEP)
    return [unit, *(unit + step * row for step, row in zip(steps, np.eye(len(unit)), strict=True))], steps
