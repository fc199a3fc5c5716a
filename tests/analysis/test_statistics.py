"""Means and intervals: closed forms, units of replication, coverage."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from adccsim.analysis import statistics as st


def test_t_interval_is_that_of_scipy():
    values = np.random.default_rng(1).normal(10, 3, 7)
    mean, sd, low, high = st.t_interval(values)
    expected = stats.t.interval(0.95, 6, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(7))
    assert (low, high) == pytest.approx(expected)
    assert (mean, sd) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_one_value_has_a_mean_and_nothing_else():
    mean, *rest = st.t_interval([4.0, np.nan])
    assert mean == 4.0
    assert np.isnan(rest).all()
    assert np.isnan(st.t_interval([])).all()


def test_replicates_are_averaged_within_their_donor_first():
    # Donor 1 has three wells and donor 2 one: the mean is that of the two donors, not of the four wells.
    frame = pd.DataFrame({"arm": "a", "donor": [1, 1, 1, 2], "value": [10.0, 11.0, 12.0, 31.0]})
    row = st.summarise_units(frame, ["arm"], "value").iloc[0]
    assert row["mean"] == pytest.approx(21.0)
    assert (row["n"], row["wells"], row["sd_basis"]) == (2, 4, st.DONORS)
    assert row["sd"] == pytest.approx(np.std([11, 31], ddof=1))


def test_one_donor_is_technical_error_only():
    frame = pd.DataFrame({"arm": ["a", "a", "b"], "donor": 1, "value": [1.0, 3.0, 5.0]})
    table = st.summarise_units(frame, ["arm"], "value").set_index("arm")
    assert set(table["sd_basis"]) == {st.REPLICATES}
    assert table.loc["a", ["n", "mean"]].tolist() == [2, 2.0]
    assert np.isnan(table.loc["b", "sd"])
    assert table.loc["b", "note"] == "one well: SD not available"


def test_a_group_without_a_value_is_kept_with_a_word():
    frame = pd.DataFrame({"arm": ["a", "b"], "donor": 1, "value": [1.0, np.nan]})
    row = st.summarise_units(frame, ["arm"], "value").set_index("arm").loc["b"]
    assert row["n"] == 0
    assert row["note"] == "no value"


def test_cluster_indices_repeat_for_a_seed():
    first, again = (st.cluster_bootstrap_indices(6) for _ in range(2))
    assert first.shape == (st.RESAMPLES, 6)
    assert (first == again).all()
    assert set(np.unique(first)) == set(range(6))


@pytest.mark.parametrize("clusters", [2, 3, 5, 8, 20])
def test_cluster_interval_covers(clusters):
    """95 % nominal; the plain percentile interval of 4 values covers about 80 %."""
    rng = np.random.default_rng(2)
    studies = 400
    hits = 0
    for _ in range(studies):
        values = rng.normal(size=clusters)
        draws = values[st.cluster_bootstrap_indices(clusters)].mean(axis=1)
        low, high = st.cluster_interval(draws, clusters, values.mean())
        hits += low <= 0 <= high
    error = np.sqrt(0.95 * 0.05 / studies)
    assert hits / studies > 0.95 - 4 * error


def test_expanded_percentile_interval_allows_infinity():
    draws = np.concatenate([np.linspace(1, 2, 400), np.full(100, np.inf)])
    low, high = st.expanded_percentile_interval(draws, 30)
    assert 1 <= low < 1.1
    assert np.isinf(high)


def test_paired_difference_removes_what_donors_fraction():
    donors = np.array([0.0, 50.0, 100.0])
    difference, error, dof = st.paired_difference(donors + 3, donors)
    assert difference == pytest.approx(3)
    assert error == pytest.approx(0, abs=1e-9)
    assert dof == 2
