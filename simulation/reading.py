"""Files that a user names, read up to a stated size: text and TOML, each refusal in one line.

Nothing but a regular file is read: a folder, a device (`/dev/zero` never ends) or a pipe (which may never begin) is
refused before the first byte. So is text that is not UTF-8, that holds a NUL byte, or that is nested without end.
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

# Files that people write. The largest shipped scenario has 4 kB, an overlay of the whole catalogue 60 kB.
MOST_BYTES = 4_000_000


class UnreadableError(ValueError):
    """A file that cannot be used; str() is the reason on one line, without the name of the file."""


def read_bytes(path: Path, what: str = "a file", most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file. what: what it should be, for the message. Raises UnreadableError over `most`."""
    try:
        # Opening a pipe waits for its writer unless asked not to; a regular file is read as ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise UnreadableError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableError(f"is a folder, not {what}")
        if not stat.S_ISREG(mode):
            raise UnreadableError(f"is a device or a pipe, not {what}")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
        if data is None:  # a file of the kernel that has nothing to say now
            raise UnreadableError(f"has no content that can be read as {what}")
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise UnreadableError(f"is larger than {most / 1e6:g} MB, the most that is read of {what}")
    return data


def read_text(path: Path, what: str = "a file", most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, without a byte-order mark. Raises UnreadableError."""
    data = read_bytes(path, what, most)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not UTF-8 text (byte {error.start})") from None
    if "\0" in text:
        raise UnreadableError(f"is not text: a NUL character at position {text.index(chr(0))}")
    return text


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises UnreadableError."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UnreadableError("not valid TOML: nested too deeply") from None
    except ValueError as error:  # tomllib's own error is one; so is Python's refusal of an endless integer
        raise UnreadableError(f"not valid TOML: {error}") from None


def read_toml(path: Path, what: str = "a file", most: int = MOST_BYTES) -> dict[str, Any]:
    """The tables of a TOML file. Raises UnreadableError."""
    return parse_toml(read_text(path, what, most))
