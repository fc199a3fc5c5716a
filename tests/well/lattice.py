"""Exact encounter rate of one lone walker in a given well: the stationary law of (site, direction), by power iteration.

The mean field of adccsim.biology.motility takes walkers to be uniform over free sites and directions, and targets
to stand apart. Neither holds quite. A walker that has just bumped into a target still looks at it one time in eight and
no walker comes out of a target, which raises encounters by 13-17 % at the default persistence; targets that touch one
another hide each other's faces, which lowers them by 8 % at 32 sites per target and by 19 % at 14. Neither is assumed
here.
"""

import numpy as np

from adccsim.well.engine import WellEngine
from adccsim.well.layout import WALL


def lone_walker_encounters_per_h(engine: WellEngine, filling: float = 0.0, rounds: int = 200) -> float:
    """Encounters per hour and walker among the targets of `engine`.

    filling: share of free sites taken by other walkers; a hop onto one fails and gives a new direction (mean field in
    the walkers only). rounds: hops and tumbles per walker before the rate is read; 200 come within 0.2 % of its limit.
    """
    plane = engine.grid[: engine.plane]
    target = (plane < 0) & (plane != WALL)
    free = np.flatnonzero(~target & (plane != WALL))
    index = np.full(engine.plane, -1)
    index[free] = np.arange(len(free))
    ahead = np.stack([index[free + step] for step in engine.offsets])
    faces = np.stack([target[free + step] for step in engine.offsets])
    blocked = ahead < 0
    leave = [np.flatnonzero(~b) for b in blocked]
    arrive = [a[go] for a, go in zip(ahead, leave, strict=True)]
    hop, tumble = engine.rates.hop, engine.rates.tumble
    here = np.full(ahead.shape, 1.0 / ahead.size)
    for _ in range(rounds):
        stopped = (here * blocked).sum(axis=0)
        total = here.sum(axis=0)
        turned = (tumble * total + hop * stopped + hop * filling * (total - stopped)) / 8.0
        after = np.repeat(turned[None], 8, axis=0)
        for d in range(8):
            after[d, arrive[d]] += hop * (1.0 - filling) * here[d, leave[d]]  # no two walkers come from one direction
        here = after / (hop + tumble)
    return float(hop * (here * faces).sum())
