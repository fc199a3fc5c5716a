"""What one run is, read from its stored condition: its design point, and the values of keys that a study varies.

A design point is everything that was decided about a run: its condition apart from donor, replicate, role and output,
and apart from what only follows from the donor. Runs are averaged into one row only if their design points agree.

Limits   the same for all donors and replicates of a point, different for any two points of a sweep
                                                                             (tests/analysis/reading/test_pooling.py)
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache

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
# What a donor brings along where it is not asked for.
SCALED_BY_DONORS = "effectors.nk_fraction"
DONOR_KEYS = (SCALED_BY_DONORS, "effectors.genotype")
NO_ANTIBODY = "none"  # name of the antibody in a well that never holds any
_NOT_DESIGN = ("donor", "replicate", "role", "output")
_COUNTED = ("nk_cells", "other_cells")  # follow from E:T, targets and the donor's fraction of NK cells
_text = json.JSONEncoder(sort_keys=True).encode


def design_point(condition: Mapping) -> tuple[str, str]:
    """(design point, donor's traits) of a well, each as 16 hexadecimal digits.

    The traits are the fraction of NK cells and the genotype: they differ between donors, and belong to the design where
    they are swept. So two runs of one donor and one design point agree in both.
    """
    point = {key: value for key, value in condition.items() if key not in _NOT_DESIGN}
    effectors = condition.get("effectors") or {}
    point["effectors"] = {name: value for name, value in effectors.items() if not of_the_donor("effectors." + name)}
    point["action"] = _actions(condition)
    return _digest(point), _digest([value_at(condition, key) for key in DONOR_KEYS])


def varied_of(info: Mapping) -> dict[str, list] | None:
    """The swept keys of a study and their values, as study.json holds them in the order of the scenario.

    None where it holds none: the file is missing, or an earlier version wrote it.
    """
    varied = info.get("varied")
    return {str(key): list(values) for key, values in varied.items()} if isinstance(varied, Mapping) else None


def design_value(condition: Mapping, key: str) -> float | str | None:
    """The value of a dotted key in a condition, as a number or a word; None where it means nothing or is not there.

    Lists become JSON; true, false and an empty text become words.
    """
    if means_nothing(condition, key):
        return None
    value = _actions(condition) or None if key == "action" else value_at(condition, key)
    if key == "targets.cells" and not value:  # a well of effectors alone says which plate it belongs to
        value = value_at(condition, "targets.plate_cells") or value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True)
    return float(value) if isinstance(value, int) else (value if value != "" else "none")  # type: ignore[return-value]


@cache  # asked for every number of every run
def of_the_donor(key: str) -> bool:
    """Whether a key follows from the donor; the spreads between donors are numbers of the design."""
    table, _, name = key.partition(".")
    if table != "effectors" or (name.startswith("donor_") and name.endswith("_sd")):
        return False
    return name.startswith("donor_") or name in _COUNTED or key in DONOR_KEYS


def means_nothing(condition: Mapping, key: str) -> bool:
    """Whether a key has no meaning in a well: such a well belongs to every value that is swept of it.

    Numbers of an antibody mean nothing without antibody (after a culture they say what the cells lived under), those
    of a culture nothing in parental cells, and the Fc part nothing in a twin without Fc.
    """
    table, _, name = key.partition(".")
    if table == "culture":
        return name != "days" and not value_at(condition, "culture.days")
    if table != "antibody" or name in ("name", "dose_ug_per_ml", "pre_incubation_min"):
        return False
    if value_at(condition, "antibody.name") == NO_ANTIBODY:
        return True
    if name == "fc_gain":
        return condition.get("role") == "fc_null"
    return name == "wash_after_opsonisation" and without_antibody(condition)


def without_antibody(condition: Mapping) -> bool:
    """Whether no antibody is in the well at any time."""
    dose = value_at(condition, "antibody.dose_ug_per_ml") or 0
    # A dose is a number in every condition.
    return not dose > 0 and "add_antibody" not in str(condition.get("action") or "")  # type: ignore[operator]


def value_at(condition: Mapping, key: str) -> object:
    """The entry of a nested condition at a dotted key; None where there is none."""
    node: object = condition
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


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


def _actions(condition: Mapping) -> list[dict]:
    """What is done during the run, without the numbers of cells that follow from the donor."""
    actions = condition.get("action") or ()
    return [{key: value for key, value in each.items() if key not in _COUNTED} for each in actions]


def _digest(value: object) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()[:16]
