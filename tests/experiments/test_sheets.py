"""A laboratory's own sheets as functions: results, and InputError with one line per fault."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from adccsim.analysis.growth import study as growth_study
from adccsim.experiments.errors import InputError
from adccsim.experiments.sheets import calipers, plate

CALIPERS = Path(__file__).parents[2] / "scenarios" / "data" / "example_caliper.csv"
PLATE = """role,dose_ug_per_ml,et_ratio,signal
target_only,,,0.3
target_only,,,0.32
maximum,,,1.5
maximum,,,1.48
sample,1,5,0.9
sample,1,5,0.93
"""


def test_a_plate_in_memory_writes_nothing(names):
    Path("plate.csv").write_text(PLATE)
    result, figures = plate(Path("plate.csv"), readout="calcein")
    assert len(result.lysis) == 1 and figures == []
    assert names() == ["measured.csv", "plate.csv"]
    plate(Path("plate.csv"), readout="calcein", out=Path("out"))
    assert Path("out/tables/plate_lysis.csv").is_file()


def test_a_plate_that_cannot_be_used_is_named_line_by_line():
    Path("plate.csv").write_text(PLATE.replace("0.93", "much").replace("0.9\n", "more\n"))
    with pytest.raises(InputError) as caught:
        plate(Path("plate.csv"))
    assert len(caught.value.lines) == 2
    assert all(line.startswith("plate.csv: row ") for line in caught.value.lines)
    Path("plate.csv").write_text(PLATE)
    with pytest.raises(InputError, match="no effector_only well"):
        plate(Path("plate.csv"))
    with pytest.raises(InputError, match=r"nowhere\.csv: No such file"):
        plate(Path("nowhere.csv"))


def test_calipers_become_growth_tables(folder, monkeypatch):
    monkeypatch.setattr(growth_study, "analyse_growth", partial(growth_study.analyse_growth, with_figures=False))
    shutil.copy(CALIPERS, "calipers.csv")
    result = calipers(Path("calipers.csv"), folder / "out")
    assert "arms" in result.tables and result.report == folder / "out/report.html"


def test_calipers_that_cannot_be_used_are_refused(names):
    Path("calipers.csv").write_text("arm,mouse,day,volume_mm3\nvehicle,1,0,100\nvehicle,1,3,big\n")
    with pytest.raises(InputError, match=r"calipers\.csv: row 3"):
        calipers(Path("calipers.csv"), Path("out"))
    with pytest.raises(InputError, match="is a file, not a directory"):
        calipers(Path("calipers.csv"), Path("measured.csv/below"))
    assert names() == ["calipers.csv", "measured.csv"]
