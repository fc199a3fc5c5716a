"""Viability: relative and absolute potency, growth rates, selected against parental cells."""

import numpy as np
import pytest

from adccsim.analysis.assay.controls import plate_controls
from adccsim.analysis.assay.headline import viability_words
from adccsim.analysis.assay.viability import growth_rate_value, viability_tables, viability_wells
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import read_study
from tests.analysis.make_runs import Design, Truth, make_study

DOSES = (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 1.0, 10.0)
DESIGN = {"doses": DOSES, "ratios": (0.0,), "readout": "viability", "hours": 96.0, "every_h": 12.0}


def viability(folder, truth, **more):
    make_study(folder, Design(**DESIGN | more), truth)
    study = read_study(folder)
    frame, extra = design_table(study.runs, study.info["varied"])
    wells = viability_wells(study.runs, frame, plate_controls(study.runs, frame))
    return viability_tables(wells, extra)


def test_growth_rate_limits():
    assert growth_rate_value(8.0, 8.0, 2.0) == pytest.approx(1.0)
    assert growth_rate_value(2.0, 8.0, 2.0) == pytest.approx(0.0)
    assert growth_rate_value(1.0, 8.0, 2.0) < 0
    assert growth_rate_value(0.0, 8.0, 2.0) == -1.0
    assert np.isnan(growth_rate_value(2.0, 2.0, 2.0))


def test_partial_inhibition_has_an_ec50_and_no_ic50(tmp_path):
    truth = Truth(bottom=0.0, emax=35.0, ec50=0.01, hill=1.2, noise=0.02)
    table, summary, _ = viability(tmp_path, truth)
    row = summary.iloc[0]
    assert row["status"] == "ok"
    low, high = row["relative_ec50_ng_per_ml_ci95_low"], row["relative_ec50_ng_per_ml_ci95_high"]
    assert abs(10.0 - (low + high) / 2) < high - low
    assert row["lower_plateau_pct"] == pytest.approx(65, abs=1.5)
    assert row["maximal_inhibition_pct"] == pytest.approx(35, abs=1.5)
    assert row["ic50_word"] == "not reached"
    assert np.isnan(row["ic50_ng_per_ml"])
    # Control grows 4-fold in 96 h: 65 % of it is 2.6-fold.
    assert row["growth_factor"] == pytest.approx(4.0, rel=0.05)
    assert row["grmax"] == pytest.approx(2 ** (np.log2(2.6) / 2) - 1, abs=0.03)
    zero = table[(table["dose_ug_per_ml"] == 0) & (table["role"] == "sample")].iloc[0]
    assert zero["mean"] == pytest.approx(100, abs=1.5)
    assert zero["gr_mean"] == pytest.approx(1, abs=0.03)


def test_full_inhibition_has_ic50_and_gr50(tmp_path):
    truth = Truth(bottom=0.0, emax=95.0, ec50=0.01, hill=1.0, noise=0.01)
    _, summary, _ = viability(tmp_path, truth)
    row = summary.iloc[0]
    # 100 - 95 d / (d + 10) = 50, and = 4^(log2(1.5) - 1) for the growth rate.
    assert row["ic50_ng_per_ml"] == pytest.approx(10 * 50 / 45, rel=0.1)
    assert row["ic50_ng_per_ml_ci95_low"] < row["ic50_ng_per_ml"] < row["ic50_ng_per_ml_ci95_high"]
    fall = 100 - 100 * 4 ** (np.log2(1.5) - 1)
    assert row["gr50_ng_per_ml"] == pytest.approx(10 * fall / (95 - fall), rel=0.1)
    assert row["ic50_word"] == "reached"


def test_an_ic50_inside_the_doses_does_not_need_the_plateau(tmp_path):
    """Viability falls through 50 % at 0.1 ug/mL and goes on falling at the highest dose."""
    truth = Truth(bottom=0.0, emax=100.0, ec50=0.1, hill=0.6, noise=0.005)
    _, summary, _ = viability(tmp_path, truth, doses=(0.0, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5))
    row = summary.iloc[0]
    assert row["status"] == "lower plateau not reached"
    assert row["ic50_ng_per_ml"] == pytest.approx(100, rel=0.15)
    assert "IC50 " in viability_words(row.to_dict()) and "not reached;" not in row["ic50_word"]


def test_resistant_cells_show_no_response(tmp_path):
    _, summary, _ = viability(tmp_path, Truth(bottom=0.0, emax=0.0, noise=0.02))
    row = summary.iloc[0]
    assert row["status"] == "no dose response"
    assert row["ic50_word"] == "not reached"


def test_selected_cells_stand_beside_parental_ones(tmp_path):
    def truth(condition):
        days = (condition["culture"] or {}).get("days", 0)
        return Truth(bottom=0.0, emax=5.0 if days else 35.0, ec50=0.01, noise=0.01)

    _, summary, _ = viability(tmp_path, truth, swept={"culture.days": [0, 120]})
    rows = summary.set_index("culture.days")
    assert rows.loc[0, "maximal_inhibition_pct"] == pytest.approx(35, abs=2)
    assert rows.loc[120, "maximal_inhibition_pct"] == pytest.approx(5, abs=2)
