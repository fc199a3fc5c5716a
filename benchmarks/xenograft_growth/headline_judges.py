"""How a headline figure is computed from a study, and when it agrees: one judge per kind of row.

A row is assessed separately at every point of the ridge: it `agrees` if it holds at every point that was run, `in part`
if at some, and `does not agree` if at none. Rows determined by an input are marked and not counted.
All mice are measured by caliper and evaluated as in `analysis`: T/C and tgi_tc from the means on the day of
evaluation (the last with 80 % of the controls), growth rates as slopes of ln V, responses in PPTP-like categories,
time to the end point as the first reading at or above it. Mice of one number are the same animal in every arm, so
differences are paired.
Pooled figures: T/C of each design as ln ratio of means with its delta-method error, random effects after DerSimonian
and Laird; a treated mean below the limit of quantification is set to that limit. Median survival: ratio of
Kaplan-Meier medians per design, mean of its ln weighted by mice, its error from the spread between designs; a treated
median that is not reached counts as the last day (a lower bound). The pooling method of the meta-analysis was not read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adccsim.analysis.growth import inference, survival
from adccsim.analysis.growth import measures as tumour_growth
from adccsim.analysis.growth.inference import Estimate
from adccsim.analysis.growth.response import ABSENT_BELOW_MM3, RESPONDERS

COUNTED, GIVEN = "counted", "by construction"
NO_GAIN_FRACTION = 0.05  # of the control's growth rate: a smaller gain counts as none
NO_EFFECT_PCT = 10.0  # of T/C: a smaller effect counts as none
HALF = 0.5


@dataclass(frozen=True)
class Result:
    """A row at one point: value, 95 % interval over its mice (None if missing), whether it holds, text and unit."""

    value: float
    low: float | None
    high: float | None
    holds: bool
    text: str
    unit: str = ""


@dataclass(frozen=True)
class Row:
    """One headline figure. trials: the studies it uses; judge: (trial name -> its mice) -> Result."""

    name: str
    figure: str
    published: str
    source: str
    rule: str
    trials: tuple[str, ...]
    judge: Callable[[dict[str, Mice]], Result]
    standing: str = COUNTED
    why: str = ""


@dataclass(frozen=True)
class Mice:
    """One study at one point: its control, tidy caliper rows and the table of its mice (analysis.growth.tables)."""

    control: str
    rows: pd.DataFrame
    table: pd.DataFrame
    loq_mm3: float

    def arm(self, arm: str, column: str) -> pd.Series:
        """One column of the mice of an arm, by mouse number."""
        rows = self.table[self.table["arm"] == arm]
        return pd.Series(rows[column].to_numpy(dtype=float), index=rows["mouse"].astype(int)).sort_index()

    def rates(self, arm: str) -> pd.Series:
        """Growth rates of an arm in 1/d."""
        return self.arm(arm, "growth_rate_per_day")

    def effect(self, arm: str) -> pd.Series:
        """Growth rate of each mouse minus that of the same mouse without treatment, in 1/d."""
        return self.rates(arm) - self.rates(self.control)

    def tc(self, arm: str) -> Estimate:
        """T/C in percent."""
        column = "evaluation_volume_mm3"
        both = pd.concat([self.arm(arm, column), self.arm(self.control, column)], axis=1).dropna().to_numpy()
        return inference.bootstrap_t_paired_ratio(both[:, 0], both[:, 1]).through(lambda ratio: 100.0 * ratio)

    def responders(self, arm: str) -> tuple[int, int]:
        """(mice that lost half their volume at some reading, mice with a category)."""
        categories = self.table.loc[self.table["arm"] == arm, "pptp_like"]
        categories = categories[categories != ""]
        return int(categories.isin(RESPONDERS).sum()), len(categories)


def difference(a: pd.Series, b: pd.Series) -> Estimate:
    """Mean of a - b over the mice in both."""
    both = pd.concat([a, b], axis=1)
    return inference.paired(both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy(), "growth rate")


def below(estimate: Estimate) -> bool:
    """Whether the whole interval lies below zero."""
    return estimate.high is not None and estimate.high < 0.0


def as_result(estimate: Estimate, holds: bool, unit: str) -> Result:
    """An estimate as the result of a row."""
    value = math.nan if estimate.value is None else estimate.value
    limits = "" if estimate.low is None else f" ({estimate.low:.3g} to {estimate.high:.3g})"
    text = f"{value:.3g}{limits} {unit}".strip()
    return Result(value, estimate.low, estimate.high, holds, text, unit.split(" over ")[0])


# -- judges ---------------------------------------------------------------------------------------------------------


def inhibition_within(trial: str, arm: str, low: float, high: float) -> Callable:
    """tgi_tc whose interval overlaps a published band."""

    def judge(of: dict[str, Mice]) -> Result:
        tgi = of[trial].tc(arm).through(lambda tc: 100.0 - tc)
        return as_result(tgi, overlaps(tgi, low, high), "%")

    return judge


def overlaps(estimate: Estimate, low: float, high: float) -> bool:
    """Whether the interval, or the value if there is none, overlaps low-high."""
    if estimate.value is None:
        return False
    least = estimate.value if estimate.low is None else estimate.low
    most = estimate.value if estimate.high is None else estimate.high
    return least <= high and most >= low


def regression(trial: str, arm: str) -> Callable:
    """At least half of the mice lose half of their tumour."""

    def judge(of: dict[str, Mice]) -> Result:
        hits, n = of[trial].responders(arm)
        fraction = hits / n if n else math.nan
        return Result(100.0 * fraction, None, None, fraction >= HALF, f"{hits} of {n} mice", "% of mice")

    return judge


def better(pairs: list[tuple[str, str, str]]) -> Callable:
    """(trial, arm, lesser arm) ...: the arm grows more slowly than each lesser one, and the interval excludes zero."""

    def judge(of: dict[str, Mice]) -> Result:
        differences = [difference(of[trial].rates(arm), of[trial].rates(lesser)) for trial, arm, lesser in pairs]
        smallest = max(differences, key=lambda each: math.inf if each.high is None else each.high)
        return as_result(smallest, all(map(below, differences)), "/d")

    return judge


def no_gain(trial: str, arm: str, without: str) -> Callable:
    """The interval of the difference includes zero, or the gain is below NO_GAIN_FRACTION of the control's rate."""

    def judge(of: dict[str, Mice]) -> Result:
        mice = of[trial]
        gain = difference(mice.rates(arm), mice.rates(without))
        small = abs(gain.value) < NO_GAIN_FRACTION * mice.rates(mice.control).mean()
        return as_result(gain, small or overlaps(gain, 0.0, 0.0), "/d")

    return judge


