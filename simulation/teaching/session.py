"""Session: one visitor's well, and everything that they may do with it. Needs no browser and no Solara.

`do` takes what the browser sends and checks it. `next_frame` and `screen` are what the browser shows: a frame is what
changes with every picture, the screen what changes when somebody does something.

Time goes on when the browser asks for its next picture: by the real time since the last one, at the speed chosen. So
nobody plays ahead of what is seen, Pause acts at once, a slow browser sees fewer pictures and never old ones, and a
hidden tab costs nothing. A lock keeps the threads apart in which requests come.
"""

import copy
import threading
import time
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
FASTEST_S = 1 / 40  # between two pictures
LONGEST_LEAP_S = 0.25  # of real time that one picture makes up for: a machine that is too slow shows slow motion
PATIENCE_S = 15.0  # that a request waits for something to happen


class NotOnOffer(ValueError):
    """The browser asked for a choice that the page does not have."""


class Session:
    """A visitor's lesson, well and settings; starts with the first lesson."""

    def __init__(self):
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self.count = 0  # of states that could be shown
        self.closed = False
        self.playing = False
        self._asked_s = time.monotonic()  # real time of the last request
        self._last_s = self._shown_s = 0.0  # real times of the last leap and the last picture
        self._due_min = 0.0  # of the assay, owed
        self.speed = DEFAULT_SPEED
        self.view = "bound"
        self.note = ""
        self.download: dict[str, Any] = {"count": 0, "name": "", "text": ""}
        self.model: ADCCModel | None = None
        self.open_lesson(1)

    # -- what a visitor does -------------------------------------------------------------------------------------
    def do(self, message: Any) -> None:
        """One message of the browser: {"do": name, ...}. What is refused leaves everything as it was, and says why."""
        deeds = {
            "play": self.play, "pause": self.pause, "step": self.step, "reset": self.reset, "speed": self.set_speed,
            "view": self.set_view, "set": self.set_control, "try": self.try_out, "lesson": self.open_lesson,
            "add_antibody": self.add_antibody, "add_nk": self.add_nk, "wash_nk": self.wash_nk, "download": self.export,
        }  # fmt: skip
        with self.lock:
            self.note = ""
            try:
                name, given = _read(message)
                if name not in deeds:
                    raise NotOnOffer
                deeds[name](**given)
            except ScenarioError as error:
                self.note = "Not possible: " + "; ".join(fault.message for fault in error.faults) + "."
            except (NotOnOffer, TypeError):  # TypeError: other arguments than the deed takes
                self.note = "The page asked for something that is not on offer; reload it."
            self._change()

    def _change(self) -> None:
        self.count += 1
        self._changed.notify_all()

    def play(self) -> None:
        """Let time go on; from the start again where the assay has ended."""
        if not self.model.running:
            self.reset()
        self.playing, self._last_s, self._due_min = True, time.monotonic(), 0.0

    def pause(self) -> None:
        """Stop time."""
        self.playing = False

    def step(self) -> None:
        """One minute, then stand still."""
        self.playing = False
        self.advance(1)

    def reset(self) -> None:
        """Back to the start of the same well, without what a hand did during the run."""
        self._set_up(self.raw)

    def set_speed(self, at: int) -> None:
        """Minutes of the assay per second, by place in SPEEDS."""
        self.speed = _pick(SPEEDS, at)

    def set_view(self, name: str) -> None:
        """What colours the tumour cells: one of picture.VIEWS."""
        self.view = _pick(tuple(picture.VIEWS), list(picture.VIEWS).index(name) if name in picture.VIEWS else -1)

    def set_control(self, name: str, at: int) -> None:
        """Prepare a new well with one control changed."""
        try:
            raw = controls.with_value(self.raw, self.model.plate.sample.condition, name, at)
        except ValueError:
            raise NotOnOffer from None
        self._set_up(raw)
        self.trying = ""

    def try_out(self, label: str) -> None:
        """Prepare the well of one of the lesson's things to try, and play it."""
        if label not in [START, *(one.label for one in self.lesson.tries)]:
            raise NotOnOffer
        self._set_up(_as_shown(self.lesson.scenario_of(label)))
        self.trying = label
        if label != START:
            self.play()

    def open_lesson(self, number: int) -> None:
        """Open a lesson by its number, from 1."""
        lesson = _pick(lessons(), number - 1)
        self._set_up(_as_shown(lesson.scenario_of()))
        self.lesson, self.trying, self._ghost = lesson, START, []

    def add_antibody(self, at: int) -> None:
        """Add antibody now, by place in ADD_UG_PER_ML."""
        self.model.add_antibody(_pick(ADD_UG_PER_ML, at))

    def add_nk(self, at: int) -> None:
        """Add effector cells now, by place in ADD_PER_TARGET (cells per target seeded)."""
        self.model.add_nk(round(_pick(ADD_PER_TARGET, at) * self.model.plate.sample.condition["targets"]["cells"]))

    def wash_nk(self) -> None:
        """Rinse out NK cells that hold no target."""
        self.model.wash_nk()

    def export(self) -> None:
        """Offer the run so far as a scenario file."""
        self.download = {
            "count": self.download["count"] + 1,
            "name": f"adcc_lesson_{self.lesson.number}.toml",
            "text": self.model.to_toml(),
        }

    def silent_s(self) -> float:
        """Seconds since the browser last asked for anything; a request that waits counts from when it last looked."""
        return time.monotonic() - self._asked_s

    def close(self) -> None:
        """The visitor has left: nobody waits any longer."""
        with self.lock:
            self.closed, self.playing = True, False
            self._change()

    def _set_up(self, raw: Mapping) -> None:
        model = ADCCModel(base=toml_text(raw))
        if self.model is not None and self.model.plate.tick > 10:
            self._ghost = self._curves()[:2]  # the run before this one stays to compare with
        self.raw, self.model, self.playing = dict(raw), model, False

    # -- time ----------------------------------------------------------------------------------------------------
    def advance(self, minutes: int) -> None:
        """Let the assay go on by so many minutes, at most to its end; there it stops by itself."""
        with self.lock:
            plate = self.model.plate
            minutes = min(minutes, plate.end_tick - plate.tick)
            if minutes > 0:
                self.model.run_for(minutes)
                self.count += 1
            self.playing = self.playing and self.model.running

    def _keep_time(self, now: float) -> None:
        """While playing: go on by whole minutes for the real time that has passed."""
        if self.playing:
            self._due_min += min(now - self._last_s, LONGEST_LEAP_S) * self.speed
            self._last_s = now
            if self._due_min >= 1:
                self.advance(int(self._due_min))
                self._due_min %= 1

    # -- what the browser shows ----------------------------------------------------------------------------------
    def next_frame(self, after: int, patience_s: float = PATIENCE_S) -> dict[str, Any] | None:
        """The frame that follows state number `after`, as soon as there is one.

        None when nothing happened for so long, or the session is closed.
        """
        end = time.monotonic() + patience_s
        with self._changed:
            while True:
                self._asked_s = now = time.monotonic()
                if now - self._shown_s >= FASTEST_S:
                    self._keep_time(now)
                    if self.closed or (self.count == after and now >= end):
                        return None
                    if self.count != after:
                        self._shown_s = now
                        shot, view, numbers = self._look()
                        break
                    wait = (1 - self._due_min) / self.speed if self.playing else end - now
                else:
                    wait = FASTEST_S - (now - self._shown_s)
                self._changed.wait(max(wait, 0.001))
        return {"png": picture.png(picture.draw(shot, view)), **numbers}  # drawn while others may go on

    def frame(self) -> dict[str, Any]:
        """The well at this moment: picture (PNG bytes), curves, histogram and read-outs."""
        with self.lock:
            shot, view, numbers = self._look()
        return {"png": picture.png(picture.draw(shot, view)), **numbers}

    def _look(self) -> tuple[picture.Snapshot, str, dict[str, Any]]:
        """What the picture is drawn from, and all that is shown beside it."""
        plate = self.model.plate
        engine = plate.sample.engine
        hours, lysis, natural = self._curves()
        row, kills = engine.observe(), engine.of_all_effectors("effector_kills")
        counts = np.bincount(np.minimum(kills, KILL_BARS), minlength=KILL_BARS + 1)
        nk = max(len(kills), 1)
        numbers = {
            "count": self.count,
            "playing": self.playing,
            "over": plate.over,
            "minutes": plate.tick,
            "end_minutes": plate.end_tick,
            "hours": hours,
            "lysis": lysis,
            "natural": natural,
            "ghost": self._ghost,
            "actions": [action["at_h"] for action in plate.raw.get("action", [])],
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
        return picture.snapshot(engine), self.view, numbers

    def under_pointer(self, x: float, y: float) -> dict[str, Any]:
        """What lies at a place of the picture, in fractions from the left and the top: {"title", "lines"}."""
        with self.lock:
            shot = picture.snapshot(self.model.plate.sample.engine)
        return picture.under_pointer(shot, x, y)

    def _curves(self) -> list[list[float | None]]:
        """[hours, lysis of the well, lysis of the control] at no more than CURVE_POINTS observations."""
        hours, lysis = self.model.plate.curve()
        _, natural = self.model.plate.curve(CONTROL)
        shown = np.unique(np.linspace(0, len(hours) - 1, min(len(hours), CURVE_POINTS)).astype(int))
        return [_rounded_all(hours[shown], 3), _rounded_all(lysis[shown], 2), _rounded_all(natural[shown], 2)]

    def screen(self) -> dict[str, Any]:
        """Lesson, controls, and what may be done now."""
        with self.lock:
            condition, lesson = self.model.plate.sample.condition, self.lesson
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
                "legend": picture.legend(),
                "playing": self.playing,
                "note": self.note,
                "add_antibody": [controls.dose_words(dose) for dose in ADD_UG_PER_ML],
                "add_nk": [f"{ratio:g} per tumour cell" for ratio in ADD_PER_TARGET],
                "side": self.model.plate.sample.engine.row,
                "download": self.download,
            }  # fmt: skip


def _as_shown(raw: Mapping) -> dict:
    """A lesson's scenario, observed every minute in assays of up to a day so that the curve grows smoothly."""
    raw = {**tomllib.loads(BASE), **copy.deepcopy(dict(raw))}
    short = raw["assay"]["duration_h"] <= 24
    raw["output"] = {"every_min": 1 if short else 10, **raw.get("output", {})}
    return raw


def _read(message: Any) -> tuple[str, dict]:
    """(what to do, its arguments) of a message; raises NotOnOffer for anything that is none."""
    if not isinstance(message, dict) or not isinstance(message.get("do"), str):
        raise NotOnOffer
    return message["do"], {str(key): value for key, value in message.items() if key != "do"}


def _pick(values: tuple, at: Any) -> Any:
    if type(at) is not int or not 0 <= at < len(values):
        raise NotOnOffer
    return values[at]


def _rounded(value: float, digits: int = 1) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _rounded_all(values: np.ndarray, digits: int) -> list[float | None]:
    return [_rounded(value, digits) for value in values]
