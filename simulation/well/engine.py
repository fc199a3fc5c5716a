"""WellEngine: one well that can be advanced, acted on between ticks, observed, and saved whole."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from adccsim.biology.binding import dose_nM
from adccsim.biology.killing import CD16A_LEVELS, hits_quantiles
from adccsim.conditions.geometry import layers_needed
from adccsim.conditions.well import Intervention, WellCondition
from adccsim.well import layout
from adccsim.well.antibody import occupancy, step_antibody
from adccsim.well.kernel import STAMPS_PER_TICK, advance
from adccsim.well.layout import (
    ATTACHED,
    CAN_ADCC,
    CAN_NATURAL,
    COUNTERS,
    DONE,
    EVENTS_FULL,
    FIXED,
    GONE,
    POS,
    STAMP,
    START_SHIFT,
    STATE,
    STRONG,
    TARGETS_FULL,
    C,
    K,
    P,
)
from adccsim.well.params import WellParams, attached_bound, bounds, well_params
from adccsim.well.place import compartment_corners, empty_grid, place_effectors, place_targets
from adccsim.well.state import EFFECTOR_COLUMNS, TARGET_COLUMNS, draw_effectors, draw_targets, errors, granules, tally

EVENT_ROOM = 1 << 16
# What is still asked of effectors that were rinsed away: how they killed.
WASHED_COLUMNS = ("effector_kills", "effector_contacts", "effector_first_kill_h")
_hits_quantiles = lru_cache(maxsize=64)(hits_quantiles)  # lines are few, and it would be a fifth of a small set-up
_NO_LOG = [np.zeros(0, d) for d in (np.float64, np.uint8, np.int32, np.int32, np.int32)]


class RateError(RuntimeError):
    """An agent's own rate exceeded the bound of the uniformisation: the result would be wrong."""


class WellFullError(ValueError):
    """The cells asked for do not fit the well."""