def no_effect(trial: str, arm: str) -> Callable:
    """The interval of T/C includes 100 %, or T/C is within NO_EFFECT_PCT of it."""

    def judge(of: dict[str, Mice]) -> Result:
        tc = of[trial].tc(arm)
        return as_result(tc, abs(tc.value - 100.0) <= NO_EFFECT_PCT or overlaps(tc, 100.0, 100.0), "% T/C")

    return judge


def stronger_in(first: str, second: str, arm: str) -> Callable:
    """The arm lowers the growth rate more in one study than in another, and the interval excludes zero."""

    def judge(of: dict[str, Mice]) -> Result:
        gain = difference(of[first].effect(arm), of[second].effect(arm))
        return as_result(gain, below(gain), "/d")

    return judge


def strains(order: list[str], arm: str) -> Callable:
    """Studies in falling order of effect: the first two may be equal, the other intervals exclude zero."""

    def judge(of: dict[str, Mice]) -> Result:
        effects = [of[name].effect(arm) for name in order]
        steps = [difference(a, b) for a, b in itertools.pairwise(effects)]
        first = steps[0].low is None or steps[0].low <= 0.0
        text = ", ".join(f"{effect.mean():.3g}" for effect in effects) + " /d"
        return Result(math.nan, None, None, first and all(map(below, steps[1:])), text)

    return judge


