"""Run files of a study, read into memory and into tidy tables.

A study folder holds DIR/study.json and DIR/runs/**/<run_id>.h5.  A file that cannot be read, is not a
complete run, or belongs to another study, schema or model is named in `Study.problems` and left out:
numbers of two models are never mixed.

What a run file holds: run_file.py; beside that, arrays of the last frame in /final.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.reading.run_file import RunFile, Series, errors_named, opened
from adccsim.study_file import read_study_file

if TYPE_CHECKING:  # only one table here needs pandas, and a process that reads files starts in half the time without
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """One finished run: its condition and the observables that were asked for.

    point: as of design_point.design_point, where the condition is not whole; None otherwise.
    """

    run_id: str
    plate: str
    model_version: str
    condition: Mapping
    path: Path
    observables: Mapping[str, Series]
    point: tuple[str, str] | None = None

    @property
    def role(self) -> str:
        """sample, target_only, no_antibody, fc_null, effector_only or culture."""
        return str(self.condition.get("role", "sample"))


@dataclass
class Study:
    """What a folder holds: study.json as a dict (empty if absent), its runs in order of run id, and the problems."""

    out_dir: Path
    info: dict = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_study(out_dir: Path, kind: str = "well", names: Collection[str] | None = None) -> Study:
    """All complete runs of `kind` below out_dir that belong to its study.json.

    names  observables to read, all if None (a file may lack some of them).
    Raises nothing for bad files: each is named in `problems`, and so are runs that have no file yet.
    """
    out_dir = Path(out_dir)
    study = Study(out_dir)
    study.info = read_info(out_dir / "study.json", study.problems)
    known = set(study.info.get("run_ids") or ())
    for path in sorted((out_dir / "runs").rglob("*.h5")):
        try:
            run = read_run(path, names)
            if run.condition.get("kind", kind) != kind:
                raise ForeignFile(f"kind {run.condition['kind']}, not {kind}")
            if known and run.run_id not in known:
                raise ForeignFile("its run id is not in study.json")
        except ForeignFile as error:
            study.problems.append(f"{path.relative_to(out_dir)}: {error}; skipped")
        else:
            study.runs.append(run)
    _keep_one_model(study, kind)
    study.runs.sort(key=lambda run: run.run_id)
    _name_missing(study, known)
    return study


def kind_of(out_dir: Path) -> str:
    """Kind of the study in a folder: "well" or "xenograft"; "well" where study.json does not say."""
    info = read_info(Path(out_dir) / "study.json", [])
    return str(info.get("kind", "well"))


def read_run(path: Path, names: Collection[str] | None = None) -> Run:
    """One run file.  Raises ForeignFile with the reason if it is not a complete run of this schema."""
    with errors_named(), RunFile(path) as file:
        return Run(
            run_id=file.meta["run_id"],
            plate=str(file.meta.get("plate", "")),
            model_version=str(file.meta.get("model_version", "")),
            condition=json.loads(file.meta["condition"]),
            path=Path(path),
            observables={name: file.series(name) for name in file.names() if names is None or name in names},
        )


def read_final(run: Run) -> dict[str, np.ndarray]:
    """Arrays of the last frame by name, empty where the run was written without one."""
    with opened(run.path) as file:
        return {name: data[()] for name, data in file.get("final", {}).items() if isinstance(data, h5py.Dataset)}


def observables_table(runs: Iterable[Run]) -> "pd.DataFrame":
    """Tidy table of all scalar observables: run_id, observable, hours, value, units.  Histograms are left out."""
    import pandas as pd

    parts = [
        pd.DataFrame({"run_id": run.run_id, "observable": name, "hours": s.time, "value": s.value, "units": s.units})
        for run in runs
        for name, s in sorted(run.observables.items())
        if s.value.ndim == 1
    ]
    columns = ["run_id", "observable", "hours", "value", "units"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def read_info(path: Path, problems: list[str]) -> dict:
    """study.json as a dict, empty (and a line in `problems`) where it is missing.

    Raises DamagedFile or StudyFileError where it cannot be relied on.
    """
    try:
        return read_study_file(path)
    except (FileNotFoundError, NotADirectoryError):
        problems.append("study.json is missing: every readable run is taken, and runs that are absent cannot be named")
        return {}


def model_of(info: Mapping, kind: str = "well") -> str | None:
    """The model version that study.json states; None where it states none."""
    versions = info.get("versions")
    stated = [str(v) for v in versions.values()] if isinstance(versions, Mapping) else []
    return next((version for version in stated if version.startswith(f"{kind}-")), None)


def _keep_one_model(study: Study, kind: str) -> None:
    """Drop runs of another model version than the study's own (or, without one, than most files)."""
    wanted = model_of(study.info, kind)
    if wanted is None:
        counts = Counter(run.model_version for run in study.runs)
        wanted = max(sorted(counts), key=lambda version: counts[version], default=None)
    for run in study.runs:
        if run.model_version != wanted:
            name = run.path.relative_to(study.out_dir)
            study.problems.append(f"{name}: model {run.model_version or 'unknown'}, the study is {wanted}; skipped")
    study.runs = [run for run in study.runs if run.model_version == wanted]


def _name_missing(study: Study, known: set[str]) -> None:
    absent = sorted(known - {run.run_id for run in study.runs})
    if not absent:
        return
    failed = [run_id for run_id in absent if (study.out_dir / "failed" / f"{run_id}.json").exists()]
    shown = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
    problem = f"{len(absent)} of {len(known)} runs have no usable file: {shown}"
    study.problems.append(problem + (f" ({len(failed)} failed, see failed/)" if failed else ""))
