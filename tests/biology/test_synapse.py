"""Bridges and activation: the law written again, and its limits."""

import math

import pytest

from adccsim.biology.binding import equilibrium_bound, equilibrium_free, free_receptors, singly_bound
from adccsim.biology.synapse import activation, bridge_constant, bridges, engaging, genotype_factor

K2, K16 = 2e4, 500.0


def twin(bound, cd16a, free_nM, igg_nM, genotype, gain):
    """Activation from molecules per cell, step by step as the model states it."""
    g = {"VV": 1.0, "VF": 1.8**0.5, "FF": 1.8}[genotype]
    k2 = K2 * g / gain * (1.0 + free_nM * gain / (K16 * g) + igg_nM / (K16 * g))
    n_f, n_16 = 0.03 * bound, 0.2 * cd16a
    x = n_f * n_16 / (k2 + n_f + n_16)
    return x**0.77 / (x**0.77 + 334.0**0.77)


@pytest.mark.parametrize("genotype", ["VV", "VF", "FF"])
@pytest.mark.parametrize("gain", [1.0, 10.0, 1e-3])
@pytest.mark.parametrize(("free_nM", "igg_nM"), [(0.0, 0.0), (700.0, 0.0), (7.0, 6667.0)])
def test_activation_is_the_law_of_the_model(genotype, gain, free_nM, igg_nM):
    k2 = bridge_constant(K2, gain, K16, free_nM, igg_nM, genotype_factor(genotype, 1.8))
    for bound, cd16a in [(1e3, 1e5), (1e6, 1e5), (1e6, 1e3)]:
        s = activation(bridges(0.03 * bound, 0.2 * cd16a, k2), 334.0, 0.77)
        assert s == pytest.approx(twin(bound, cd16a, free_nM, igg_nM, genotype, gain), rel=1e-12)


@pytest.mark.parametrize("receptors", [2e3, 3e4, 1.1e6])
@pytest.mark.parametrize("c_nM", [1e-3, 1.0, 70.0])
def test_antibodies_held_by_one_arm_count_their_weight(receptors, c_nM):
    """Against the closed-form equilibrium: A1 = 2 (C/K1) r and A2 = (C/K1) Kx r^2 engage as w A1 + A2."""
    kd, link = 5.0, 1e-5
    free = equilibrium_free(receptors, c_nM, kd, link)
    one, both = 2.0 * c_nM / kd * free, c_nM / kd * link * free**2
    bound = equilibrium_bound(receptors, c_nM, kd, link)
    found_one = singly_bound(receptors, free_receptors(receptors, bound, link), link)
    for weight in (0.0, 0.15, 1.0):
        assert engaging(bound, found_one, weight) == pytest.approx(weight * one + both, rel=1e-6)


def test_engaging_antibodies_at_the_limits():
    assert engaging(1000.0, 400.0, 1.0) == 1000.0
    assert engaging(1000.0, 400.0, 0.0) == 600.0
    assert engaging(1000.0, 0.0, 0.15) == 1000.0  # all held by both arms
    assert engaging(1000.0, 1000.0, 0.0) == 0.0  # no cross-link


def test_bridges_are_limited_by_the_scarcer_partner():
    assert bridges(1e12, 100.0, K2) == pytest.approx(100.0, rel=1e-6)
    assert bridges(100.0, 1e12, K2) == pytest.approx(100.0, rel=1e-6)
    assert bridges(0.0, 1e4, K2) == 0.0
    assert bridges(3e4, 2e4, K2) == bridges(2e4, 3e4, K2)


def test_bridges_follow_the_quadratic_where_they_are_few():
    """The exact mass-action root for n_f, n_16 and K2 exceeds the saturating form only by the share that is bridged."""
    for n_f, n_16 in [(10.0, 2e4), (1e3, 1e3), (3e4, 2e4)]:
        total = K2 + n_f + n_16
        exact = 2.0 * n_f * n_16 / (total + math.sqrt(total * total - 4.0 * n_f * n_16))
        x = bridges(n_f, n_16, K2)
        assert x <= exact <= x * (1.0 + 2.0 * x / total)


def test_activation_limits():
    assert activation(0.0, 334.0, 0.77) == 0.0
    assert activation(334.0, 334.0, 0.77) == 0.5
    assert activation(1e12, 334.0, 0.77) == pytest.approx(1.0, abs=1e-6)
    few = activation(1e-3, 334.0, 0.77)
    assert activation(2e-3, 334.0, 0.77) / few == pytest.approx(2.0**0.77, rel=1e-3)  # the Hill slope


def test_an_antibody_without_fc_makes_no_bridge():
    k2 = bridge_constant(K2, 0.0, K16, 1.0, 1.0, 1.0)
    assert k2 == math.inf
    assert activation(bridges(3e4, 2e4, k2), 334.0, 0.77) == 0.0


def test_free_antibody_and_serum_igg_compete():
    assert bridge_constant(K2, 1.0, K16, K16, 0.0, 1.0) == pytest.approx(2.0 * K2)
    assert bridge_constant(K2, 1.0, K16, 0.0, K16, 1.0) == pytest.approx(2.0 * K2)
    # an afucosylated antibody competes ten times better with itself, serum IgG does not
    assert bridge_constant(K2, 10.0, K16, K16 / 10.0, 0.0, 1.0) == pytest.approx(2.0 * K2 / 10.0)
    assert bridge_constant(K2, 10.0, K16, 0.0, K16, 1.0) == pytest.approx(2.0 * K2 / 10.0)


def test_genotypes_are_ordered_and_vf_is_the_geometric_mean():
    vv, vf, ff = (genotype_factor(g, 1.8) for g in ("VV", "VF", "FF"))
    assert (vv, ff) == (1.0, 1.8)
    assert vf * vf == pytest.approx(vv * ff)
    with pytest.raises(KeyError):
        genotype_factor("VX", 1.8)
