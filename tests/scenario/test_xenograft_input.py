"""Bad input of a study in mice: every fault is one clear line with key path, value and what is allowed."""

import pytest

from adccsim.parameters import lookup
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.xenograft import checks as xenograft_checks
from adccsim.scenario.xenograft.checks import warnings
from tests.scenario.mice_example import study, study_faults

SINGLE = [
    ({"arm.1.dose.0.drug": "trastuzumb"}, 'arm[1].dose[0].drug = "trastuzumb": unknown drug; did you mean "trast'),
    ({"arm.1.dose.0.route": "im"}, 'arm[1].dose[0].route = "im": must be "iv", "ip", "sc" or "po"'),
    ({"arm.1.dose.0.route": "po"}, 'arm[1].dose[0].route = "po": trastuzumab is given iv or ip or sc'),
    ({"arm.1.dose.0.days": None}, "arm[1].dose[0].days: missing"),
    ({"arm.1.dose.0.days": []}, "arm[1].dose[0].days = []: must not be empty"),
    ({"arm.1.dose.0.days": [0, 14]}, "arm[1].dose[0].days = 14.0: a dose must be given before the last day, 14"),
    ({"arm.1.dose.0.days": [0, 14.5]}, "arm[1].dose[0].days = 14.5: a dose must be given before the last day, 14"),
    ({"arm.1.dose.0.days": [-1]}, "arm[1].dose[0].days[0] = -1: must be at least 0"),
    ({"arm.1.dose.0.days": [7, 0]}, "arm[1].dose[0].days = [7, 0]: must rise from one entry to the next"),
    ({"arm.1.dose.0.days": [0.01]}, "arm[1].dose[0].days[0] = 0.01: must be a multiple of 1 h (1/24 d)"),
    ({"arm.1.dose.0.mg_per_kg": -3}, "arm[1].dose[0].mg_per_kg = -3: must be greater than 0"),
    ({"arm.1.dose.0.mg_kg": 3}, "arm[1].dose[0].mg_kg = 3: unknown key; did you mean arm.dose.mg_per_kg?"),
    ({"arm.1.mice": 0}, "arm[1].mice = 0: must be at least 1"),
    ({"arm.1.name": "Vehicle "}, 'arm[1].name = "Vehicle ": the same name as arm[0]'),
    ({"arm.1.name": "Vehi cle"}, 'arm[1].name = "Vehi cle": the same name as arm[0]'),
    ({"arm.0.name": "saline"}, "arm: no arm is called vehicle, control or untreated"),
    ({"arm.1.name": "control"}, "arm: 2 arms (vehicle, control) are called vehicle, control or untreated"),
    ({"arm": []}, "arm = []: must not be empty"),
    ({"arm": None}, "arm: missing: write a table [[arm]]"),
    ({"arm.1.strain": "nud"}, 'arm[1].strain = "nud": unknown strain; did you mean "nude"?'),
    ({"mouse.strain": "BALB/c"}, 'mouse.strain = "BALB/c": unknown strain; known: FcgR-null'),
    ({"replicates": 3}, "replicates = 3: the unit of a study in mice is the mouse: say arm.mice"),
    ({"tumour.start_volume_mm3": -100}, "tumour.start_volume_mm3 = -100: must be greater than 0"),
    ({"arm.1.start_volume_mm3": -1}, "arm[1].start_volume_mm3 = -1: must be greater than 0"),
    ({"mouse.enrolment_low_mm3": -10}, "mouse.enrolment_low_mm3 = -10: must be at least 0"),
    ({"study.endpoint_mm3": -1500}, "study.endpoint_mm3 = -1500: must be greater than 0"),
    ({"tumour.start_volume_mm3": 60}, "tumour.start_volume_mm3 = 60.0: outside the window of enrolment, 100-200 mm3"),
    ({"arm.1.start_volume_mm3": 500}, "arm[1].start_volume_mm3 = 500.0: outside the window of enrolment"),
    ({"tumour.fraction_simulated": 1.5}, "tumour.fraction_simulated = 1.5: must be at most 1"),
    ({"tumour.fraction_simulated": 1e-6}, "tumour.fraction_simulated = 1e-06: leaves "),
    ({"tumour.clone": None}, "tumour.clone: missing: write a table [[tumour.clone]]"),
    ({"tumour.clone.0.cell_line": "N87"}, 'tumour.clone[0].cell_line = "N87": unknown cell line; did you mean "NCI'),
    ({"tumour.clone.0.cell_line": "T47D"}, 'tumour.clone[0].cell_line = "T47D": has no numbers for growth in mice'),
    ({"tumour.clone.0.fraction": 0.5}, "tumour.clone: fractions add up to 0.5; they must add up to 1"),
    ({"tumour.clone.0.mechanism": "lapatinib"}, 'tumour.clone[0].mechanism = "lapatinib": is a pre-treatment of'),
    ({"tumour.clone.0.her2_per_cell": -1}, "tumour.clone[0].her2_per_cell = -1: must be at least 0"),
    ({"tumour.clone.0.doubling_time_h": 40}, "tumour.clone[0].doubling_time_h = 40: unknown key"),
    ({"tumour.clone.0.reason": "because"}, 'tumour.clone[0].reason = "because": explains nothing'),
    ({"study.days": 0}, "study.days = 0: must be greater than 0"),
    ({"study.caliper_days": [0, 20]}, "study.caliper_days = 20.0: after the end: the study ends on day 14"),
    ({"study.caliper_days": [3, 7]}, "study.caliper_days = 3.0: must begin with 0, the day of randomisation"),
    ({"study.endpoint_mm3": 90}, "tumour.start_volume_mm3 = 130.0: at or over the end point, 90 mm3"),
    ({"output.every_h": 500}, "output.every_h = 500: longer than the study (336 h)"),
    ({"output.frame_agents": 5000}, "output.frame_agents = 5000: only with level frames, not final"),
    ({"output.frames_every_h": 24}, "output.frames_every_h = 24: only with level frames, not final"),
    ({"output.save_days": [21]}, "output.save_days = 21.0: after the end: the study ends on day 14"),
    ({"mouse.enrolment_low_mm3": 250}, "mouse.enrolment_low_mm3 = 250.0: must be less than mouse.enrolment_high_mm3"),
    ({"branch": {}}, "branch.checkpoint: missing"),
    ({"branch": {"checkpoint": "none.ckpt"}}, 'branch.checkpoint = "none.ckpt": no such file'),
    ({"study.body_weight": 1}, "study.body_weight = 1: must be true or false"),
    ({"branch": {"checkpoint": "none.ckpt"}, "study.body_weight": True}, "study.body_weight = true: contradicts [br"),
    ({"well": {}}, "well = {...}: unknown key"),
    ({"kind": "xenografts"}, 'kind = "xenografts": unknown kind; did you mean "xenograft"?'),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "line"), SINGLE, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_one_fault_one_line(changes, line):
    found = study_faults(changes)
    assert len(found) == 1, found
    assert found[0].startswith(line)


