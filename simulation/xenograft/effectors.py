"""Effectors of the tumour: mouse NK cells, mouse myeloid cells and transferred human NK cells, patch by patch.

Model    Every effector lives through its hour in its patch (contacts.py); the effectors of a patch do so one after the
         other. Arrivals hold the number of each kind at its density per living tumour cell times a recruitment factor;
         the factor follows killing, 1 + (max - 1) k/(k + k_half), with delay tau, k the kills by effectors per living
         cell and day. Who dies or has stayed its time is so replaced by a fresh one.
Source   biology/killing.py for traits; catalogue/residents.toml.
Limits   no killing: the density asked for; arrivals - deaths = change of number; kills = commitments = log
         (tests/xenograft/test_effectors.py)
"""

import math
from statistics import NormalDist

import numpy as np
from numba import njit, prange

from adccsim.biology.killing import CD16A_LEVELS, granule_load, lognormal, potency
from adccsim.biology.rng import STREAM_CONTACTS, TO_UNIT32, mix64, next_patch_key, row_word, step_key
from adccsim.biology.synapse import bridge_constant, genotype_factor
from adccsim.conditions.mouse import AntibodyDrug, ResidentEffector
from adccsim.xenograft.contacts import (
    CAN_ADCC,
    CAN_NATURAL,
    CLASS_ZERO,
    CLASSES_PER_DOUBLING,
    COUNT,
    COUNT_NAMES,
    GONE,
    IDLE,
    KINDS,
    LAW,
    activation_table,
    class_factors,
    fresh,
    step_effector,
)
from adccsim.xenograft.layout import CELL_SLOTS, CLONES, EFFECTOR_SLOTS, her2_relative
from adccsim.xenograft.opsonisation import POOLS, antibodies_of, class_occupancy, receptor_table
from adccsim.xenograft.prefetch import prefetch

LOG_ROOM = 1 << 14  # kills per chunk and hour that are kept; more are counted
_AHEAD = 2  # patches whose cells are asked for early; their effectors twice as early
_QUANTILES = 1024
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_THREE = np.uint64(3)
_ARRIVAL = np.uint64(0x8000)
_ARRIVED, _REFUSED = COUNT["arrived"], COUNT["refused"]
_PRESENT = COUNT[KINDS[0]]
_K2, _SLOPE = LAW["k2"], LAW["k2_per_nM"]


@njit(inline="always")
def _searched(effectors, b, count, profiles):
    """Whether an effector of patch b may touch its cells in this hour: else they need not come from memory."""
    arms = CAN_NATURAL | CAN_ADCC if profiles[0, b] + profiles[1, b] > 0 else CAN_NATURAL
    first = np.uint64(b) * np.uint64(EFFECTOR_SLOTS)
    some = False
    for i in range(np.uint64(count)):
        word = effectors[first + i]
        some |= (word & arms) != 0 and (word & IDLE) == 0
    return some


@njit(cache=True, parallel=True)
def step_effectors(cells, n, effectors, ne, profiles, free, void, nominal, laws, switching, factors, receptors,
                   contact_fraction, occupancy, cover, arms, arrivals, traits, fractions, lives, key, counts, log_place,
                   log_what, log_when, side, rid, r0, r1, cb, nch):  # fmt: skip
    """An hour of all effectors, then arrivals; counts int64[nch, len(COUNT_NAMES)] are set per chunk.

    effectors: uint64[side**3 * EFFECTOR_SLOTS], ne: uint8; profiles: uint16[2, side**3]; free: float32[2, side**3] nM
    of tissue; laws: see contacts.LAW; switching: float32[kinds,
    S_BINS]; factors: class_factors(); arrivals: float64[kinds] expected per cell of a patch; traits: uint8[kinds, 3,
    1024] classes of potency and CD16a and granules; shares: float64[kinds, 3] natural, antibody, never engaging; lives:
    False for the first filling, when nobody acts; log_*: [nch, LOG_ROOM].
    """
    for c in prange(nch):
        mine = np.zeros(counts.shape[1], np.int64)
        place, what, when = log_place[c], log_what[c], log_when[c]
        for r in range(cb[c], cb[c + 1]):
            word_of_row = row_word(key, rid[r], side)
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                soon = b + _AHEAD
                prefetch(effectors, np.uint64(soon + _AHEAD) * np.uint64(EFFECTOR_SLOTS))
                if lives and ne[soon] > 0 and _searched(effectors, soon, ne[soon], profiles):
                    for line in range((np.int64(n[soon]) + 15) >> 4):
                        prefetch(cells, np.uint64(soon) * np.uint64(CELL_SLOTS) + np.uint64(16 * line))
                here = np.int64(n[b])
                m = np.int64(ne[b])
                if here == 0 and m == 0:
                    continue
                pk = next_patch_key(word_of_row, b - rid[r] * side)
                base = np.uint64(b) * np.uint64(CELL_SLOTS)
                first = np.uint64(b) * np.uint64(EFFECTOR_SLOTS)
                if lives and m > 0:
                    fluid_nM = np.float64(free[0, b] + free[1, b]) / void
                    kept = 0
                    for i in range(m):
                        word = effectors[first + np.uint64(i)]
                        kind = np.int64(word & _THREE)
                        k2 = laws[kind, _K2] + laws[kind, _SLOPE] * fluid_nM
                        word = step_effector(
                            word, mix64(pk + np.uint64(i + 1)), laws, switching, factors, cells, base, here, nominal,
                            k2, b, receptors, contact_fraction, occupancy, cover, profiles[0, b], profiles[1, b], arms,
                            mine, place, what, when,
                        )  # fmt: skip
                        if word & GONE == 0:
                            effectors[first + np.uint64(kept)] = word
                            kept += 1
                    m = kept
                for kind in range(arrivals.size):
                    if arrivals[kind] <= 0.0:
                        continue
                    draw = mix64(pk ^ (_ARRIVAL + np.uint64(kind)))
                    coming = np.int64(arrivals[kind] * here + np.float64(draw & _LOW) * TO_UNIT32)
                    for _ in range(coming):
                        draw = mix64(draw)
                        if m >= EFFECTOR_SLOTS:
                            mine[_REFUSED] += 1
                            continue
                        effectors[first + np.uint64(m)] = fresh(
                            kind, draw, traits[kind, 0], traits[kind, 1], traits[kind, 2], fractions[kind, 0],
                            fractions[kind, 1], fractions[kind, 2],
                        )  # fmt: skip
                        mine[_ARRIVED] += 1
                        m += 1
                ne[b] = m
                for i in range(m):
                    mine[_PRESENT + np.int64(effectors[first + np.uint64(i)] & _THREE)] += 1
        for k in range(counts.shape[1]):
            counts[c, k] = mine[k]


