"""Sensitivity: how much each catalogue number moves the outcome over its whole range, alone and with the others.

Model    Numbers are varied in unit coordinates, 0 and 1 being the ends of their range (logarithmic where it spans more
         than a factor of 3). An output is any number of a simulated experiment.
         Morris  elementary effect = (change of the output) / (step in unit coordinates), along random paths that change
                 one number at a time: mu_star is the mean of its size, so "output units over the whole range"; mu keeps
                 the sign; sigma is its spread, large where the effect depends on the other numbers or bends.
         Sobol   first_order = share of the output's variance that this number explains alone; total = the share that
                 goes when it is fixed, interactions included.
         Intervals are 95 %: 1.96 bootstrap standard deviations.
Source   Morris 1991, Technometrics 33, 161; Saltelli 2010, Comput Phys Commun 181, 259; library SALib.
Limits   linear output: mu = mu_star = slope, sigma = 0; additive output: first_order = total; a number without effect
         has 0 everywhere; g-function and Ishigami: known indices           (tests/analysis/fitting/test_sensitivity.py)
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
WORDS = {"specific_lysis_pct": "lysis", "adcc_pct": "ADCC", "natural_killing_pct": "natural killing"}
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
    """Key -> value in its own unit, at one point of a design."""
    return {factor.path: factor.value(u) for factor, u in zip(factors, unit, strict=True)}


def indices(
    factors: Sequence[Free], method: str, units: np.ndarray, outputs: Mapping[str, np.ndarray], seed: int = 0
) -> pd.DataFrame:
    """One row per output and factor, strongest first: output, key, low, high, scale, the measures and their intervals.

    units  the design, shape (points, factors).  outputs  label -> values (points,), in the order of the design.
    Morris: mu_star, mu_star_ci95_low, mu_star_ci95_high, mu, sigma, in units of the output.  Sobol: first_order and
    total, each with ci95_low and ci95_high, shares of the variance (noise may take them below 0).  An output that never
    changes gives 0 (Morris) or empty cells (Sobol) with a note.
    """
    return pd.concat([_of_one(factors, method, units, name, values, seed) for name, values in outputs.items()],
                     ignore_index=True)  # fmt: skip


def strongest(table: pd.DataFrame, count: int) -> list[str]:
    """Keys that matter most: each counts by its largest share, over the outputs, of the output's largest mu_star."""
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
        table = table.join(_sobol(factors, values, seed) if not flat else _nothing(len(factors)))
    table["output_mean"], table["output_sd"] = values.mean(), values.std(ddof=1)
    table["note"] = "the output never changes" if flat else ""
    return table.sort_values(MEASURES[method], ascending=False, kind="stable")


def _morris(factors: Sequence[Free], units: np.ndarray, values: np.ndarray, seed: int) -> pd.DataFrame:
    from SALib.analyze import morris

    found = morris.analyze(_problem(factors), units, values, num_levels=LEVELS, seed=seed)
    mean, half = np.asarray(found["mu_star"], dtype=float), np.asarray(found["mu_star_conf"], dtype=float)
    return pd.DataFrame(
        {
            "mu_star": mean,
            "mu_star_ci95_low": np.maximum(mean - half, 0.0),  # the mean of a size is not below 0
            "mu_star_ci95_high": mean + half,
            "mu": np.asarray(found["mu"], dtype=float),
            "sigma": np.asarray(found["sigma"], dtype=float),
        }
    )


def _sobol(factors: Sequence[Free], values: np.ndarray, seed: int) -> pd.DataFrame:
    from SALib.analyze import sobol

    found = sobol.analyze(_problem(factors), values, calc_second_order=False, seed=seed)
    columns = {}
    for ours, theirs in (("first_order", "S1"), ("total", "ST")):
        columns[ours] = found[theirs]
        columns[f"{ours}_ci95_low"] = found[theirs] - found[f"{theirs}_conf"]
        columns[f"{ours}_ci95_high"] = found[theirs] + found[f"{theirs}_conf"]
    return pd.DataFrame(columns)


def _nothing(count: int) -> pd.DataFrame:
    names = [f"{ours}{end}" for ours in ("first_order", "total") for end in ("", "_ci95_low", "_ci95_high")]
    return pd.DataFrame(np.nan, index=range(count), columns=names)


def label_of(quantity: str, swept: Mapping[str, float | str]) -> str:
    """Short words for one output: "lysis, 0.0001 ug/mL, 1:1" (the values of the swept keys in their order)."""
    parts = [WORDS[quantity]]
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
    """Label -> mean of donors (%), for every quantity at every place; runs hold a whole study with its controls.

    varied  the swept keys of the study and their values.
    places  swept key -> value, one per point of the sweep.  Replicates are averaged within their donor first.
    """
    design_, extra = design_table(runs, varied)
    wells = pooled(lysis_table(runs, design_, extra, plate_controls(runs, design_)), extra)
    column = {key: name for name, key in CORE_KEYS.items()}
    found: dict[str, float] = {}
    for place in places:
        here = np.ones(len(wells), dtype=bool)
        for key, value in place.items():
            here &= (wells[column.get(key, key)] == value).to_numpy()
        donors = wells[here].groupby("donor")[list(quantities)].mean()
        found |= {label_of(name, place): float(donors[name].mean()) for name in quantities}
    return found


def study(
    factors: Sequence[Free],
    settings: Mapping,
    seed: int,
    simulate: Callable[[str, list[dict[str, float]]], list[Mapping[str, float]]],
) -> dict[str, pd.DataFrame]:
    """Method ("morris", "sobol") -> table of indices, by the settings of [sensitivity].

    simulate  takes the method's name and the points (key -> value) and gives the outputs of each, in order.
    morris+sobol: the `strongest` keys of Morris go on to Sobol, the others keep their catalogue value there.
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
