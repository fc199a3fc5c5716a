"""TumourEngine: the tumour of one mouse with its drugs and effectors, hour by hour.

Order of a step: rows; oxygen; plasma; antibody in the tissue; births, losses and clearance; effectors; pressure; moves
of cells and effectors; bound antibody goes along. Doses act between steps.
"""

from collections.abc import Mapping

import numpy as np

from adccsim.conditions.mouse import AntibodyDrug, Dose, MouseCondition
from adccsim.memory import copy_written
from adccsim.xenograft.antibody import Antibody
from adccsim.xenograft.census import count_occupancy
from adccsim.xenograft.contacts import KINDS
from adccsim.xenograft.effectors import Effectors
from adccsim.xenograft.layout import her2_relative
from adccsim.xenograft.opsonisation import CLASSES, class_occupancy, signalling_pass
from adccsim.xenograft.params import TumourParams, tumour_params
from adccsim.xenograft.partners import Partners
from adccsim.xenograft.plasma import Plasma
from adccsim.xenograft.state import tissue_of
from adccsim.xenograft.tumour import Tumour, TumourError, move_rows

_ANTIBODY_COLUMNS = ("total", "free", "theta", "profiles", "her2", "balance", "content", "given")
_EFFECTOR_COLUMNS = ("recruitment", "present", "totals")


