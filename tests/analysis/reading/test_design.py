"""The design table: a column for what was varied, none for what follows from it."""

from adccsim.analysis.reading.design import condition_label, design_table
from adccsim.analysis.reading.design_point import flatten
from adccsim.analysis.reading.runs import Run
from tests.analysis.make_runs import Design, base_condition


def run(run_id, **changes):
    condition = base_condition(Design())
    for key, value in changes.items():
        table, _, name = key.partition("__")
        if name:
            condition[table] = (condition[table] or {}) | {name: value}
        else:
            condition[table] = value
    return Run(run_id, "p", "well-1", condition, None, {})


def test_what_follows_from_the_cell_line_gets_no_column():
    runs = [run("a"), run("b", targets__cell_line="BT-474", targets__her2_per_cell=5e5)]
    assert design_table(runs)[1] == []


def test_what_differs_within_a_cell_line_gets_one():
    runs = [run("a"), run("b", targets__her2_per_cell=5e5)]
    table, extra = design_table(runs)
    assert extra == ["targets.her2_per_cell"]
    assert table["targets.her2_per_cell"].tolist() == [1e6, 5e5]


def test_a_mechanism_stands_for_the_numbers_that_it_changes():
    runs = [run("a"), run("b", targets__mechanism="PTEN loss", targets__her2_per_cell=9e5)]
    assert design_table(runs)[1] == ["targets.mechanism"]


def test_swept_keys_come_first_and_in_order():
    varied = {"well.serum_igg_g_per_l": [0, 10], "effectors.genotype": ["VV", "FF"]}
    runs = [
        run(f"{genotype}{igg}", effectors__genotype=genotype, well__serum_igg_g_per_l=igg)
        for genotype in ("VV", "FF")
        for igg in (0.0, 10.0)
    ]
    assert design_table(runs, varied)[1] == ["well.serum_igg_g_per_l", "effectors.genotype"]
    assert design_table(runs)[1] == ["effectors.genotype", "well.serum_igg_g_per_l"]


def test_donors_do_not_split_a_condition():
    runs = [run("a"), run("b", donor=2, effectors__donor_potency=1.7, effectors__genotype="FF")]
    assert design_table(runs)[1] == []


def test_a_swept_share_that_donors_scale_shows_what_was_asked():
    runs = [
        run(f"{donor}{fraction}", donor=donor, effectors__nk_fraction=fraction * factor)
        for donor, factor in ((1, 0.9), (2, 1.1))
        for fraction in (0.1, 0.5)
    ]
    table, extra = design_table(runs, {"effectors.nk_fraction": [0.1, 0.5]})
    assert extra == ["effectors.nk_fraction"]
    assert table["effectors.nk_fraction"].tolist() == [0.1, 0.5, 0.1, 0.5]


def test_numbers_of_effectors_are_not_shown():
    runs = [run("a"), run("b", effectors__et_ratio=10.0, effectors__nk_cells=2000)]
    assert design_table(runs)[1] == []


def test_parental_cells_have_zero_days_of_culture():
    runs = [run("a"), run("b", culture__days=120)]
    table, extra = design_table(runs)
    assert extra == ["culture.days"]
    assert table["culture.days"].tolist() == [0, 120]


def test_antibody_added_during_the_run_is_no_zero_dose():
    runs = [run("a"), run("b", action=[{"at_h": 1.0, "add_antibody_ug_per_ml": 0.5}])]
    table, extra = design_table(runs)
    assert table["at_zero"].tolist() == [True, False]
    assert extra == ["action"]


def test_no_runs_make_an_empty_table():
    table, extra = design_table([])
    assert table.empty
    assert extra == []


def test_labels_are_short_and_say_what_was_done():
    row = design_table([run("a", antibody__dose_ug_per_ml=0.01)])[0].iloc[0]
    assert row["condition"] == "SK-BR-3 | NK 5:1 | trastuzumab 0.01 ug/mL | 4 h"
    labels = [condition_label(dict(row) | {"role": role}) for role in ("target_only", "effector_only", "fc_null")]
    assert labels[0] == "SK-BR-3 | target-only | 4 h"
    assert labels[1] == "NK 5:1 | effector-only | 4 h"
    assert "(Fc-null)" in labels[2]


def test_flatten_keeps_what_is_there():
    assert flatten({"a": {"b": 1, "c": None}, "d": [], "e": [1, 2]}) == {"a.b": 1, "e": "[1, 2]"}
