"""Antibody in the tumour: from the plasma into every patch, between patches, onto and into cells, and along with them.

Model    Per epitope pool and patch, total antibody A in nM of tissue; free antibody F from the equilibrium of A with
         the HER2 of the patch's cells (biology/tissue.py):
             dA/dt = k_ex v (eps Cp - F) + D (sum of neighbours' F - own) / side^2 - k_int (A - F)
         by a super-time-stepping method (RKL1) of as many stages as stability asks for, with binding brought to
         equilibrium after every stage: an hour of diffusion before an hour of binding would carry antibody over several
         patches. Antibody does not pass into patches without cells. Cells that move take their part of what is bound
         with them; what is bound to a cleared cell is lost; births dilute by themselves, for A belongs to the patch.
         Within a patch cells are reached in the order of their vessel rank (opsonisation.py).
Source   RKL1: Meyer, Balsara, Aslam 2014 (J Comput Phys 257:594).
Limits   no HER2: the diffusion equation; one patch: an ordinary equation; any number of sub-steps: the same result;
         uptake - internalised - lost = change of content, each integrated by itself (tests/xenograft/test_antibody.py)
"""

import math

import numpy as np
from numba import njit, prange

from adccsim.biology.tissue import free_at_equilibrium
from adccsim.memory import empty_column
from adccsim.xenograft.layout import CELL_SLOTS, clone_of, her2_of, her2_relative
from adccsim.xenograft.movement import FACES, step_of, total_of
from adccsim.xenograft.opsonisation import (
    G_BINS,
    G_FIRST,
    G_LOW,
    G_SHIFT,
    POOLS,
    PROFILES,
    RANKS,
    X_BINS,
    X_FIRST,
    X_LOW,
    X_SHIFT,
    Pool,
    antibodies_of,
    nM_per_receptor,
    pool_cover,
    pool_of,
    receptor_table,
)

HER2_EVERY_H = 12  # the HER2 of a patch is counted again after so many hours
_UNKNOWN = np.float32(-1.0)
_DENSEST = 10.0  # vessels of a patch over the mean: never more


def stages(pool: Pool, hours: float) -> int:
    """Stages (even) of one RKL1 step of `hours`: (s^2 + s) / 2 stable explicit steps, and a tenth to spare."""
    stiffest = 12.0 * pool.diffusion + _DENSEST * pool.extravasation + pool.internalised
    s = math.ceil(0.5 * (math.sqrt(1.0 + 4.4 * stiffest * hours) - 1.0))
    return max(s + s % 2, 4)


@njit(cache=True, parallel=True)
def count_her2(cells, n, receptors, per_molecule, her2, phase, every, side, rid, r0, r1, cb, nch):
    """Mean HER2 (nM of tissue per cell) of the rows whose turn it is, and of patches where it is not known yet."""
    half = side >> 1
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            from_centre = rid[r] // side - half + 5 * (rid[r] % side - half)  # no box size in whose turn it is
            turn = from_centre % every == phase
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                if n[b] == 0:
                    her2[b] = _UNKNOWN
                elif turn or her2[b] < 0.0:
                    base = np.uint64(b) * np.uint64(CELL_SLOTS)
                    total = np.float32(0.0)
                    for j in range(np.uint64(n[b])):
                        word = cells[base + j]
                        total += receptors[clone_of(word), her2_of(word)]
                    her2[b] = total * per_molecule / np.float32(n[b])


@njit(cache=True, parallel=True)
def _prepare(
    n, her2, perfusion, total, free, place, near, supply, binds, half, k_ex, rowsum, side, rid, r0, r1, cb, nch
):
    """HER2, neighbours (-1 without cells) and vessels of each patch; rowsum: antibody left where no cell is left."""
    square = side * side
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            left = 0.0
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                if n[b] == 0:
                    left += total[b]
                    total[b] = 0.0
                    free[b] = 0.0
                    place[b] = 0.0
                    near[b] = -1.0
                    supply[b] = 0.0
                    continue
                around = (n[b - 1] > 0) + (n[b + 1] > 0) + (n[b - side] > 0) + (n[b + side] > 0)
                around += (n[b - square] > 0) + (n[b + square] > 0)
                near[b] = np.float32(around)
                place[b] = np.float32(binds * her2[b] * np.float32(n[b]))
                supply[b] = np.float32(k_ex * perfusion[b])
                free[b] = np.float32(free_at_equilibrium(max(np.float64(total[b]), 0.0), np.float64(place[b]), half))
            rowsum[r] = left


