"""Identity: run ids, run keys and plates depend on the well alone, and on all of it."""

import hashlib
import itertools
import json
import random

import pytest
from msgspec.structs import replace

from adccsim.conditions import condition_from
from adccsim.conditions.cells import Binding, TumourCells
from adccsim.conditions.section import canonical_json
from adccsim.scenario.load import scenario_from_dict, scenario_from_text
from adccsim.scenario.well.expand import expand
from tests.scenario import conditions, example, ids
from tests.scenario.mice_example import mice
from tests.scenario.test_load import TEXT

DOSES = [0, 1e-3, 1]


def test_title_and_comments_do_not_count():
    other = TEXT.replace("Trastuzumab dose response", "else").replace("# a comment", "# another")
    assert ids(expand(scenario_from_text(TEXT))) == ids(expand(scenario_from_text(other)))


def test_the_order_of_a_sweep_does_not_count():
    sweep = {"antibody.dose_ug_per_ml": DOSES, "effectors.et_ratio": [0, 1, 5], "targets.cell_line": ["MCF-7", "KPL-4"]}
    expected = ids(conditions({}, sweep))
    shuffler = random.Random(1)
    for keys in itertools.permutations(sweep):
        shuffled = {key: shuffler.sample(sweep[key], len(sweep[key])) for key in keys}
        assert ids(conditions({}, shuffled)) == expected


@pytest.mark.parametrize(
    ("fewer", "more"),
    [
        (({}, {"antibody.dose_ug_per_ml": [1]}), ({}, {"antibody.dose_ug_per_ml": [0, 0.1, 1, 10]})),
        (({}, {"effectors.et_ratio": [5]}), ({}, {"effectors.et_ratio": [0, 1, 5]})),
        (({}, {"targets.cell_line": ["KPL-4"]}), ({}, {"targets.cell_line": ["KPL-4", "MCF-7"]})),
        (({}, {"antibody.name": ["pertuzumab"]}), ({}, {"antibody.name": ["isotype-control", "pertuzumab"]})),
        (({"replicates": 2}, {}), ({"replicates": 5}, {})),
        (({"effectors.donors": 2}, {}), ({"effectors.donors": 5}, {})),
        (({}, {}), ({"assay.fc_null_control": True}, {})),
    ],
)
def test_more_wells_leave_the_names_of_the_others_unchanged(fewer, more):
    few, many = conditions(*fewer), conditions(*more)
    assert ids(few) < ids(many)
    by_id = {condition.run_id: condition for condition in many}
    assert all(by_id[condition.run_id] == condition for condition in few)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"random": "paired"},
        {"output.level": "events"},
        {"output.every_min": 5},
        {"targets.her2_per_cell": 1e5},
        {"targets.mechanism": "lapatinib"},
        {"effectors.genotype": "FF"},
        {"effectors.et_ratio": 4},
        {"antibody.dose_ug_per_ml": 2},
        {"antibody.partner": "pertuzumab"},
        {"antibody.wash_after_opsonisation": True},
        {"well.serum_igg_g_per_l": 10},
        {"well.rim_excess": 0.5},
        {"assay.reader_cv": 0.05},
        {"assay.duration_h": 5},
        {"action": [{"at_h": 1, "wash": True}]},
    ],
    ids=str,
)
def test_whatever_changes_the_well_changes_its_name(change):
    def sample(changes):
        return next(c for c in conditions({"replicates": 1} | changes) if c.role == "sample")

    before, after = sample({}), sample(change)
    assert before.run_id != after.run_id
    same_key = set(change) <= {"output.level", "output.every_min"}
    assert (before.run_key == after.run_key) == same_key  # what is written does not move the random numbers


def test_equal_numbers_give_equal_names():
    spelt = [{"antibody.dose_ug_per_ml": 5}, {"antibody.dose_ug_per_ml": 5.0}, {"antibody.dose_ug_per_ml": 5e0}]
    assert len({frozenset(ids(conditions(change))) for change in spelt}) == 1
    for one, two in (
        ({"well.serum_igg_g_per_l": 0.0}, {"well.serum_igg_g_per_l": -0.0}),
        ({"assay.duration_h": 1 / 3}, {"assay.duration_h": 0.33333333}),
        ({"targets.cells": 1000}, {"targets.cells": 1e3}),
        ({"targets.her2_per_cell": 1_100_000}, {}),  # the catalogue's own number
    ):
        assert ids(conditions(one)) == ids(conditions(two))


