"""Checkpoint: the complete state of a run in one file, full precision, replaced as a whole or not at all.

An uncompressed zip archive: meta.json, then one .npy member per array. Of a large array, as the columns of a tumour's
box are, only the blocks of 4 KiB that are not all zero are kept: NAME.blocks.npy and their numbers NAME.where.npy; its
dtype and shape are in meta.json under "sparse". Written under a name of its own, flushed to disk and renamed, so a
crash leaves the old checkpoint or the new one. The comment at the end of the archive is the seal of all bytes before it
(simulation/seal.py); a checkpoint of an earlier version has no comment, but the archive's own checksum of each member.
"""

import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from uuid import uuid4

import numpy as np

from adccsim.memory import BLOCK, blocks_of, empty_column, in_blocks, written
from adccsim.scenario.xenograft.branch import CHECKPOINT_SCHEMA, META, CheckpointError, errors_of_checkpoint, read_meta
from adccsim.seal import SIZE, naming, seal_tail

_AT_ONCE = 4096  # blocks
_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member: the same state has the same bytes


def save_checkpoint(path: Path, meta: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
    """Write meta (JSON-able) and arrays (name -> array, names unique) to `path`, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        with naming(path), open(part, "w+b") as handle:
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                columns = {name: np.asarray(arrays[name]) for name in sorted(arrays)}
                sparse = {name: (a.dtype.str, a.shape) for name, a in columns.items() if in_blocks(a)}
                archive.comment = bytes(SIZE)  # room for the seal
                text = json.dumps({**meta, "schema": CHECKPOINT_SCHEMA, "sparse": sparse})
                archive.writestr(zipfile.ZipInfo(META, _MOMENT), text)
                for name, column in columns.items():
                    if name in sparse:
                        _write_blocks(archive, name, blocks_of(column))
                    else:
                        _write(archive, name, column)
            seal_tail(handle)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(zipfile.ZipInfo(f"{name}.npy", _MOMENT), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _write_blocks(archive: zipfile.ZipFile, name: str, blocks: np.ndarray) -> None:
    where = written(blocks)
    _write(archive, f"{name}.where", where)
    with archive.open(zipfile.ZipInfo(f"{name}.blocks.npy", _MOMENT), "w", force_zip64=True) as member:
        header = {"descr": "<u8", "fortran_order": False, "shape": (len(where), blocks.shape[1])}
        np.lib.format.write_array_header_2_0(member, header)
        for first in range(0, len(where), _AT_ONCE):  # never a second copy of a column
            member.write(blocks[where[first : first + _AT_ONCE]].tobytes())


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        _at_its_end(member, name)
        return array


def _read_blocks(archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The column, in memory that only its blocks take up."""
    column = empty_column(math.prod(shape), np.dtype(dtype)).reshape(shape)
    blocks, where = blocks_of(column), _read(archive, f"{name}.where")
    with archive.open(f"{name}.blocks.npy") as member:
        np.lib.format.read_magic(member)
        np.lib.format.read_array_header_2_0(member)
        for first in range(0, len(where), _AT_ONCE):
            part = where[first : first + _AT_ONCE]
            data = member.read(len(part) * BLOCK)
            blocks[part] = np.frombuffer(data, np.uint64).reshape(len(part), BLOCK // 8)
        _at_its_end(member, name)
    return column


def _at_its_end(member: IO[bytes], name: str) -> None:
    """The checksum of a member is compared at its end only; a damaged header may claim fewer items than there are."""
    if member.read(1):
        raise ValueError(f"{name}: more items than its header says")


def load_checkpoint(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """meta and arrays of a checkpoint.

    Raises CheckpointError for a file that is none, DamagedCheckpoint for one that is damaged.
    """
    try:
        meta = read_meta(path)
        del meta["content"]
        with errors_of_checkpoint(), zipfile.ZipFile(path) as archive:
            arrays = {name: _read_blocks(archive, name, *what) for name, what in meta.pop("sparse").items()}
            others = {f"{name}.{part}.npy" for name in arrays for part in ("where", "blocks")} | {META}
            for item in archive.namelist():
                if item not in others:
                    name = item.removesuffix(".npy")
                    arrays[name] = _read(archive, name)
    except CheckpointError as error:
        raise type(error)(f"{path.name}: {error}") from None
    return meta, arrays
