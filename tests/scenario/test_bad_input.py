"""Bad input: every fault is one clear line that names the key path, the value and what is allowed."""

import math
import pickle
from pathlib import Path

import pytest

from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError
from adccsim.scenario.load import load_scenario, scenario_from_dict, scenario_from_text
from tests.scenario import errors, example

SINGLE = [
    ({"antibody.dose_ugml": 1.0}, "antibody.dose_ugml = 1.0: unknown key; did you mean antibody.dose_ug_per_ml?"),
    ({"antibody.et_ratio": 1.0}, "antibody.et_ratio = 1.0: unknown key; did you mean effectors.et_ratio?"),
    ({"effektors": {}}, "effektors = {...}: unknown key; did you mean effectors?"),
    ({"antibody.dose_ug_per_ml": "5"}, 'antibody.dose_ug_per_ml = "5": must be a number'),
    ({"antibody.dose_ug_per_ml": True}, "antibody.dose_ug_per_ml = true: must be a number"),
    ({"antibody.dose_ug_per_ml": math.nan}, "antibody.dose_ug_per_ml = nan: must be a finite number"),
    ({"antibody.dose_ug_per_ml": math.inf}, "antibody.dose_ug_per_ml = inf: must be a finite number"),
    ({"antibody.dose_ug_per_ml": -1}, "antibody.dose_ug_per_ml = -1: must be at least 0"),
    ({"antibody.dose_ug_per_ml": 10**400}, "antibody.dose_ug_per_ml = an integer beyond 1e30: must be a number"),
    ({"antibody.dose_ug_per_ml": None}, "antibody.dose_ug_per_ml: missing"),
    ({"effectors.et_ratio": -1}, "effectors.et_ratio = -1: must be at least 0"),
    ({"effectors.et_ratio": 1e-6}, "effectors.et_ratio = 1e-06: gives no effector cell at all; 0 is the target-only"),
    ({"targets.cells": True}, "targets.cells = true: must be a whole number"),
    ({"targets.cells": 1.5}, "targets.cells = 1.5: must be a whole number"),
    ({"targets.cells": 0}, "targets.cells = 0: must be at least 1"),
    ({"targets.cell_line": 3}, "targets.cell_line = 3: must be a text in quotes"),
    ({"targets.cell_line": "SKBR3"}, 'targets.cell_line = "SKBR3": unknown cell line; did you mean "SK-BR-3"?'),
    ({"targets.cell_line": "zzz"}, 'targets.cell_line = "zzz": unknown cell line; known: 721.221, BT-474, '),
    ({"effectors.type": "pbmcs"}, 'effectors.type = "pbmcs": unknown effector; did you mean "PBMC"?'),
    ({"antibody.name": "trastuzmab"}, 'antibody.name = "trastuzmab": unknown antibody; did you mean "trastuzumab"?'),
    ({"targets.mechanism": "PTEN loss"}, 'targets.mechanism = "PTEN loss": unknown mechanism; did you mean "PTEN-l'),
    ({"assay.readout": "ldh"}, 'assay.readout = "ldh": unknown read-out; did you mean "LDH"?'),
    ({"well.format": "96 flat"}, 'well.format = "96 flat": unknown well format; did you mean "96-flat"?'),
    ({"antibody.partner": "pertuzumb"}, 'antibody.partner = "pertuzumb": unknown antibody; did you mean "pertuzumab"'),
    ({"antibody.partner": "trastuzumab"}, 'antibody.partner = "trastuzumab": binds epitope IV as trastuzumab does'),
    ({"targets.masked_fraction": 1.1}, "targets.masked_fraction = 1.1: must be at most 1"),
    ({"effectors.genotype": "VX"}, 'effectors.genotype = "VX": must be "VV", "VF", "FF" or "population"'),
    ({"effectors.donor_potency_log_sd": 0.3}, "effectors.donor_potency_log_sd = 0.3: has no effect with donors = 1"),
    ({"assay.duration_h": 0}, "assay.duration_h = 0: must be greater than 0"),
    (
        {"assay.duration_h": 1.01},
        "assay.duration_h = 1.01: must be a multiple of 1 min (1/60 h); the nearest is 1.01667",
    ),
    ({"assay.readout": "viability"}, 'assay.readout = "viability": needs an assay of more than 24 h (here 4 h)'),
    ({"replicates": 97}, "replicates = 97: must be at most 96"),
    ({"replicates": 0}, "replicates = 0: must be at least 1"),
    ({"random": "pairs"}, 'random = "pairs": must be "independent" or "paired"; did you mean "paired"?'),
    ({"well.microwell_side_um": 100}, "well.microwell_side_um = 100: only with format microwell, not 96-flat"),
    ({"well.targets_per_microwell": 2}, "well.targets_per_microwell = 2: only with format microwell, not 96-flat"),
    ({"output.frames_every_min": 5}, "output.frames_every_min = 5: only with level frames, not final"),
    ({"output.every_min": 300}, "output.every_min = 300: longer than the assay (240 min)"),
    ({"output.every_min": 1.5}, "output.every_min = 1.5: must be a whole number"),
    ({"output.level": "all"}, 'output.level = "all": must be "observables", "final", "events" or "frames"'),
    ({"action": [{"at_h": 4, "wash": True}]}, "action[0].at_h = 4.0: not before the end of the assay (4 h)"),
    ({"action": [{"at_h": 1}]}, "action[0]: does nothing: give one of "),
    ({"action": [{"at_h": 1, "wash": False}]}, "action[0].wash = false: must be true"),
    ({"action": [{"at_h": 1, "wash": True, "add_effectors": 9}]}, "action[0]: does 2 things (wash, add_effectors)"),
    (
        {"action": [{"at_h": 1, "add_antibody": 1}]},
        "action[0].add_antibody = 1: unknown key; did you mean action.add_ant",
    ),
    ({"action": [{"wash": True}]}, "action[0].at_h: missing"),
    ({"action": 5}, "action = 5: must be a list"),
    ({"action": [5]}, "action[0] = 5: must be a table"),
    ({"targets": 5}, "targets = 5: must be a table"),
    ({"targets": None}, 'targets: missing: kind "well" needs the table [targets]'),
    ({"schema": 2}, "schema = 2: newer than this program, which reads schema 1"),
    ({"schema": True}, "schema = true: must be a whole number"),
    ({"schema": "1"}, 'schema = "1": must be a whole number'),
    ({"schema": 0}, "schema = 0: must be at least 1"),
    ({"schema": None}, "schema: missing"),
    ({"kind": "welll"}, 'kind = "welll": must be "well"; did you mean "well"?'),
    ({"kind": "tumour"}, 'kind = "tumour": unknown kind; must be "well"'),
    ({"kind": 1}, 'kind = 1: unknown kind; must be "well"'),
    ({"kind": None}, "kind: missing"),
    ({"seed": -1}, "seed = -1: must be at least 0"),
    ({"catalogue": ["nowhere.toml"]}, "catalogue: nowhere.toml: no such file"),
    ({"catalogue": "one.toml"}, 'catalogue = "one.toml": must be a list'),
    ({"a key\nwith a line": 1}, '"a key\\nwith a line" = 1: unknown key'),
    ({"sweep": [1]}, "sweep = [1]: must be a table"),
    ({"sweep": {}}, "sweep: scans nothing; give a key a list of values"),
]

