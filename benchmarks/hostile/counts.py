"""What is counted in each class of attack, and which counts must be zero."""

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from benchmarks.hostile.arena import ACCEPTED, CRASH, HANG, REFUSED, SILENT, TRACEBACK, Ended

MUST_BE_ZERO = (
    "tracebacks", "hangs", "crashes", "refused_without_a_line", "runs_lost", "files_damaged", "let_through",
    "silent_wrong_numbers",
)  # fmt: skip
OF_OUTCOME = {
    ACCEPTED: "accepted", REFUSED: "refused_cleanly", TRACEBACK: "tracebacks", HANG: "hangs", CRASH: "crashes",
    SILENT: "refused_without_a_line",
}  # fmt: skip
SHOWN = 12  # examples that are kept of a class


@dataclass
class Counts:
    """Counts of one class.

    could_show_wrong: cases whose right value is known, in which a wrong number would be seen. let_through: what the
    page must refuse and did not, or a visitor kept out. named: damages that were found and whose file was named.
    cautioned: values that came with a caution. healed: damaged studies that the next run brought back to the
    reference, of could_heal. seconds: of processor time.
    """

    tried: int = 0
    accepted: int = 0
    refused_cleanly: int = 0
    tracebacks: int = 0
    hangs: int = 0
    crashes: int = 0
    refused_without_a_line: int = 0
    runs_lost: int = 0
    files_damaged: int = 0
    let_through: int = 0
    silent_wrong_numbers: int = 0
    could_show_wrong: int = 0
    right: int = 0
    named: int = 0
    cautioned: int = 0
    healed: int = 0
    could_heal: int = 0
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def forbidden(self) -> int:
        """How much was counted that must not be."""
        return sum(getattr(self, name) for name in MUST_BE_ZERO)

    def add(self, name: str, example: str = "", number: int = 1) -> None:
        """Count something; what is forbidden leaves an example."""
        setattr(self, name, getattr(self, name) + number)
        if name in MUST_BE_ZERO and number and len(self.examples) < SHOWN:
            self.examples.append(f"{name}: {example}"[:400])
            print(f"\n{self.examples[-1]}", file=sys.stderr, flush=True)

    def end(self, ended: Ended, example: str) -> None:
        """Count how one case ended."""
        self.tried += 1
        self.seconds += ended.seconds
        last = " / ".join(ended.text.strip().splitlines()[-3:])
        self.add(OF_OUTCOME[ended.outcome], f"{example}: {last}")

    def as_dict(self) -> dict:
        """For the JSON file."""
        return {**asdict(self), "seconds": round(self.seconds, 1), "forbidden": self.forbidden}


def total(classes: Iterable[Counts]) -> Counts:
    """The sum of several classes; examples stay with their class."""
    whole = Counts()
    for each in classes:
        for name, value in asdict(each).items():
            if name != "examples":
                setattr(whole, name, getattr(whole, name) + value)
    return whole
