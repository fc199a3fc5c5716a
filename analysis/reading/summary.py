"""The summary table of a study: one row per finished run, in DIR/tables/runs.parquet, rebuilt from the run files.

Columns  run_id, plate, role, donor, replicate, model_version; the core design (CORE_KEYS); every varied key under its
         dotted name, empty where it means nothing in a well; actions as text; what the caveats of a report ask for;
         days of culture; design_point and donor_traits (analysis.reading.design_point); then the last value of each
         observable series (END_VALUES), in the units of the run files; file_bytes, file_mtime_ns and sha256 (that of
         the seal, empty in layout 1) of the file that was read.
Trust    The table is believed only if runs.parquet.sha256 next to it matches; else all of it is built again. A row is
         believed only if size, time and the digest at the end of the run file are those of the row.
Upkeep   Only files that are new or have changed are read; rows whose file is gone are dropped. The table is written
         whole under another name and renamed, by whoever analyses; workers never touch it.
Memory   Some of the 256 folders of runs/ are held at a time, so it does not grow with the study (one row group each).
Limits   rebuilt in steps == rebuilt at once                                    (tests/analysis/reading/test_summary.py)
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from adccsim.analysis.reading.design_point import CORE_KEYS
from adccsim.analysis.reading.processes import in_order
from adccsim.analysis.reading.runs import Run, Series, Study, model_of, read_info
from adccsim.analysis.reading.summary_rows import COUNTS, END_VALUES, read_rows
from adccsim.analysis.reading.varied import varied_keys
from adccsim.seal import matches_digest, naming, stated_digest, write_digest

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

LAYOUT = "4"  # of the table; another one is rebuilt
SPREAD_FROM = 4000  # new files from which further processes pay: one starts in the time of a thousand
_SHOWN = 20  # files that cannot be used and are named one by one
_WORDS = ("role", "cell_line", "effector", "antibody", "readout", "random_numbers")
_FOR_CAUTIONS = {
    "random_numbers": "random",
    "reader_cv": "assay.reader_cv",
    "effector_is_cell_line": "effectors.is_cell_line",
}
_FOR_MEANING = {"culture_days": "culture.days"}  # without a culture its other numbers mean nothing (design_point)


@dataclass
class Summary:
    """What refresh did: the table, rows in it, files read, and one line per thing that could not be used.

    varied: the varied keys that are columns of it, with their values.
    """

    path: Path
    varied: dict[str, list] = field(default_factory=dict)
    rows: int = 0
    read: int = 0
    problems: list[str] = field(default_factory=list)


def refresh(out_dir: Path, processes: int = 1) -> Summary:
    """Bring out_dir/tables/runs.parquet up to date with the run files of the study in out_dir/study.json.

    processes: that read, where more than SPREAD_FROM files are new; the table does not depend on it.
    """
    import pyarrow.parquet as parquet

    out_dir = Path(out_dir)
    runs_dir = out_dir / "runs"
    summary = Summary(out_dir / "tables" / "runs.parquet")
    info = read_info(out_dir / "study.json", summary.problems)
    known = set(info.get("run_ids") or ())
    model = model_of(info)
    summary.varied = varied_keys(out_dir, info)
    schema = _schema(summary.varied)
    old = _old_table(summary.path, schema)
    bad: list[str] = []
    strangers = 0
    failed = {path.stem for path in (out_dir / "failed").glob("*.json")}
    summary.path.parent.mkdir(parents=True, exist_ok=True)
    part = summary.path.with_name(f".runs.{uuid4().hex}.part")
    changed = old is None
    folders: list[str] = []
    if sum(1 for _ in runs_dir.glob("*/*.h5")) - (old.file.metadata.num_rows if old else 0) <= SPREAD_FROM:
        processes = 1
    plans, ahead = tee(_plans(runs_dir, known, old, model))
    columns = _columns(summary.varied)
    orders = ((runs_dir / plan.folder, list(plan.new)) for plan in ahead)
    read = in_order(partial(read_rows, columns, model), orders, processes)
    try:
        with (
            naming(summary.path),
            parquet.ParquetWriter(part, schema, compression="zstd", write_statistics=False) as writer,
        ):
            for plan, found in zip(plans, read, strict=True):
                changed = changed or plan.gone or bool(plan.new)
                strangers += plan.strangers
                rows = dict(plan.kept)
                for name, row in found.items():
                    if isinstance(row, str):
                        bad.append(f"runs/{plan.folder}/{name}.h5: {row}; skipped")
                    else:
                        row["file_bytes"], row["file_mtime_ns"] = plan.new[name]
                        rows[name] = row
                        summary.read += 1
                if rows:
                    folders.append(plan.folder)
                    writer.write_table(_table([rows[name] for name in sorted(rows)], schema))
                    summary.rows += len(rows)
            writer.add_key_value_metadata({"folders": json.dumps(folders)})
        changed = changed or old is None or folders != old.folders
        if changed:
            os.replace(part, summary.path)
            write_digest(summary.path)
    finally:
        part.unlink(missing_ok=True)
    summary.problems += bad[:_SHOWN]
    if len(bad) > _SHOWN:
        summary.problems.append(f"... and {len(bad) - _SHOWN:,} more files that cannot be used")
    if strangers:
        summary.problems.append(f"{strangers:,} files below runs belong to another study or model version; left out")
    missing = len(known) - summary.rows - len(bad)
    if known and missing > 0:
        told = f" ({len(failed & known):,} failed, see failed/)" if failed & known else ""
        summary.problems.append(f"{missing:,} of {len(known):,} runs have no file{told}")
    return summary


def light_study(out_dir: Path, summary: Summary) -> Study:
    """The study as read_study gives it, from the table alone: conditions of what varies, last values of the signals."""
    import pyarrow.parquet as parquet

    study = Study(Path(out_dir), read_info(Path(out_dir) / "study.json", []), problems=list(summary.problems))
    paths = _columns(summary.varied)
    columns = ["run_id", "plate", "model_version", "actions", "design_point", "donor_traits", *paths]
    columns += ["signal", "signal_maximum", "signal_blank"]
    file = parquet.ParquetFile(summary.path)
    for group in range(file.num_row_groups):
        for row in file.read_row_group(group, columns=columns).to_pylist():
            condition = _nested({path: row[column] for column, path in paths.items() if row[column] is not None})
            if row["actions"]:
                condition["action"] = json.loads(row["actions"])
            time = np.array([row["hours"]])
            ends = {name: Series(np.array([row[name]]), time) for name in ("signal", "signal_maximum", "signal_blank")}
            path = study.out_dir / "runs" / row["run_id"][:2] / f"{row['run_id']}.h5"
            point = (row["design_point"], row["donor_traits"])
            study.runs.append(Run(row["run_id"], row["plate"], row["model_version"], condition, path, ends, point))
    study.runs.sort(key=lambda run: run.run_id)
    return study


# -- what there is to do --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """One folder of runs/: rows that stand, files to be read with their size and time, strangers; whether rows go."""

    folder: str
    kept: dict[str, dict]
    new: dict[str, tuple[int, int]]
    strangers: int
    gone: bool


def _plans(runs_dir: Path, known: set[str], old: "_Old | None", model: str | None) -> Iterator[_Plan]:
    """A plan for each folder of runs/ in order; `known` are the run ids of the study, empty where it names none."""
    for folder, entries in _folders(runs_dir):
        before = old.rows(folder) if old else {}
        kept, new, strangers = {}, {}, 0
        for name, stat in sorted(entries.items()):
            if known and name not in known:
                strangers += 1
                continue
            row = before.pop(name, None)
            seen = (stat.st_size, stat.st_mtime_ns)
            same = row is not None and (row["file_bytes"], row["file_mtime_ns"]) == seen
            if row is not None:
                same = same and row["sha256"] == (_stated(runs_dir / folder / f"{name}.h5") or "")
            if row is not None and same and (model is None or row["model_version"] == model):
                kept[name] = row
            else:
                new[name] = seen
        yield _Plan(folder, kept, new, strangers, bool(before))


def _stated(path: Path) -> str | None:
    try:
        return stated_digest(path)
    except OSError:  # gone, or not to be read: whoever reads it says so
        return None


# -- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Old:
    """The table as it was: a row group per folder of runs/."""

    file: "ParquetFile"
    folders: list[str]

    def rows(self, folder: str) -> dict[str, dict]:
        """Rows of one folder by run id; empty if it had none."""
        if folder not in self.folders:
            return {}
        rows = self.file.read_row_group(self.folders.index(folder)).to_pylist()
        return {row["run_id"]: row for row in rows}


def _old_table(path: Path, schema) -> _Old | None:
    """The table on disk, or None where there is none that could be built on."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    if not matches_digest(path):
        return None
    try:
        file = parquet.ParquetFile(path)
        metadata = file.metadata.metadata or {}
        folders = json.loads(metadata[b"folders"])
        same = file.schema_arrow.remove_metadata().equals(schema.remove_metadata())
    except (OSError, KeyError, ValueError, arrow.ArrowException):
        return None
    return _Old(file, folders) if same and metadata.get(b"layout") == LAYOUT.encode() else None


