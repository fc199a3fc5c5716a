"""Questions that are asked of many runs: compare with measurements, calibrate, predict, rank numbers by sensitivity.

The functions of adccsim.experiments with the arguments of a notebook: `set` is a dict of dotted keys, and
progress=True shows a bar. Without `out` nothing is kept on disk; results have a method `write`.
"""

from collections.abc import Mapping
from pathlib import Path

from adccsim.api.study import shown
from adccsim.experiments.calibrate import Calibrated
from adccsim.experiments.calibrate import calibrate as run_calibration
from adccsim.experiments.compare import Compared
from adccsim.experiments.compare import compare as run_comparison
from adccsim.experiments.inputs import Progress, Report, ScenarioSource, set_texts, silent
from adccsim.experiments.predict import Predicted
from adccsim.experiments.predict import predict as run_prediction
from adccsim.experiments.sensitivity import Sensitivities
from adccsim.experiments.sensitivity import sensitivity as run_sensitivity


def compare(
    *scenarios: ScenarioSource,
    out: str | Path | None = None,
    set: Mapping[str, object] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    report: Report = silent,
) -> Compared:
    """Simulate measured experiments and compare: scenarios with a table [compare], which names the measured values.

    Raises ScenarioError, InputError before anything is run; RunsFailed, ResultError, Interrupted.
    """
    with shown(progress) as step:
        return run_comparison(scenarios, _path(out), sets=set_texts(set), workers=workers, report=report, progress=step)


def calibrate(
    scenario: ScenarioSource,
    out: str | Path | None = None,
    *,
    set: Mapping[str, object] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    report: Report = silent,
) -> Calibrated:
    """Fit the catalogue numbers named in [calibrate] to measured experiments; with `out`, interrupted work goes on.

    Raises ScenarioError, InputError before anything is run; RunsFailed, Interrupted.
    """
    with shown(progress) as step:
        return run_calibration(scenario, _path(out), sets=set_texts(set), workers=workers, report=report, progress=step)


def sensitivity(
    scenario: ScenarioSource,
    out: str | Path | None = None,
    *,
    set: Mapping[str, object] | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    report: Report = silent,
) -> Sensitivities:
    """Rank the numbers of [sensitivity] by how far they move the outcome over their ranges (Morris, Sobol).

    Raises ScenarioError, InputError before anything is run; RunsFailed, Interrupted.
    """
    with shown(progress) as step:
        return run_sensitivity(scenario, _path(out), sets=set_texts(set), workers=workers, report=report, progress=step)


def predict(
    *files: str | Path,
    out: str | Path | None = None,
    workers: int | None = None,
    progress: bool | Progress = False,
    report: Report = silent,
) -> Predicted:
    """Simulate experiments before their measurements are looked at: one table, named by the state of the catalogue.

    files: scenario files in a git checkout, committed. Raises ScenarioError, InputError, StateError; RunsFailed.
    """
    with shown(progress) as step:
        paths = [Path(file) for file in files]
        return run_prediction(paths, _path(out), workers=workers, report=report, progress=step)


def _path(out: str | Path | None) -> Path | None:
    return None if out is None else Path(out)
