"""What a speed benchmark writes down: figures with their spread, the machine, a JSON file and a table."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("adccsim", "numpy", "numba", "h5py", "mesa")
AT_MOST, AT_LEAST = "at most", "at least"
CPU, WALL, NO_CLOCK = "processor time of the thread", "wall", "none"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    spread: min, median and max of the n samples, or standard_error. clock: what was read. cells: how many of each kind.
    threads: at work at one time. target and sense (AT_MOST, AT_LEAST): where one is set. reference: what an earlier
    measurement gave, and which.
    """

    name: str
    title: str
    unit: str
    value: float
    n: int
    spread: dict[str, float]
    clock: str
    cells: dict[str, int]
    load_average: float
    threads: int = 1
    target: float | None = None
    sense: str = AT_MOST
    reference: tuple[str, str] | None = None
    note: str = ""

    @classmethod
    def of(cls, name: str, title: str, unit: str, samples: Sequence[float], **rest) -> "Figure":
        """The median of samples, with their spread; rest are the other fields."""
        middle = statistics.median(samples)
        spread = {"min": min(samples), "median": middle, "max": max(samples)}
        return cls(name, title, unit, middle, len(samples), spread, **rest)

    @property
    def met(self) -> bool | None:
        """Whether the value reaches the target; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.sense == AT_MOST else self.value >= self.target

    def as_dict(self) -> dict:
        """The figure as it stands in the JSON file."""
        return {**asdict(self), "met": self.met}


def load_average() -> float:
    """Mean number of running processes over the last minute; 0 where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def machine(scratch: Path) -> dict:
    """Processor, versions, and the kind of file system under `scratch`."""
    return {
        "cpu_model": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "file_system": _file_system(scratch),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    values: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        values.setdefault(key.strip(), value.strip())
    family = [f"{key} {values[key]}" for key in ("cpu family", "model") if key in values]
    return ", ".join([values.get("model name", "unknown"), *family])


def _file_system(path: Path) -> str:
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "unknown"
    here = path.resolve()
    under = [(len(point), kind) for point, kind in mounts if here.is_relative_to(point)]
    return max(under)[1] if under else "unknown"


def write(path: Path, document: dict, figures: Sequence[Figure]) -> None:
    """Write the document and its figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**document, "figures": [figure.as_dict() for figure in figures]}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in ("figure", "value", "unit", "spread", "n", "target", "", "for comparison"):
        table.add_column(column, justify="right" if column in ("value", "spread", "n") else "left", no_wrap=True)
    for figure in figures:
        spread = figure.spread
        error = spread.get("standard_error")
        table.add_row(
            figure.title,
            f"{figure.value:.4g}",
            figure.unit,
            f"{spread['min']:.4g} to {spread['max']:.4g}" if error is None else f"standard error {error:.2g}",
            str(figure.n),
            "" if figure.target is None else f"{figure.sense} {figure.target:g}",
            {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}[figure.met],
            ": ".join(reversed(figure.reference)) if figure.reference else "",
        )
    Console(width=max(Console().width, 180)).print(table)
