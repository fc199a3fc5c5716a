"""Spellings of laboratory sheets: how the same numbers and names are written in other ways.

A spelling is a function that changes a Sheet or a Plate in place, by its name; the word next to it says what it
concerns, since two spellings of one thing do not go together.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

Rows = list[list[str]]
Spell = Callable[["Sheet | Plate", random.Random], None]
Spellings = dict[str, tuple[str, Spell]]


@dataclass
class Sheet:
    """A sheet on its way to a file: header and rows as text, and how it is written."""

    header: list[str]
    rows: Rows
    separator: str = ","
    encoding: str = "utf-8"
    ends: str = "\n"
    above: list[str] = field(default_factory=list)
    quoted: bool = False
    blank_rows: int = 0
    blank_column: bool = False

    def column(self, name: str) -> int:
        """Place of the column with this header."""
        return self.header.index(name)

    def each(self, name: str, change: Callable[[str, int], str]) -> None:
        """Change every cell of a column; change gets the cell and the number of its row."""
        place = self.column(name)
        for number, row in enumerate(self.rows):
            row[place] = change(row[place], number)

    def numbers(self, name: str, change: Callable[[str, int], str]) -> None:
        """As each, for the cells that hold a number."""
        self.each(name, lambda cell, number: change(cell, number) if cell[:1].isdigit() else cell)

    def data(self, chance: random.Random) -> bytes:
        """The bytes of the file."""
        lines = [self.header, *self.rows]
        if self.blank_column:
            lines = [[*line, ""] for line in lines]
        for _ in range(self.blank_rows):
            lines.insert(chance.randrange(1, len(lines) + 1), [""] * len(lines[0]))
        text = (
            self.ends.join([*self.above, *(self.separator.join(map(self._cell, line)) for line in lines)]) + self.ends
        )
        return text.encode(self.encoding)

    def _cell(self, cell: str) -> str:
        needs = self.quoted or self.separator in cell or '"' in cell
        return '"' + cell.replace('"', '""') + '"' if needs else cell


# -- calipers -----------------------------------------------------------------------------------------------------


def _thousands(separator: str) -> Callable[[str, int], str]:
    return lambda cell, number: f"{float(cell):,.0f}".replace(",", separator) if float(cell) >= 1000 else cell


def _volumes(change: Callable[[str, int], str], **settings: object) -> Callable:
    def spell(sheet: Sheet, chance: random.Random) -> None:
        sheet.numbers("volume_mm3", change)
        _set(sheet, settings)

    return spell


def _set(sheet: Sheet, settings: dict) -> None:
    for name, value in settings.items():
        setattr(sheet, name, value)


def _some(name: str, *changes: Callable[[str], str], fraction: float = 0.5) -> Callable:
    """In some rows the cells of a column are written in another way."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        change = chance.choice(changes)
        sheet.each(name, lambda cell, number: change(cell) if chance.random() < fraction else cell)

    return spell


def _headed(name: str, *others: str) -> Callable:
    """The header of a column is written in another way."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        if name in sheet.header:  # else its unit has given it another name already
            sheet.header[sheet.column(name)] = chance.choice(others)

    return spell


def _converted(name: str, header: str, factor: float, form: str) -> Callable:
    """The column in another unit, which its header names; `header` may keep the old name, and is then wrong."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        sheet.numbers(name, lambda cell, number: form.format(float(cell) * factor))
        sheet.header[sheet.column(name)] = header

    return spell


def _numbered(sheet: Sheet, chance: random.Random) -> None:
    """Mice are numbers, unique in the study, and are written as 1, 01 and 1.0."""
    place, order = sheet.column("mouse"), {}
    forms = chance.sample(["{}", "{:02d}", "{}.0", " {} "], 2)
    for row in sheet.rows:
        number = order.setdefault(row[place], len(order) + 1)
        row[place] = forms[chance.random() < 0.3].format(number)


def _cage_and_mouse(sheet: Sheet, chance: random.Random) -> None:
    """Mice are cage.mouse: 1.1 and 1.10 are two mice, however alike they look as numbers."""
    place, order = sheet.column("mouse"), {}
    for row in sheet.rows:
        number = order.setdefault(row[place], len(order))
        row[place] = f"{1 + number // 5}.{(1, 10, 2, 20, 3)[number % 5]}"


