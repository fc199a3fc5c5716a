"""Seal: a SHA-256 digest stored with a file, so that a reader notices every byte that has changed since it was written.

    binary files (run files, checkpoints)   the last SIZE bytes, one line of text: MARK, 64 hex digits, a line feed;
                                            the digest is that of all bytes before them
    JSON (study.json, failed/*.json)        the entry "sha256": the digest of all other entries in canonical form
    other files (runs.parquet, summary.txt) a second file NAME.sha256 in the format of the command sha256sum

HDF5 and zip readers ignore bytes behind the end of their data. A seal protects against accidents (flipped bits, cut or
mixed-up files), not against somebody who computes a new one.
Source   FIPS 180-4, as in hashlib.
Limits   every one-bit flip of a sealed file is found                                               (tests/test_seal.py)
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

MARK = b"\nadccsim sha256 "
SIZE = len(MARK) + 64 + 1
KEY = "sha256"
CHANGED = "damaged: its bytes do not match the SHA-256 stored with them"
MISSING = "damaged: the SHA-256 at its end is missing"
SEALED_FROM = 2  # layout of run files, and schema of study.json, from which on a seal is required
_CHUNK = 1 << 20


class DamagedFile(ValueError):
    """A file whose content is not what was written; str() is the reason in one line."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError inside, as of a full disk while a file is written, names the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


# -- binary files ---------------------------------------------------------------------------------------------------


def seal(content: bytes) -> bytes:
    """The bytes to append to a file with this content."""
    return _trailer(hashlib.sha256(content).hexdigest())


def seal_file(path: Path) -> bytes:
    """The bytes to append to a file on disk, which may be larger than the memory."""
    with open(path, "rb") as handle:
        return _trailer(hashlib.file_digest(handle, "sha256").hexdigest())


def stated_digest(path: Path) -> str | None:
    """The digest that a file states, unchecked; None if it has no seal. Reads SIZE bytes."""
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        handle.seek(max(0, size - SIZE))
        return _stated(handle.read(SIZE))


def checked(handle: BinaryIO, front: bytes = b"") -> str | None:
    """The digest of a sealed file; None if it has no seal.

    front: what was read from the file so far; the rest is read here, a piece at a time. Raises DamagedFile if the bytes
    do not match the digest.
    """
    size = handle.seek(0, os.SEEK_END)
    handle.seek(len(front))
    body = max(0, size - SIZE)
    digest = _digest_to(handle, body, front)
    stated = _stated(front[body:] + handle.read(SIZE))
    if stated is not None and stated != digest:
        raise DamagedFile(CHANGED)
    return stated


def checked_file(path: Path) -> str | None:
    """As `checked`, of a file by name. Raises OSError if it cannot be read."""
    with open(path, "rb") as handle:
        return checked(handle)


def seal_tail(handle: BinaryIO) -> None:
    """Overwrite the last SIZE bytes of an open file (mode w+b), which were kept for it, with its seal."""
    body = handle.seek(0, os.SEEK_END) - SIZE
    handle.seek(0)
    digest = _digest_to(handle, body)
    handle.seek(body)
    handle.write(_trailer(digest))


def _digest_to(handle: BinaryIO, stop: int, front: bytes = b"") -> str:
    """Digest of the bytes of a file up to `stop`; `front` was read before, and the file is read from there on."""
    digest = hashlib.sha256(memoryview(front)[:stop])
    left = stop - len(front)
    while left > 0 and (piece := handle.read(min(_CHUNK, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _trailer(digest: str) -> bytes:
    return MARK + digest.encode() + b"\n"


def _stated(tail: bytes) -> str | None:
    if len(tail) != SIZE or not tail.startswith(MARK):
        return None
    return tail[len(MARK) : -1].decode("latin-1") if tail.endswith(b"\n") else ""


# -- JSON -----------------------------------------------------------------------------------------------------------


def sealed_entries(content: Mapping) -> dict:
    """The entries of a JSON object with the digest of all of them as the last one."""
    return {**content, KEY: _digest_of(content)}


def check_entries(content: Mapping, required: bool) -> None:
    """Raises DamagedFile unless the entries match their digest; required: whether there has to be one."""
    if KEY not in content:
        if required:
            raise DamagedFile(f"damaged: its entry {KEY} is missing")
    elif content[KEY] != _digest_of({name: value for name, value in content.items() if name != KEY}):
        raise DamagedFile(f"damaged: its content does not match its entry {KEY}")


def _digest_of(content: Mapping) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


# -- other files ----------------------------------------------------------------------------------------------------


def write_digest(path: Path) -> None:
    """Write NAME.sha256 next to a file. A crash before it leaves a file that does not count as whole."""
    line = _line(path)
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with naming(digest_file(path)):
            part.write_text(line, encoding="utf-8")
            part.replace(digest_file(path))
    finally:
        part.unlink(missing_ok=True)


def digest_file(path: Path) -> Path:
    """Where write_digest puts the digest of a file."""
    return path.with_name(f"{path.name}.sha256")


def matches_digest(path: Path) -> bool:
    """Whether a file is there with a NAME.sha256 that it matches."""
    try:
        return digest_file(path).read_bytes() == _line(path).encode()
    except OSError:
        return False


def _line(path: Path) -> str:
    with open(path, "rb") as handle:
        return f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {path.name}\n"
