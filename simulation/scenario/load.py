"""Load: a TOML file (and --set values) becomes a Scenario, or one list of all its errors.

Order: the text is parsed, --set values are laid over it, every key is validated by the schema (those of [sweep] value
by value), and then whatever needs several keys or the catalogue is checked. A key with an error is put aside and the
rest is still looked at, so that one reading finds everything.
"""

import copy
import tomllib
from collections.abc import Sequence
from pathlib import Path

from adccsim.reading import UnreadableError, parse_toml, read_text
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, dotted, nearest, show
from adccsim.scenario.kinds import KINDS, kind_of
from adccsim.scenario.tables import SCHEMA_VERSION, Loaded
from adccsim.scenario.validate import flatten_sweep


def load_scenario(path: str | Path, sets: Sequence[str] = ()) -> Loaded:
    """Read, validate and check a scenario file.

    sets: "key=value" strings as of --set; the key is dotted, the value is TOML or a bare word; a swept key takes the
    one value instead, "sweep.table.key=[...]" sweeps one key, and "sweep={...}" replaces the whole sweep. Overlay paths
    of `catalogue` are relative to the folder of the file. Raises ScenarioError with every error, and nothing else.
    """
    path = Path(path)
    return scenario_from_text(_read(path), sets, folder=path.parent, name=str(path))


def scenario_from_text(text: str, sets: Sequence[str] = (), folder: Path = Path(), name: str = "scenario") -> Loaded:
    """As load_scenario, from TOML text. folder: where overlay paths start. name: what an error of the text names."""
    try:
        raw = parse_toml(text)
    except UnreadableError as error:
        raise ScenarioError([Invalid(name, NO_VALUE, str(error))]) from None
    return scenario_from_dict(raw, sets, folder, text)


def scenario_from_dict(raw: dict, sets: Sequence[str] = (), folder: Path = Path(), text: str = "") -> Loaded:
    """As load_scenario, from a parsed file (left unchanged). text: what the scenario keeps as its verbatim text."""
    raw = copy.deepcopy(raw)
    empty_sweep = raw.get("sweep") == {}
    flat, errors = flatten_sweep(raw.pop("sweep", {}))
    if empty_sweep:
        errors.append(Invalid("sweep", NO_VALUE, "scans nothing; give a key a list of values, or leave the table out"))
    _apply_sets(raw, flat, sets, errors)
    _refuse_other_formats(raw, errors)
    return kind_of(raw.get("kind")).load(raw, flat, errors, sets, folder, text)


def _read(path: Path) -> str:
    """The text of a file, without a byte-order mark. Raises ScenarioError when it cannot be read."""
    try:
        return read_text(path, "a scenario file")
    except UnreadableError as error:
        raise ScenarioError([Invalid(str(path), NO_VALUE, str(error))]) from None


def _refuse_other_formats(raw: dict, errors: list[Invalid]) -> None:
    """Raise at once where the rest of the file cannot be understood: a newer schema, or an unknown kind."""
    version, kind = raw.get("schema"), raw.get("kind", "well")
    if type(version) is int and version > SCHEMA_VERSION:
        message = f"newer than this program, which reads schema {SCHEMA_VERSION}; update adccsim"
        raise ScenarioError([*errors, Invalid("schema", version, message)])
    close = nearest(kind, KINDS) if isinstance(kind, str) else None
    if kind not in KINDS and close != "well":
        hint = f"did you mean {show(close)}?" if close else f"must be {' or '.join(map(show, KINDS))}"
        raise ScenarioError([*errors, Invalid("kind", kind, f"unknown kind; {hint}")])


def _apply_sets(raw: dict, sweep: dict[str, object], sets: Sequence[str], errors: list[Invalid]) -> None:
    """Lay --set values over a parsed file and its flat sweep, in order; a key that is set is no longer swept."""
    for text in sets:
        key, equals, value = text.partition("=")
        path = _parse_key(key) if equals else None
        if path is None:
            errors.append(Invalid(f"--set {show(text)}", NO_VALUE, "must be key=value with a dotted key"))
        elif path[0] == "sweep":
            _set_sweep(sweep, path[1:], _parse_value(value), errors)
        elif _set_value(raw, path, _parse_value(value)):
            sweep.pop(".".join(path), None)
        else:
            errors.append(Invalid(f"--set {dotted(path)}", NO_VALUE, "a part of this key is no table"))


def _set_sweep(sweep: dict[str, object], path: Sequence[str], value: object, errors: list[Invalid]) -> None:
    """Sweep the key at a path, or the keys of a table there; with an empty path the table replaces the whole sweep."""
    if isinstance(value, dict) and (value or not path):
        nested = value
        for part in reversed(path):
            nested = {part: nested}
        flat, found = flatten_sweep(nested)
        errors += found
        if not path:
            sweep.clear()
        sweep |= flat
    elif path:
        sweep[".".join(path)] = value
    else:
        errors.append(Invalid("--set sweep", value, 'must be a table of lists, like {"well.volume_ul" = [100, 200]}'))


def _set_value(table: dict, path: Sequence[str], value: object) -> bool:
    """Set one value in nested tables, making tables that lack. False, with nothing set, when a part is no table."""
    *tables, last = path
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return False
    table[last] = value
    return True


def _parse_key(text: str) -> list[str] | None:
    """A TOML key path as its parts, or None when it is none."""
    try:
        node: object = tomllib.loads(f"{text.strip()} = 0")
    except (ValueError, RecursionError):
        return None
    parts = []
    while isinstance(node, dict) and len(node) == 1:
        ((part, node),) = node.items()
        parts.append(part)
    return parts if parts and node == 0 else None


def _parse_value(text: str) -> object:
    """A TOML value, or the bare text when it is none (so that quotes may be left out)."""
    try:
        node = tomllib.loads(f"value = {text.strip()}")
    except (ValueError, RecursionError):
        return text.strip()
    return node["value"] if node.keys() == {"value"} else text.strip()