def _decimal_comma(sheet: Sheet, chance: random.Random) -> None:
    """One decimal place after a comma, in a sheet separated by semicolons."""
    sheet.separator = ";"
    sheet.numbers("volume_mm3", lambda cell, number: f"{float(cell):.1f}".replace(".", ","))


def _missing_first_day(sheet: Sheet, chance: random.Random) -> None:
    """A cell that was not read, spelled in one of the usual ways; on a day that no result needs."""
    place = sheet.column("volume_mm3")
    empty = [row for row in sheet.rows if row[sheet.column("day")] == "10"]
    row = [*chance.choice(empty)]
    row[place] = chance.choice(["", "NA", "n/a", "-"])
    row[sheet.column("day")] = "12"
    sheet.rows.append(row)


CALIPERS: Spellings = {
    "thousands point": ("number", _volumes(_thousands("."), separator=";")),
    "thousands comma": ("number", _volumes(_thousands(","))),
    "thousands space": ("number", _volumes(_thousands(" "))),
    "thousands narrow space": ("number", _volumes(_thousands("\u202f"))),
    "thousands apostrophe": ("number", _volumes(_thousands("'"))),
    "decimal comma": ("number", _decimal_comma),
    "trailing .0": ("number", _volumes(lambda cell, number: f"{cell}.0")),
    "exponent": ("number", _volumes(lambda cell, number: f"{float(cell):.3e}")),
    "volume in cm3": ("number", _converted("volume_mm3", "volume_cm3", 1e-3, "{:.4f}")),
    "volume in cm3 under mm3": ("number", _converted("volume_mm3", "volume_mm3", 1e-3, "{:.4f}")),
    "mouse ids in two cases": ("mouse", _some("mouse", str.upper)),
    "mouse ids with spaces": (
        "mouse",
        _some("mouse", lambda cell: f" {cell} ", lambda cell: f"{cell}\u00a0", lambda cell: f"{cell[0]} {cell[1:]}"),
    ),
    "mouse ids as numbers": ("mouse", _numbered),
    "mouse ids as cage and mouse": ("mouse", _cage_and_mouse),
    "arms in two cases": ("arm", _some("arm", str.upper, str.title)),
    "arms with other spaces": (
        "arm",
        _some(
            "arm",
            lambda cell: cell.replace("10 mg", "10mg"),
            lambda cell: f" {cell} ",
            lambda cell: cell.replace(" ", "  "),
        ),
    ),
    "day as decimal": ("day", _some("day", lambda cell: f"{cell}.0", lambda cell: f"{cell}.00")),
    "a reading not taken": ("missing", _missing_first_day),
    "header of the volume": (
        "header",
        _headed(
            "volume_mm3",
            "Volume_mm3",
            "VOLUME MM3",
            " volume mm3 ",
            "volume (mm3)",
            "Volume [mm³]",
            "volume-mm3",
            "Tumour volume (mm3)",
        ),
    ),
    "header of the mouse": ("header", _headed("mouse", "Mouse", "MOUSE", "mouse ", "animal", "mouse id")),
    "header of the arm": ("header", _headed("arm", "Arm", "ARM ", "group", "treatment")),
}

# -- any sheet ----------------------------------------------------------------------------------------------------


def _columns(sheet: Sheet, chance: random.Random) -> None:
    order = chance.sample(range(len(sheet.header)), len(sheet.header))
    sheet.header = [sheet.header[i] for i in order]
    sheet.rows = [[row[i] for i in order] for row in sheet.rows]


def _row_order(sheet: Sheet, chance: random.Random) -> None:
    """Rows of one unit in any order; the first row stays, so that the first name of each arm and donor stays it."""
    first, *rest = sheet.rows
    chance.shuffle(rest)
    sheet.rows = [first, *rest]


