"""Sweep: which wells a scenario stands for, and what numbers they carry."""

from collections import Counter

import pytest

from adccsim.conditions.well import NO_ANTIBODY
from adccsim.parameters import lookup
from adccsim.scenario.conditions import conditions_of
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.well.contradictions import GROWTH_FIELDS
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.schema import TABLES, Scenario, overridable, sweepable
from tests.scenario import EXAMPLE, conditions, example, ids


def roles(found):
    return Counter(condition.role for condition in found)


def one(found, role):
    (resolved,) = [condition for condition in found if condition.role == role and condition.replicate == 1]
    return resolved.as_dict()


def test_a_single_well_brings_its_controls():
    assert roles(conditions()) == {"sample": 2, "target_only": 2, "no_antibody": 2, "effector_only": 2}


def test_only_a_readout_that_counts_effectors_needs_effector_only_wells():
    for readout in ("51Cr", "calcein", "live-count"):
        assert "effector_only" not in roles(conditions({"assay.readout": readout}))


def test_controls_merge_with_swept_wells():
    sweep = {"antibody.dose_ug_per_ml": [0, 1, 2], "effectors.et_ratio": [0, 1, 5]}
    assert roles(conditions({}, sweep)) == {
        "sample": 2 * 6,  # E:T 0 with antibody is a well of its own
        "no_antibody": 2 * 2,
        "target_only": 2,
        "effector_only": 2 * 2,
    }
    without_zeros = {key: values[1:] for key, values in sweep.items()}
    assert ids(conditions({}, without_zeros)) < ids(conditions({}, sweep))


def test_target_only_wells_are_one_set_per_plate():
    sweep = {"antibody.name": ["trastuzumab", "pertuzumab"], "antibody.kd_nM": [1, 5], "effectors.et_ratio": [1, 5]}
    found = roles(conditions({}, sweep))
    assert found["target_only"] == 2
    assert found["no_antibody"] == 2 * 2


def test_each_well_has_the_cells_its_role_says():
    found = conditions({"assay.fc_null_control": True})
    cells = {c.role: (c.targets.cells, c.effectors.nk_cells) for c in found}
    nk = round(5 * 1000 * 0.086)
    assert cells == {
        "sample": (1000, nk),
        "no_antibody": (1000, nk),
        "fc_null": (1000, nk),
        "target_only": (1000, 0),
        "effector_only": (0, nk),
    }
    assert one(found, "effector_only")["targets"]["plate_cells"] == 1000
    assert one(found, "target_only")["effectors"]["et_ratio"] == 0
    assert one(found, "sample")["effectors"]["other_cells"] == 5000 - nk


def test_wells_without_antibody_hold_none():
    found = conditions({"antibody.partner": "pertuzumab", "antibody.wash_after_opsonisation": True})
    for role in ("no_antibody", "target_only", "effector_only"):
        well = one(found, role)
        assert well["antibody"] == {
            **NO_ANTIBODY.as_dict(),
            "dose_ug_per_ml": 0.0,
            "pre_incubation_min": 30,
            "wash_after_opsonisation": False,
        }
        assert well["partner"] is None
    assert one(found, "sample")["partner"]["name"] == "pertuzumab"


def test_an_fc_null_twin_differs_in_the_fc_alone():
    found = conditions({"assay.fc_null_control": True, "antibody.name": "trastuzumab+pertuzumab", "random": "paired"})
    sample, twin = one(found, "sample"), one(found, "fc_null")
    assert twin["antibody"] == {**sample["antibody"], "fc_gain": 0.0}
    assert twin["partner"] == {**sample["partner"], "fc_gain": 0.0}
    same = set(sample) - {"antibody", "partner", "role"}
    assert all(twin[key] == sample[key] for key in same)
    swept = conditions(
        {"assay.fc_null_control": True}, {"antibody.dose_ug_per_ml": [0, 1], "effectors.et_ratio": [0, 5]}
    )
    assert roles(swept)["fc_null"] == 2


def test_a_user_override_wins_over_a_mechanism_and_that_over_the_catalogue():
    def response(changes):
        targets = one(conditions(changes), "sample")["targets"]
        return targets["direct_response"], targets["doubling_time_h"]

    response_0, doubling_0 = response({})
    mechanism = lookup.load().mechanisms["EGFR-up"].numbers
    factors = mechanism["direct_response"].value, mechanism["doubling_time_h"].value
    changed = response({"targets.mechanism": "EGFR-up"})
    assert changed == pytest.approx((response_0 * factors[0], doubling_0 * factors[1]))
    overridden = response({"targets.mechanism": "EGFR-up", "targets.direct_response": 0.7, "assay.duration_h": 48})
    assert overridden == pytest.approx((0.7, doubling_0 * factors[1]))


