"""Tables as CSV that any program reads: never NaN or infinity, but an empty cell and a word in `note`."""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.cell_text import guard

NOT_A_VALUE = ("run_id", "condition", "plate", "note")


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy without infinities, with `note` as the last column; a row with an empty cell always carries a note."""
    frame = frame.copy().reset_index(drop=True)
    numbers = frame.select_dtypes("number").columns
    frame[numbers] = frame[numbers].replace([np.inf, -np.inf], np.nan)
    notes = frame.pop("note").fillna("").astype(str) if "note" in frame else pd.Series("", index=frame.index)
    silent = frame.isna().any(axis=1) & (notes == "")
    frame["note"] = notes.mask(silent, "not available")
    return frame


def write_table(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write tidy(frame) to `path` and return it.  Six significant digits: more would be noise."""
    frame = tidy(frame)
    write_csv(frame, path, float_format="%.6g")
    return frame


def write_csv(frame: pd.DataFrame, path: Path, float_format: str | None = None) -> None:
    """Write a frame as CSV in which no text is a formula (cell_text.py)."""
    shown = frame.rename(columns=lambda name: guard(str(name)))
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = frame.iloc[:, place].map(lambda cell: guard(cell) if isinstance(cell, str) else cell)
            shown.isetitem(place, cells)
    shown.to_csv(path, index=False, float_format=float_format, lineterminator="\n")


def join_notes(*notes: str) -> str:
    """Several remarks as one cell."""
    return "; ".join(dict.fromkeys(note for note in notes if note))