def _note_column(sheet: Sheet, chance: random.Random) -> None:
    sheet.header.append("comment")
    for row in sheet.rows:
        row.append(chance.choice(["", "ok", "see book; page 3" if sheet.separator != ";" else "see book", "-"]))


def _put(**settings: object) -> Callable:
    return lambda sheet, chance: _set(sheet, settings)


ANY: Spellings = {
    "order of columns": ("columns", _columns),
    "order of rows": ("rows", _row_order),
    "a column of comments": ("comments", _note_column),
    "semicolons": ("form", _put(separator=";")),
    "tabs": ("form", _put(separator="\t")),
    "line of the separator": ("form", _put(separator=";", above=["sep=;"])),
    "title line": ("above", _put(above=["Exported 2026-01-05"])),
    "title and empty line": ("above", _put(above=["Study 12; plate 3", ""])),
    "all in quotes": ("quotes", _put(quoted=True)),
    "empty rows": ("blank", _put(blank_rows=3)),
    "empty column": ("blank", _put(blank_column=True)),
    "byte-order mark": ("encoding", _put(encoding="utf-8-sig")),
    "UTF-16": ("encoding", _put(encoding="utf-16")),
    "Windows line ends": ("ends", _put(ends="\r\n")),
}

# -- lysis --------------------------------------------------------------------------------------------------------


def _lysis_comma(sheet: Sheet, chance: random.Random) -> None:
    """Every number with a comma, whatever was done to it before."""
    sheet.separator = ";"
    sheet.rows = [[re.sub(r"(?<=\d)\.(?=\d)", ",", cell) for cell in row] for row in sheet.rows]


def _donor_numbers(sheet: Sheet, chance: random.Random) -> None:
    sheet.each("donor", lambda cell, number: chance.choice(["1", "01", "1.0"]))


LYSIS: Spellings = {
    "decimal comma": ("number", _lysis_comma),
    "cells with %": (
        "lysis",
        lambda sheet, chance: sheet.each("% lysis", lambda cell, number: f"{cell}{chance.choice(['%', ' %'])}"),
    ),
    "fractions under %": ("lysis", _converted("% lysis", "% lysis", 1e-2, "{:.5f}")),
    "fractions": ("lysis", _converted("% lysis", "lysis fraction", 1e-2, "{:.5f}")),
    "dose in ng/mL": ("dose", _converted("dose_ug_per_ml", "dose (ng/mL)", 1e3, "{:g}")),
    "dose in pg/mL": ("dose", _converted("dose_ug_per_ml", "conc pg/ml", 1e6, "{:.0f}")),
    "dose in mg/L": ("dose", _converted("dose_ug_per_ml", "Concentration (mg/L)", 1, "{:g}")),
    "dose in µg/mL": ("dose", _converted("dose_ug_per_ml", "Dose (µg/mL)", 1, "{:.4e}")),
    "donors in two cases": ("donor", _some("donor", str.lower)),
    "donors with spaces": (
        "donor",
        _some("donor", lambda cell: f" {cell}", lambda cell: f"{cell}\u00a0", lambda cell: "D 1"),
    ),
    "donors 1, 01 and 1.0": ("donor", _donor_numbers),
    "antibody in two cases": ("antibody", _some("antibody", str.upper, str.title)),
    "antibody with other spaces": (
        "antibody",
        _some("antibody", lambda cell: f"{cell} ", lambda cell: cell.replace(" ", "  ")),
    ),
    "ratio 5:1": (
        "ratio",
        _some("E:T", lambda cell: f"{cell}:1", lambda cell: f"{cell}.0", lambda cell: f"{cell} : 1"),
    ),
    "header of the result": (
        "header",
        _headed(
            "% lysis",
            "Lysis (%)",
            "specific lysis",
            "% specific lysis",
            "percent lysis",
            "% cytotoxicity",
            "Cytotoxicity (%)",
        ),
    ),
    "header of the ratio": ("header", _headed("E:T", "ET", "e:t ratio", "Effector:Target", "effector to target ratio")),
}


# -- plates -------------------------------------------------------------------------------------------------------


