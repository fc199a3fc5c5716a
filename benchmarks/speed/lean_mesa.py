"""The reduced rules of the well as a lean Mesa model: the yardstick for the compiled kernel.

Rules    NK cells walk on a square of 10-um sites: hops and tumbles at constant rates; whatever blocks a hop turns the
         cell. Meeting a living target that it did not touch last, it conjugates with a fixed probability. In a
         conjugate it hits at a constant rate; the target dies at a fixed number of hits and stays as a corpse; the pair
         parts at one rate while the target lives and at another after. A tumble may wipe the memory of the last target.
         No antibody, no variation between cells, no other deaths. Numbers: reduced.py.
Scheme   Fixed steps. Within its step an agent lives through as many events as fit: exponential waiting times are drawn
         until the step is used up, so that nothing is lost by the step but the order between neighbours.
Lean     Only NK cells are asked, in a fixed order (no shuffling), and no data are collected. On mesa.space.SingleGrid:
         OrthogonalMooreGrid of mesa.discrete_space gave the same kills from the same seed, with a tenth more time per
         step and nine times the set-up.
"""

import math
import time

import mesa
from mesa.space import SingleGrid

from benchmarks.speed import reduced

STEP_H = 10.0 / 3600.0
DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
WALK = reduced.HOP_PER_H + reduced.TUMBLE_PER_H
HOLD = reduced.HIT_PER_H + 1.0 / reduced.CONJUGATE_LIFETIME_H
PART = 1.0 / reduced.POST_KILL_ATTACHMENT_H
# Chance that nothing happens within a whole step; most questions end here, before any logarithm.
IDLE_WALK, IDLE_HOLD, IDLE_PART = (math.exp(-rate * STEP_H) for rate in (WALK, HOLD, PART))
HOP_SHARE = reduced.HOP_PER_H / WALK
HIT_SHARE = reduced.HIT_PER_H / HOLD
FORGET_SHARE = reduced.FORGET_PER_H / reduced.TUMBLE_PER_H


class Target(mesa.Agent):
    """A cell of 2x2 sites that takes hits and dies in place."""

    __slots__ = ("alive", "hits")

    def __init__(self, model: "LeanWell", sites: list):
        super().__init__(model)
        self.alive = True
        self.hits = 0
        for site in sites:
            self.pos = None  # Mesa warns when an agent that has a place is put on another one
            model.grid.place_agent(self, site)


class Killer(mesa.Agent):
    """An NK cell: it searches, or holds a target."""

    __slots__ = ("direction", "draw", "held", "last")

    def __init__(self, model: "LeanWell", site: tuple[int, int]):
        super().__init__(model)
        model.grid.place_agent(self, site)
        self.draw = model.random.random
        self.held = None
        self.last = None
        self.turn()

    def turn(self) -> None:
        """Take a new direction, uniform over eight."""
        self.direction = DIRECTIONS[int(self.draw() * 8.0)]

    def step(self) -> None:
        """Live through one step: all events whose waiting times fit into it."""
        held = self.held
        u = self.draw()
        if u < (IDLE_WALK if held is None else IDLE_HOLD if held.alive else IDLE_PART):
            return
        left = STEP_H
        while True:
            rate = WALK if held is None else HOLD if held.alive else PART
            left += math.log(u) / rate
            if left <= 0.0:
                return
            if held is None:
                if self.draw() < HOP_SHARE:
                    self.hop()
                else:
                    self.tumble()
            elif held.alive and self.draw() < HIT_SHARE:
                self.hit(held)
            else:
                self.held = None
                self.turn()
            held = self.held
            u = 1.0 - self.draw()

    def hop(self) -> None:
        """Go to the next site, or meet what stands there."""
        x, y = self.pos
        dx, dy = self.direction
        grid = self.model.grid
        there = (x + dx, y + dy)
        if grid.out_of_bounds(there):
            self.turn()
            return
        other = grid[there]
        if other is None:
            grid.move_agent(self, there)
            return
        if type(other) is Target and other.alive:
            self.model.encounters += 1
            if other is not self.last:
                self.last = other
                if self.draw() < reduced.CONJUGATION:
                    self.held = other
                    self.model.contacts += 1
        self.turn()

    def tumble(self) -> None:
        """Turn, and perhaps forget the last target."""
        self.turn()
        if self.draw() < FORGET_SHARE:
            self.last = None

    def hit(self, target: Target) -> None:
        """One hit; the last one kills."""
        target.hits += 1
        if target.hits >= reduced.HITS_TO_KILL:
            target.alive = False
            self.model.kills += 1


class LeanWell(mesa.Model):
    """A square well of `targets` targets and `killers` NK cells; kills, contacts and encounters are counted."""

    def __init__(self, targets: int, killers: int, seed: int):
        super().__init__(rng=seed)
        self.kills = self.contacts = self.encounters = 0
        side = reduced.side_sites(targets)
        self.grid = grid = SingleGrid(side, side, False)
        while targets:
            x, y = self.random.randrange(side - 1), self.random.randrange(side - 1)
            sites = [(x + dx, y + dy) for dx in (0, 1) for dy in (0, 1)]
            if all(grid.is_cell_empty(site) for site in sites):
                Target(self, sites)
                targets -= 1
        free = [(x, y) for x in range(side) for y in range(side) if grid.is_cell_empty((x, y))]
        for site in self.random.sample(free, killers):
            Killer(self, site)

    def step(self) -> None:
        """Every NK cell lives through one step."""
        self.agents_by_type[Killer].do(Killer.step)


def run(targets: int, killers: int, hours: float, part: float, whole: bool, seed: int) -> dict[str, float]:
    """One Mesa well of `hours`, or only its first `part` (0 to 1); times are processor seconds of this thread.

    Returns kills, contacts, encounters, set_up_s, part_s (the steps of the first part) and run_s (all that were made).
    """
    steps = round(hours / STEP_H)
    first = round(part * steps)
    began = time.thread_time()
    well = LeanWell(targets, killers, seed)
    ready = time.thread_time()
    for _ in range(first):
        well.step()
    half_way = time.thread_time()
    for _ in range(steps - first if whole else 0):
        well.step()
    return {
        "kills": well.kills,
        "contacts": well.contacts,
        "encounters": well.encounters,
        "set_up_s": ready - began,
        "part_s": half_way - ready,
        "run_s": time.thread_time() - ready,
    }
