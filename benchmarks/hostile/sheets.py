"""Respelled sheets: one study, lysis table or plate in many spellings; the result is the right one, or a refusal.

A generator draws a sheet whose results are computed here, with numpy alone, and writes it as laboratories write: decimal
comma, thousands separators, units in the header, names in several spellings, orders, encodings, empty rows and columns,
fractions for percent. One to three spellings are combined.
Silent wrong number: exit code 0, a value off by more than the tolerance, and no caution about unit, fraction or limit of
quantification.
"""

import csv
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.hostile.damage import BROKEN, RIGHT, WRONG, said

REFUSED, CAUTIONED = "refused", "cautioned"
TOLERANCE = 2e-3  # relative; tables hold six digits, and a respelled sheet at least four
# A line for the reader that says what is doubtful; only these spellings are ambiguous enough for a caution to do.
CAUTION = re.compile(
    r"^(?:note|caution|warning)\b.*(?:quantification|unit|fraction|percent|exceeds 1)", re.IGNORECASE | re.MULTILINE
)
AMBIGUOUS = {"volume in cm3 under mm3", "fractions under %"}

Rows = list[list[str]]


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


@dataclass(frozen=True)
class Case:
    """A respelled file with its command and its right values, by name."""

    kind: str
    number: int
    spellings: tuple[str, ...]
    files: dict[str, bytes]
    argv: tuple[str, ...]
    right: dict[str, float]

    def folder(self, scratch: Path) -> Path:
        """Where its files lie."""
        return scratch / "sheets" / f"{self.kind}-{self.number}"

    def run(self, scratch: Path) -> dict[str, str]:
        """RIGHT, REFUSED, CAUTIONED, WRONG or BROKEN, and what differs."""
        folder = self.folder(scratch)
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        words = [str(folder / word) if word in self.files else word for word in self.argv]
        code, text = said(*words, "--out", str(folder / "out"))
        if "Traceback" in text:
            return {"sheet": BROKEN}
        if code:
            return {"sheet": REFUSED if text.strip() else WRONG}
        found = READERS[self.kind](folder / "out" / "tables")
        off = differing(found, self.right)
        if not off:
            return {"sheet": RIGHT}
        told = bool(AMBIGUOUS & set(self.spellings)) and CAUTION.search(text)
        return {"sheet": CAUTIONED if told else WRONG, "note": f"{', '.join(self.spellings)}: {off}"}


def differing(found: dict[str, float], right: dict[str, float]) -> str:
    """The values that are missing, superfluous or off by more than the tolerance, in words; empty if there is none."""
    off = [f"{name} not expected" for name in found if name not in right]
    for name, value in right.items():
        if name not in found:
            off.append(f"{name} missing")
        elif not abs(found[name] - value) <= TOLERANCE * max(1.0, abs(value)):
            off.append(f"{name} {found[name]:g} for {value:g}")
    return "; ".join(off[:3])


# -- calipers -----------------------------------------------------------------------------------------------------

DAYS = (0, 5, 10, 15, 20)


def caliper_study(chance: random.Random) -> tuple[Sheet, dict[str, float]]:
    """A sheet of two arms of five mice, and T/C and growth-rate inhibition by numpy means and polyfit of ln V."""
    rows, volumes = [], {}
    for arm, rate in (("vehicle", 0.1), ("drug 10 mg/kg", 0.05)):
        for mouse in range(1, 6):
            start, own = 110 + 15 * (mouse - 1), rate * (1 + chance.uniform(-0.1, 0.1))
            series = [round(start * np.exp(own * day + chance.gauss(0, 0.01))) for day in DAYS]
            volumes.setdefault(arm, []).append(series)
            rows += [[arm, f"{arm[0]}{mouse}", str(day), str(v)] for day, v in zip(DAYS, series, strict=True)]
    return Sheet(["arm", "mouse", "day", "volume_mm3"], rows), caliper_right(volumes)


def caliper_right(volumes: dict[str, list[list[float]]]) -> dict[str, float]:
    """The right values of a study by arm and mouse."""
    last = {arm: np.array(v, float)[:, -1].mean() for arm, v in volumes.items()}
    slope = {arm: np.mean([np.polyfit(DAYS, np.log(one), 1)[0] for one in v]) for arm, v in volumes.items()}
    vehicle, drug = volumes
    return {
        "tc_pct": 100 * last[drug] / last[vehicle],
        "growth_rate_inhibition": 100 * (1 - slope[drug] / slope[vehicle]),
        "mice": 5.0, "control_mice": 5.0,
    }  # fmt: skip