class WellEngine:
    """An in-vitro well.

    params: a WellCondition, or what params.well_params makes of one; run_key: 64-bit Philox key, by default that of the
    condition; founders: heritable target columns (see culture) that
    replace drawn ones, as many as there are targets. advance(n) then advance(m) equals advance(n + m) bit for
    bit; observe() draws nothing and changes nothing.
    """

    def __init__(
        self,
        params: WellParams | WellCondition,
        run_key: int | None = None,
        check: bool = False,
        founders: Mapping | None = None,
    ):
        if isinstance(params, WellCondition):
            run_key = params.run_key if run_key is None else run_key
            params = well_params(params)
        if run_key is None:
            raise TypeError("run_key: is needed where params are given in place of a condition")
        self.params = params
        self._founders = founders or {}
        self.key = np.uint64(run_key)
        self.check = check
        self.clock = np.zeros(len(K), np.int64)
        self.clock[K["events_in_tick"]] = -1
        self.counters = np.zeros(len(C), np.int64)
        self.pools = np.zeros(len(P))
        self._place()
        self._open_log(record=False)
        self._pre_incubate()

    # -- set-up -------------------------------------------------------------------------------------------------
    def _place(self) -> None:
        p = self.params
        layers = layers_needed(p.sites, p.n_targets, p.peak_effectors, p.layer_filling, p.max_layers)
        grid = empty_grid(p.shape, p.sites, layers, p.compartment_side, p.compartments)
        self.layers, self.row, self.plane = layers, grid.shape[1], grid.shape[1] * grid.shape[2]
        self.grid = grid.reshape(-1)
        self.corners = (
            compartment_corners(p.compartments, p.compartment_side) if p.compartments else np.zeros(0, np.int64)
        )
        row = self.row
        self.offsets = np.array([1, row + 1, row, row - 1, -1, -row - 1, -row, -row + 1], np.int64)
        self.targets = {name: np.zeros(p.n_targets, dtype) for name, dtype in TARGET_COLUMNS.items()}
        self.bound = np.zeros((2, p.n_targets))
        self._add_targets(p.n_targets)
        self.effectors, self.n_mobile, self.n_fixed = np.zeros((0, 4), np.int32), 0, 0
        self.effector = {name: np.zeros(0, dtype) for name, dtype in EFFECTOR_COLUMNS.items()}
        self.washed = {name: np.zeros(0, EFFECTOR_COLUMNS[name]) for name in WASHED_COLUMNS}
        self.rates = p.rates._replace(row=row, plane=self.plane, layers=layers)
        self._add_effectors(p.n_effectors)

    def _add_targets(self, n: int) -> None:
        p, t = self.params, self.targets
        placed = place_targets(
            self.grid, self.row, self.plane, self.layers, n, 0, self.key, p.rim_excess, p.rim_width,
            self.corners, p.compartment_side, t["target_site"],
        )  # fmt: skip
        if placed < n:
            raise WellFullError(f"only {placed} of {n} targets found room in {p.sites} sites")
        draw_targets(
            0, n, self.key, p.targets.her2_per_cell, p.targets.her2_cv, p.targets.her2_null_fraction,
            p.targets.hits_to_kill, p.targets.hits_log_sd, t["target_receptors"], t["target_receptors_0"],
            t["target_threshold"],
        )  # fmt: skip
        self._hits = _hits_quantiles(p.targets.hits_to_kill, p.targets.hits_log_sd)
        t["target_response"][:n] = p.targets.direct_response
        for name, values in self._founders.items():
            t[name][:n] = values
        if "target_receptors_0" in self._founders:
            t["target_receptors"][:n] = t["target_receptors_0"][:n]
        self.clock[K["targets"]] = n
        self.counters[C["alive"]] = n

    def _add_effectors(self, n: int) -> None:
        p, e = self.params, self.params.effectors
        first, held = int(self.counters[C["effectors_added"]]), len(self.effectors)
        records = np.zeros((n, 4), np.int32)
        columns = {name: np.zeros(n, dtype) for name, dtype in EFFECTOR_COLUMNS.items()}
        columns["effector_first_kill_h"][:] = -1.0
        sites = np.zeros(n, np.int32)
        room = int((self.grid == 0).sum())
        placed = 0
        if n <= room:
            placed = place_effectors(
                self.grid,
                self.row,
                self.plane,
                self.layers,
                n,
                first,
                self.key,
                self.corners,
                p.compartment_side,
                sites,
            )
        if placed < n:
            raise WellFullError(f"{n} effectors do not fit the {room} free sites of the well")
        draw_effectors(
            first, n, self.key, e.cd16a_per_cell, e.cd16a_cv, e.contact_fraction, e.potency_log_sd,
            e.potency_cap, e.donor_potency, e.natural_competent_fraction, e.antibody_competent_fraction,
            e.granules_mean, e.immobile_fraction, records, columns["effector_potency"],
            columns["effector_unit_cd16a"],
        )  # fmt: skip
        sites.sort()  # neighbours in memory are neighbours in the well
        self.grid[sites] = np.arange(held + 1, held + n + 1)
        records[:, POS] = sites
        records[:, STAMP] = np.int64(self.tick % 65536 * STAMPS_PER_TICK).astype(np.int32)
        if (
            held == 0
        ):  # effectors that never move touch nobody: they lie in a block of their own and are only asked to die
            fixed = (records[:, STATE] & FIXED) != 0
            order = np.argsort(fixed, kind="stable")
            records, columns = records[order], {k: v[order] for k, v in columns.items()}
            self.grid[records[:, POS]] = np.arange(1, n + 1)
            self.n_fixed = int(fixed.sum())
            self.n_mobile = n - self.n_fixed
        self.effectors = np.ascontiguousarray(np.concatenate([self.effectors, records]))
        self.effector = {k: np.concatenate([v, columns[k]]) for k, v in self.effector.items()}
        self.counters[C["effectors_added"]] += n
        self._set_bounds()

    def _set_bounds(self) -> None:
        """Fit the bounds of the uniformisation to the effectors present, and list those that need a second slot."""
        state, potency, r = self.effectors[:, STATE], self.effector["effector_potency"].astype(float), self.rates
        adcc_competent, natural_competent = (state & CAN_ADCC) != 0, (state & CAN_NATURAL) != 0
        competent = adcc_competent | natural_competent
        hit = np.maximum(
            potency * (adcc_competent * r.antibody_hit + natural_competent * r.natural_hit),
            potency * competent * r.late_kill,
        )
        load = (state >> START_SHIFT) & 255
        any_arm = bool(adcc_competent.any())
        self.rates = r = bounds(r, float(hit.max(initial=0.0)), int(load.max(initial=0)), any_arm)
        own = attached_bound(r, hit, any_arm) + r.effector_death
        needs_two = own > r.effector_bound - r.reload_bound
        state &= ~STRONG
        state[needs_two] |= STRONG
        self.strong = np.flatnonzero(needs_two)

    def _pre_incubate(self) -> None:
        p = self.params
        for pool, dose in enumerate(p.doses_nM):
            self._add_antibody(pool, dose)
        for _ in range(round(p.pre_incubation_h / self.tick_h)):
            self._step_antibody(self.tick_h)
        if p.wash_after_opsonisation:
            self._wash_antibody()
        self._step_antibody(0.0)  # what the first contacts see

    # -- time ---------------------------------------------------------------------------------------------------
    @property
    def tick_h(self) -> float:
        """Length of a tick in hours: the grid on which antibody is updated."""
        return self.rates.tick_h

    @property
    def tick(self) -> int:
        """Ticks done since effectors were added."""
        return int(self.clock[K["tick"]])

    @property
    def n_targets(self) -> int:
        """Targets ever present: the start and all births."""
        return int(self.clock[K["targets"]])

    def advance(self, ticks: int, events=None) -> None:
        """Run `ticks` ticks.

        events: anything with `append`, fed with tuples (time_h, kind, target, effector, site) of arrays.
        Raises RateError with check on, if a bound was too small.
        """
        if (events is not None) != self._recording:
            self._open_log(record=events is not None)
        last = self.tick + ticks
        while self.tick < last:
            code = advance(
                self.rates, self.key, last - self.tick, self.check, self._recording, self.clock, self.counters,
                self.pools, self.grid, self.offsets, self.n_mobile, self.n_fixed, self.strong, self.effectors,
                *self.effector.values(), *self._target_arguments(), tuple(self._log),
            )  # fmt: skip
            if code == TARGETS_FULL:
                self._grow_targets()
            elif code not in (DONE, EVENTS_FULL):
                raise RateError(f"an agent's rate exceeds its bound at tick {self.tick}")
            if self._recording:
                self._drain(events)
        if self.check:
            self.verify()

    def _target_arguments(self) -> list:
        t = self.targets
        return [
            t["target_site"], t["target_status"], t["target_damage"], t["target_threshold"], self._hits,
            t["target_clone"], t["target_receptors"], t["target_receptors_0"], t["target_response"],
            t["target_arrest"], self.bound, t["target_contact_bound"], t["target_scratch"],
        ]  # fmt: skip

    def _step_antibody(self, dt_h: float) -> None:
        t = self.targets
        step_antibody(
            self.n_targets, self.rates, dt_h, self.pools, t["target_status"], t["target_receptors"],
            t["target_receptors_0"],
            t["target_response"], t["target_arrest"], self.bound, t["target_contact_bound"], t["target_scratch"],
        )  # fmt: skip

    def _grow_targets(self) -> None:
        room = self.n_targets + self.n_targets // 2 + 256
        extra = room - len(self.targets["target_site"])
        self.targets = {k: np.concatenate([v, np.zeros(extra, v.dtype)]) for k, v in self.targets.items()}
        self.bound = np.concatenate([self.bound, np.zeros((2, extra))], axis=1)

    def _open_log(self, record: bool) -> None:
        self._recording = record
        self._log = [np.zeros(EVENT_ROOM, a.dtype) for a in _NO_LOG] if record else _NO_LOG

    def _drain(self, events) -> None:
        n = int(self.clock[K["logged"]])
        if n:
            events.append(tuple(a[:n].copy() for a in self._log))
            self.clock[K["logged"]] = 0

    # -- interventions ------------------------------------------------------------------------------------------
    def apply(self, intervention: Intervention) -> None:
        """Do one intervention now, between ticks; its time is not looked at.

        Raises WellFullError if added effectors find no room, ValueError for an intervention that does nothing.
        """
        dose = intervention.add_antibody_ug_per_ml
        if dose is not None:
            for pool in range(self.rates.pools_in_use):
                self._add_antibody(pool, dose_nM(dose, self.params.molar_mass_kda[pool]))
        elif intervention.wash:
            self._wash_antibody()
        elif intervention.nk_cells is not None:
            self._add_effectors(intervention.nk_cells)
        elif intervention.wash_effectors:
            self._wash_effectors()
        else:
            raise ValueError("an intervention that does nothing")

    def _add_antibody(self, pool: int, c_nM: float) -> None:
        self.pools[P["free_0"] + pool] += c_nM
        self.pools[P["added_0"] + pool] += c_nM

    def _wash_antibody(self) -> None:
        for pool in range(2):
            self.pools[P["washed_0"] + pool] += self.pools[P["free_0"] + pool]
            self.pools[P["free_0"] + pool] = 0.0

    def _wash_effectors(self) -> None:
        """Effectors that hold no target are rinsed away; they count as gone, not as dead."""
        state = self.effectors[:, STATE]
        free = (state & (ATTACHED | GONE)) == 0
        self.grid[self.effectors[free, POS]] = 0
        keep = ~free
        self.washed = {k: np.concatenate([v, self.effector[k][free]]) for k, v in self.washed.items()}
        spent = ((state >> START_SHIFT) & 255) - granules(state)
        self.counters[C["granules_washed"]] += int(spent[free].sum())
        self.effectors = np.ascontiguousarray(self.effectors[keep])
        self.effector = {k: v[keep] for k, v in self.effector.items()}
        alive = np.flatnonzero((self.effectors[:, STATE] & GONE) == 0)
        self.grid[self.effectors[alive, POS]] = alive + 1
        fixed_end = self.n_mobile + self.n_fixed
        self.n_mobile, self.n_fixed = int(keep[: self.n_mobile].sum()), int(keep[self.n_mobile : fixed_end].sum())
        self._set_bounds()

    # -- what can be seen -----------------------------------------------------------------------------------------
    def observe(self) -> dict[str, float]:
        """Counts and means at this moment (units in record.layout)."""
        n, t, count = self.n_targets, self.targets, dict(zip(COUNTERS, self.counters.tolist(), strict=True))
        alive_effectors, level_sum, granule_sum = tally(self.effectors)
        status = t["target_status"][:n]
        living, uncommitted = status < layout.DEAD, status == 0
        accessible = t["target_receptors"][:n][living] * self.rates.accessible
        held = self.bound[:, :n][:, living].sum(axis=0)
        cells = max(self.params.n_targets, 1)
        per_cell = 1.0 / (self.rates.nM_per_molecule * cells)
        pools = self.pools
        return {
            "targets_alive": count["alive"],
            "targets_dying": count["dying"],
            "targets_dead": count["deaths"],
            "targets_cleared": count["cleared"],
            "births": count["births"],
            "kills": count["kills"],
            "spontaneous_deaths": count["spontaneous_deaths"],
            "effectors_alive": alive_effectors,
            "effectors_dead": count["effectors_dead"],
            "conjugates": count["attached"],
            "encounters": count["encounters"],
            "contacts": count["contacts"],
            "hits": count["hits"],
            "effector_searching_h": float(pools[P["searching_h"]]),
            "antibody_free_nM": float(pools[P["free_0"]] + pools[P["free_1"]]),
            "antibody_bound_per_target": float(held.mean()) if living.any() else 0.0,
            "receptor_occupancy": occupancy(accessible, self.bound[0, :n][living], self.rates.cross_link_0),
            "antibody_internalised_per_target": float(pools[P["internalised_0"]] + pools[P["internalised_1"]])
            * per_cell,
            "antibody_cleared_per_target": float(pools[P["cleared_0"]] + pools[P["cleared_1"]]) * per_cell,
            "cd16a_level": level_sum / (CD16A_LEVELS * alive_effectors) if alive_effectors else 0.0,
            "granules_mean": granule_sum / alive_effectors if alive_effectors else 0.0,
            "resistant_fraction": float((t["target_clone"][:n][uncommitted] > 0).mean()) if uncommitted.any() else 0.0,
        }

    def antibody_balance_nM(self) -> np.ndarray:
        """Added minus free, bound, internalised, cleared, washed: nM per pool, zero but for rounding."""
        pools = self.pools.reshape(-1)
        out = np.empty(2)
        for pool in range(2):
            bound = self.bound[pool, : self.n_targets].sum() * self.rates.nM_per_molecule
            parts = sum(pools[P[f"{name}_{pool}"]] for name in ("free", "internalised", "cleared", "washed"))
            out[pool] = pools[P[f"added_{pool}"]] - parts - bound
        return out

    def verify(self) -> None:
        """Raise AssertionError with every conservation law or invariant that does not hold now."""
        clock = {name: self.clock[i] for name, i in K.items()}
        found = errors(self.arrays(), clock, self.counters, self.layers, self.plane, self.row)
        error = np.abs(self.antibody_balance_nM())
        if (error > 1e-9 * np.maximum(self.pools[[P["added_0"], P["added_1"]]], 1e-12)).any():
            found.append(f"antibody does not balance: {error} nM")
        if found:
            raise AssertionError("; ".join(found))

    def arrays(self) -> dict[str, np.ndarray]:
        """Complete state by documented name; views, not copies. Target columns are as long as the room for targets."""
        return {
            "blocks": np.array([self.n_mobile, self.n_fixed]), "clock": self.clock, "counters": self.counters,
            "pools": self.pools, "grid": self.grid,
            "effectors": self.effectors, **self.effector, **self.targets, "target_bound": self.bound,
            **{f"washed_{name}": column for name, column in self.washed.items()},
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a state saved from arrays() of a well with the same params and key."""
        own = {name: np.array(value) for name, value in arrays.items()}
        self.clock, self.counters, self.pools, self.grid = (own[k] for k in ("clock", "counters", "pools", "grid"))
        self.effectors, self.bound = own["effectors"], own["target_bound"]
        self.n_mobile, self.n_fixed = (int(x) for x in own["blocks"])
        self.effector = {k: own[k] for k in EFFECTOR_COLUMNS}
        self.targets = {k: own[k] for k in TARGET_COLUMNS}
        self.washed = {k: own[f"washed_{k}"] for k in WASHED_COLUMNS}
        self._set_bounds()

    def effector_kills(self) -> np.ndarray:
        """Kills credited to each effector in the well, shape (n,)."""
        return self.effector["effector_kills"]

    def of_all_effectors(self, name: str) -> np.ndarray:
        """One of the columns kept in WASHED_COLUMNS for every effector that was ever in the well, rinsed ones first."""
        return np.concatenate([self.washed[name], self.effector[name]])
