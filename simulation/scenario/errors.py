"""Errors: what is wrong with a scenario, in one plain line each.

An error names the key path, the value found there and what is allowed. All errors of a file are gathered before
anything is raised, so that a user corrects a file once and not once per mistake.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adccsim.text import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_VALUE = 60
_LONGEST_PATH = 300  # of keys, or of a file

# pydantic error type -> plain words; the braces are filled from the error's context.
_ALLOWED = {
    "missing": "missing",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "too_long": "has {actual_length} entries; at most {max_length}",
}


class _NoValue:
    """Stands for "there is no value to show": TOML has no null, and None could be a value one day."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()


@dataclass(frozen=True)
class Invalid:
    """One error: dotted key path (or file path), the offending value (NO_VALUE when absent), and what is wrong."""

    path: str
    value: object
    message: str

    def __str__(self) -> str:
        shown = "" if self.value is NO_VALUE else f" = {show(self.value)}"
        path = self.path if len(self.path) <= _LONGEST_PATH else f"{self.path[: _LONGEST_PATH - 3]}..."
        return one_line(f"{path}{shown}: {self.message}")


class ScenarioError(Exception):
    """A scenario that cannot run. `errors` holds every error found; str() has one line per error."""

    def __init__(self, errors: Sequence[Invalid]):
        self.errors = list(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    def __reduce__(self) -> tuple:
        return (type(self), (self.errors,))


def show(value: object) -> str:
    """A value on one line, spelt about as TOML spells it and cut when long."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        text = "{...}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(show(item) for item in value[:12]) + (", ..." if len(value) > 12 else "") + "]"
    elif isinstance(value, int) and abs(value) > 10**30:
        text = "an integer beyond 1e30"  # str() of an unbounded integer is itself refused by Python
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def dotted(keys: Iterable[str | int]) -> str:
    """Key path as a user would write it: ("action", 0, "at_h") -> action[0].at_h; odd keys are quoted."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            name = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
            path += f".{name}" if path else name
    return path


def sweep_path(key: str, index: int | None = None) -> str:
    """Path of a swept key, or of one value in its list."""
    return f'sweep."{key}"' + ("" if index is None else f"[{index}]")


def explain(error: "ErrorDetails") -> str:
    """What is allowed, from one entry of a pydantic error list."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _ALLOWED:
        return _ALLOWED[kind].format(**context)
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return "must be " + context["expected"].replace("'", '"')
    return str(error["msg"]).lower()


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word closest to `word`, or None; case, spaces and dashes do not count against a match."""

    def plain(text: str) -> str:
        return re.sub(r"[\s_\-./]+", "", text).lower()

    by_plain: dict[str, str] = {}
    for name in sorted(known):
        by_plain.setdefault(plain(name), name)
    found = difflib.get_close_matches(plain(word[:200]), list(by_plain), n=1, cutoff=cutoff)
    return by_plain[found[0]] if found else None


class Report:
    """Collects errors, each once, in the order found.

    `broken` are paths (keys, tables, places in a sweep list) that already have an error of their own and stand in the
    scenario with a placeholder: what rests on them is not reported.
    """

    def __init__(self, broken: Iterable[str] = ()):
        self.broken = tuple(broken)
        self._index: dict[str, int] = {}
        self._aside: tuple[str, ...] = ()
        self._found: dict[tuple[str, str], Invalid] = {}

    @property
    def errors(self) -> list[Invalid]:
        return list(self._found.values())

    def at(self, index: Mapping[str, int]) -> None:
        """Which value of each swept key the next errors are about; nothing is set aside any more."""
        self._index = dict(index)
        self._aside = ()

    def set_aside(self, keys: Iterable[str]) -> None:
        """Keys that count as broken until the next `at`."""
        self._aside = tuple(keys)

    def add(self, key: str, value: object, message: str, rests_on: Sequence[str] = ()) -> None:
        """Report a dotted key; rests_on: other keys (or tables) without which the error may not be one.

        A swept key is shown with its place in the list.
        """
        path = sweep_path(key, self._index[key]) if key in self._index else key
        if any(_touches(used, bad) for used in (key, path, *rests_on) for bad in (*self.broken, *self._aside)):
            return
        self._found.setdefault((path, message), Invalid(path, value, message))


def _touches(key: str, other: str) -> bool:
    """Whether one of two dotted keys is the other or lies inside it."""
    short, long = sorted((key, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))
