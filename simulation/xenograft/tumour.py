"""Tumour: the cells of one mouse in their box, with the phases of a step as methods.

A step runs breathe (oxygen), live (cell biology), push (pressure) and move, in this order; the engine puts plasma,
antibody and effectors between them. The box grows by itself before the tumour reaches its edge, and a larger box
changes nothing.
"""

import math
from collections.abc import Mapping

import numpy as np
from numba import njit, prange

from adccsim.biology.killing import hits_quantiles
from adccsim.biology.rng import STREAM_BIOLOGY, STREAM_MOVES, step_key
from adccsim.memory import copy_written, empty_column
from adccsim.xenograft import kernel, movement
from adccsim.xenograft.census import alive_of, count_cells, shape
from adccsim.xenograft.layout import CELL_SLOTS, DEAD, EFFECTOR_SLOTS
from adccsim.xenograft.oxygen import SWEEPS_AT_START, SWEEPS_PER_STEP, perfuse, settle
from adccsim.xenograft.pressure import BOX_MULTIPLE, Pressure
from adccsim.xenograft.rows import CHUNKS, Rows
from adccsim.xenograft.state import Tissue, ball_radius, check, draw_vessels, place_ball

CYCLES_AT_START = 12


class TumourError(RuntimeError):
    """A conservation law is broken: the result would be wrong."""


