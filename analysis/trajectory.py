"""Run files of a study, read into memory and into tidy tables.

A study folder holds DIR/study.json and DIR/runs/**/<run_id>.h5.  A file that cannot be read, is not a
complete run, or belongs to another study, schema or model is named in `Study.problems` and left out:
numbers of two models are never mixed.

Layout read here (schema 1): attributes of /meta (schema_version, run_id, plate, condition, model_version,
status), /observables/<name>/{value, time} with time in hours, optional `edges` of a histogram, /final.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from analysis.errors import ForeignFile

if TYPE_CHECKING:  # only one table here needs pandas, and a process that reads files starts in half the time without
    import pandas as pd

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Series:
    """One observable: value of shape (T,) or (T, bins), time of shape (T,) in hours, bin edges or None."""

    value: np.ndarray
    time: np.ndarray
    units: str = ""
    edges: np.ndarray | None = None

    @property
    def last(self) -> float | np.ndarray:
        """Value at the last time."""
        return self.value[-1]


@dataclass(frozen=True)
class Run:
    """One finished run: its condition and the observables that were asked for."""

    run_id: str
    plate: str
    model_version: str
    condition: Mapping
    path: Path
    observables: Mapping[str, Series]

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
        except ForeignFile as fault:
            study.problems.append(f"{path.relative_to(out_dir)}: {fault}; skipped")
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
    with faults_named(), h5py.File(path, "r") as file:
        if "meta" not in file:
            raise ForeignFile("not a run file (no /meta)")
        meta = {key: _text(value) for key, value in file["meta"].attrs.items()}
        check_meta(meta, path)
        group = file.get("observables", {})
        found = [name for name in group if names is None or name in names]
        observables = {name: _read_series(group[name]) for name in found}
        return Run(
            run_id=meta["run_id"],
            plate=str(meta.get("plate", "")),
            model_version=str(meta.get("model_version", "")),
            condition=json.loads(meta["condition"]),
            path=Path(path),
            observables=observables,
        )


@contextmanager
def faults_named() -> Iterator[None]:
    """Whatever a damaged run file makes h5py and its reader raise becomes a ForeignFile with the reason."""
    try:
        yield
    except ForeignFile:
        raise
    except (OSError, RuntimeError) as fault:
        raise ForeignFile("truncated or not an HDF5 file") from fault
    except (KeyError, ValueError, TypeError, AttributeError) as fault:
        raise ForeignFile(f"unreadable ({fault})") from fault


def read_final(run: Run) -> dict[str, np.ndarray]:
    """Arrays of the last frame by name, empty where the run was written without one."""
    with h5py.File(run.path, "r") as file:
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
    """study.json as a dict, empty (and a line in `problems`) where it is missing or cannot be read."""
    if not path.is_file():
        problems.append("study.json is missing: every readable run is taken, and runs that are absent cannot be named")
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        info = None
    if not isinstance(info, dict):
        problems.append("study.json cannot be read: every readable run is taken")
        return {}
    return info


def check_meta(meta: dict, path: Path) -> None:
    """Raises ForeignFile unless these are the attributes of the complete run that the file is named after."""
    if "schema_version" not in meta or "run_id" not in meta or "condition" not in meta:
        raise ForeignFile("not a run file (/meta lacks schema_version, run_id or condition)")
    if int(meta["schema_version"]) != SCHEMA_VERSION:
        raise ForeignFile(f"schema version {meta['schema_version']}, this program reads {SCHEMA_VERSION}")
    if meta.get("status") != "complete":
        raise ForeignFile("the run is not complete")
    if meta["run_id"] != Path(path).stem:
        raise ForeignFile(f"its name does not match its run id {meta['run_id']}")


def _read_series(group: h5py.Group) -> Series:
    data = group["value"]
    value = data[()]
    edges = group["edges"][()] if "edges" in group else data.attrs.get("edges", group.attrs.get("edges"))
    units = _text(data.attrs.get("units", ""))
    time = np.asarray(group["time"][()], dtype=float)
    if len(value) != len(time) or not len(value):
        raise ForeignFile(f"{group.name}: value and time do not match")
    return Series(value, time, units, None if edges is None else np.asarray(edges, dtype=float))


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


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
