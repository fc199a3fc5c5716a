"""Numbers that a simulation took over from other entries of the catalogue (stand-ins), as study.json lists them."""

from collections.abc import Mapping

import pandas as pd

from adccsim.text import one_line

_COLUMNS = ("of", "number", "value", "unit", "from")
_MOST_NAMED = 8  # of one entry, in a line for a terminal; the report names all


def stand_in_table(info: Mapping) -> pd.DataFrame:
    """One row per number: of, number, value, unit, from; empty where study.json lists none."""
    given = info.get("stand_ins")
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    table = pd.DataFrame([[row.get(name, "") for name in _COLUMNS] for row in rows], columns=list(_COLUMNS))
    table["value"] = [f"{v:.4g}" if isinstance(v, int | float) else str(v) for v in table["value"]]
    table["unit"] = table["unit"].replace("1", "")
    return table.astype(str)


def stand_in_lines(info: Mapping) -> list[str]:
    """One line per pair of entries, for a terminal."""
    lines = []
    for (of, whose), rows in stand_in_table(info).groupby(["of", "from"], sort=False):
        names = list(rows["number"])
        shown = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} numbers (listed in the report)"
        lines.append(one_line(f"{of}: {shown} taken from {whose}"))
    return lines
