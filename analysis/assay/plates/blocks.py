"""The 8 x 12 block of a plate in a reader's export, or in the map that names its wells.

Read are: rows A to H under a header 1 to 12 anywhere in a file, with one line per letter or several (raw reading, then
what the reader's software made of it: the raw line is taken); the plate format of SoftMax Pro, whose eight lines carry
no letters; and eight lines of twelve cells and nothing else. A block without any number is no plate, and neither is a
layout: the running numbers or names of the wells that a reader prints above its readings.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from adccsim.analysis.errors import SheetError
from adccsim.analysis.sheets.cell_text import unguard
from adccsim.analysis.sheets.numbers import MISSING
from adccsim.analysis.sheets.sheet import read_text

ROWS = "ABCDEFGH"
COLUMNS = 12

_HEADER = [str(n) for n in range(1, COLUMNS + 1)]
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?", re.IGNORECASE)
_LAYOUT = re.compile(r"(plate|well)?[\s_-]*(lay-?out|map|ids?|names?|numbers?)", re.IGNORECASE)
_DERIVED = re.compile(r"blank|corr|subtr|minus|norm|delta|mean|ratio|%", re.IGNORECASE)

Line = tuple[int, list[str]]  # row number in the file, cells


@dataclass(frozen=True)
class Matrix:
    """cells: well ("B3") -> text; where: well -> (row, column) in the file, from 1; notes: what was passed over."""

    cells: dict[str, str]
    where: dict[str, tuple[int, int]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Block:
    """title: the line above the header; readings: (label at the end of its lines, eight lines) each; column: of A1."""

    title: str
    row: int
    column: int
    readings: tuple[tuple[str, tuple[Line, ...]], ...]

    def values(self) -> list[str]:
        """The cells of all readings that hold anything."""
        cells = [cell for _, lines in self.readings for _, line in lines for cell in line]
        return [cell for cell in cells if cell.casefold() not in MISSING]


def find_matrix(path: Path, holds_words: bool) -> Matrix | None:
    """The only block of readings in a text file, or with holds_words that of a map; None where there is none.

    Raises SheetError where there are several, or where a block holds several readings per well.
    """
    text = read_text(path)
    found: list[_Block] = []
    for separator in (";", "\t", ","):
        try:
            records = [
                [unguard(cell).strip() for cell in cells]
                for cells in csv.reader(io.StringIO(text), delimiter=separator)
            ]
        except csv.Error:  # no text table
            return None
        lines = [(n, cells) for n, cells in enumerate(records, start=1) if any(cells)]
        found = _blocks(lines) or _bare_block(lines, holds_words)
        if found:
            break
    wanted, notes = _named(found) if holds_words else _read(found)
    if len(wanted) > 1:
        rows = ", ".join(str(block.row) for block in wanted)
        raise SheetError(
            [f"{path.name} holds {len(wanted)} matrices (rows {rows}): keep the one that is to be analysed"]
        )
    return _matrix(wanted[0], notes, path.name) if wanted else None


def _blocks(lines: list[Line]) -> list[_Block]:
    """Every header 1 to 12 that is followed by the lines of a plate."""
    blocks = []
    for i, (row, header) in enumerate(lines):
        plain = [cell.lstrip("0").removesuffix(".0") for cell in header]
        starts = [k for k in range(1, len(plain) - COLUMNS + 1) if plain[k : k + COLUMNS] == _HEADER]
        if not starts:
            continue
        k, below = starts[0], lines[i + 1 :]
        readings = _lettered(below, k)
        if not readings and header[k - 1].casefold().startswith("temperature") and len(below) >= len(ROWS):
            readings = [_cut(below[: len(ROWS)], k)]
        if readings:
            title = next((cell for cell in lines[i - 1][1] if cell), "") if i else ""
            blocks.append(_Block(title, row, k + 1, tuple(readings)))
    return blocks


def _lettered(below: list[Line], k: int) -> list[tuple[str, tuple[Line, ...]]]:
    """Readings of a block whose rows begin with A to H, one line per letter or equally many for each."""
    groups: list[list[Line]] = []
    for row, cells in below:
        letter = cells[k - 1].upper() if len(cells) >= k else ""
        if len(groups) < len(ROWS) and letter == ROWS[len(groups)]:
            groups.append([(row, cells)])
        elif groups and not letter and row == groups[-1][-1][0] + 1:
            groups[-1].append((row, cells))
        else:
            break
    per_letter = len(groups[0]) if groups else 0
    if len(groups) < len(ROWS) or any(len(group) != per_letter for group in groups[:-1]):
        return []
    if len(groups[-1]) < per_letter:
        return []
    return [_cut([group[n] for group in groups], k) for n in range(per_letter)]


def _cut(lines: list[Line], k: int) -> tuple[str, tuple[Line, ...]]:
    """(label behind the twelve cells, the twelve cells of each line)."""
    labels = {cells[k + COLUMNS] for _, cells in lines if len(cells) > k + COLUMNS}
    whole = tuple((row, (cells[k : k + COLUMNS] + [""] * COLUMNS)[:COLUMNS]) for row, cells in lines)
    return " / ".join(sorted(labels - {""})), whole


def _bare_block(lines: list[Line], holds_words: bool) -> list[_Block]:
    """A file that is eight lines of twelve cells and nothing else; without a map, a tidy sheet's rows are not one."""
    trimmed = [(row, cells[:-1] if len(cells) > COLUMNS and not cells[-1] else cells) for row, cells in lines]
    whole = len(trimmed) == len(ROWS) and all(len(cells) == COLUMNS for _, cells in trimmed)
    words = whole and any(re.search("[A-Za-z]{2}", cell) for cell in trimmed[0][1])
    if not whole or (words and not holds_words):
        return []
    return [_Block("", trimmed[0][0], 1, (("", tuple(trimmed)),))]


