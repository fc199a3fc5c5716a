"""The oracle's compiled functions, kept for each state of its sources: compiling them takes most of a minute."""

import hashlib
from pathlib import Path

import numba

_SOURCES = sorted(Path(__file__).parent.glob("*.py"))
_DIGEST = hashlib.sha256(b"\0".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]


def compiled(function):
    """numba.njit without the interpreter's lock, in numba's cache where a directory for it is set.

    Numba itself compares only the file of a function, and not those of the functions that it calls: the directory is
    named after all of them.
    """
    directory = numba.config.CACHE_DIR
    if not directory:
        return numba.njit(nogil=True)(function)
    numba.config.CACHE_DIR = str(Path(directory) / f"oracle-{_DIGEST}")
    try:
        return numba.njit(nogil=True, cache=True)(function)
    finally:
        numba.config.CACHE_DIR = directory
