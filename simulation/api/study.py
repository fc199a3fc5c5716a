"""Studies as objects: run a scenario or open a results folder, and read its tables, figures and run files.

    study = run("adcc_protocol", set={"targets.cells": 500})
    study.lysis_summary                 a pandas table, the one that tables/lysis_summary.csv holds
    study.plot.dose_response()          a matplotlib figure
    study.runs[0].events                what happened in one well

Everything that a study shows is computed from its run files, and computed once. Nothing is printed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from adccsim.api.run_file import RunFile, TemporaryFolder
from adccsim.conditions import MouseCondition, WellCondition
from adccsim.experiments.errors import InputError
from adccsim.experiments.inputs import Progress, Report, ScenarioSource, given_scenario, set_texts, silent
from adccsim.experiments.study import REPORT, analyse, examine, kind_of_folder
from adccsim.experiments.study import run as run_scenario
from adccsim.scenario.stored import scenario_of_study
from adccsim.study_file import read_study_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from adccsim.analysis.assay.study import WellAnalysis
    from adccsim.analysis.growth.mice import MiceAnalysis
    from adccsim.scenario.tables import Loaded

WELL_FIGURES = ("dose_response", "viability", "et_curve", "comparison", "time_course", "kills_per_nk", "well")
MOUSE_FIGURES = (
    *("mean_curves", "individual_curves", "spider", "waterfall", "growth_rates", "kaplan_meier", "body_weight"),
    *("inside", "slices"),
)


def run(
    scenario: ScenarioSource,
    out: str | Path | None = None,
    *,
    set: Mapping[str, object] | None = None,
    workers: int | None = None,
    check: bool = False,
    progress: bool | Progress = False,
    report: Report = silent,
) -> WellStudy | MouseStudy:
    """Simulate a scenario and return its study.

    scenario  the name of a shipped scenario, a file, a dict of its tables, a loaded scenario, or the results folder of
              a study, which is run again.
    out       the results folder; runs that are finished there are not made again, and tables, figures and report.html
              are written. None: a temporary folder, which is removed with the study and its run files; `save` keeps it.
    set       dotted key -> value, laid over the scenario: {"targets.cells": 500}.
    workers   processes; None: one per core.   check  runs verify their own bookkeeping; slower.
    progress  True shows a bar; or a function that receives each adccsim.execution.ledger.Step.
    report    receives notes.

    Raises ScenarioError with every error of the scenario, FolderError, RunsFailed, Interrupted.
    """
    given = given_scenario(scenario, set_texts(set))
    kept = TemporaryFolder() if out is None else None
    folder = kept.path if kept is not None else Path(str(out))
    with shown(progress) as step:
        run_scenario(given, folder, report=report, progress=step, workers=workers, check=check)
    if kept is None:
        analyse(folder)
    return _study(folder, kept)


def open(path: str | Path) -> WellStudy | MouseStudy | RunFile:
    """A results folder as a study, or one run file (.h5). Nothing is written.

    Raises InputError for what is neither.
    """
    path = Path(path)
    if path.is_dir() and (path / "runs").is_dir():
        return _study(path)
    if path.is_file():
        return RunFile(path)
    raise InputError([f"{path}: neither a results folder (with a folder `runs`) nor a run file"])


class Runs(Sequence[RunFile]):
    """The run files of a study by number, or by run id."""

    def __init__(self, folder: Path, kept: TemporaryFolder | None = None):
        self._kept = kept
        self.paths = sorted((folder / "runs").glob("*/*.h5"), key=lambda path: path.stem)
        self._by_id = {path.stem: path for path in self.paths}

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, which: int | str) -> RunFile: ...
    @overload
    def __getitem__(self, which: slice) -> list[RunFile]: ...
    def __getitem__(self, which: int | str | slice) -> RunFile | list[RunFile]:
        if isinstance(which, slice):
            return [RunFile(path, self._kept) for path in self.paths[which]]
        if isinstance(which, str):
            found = [run_id for run_id in self._by_id if which and run_id.startswith(which)]
            if len(found) != 1:
                many = (
                    f"{len(found)} runs of this study have ids that begin so"
                    if found
                    else "no run of this study has this id"
                )
                raise KeyError(f"{which}: {many}")
            return RunFile(self._by_id[found[0]], self._kept)
        return RunFile(self.paths[which], self._kept)

    def __iter__(self) -> Iterator[RunFile]:
        return (RunFile(path, self._kept) for path in self.paths)

    def __repr__(self) -> str:
        return f"<{len(self)} run files>"


class Plots:
    """Figures of a study: plot.NAME() or plot("NAME") is a matplotlib Figure; names() lists what can be drawn.

    Raises ValueError where the study holds nothing to draw.
    """

    def __init__(self, names: Sequence[str], draw: Callable[[str], Figure | None]):
        self._names, self._draw = tuple(names), draw

    def names(self) -> tuple[str, ...]:
        """Names of all figures."""
        return self._names

    def __call__(self, name: str) -> Figure:
        if name not in self._names:
            raise ValueError(f"{name}: no such figure; one of {', '.join(self._names)}")
        figure = self._draw(name)
        if figure is None:
            raise ValueError(f"{name}: this study holds nothing to draw")
        return figure

    def __getattr__(self, name: str) -> Callable[[], Figure]:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(f"{name}: no such figure; one of {', '.join(self._names)}")
        return lambda: self(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names]


class Study:
    """A finished study: its folder, its scenario, its run files, and what analysis makes of them.

    Tables are pandas DataFrames, the ones that DIR/tables/*.csv hold; `tables` has all of them by name.
    """

    def __init__(self, folder: Path, kept: TemporaryFolder | None = None):
        self.folder = folder
        self.runs = Runs(folder, kept)

    @cached_property
    def info(self) -> dict[str, Any]:
        """What study.json says: scenario, swept values, versions, runs. Empty where there is none."""
        try:
            return dict(read_study_file(self.folder / "study.json"))
        except (FileNotFoundError, NotADirectoryError):
            return {}

    @property
    def title(self) -> str:
        """Title of the scenario, or else the name of its file or of the folder."""
        return str(self.info.get("title") or self.info.get("scenario_file") or self.folder.name)

    @cached_property
    def scenario(self) -> Loaded:
        """The scenario that the study was made of. Raises InputError where the folder does not say."""
        return scenario_of_study(self.info, str(self.folder))

    @cached_property
    def analysis(self) -> Any:
        """What analysis computes from the run files. Raises InputError, IncompleteStudy, ResultError."""
        return examine(self.folder)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by the name of its CSV file."""
        return dict(self.analysis.tables)

    @property
    def headline(self) -> pd.DataFrame:
        """The main result as a small table of texts."""
        return self.analysis.headline

    @property
    def problems(self) -> list[str]:
        """One line per file or plate that could not be used."""
        return list(self.analysis.study.problems)

    @property
    def stand_ins(self) -> list[str]:
        """Whose numbers of the catalogue stand in for missing ones, one line each."""
        return list(self.analysis.stand_ins)

    def table(self, name: str) -> pd.DataFrame:
        """One table by name. Raises KeyError, naming those that there are."""
        tables = self.tables
        if name not in tables:
            raise KeyError(f"{name}: this study has no such table; it has {', '.join(tables)}")
        return tables[name]

    def text(self) -> str:
        """The result in some lines, as the command line prints it."""
        return str(self.analysis.text())

    def write(self) -> Path:
        """Write tables, figures and report.html into the folder of the study; returns the report."""
        return Path(analyse(self.folder).report)

    def save(self, folder: str | Path) -> Study:
        """Copy the study to a new folder, analyse it there, and return it. Raises InputError if the folder exists."""
        target = Path(folder)
        if target.exists():
            raise InputError([f"{target}: is there already; give the name of a new folder"])
        shutil.copytree(self.folder, target)
        analyse(target)
        return _study(target)

    def repeat(self, out: str | Path | None = None, **options: Any) -> Study:
        """Run the study again from what its folder says, elsewhere; options: those of run."""
        return run(self.folder, out, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title!r}: {len(self.runs)} run files in {self.folder}>"

    def _repr_html_(self) -> str:
        from adccsim.analysis.html import render

        report = self.folder / REPORT
        return str(
            render(
                "study.html",
                title=self.title,
                runs=len(self.runs),
                folder=str(self.folder),
                headline=self.headline,
                headline_title=self.headline.attrs.get("title", ""),
                stand_ins=self.stand_ins,
                problems=self.problems,
                tables=list(self.tables),
                figures=list(self.plot.names()),
                report=str(report) if report.exists() else "",
            )
        )

    @property
    def plot(self) -> Plots:
        """Figures of the study."""
        raise NotImplementedError


class WellStudy(Study):
    """A study of wells: lysis, dose response, killing."""

    KIND = WellCondition.KIND
    analysis: WellAnalysis  # type: ignore[assignment]

    @property
    def lysis(self) -> pd.DataFrame:
        """% specific lysis at the end, one row per well."""
        return self.table("lysis")

    @property
    def lysis_summary(self) -> pd.DataFrame:
        """Mean % specific lysis with its interval, one row per condition."""
        return self.table("lysis_summary")

    @property
    def dose_response(self) -> pd.DataFrame:
        """EC50, Emax, bottom and slope of every curve, with intervals."""
        return self.table("dose_response")

    @property
    def kinetics(self) -> pd.DataFrame:
        """% specific lysis over time, one row per well and time."""
        return self.table("kinetics")

    @property
    def killing(self) -> pd.DataFrame:
        """Kills and contacts per NK cell, time to the first kill, granules left."""
        return self.table("killing")

    @property
    def viability(self) -> pd.DataFrame:
        """Relative viability, one row per well; for assays that read viability."""
        return self.table("viability")

    @property
    def controls(self) -> pd.DataFrame:
        """Readings of the control wells of every plate."""
        return self.table("controls")

    @property
    def plot(self) -> Plots:
        """Figures: dose_response, viability, et_curve, comparison, time_course, kills_per_nk, well."""
        return Plots(WELL_FIGURES, self.analysis.figure)


class MouseStudy(Study):
    """A study in mice: tumour growth, TGI, response, survival."""

    KIND = MouseCondition.KIND
    analysis: MiceAnalysis  # type: ignore[assignment]

    @property
    def growth(self) -> pd.DataFrame:
        """Caliper volumes: one row per mouse and reading (study, arm, mouse, day, volume_mm3, event)."""
        return self.analysis.growth.rows

    @property
    def mice(self) -> pd.DataFrame:
        """One row per mouse: growth rate, response, time to the end point."""
        return self.table("mice")

    @property
    def comparisons(self) -> pd.DataFrame:
        """Each arm against its control: TGI and the other measures, with intervals or the reason why there is none."""
        return self.table("comparisons")

    @property
    def tests(self) -> pd.DataFrame:
        """Tests of every arm against the control."""
        return self.table("tests")

    @property
    def response(self) -> pd.DataFrame:
        """Response categories, counted per arm."""
        return self.table("response")

    @property
    def survival(self) -> pd.DataFrame:
        """Time to the end point per arm."""
        return self.table("survival")

    @property
    def tumours(self) -> pd.DataFrame:
        """One row per mouse: what only the simulation knows of its tumour at the end."""
        return self.table("tumours")

    @property
    def plot(self) -> Plots:
        """Figures of the first study of a sweep, or of the only one; plots_of(study) has those of any."""
        return self.plots_of(self.analysis.growth.studies[0].name)

    def plots_of(self, study: str) -> Plots:
        """Figures of one point of a sweep, by its name in the column `study`. Raises KeyError."""
        studies = {each.name: each for each in self.analysis.growth.studies}
        if study not in studies:
            raise KeyError(f"{study}: no such study; one of {', '.join(studies)}")
        return Plots(MOUSE_FIGURES, lambda name: self._figures(study).get(name))

    def _figures(self, study: str) -> dict[str, Figure]:
        studies = {each.name: each for each in self.analysis.growth.studies}
        return self.analysis.growth.figures(studies[study]) | self.analysis.pictures()


_STUDIES: dict[str, type[WellStudy] | type[MouseStudy]] = {WellStudy.KIND: WellStudy, MouseStudy.KIND: MouseStudy}


def _study(folder: Path, kept: TemporaryFolder | None = None) -> WellStudy | MouseStudy:
    return _STUDIES[kind_of_folder(folder)](folder, kept)


def shown(progress: bool | Progress) -> AbstractContextManager[Progress]:
    """What receives the steps of a sweep, as a context: a bar where True was given."""
    if progress is True:
        from adccsim.console import Progress as Bar

        return Bar()
    return nullcontext(progress or silent)
