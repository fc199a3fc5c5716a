"""The design of a study as a table: one row per run, one column per thing that was varied.

Which keys were swept stands in study.json (`varied`), their values in the condition of each run. Of a study of an
earlier version, which lists no swept keys, they are found here: a resolved condition carries every catalogue number,
and most of what differs between two runs only follows from the cell line or the effector that was named. So a key gets
a column if it differs between runs that agree in everything named so far.

Runs are averaged in one place, by `pooled`, which refuses rows that hold two design points.
Limits   one row, one design point; a well without antibody belongs to every value of an antibody's number
                                                                               (tests/analysis/reading/test_pooling.py)
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from adccsim.analysis.errors import PooledConditions
from adccsim.analysis.reading.design_point import (
    CONDITION_COLUMNS,
    CORE_KEYS,
    DONOR_KEYS,
    SCALED_BY_DONORS,
    design_point,
    design_value,
    flatten,
    means_nothing,
    of_the_donor,
    value_at,
    without_antibody,
)
from adccsim.analysis.reading.runs import Run

CONTROL_ROLES = ("target_only", "effector_only")
INTERNAL = ("at_zero", "design_point", "donor_traits")  # columns that no file shows
# Follow from the design, or are no property of the experiment at all.
_NEVER = ("schema", "kind", "model", "random", *CORE_KEYS.values())
_DEFAULTS = {"role": "sample", "cell_line": "", "effector": "", "antibody": "", "readout": ""}
_NUMBERS = {"dose_ug_per_ml": 0.0, "et_ratio": 0.0, "hours": 0.0, "donor": 1, "replicate": 1}


def design_table(runs: Sequence[Run], varied: Mapping[str, Sequence] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """(table, extra): one row per run with run_id, condition (label), plate, the core columns, and the extra ones.

    varied  the swept keys and their values; None where they are not known and have to be found in the conditions.
    extra  dotted paths of the keys that vary and are no core column: those of `varied`, in its order. A cell is empty
    where the key means nothing in a well. The columns INTERNAL are for use inside the analysis: `at_zero`, True where
    no antibody is ever present, and the two halves of the run's design point.
    """
    conditions = [run.condition for run in runs]
    core = [{column: value_at(condition, key) for column, key in CORE_KEYS.items()} for condition in conditions]
    table = pd.DataFrame(core, columns=list(CORE_KEYS))
    for column, value in (_DEFAULTS | _NUMBERS).items():
        table[column] = [value if v is None else v for v in table[column]]
    table = table.astype({column: float for column in ("dose_ug_per_ml", "et_ratio", "hours")})
    table.insert(0, "run_id", [run.run_id for run in runs])
    table.insert(1, "plate", [run.plate for run in runs])
    table["at_zero"] = [without_antibody(condition) for condition in conditions]
    points = [getattr(run, "point", None) or design_point(run.condition) for run in runs]
    for place, column in enumerate(("design_point", "donor_traits")):
        table[column] = [point[place] for point in points]
    extra = _differing(table, conditions) if varied is None else [k for k in varied if k not in CORE_KEYS.values()]
    for key in extra:
        table[key] = _column(conditions, key)
        if varied and key == SCALED_BY_DONORS:
            table[key] = _as_swept(table[key], table["donor"], varied[key])
    table.insert(1, "condition", [condition_label(row, extra) for row in table.to_dict("records")])
    return table, extra


def pooled(wells: pd.DataFrame, extra: Sequence[str]) -> pd.DataFrame:
    """The wells, ready to be averaged over donors and replicates of each group of `pooled_by(extra)`.

    A well in which a varied key means nothing (the cell is empty) stands at every value of it: the wells without
    antibody are dose 0 of every curve. Raises PooledConditions where a group holds runs of two design points; wells
    that a laboratory measured have none.
    """
    wells = at_every_level(wells, extra)
    if "design_point" not in wells:
        return wells
    by = pooled_by(extra)
    for column, of in (("design_point", by), ("donor_traits", [*by, "donor"])):
        row = wells.groupby(of, dropna=False).ngroup()
        kinds = wells.assign(row=row)[["row", column, "run_id", "condition"]].drop_duplicates(["row", column])
        mixed = kinds[kinds.duplicated("row", keep=False)].sort_values("row", kind="stable")
        if len(mixed):
            raise PooledConditions(mixed["condition"].iloc[0], *mixed["run_id"].iloc[:2])
    return wells


def pooled_by(extra: Sequence[str]) -> list[str]:
    """The columns that tell one row of a table of means from another."""
    return ["role", *CONDITION_COLUMNS, *extra]


def at_every_level(wells: pd.DataFrame, extra: Sequence[str]) -> pd.DataFrame:
    """The wells, those with an empty cell in a column of `extra` once for every value that the column has."""
    for key in extra:
        empty = wells[key].isna()
        if empty.any() and not empty.all():
            levels = sorted(set(wells.loc[~empty, key]))
            everywhere = [wells[empty].assign(**{key: level}) for level in levels]
            wells = pd.concat([wells[~empty], *everywhere], ignore_index=True)
    return wells


def condition_label(row: Mapping, extra: Sequence[str] = ()) -> str:
    """Short words for one row of a design table, e.g. "SK-BR-3 | NK 5:1 | trastuzumab 0.01 ug/mL | 4 h"."""
    effectors = f"{row['effector']} {et_label(row['et_ratio'])}" if row["et_ratio"] else "no effectors"
    parts = [row["cell_line"], effectors]
    if row["role"] in CONTROL_ROLES:
        parts = [parts[0] if row["role"] == "target_only" else parts[1], row["role"].replace("_", "-")]
    else:
        dose = row["dose_ug_per_ml"]
        parts.append(f"{row['antibody']} {dose:g} ug/mL" if dose else "no antibody")
        if row["role"] == "fc_null":
            parts[-1] += " (Fc-null)"
    parts.append(f"{row['hours']:g} h")
    parts += [f"{short_key(key)} {shown(row[key])}" for key in extra if not pd.isna(row[key])]
    return " | ".join(str(part) for part in parts)


def with_one_antibody(frame: pd.DataFrame) -> pd.DataFrame:
    """A table in which wells without antibody carry the name of the only antibody of the study, if there is one.

    So that dose 0 is a dose of it and not a second antibody; with several antibodies the table stays as it is.
    """
    names = set(frame.loc[frame["dose_ug_per_ml"] > 0, "antibody"])
    if len(names) != 1:
        return frame
    return frame.assign(antibody=frame["antibody"].where(frame["dose_ug_per_ml"] > 0, names.pop()))


def et_label(et_ratio: float) -> str:
    """E:T as a laboratory writes it, 5.0 -> "5:1"."""
    return f"{et_ratio:g}:1"


def short_key(key: str) -> str:
    """Last part of a dotted path, in words; the whole path where the last part alone does not say what is meant."""
    table, _, last = key.rpartition(".")
    return (f"{table} {last}" if table == "culture" or last == "contact_fraction" else last).replace("_", " ")


def shown(value: object) -> str:
    """A number or word for a label; no two numbers share one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))