def caliper_found(tables: Path) -> dict[str, float]:
    """The same from comparisons.csv; an arm too many shows as more than one value."""
    found: dict[str, float] = {}
    for row in _read(tables / "comparisons.csv"):
        name = {"tc_pct": "tc_pct", "growth_rate_inhibition_pct": "growth_rate_inhibition"}.get(row["measure"])
        name = name or ("growth_rate_inhibition" if row["measure"].startswith("growth_rate_inhib") else None)
        if name is None:
            continue
        if name in found:
            found[f"{name} of a second arm"] = float("nan")
        found[name] = _number(row["value"])
        if name == "tc_pct":
            found |= {"mice": _number(row["mice"]), "control_mice": _number(row["control_mice"])}
    return found


def _thousands(separator: str) -> Callable[[str, int], str]:
    return lambda cell, number: f"{float(cell):,.0f}".replace(",", separator) if float(cell) >= 1000 else cell


def _volumes(change: Callable[[str, int], str], **settings: object) -> Callable:
    def spell(sheet: Sheet, chance: random.Random) -> None:
        sheet.each("volume_mm3", change)
        _set(sheet, settings)

    return spell


def _set(sheet: Sheet, settings: dict) -> None:
    for name, value in settings.items():
        setattr(sheet, name, value)


def _some(name: str, *changes: Callable[[str], str], share: float = 0.5) -> Callable:
    """In some rows the cells of a column are written in another way."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        change = chance.choice(changes)
        sheet.each(name, lambda cell, number: change(cell) if chance.random() < share else cell)

    return spell


def _headed(name: str, *others: str) -> Callable:
    """The header of a column is written in another way."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        sheet.header[sheet.column(name)] = chance.choice(others)

    return spell


def _converted(name: str, header: str, factor: float, form: str) -> Callable:
    """The column in another unit, which its header names; `header` may keep the old name, and is then wrong."""

    def spell(sheet: Sheet, chance: random.Random) -> None:
        sheet.each(name, lambda cell, number: form.format(float(cell) * factor) if cell else cell)
        sheet.header[sheet.column(name)] = header

    return spell


def _numbered(sheet: Sheet, chance: random.Random) -> None:
    """Mice are numbers, unique in the study, and are written as 1, 01 and 1.0."""
    place, order = sheet.column("mouse"), {}
    forms = chance.sample(["{}", "{:02d}", "{}.0", " {} "], 2)
    for row in sheet.rows:
        number = order.setdefault(row[place], len(order) + 1)
        row[place] = forms[chance.random() < 0.3].format(number)


def _decimal_comma(sheet: Sheet, chance: random.Random) -> None:
    """One decimal place after a comma, in a sheet separated by semicolons."""
    sheet.separator = ";"
    sheet.each("volume_mm3", lambda cell, number: f"{float(cell):.1f}".replace(".", ","))


def _missing_first_day(sheet: Sheet, chance: random.Random) -> None:
    """A cell that was not read, spelled in one of the usual ways; on a day that no result needs."""
    place = sheet.column("volume_mm3")
    empty = [row for row in sheet.rows if row[sheet.column("day")] == "10"]
    row = [*chance.choice(empty)]
    row[place] = chance.choice(["", "NA", "n/a", "-"])
    row[sheet.column("day")] = "12"
    sheet.rows.append(row)


CALIPERS: dict[str, tuple[str, Callable]] = {
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
    "mouse ids with spaces": ("mouse", _some("mouse", lambda cell: f" {cell} ", lambda cell: f"{cell}\u00a0", lambda cell: f"{cell[0]} {cell[1:]}")),
    "mouse ids as numbers": ("mouse", _numbered),
    "arms in two cases": ("arm", _some("arm", str.upper, str.title)),
    "arms with other spaces": ("arm", _some("arm", lambda cell: cell.replace("10 mg", "10mg"), lambda cell: f" {cell} ", lambda cell: cell.replace(" ", "  "))),
    "day as decimal": ("day", _some("day", lambda cell: f"{cell}.0", lambda cell: f"{cell}.00")),
    "a reading not taken": ("missing", _missing_first_day),
    "header of the volume": ("header", _headed("volume_mm3", "Volume_mm3", "VOLUME MM3", " volume mm3 ", "volume (mm3)", "Volume [mm³]", "volume-mm3", "Tumour volume (mm3)")),
    "header of the mouse": ("header", _headed("mouse", "Mouse", "MOUSE", "mouse ", "animal", "mouse id")),
    "header of the arm": ("header", _headed("arm", "Arm", "ARM ", "group", "treatment")),
}  # fmt: skip

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