def test_a_mechanism_that_sets_a_value():
    assert one(conditions({"targets.mechanism": "MUC4-masking"}), "sample")["targets"]["masked_fraction"] == 0.5


@pytest.mark.parametrize("table", ["targets", "effectors", "antibody"])
def test_every_catalogue_number_can_be_overridden_and_swept(table):
    kind = {"targets": "cell_lines", "effectors": "effectors", "antibody": "antibodies"}[table]
    name = {"targets": "SK-BR-3", "effectors": "PBMC", "antibody": "trastuzumab"}[table]
    numbers = lookup.load().kind(kind)[name].numbers
    assert set(overridable(table)) == set(numbers)
    for field, number in numbers.items():
        values = [number.low, number.high] if number.low < number.high else [number.value, number.value + 1]
        donors = field.startswith(("donor_", "genotype_"))
        hours = 48 if field in GROWTH_FIELDS else 4
        changes = {"effectors.donors": 2 if donors else 1, "replicates": 1, "assay.duration_h": hours}
        found = conditions(changes, {f"{table}.{field}": values})
        seen = {getattr(getattr(c, table), field) for c in found if c.role == "sample"}
        spread = field in ("nk_fraction",) and donors
        assert spread or seen == set(values), field


def test_fields_of_growth_are_refused_where_nothing_grows():
    for field in GROWTH_FIELDS:
        with pytest.raises(ScenarioError, match=f"targets.{field} = 0.5: has no effect here"):
            conditions({f"targets.{field}": 0.5})
    with pytest.raises(ScenarioError, match="acts in assays up to 24 h"):
        conditions({"targets.spontaneous_death_per_h": 0.01, "assay.duration_h": 48})


def test_every_entry_of_the_catalogue_is_within_the_bounds_of_the_schema():
    known = lookup.load()
    for table, entries in (
        ("targets", known.cell_lines),
        ("effectors", known.effectors),
        ("antibody", known.antibodies),
    ):
        required = {k: v for k, v in EXAMPLE[table].items() if k in TABLES[table].model_fields}
        for entry in entries.values():
            for bound in ("value", "low", "high"):
                numbers = {field: getattr(number, bound) for field, number in entry.numbers.items()}
                TABLES[table].model_validate({**required, **numbers})


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("targets.cell_line", ["SK-BR-3", "MCF-7"]),
        ("targets.mechanism", ["none", "PTEN-loss"]),
        ("targets.cells", [100, 200]),
        ("effectors.type", ["PBMC", "NK-IL2"]),
        ("effectors.genotype", ["VV", "VF", "FF"]),
        ("antibody.name", ["trastuzumab", "pertuzumab"]),
        ("antibody.partner", ["", "pertuzumab"]),
        ("antibody.epitope", ["IV", "none"]),
        ("antibody.wash_after_opsonisation", [True, False]),
        ("well.format", ["96-flat", "96-U", "384-flat"]),
        ("well.volume_ul", [100, 200]),
        ("well.rim_excess", [0, 0.5]),
        ("assay.readout", ["LDH", "51Cr", "calcein", "live-count"]),
        ("assay.duration_h", [1, 2, 4]),
        ("assay.reader_cv", [0, 0.05]),
    ],
)
def test_words_and_design_keys_can_be_swept(key, values):
    table, _, name = key.partition(".")
    assert key in sweepable()
    found = conditions({}, {key: values})
    if key == "antibody.partner":
        seen = {(c.partner.name if c.partner else "") for c in found if c.role == "sample"}
    else:
        seen = {getattr(getattr(c, table), name) for c in found if c.role == "sample"}
    assert seen == set(values)


def test_defaults_follow_the_well_format():
    def well_of(fmt, et_ratio=1.0):
        found = conditions({"targets.cells": None, "well.format": fmt, "effectors.et_ratio": et_ratio})
        sample = one(found, "sample")
        return sample["targets"]["cells"], sample["well"]["volume_ul"], sample["well"]["shape"]

    assert well_of("96-flat") == (10_000, 200.0, "disc")
    assert well_of("96-U") == (10_000, 200.0, "disc")
    assert well_of("384-flat") == (2500, 50.0, "square")
    assert well_of("microwell", 0.25)[0::2] == (1600, "chip")


