"""What an experiment is given: a scenario by name, by file or already loaded, and a folder or none."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adccsim.execution.ledger import Step
from adccsim.experiments.errors import InputError
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError
from adccsim.scenario.load import load_scenario, scenario_from_dict, scenario_from_text
from adccsim.scenario.shipped import find
from adccsim.scenario.stored import scenario_of_study
from adccsim.scenario.tables import Loaded
from adccsim.scenario.well.schema import Scenario
from adccsim.seal import DamagedFile
from adccsim.study_file import StudyFileError, read_study_file
from adccsim.toml_text import toml_text, toml_value

STUDY_FILE = "study.json"

# A file, the name of a shipped scenario, the results folder of a study, the tables of a file, or a loaded scenario.
type ScenarioSource = str | Path | Mapping[str, Any] | Loaded | Given
Report = Callable[[str], None]
Progress = Callable[[Step], None]


def silent(_: object) -> None:
    """The default of `report` and `progress`: does nothing."""


@dataclass(frozen=True)
class Given:
    """A scenario, the file that it was read from (None for one that was loaded before), and a name for it."""

    scenario: Loaded
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
    """A scenario from whatever an experiment may be given. sets: "key=value" texts, as of --set.

    A results folder, or its study.json, gives the scenario that the study was made of. Raises ScenarioError,
    InputError for a damaged study.json; ValueError for sets together with a loaded scenario.
    """
    if isinstance(given, str | Path):
        path = find(str(given))
        record = path / STUDY_FILE if path.is_dir() else path
        if record.name == STUDY_FILE and record.is_file():
            try:
                info = read_study_file(record)
            except (DamagedFile, StudyFileError) as error:
                raise InputError([f"{record}: {error}"]) from error
            return Given(scenario_of_study(info, str(record), sets), None, str(info.get("scenario_file") or "scenario"))
        return Given(load_scenario(path, sets), path, path.name)
    if isinstance(given, Mapping):
        return Given(scenario_from_dict(dict(given), sets, Path.cwd(), toml_text(given)), None, "scenario")
    if isinstance(given, Given) and not sets:
        return given
    if sets:
        raise ValueError("sets are laid over a file while it is read; this scenario is loaded already")
    assert isinstance(given, Loaded)
    return Given(given, None, "scenario")


def set_texts(values: Mapping[str, object] | None) -> list[str]:
    """Dotted key -> value as "key=value" texts, as of --set. Raises ScenarioError for values that TOML lacks."""
    texts, errors = [], []
    for key, value in (values or {}).items():
        try:
            texts.append(f"{key}={toml_value(value)}")
        except TypeError as error:
            errors.append(Invalid(str(key), NO_VALUE, str(error)))
    if errors:
        raise ScenarioError(errors)
    return texts


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
