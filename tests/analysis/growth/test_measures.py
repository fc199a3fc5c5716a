"""Growth measures against closed forms and against published figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.growth import measures as growth
from tests.analysis.growth.sheets import rows_of

PUBLISHED = pd.read_csv(Path(__file__).parents[2] / "reference" / "growth" / "tgi_published.csv")


@pytest.mark.parametrize("row", PUBLISHED.to_dict("records"), ids=lambda r: f"{r['study']} {r['arm']}")
def test_published_inhibition(row):
    groups = row["C0"], row["C1"], row["T0"], row["T1"]
    assert round(growth.tgi_piecewise(*groups)) == row["reported"]
    # The other columns were computed by hand to one decimal.
    assert growth.tc_pct(row["C1"], row["T1"]) == pytest.approx(row["T_over_C_pct"], abs=0.0501)
    assert growth.tgi_tc(row["C1"], row["T1"]) == pytest.approx(row["TGI_1_minus_TC"], abs=0.0501)
    assert growth.tgi_delta(*groups) == pytest.approx(row["TGI_delta"], abs=0.0501)


def test_ten_published_rows():
    assert len(PUBLISHED) == 10


def test_limits_of_the_ratios():
    assert growth.tgi_tc(800, 800) == 0
    assert growth.tgi_delta(100, 800, 100, 800) == 0
    assert growth.tgi_tc(800, 0) == 100
    assert growth.tgi_piecewise(100, 800, 100, 0) == 200
    assert growth.tgi_piecewise(100, 800, 100, 100) == growth.tgi_delta(100, 800, 100, 100) == 100
    assert growth.rate_tc_pct(0.1, 0.1) == 100
    assert growth.growth_rate_inhibition(0.1, 0.025) == pytest.approx(75)
    assert np.isnan(growth.tgi_tc(0, 10))
    assert np.isnan(growth.tgi_delta(100, 90, 100, 50))
    assert np.isnan(growth.growth_rate_inhibition(-0.1, 0.1))


def test_exponential_tumour_has_one_rate_everywhere():
    day = np.array([0.0, 3, 7, 10, 21])
    volume = 120 * np.exp(0.1 * day)
    mouse = growth.mouse_growth(day, volume, 0.0, 21.0)
    assert mouse["growth_rate_per_day"] == pytest.approx(0.1, rel=1e-12)
    assert mouse["specific_growth_rate_per_day"] == pytest.approx(0.1, rel=1e-12)
    assert mouse["doubling_time_d"] == pytest.approx(np.log(2) / 0.1)
    assert mouse["adjusted_log_area"] == pytest.approx(0.1 * 21 / 2)
    assert mouse["relative_volume"] == pytest.approx(np.exp(2.1))
    assert mouse["days_to_2x"] == pytest.approx(np.log(2) / 0.1)
    assert mouse["days_to_4x"] == pytest.approx(np.log(4) / 0.1)
    assert np.isnan(mouse["days_to_1000_mm3"])
    assert mouse["note"] == "does not reach 1000 mm3"


def test_log_cell_kill_of_one_decade():
    # A delay of log2(10) doubling times is one decade.
    assert growth.log_cell_kill(3.32 * 6.0, 6.0) == pytest.approx(1.0)


def test_volumes_below_the_limit_enter_logarithms_as_the_limit():
    day = np.array([0.0, 7, 14, 21])
    volume = np.array([100.0, 5.0, 0.0, 0.0])
    mouse = growth.mouse_growth(day, volume, 0.0, 21.0)
    expected = np.polyfit(day, np.log([100.0, 20, 20, 20]), 1)[0]
    assert mouse["growth_rate_per_day"] == pytest.approx(expected)
    assert mouse["below_loq"] == 3
    assert "3 readings below 20 mm3" in mouse["note"]
    assert mouse["evaluation_volume_mm3"] == 0.0


def test_slopes_leave_out_gaps_and_need_two_days():
    day = np.array([0.0, 3, 7, 10])
    y = np.array([[1.0, np.nan, 2.4, 3.0], [np.nan, np.nan, np.nan, 4.0], [1.0, 1.0, 1.0, 1.0]])
    slopes = growth.slopes(day, y)
    assert slopes[0] == pytest.approx(np.polyfit([0, 7, 10], [1, 2.4, 3], 1)[0])
    assert np.isnan(slopes[1])
    assert slopes[2] == 0


def test_crossing_day():
    day = np.array([0.0, 10, 20])
    assert growth.crossing_day(day, np.array([100.0, 400, 1600]), 200) == pytest.approx(5)
    assert growth.crossing_day(day, np.array([300.0, 400, 1600]), 200) == 0
    assert np.isnan(growth.crossing_day(day, np.array([100.0, 110, 120]), 200))
    # Below the limit of quantification the interpolation starts at the limit.
    assert growth.crossing_day(day, np.array([0.0, 0, 40]), 20.0) == pytest.approx(10.0)


def test_baseline_and_evaluation_day():
    rows = rows_of({"vehicle": [[1, 2, 3, 4]] * 4 + [[1, 2, 3]], "drug": [[1, 2, 3, 4]]}, days=(0, 7, 14, 21))
    assert growth.choose_baseline_day(rows) == 0
    assert growth.choose_evaluation_day(rows, "vehicle", 0.0) == 21  # 4 of 5 are 80 %
    fewer = rows[~((rows["arm"] == "vehicle") & (rows["mouse"] == "m4") & (rows["day"] == 21))]
    assert growth.choose_evaluation_day(fewer, "vehicle", 0.0) == 14
    assert growth.choose_evaluation_day(fewer, "vehicle", 0.0, wanted=7) == 7
    assert growth.choose_evaluation_day(rows[rows["day"] == 0], "vehicle", 0.0) is None
    late = rows.assign(day=rows["day"] + 12)
    assert growth.choose_baseline_day(late) == 12


def test_means_by_day_are_over_the_mice_measured():
    rows = rows_of({"vehicle": [[100, 200], [200, np.nan]]}, days=(0, 7))
    table = growth.by_day(rows, 0.0)
    assert table["mice_read"].tolist() == [2, 1]
    assert table["mice_enrolled"].tolist() == [2, 2]
    assert table["mean_mm3"].tolist() == [150, 200]
    assert table["sem_mm3"].iloc[0] == pytest.approx(50)
    assert table["geometric_mean_mm3"].iloc[0] == pytest.approx(np.sqrt(20_000))


def test_volume_formula_names():
    assert growth.caliper_volume(10, 8) == 320
    assert growth.caliper_volume(8, 10) == 320
    assert growth.caliper_volume(10, 8, "ellipsoid") == pytest.approx(np.pi / 6 * 640)
    with pytest.raises(ValueError, match="one of half, ellipsoid"):
        growth.caliper_volume(1, 1, "sphere")
