"""Posterior of an expensive model by emulation: simulations, a response surface through them, MCMC on the surface.

Model    The likelihood is that of the fit: every z (analysis.fitting.calibration) is normal with variance 1, rows
         independent, prior uniform in unit coordinates.  Each row of z is emulated by a second-order polynomial in all
         parameters; its second-order terms are shrunk (ridge, closed form) to minimise the leave-one-out error, and the
         leave-one-out variance of a row is added to its variance, so that errors of the surface and noise of small
         wells widen the posterior.  Rounds: points drawn from the current posterior, flattened by `FLAT`, are
         simulated and the surface is refitted; the first surface is a plane through slopes at the start.
         Calibrate, emulate, sample (Cleary et al. 2021, J Comput Phys 424:109716) with a response surface.
         Chains: differential evolution (ter Braak 2006, Stat Comput 16:239) in two halves that propose for each other.
Check    The last round is drawn from the posterior without flattening: before its points enter the surface they give
         the error of the surface and, as they are simulations, the posterior-predictive spread.
Limits   linear model: the exact normal posterior; no information: the prior   (tests/analysis/fitting/test_emulator.py)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from adccsim.analysis.fitting.calibration import Free, neighbours

FLAT = 2.0  # variance of the points of a round over that of the current posterior
DRAWS = 1000
_SHRINK = 10.0 ** np.arange(-1, 6)
_CHAINS, _STEPS, _BURN = 200, 9000, 3000
_JUMP_EVERY, _JITTER = 10, 1e-4
_FAR_Z = 30.0  # points further away are ignored: they say nothing about the surface near the data

Measure = Callable[[Sequence[Mapping[str, float]]], list[np.ndarray]]


@dataclass(frozen=True)
class Emulated:
    """Result of `sample`.

    posterior  columns: one per path (in its unit), weight (all equal), distance (emulated root mean square of z).
    checked    simulated z (n, rows) of the last round: draws from the posterior before that round.
    facts      cost and quality, for calibration.json.
    """

    posterior: pd.DataFrame
    checked: np.ndarray
    facts: dict


@dataclass(frozen=True)
class Surface:
    """z of every row as a second-order polynomial in unit coordinates; noise: leave-one-out SD per row."""

    centre: np.ndarray
    scale: np.ndarray
    slopes: np.ndarray
    noise: np.ndarray
    squares: bool = True

    def z(self, units: np.ndarray) -> np.ndarray:
        """z (n, rows) at units (n, P)."""
        return _terms((units - self.centre) / self.scale, self.squares) @ self.slopes

    def log_likelihood(self, units: np.ndarray, flat: float = 1.0) -> np.ndarray:
        """Log likelihood (n,) at units (n, P) up to a constant, divided by `flat`."""
        return -0.5 * (self.z(units) ** 2 / (1 + self.noise**2)).sum(axis=1) / flat


def plane(units: np.ndarray, rows: np.ndarray) -> Surface:
    """The plane through P + 1 points; its noise is set to 1, the SD of a row, because it cannot be estimated."""
    one = np.ones(units.shape[1])
    slopes = np.linalg.lstsq(_terms(units - units[0], False), rows, rcond=None)[0]
    return Surface(units[0], one, slopes, np.ones(rows.shape[1]), False)


def surface(units: np.ndarray, rows: np.ndarray) -> Surface:
    """The surface through points (n, P) with z rows (n, R); each row with its own shrinkage."""
    centre, scale = units.mean(axis=0), units.std(axis=0) + 1e-9
    terms = _terms((units - centre) / scale, True)
    n, first = len(units), 1 + units.shape[1]
    best = np.full(rows.shape[1], np.inf)
    slopes = np.zeros((terms.shape[1], rows.shape[1]))
    for shrink in _SHRINK:
        penalty = np.full(terms.shape[1], shrink)
        penalty[0], penalty[1:first] = 0.0, 1e-3
        solved = np.linalg.solve(terms.T @ terms + np.diag(penalty), terms.T)
        fitted = solved @ rows
        leverage = np.minimum(np.einsum("ij,ji->i", terms, solved), 1 - 1 / n)
        error = ((rows - terms @ fitted) / (1 - leverage)[:, None]) ** 2
        better = error.mean(axis=0) < best
        best = np.where(better, error.mean(axis=0), best)
        slopes[:, better] = fitted[:, better]
    return Surface(centre, scale, slopes, np.sqrt(best))


def chains(
    log_density: Callable[[np.ndarray], np.ndarray], start: np.ndarray, rng: np.random.Generator,
    steps: int, burn: int,
) -> np.ndarray:  # fmt: skip
    """Draws (steps - burn, chains, P) of a density inside the unit cube; start (chains, P), with an even number."""
    units, half = start.copy(), len(start) // 2
    density = log_density(units)
    kept = np.empty((steps - burn, *units.shape))
    for step in range(steps):
        for mine, other in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
            rest = units[other]
            one = rng.integers(half, size=half)
            two = (one + rng.integers(1, half, size=half)) % half  # never the same chain
            gamma = 1.0 if step % _JUMP_EVERY == 0 else 2.38 / np.sqrt(2 * units.shape[1])
            moved = units[mine] + gamma * (rest[one] - rest[two])
            moved += rng.normal(0.0, _JITTER, moved.shape)
            inside = ((moved >= 0) & (moved <= 1)).all(axis=1)
            proposed = np.where(inside, log_density(np.clip(moved, 0, 1)), -np.inf)
            taken = np.log(rng.random(half)) < proposed - density[mine]
            units[mine] = np.where(taken[:, None], moved, units[mine])
            density[mine] = np.where(taken, proposed, density[mine])
        if step >= burn:
            kept[step - burn] = units
    return kept


def split_r_hat(kept: np.ndarray) -> float:
    """The largest split R-hat over parameters of draws (steps, chains, P): 1 if all chains agree."""
    half = len(kept) // 2
    parts = np.concatenate([kept[:half], kept[half : 2 * half]], axis=1)
    within = parts.var(axis=0, ddof=1).mean(axis=0)
    between = parts.mean(axis=0).var(axis=0, ddof=1)
    return float(np.sqrt((within * (half - 1) / half + between) / within).max())


def sample(
    free: Sequence[Free], start: Mapping[str, float], z_of: Measure, points: int, rounds: int, seed: int,
    say: Callable[[str], None] = lambda text: None,
    recall: Callable[[str, Callable[[], np.ndarray]], np.ndarray] = lambda name, draw: draw(),
) -> Emulated:  # fmt: skip
    """The posterior from `points` simulations in each of `rounds` rounds, after one at the start and one per slope.

    start   point of the slopes of the first plane (path -> value): a best fit or a guess.
    z_of    as in calibration.search: the same z for the same point.
    recall  returns the stored points of a round (by name), or calls the function that draws them: another linear
    algebra library or number of threads gives other chains, and simulated points must not be lost.
    """

    def simulate(units: np.ndarray) -> np.ndarray:
        values = [{each.path: each.value(u) for each, u in zip(free, unit, strict=True)} for unit in units]
        return np.array(z_of(values))

    units = np.array(neighbours(np.clip([each.unit(start[each.path]) for each in free], 0.0, 1.0))[0])
    rows = simulate(units)
    now, first, medians = plane(units, rows), units[0], []
    for number in range(1, rounds + 1):
        say(f"posterior: round {number} of {rounds}, {points} points")
        flat = FLAT if number < rounds else 1.0
        new = recall(f"round {number}", partial(_drawn, now, flat, first, points, [seed, number]))
        simulated, emulated = simulate(new), now.z(new)
        units, rows = np.concatenate([units, new]), np.concatenate([rows, simulated])
        near = np.isfinite(rows).all(axis=1) & (np.abs(rows) < _FAR_Z).all(axis=1)
        now = surface(units[near], rows[near])
        kept = _chained(now, 1.0, first, [seed, number, 1])
        medians.append(np.median(kept, axis=(0, 1)))
    drawn = _some(kept, DRAWS, seed)
    complete = np.isfinite(simulated).all(axis=1)
    simulated, error = simulated[complete], (simulated - emulated)[complete]
    distance = np.sqrt((now.z(drawn) ** 2).mean(axis=1))
    posterior = pd.DataFrame({each.path: [each.value(u) for u in drawn[:, p]] for p, each in enumerate(free)})
    moved = np.abs(medians[-1] - medians[-2]) / drawn.std(axis=0) if rounds > 1 else np.array([np.nan])
    facts = {
        "method": "emulator", "points_simulated": len(units), "points_not_used": int((~near).sum()),
        "rounds": rounds, "draws": len(drawn), "largest_r_hat": _short(split_r_hat(kept)),
        "largest_move_of_a_median_in_the_last_round_in_posterior_sd": _short(moved.max()),
        "rms_error_of_z_leave_one_out": _short(np.sqrt((now.noise**2).mean())),
        "rms_error_of_z_in_the_last_round": _short(np.sqrt((error**2).mean())),
        "largest_mean_error_of_a_row_in_the_last_round": _short(np.abs(error.mean(axis=0)).max()),
        "mean_sum_of_squares_at_its_points": _short((simulated**2).sum(axis=1).mean()), "rows": rows.shape[1],
    }  # fmt: skip
    return Emulated(posterior.assign(weight=1 / len(drawn), distance=distance), simulated, facts)


def _chained(now: Surface, flat: float, first: np.ndarray, seed: Sequence[int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    start = np.clip(first + rng.normal(0.0, 0.02, (_CHAINS, len(first))), 0.0, 1.0)
    return chains(lambda units: now.log_likelihood(units, flat), start, rng, _STEPS, _BURN)


def _drawn(now: Surface, flat: float, first: np.ndarray, n: int, seed: Sequence[int]) -> np.ndarray:
    """n draws (n, P) from the flattened posterior of a surface."""
    return _some(_chained(now, flat, first, seed), n, seed)


def _short(number: float) -> float:
    return float(f"{number:.3g}")


def _some(kept: np.ndarray, n: int, seed: int | Sequence[int]) -> np.ndarray:
    """n of the draws (steps, chains, P), without replacement."""
    flat = kept.reshape(-1, kept.shape[2])
    return flat[np.random.default_rng(seed).choice(len(flat), n, replace=False)]


def _terms(x: np.ndarray, squares: bool) -> np.ndarray:
    """1, x and, if `squares`, all products of two (a square minus its mean under a standard normal)."""
    columns = [np.ones((len(x), 1)), x]
    if squares:
        i, j = np.triu_indices(x.shape[1])
        columns.append(x[:, i] * x[:, j] - (i == j))
    return np.concatenate(columns, axis=1)
