"""Donors: drawn from seed and number alone, the same over all conditions, typical when there is one."""

import math

import numpy as np
import pytest

from adccsim.scenario.well.donors import Donor, donors_of, draw_donor
from tests.scenario import conditions

SPREAD = {
    "donor_potency_log_sd": 0.6,
    "donor_motility_log_sd": 0.5,
    "donor_bridges_log10_sd": 0.2,
    "donor_purity_log_sd": 0.35,
    "nk_fraction": 0.1,
    "genotype": "population",
    "genotype_ff_fraction": 0.47,
    "genotype_vf_fraction": 0.42,
    "genotype_vv_fraction": 0.11,
}
TRAITS = ("donor_potency", "donor_motility", "donor_bridges", "nk_fraction", "genotype")


def traits_by_donor(changes, sweep=None):
    seen = {}
    for condition in conditions(changes, sweep):
        effectors = condition.effectors
        seen.setdefault(condition.donor, set()).add(tuple(getattr(effectors, name) for name in TRAITS))
    return seen


def test_one_donor_is_the_typical_one():
    assert traits_by_donor({}) == {1: {(1.0, 1.0, 1.0, 0.086, "VF")}}
    assert traits_by_donor({"effectors.genotype": "FF"}) == {1: {(1.0, 1.0, 1.0, 0.086, "FF")}}


def test_a_donor_is_the_same_in_every_well():
    sweep = {"antibody.dose_ug_per_ml": [0, 1], "effectors.et_ratio": [0, 5], "targets.cell_line": ["MCF-7", "KPL-4"]}
    seen = traits_by_donor({"effectors.donors": 4}, sweep)
    assert sorted(seen) == [1, 2, 3, 4]
    assert all(len(traits) == 1 for traits in seen.values())
    assert len(set.union(*seen.values())) == 4


def test_another_donor_changes_no_other():
    few, many = traits_by_donor({"effectors.donors": 3}), traits_by_donor({"effectors.donors": 6})
    assert few == {number: many[number] for number in few}


def test_donors_follow_the_seed():
    assert draw_donor(1, 1) != draw_donor(2, 1)
    assert draw_donor(1, 1) != draw_donor(1, 2)
    assert draw_donor(7, 3) == draw_donor(7, 3)


def test_the_spread_of_many_donors_is_that_of_the_catalogue():
    drawn = [donor.traits(SPREAD) for donor in donors_of(2026, 1000)]
    n = len(drawn)
    for values, sd in (
        ([math.log(d["donor_potency"]) for d in drawn], 0.6),
        ([math.log(d["donor_motility"]) for d in drawn], 0.5),
        ([math.log10(d["donor_bridges"]) for d in drawn], 0.2),
        ([math.log(d["nk_fraction"] / 0.1) for d in drawn if d["nk_fraction"] < 1], 0.35),
    ):
        assert abs(np.mean(values)) < 4 * sd / math.sqrt(n)
        assert abs(np.std(values) - sd) < 4 * sd / math.sqrt(2 * n)
    for genotype, fraction in (("FF", 0.47), ("VF", 0.42), ("VV", 0.11)):
        found = sum(d["genotype"] == genotype for d in drawn) / n
        assert abs(found - fraction) < 4 * math.sqrt(fraction * (1 - fraction) / n)


def test_traits_are_independent_of_each_other():
    scores = np.array([[d.potency, d.motility, d.bridges, d.purity, d.genotype] for d in donors_of(2026, 1000)])
    correlation = np.corrcoef(scores.T) - np.eye(5)
    assert np.abs(correlation).max() < 4 / math.sqrt(len(scores))


def test_purity_never_passes_one():
    assert Donor(1, purity=9.0, genotype=0.0).traits(SPREAD)["nk_fraction"] == 1.0


@pytest.mark.parametrize(("u", "genotype"), [(0.0, "FF"), (0.46, "FF"), (0.48, "VF"), (0.88, "VF"), (0.9, "VV")])
def test_genotypes_share_the_unit_interval(u, genotype):
    assert Donor(1, genotype=u).traits(SPREAD)["genotype"] == genotype
    doubled = SPREAD | {
        f"genotype_{name}_fraction": 2 * SPREAD[f"genotype_{name}_fraction"] for name in ("ff", "vf", "vv")
    }
    assert Donor(1, genotype=u).traits(doubled)["genotype"] == genotype
    assert Donor(1, genotype=u).traits(SPREAD | {"genotype": "VV"})["genotype"] == "VV"
