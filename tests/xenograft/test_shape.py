"""Shape: a growing tumour stays round and evenly dense, a shrinking one stays whole."""

import math

import numpy as np
import pytest

from adccsim.xenograft.census import shape
from adccsim.xenograft.layout import PATCH_CELLS
from adccsim.xenograft.rows import Rows
from adccsim.xenograft.tumour import Tumour
from tests.xenograft.tissues import AIRY, NO_LOSS, PLAIN, grown, hour, tissue


def shape_of(n):
    side = n.shape[0]
    rows = Rows(side)
    rows.occupy(n.ravel())
    rows.update()
    return shape(n.ravel(), rows.tuple(), PATCH_CELLS)


def ball(side, radius, stretch=1.0):
    z, y, x = np.indices((side,) * 3) - (side - 1) / 2
    return np.where((z / stretch) ** 2 + y**2 + x**2 < radius**2, 64, 0).astype(np.uint8)


def test_a_ball_reads_as_one():
    figures = shape_of(ball(48, 16.0))
    assert figures["density_shells"][:9] == pytest.approx(np.ones(9), abs=1e-12)
    assert figures["axis_ratio"] == pytest.approx(1.0, abs=1e-6)
    assert figures["rim"] == pytest.approx([1.0, 1.0], abs=0.02)
    assert figures["dispersed_fraction"] == 0.0


def test_a_stretched_ball_reads_its_axes():
    assert shape_of(ball(48, 12.0, 1.4))["axis_ratio"] == pytest.approx(1.4, rel=0.02)


def test_strays_and_dense_cores_are_seen():
    n = ball(48, 12.0)
    total = n.sum(dtype=int)
    n[24, 24, 42:44] = 20
    assert shape_of(n)["dispersed_fraction"] == pytest.approx(40 / (total + 40), rel=1e-6)
    n = ball(48, 12.0)
    n[22:26, 22:26, 22:26] = 120
    assert shape_of(n)["density_shells"][0] > 1.8


def test_a_growing_tumour_is_round_and_evenly_dense():
    tumour = grown(tissue(20_000, NO_LOSS, **AIRY), 160)
    counts, _ = tumour.census()
    assert tumour.cells_now > 95_000
    inner = counts["density_shells"][2:9]  # the two innermost shells hold too few patches to average
    assert np.abs(inner - 1.0).max() < 0.1
    assert inner.max() - inner.min() < 0.05
    assert counts["axis_ratio"] < 1.03
    assert np.abs(counts["rim"] - 1.0).max() < 0.05
    assert counts["patch_max"] < 90
    assert counts["dispersed_fraction"] < 1e-3


def test_the_fullest_patch_stays_low_in_fast_growth():
    tumour = grown(tissue(20_000, NO_LOSS._replace(growth_per_h=0.03), **AIRY), 50)
    assert tumour.largest < 100  # excess 0.03 * 64 / 0.25 = 7.7 cells, and noise


def test_a_regressing_tumour_stays_whole_and_round():
    tumour = Tumour(tissue(100_000, PLAIN, **AIRY), 1)
    worst_strays, worst_rim = 0.0, 0.0
    for step in range(144):
        hour(tumour, birth_factor=0.2, extra_death_per_h=0.5 / 24)
        if step % 24 == 23:
            counts, _ = tumour.census()
            worst_strays = max(worst_strays, counts["dispersed_fraction"])
            worst_rim = max(worst_rim, np.abs(counts["rim"] - 1.0).max())
            assert np.abs(counts["density_shells"][3:8] - 1.0).max() < 0.1
            assert counts["axis_ratio"] < 1.03
    assert tumour.cells_now < 40_000
    assert worst_strays < 1e-3
    assert worst_rim < 0.05


@pytest.mark.slow
def test_half_the_side_of_a_patch_gives_the_same_growth():
    """Depth-dependent growth (no vessels, oxygen from the surface) with patches of 64, 27 and 8 cells."""
    clone = PLAIN._replace(growth_per_h=0.008)
    cells = []
    for edge in (4, 3, 2):
        numbers = {"oxygen_length_um": 120.0, "vessel_supply": 0.0, "oxygen_half": 0.3, "hypoxic_death_per_h": 0.004}
        cells.append(grown(tissue(30_000, clone, edge_sites=edge, **numbers), 144).cells_now)
    assert cells[0] < 0.95 * 30_000 * math.exp(0.008 * 144)  # the middle starves
    assert cells == pytest.approx([cells[2]] * 3, rel=0.05)
