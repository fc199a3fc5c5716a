"""Cells of a sheet to numbers: which sign is the decimal one, what separates thousands, and what to write instead.

One sheet has one convention. A sign is the decimal one if it stands before another number of digits than three, or
after a sign that separates thousands (1.234,5); then the other sign can only separate thousands. Where every number
with the sign has exactly three digits behind it (1.034), its column decides. The sign separates thousands if at least
five numbers from 100 to 999 stand there without it and none of 1000 or more does, if read as decimals all numbers with
the sign would be smaller than every other one, and if read as thousands they continue the others without a gap.
Whatever remains open is refused with the first such cell.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable

MISSING = {"", "na", "n/a", "n.a.", "nan", "nd", "n.d.", "-", "–", "—", "none", "null", "#n/a"}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SPACED = re.compile(r"[+-]?[0-9]{1,3}([ '][0-9]{3})+([.,][0-9]*)?")
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | {"’": "'", "\u2212": "-"})
_SIGN = {".": "point", ",": "comma"}
_DOUBTFUL = 10  # a whole number of this size makes 1.034 in its column doubtful
_GAP = 3.0  # how far the smallest number of 1000 or more may lie above the largest one below
_ENOUGH = 5  # numbers from 100 to 999 without a sign, before a column can prove that the sign separates thousands

_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_ADVICE = (
    (r"#(value!|ref!|div/0!|name\?|null!|num!)", "a spreadsheet's error: repair its formula or leave the cell empty"),
    (r"#+", "the column was too narrow when the sheet was exported: widen it and export again"),
    (r"[<≤].*", "below a limit: write the limit itself and state it (loq_mm3 in the [rules] of a caliper design), or "
     "leave the cell empty if nothing was read"),
    (r".*(ovr|over|ovfl|satur|out of range|max).*|[>≥].*", "above what could be read: measure it again, or write the "
     "upper limit as a lower bound; left out, a mean comes out too low"),
    (r".*(ulcer|dead|died|death|found|cull|euthan|sacrific|terminat|removed|censor|endpoint|moribund).*",
     "leave the cell empty and write it into the columns event (endpoint, death or removed) and reason"),
    (rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}.*|\d{{1,2}}[-. ]?{_MONTH}.*|{_MONTH}[a-z]*[-. ]?\d+.*",
     "a date: write a number, such as the days since randomisation"),
    (r"[\d.,\s]+%", "write it without the percent sign, 45 for 45 %"),
    (r"[\d.,\s]+\s*(mm3|mm³|cm3|cm³|mm|cm|g|mg|kg|ug|ng|d|days?|h)", "write the number only, its unit in the header"),
    (r"\d+[ '][\d ']*", "these are no thousands, which have groups of three digits"),
)  # fmt: skip


def advice(cell: str) -> str:
    """What to write instead of a cell that is no number, "" where nothing sensible can be said."""
    text = " ".join(cell.casefold().split())
    return next((f"; {what}" for pattern, what in _ADVICE if re.fullmatch(pattern, text)), "")


class Numbers:
    """Cells to numbers under one convention for the whole sheet.

    cells: (row, column, cell) of every cell that will be read, so that all of them decide what 1.034 means. Without
    them, or where something remains open, `check` refuses. Errors go to `problems`, one sentence each.
    """

    def __init__(self, problems: list[str], cells: Iterable[tuple[int, str, str]] = ()):
        self.problems = problems
        self._decimal: dict[str, str] = {}  # sign -> first cell where it can only be the decimal one
        self._thousands: dict[str, str] = {}  # sign -> first cell where it can only separate thousands
        self._decimal_columns: set[tuple[str, str]] = set()
        self._open: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)  # 1.034: (cell, decimal value)
        self._whole: dict[str, list[float]] = defaultdict(list)  # sizes of the numbers without a sign
        self._percent: dict[str, str] = {}
        self._bare: dict[str, str] = {}
        self._settled = False  # whether all cells are known
        for row, column, cell in cells:
            self._learn(_bare_text(cell), f"row {row}, column {column}: {cell!r}", column)
            self._settled = True
        self._means = {key: self._meaning(*key) for key in self._open} if self._settled else {}

    def read(self, cell: str, row: int, column: str, percent: bool = False, series: str | None = None) -> float:
        """The number in a cell, NaN where it is empty; what is no number goes to `problems`.

        percent: 45% is the number 45 here. series: the name under which the cell was given as one of `cells`, where
        that is not its column.
        """
        text = _bare_text(cell)
        if text.casefold() in MISSING:
            return float("nan")
        where = f"row {row}, column {column}"
        if percent:
            marked = text.endswith("%")
            (self._percent if marked else self._bare).setdefault(column, f"{where}: {cell!r}")
            text = text.removesuffix("%").rstrip()
        if not self._settled:
            self._learn(text, f"{where}: {cell!r}", series or column)
        plain = self._plain(text, series or column)
        if not _NUMBER.fullmatch(plain) or not math.isfinite(float(plain)):
            self.problems.append(f"{where}: {cell!r} is not a number{advice(cell)}")
            return float("nan")
        return float(plain)

    def check(self) -> list[str]:
        """After the last cell: name what could mean two things. Returns notes on what was taken for thousands."""
        if len(self._decimal) == 2:
            comma, point = (self._decimal[sign].partition(": ")[0] for sign in ",.")
            self.problems.append(f"decimal comma ({comma}) and decimal point ({point}) in one sheet")
        elif both := self._decimal.keys() & self._thousands.keys():
            sign = min(both)
            self.problems.append(
                f"a {_SIGN[sign]} is the decimal sign in {self._decimal[sign]} and separates thousands in "
                f"{self._thousands[sign]}"
            )
        for column, marked in self._percent.items():
            if column in self._bare:
                self.problems.append(f"{marked} has a percent sign and {self._bare[column]} has none; write all alike")
        notes = []
        for (column, sign), cells in self._open.items() if len(self._decimal) < 2 else ():
            first, value = cells[0]
            meaning = self._means[column, sign] if self._settled else self._meaning(column, sign)
            if meaning == "open" or (meaning == "thousands" and not self._settled):
                otherwise = f"{value:.4f}".replace(".", sign)
                self.problems.append(
                    f"{first} may mean thousands or a decimal {_SIGN[sign]}; write it without a {_SIGN[sign]} "
                    f"({1000 * value:.0f}), or with another number of decimals ({otherwise})"
                )
            elif meaning == "thousands":
                notes.append(f"column {column}: a {_SIGN[sign]} separates thousands ({first} is {1000 * value:.0f})")
        return notes

    def _learn(self, text: str, where: str, column: str) -> None:
        """Take one cell into account; `where` names it."""
        text = text.removesuffix("%").rstrip().lstrip("+-")
        if _SPACED.fullmatch(text):
            text = re.sub("[ ']", "", text)
        signs = [sign for sign in ",." if sign in text]
        if not _NUMBER.fullmatch(text.replace(",", "").replace(".", "")):
            return
        if not signs:
            if "e" not in text.casefold():
                self._whole[column].append(float(text))
        elif len(signs) == 2:
            decimal, group = sorted(signs, key=text.rfind, reverse=True)
            self._decimal.setdefault(decimal, where)
            self._decimal_columns.add((column, decimal))
            self._thousands.setdefault(group, where)
        elif text.count(signs[0]) > 1:
            self._thousands.setdefault(signs[0], where)
        elif _EITHER.fullmatch(text):
            self._open[column, signs[0]].append((where, float(text.replace(",", "."))))
        else:
            self._decimal.setdefault(signs[0], where)
            self._decimal_columns.add((column, signs[0]))

    def _meaning(self, column: str, sign: str) -> str:
        """What a sign with three digits behind it is in a column: "decimal", "thousands" or "open"."""
        other = "." if sign == "," else ","
        proven = self._thousands_proven(column, sign)
        both = other in self._thousands or any(of == other for _, of in self._open)
        if other in self._decimal or sign in self._thousands:
            return "open" if sign in self._decimal else "thousands"
        if sign in self._decimal:
            return "open" if proven else "decimal"
        if both:
            return "decimal" if other in self._thousands else "open"
        if proven:
            return "thousands"
        # A decimal point is what the format asks for; a decimal comma is not, and any column makes it doubtful.
        near = self._whole[column] if sign == "." else [size for sizes in self._whole.values() for size in sizes]
        return "open" if any(size >= _DOUBTFUL for size in near) else "decimal"

    def _thousands_proven(self, column: str, sign: str) -> bool:
        whole = [size for size in self._whole[column] if size > 0]
        cells = self._open.get((column, sign), [])
        return bool(
            cells
            and (column, sign) not in self._decimal_columns
            and sum(100 <= size < 1000 for size in whole) >= _ENOUGH
            and max(whole) < 1000
            and max(value for _, value in cells) < min(whole)
            and 1000 * min(value for _, value in cells) <= _GAP * max(whole)
        )

    def _plain(self, text: str, column: str) -> str:
        """The cell with a decimal point and without anything that separates thousands."""
        if _SPACED.fullmatch(text):
            text = re.sub("[ ']", "", text)
        signs = [sign for sign in ",." if sign in text]
        if len(signs) == 2:
            decimal, group = sorted(signs, key=text.rfind, reverse=True)
            if re.fullmatch(rf"[+-]?\d{{1,3}}(\{group}\d{{3}})+\{decimal}\d*", text):
                return text.replace(group, "").replace(decimal, ".")
            return text.replace(decimal, "x")
        if not signs:
            return text
        if re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(\{signs[0]}\d{{3}}){{2,}}", text):
            return text.replace(signs[0], "")
        if _EITHER.fullmatch(text) and self._means.get((column, signs[0])) == "thousands":
            return text.replace(signs[0], "")
        return text.replace(",", ".")


def _bare_text(cell: str) -> str:
    """The cell without outer blanks, with plain spaces, apostrophes and minus signs."""
    text = " ".join(cell.translate(_SPACES).split())
    return re.sub(r"^([+-]) (?=[\d.,])", r"\1", text)
