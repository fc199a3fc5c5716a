"""TOML text of a scenario: the inverse of tomllib for what a scenario file may hold."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(raw: Mapping[str, Any]) -> str:
    """TOML of a parsed scenario: `tomllib.loads` of it gives the same tables. Raises TypeError for what TOML lacks."""
    lines: list[str] = []
    _table(lines, raw, "")
    return "\n".join(lines).strip() + "\n"


def _table(lines: list[str], table: Mapping[str, Any], path: str) -> None:
    inner = {key: value for key, value in table.items() if _is_table(value)}
    lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items() if key not in inner]
    for key, value in inner.items():
        name = f"{path}.{toml_key(key)}" if path else toml_key(key)
        for one in [value] if isinstance(value, Mapping) else value:
            lines += ["", f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"]
            _table(lines, one, name)


def _is_table(value: Any) -> bool:
    rows = isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping) or rows


def toml_key(key: str) -> str:
    """A key of a table, quoted where TOML needs quotes."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """One value as TOML. Raises TypeError for what TOML lacks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) in (int, float):
        return repr(value)  # the shortest text that reads back as the same number
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the delete character, which JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if hasattr(value, "tolist"):  # numbers and arrays of numpy
        return toml_value(value.tolist())
    raise TypeError(f"TOML has no value like {value!r}")