def test_run_keys_are_64_bit_and_told_by_the_unit():
    found = conditions({"effectors.donors": 3, "replicates": 3}, {"antibody.dose_ug_per_ml": DOSES})
    keys = [condition.run_key for condition in found]
    assert all(0 <= key < 2**64 for key in keys)
    assert len(set(keys)) == len(keys)


def test_paired_runs_of_one_unit_share_their_key():
    paired = {"random": "paired", "effectors.donors": 3, "replicates": 2, "assay.fc_null_control": True}
    found = conditions(paired, {"antibody.dose_ug_per_ml": DOSES, "effectors.et_ratio": [1, 5]})
    by_unit = {}
    for condition in found:
        by_unit.setdefault((condition.donor, condition.replicate), set()).add(condition.run_key)
    assert len(by_unit) == 6
    assert all(len(keys) == 1 for keys in by_unit.values())
    assert len(set.union(*by_unit.values())) == 6
    assert len({condition.role for condition in found}) == 5
    other_seed = conditions(paired | {"seed": 1}, {"antibody.dose_ug_per_ml": DOSES, "effectors.et_ratio": [1, 5]})
    assert not {c.run_key for c in found} & {c.run_key for c in other_seed}


def test_role_does_not_enter_the_key():
    condition = conditions()[0]
    other = replace(condition, role="fc_null")
    assert condition.run_key == other.run_key
    assert condition.run_id != other.run_id


def test_names_follow_from_the_numbers_alone():
    for condition in conditions({"effectors.donors": 2}, {"effectors.et_ratio": [0, 5]}):
        again = condition_from(json.loads(condition.text))
        assert again == condition
        assert (again.run_id, again.run_key, again.plate) == (condition.run_id, condition.run_key, condition.plate)
        assert (len(condition.run_id), len(condition.plate)) == (16, 8)


