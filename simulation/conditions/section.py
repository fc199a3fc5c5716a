"""Section: the base of every part of a condition: a frozen structure that is written as canonical JSON and read back.

Written  keys sorted, no spaces, shortest exact floats. A field with the default None is left out while it is None; a
         field without a default is always written.
Read     by msgspec: every key must be known, every field without a default must be there, every value has its type.
Text     of a section is made once and kept, so that a sweep whose wells share their sections makes few texts.
Limits   build(as_dict()) is the same section, and text is that of the table          (tests/conditions/test_section.py)
"""

import hashlib
import json
from collections.abc import Mapping, Set
from functools import cache, cached_property
from json.encoder import encode_basestring_ascii
from typing import Any, ClassVar, Self

import msgspec

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and shortest exact floats. Raises ValueError on NaN or infinity."""
    return _encode(value)


class ConditionError(ValueError):
    """A table that is not the condition it should be: str() names the key, what is there and what is allowed."""


class Section(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    dict=True,
    cache_hash=True,
):
    """Base of the sections of a condition; see the head of the module.

    Subclasses say frozen and kw_only again, for type checkers, which do not see that they are inherited.

    FORMER: numbers that stood in the source, at this value, before they came into the catalogue. At that value they do
    not count in physics_text, so that the draws of a scenario that never heard of them stay what they were.
    """

    FORMER: ClassVar[Mapping[str, float]] = {}

    def as_dict(self) -> dict[str, Any]:
        """The section as the table that its JSON holds."""
        table: dict[str, Any] = json.loads(self.text)
        return table

    @cached_property
    def text(self) -> str:
        """Canonical JSON of the section."""
        return canonical_json(msgspec.to_builtins(self))

    @cached_property
    def physics_text(self) -> str:
        """Canonical JSON without former constants at their old value, here and in the sections within."""
        nested = any(isinstance(getattr(self, name), Section | tuple | dict) for name in self.__struct_fields__)
        return canonical_json(_physics(self, msgspec.to_builtins(self))) if nested or self.FORMER else self.text

    @cached_property
    def members(self) -> dict[str, str]:
        """Canonical JSON of each member by its key."""
        found = {}
        for name, key, optional in _fields(type(self)):
            value = getattr(self, name)
            if value is not None or not optional:
                found[key] = _text_of(value)
        return found

    @classmethod
    def build(cls, table: Mapping[str, object]) -> Self:
        """The section that a JSON table holds. Raises ConditionError."""
        try:
            return msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise ConditionError(f"not a {cls.__name__}: {error}") from None


class Output(Section, frozen=True, kw_only=True):
    """Base of what a run file keeps, by its output level (levels.py)."""

    level: str

    @property
    def has_agents(self) -> bool:
        """Whether every agent at the end is kept."""
        return self.level != "observables"

    @property
    def has_events(self) -> bool:
        """Whether single events are kept."""
        return self.level in ("events", "frames")


class Condition(Section, frozen=True, kw_only=True):
    """Base of the conditions of either kind: what one run is, its name, and what it will take.

    KIND: what the key "kind" says of this kind. model: version of the model. saves: whether a run keeps checkpoints, to
    go on after a stop.
    """

    KIND: ClassVar[str]
    saves: ClassVar[bool]
    schema: int
    kind: str
    model: str
    seed: int
    random: str

    @property
    def run_key(self) -> int:
        """Key of the run's random numbers, in [0, 2**64)."""
        raise NotImplementedError

    @property
    def seconds(self) -> float:
        """Expected time on one core, in seconds."""
        raise NotImplementedError

    @property
    def agent_hours(self) -> float:
        """Rough amount of work; only ratios between conditions of one kind matter."""
        raise NotImplementedError

    @property
    def memory_bytes(self) -> int:
        """Memory that the run needs, in bytes."""
        raise NotImplementedError

    @cached_property
    def text(self) -> str:
        """Canonical JSON of the condition."""
        return joined(self.members)

    @cached_property
    def physics_members(self) -> dict[str, str]:
        """As members, without former constants at their old value."""
        found = dict(self.members)
        for name, key, _ in _fields(type(self)):
            value = getattr(self, name)
            if isinstance(value, Section):
                found[key] = value.physics_text
            elif value and isinstance(value, tuple | dict):
                found[key] = canonical_json(_physics(value, msgspec.to_builtins(value)))
        return found

    @cached_property
    def run_id(self) -> str:
        """16 hexadecimal digits that name the run."""
        return digest(self.text).hex()[:16]


def digest(text: str) -> bytes:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(text.encode("ascii")).digest()


def key_of(members: Mapping[str, str]) -> int:
    """A number in [0, 2**64) that belongs to a table, from the canonical JSON of its members."""
    return int.from_bytes(digest(joined(members))[:8], "big")


def text_without(section: Section, names: Set[str]) -> str:
    """Canonical JSON of a section with some of its keys left out."""
    return canonical_json({key: value for key, value in msgspec.to_builtins(section).items() if key not in names})


def joined(members: Mapping[str, str]) -> str:
    """Canonical JSON of a table from that of its members."""
    return "{" + ",".join(f'"{key}":{members[key]}' for key in sorted(members)) + "}"


def _physics(value: object, table: Any) -> Any:
    """The JSON `table` of a value without former constants at their old value."""
    if isinstance(value, Section):
        old = {name for name, before in value.FORMER.items() if getattr(value, name) == before}
        return {key: _physics(getattr(value, key, None), item) for key, item in table.items() if key not in old}
    if isinstance(value, tuple):
        return [_physics(one, item) for one, item in zip(value, table, strict=True)]
    if isinstance(value, dict):
        return {key: _physics(value[key], item) for key, item in table.items()}
    return table


def _text_of(value: object) -> str:
    """Canonical JSON of a member; the short ways are for what every condition of a sweep holds."""
    if isinstance(value, Section):
        return value.text
    if type(value) is int:
        return str(value)
    if type(value) is str:
        return encode_basestring_ascii(value)
    return "null" if value is None else canonical_json(msgspec.to_builtins(value))


@cache
def _fields(cls: type[Section]) -> tuple[tuple[str, str, bool], ...]:
    """(attribute, key, whether it is left out while None) of each field."""
    return tuple((one.name, one.encode_name, one.default is None) for one in msgspec.structs.fields(cls))
