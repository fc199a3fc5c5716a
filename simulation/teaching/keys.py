"""Keys: a place in a parsed scenario file, written as errors write it, such as "arm[1].dose[0].mg_per_kg".

Limits   what was put can be got; nothing else changes   (tests/teaching/test_controls.py)
"""

import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def steps(key: str) -> list[str | int]:
    """The names and places that a key leads through."""
    return [name or int(place) for name, place in _STEP.findall(key)]


def get(raw: Mapping, key: str, default: Any = None) -> Any:
    """What lies at the key, or the default where there is nothing."""
    here: Any = raw
    for step in steps(key):
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return default
    return here


def put(raw: dict, key: str, value: Any) -> None:
    """Set what lies at the key; tables on the way are made. Raises LookupError where a list is too short."""
    *way, last = steps(key)
    here: Any = raw
    for step in way:
        here = here[step] if isinstance(step, int) or not isinstance(here, dict) else here.setdefault(step, {})
    here[last] = value


def drop(raw: dict, key: str) -> None:
    """Take away what lies at the key, if anything does."""
    above, _, last = key.rpartition(".")
    table = get(raw, above) if above else raw
    if isinstance(table, dict):
        table.pop(last, None)
