"""Sensitivity: effect of each catalogue parameter on the outcome over its whole range, alone and in interaction.

Model    Parameters are varied in unit coordinates, 0 and 1 being the ends of their range (logarithmic if it spans more
         than a factor of 3). An output is any number of a simulated experiment.
         Morris  elementary effect = (change of the output) / (step in unit coordinates), along random paths that change
                 one parameter at a time: mu_star is the mean absolute effect, in output units over the whole range; mu
                 keeps the sign; sigma is the SD, large if the effect is non-linear or depends on other parameters.
         Sobol   first_order = fraction of the output variance that a parameter explains alone; total = the fraction
                 that disappears when it is fixed, interactions included.
         Intervals are 95 %: 1.96 bootstrap standard deviations.
Source   Morris 1991, Technometrics 33, 161; Saltelli 2010, Comput Phys Commun 181, 259; library SALib.
Limits   linear output: mu = mu_star = slope, sigma = 0; additive output: first_order = total; a parameter without
         effect: 0 everywhere; g-function and Ishigami: known indices       (tests/analysis/fitting/test_sensitivity.py)
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import plate_controls
from adccsim.analysis.assay.lysis import lysis_table
from adccsim.analysis.fitting.calibration import Free
from adccsim.analysis.reading.design import CORE_KEYS, design_table, et_label, pooled, short_key, shown
from adccsim.analysis.reading.runs import Run

MORRIS, SOBOL = "morris", "sobol"
MEASURES = {MORRIS: "mu_star", SOBOL: "total"}
LABELS = {"specific_lysis_pct": "lysis", "adcc_pct": "ADCC", "natural_killing_pct": "natural killing"}
LEVELS = 4  # of Morris' grid: steps of 2/3 of the range


def design(factors: Sequence[Free], method: str, size: int, seed: int) -> np.ndarray:
    """Points to simulate, in unit coordinates: shape (points, factors).

    Morris: size paths of factors + 1 points. Sobol: size (factors + 2) points, size a power of two. The same seed gives
    the same points. Raises ModuleNotFoundError without SALib (extra `calibrate`).
    """
    problem = _problem(factors)
    if method == MORRIS:
        from SALib.sample import morris

        return morris.sample(problem, size, num_levels=LEVELS, seed=seed)
    from SALib.sample import sobol

    return sobol.sample(problem, size, calc_second_order=False, seed=seed)


def values_at(factors: Sequence[Free], unit: Sequence[float]) -> dict[str, float]:
    """Key -> value in the unit of the parameter, at one point of a design."""
    return {factor.path: factor.value(u) for factor, u in zip(factors, unit, strict=True)}


def indices(
    factors: Sequence[Free], method: str, units: np.ndarray, outputs: Mapping[str, np.ndarray], seed: int = 0
) -> pd.DataFrame:
    """One row per output and factor, strongest first: output, key, low, high, scale, the measures and their intervals.

    units  the design, shape (points, factors).  outputs  label -> values (points,), in the order of the design.
    Morris: mu_star, mu_star_ci95_low, mu_star_ci95_high, mu, sigma, in units of the output.  Sobol: first_order and
    total, each with ci95_low and ci95_high, fractions of the variance (negative with noise).  A constant output gives
    0 (Morris) or empty cells (Sobol) with a note.
    """
    return pd.concat([_of_one(factors, method, units, name, values, seed) for name, values in outputs.items()],
                     ignore_index=True)  # fmt: skip


def strongest(table: pd.DataFrame, count: int) -> list[str]:
    """The most influential keys, ranked by their largest mu_star relative to the maximum of an output."""
    top = table.groupby("output")["mu_star"].transform("max")
    fraction = (table["mu_star"] / top.where(top > 0)).fillna(0.0)
    ranked = fraction.groupby(table["key"], sort=False).max().sort_values(ascending=False, kind="stable")
    return list(ranked.index[:count])


def _problem(factors: Sequence[Free]) -> dict:
    return {"num_vars": len(factors), "names": [f.path for f in factors], "bounds": [[0.0, 1.0]] * len(factors)}


def _of_one(
    factors: Sequence[Free], method: str, units: np.ndarray, name: str, values: np.ndarray, seed: int
) -> pd.DataFrame:
    values = np.asarray(values, dtype=float)
    table = pd.DataFrame(
        {
            "output": name,
            "key": [f.path for f in factors],
            "low": [f.low for f in factors],
            "high": [f.high for f in factors],
            "scale": ["logarithmic" if f.logarithmic else "linear" for f in factors],
        }
    )
    flat = np.ptp(values) == 0.0
    if method == MORRIS:
        table = table.join(_morris(factors, units, values, seed))
    else:
        table = table.join(_sobol(factors, values, seed) if not flat else _empty(len(factors)))
    table["output_mean"], table["output_sd"] = values.mean(), values.std(ddof=1)
    table["note"] = "the output never changes" if flat else ""
    return table.sort_values(MEASURES[method], ascending=False, kind="stable")


def _morris(factors: Sequence[Free], units: np.ndarray, values: np.ndarray, seed: int) -> pd.DataFrame:
    from SALib.analyze import morris

    result = morris.analyze(_problem(factors), units, values, num_levels=LEVELS, seed=seed)
    mean, half = np.asarray(result["mu_star"], dtype=float), np.asarray(result["mu_star_conf"], dtype=float)
    return pd.DataFrame(
        {
            "mu_star": mean,
            "mu_star_ci95_low": np.maximum(mean - half, 0.0),  # a mean absolute effect is not negative
            "mu_star_ci95_high": mean + half,
            "mu": np.asarray(result["mu"], dtype=float),
            "sigma": np.asarray(result["sigma"], dtype=float),
        }
    )


def _sobol(factors: Sequence[Free], values: np.ndarray, seed: int) -> pd.DataFrame:
    from SALib.analyze import sobol

    result = sobol.analyze(_problem(factors), values, calc_second_order=False, seed=seed)
    columns = {}
    for ours, theirs in (("first_order", "S1"), ("total", "ST")):
        columns[ours] = result[theirs]
        columns[f"{ours}_ci95_low"] = result[theirs] - result[f"{theirs}_conf"]
        columns[f"{ours}_ci95_high"] = result[theirs] + result[f"{theirs}_conf"]
    return pd.DataFrame(columns)


def _empty(count: int) -> pd.DataFrame:
    names = [f"{ours}{end}" for ours in ("first_order", "total") for end in ("", "_ci95_low", "_ci95_high")]
    return pd.DataFrame(np.nan, index=range(count), columns=names)


def label_of(quantity: str, swept: Mapping[str, float | str]) -> str:
    """Short label of one output: "lysis, 0.0001 ug/mL, 1:1" (the values of the swept keys in their order)."""
    parts = [LABELS[quantity]]
    for key, value in swept.items():
        if key == CORE_KEYS["dose_ug_per_ml"]:
            parts.append(f"{value:g} ug/mL")
        elif key == CORE_KEYS["et_ratio"]:
            parts.append(et_label(float(value)))
        else:
            parts.append(f"{short_key(key)} {shown(value)}")
    return ", ".join(parts)


def watched(
    runs: Sequence[Run],
    varied: Mapping[str, Sequence],
    places: Sequence[Mapping[str, float | str]],
    quantities: Sequence[str],
) -> dict[str, float]:
    """Label -> mean of donors (%) for every quantity and place; runs: a complete study with its controls.

    varied  the swept keys of the study and their values.
    places  swept key -> value, one per point of the sweep.  Replicates are averaged within their donor first.
    """
    design_, extra = design_table(runs, varied)
    wells = pooled(lysis_table(runs, design_, extra, plate_controls(runs, design_)), extra)
    column = {key: name for name, key in CORE_KEYS.items()}
    outputs: dict[str, float] = {}
    for place in places:
        matches = np.ones(len(wells), dtype=bool)
        for key, value in place.items():
            matches &= (wells[column.get(key, key)] == value).to_numpy()
        donors = wells[matches].groupby("donor")[list(quantities)].mean()
        outputs |= {label_of(name, place): float(donors[name].mean()) for name in quantities}
    return outputs


def study(
    factors: Sequence[Free],
    settings: Mapping,
    seed: int,
    simulate: Callable[[str, list[dict[str, float]]], list[Mapping[str, float]]],
) -> dict[str, pd.DataFrame]:
    """Method ("morris", "sobol") -> table of indices, by the settings of [sensitivity].

    simulate  takes the name of the method and the points (key -> value) and returns the outputs of each, in order.
    morris+sobol: Sobol varies only the `strongest` keys of Morris; the others keep their catalogue value.
    """
    tables: dict[str, pd.DataFrame] = {}
    for method, size in ((MORRIS, settings["trajectories"]), (SOBOL, settings["samples"])):
        if method not in settings["method"]:
            continue
        if MORRIS in tables:
            keys = strongest(tables[MORRIS], settings["strongest"])
            factors = [factor for factor in factors if factor.path in keys]
        units = design(factors, method, size, seed)
        outcomes = simulate(method, [values_at(factors, unit) for unit in units])
        outputs = {name: np.array([outcome[name] for outcome in outcomes]) for name in outcomes[0]}
        tables[method] = indices(factors, method, units, outputs, seed)
    return tables
