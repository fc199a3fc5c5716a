"""Rows of the summary table: what it needs of one run file, the condition and the last value of each series.

Limits   the same as HDF5 reads, for files of any shape                        (tests/analysis/reading/test_run_file.py)
"""

import json
from collections.abc import Mapping
from pathlib import Path

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.reading.design_point import design_point, design_value, value_at
from adccsim.analysis.reading.run_file import RunFile, errors_named

END_VALUES = (
    *("targets_alive", "targets_dying", "targets_dead", "targets_cleared", "births", "kills", "spontaneous_deaths"),
    *("effectors_alive", "effectors_dead", "conjugates", "encounters", "contacts", "hits", "effector_searching_h"),
    *("antibody_free_nM", "antibody_bound_per_target", "receptor_occupancy", "antibody_internalised_per_target"),
    *("antibody_cleared_per_target", "cd16a_level", "granules_mean", "resistant_fraction"),
    *("signal", "signal_maximum", "signal_blank"),
)
COUNTS = ("donor", "replicate")


def read_rows(columns: Mapping[str, str], model: str | None, files: tuple[Path, list[str]]) -> dict[str, dict | str]:
    """Rows by run id, with the reason instead of a row where there is none.

    columns: names of the columns that are entries of the condition, with their dotted paths; the column of a varied key
    has its name, and is empty where the key means nothing in a well. model: the version of this study, None for any.
    files: a folder, and the run ids of the files in it that are to be read.
    """
    folder, names = files
    found: dict[str, dict | str] = {}
    for name in names:
        try:
            found[name] = _row(folder / f"{name}.h5", columns, model)
        except ForeignFile as error:
            found[name] = str(error)
    return found


def _row(path: Path, columns: Mapping[str, str], model: str | None) -> dict:
    """One run file as a row. Raises ForeignFile with the reason if it is not a complete run of this study's model."""
    with errors_named(), RunFile(path) as file:
        meta = file.meta
        if model is not None and meta["model_version"] != model:
            raise ForeignFile(f"model {meta['model_version']}, the study is {model}")
        condition = json.loads(meta["condition"])
        row = {"run_id": meta["run_id"], "plate": str(meta["plate"]), "model_version": str(meta["model_version"])}
        row["actions"] = json.dumps(condition["action"], sort_keys=True) if condition.get("action") else ""
        row["design_point"], row["donor_traits"] = design_point(condition)
        for column, key in columns.items():
            row[column] = design_value(condition, key) if column == key else _core(value_at(condition, key), column)
        return row | {name: file.last(name) for name in END_VALUES} | {"sha256": file.digest or ""}


def _core(value: object, column: str) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and column not in COUNTS else value
