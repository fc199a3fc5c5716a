"""Profiles and classes of occupancy, receptors by level, and what signalling lets pass."""

import numpy as np
import pytest

from adccsim.biology.growth import direct_block
from adccsim.conditions.mouse import SmallMolecule
from adccsim.xenograft.antibody import Antibody
from adccsim.xenograft.layout import her2_relative, pack
from adccsim.xenograft.opsonisation import (
    CLASSES,
    G_BINS,
    X_BINS,
    X_HIGH,
    X_LOW,
    antibodies_of,
    class_occupancy,
    nM_per_receptor,
    occupancy_class,
    receptor_table,
    signalling_pass,
)
from tests.xenograft.bodies import CLONE, clone, params, section


def test_profiles_have_the_mean_of_their_bin():
    """Within the width of the classes (15 %) for each, and 3 % over all; no antibody: no class."""
    cover = Antibody(8, params()).cover
    assert (cover[0] == 0).all()
    own = class_occupancy()[cover[1 : 1 + X_BINS * G_BINS]].reshape(X_BINS, G_BINS, -1)
    x = np.geomspace(X_LOW, X_HIGH, X_BINS + 1)
    x = np.sqrt(x[1:] * x[:-1])  # bins of equal bits are near enough to equal ratios
    ratio = own.mean(axis=2) / (x / (1.0 + x))[:, None]
    seen = x > 0.003  # below, the far cells fall under the lowest class
    assert np.abs(ratio[seen] - 1.0).max() < 0.15 and abs(ratio[seen].mean() - 1.0) < 0.03
    assert (np.diff(cover[1 : 1 + X_BINS * G_BINS].astype(int), axis=1) <= 0).all()


def test_cells_near_the_vessel_come_first():
    cover = np.zeros((2, 16), np.uint8)
    cover[1] = np.arange(16)[::-1]
    for rank in (0, 15, 16, 255):
        assert occupancy_class(cover, 1, pack(1, 2, 0, 128, rank)) == 15 - rank // 16


def test_receptors_within_reach():
    table = receptor_table([clone(), clone({**CLONE, "masked_fraction": 0.5, "p95_fraction": 0.2})], her2_relative())
    assert table[0, 128] == 1e6 and table[0, 144] == 2e6 and table[0, 0] == 0.0
    assert table[1, 128] == pytest.approx(0.4e6) and (table[2:] == 0.0).all()
    assert nM_per_receptor(86.177) * 64e6 == pytest.approx(166.05, rel=1e-3)  # 1e6 per cell at 1e5 cells per mm3


def test_signalling_block_by_class():
    theta = class_occupancy()
    clones = [clone(own) for own in (CLONE, {**CLONE, "direct_response": 0.0}, {**CLONE, "p95_fraction": 0.5})]
    passing = signalling_pass(clones, (1.0, 0.5), 0.0, np.array([1.0, 0.0, 1.0]))
    for c in (0, 20, 63):
        assert passing[0, c, 0] == pytest.approx(1.0 - direct_block(theta[c], 0.4, 1.0, 0.3), rel=1e-6)
        both = (1.0 - direct_block(theta[c], 0.4, 1.0, 0.3)) * (1.0 - direct_block(theta[40], 0.2, 1.0, 0.3))
        assert passing[0, c, 40] == pytest.approx(both, rel=1e-6)
    assert (passing[1] == 1.0).all() and (passing[3:] == 1.0).all() and (passing[:, 0, 0] == 1.0).all()
    assert passing[2, 63, 0] == pytest.approx(0.8) and passing[0, 63, 0] == pytest.approx(0.6)


def test_synergy_needs_both_antibodies():
    plain, more = (signalling_pass([clone()], (1.0, 0.5), s, np.ones(1)) for s in (0.0, 0.3))
    assert np.array_equal(plain[0, :, 0], more[0, :, 0]) and np.array_equal(plain[0, 0], more[0, 0])
    assert more[0, 63, 63] == pytest.approx(0.7 * plain[0, 63, 63], rel=1e-6)


def test_pools_by_epitope():
    drugs = params({"b": {}, "a": {"epitope": "II"}, "c": section(SmallMolecule, {})}).drugs
    assert antibodies_of(drugs) == {0: "b", 1: "a"}
    assert antibodies_of(params({"iso": {"epitope": "none"}}).drugs) == {0: "iso"}
    assert antibodies_of(params({"iso": {"epitope": "none"}, "t": {}}).drugs) == {0: "t", 1: "iso"}
    with pytest.raises(ValueError, match="same epitope"):
        antibodies_of(params({"one": {}, "two": {}}).drugs)
    assert len(class_occupancy()) == CLASSES and class_occupancy()[-1] == 1.0
