"""Antibody in patches against the fine cylinder round one vessel, after 1 and 10 mg/kg: how much, on which cells."""

import numpy as np
import pytest

from adccsim.biology.binding import dose_nM
from adccsim.biology.pharmacokinetics import advance_linear
from adccsim.xenograft.antibody import Antibody
from adccsim.xenograft.opsonisation import class_occupancy
from adccsim.xenograft.plasma import Plasma
from tests.xenograft.bodies import ball, params
from tests.xenograft.krogh import Tissue, solve

HOURS = (6, 24, 72, 168)
OPSONISED = 2.0**-3.3  # an occupancy of 0.1, between two classes
HALF_KILLING = 0.03  # occupancy of half the killing
LAW = (7.06, 50.0, 60.0, 144.0)


def plasma_nM(mg_per_kg):
    """Plasma concentration (nM) as a function of the hour after one dose i.v."""

    def at(hour):
        amount = advance_linear(0.0, 1000.0 * mg_per_kg, 0.0, 1.0, *LAW, max(hour, 0.0) / 24.0)[1]
        return dose_nM(amount / LAW[1], 145.5)

    return at


def patches(mg_per_kg, her2_per_cell):
    """{hour: (mean bound antibody nM, occupancy of every cell's class)} in a ball of patches."""
    numbers = params(clones=[{"her2_per_cell": her2_per_cell}])
    body, plasma = ball(12, 3.0), Plasma(numbers)
    antibody = Antibody(12, numbers)
    plasma.dose("antibody", mg_per_kg, "iv")
    out = {}
    occupancy = class_occupancy()
    ranks = (body.cells.reshape(-1, 128)[body.patches, :64] >> np.uint32(21)) >> np.uint32(4)
    for hour in range(HOURS[-1]):
        antibody.step(body.rows.tuple(), body.n, body.cells, body.perfusion, plasma.advance(1.0), hour)
        if hour + 1 in HOURS:
            classes = antibody.cover[antibody.profiles[0][body.patches][:, None], ranks]
            bound = (antibody.total[0] - antibody.free[0])[body.patches].mean()
            out[hour + 1] = float(bound), occupancy[classes]
    return out, antibody.pools[0].half_nM / 0.24


@pytest.mark.parametrize("her2_per_cell", [1e6, 3e6])
@pytest.mark.parametrize("mg_per_kg", [1.0, 10.0])
def test_bound_mass_and_opsonised_fraction(mg_per_kg, her2_per_cell):
    """Both within 10 %; 3e6 receptors at 1e5 cells per mm3 are the 500 nM of a tissue three times as dense."""
    found, kd_nM = patches(mg_per_kg, her2_per_cell)
    cylinder = Tissue(her2_nM=166.05 * her2_per_cell / 1e6, kd_nM=kd_nM)
    weight, _, bound = solve(cylinder, plasma_nM(mg_per_kg), np.array(HOURS, float))
    for hour, row in zip(HOURS, bound, strict=True):
        mass, cells = found[hour]
        assert mass == pytest.approx(weight @ row, rel=0.1), f"bound at {hour} h"
        theta = row / cylinder.her2_nM
        fraction = weight[theta >= OPSONISED].sum()
        assert (cells >= OPSONISED).mean() == pytest.approx(fraction, rel=0.1, abs=0.03), hour
        # as effectors see it: a cell counts by how far its occupancy lies above that of half the killing
        seen = weight @ (theta / (theta + HALF_KILLING))
        assert (cells / (cells + HALF_KILLING)).mean() == pytest.approx(seen, rel=0.1), hour
        # sixteenth by sixteenth of the tissue: as the cylinder has it, nearest to the vessel first
        outer = np.concatenate([[0.0], np.cumsum(weight)])
        inside = np.concatenate([[0.0], np.cumsum(weight * theta)])
        oracle = 16.0 * np.diff(np.interp(np.linspace(0.0, 1.0, 17), outer, inside))
        mine = np.sort(cells.ravel())[::-1].reshape(16, -1).mean(axis=1)
        assert np.abs(mine - oracle).mean() < 0.1 * (weight @ theta), hour


def test_mixing_the_patch_would_overstate_a_low_dose():
    """Without the closure every cell of a patch would carry the mean: then all would be opsonised where few are."""
    found, _ = patches(1.0, 3e6)
    cells = found[24][1]
    assert (cells >= 0.02).mean() < 0.35 and cells.mean() > 0.02
