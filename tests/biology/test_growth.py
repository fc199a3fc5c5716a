"""Growth and its arrest: the law by hand and its limits."""

import math

import pytest

from adccsim.biology.growth import combined_block, direct_block, division_rate


def test_division():
    assert division_rate(40.0, 0.0, 0.0) == pytest.approx(math.log(2.0) / 40.0)
    assert division_rate(40.0, 0.25, 0.0) == pytest.approx(0.75 * math.log(2.0) / 40.0)
    assert division_rate(40.0, 0.25, 0.5) == pytest.approx(0.375 * math.log(2.0) / 40.0)
    assert division_rate(40.0, 1.0, 0.0) == division_rate(40.0, 0.0, 1.0) == 0.0
    # free growth doubles in the doubling time
    assert math.exp(division_rate(40.0, 0.0, 0.0) * 40.0) == pytest.approx(2.0)


@pytest.mark.parametrize("occupancy", [0.1, 0.3, 0.8])
def test_block_saturates_in_occupancy(occupancy):
    expected = 0.45 * 0.7 * 1.3 * occupancy / (occupancy + 0.3)
    assert direct_block(occupancy, 0.45, 0.7, 0.3) == pytest.approx(expected)


def test_block_limits():
    assert direct_block(0.0, 0.45, 1.0, 0.3) == 0.0
    assert direct_block(1.0, 0.45, 1.0, 0.3) == pytest.approx(0.45)  # full occupancy blocks E_dir rho
    assert direct_block(0.3, 0.45, 1.0, 0.3) == pytest.approx(0.45 * 1.3 / 2.0)  # half effect of the hyperbola
    assert direct_block(1.0, 0.45, 0.0, 0.3) == 0.0
    assert direct_block(1.0, 1.0, 1.0, 0.1) == 1.0  # a share: never above 1


def test_two_antibodies_combine_independently_and_more_with_synergy():
    assert combined_block(0.4, 0.0, 0.0) == pytest.approx(0.4)
    assert combined_block(0.4, 0.5, 0.0) == pytest.approx(1.0 - 0.6 * 0.5)
    assert combined_block(0.4, 0.5, 0.2) == pytest.approx(1.0 - 0.6 * 0.5 * 0.8)
