"""Recovery of known parameters: the code of the benchmark on a small bank of tiny wells."""

import pytest

from benchmarks.in_vitro_lysis.recovery import FREE, points, recover


def test_a_longer_run_contains_the_draws_of_a_shorter_one():
    units, named = points(5)
    more_units, longer = points(8)
    assert (more_units[:5] == units).all()
    assert list(longer)[:5] == list(named)
    for values in longer.values():
        assert all(each.low <= values[each.path] <= each.high for each in FREE)


@pytest.mark.slow
def test_strong_parameters_are_identified_and_slow_ones_are_not(tmp_path):
    """Ten truths: 90 % coverage has a standard error of 9.5 points; more than three of those below is an error."""
    table = recover(200, 10, 5, 80, tmp_path / "draws.jsonl", workers=1).set_index("parameter")
    half, reload_h = table.loc["effectors.default.bridges_half"], table.loc["effectors.default.granule_reload_h"]
    assert half["identified"] and half["correlation"] > 0.6
    assert reload_h["posterior_over_prior_sd"] > 0.7
    assert half["coverage90_pct"] >= 90 - 3 * 9.5
    assert len((tmp_path / "draws.jsonl").read_text().splitlines()) == 210
