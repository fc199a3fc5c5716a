"""Studies in mice: every swept key is a column of every table, and points of a sweep are never pooled in one arm."""

import json

import pandas as pd
import pytest

from adccsim.analysis.errors import PooledConditions
from adccsim.analysis.growth.export import file_labels
from adccsim.analysis.growth.mice import analyse_mice, caliper_rows, study_points, units_of
from adccsim.analysis.reading.runs import read_study
from adccsim.execution.folder import write_json
from adccsim.seal import KEY
from adccsim.study_file import read_study_file
from tests.analysis.make_mice import make_mice

VOLUME = "tumour.start_volume_mm3"


def rewrite(path, entries):
    write_json(path, {name: value for name, value in entries.items() if name != KEY})


def test_swept_keys_are_columns_of_every_table(tmp_path):
    sweep = {VOLUME: [110, 180], "mouse.growth_log_sd": [0.05, 0.1]}
    folder = make_mice(tmp_path, {"study.days": 8}, sweep)
    assert json.loads((folder / "study.json").read_text())["varied"] == {key: list(map(float, values)) for key, values
                                                                         in sweep.items()}  # fmt: skip
    tables = analyse_mice(folder, with_figures=False).tables
    for name, table in tables.items():
        points = table[["study", *sweep]].drop_duplicates()
        assert len(points) == 4, name
        assert sorted(map(tuple, points[list(sweep)].to_numpy())) == [(v, s) for v in (110, 180) for s in (0.05, 0.1)]
    assert (tables["arms"]["mice"] == 3).all() and len(tables["arms"]) == 4 * 2
    exports = {path.name for path in (folder / "exports").iterdir()}
    assert len([name for name in exports if name.startswith("kulgap")]) == 4
    assert len([name for name in exports if name.startswith("tumgrowth")]) == 4


def test_an_arm_not_affected_by_the_sweep_is_in_every_study(tmp_path):
    """Its mice are simulated once; without them the second study would have no control."""
    folder = make_mice(tmp_path, {"study.days": 8, "arm.0.start_volume_mm3": 130}, {VOLUME: [110, 180]})
    study = read_study(folder, "xenograft")
    assert len(study.runs) == 3 + 2 * 3
    rows = caliper_rows(study)
    counts = rows.groupby(["study", "arm"])["mouse"].nunique()
    assert len(counts) == 4 and (counts == 3).all()
    control = [rows[(rows["study"] == name) & (rows["arm"] == "vehicle")]["volume_mm3"] for name in study_points(study)]
    assert control[0].tolist() == control[1].tolist()
    assert set(analyse_mice(folder, with_figures=False).tables["arms"]["study"]) == set(study_points(study))


def test_two_points_of_a_sweep_are_never_pooled_in_one_study(tmp_path):
    folder = make_mice(tmp_path, {"study.days": 8}, {VOLUME: [110, 180]})
    info = read_study_file(folder / "study.json")
    (folder / "study.json").unlink()
    with pytest.raises(PooledConditions, match="mouse 1"):
        units_of(read_study(folder, "xenograft"))
    listed = [{**each, "study": "one", "mouse": i} for i, each in enumerate(info["conditions"])]
    rewrite(folder / "study.json", info | {"conditions": listed})
    assert len(units_of(read_study(folder, "xenograft"))) == 12  # swept means are distinguished by the names alone


def test_mice_of_two_designs_are_never_pooled_in_one_arm(tmp_path):
    folder = make_mice(tmp_path, {"study.days": 8}, {"tumour.hypoxic_death_per_d": [0.1, 0.4]})
    info = read_study_file(folder / "study.json")
    listed = [{**each, "study": "one", "mouse": i} for i, each in enumerate(info["conditions"])]
    rewrite(folder / "study.json", info | {"conditions": listed})
    with pytest.raises(PooledConditions, match="study one, arm vehicle"):
        analyse_mice(folder)
    assert not (folder / "report.html").exists()


def test_values_that_agree_to_six_digits_give_two_studies(tmp_path):
    folder = make_mice(tmp_path, {"study.days": 8}, {VOLUME: [130, 130.00001]})
    names = dict.fromkeys(unit.study for unit in units_of(read_study(folder, "xenograft")))
    assert list(names) == [f"{VOLUME} 130", f"{VOLUME} 130.00001"]


def test_names_that_differ_only_in_punctuation_give_separate_files():
    labels = file_labels(["A + B", "A B", "a_b", "A (B)", "C", "µ"])
    assert labels == {"A + B": "A_B", "A B": "A_B_2", "a_b": "a_b_3", "A (B)": "A_B_4", "C": "C", "µ": "arm"}
    assert pd.Series(list(labels.values())).str.casefold().is_unique