SWEPT = [
    ({"effectors.et_ratio": [1, 5, -1]}, 'sweep."effectors.et_ratio"[2] = -1: must be at least 0'),
    ({"effectors.et_ratio": []}, 'sweep."effectors.et_ratio" = []: empty list: nothing would be run'),
    ({"effectors.et_ratio": 5}, 'sweep."effectors.et_ratio" = 5: must be a list of values'),
    ({"effectors.et_ratio": [1, 5, 1.0]}, 'sweep."effectors.et_ratio"[2] = 1.0: duplicate condition: the same value'),
    ({"effectors.et_ratio": ["1"]}, 'sweep."effectors.et_ratio"[0] = "1": must be a number'),
    ({"effectors.et_ration": [1]}, 'sweep."effectors.et_ration" = [1]: unknown key; did you mean effectors.et_ratio?'),
    ({"et_ratio": [1]}, 'sweep."et_ratio" = [1]: unknown key; did you mean effectors.et_ratio?'),
    ({"effectors.donors": [1, 2]}, 'sweep."effectors.donors" = [1, 2]: cannot be swept'),
    ({"seed": [1, 2]}, 'sweep."seed" = [1, 2]: cannot be swept'),
    ({"targets.cell_line": ["SK-BR-3", "SKBR3"]}, 'sweep."targets.cell_line"[1] = "SKBR3": unknown cell line'),
    ({"effectors.et_ratio": [1, 1e4]}, 'sweep."effectors.et_ratio"[1] = 10000.0: does not fit in 96-flat'),
    ({"assay.readout": ["LDH", "viability"]}, 'sweep."assay.readout"[1] = "viability": needs an assay of more than'),
    ({"effectors.genotype": ["VF", "population"]}, 'sweep."effectors.genotype"[1] = "population": duplicate condition'),
    (
        {"antibody.kd_nM": [1, 2], "antibody.dose_ug_per_ml": [0]},
        'sweep."antibody.kd_nM"[1] = 2.0: duplicate condition',
    ),
    ({"culture.dose_steps_ug_per_ml": [[1], [1, -2]]}, 'sweep."culture.dose_steps_ug_per_ml"[1][1] = -2: must be at'),
]


