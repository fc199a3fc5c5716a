"""Body weight: healthy growth, the course of one dose, doses that add, and the tumour on the balance."""

import math

import pytest

from adccsim.biology.body_weight import healthy_g, log_loss, on_the_balance_g

DOSE = (7.0, 10.0, 0.02, 4.0)  # day, mg/kg, loss per mg/kg, days to the nadir


def test_without_a_dose_a_mouse_grows_to_its_adult_weight():
    assert healthy_g(0.0, 20.0, 24.0, 30.0) == pytest.approx(20.0)
    assert healthy_g(30.0, 20.0, 24.0, 30.0) == pytest.approx(24.0 - 4.0 / math.e)
    assert healthy_g(1e4, 20.0, 24.0, 30.0) == pytest.approx(24.0)
    assert healthy_g(30.0, 20.0, 24.0, math.inf) == 20.0
    assert on_the_balance_g(20.0, log_loss(5.0, []), 0.0, 1e-3) == 20.0


def test_a_dose_takes_the_most_at_its_nadir_and_nothing_before_it():
    assert log_loss(7.0, [DOSE]) == log_loss(3.0, [DOSE]) == 0.0
    assert log_loss(11.0, [DOSE]) == pytest.approx(0.2)
    course = [log_loss(7.0 + 0.1 * k, [DOSE]) for k in range(300)]
    assert course.index(max(course)) == 40
    assert log_loss(7.0 + 24.0, [DOSE]) == pytest.approx(0.2 * 6.0 * math.exp(-5.0))  # 4 % of the nadir's


def test_doses_add_and_no_mouse_falls_below_nothing():
    again = (14.0, *DOSE[1:])
    assert log_loss(18.0, [DOSE, again]) == pytest.approx(log_loss(18.0, [DOSE]) + 0.2)
    assert 0.0 < on_the_balance_g(20.0, log_loss(11.0, [(7.0, 1000.0, 0.02, 4.0)]), 0.0, 1e-3) < 1e-7


def test_the_tumour_is_weighed_with_the_mouse():
    assert on_the_balance_g(20.0, 0.2, 1500.0, 1e-3) == pytest.approx(20.0 * math.exp(-0.2) + 1.5)
