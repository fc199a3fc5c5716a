"""[sensitivity]: what may be varied, over which range, and what is refused."""

import pytest

from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.well.factors import varied
from tests.scenario import conditions, errors, example

KEYS = ["effectors.bridges_half", "antibody.kd_nM"]
SOUND = {"sensitivity.keys": KEYS}


def test_ranges_are_those_of_the_entry():
    scenario = scenario_from_dict(example({"sensitivity.keys": ["targets.her2_per_cell", "effectors.nk_fraction"]}))
    numbers = varied(scenario, scenario.known)
    line, cells = scenario.known.cell_lines["SK-BR-3"], scenario.known.effectors["PBMC"]
    assert numbers["targets.her2_per_cell"] is line.numbers["her2_per_cell"]
    assert numbers["effectors.nk_fraction"] is cells.numbers["nk_fraction"]


def test_the_wells_of_a_scenario_do_not_depend_on_it():
    assert [each.run_id for each in conditions(SOUND)] == [each.run_id for each in conditions()]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sensitivity.keys": ["effectors.bridges_half"]}, "sensitivity.keys"),
        ({"sensitivity.keys": [*KEYS, "effectors.bridge_half"]}, "did you mean effectors.bridges_half?"),
        ({"sensitivity.keys": [*KEYS, "antibody.dose_ug_per_ml"]}, "sensitivity.keys[2]"),
        ({"sensitivity.keys": [*KEYS, KEYS[0]]}, "named twice"),
        ({"sensitivity.keys": KEYS, "antibody.kd_nM": 5.0}, "the value in [antibody] would have no effect"),
        ({"sensitivity.keys": [*KEYS, "targets.doubling_time_h"]}, "has no effect here"),
        ({"sensitivity.keys": [*KEYS, "effectors.donor_potency_log_sd"]}, "has no effect with donors = 1"),
        ({"sensitivity.keys": [*KEYS, "effectors.cd16a_per_cell"], "effectors.type": "NK-92"}, "fixed at 0"),
        (SOUND | {"sensitivity.samples": 100}, "sensitivity.samples = 100: must be a power of 2, like 128"),
        (SOUND | {"sensitivity.method": "sobol", "sensitivity.trajectories": 9}, "no effect with method sobol"),
        (SOUND | {"sensitivity.method": "morris", "sensitivity.samples": 64}, "no effect with method morris"),
        (SOUND | {"sensitivity.strongest": 3}, "more than there are keys (2)"),
        (SOUND | {"sensitivity.outputs": []}, "sensitivity.outputs = []: must not be empty"),
        (SOUND | {"effectors.et_ratio": 0}, "leaves wells without effectors"),
        (SOUND | {"assay.readout": "viability", "assay.duration_h": 48}, "contradicts [sensitivity]"),
        (SOUND | {"sensitivity.key": ["x"]}, "sensitivity.key = "),
    ],
)
def test_what_makes_no_sense_is_refused(changes, words):
    found = errors(changes)
    assert len(found) == 1, found
    assert words in found[0]


def test_what_is_swept_cannot_be_varied():
    sweep = {"antibody.kd_nM": [1.0, 5.0]}
    assert "is swept as well" in errors(SOUND, sweep)[0]
    lines = {"targets.cell_line": ["SK-BR-3", "BT-474"]}
    assert "ranges belong to one entry of the catalogue" in errors(SOUND, lines)[0]
