"""Sections: what is written is read back, and a table that is none is refused with its key."""

import json

import pytest

from adccsim.conditions import ConditionError, MouseCondition, WellCondition, condition_from
from adccsim.conditions.cells import Binding, EffectorCells, TumourCells
from adccsim.conditions.section import canonical_json
from adccsim.parameters import lookup
from tests.scenario import conditions
from tests.scenario.mice_example import mice

FRAMES = {"output.level": "frames"}


def every_kind():
    culture = {
        "days": 30, "passage_interval_days": 5, "split_ratio": 4, "dose_steps_ug_per_ml": [1, 10],
        "mutation_rate_per_division": 1e-6,
    }  # fmt: skip
    action = [{"at_h": 1, "add_effectors": 10}, {"at_h": 2, "wash": True}, {"at_h": 3, "wash_effectors": True}]
    return [
        *conditions({"culture": culture, "action": action, "antibody.partner": "pertuzumab", **FRAMES}),
        *conditions({"well.format": "microwell", "assay.fc_null_control": True}),
        *mice({"arm.1.dose": [{"drug": "cisplatin", "mg_per_kg": 5, "route": "iv", "days": [0]}], **FRAMES}),
        *mice({"study.body_weight": True, "mouse.strain": "NSG-human-NK"}),
    ]


@pytest.mark.parametrize("condition", every_kind(), ids=lambda each: f"{each.kind}-{each.run_id}")
def test_what_is_written_is_read_back_to_the_last_bit(condition):
    again = condition_from(json.loads(condition.text))
    assert again == condition and type(again) is type(condition)
    assert again.text == condition.text == canonical_json(condition.as_dict())
    assert again.run_id == condition.run_id and again.run_key == condition.run_key


def test_a_field_without_a_value_is_left_out_and_an_absent_section_is_null():
    table = conditions()[0].as_dict()
    assert table["partner"] is None and table["culture"] is None
    assert "plate_cells" not in table["targets"] and "frames_every_min" not in table["output"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.pop("targets"), "targets"),
        (lambda table: table["targets"].pop("cells"), "cells"),
        (lambda table: table["targets"].update(cells=1.5), "targets.cells"),
        (lambda table: table["targets"].update(cells=True), "targets.cells"),
        (lambda table: table["antibody"].update(kd_nM="5"), "antibody.kd_nM"),
        (lambda table: table["well"].update(coulour=1), "coulour"),
        (lambda table: table.update(action=[{"wash": True}]), "at_h"),
    ],
)
def test_a_table_that_is_no_condition_names_its_key(change, said):
    table = conditions()[0].as_dict()
    change(table)
    with pytest.raises(ConditionError, match=said):
        WellCondition.build(table)


def test_a_condition_cannot_be_changed():
    condition = conditions()[0]
    with pytest.raises(AttributeError):
        condition.seed = 3
    with pytest.raises(AttributeError):
        condition.targets.cells = 3


def test_every_number_of_the_catalogue_has_its_field():
    known = lookup.load()
    for entries, section in (
        (known.cell_lines, TumourCells),
        (known.effectors, EffectorCells),
        (known.antibodies, Binding),
    ):
        for entry in entries.values():
            assert set(entry.numbers) <= set(section.__struct_fields__), entry.name


def test_kinds_are_told_apart():
    assert isinstance(condition_from(mice()[0].as_dict()), MouseCondition)
    assert isinstance(condition_from(conditions()[0].as_dict()), WellCondition)
    with pytest.raises(ConditionError, match="not a WellCondition"):
        condition_from({})