@pytest.mark.parametrize(("changes", "line"), SINGLE, ids=lambda value: str(value)[:50])
def test_one_fault_one_line(changes, line):
    found = errors(changes)
    assert len(found) == 1
    assert found[0].startswith(line)


@pytest.mark.parametrize(("sweep", "line"), SWEPT, ids=lambda value: str(value)[:50])
def test_faults_of_a_sweep_name_the_place_in_the_list(sweep, line):
    assert any(found.startswith(line) for found in errors(sweep=sweep))


CONTRADICTIONS = [
    ({"assay.fc_null_control": True, "antibody.fc_gain": 0}, "already has fc_gain 0"),
    ({"assay.fc_null_control": True, "antibody.dose_ug_per_ml": 0}, "no well holds both antibody and effectors"),
    ({"effectors.type": "NK-92", "effectors.donors": 3}, "NK-92 is a cell line and has no donors"),
    (
        {"antibody.wash_after_opsonisation": True, "antibody.pre_incubation_min": 0},
        "contradicts pre_incubation_min = 0",
    ),
    ({"targets.mechanism": "PTEN-loss", "targets.direct_response": 0.5}, "all it changes (direct_response) is overrid"),
    ({"well.format": "microwell", "well.rim_excess": 0.5, "effectors.et_ratio": 0.25}, "a chip has no rim"),
    ({"effectors.et_ratio": 0, "action": [{"at_h": 1, "wash_effectors": True}]}, "no effectors are in the well"),
    ({"antibody.name": "pertuzumab", "antibody.partner": "trastuzumab+pertuzumab"}, "is a pair of antibodies itself"),
    (
        {"effectors.donors": 2} | {f"effectors.genotype_{name}_fraction": 0 for name in ("ff", "vf", "vv")},
        "all three genotype weights are 0",
    ),
]


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS, ids=lambda value: str(value)[:50])
def test_contradictions_are_refused(changes, message):
    assert any(message in line for line in errors(changes))


CULTURE = {
    "days": 90,
    "passage_interval_days": 4,
    "split_ratio": 4,
    "dose_steps_ug_per_ml": [10, 15],
    "mutation_rate_per_division": 1e-6,
}


