"""Exports for other programs, read back as those programs read them."""

import re

import numpy as np
import pandas as pd

from adccsim.analysis.growth.caliper_rows import check_rows
from adccsim.analysis.growth.caliper_sheet import read_caliper
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.export import write_kulgap, write_tidy, write_tumgrowth
from adccsim.analysis.growth.tables import mouse_table
from tests.analysis.growth.sheets import exponential, rows_of

NAN = float("nan")


def mice_of(rows):
    return mouse_table(rows, "vehicle", GrowthDesign(), 0.0, None)


def test_tidy_keeps_every_digit(tmp_path):
    rows = check_rows(exponential({"vehicle": 0.1234567890123, "drug": 0.1}, mice=3)).rows
    again = read_caliper(write_tidy(rows, tmp_path / "c.csv")).rows
    pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_tumgrowth(tmp_path):
    rows = check_rows(
        rows_of({"vehicle": [[100, 400, 1600], [100, 300, NAN]], "drug A": [[90, 95, 80.5]]}, (0, 7, 14.5))
    ).rows
    path, notes = write_tumgrowth(rows, mice_of(rows), tmp_path / "t.tsv")
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    head = lines[0]
    assert [h for h in head if re.fullmatch("[group]+", h.lower())] == ["Grp"]
    days = [i for i, h in enumerate(head) if re.fullmatch("[0-9]+", h)]
    assert [head[i] for i in days] == ["0", "7"]
    assert {lines[1][i] for i in days} == {"Volume"}
    assert lines[2][:4] == ["vehicle", "vehicle.m1", "x", ""]  # reached 1000 mm3: not alive
    assert lines[3][:4] == ["vehicle", "vehicle.m2", "x", "x"]
    assert lines[4][:4] == ["drug_A", "drug_A.m1", "x", "x"]
    assert [float(lines[4][i]) for i in days] == [90, 95]
    assert notes == ["t.tsv: days 14.5 left out (whole days from 0 only)"]


def kulgap_reader(path):
    """The data as KuLGaP reads them: arrays truncated at the first mouse that leaves."""
    frame = pd.read_csv(path)
    control = frame.loc[:, [bool(re.match("Control.*", c)) for c in frame]].to_numpy()
    treated = frame.loc[:, [bool(re.match("Treatment.*", c)) for c in frame]].to_numpy()
    assert control.shape == treated.shape
    end = min(np.sum(~np.isnan(control), axis=0).min(), np.sum(~np.isnan(treated), axis=0).min())
    return frame["Time"].to_numpy()[:end], control[:end], treated[:end]


def test_kulgap(tmp_path):
    vehicle = [[100, 200, 400, 800], [110, NAN, 410, 810], [120, 220, 420, 820]]
    rows = check_rows(rows_of({"vehicle": vehicle, "drug": [[90, 91, 92, NAN], [80, 81, 82, 83]]}, (0, 3, 7, 10))).rows
    path, notes = write_kulgap(rows, "drug", "vehicle", tmp_path / "k.csv")
    time, control, treated = kulgap_reader(path)
    assert time.tolist() == [0, 7]
    np.testing.assert_allclose(control, [[100, 110], [400, 410]])
    np.testing.assert_allclose(treated, [[90, 80], [92, 82]])
    assert any("mice m3 of vehicle left out" in n for n in notes)
    assert any("days 3 left out" in n for n in notes)


def test_kulgap_with_nothing_left(tmp_path):
    rows = check_rows(rows_of({"vehicle": [[100, NAN]], "drug": [[NAN, 90]]}, (0, 3))).rows
    path, notes = write_kulgap(rows[rows["arm"] == "vehicle"], "drug", "vehicle", tmp_path / "k.csv")
    assert path is None and not (tmp_path / "k.csv").exists()
    assert "not written" in notes[-1]