class TumourEngine:
    """The tumour of one mouse.

    params: a MouseCondition, or what params.tumour_params makes of one; run_key: 64-bit key of all draws, by default
    that of the condition; check: count every cell again at every step and raise TumourError where the running counts
    disagree. advance(n) then advance(m) equals advance(n + m) bit for bit, for any number of threads; observe() draws
    nothing and changes nothing.
    """

    tick_h = 1.0

    def __init__(self, params: TumourParams | MouseCondition, run_key: int | None = None, check: bool = False):
        if isinstance(params, MouseCondition):
            run_key = params.run_key if run_key is None else run_key
            params = tumour_params(params)
        if run_key is None:
            raise TypeError("run_key: is needed where params are given in place of a condition")
        self.params, self.check = params, check
        self.tumour = Tumour(tissue_of(params), run_key)
        self.antibody = Antibody(self.side, params)
        self.effectors = Effectors(params)
        self.plasma, self.partners = Plasma(params), Partners(params)
        self._response = np.zeros(0)
        self._fill(lives=False)
        self._start_mm3 = self.volume_mm3

    @property
    def tick(self) -> int:
        return self.tumour.step

    @property
    def side(self) -> int:
        """Side of the box in patches; it grows with the tumour."""
        return self.tumour.side

    @property
    def volume_mm3(self) -> float:
        """Volume of the whole tumour: cells that take up room, over their density and the simulated share."""
        tissue = self.params.tumour
        return self.tumour.cells_now / tissue.cells_per_mm3 / tissue.fraction_simulated

    # -- running ------------------------------------------------------------------------------------------------------
    def advance(self, ticks: int, events: list | None = None) -> None:
        """So many hours. events: a list that takes, per hour with kills, a block of columns (step int64, patch int64,
        cell word uint32, kind of effector uint8).
        """
        for _ in range(ticks):
            self._hour(events)

    def _hour(self, events: list | None) -> None:
        tumour, antibody, tissue = self.tumour, self.antibody, self.params.tumour
        step = tumour.step
        old_rows = tumour.make_room()
        if old_rows is not None:
            antibody.widen(self.side, old_rows, move_rows)
        rows = tumour.rows.tuple()
        tumour.update_oxygen()
        plasma_nM = self.plasma.advance(self.tick_h)
        # Vessels under pressure bring less oxygen but no less antibody, which leaks out too slowly (biology/tissue.py).
        uptake = antibody.step(rows, tumour.n, tumour.cells, tumour.vessels, plasma_nM, step)
        self.plasma.take(uptake, self.params.patch_side_um, tissue.fraction_simulated)
        birth_factor, extra_death_per_h, response = self.partners.advance(self.tick_h)
        tumour.update_cells(
            self._passing_of(response), antibody.cover, antibody.profiles, birth_factor, extra_death_per_h
        )
        self._fill(lives=True)
        if events is not None:
            self._report(events, step)
        tumour.solve_pressure()
        tumour.move(self._walk)
        antibody.carry(rows, tumour.n_before, tumour.n, tumour.faces, tumour.cleared)
        if self.check:
            self._audit()

    def _fill(self, lives: bool) -> None:
        """An hour of the effectors; without lives, those that a tumour starts with."""
        t = self.tumour
        words = (t.cells, t.n, t.effectors, t.ne)
        rows, alive, cells = t.rows.tuple(), t.alive, t.cells_now
        counts = self.effectors.step(rows, t.run_key, t.step, words, self.antibody, alive, cells, lives)
        t.alive -= sum(counts[f"kills_{kind}"] for kind in KINDS)

    def _passing_of(self, response: np.ndarray) -> np.ndarray:
        """Table of what signalling lets pass, made again only when the response of a clone has changed."""
        if not np.array_equal(response, self._response):
            self._response = response.copy()
            ab = self.antibody
            self._passing = signalling_pass(self.params.clones, ab.effects, ab.synergy, response)
        return self._passing

    @property
    def _walk(self) -> np.ndarray:
        walk = np.zeros(4)
        walk[: len(KINDS)] = self.effectors.hop_per_h
        return walk

    def _report(self, events: list, step: int) -> None:
        patch, word, kind, _ = self.effectors.kills()
        if len(patch):
            events.append((np.full(len(patch), step, np.int64), patch, word, kind))

    def _audit(self) -> None:
        counts, _ = self.tumour.census()
        if counts["cells_alive"] != self.tumour.alive or counts["patch_max"] != self.tumour.n.max():
            raise TumourError(f"step {self.tick}: {counts['cells_alive']} cells live, {self.tumour.alive} were counted")

    def apply(self, dose: Dose) -> None:
        """Give a dose now; its day is not looked at."""
        if isinstance(self.params.drugs[dose.drug], AntibodyDrug):
            self.plasma.dose(dose.drug, dose.mg_per_kg, dose.route)
        else:
            self.partners.dose(dose.drug, dose.mg_per_kg)

    # -- reading ------------------------------------------------------------------------------------------------------
    def observe(self) -> dict[str, float | np.ndarray]:
        """What record/mouse_layout.py names; counts are those of the simulated share."""
        tumour, antibody, effectors, tissue = self.tumour, self.antibody, self.effectors, self.params.tumour
        counts, alive = tumour.census()
        counts["rim_axes"], counts["rim_diagonals"] = (float(v) for v in counts.pop("rim"))
        living = max(counts["cells_alive"], 1)
        patches = max(tumour.cells_now, 1) / tumour.tissue.patch_cells
        pools, either = count_occupancy(
            tumour.cells, tumour.n, antibody.cover, antibody.profiles, CLASSES, *tumour.rows.tuple()
        )
        theta = class_occupancy()
        relative = her2_relative()
        receptors = np.array([clone.her2_per_cell for clone in self.params.clones])[:, None] * relative
        stain = np.searchsorted(tissue.her2_cuts_per_cell, receptors.ravel())
        stained = np.bincount(stain, alive.ravel(), minlength=4)
        kinds = {
            key: int(value)
            for i, kind in enumerate(KINDS)
            for key, value in ((f"kills_{kind}", effectors.totals[i]), (f"effectors_{kind}", effectors.present[i]))
        }
        return {
            **counts,
            **kinds,
            "volume_true_mm3": self.volume_mm3,
            "plasma_ug_per_ml": self.plasma.concentration(),
            "antibody_free_nM": antibody.content[0] / patches,
            "antibody_bound_nM": antibody.content[1] / patches,
            "antibody_internalised_nM": antibody.balance[1] / patches,
            "occupancy_mean": pools @ theta / living,
            "opsonised_fraction": float(either[theta >= tissue.opsonised_from].sum() / living),
            "her2_fractions": stained / living,
            "her2_mean": float((alive * relative).sum() / living),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The complete state by name, views where it is large; `occupancy` is the mean of the first antibody."""
        return {
            **{f"antibody_{name}": getattr(self.antibody, name) for name in _ANTIBODY_COLUMNS},
            **{f"effectors_{name}": getattr(self.effectors, name) for name in _EFFECTOR_COLUMNS},
            **{f"plasma_{name}": value for name, value in self.plasma.arrays().items()},
            **{f"partners_{name}": value for name, value in self.partners.arrays().items()},
            **self.tumour.arrays(),
            "occupancy": self.antibody.theta[0],
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the state that arrays() gave, of a tumour with the same clones; drugs may have been added."""
        self.tumour.restore(arrays)
        self.antibody = Antibody(self.side, self.params)
        for name in _ANTIBODY_COLUMNS:
            copy_written(arrays[f"antibody_{name}"], getattr(self.antibody, name))
        for name in _EFFECTOR_COLUMNS:
            getattr(self.effectors, name)[:] = arrays[f"effectors_{name}"]
        self.plasma.restore({k[7:]: v for k, v in arrays.items() if k.startswith("plasma_")})
        self.partners.restore({k[9:]: v for k, v in arrays.items() if k.startswith("partners_")})
