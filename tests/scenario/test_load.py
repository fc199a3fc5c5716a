"""Loading: what a good file becomes, --set values, overlays."""

import subprocess
import sys
from pathlib import Path

import pytest

from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import load_scenario, scenario_from_dict, scenario_from_text
from adccsim.scenario.well.expand import expand
from tests.scenario import conditions, example, ids

TEXT = """\
schema = 1
title = "Trastuzumab dose response"   # a comment
kind = "well"
seed = 2026
replicates = 3
[targets]
cell_line = "SK-BR-3"
cells = 10_000
[effectors]
type = "NK-92-CD16a-V158"
et_ratio = 5
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 4
readout = "LDH"
[[action]]
at_h = 1.0
add_antibody_ug_per_ml = 0.5
[sweep]
"antibody.dose_ug_per_ml" = [0, 1e-3, 1]
effectors.et_ratio = [1, 5]
"""


def test_a_file_keeps_its_text_overlays_and_sets(tmp_path: Path):
    overlay = (
        '[cell_lines."SK-BR-3".her2_per_cell]\nvalue = 1.5e6\nunit = "1/cell"\nsource = "own"\nprovenance = "found"\n'
    )
    (tmp_path / "mine.toml").write_text(overlay)
    text = TEXT.replace("[targets]", 'catalogue = ["mine.toml"]\n[targets]')
    (tmp_path / "scenario.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    scenario = load_scenario(tmp_path / "scenario.toml", ["seed=7"])
    assert scenario.text == text.replace("\n", "\r\n")
    assert scenario.overlays == (tmp_path / "mine.toml",)
    assert scenario.sets == ("seed=7",)
    assert scenario.seed == 7
    assert {c.targets.her2_per_cell for c in expand(scenario)} == {1.5e6}


def test_numbers_have_the_type_of_their_key():
    scenario = scenario_from_text(TEXT)
    assert isinstance(scenario.effectors.et_ratio, float)
    assert scenario.sweep == {"antibody.dose_ug_per_ml": (0.0, 1e-3, 1.0), "effectors.et_ratio": (1.0, 5.0)}
    assert all(isinstance(dose, float) for dose in scenario.sweep["antibody.dose_ug_per_ml"])
    assert scenario_from_dict(example({"targets.cells": 1e3})).targets.cells == 1000


@pytest.mark.parametrize(
    ("text", "table", "key", "value"),
    [
        ("effectors.et_ratio=2", "effectors", "et_ratio", 2.0),
        ("effectors.et_ratio = 2.5", "effectors", "et_ratio", 2.5),
        ("effectors.type=NK-IL2", "effectors", "type", "NK-IL2"),
        ('effectors.type="NK-IL2"', "effectors", "type", "NK-IL2"),
        ("antibody.name=trastuzumab-F(ab')2", "antibody", "name", "trastuzumab-F(ab')2"),
        ("targets.cells=2_000", "targets", "cells", 2000),
        ("antibody.wash_after_opsonisation=true", "antibody", "wash_after_opsonisation", True),
        ("well.volume_ul=150", "well", "volume_ul", 150.0),
    ],
)
def test_set_values_are_toml_or_bare_words(text, table, key, value):
    assert getattr(getattr(scenario_from_text(TEXT, [text]), table), key) == value


def test_a_set_key_is_no_longer_swept_and_a_sweep_can_be_set():
    scenario = scenario_from_text(TEXT, ["effectors.et_ratio=2"])
    assert list(scenario.sweep) == ["antibody.dose_ug_per_ml"]
    assert scenario.effectors.et_ratio == 2
    for text in ("sweep.effectors.et_ratio=[2, 3]", 'sweep."effectors.et_ratio"=[2, 3]'):
        assert scenario_from_text(TEXT, [text]).sweep["effectors.et_ratio"] == (2.0, 3.0)
    assert scenario_from_text(TEXT, ["seed=1", "seed=2"]).seed == 2


def test_a_whole_sweep_or_a_table_of_it_can_be_set():
    """The keys of an inline table are bare, quoted or nested, as in the file; the table replaces the whole sweep."""
    for value in ("well.volume_ul = [50, 100]", '"well.volume_ul" = [50, 100]', "well = {volume_ul = [50, 100]}"):
        assert scenario_from_text(TEXT, [f"sweep={{{value}}}"]).sweep == {"well.volume_ul": (50.0, 100.0)}
    both = scenario_from_text(TEXT, ["sweep.well={volume_ul=[50, 100]}"]).sweep
    assert list(both) == ["antibody.dose_ug_per_ml", "effectors.et_ratio", "well.volume_ul"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sweep=3", "--set sweep = 3: must be a table of lists"),
        ("sweep={well.volume_ul=5}", 'sweep."well.volume_ul" = 5: must be a list of values'),
        ('sweep={well.volume_ul=[5], "well.volume_ul"=[6]}', 'sweep."well.volume_ul" = [6]: duplicate key'),
    ],
)
def test_a_sweep_that_is_no_table_of_lists_is_named_as_what_it_is(text, line):
    with pytest.raises(ScenarioError) as refused:
        scenario_from_text(TEXT, [text])
    assert line in str(refused.value)


