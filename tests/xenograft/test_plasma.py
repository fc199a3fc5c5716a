"""Plasma of a mouse: clinically matched dosing, routes, mass balance, and uptake by the tumour."""

import numpy as np
import pytest

from adccsim.biology.pharmacokinetics import advance_linear
from adccsim.xenograft.plasma import AMOUNTS, Plasma
from tests.xenograft.bodies import params

NSG = {"extra_clearance_factor": 3.0}


def mouse(**strain):
    return Plasma(params(strain=strain))


def weekly(plasma, weeks):
    """13 mg/kg, then 4.5 mg/kg weekly, i.v.; (concentrations just before each hour, nM means) of the last week."""
    now, means = [], []
    for hour in range(168 * weeks):
        if hour % 168 == 0:
            plasma.dose("antibody", 13.0 if hour == 0 else 4.5, "iv")
        now.append(plasma.concentration()[0])
        means.append(plasma.advance(1.0)[0])
    return np.array(now[-168:]), np.array(means[-168:])


def test_clinically_matched_dosing_gives_the_published_trough():
    """Published for 13 then 4.5 mg/kg weekly: trough 72.7, Cmax 133 ug/mL (time of sampling unknown), AUC 15,300."""
    plasma = mouse()
    now, means = weekly(plasma, 6)
    trough = plasma.concentration()[0]
    ug_per_nM = 145.5 / 1000.0
    print(f"trough {trough:.1f} at 168 h; {now[0]:.1f} at 0 h, {now[6]:.1f} at 6 h, {now[24]:.1f} ug/mL at 24 h")
    assert trough == pytest.approx(72.7, rel=0.1)
    assert now[24] < 133.0 < now[0]
    assert means.sum() * ug_per_nM == pytest.approx(15_300.0, rel=0.02)


def test_the_books_close_for_every_route():
    for strain in ({}, NSG):
        plasma = mouse(**strain)
        for route in ("iv", "ip", "sc"):
            plasma.dose("antibody", 4.0, route)
            for _ in range(50):
                plasma.advance(1.0)
        amounts = dict(zip(AMOUNTS, plasma.amounts[0], strict=True))
        inside = sum(amounts[name] for name in ("depot_ip", "depot_sc", "plasma", "periphery"))
        assert amounts["dosed"] == pytest.approx(4000.0 * (1.0 + 0.95 + 0.9))
        assert inside + amounts["cleared"] == pytest.approx(amounts["dosed"], rel=1e-9)


def test_depots_feed_plasma_as_the_law_says():
    for route, rate, fraction in (("ip", 3.0, 0.95), ("sc", 1.0, 0.9)):
        plasma = mouse()
        plasma.dose("antibody", 10.0, route)
        for _ in range(30):
            plasma.advance(1.0)
        exact = advance_linear(fraction * 1e4, 0.0, 0.0, rate, 7.06, 50.0, 60.0, 144.0, 30.0 / 24.0)[1]
        assert plasma.concentration()[0] == pytest.approx(exact / 50.0, rel=1e-9)


def test_the_mean_of_an_hour_is_that_of_finer_steps():
    coarse, fine = mouse(), mouse()
    for plasma in (coarse, fine):
        plasma.dose("antibody", 10.0, "iv")
    parts = [fine.advance(1.0 / 60.0)[0] for _ in range(60)]
    assert coarse.advance(1.0)[0] == pytest.approx(np.mean(parts), rel=1e-9)


def test_mice_that_scavenge_igg_lose_low_doses_faster():
    left = {}
    for name, strain in (("nude", {}), ("NSG", NSG)):
        for dose in (1.0, 300.0):
            plasma = mouse(**strain)
            plasma.dose("antibody", dose, "iv")
            for _ in range(168):
                plasma.advance(1.0)
            left[name, dose] = plasma.concentration()[0] / dose
    assert left["NSG", 1.0] < 0.5 * left["nude", 1.0]
    assert left["NSG", 300.0] == pytest.approx(left["nude", 300.0], rel=0.05)


def test_what_the_tumour_takes_leaves_the_plasma():
    plasma = mouse()
    plasma.dose("antibody", 10.0, "iv")
    before = plasma.amounts.copy()
    # 1000 nM x patches of 86.2 um in a hundredth of the tumour: 1e-6 mol/L x 6.4e-10 L x 1e5 x 145.5 kg/mol
    plasma.take(np.array([1000.0, 0.0]), 86.177, 0.01)
    ug = 1000.0 * 1e-9 * 86.177**3 * 1e-15 * 100.0 * 145.5e3 * 1e6
    assert before[0, 2] - plasma.amounts[0, 2] == pytest.approx(ug / 0.02, rel=1e-9)
    plasma.take(np.array([1e12, 0.0]), 86.177, 0.01)
    assert plasma.concentration()[0] == 0.0


def test_state_goes_over_to_a_mouse_with_more_drugs():
    plasma = mouse()
    plasma.dose("antibody", 10.0, "ip")
    plasma.advance(1.0)
    other = Plasma(params({"antibody": {}, "second": {"epitope": "II"}}))
    other.restore(plasma.arrays())
    assert other.advance(1.0)[0] == plasma.advance(1.0)[0] and other.concentration()[1] == 0.0
    with pytest.raises(ValueError, match="ip"):
        plasma.dose("antibody", 1.0, "po")
