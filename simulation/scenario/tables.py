"""Tables: what the tables of every scenario file share: strict types, bounds with units, and where a file came from.

Each table is a frozen pydantic model that refuses unknown keys. Types are strict: true is not 1 and "5" is not 5; only
a whole number may stand for a float and a whole float (1e4) for a count.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from adccsim.parameters import lookup
from adccsim.scenario.errors import NO_VALUE, Invalid

SCHEMA_VERSION = 1


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


# + 0.0 turns -0.0 into 0.0: the two are equal and must give one run id.
Number = Annotated[float, AfterValidator(lambda value: value + 0.0)]
Count = Annotated[int, BeforeValidator(_whole)]

SHORTEST_H = 0.01  # of times in the kernel: every one bounds a rate, and every agent is asked at the largest


def quantity(meaning: str, unit: str, low: float = 0.0, high: float = 1.0, above: bool = False) -> Any:
    """An optional catalogue number: bounds are inclusive, except the lower one where `above`."""
    over, least = (low, None) if above else (None, low)
    return Field(
        default=None, gt=over, ge=least, le=high, description=f"{meaning} [{unit}]", json_schema_extra={"unit": unit}
    )


class Table(BaseModel):
    """Base of all tables: immutable, no unknown keys, strict types, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Origin:
    """Where a scenario came from: text, overlay files, --set values, the catalogue it was checked with, its folder.

    overlay_texts: name -> text of the overlays.
    """

    text: str = ""
    overlays: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    known: lookup.Catalogue | None = field(default=None, repr=False)
    folder: Path = Path()
    overlay_texts: Mapping[str, str] = field(default_factory=dict)


class Loaded(Table):
    """A scenario of any kind that knows where it came from."""

    _origin: Origin = PrivateAttr(default_factory=Origin)
    if TYPE_CHECKING:  # fields of every kind of scenario; each kind has them at their places in its own table
        kind: str
        title: str
        seed: int
        random: str
        catalogue: tuple[str, ...]
        sweep: dict[str, tuple[Any, ...]]

    @property
    def text(self) -> str:
        """The file as it was read, before --set; empty when built from a dict."""
        return self._origin.text

    @property
    def overlays(self) -> tuple[Path, ...]:
        """Catalogue overlay files, resolved against the folder of the scenario file."""
        return self._origin.overlays

    @property
    def overlay_texts(self) -> dict[str, str]:
        """Name -> text of the catalogue overlay files, as they were when the scenario was read."""
        return dict(self._origin.overlay_texts)

    @property
    def sets(self) -> tuple[str, ...]:
        """The --set arguments, verbatim."""
        return self._origin.sets

    @property
    def folder(self) -> Path:
        """The folder of the scenario file, where relative paths in it start."""
        return self._origin.folder

    @property
    def known(self) -> lookup.Catalogue:
        """The catalogue with this scenario's overlays, as it was when the scenario was loaded."""
        return self._origin.known if self._origin.known is not None else lookup.load(self.overlays)

    def with_catalogue(self, known: lookup.Catalogue) -> Self:
        """The same scenario with its numbers taken from another catalogue."""
        changed = self.model_copy()
        changed._origin = replace(self._origin, known=known)
        return changed


def located(folder: Path, name: str) -> Path:
    """A file that a scenario names: next to the scenario or, if there is none, in the current folder.

    So --set can name a file of the user's for a scenario that lies elsewhere, such as a shipped one.
    """
    beside, here = folder / name, Path(name).absolute()
    return here if not os.path.exists(beside) and os.path.exists(here) else beside


def catalogue_of(
    folder: Path, names: Sequence[str]
) -> tuple[tuple[Path, ...], dict[str, str], lookup.Catalogue, list[Invalid]]:
    """(overlay files, name -> text, the catalogue with them laid over it, errors); with errors the shipped catalogue.

    Texts are read here: what a study keeps is what its numbers came from, even if a file changes before it is run.
    """
    overlays = tuple(located(folder, name) for name in names)
    if len({path.name for path in overlays}) < len(overlays):
        message = "two files have the same name; a study keeps overlays by their names: rename one"
        return overlays, {}, lookup.load(), [Invalid("catalogue", list(names), message)]
    try:
        known = lookup.load(overlays)
    except lookup.CatalogueError as error:
        return overlays, {}, lookup.load(), [Invalid("catalogue", NO_VALUE, line) for line in error.errors]
    return overlays, {path.name: path.read_text(encoding="utf-8") for path in overlays}, known, []


def without_null(node: Any) -> Any:
    """TOML has no null: an optional key is left out, so `X or null` is X."""
    if isinstance(node, list):
        return [without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: without_null(value) for key, value in node.items() if not (key == "default" and value is None)}
    if "anyOf" in node:
        kinds = [kind for kind in node.pop("anyOf") if kind != {"type": "null"}]
        node = {**kinds[0], **node} if len(kinds) == 1 else {**node, "anyOf": kinds}
    return node


def described(model: type[Table], title: str, keys: dict[str, type[Table]], examples: Iterable[tuple]) -> dict:
    """JSON schema of a scenario model, for editors that complete and check TOML.

    keys: what [sweep] accepts, dotted key -> table model. examples: (model name, key, names of the catalogue).
    """
    schema = without_null(model.model_json_schema(by_alias=True))
    for table, key, names in examples:
        schema["$defs"][table]["properties"][key]["examples"] = sorted(names)
    schema["properties"]["sweep"] = {
        "type": "object",
        "description": model.model_fields["sweep"].description,
        "additionalProperties": False,
        "properties": {
            key: {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": f"#/$defs/{table.__name__}/properties/{key.partition('.')[2]}"},
            }
            for key, table in keys.items()
        },
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
