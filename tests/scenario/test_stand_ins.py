"""Numbers that were taken over from other entries are listed, and only those that a scenario reads."""

import pytest

from adccsim.execution.study import study_record
from adccsim.scenario.conditions import stand_ins_of
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict
from tests.scenario import example
from tests.scenario.mice_example import study

KD = "kd_nM = { value = 2.0, unit = 'nM', source = 'ours', provenance = 'found' }\n"


def listed(changes, folder=None):
    scenario = scenario_from_dict(example(changes), folder=folder) if folder else scenario_from_dict(example(changes))
    return {(row["of"], row["number"]): (row["value"], row["unit"], row["from"]) for row in stand_ins_of(scenario)}


def test_an_antibody_of_an_overlay_lists_all_that_it_does_not_state(tmp_path):
    (tmp_path / "mine.toml").write_text(f"[antibodies.mine]\ndescription = 'ours'\n{KD}")
    found = listed({"catalogue": ["mine.toml"], "antibody.name": "mine"}, tmp_path)
    own = {number: row for (of, number), row in found.items() if of == "antibody mine"}
    assert own["kon_per_nM_h"] == (1.0, "1/(nM h)", "trastuzumab") and own["epitope"] == ("IV", "", "trastuzumab")
    assert len(own) == 11 and "kd_nM" not in own


def test_a_number_that_the_scenario_sets_is_its_own():
    assert ("antibody pertuzumab", "kd_nM") in listed({"antibody.name": "pertuzumab"})
    assert ("antibody pertuzumab", "kd_nM") not in listed({"antibody.name": "pertuzumab", "antibody.kd_nM": 3.0})
    swept = {"antibody.name": "pertuzumab", "sweep": {"antibody.kd_nM": [1.0, 3.0]}}
    assert ("antibody pertuzumab", "kd_nM") not in listed(swept)


def test_only_what_the_wells_hold_is_listed():
    assert not [of for of, _ in listed({}) if of.startswith("antibody")]  # trastuzumab is no copy
    absent = {"antibody.name": "pertuzumab", "antibody.dose_ug_per_ml": 0.0}
    assert not [of for of, _ in listed(absent) if of.startswith("antibody")]
    pair = {"antibody.name": "trastuzumab+pertuzumab"}
    assert {of for of, _ in listed(pair)} >= {"antibody pertuzumab", "antibody trastuzumab+pertuzumab"}


def test_mice_list_drugs_strains_and_resident_effectors():
    raw = study()
    raw["mouse"] = {"strain": "SCID"}
    raw["arm"][1]["dose"][0]["drug"] = "pertuzumab"
    rows = {(row["of"], row["number"]): row["from"] for row in stand_ins_of(scenario_from_dict(raw))}
    assert rows["drug pertuzumab", "clearance_ml_per_d_kg"] == "trastuzumab"
    assert rows["antibody pertuzumab", "kd_nM"] == "trastuzumab"
    assert rows["strain SCID", "myeloid_density_factor"] == "nude"
    assert rows["resident effector mouse-myeloid", "cd16a_per_cell"] == "NK-resting"
    assert ("resident effector human-NK", "cd16a_per_cell") not in rows  # none was transferred


def test_study_json_lists_them():
    scenario = scenario_from_dict(example({"antibody.name": "pertuzumab"}))
    assert study_record(scenario, [], "x.toml")["stand_ins"] == stand_ins_of(scenario) != []


def test_an_antibody_without_plasma_numbers_says_so():
    raw = study()
    raw["arm"][1]["dose"][0]["drug"] = "trastuzumab+pertuzumab"
    with pytest.raises(ScenarioError, match="has no plasma kinetics") as error:
        scenario_from_dict(raw)
    assert "unknown drug" not in str(error.value)
    raw["arm"][1]["dose"][0]["drug"] = "trastuzumap"
    with pytest.raises(ScenarioError, match=r"unknown drug; did you mean \"trastuzumab\"\?"):
        scenario_from_dict(raw)
