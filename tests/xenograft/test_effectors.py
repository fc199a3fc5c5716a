"""Effectors of the tumour: balance of kills, arrivals, recruitment, Fc-null as vehicle, text, threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adccsim.xenograft import contacts
from adccsim.xenograft.antibody import Antibody
from adccsim.xenograft.contacts import COUNT_NAMES, GONE
from adccsim.xenograft.effectors import Effectors, law_row, trait_table
from adccsim.xenograft.layout import COMMITTED, EFFECTOR_SLOTS
from tests.xenograft.bodies import ANTIBODY, EFFECTOR, antibody, ball, effector, params

ROOT = Path(__file__).parents[2]
DOSED = np.array([900.0, 0.0])
BOTH = {"nk": {**EFFECTOR, "fcgr_gain": 0.03}, "myeloid": EFFECTOR, "human_nk": None}


class Tumour:
    """A still ball with antibody and effectors, advanced without the engine."""

    def __init__(self, numbers, plasma=DOSED, side=16, radius=5.0, key=7):
        self.body = ball(side, radius, her2_cv=0.5, hits_log_sd=0.5)
        self.antibody, self.effectors = Antibody(side, numbers), Effectors(numbers)
        self.words, self.ne = np.zeros(side**3 * EFFECTOR_SLOTS, np.uint64), np.zeros(side**3, np.uint8)
        self.plasma, self.key, self.alive, self.step = plasma, key, self.body.count, 0
        self.logged = []
        self._hour(lives=False)

    def _hour(self, lives):
        body = self.body
        counts = self.effectors.step(
            body.rows.tuple(), self.key, self.step, (body.cells, body.n, self.words, self.ne), self.antibody,
            self.alive, body.count, lives,
        )  # fmt: skip
        self.alive -= sum(counts[f"kills_{kind}"] for kind in contacts.KINDS)
        self.step += 1
        return counts

    def advance(self, hours):
        body = self.body
        for _ in range(hours):
            self.antibody.step(body.rows.tuple(), body.n, body.cells, body.perfusion, self.plasma, self.step)
            self._hour(lives=True)
            self.logged.append(self.effectors.kills())
        return self

    @property
    def total(self):
        return dict(zip(COUNT_NAMES, self.effectors.totals.tolist(), strict=True))

    def present(self):
        slots = self.words.reshape(-1, EFFECTOR_SLOTS)
        return np.concatenate([slots[b, : self.ne[b]] for b in np.flatnonzero(self.ne)])


def test_kills_are_commitments_and_log_and_credits():
    tumour = Tumour(params(effectors=BOTH)).advance(24)
    total = tumour.total
    cells = tumour.body.cells
    committed = ((cells & np.uint32(3)) == COMMITTED).sum()
    kills = total["kills_nk"] + total["kills_myeloid"]
    assert kills > 500 and committed == kills == tumour.body.count - tumour.alive
    place, word, kind, when = (np.concatenate(column) for column in zip(*tumour.logged, strict=True))
    assert (
        len(place) == kills and (kind == 0).sum() == total["kills_nk"] and (kind == 1).sum() == total["kills_myeloid"]
    )
    assert ((word & np.uint32(7)) == COMMITTED | 4).all() and (when > 0.0).all() and (when <= 1.0).all()
    assert np.isin(place, tumour.body.patches).all()
    credited = ((tumour.present() >> np.uint64(51)) & np.uint64(255)).sum()
    assert credited <= kills and credited > 0.5 * kills  # the rest left with effectors that died


def test_more_than_one_contact_fits_an_hour():
    eager = {**EFFECTOR, "contact_rate_per_h": 20.0, "conjugate_lifetime_h": 0.05, "post_kill_attachment_h": 0.05}
    tumour = Tumour(params(effectors={"nk": eager, "myeloid": None, "human_nk": None}))
    tumour.advance(3)
    total = tumour.total
    assert total["contacts"] > 3.0 * tumour.effectors.present[0] * 3


def test_books_of_effectors_close():
    tumour = Tumour(params(effectors=BOTH)).advance(48)
    total, present = tumour.total, tumour.effectors.present
    assert total["arrived"] - total["died"] == present.sum() == len(tumour.present())
    assert (tumour.present() & GONE == 0).all() and total["refused"] == 0
    kinds = np.bincount((tumour.present() & np.uint64(3)).astype(int), minlength=3)
    assert np.array_equal(kinds, present)


def test_density_is_what_was_asked_for():
    """Without antibody and natural killing: 2 % of the cells, within five standard deviations of a Poisson count."""
    calm = {**EFFECTOR, "natural_competent_fraction": 0.0}
    tumour = Tumour(params(effectors={"nk": calm, "myeloid": None, "human_nk": None}), plasma=np.zeros(2))
    asked = 0.02 * tumour.body.count
    assert abs(tumour.effectors.present[0] - asked) < 5.0 * asked**0.5
    tumour.advance(100)
    assert abs(tumour.effectors.present[0] - asked) < 5.0 * asked**0.5
    assert tumour.total["died"] == pytest.approx(100.0 / 120.0 * asked, rel=0.15)
    assert (tumour.effectors.recruitment == 1.0).all() and tumour.alive == tumour.body.count


def test_killing_recruits_with_the_delay_asked_for():
    numbers = params(effectors={"nk": {**EFFECTOR, "recruitment_half_per_d": 1e-9}, "myeloid": None, "human_nk": None})
    tumour = Tumour(numbers).advance(24)
    expected = 1.0 + 2.0 * (1.0 - np.exp(-1.0 / 5.0))  # goal 3 from the first hour on, tau 5 d, one day
    assert tumour.effectors.recruitment[0] == pytest.approx(expected, rel=0.05)
    assert tumour.effectors.present[0] == pytest.approx(0.02 * expected * tumour.alive, rel=0.1)


def same_cells(one, other):
    return np.array_equal(one.body.cells, other.body.cells)


def test_antibody_without_fc_is_vehicle():
    """The same bytes of every cell; with a natural cytotoxicity, too; and the same words where nobody sees antibody."""
    for natural in (0.0, 0.3):
        effector = {**EFFECTOR, "natural_competent_fraction": natural}
        group = {"nk": effector, "myeloid": effector, "human_nk": None}
        vehicle = Tumour(params(effectors=group), plasma=np.zeros(2)).advance(24)
        null = Tumour(params({"antibody": {"fc_gain": 0.0}}, effectors=group)).advance(24)
        blind = {kind: own and {**own, "fcgr_gain": 0.0} for kind, own in group.items()}
        no_receptor = Tumour(params(effectors=blind)).advance(24)
        seen = Tumour(params(effectors=group)).advance(24)
        assert null.antibody.theta.max() > 0.5
        assert same_cells(vehicle, null) and same_cells(vehicle, no_receptor) and not same_cells(vehicle, seen)
        assert np.array_equal(vehicle.words, null.words)
        assert (vehicle.alive == vehicle.body.count) == (natural == 0.0)


def test_cells_without_her2_are_spared():
    tumour = Tumour(
        params(effectors={"nk": {**EFFECTOR, "natural_competent_fraction": 0.0}, "myeloid": None, "human_nk": None})
    )
    bare = np.flatnonzero(tumour.body.cells)[::2]
    tumour.body.cells[bare] &= ~np.uint32(0xFF << 13)
    tumour.advance(24)
    assert tumour.total["kills_nk"] > 100
    assert ((tumour.body.cells[bare] & np.uint32(3)) == 1).all()


def test_weaker_receptors_kill_less():
    kills = [
        Tumour(params(effectors={"nk": {**EFFECTOR, "fcgr_gain": gain}, "myeloid": None, "human_nk": None}))
        .advance(24).total["kills_nk"] for gain in (1.0, 0.03, 0.001)
    ]  # fmt: skip
    assert kills[0] > kills[1] > kills[2] > 0


def test_traits_of_arrivals():
    tumour = Tumour(
        params(effectors={"nk": {**EFFECTOR, "density_per_tumour_cell": 0.1}, "myeloid": None, "human_nk": None})
    )
    words = tumour.present()
    n = len(words)
    factor = contacts.class_factors()
    granules = ((words >> np.uint64(9)) & np.uint64(255)).astype(float)
    cd16a = factor[((words >> np.uint64(33)) & np.uint64(255)).astype(int)]
    potency = factor[((words >> np.uint64(25)) & np.uint64(255)).astype(int)]
    assert n > 3000
    assert granules.mean() == pytest.approx(5.7, abs=5.0 * 5.2 / n**0.5)
    assert cd16a.mean() == pytest.approx(1.0, abs=5.0 * 0.5 / n**0.5)
    assert np.log(potency).std() == pytest.approx(0.6, rel=0.06) and potency.max() <= 5.1
    for bit, fraction in ((4, 0.9), (8, 0.3), (16, 0.18)):
        assert (words & np.uint64(bit) > 0).mean() == pytest.approx(fraction, abs=5.0 * 0.5 / n**0.5)
    assert not ((words & np.uint64(8) > 0) & (words & np.uint64(4) == 0)).any()  # the arms are nested


def test_bridge_constant_of_a_kind():
    """Twin of the law table: K2 g / x (1 + C x / K16 + IgG / K16), x the Fc gain times that of the receptor."""
    row = law_row(
        effector({**EFFECTOR, "genotype": "FF", "fcgr_gain": 0.5}), antibody({**ANTIBODY, "fc_gain": 10.0}), 0.83
    )
    law = dict(zip(contacts.LAW_NAMES, row, strict=True))
    assert law["k2"] == pytest.approx(2e4 * 1.8 / 5.0)
    assert law["k2_per_nM"] == pytest.approx(2e4 * 1.8 / 5.0 * 5.0 / (500.0 * 1.8))
    assert law_row(effector(), None, 0.83)[contacts.LAW["k2"]] == np.inf
    assert law["unit_cd16a"] == pytest.approx(2500.0) and trait_table(effector()).shape == (3, 1024)


_TWO_THREADS = """
from adccsim import runtime
runtime.configure(threads=2)
import numba, numpy as np
from tests.xenograft.test_effectors import BOTH, Tumour, params, same_cells
found = []
for threads in (1, 2):
    numba.set_num_threads(threads)
    found.append(Tumour(params(effectors=BOTH), side=12, radius=4.0).advance(6))
one, two = found
assert numba.config.NUMBA_NUM_THREADS == 2 and one.total["kills_nk"] > 0
assert same_cells(one, two) and np.array_equal(one.words, two.words)
assert np.array_equal(one.antibody.total, two.antibody.total)
assert np.array_equal(one.antibody.balance, two.antibody.balance)
assert all(np.array_equal(a, b) for a, b in zip(one.logged[-1], two.logged[-1], strict=True))
"""


def test_one_and_two_threads_give_the_same_bytes():
    """In a process of its own: the number of threads is fixed once kernels are there."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _TWO_THREADS], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