def _read(blocks: list[_Block]) -> tuple[list[_Block], list[str]]:
    """(blocks that hold readings, notes)."""
    numbered = [block for block in blocks if any(_NUMBER.fullmatch(cell) for cell in block.values())]
    layouts = [block for block in numbered if _is_layout(block)]
    notes = [f"the block under row {block.row} ({block.title or 'running numbers'}) names wells and holds no reading"
             for block in layouts]  # fmt: skip
    if layouts and len(layouts) == len(numbered):
        raise SheetError([f"{notes[0]}, and there is no other block of 8 x 12 with numbers"])
    return [block for block in numbered if block not in layouts], notes


def _is_layout(block: _Block) -> bool:
    """Whether title, labels or running whole numbers say that the cells name wells."""
    labels = [label for label, _ in block.readings]
    cells = block.values()
    running = cells == [str(n) for n in range(1, len(cells) + 1)]
    return running or any(_LAYOUT.fullmatch(text.strip(" :")) for text in (block.title, *labels))


def _named(blocks: list[_Block]) -> tuple[list[_Block], list[str]]:
    """(blocks that can be a map, notes): of several those with words in them, and never an empty one."""
    filled = [block for block in blocks if block.values()]
    words = [block for block in filled if not all(_NUMBER.fullmatch(cell) for cell in block.values())]
    return words or filled, []


def _matrix(block: _Block, notes: list[str], name: str) -> Matrix:
    raw = [reading for reading in block.readings if not _DERIVED.search(reading[0])]
    if len(block.readings) > 1 and len(raw) != 1:
        labels = ", ".join(label or "no name" for label, _ in block.readings)
        several = f"{len(block.readings)} readings per well ({labels})"
        raise SheetError([f"{name}, row {block.row}: {several}; keep one line per row letter"])
    label, lines = raw[0] if len(block.readings) > 1 else block.readings[0]
    if len(block.readings) > 1:
        others = ", ".join(other for other, _ in block.readings if other != label)
        notes = [*notes, f"{len(block.readings)} lines per row letter: {label} is read, {others} is not"]
    cells, where = {}, {}
    for letter, (row, values) in zip(ROWS, lines, strict=True):
        for n in range(COLUMNS):
            cells[f"{letter}{n + 1}"] = values[n]
            where[f"{letter}{n + 1}"] = (row, block.column + n)
    return Matrix(cells, where, tuple(notes))
