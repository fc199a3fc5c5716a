"""A stand-in for the tumour engine, for tests of what stands round it: a handful of patches that grow by a formula.

It keeps its promises as the real one does: advance(1) twice is advance(2), arrays() is its whole state, and restore()
takes it over. Growth is that of the condition, halved while any drug is on board.
"""

import numpy as np

from adccsim.conditions.mouse import AntibodyDrug
from adccsim.xenograft.layout import ALIVE, CELL_SLOTS, EFFECTOR_SLOTS, pack


class FakeEngine:
    tick_h = 1.0
    side = 8

    def __init__(self, params, key, check=False):
        self.params, self.key = params, np.uint64(key)
        self.rate = sum(clone.fraction * clone.growth_per_d for clone in params.clones) / 24.0
        self.tick = 0
        self.volume = float(params.tumour.start_volume_mm3)
        self.drug = np.zeros(1)
        self.kills = 0
        patches = self.side**3
        self.n = np.zeros(patches, np.uint8)
        self.n.reshape(8, 8, 8)[3:5, 3:5, 3:5] = 64
        self.cells = np.full(patches * CELL_SLOTS, int(pack(ALIVE, 2, 0, 128, 0)), np.uint32)

    def advance(self, ticks, events=None):
        for _ in range(ticks):
            noise = 1e-3 * ((int(self.key) >> (self.tick % 48)) & 1)
            treated = self.drug[0] > 1.0
            self.volume *= 1.0 + self.rate * (0.5 if treated else 1.0) + noise
            self.drug *= 0.99
            self.tick += 1
            if treated:
                self.kills += 1
                if events is not None:
                    patch = np.array([3 * 64 + 3 * 8 + 3])
                    events.append((np.array([self.tick]), patch, self.cells[:1], np.array([1], np.uint8)))

    def apply(self, dose):
        self.drug += dose.mg_per_kg

    @property
    def volume_mm3(self):
        return self.volume

    def observe(self):
        return {
            "volume_true_mm3": self.volume,
            "cells_alive": round(self.volume * 1000),
            "kills_nk": 0,
            "kills_myeloid": self.kills,
            "plasma_ug_per_ml": np.full(
                sum(isinstance(d, AntibodyDrug) for d in self.params.drugs.values()), self.drug[0]
            ),
            "her2_fractions": np.array([0.0, 0.1, 0.2, 0.7]),
            "patch_max": 64,
        }

    def arrays(self):
        return {
            "n": self.n,
            "ne": np.ones_like(self.n),
            "effectors": np.ones(len(self.n) * EFFECTOR_SLOTS, np.uint64),
            "cells": self.cells,
            "oxygen": np.ones(len(self.n), np.float32),
            "occupancy": np.zeros(len(self.n), np.float32),
            "scalars": np.array([self.tick, self.volume, self.drug[0], self.kills]),
        }

    def restore(self, arrays):
        tick, self.volume, drug, kills = (float(value) for value in arrays["scalars"])
        self.tick, self.kills, self.drug = int(tick), int(kills), np.array([drug])
        self.n[:], self.cells[:] = arrays["n"], arrays["cells"]


def play(condition, file, checkpoints=None, **options):
    """Run a mouse to its end and write its run file to an open HDF5 file; options: those of MouseWorld."""
    from adccsim.execution.mouse import MouseWorld

    world = MouseWorld(condition, checkpoints=checkpoints, **options)
    world.run()
    world.write(file)
