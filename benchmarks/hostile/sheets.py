"""Respelled sheets: one study, lysis table or plate in many spellings; the result is the right one, or a refusal.

A generator draws a sheet whose results are computed here, with numpy alone, and writes it as laboratories do: decimal
comma, thousands separators, units in the header, names in several spellings, orders, encodings, empty rows and columns,
fractions for percent. One to three spellings are combined.
Silent wrong number: exit code 0, a value off by more than the tolerance, and no caution about unit, fraction or limit
of quantification.
"""

import csv
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.hostile.damage import BROKEN, RIGHT, WRONG, said
from benchmarks.hostile.spellings import ANY, CALIPERS, LYSIS, PLATES, Plate, Sheet, Spellings

REFUSED, CAUTIONED = "refused", "cautioned"
TOLERANCE = 2e-3  # relative; tables hold six digits, and a respelled sheet at least four
# A line for the reader that says what is doubtful; only these spellings are ambiguous enough for a caution to do.
CAUTION = re.compile(
    r"^(?:note|caution|warning)\b.*(?:quantification|unit|fraction|percent|exceeds 1)", re.IGNORECASE | re.MULTILINE
)
AMBIGUOUS = {"volume in cm3 under mm3", "fractions under %"}


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


# -- cases --------------------------------------------------------------------------------------------------------

READERS = {"calipers": caliper_found, "lysis": lysis_found, "plate": lysis_found}
WEIGHTS = {"calipers": 3, "lysis": 4, "plate": 3}


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` respelled sheets, each with one to three spellings that do not concern the same thing."""
    order = random.Random(f"{seed} sheets")
    kinds = order.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    for number, kind in enumerate(kinds):
        yield {"calipers": _caliper_case, "lysis": _lysis_case, "plate": _plate_case}[kind](number, seed)


def _chosen(chance: random.Random, known: Spellings) -> list[str]:
    names, used = [], set()
    for name in chance.sample(sorted(known), min(len(known), 6)):
        about = known[name][0]
        if about not in used and len(names) < chance.choice([1, 2, 3]):
            names.append(name)
            used.add(about)
    return names


def _applied(thing: object, chance: random.Random, known: Spellings) -> tuple[str, ...]:
    names = _chosen(chance, known)
    # A header is renamed after everything that looks for it, a decimal point after all that computes with the number.
    last = {"number": 1, "header": 2, "columns": 2}
    for name in sorted(names, key=lambda each: last.get(known[each][0], 0)):
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