def _classes(factors) -> np.ndarray:
    """Classes of potency or CD16a that stand for these factors, uint8."""
    k = np.floor(CLASS_ZERO + CLASSES_PER_DOUBLING * np.log2(np.maximum(factors, 1e-3)) + 0.5)
    return np.clip(k, 0, 255).astype(np.uint8)


def trait_table(effector: ResidentEffector) -> np.ndarray:
    """Quantiles of potency class, CD16a class and granules of one kind, uint8[3, 1024]."""
    u = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    z = [NormalDist().inv_cdf(v) for v in u]
    strength = [potency(effector.potency_log_sd, effector.potency_cap, v) for v in z]
    receptors = [lognormal(1.0, effector.cd16a_cv, v) for v in z]
    load = [granule_load(effector.granules_mean, 1.0 - v) for v in u]
    return np.stack([_classes(strength), _classes(receptors), np.array(load, np.uint8)])


def law_row(effector: ResidentEffector, fc: AntibodyDrug | None, repair_h: float) -> np.ndarray:
    """One row of the law table: an effector, and the Fc part of the antibody (None without).

    The mouse's own IgG is part of fcgr_gain: nobody measured it apart.
    """
    row = np.zeros(len(LAW))
    own = {
        "contact": effector.contact_rate_per_h,
        "death": 1.0 / effector.lifetime_h,
        "conjugation_min": effector.conjugation_min,
        "conjugation_span": effector.conjugation_max - effector.conjugation_min,
        "conjugate_lifetime_h": effector.conjugate_lifetime_h,
        "post_kill_h": effector.post_kill_attachment_h,
        "shedding_detachment": effector.shedding_detachment,
        "antibody_hit": effector.antibody_hit_per_h,
        "natural_hit": effector.natural_hit_per_h,
        "late_kill": effector.late_killing_per_h,
        "bridges_half": effector.bridges_half,
        "bridges_hill": effector.bridges_hill,
        "shedding": effector.cd16a_shedding_per_h,
        "reload_h": effector.granule_reload_h,
        "death_per_kill": effector.death_per_kill,
        "unit_cd16a": effector.cd16a_per_cell * effector.contact_fraction / CD16A_LEVELS,
        "repair_h": repair_h,
        "k2": math.inf,
    }
    gain = fc.fc_gain * effector.fcgr_gain if fc else 0.0
    if gain > 0.0:
        genotype = genotype_factor(effector.genotype, fc.k16_f158_ratio)
        law = (fc.k2_bridges, gain, fc.k16_v158_nM)
        own["k2"] = bridge_constant(*law, 0.0, 0.0, genotype)
        own["k2_per_nM"] = bridge_constant(*law, 1.0, 0.0, genotype) - own["k2"]
    for name, value in own.items():
        row[LAW[name]] = value
    return row


