"""Predict: simulated experiments as one table, with the commit that it comes from, before measurements are seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.errors import MissingControls
from adccsim.analysis.fitting.predictions import prediction_rows, prediction_table
from adccsim.analysis.tables import write_table
from adccsim.execution import provenance
from adccsim.experiments.errors import InputError, ResultError, RunsFailed
from adccsim.experiments.inputs import Given, Progress, Report, silent, workplace
from adccsim.experiments.study import run_conditions
from adccsim.scenario.load import load_scenario
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.schema import Scenario
from adccsim.version import WELL_MODEL


@dataclass(frozen=True)
class Predicted:
    """A prediction: one row per condition of every experiment, and the state that it comes from.

    table      columns prediction (name of the experiment), the condition, mean, SD, intervals, the curve, the state.
    catalogue  digest of model version, catalogue and overlays, which names the file.   commit  of the checkout.
    path       the file that was written; None if none was.
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    catalogue: str
    commit: str
    path: Path | None = None

    def write(self, folder: Path) -> Path:
        """Write folder/CATALOGUE.csv. Raises InputError if it is there: a prediction is never overwritten."""
        target = folder / f"{self.catalogue}.csv"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("x"):  # of two processes one may write
                pass
        except FileExistsError:
            text = f"{target}: written by somebody else meanwhile; a prediction is never overwritten"
            raise InputError([text]) from None
        write_table(self.table, target)
        return target


def predict(
    files: Sequence[Path],
    out: Path | None = None,
    *,
    scratch: Path | None = None,
    workers: int | None = None,
    report: Report = silent,
    progress: Progress = silent,
) -> Predicted:
    """Simulate the experiments of scenario files, which have to be committed, as the program has.

    out: where the table goes, as of Predicted.write; None: nowhere. scratch: where the runs are kept; None: nowhere.
    workers: processes; None: one per core.
    Raises ScenarioError, InputError and StateError before anything is run; RunsFailed, ResultError where an experiment
    gives nothing to predict; Interrupted.
    """
    _names_apart(files)
    given = [_of_file(path) for path in files]
    overlays = list(dict.fromkeys(file for each in given for file in each.scenario.overlays))
    catalogue = provenance.state_hash(overlays)
    if out is not None and (target := out / f"{catalogue}.csv").exists():
        raise InputError([f"{target}: there already; a prediction is never overwritten"])
    commit = provenance.committed_state([*files, *overlays])
    with workplace(None if scratch is None else scratch / catalogue) as folder:
        _run_all(given, folder, workers, report, progress)
        state = {"model": WELL_MODEL, "catalogue": catalogue, "commit": commit}
        names = tuple(each.stem for each in given)
        table = prediction_table([_rows(name, folder / name) for name in names], state)
    found = Predicted(table, names, catalogue, commit)
    return found if out is None else replace(found, path=found.write(out))


def _names_apart(files: Sequence[Path]) -> None:
    names = [path.stem for path in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{name}: two files of this name; a prediction is known by it" for name in twice)


def _of_file(path: Path) -> Given:
    scenario = load_scenario(path)
    if not isinstance(scenario, Scenario):
        raise InputError([f"{path}: only experiments in wells are predicted"])
    return Given(scenario, path, path.name)


def _run_all(given: Sequence[Given], folder: Path, workers: int | None, report: Report, progress: Progress) -> None:
    for each in given:
        assert isinstance(each.scenario, Scenario)
        wells = expand(each.scenario)
        outcome = run_conditions(each, wells, folder / each.stem, workers=workers, report=report, progress=progress)
        if outcome.failed:
            raise RunsFailed([f"{each.where}: runs failed; nothing is written"])


def _rows(name: str, folder: Path) -> pd.DataFrame:
    """Rows of one experiment. Raises ResultError where a plate lacks its controls or a file cannot be used."""
    try:
        result = analyse_wells(folder, with_figures=False)
    except MissingControls as error:
        raise ResultError(f"{name}: {line}" for line in str(error).split("; ")) from error
    if result.problems or "lysis_summary" not in result.tables:
        raise ResultError(f"{name}: {line}" for line in result.problems or ["it has no lysis to predict"])
    return prediction_rows(name, result.tables)
