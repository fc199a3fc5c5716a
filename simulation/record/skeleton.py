"""Skeleton: a run file made in memory from a copy of the last one of the same shape, with other numbers in it.

To make one small object takes HDF5 some 50 us, and all files of a sweep are alike but for their numbers. So objects,
units, descriptions and attributes are made once for each shape; a further file is a copy of those bytes, into which
values and texts are laid at the places where they belong. Numbers among the attributes lie in headers with a checksum:
they are left to HDF5. What is kept depends on nothing but the shape, and so do the bytes of a file.

Limits   read back == what was written past it; first file == hundredth file        (tests/record/test_skeleton.py)
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from threading import Lock
from typing import Any, NamedTuple
from uuid import uuid4

import h5py
import numpy as np

from adccsim.record.objects import COMPRESS_FROM, Link, Part, write_h5md, write_meta, write_parts

_MOST = 128  # shapes that are kept: a sweep of wells that record no cells has one per length of its conditions' text
_BLOCK = 1 << 16  # bytes by which a file in memory grows
_LONG = 8  # characters of a text that is laid in; a shorter one (a role, a version) has few values: part of the shape


class _Skeleton(NamedTuple):
    image: bytes
    places: tuple[int | None, ...]  # of the values of each dataset; None for an empty one
    texts: tuple[int, ...]  # places of the long texts of the attributes


_kept: dict[tuple, _Skeleton] = {}
_keeping = Lock()  # of _kept


def image(
    version: str, parts: Sequence[Part | Link], meta: Mapping, rest: Callable[[h5py.File], None] | None = None
) -> bytes:
    """The bytes of a file with the H5MD header, these parts and attributes, and what `rest` writes to it, if anything.

    Links of a dataset come after it.
    """
    late: set[str] = set()  # compressed datasets, whose place and size hang on their numbers, and links to them
    for part in parts:
        if part.target in late if isinstance(part, Link) else part.values.size >= COMPRESS_FROM:
            late.add(part.path)
    early = [part for part in parts if part.path not in late]
    data = [np.ascontiguousarray(part.values) for part in early if isinstance(part, Part)]
    texts = {name: value.encode() for name, value in meta.items() if _is_long(value)}
    skeleton = _skeleton(version, early, {**meta, **texts})
    content = bytearray(skeleton.image)
    for place, values in zip(skeleton.places, data, strict=True):
        if place is not None:
            content[place : place + values.nbytes] = values.tobytes()
    for place, text in zip(skeleton.texts, texts.values(), strict=True):
        content[place : place + len(text)] = text
    with _in_memory(bytes(content)) as identity:
        attributes = h5py.h5o.open(identity, b"meta")
        for name, value in meta.items():
            if not isinstance(value, str):
                h5py.h5a.open(attributes, name.encode()).write(np.asarray(value))
        if late:
            write_parts(h5py.File(identity), [part for part in parts if part.path in late])
        if rest:
            rest(h5py.File(identity))
        return _bytes(identity)


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) >= _LONG


def _skeleton(version: str, parts: list[Part | Link], meta: Mapping) -> _Skeleton:
    """meta: with the long texts encoded."""
    shape = (version, *(
        part if isinstance(part, Link) else (part.path, part.values.dtype.str, part.values.shape, *part[2:])
        for part in parts
    ))  # fmt: skip
    key = (shape, *((name, _kind(value)) for name, value in meta.items()))
    with _keeping:
        kept, bare = _kept.get(key), _kept.get(shape)
    if kept is None:
        bare = bare or _bare(version, parts)
        marks = {name: _mark(name, len(value)) for name, value in meta.items() if isinstance(value, bytes)}
        numbers = {name: np.zeros_like(value) for name, value in meta.items() if not isinstance(value, str | bytes)}
        with _in_memory(bare.image) as identity:
            write_meta(h5py.File(identity), {**meta, **marks, **numbers})
            content = _bytes(identity)
        if any(content.count(mark.encode()) != 1 for mark in marks.values()):
            raise ValueError("a text of the file looks like a mark of the skeleton")
        texts = tuple(content.index(mark.encode()) for mark in marks.values())
        kept = _Skeleton(content, bare.places, texts)
        with _keeping:
            for name, skeleton in ((shape, bare), (key, kept)):
                while len(_kept) >= _MOST:
                    del _kept[next(iter(_kept))]
                _kept[name] = skeleton
    return kept


def _kind(value: Any) -> object:
    """What of an attribute is part of the shape: of a long text its length, of a short one all of it."""
    if isinstance(value, str):
        return value
    return len(value) if isinstance(value, bytes) else (np.asarray(value).dtype, np.shape(value))


def _bare(version: str, parts: list[Part | Link]) -> _Skeleton:
    """Without attributes of the run, which are of more shapes than what lies beside them."""
    empty = [part if isinstance(part, Link) else part._replace(values=np.zeros_like(part.values)) for part in parts]
    content: bytes | None = None
    # Opened again for each table, so that all of it lies together: by that an analysis knows it again (run_file.py).
    for _, table in groupby(empty, lambda part: part.path.partition("/")[0]):
        with _in_memory(content) as identity:
            if content is None:
                write_h5md(h5py.File(identity), version)
            write_parts(h5py.File(identity), table)
            content = _bytes(identity)
    with _in_memory(content) as identity:
        datasets = [h5py.h5d.open(identity, part.path.encode()) for part in parts if isinstance(part, Part)]
        places = tuple(dataset.get_offset() for dataset in datasets)
    assert content is not None
    return _Skeleton(content, places, ())


def _mark(name: str, length: int) -> str:
    """A text of this length that is found nowhere else in a file."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return (digits * (length // len(digits) + 1))[:length]


def _bytes(identity: h5py.h5f.FileID) -> bytes:
    """The bytes of a file in memory, as they are to lie on disk."""
    h5py.h5f.flush(identity)
    return identity.get_file_image()


@contextmanager
def _in_memory(content: bytes | None) -> Iterator[h5py.h5f.FileID]:
    """A file in memory with this content, or a new one; HDF5 1.8 and all later ones read it (with frames 1.10).

    Its name is its own: HDF5 takes two open files of one name for one file, and threads write at the same time.
    """
    name = f"run-{uuid4().hex}".encode()
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(block_size=_BLOCK, backing_store=False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V110)  # 1.10: the view of frames is virtual
    if content is None:
        create = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        create.set_obj_track_times(False)  # else the root would hold the time of day
        identity = h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, create, access)
    else:
        access.set_file_image(content)
        identity = h5py.h5f.open(name, h5py.h5f.ACC_RDWR, access)
    try:
        yield identity
    finally:
        identity.close()
