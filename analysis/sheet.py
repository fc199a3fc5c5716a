"""A laboratory's spreadsheet export: separated text to rows of cells, and cells to numbers.

Read are comma, semicolon and tab as separators, decimal comma or point, UTF-8 with or without byte-order mark, UTF-16
and the Windows code page. Nothing is guessed silently: what can mean two things is a fault.
"""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

from analysis.errors import SheetFault

MISSING = {"", "na", "n/a", "nan", "nd", "-", "none", "null"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 or the Windows code page, without byte-order mark."""
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")  # what a spreadsheet on an older desktop writes


def read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """(header, [(row number, cells), ...]) of a separated text file, without its empty rows; cells have single spaces.

    The separator is the commonest of semicolon, tab and comma in the header. Raises SheetFault.
    """
    text, name = read_text(path), path.name
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None or "\0" in text:
        raise SheetFault([f"{name} is empty" if first is None else f"{name} is not a text table"])
    if lines[first].strip().casefold().startswith("sep="):
        first += 1
    bare = re.sub(r'"[^"]*"', "", lines[first] if first < len(lines) else "")
    separator = max((";", "\t", ","), key=bare.count)
    records: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO("\n".join(lines[first:])), delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            cells = [" ".join(cell.replace("\u00a0", " ").replace("\u202f", " ").split()) for cell in cells]
            if any(cells):
                records.append((first + reader.line_num, cells))
    except csv.Error as error:
        raise SheetFault([f"{name}, row {first + reader.line_num}: {error}"]) from None
    if len(records) < 2:
        raise SheetFault([f"{name} has a header but no row"])
    header = records[0][1]
    while header and header[-1] == "":
        header = header[:-1]
    problems, body = [], []
    for row, cells in records[1:]:
        if any(cells[len(header) :]):
            hint = "; in a comma-separated sheet a decimal comma must stand in quotes" if separator == "," else ""
            problems.append(f"row {row}: {len(cells)} cells under {len(header)} headers{hint}")
        body.append((row, (cells + [""] * len(header))[: len(header)]))
    doubled = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    problems += [f"row 1: the column {name!r} stands there twice" for name in doubled]
    if problems:
        raise SheetFault(problems)
    return header, body


class Numbers:
    """Cells to numbers; decimal comma and point may not be mixed, since 1,234 would then mean two things."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        self.comma: str | None = None
        self.point: str | None = None
        self.grouped: str | None = None  # first cell like 1,234
        self.decimal_comma = False  # a comma that can only be a decimal one was seen
        self.large = False  # a plain number of 100 or more was seen

    def read(self, cell: str, row: int, column: str) -> float:
        """The number in a cell, NaN where it is empty; what is no number goes to `problems`."""
        text = cell.replace(" ", "")
        if text.casefold() in MISSING:
            return float("nan")
        where = f"row {row}, column {column}"
        plain, decimal = text, "." if "." in text else ""
        if "," in text and "." in text:
            decimal = max(",.", key=text.rfind)
            group = "." if decimal == "," else ","
            if re.fullmatch(rf"[+-]?\d{{1,3}}(\{group}\d{{3}})+\{decimal}\d*", text):
                plain = text.replace(group, "").replace(decimal, ".")
        elif "," in text:
            decimal, plain = ",", text.replace(",", ".")
            if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text):
                self.grouped = self.grouped or f"{where}: {cell!r}"
            else:
                self.decimal_comma = True
        if not _NUMBER.fullmatch(plain) or not math.isfinite(float(plain)):
            self.problems.append(f"{where}: {cell!r} is not a number")
            return float("nan")
        self.large = self.large or (not decimal and abs(float(plain)) >= 100)
        self.comma = self.comma or (where if decimal == "," else None)
        self.point = self.point or (where if decimal == "." else None)
        return float(plain)

    def check(self) -> None:
        """After the last cell: name what could mean two things."""
        if self.comma and self.point:
            self.problems.append(f"decimal comma ({self.comma}) and decimal point ({self.point}) in one sheet")
        if self.grouped and self.large and not self.decimal_comma:
            self.problems.append(f"{self.grouped} may mean thousands or a decimal comma; write it without a comma")
