"""A laboratory's spreadsheet export: separated text to a header and rows of cells.

Read are comma, semicolon and tab as separators, UTF-8 with or without byte-order mark, UTF-16 and the Windows code
page; titles above the header are passed over with a note. Cells become numbers in `numbers`, names in `names`,
units in `units`. Nothing is guessed silently: what can mean two things is an error.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from adccsim.analysis.errors import SheetError
from adccsim.analysis.sheets.cell_text import unguard

MOST_BYTES = 64_000_000  # of one file: a sheet of 500,000 rows has some 20 MB
_SEPARATORS = (";", "\t", ",")
_MOST_TITLE_LINES = 30
_AS_TEXT = "export the sheet as text (CSV UTF-8) and give that file"
_NO_TEXT = (
    (b"PK\x03\x04", f"a workbook (.xlsx, .ods) or another archive, not text; {_AS_TEXT}"),
    (b"\xd0\xcf\x11\xe0", f"an old workbook (.xls), not text; {_AS_TEXT}"),
    (b"%PDF", f"a PDF, not text; {_AS_TEXT}"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"\x89HDF", "an HDF5 file, not a sheet; for simulated runs give the results folder"),
)


class Table(NamedTuple):
    """header: its cells; body: (row number in the file, cells) per row, as long as the header; header_row: its row
    number; notes: what was passed over, in sentences."""

    header: list[str]
    body: list[tuple[int, list[str]]]
    header_row: int
    notes: list[str]


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises SheetError for anything else, never waits.

    Devices and pipes have no size and may never end. Raises FileNotFoundError and other OSError of the system.
    """
    path = Path(path)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise SheetError([f"{path.name or path} is {kind}, not a file"])
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        raw = file.read(most + 1)
    if raw is None:  # a file of the kernel that would make a reader wait
        raise SheetError([f"{path.name} has no content that can be read"])
    if len(raw) > most:
        raise SheetError([f"{path.name} has more than {most / 1e6:g} MB; a sheet of measurements is smaller"])
    return raw


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 or the Windows code page, without byte-order mark. Raises SheetError."""
    raw, name = read_bytes(path), Path(path).name
    for magic, words in _NO_TEXT:
        if raw.startswith(magic):
            raise SheetError([f"{name} is {words}"])
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")  # what a spreadsheet on an older desktop writes


def read_table(path: Path, is_header: Callable[[list[str]], bool] | None = None, unique: bool = True) -> Table:
    """The only table of a separated text file, without its empty rows; cells have single spaces.

    is_header: whether a row is a header that the reader knows; the first such row within the first rows is taken, else
    the first row that fills more than half of the columns. unique: refuse two columns of one name. The separator is the
    one that cuts most rows into equally many cells. Raises SheetError.
    """
    text, name = read_text(path), Path(path).name
    lines = text.splitlines()
    if not text.strip() or "\0" in text:
        raise SheetError([f"{name} is empty" if not text.strip() else f"{name} is not a text table"])
    start = next(i for i, line in enumerate(lines) if line.strip())
    if lines[start].strip().casefold().startswith("sep="):
        start += 1
    separator, records = _cut(lines[start:], start, name)
    at = _header_place([cells for _, cells in records], is_header)
    if len(records) < at + 2:
        raise SheetError([f"{name} has a header but no row"])
    header_row, header = records[at]
    while header and header[-1] == "":
        header = header[:-1]
    problems, body = [], []
    for row, cells in records[at + 1 :]:
        if any(cells[len(header) :]):
            hint = "; in a comma-separated sheet a decimal comma must stand in quotes" if separator == "," else ""
            problems.append(f"row {row}: {len(cells)} cells under {len(header)} headers{hint}")
        body.append((row, (cells + [""] * len(header))[: len(header)]))
    if unique:
        doubled = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
        problems += [f"row {header_row}: the column {name!r} stands there twice" for name in doubled]
    if problems:
        raise SheetError(problems)
    above = [f"{' '.join(cell for cell in cells if cell)!r} (row {row})" for row, cells in records[:at]]
    notes = [f"row {header_row} is the header; not read above it: {', '.join(above[:3])}"] if above else []
    return Table(header, body, header_row, notes)


def _cut(lines: list[str], skipped: int, name: str) -> tuple[str, list[tuple[int, list[str]]]]:
    """(separator, [(row number, cells), ...]) of the rows that hold anything."""
    best: tuple[tuple[int, int], str, list[tuple[int, list[str]]]] | None = None
    fault = f"{name} has a header but no row"
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
        records = []
        try:
            for cells in reader:
                cells = [" ".join(unguard(cell).split()) for cell in cells]  # split knows non-breaking spaces
                if any(cells):
                    records.append((skipped + reader.line_num, cells))
        except csv.Error as error:
            fault = f"{name}, row {skipped + reader.line_num}: {error}"
            continue
        widths = Counter(len(cells) for _, cells in records if len(cells) > 1)
        width, rows = widths.most_common(1)[0] if widths else (1, 0)
        if records and (best is None or (rows, width) > best[0]):
            best = ((rows, width), separator, records)
    if best is None:
        raise SheetError([fault])
    return best[1], best[2]


def _header_place(records: list[list[str]], is_header: Callable[[list[str]], bool] | None) -> int:
    """Index of the header among the rows."""
    first = records[: _MOST_TITLE_LINES + 1]
    if is_header is not None:
        known = next((i for i, cells in enumerate(first) if is_header(cells)), None)
        if known is not None:
            return known
    width = Counter(len(cells) for cells in records).most_common(1)[0][0]
    filled = [sum(cell != "" for cell in cells) for cells in first]
    several = next((i for i, n in enumerate(filled) if n > 1 and 2 * n > width), 0)
    return several if several < len(records) - 1 else 0
