"""The patches against one cell per voxel (lattice.py): growth, density, and kills by the same laws.

Both divide, lose and clear cells, and stay dense. What differs by construction: patches mix their 64 cells at once,
voxels only as far as cells are pushed and effectors hop; a patch steps by an hour, voxels by half of one. That is
allowed for by DIFFERENCE beside four standard errors. Rates are compared per room that is taken about an effector, and
the room that is taken on its own: effectors that crowd in the half-empty patches of the rim would meet less.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from adccsim.biology import synapse
from adccsim.xenograft.contacts import COUNT_NAMES, KINDS
from adccsim.xenograft.effectors import Effectors
from adccsim.xenograft.opsonisation import CLASSES, class_occupancy
from adccsim.xenograft.state import Clone
from adccsim.xenograft.tumour import Tumour
from tests.xenograft.bodies import ANTIBODY, CLONE, EFFECTOR, params
from tests.xenograft.lattice import Lattice, opsonins_of
from tests.xenograft.tissues import AIRY, tissue

DIFFERENCE = 0.04
CELLS = 8000
HOURS = 48
LINE = Clone(fraction=1.0, growth_per_h=0.01, loss_factor=0.5, hits_to_kill=2.0, hits_log_sd=0.4, repair_time_h=0.83)
RATES = {"birth": 0.02, "loss": 0.01, "clearance": 0.3 / 24.0}
TARGET = {k: getattr(LINE, k) for k in ("hits_to_kill", "hits_log_sd", "death_time_h", "repair_time_h")}
NK = {**EFFECTOR, "density_per_tumour_cell": 0.06, "recruitment_max": 1.0, "death_per_kill": 0.0}
NK |= {"cd16a_cv": 0.0, "cd16a_shedding_per_h": 0.4, "late_killing_per_h": 0.1}
BOUND = 60  # class of occupancy that all cells share
FLUID_NM = 10.0


def in_patches(seed, treated, cells=CELLS):
    """A tumour of patches after HOURS, without or with effectors at a uniform occupancy; counts of the effectors, the
    hours they had times the share of room that was taken about them, and that share.
    """
    tumour = Tumour(tissue(cells, LINE, **AIRY), seed)
    effectors = Effectors(params(clones=(CLONE,), effectors={"nk": NK if treated else None}))
    cover = np.full((2, 16), BOUND, np.uint8)
    cover[0] = 0
    passing = np.ones((1, CLASSES, CLASSES), np.float32)  # signalling lets all divide: only effectors act
    walk = np.pad(effectors.hop_per_h, (0, 4 - len(KINDS)))

    def antibody():
        profiles, free = np.zeros((2, tumour.side**3), np.uint16), np.zeros((2, tumour.side**3), np.float32)
        profiles[0], free[0] = 1, FLUID_NM * effectors.void
        return SimpleNamespace(profiles=profiles, free=free, cover=cover)

    def fill(lives):
        words = (tumour.cells, tumour.n, tumour.effectors, tumour.ne)
        rows, alive, cells = tumour.rows.tuple(), tumour.alive, tumour.cells_now
        counts = effectors.step(rows, tumour.run_key, tumour.step, words, antibody(), alive, cells, lives)
        tumour.alive -= counts["kills_nk"]

    fill(lives=False)
    served = company = 0.0
    for _ in range(HOURS):
        tumour.make_room()
        tumour.update_oxygen()
        tumour.update_cells(passing, cover, antibody().profiles, np.ones(1), np.zeros(1))
        company += (tumour.ne * np.minimum(tumour.n / 64.0, 1.0)).sum()
        served += tumour.ne.sum()
        fill(lives=True)
        tumour.solve_pressure()
        tumour.move(walk)
    return tumour, dict(zip(COUNT_NAMES, effectors.totals, strict=True)), company, company / max(served, 1)


def in_voxels(seed, treated, cells=CELLS):
    bound = class_occupancy()[BOUND]
    k2 = synapse.bridge_constant.py_func(
        ANTIBODY["k2_bridges"], ANTIBODY["fc_gain"], ANTIBODY["k16_v158_nM"], FLUID_NM, 0.0, 1.0
    )
    hops = -math.expm1(-NK["hop_per_h"]) * 16.0  # a walk of one patch is four voxels: as many squared voxels per hour
    out = Lattice(cells, seed, **RATES, target=TARGET, effector=NK if treated else None,
                  opsonins=opsonins_of(CLONE, ANTIBODY, bound), k2=k2, hops=hops)  # fmt: skip
    out.advance(HOURS)
    out.verify()
    return out


def test_a_tumour_grows_alike_and_stays_as_dense():
    patches, voxels = in_patches(1, treated=False)[0], in_voxels(2, treated=False)
    # either is a branching process: births, losses and clearances add up as counts
    error = math.sqrt(2.0 * (voxels.births + voxels.losses + voxels.cleared)) / voxels.cells
    assert patches.cells_now / voxels.cells == pytest.approx(1.0, abs=4.0 * error + 0.005)
    assert voxels.cells > 1.4 * CELLS
    # radius of the full ball: of patches from the second moment about the centre, each a cube of 4 voxels
    counts = patches.n.reshape((patches.side,) * 3).astype(float)
    place = np.indices(counts.shape).reshape(3, -1)
    weight = counts.ravel() / counts.sum()
    spread = (weight * (place - (place * weight).sum(axis=1, keepdims=True)) ** 2).sum() + 3.0 / 12.0
    radius = 4.0 * math.sqrt(5.0 / 3.0 * spread)
    full = (3.0 * voxels.cells / (4.0 * math.pi)) ** (1.0 / 3.0)
    assert voxels.radius() == pytest.approx(full, rel=0.02)  # dense by construction, and round
    assert radius / voxels.radius() == pytest.approx((patches.cells_now / voxels.cells) ** (1.0 / 3.0), rel=0.03)
    print(f"cells {patches.cells_now} and {voxels.cells}, radius {radius:.2f} and {voxels.radius():.2f}")


@pytest.mark.parametrize(
    ("cells", "voxel_seeds"), [(8000, [3]), pytest.param(24_000, [3, 4, 5], marks=pytest.mark.slow)]
)
def test_contacts_and_kills_per_effector_are_those_of_the_lattice(cells, voxel_seeds):
    """Per hour and room taken about an effector; and what is left of the tumour."""
    runs = [in_voxels(seed, True, cells) for seed in voxel_seeds]
    tumour, totals, company, taken = in_patches(5, True, cells)
    expected_company = sum(run.company for run in runs)
    for name, expected, of_one in (
        ("contacts", sum(r.contacts for r in runs), 1.5),
        ("kills_nk", sum(r.kills for r in runs), 2.0),
    ):
        ratio = totals[name] / company / (expected / expected_company)
        # counts of one effector scatter more than Poisson, for effectors differ: of_one bounds their variance over mean
        error = math.sqrt(of_one / expected + of_one / totals[name])
        print(f"{name}: {totals[name]} and {expected}, ratio per room {ratio:.3f} +- {error:.3f}")
        assert ratio == pytest.approx(1.0, abs=4.0 * error + DIFFERENCE)
    here = expected_company / sum(run.served_h for run in runs)
    print(f"taken about an effector: patches {taken:.3f}, voxels {here:.3f}")
    assert taken / here == pytest.approx(1.0, abs=0.03)  # effectors stand no emptier than those of the lattice
    left = np.mean([run.cells for run in runs])
    scatter = math.sqrt(2.0 * (runs[0].births + runs[0].losses + runs[0].cleared + runs[0].kills)) / left
    assert tumour.cells_now / left == pytest.approx(1.0, abs=4.0 * scatter + 0.02)
    assert left < 0.98 * cells * math.exp(0.01 * HOURS)  # the effectors matter
