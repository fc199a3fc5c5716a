"""The catalogue as an object: every number with its unit, range, source and provenance, by the name of its entry.

catalogue["SK-BR-3"].her2_per_cell.value        the number; .unit, .low, .high, .source, .provenance next to it
catalogue.antibodies["trastuzumab"].table       all numbers of one entry
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adccsim.parameters import lookup
from adccsim.parameters.lookup import KINDS, Entry, Number

if TYPE_CHECKING:
    import pandas as pd


class CatalogueEntry:
    """All that the catalogue says under one name: of a cell line, say, as cells of a well and as a tumour.

    A number or text is an attribute by the name of its field.
    """

    def __init__(self, name: str, entries: Mapping[str, Entry]):
        self.name, self._entries = name, dict(entries)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of entry that have this name."""
        return tuple(self._entries)

    def __getattr__(self, field: str) -> Number | str | bool:
        if field.startswith("_"):
            raise AttributeError(field)
        found: dict[str, Number | str | bool] = {}
        for kind, entry in self._entries.items():
            for table in (entry.numbers, entry.strings):
                if field in table:
                    found[kind] = table[field]
        values = list(found.values())
        if not values:
            raise AttributeError(f"{self.name} has no {field}; it has {', '.join(self._fields())}")
        if any(value != values[0] for value in values):
            where = " or ".join(f'catalogue.{kind}["{self.name}"].{field}' for kind in found)
            raise AttributeError(f"{self.name} has {field} in several kinds: ask for {where}")
        return values[0]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields()]

    def _fields(self) -> list[str]:
        return list(
            dict.fromkeys(name for entry in self._entries.values() for name in (*entry.numbers, *entry.strings))
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row per number: kind, field, value, low, high, unit, provenance, source."""
        import pandas as pd

        rows = [
            {
                "kind": kind, "field": field, "value": number.value, "low": number.low, "high": number.high,
                "unit": number.unit, "provenance": number.provenance, "source": number.source,
            }
            for kind, entry in self._entries.items()
            for field, number in entry.numbers.items()
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<{self.name}: {', '.join(self.kinds)}>"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False))


class CatalogueView(Mapping[str, CatalogueEntry]):
    """Entries by name. overlays: TOML files that are laid over the shipped catalogue, in order.

    Each kind (cell_lines, antibodies, effectors, ...) is an attribute: its entries by name.
    """

    def __init__(self, overlays: Sequence[str | Path] = ()):
        self._overlays = tuple(Path(path) for path in overlays)

    @cached_property
    def _catalogue(self) -> lookup.Catalogue:
        return lookup.load(self._overlays)

    def with_overlays(self, *paths: str | Path) -> CatalogueView:
        """The catalogue with overlay files laid over it. Raises CatalogueError, with every error, when it is read."""
        return CatalogueView((*self._overlays, *paths))

    def __getitem__(self, name: str) -> CatalogueEntry:
        found = {kind: self._catalogue.kind(kind)[name] for kind in KINDS if name in self._catalogue.kind(kind)}
        if not found:
            close = lookup.did_you_mean(name, list(self))
            raise KeyError(f"{name}: no such entry{close}")
        return CatalogueEntry(name, found)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for kind in KINDS for name in self._catalogue.kind(kind)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getattr__(self, kind: str) -> dict[str, CatalogueEntry]:
        if kind not in KINDS:
            raise AttributeError(f"{kind}: no such kind; one of {', '.join(KINDS)}")
        return {name: CatalogueEntry(name, {kind: entry}) for name, entry in self._catalogue.kind(kind).items()}

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *KINDS]

    def __repr__(self) -> str:
        return f"<catalogue of {len(self)} entries: {', '.join(KINDS)}>"


catalogue = CatalogueView()
