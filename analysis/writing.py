"""Files that an analysis writes: whole or not at all, and an error names the file.

    with whole(path) as part:
        frame.to_csv(part)

A full disk, or a process that is killed, leaves the file of the analysis before or the new one, never half of it.
Limits   a full disk: one line, the old files stay                                      (tests/analysis/test_writing.py)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adccsim.seal import naming


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name with the same ending to write under; at the end the file gets its own name. Raises OSError with `path`."""
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with naming(path):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