ANY: dict[str, tuple[str, Callable]] = {
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

DOSES = (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)


def lysis_sheet(chance: random.Random) -> tuple[Sheet, dict[str, float]]:
    """A tidy sheet of % lysis whose curve has bottom 8, Emax 60 and EC50 50 ng/mL, and the means by dose."""
    rows, right = [], {"ec50": 50.0, "emax": 60.0, "curves": 1.0}
    for dose in DOSES:
        mean = 8 + 52 * dose / (dose + 0.05)
        values = [round(mean + shift, 2) for shift in (-0.9, 0.3, 0.6)]
        right |= {f"mean at {dose:g}": float(np.mean(values)), f"n at {dose:g}": 3.0}
        rows += [[f"{dose:g}", "5", str(i), "D1", "mab A", f"{value:.2f}"] for i, value in enumerate(values, start=1)]
    return Sheet(["dose_ug_per_ml", "E:T", "replicate", "donor", "antibody", "% lysis"], rows), right


def lysis_found(tables: Path) -> dict[str, float]:
    """The same from the tables of `adcc plate`."""
    fits = _read(tables / "plate_dose_response.csv")
    found = {"curves": float(len(fits))}
    for row in fits[:1]:
        found |= {"ec50": _number(row["ec50_ng_per_ml"]), "emax": _number(row["emax_pct"])}
    for row in _read(tables / "plate_lysis.csv"):
        dose = f"{float(row['dose_ug_per_ml']):g}"
        name = f"mean at {dose}" if f"mean at {dose}" not in found else f"mean at {dose} again"
        found |= {name: _number(row["mean"]), name.replace("mean", "n"): _number(row["wells"])}
    return found


def _lysis_comma(sheet: Sheet, chance: random.Random) -> None:
    sheet.separator = ";"
    sheet.each("% lysis", lambda cell, number: cell.replace(".", ","))
    sheet.each("dose_ug_per_ml", lambda cell, number: cell.replace(".", ","))


def _donor_numbers(sheet: Sheet, chance: random.Random) -> None:
    sheet.each("donor", lambda cell, number: chance.choice(["1", "01", "1.0"]))


LYSIS: dict[str, tuple[str, Callable]] = {
    "decimal comma": ("number", _lysis_comma),
    "cells with %": ("lysis", lambda sheet, chance: sheet.each("% lysis", lambda cell, number: f"{cell}{chance.choice(['%', ' %'])}")),
    "fractions under %": ("lysis", _converted("% lysis", "% lysis", 1e-2, "{:.5f}")),
    "fractions": ("lysis", _converted("% lysis", "lysis fraction", 1e-2, "{:.5f}")),
    "dose in ng/mL": ("dose", _converted("dose_ug_per_ml", "dose (ng/mL)", 1e3, "{:g}")),
    "dose in pg/mL": ("dose", _converted("dose_ug_per_ml", "conc pg/ml", 1e6, "{:.0f}")),
    "dose in mg/L": ("dose", _converted("dose_ug_per_ml", "Concentration (mg/L)", 1, "{:g}")),
    "dose in µg/mL": ("dose", _converted("dose_ug_per_ml", "Dose (µg/mL)", 1, "{:.4e}")),
    "donors in two cases": ("donor", _some("donor", str.lower)),
    "donors with spaces": ("donor", _some("donor", lambda cell: f" {cell}", lambda cell: f"{cell}\u00a0", lambda cell: "D 1")),
    "donors 1, 01 and 1.0": ("donor", _donor_numbers),
    "antibody in two cases": ("antibody", _some("antibody", str.upper, str.title)),
    "antibody with other spaces": ("antibody", _some("antibody", lambda cell: f"{cell} ", lambda cell: cell.replace(" ", "  "))),
    "ratio 5:1": ("ratio", _some("E:T", lambda cell: f"{cell}:1", lambda cell: f"{cell}.0", lambda cell: f"{cell} : 1")),
    "header of the result": ("header", _headed("% lysis", "Lysis (%)", "specific lysis", "% specific lysis", "percent lysis", "% cytotoxicity", "Cytotoxicity (%)")),
    "header of the ratio": ("header", _headed("E:T", "ET", "e:t ratio", "Effector:Target", "effector to target ratio")),
}  # fmt: skip


# -- plates -------------------------------------------------------------------------------------------------------


def plate_sheet(chance: random.Random) -> tuple[list[list[float | None]], list[list[str]], dict[str, float]]:
    """Signals of a plate, its map, and % lysis by (S - E - T + B) / (M - T) of the means of its controls."""
    doses = (0.0, 0.001, 0.01, 0.1, 1.0, 10.0, 30.0, 100.0)
    grid: list[list[float | None]] = []
    plan = []
    for dose, sign in zip(doses, (0.003, -0.003) * 4, strict=True):
        middle = 0.38 + 1.15 * (0.08 + 0.52 * dose / (dose + 0.05))
        wells = [round(middle + shift, 4) for shift in (-0.004, 0, 0.004)]
        grid.append([*wells, 0.30 + sign, 0.18 + sign, 1.45 + sign, 0.10 + sign, *[None] * 5])
        plan.append([*[f"{dose:g}/5"] * 3, "target_only", "effector_only", "maximum", "blank", *[""] * 5])
    target, effector, maximum, blank = (np.mean([row[i] for row in grid]) for i in (3, 4, 5, 6))
    right = {"ec50": 50.0, "emax": 60.0, "curves": 1.0}
    for dose, row in zip(doses, grid, strict=True):
        lysis = 100 * (np.mean(row[:3]) - effector - target + blank) / (maximum - target)
        right |= {f"mean at {dose:g}": float(lysis), f"n at {dose:g}": 3.0}
    return grid, plan, right


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
            lines += [self.separator.join([letter, *(word.format(12 * i + k + 1) for k in range(12)), "Well ID"]) for i, letter in enumerate(self.letters)]  # fmt: skip
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


PLATES: dict[str, tuple[str, Callable]] = {
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
    "other names of the controls": ("roles", _roles({
        "target_only": ("Target only", "TARGETS", "spontaneous"), "effector_only": ("Effector only", "effectors"),
        "maximum": ("Max", "triton", "Total lysis"), "blank": ("Medium", "BLANK", "background"),
    })),
}  # fmt: skip

# -- cases --------------------------------------------------------------------------------------------------------

READERS = {"calipers": caliper_found, "lysis": lysis_found, "plate": lysis_found}
WEIGHTS = {"calipers": 3, "lysis": 4, "plate": 3}


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` respelled sheets, each with one to three spellings that do not concern the same thing."""
    order = random.Random(f"{seed} sheets")
    kinds = order.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    for number, kind in enumerate(kinds):
        yield {"calipers": _caliper_case, "lysis": _lysis_case, "plate": _plate_case}[kind](number, seed)


def _chosen(chance: random.Random, known: dict[str, tuple[str, Callable]]) -> list[str]:
    names, used = [], set()
    for name in chance.sample(sorted(known), min(len(known), 6)):
        about = known[name][0]
        if about not in used and len(names) < chance.choice([1, 2, 3]):
            names.append(name)
            used.add(about)
    return names


def _applied(thing: object, chance: random.Random, known: dict[str, tuple[str, Callable]]) -> tuple[str, ...]:
    names = _chosen(chance, known)
    late = {"header", "columns"}  # a header is renamed after everything that looks for it
    for name in sorted(names, key=lambda each: known[each][0] in late):
        known[name][1](thing, chance)
    return tuple(names)


def _caliper_case(number: int, seed: int) -> Case:
    chance = random.Random(f"{seed} calipers {number}")
    sheet, right = caliper_study(chance)
    names = _applied(sheet, chance, CALIPERS | ANY)
    return Case("calipers", number, names, {"c.csv": sheet.data(chance)}, ("analyse", "c.csv"), right)


def _lysis_case(number: int, seed: int) -> Case:
    chance = random.Random(f"{seed} lysis {number}")
    sheet, right = lysis_sheet(chance)
    names = _applied(sheet, chance, LYSIS | ANY)
    return Case("lysis", number, names, {"p.csv": sheet.data(chance)}, ("plate", "p.csv"), right)


def _plate_case(number: int, seed: int) -> Case:
    chance = random.Random(f"{seed} plate {number}")
    grid, plan, right = plate_sheet(chance)
    plate = Plate(grid, plan)
    names = _applied(plate, chance, PLATES)
    files = {"p.csv": plate.data(), "m.csv": plate.map_data()}
    return Case("plate", number, names, files, ("plate", "p.csv", "--map", "m.csv"), right)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")
