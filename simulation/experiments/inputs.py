"""What an experiment is given: a scenario by name, by file or already loaded, and a folder or none."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.run.books import Step
from simulation.scenario.load import load_scenario, scenario_from_text
from simulation.scenario.schema import Scenario
from simulation.scenario.shipped import find

if TYPE_CHECKING:
    from simulation.scenario.xenograft_schema import XenograftScenario

type AnyScenario = Scenario | XenograftScenario
type ScenarioSource = str | Path | AnyScenario  # a file, the name of a shipped one, or a scenario that is loaded
Report = Callable[[str], None]
Progress = Callable[[Step], None]


def silent(_: object) -> None:
    """The default of `report` and `progress`: nobody is told."""


@dataclass(frozen=True)
class Given:
    """A scenario, the file that it was read from (None for one that was loaded before), and a name for it."""

    scenario: AnyScenario
    path: Path | None
    name: str

    @property
    def where(self) -> str:
        """What a message names: the file, or else the name."""
        return str(self.path) if self.path is not None else self.name

    @property
    def stem(self) -> str:
        """The name without the ending of a file."""
        return Path(self.name).stem

    @property
    def title(self) -> str:
        """The title of the scenario, or else its name."""
        return self.scenario.title or self.stem


def given_scenario(given: ScenarioSource, sets: Sequence[str] = ()) -> Given:
    """A scenario from a file, the name of a shipped one, or a loaded scenario. sets: "key=value" texts, as of --set.

    Raises ScenarioError; ValueError for sets together with a loaded scenario.
    """
    if isinstance(given, str | Path):
        path = find(str(given))
        return Given(load_scenario(path, sets), path, path.name)
    if sets:
        raise ValueError("sets are laid over a file while it is read; this scenario is loaded already")
    return Given(given, None, "scenario")


@dataclass(frozen=True)
class Source:
    """A scenario as text: small enough to be sent to every process, and equal where the scenario is equal."""

    text: str
    sets: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, scenario: Scenario) -> "Source":
        """The text of a scenario that was read from a file or a text. Raises ValueError for one that was not."""
        if not scenario.text:
            raise ValueError("processes read the scenario for themselves: it has to come from a file or a text")
        return cls(scenario.text, scenario.sets, scenario.folder)

    def load(self, sets: Sequence[str] = ()) -> Scenario:
        """The scenario, with further `sets` laid over it. Raises ScenarioError."""
        found = scenario_from_text(self.text, [*self.sets, *sets], self.folder)
        assert isinstance(found, Scenario)
        return found


@cache
def loaded(source: Source) -> Scenario:
    """The scenario of a source, read once in each process."""
    return source.load()


@contextmanager
def workplace(out: Path | None) -> Iterator[Path]:
    """The folder `out`; without one, a temporary folder that is removed at the end."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="adccsim-") as folder:
        yield Path(folder)