class Tumour:
    """A tumour of `tissue`, its draws keyed by `run_key`; `margin` patches of empty box round the starting ball."""

    def __init__(self, tissue: Tissue, run_key: int, margin: int = 4):
        check(tissue)
        self.tissue = tissue
        self.run_key = np.uint64(run_key)
        self._hits = np.stack([hits_quantiles(clone.hits_to_kill, clone.hits_log_sd) for clone in tissue.clones])
        self.step = 0
        radius = ball_radius(tissue.start_cells, tissue.patch_cells)
        self._open_box(_side_for(radius, margin))
        place_ball(tissue, self.side, run_key, self.cells, self.n, self.vessels)
        self.rows.occupy(self.n)
        self.rows.update()
        self.shrinking_per_h = 0.0  # fraction of the volume that the last step lost, per hour
        self.totals = dict.fromkeys(("births", "deaths_natural", "deaths_drug", "cleared"), 0)
        self.cells_now, self.largest = int(self.n.sum(dtype=np.int64)), int(self.n.max())
        self.alive = self.census()[0]["cells_alive"]
        self._settle_at_start()

    # -- the box ------------------------------------------------------------------------------------------------------
    def _open_box(self, side: int) -> None:
        """Empty arrays of a box; pages that nobody writes take no memory."""
        patches = side**3
        self.side, self.rows, self.flow = side, Rows(side), Pressure(side)
        self.cells = empty_column(patches * CELL_SLOTS, np.uint32)
        self.effectors = empty_column(patches * EFFECTOR_SLOTS, np.uint64)
        self.n, self.ne, self.n_before, self.cleared = (empty_column(patches, np.uint8) for _ in range(4))
        self.vessels, self.perfusion = (empty_column(patches, np.float32) for _ in range(2))
        self.oxygen, self._breath = np.ones(patches, np.float32), np.ones(patches, np.float32)
        self.faces, self._effector_faces = (empty_column(patches, np.uint64) for _ in range(2))
        self._outbox = empty_column(patches * movement.OUTBOX, np.uint32)

    def _settle_at_start(self) -> None:
        """Birth rates that give the growth asked for while every vessel is open; then pressure, and what it closes."""
        t = self.tissue
        self._perfuse()  # no pressure yet
        self._settle(SWEEPS_AT_START)
        some = self.n > 0
        o2 = self.oxygen[some].astype(float) ** 2
        f = float(np.average(o2 / (o2 + t.oxygen_half**2), weights=self.n[some]))
        self.oxygen_factor_at_start = f
        hypoxic = t.hypoxic_death_per_h * (1.0 - f)
        table = np.zeros((len(t.clones), kernel.CLONE_COLUMNS))
        for i, c in enumerate(t.clones):
            loss = max(0.0, c.growth_per_h * c.loss_factor / (1.0 - c.loss_factor) - hypoxic)
            table[i, kernel.BIRTH] = (c.growth_per_h + loss + hypoxic) / f * t.tick_h
            table[i, kernel.LOSS] = loss * t.tick_h
            table[i, kernel.DRIFT], table[i, kernel.HER2_LOSS] = c.her2_drift, c.her2_loss
            table[i, kernel.SWITCH], table[i, kernel.SWITCH_TO] = c.switch_per_birth, c.switch_to
            table[i, kernel.REPAIR] = -math.expm1(-t.tick_h / c.repair_time_h)
            table[i, kernel.DYING] = -math.expm1(-t.tick_h / c.death_time_h)
        self.clone_table = table
        growth = sum(c.fraction * c.growth_per_h for c in t.clones)
        self._solve(CYCLES_AT_START, feed=growth * t.patch_cells)
        self._perfuse()
        self._settle(SWEEPS_AT_START)

    # -- phases of a step -----------------------------------------------------------------------------------------
    def update_oxygen(self) -> None:
        """Perfusion and oxygen."""
        self._perfuse()
        self._settle(SWEEPS_PER_STEP)

    def update_cells(self, passing, cover, profiles, birth_factor, extra_death_per_h) -> dict[str, int]:
        """Births, losses, deaths and clearance of one step (arguments of the drugs as in kernel.live); what happened.

        birth_factor, extra_death_per_h: float64[clones], of small molecules.
        """
        t = self.tissue
        table = self.clone_table.copy()
        table[:, kernel.BIRTH] *= birth_factor
        table[:, kernel.DRUG_LOSS] = extra_death_per_h * t.tick_h
        counts = np.zeros((CHUNKS, kernel.COUNTS), np.int64)
        kernel.update_cells(
            self.cells, self.n, self.oxygen, self.cleared, table, self._hits, passing, cover, profiles, t.oxygen_half,
            t.hypoxic_death_per_h * t.tick_h, kernel.word_of(-math.expm1(-t.clearance_per_h * t.tick_h)),
            self._key(STREAM_BIOLOGY), *self.rows.tuple(),
            counts,
        )  # fmt: skip
        births, losses, by_drug, cleared, _, cells, refused = (int(k) for k in counts.sum(axis=0))
        if self.cells_now + births - cleared != cells:
            raise TumourError(f"step {self.step}: {self.cells_now} + {births} - {cleared} cells are not {cells}")
        self.shrinking_per_h = max(0.0, (cleared - births) / max(self.cells_now, 1) / t.tick_h)
        self.cells_now = cells
        self.alive += births - losses - by_drug
        if refused:
            raise TumourError(f"step {self.step}: {refused} cells found no room to divide: cells pile up")
        done = {"births": births, "deaths_natural": losses, "deaths_drug": by_drug, "cleared": cleared}
        for name, count in done.items():
            self.totals[name] += count
        return done

    def solve_pressure(self) -> None:
        """Flow potential of the present crowding."""
        self._solve(1, feed=0.0)

    def move(self, walk_per_h) -> int:
        """Cells flow, effectors walk and are carried; return the number of cells that changed patch.

        walk_per_h: chance per hour and type of effector, float64[4]. Raises TumourError if a cell is lost.
        """
        walk = np.array([kernel.word_of(-math.expm1(-w * self.tissue.tick_h)) for w in walk_per_h], np.uint32)
        effectors = int(self.ne.sum(dtype=np.int64))
        movement.outflow(
            self.cells, self._outbox, self.n, self.n_before, self.faces, self.effectors, self.ne,
            self._effector_faces, self.flow.p, np.float32(self.tissue.tick_h), walk, self._key(STREAM_MOVES),
            *self.rows.tuple(),
        )  # fmt: skip
        counts = np.zeros((CHUNKS, movement.COUNTS), np.int64)
        movement.pull(
            self.cells, self._outbox, self.n, self.faces, self.effectors, self.ne, self._effector_faces,
            self.rows.first, self.rows.last, *self.rows.tuple(), counts,
        )  # fmt: skip
        cells, walkers, _, moves = (int(k) for k in counts.sum(axis=0))
        if (cells, walkers) != (self.cells_now, effectors):
            raise TumourError(
                f"step {self.step}: {self.cells_now} cells and {effectors} effectors went, {cells} and {walkers} came"
            )
        self.largest = int(counts[:, movement.LARGEST].max())
        self.rows.update()
        self.step += 1
        return moves

    def make_room(self) -> tuple | None:
        """Let the box grow where the tumour comes near its edge; return the rows of the old box then."""
        if not self.rows.at_edge:
            return None
        old = self.rows.tuple()
        self._enlarge()
        return old

    # -- reading ------------------------------------------------------------------------------------------------------
    def census(self) -> tuple[dict, np.ndarray]:
        """Counts, oxygen and shape (see census.py), and the living cells per clone and HER2 level."""
        t = self.tissue
        table, hypoxic, breath = count_cells(
            self.cells, self.n, self.oxygen, np.float32(t.hypoxic_level), *self.rows.tuple()
        )
        alive = alive_of(table)[: len(t.clones)]
        living = int(alive.sum())
        figures = shape(self.n, self.rows.tuple(), t.patch_cells)
        counts = {
            "cells_alive": living,
            "cells_dead": int(table[:, :, DEAD:].sum()),
            **self.totals,
            "oxygen_mean": breath / max(living, 1),
            "hypoxic_fraction": hypoxic / max(living, 1),
            "patch_max": self.largest,
            "clone_cells": alive.sum(axis=1),
            **figures,
        }
        return counts, alive

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that a step hangs on, by name: views of the columns, small arrays for the scalars."""
        totals = np.array(list(self.totals.values()), np.int64)
        return {
            "cells": self.cells, "effectors": self.effectors, "n": self.n, "ne": self.ne, "oxygen": self.oxygen,
            "vessels": self.vessels, "pressure": self.flow.p, "seen_first": self.rows.seen_first,
            "seen_last": self.rows.seen_last, "clone_table": self.clone_table, "totals": totals,
            "step": np.array([self.step, self.alive], np.int64), "shrinking_per_h": np.array([self.shrinking_per_h]),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what arrays() gave, into a box of its size."""
        self._open_box(round(len(arrays["n"]) ** (1.0 / 3.0)))
        for name, target in self._columns().items():
            copy_written(arrays[name], target)
        self.clone_table = np.array(arrays["clone_table"])
        self.totals = {k: int(v) for k, v in zip(self.totals, arrays["totals"], strict=True)}
        self.step, self.alive = (int(v) for v in arrays["step"])
        self.shrinking_per_h = float(arrays["shrinking_per_h"][0])
        self.rows.occupy(self.n)
        self.cells_now, self.largest = int(self.n.sum(dtype=np.int64)), int(self.n.max())
        self.rows.update()
        self._perfuse()

    # -- inside -------------------------------------------------------------------------------------------------------
    def _columns(self) -> dict[str, np.ndarray]:
        names = ("cells", "effectors", "n", "ne", "oxygen", "vessels")
        rows = {"seen_first": self.rows.seen_first, "seen_last": self.rows.seen_last}
        return {name: getattr(self, name) for name in names} | {"pressure": self.flow.p} | rows

    def _key(self, stream: int) -> np.uint64:
        return np.uint64(step_key(self.run_key, np.uint64(stream), np.uint64(self.step)))

    def _perfuse(self) -> None:
        t = self.tissue
        perfuse(
            self.vessels, self.flow.p, self.perfusion, t.patch_mm**2 / t.patch_cells, t.collapse_mm2_per_h,
            *self.rows.tuple(),
        )  # fmt: skip

    def _settle(self, sweeps: int) -> None:
        t = self.tissue
        settle(
            self.oxygen, self._breath, self.perfusion, self.n, t.patch_mm, t.oxygen_length_um, t.vessel_supply,
            t.patch_cells, self.rows.tuple(), sweeps,
        )  # fmt: skip

    def _solve(self, cycles: int, feed: float) -> None:
        t = self.tissue
        radius = ball_radius(self.cells_now, t.patch_cells)
        drift = t.cohesion_um_per_h / (1000.0 * t.patch_mm) + t.cohesion_gain * self.shrinking_per_h * radius / 3.0
        law = (t.patch_cells, t.crowding_relaxation_per_h, feed, drift * t.patch_cells, radius)
        self.flow.solve(self.n, self.rows.tuple(), *law, cycles)

    def _enlarge(self) -> None:
        """A box that is wider by one multiple, with everything in its middle."""
        old_side, old_rows, old = self.side, self.rows, self._columns()
        self._open_box(old_side + BOX_MULTIPLE)
        draw_vessels(self.tissue, self.side, int(self.run_key), self.vessels)
        new = self._columns()
        for name in ("cells", "effectors", "n", "ne", "oxygen", "pressure"):  # each old one goes before the next comes
            move_rows(old.pop(name), new[name], old_side, self.side, old_rows.tuple())
        self.rows.adopt(old_rows)
        self.rows.update()


def move_rows(old: np.ndarray, new: np.ndarray, old_side: int, new_side: int, old_rows: tuple) -> None:
    """Copy the visited rows of a column of the smaller box into the middle of the larger one; any slots per patch."""
    width = len(old) // old_side**3 * old.itemsize
    _move(old.view(np.uint8), new.view(np.uint8), width, new_side, *old_rows)


@njit(cache=True, parallel=True)
def _move(old, new, width, new_side, side, rid, r0, r1, cb, nch):
    """Bytes of the rows, `width` of them per patch."""
    shift = (new_side - side) // 2
    for c in prange(nch):
        for r in range(cb[c], cb[c + 1]):
            row = (rid[r] // side + shift) * new_side + rid[r] % side + shift
            source = (rid[r] * side + r0[r]) * width
            target = (row * new_side + shift + r0[r]) * width
            length = (r1[r] - r0[r]) * width
            new[target : target + length] = old[source : source + length]


def _side_for(radius: float, margin: int) -> int:
    """Side of a box for a ball of that radius in patches: a multiple of what the pressure grids need."""
    return BOX_MULTIPLE * math.ceil(2.0 * (radius + margin) / BOX_MULTIPLE)
