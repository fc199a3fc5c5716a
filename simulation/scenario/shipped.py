"""Scenario files that come with the software: found by name, from a wheel as from a checkout."""

import tomllib
from importlib import resources
from pathlib import Path

from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, nearest


def shipped() -> dict[str, Path]:
    """Name (the file name without .toml) -> path of every scenario that comes with the software, sorted by name."""
    folder = Path(str(resources.files("adccsim.scenarios")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def titles() -> dict[str, str]:
    """Name -> title of every scenario that comes with the software."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in shipped().items()}
    return {name: str(tomllib.loads(text).get("title", "")) for name, text in texts.items()}


def find(given: str) -> Path:
    """The file a user means: a path, or the name of a scenario that comes with the software.

    A file that exists wins. Raises ScenarioError, naming the nearest known name, when there is neither.
    """
    path = Path(given)
    try:
        if path.exists():
            return path
    except OSError as error:  # a name too long for a file, a folder that may not be read
        raise ScenarioError([Invalid(given[:80], NO_VALUE, f"cannot be read ({error.strerror})")]) from None
    known = shipped()
    name = path.name.removesuffix(".toml")
    if given in known:
        return known[given]
    close = nearest(name, known)
    hint = f"; did you mean the shipped scenario {close}?" if close else ""
    raise ScenarioError([Invalid(given, NO_VALUE, f"no such file, and no shipped scenario of that name{hint}")])


def write_copy(name: str, source: str) -> Path:
    """Write NAME.toml here as a copy of a shipped scenario: of NAME itself if it is one, else of `source`.

    Returns the path. Raises ScenarioError for an unknown source, an existing file or a folder that cannot be written.
    """
    path = Path(f"{name.removesuffix('.toml')}.toml")
    known = shipped()
    if path.stem in known:
        source = path.stem
    elif source not in known:
        raise ScenarioError([Invalid("--from", source, f"no shipped scenario; known: {', '.join(known)}")])
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(known[source].read_text(encoding="utf-8"))
    except FileExistsError:
        raise ScenarioError([Invalid(str(path), NO_VALUE, "exists already and is left as it is")]) from None
    except OSError as error:
        raise ScenarioError([Invalid(str(path), NO_VALUE, f"cannot be written ({error.strerror})")]) from None
    return path
