"""The folder of one study: which runs are there, what failed, what the study was, and who is at work in it.

    DIR/study.json            the scenario word for word, what was set next to it, versions, all conditions and run ids
    DIR/runs/ab/<run_id>.h5   one finished run each; "ab" are the first two digits of the run id
    DIR/checkpoints/<run_id>.ckpt  where a mouse goes on after a stop; <run_id>.day14.ckpt a tumour to branch from
    DIR/failed/<run_id>.json  why a run has no file
    DIR/damaged/<name>        files that were found damaged, set aside and made again; nothing is deleted
    DIR/summary.txt           what the last analysis without a problem printed
    DIR/log                   times and hosts, which never enter a run file
    DIR/lock                  held by the process that runs the whole study, or one shard of it

Several processes, also on several machines, may work in one folder: each holds a shared lock on DIR/runs, and leftovers
of dead processes are only removed by one that finds itself alone. Shards share DIR/lock; a process that runs the whole
study holds it alone.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from adccsim.conditions import AnyCondition
from adccsim.run_schema import SCHEMA_VERSION
from adccsim.seal import KEY, MISSING, SEALED_FROM, DamagedFile, checked_file, naming, sealed_entries
from adccsim.study_file import StudyFileError, read_study_file
from adccsim.text import one_line

try:
    import fcntl
except ImportError:  # no POSIX locks: leftovers stay where they are
    fcntl = None  # type: ignore[assignment]


UNSEALED_FAILURE = {
    "run_id",
    "reason",
    "attempts",
    "traceback",
    "condition",
}  # all that 0.1.0 wrote


class FolderError(OSError):
    """The results folder cannot be used; str() is one plain line."""


def run_file(runs_dir: Path, run_id: str) -> Path:
    """Where the file of a run lies."""
    return runs_dir / run_id[:2] / f"{run_id}.h5"


def checkpoint_file(checkpoints: Path, name: str) -> Path:
    """Where the checkpoint of a run lies, or the saved tumour that a study branches from (by its content)."""
    return checkpoints / f"{name}.ckpt"


class OtherFile(ValueError):
    """A sound file in the place of a run that is not that run, or one that cannot be read now; str() is the reason."""


def error_of(path: Path, run_id: str) -> str | None:
    """None if the file is the complete run `run_id`, else one line that says what is wrong with it."""
    try:
        check_run_file(path, run_id)
    except (DamagedFile, OtherFile) as error:
        return str(error)
    return None


def check_run_file(path: Path, run_id: str) -> None:
    """Check every byte of a run file against its seal, and that it is the complete run `run_id`.

    Files of layout 1 have no seal; for them only the latter. Raises DamagedFile, or OtherFile for what is no damage.
    """
    try:
        digest = checked_file(path)
    except OSError as error:
        raise OtherFile(f"cannot be read ({error.strerror or error})") from None
    try:
        layout, identity, status = _attributes(path)
    except Exception as error:  # h5py raises nearly anything on a damaged file
        if isinstance(error, MemoryError):
            raise
        if digest is not None:
            raise OtherFile(f"cannot be read ({str(error).partition(chr(10))[0]})") from None
        raise DamagedFile("truncated or not an HDF5 file") from None
    if identity is None or layout is None:
        raise DamagedFile("not a run file")
    if layout > SCHEMA_VERSION:
        raise OtherFile(f"layout {layout}, this program reads up to layout {SCHEMA_VERSION}")
    if digest is None and layout >= SEALED_FROM:
        raise DamagedFile(MISSING)
    if identity != run_id:
        raise OtherFile(f"holds another run ({identity})")
    if status != "complete":
        raise DamagedFile("the run in it is not complete")


def _attributes(path: Path) -> tuple[int | None, str | None, str | None]:
    """(schema_version, run_id, status) of a run file, None for what it lacks. Raises whatever h5py does."""
    import h5py

    with h5py.File(path, "r") as file:
        attributes = file["meta"].attrs if "meta" in file else {}
        layout, identity, status = (attributes.get(name) for name in ("schema_version", "run_id", "status"))
    return (
        None if layout is None else int(layout),
        None if identity is None else str(identity),
        None if status is None else str(status),
    )


def set_aside(out_dir: Path, path: Path) -> Path:
    """Move a damaged file to DIR/damaged, where a number keeps it apart from an earlier one; returns its new place.

    Shards may find the same damaged file at the same time: the first one moves it.
    """
    folder = out_dir / "damaged"
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    with suppress(FileNotFoundError):
        os.replace(path, target)
    return target


class StudyFolder:
    """A results folder that is in use by this process; a context manager, `with StudyFolder(out_dir) as folder`.

    Entering makes the directories and raises FolderError where that is impossible.
    """

    def __init__(self, out_dir: Path):
        self.out_dir = Path(out_dir)
        self.runs_dir = self.out_dir / "runs"
        self._lock: int | None = None

    def __enter__(self) -> "StudyFolder":
        prepare(self.out_dir)
        self._lock = hold(self.runs_dir)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove_leftovers(self) -> int:
        """Delete the unfinished files (*.part) of processes that are gone; return how many.

        Does nothing while another process works in the folder, since its files are not leftovers.
        """
        if self._lock is None:
            return 0
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            leftovers = []
        else:
            leftovers = [*self.runs_dir.rglob("*.part"), *(self.out_dir / "failed").glob("*.part")]
            leftovers += [*self.out_dir.glob("*.part"), *(self.out_dir / "checkpoints").glob("*.part")]
        for path in leftovers:
            path.unlink(missing_ok=True)
        # Back to shared; a refused request for the exclusive lock may have dropped the shared one too.
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return len(leftovers)

    def log(self, *lines: str) -> None:
        """Append lines with time, host and process to DIR/log."""
        before = f"{datetime.now(UTC).isoformat(timespec='seconds')} {socket.gethostname()} {os.getpid()}"
        path = self.out_dir / "log"
        with naming(path), path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{before} {one_line(line)}\n" for line in lines))

    def write_study(self, record: Mapping) -> str:
        """Write study.json; return what became of another study or a damaged file in its place, "" if there was none.

        A folder describes one study. When the scenario changed, the new record replaces the old one; run files of the
        old one stay on disk, and the analysis names them and leaves them out. Raises FolderError for a study.json that
        this program did not write.
        """
        path = self.out_dir / "study.json"
        before, replaced = {}, ""
        try:
            before = read_study_file(path)
        except FileNotFoundError:
            pass
        except DamagedFile as error:
            kept = set_aside(self.out_dir, path).relative_to(self.out_dir)
            replaced = f"study.json: {error}; set aside as {kept} and written again"
            self.log(replaced)
        except StudyFileError as error:
            raise FolderError(f"{path}: {error}; remove it to use this folder") from None
        if before and before.get("run_ids") != record["run_ids"]:
            replaced = "held another study: its run files stay, and are left out of the analysis"
        if before.get(KEY) != sealed_entries(record)[KEY]:  # else its time stays: an analysis still holds
            write_json(path, record)
        return replaced

    def write_failure(self, run_id: str, reason: str, trace: str, attempts: int, condition: AnyCondition) -> None:
        """Say in failed/<run_id>.json why this run has no file."""
        content = {"run_id": run_id, "reason": reason, "attempts": attempts, "traceback": trace}
        content["condition"] = condition.as_dict()
        write_json(self.out_dir / "failed" / f"{run_id}.json", content)

    def forget_failure(self, run_id: str) -> None:
        """Remove the record of an earlier failure: the run has its file now."""
        (self.out_dir / "failed" / f"{run_id}.json").unlink(missing_ok=True)


@contextmanager
def claimed(out_dir: Path, shared: bool) -> Iterator[None]:
    """Hold DIR/lock: alone, or shared with others that make shards. Raises FolderError if somebody else holds it.

    The system gives it back when the process ends in whatever way. On a file system without locks nothing is held.
    """
    prepare(out_dir)
    try:
        file = open(out_dir / "lock", "a+", encoding="utf-8")  # noqa: SIM115  closed below, which also unlocks
    except OSError as error:
        raise FolderError(f"cannot write {error.filename}: {error.strerror}") from None
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                whose = file.read().strip() or "another process"
                raise FolderError(f"{whose} is at work in {out_dir}; wait until it ends, or stop it") from None
            except OSError:
                pass  # no locks here
        if not shared:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        yield


def prepare(out_dir: Path) -> None:
    """Make the directories of a study. Raises FolderError if a file is in the way or nothing can be written there."""
    if not _is_text(str(out_dir)):
        raise FolderError(f"{out_dir}: the path of a results folder must be UTF-8 text: choose another one with --out")
    try:
        nearest = next(path for path in (out_dir, *out_dir.parents) if os.path.exists(path))
        if not nearest.is_dir():
            raise FolderError(f"{nearest} is a file, not a directory: results cannot go to {out_dir}")
        for directory in (out_dir, out_dir / "runs", out_dir / "failed"):
            directory.mkdir(parents=True, exist_ok=True)
            if not os.access(directory, os.W_OK | os.X_OK):
                raise FolderError(f"no permission to write in {directory}")
    except FolderError:
        raise
    except OSError as error:
        raise FolderError(f"cannot make the directory {error.filename}: {error.strerror}") from None


def _is_text(name: str) -> bool:
    """Whether a path is UTF-8 text: Arrow, which reads and writes the summary table, takes no other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def untouched_since(out_dir: Path, path: Path) -> bool:
    """Whether `path` is there and younger than study.json and everything below runs."""
    try:
        moment = path.stat().st_mtime_ns
        read = [out_dir / "study.json", out_dir / "runs", *(out_dir / "runs").rglob("*")]
        return all(item.stat().st_mtime_ns <= moment for item in read)
    except FileNotFoundError:
        return False


def write_json(path: Path, content: Mapping) -> None:
    """Write sealed JSON so that a reader sees the old file or the whole new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        # Bytes of a file name that are no text are surrogates in Python; so written they are the escapes of JSON.
        with naming(path), part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(sealed_entries(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def hold(runs_dir: Path) -> int | None:
    """Mark a folder as in use until the returned descriptor is closed; None where the file system knows no locks."""
    if fcntl is None:
        return None
    descriptor = os.open(runs_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
