"""The study design file of a caliper sheet."""

import pytest

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.design import GrowthDesign, read_design, unknown_arms

FULL = """
[study]
strain = "nude"
randomisation = "by weight"
[rules]
endpoint_mm3 = 1500
evaluation_day = 21
other_causes = "count"
volume_formula = "ellipsoid"
paired = true
[arm."drug A"]
dose = "10 mg/kg"
[[combination]]
a = "drug A"
b = "drug B"
both = "A and B"
[adcc_fraction]
antibody = "drug A"
fc_null = "drug A, mute"
"""


def test_full_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(FULL, encoding="utf-8")
    design = read_design(path)
    assert design.study == {"strain": "nude", "randomisation": "by weight"}
    assert (design.endpoint_mm3, design.evaluation_day, design.other_causes) == (1500.0, 21.0, "count")
    assert design.paired and design.volume_formula == "ellipsoid"
    assert design.combinations == (("drug A", "drug B", "A and B"),)
    assert design.adcc_fraction == ("drug A", "drug A, mute")
    assert len(unknown_arms(design, ["drug A"])) == 3


def test_missing_file_gives_the_defaults(tmp_path):
    assert read_design(tmp_path / "none.toml") == GrowthDesign()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[rules]\nendpoint_mm = 3\n", "rules.endpoint_mm: unknown key; did you mean endpoint_mm3?"),
        ("[rules]\nendpoint_mm3 = -3\n", "must be a number above zero"),
        ("[rules]\nevaluation_day = nan\n", "must be a number"),
        ('[rules]\nother_causes = "maybe"\n', "must be one of censor, count"),
        ("[rules]\npaired = 1\n", "must be one of False, True"),
        ("[studies]\n", "studies: unknown key; did you mean study?"),
        ("[study]\nstrain = [1]\n", "study.strain: must be text"),
        ('[arm]\ndose = "3"\n', 'write it as [arm."NAME"]'),
        ('[[combination]]\na = "x"\nboth = "z"\n', "combination 1.b: must be the name of an arm"),
        ("[rules\n", "s.toml"),
    ],
)
def test_errors(tmp_path, text, expected):
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError) as caught:
        read_design(path)
    assert expected in str(caught.value)


def test_roles_by_name():
    arms = ["vehicle", "A", "B", "a + b", "A Fc-null"]
    assert GrowthDesign().combinations_of(arms) == [("A", "B", "a + b")]
    assert GrowthDesign().adcc_arms(arms) == ("A", "A Fc-null")
    assert GrowthDesign().combinations_of(["vehicle", "A", "A + B"]) == []
    assert GrowthDesign().adcc_arms(["vehicle", "A"]) is None
