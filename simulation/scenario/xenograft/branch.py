"""Branch: what a saved tumour says of itself, read without loading it.

A checkpoint is an uncompressed zip archive: meta.json, then one member per array (written by record/checkpoint.py).
Its comment is the seal of the file. A checkpoint of an earlier version has none; then the archive's own checksums of
the members are what there is to check.
Limits   any damage is one line, and no other error                       (tests/record/test_damaged_checkpoints.py)
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adccsim.conditions.mouse import MouseCondition
from adccsim.conditions.section import ConditionError
from adccsim.seal import MISSING, DamagedFile, checked_file
from adccsim.version import XENOGRAFT_MODEL

META = "meta.json"
CHECKPOINT_SCHEMA = 2


class CheckpointError(ValueError):
    """A file that is no usable checkpoint; str() is one plain line."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint whose bytes are not those that were written."""


@contextmanager
def errors_of_checkpoint() -> Iterator[None]:
    """Whatever a damaged archive makes zipfile and numpy raise becomes a DamagedCheckpoint."""
    try:
        yield
    except (CheckpointError, MemoryError):
        raise
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror or error})") from None
    except Exception as error:
        raise DamagedCheckpoint(f"not a checkpoint, or damaged ({error})") from None


def read_meta(path: Path) -> dict:
    """What the checkpoint says of itself: schema, run_id, tick, condition, ... and `content`, a digest of every byte of
    its arrays. The whole file is checked. Raises CheckpointError, DamagedCheckpoint if it is damaged."""
    try:
        state = path.stat()
    except FileNotFoundError:
        raise CheckpointError("no such file") from None
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror or error})") from None
    return deepcopy(_checked_meta(path, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=8)  # every mouse of a study that branches asks for the same file
def _checked_meta(path: Path, size: int, moment: int) -> dict:
    with errors_of_checkpoint():
        try:
            sealed = checked_file(path) is not None
        except DamagedFile as error:
            raise DamagedCheckpoint(str(error)) from None
        with zipfile.ZipFile(path) as archive:
            if not sealed:
                _check_unsealed(path, archive)
            meta = json.loads(archive.read(META))
            sums = sorted((item.filename, item.CRC, item.file_size) for item in archive.infolist())
    if not isinstance(meta, dict) or meta.get("schema") != CHECKPOINT_SCHEMA:
        raise CheckpointError(f"a checkpoint of another layout; this program reads {CHECKPOINT_SCHEMA}")
    return {**meta, "content": hashlib.sha256(json.dumps(sums).encode()).hexdigest()[:16]}


def _check_unsealed(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises DamagedCheckpoint unless this is a whole archive without a comment, every member as its checksum says."""
    with open(path, "rb") as handle:
        handle.seek(-22, 2)  # an archive without a comment ends with a record of 22 bytes, the last two its length: 0
        ending = handle.read()
    if archive.comment or not (ending.startswith(b"PK\x05\x06") and ending.endswith(b"\0\0")):
        raise DamagedCheckpoint(MISSING)
    if bad := archive.testzip():
        raise DamagedCheckpoint(f"damaged: {bad} does not match its checksum")


@dataclass(frozen=True)
class SavedMouse:
    """A saved tumour to branch from: its run, its hour, a digest of its arrays, and the condition of the mouse."""

    run_id: str
    tick: int
    content: str
    condition: MouseCondition


def saved_tumour(path: Path) -> SavedMouse:
    """What the checkpoint says of its tumour.

    Raises CheckpointError as read_meta does, for an archive that is none of a mouse, and for one of another model.
    """
    meta = read_meta(path)
    condition, run_id, tick = meta.get("condition"), meta.get("run_id"), meta.get("tick")
    if not (isinstance(condition, dict) and isinstance(run_id, str) and isinstance(tick, int) and "model" in condition):
        raise CheckpointError(f"not the checkpoint of a mouse: {META} lacks its run, hour or condition")
    if not (isinstance(meta.get("record"), dict) and isinstance(meta.get("sparse"), dict)):
        raise CheckpointError(f"not the checkpoint of a mouse: {META} lacks its record or its columns")
    if condition["model"] != XENOGRAFT_MODEL:
        raise CheckpointError(f"was saved by model {condition['model']}; this is {XENOGRAFT_MODEL}")
    try:
        return SavedMouse(run_id, tick, meta["content"], MouseCondition.build(condition))
    except ConditionError as error:
        raise CheckpointError(f"of another version, or not the checkpoint of a mouse: {error}") from None
