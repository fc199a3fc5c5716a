"""A tumour with one cell per voxel: an independent oracle of growth, density and killing in patches.

Plain numpy and its own random numbers; of the product it knows the laws of biology/ alone. Every cell fills one voxel
of a cubic grid. A newborn cell pushes a straight line of cells to the nearest free voxel, however far, and where a dead
cell is cleared a line of cells closes the gap from the nearest surface: the tumour stays whole and dense. An effector
sits beside a cell and is carried along, hops from cell to cell, meets one of the 27 voxels about it at the contact
rate, and lives each contact to its end on its own clock (the event table of the well). Oxygen and antibody are uniform.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from adccsim.biology import binding, killing, synapse

ALIVE, COMMITTED, DEAD = 1, 2, 3
NEAR = np.array([(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)])
FACES = NEAR[np.abs(NEAR).sum(axis=1) == 1]
REACH = 24  # voxels: farthest that a newborn can push
STEP_H = 0.5
LEVELS = killing.CD16A_LEVELS


@dataclass
class Effector:
    """One effector; `host` is the cell it sits beside, `free_at` when its last contact ends."""

    host: int
    potency: float
    granules: int
    natural: bool
    antibody: bool
    idle: bool
    load: int = field(init=False)
    level: int = LEVELS
    free_at: float = 0.0
    kills: int = 0

    def __post_init__(self):
        self.load = self.granules


class Lattice:
    """A tumour of so many cells.

    birth, loss, clearance: per hour; target: hits_to_kill, hits_log_sd, death_time_h, repair_time_h; effector: numbers
    as in a condition, None for none; opsonins: engaging antibodies of a cell in one contact; k2: bridge constant; hops:
    steps of one voxel per hour.
    """

    def __init__(self, cells, seed, birth, loss, clearance, target, effector=None, opsonins=0.0, k2=math.inf, hops=0.0):
        self.rng = np.random.default_rng(seed)
        self.birth, self.loss, self.clearance, self.target = birth, loss, clearance, target
        self.nk, self.opsonins, self.k2, self.hops = effector, opsonins, k2, hops
        self.side = 2 * (REACH + math.ceil(2.0 * (3.0 * cells / (4.0 * math.pi)) ** (1.0 / 3.0)))
        self.middle = self.side // 2
        self._offsets()
        growth = birth - loss
        dead = loss / (clearance + growth)  # per living cell, where deaths and clearance balance
        self.grid = np.full(self.side**3, -1, np.int32)
        room = 4 * cells
        self.site, self.state = np.full(room, -1, np.int64), np.zeros(room, np.int8)
        self.hits, self.damage = np.zeros(room, np.int64), np.zeros(room, np.int64)
        self.born = 0
        place = np.indices((self.side,) * 3).reshape(3, -1) - self.middle + 0.5
        for site in np.argsort((place**2).sum(axis=0), kind="stable")[:cells]:
            self._put(int(site), DEAD if self.rng.random() < dead / (1.0 + dead) else ALIVE)
        self.hour, self.births, self.losses, self.cleared, self.kills, self.contacts = 0.0, 0, 0, 0, 0, 0
        self.company = 0.0
        self.effectors: list[Effector] = []
        self.served_h = 0.0
        self._arrive(self._wanted())

    # -- voxels -------------------------------------------------------------------------------------------------------
    def _offsets(self):
        axis = np.arange(-REACH, REACH + 1)
        z, y, x = (v.ravel() for v in np.meshgrid(axis, axis, axis, indexing="ij"))
        d2 = z * z + y * y + x * x
        order = np.argsort(d2, kind="stable")[1:]
        order = order[d2[order] <= REACH * REACH]
        self._flat = ((z * self.side + y) * self.side + x)[order]
        self._way, self._d2 = np.stack([z, y, x], axis=1)[order], d2[order]

    def _put(self, site, state):
        """A new cell at a free voxel, its hits to kill drawn from the line."""
        k = self.born
        self.born += 1
        self.grid[site], self.site[k], self.state[k], self.damage[k] = k, site, state, 0
        z = self.rng.normal()
        self.hits[k] = killing.threshold.py_func(self.target["hits_to_kill"], z, self.target["hits_log_sd"])

    def _line(self, site):
        """Voxels on the way from `site` to the nearest free one, both ends included; of equally near ones any."""
        low, size = 0, 64
        while True:
            free = np.flatnonzero(self.grid[site + self._flat[low : low + size]] < 0)
            if free.size:
                break
            low, size = low + size, 4 * size
        d2 = self._d2[low + free[0]]
        ring = slice(np.searchsorted(self._d2, d2), np.searchsorted(self._d2, d2, side="right"))
        free = np.flatnonzero(self.grid[site + self._flat[ring]] < 0)
        way = self._way[ring][self.rng.choice(free)]
        steps = int(np.abs(way).max())
        points = np.rint(np.outer(np.arange(steps + 1) / steps, way)).astype(np.int64)
        return site + (points[:, 0] * self.side + points[:, 1]) * self.side + points[:, 2]

    def _shift(self, source, target):
        """The cell of voxel `source` moves to the free voxel `target`."""
        cell = self.grid[source]
        self.grid[target], self.grid[source] = cell, -1
        if cell >= 0:
            self.site[cell] = target

    def _divide(self, mother):
        line = self._line(self.site[mother])
        for i in range(len(line) - 1, 1, -1):
            self._shift(line[i - 1], line[i])
        self._put(int(line[1]), ALIVE)
        self.births += 1

    def _clear(self, cell):
        site = self.site[cell]
        self.state[cell], self.site[cell] = 0, -1
        line = self._line(site)  # while the voxel still counts as taken: the way to the surface
        self.grid[site] = -1
        for i in range(len(line) - 1):
            self._shift(line[i + 1], line[i])
        for one in self.effectors:
            if one.host == cell:
                one.host = int(self.grid[site]) if self.grid[site] >= 0 else self._someone()
        self.cleared += 1

    def _someone(self):
        return int(self.rng.choice(np.flatnonzero(self.state)))

    # -- time ---------------------------------------------------------------------------------------------------------
    def advance(self, hours):
        for _ in range(round(hours / STEP_H)):
            self._cells_live()
            self._effectors_live()
            self.hour += STEP_H

    def _cells_live(self):
        rng, n = self.rng, self.born
        state, draw = self.state[:n], rng.random(n)
        chance = -math.expm1(-(self.birth + self.loss) * STEP_H)
        act = (state == ALIVE) & (draw < chance)
        dividing = act & (draw < chance * self.birth / (self.birth + self.loss))
        lost = act & ~dividing
        dying = (state == COMMITTED) & (draw < -math.expm1(-STEP_H / self.target["death_time_h"]))
        gone = np.flatnonzero((state == DEAD) & (draw < -math.expm1(-self.clearance * STEP_H)))
        hurt = np.flatnonzero(self.damage[:n])
        self.damage[hurt] = rng.binomial(self.damage[hurt], math.exp(-STEP_H / self.target["repair_time_h"]))
        self.losses += int(lost.sum())
        state[lost | dying] = DEAD
        for mother in np.flatnonzero(dividing):
            self._divide(mother)
        for cell in gone:
            self._clear(cell)

    # -- effectors ----------------------------------------------------------------------------------------------------
    def _wanted(self):
        return 0.0 if self.nk is None else self.nk["density_per_tumour_cell"] * (self.state == ALIVE).sum()

    def _arrive(self, expected):
        rng, nk = self.rng, self.nk
        for _ in range(math.floor(expected + rng.random()) if nk else 0):
            arm = rng.random()  # who kills without antibody kills with it
            self.effectors.append(
                Effector(
                    self._someone(),
                    killing.potency.py_func(nk["potency_log_sd"], nk["potency_cap"], rng.normal()),
                    killing.granule_load.py_func(nk["granules_mean"], 1.0 - rng.random()),
                    arm < nk["natural_competent_fraction"],
                    arm < nk["antibody_competent_fraction"],
                    rng.random() < nk["immobile_fraction"],
                )
            )

    def _effectors_live(self):
        if self.nk is None:
            return
        stay = math.exp(-STEP_H / self.nk["lifetime_h"])
        self.effectors = [one for one in self.effectors if self.rng.random() < stay]
        for i in self.rng.permutation(len(self.effectors)):
            one = self.effectors[i]
            self._walk(one)
            t = max(self.hour, one.free_at)
            while True:
                t = self._wait(one, t, self.nk["contact_rate_per_h"], self.hour + STEP_H)
                if t >= self.hour + STEP_H:
                    break
                t = self._meet(one, t)
            one.free_at = max(one.free_at, self.hour)
        self.served_h += STEP_H * len(self.effectors)
        self.company += STEP_H * self._taken_about()
        self._arrive(max(self._wanted() - len(self.effectors), 0.0))

    def _wait(self, one, t, rate, until=math.inf):
        """When something at `rate` per hour comes, from time t on; granules come back meanwhile, till `until`."""
        while True:
            reload = killing.reload_rate.py_func(one.granules, one.load, self.nk["granule_reload_h"])
            t += self.rng.exponential(1.0 / (rate + reload))
            if t >= until or self.rng.random() * (rate + reload) < rate:
                return t
            one.granules += 1

    def _taken_about(self):
        """Of the voxels that the effectors can meet, the share that holds a cell, summed over the effectors."""
        way = (NEAR[:, 0] * self.side + NEAR[:, 1]) * self.side + NEAR[:, 2]
        hosts = self.site[[one.host for one in self.effectors]]
        return (self.grid[hosts[:, None] + way] >= 0).mean(axis=1).sum()

    def _beside(self, host, around):
        """Cell at a random one of the voxels `around` a host; -1 where there is none."""
        z, y, x = around[self.rng.integers(len(around))]
        return int(self.grid[self.site[host] + (z * self.side + y) * self.side + x])

    def _walk(self, one):
        for _ in range(self.rng.poisson(self.hops * STEP_H)):
            other = self._beside(one.host, FACES)
            one.host = other if other >= 0 else one.host

    def _meet(self, one, t):
        """The meeting at time t, lived to its end; returns when the effector is free again."""
        nk, rng = self.nk, self.rng
        cell = self._beside(one.host, NEAR)
        if cell < 0 or self.state[cell] != ALIVE or one.idle or not (one.natural or one.antibody):
            return t
        s = self._activation(one)
        if rng.random() >= nk["conjugation_min"] + (nk["conjugation_max"] - nk["conjugation_min"]) * s:
            return t
        self.contacts += 1
        while True:
            hit = late = 0.0
            if one.granules > 0:
                hit = killing.natural_hit_rate.py_func(one.potency, nk["natural_hit_per_h"]) if one.natural else 0.0
                if one.antibody:
                    hit += killing.antibody_hit_rate.py_func(one.potency, nk["antibody_hit_per_h"], s)
            else:
                late = one.potency * nk["late_killing_per_h"]
            rates = {
                "part": killing.detach_rate.py_func(one.level, nk["conjugate_lifetime_h"], nk["shedding_detachment"]),
                "hit": hit,
                "late": late,
                "shed": killing.shedding_rate.py_func(
                    one.level, nk["cd16a_shedding_per_h"], s if one.antibody else 0.0
                ),
                "reload": killing.reload_rate.py_func(one.granules, one.load, nk["granule_reload_h"]),
                "repair": killing.repair_rate.py_func(self.damage[cell], self.target["repair_time_h"]),
            }
            total = sum(rates.values())
            t += rng.exponential(1.0 / total)
            x = rng.random() * total
            what = list(rates)[
                min(int(np.searchsorted(np.cumsum(list(rates.values())), x, side="right")), len(rates) - 1)
            ]
            if what == "part":
                break
            if what == "hit":
                one.granules -= 1
                self.damage[cell] += 1
            elif what == "shed":
                one.level -= 1
                s = self._activation(one)
            elif what == "reload":
                one.granules += 1
            elif what == "repair":
                self.damage[cell] -= 1
            if what == "late" or self.damage[cell] >= self.hits[cell]:
                self.state[cell], self.damage[cell] = COMMITTED, 0
                self.kills += 1
                one.kills += 1
                t = self._wait(one, t, 1.0 / nk["post_kill_attachment_h"])
                break
        one.free_at = t
        return t

    def _activation(self, one):
        if not one.antibody or self.opsonins <= 0.0:
            return 0.0
        cd16a = self.nk["cd16a_per_cell"] * self.nk["contact_fraction"] * one.level / LEVELS
        x = synapse.bridges.py_func(self.opsonins, cd16a, self.k2)
        return synapse.activation.py_func(x, self.nk["bridges_half"], self.nk["bridges_hill"])

    # -- reading ------------------------------------------------------------------------------------------------------
    @property
    def cells(self):
        """Cells that take up room."""
        return int((self.state > 0).sum())

    def radius(self):
        """Root mean square distance from the centre of mass, voxels, times sqrt(5/3): the radius of a full ball."""
        z, yx = np.divmod(self.site[self.state > 0], self.side**2)
        place = np.stack([z, *np.divmod(yx, self.side)]).astype(float)
        return math.sqrt(5.0 / 3.0 * ((place - place.mean(axis=1, keepdims=True)) ** 2).sum(axis=0).mean())

    def verify(self):
        """Every cell in its own voxel, none lost."""
        held = np.flatnonzero(self.state)
        assert (self.grid[self.site[held]] == held).all() and (self.grid >= 0).sum() == held.size
        assert all(self.state[one.host] > 0 for one in self.effectors)


def opsonins_of(clone, antibody, occupancy):
    """Engaging antibodies in one contact at a share `occupancy` of bound receptors."""
    free = (1.0 - occupancy) * clone["her2_per_cell"]
    one_armed = binding.singly_bound.py_func(clone["her2_per_cell"], free, antibody["cross_link_per_receptor"])
    bound = one_armed * (1.0 + 0.5 * antibody["cross_link_per_receptor"] * free)
    return clone["contact_fraction"] * synapse.engaging.py_func(bound, one_armed, antibody["one_arm_weight"])
