"""Tables as CSV that any program reads: never NaN or infinity, but an empty cell and a word in `note`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis.sheets.cell_text import guard
from adccsim.analysis.writing import whole

NOT_A_VALUE = ("run_id", "condition", "plate", "note")
# Empty where there is nothing to report, which is the usual case.
_MAY_BE_EMPTY = ("hook_from_ug_per_ml",)


def tidy(frame: pd.DataFrame, may_be_empty: Sequence[str] = ()) -> pd.DataFrame:
    """Copy without infinities, with `note` as the last column.

    A row with an empty cell always carries a note, unless the column is empty in every row (this table has no such
    quantity) or stands in `may_be_empty`.
    """
    frame = frame.copy().reset_index(drop=True)
    numbers = frame.select_dtypes("number").columns
    frame[numbers] = frame[numbers].replace([np.inf, -np.inf], np.nan)
    notes = frame.pop("note").fillna("").astype(str) if "note" in frame else pd.Series("", index=frame.index)
    needed = [name for name in frame if name not in (*_MAY_BE_EMPTY, *may_be_empty) and frame[name].notna().any()]
    silent = frame[needed].isna().any(axis=1) & (notes == "")
    frame["note"] = notes.mask(silent, "not available")
    return frame


def write_table(frame: pd.DataFrame, path: Path, may_be_empty: Sequence[str] = ()) -> pd.DataFrame:
    """Write tidy(frame, may_be_empty) to `path` and return it.  Six significant digits: more would be noise."""
    frame = tidy(frame, may_be_empty)
    write_csv(frame, path, float_format="%.6g")
    return frame


def write_csv(frame: pd.DataFrame, path: Path, float_format: str | None = None) -> None:
    """Write a frame as CSV, whole or not at all, in which no text is a formula (cell_text.py)."""
    shown = frame.rename(columns=lambda name: guard(str(name)))
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = frame.iloc[:, place].map(lambda cell: guard(cell) if isinstance(cell, str) else cell)
            shown.isetitem(place, cells)
    with whole(path) as part:
        shown.to_csv(part, index=False, float_format=float_format, lineterminator="\n")


def join_notes(*notes: str) -> str:
    """Several remarks as one cell."""
    return "; ".join(dict.fromkeys(note for note in notes if note))
