"""State of a tumour: what a tumour is made of, and the ball of cells that it starts from.

Model    A ball of exactly `start_cells` cells that occupy volume, every patch at its nominal density. A part of them
         is dead and waits for clearance: the share at which deaths and clearance balance in an exponentially growing
         tissue, d / (c + lambda) dead per living cell (d losses, c clearance, lambda net growth per hour).
         HER2 of a cell is log-normal with the mean and the spread of its line, or absent (null fraction); its hits to
         kill are the well's law. Vessels are a fixed map of the box: patch by patch perfused or not, mean 1.
Limits   same key -> same ball in a box of any size; fractions of clones, of HER2 and of dead cells within the error of
         sampling (tests/xenograft/test_state.py)
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from scipy.special import iv, kv

from adccsim.biology.killing import threshold
from adccsim.biology.rng import STREAM_TISSUE, mix64, normal, patch_key, step_key, unit
from adccsim.xenograft.layout import ALIVE, CELL_SLOTS, CLONES, DEAD, HER2_REFERENCE, HER2_STEPS_PER_DOUBLING, pack


class Clone(NamedTuple):
    """One heritable kind of tumour cell; rates per hour, `growth` net of `loss`."""

    fraction: float  # of the cells at the start
    growth_per_h: float  # net, in the starting tissue
    loss_factor: float  # loss / birth, 0 to below 1
    her2_cv: float = 0.0
    her2_null_fraction: float = 0.0
    her2_drift: float = 0.0  # chance that a newborn cell stands one HER2 level off its mother
    her2_loss: float = 0.0  # chance that a newborn cell has no HER2, nor its daughters
    hits_to_kill: float = 1.0
    hits_log_sd: float = 0.0
    death_time_h: float = 0.5  # from commitment to death
    repair_time_h: float = 1.0  # of one level of damage
    switch_to: int = 0  # clone into which newborn cells may switch
    switch_per_birth: float = 0.0


class Tissue(NamedTuple):
    """The tumour as a tissue. Lengths in um, rates per hour, `tick_h` and `edge_sites` are the numerics."""

    start_cells: int
    clones: tuple[Clone, ...]
    cells_per_mm3: float = 1e5
    clearance_per_h: float = 0.3 / 24.0
    perfused_fraction: float = 0.7
    vessel_spread: float = 0.6  # perfused patches carry 1 - spread to 1 + spread of the mean
    vessel_supply: float = 1.33  # oxygen exchange with vessels over oxygen consumption, both at nominal density
    oxygen_length_um: float = 100.0  # over which oxygen falls e-fold without vessels
    oxygen_half: float = 0.25  # level (of 1) at which births run at half speed
    hypoxic_level: float = 0.1  # below it a cell counts as hypoxic
    hypoxic_death_per_h: float = 0.003
    collapse_mm2_per_h: float = math.inf  # flow potential at which half of a patch's perfusion is lost
    crowding_relaxation_per_h: float = 0.25  # fraction of a patch's excess of cells that flows off per hour
    cohesion_um_per_h: float = 4.0  # drift that draws the rim round
    cohesion_gain: float = 3.0  # the surroundings close in this much faster than the rim of a shrinking tumour falls
    tick_h: float = 1.0
    edge_sites: int = 4  # cells along the edge of a patch: 64 cells in it

    @property
    def patch_cells(self) -> int:
        return self.edge_sites**3

    @property
    def patch_mm(self) -> float:
        """Side of a patch."""
        return (self.patch_cells / self.cells_per_mm3) ** (1.0 / 3.0)


def tissue_of(params) -> Tissue:
    """The tissue of one mouse from its TumourParams (params.py): units change here.

    The e-fold length of oxygen is its diffusion limit over ln(1 / hypoxic level); the exchange of vessels is that of a
    Krogh cylinder of the given spacing, and spreads over the perfused share. In a tumour of which only a share f is
    simulated, depths are f^(1/3) of the real ones: the potential at which vessels collapse, which grows with the
    square of depth, shrinks alike, so that a vessel at the same relative depth fares the same.
    """
    t = params.tumour
    length = t.oxygen_limit_um / math.log(1.0 / t.hypoxic_below)
    level = krogh_mean(t.vessel_spacing_um, t.capillary_radius_um, length)
    collapse = t.vessel_collapse_mm2_per_h * t.fraction_simulated ** (2.0 / 3.0)
    return Tissue(
        start_cells=params.n_cells,
        clones=tuple(_clone_of(clone) for clone in params.clones),
        cells_per_mm3=t.cells_per_mm3,
        clearance_per_h=t.dead_clearance_per_d / 24.0,
        perfused_fraction=t.perfused_fraction,
        vessel_spread=t.vessel_spread,
        vessel_supply=level / (1.0 - level),
        oxygen_length_um=length,
        oxygen_half=t.oxygen_half,
        hypoxic_level=t.hypoxic_below,
        hypoxic_death_per_h=t.hypoxic_death_per_d / 24.0,
        collapse_mm2_per_h=collapse if collapse > 0.0 else math.inf,
        crowding_relaxation_per_h=t.crowding_relaxation_per_h,
        cohesion_um_per_h=t.cohesion_um_per_h,
        cohesion_gain=t.cohesion_gain,
    )


def _clone_of(line) -> Clone:
    return Clone(
        fraction=line.fraction,
        growth_per_h=line.growth_per_d / 24.0,
        loss_factor=line.cell_loss_factor,
        her2_cv=line.her2_cv,
        her2_null_fraction=line.her2_null_fraction,
        her2_drift=line.her2_drift_per_division,
        her2_loss=line.her2_loss_per_division,
        hits_to_kill=line.hits_to_kill,
        hits_log_sd=line.hits_log_sd,
        death_time_h=line.death_time_h,
        repair_time_h=line.repair_time_h,
    )


def krogh_mean(radius_um: float, capillary_um: float, length_um: float) -> float:
    """Mean oxygen of a cylinder of tissue round a capillary at level 1 that consumes at first order.

    length_um: e-fold length sqrt(D / q). Source: Krogh 1919 geometry; modified Bessel functions solve it.
    """
    a, b = capillary_um / length_um, radius_um / length_um
    wall = (iv(1, b) * kv(1, a) - kv(1, b) * iv(1, a)) / (iv(0, a) * kv(1, b) + kv(0, a) * iv(1, b))
    return float(2.0 * a / (b * b - a * a) * wall)


class TissueError(ValueError):
    """Numbers from which no tumour can be built; says which."""


def check(tissue: Tissue) -> None:
    """Refuse what the layout cannot hold. Raises TissueError."""
    if not 1 <= len(tissue.clones) <= CLONES:
        raise TissueError(f"a tumour has 1 to {CLONES} clones, not {len(tissue.clones)}")
    if abs(sum(c.fraction for c in tissue.clones) - 1.0) > 1e-6:
        raise TissueError("the fractions of the clones do not add up to 1")
    for i, clone in enumerate(tissue.clones):
        if not 0.0 <= clone.loss_factor < 1.0:
            raise TissueError(f"clone {i}: loss_factor {clone.loss_factor} is not within [0, 1)")
        if clone.growth_per_h < 0.0:
            raise TissueError(f"clone {i}: growth_per_h {clone.growth_per_h} is negative")
        if not 0 <= clone.switch_to < len(tissue.clones):
            raise TissueError(f"clone {i}: switch_to {clone.switch_to} is not one of the clones")
    if tissue.edge_sites not in (2, 3, 4):
        raise TissueError(f"edge_sites {tissue.edge_sites} is not 2, 3 or 4")
    if tissue.start_cells < 1:
        raise TissueError("a tumour starts from at least one cell")


def dead_fraction(clone: Clone, clearance_per_h: float) -> float:
    """Share of dead cells among those that occupy volume, where losses and clearance balance during growth."""
    loss = clone.growth_per_h * clone.loss_factor / (1.0 - clone.loss_factor)
    per_living = loss / (clearance_per_h + clone.growth_per_h) if loss > 0.0 else 0.0
    return per_living / (1.0 + per_living)


def ball_radius(cells: float, patch_cells: int) -> float:
    """Radius in patches of a ball of so many cells at nominal density."""
    return (3.0 * cells / (4.0 * math.pi * patch_cells)) ** (1.0 / 3.0)


def place_ball(tissue: Tissue, side: int, run_key: int, cells: np.ndarray, n: np.ndarray, vessels: np.ndarray) -> None:
    """Fill `cells` (uint32[side**3 * CELL_SLOTS]) and `n` (uint8[side**3]) with the starting ball, `vessels`
    (float32[side**3], mean 1) with the vessel map.
    """
    radius2 = _radius_of(tissue.start_cells, tissue.edge_sites, side)
    surplus = _count_sites(n, side, tissue.edge_sites, radius2) - tissue.start_cells
    _drop_outermost(n, side, tissue.edge_sites, radius2, surplus)
    clones = tissue.clones
    table = np.array(
        [
            (f, dead_fraction(c, tissue.clearance_per_h), math.log1p(c.her2_cv**2) ** 0.5, c.her2_null_fraction,
             c.hits_to_kill, c.hits_log_sd)
            for f, c in zip(np.cumsum([c.fraction for c in clones]), clones, strict=True)
        ]
    )  # fmt: skip
    _draw(cells, n, side, _key(run_key), table)
    draw_vessels(tissue, side, run_key, vessels)


def draw_vessels(tissue: Tissue, side: int, run_key: int, vessels: np.ndarray) -> None:
    """Fill the vessel map of a box, float32[side**3]."""
    _vessels(vessels, side, _key(run_key), tissue.perfused_fraction, tissue.vessel_spread)


def _key(run_key):
    return np.uint64(step_key(np.uint64(run_key), np.uint64(STREAM_TISSUE), np.uint64(0)))


@njit(cache=True)
def _site2(a, edge, i):
    """Twice the distance, in sites and along one axis, of site i of the patch at `a` from the centre of the box."""
    return 2 * (a * edge + i) + 1


@njit(cache=True)
def _sites_within(z, y, x, edge, radius2):
    """Sites within the ball of the patch at (z, y, x) from the centre; squared radius in half sites."""
    nearest, farthest = 0, 0
    for a in (z, y, x):  # no patch lies across the centre: its distances run from one end to the other
        one, other = _site2(a, edge, 0) ** 2, _site2(a, edge, edge - 1) ** 2
        nearest += min(one, other)
        farthest += max(one, other)
    if nearest > radius2:
        return 0
    if farthest <= radius2:
        return edge**3
    count = 0
    for k in range(edge):
        for j in range(edge):
            left = radius2 - _site2(z, edge, k) ** 2 - _site2(y, edge, j) ** 2
            for i in range(edge):
                if _site2(x, edge, i) ** 2 <= left:
                    count += 1
    return count


@njit(cache=True, parallel=True)
def _fill_planes(n, side, edge, radius2, totals):
    half = side >> 1
    for z in prange(side):
        here = 0
        for y in range(side):
            for x in range(side):
                count = _sites_within(z - half, y - half, x - half, edge, radius2)
                n[(z * side + y) * side + x] = count
                here += count
        totals[z] = here


def _count_sites(n, side, edge, radius2):
    """Set n to the sites of each patch within the ball; return their total."""
    totals = np.zeros(side, np.int64)
    _fill_planes(n, side, edge, radius2, totals)
    return int(totals.sum())


def _radius_of(cells, edge, side):
    """Smallest squared radius, in half sites, of a ball that holds at least so many sites."""
    scratch = np.zeros(side**3, np.uint8)
    low, high = 0, 3 * (2 * side * edge) ** 2
    guess = int((2.0 * (3.0 * cells / (4.0 * math.pi)) ** (1.0 / 3.0)) ** 2)
    for bound in (int(guess * 0.9), int(guess * 1.1) + 30):  # a narrow bracket spares most of the search
        if bound < high:
            if _count_sites(scratch, side, edge, bound) >= cells:
                high = bound
            else:
                low = bound
    while high - low > 1:
        middle = (low + high) // 2
        if _count_sites(scratch, side, edge, middle) >= cells:
            high = middle
        else:
            low = middle
    return high


@njit(cache=True)
def _drop_outermost(n, side, edge, radius2, surplus):
    """Take `surplus` cells off the patches that the outermost shell of sites runs through."""
    half = side >> 1
    for b in range(side**3):
        if surplus <= 0:
            return
        z, y, x = b // (side * side) - half, (b // side) % side - half, b % side - half
        for k in range(edge):
            for j in range(edge):
                for i in range(edge):
                    r2 = _site2(z, edge, k) ** 2 + _site2(y, edge, j) ** 2 + _site2(x, edge, i) ** 2
                    if r2 == radius2 and surplus > 0:
                        n[b] -= 1
                        surplus -= 1


@njit(cache=True, parallel=True)
def _vessels(vessels, side, key, perfused, spread):
    for z in prange(side):
        for b in range(z * side * side, (z + 1) * side * side):
            k = patch_key(key, b, side)
            vessels[b] = 0.0
            if unit(k) < perfused:
                vessels[b] = (1.0 + spread * (2.0 * unit(mix64(k ^ np.uint64(1))) - 1.0)) / perfused


@njit(cache=True, parallel=True)
def _draw(cells, n, side, key, table):
    """Draw the traits of every cell."""
    for z in prange(side):
        for b in range(z * side * side, (z + 1) * side * side):
            k = patch_key(key, b, side)
            for j in range(n[b]):
                r = mix64(k + np.uint64(16 * (j + 1)))
                a, c, d, e = mix64(r + np.uint64(1)), mix64(r + np.uint64(2)), mix64(r + np.uint64(3)), mix64(r)
                u = unit(a)
                clone = 0
                while clone < table.shape[0] - 1 and u >= table[clone, 0]:
                    clone += 1
                state = DEAD if unit(mix64(a)) < table[clone, 1] else ALIVE
                sd = table[clone, 2]
                level = HER2_REFERENCE
                if sd > 0.0:
                    log_ratio = sd * normal(c, d) - 0.5 * sd * sd
                    level += math.floor(HER2_STEPS_PER_DOUBLING * log_ratio / math.log(2.0) + 0.5)
                level = min(max(level, 1), 255)
                if unit(e) < table[clone, 3]:
                    level = 0
                hits = threshold(table[clone, 4], normal(mix64(c), mix64(d)), table[clone, 5])
                cells[b * CELL_SLOTS + j] = pack(state, hits, clone, level, mix64(e) >> np.uint64(56))
