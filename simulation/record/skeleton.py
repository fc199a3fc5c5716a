"""Skeleton: a run file made in memory from a copy of the last one of the same shape, with other numbers in it.

To make one small object takes HDF5 some 50 us, and all files of a sweep are alike but for their numbers. So objects,
units and descriptions are made once for each shape; a further file is a copy of those bytes, into which the values are
laid at the places that HDF5 says. What is kept depends on nothing but the shape, and so do the bytes of a file.

Limits   read back == what was written past it; first file == hundredth file        (tests/record/test_skeleton.py)
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import h5py
import numpy as np

from simulation.record.objects import COMPRESS_FROM, Link, Part, write_h5md, write_parts

_MOST = 32  # shapes that are kept: a sweep of wells that record no cells has one or two
_BLOCK = 1 << 16  # bytes by which a file in memory grows


class _Skeleton(NamedTuple):
    image: bytes
    places: tuple[int | None, ...]  # of the values of each dataset; None for an empty one


_kept: dict[tuple, _Skeleton] = {}


@contextmanager
def filled(version: str, parts: Sequence[Part | Link]) -> Iterator[h5py.File]:
    """An open file in memory that holds the H5MD header and these parts, for more to be written; see image()."""
    late: set[str] = set()  # compressed datasets, whose place and size hang on their numbers, and links to them
    for part in parts:
        if part.target in late if isinstance(part, Link) else part.values.size >= COMPRESS_FROM:
            late.add(part.path)
    early = [part for part in parts if part.path not in late]
    data = [np.ascontiguousarray(part.values) for part in early if isinstance(part, Part)]
    skeleton = _skeleton(version, early)
    content = bytearray(skeleton.image)
    for place, values in zip(skeleton.places, data, strict=True):
        if place is not None:
            content[place : place + values.nbytes] = values.tobytes()
    with _in_memory(bytes(content)) as file:
        write_parts(file, [part for part in parts if part.path in late])
        yield file


def image(file: h5py.File) -> bytes:
    """The bytes of a file in memory, as they are to lie on disk."""
    file.flush()
    return file.id.get_file_image()


def _skeleton(version: str, parts: list[Part | Link]) -> _Skeleton:
    key = (version, *(
        part if isinstance(part, Link) else (part.path, part.values.dtype.str, part.values.shape, *part[2:])
        for part in parts
    ))  # fmt: skip
    if key not in _kept:
        with _in_memory(None) as file:
            write_h5md(file, version)
            empty = [
                part if isinstance(part, Link) else part._replace(values=np.zeros_like(part.values)) for part in parts
            ]
            write_parts(file, empty)
            content = image(file)
            places = tuple(file[part.path].id.get_offset() for part in parts if isinstance(part, Part))
        while len(_kept) >= _MOST:
            del _kept[next(iter(_kept))]
        _kept[key] = _Skeleton(content, places)
    return _kept[key]


@contextmanager
def _in_memory(content: bytes | None) -> Iterator[h5py.File]:
    """A file in memory with this content, or a new one; HDF5 1.8 and all later ones read it (with frames 1.10)."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(block_size=_BLOCK, backing_store=False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V110)  # 1.10: the view of frames is virtual
    if content is None:
        create = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        create.set_obj_track_times(False)  # else the root would hold the time of day
        identity = h5py.h5f.create(b"run", h5py.h5f.ACC_TRUNC, create, access)
    else:
        access.set_file_image(content)
        identity = h5py.h5f.open(b"run", h5py.h5f.ACC_RDWR, access)
    with h5py.File(identity) as file:
        yield file
