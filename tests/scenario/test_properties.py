"""Properties: any valid scenario expands, and nothing that a user types raises anything but ScenarioError."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from adccsim.conditions import condition_from
from adccsim.conditions.section import canonical_json
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict, scenario_from_text
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.plan import plan
from adccsim.scenario.well.schema import TABLES, all_keys, overridable, sweepable
from tests.scenario import EXAMPLE, example, ids
from tests.scenario.test_bad_input import CULTURE
from tests.scenario.test_load import TEXT

LINES = ["SK-BR-3", "MCF-7", "JIMT-1", "MDA-MB-468"]
DONORS = ["PBMC", "NK-resting", "NK-IL2", "CD56-isolated"]
ANTIBODIES = ["trastuzumab", "pertuzumab", "trastuzumab+pertuzumab", "isotype-control"]
DOSES = st.floats(0, 10, allow_nan=False)
RATIOS = st.sampled_from([0, 0.5, 1, 2.5, 5, 10])


@st.composite
def bounded_override(draw):
    """A catalogue key of some table with a value inside its bounds; donor spreads need donors and stay out."""
    table = draw(st.sampled_from(["targets", "effectors", "antibody"]))
    keys = [key for key in overridable(table) if not key.startswith(("donor_", "genotype_"))]
    key = draw(st.sampled_from(keys))
    low, high = 0.0, 1.0
    for rule in TABLES[table].model_fields[key].metadata:
        low = getattr(rule, "ge", None) or getattr(rule, "gt", None) or low
        high = getattr(rule, "le", None) or high
    return f"{table}.{key}", draw(st.floats(low, high, exclude_min=True))


@st.composite
def valid_scenarios(draw):
    changes = {
        "title": draw(st.text(max_size=20)),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "replicates": draw(st.integers(1, 3)),
        "random": draw(st.sampled_from(["independent", "paired"])),
        "targets.cell_line": draw(st.sampled_from(LINES)),
        "targets.cells": draw(st.integers(50, 3000)),
        "effectors.type": draw(st.sampled_from(DONORS)),
        "effectors.et_ratio": draw(RATIOS),
        "effectors.donors": draw(st.integers(1, 3)),
        "antibody.name": draw(st.sampled_from(ANTIBODIES)),
        "antibody.dose_ug_per_ml": draw(DOSES),
        "antibody.pre_incubation_min": draw(st.integers(0, 120)),
        "well.format": draw(st.sampled_from(["96-flat", "96-U", "384-flat"])),
        "well.serum_igg_g_per_l": draw(st.floats(0, 20)),
        "well.rim_excess": draw(st.floats(0, 1)),
        "assay.duration_h": draw(st.integers(1, 12)),
        "assay.readout": draw(st.sampled_from(["LDH", "51Cr", "calcein", "live-count"])),
        "assay.reader_cv": draw(st.floats(0, 0.2)),
        "output.level": draw(st.sampled_from(["observables", "final", "events", "frames"])),
    }
    changes |= dict(draw(st.lists(bounded_override(), max_size=3)))
    if draw(st.booleans()):
        changes["culture"] = CULTURE
    sweep = {}
    if draw(st.booleans()):
        sweep["antibody.dose_ug_per_ml"] = draw(st.lists(DOSES.filter(bool), min_size=1, max_size=4, unique=True))
    if draw(st.booleans()):
        sweep["effectors.et_ratio"] = draw(st.lists(RATIOS, min_size=1, max_size=3, unique=True))
    return example(changes, sweep)


@given(valid_scenarios())
def test_a_valid_scenario_expands(raw):
    try:
        scenario = scenario_from_dict(raw)
    except ScenarioError as error:
        # crowded wells are the one thing that single bounds cannot rule out
        # (fields and labels that belong in long or in short assays only, met in the other kind)
        # ... and a pair of antibodies, one of which has got another Fc part
        words = ("does not fit", "has no effect here", "daughter cells carry no label", "needs the same Fc part")
        assert all(any(word in fault.message for word in words) for fault in error.errors)
        return
    found = expand(scenario)
    assert len(ids(found)) == len(found)
    assert {"target_only"} <= {condition.role for condition in found}
    for condition in found:
        assert condition_from(json.loads(condition.text)) == condition
        assert canonical_json(json.loads(condition.text)) == condition.text
        nk, others = condition.effectors.nk_cells, condition.effectors.other_cells
        assert nk >= 0
        assert others >= 0
    if scenario.random == "independent":
        assert len({condition.run_key for condition in found}) == len(found)
    assert plan(found).wells == len(found)
    assert [c.run_id for c in expand(scenario_from_dict(raw))] == [c.run_id for c in found]


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**15, 10**400),
    st.floats(),
    st.text(max_size=10),
    st.dates(),
    st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(["SK-BR-3", "PBMC", "trastuzumab", "LDH", "96-flat", "microwell", "viability", "frames", 0, 1, -1]),
)
KEYS = st.one_of(st.sampled_from(all_keys()), st.text(max_size=8), st.sampled_from(list(EXAMPLE)))


@st.composite
def mutated_scenarios(draw):
    raw = copy.deepcopy(EXAMPLE)
    for _ in range(draw(st.integers(1, 4))):
        key, value = draw(KEYS), draw(ODD_VALUES)
        table, _, name = key.rpartition(".")
        node = raw
        if table == "action":
            raw["action"] = [{"at_h": 1, "wash": True}, {name: value}]
            continue
        if table:
            node = raw.setdefault(table, {})
        if not isinstance(node, dict):
            continue
        if value is None:
            node.pop(name, None)
        else:
            node[name] = value
    if draw(st.booleans()):
        keys = st.one_of(st.sampled_from(sorted(sweepable())), KEYS)
        raw["sweep"] = draw(st.dictionaries(keys, st.one_of(ODD_VALUES, st.lists(ODD_VALUES, max_size=3)), max_size=3))
    return raw


def only_faults(load, *arguments):
    """Call a loader: either it loads and expands, or it says what is wrong in lines that all have a path."""
    try:
        found = expand(load(*arguments))
    except ScenarioError as error:
        assert error.errors
        lines = str(error).splitlines()
        assert len(lines) == len(error.errors)
        assert all(line.strip() for line in lines)
    else:
        assert len(ids(found)) == len(found) > 0


@given(mutated_scenarios())
def test_mutated_scenarios_raise_nothing_but_scenario_errors(raw):
    only_faults(scenario_from_dict, raw)


@given(st.integers(0, len(TEXT)), st.integers(0, 8), st.text(max_size=6))
def test_mutated_text_raises_nothing_but_scenario_errors(at, cut, inserted):
    only_faults(scenario_from_text, TEXT[:at] + inserted + TEXT[at + cut :])


@given(
    st.one_of(
        st.text(max_size=30),
        st.tuples(KEYS, st.text(max_size=12)).map("=".join),
        st.tuples(KEYS, ODD_VALUES.map(str)).map("=".join),
        st.tuples(st.sampled_from(sorted(sweepable())), ODD_VALUES.map(str)).map(lambda kv: f"sweep.{kv[0]}=[{kv[1]}]"),
    )
)
def test_odd_set_values_raise_nothing_but_scenario_errors(text):
    only_faults(scenario_from_dict, copy.deepcopy(EXAMPLE), [text])
