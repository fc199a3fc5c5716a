"""Session: one visitor's well, and everything that they may do with it. Needs no browser and no Solara.

`do` takes what the browser sends and checks it; `advance` lets the assay go on; `frame` and `screen` are what the
browser shows: frame what changes with every picture, screen what changes when somebody does something. A lock keeps the
thread that plays and the one that listens apart.
"""

import copy
import threading
import tomllib
from collections.abc import Mapping
from typing import Any

import numpy as np

from simulation.scenario.faults import ScenarioError
from simulation.teaching import controls, picture
from simulation.teaching.lessons import START, lessons
from simulation.teaching.model import BASE, ADCCModel
from simulation.teaching.plate import CONTROL
from simulation.teaching.toml_text import toml_text

SPEEDS = (5, 15, 30, 60, 240)  # minutes of the assay per second
DEFAULT_SPEED = 30
ADD_UG_PER_ML = (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0)
ADD_PER_TARGET = (0.5, 1.0, 2.0, 4.0)
CURVE_POINTS = 160
KILL_BARS = 6  # 1, 2, ... and the last for all above


class Session:
    """A visitor's lesson, well and settings; starts with the first lesson."""

    def __init__(self):
        self.lock = threading.RLock()
        self.playing = False
        self.speed = DEFAULT_SPEED
        self.view = "bound"
        self.note = ""
        self.pointer: tuple[float, float] | None = None
        self.download: dict[str, Any] = {"count": 0, "name": "", "text": ""}
        self.frames = 0
        self._ghost: list[list[float]] = []
        self.open_lesson(1)

    # -- what a visitor does -------------------------------------------------------------------------------------
    def do(self, message: Any) -> None:
        """One message of the browser: {"do": name, ...}. What is refused leaves everything as it was, and says why."""
        if not isinstance(message, dict):
            return
        deeds = {
            "play": self.play, "pause": self.pause, "step": self.step, "reset": self.reset, "speed": self.set_speed,
            "view": self.set_view, "set": self.set_control, "try": self.try_out, "lesson": self.open_lesson,
            "add_antibody": self.add_antibody, "add_nk": self.add_nk, "wash_nk": self.wash_nk, "point": self.point,
            "download": self.export,
        }  # fmt: skip
        deed = deeds.get(str(message.get("do")))
        given = {key: value for key, value in message.items() if key != "do"}
        with self.lock:
            if deed is None:
                self.note = "The page asked for something that is not there; reload it."
                return
            if deed is not self.point:
                self.note = ""
            try:
                deed(**given)
            except ScenarioError as error:
                self.note = "Not possible: " + "; ".join(fault.message for fault in error.faults) + "."
            except (TypeError, ValueError) as error:
                self.note = f"Not possible: {error}."

    def play(self) -> None:
        """Let time go on; from the start again where the assay has ended."""
        if not self.model.running:
            self.reset()
        self.playing = True

    def pause(self) -> None:
        """Stop time."""
        self.playing = False

    def step(self) -> None:
        """One minute, then stand still."""
        self.playing = False
        self.model.step()

    def reset(self) -> None:
        """Back to the start of the same well, without what a hand did during the run."""
        self._set_up(self.raw)

    def set_speed(self, at: int) -> None:
        """Minutes of the assay per second, by place in SPEEDS."""
        self.speed = _pick(SPEEDS, at)

    def set_view(self, name: str) -> None:
        """What colours the tumour cells: one of picture.VIEWS."""
        if name not in picture.VIEWS:
            raise ValueError("no such colouring")
        self.view = name

    def set_control(self, name: str, at: int) -> None:
        """Prepare a new well with one control changed."""
        self._set_up(controls.with_value(self.raw, self.model.plate.sample.condition, name, at))
        self.trying = ""

    def try_out(self, label: str) -> None:
        """Prepare the well of one of the lesson's things to try, and play it."""
        if label not in [one.label for one in self.lesson.tries] + [START]:
            raise ValueError("no such thing to try")
        self._set_up(_as_shown(self.lesson.scenario_of(label)))
        self.trying = label
        self.playing = label != START

    def open_lesson(self, number: int) -> None:
        """Open a lesson by its number, from 1."""
        if type(number) is not int or not 1 <= number <= len(lessons()):
            raise ValueError("no such lesson")
        self.lesson = lessons()[number - 1]
        self._set_up(_as_shown(self.lesson.scenario_of()))
        self.trying, self._ghost = START, []

    def add_antibody(self, at: int) -> None:
        """Add antibody now, by place in ADD_UG_PER_ML."""
        self.model.add_antibody(_pick(ADD_UG_PER_ML, at))

    def add_nk(self, at: int) -> None:
        """Add effector cells now, by place in ADD_PER_TARGET (cells per target seeded)."""
        self.model.add_nk(round(_pick(ADD_PER_TARGET, at) * self.model.plate.sample.condition["targets"]["cells"]))

    def wash_nk(self) -> None:
        """Rinse out NK cells that hold no target."""
        self.model.wash_nk()

    def point(self, x: float | None = None, y: float | None = None) -> None:
        """Where the pointer is, in fractions of the picture; nothing when it left."""
        inside = all(isinstance(v, int | float) and 0 <= v <= 1 for v in (x, y))
        self.pointer = (float(x), float(y)) if inside else None

    def export(self) -> None:
        """Offer the run so far as a scenario file."""
        self.download = {
            "count": self.download["count"] + 1,
            "name": f"adcc_lesson_{self.lesson.number}.toml",
            "text": self.model.to_toml(),
        }

    def _set_up(self, raw: Mapping) -> None:
        model = ADCCModel(base=toml_text(raw))
        if hasattr(self, "model") and self.model.plate.tick > 10:
            self._ghost = self._curves()[:2]  # the run before this one stays to compare with
        self.raw, self.model, self.playing = dict(raw), model, False

    # -- time ----------------------------------------------------------------------------------------------------
    def advance(self, minutes: int) -> None:
        """Let the assay go on by so many minutes, at most to its end; the pause comes by itself there."""
        with self.lock:
            left = self.model.plate.end_tick - self.model.plate.tick
            if min(minutes, left) > 0:
                self.model.run_for(min(minutes, left))
            if not self.model.running:
                self.playing = False

    # -- what the browser shows ----------------------------------------------------------------------------------
    def frame(self) -> dict[str, Any]:
        """The well at this moment: picture (PNG bytes), curves, histogram, read-outs, what is under the pointer."""
        with self.lock:
            plate, view, pointer = self.model.plate, self.view, self.pointer
            shot = picture.snapshot(plate.sample.engine)
            hours, lysis, natural = self._curves()
            row = plate.sample.engine.observe()
            kills = plate.sample.engine.of_all_effectors("effector_kills")
            self.frames += 1
            out = {
                "count": self.frames,
                "minutes": plate.tick,
                "end_minutes": plate.end_tick,
                "over": plate.over,
                "hours": hours,
                "lysis": lysis,
                "natural": natural,
                "ghost": self._ghost,
                "actions": [action["at_h"] for action in plate.raw.get("action", [])],
            }
        counts = np.bincount(np.minimum(kills, KILL_BARS), minlength=KILL_BARS + 1)
        nk = max(len(kills), 1)
        return out | {
            "png": picture.png(picture.draw(shot, view)),
            "tip": picture.under_pointer(shot, *pointer) if pointer else None,
            "kills": counts[1:].tolist(),
            "nk": len(kills),
            "killers_pct": _rounded(100 * counts[1:].sum() / nk),
            "serial_pct": _rounded(100 * counts[2:].sum() / nk),
            "kills_per_nk": _rounded(kills.sum() / nk, 2),
            "alive": row["targets_alive"],
            "dying": row["targets_dying"],
            "lysed": row["targets_dead"],
            "nk_alive": row["effectors_alive"],
            "bound": _rounded(row["antibody_bound_per_target"], 0),
            "occupancy_pct": _rounded(100 * row["receptor_occupancy"], 2),
        }

    def _curves(self) -> list[list[float]]:
        """[hours, lysis of the well, lysis of the control] at no more than CURVE_POINTS observations."""
        hours, lysis = self.model.plate.curve()
        _, natural = self.model.plate.curve(CONTROL)
        shown = np.unique(np.linspace(0, len(hours) - 1, min(len(hours), CURVE_POINTS)).astype(int))
        return [_rounded_all(hours[shown], 3), _rounded_all(lysis[shown], 2), _rounded_all(natural[shown], 2)]

    def screen(self) -> dict[str, Any]:
        """Lesson, controls, and what may be done now."""
        with self.lock:
            condition = self.model.plate.sample.condition
            lesson = self.lesson
            return {
                "lessons": [{"number": one.number, "title": one.title} for one in lessons()],
                "lesson": {
                    "number": lesson.number, "title": lesson.title, "question": lesson.question,
                    "setting": lesson.setting, "explanation": list(lesson.explanation), "sources": list(lesson.sources),
                    "tries": [{"label": one.label, "text": one.text} for one in lesson.tries],
                },
                "trying": self.trying,
                "controls": controls.on_screen(condition),
                "speeds": [f"{speed} min per second" for speed in SPEEDS],
                "speed": SPEEDS.index(self.speed),
                "views": [{"name": name, "text": text} for name, text in picture.VIEWS.items()],
                "view": self.view,
                "legend": picture.legend(self.view),
                "playing": self.playing,
                "over": self.model.plate.over,
                "note": self.note,
                "add_antibody": [controls.dose_words(dose) for dose in ADD_UG_PER_ML],
                "add_nk": [f"{ratio:g} per tumour cell" for ratio in ADD_PER_TARGET],
                "side": self.model.plate.sample.engine.row,
                "cells": condition["targets"]["cells"],
                "download": self.download,
            }  # fmt: skip


def _as_shown(raw: Mapping) -> dict:
    """A lesson's scenario, observed every minute in assays of up to a day so that the curve grows smoothly."""
    raw = {**tomllib.loads(BASE), **copy.deepcopy(dict(raw))}
    short = raw["assay"]["duration_h"] <= 24
    raw["output"] = {"every_min": 1 if short else 10, **raw.get("output", {})}
    return raw


def _pick(values: tuple, at: Any) -> Any:
    if type(at) is not int or not 0 <= at < len(values):
        raise ValueError("no such choice")
    return values[at]


def _rounded(value: float, digits: int = 1) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _rounded_all(values: np.ndarray, digits: int) -> list[float | None]:
    return [_rounded(value, digits) for value in values]