def test_names_are_hashes_of_the_whole_text_of_what_they_name():
    def text(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def digest(value):
        return hashlib.sha256(text(value).encode()).digest()

    for condition in conditions({"effectors.donors": 2}, {"antibody.dose_ug_per_ml": DOSES}):
        resolved = condition.as_dict()
        assert condition.text == canonical_json(resolved) == text(resolved)
        assert condition.run_id == digest(resolved).hex()[:16]
        not_physics = {"schema", "model", "random", "role", "output", "seed", "donor", "replicate"}
        physics = {key: value for key, value in resolved.items() if key not in not_physics}
        assert physics["well"]["rim_width"] == 0.1  # a number that came into the catalogue later
        physics["well"] = {name: value for name, value in physics["well"].items() if name != "rim_width"}
        unit = {name: resolved[name] for name in ("seed", "donor", "replicate")}
        assert condition.run_key == int.from_bytes(digest(unit | {"physics": physics})[:8], "big")


@pytest.mark.parametrize("random", ["independent", "paired"])
def test_the_key_of_a_mouse_is_a_hash_of_its_unit_and_physics(random):
    for mouse in mice({"random": random}):
        table = mouse.as_dict()
        unit = {name: table[name] for name in ("seed", "mouse")}
        if random == "independent":
            not_physics = {"schema", "model", "random", "output", "seed", "arm", "mouse"}
            physics = {key: value for key, value in table.items() if key not in not_physics}
            former = (  # numbers that came into the catalogue later, at the values that they had in the source
                *("vessel_spread", "crowding_relaxation_per_h", "cohesion_um_per_h", "cohesion_gain", "opsonised_from"),
                *("her2_cut_1_per_cell", "her2_cut_2_per_cell", "her2_cut_3_per_cell"),
            )
            physics["tumour"] = {key: value for key, value in table["tumour"].items() if key not in former}
            unit |= {"arm": table["arm"], "physics": physics}
        text = json.dumps(unit, sort_keys=True, separators=(",", ":"))
        assert mouse.run_key == int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def test_canonical_json_is_sorted_exact_and_finite():
    assert canonical_json({"b": 0.1, "a": [1, 1.0, "µ"]}) == '{"a":[1,1.0,"\\u00b5"],"b":0.1}'
    with pytest.raises(ValueError):
        canonical_json({"a": float("nan")})


def test_a_plate_holds_the_wells_that_share_controls():
    one_plate = conditions(
        {"assay.fc_null_control": True},
        {
            "antibody.dose_ug_per_ml": DOSES,
            "effectors.et_ratio": [0, 1, 5],
            "antibody.name": ["trastuzumab", "pertuzumab"],
        },
    )
    assert len({condition.plate for condition in one_plate}) == 1
    assert {c.role for c in one_plate} == {"sample", "target_only", "effector_only", "no_antibody", "fc_null"}


@pytest.mark.parametrize(
    "sweep",
    [
        {"targets.cell_line": ["KPL-4", "MCF-7"]},
        {"targets.cells": [500, 1000]},
        {"effectors.type": ["PBMC", "NK-IL2"]},
        {"effectors.genotype": ["VV", "FF"]},
        {"antibody.pre_incubation_min": [0, 30]},
        {"assay.duration_h": [2, 4]},
        {"assay.readout": ["LDH", "calcein"]},
        {"well.format": ["96-flat", "96-U"]},
        {"well.serum_igg_g_per_l": [0, 10]},
        {"targets.masked_fraction": [0, 0.5]},
    ],
    ids=str,
)
def test_other_cells_vessels_readouts_or_times_are_another_plate(sweep):
    found = conditions({"antibody.dose_ug_per_ml": 1}, sweep)
    assert len({condition.plate for condition in found}) == 2
    for name in {condition.plate for condition in found}:
        roles = {condition.role for condition in found if condition.plate == name}
        assert {"sample", "target_only", "no_antibody"} <= roles


def test_each_donor_has_a_plate_and_replicates_share_it():
    found = conditions({"effectors.donors": 3, "replicates": 2})
    assert len({(c.plate, c.donor) for c in found}) == len({c.plate for c in found}) == 3


def test_cells_cultured_under_another_antibody_are_on_another_plate():
    culture = {
        "days": 30,
        "passage_interval_days": 5,
        "split_ratio": 4,
        "dose_steps_ug_per_ml": [10],
        "mutation_rate_per_division": 0,
    }
    names = {"antibody.name": ["trastuzumab", "pertuzumab"]}
    assert len({c.plate for c in conditions({"culture": culture, "assay.fc_null_control": True}, names)}) == 2
    assert len({c.plate for c in conditions({"culture": {**culture, "days": 0}}, names)}) == 1
    assert ids(conditions({"culture": {**culture, "days": 0}})) == ids(conditions())


def test_a_scenario_is_the_same_from_text_and_dict():
    raw = example()
    assert ids(expand(scenario_from_dict(raw))) == ids(conditions())


def test_a_number_that_came_into_the_catalogue_moves_the_draws_only_where_it_has_another_value():
    mouse = mice()[0]
    for condition, table, name in (
        (conditions()[0], "well", "rim_width"),
        (mouse, "tumour", "vessel_spread"),
        (mouse, "tumour", "her2_cut_3_per_cell"),
    ):
        section = getattr(condition, table)
        assert name not in json.loads(section.physics_text)
        changed = replace(section, **{name: getattr(section, name) * 0.5})
        assert replace(condition, **{table: changed}).run_key != condition.run_key


def test_a_former_constant_deep_inside_a_condition_does_not_count(monkeypatch):
    """In the drugs and clones of a mouse, as in the antibody of a well."""
    well, mouse = conditions({}, {"antibody.dose_ug_per_ml": [1]})[0], mice()[-1]
    assert "fc_gain" in well.physics_members["antibody"] and "fc_gain" in mouse.physics_members["drugs"]
    monkeypatch.setattr(Binding, "FORMER", {"fc_gain": 1.0})
    monkeypatch.setattr(TumourCells, "FORMER", {"hits_to_kill": 2.0})
    well, mouse = (condition_from(json.loads(each.text)) for each in (well, mouse))
    assert "fc_gain" not in well.physics_members["antibody"] and "fc_gain" not in mouse.physics_members["drugs"]
    assert "hits_to_kill" not in mouse.physics_members["clones"] and "hits_to_kill" in mouse.members["clones"]
    assert '"class":"antibody"' in mouse.physics_members["drugs"]