def test_all_faults_at_once():
    changes = {
        "arm.1.dose.0.drug": "nothing", "tumour.start_volume_mm3": -1, "study.days": "long", "replicates": 2,
        "mouse.strain": "rat", "tumour.clone.0.cell_line": "HeLa",
    }  # fmt: skip
    paths = {line.partition(" = ")[0] for line in study_faults(changes)}
    assert paths == {
        "arm[1].dose[0].drug", "tumour.start_volume_mm3", "study.days", "replicates", "mouse.strain",
        "tumour.clone[0].cell_line",
    }  # fmt: skip


def test_memory_over_the_machine_is_refused_with_the_figure(monkeypatch):
    monkeypatch.setattr(xenograft_checks, "machine_bytes", lambda: 10**9)
    found = study_faults({"tumour.fraction_simulated": 1, "study.days": 28, "study.endpoint_mm3": 2000})
    assert len(found) == 1
    assert found[0].startswith("tumour.fraction_simulated = 1.0: one mouse takes ")
    assert found[0].endswith("GB of memory; this machine has 1 GB")


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        ({"arm.mice": [2, 3]}, 'sweep."arm.mice" = [2, 3]: cannot be swept: it belongs to one arm or one clone'),
        (
            {"tumour.fraction": [1]},
            'sweep."tumour.fraction" = [1]: unknown key; did you mean tumour.perfused_fraction?',
        ),
        ({"tumour.fraction_simulated": 0.1}, 'sweep."tumour.fraction_simulated" = 0.1: must be a list'),
        ({"tumour.fraction_simulated": [0.1, 2]}, 'sweep."tumour.fraction_simulated"[1] = 2: must be at most 1'),
        (
            {"tumour.fraction_simulated": [0.1, 0.1]},
            'sweep."tumour.fraction_simulated" = [0.1, 0.1]: holds a value twice',
        ),
        ({"mouse.strain": ["nude", "rat"]}, 'mouse.strain = "rat": unknown strain'),
        ({"tumour.start_volume_mm3": [130, 900]}, 'sweep."tumour.start_volume_mm3"[1] = 900.0: outside the window'),
    ],
)
def test_faults_of_a_sweep(sweep, line):
    found = study_faults(sweep=sweep)
    assert len(found) == 1, found
    assert found[0].startswith(line)


def test_equal_arms_are_the_same_mice_when_paired():
    twins = {"random": "paired", "arm.1.dose": None}
    assert study_faults(twins)[0].startswith('arm[1].name = "trastuzumab": duplicate arm')
    assert study_faults({"arm.1.dose": None}) == []  # other mice, so a second group of them


def test_a_line_that_does_not_grow_is_warned_of():
    said = warnings(scenario_from_dict(study({"tumour.clone.0.cell_line": "SK-BR-3"})))
    assert len(said) == 1 and said[0].startswith("SK-BR-3 grows poorly or not at all in mice")
    assert warnings(scenario_from_dict(study())) == []


def test_small_shares_are_warned_of():
    said = warnings(scenario_from_dict(study({"tumour.fraction_simulated": 0.001})))
    assert len(said) == 1 and "13,000 cells" in said[0]


def test_numbers_of_a_drug_that_its_class_does_not_use_are_refused(tmp_path):
    """Every antibody has the number, so that the catalogue does not miss it anywhere."""
    antibodies = [name for name, entry in lookup.load().drugs.items() if entry.strings["class"] == "antibody"]
    number = '{ value = 1.0, low = 1.0, high = 1.0, unit = "h", source = "test", provenance = "assumed" }'
    text = "".join(f'[drugs."{name}"]\nhalf_life_h = {number}\n' for name in antibodies)
    (tmp_path / "overlay.toml").write_text(text)
    errors = study_faults({"catalogue": [str(tmp_path / "overlay.toml")]})
    assert errors and all("half_life_h" in error and "mean nothing" in error for error in errors)