def test_contradictions_of_a_culture():
    assert errors({"culture": CULTURE}) == []
    assert "longer than the culture (2 d)" in errors({"culture": CULTURE | {"days": 2}})[0]
    assert "brings fresh medium" in errors({"culture": CULTURE | {"medium_change_days": 5}})[0]
    odd = CULTURE | {"mutation_rate_per_division": 0, "resistant_direct_response": 0.5}
    assert "has no effect with mutation_rate_per_division = 0" in errors({"culture": odd})[0]
    assert errors({"culture": CULTURE | {"days": 0}}) == []
    assert errors({"culture": {"days": 3}}) == [
        f"culture.{key}: missing"
        for key in ("passage_interval_days", "split_ratio", "dose_steps_ug_per_ml", "mutation_rate_per_division")
    ]


def test_a_billion_cells_are_refused_with_the_memory_they_need():
    (line,) = errors({"targets.cells": 1e9}, sweep={"effectors.et_ratio": [1, 5]})
    assert line.startswith("targets.cells = 1000000000: does not fit in 96-flat: 1,000,000,000 targets")
    assert "128 GB of memory" in line
    (line,) = errors({"targets.cells": 10**9, "well.format": "microwell", "effectors.et_ratio": 0.25})
    assert "GB of memory" in line


def test_effectors_that_do_not_fit_are_refused_with_the_filling():
    (line,) = errors({"targets.cells": None, "effectors.type": "NK-92", "effectors.et_ratio": 80})
    assert line.startswith("effectors.et_ratio = 80.0: does not fit in 96-flat: 800,000 NK cells on 280,000 free sites")
    assert "need 8 layers" in line
    assert "filling would be 0.48" in line
    added = {"effectors.type": "NK-92", "action": [{"at_h": 1, "add_effectors": 10**6}]}
    assert "with those that actions add" in errors(added)[0]


def test_a_compartment_that_cannot_hold_its_targets_is_refused():
    chip = {"well.format": "microwell", "effectors.et_ratio": 0.25, "well.microwell_side_um": 50}
    (line,) = errors(chip | {"well.targets_per_microwell": 4})
    assert line.endswith("a compartment of 50 um has 25 sites and holds at most 3 targets")


def test_too_many_wells_are_counted_not_built():
    many = [i / 1000 for i in range(1, 1001)]
    sweep = {"antibody.dose_ug_per_ml": many, "effectors.et_ratio": many}
    assert errors(sweep=sweep)[0].startswith(
        "sweep: 2,000,000 wells (combinations x donors x replicates); at most 100,0"
    )


def test_all_faults_are_found_at_once():
    changes = {
        "title": 5,
        "targets.cell_line": "SKBR3",
        "targets.p95_fraction": 2,
        "antibody.dose_ug_per_ml": None,
        "antibody.dose": 1,
        "output.frames_every_min": 5,
        "action": [{"at_h": 9, "wash": True}, {"at_h": 1, "wash": 1}],
        "catalogue": ["nowhere.toml"],
    }
    paths = [line.split(" = ")[0].split(": ")[0] for line in errors(changes, {"effectors.et_ratio": [1, -1], "x": [1]})]
    assert sorted(paths) == sorted(
        [
            "title",
            "targets.p95_fraction",
            "antibody.dose_ug_per_ml",
            "antibody.dose",
            "action[1].wash",
            "catalogue",
            'sweep."effectors.et_ratio"[1]',
            'sweep."x"',
            "output.frames_every_min",
            "action[0].at_h",
        ]
    )  # the cell line might stand in the overlay that could not be read
    without_overlay = {key: value for key, value in changes.items() if key != "catalogue"}
    assert any(line.startswith('targets.cell_line = "SKBR3"') for line in errors(without_overlay))


def test_a_kind_without_its_tables_names_each():
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict({"schema": 1, "kind": "well"})
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["targets", "effectors", "antibody", "assay"]