class Effectors:
    """The effectors of one tumour: tables, recruitment and counts; the words themselves lie with the tumour.

    params: TumourParams; of two antibodies the first pool's Fc part counts for both, as in the well. recruitment:
    float64[3], rise of each kind's density by killing; present: int64[3];
    totals: int64 per contacts.COUNT_NAMES, summed over all hours.
    """

    def __init__(self, params):
        names = antibodies_of(params.drugs)
        fc = next((params.drugs[names[k]] for k in sorted(names)), None)
        clones = params.clones
        repair_h = float(np.average([c.repair_time_h for c in clones], weights=[c.fraction for c in clones]))
        kinds = [getattr(params.effectors, kind) for kind in KINDS]
        self.laws = np.zeros((len(KINDS), len(LAW)))
        self.traits = np.zeros((len(KINDS), 3, _QUANTILES), np.uint8)
        self.fractions, self.density, self.largest = (
            np.zeros((len(KINDS), 3)),
            np.zeros(len(KINDS)),
            np.ones(len(KINDS)),
        )
        self.delay_h, self.half_per_d = np.full(len(KINDS), math.inf), np.ones(len(KINDS))
        for k, effector in enumerate(kinds):
            if effector is None:
                continue
            self.laws[k] = law_row(effector, fc, repair_h)
            self.traits[k] = trait_table(effector)
            self.fractions[k] = (
                effector.natural_competent_fraction, effector.antibody_competent_fraction, effector.immobile_fraction,
            )  # fmt: skip
            self.density[k], self.largest[k] = effector.density_per_tumour_cell, effector.recruitment_max
            self.delay_h[k] = 24.0 * effector.recruitment_time_d
            self.half_per_d[k] = effector.recruitment_half_per_d
        self.switching = np.stack(
            [activation_table(row[LAW["bridges_half"]], row[LAW["bridges_hill"]]) for row in self.laws]
        )
        self.factors = class_factors()
        self.hop_per_h = np.array([effector.hop_per_h if effector else 0.0 for effector in kinds])
        self.receptors = receptor_table(clones, her2_relative())
        self.contact_fraction = np.zeros(CLONES)
        self.contact_fraction[: len(clones)] = [clone.contact_fraction for clone in clones]
        self.occupancy = class_occupancy()
        self.arms = np.zeros((POOLS, 2))
        for pool, name in names.items():
            self.arms[pool] = params.drugs[name].cross_link_per_receptor, params.drugs[name].one_arm_weight
        self.void = params.tumour.void_fraction
        self.nominal = params.tumour.cells_per_mm3 * params.patch_side_um**3 * 1e-9
        self.recruitment = np.ones(len(KINDS))
        self.present = np.zeros(len(KINDS), np.int64)
        self.totals = np.zeros(len(COUNT_NAMES), np.int64)
        self._log = None

    def step(self, rows, run_key, step, tumour_arrays, antibody, alive, occupying, lives=True) -> dict[str, int]:
        """One hour (lives=False: only the arrivals, which fill an empty tumour); returns counts of this hour.

        tumour_arrays: (cells, n, effectors, ne); antibody: Antibody; alive: living tumour cells; occupying: all cells
        that take room. Counts are named by contacts.COUNT_NAMES.
        """
        nch = rows[5]
        if self._log is None:
            self._log = (
                np.zeros((nch, LOG_ROOM), np.int64), np.zeros((nch, LOG_ROOM), np.uint64),
                np.zeros((nch, LOG_ROOM), np.float32),
            )  # fmt: skip
        staying = self.present * np.exp(-self.laws[:, LAW["death"]]) if lives else 0.0 * self.present
        wanted = self.density * self.recruitment * alive
        arrivals = np.maximum(wanted - staying, 0.0) / max(occupying, 1)
        counts = np.zeros((nch, len(COUNT_NAMES)), np.int64)
        key = np.uint64(step_key(np.uint64(run_key), np.uint64(STREAM_CONTACTS), np.uint64(step)))
        step_effectors(
            *tumour_arrays, antibody.profiles, antibody.free, self.void, self.nominal, self.laws, self.switching,
            self.factors, self.receptors, self.contact_fraction, self.occupancy, antibody.cover, self.arms, arrivals,
            self.traits, self.fractions, lives, key, counts, *self._log, *rows,
        )  # fmt: skip
        self._logged = counts[:, COUNT["logged"]]
        total = counts.sum(axis=0)
        self.totals += total
        self.present = total[_PRESENT : _PRESENT + len(KINDS)].copy()
        self._recruit(total[: len(KINDS)].sum(), alive)
        return dict(zip(COUNT_NAMES, (int(v) for v in total), strict=True))

    def _recruit(self, kills: int, alive: int) -> None:
        per_day = 24.0 * kills / max(alive, 1)
        goal = 1.0 + (self.largest - 1.0) * per_day / (per_day + self.half_per_d)
        self.recruitment += (goal - self.recruitment) * (1.0 - np.exp(-1.0 / self.delay_h))

    def kills(self) -> tuple[np.ndarray, ...]:
        """Kills of the last step that were kept: (patch int64, cell word uint32, kind uint8, fraction of the hour)."""
        place, what, when = (
            np.concatenate([column[c, :m] for c, m in enumerate(self._logged)]) for column in self._log
        )  # fmt: skip
        return place, (what & _LOW).astype(np.uint32), (what >> _32).astype(np.uint8), when
