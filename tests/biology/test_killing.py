"""Hits, parting, reload, repair, death stages and the traits of cells: rates by hand, distributions by their law."""

import math

import numpy as np
import pytest
from scipy import stats

from adccsim.biology import killing

NORMALS = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)  # one standard normal per equal share of the law


def test_hits():
    assert killing.antibody_hit_rate(2.0, 3.1, 0.5) == pytest.approx(3.1)
    assert killing.antibody_hit_rate(2.0, 3.1, 0.0) == 0.0
    assert killing.natural_hit_rate(2.0, 1.1) == pytest.approx(2.2)


def test_parting_quickens_as_cd16a_is_shed():
    full, none = killing.CD16A_LEVELS, 0
    assert killing.detach_rate(full, 0.62, 1.0) == pytest.approx(1.0 / 0.62)
    assert killing.detach_rate(none, 0.62, 1.0) == pytest.approx(2.0 / 0.62)
    assert killing.detach_rate(2, 0.5, 1.0) == pytest.approx((1.0 + 0.75) / 0.5)
    assert killing.detach_rate(none, 0.62, 0.0) == pytest.approx(1.0 / 0.62)


def test_shedding_reload_and_repair_are_linear_and_stop_at_their_ends():
    assert killing.shedding_rate(8, 0.9, 0.5) == pytest.approx(3.6)
    assert killing.shedding_rate(0, 0.9, 0.5) == 0.0
    assert killing.shedding_rate(8, 0.9, 0.0) == 0.0
    assert killing.reload_rate(1, 7, 36.0) == pytest.approx(1.0 / 6.0)
    assert killing.reload_rate(7, 7, 36.0) == 0.0
    assert killing.repair_rate(3, 0.83) == pytest.approx(3.0 / 0.83)
    assert killing.repair_rate(0, 0.83) == 0.0


def test_three_stages_take_the_death_time_on_average():
    assert killing.DEATH_STAGES / killing.death_stage_rate(0.5) == pytest.approx(0.5)


def test_thresholds_are_rounded_log_normal_and_clipped():
    values = np.array([killing.threshold(2.0, z, 0.5) for z in NORMALS])
    assert values.min() >= 1 and values.max() <= killing.MAX_HITS_TO_KILL == 8
    law = stats.lognorm(0.5, scale=2.0)
    for k in range(2, 8):
        assert (values == k).mean() == pytest.approx(law.cdf(k + 0.5) - law.cdf(k - 0.5), abs=1e-4)
    assert (values == 1).mean() == pytest.approx(law.cdf(1.5), abs=1e-4)
    assert {killing.threshold(2.0, z, 0.0) for z in (-9.0, 0.0, 9.0)} == {2}
    assert killing.threshold(1.0, 9.0, 1.0) == 8
    assert killing.threshold(1.0, -9.0, 1.0) == 1


def test_granule_loads_are_geometric_from_one():
    u = (np.arange(100_000) + 0.5) / 100_000
    loads = np.array([killing.granule_load(5.7, x) for x in u])
    p = 1.0 / 5.7
    assert loads.min() == 1
    for k in (1, 2, 5, 20):
        assert (loads == k).mean() == pytest.approx(p * (1.0 - p) ** (k - 1), abs=2e-5)
    assert loads.mean() == pytest.approx(5.7, rel=1e-3)
    assert killing.granule_load(5.7, 1.0) == 1
    assert killing.granule_load(1e6, 1e-300) == killing.MAX_GRANULES
    assert killing.granule_load(1.0, 0.3) == killing.granule_load(0.5, 0.3) == 1


def test_log_normal_has_the_arithmetic_mean_and_the_variation_asked_for():
    values = np.array([killing.lognormal(3.0, 0.5, z) for z in NORMALS])
    assert values.mean() == pytest.approx(3.0, rel=1e-3)
    assert values.std() / values.mean() == pytest.approx(0.5, rel=5e-3)
    assert killing.lognormal(3.0, 0.0, 2.0) == 3.0


def test_potency_has_median_one_and_a_cap():
    assert killing.potency(0.6, 5.0, 0.0) == 1.0
    assert killing.potency(0.6, 5.0, 1.0) == pytest.approx(math.exp(0.6))
    assert killing.potency(0.6, 5.0, 4.0) == 5.0
    assert killing.potency(0.0, 5.0, 3.0) == 1.0


def test_hits_at_birth_are_those_of_the_line():
    """Quantiles are thresholds at equally likely z; a byte of the word picks one, each of the 256 alike."""
    table = killing.hits_quantiles(2.0, 0.5)
    law = stats.lognorm(0.5, scale=2.0)
    assert (np.diff(table.astype(int)) >= 0).all()
    for k in range(2, 8):
        assert (table == k).mean() == pytest.approx(law.cdf(k + 0.5) - law.cdf(k - 0.5), abs=1 / 256)
    ramp = np.arange(256, dtype=np.uint8)
    assert [killing.hits_at_birth(ramp, np.uint64(i) << np.uint64(40)) for i in range(256)] == list(range(256))
