"""Response categories at and near their limits."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.growth import response


def test_worked_example_is_progressive_disease():
    day = np.array([0.0, 3, 7, 11, 18, 22, 26, 30, 32, 35])
    volume = np.array([250.8, 320.4, 402.3, 382.6, 384, 445.9, 460.2, 546.8, 554.3, 617.9])
    category, best, average = response.mrecist(day, volume)
    assert category == "PD"
    assert best == pytest.approx(100 * (382.6 / 250.8 - 1))
    change = 100 * (volume / 250.8 - 1)
    assert average == pytest.approx(change[:4].mean())


@pytest.mark.parametrize(
    ("volumes", "category"),
    [
        ([100, 60, 4, 4], "CR"),  # average (0 - 40 - 96 - 96) / 4 = -58
        ([100, 100, 100, 4], "PR"),  # best -96, but the average is only -24
        ([100, 80, 45, 40], "PR"),
        ([100, 100, 100, 45], "SD"),  # best below -50, average -13.75
        ([100, 110, 120, 130], "SD"),
        ([100, 130, 134, 200], "SD"),  # best 34 on day 10, average 21.3
        ([100, 190, 134, 200], "PD"),  # the same best, average 41.3
        ([100, 150, 150, 150], "PD"),
    ],
)
def test_mrecist(volumes, category):
    assert response.mrecist(np.array([0.0, 7, 10, 14]), np.array(volumes, dtype=float))[0] == category


def test_mrecist_counts_from_day_ten_only():
    volume = np.array([100.0, 1, 200, 300])
    assert response.mrecist(np.array([0.0, 7, 10, 14]), volume)[1] == 100
    assert response.mrecist(np.array([0.0, 3, 5, 7]), volume)[0] == ""
    assert response.mrecist(np.array([3.0, 7, 10, 14]), volume)[0] == ""
    assert response.mrecist(np.array([0.0, 7, 10, 14]), np.array([0.0, 1, 2, 3]))[0] == ""


@pytest.mark.parametrize(
    ("volumes", "category"),
    [
        ([100, 30, 39], "MCR"),
        ([100, 39, 45], "CR"),
        ([100, 50, 300], "PR"),
        ([100, 51, 125], "SD"),
        ([100, 51, 126], "PD"),
        ([39, 10, 0], ""),
        ([100], ""),
    ],
)
def test_pptp_like(volumes, category):
    assert response.pptp(np.arange(len(volumes)) * 7.0, np.array(volumes, dtype=float)) == category


def test_counts_and_exact_interval():
    mice = pd.DataFrame(
        {"study": "s", "arm": ["a"] * 4, "mrecist": ["CR", "PR", "SD", ""], "pptp_like": ["MCR", "PR", "SD", "PD"]}
    )
    table = response.counts(mice).set_index("scheme")
    assert table.loc["mRECIST", "with_category"] == 3
    assert table.loc["mRECIST", "responders_pct"] == pytest.approx(200 / 3)
    assert table.loc["PPTP-like", ["MCR", "CR", "PR", "SD", "PD"]].tolist() == [1, 0, 1, 1, 1]
    # None of n: the upper limit is 1 - (alpha / 2)^(1 / n).
    assert response.fraction_interval(0, 8) == (0.0, pytest.approx(1 - 0.025 ** (1 / 8)))
    assert response.fraction_interval(8, 8) == (pytest.approx(0.025 ** (1 / 8)), 1.0)
    low, high = response.fraction_interval(4, 8)
    assert low == pytest.approx(1 - high)
