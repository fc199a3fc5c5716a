"""The swept keys of a study on disk: those of study.json, or of its run files where an earlier version wrote it."""

import json
from pathlib import Path

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.design_point import CORE_KEYS, design_point, varied_of
from adccsim.analysis.reading.run_file import RunFile, errors_named
from adccsim.analysis.reading.runs import Run


def varied_keys(out_dir: Path, info: dict) -> dict[str, list]:
    """Varied keys of a study of wells that are no core column, with their values. info: its study.json.

    Without `varied` in it every run file is read, and the keys are those that analysis.reading.design finds in the
    conditions.
    """
    varied = varied_of(info)
    if varied is not None:
        return {key: values for key, values in varied.items() if key not in CORE_KEYS.values()}
    known = set(info.get("run_ids") or ())
    single: dict[tuple, Run] = {}
    for path in sorted((Path(out_dir) / "runs").glob("*/*.h5")):
        if known and path.stem not in known:
            continue
        try:
            with errors_named(), RunFile(path) as file:
                condition = json.loads(file.meta["condition"])
        except ForeignFile:
            continue
        point = design_point(condition)
        unit = (condition.get("role"), condition.get("donor"), *point)
        single.setdefault(unit, Run(path.stem, "", "", condition, path, {}, point))
    table, extra = design_table(list(single.values()))
    return {key: sorted(set(table[key].dropna())) for key in extra}
