"""study.json as its readers may rely on it: sealed, and every entry of the type that this program writes.

Entries may be missing (older versions had fewer) and others may be there. No types but those of JSON are involved.
"""

import json
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from adccsim.seal import SEALED_FROM, DamagedFile, check_entries

STUDY_SCHEMA = 2  # 2: with the digest of its entries
_MOST_BYTES = 1 << 30


class StudyFileError(ValueError):
    """A study.json that was not written by this program, or by a newer one; str() is the reason in one line."""


def read_study_file(path: Path) -> dict:
    """The entries of a study.json.

    Raises DamagedFile if the content is not what was written, StudyFileError for an entry of a wrong type, OSError if
    there is no such file or it cannot be read.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise StudyFileError("not a regular file")
    if state.st_size > _MOST_BYTES:
        raise StudyFileError(f"larger than {_MOST_BYTES >> 20} MiB")
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        raise DamagedFile("damaged: it is not JSON") from None
    if not isinstance(content, dict):
        raise StudyFileError(f"must be a JSON object with an entry run_ids, not {_shown(content)}")
    schema = content.get("schema", 1)
    check_entries(content, required=not (_whole(schema) and schema < SEALED_FROM))
    if _whole(schema) and schema > STUDY_SCHEMA:
        raise StudyFileError(f"schema {schema}: this program reads {STUDY_SCHEMA}; update adccsim")
    for key, (test, *words) in _ENTRIES.items():
        if key in content:
            _check(key, content[key], test, *words)
    return content


def _check(key: str, value: object, test: Callable[[object], bool], wanted: str, of_items: str) -> None:
    """Raises StudyFileError that names the entry, or the first item of it, that is not as wanted."""
    if test(value):
        return
    if of_items and isinstance(value, list | dict) and test(type(value)()):  # it is the content that is wrong
        for place, item in value.items() if isinstance(value, dict) else enumerate(value):
            if not test({place: item} if isinstance(value, dict) else [item]):
                raise StudyFileError(f"{key}[{place}]: must be {of_items}, not {_shown(item)}")
    raise StudyFileError(f"{key}: must be {wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\w[\w.-]*", value) is not None


def _list_of(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _table_of(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


_UNIT = {
    "run_id": _name, "plate": _text, "role": _text, "donor": _whole, "replicate": _whole, "study": _text,
    "arm": _text, "mouse": _whole,
}  # fmt: skip


def _unit(value: object) -> bool:
    """An entry of conditions: a run id, and what names the well or the mouse."""
    known = isinstance(value, Mapping) and "run_id" in value
    return known and all(_UNIT.get(key, _text)(item) for key, item in value.items())


# entry: (test, what it must be, what each item of it must be)
_ENTRIES: dict[str, tuple[Callable[[object], bool], str, str]] = {
    "schema": (_whole, "a whole number", ""),
    "kind": (lambda value: value in ("well", "xenograft"), '"well" or "xenograft"', ""),
    "title": (_text, "text", ""),
    "scenario_file": (_text, "text", ""),
    "scenario": (_text, "text", ""),
    "overlays": (_table_of(_text), "text by file name", "text"),
    "sets": (_list_of(_text), "a list of text", "text"),
    "versions": (_table_of(_text), "text by name", "text"),
    "run_ids": (_list_of(_name), "a list of run ids", "a run id"),
    "conditions": (_list_of(_unit), "a list of tables", "a table with run_id and the names of one well or mouse"),
    "in_vivo_overrides": (_list_of(_is_table), "a list of tables", "a table"),
    "studies": (_table_of(_is_table), "a table of values by study", "a table"),
    "varied": (_table_of(lambda value: isinstance(value, list)), "a list of values by key", "a list"),
}