def test_a_chip_has_the_compartments_its_targets_need():
    chip = {"well.format": "microwell", "effectors.et_ratio": 0.5, "targets.cells": 90, "well.targets_per_microwell": 4}
    found = conditions(chip | {"well.microwell_side_um": 50, "well.targets_per_microwell": 2})
    for role in ("sample", "effector_only", "target_only"):
        assert one(found, role)["well"]["area_mm2"] == pytest.approx(45 * 0.05**2)
    assert one(conditions(chip), "sample")["well"]["area_mm2"] == pytest.approx(23 * 0.1**2)


@pytest.mark.parametrize(("hours", "every"), [(4, 10), (24, 10), (24.5, 60), (72, 60), (0.05, 3)])
def test_observations_are_spaced_by_the_length_of_the_assay(hours, every):
    assert one(conditions({"assay.duration_h": hours}), "sample")["output"] == {"level": "final", "every_min": every}


def test_frames_come_with_the_observations_unless_asked_otherwise():
    frames = {"output.level": "frames"}
    assert one(conditions(frames), "sample")["output"]["frames_every_min"] == 10
    assert one(conditions(frames | {"output.frames_every_min": 2}), "sample")["output"]["frames_every_min"] == 2


def test_actions_reach_the_wells_that_they_make_sense_in():
    actions = [
        {"at_h": 2, "add_effectors": 1000},
        {"at_h": 1, "add_antibody_ug_per_ml": 0.5},
        {"at_h": 3, "wash": True},
        {"at_h": 3.5, "wash_effectors": True},
    ]
    found = conditions({"action": actions, "antibody.dose_ug_per_ml": 0})
    added = {"at_h": 2.0, "add_effectors": 1000, "nk_cells": 86, "other_cells": 914}
    antibody, wash, gone = (
        {"at_h": 1.0, "add_antibody_ug_per_ml": 0.5},
        {"at_h": 3.0, "wash": True},
        {"at_h": 3.5, "wash_effectors": True},
    )
    assert one(found, "sample")["action"] == [antibody, added, wash, gone]
    assert one(found, "no_antibody")["action"] == [added, wash, gone]
    assert one(found, "effector_only")["action"] == [added, wash, gone]
    assert one(found, "target_only")["action"] == [wash]
    assert one(found, "sample")["antibody"]["name"] == "trastuzumab"  # it comes later: the well is no control


def test_a_culture_is_resolved_in_full():
    culture = {
        "days": 90,
        "passage_interval_days": 4,
        "split_ratio": 4,
        "dose_steps_ug_per_ml": [10, 15],
        "mutation_rate_per_division": 1e-6,
    }
    found = conditions({"culture": culture}, {"culture.dose_steps_ug_per_ml": [[10, 15], [5]]})
    seen = [c.culture.as_dict() for c in found if c.role == "target_only" and c.replicate == 1]
    assert [c["dose_steps_ug_per_ml"] for c in seen] == [[10.0, 15.0], [5.0]]
    assert {c["medium_change_days"] for c in seen} == {4.0}
    assert {c["resistant_direct_response"] for c in seen} == {0.0}
    # the cells were cultured under the antibody, so a well at dose 0 still carries its constants
    bare = next(c.as_dict() for c in found if c.role == "target_only")
    assert (bare["antibody"]["name"], bare["antibody"]["dose_ug_per_ml"]) == ("trastuzumab", 0.0)
    parental = conditions({"culture": culture}, {"culture.days": [0, 90]})
    assert {c.culture is None for c in parental} == {True, False}


def test_wells_come_in_the_order_of_the_file_with_controls_last():
    found = conditions({"replicates": 1}, {"effectors.et_ratio": [5, 1], "antibody.dose_ug_per_ml": [10, 1]})
    samples = [(c.effectors.et_ratio, c.antibody.dose_ug_per_ml) for c in found][:4]
    assert samples == [(5.0, 10.0), (5.0, 1.0), (1.0, 10.0), (1.0, 1.0)]
    assert all(c.role != "sample" for c in found[4:])
    assert [c.run_id for c in found] == [
        c.run_id
        for c in expand(
            scenario_from_dict(
                example({"replicates": 1}, {"effectors.et_ratio": [5, 1], "antibody.dose_ug_per_ml": [10, 1]})
            )
        )
    ]


def test_a_scenario_put_together_by_hand_is_checked_before_it_is_expanded():
    raw = example()
    assert ids(conditions_of(Scenario.model_validate(raw))) == ids(conditions())
    raw["targets"]["cell_line"] = "SKBR3"
    with pytest.raises(ScenarioError, match="did you mean"):
        conditions_of(Scenario.model_validate(raw))
