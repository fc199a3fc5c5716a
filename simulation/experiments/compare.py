"""Compare: the experiment of a scenario is simulated, and what was measured stands next to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from adccsim.analysis.assay.cells import OBSERVABLES, QUANTITIES, cell_table
from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.errors import MissingControls, SheetError
from adccsim.analysis.fitting.compare import Comparison
from adccsim.analysis.fitting.compare import compare as compare_tables
from adccsim.analysis.fitting.compare_report import overview, write_comparison, write_page
from adccsim.analysis.fitting.observed import read_observed
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import read_study
from adccsim.conditions import WellCondition
from adccsim.execution.ledger import Outcome
from adccsim.experiments.errors import ArgumentError, InputError, ResultError
from adccsim.experiments.inputs import Given, Progress, Report, ScenarioSource, given_scenario, silent, workplace
from adccsim.experiments.measured import check_design, data_file
from adccsim.experiments.study import run_conditions
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.schema import Scenario

PAGE = "compare.html"


@dataclass(frozen=True)
class ComparedStudy:
    """One experiment: the name of its folder, its runs, and how far the simulation is from the measurement.

    comparison  tables points, parameters, cells; summary, verdict, reasons and notes.
    problems    one line per file of the study that could not be used.
    """

    name: str
    outcome: Outcome
    comparison: Comparison
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """Simulated experiments next to measured ones; `page` is where they were written, None if nowhere."""

    studies: tuple[ComparedStudy, ...]
    page: Path | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparison of every experiment."""
        return [each.comparison for each in self.studies]

    @property
    def overview(self) -> pd.DataFrame:
        """Experiments as rows, agreement as columns, as text."""
        return overview(self.comparisons)

    @property
    def sound(self) -> bool:
        """Whether no run failed and every file could be used."""
        return not any(each.outcome.failed or each.problems for each in self.studies)

    def write(self, folder: Path) -> Path:
        """Write folder/compare.html, and tables and figures to folder/NAME of each experiment; returns the page."""
        figures = [write_comparison(each.comparison, folder / each.name) for each in self.studies]
        return write_page(folder / PAGE, self.comparisons, figures)


def compare(
    scenarios: Sequence[ScenarioSource],
    out: Path | None = None,
    *,
    sets: Sequence[str] = (),
    workers: int | None = None,
    report: Report = silent,
    progress: Progress = silent,
) -> Compared:
    """Run the scenarios of measured experiments, or reuse their runs, and compare.

    scenarios: files, names of shipped ones, or loaded scenarios, each with a table [compare]. out: where the page and
    a folder for each study go; without it nothing is kept. sets: "key=value" texts, laid over each file. workers:
    processes; None: one per core.
    Raises ScenarioError, FolderError, InputError and ArgumentError before anything is run; RunsFailed, ResultError
    where runs give nothing to compare; Interrupted.
    """
    planned = [_planned(given_scenario(each, sets)) for each in scenarios]
    _one_folder_each(planned, out or Path("."))
    with workplace(out) as folder:
        studies = tuple(_compared(each, folder / each.name, workers, report, progress) for each in planned)
        found = Compared(studies)
        return found if out is None else replace(found, page=found.write(out))


@dataclass(frozen=True)
class _Planned:
    """An experiment before it is run: the measured numbers fit the design."""

    given: Given
    scenario: Scenario
    conditions: list[WellCondition]
    observed: pd.DataFrame
    keys: list[str]
    notes: list[str]

    @property
    def name(self) -> str:
        # Benchmarks are folders, and their scenarios all have one name.
        path = self.given.path
        return path.resolve().parent.name if path is not None and path.stem == "scenario" else self.given.stem


def _planned(given: Given) -> _Planned:
    scenario = given.scenario
    if not isinstance(scenario, Scenario) or scenario.compare is None:
        raise InputError([f'{given.where}: no table [compare]; data = "observed.csv" in it names what was measured'])
    conditions = expand(scenario)
    try:
        observed, keys, notes = read_observed(data_file(scenario))
        check_design(observed, keys, scenario, conditions)
    except SheetError as error:
        raise InputError(f"{scenario.compare_data}: {line}" for line in error.problems) from error
    return _Planned(given, scenario, conditions, observed, keys, notes)


def _one_folder_each(planned: Sequence[_Planned], out: Path) -> None:
    names = [each.name for each in planned]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ArgumentError([f"two files would write to {out / name}; rename one of them"])


def _compared(
    planned: _Planned, folder: Path, workers: int | None, report: Report, progress: Progress
) -> ComparedStudy:
    outcome = run_conditions(
        planned.given, planned.conditions, folder, workers=workers, report=report, progress=progress
    )
    try:
        study = analyse_wells(folder)
        tables = study.tables | _cells(folder, planned)
        result = compare_tables(planned.observed, planned.keys, tables, _settings(planned, folder))
    except (SheetError, MissingControls) as error:
        raise ResultError(f"{folder}: {line}" for line in str(error).splitlines()) from error
    result.notes += planned.notes
    for line in study.problems:
        report(f"error: {line}")
    return ComparedStudy(planned.name, outcome, result, tuple(study.problems))


def _settings(planned: _Planned, folder: Path) -> dict[str, object]:
    assert planned.scenario.compare is not None
    settings: dict[str, object] = planned.scenario.compare.model_dump()
    settings["title"] = settings["title"] or planned.scenario.title or folder.name
    return settings


def _cells(folder: Path, planned: _Planned) -> dict[str, pd.DataFrame]:
    """The table `cells` of a finished study, where the observation has something that a microscope counts."""
    wanted = [name for name in QUANTITIES if name in set(planned.observed["quantity"])]
    if not wanted:
        return {}
    runs = read_study(folder, names=OBSERVABLES).runs
    return {"cells": cell_table(runs, *design_table(runs, planned.scenario.sweep), wanted)}
