"""How far a study is, from its folder alone: names of files and the records of failures, no run file is opened.

A damaged run file therefore counts as done until `adcc run`, which checks every byte, has set it aside.
Works while others are at work in the folder, on this machine or elsewhere, and disturbs no process.
"""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adccsim.execution.folder import UNSEALED_FAILURE, FolderError
from adccsim.seal import DamagedFile, check_entries
from adccsim.study_file import StudyFileError, read_study_file

WINDOW_S = 600.0  # the rate is that of the last ten minutes of work
RECENT_S = 120.0  # a file that is being written and was touched within this time belongs to a running run
LONGEST_LINE = 160


@dataclass(frozen=True)
class FailedRun:
    """A run that has no file: how often it was tried, and the last line of its traceback, or why it was given up."""

    run_id: str
    attempts: int
    line: str


@dataclass(frozen=True)
class Status:
    """How far a study is.

    total, done, to_do: runs of study.json; to_do holds the running and the failed. running: runs that are being made
    now. unfinished: other .part files. foreign: run files of another study. damaged: files that were set aside.
    rate_per_s: runs per second over the last WINDOW_S of work, None while unknown; seconds_left: at that rate, None
    where unknown.
    """

    total: int
    done: int
    running: int
    unfinished: int
    foreign: int
    failed: tuple[FailedRun, ...]
    rate_per_s: float | None
    seconds_left: float | None
    damaged: int = 0

    @property
    def to_do(self) -> int:
        """Runs without a file that did not fail."""
        return self.total - self.done - len(self.failed)


def status(out_dir: Path) -> Status:
    """Look at a results folder. Raises FolderError if it is none."""
    out_dir = Path(out_dir)
    wanted = set(wanted_runs(out_dir))
    finished: dict[str, float] = {}
    parts: dict[str, float] = {}
    foreign = 0
    for entry in _files(out_dir / "runs"):
        name, _, ending = entry.name.partition(".")
        try:
            if ending == "h5" and name in wanted:
                finished[name] = entry.stat().st_mtime
            elif ending == "h5":
                foreign += 1
            elif ending.endswith("part"):
                parts[name] = max(parts.get(name, 0.0), entry.stat().st_mtime)
        except FileNotFoundError:
            continue  # it was finished or removed in between
    now = time.time()
    running = {name for name, moment in parts.items() if now - moment < RECENT_S and name not in finished}
    failed = tuple(
        record for record in _failures(out_dir / "failed") if record.run_id in wanted and record.run_id not in finished
    )
    left = len(wanted) - len(finished) - len(failed)
    rate = _rate(sorted(finished.values()))
    seconds = left / rate if rate and left else (0.0 if not left else None)
    damaged = sum(1 for _ in (out_dir / "damaged").glob("*"))
    return Status(
        len(wanted), len(finished), len(running), len(parts) - len(running), foreign, failed, rate, seconds, damaged
    )


def wanted_runs(out_dir: Path) -> list[str]:
    """The run ids of study.json. Raises FolderError where it is missing, damaged or none of ours."""
    path = out_dir / "study.json"
    try:
        return read_study_file(path)["run_ids"]
    except (FileNotFoundError, NotADirectoryError):
        raise FolderError(f"{out_dir}: no results folder (there is no study.json)") from None
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except KeyError:
        raise FolderError(f"{path}: run_ids is missing") from None
    except StudyFileError as cause:
        raise FolderError(f"{path}: {cause}") from None
    except DamagedFile as cause:
        raise FolderError(f"{path}: {cause}; `adcc run` with the same scenario writes it again") from None


def _files(runs_dir: Path) -> Iterable[os.DirEntry]:
    try:
        folders = [entry.path for entry in os.scandir(runs_dir) if entry.is_dir()]
    except FileNotFoundError:
        return
    for folder in folders:
        with os.scandir(folder) as entries:
            yield from entries


def _rate(moments: list[float]) -> float | None:
    """Runs per second between the first and the last file of the last WINDOW_S of work; None for fewer than three."""
    if len(moments) < 3:
        return None
    recent = [moment for moment in moments if moment >= moments[-1] - WINDOW_S]
    span = recent[-1] - recent[0]
    return (len(recent) - 1) / span if span > 0 else None


def _failures(folder: Path) -> Iterable[FailedRun]:
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            check_entries(record, required=not record.keys() <= UNSEALED_FAILURE)
            lines = [line for line in record.get("traceback", "").splitlines() if line.strip()]
            line = lines[-1].strip() if lines else record["reason"]
            yield FailedRun(record["run_id"], record["attempts"], line[:LONGEST_LINE])
        except FileNotFoundError:
            continue  # it has succeeded since
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield FailedRun(path.stem, 0, "its record cannot be read")