def test_a_set_value_is_the_same_as_an_edited_file():
    assert ids(expand(scenario_from_text(TEXT, ["seed=7"]))) == ids(
        expand(scenario_from_text(TEXT.replace("seed = 2026", "seed = 7")))
    )


def test_a_swept_key_need_not_stand_in_its_table():
    swept = {"antibody.dose_ug_per_ml": [1, 2], "effectors.type": ["PBMC", "NK-IL2"]}
    bare = {"antibody.dose_ug_per_ml": None, "effectors.type": None}
    assert ids(conditions(bare, swept)) == ids(conditions({}, swept))


def test_the_given_dict_is_left_unchanged():
    raw = example({}, {"effectors.et_ratio": [1, 2]})
    scenario_from_dict(raw, ["seed=9"])
    assert raw == example({}, {"effectors.et_ratio": [1, 2]})


def test_a_stated_volume_holds_over_that_of_the_format():
    assert {one.well.volume_ul for one in conditions({"well.volume_ul": 150})} == {150.0}
    assert {one.well.volume_ul for one in conditions()} == {200.0}


def test_loading_a_scenario_loads_no_heavy_library():
    code = """
import sys
import adccsim.scenario
from adccsim.conditions import geometry
from adccsim.scenario import load, sweep
from adccsim.scenario.well import plan, schema
heavy = {"numba", "pandas", "mesa", "matplotlib", "h5py", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_overlays_are_kept_as_they_were_read_and_by_different_names(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "over.toml").write_text("")
    scenario = scenario_from_dict(example({"catalogue": ["a/over.toml"]}), folder=tmp_path)
    (tmp_path / "a" / "over.toml").write_text("# changed later")
    assert scenario.overlay_texts == {"over.toml": ""}
    with pytest.raises(ScenarioError, match="two files have the same name"):
        scenario_from_dict(example({"catalogue": ["a/over.toml", "b/over.toml"]}), folder=tmp_path)


def test_a_file_is_looked_for_beside_the_scenario_and_then_in_the_current_folder(tmp_path, monkeypatch):
    about = 'low = 1, high = 9, unit = "hits", source = "x", provenance = "assumed"'
    overlay = f"[cell_lines.SK-BR-3]\nhits_to_kill = {{{{ value = {{}}, {about} }}}}\n"
    beside, here = tmp_path / "a", tmp_path / "b"
    for folder, value in ((beside, 3), (here, 4)):
        folder.mkdir()
        (folder / "mine.toml").write_text(overlay.format(value))
    (beside / "s.toml").write_text(TEXT)
    monkeypatch.chdir(here)
    found = []
    for _ in range(2):
        scenario = load_scenario(beside / "s.toml", ['catalogue=["mine.toml"]'])
        found.append(expand(scenario)[0].targets.hits_to_kill)
        (beside / "mine.toml").unlink(missing_ok=True)
    assert found == [3, 4]