def _columns(varied: Mapping[str, list]) -> dict[str, str]:
    """Column of the table -> dotted path in the condition."""
    return {**CORE_KEYS, **_FOR_CAUTIONS, **_FOR_MEANING, **{key: key for key in varied}}


def _schema(varied: Mapping[str, list]):
    import pyarrow as arrow

    words = ("run_id", "plate", "model_version", "actions", "design_point", "donor_traits")
    fields = [(name, arrow.string()) for name in words]
    for column in (*CORE_KEYS, *_FOR_CAUTIONS, *_FOR_MEANING):
        kind = arrow.string() if column in _WORDS else arrow.int64() if column in COUNTS else arrow.float64()
        fields.append((column, arrow.bool_() if column == "effector_is_cell_line" else kind))
    for key, values in varied.items():
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        fields.append((key, arrow.float64() if numbers else arrow.string()))
    fields += [(name, arrow.float64()) for name in END_VALUES]
    fields += [("file_bytes", arrow.int64()), ("file_mtime_ns", arrow.int64()), ("sha256", arrow.string())]
    return arrow.schema(fields, metadata={"layout": LAYOUT})


def _table(rows: list[dict], schema):
    import pyarrow as arrow

    return arrow.Table.from_pylist(rows, schema=schema)


def _folders(runs_dir: Path) -> Iterator[tuple[str, dict[str, os.stat_result]]]:
    """(folder, run id -> stat of its file) for the folders of runs/ in order."""
    names = sorted(entry.name for entry in os.scandir(runs_dir) if entry.is_dir()) if runs_dir.is_dir() else []
    for name in names:
        with os.scandir(runs_dir / name) as entries:
            yield name, {entry.name[:-3]: entry.stat() for entry in entries if entry.name.endswith(".h5")}


def _nested(flat: Mapping[str, object]) -> dict:
    tree: dict = {}
    for path, value in flat.items():
        *tables, last = path.split(".")
        node = tree
        for name in tables:
            node = node.setdefault(name, {})
        node[last] = value
    return tree