@njit
def _flow_row(free, near, flow, a, length, side):
    """Sum over the neighbours with cells of (their free antibody - own), for one row; short loops stay vector code."""
    square = side * side
    east, west = free[a + 1 : a + 1 + length], free[a - 1 : a - 1 + length]
    north, south = free[a + side : a + side + length], free[a - side : a - side + length]
    up, down = free[a + square : a + square + length], free[a - square : a - square + length]
    own, around = free[a : a + length], near[a : a + length]
    for x in range(np.uint64(length)):
        flow[x] = (east[x] + west[x]) + (north[x] + south[x]) + (up[x] + down[x]) - around[x] * own[x]


@njit
def _total_row(now, before, free, near, supply, flow, a, length, mu, nu, part, diffusion, plasma, loss):
    """`before` becomes the next stage of one row; returns what the vessels gave and what went inside, per hour."""
    y1, y0, own = now[a : a + length], before[a : a + length], free[a : a + length]
    vessels, around = supply[a : a + length], near[a : a + length]
    zero = np.float32(0.0)
    for x in range(np.uint64(length)):
        taken = vessels[x] * (plasma - own[x])
        gone = loss * (y1[x] - own[x])
        new = mu * y1[x] + nu * y0[x] + part * (diffusion * flow[x] + taken - gone)
        y0[x] = new if around[x] >= zero else zero
    uptake, internal = zero, zero  # apart: a sum keeps its order and would keep the loop above out of the vector units
    for x in range(np.uint64(length)):
        uptake += vessels[x] * (plasma - own[x])
        internal += loss * (y1[x] - own[x])
    return uptake, internal


@njit(error_model="numpy")  # no test for a division by zero, which would keep the loop out of the vector units
def _free_row(total, out, place, a, length, half):
    """Free antibody of one row, by the law of tissue.free_at_equilibrium in single precision.

    A stage may overshoot a little below zero: that is nothing free, and stays in the balance.
    """
    held, her2, free = total[a : a + length], place[a : a + length], out[a : a + length]
    for x in range(np.uint64(length)):
        amount = max(held[x], np.float32(0.0))
        b = her2[x] - amount + half
        root = np.sqrt(b * b + np.float32(4.0) * half * amount)
        few = np.float32(2.0) * half * amount / (abs(b) + root)  # where receptors are in excess
        free[x] = few if b > np.float32(0.0) else np.float32(0.5) * (root - b)


@njit(cache=True, parallel=True)
def _stage(now, before, free, out, place, near, supply, mu, nu, part, diffusion, plasma, loss, half, flux, flux_before,
           side, rid, r0, r1, cb, nch):  # fmt: skip
    """One RKL1 stage: `before` becomes the new stage, `out` its free antibody; the fluxes of each row follow along."""
    for c in prange(nch):
        flow = np.empty(side, np.float32)
        for r in range(cb[c], cb[c + 1]):
            a, length = rid[r] * side + r0[r], np.int64(r1[r] - r0[r])
            _flow_row(free, near, flow, a, length, side)
            taken, gone = _total_row(
                now, before, free, near, supply, flow, a, length, np.float32(mu), np.float32(nu), np.float32(part),
                np.float32(diffusion), np.float32(plasma), np.float32(loss),
            )  # fmt: skip
            _free_row(before, out, place, a, length, np.float32(half))
            flux_before[r, 0] = mu * flux[r, 0] + nu * flux_before[r, 0] + part * taken
            flux_before[r, 1] = mu * flux[r, 1] + nu * flux_before[r, 1] + part * gone


@njit(cache=True, parallel=True)
def _profile(total, free, place, supply, theta, profiles, first, half, plasma, supply_unit, sums, side, rid, r0, r1, cb,
             nch):  # fmt: skip
    """Mean occupancy and profile of each patch; sums: free and bound antibody of each row."""
    to_x = np.float32(1.0 / half)
    to_g = np.float32(1.0 / supply_unit)
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            in_free = 0.0
            in_bound = 0.0
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                f = free[b]
                bound = total[b] - f
                in_free += f
                in_bound += bound
                theta[b] = bound / place[b] if place[b] > 0.0 else np.float32(0.0)
                x = f * to_x
                if place[b] <= 0.0 or x < np.float32(X_LOW):
                    profiles[b] = 0
                    continue
                g = max(supply[b] * (plasma - f) * to_g, np.float32(G_LOW))
                at_x = min((np.float32(x).view(np.int32) >> X_SHIFT) - X_FIRST, X_BINS - 1)
                at_g = min((np.float32(g).view(np.int32) >> G_SHIFT) - G_FIRST, G_BINS - 1)
                profiles[b] = first + at_x * G_BINS + at_g
            sums[r, 0] = in_free
            sums[r, 1] = in_bound