@dataclass
class Plate:
    """A plate on its way to a file."""

    grid: list[list[float | None]]
    plan: list[list[str]]
    decimals: str = "{:.4f}"
    comma: bool = False
    separator: str = ","
    encoding: str = "utf-8"
    above: list[str] = field(default_factory=list)
    layout: str = ""  # "", "words", "numbers": a block above the results
    twice: bool = False  # a second line per row letter, the blank taken off
    letters: str = "ABCDEFGH"
    header: str = "{}"
    empty: str = ""

    def data(self) -> bytes:
        """The bytes of the export."""
        head = self.separator.join(["", *(self.header.format(i) for i in range(1, 13))])
        lines = list(self.above)
        if self.layout:
            lines += ["Layout", head]
            word = "SPL{}" if self.layout == "words" else "{}"
            for i, letter in enumerate(self.letters):
                wells = [word.format(12 * i + k + 1) for k in range(12)]
                lines.append(self.separator.join([letter, *wells, "Well ID"]))
            lines += ["", "Results"]
        lines.append(head)
        for letter, row in zip(self.letters, self.grid, strict=True):
            marked = ["490"] if self.twice else []
            lines.append(self.separator.join([letter, *map(self._cell, row), *marked]))
            if self.twice:
                less = [None if value is None else value - 0.1 for value in row]
                lines.append(self.separator.join(["", *map(self._cell, less), "Blank 490"]))
        return ("\n".join(lines) + "\n").encode(self.encoding)

    def _cell(self, value: float | None) -> str:
        text = self.empty if value is None else self.decimals.format(value)
        return text.replace(".", ",") if self.comma else text

    def map_data(self) -> bytes:
        """The bytes of the map, always separated by semicolons: a dose may have a decimal comma."""
        lines = [";".join(["", *map(str, range(1, 13))])]
        lines += [";".join([letter, *row]) for letter, row in zip("ABCDEFGH", self.plan, strict=True)]
        return ("\n".join(lines) + "\n").encode()


def _mapped(change: Callable[[str], str]) -> Callable:
    def spell(plate: Plate, chance: random.Random) -> None:
        plate.plan = [[change(cell) if cell else cell for cell in row] for row in plate.plan]

    return spell


def _roles(names: dict[str, tuple[str, ...]]) -> Callable:
    def spell(plate: Plate, chance: random.Random) -> None:
        chosen = {old: chance.choice(new) for old, new in names.items()}
        plate.plan = [[chosen.get(cell, cell) for cell in row] for row in plate.plan]

    return spell


def _nanograms(cell: str) -> str:
    dose, slash, ratio = cell.partition("/")
    return f"{float(dose) * 1000:g} ng/mL / {ratio}:1" if slash else cell


PLATES: Spellings = {
    "decimal comma": ("number", _put(comma=True, separator=";")),
    "tabs": ("form", _put(separator="\t")),
    "UTF-16 with tabs": ("form", _put(separator="\t", encoding="utf-16")),
    "title lines": ("above", _put(above=["Reader 3000", "Wavelength: 490 nm", ""])),
    "layout in words": ("layout", _put(layout="words")),
    "layout in numbers": ("layout", _put(layout="numbers")),
    "two lines per letter": ("layout", _put(twice=True)),
    "layout and two lines per letter": ("layout", _put(layout="numbers", twice=True, separator="\t")),
    "small letters": ("letters", _put(letters="abcdefgh")),
    "columns 01 to 12": ("header", _put(header="{:02d}")),
    "unused wells read 0.05": ("empty", lambda plate, chance: _set(plate, {"empty": "0.0500"})),
    "doses in ng/mL": ("map", _mapped(_nanograms)),
    "doses with decimal comma": ("map", _mapped(lambda cell: cell.replace(".", ","))),
    "ratios as 5:1": ("map", _mapped(lambda cell: f"{cell}:1" if "/" in cell else cell)),
    "other names of the controls": (
        "roles",
        _roles(
            {
                "target_only": ("Target only", "TARGETS", "spontaneous"),
                "effector_only": ("Effector only", "effectors"),
                "maximum": ("Max", "triton", "Total lysis"),
                "blank": ("Medium", "BLANK", "background"),
            }
        ),
    ),
}
