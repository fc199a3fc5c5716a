"""Memory: large columns that take room only where they are written, and freed memory that goes back to the system.

A tumour is a ball in a cubic box, half of which stays empty, and a patch owns twice the slots that it fills at rest. In
pages of 4 KiB what is never written costs nothing; numpy asks for pages of 2 MiB, with which the corners of the box are
as dear as the tumour.
"""

import ctypes
import mmap
from contextlib import suppress

import numpy as np

BLOCK = 4096  # bytes
_STRIDE = 1 << 12  # blocks looked at together
_SMALL = 1 << 22  # bytes below which numpy does not ask for large pages either
_PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)


def empty_column(size: int, dtype) -> np.ndarray:
    """Zeros of shape (size,), in small pages that come into being when they are first written."""
    nbytes = size * np.dtype(dtype).itemsize
    if nbytes < _SMALL or not _PRIVATE:
        return np.zeros(size, dtype)
    pages = mmap.mmap(-1, nbytes, flags=_PRIVATE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype)


def in_blocks(column: np.ndarray) -> bool:
    """Whether a column is large enough, and of a size, to be looked at block by block."""
    return column.nbytes >= _SMALL and column.nbytes % BLOCK == 0 and column.flags.c_contiguous


def blocks_of(column: np.ndarray) -> np.ndarray:
    """The same memory as blocks, uint64[blocks, 512]."""
    return column.reshape(-1).view(np.uint64).reshape(-1, BLOCK // 8)


def written(blocks: np.ndarray) -> np.ndarray:
    """Numbers of the blocks that are not all zero, int64; what was never written stays without a page."""
    some = [
        first + np.flatnonzero(blocks[first : first + _STRIDE].any(axis=1)) for first in range(0, len(blocks), _STRIDE)
    ]
    return np.concatenate(some)


def copy_written(source: np.ndarray, target: np.ndarray) -> None:
    """Copy source to target of the same shape; blocks that are zero in both are left alone."""
    if not in_blocks(source):
        target[...] = source
        return
    one, other = blocks_of(source), blocks_of(target)
    for first in range(0, len(one), _STRIDE):
        part = one[first : first + _STRIDE]
        some = np.flatnonzero(part.any(axis=1) | other[first : first + _STRIDE].any(axis=1))
        other[first + some] = part[some]


def give_back() -> None:
    """Return freed memory to the system: a long-lived process is otherwise as large as it ever was.

    The allocator of glibc keeps freed pages that lie between used ones; other systems need nothing.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library, or none that can be opened
        ctypes.CDLL(None).malloc_trim(0)
