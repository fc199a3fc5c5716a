"""Tumour show: a treated and an untreated tumour on the page; answers what well_show.py answers for a well.

A class of one machine shares its cores: the tumours of all visitors advance one after the other, each on one thread.
"""

import copy
import tomllib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from adccsim.conditions import MouseCondition
from adccsim.teaching import picture, tumour_controls, tumour_slice
from adccsim.teaching.controls import pick, rounded, rounded_all
from adccsim.teaching.tumour_model import BASE, TumourModel
from adccsim.toml_text import toml_text

GIVE_MG_PER_KG = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
CURVE_POINTS = 160
OBSERVED_EVERY_H = 6  # while it plays; at rest the numbers are those of the hour


class TumourShow:
    """A tumour under treatment, seen in its middle plane, beside the same tumour without treatment."""

    KIND = MouseCondition.KIND  # of the scenarios that it shows
    kind = "tumour"
    # What a lesson may point at, as the page names it.
    observables: ClassVar = {
        "tgi_tc_pct": "TGI [%], 100 (1 - T/C)",
        "receptor_occupancy": "receptors in use",
        "volume": "tumour volume [mm3]",
    }
    controls = staticmethod(tumour_controls.controls)
    views = tumour_slice.VIEWS
    speeds = (3, 6, 12, 24, 48)  # hours of the study per second
    default_speed = 24

    def __init__(self, raw: Mapping):
        self.raw = dict(raw)
        self.model = TumourModel(base=toml_text(raw))
        self.commands = {"give_dose": self.give_dose}
        self._observed: tuple[int, dict] | None = None

    @staticmethod
    def as_shown(raw: Mapping) -> dict:
        """A lesson's scenario, complete."""
        return {**tomllib.loads(BASE), **copy.deepcopy(dict(raw))}

    @property
    def tick(self) -> int:
        """Hours since randomisation."""
        return self.model.pair.tick

    @property
    def end_tick(self) -> int:
        """Hours of the whole study."""
        return self.model.pair.end_tick

    @property
    def condition(self) -> dict:
        """The resolved condition of the treated mouse, which controls read, with the planned dose."""
        return {**self.model.pair.treated.condition.as_dict(), "raw": self.model.pair.raw}

    def give_dose(self, at: int) -> None:
        """Give the treated mouse a dose now, by place in GIVE_MG_PER_KG."""
        self.model.give(pick(GIVE_MG_PER_KG, at))

    def curves(self) -> dict[str, list]:
        """days, volume of the treated and of the untreated tumour at no more than CURVE_POINTS hours."""
        days, treated, untreated = self.model.pair.curve()
        at = np.unique(np.linspace(0, len(days) - 1, min(len(days), CURVE_POINTS)).astype(int))
        return {
            "days": rounded_all(days[at], 3),
            "treated": rounded_all(treated[at], 4),
            "untreated": rounded_all(untreated[at], 4),
        }

    def ghost(self) -> list[list]:
        """The curve that stays when the next run begins: [days, volume]; none of a run of a few hours."""
        curves = self.curves()
        return [curves["days"], curves["treated"]] if self.tick > 10 else []

    def look(self, playing: bool) -> tuple[tumour_slice.Slice, dict[str, Any]]:
        """What the picture is drawn from, and all that is shown next to it."""
        pair = self.model.pair
        seen, engine = self._observe(playing), pair.treated.engine
        effectors = int(sum(engine.effectors.present))
        numbers = {
            **self.curves(),
            "actions": [hour / 24 for hour in pair.dose_hours() if hour <= pair.tick],
            "tgi": rounded(pair.tgi_pct()),
            "volume": rounded(pair.treated.volumes[-1], 2),
            "untreated_now": rounded(pair.control.volumes[-1], 2),
            "plasma": rounded(float(sum(engine.plasma.concentration())), 2),
            "occupancy_pct": rounded(100 * float(max(seen["occupancy_mean"])), 2),
            "opsonised_pct": rounded(100 * seen["opsonised_fraction"], 1),
            "oxygen_pct": rounded(100 * seen["oxygen_mean"], 0),
            "alive": int(pair.treated.engine.tumour.alive),
            "immune": effectors,
            "immune_per_100": rounded(100 * effectors / max(seen["cells_alive"], 1), 1),
            "killed": int(sum(seen[f"kills_{kind}"] for kind in ("nk", "myeloid", "human_nk"))),
        }
        return self.snapshot(), numbers

    def _observe(self, playing: bool) -> dict:
        tick = self.tick
        if self._observed is None or self._observed[0] != tick:
            before = self._observed[0] if self._observed is not None else -OBSERVED_EVERY_H
            if not playing or tick - before >= OBSERVED_EVERY_H:
                self._observed = (tick, self.model.pair.treated.engine.observe())
        return self._observed[1]

    def snapshot(self) -> tumour_slice.Slice:
        """What lies under the pointer is read from this."""
        return self.model.grid.slice()

    @staticmethod
    def paint(shot: tumour_slice.Slice, view: str) -> dict[str, Any]:
        """The picture (palette indices), its palette, and how the living cells of the slice carry antibody."""
        return {
            "image": tumour_slice.draw(shot, view),
            "palette": picture.palette(tumour_slice.COLOURS),
            "carrying": tumour_slice.shares_by_occupancy(shot),
        }

    under_pointer = staticmethod(tumour_slice.under_pointer)

    def screen(self, view: str) -> dict[str, Any]:
        """Names of the parts, and the interventions."""
        largest = max(self.model.pair.treated.condition.tumour.start_volume_mm3 * 1.3, 1e-3)
        return {
            "name": "slice through the tumour",
            "setup": ["Set up the mouse", "A change starts a new mouse on day 0."],
            "speeds": [f"{speed} h per second" if speed < 24 else _days_per_second(speed) for speed in self.speeds],
            "clock": "hours",
            "progress": "Time of the study",
            "legend": tumour_slice.legend(view),
            "colour": "Colour living tumour cells by",
            "side": self.model.grid.dimensions[0] * tumour_slice.EDGE,
            "spoken": "A slice of the tumour after {clock}. In all of it {alive} living tumour cells, {immune} immune.",
            "figures": [
                {"name": "tgi_tc_pct", "of": "tgi", "unit": "%", "text": "TGI: 100 (1 − T/C), against the untreated"},
                {"name": "volume", "of": "volume", "unit": "mm³", "text": "volume of this tumour"},
            ],
            "curve": {
                "title": "Tumour volume over time", "x": "days", "unit": "d", "per": 24, "top": largest,
                "suffix": " mm³",
                "lines": [
                    {"name": "untreated", "text": "untreated", "style": "natural"},
                    {"name": "treated", "text": "this tumour", "style": "lead"},
                ],
            },
            "bars": {
                "title": "Cells of the slice by receptors in use", "of": "carrying",
                "labels": [word if i == 0 else f"{word}+" for i, word in enumerate(tumour_slice.OCCUPANCY_WORDS)],
                "spoken": "Living cells of the slice by the share of receptors that hold antibody",
            },
            "numbers": [
                {"name": "untreated", "text": "untreated tumour", "of": ["untreated_now"], "unit": "mm³"},
                {"name": "plasma", "text": "antibody in blood plasma", "of": ["plasma"], "unit": "µg/mL"},
                {"name": "receptor_occupancy", "text": "receptors in use", "of": ["occupancy_pct"], "unit": "%"},
                {"name": "opsonised", "text": "cells with 1 % or more in use", "of": ["opsonised_pct"], "unit": "%"},
                {"name": "immune", "text": "immune per 100 tumour cells", "of": ["immune_per_100"], "unit": "as is"},
                {"name": "killed", "text": "cells killed by them", "of": ["killed"], "unit": "whole"},
                {"name": "oxygen", "text": "oxygen, of that of blood", "of": ["oxygen_pct"], "unit": "%"},
            ],
            "interventions": [
                {
                    "do": "give_dose", "label": "Dose to give", "button": "Give a dose", "at": 4,
                    "choices": [tumour_controls.dose_words(dose) for dose in GIVE_MG_PER_KG],
                }
            ],
        }  # fmt: skip


def _days_per_second(hours: int) -> str:
    return f"{hours // 24} {'day' if hours == 24 else 'days'} per second"
