"""Calibrate: catalogue numbers fitted to measured experiments by least squares, and a sample of their posterior."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim import runtime
from adccsim.analysis.errors import SheetError
from adccsim.analysis.fitting.calibration import Free, local_widths, search
from adccsim.analysis.fitting.emulator import Emulated
from adccsim.analysis.fitting.emulator import sample as sample_emulator
from adccsim.analysis.fitting.posterior import overlay_text, write_calibration
from adccsim.analysis.fitting.posterior import sample as sample_particles
from adccsim.execution.folder import prepare, write_json
from adccsim.execution.points import ROUNDS, measure_points, read_rounds
from adccsim.experiments.errors import InputError, Interrupted, RunsFailed
from adccsim.experiments.inputs import Progress, Report, ScenarioSource, Source, given_scenario, silent, workplace
from adccsim.experiments.measured import Experiment, check_design, evaluate, small_experiment, with_numbers
from adccsim.parameters.lookup import Number, number_at
from adccsim.scenario.load import load_scenario
from adccsim.scenario.well.calibrate import free_range
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.schema import Calibrate as Settings
from adccsim.scenario.well.schema import Scenario
from adccsim.text import count
from adccsim.version import WELL_MODEL

STORE = "calibration_points.jsonl"
DATABASE = "posterior.db"
Values = Mapping[str, float]
Measure = Callable[[Sequence[Values]], list[np.ndarray]]


@dataclass(frozen=True)
class Calibrated:
    """A fit. Parameters are named by their path in the catalogue, "kind.entry.field".

    free       the free parameters with their bounds.   numbers  the catalogue's own: value, range, unit.
    best       the best values.   widths  posterior over prior SD near them, for a linear model; empty without search.
    residuals  columns experiment, label, quantity, of, observed, simulated, sigma, z: every fitted number at `best`.
    posterior  a column per parameter, weight, distance; None where none was asked for.
    checked    z (n, rows) simulated at draws of the posterior; None without an emulator.
    facts      how the fit was made, as calibration.json holds it.
    overlay    the catalogue overlay that was written; None if none was.
    """

    free: tuple[Free, ...]
    numbers: dict[str, Number]
    best: dict[str, float]
    widths: dict[str, float]
    residuals: pd.DataFrame
    posterior: pd.DataFrame | None
    checked: np.ndarray | None
    facts: dict[str, object]
    overlay: Path | None = None

    @property
    def overlay_text(self) -> str:
        """A catalogue overlay (TOML) that holds the best values."""
        units = {path: number.unit for path, number in self.numbers.items()}
        ranges = {path: (number.low, number.high) for path, number in self.numbers.items()}
        return str(overlay_text(self.best, units, ranges, self.facts))

    def write(self, folder: Path) -> Path:
        """Write folder/best.toml, calibration.json, tables/*.csv and, with a posterior, figures/*; return best.toml."""
        starts = {path: number.value for path, number in self.numbers.items()}
        of_posterior = self.posterior, self.overlay_text, self.facts, self.checked
        found = write_calibration(folder, self.free, starts, self.best, self.widths, self.residuals, *of_posterior)
        return Path(found)


def calibrate(
    scenario: ScenarioSource,
    out: Path | None = None,
    *,
    sets: Sequence[str] = (),
    workers: int | None = None,
    report: Report = silent,
    progress: Progress = silent,
) -> Calibrated:
    """Fit the free numbers of [calibrate] to the measurement of [compare], and to those of further experiments.

    scenario: a file, the name of a shipped one, or a loaded scenario that was read from text. out: where the measured
    points are kept, so that interrupted work goes on, and where the result is written; None: nowhere. sets: "key=value"
    texts, laid over the file. workers: processes; None: one per core.
    Raises ScenarioError, FolderError and InputError before anything is run; RunsFailed; Interrupted.
    """
    given = given_scenario(scenario, sets)
    if not isinstance(given.scenario, Scenario) or (settings := given.scenario.calibrate) is None:
        raise InputError([f"{given.where}: no table [calibrate]; free = {{...}} in it names the numbers to fit"])
    _require_library(settings)
    _experiments.cache_clear()  # measured data and overlays may have changed since a call before
    plan = _Plan(_sources(given.scenario), settings.donors, settings.cells, given.scenario.seed)
    experiments = _sound(plan)
    free = _free(given.scenario, settings)
    _no_idle_parameter(experiments, free)
    with workplace(out) as folder:
        prepare(folder)
        found = _Fit(given.scenario, settings, free, plan, experiments, folder, workers, report, progress).result()
    return found if out is None else replace(found, overlay=found.write(out))


# -- before anything runs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """What a process needs to build the experiments for itself."""

    sources: tuple[Source, ...]
    donors: int
    cells: int
    seed: int


@cache
def _experiments(plan: _Plan) -> list[Experiment]:
    """All experiments of a plan, small; read once in each process."""
    return [small_experiment(source, plan.donors, plan.cells, plan.seed) for source in plan.sources]


def _require_library(settings: Settings) -> None:
    if settings.population and settings.method == "ABC-SMC" and find_spec("pyabc") is None:
        raise InputError(["ABC-SMC needs the extra calibrate (pip install 'adccsim[calibrate]'); calibrate.method = "
                          '"emulator" and calibrate.population = 0 do without'])  # fmt: skip


def _sources(scenario: Scenario) -> tuple[Source, ...]:
    """The scenario and the further ones of [calibrate]."""
    further = []
    for path in scenario.calibrate_experiments:
        found = load_scenario(path)
        if not isinstance(found, Scenario) or found.compare is None:
            raise InputError([f"{path}: no table [compare]: it says what was measured"])
        further.append(Source.of(found))
    return (Source.of(scenario), *further)


def _sound(plan: _Plan) -> list[Experiment]:
    """The experiments, whose observations fit the design."""
    try:
        experiments = _experiments(plan)
        for each in experiments:
            check_design(each.observed, each.keys, each.scenario, expand(each.scenario))
    except SheetError as error:
        raise InputError(error.problems) from error
    return experiments


def _free(scenario: Scenario, settings: Settings) -> tuple[Free, ...]:
    return tuple(Free(path, *free_range(scenario.known, path, ends)) for path, ends in settings.free.items())


def _no_idle_parameter(experiments: Sequence[Experiment], free: Sequence[Free]) -> None:
    """Raises InputError where a free number is read by no well of any experiment."""

    def wells(each: Experiment, values: Values) -> list[str]:
        return [condition.text for condition in expand(with_numbers(each.scenario, values))]

    def read(free: Free) -> bool:
        return any(wells(e, {free.path: free.low}) != wells(e, {free.path: free.high}) for e in experiments)

    idle = [each.path for each in free if not read(each)]
    if idle:
        raise InputError(f"calibrate.free.{json.dumps(path)}: has no effect: no experiment reads it" for path in idle)


def _digest(experiments: Sequence[Experiment]) -> str:
    """Names what a stored point was measured with: every number of every well, and what it was held against."""
    digest = hashlib.sha256()
    for each in experiments:
        digest.update(each.observed.to_csv().encode())
        for condition in expand(each.scenario):
            digest.update(condition.text.encode())
    return digest.hexdigest()[:16]


# -- the search and the posterior -----------------------------------------------------------------------------------


def measure_point(plan: _Plan, values: Values) -> dict[str, float]:
    """z of every row at one point; runs in any process."""
    table = evaluate(_experiments(plan), values)
    return {f"{row.experiment} {row.label} {row.of}": row.z for row in table.itertuples()}


@dataclass
class _Fit:
    """One fit at work: the scenario and its settings, what is fitted, and where points are kept."""

    scenario: Scenario
    settings: Settings
    free: tuple[Free, ...]
    plan: _Plan
    experiments: list[Experiment]
    folder: Path
    workers: int | None
    report: Report
    progress: Progress
    asked: int = 0  # points that the search has asked for

    def __post_init__(self) -> None:
        self.digest = _digest(self.experiments)

    def result(self) -> Calibrated:
        """Search, then the widths near the best values, then the posterior, as far as they are asked for."""
        begun = time.monotonic()
        best = self._search()
        near = local_widths(self.free, best, self._measure) if self.settings.evaluations else {}
        posterior, emulated = self._posterior(best)
        if not self.settings.evaluations and posterior is not None:
            best = {each.path: float(posterior[each.path].median()) for each in self.free}
        table = evaluate(self.experiments, best)
        facts = self._facts(round(time.monotonic() - begun, 1), emulated)
        numbers = {each.path: number_at(self.scenario.known, each.path) for each in self.free}
        checked = None if emulated is None else emulated.checked
        return Calibrated(self.free, numbers, best, near, table, posterior, checked, facts)

    def _facts(self, wall_s: float, emulated: Emulated | None) -> dict[str, object]:
        facts: dict[str, object] = {
            "experiments": [each.name for each in self.experiments], "seed": self.scenario.seed,
            "donors": self.settings.donors, "cells": self.settings.cells, "points_of_the_search": self.asked,
            "wall_s": wall_s,
        }  # fmt: skip
        if emulated is not None:
            facts["posterior"] = emulated.facts
        return facts | {"model": WELL_MODEL, "date": date.today().isoformat()}

    def _measure(self, points: Sequence[Values]) -> list[np.ndarray]:
        """z of several points, from the store where they are known. Raises Interrupted, RunsFailed."""
        names = [self._name(point) for point in points]
        by_name = dict(zip(names, points, strict=True))
        job, store = partial(measure_point, self.plan), self.folder / STORE
        answer = measure_points(by_name, job, store, self.workers, self.progress)
        if answer.signal is not None:
            text = "interrupted: points that were measured are kept; the same command goes on from there"
            raise Interrupted(answer.signal, text)
        if answer.failed:
            raise RunsFailed(sorted(set(answer.failed.values())))
        return [np.array(list(answer.found[name].values())) for name in names]

    def _name(self, point: Values) -> str:
        """The name of a point in the store."""
        return hashlib.sha256(f"{self.digest} {json.dumps(point, sort_keys=True)}".encode()).hexdigest()[:16]

    def _search(self) -> dict[str, float]:
        """Best values by path: the catalogue's own, within the ranges, where nothing is searched."""
        start = {each.path: number_at(self.scenario.known, each.path).value for each in self.free}
        start = {each.path: min(max(start[each.path], each.low), each.high) for each in self.free}
        if not self.settings.evaluations:
            return start
        return search(self.free, start, self._counted, self.settings.evaluations)

    def _counted(self, points: Sequence[Values]) -> list[np.ndarray]:
        self.asked += len(points)
        found = self._measure(points)
        self.report(f"{count(self.asked, 'point')} asked for")
        return found

    def _posterior(self, best: Values) -> tuple[pd.DataFrame | None, Emulated | None]:
        """(draws, what the emulator says of itself); None where it is not asked for."""
        if not self.settings.population:
            return None, None
        if self.settings.method == "emulator":
            emulated = self._emulated(best)
            return emulated.posterior, emulated
        runtime.configure(1)
        settings, workers = self.settings, self.workers or runtime.cores()
        return sample_particles(
            self.free, partial(measure_point, self.plan), settings.population, settings.generations,
            self.scenario.seed, self.folder / DATABASE, workers, self.report,
        ), None  # fmt: skip

    def _emulated(self, best: Values) -> Emulated:
        """The posterior by emulator; the points of its rounds are kept next to those that are measured."""
        settings, seed = self.settings, self.scenario.seed
        bounds = {each.path: [each.low, each.high] for each in self.free}
        what = json.dumps([self.digest, seed, settings.population, best, bounds])
        recall = partial(_recalled, self.folder / ROUNDS, hashlib.sha256(what.encode()).hexdigest()[:16])
        return sample_emulator(
            self.free, best, self._measure, settings.population, settings.generations, seed, self.report, recall
        )


def _recalled(rounds: Path, fit: str, name: str, draw: Callable[[], np.ndarray]) -> np.ndarray:
    """The points of a round of a fit as they were drawn before, or else as they are drawn now."""
    kept = read_rounds(rounds)
    key = f"{fit} {name}"
    if key not in kept:
        kept[key] = draw().tolist()
        write_json(rounds, kept)
    return np.array(kept[key])
