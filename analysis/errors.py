"""Errors that an analysis names instead of computing around them."""

import re
from collections.abc import Iterable


class ForeignFile(ValueError):
    """A file in the run folder that is not a complete run of this study; the message is the reason."""


class MissingControls(ValueError):
    """Control wells that a plate needs for its lysis and does not have.

    `missing` holds one (plate, role, et_ratio) per gap; et_ratio is None where the control does not
    depend on it (target-only wells).
    """

    def __init__(self, missing: Iterable[tuple[str, str, float | None]]):
        self.missing = list(missing)
        super().__init__("; ".join(_sentence(*gap) for gap in self.missing))


def _sentence(plate: str, role: str, et_ratio: float | None) -> str:
    where = "" if et_ratio is None else f" at E:T {et_ratio:g}"
    return f"plate {plate}: no {role} well{where}"


MOST_PROBLEMS = 20
_SAME_FROM = 4  # as many rows with one and the same problem are named in one line
_ROW = re.compile(r"row (\d+)((?:, column |: ).*)", re.DOTALL)


class SheetError(ValueError):
    """A table of measurements that cannot be used as it stands; `problems` holds one sentence per error.

    One problem in many rows is one sentence, and of very many problems the first MOST_PROBLEMS are kept and the rest is
    counted: a reader corrects a sheet, not a list.
    """

    def __init__(self, problems: Iterable[str]):
        self.problems = _shortened(list(problems))
        super().__init__("\n".join(self.problems))


class PooledConditions(SheetError):
    """Two runs that would be averaged into one row of a table although their conditions differ."""

    def __init__(self, row: str, first: str, second: str):
        super().__init__(
            [
                f"runs {first} and {second} would be averaged into one row ({row}), but their conditions differ in a "
                "key that study.json does not list under `varied`; run the scenario again, which rewrites study.json"
            ]
        )


def _shortened(problems: list[str]) -> list[str]:
    found = [_ROW.fullmatch(problem) for problem in problems]
    rows: dict[str, list[str]] = {}
    for match in found:
        if match:
            rows.setdefault(match[2], []).append(match[1])
    shown: list[str] = []
    for problem, match in zip(problems, found, strict=True):
        if not match or len(at := rows[match[2]]) < _SAME_FROM:
            shown.append(problem)
        elif at[0] == match[1]:
            more = f" and {len(at) - 3} more" if len(at) > 3 else ""
            shown.append(f"row {at[0]} (and rows {', '.join(at[1:3])}{more}){match[2]}")
    if len(shown) > MOST_PROBLEMS:
        shown = [*shown[:MOST_PROBLEMS], f"... and {len(shown) - MOST_PROBLEMS} more"]
    return shown
