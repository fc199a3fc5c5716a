"""A study: the runs of a scenario, and the analysis of a folder of runs, of wells or of mice.

Analysis is imported inside the functions that need it, after the address space has been checked: compiled libraries end
the process, without an exception, where the system gives them no memory while they load.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from adccsim.conditions import AnyCondition
from adccsim.execution.folder import untouched_since
from adccsim.execution.ledger import Failure, Outcome
from adccsim.execution.study import run_study
from adccsim.experiments.errors import IncompleteStudy, InputError, Interrupted, ResultError, RunsFailed
from adccsim.experiments.inputs import Given, Progress, Report, ScenarioSource, given_scenario, silent
from adccsim.runtime import cores, require_address_space
from adccsim.scenario.conditions import conditions_of, warnings_of
from adccsim.seal import DamagedFile, matches_digest, write_digest
from adccsim.study_file import StudyFileError
from adccsim.text import count

if TYPE_CHECKING:
    from adccsim.analysis.assay.study import Result, WellAnalysis
    from adccsim.analysis.growth.mice import MiceAnalysis
    from adccsim.analysis.growth.study import GrowthResult

SUMMARY = "summary.txt"
REPORT = "report.html"
_MOST_LINES = 20  # of failures and of damaged files, before the rest is only counted
Engine = Callable[..., Outcome]


@dataclass(frozen=True)
class Finished:
    """A study after its runs and its analysis.

    outcome   which runs were made, skipped or failed.
    text      the result in some lines, `report` the HTML file with the rest.
    problems  one line per file or plate that could not be used.
    analysis  tables and figures; None where nothing has changed since the analysis before, whose text this is.
    """

    folder: Path
    outcome: Outcome
    text: str
    report: Path
    problems: tuple[str, ...]
    analysis: "Result | GrowthResult | None"

    @property
    def sound(self) -> bool:
        """Whether every run has its file and every file could be used."""
        return not self.outcome.failed and not self.problems


# -- runs -----------------------------------------------------------------------------------------------------------


class RunOptions(TypedDict, total=False):
    """How runs are made. A run gives the same file whatever is said here.

    workers    processes; None: one per core.   threads  cores that one run may use; None: 1 if several runs wait.
    timeout_s  longest time of one run [s]; None: no limit.   check  runs verify their own bookkeeping; slower.
    shard      (i, k): only part i (0 to k - 1) of k, for several machines.   engine  local.execute or cluster.execute.
    """

    workers: int | None
    threads: int | None
    timeout_s: float | None
    check: bool
    shard: tuple[int, int] | None
    engine: Engine


def run(
    scenario: ScenarioSource,
    out: Path,
    *,
    sets: Sequence[str] = (),
    report: Report = silent,
    progress: Progress = silent,
    **options: Unpack[RunOptions],
) -> Outcome:
    """Bring the runs of a scenario to files below `out`; runs that have their file are skipped.

    scenario: a file, the name of a shipped one, or a loaded scenario. sets: "key=value" texts, laid over the file.
    Raises ScenarioError, FolderError, ClusterError; RunsFailed where no run has a file; Interrupted.
    """
    given = given_scenario(scenario, sets)
    conditions = conditions_of(given.scenario)
    for line in warnings_of(given.scenario):
        report(f"note: {line}")
    return run_conditions(given, conditions, out, report=report, progress=progress, **options)


def run_conditions(
    given: Given,
    conditions: Sequence[AnyCondition],
    out: Path,
    *,
    report: Report = silent,
    progress: Progress = silent,
    **options: Unpack[RunOptions],
) -> Outcome:
    """As run, with the conditions of the scenario resolved before."""
    report(f"{given.title}: {count(len(conditions), 'run')} -> {out}")
    outcome = run_study(given.scenario, conditions, given.name, out, announce=report, progress=progress, **options)
    _warn(outcome.set_aside, report)
    if outcome.skipped:
        report(f"{count(len(outcome.skipped), 'run')} finished before, skipped")
    failures = failure_lines(outcome.failed, out / "failed")
    if outcome.signal is None and outcome.failed and not outcome.done and not outcome.skipped:
        raise RunsFailed(failures)  # nothing to analyse
    for line in failures:
        report(f"error: {line}")
    if outcome.signal is not None:
        kept = count(len(outcome.done) + len(outcome.skipped), "finished run")
        raise Interrupted(outcome.signal, f"interrupted: {kept} kept; the same command goes on from there")
    return outcome


def failure_lines(failed: Sequence[Failure], folder: Path) -> list[str]:
    """One line per run that failed, of many the first; the folder holds all of it."""
    lines = [f"run {failure.run_id}: {failure.reason}" for failure in failed[:_MOST_LINES]]
    more = len(failed) - _MOST_LINES
    return [*lines, f"... and {more:,} more runs, see {folder}"] if more > 0 else lines


def _warn(set_aside: Sequence[str], report: Report) -> None:
    """Name damaged files whose runs were made again, of many the first."""
    for line in set_aside[:_MOST_LINES]:
        report(f"warning: {line}")
    if len(set_aside) > _MOST_LINES:
        report(f"warning: ... and {len(set_aside) - _MOST_LINES:,} more damaged files were set aside, see log")


# -- analysis -------------------------------------------------------------------------------------------------------


def analyse(folder: Path, processes: int | None = None) -> "Result | GrowthResult":
    """Analyse the runs below a folder: of wells or of mice, by the kind in its study.json.

    Tables, figures, report.html and, where everything could be used, summary.txt are written into the folder.
    processes: of a large study of wells; None: one per core. Raises InputError for a folder that is none and a
    study.json that cannot be used, IncompleteStudy where controls or mice are missing, ResultError for a damaged run
    file, RuntimeSettingsError where the process may use too little memory, OSError if the summary cannot be written.
    """
    folder = _results_folder(folder)
    with _errors_of(folder):
        result = _examined(folder, processes or cores()).write(folder)
    _keep_summary(folder, result)
    return result


def examine(folder: Path, processes: int | None = None) -> "WellAnalysis | MiceAnalysis":
    """As analyse, with nothing written: the results folder may be one that only others can write to."""
    folder = _results_folder(folder)
    with _errors_of(folder):
        return _examined(folder, processes or cores())


def _results_folder(folder: Path) -> Path:
    folder = Path(folder)
    if not os.path.isdir(folder / "runs"):  # pathlib's raises for a name that is too long
        raise InputError([f"{folder}: no results folder (there is no {folder / 'runs'})"])
    require_address_space(f"the analysis of {folder}")
    return folder


def run_and_analyse(
    scenario: ScenarioSource,
    out: Path,
    *,
    sets: Sequence[str] = (),
    report: Report = silent,
    progress: Progress = silent,
    **options: Unpack[RunOptions],
) -> Finished:
    """As run, then as analyse; the analysis is left out where nothing has changed since the one before.

    Raises as both do; RunsFailed instead of IncompleteStudy where runs have failed.
    """
    outcome = run(scenario, out, sets=sets, report=report, progress=progress, **options)
    if not outcome.done and not outcome.failed and _still_holds(out):
        return Finished(out, outcome, (out / SUMMARY).read_text(encoding="utf-8"), out / REPORT, (), None)
    try:
        result = analyse(out)
    except IncompleteStudy as error:
        if outcome.failed:
            raise RunsFailed(error.lines) from error
        raise
    return Finished(out, outcome, result.text(), result.report, tuple(result.problems), result)


def _examined(folder: Path, processes: int) -> "WellAnalysis | MiceAnalysis":
    from adccsim.analysis.assay.study import WellAnalysis, examine_wells
    from adccsim.analysis.growth.mice import MiceAnalysis, examine_mice

    by_kind: dict[str, Callable[[Path, int], WellAnalysis | MiceAnalysis]]
    by_kind = {WellAnalysis.KIND: examine_wells, MiceAnalysis.KIND: examine_mice}
    return by_kind[kind_of_folder(folder)](folder, processes)


def kind_of_folder(folder: Path) -> str:
    """The kind in the study.json of a results folder; one without study.json is taken for wells."""
    from adccsim.analysis.reading.runs import kind_of

    return kind_of(folder)


@contextmanager
def _errors_of(folder: Path) -> Iterator[None]:
    """What an analysis raises, as an error of this package that names the folder."""
    from adccsim.analysis.errors import ForeignFile, MissingControls, SheetError

    try:
        yield
    except SheetError as error:
        raise IncompleteStudy(f"{folder}: {line}" for line in error.problems) from error
    except MissingControls as error:
        raise IncompleteStudy(f"{folder}: {line}" for line in str(error).split("; ")) from error
    except (DamagedFile, StudyFileError) as error:
        raise InputError([f"{folder / 'study.json'}: {error}"]) from error
    except ForeignFile as error:  # damage that shows only in the middle of a file of 0.1.0, which has no digest
        raise ResultError([f"{folder}: {error}"]) from error
    except OSError as error:
        raise InputError([f"{error.filename or folder}: {error.strerror or error}"]) from error


def _keep_summary(folder: Path, result: "Result | GrowthResult") -> None:
    """Keep the text of an analysis without a problem: until something changes, the next one can be left out."""
    from adccsim.analysis.writing import write_text

    (folder / SUMMARY).unlink(missing_ok=True)
    if not result.problems:
        write_text(folder / SUMMARY, result.text())
        write_digest(folder / SUMMARY)


def _still_holds(folder: Path) -> bool:
    """Whether the text of the last analysis is as it was written, and nothing that it was made of has changed since."""
    return untouched_since(folder, folder / SUMMARY) and matches_digest(folder / SUMMARY)
