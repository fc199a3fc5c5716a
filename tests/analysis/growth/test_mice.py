"""Simulated mice analysed in the same way as laboratory caliper data."""

import shutil

import h5py
import numpy as np
import pytest

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.mice import analyse_mice, caliper_rows, design_of, tumour_table
from adccsim.analysis.growth.study import analyse_growth
from adccsim.analysis.reading.runs import read_study
from tests.analysis.make_mice import make_mice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    changes = {"arm.0.mice": 5, "arm.1.mice": 5, "study.endpoint_mm3": 420, "study.days": 21}
    return make_mice(tmp_path_factory.mktemp("mice") / "study", changes)


@pytest.fixture(scope="module")
def result(folder):
    return analyse_mice(folder)


def test_rows_are_the_caliper_readings_in_the_order_of_the_scenario(folder):
    rows = caliper_rows(read_study(folder, "xenograft"))
    assert list(dict.fromkeys(rows["arm"])) == ["vehicle", "trastuzumab"]
    assert list(dict.fromkeys(rows["mouse"])) == ["1", "2", "3", "4", "5"]
    left = rows[rows["event"] == "endpoint"]
    assert len(left) and (left["volume_mm3"] >= 420).all()
    assert (rows[rows["event"] == ""]["volume_mm3"] < 420).all()


def test_the_exported_sheet_gives_the_same_numbers_without_the_run_files(folder, result, tmp_path):
    """Every number of every table, from the CSV alone."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = analyse_mice(copy, with_figures=False).tables
    shutil.rmtree(copy / "runs")
    (copy / "study.json").unlink()
    after = analyse_growth(copy / "exports" / "caliper.csv", tmp_path / "again", with_figures=False).tables
    assert before.keys() - after.keys() == {"tumours"}
    compared = 0
    for name, table in after.items():
        assert list(table) == list(before[name])
        for column in table:
            old, new = before[name][column], table[column]
            if np.issubdtype(old.dtype, np.number):
                assert np.allclose(old.to_numpy(float), new.to_numpy(float), rtol=1e-9, atol=1e-9, equal_nan=True), name
                compared += int(old.notna().sum())
            else:
                assert old.astype(str).tolist() == new.astype(str).tolist(), (name, column)
    assert compared > 200


def test_study_design_and_arms(folder):
    design = design_of(read_study(folder, "xenograft"))
    assert design.endpoint_mm3 == 420 and design.loq_mm3 == 20 and not design.paired
    assert design.arms["trastuzumab"] == {
        "drug": "trastuzumab", "dose": "trastuzumab 10 mg/kg", "route": "iv", "schedule": "trastuzumab 10: day 0, 7",
    }  # fmt: skip
    assert design.arms["vehicle"]["drug"] == "none"
    assert "NCI-N87" in design.study["cell_line"] and "1 % of the cells" in design.study["cell_line"]


def test_report_shows_the_tumours_the_overrides_and_the_scenario(folder, result):
    text = result.report.read_text(encoding="utf-8")
    for part in ("Inside the tumours", "Where the mouse differs from the well", "direct_effect_max", "Kaplan-Meier"):
        assert part in text
    assert "http://" not in text and "https://" not in text
    for name in ("inside", "slices", "mean_curves", "waterfall", "kaplan_meier"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 3000
    assert not result.problems
    assert "tgi_tc" in result.text()


def test_tumour_table_has_the_state_of_the_simulated_tumour(folder):
    study = read_study(folder, "xenograft")
    table = tumour_table(study)
    assert len(table) == 10
    fractions = table[["her2_0", "her2_1+", "her2_2+", "her2_3+"]].sum(axis=1)
    assert np.allclose(fractions, 1.0)
    treated = table["arm"] == "trastuzumab"
    assert (table.loc[treated, "kills_myeloid"] > 0).all() and (table.loc[~treated, "kills_myeloid"] == 0).all()
    with h5py.File(study.runs[0].path) as file:
        end = file["calipers/volume_true_mm3"][-1]
    row = table[table["run_id"] == study.runs[0].run_id].iloc[0]
    assert row["volume_true_mm3"] == end


def test_a_swept_study_is_analysed_point_by_point(tmp_path):
    folder = make_mice(tmp_path / "sweep", {"study.days": 8}, {"tumour.start_volume_mm3": [110, 180]})
    tables = analyse_mice(folder, with_figures=False).tables
    names = ["tumour.start_volume_mm3 110", "tumour.start_volume_mm3 180"]
    assert list(dict.fromkeys(tables["mice"]["study"])) == names


def test_missing_mice_are_reported_and_no_mice_is_an_error(tmp_path):
    folder = make_mice(tmp_path / "some", {"study.days": 8})
    files = sorted((folder / "runs").rglob("*.h5"))
    files[0].unlink()
    assert any("1 of 6 runs" in line for line in analyse_mice(folder, with_figures=False).problems)
    for path in files[1:]:
        path.unlink()
    with pytest.raises(SheetError):
        analyse_mice(folder)


def test_body_weights_are_exported_and_drawn(tmp_path):
    changes = {
        "study.body_weight": True,
        "arm.1.dose": [{"drug": "cisplatin", "mg_per_kg": 6, "route": "ip", "days": [0]}],
    }
    folder = make_mice(tmp_path / "weighed", changes)
    result = analyse_mice(folder)
    assert "body_weight.png" in {path.name for path in result.figures}
    lost = result.tables["mice"].groupby("arm")["largest_weight_loss_pct"].agg(["min", "max"])
    # by the law on day 3: a growing mouse of 20 g, 0.019 x 6 x (3/4) e^(1/4) off its logarithm
    assert lost.loc["trastuzumab", "min"] > 7.0 and lost.loc["trastuzumab", "max"] < 11.0
    assert lost.loc["vehicle", "max"] < 1.0
    sheet = (folder / "exports" / "caliper.csv").read_text().splitlines()
    assert sheet[0].endswith("body_weight_g") and not sheet[1].endswith(",")