def recurrence(trial: str, arm: str, until_d: float) -> Callable:
    """A mouse is below 40 mm3 by a day, and at least half of such mice regain their start volume later."""

    def judge(of: dict[str, Mice]) -> Result:
        complete = recurred = 0
        rows = of[trial].rows
        for _, mouse in rows[rows["arm"] == arm].groupby("mouse", sort=False):
            day, volume = mouse["day"].to_numpy(), mouse["volume_mm3"].to_numpy()
            absent = np.flatnonzero((volume < ABSENT_BELOW_MM3) & (day <= until_d))
            if len(absent):
                complete += 1
                recurred += bool((volume[absent[0] :] >= volume[0]).any())
        n = rows.loc[rows["arm"] == arm, "mouse"].nunique()
        fraction = 100.0 * recurred / complete if complete else math.nan
        text = f"{complete} of {n} complete, {recurred} of them recurred"
        return Result(fraction, None, None, complete > 0 and recurred >= HALF * complete, text, "% of complete")

    return judge


def pooled_tc(designs: tuple[str, ...], low: float, high: float) -> Callable:
    """T/C pooled over designs; its interval overlaps the published one."""

    def judge(of: dict[str, Mice]) -> Result:
        effects, variances = [], []
        for name in designs:
            mice = of[name]
            treated, control = (
                tumour_growth.complete_pairs(mice.table, arm)[:, 1] for arm in ("trastuzumab", mice.control)
            )
            if min(len(treated), len(control)) < 2:
                continue
            mean = max(treated.mean(), mice.loq_mm3)
            effects.append(math.log(mean / control.mean()))
            fractions = [v.var(ddof=1) / len(v) / m**2 for v, m in ((treated, mean), (control, control.mean()))]
            variances.append(sum(fractions))
        pooled = random_effects(np.array(effects), np.array(variances)).through(lambda x: 100.0 * math.exp(x))
        return as_result(pooled, overlaps(pooled, low, high), f"% over {len(effects)} designs")

    return judge


def random_effects(effects: np.ndarray, variances: np.ndarray) -> Estimate:
    """DerSimonian and Laird's mean with its 95 % interval; effects, variances (n,)."""
    from statsmodels.stats.meta_analysis import combine_effects

    mean, _, low, high = (
        combine_effects(effects, variances, method_re="dl")
        .summary_frame()
        .loc["random effect", ["eff", "sd_eff", "ci_low", "ci_upp"]]
    )
    return Estimate(float(mean), float(low), float(high), method="random effects (DerSimonian and Laird)")


def pooled_survival(designs: tuple[str, ...], low: float, high: float) -> Callable:
    """Ratio of median survival pooled over designs; its interval overlaps the published one."""

    def judge(of: dict[str, Mice]) -> Result:
        ratios, weights, bounds = [], [], 0
        for name in designs:
            mice = of[name]
            medians = []
            for arm in ("trastuzumab", mice.control):
                time, event = mice.arm(arm, "days_to_endpoint"), mice.arm(arm, "endpoint_reached").astype(bool)
                medians.append(survival.median_time(survival.curve(time.to_numpy(), event.to_numpy()))[0])
            if not np.isfinite(medians[1]):
                continue  # without a control median there is no ratio
            if not np.isfinite(medians[0]):
                medians[0] = float(mice.arm("trastuzumab", "days_to_endpoint").max())
                bounds += 1
            ratios.append(math.log(medians[0] / medians[1]))
            weights.append(float((mice.table["arm"] != "").sum()))
        pooled = weighted_mean(np.array(ratios), np.array(weights)).through(math.exp)
        text = f" over {len(ratios)} designs" + (f", {bounds} at the last day" if bounds else "")
        return as_result(pooled, overlaps(pooled, low, high), text)

    return judge


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> Estimate:
    """Weighted mean with a t interval from the variance between the values, (n,) each."""
    from statsmodels.stats.weightstats import DescrStatsW

    if len(values) < 2:
        return inference.not_estimable("fewer than two designs", float(values[0]) if len(values) else None)
    # Weights with sum n give the degrees of freedom of n values.
    described = DescrStatsW(values, weights * len(weights) / weights.sum())
    low, high = described.tconfint_mean()
    return Estimate(float(described.mean), float(low), float(high), method="mean weighted by mice, t interval")
