"""Faults that an analysis names instead of computing around them."""

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


class SheetFault(ValueError):
    """A table of measurements that cannot be used as it stands; `problems` holds one sentence per fault."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class PooledConditions(SheetFault):
    """Two runs that would be averaged into one row of a table although their conditions differ."""

    def __init__(self, row: str, first: str, second: str):
        super().__init__(
            [
                f"runs {first} and {second} would be averaged into one row ({row}), but their conditions differ in a "
                "key that study.json does not list under `varied`; run the scenario again, which rewrites study.json"
            ]
        )
