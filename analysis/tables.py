"""Tables as CSV that any program reads: never NaN or infinity, but an empty cell and a word in `note`."""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.writing import whole

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
    with whole(path) as part:
        frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    return frame


def join_notes(*notes: str) -> str:
    """Several remarks as one cell."""
    return "; ".join(dict.fromkeys(note for note in notes if note))