def _column(conditions: Sequence[Mapping], key: str) -> pd.Series:
    """The values of one key as numbers or as words; NaN where it means nothing, 0 or "none" where a well lacks it."""
    values = [design_value(condition, key) for condition in conditions]
    words = any(isinstance(value, str) for value in values)
    column: list[object] = []
    for condition, value in zip(conditions, values, strict=True):
        if value is None:
            column.append(float("nan") if means_nothing(condition, key) else "none" if words else 0.0)
        else:
            column.append(str(value) if words else value)
    return pd.Series(column, dtype=object if words else float)


def _differing(table: pd.DataFrame, conditions: Sequence[Mapping]) -> list[str]:
    """Keys that differ between runs that agree in everything named so far, words before numbers."""
    single = table.drop_duplicates(["role", "donor", "design_point", "donor_traits"])
    single = single[~single["role"].isin(CONTROL_ROLES)]
    conditions = [conditions[i] for i in single.index]
    keys = sorted({key for each in conditions for key in flatten(each) if not key.startswith("output.")})
    keys = [key for key in keys if key in DONOR_KEYS or not (key in _NEVER or of_the_donor(key))]
    columns = {key: _column(conditions, key) for key in keys}
    varying = [key for key in keys if columns[key].nunique() > 1]
    words = [key for key in varying if columns[key].dtype == object]
    donor = single["donor"].to_numpy()
    core = single[[name for name in CORE_KEYS if name not in ("donor", "replicate")]]
    groups = core.groupby(list(core), dropna=False).ngroup().to_numpy()
    found = []
    for key in [*words, *(k for k in varying if k not in words)]:
        unit = donor if key in DONOR_KEYS else 0
        pairs = pd.DataFrame({"group": groups, "unit": unit, "value": columns[key].to_numpy()}).dropna()
        if len(pairs.drop_duplicates()) > len(pairs[["group", "unit"]].drop_duplicates()):
            found.append(key)
            groups = pd.DataFrame({"group": groups, "value": columns[key].to_numpy()})
            groups = groups.groupby(["group", "value"], dropna=False).ngroup().to_numpy()
    return found


def _as_swept(values: pd.Series, donor: pd.Series, asked: Sequence) -> pd.Series:
    """The swept values of the fraction of NK cells, which every donor scales, where it is clear which is which."""
    levels = sorted(set(asked))
    if values.isin(levels).all():
        return values
    by_donor = values.groupby(donor.to_numpy())
    if not (by_donor.nunique() == len(levels)).all():
        return values
    return (by_donor.rank(method="dense").astype(int) - 1).map(dict(enumerate(levels)))
