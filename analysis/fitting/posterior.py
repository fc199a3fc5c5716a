"""Posterior of free parameters by approximate Bayesian computation, and the output files of a calibration.

Model    ABC-SMC of pyABC: particles drawn in unit coordinates (uniform prior, logarithmic where
         analysis.fitting.calibration says so), kept if the distance (root mean square of z) is below the median of
         the previous generation.
Limits   data without information on a parameter: its posterior is as wide as its prior, ratio of SDs 1
                                                                          (tests/analysis/fitting/test_posterior.py)
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.calibration import UNIFORM_SD, Free
from adccsim.analysis.tables import write_table
from adccsim.analysis.writing import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL, _SHOWN = 1.12, 300  # pairs figure: width of a panel with its gap; number of particles shown, drawn by weight


def sample(
    free: Sequence[Free], z_of: Callable[[Mapping[str, float]], Mapping[str, float]], population: int,
    generations: int, seed: int, database: Path, workers: int, say: Callable[[str], None],
) -> pd.DataFrame:  # fmt: skip
    """Particles of the last generation: a column per path (in its unit), weight (sums to 1), distance.

    If `database` holds an unfinished sampling, it is continued generation by generation.
    """
    import logging

    import pyabc

    logging.getLogger("ABC").setLevel(logging.ERROR)
    names = {f"p{place}": each for place, each in enumerate(free)}

    def model(unit: Mapping[str, float]) -> dict[str, float]:
        z = np.array(list(z_of({each.path: each.value(unit[name]) for name, each in names.items()}).values()))
        return {"distance": float(np.sqrt(np.mean(z**2))) if np.isfinite(z).all() else 1e6}

    np.random.seed(seed % 2**32)  # noqa: NPY002  pyabc draws from the global generator
    prior = pyabc.Distribution(**{name: pyabc.RV("uniform", 0, 1) for name in names})
    sampler = pyabc.SingleCoreSampler() if workers == 1 else pyabc.MulticoreEvalParallelSampler(workers)
    study = pyabc.ABCSMC(model, prior, lambda x, x0: x["distance"], population_size=population, sampler=sampler)
    address = f"sqlite:///{database}"
    if database.exists():
        history = study.load(address)
        done = history.max_t + 1
    else:
        history, done = study.new(address, {"distance": 0.0}), 0
    if done < generations:
        say(f"posterior: generation {done + 1} to {generations} of {population} particles")
        history = study.run(max_nr_populations=generations - done)
    units, weights = history.get_distribution(m=0)
    distances = history.get_weighted_distances()["distance"].to_numpy()
    columns = {each.path: [each.value(u) for u in units[name]] for name, each in names.items()}
    return pd.DataFrame(columns | {"weight": weights, "distance": distances[: len(weights)]})


def widths(free: Sequence[Free], posterior: pd.DataFrame) -> pd.DataFrame:
    """One row per parameter: weighted median and 90 % interval, and SD of posterior over prior in unit coordinates."""
    rows = []
    weight = posterior["weight"].to_numpy()
    for each in free:
        values = posterior[each.path].to_numpy()
        unit = np.array([each.unit(value) for value in values])
        mean = float(weight @ unit)
        low, median, high = (weighted_quantile(values, weight, q) for q in (0.05, 0.5, 0.95))
        ratio = float(np.sqrt(weight @ (unit - mean) ** 2)) / UNIFORM_SD
        rows.append({"parameter": each.path, "median": median, "ci90_low": low, "ci90_high": high,
                     "posterior_over_prior_sd": ratio})  # fmt: skip
    return pd.DataFrame(rows)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """Quantile q (0-1) of weighted values, by linear interpolation between the midpoints of their weights."""
    order = np.argsort(values)
    midpoint = np.cumsum(weights[order]) - 0.5 * weights[order]
    return float(np.interp(q, midpoint / weights.sum(), np.asarray(values)[order]))


def overlay_text(
    best: Mapping[str, float], units: Mapping[str, str], ranges: Mapping[str, tuple[float, float]], facts: Mapping
) -> str:
    """A catalogue overlay (TOML) with the best values; provenance and source state data, date and model."""
    data = ", ".join(facts["experiments"])
    source = f"calibrated: {data}; {facts['date']}; model {facts['model']}, seed {facts['seed']}"
    blocks = [f'# Best parameters of a fit to {data}. Use it with: catalogue = ["best.toml"]']
    for path, value in best.items():
        kind, _, rest = path.partition(".")
        name, _, field = rest.rpartition(".")
        low, high = ranges[path]
        value = float(f"{value:.4g}")
        blocks.append(
            f"[{kind}.{json.dumps(name)}.{field}]\nvalue = {value!r}\nlow = {min(low, value)!r}\n"
            f"high = {max(high, value)!r}\nunit = {json.dumps(units[path])}\nprovenance = \"calibrated\"\n"
            f"source = {json.dumps(source)}"
        )  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def write_calibration(
    folder: Path, free: Sequence[Free], starts: Mapping[str, float], best: Mapping[str, float],
    near: Mapping[str, float], table: pd.DataFrame, posterior: pd.DataFrame | None, overlay: str, facts: Mapping,
    checked: np.ndarray | None = None,
) -> Path:  # fmt: skip
    """Write best.toml, calibration.json, tables/*.csv and, with a posterior, figures/*.png; returns best.toml.

    near  from calibration.local_widths, empty without a search.   checked  from emulator.sample.
    """
    from adccsim.analysis.figures import save

    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_text(folder / "best.toml", overlay)
    write_text(folder / "calibration.json", json.dumps(dict(facts), indent=1) + "\n")
    write_table(table, folder / "tables" / "residuals.csv")
    rows = pd.DataFrame(
        {"parameter": each.path, "low": each.low, "high": each.high, "start": starts[each.path],
         "best": best[each.path]} for each in free
    )  # fmt: skip
    if near:
        rows["local_posterior_over_prior_sd"] = rows["parameter"].map(near)
    if posterior is not None:
        rows = rows.merge(widths(free, posterior), on="parameter")
        write_table(posterior, folder / "tables" / "posterior.csv")
        marked = (best, "best fit") if near else (starts, "the catalogue")
        save(pairs_figure(free, posterior, *marked), folder / "figures" / "pairs")
    if checked is not None:
        spread = predictive(table, checked)
        write_table(spread, folder / "tables" / "predictive.csv")
        save(predictive_figure(spread), folder / "figures" / "predictive")
    write_table(rows, folder / "tables" / "parameters.csv")
    return folder / "best.toml"


def read_posterior(path: Path) -> pd.DataFrame:
    """Read a posterior written by a calibration; needs no extra. Raises SheetError if the file is not a posterior."""
    frame = pd.read_csv(path)
    if "weight" not in frame or not (frame["weight"] >= 0).all() or not frame["weight"].sum() > 0:
        raise SheetError([f"{path.name}: no column weight with positive weights"])
    return frame


def predictive(table: pd.DataFrame, checked: np.ndarray) -> pd.DataFrame:
    """Simulations at draws from the posterior, for each observed number; checked: their z (n, rows).

    Columns experiment, label, of, observed, sigma, then mean, low90 and high90 over the draws, and the number of draws.
    The interval is that of the simulated mean, without measurement error.
    """
    spread = table[["experiment", "label", "of", "observed", "sigma"]].reset_index(drop=True)
    values = spread["observed"].to_numpy() + checked * spread["sigma"].to_numpy()
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    return spread.assign(mean=values.mean(axis=0), low90=low, high90=high, draws=len(values))


def predictive_figure(spread: pd.DataFrame) -> "Figure":
    """90 % range of simulations at draws from the posterior for every fitted number, in sigma from the observed."""
    import matplotlib
    from matplotlib.figure import Figure

    from adccsim.analysis.figures import COLOURS, STYLE

    with matplotlib.rc_context(STYLE | {"font.size": 8}):
        figure = Figure(figsize=(7.2, 1.2 + 0.19 * len(spread)), layout="constrained")
        axis = figure.subplots()
        z = [(spread[name] - spread["observed"]) / spread["sigma"] for name in ("mean", "low90", "high90")]
        places = np.arange(len(spread))
        axis.axvspan(-1, 1, color=COLOURS[1], alpha=0.15, lw=0, label="observed ± sigma")
        axis.axvline(0, color=COLOURS[1], lw=1)
        axis.hlines(places, z[1], z[2], color=COLOURS[0], lw=2, label="simulated, 90 % range")
        axis.plot(z[0], places, "o", color=COLOURS[0], ms=4, label="mean")
        labels = [_plain(row.label) for row in spread.itertuples()]
        axis.set_yticks(places, [f"{name}  {text}" for name, text in zip(spread["experiment"], labels, strict=True)])
        axis.set_ylim(len(spread) - 0.4, -0.6)
        axis.set_xlabel("simulated minus observed (in sigma)")
        figure.legend(loc="outside lower right", ncols=3, fontsize=8)
        figure.suptitle("Fitted values, simulated at draws from the posterior", fontsize=10, fontweight="bold")
    return figure


def _plain(label: str) -> str:
    """The label of a fitted number as plain text."""
    text = label.replace("_pct", " (%)").replace("_ng_per_ml", " (log10 ng/mL)").replace("_", " ")
    return text.replace(" sd", ", SD between donors")


def pairs_figure(
    free: Sequence[Free], posterior: pd.DataFrame, best: Mapping[str, float], mark: str = "best fit"
) -> "Figure":
    """Pairwise posterior: particles below the diagonal, histograms on it, the point `best` marked."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from adccsim.analysis.figures import COLOURS, STYLE

    n = len(free)
    weight = posterior["weight"].to_numpy()
    units = np.array([[each.unit(value) for value in posterior[each.path]] for each in free])
    shown = units[:, np.random.default_rng(0).choice(len(weight), min(_SHOWN, len(weight)), p=weight / weight.sum())]
    marked = [each.unit(best[each.path]) for each in free]
    with matplotlib.rc_context(STYLE | {"font.size": 8}):
        figure = Figure(figsize=(0.75 * n + 2.5, 0.75 * n + 2.0), layout="constrained")
        axis = figure.subplots()  # one axes for all panels (unit squares): laying out hundreds takes minutes
        for i in range(n):
            for j in range(i):
                x, y = j * _PANEL, -i * _PANEL
                axis.plot(x + shown[j], y + shown[i], ".", color=COLOURS[0], ms=1.2, alpha=0.5, rasterized=True)
                axis.plot(x + marked[j], y + marked[i], "x", color=COLOURS[1], ms=4)
                axis.add_patch(Rectangle((x, y), 1, 1, fill=False, lw=0.4, color="0.6"))
            x, y = i * _PANEL, -i * _PANEL
            height, edges = np.histogram(units[i], bins=20, range=(0, 1), weights=weight)
            axis.bar(x + edges[:-1], height / height.max(), 0.05, bottom=y, align="edge", color=COLOURS[0])
            axis.vlines(x + marked[i], y, y + 1, color=COLOURS[1], lw=1)
            axis.add_patch(Rectangle((x, y), 1, 1, fill=False, lw=0.4, color="0.6"))
        centres = np.arange(n) * _PANEL + 0.5
        axis.set_xticks(centres, [_short(each.path) for each in free], rotation=40, ha="right")
        axis.set_yticks(0.5 - np.arange(n) * _PANEL, [_short(each.path) for each in free])
        axis.set_xlim(-0.1, n * _PANEL)
        axis.set_ylim(-(n - 1) * _PANEL - 0.1, 1.1)
        axis.set_aspect("equal")
        axis.grid(False)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        figure.suptitle(f"Posterior in unit coordinates (0 and 1: bounds of the prior); orange: {mark}", fontsize=10)
    return figure


def _short(path: str) -> str:
    _, _, rest = path.partition(".")
    name, _, field = rest.rpartition(".")
    return field if name == "default" else f"{name} {field}"
