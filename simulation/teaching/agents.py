"""Cells and grid of a well as Mesa knows them: thin views on the engine's columns, which hold all state.

A well of 60,000 cells would be too slow with one Mesa object per cell that is moved and asked in turn. Here an object
is made only when somebody looks, knows its row, and reads the number at that moment.
"""

import mesa
import numpy as np
from mesa.discrete_space import OrthogonalMooreGrid
from mesa.discrete_space.property_layer import PropertyLayer

from adccsim.well.layout import ALIVE, ATTACHED, CLEARED, DEAD, GONE, PARTNER, POS, STATE, WALL
from adccsim.well.state import granules, levels

FREE, TARGET, NK, OUTSIDE = 0, 1, 2, 3  # values of the property layer `occupancy`


class StaleCell(LookupError):
    """A view of an NK cell from before a wash: rows have moved since. Ask the model for its cells again."""


class _View(mesa.Agent):
    """Row `row` of the engine's columns; unique_id is row + 1. Not registered with the model: the engine owns cells."""

    def __init__(self, model: mesa.Model, row: int):
        self.model, self.row, self.unique_id = model, row, row + 1

    @property
    def _engine(self):
        return self.model.plate.sample.engine

    def remove(self) -> None:
        """Refused: cells leave a well by dying or by a wash."""
        raise TypeError("a cell cannot be removed by itself; wash the effectors of the model")


class TumourCell(_View):
    """A target. Numbers as in the run file: her2 (receptors), bound (antibodies), damage (lytic hits), threshold."""

    @property
    def status(self) -> str:
        """alive, dying (committed to die), dead or cleared."""
        value = int(self._engine.targets["target_status"][self.row])
        return "alive" if value == ALIVE else "dying" if value < DEAD else "dead" if value == DEAD else "cleared"

    @property
    def alive(self) -> bool:
        """Whether it is neither dying nor dead."""
        return self.status == "alive"

    @property
    def her2(self) -> float:
        """HER2 receptors on the cell."""
        return float(self._engine.targets["target_receptors"][self.row])

    @property
    def bound(self) -> float:
        """Antibodies bound to the cell."""
        return float(self._engine.bound[:, self.row].sum())

    @property
    def damage(self) -> int:
        """Lytic hits not yet repaired."""
        return int(self._engine.targets["target_damage"][self.row])

    @property
    def threshold(self) -> int:
        """Lytic hits that commit it to die."""
        return int(self._engine.targets["target_threshold"][self.row])

    @property
    def pos(self) -> tuple[int, int]:
        """(x, y) of the lower left of its 2 x 2 sites of 10 um."""
        return _xy(self._engine, self._engine.targets["target_site"][self.row])


class NKCell(_View):
    """An NK cell: what it does, what it has done, and what it has left."""

    def __init__(self, model: mesa.Model, row: int):
        super().__init__(model, row)
        self._washes = model.washes

    @property
    def _state(self) -> int:
        if self._washes != self.model.washes:
            raise StaleCell("NK cells were washed out since this one was looked up; ask model.nk_cells again")
        return int(self._engine.effectors[self.row, STATE])

    @property
    def state(self) -> str:
        """searching, killing (holds a living target), attached (holds a dying or dead one) or dead."""
        if self._state & GONE:
            return "dead"
        if not self._state & ATTACHED:
            return "searching"
        return "killing" if self.target.alive else "attached"

    @property
    def target(self) -> TumourCell | None:
        """The tumour cell it holds."""
        held = self._state & ATTACHED
        return TumourCell(self.model, int(self._engine.effectors[self.row, PARTNER])) if held else None

    @property
    def kills(self) -> int:
        """Kills credited to it."""
        return self._column("effector_kills")

    @property
    def contacts(self) -> int:
        """Conjugates it has formed."""
        return self._column("effector_contacts")

    def _column(self, name: str) -> int:
        _ = self._state  # a stale view must not answer with another cell's number
        return int(self._engine.effector[name][self.row])

    @property
    def granules(self) -> int:
        """Lytic granule loads left."""
        return int(granules(self._state))

    @property
    def cd16a_level(self) -> float:
        """Share of its CD16a that it still carries, 0-1."""
        return int(levels(self._state)) / 8

    @property
    def pos(self) -> tuple[int, int]:
        """(x, y) of its site of 10 um; see `layer` for its height in the stack."""
        _ = self._state
        return _xy(self._engine, self._engine.effectors[self.row, POS] % self._engine.plane)

    @property
    def layer(self) -> int:
        """Layer of the stack, 0 lowest."""
        _ = self._state
        return int(self._engine.effectors[self.row, POS] // self._engine.plane)


def _xy(engine, site) -> tuple[int, int]:
    return int(site % engine.row), int(site // engine.row)


class LiveLayer(PropertyLayer):
    """A property layer that is computed from the well whenever it is read; (x, y) order, not to be written to."""

    def __init__(self, name: str, dimensions: tuple[int, int], read):
        self.name, self.dimensions, self._read = name, dimensions, read

    @property
    def data(self) -> np.ndarray:
        values = self._read()
        values.flags.writeable = False
        return values


class WellGrid(OrthogonalMooreGrid):
    """Sites of a well for Mesa: dimensions and property layers, no object per site (those would weigh a gigabyte).

    occupancy: 0 free, 1 target, 2 NK cell (in any layer), 3 outside the well (uint8). her2, bound: receptors and
    antibodies of the target on a site (float32, 0 where there is none).
    """

    def __init__(self, model: mesa.Model):
        side = model.plate.sample.engine.row
        self.__dict__["_mesa_property_layers"] = {}
        self.dimensions, self.torus, self.capacity, self.random = (side, side), False, None, model.random
        self._ndims, self._cells = 2, {}
        self._model = model
        layers = {
            "occupancy": lambda: occupancy(model.plate.sample.engine),
            "her2": lambda: on_targets(engine := model.plate.sample.engine, engine.targets["target_receptors"]),
            "bound": lambda: on_targets(engine := model.plate.sample.engine, engine.bound.sum(axis=0)),
        }
        for name, read in layers.items():
            self._mesa_property_layers[name] = LiveLayer(name, self.dimensions, read)

    @property
    def agents(self):
        """All cells of the model, as Mesa's renderers ask for them."""
        return self._model.agents


def occupancy(engine) -> np.ndarray:
    """What lies on each site, uint8 of shape (side, side) in (x, y) order."""
    layers = engine.grid.reshape(-1, engine.row, engine.row)
    out = np.where(layers[0] == WALL, OUTSIDE, np.where(layers[0] < 0, TARGET, FREE)).astype(np.uint8)
    out[(layers > 0).any(axis=0)] = NK
    return np.ascontiguousarray(out.T)


def on_targets(engine, column: np.ndarray) -> np.ndarray:
    """A column of the targets laid on their sites, float32 of shape (side, side) in (x, y) order, 0 elsewhere."""
    n = engine.n_targets
    present = engine.targets["target_status"][:n] != CLEARED
    site, values = engine.targets["target_site"][:n][present], column[:n][present]
    out = np.zeros(engine.row * engine.row, np.float32)
    for offset in (0, 1, engine.row, engine.row + 1):
        out[site + offset] = values
    return np.ascontiguousarray(out.reshape(engine.row, engine.row).T)
