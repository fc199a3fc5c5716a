"""Small molecules: decay and saturation, late deaths, what is blocked, what is given back where PTEN is lost."""

import math

import pytest

from adccsim.conditions.mouse import SmallMolecule
from adccsim.xenograft.partners import Partners
from tests.xenograft.bodies import params, section

DRUG = {
    "half_life_h": 12.0,
    "dose_half_mg_per_kg": 20.0,
    "birth_block": 0.0,
    "her2_branch_block": 0.0,
    "kill_per_d": 0.0,
    "transit_h": 0.0,
    "restored_response": 0.0,
}
PTEN_NULL = {"mechanism": "PTEN-loss", "direct_response": 0.1}


def drug(**effects) -> SmallMolecule:
    return section(SmallMolecule, {**DRUG, **effects})


def mouse(clones=({},), **effects):
    return Partners(params({"drug": drug(**effects)}, clones=clones))


def test_nothing_is_changed_before_a_dose():
    births, deaths, response = mouse(
        birth_block=0.5, kill_per_d=1.0, restored_response=1.0, clones=[PTEN_NULL]
    ).advance()
    assert births[0] == 1.0 and deaths[0] == 0.0 and response[0] == 0.1


def test_effect_decays_with_the_half_life_and_saturates():
    partners = mouse(birth_block=0.8)
    partners.dose("drug", 200.0)
    for hour in range(49):
        mean = 200.0 * 2.0 ** (-hour / 12.0) * (1.0 - 2.0 ** (-1.0 / 12.0)) / (math.log(2.0) / 12.0)
        births = partners.advance()[0]
        assert births[0] == pytest.approx(1.0 - 0.8 * mean / (mean + 20.0), rel=1e-9)
    assert partners.state[0, 0] == pytest.approx(200.0 * 2.0 ** (-49.0 / 12.0))


def test_deaths_come_late():
    """A long dose: deaths rise over the transit time to the full rate."""
    partners = mouse(kill_per_d=0.24, transit_h=48.0, half_life_h=1e6)
    partners.dose("drug", 2e6)
    rates = [partners.advance()[1][0] for _ in range(400)]
    assert rates[0] < 1e-3 * rates[-1] and rates[-1] == pytest.approx(0.01, rel=1e-3)
    mean_delay = sum(1.0 - r / 0.01 for r in rates)
    assert mean_delay == pytest.approx(48.0, rel=0.05)
    at_once = mouse(kill_per_d=0.24, half_life_h=1e6)
    at_once.dose("drug", 2e6)
    assert at_once.advance()[1][0] == pytest.approx(0.01, rel=1e-3)


def test_a_blocker_of_the_branch_needs_cells_that_hang_on_it():
    partners = mouse(clones=[{}, {"direct_effect_max": 0.0}, PTEN_NULL], her2_branch_block=0.5, half_life_h=1e6)
    partners.dose("drug", 1e9)
    births = partners.advance()[0]
    assert births == pytest.approx([1.0 - 0.5 * 0.4, 1.0, 1.0 - 0.5 * 0.4 * 0.1], rel=1e-6)


def test_response_returns_where_pten_is_lost_and_nowhere_else():
    partners = mouse(clones=[PTEN_NULL, {"mechanism": "EGFR-up", "direct_response": 0.35}], restored_response=0.8)
    partners.dose("drug", 1e9)
    response = partners.advance()[2]
    assert response[0] == pytest.approx(0.1 + 0.9 * 0.8, abs=1.0 / 128.0) and response[1] == 0.35


def test_two_drugs_act_independently():
    both = Partners(params({"a": drug(birth_block=0.5), "b": drug(birth_block=0.2)}))
    for name in ("a", "b"):
        both.dose(name, 1e12)
    assert both.advance()[0][0] == pytest.approx(0.4, rel=1e-6)


def test_state_goes_over_by_name():
    one = mouse(kill_per_d=1.0, transit_h=10.0)
    one.dose("drug", 50.0)
    one.advance()
    other = Partners(params({"another": drug(), "drug": drug(kill_per_d=1.0, transit_h=10.0)}))
    other.restore(one.arrays())
    assert other.advance()[1][0] == one.advance()[1][0]
    with pytest.raises(ValueError, match="aspirin"):
        one.dose("aspirin", 1.0)
