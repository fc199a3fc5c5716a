"""The oracle's cells and numbers: a resolved condition read into scalars, and a well filled with agents.

Geometry Sites of 10 um. A square has side round(sqrt(area)); a disc lies in the smallest square grid that holds it,
         and a site is inside when its centre is nearer than the radius to the grid's centre. A wall surrounds both.
         A target fills 2 x 2 sites in every layer, an effector one site of one layer.
Source   Sections 1-4 of the model description and its table of initial traits.
"""

# ruff: noqa: NPY002 - inside compiled code, numba's Mersenne twister is reached through these names

import math
from typing import NamedTuple

import numpy as np

from .compiled import compiled

AVOGADRO = 6.02214076e23
IGG_NM_PER_G_PER_L = 1e6 / 150.0
SITE_UM = 10.0
HOP_UM = SITE_UM * (1.0 + math.sqrt(2.0)) / 2.0  # mean length of the eight steps
LEVELS = 8
STEP_X = (1, 1, 0, -1, -1, -1, 0, 1)
STEP_Y = (0, 1, 1, 1, 0, -1, -1, -1)

FREE, WALL, EFFECTOR = 0, -1, -2  # what a site holds; target i is i + 1
ALIVE, DEAD, CLEARED = 0, 4, 5  # target status; 1-3 are the stages of a committed one
SEARCHING, CONJUGATED, ATTACHED, GONE = 0, 1, 2, 3  # effector state
NOBODY = -1
# counters
KILLS, DEATHS, SPONTANEOUS, HITS, CONTACTS, ENCOUNTERS, NK_DEATHS, NK_SEARCHING, NK_ALIVE, N_COUNTS = range(10)


# One row per target; `first` heads the list of the effectors that hold it.
TARGET = np.dtype([(name, "i4") for name in ("x", "y", "status", "damage", "theta", "first")])
# One row per NK cell; `signal` is S of its present conjugate, `before` and `after` link the holders of one target,
# `full` is its own granule start, `natural` and `antibody` tell which arms it has.
EFFECTOR_CELL = np.dtype(
    [
        *((name, "f8") for name in ("cd16a", "potency", "signal")),
        *((name, "i4") for name in ("x", "y", "target", "memory", "before", "after")),
        *((name, "i2") for name in ("granules", "full", "kills")),
        *((name, "i1") for name in ("layer", "direction", "state", "level")),
        *((name, "?") for name in ("mobile", "natural", "antibody")),
    ],
    align=True,
)
# One row for the antibody and one for its partner (all zero without one); amounts in molecules, rates per h.
POOL = np.dtype(
    [(name, "f8") for name in ("kon", "koff", "cross_link", "one_arm", "total", "free_nM", "internalised", "cleared")]
)


class Well(NamedTuple):
    """All that changes during a run, and `p`, the scalars of the condition (times in h, rates per h).

    grid (layers, side, side) what each site holds; sites, k_net (targets,) and bound (2, targets) the HER2 that
    antibody reaches, its rate of internalisation (0 once not alive) and the antibody on it, in molecules per cell;
    when, who the heap of due times and agents, place where each agent stands in it: agent i < targets is target i,
    the rest are effectors; counts by the names above.
    """

    p: np.record
    grid: np.ndarray
    targets: np.ndarray
    sites: np.ndarray
    k_net: np.ndarray
    bound: np.ndarray
    nk: np.ndarray
    pools: np.ndarray
    when: np.ndarray
    who: np.ndarray
    place: np.ndarray
    counts: np.ndarray


