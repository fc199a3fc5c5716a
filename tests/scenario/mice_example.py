"""The study in mice that tests change one key at a time."""

import copy
from typing import Any

from adccsim.conditions import MouseCondition
from adccsim.scenario.conditions import conditions_of
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict

STUDY: dict[str, Any] = {
    "schema": 1,
    "title": "two arms",
    "kind": "xenograft",
    "seed": 11,
    "tumour": {"start_volume_mm3": 130, "fraction_simulated": 0.01, "clone": [{"cell_line": "NCI-N87"}]},
    "study": {"days": 14},
    "arm": [
        {"name": "vehicle", "mice": 3},
        {
            "name": "trastuzumab",
            "mice": 3,
            "dose": [{"drug": "trastuzumab", "mg_per_kg": 10, "route": "iv", "days": [0, 7]}],
        },
    ],
}


def study(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> dict:
    """The example with dotted keys changed (numbers are places in lists; None deletes), and a sweep."""
    raw = copy.deepcopy(STUDY)
    for key, value in (changes or {}).items():
        *tables, last = (int(part) if part.isdecimal() else part for part in key.split("."))
        node = raw
        for table in tables:
            node = node[table] if isinstance(table, int) else node.setdefault(table, {})
        if value is None:
            del node[last]
        else:
            node[last] = value
    return {**raw, "sweep": sweep} if sweep is not None else raw


def mice(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> list[MouseCondition]:
    return conditions_of(scenario_from_dict(study(changes, sweep)))


def study_faults(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> list[str]:
    """The lines of the ScenarioError that a changed study gives; empty when it loads."""
    try:
        scenario_from_dict(study(changes, sweep))
    except ScenarioError as error:
        return str(error).splitlines()
    return []
