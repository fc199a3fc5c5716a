"""Pictures of wells of every shape, and the words on figures."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay.picture import representative_run, well_figure
from adccsim.analysis.assay.plots import MOST_DOSES, et_figure, time_figure
from adccsim.analysis.figures import dose_words, facets, save
from adccsim.analysis.reading.runs import read_study
from tests.analysis.make_runs import Design, Truth, make_study

WELLS = {
    "disc": {"shape": "disc", "area_mm2": 2.0},
    "square": {"shape": "square", "area_mm2": 4.0},
    "chip": {"shape": "chip", "area_mm2": 2.0, "microwell_side_um": 50, "targets_per_microwell": 3},
}


@pytest.mark.parametrize("shape", list(WELLS))
def test_a_well_of_any_shape_has_a_picture(tmp_path, shape):
    design = Design(doses=(0.0, 1.0), replicates=1, extra=lambda condition: condition.update(well=WELLS[shape]))
    make_study(tmp_path, design, Truth())
    run = representative_run(read_study(tmp_path).runs)
    files = save(well_figure(run), tmp_path / "well")
    assert [path.suffix for path in files] == [".png", ".svg"]
    assert files[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_well_shown_has_antibody_and_an_ordinary_ratio(tmp_path):
    make_study(tmp_path, Design(doses=(0.0, 0.1, 1.0, 10.0), ratios=(1.0, 5.0, 10.0), replicates=2), Truth())
    run = representative_run(read_study(tmp_path).runs)
    assert run.condition["antibody"]["dose_ug_per_ml"] == 1.0
    assert run.condition["effectors"]["et_ratio"] == 5.0
    assert run.condition["replicate"] == 1


def test_no_picture_without_a_last_frame():
    assert representative_run([]) is None


def test_colours_before_panels_while_they_suffice():
    frame = pd.DataFrame(
        [(line, et, dose) for line in "ab" for et in (1.0, 5.0) for dose in np.arange(8.0)],
        columns=["cell_line", "et_ratio", "dose_ug_per_ml"],
    )
    found = facets(frame, ["dose_ug_per_ml", "et_ratio"], most_hues=8)
    assert (found.panel, found.hue) == (["cell_line", "et_ratio"], ["dose_ug_per_ml"])
    assert len(found.panels) == 4
    assert found.panel_title(("a", 5.0)) == "a, E:T 5:1"
    found = facets(frame, ["et_ratio"], most_hues=8)
    assert (found.panel, found.hue) == (["cell_line"], ["et_ratio"])


def test_panels_beyond_the_page_are_counted():
    frame = pd.DataFrame({"cell_line": [f"line {i}" for i in range(30)], "et_ratio": 5.0})
    assert facets(frame, ["et_ratio"]).left_out == 10


def test_doses_are_written_in_the_unit_that_reads_best():
    assert [dose_words(dose) for dose in (1e-5, 0.003, 0.1, 10.0)] == ["0.01 ng/mL", "3 ng/mL", "0.1 µg/mL", "10 µg/mL"]


def course(doses: int, **more: list) -> pd.DataFrame:
    """A table of kinetics with that many doses, dose 0 among them."""
    rows = [(0.0 if i == 0 else 10.0 ** (i - 8), hours) for i in range(doses) for hours in (0.0, 2.0, 4.0)]
    frame = pd.DataFrame(rows, columns=["dose_ug_per_ml", "hours"])
    fixed = {"role": "sample", "cell_line": "SK-BR-3", "effector": "NK", "readout": "LDH", "et_ratio": 5.0}
    frame = frame.assign(**fixed, antibody="trastuzumab", duration_h=4.0, specific_lysis_pct=10.0, sd=1.0)
    for key, values in more.items():
        frame = pd.concat([frame.assign(**{key: value}) for value in values], ignore_index=True)
    return frame


def test_a_time_course_shows_every_dose_of_a_usual_series():
    """Eight doses and none: one was left out (0.1 ng/mL of W3)."""
    figure = time_figure(course(9), [])
    (legend,) = figure.legends
    assert len(legend.get_texts()) == len(figure.axes[0].lines) == 9
    assert figure.get_suptitle() == "Lysis over time"


def test_a_figure_that_leaves_doses_out_says_so():
    figure = time_figure(course(20), [])
    assert len(figure.axes[0].lines) == MOST_DOSES and figure.get_suptitle().endswith(f"({MOST_DOSES} of 20 doses)")
    summary = course(9, et_ratio=[1.0, 5.0]).rename(columns={"specific_lysis_pct": "mean"})
    summary = summary[summary["hours"] == 4.0].assign(ci95_low=9.0, ci95_high=11.0)
    assert et_figure(summary, []).get_suptitle().endswith("of 9 doses)")


def test_no_two_lines_of_a_panel_look_alike():
    key = "antibody.kd_nM"
    figure = time_figure(course(5, **{key: [0.1, 5.0]}), [key])
    assert [len(axis.lines) for axis in figure.axes] == [5, 5]
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["kd nM 0.1", "kd nM 5"]
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert len({tuple(np.atleast_1d(colour)) for colour in colours}) == 5