def test_a_fault_of_a_stand_in_is_never_reported():
    """A missing dose is one fault, not also whatever its stand-in would contradict."""
    assert errors({"antibody.dose_ug_per_ml": None, "antibody.wash_after_opsonisation": True}) == [
        "antibody.dose_ug_per_ml: missing"
    ]
    assert errors({"assay.duration_h": None, "action": [{"at_h": 99, "wash": True}]}) == ["assay.duration_h: missing"]
    assert errors({"effectors.et_ratio": "x", "targets.cells": 40_000}) == [
        'effectors.et_ratio = "x": must be a number'
    ]


def test_files_that_cannot_be_read(tmp_path: Path):
    def line_of(path: Path | str) -> str:
        with pytest.raises(ScenarioError) as error:
            load_scenario(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert line_of(tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: no such file"
    assert line_of(tmp_path) == f"{tmp_path}: is a folder, not a scenario file"
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    assert line_of(tmp_path / "latin.toml").endswith("is not UTF-8 text (byte 9)")
    (tmp_path / "broken.toml").write_text("schema = = 1")
    assert "broken.toml: not valid TOML: Invalid value (at line 1, column 10)" in line_of(tmp_path / "broken.toml")
    (tmp_path / "long.toml").write_text("schema = " + "9" * 5000)
    assert "not valid TOML" in line_of(tmp_path / "long.toml")
    (tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    assert "not valid TOML" in line_of(tmp_path / "deep.toml")
    (tmp_path / "regular").write_text("")
    assert "cannot be read" in line_of(tmp_path / "regular" / "below.toml")
    assert "cannot be read" in line_of("null\0byte.toml")


def test_a_faulty_overlay_is_named(tmp_path: Path):
    (tmp_path / "mine.toml").write_text('[cell_lines."SK-BR-3".her2_per_cel]\nvalue = 1\n')
    with pytest.raises(ScenarioError, match=r"catalogue: cell_lines.*her2_per_cel"):
        scenario_from_dict(example({"catalogue": ["mine.toml"]}), folder=tmp_path)


@pytest.mark.parametrize(
    ("number", "unit", "line"),
    [
        ("nk_fraction", "1", "effectors.PBMC.nk_fraction.value = 3 is outside 0 to 1, the bounds of a fraction"),
        ("cd16a_cv", "1", r"effectors.type = \"PBMC\": gives effectors.cd16a_cv = 3.1: must be at most 3"),
    ],
)
def test_an_overlay_beyond_the_bounds_of_its_key_is_refused(tmp_path: Path, number: str, unit: str, line: str):
    value = 3 if number == "nk_fraction" else 3.1
    (tmp_path / "mine.toml").write_text(
        f"[effectors.PBMC.{number}]\nvalue = {value}\nlow = 1\nhigh = 5\nunit = '{unit}'\nsource = 's'\n"
        "provenance = 'assumed'\n"
    )
    with pytest.raises(ScenarioError, match=line):
        scenario_from_dict(example({"catalogue": ["mine.toml"]}), folder=tmp_path)


@pytest.mark.parametrize("text", ["x", "=3", "a b=3", "a.b.=1", "targets.cells.x=3", "[a]=3", "a=1\nb=2"])
def test_set_values_that_are_none(text):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(example(), sets=[text])
    assert error.value.errors


def test_a_sweep_key_given_twice_is_refused():
    text = '"effectors.et_ratio" = [1]\neffectors.et_ratio = [2]\n'
    with pytest.raises(ScenarioError, match=r'sweep."effectors.et_ratio" = \[2\]: duplicate key: swept twice'):
        scenario_from_text(f"kind = 'well'\n[sweep]\n{text}")


def test_a_fault_prints_and_pickles():
    error = Invalid("targets.cells", "x" * 100, "must be a whole number")
    assert str(error) == f'targets.cells = "{"x" * 56}...: must be a whole number'
    assert str(Invalid("kind", NO_VALUE, "missing")) == "kind: missing"
    assert pickle.loads(pickle.dumps(ScenarioError([error]))).errors == [error]
