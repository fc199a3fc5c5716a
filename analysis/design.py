"""The design of a study as a table: one row per run, one column per thing that was varied.

A resolved condition carries every catalogue number, so most of what differs between two runs only follows
from the cell line or the effector that was named.  A key gets a column of its own if the user swept it, or if
it differs between runs that agree in everything named so far; what merely follows gets none.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.trajectory import Run

CORE_KEYS = {
    "role": "role",
    "cell_line": "targets.cell_line",
    "effector": "effectors.type",
    "antibody": "antibody.name",
    "dose_ug_per_ml": "antibody.dose_ug_per_ml",
    "et_ratio": "effectors.et_ratio",
    "hours": "assay.duration_h",
    "readout": "assay.readout",
    "donor": "donor",
    "replicate": "replicate",
}
CONDITION_COLUMNS = ["cell_line", "effector", "antibody", "dose_ug_per_ml", "et_ratio", "hours", "readout"]
CONTROL_ROLES = ("target_only", "effector_only")
# Follow from the design or from the donor, or are no property of the experiment at all.
_NEVER = ("schema", "kind", "model", "random", "effectors.nk_cells", "effectors.other_cells")
_NEVER_BELOW = ("output.", "effectors.donor_")


def flatten(condition: Mapping, prefix: str = "") -> dict[str, object]:
    """Nested condition -> {dotted path: number or string}; empty entries are left out, lists become text."""
    flat: dict[str, object] = {}
    for key, value in condition.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            if value:
                flat[prefix + key] = json.dumps(value, sort_keys=True)
        elif value is not None:
            flat[prefix + key] = value
    return flat


def design_table(runs: Sequence[Run], scenario_text: str = "") -> tuple[pd.DataFrame, list[str]]:
    """(table, extra): one row per run with run_id, condition (label), plate, the core columns, and the extra ones.

    extra  dotted paths of further keys that vary, in the order of the scenario's own sweep first.
    `at_zero` is True where no antibody is ever present; it is for use inside the analysis.
    """
    flat = [flatten(run.condition) for run in runs]
    rows = []
    for run, values in zip(runs, flat, strict=True):
        row: dict[str, object] = {"run_id": run.run_id, "plate": run.plate}
        row |= {column: values.get(key) for column, key in CORE_KEYS.items()}
        row["at_zero"] = not (row["dose_ug_per_ml"] or 0) > 0 and "add_antibody" not in str(values.get("action", ""))
        rows.append(row)
    table = pd.DataFrame(rows, columns=["run_id", "plate", *CORE_KEYS, "at_zero"])
    defaults = {"role": "sample", "cell_line": "", "effector": "", "antibody": "", "readout": ""}
    numbers = {"dose_ug_per_ml": 0.0, "et_ratio": 0.0, "hours": 0.0, "donor": 1, "replicate": 1}
    for column, value in (defaults | numbers).items():
        table[column] = [value if v is None else v for v in table[column]]
    table = table.astype({column: float for column in ("dose_ug_per_ml", "et_ratio", "hours")})
    extra, columns = _extra_columns(table, flat, swept(scenario_text))
    for key in extra:
        table[key] = columns[key]
    table.insert(1, "condition", [condition_label(row, extra) for row in table.to_dict("records")])
    return table, extra


def swept(scenario_text: str) -> dict[str, list]:
    """The scenario's [sweep] table, {dotted key: values} in its order; empty if the text is no TOML."""
    try:
        sweep = tomllib.loads(scenario_text or "").get("sweep", {})
    except tomllib.TOMLDecodeError:
        return {}
    return {key: value for key, value in sweep.items() if isinstance(value, list)} if isinstance(sweep, dict) else {}


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
    parts += [f"{short_key(key)} {shown(row[key])}" for key in extra]
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
    """Last part of a dotted path, in words; of a culture the whole path, since "days" alone says nothing."""
    last = key.replace(".", " ") if key.startswith("culture.") else key.rsplit(".", 1)[-1]
    return last.replace("_", " ")


def shown(value: object) -> str:
    """A number or word for a label."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _extra_columns(
    table: pd.DataFrame, flat: list[dict[str, object]], sweep: dict[str, list]
) -> tuple[list[str], dict[str, list]]:
    samples = [i for i, role in enumerate(table["role"]) if role not in CONTROL_ROLES]
    keys = sorted({key for i in samples for key in flat[i]})
    keys = [k for k in keys if k not in _NEVER and not k.startswith(_NEVER_BELOW) and k not in CORE_KEYS.values()]
    columns = {key: _filled([values.get(key) for values in flat]) for key in keys}
    varying = [key for key in keys if len({columns[key][i] for i in samples}) > 1]
    extra = [key for key in sweep if key in varying]
    for key in extra:
        columns[key] = _as_swept(columns[key], table["donor"], sweep[key])
    words = [key for key in varying if isinstance(columns[key][samples[0]], str)]
    rest = [key for key in [*words, *(k for k in varying if k not in words)] if key not in extra]
    known = table.loc[samples, list(CORE_KEYS)].copy()
    for key in extra:
        known[key] = [columns[key][i] for i in samples]
    groups = known.groupby(list(known), dropna=False).ngroup().to_numpy()
    for key in rest:
        pairs = pd.DataFrame({"group": groups, "value": [columns[key][i] for i in samples]})
        if len(pairs.drop_duplicates()) > len(set(groups)):
            extra.append(key)
            groups = pairs.groupby(["group", "value"]).ngroup().to_numpy()
    return extra, columns


def _as_swept(values: list, donor: pd.Series, asked: list) -> list:
    """The user's own values of a swept key that every donor scales (the share of NK cells), where that is clear."""
    if len(set(values)) <= len(set(asked)):
        return values
    frame = pd.DataFrame({"donor": list(donor), "value": values})
    ranks = frame.groupby("donor")["value"].rank(method="dense").astype(int) - 1
    if not (frame.groupby("donor")["value"].nunique() == len(set(asked))).all():
        return values
    ordered = sorted(set(asked))
    return [ordered[rank] for rank in ranks]


def _filled(values: list) -> list:
    """A key that some runs lack (a culture, a microwell side) reads 0 or "none" there, so that it can be grouped."""
    words = any(isinstance(value, str) for value in values)
    if words:
        return ["none" if value is None else str(value) for value in values]
    return [0 if value is None else value for value in values]