def read_numbers(condition: dict, grid_s: float) -> np.record:
    """The scalars of a resolved condition; ValueError for what this simulator leaves out or what does not fit."""
    t, e, ab = condition["targets"], condition["effectors"], condition["antibody"]
    well, hours = condition["well"], condition["assay"]["duration_h"]
    if hours > 24 or condition["action"] or condition["culture"] or well["rim_excess"] or well["shape"] == "chip":
        raise ValueError("the oracle has no division, actions, culture, rim excess or microwell chips")
    genotype = {"VV": 1.0, "FF": ab["k16_f158_ratio"], "VF": math.sqrt(ab["k16_f158_ratio"])}[e["genotype"]]
    motility = e["motility"] * e["donor_motility"]
    tumble = 60.0 / e["persistence_min"] * motility
    whole = dict(
        targets=t["cells"],
        nk=e["nk_cells"],
        layers=count_layers(well, t["cells"], e["nk_cells"]),
        steps=max(1, round(hours * 3600 / grid_s)),
        preparation_steps=math.ceil(ab["pre_incubation_min"] * 60 / grid_s),
        wash=bool(ab["wash_after_opsonisation"]),
    )
    real = dict(
        duration=float(hours),
        preparation=ab["pre_incubation_min"] / 60.0,
        her2=t["her2_per_cell"],
        her2_cv=t["her2_cv"],
        null=t["her2_null_fraction"],
        accessible=(1.0 - t["p95_fraction"]) * (1.0 - t["masked_fraction"]),
        k_net=t["her2_internalisation_per_h"] * t["modulation_factor"],
        theta=t["hits_to_kill"],
        theta_log_sd=t["hits_log_sd"],
        repair_time=t["repair_time_h"],
        death_time=t["death_time_h"],
        spontaneous=t["spontaneous_death_per_h"],
        clearance_time=t["clearance_time_h"],
        cd16a=e["cd16a_per_cell"],
        cd16a_cv=e["cd16a_cv"],
        hop=e["speed_um_per_min"] * 60.0 / HOP_UM * motility,
        tumble=tumble,
        immobile=e["immobile_fraction"],
        forget=min(1.0, e["memory_fade_per_h"] / tumble) if tumble > 0.0 else 0.0,
        p0=e["conjugation_min"],
        p1=e["conjugation_max"],
        conjugate_time=e["conjugate_lifetime_h"],
        post_kill_time=e["post_kill_attachment_h"],
        c_det=e["shedding_detachment"],
        k_hit=e["antibody_hit_per_h"],
        h_nat=e["natural_hit_per_h"] * t["natural_sensitivity"],
        f_nat=e["natural_competent_fraction"],
        f_ad=e["antibody_competent_fraction"],
        potency_log_sd=e["potency_log_sd"],
        potency_cap=e["potency_cap"],
        potency=e["donor_potency"],
        x50=e["bridges_half"] * e["donor_bridges"],
        hill=e["bridges_hill"],
        k_shed=e["cd16a_shedding_per_h"],
        granules=e["granules_mean"],
        reload_time=e["granule_reload_h"],
        nk_death=e["death_per_h"],
        death_per_kill=e["death_per_kill"],
        late=e["late_killing_per_h"],
        phi_t=t["contact_fraction"],
        phi_e=e["contact_fraction"],
        k2=ab["k2_bridges"] * genotype,
        k16=ab["k16_v158_nM"] * genotype,
        fc_gain=ab["fc_gain"],
        serum_nM=well["serum_igg_g_per_l"] * IGG_NM_PER_G_PER_L,
        molecules_per_nM=well["volume_ul"] * 1e-6 * 1e-9 * AVOGADRO,
    )
    kinds = [(name, "i8") for name in whole] + [(name, "f8") for name in real]
    return np.rec.array([(*whole.values(), *real.values())], dtype=kinds)[0]


def read_pools(condition: dict, molecules_per_nM: float) -> np.ndarray:
    """Antibody and partner at the same dose (2 rows); one without a HER2 epitope stays in the medium."""
    pools = np.zeros(2, POOL)
    dose = condition["antibody"]["dose_ug_per_ml"]
    for pool, entry in zip(pools, (condition["antibody"], condition["partner"]), strict=True):
        if entry is None:
            continue
        pool["free_nM"] = dose * 1000.0 / entry["molar_mass_kda"]
        pool["total"] = pool["free_nM"] * molecules_per_nM
        if entry["epitope"] != "none":
            pool["kon"] = entry["kon_per_nM_h"]
            pool["koff"] = entry["kon_per_nM_h"] * entry["kd_nM"]
            pool["cross_link"] = entry["cross_link_per_receptor"]
            pool["one_arm"] = entry["one_arm_weight"]
    return pools


def floor_plan(well: dict) -> np.ndarray:
    """Sites of one layer, bool: True inside the well."""
    area_sites = well["area_mm2"] * 1e6 / SITE_UM**2
    if well["shape"] == "square":
        side = round(math.sqrt(area_sites))
        return np.ones((side, side), dtype=bool)
    radius = math.sqrt(area_sites / math.pi)
    side = math.ceil(2 * radius)
    offset = np.arange(side) - (side - 1) / 2
    return offset[:, None] ** 2 + offset[None, :] ** 2 < radius**2


