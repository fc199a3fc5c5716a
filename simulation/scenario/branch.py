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
from functools import lru_cache
from pathlib import Path

from simulation.seal import MISSING, DamagedFile, checked_file

META = "meta.json"
CHECKPOINT_SCHEMA = 2
# Entries of meta.json, and of the condition in it, that a tumour to branch from has.
_ENTRIES = {"run_id": str, "tick": int, "condition": dict, "record": dict, "sparse": dict}
_OF_CONDITION = {
    "model": str, "lineage": str, "strain": dict, "drugs": dict, "mouse_factors": dict, "clones": list,
    "tumour": dict, "effectors": dict,
}  # fmt: skip


class CheckpointError(ValueError):
    """A file that is no usable checkpoint; str() is one plain line."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint whose bytes are not those that were written."""


@contextmanager
def faults_of_checkpoint() -> Iterator[None]:
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
    with faults_of_checkpoint():
        try:
            sealed = checked_file(path) is not None
        except DamagedFile as fault:
            raise DamagedCheckpoint(str(fault)) from None
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


def saved_tumour(path: Path) -> dict:
    """As read_meta, of a tumour to branch from. Raises CheckpointError also for an archive that is none of a mouse."""
    meta = read_meta(path)
    condition = meta.get("condition")
    for owner, name, entries in ((meta, META, _ENTRIES), (condition, "its condition", _OF_CONDITION)):
        for key, kind in entries.items():
            if not isinstance(owner.get(key), kind):
                raise CheckpointError(f"not the checkpoint of a mouse: {name} has no {key}, or one of another type")
    whole = isinstance(condition["strain"].get("name"), str) and condition["clones"]
    clones = all(isinstance(clone, dict) and isinstance(clone.get("cell_line"), str) for clone in condition["clones"])
    if not (whole and clones and isinstance(condition["mouse_factors"].get("clearance"), float | int)):
        raise CheckpointError("not the checkpoint of a mouse: its condition does not describe a tumour in a mouse")
    return meta
