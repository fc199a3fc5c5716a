"""Well show: a well on the page; tumour_show.py answers the same for a tumour. What a session asks of what it shows:

raw       parsed scenario file that the show was made from           model    the Mesa model
commands  name -> intervention                                         screen   text and choices that a command changes
look      what the next picture needs, copied, and its numbers        paint    picture and numbers of what was copied
"""

import copy
import tomllib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from adccsim.conditions import WellCondition
from adccsim.teaching import controls, picture
from adccsim.teaching.controls import pick, rounded, rounded_all
from adccsim.teaching.model import BASE, ADCCModel
from adccsim.teaching.plate import CONTROL
from adccsim.toml_text import toml_text

ADD_UG_PER_ML = (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0)
ADD_PER_TARGET = (0.5, 1.0, 2.0, 4.0)
CURVE_POINTS = 160
KILL_BARS = 6  # 1, 2, ... and the last for all above


class WellShow:
    """A well and its controls."""

    KIND = WellCondition.KIND  # of the scenarios that it shows
    kind = "well"
    # What a lesson may point at, as the page names it.
    observables: ClassVar = {
        "specific_lysis_pct": "specific lysis [%]",
        "receptor_occupancy": "receptors in use",
        "kills_per_nk": "kills per NK cell",
        "serial_killers_pct": "NK cells with two kills or more [%]",
    }
    controls = staticmethod(controls.controls)
    views = picture.VIEWS
    speeds = (5, 15, 30, 60, 240)  # minutes of the assay per second
    default_speed = 30

    def __init__(self, raw: Mapping):
        self.raw = dict(raw)
        self.model = ADCCModel(base=toml_text(raw))
        self.commands = {"add_antibody": self.add_antibody, "add_nk": self.add_nk, "wash_nk": self.model.wash_nk}

    @staticmethod
    def as_shown(raw: Mapping) -> dict:
        """A lesson's scenario, observed every minute in assays of up to a day so that the curve grows smoothly."""
        raw = {**tomllib.loads(BASE), **copy.deepcopy(dict(raw))}
        short = raw["assay"]["duration_h"] <= 24
        raw["output"] = {"every_min": 1 if short else 10, **raw.get("output", {})}
        return raw

    @property
    def tick(self) -> int:
        """Minutes since effectors were added."""
        return self.model.plate.tick

    @property
    def end_tick(self) -> int:
        """Minutes of the whole assay."""
        return self.model.plate.end_tick

    @property
    def condition(self) -> dict:
        """The resolved condition, which controls read."""
        return self.model.plate.sample.condition.as_dict()

    def add_antibody(self, at: int) -> None:
        """Add antibody now, by place in ADD_UG_PER_ML."""
        self.model.add_antibody(pick(ADD_UG_PER_ML, at))

    def add_nk(self, at: int) -> None:
        """Add effector cells now, by place in ADD_PER_TARGET (cells per target seeded)."""
        self.model.add_nk(round(pick(ADD_PER_TARGET, at) * self.model.plate.sample.condition.targets.cells))

    def curves(self) -> dict[str, list]:
        """hours, lysis of the well and of the control (natural) at no more than CURVE_POINTS observations."""
        hours, lysis = self.model.plate.curve()
        _, natural = self.model.plate.curve(CONTROL)
        at = np.unique(np.linspace(0, len(hours) - 1, min(len(hours), CURVE_POINTS)).astype(int))
        return {
            "hours": rounded_all(hours[at], 3),
            "lysis": rounded_all(lysis[at], 2),
            "natural": rounded_all(natural[at], 2),
        }

    def ghost(self) -> list[list]:
        """The curve that stays when the next run begins: [hours, lysis]; none of a run of a few minutes."""
        curves = self.curves()
        return [curves["hours"], curves["lysis"]] if self.tick > 10 else []

    def look(self, playing: bool) -> tuple[picture.Snapshot, dict[str, Any]]:
        """What the picture is drawn from, and all that is shown next to it."""
        plate = self.model.plate
        engine = plate.sample.engine
        row, kills = engine.observe(), engine.of_all_effectors("effector_kills")
        counts = np.bincount(np.minimum(kills, KILL_BARS), minlength=KILL_BARS + 1)
        nk = max(len(kills), 1)
        numbers = {
            **self.curves(),
            "actions": [action["at_h"] for action in plate.raw.get("action", [])],
            "kills": counts[1:].tolist(),
            "nk": len(kills),
            "killers_pct": rounded(100 * counts[1:].sum() / nk),
            "serial_pct": rounded(100 * counts[2:].sum() / nk),
            "kills_per_nk": rounded(kills.sum() / nk, 2),
            "alive": row["targets_alive"],
            "dying": row["targets_dying"],
            "lysed": row["targets_dead"],
            "nk_alive": row["effectors_alive"],
            "bound": rounded(row["antibody_bound_per_target"], 0),
            "occupancy_pct": rounded(100 * row["receptor_occupancy"], 2),
        }
        return picture.snapshot(engine), numbers

    def snapshot(self) -> picture.Snapshot:
        """What lies under the pointer is read from this."""
        return picture.snapshot(self.model.plate.sample.engine)

    @staticmethod
    def paint(shot: picture.Snapshot, view: str) -> dict[str, Any]:
        """The picture (palette indices) and its palette."""
        return {"image": picture.draw(shot, view), "palette": picture.palette()}

    under_pointer = staticmethod(picture.under_pointer)

    def screen(self, view: str) -> dict[str, Any]:
        """Names of the parts, and the interventions."""
        return {
            "name": "well",
            "setup": ["Set up the well", "A change starts a new well at 0 h."],
            "speeds": [f"{speed} min per second" for speed in self.speeds],
            "clock": "minutes",
            "progress": "Time of the assay",
            "legend": picture.legend(),
            "colour": "Colour tumour cells by",
            "side": self.model.plate.sample.engine.row,
            "spoken": "The well after {clock}: {alive} tumour cells live, {dying} die, {lysed} lysed; {nk_alive} NK.",
            "figures": [
                {"name": "lysis", "of": "lysis", "unit": "%", "text": "specific lysis"},
                {"name": "control", "of": "natural", "unit": "%", "text": "control well, no antibody"},
            ],
            "curve": {
                "title": "Specific lysis over time", "x": "hours", "unit": "h", "per": 60, "top": 100, "suffix": "",
                "lines": [
                    {"name": "natural", "text": "no antibody", "style": "natural"},
                    {"name": "lysis", "text": "this well", "style": "lead"},
                ],
            },
            "bars": {
                "title": "Kills per NK cell", "of": "kills",
                "labels": [f"{n}{'+' if n == KILL_BARS else ''}" for n in range(1, KILL_BARS + 1)],
                "spoken": "Number of NK cells by kills",
            },
            "numbers": [
                {"name": "killers_pct", "text": "NK cells that have killed", "of": ["killers_pct"], "unit": "%"},
                {"name": "serial_killers_pct", "text": "serial killers, 2 or more", "of": ["serial_pct"], "unit": "%"},
                {"name": "kills_per_nk", "text": "kills per NK cell", "of": ["kills_per_nk"], "unit": "as is"},
                {"name": "bound", "text": "antibodies per tumour cell", "of": ["bound"], "unit": "whole"},
                {"name": "receptor_occupancy", "text": "receptors in use", "of": ["occupancy_pct"], "unit": "%"},
                {
                    "name": "cells", "text": "tumour cells alive, dying, lysed", "unit": "whole",
                    "of": ["alive", "dying", "lysed"],
                },
            ],
            "interventions": [
                {
                    "do": "add_antibody", "label": "Antibody to add", "button": "Add antibody", "at": 3,
                    "choices": [controls.dose_words(dose) for dose in ADD_UG_PER_ML],
                },
                {
                    "do": "add_nk", "label": "NK cells to add", "button": "Add NK cells", "at": 1,
                    "choices": [f"{ratio:g} per tumour cell" for ratio in ADD_PER_TARGET],
                },
                {"do": "wash_nk", "hint": "NK cells that hold no target", "button": "Wash out NK cells"},
            ],
        }  # fmt: skip