@njit(cache=True, parallel=True)
def _carry(total, free, new, n_before, n_after, faces, cleared, rowsum, side, rid, r0, r1, cb, nch):
    """Bound antibody goes with its cells: out through `faces`, lost with the cleared and with emptied patches."""
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            lost = 0.0
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                stays = np.float64(total[b])
                if n_before[b] > 0:
                    bound = np.float64(total[b] - free[b])
                    dead = bound * cleared[b] / (np.float64(n_before[b]) + cleared[b])
                    lost += dead
                    stays -= dead + (bound - dead) * np.int64(total_of(faces[b])) / n_before[b]
                elif cleared[b] > 0:
                    lost += stays
                    stays = 0.0
                for f in range(FACES):
                    k = b - step_of(f, side)  # the neighbour whose face f looks at b
                    came = np.int64((faces[k] >> np.uint64(8 * f)) & np.uint64(255))
                    if came > 0:
                        bound = np.float64(total[k] - free[k])
                        if cleared[k] > 0:
                            bound -= bound * cleared[k] / (np.float64(n_before[k]) + cleared[k])
                        stays += bound * came / n_before[k]
                if n_after[b] == 0:
                    lost += stays
                    stays = 0.0
                new[b] = np.float32(stays)
            rowsum[r] = lost


@njit(cache=True, parallel=True)
def _copy(source, target, side, rid, r0, r1, cb, nch):
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                target[b] = source[b]


def _columns(volume: int, dtype) -> np.ndarray:
    """Zeros of shape (POOLS, volume); a pool that nobody uses takes no memory."""
    return empty_column(POOLS * volume, dtype).reshape(POOLS, volume)


