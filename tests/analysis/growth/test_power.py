"""Number of mice: closed form, t test and simulation compared."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from adccsim.analysis.growth import power


def test_closed_form_of_the_worked_example():
    mice = power.mice_closed_form(power.difference_of_tgi(25), 0.28)
    assert mice == pytest.approx(2 * (1.959964 + 0.841621) ** 2 * 0.28**2 / np.log(1 / 0.75) ** 2, rel=1e-5)
    assert np.ceil(mice) == 15


@pytest.mark.parametrize(("mice", "effect"), [(3, 2.0), (8, 1.0), (15, 1.03), (40, 0.5)])
def test_power_of_t_equals_statsmodels(mice, effect):
    other = TTestIndPower().power(effect, mice, 0.05)
    assert power.power_of_t(mice, effect * 0.3, 0.3) == pytest.approx(other, abs=1e-9)


def test_simulation_agrees_with_the_closed_power():
    for mice, difference in ((8, 0.35), (20, 0.25)):
        simulated = power.power_by_simulation(mice, difference, 0.28)
        expected = power.power_of_t(mice, difference, 0.28)
        # Welch's t loses a little to Student's at equal variances: at most one per cent here.
        assert abs(simulated - expected) < 4 * np.sqrt(expected * (1 - expected) / power.STUDIES) + 0.01


def test_mice_per_arm_rise_with_sd_and_fall_with_effect():
    small, large = power.power_table(0.15, 21, "x"), power.power_table(0.4, 21, "x")
    assert (small["mice_per_arm"].to_numpy() <= large["mice_per_arm"].to_numpy()).all()
    assert (np.diff(large["mice_per_arm"].to_numpy(dtype=float)) <= 0).all()
    assert (large["simulated_power_pct"] >= 79.5).all()


def test_a_very_large_sd_is_noted():
    table = power.power_table(30.0, 21, "x")
    assert table["mice_per_arm"].isna().all()
    assert set(table["note"]) == {"more than 500 mice per arm"}


def test_pooled_sd():
    assert power.pooled_sd([np.array([1.0, 3]), np.array([0.0, 4]), np.array([9.0])]) == pytest.approx(np.sqrt(5))
    assert np.isnan(power.pooled_sd([np.array([1.0])]))
