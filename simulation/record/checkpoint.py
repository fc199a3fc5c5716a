"""Checkpoint: the complete state of a run in one file, full precision, replaced as a whole or not at all.

An uncompressed zip archive: meta.json, then one .npy member per array. Written under a name of its own, flushed to disk
and renamed, so a crash leaves the old checkpoint or the new one. The archive keeps a checksum of every member.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np

from simulation.scenario.branch import CHECKPOINT_SCHEMA, META, CheckpointError

_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member: the same state has the same bytes


def save_checkpoint(path: Path, meta: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
    """Write meta (JSON-able) and arrays (name -> array, names unique) to `path`, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        with open(part, "wb") as handle:
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                text = json.dumps({"schema": CHECKPOINT_SCHEMA, **meta})
                archive.writestr(zipfile.ZipInfo(META, _MOMENT), text)
                for name in sorted(arrays):
                    with archive.open(zipfile.ZipInfo(f"{name}.npy", _MOMENT), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """meta and arrays of a checkpoint. Raises CheckpointError for a file that is none or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            meta = json.loads(archive.read(META))
            arrays = {}
            for item in archive.namelist():
                if item != META:
                    with archive.open(item) as member:
                        arrays[item.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path.name}: not a checkpoint, or damaged ({error})") from None
    if meta.get("schema") != CHECKPOINT_SCHEMA:
        raise CheckpointError(f"{path.name}: layout {meta.get('schema')}, this program reads {CHECKPOINT_SCHEMA}")
    return meta, arrays