def count_layers(well: dict, targets: int, nk: int) -> int:
    """Fewest layers whose free sites the effectors fill to at most `layer_filling`."""
    free = int(floor_plan(well).sum()) - 4 * targets
    for layers in range(1, int(well["max_layers"]) + 1):
        if free > 0 and nk / (layers * free) <= well["layer_filling"]:
            return layers
    raise ValueError(f"{targets} targets and {nk} NK cells do not fit the well")


def empty_well(condition: dict, grid_s: float) -> Well:
    """The well of a resolved condition before anyone is in it; ValueError as read_numbers."""
    p = read_numbers(condition, grid_s)
    n, agents = p.targets, p.targets + p.nk
    inside = np.pad(floor_plan(condition["well"]), 1)
    return Well(
        p=p,
        grid=np.repeat(np.where(inside, FREE, WALL).astype(np.int32)[None], p.layers, axis=0),
        targets=np.zeros(n, TARGET),
        sites=np.zeros(n),
        k_net=np.full(n, p.k_net),
        bound=np.zeros((2, n)),
        nk=np.zeros(p.nk, EFFECTOR_CELL),
        pools=read_pools(condition, p.molecules_per_nM),
        when=np.full(agents, np.inf),
        who=np.arange(agents, dtype=np.int32),
        place=np.arange(agents, dtype=np.int32),
        counts=np.zeros(N_COUNTS, np.int64),
    )


@compiled
def log_normal(mean, cv):
    """A log-normal number with this arithmetic mean and coefficient of variation."""
    variance = math.log(1.0 + cv * cv)
    return mean * math.exp(math.sqrt(variance) * np.random.normal() - 0.5 * variance)


@compiled
def place_targets(w):
    """Random sequential addition of 2 x 2 targets with their traits; ValueError when the well jams."""
    p, grid = w.p, w.grid
    side = grid.shape[1]
    for i in range(p.targets):
        tries = 0
        while True:
            x, y = np.random.randint(1, side - 2), np.random.randint(1, side - 2)
            if grid[0, x, y] == grid[0, x + 1, y] == grid[0, x, y + 1] == grid[0, x + 1, y + 1] == FREE:
                break
            tries += 1
            if tries > 1_000_000:
                raise ValueError("no room for another target")
        grid[:, x : x + 2, y : y + 2] = i + 1
        target = w.targets[i]
        target.x, target.y, target.first, target.status = x, y, NOBODY, ALIVE
        hits = math.floor(p.theta * math.exp(p.theta_log_sd * np.random.normal()) + 0.5)
        target.theta = min(max(hits, 1), 8)
        her2 = 0.0 if np.random.random() < p.null else log_normal(p.her2, p.her2_cv)
        w.sites[i] = her2 * p.accessible


@compiled
def place_effectors(w):
    """Effectors on uniformly drawn free sites of all layers, with their traits."""
    p, grid = w.p, w.grid
    side = grid.shape[1]
    for j in range(p.nk):
        while True:
            layer, x, y = np.random.randint(p.layers), np.random.randint(1, side - 1), np.random.randint(1, side - 1)
            if grid[layer, x, y] == FREE:
                break
        grid[layer, x, y] = EFFECTOR
        cell = w.nk[j]
        cell.layer, cell.x, cell.y, cell.direction = layer, x, y, np.random.randint(8)
        cell.state, cell.target, cell.memory, cell.level = SEARCHING, NOBODY, NOBODY, LEVELS
        cell.granules = min(np.random.geometric(min(1.0, 1.0 / p.granules)), 200)
        cell.full = cell.granules
        cell.cd16a = log_normal(p.cd16a, p.cd16a_cv)
        cell.potency = min(math.exp(p.potency_log_sd * np.random.normal()), p.potency_cap) * p.potency
        cell.mobile = np.random.random() >= p.immobile
        competence = np.random.random()
        cell.natural, cell.antibody = competence < p.f_nat, competence < p.f_ad
    w.counts[NK_SEARCHING] = w.counts[NK_ALIVE] = p.nk
