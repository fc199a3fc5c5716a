"""Verify: whether the files of a study are, byte for byte, what was written. Nothing is changed.

Run files, checkpoints, study.json, the records of failures, the summary table, the text of the last analysis and the
stores of fits carry a SHA-256 (simulation/seal.py). Files of 0.1.0 do not: of them it is checked that they can be read.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adccsim.execution.folder import UNSEALED_FAILURE, FolderError, OtherFile, check_run_file
from adccsim.execution.points import ROUNDS, point_of
from adccsim.execution.status import wanted_runs
from adccsim.scenario.xenograft.branch import CheckpointError, read_meta
from adccsim.seal import CHANGED, KEY, DamagedFile, check_entries, digest_file, matches_digest, stated_digest
from adccsim.study_file import read_study_file


@dataclass
class Count:
    """Files of one kind: how many, and how many of them carry no digest and can be read."""

    files: int = 0
    unsealed: int = 0
    damaged: int = 0


@dataclass
class Verified:
    """What was found: counts by kind of file, and (path, reason) of each file that is not what was written."""

    counts: dict[str, Count] = field(default_factory=dict)
    damaged: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, kind: str, path: Path, check: Callable[[Path], bool]) -> None:
        """Check one file; check: returns whether it is sealed, and raises for a file that is not sound."""
        count = self.counts.setdefault(kind, Count())
        count.files += 1
        try:
            count.unsealed += not check(path)
        except (DamagedFile, OtherFile, CheckpointError) as cause:
            reason = str(cause)
        except FolderError:
            raise
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
        else:
            return
        count.damaged += 1
        self.damaged.append((path, reason))


def verify(target: Path) -> Verified:
    """Check a results folder, or one file of it.

    Raises FolderError for a folder that is none, a study.json that this program did not write, and a file of a kind
    that carries no digest.
    """
    found = Verified()
    if target.is_dir():
        found.add("study.json", target / "study.json", _study)
        if not found.damaged:
            wanted_runs(target)  # of the right types, too
    elif not target.exists():
        raise FolderError(f"{target}: no such file or folder")
    for kind, path, check in _files(target):
        found.add(kind, path, check)
    if not found.counts:
        raise FolderError(f"{target}: not a kind of file that carries a SHA-256")
    return found


def _files(target: Path) -> Iterator[tuple[str, Path, Callable[[Path], bool]]]:
    """(kind, file, check) of everything below a folder, or of one file."""
    if not target.is_dir():
        kind = _kind_of(target)
        if kind is not None:
            yield kind, target, _CHECKS[kind]
        return
    patterns = {
        "run files": "runs/*/*.h5", "checkpoints": "checkpoints/*.ckpt", "records of failures": "failed/*.json",
        "summary table": "tables/runs.parquet", "text of the last analysis": "summary.txt",
        "stores of fits": "*_points.jsonl",
    }  # fmt: skip
    if (target / ROUNDS).exists():
        yield "rounds of a fit", target / ROUNDS, _rounds
    for kind, pattern in patterns.items():
        for path in sorted(target.glob(pattern)):
            yield kind, path, _CHECKS[kind]


def _kind_of(path: Path) -> str | None:
    names = {
        "study.json": "study.json",
        ROUNDS: "rounds of a fit",
        "runs.parquet": "summary table",
        "summary.txt": "text of the last analysis",
    }
    endings = {".h5": "run files", ".ckpt": "checkpoints", ".jsonl": "stores of fits"}
    failure = "records of failures" if path.suffix == ".json" and path.parent.name == "failed" else None
    return names.get(path.name) or endings.get(path.suffix) or failure


def _run_file(path: Path) -> bool:
    check_run_file(path, path.stem)
    return stated_digest(path) is not None


def _checkpoint(path: Path) -> bool:
    read_meta(path)
    return stated_digest(path) is not None


def _study(path: Path) -> bool:
    try:
        return KEY in read_study_file(path)
    except FileNotFoundError:
        raise FolderError(f"{path.parent}: no results folder (there is no study.json)") from None
    except ValueError as error:
        if isinstance(error, DamagedFile):
            raise
        raise FolderError(f"{path}: {error}") from None


def _failure(path: Path) -> bool:
    return _json(path, lambda record: record.keys() == UNSEALED_FAILURE)


def _rounds(path: Path) -> bool:
    return _json(path, lambda kept: all(" " in name for name in kept))


def _json(path: Path, of_0_1_0: Callable[[dict], bool]) -> bool:
    """Check sealed JSON; of_0_1_0: whether its entries are those of a file that needs no seal."""
    try:
        content = json.loads(path.read_bytes())
        check_entries(content, required=not of_0_1_0(content))
    except DamagedFile:
        raise
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise DamagedFile("damaged: it is not a JSON object") from None
    return KEY in content


def _with_digest(path: Path) -> bool:
    if not digest_file(path).exists():
        return False
    if not matches_digest(path):
        raise DamagedFile(f"{CHANGED}; the next analysis writes it again")
    return True


def _store(path: Path) -> bool:
    lines = path.read_bytes().splitlines()
    bad = [number for number, line in enumerate(lines, 1) if point_of(line) is None]
    if bad:
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise DamagedFile(f"damaged: {len(bad)} of {len(lines)} lines ({shown}); their points are measured again")
    return all(b'"sha256"' in line for line in lines)


_CHECKS: dict[str, Callable[[Path], bool]] = {
    "run files": _run_file, "checkpoints": _checkpoint, "study.json": _study, "records of failures": _failure,
    "summary table": _with_digest, "text of the last analysis": _with_digest, "stores of fits": _store,
    "rounds of a fit": _rounds,
}  # fmt: skip
