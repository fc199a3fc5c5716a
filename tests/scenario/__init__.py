"""Tests of adccsim.scenario; `example` is the scenario that they change one key at a time."""

import copy
from typing import Any

from adccsim.conditions import WellCondition
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.well.expand import expand

EXAMPLE: dict[str, Any] = {
    "schema": 1,
    "title": "dose response",
    "kind": "well",
    "seed": 2026,
    "replicates": 2,
    "targets": {"cell_line": "SK-BR-3", "cells": 1000},
    "effectors": {"type": "PBMC", "et_ratio": 5.0},
    "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 1.0},
    "assay": {"duration_h": 4, "readout": "LDH"},
}


def example(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> dict:
    """The example as a parsed file with dotted keys changed (None deletes) and a sweep."""
    raw = copy.deepcopy(EXAMPLE)
    for key, value in (changes or {}).items():
        *tables, last = key.split(".")
        node = raw
        for table in tables:
            node = node.setdefault(table, {})
        if value is None:
            del node[last]
        else:
            node[last] = value
    return {**raw, "sweep": sweep} if sweep else raw


def conditions(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> list[WellCondition]:
    return expand(scenario_from_dict(example(changes, sweep)))


def errors(changes: dict[str, Any] | None = None, sweep: dict[str, list] | None = None) -> list[str]:
    """The lines of the ScenarioError that a changed example gives; empty when it loads."""
    try:
        scenario_from_dict(example(changes, sweep))
    except ScenarioError as error:
        return str(error).splitlines()
    return []


def ids(found: list[WellCondition]) -> set[str]:
    return {condition.run_id for condition in found}
