"""Cells and grid of a tumour's middle plane as Mesa knows them: views of one moment, made when somebody looks.

Cells of a tumour have no fixed row: every hour they divide, move and are cleared. A view knows the hour in which it was
made, and refuses to answer later.
"""

import mesa
import numpy as np
from mesa.discrete_space import OrthogonalMooreGrid

from adccsim.teaching.agents import LiveLayer, StaleCell
from adccsim.teaching.tumour_slice import Slice, field_side, plane_of, snapshot
from adccsim.xenograft.contacts import GRANULES_AT, KINDS
from adccsim.xenograft.layout import damage_of, rank_of, threshold_of
from adccsim.xenograft.params import tumour_params
from adccsim.xenograft.snapshot import fields_of


class _SliceView(mesa.Agent):
    """Row `row` of a slice. Not registered with the model: the engine owns the cells."""

    def __init__(self, model: mesa.Model, shot: Slice, row: int, unique_id: int):
        self.model, self._seen, self.row, self.unique_id = model, shot, row, unique_id

    @property
    def _slice(self) -> Slice:
        if self._seen.hours != self.model.pair.tick:
            raise StaleCell("time has gone on since this cell was looked up; ask the model for its slice again")
        return self._seen

    @property
    def pos(self) -> tuple[int, int]:
        """(x, y) of its block of 86 um in the model's grid."""
        block = self._block
        return int(self._slice.block_x[block]), int(self._slice.block_y[block])

    @property
    def oxygen(self) -> float:
        """Oxygen of its block, over that of a vessel."""
        return float(self._slice.oxygen[self._block])

    def remove(self) -> None:
        """Refused: cells leave a tumour by dying."""
        raise TypeError("a cell cannot be removed by itself")


class SliceCell(_SliceView):
    """A tumour cell of the middle plane."""

    @property
    def _block(self) -> int:
        return int(self._slice.cell_block[self.row])

    @property
    def alive(self) -> bool:
        """Whether it lives and has not taken the hits that kill."""
        return bool(self._slice.living[self.row])

    @property
    def status(self) -> str:
        """alive, killed (by an immune cell; to be cleared) or dead (otherwise)."""
        return "alive" if self.alive else "killed" if self._slice.killed[self.row] else "dead"

    @property
    def her2(self) -> float:
        """HER2 receptors on the cell."""
        return float(self._slice.her2[self.row])

    @property
    def occupancy(self) -> float:
        """Share of its receptors that hold antibody, 0-1; of two epitopes the fuller."""
        return float(self._slice.occupancy[self.row])

    @property
    def bound(self) -> float:
        """Antibodies bound."""
        return float(self._slice.bound[self.row])

    @property
    def rank(self) -> int:
        """How far from the vessel of its block, 0 (touches it) to 255."""
        return int(rank_of(self._slice.words[self.row]))

    @property
    def damage(self) -> int:
        """Lytic hits not yet repaired."""
        return int(damage_of(self._slice.words[self.row]))

    @property
    def threshold(self) -> int:
        """Lytic hits that commit it to die."""
        return int(threshold_of(self._slice.words[self.row]))


class SliceEffector(_SliceView):
    """An immune cell of the middle plane."""

    @property
    def _block(self) -> int:
        return int(self._slice.effector_block[self.row])

    @property
    def kind(self) -> str:
        """nk, myeloid (both of the mouse) or human_nk (transferred)."""
        return KINDS[int(self._slice.kind[self.row])]

    @property
    def kills(self) -> int:
        """Kills so far."""
        return int(self._slice.kills[self.row])

    @property
    def granules(self) -> int:
        """Lytic granule loads left."""
        return int(self._slice.effector_words[self.row] >> GRANULES_AT & np.uint64(255))


def cells_of(model: mesa.Model) -> list[SliceCell]:
    """All tumour cells of the middle plane now."""
    shot = model.grid.slice()
    return [SliceCell(model, shot, row, row + 1) for row in range(len(shot.words))]


def effectors_of(model: mesa.Model) -> list[SliceEffector]:
    """All immune cells of the middle plane now."""
    shot = model.grid.slice()
    first = len(shot.words) + 1
    return [SliceEffector(model, shot, row, first + row) for row in range(len(shot.effector_words))]


class SliceGrid(OrthogonalMooreGrid):
    """Blocks of 86 um of the middle plane for Mesa: dimensions and property layers, no object per block.

    cells, living, her2, occupancy, oxygen, effectors: as in the run file's /slices, laid in the middle of a field that
    holds the tumour to the end of the study; (x, y) order.
    """

    LAYERS = ("cells", "living", "her2", "occupancy", "oxygen", "effectors")

    def __init__(self, model: mesa.Model):
        params = tumour_params(model.pair.treated.condition)
        side = field_side(params.most_cells, model.pair.treated.engine.tumour.tissue.patch_cells)
        self.__dict__["_mesa_property_layers"] = {}
        self.dimensions, self.torus, self.capacity, self.random = (side, side), False, None, model.random
        self._ndims, self._cells = 2, {}
        self._model = model
        for name in self.LAYERS:
            layer = LiveLayer(name, self.dimensions, lambda name=name: self._layer(name))
            self._mesa_property_layers[name] = layer

    def _layer(self, name: str) -> np.ndarray:
        engine = self._model.pair.treated.engine
        plane = plane_of(engine, self.dimensions[0])
        values = fields_of(engine, np.maximum(plane, 0))[name]
        return np.ascontiguousarray(np.where(plane >= 0, values, 0).astype(values.dtype).T)

    def slice(self) -> Slice:
        """The middle plane of the treated tumour now."""
        return snapshot(self._model.pair.treated.engine, self.dimensions[0])

    @property
    def agents(self):
        """All cells of the plane, as Mesa's renderers ask for them."""
        return self._model.agents