class Antibody:
    """The antibodies of one tumour, one pool per epitope, on a box of side**3 patches.

    params: TumourParams. `pools` maps the pool to the name of its drug. Arrays (float32 unless said, one row per pool):
    total, free (nM of tissue), theta (mean occupancy), profiles (uint16); her2 (nM per cell, one row). uptake,
    internalised, lost: sums since the start in nM x patches, each integrated by itself. Profiles are made for the HER2
    that the tumour starts with.
    """

    def __init__(self, side: int, params):
        self.side, volume = side, side**3
        self.names = antibodies_of(params.drugs)
        self.total, self.free, self.theta = (_columns(volume, np.float32) for _ in range(3))
        self.profiles = _columns(volume, np.uint16)
        self.her2 = np.full(volume, _UNKNOWN, np.float32)
        self.balance = np.zeros((3, POOLS))  # uptake, internalised, lost with cells
        self.content = np.zeros((2, POOLS))  # free, bound at the last step
        self.given = np.zeros(POOLS, np.bool_)  # whether the pool ever saw antibody
        self._scratch = [empty_column(volume, np.float32) for _ in range(5)]
        self._rows = np.zeros((3, side * side, 2))
        self.receptors = receptor_table(params.clones, her2_relative())
        self._per_molecule = nM_per_receptor(params.patch_side_um)
        fraction = np.array([clone.fraction for clone in params.clones])
        reach = np.array([clone.her2_per_cell for clone in params.clones]) * (
            1.0 - np.array([clone.her2_null_fraction for clone in params.clones])
        )
        accessible = np.array([(1.0 - c.p95_fraction) * (1.0 - c.masked_fraction) for c in params.clones])
        nominal = params.tumour.cells_per_mm3 * params.patch_side_um**3 * 1e-9
        self.start_her2_nM = float(fraction @ (reach * accessible)) * self._per_molecule * nominal
        self.cover = np.zeros((PROFILES, RANKS), np.uint8)
        drugs = [params.drugs[name] for name in self.names.values()]
        self.effects = tuple(
            params.drugs[self.names[k]].direct_effect if k in self.names else 0.0 for k in range(POOLS)
        )
        self.synergy = max(drug.signalling_synergy for drug in drugs) if len(drugs) == POOLS else 0.0
        self.pools: dict[int, Pool] = {}
        for k, name in self.names.items():
            her2 = max(self.start_her2_nM, 1e-6)
            self.pools[k] = pool_of(params.drugs[name], params.tumour, params.clones, params.patch_side_um, her2)
            first = 1 + k * X_BINS * G_BINS
            self.cover[first : first + X_BINS * G_BINS] = pool_cover(self.pools[k])

    def step(
        self, rows, n, cells, perfusion, plasma_nM, step: int, hours: float = 1.0, substeps: int = 1
    ) -> np.ndarray:
        """Advance all pools by `hours`; rows: Rows.tuple(); plasma_nM: (POOLS,) mean of the hour in plasma.

        Returns what each pool took from the plasma (POOLS,), nM x patches; negative where antibody flows back.
        """
        plasma_nM = np.asarray(plasma_nM)
        if not self.given.any() and not plasma_nM.any():
            return np.zeros(POOLS)
        count_her2(
            cells, n, self.receptors, np.float32(self._per_molecule), self.her2, step % HER2_EVERY_H, HER2_EVERY_H,
            *rows,
        )  # fmt: skip
        before = self.balance[0].copy()
        for k, pool in self.pools.items():
            self.given[k] |= plasma_nM[k] > 0.0
            if self.given[k]:
                for _ in range(substeps):
                    self._advance(k, pool, rows, n, perfusion, plasma_nM[k] * pool.void, hours / substeps)
        return self.balance[0] - before

    def _advance(self, k: int, pool: Pool, rows, n, perfusion, supply_nM: float, hours: float) -> None:
        total, free = self.total[k], self.free[k]
        total_2, free_2, place, near, supply = self._scratch
        flux, flux_2, sums = self._rows
        _prepare(
            n, self.her2, perfusion, total, free, place, near, supply, pool.binds, pool.half_nM, pool.extravasation,
            sums[:, 0], *rows,
        )  # fmt: skip
        count = int(rows[4][-1])  # rows in use
        self.balance[2, k] += sums[:count, 0].sum()
        flux[:] = 0.0
        flux_2[:] = 0.0
        s = stages(pool, hours)
        unit = 2.0 * hours / (s * s + s)
        now, other, own, out, f_now, f_other = total, total_2, free, free_2, flux, flux_2
        for j in range(1, s + 1):
            mu, nu = (2.0 * j - 1.0) / j, (1.0 - j) / j
            _stage(
                now, other, own, out, place, near, supply, mu, nu, mu * unit, pool.diffusion, supply_nM,
                pool.internalised, pool.half_nM, f_now, f_other, *rows,
            )  # fmt: skip
            now, other, own, out, f_now, f_other = other, now, out, own, f_other, f_now
        self.balance[0, k] += f_now[:count, 0].sum()
        self.balance[1, k] += f_now[:count, 1].sum()
        first = 1 + k * X_BINS * G_BINS
        _profile(
            total, free, place, supply, self.theta[k], self.profiles[k], first, pool.half_nM, supply_nM,
            pool.supply_unit, sums, *rows,
        )  # fmt: skip
        self.content[:, k] = sums[:count].sum(axis=0)

    def carry(self, rows, n_before, n_after, faces, cleared) -> None:
        """After a move: bound antibody goes with its cells.

        n_before, n_after: uint8 cells per patch around the move; faces: uint64, cells sent through each face, 8 bits
        each in the order +x -x +y -y +z -z; cleared: uint8, dead cells cleared in this step before the move.
        """
        count = int(rows[4][-1])
        for k in self.pools:
            if self.given[k]:
                lost = self._rows[2][:, 0]
                new = self._scratch[0]
                _carry(self.total[k], self.free[k], new, n_before, n_after, faces, cleared, lost, *rows)
                _copy(new, self.total[k], *rows)
                self.balance[2, k] += lost[:count].sum()

    def widen(self, side: int, old_rows, move) -> None:
        """Move everything into a box of side**3 patches; move(old, new, old_side, new_side, old_rows) copies one."""
        self._scratch = [empty_column(side**3, np.float32) for _ in range(5)]
        for name in ("total", "free", "theta", "profiles", "her2"):
            old = getattr(self, name)
            new = np.full(side**3, _UNKNOWN, np.float32) if name == "her2" else _columns(side**3, old.dtype)
            for one, other in zip(np.atleast_2d(old), np.atleast_2d(new), strict=True):
                move(one, other, self.side, side, old_rows)
            setattr(self, name, new)
        self._rows = np.zeros((3, side * side, 2))
        self.side = side
