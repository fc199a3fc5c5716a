"""Session: one visitor's well or tumour, and everything that they may do with it. Needs no browser and no Solara.

`do` takes what the browser sends and checks it. `next_frame` and `screen` are what the browser shows: a frame is what
changes with every picture, the screen what changes when somebody does something.

Time goes on when the browser asks for its next picture: by the real time since the last one, at the speed chosen. So
nobody plays ahead of what is seen, Pause acts at once, a slow browser sees fewer pictures and never old ones, and a
hidden tab costs nothing. A lock keeps the threads apart in which requests come.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from adccsim.scenario.errors import ScenarioError
from adccsim.teaching import controls
from adccsim.teaching.controls import NotOnOffer, pick
from adccsim.teaching.lessons import START, lessons
from adccsim.teaching.tumour_show import TumourShow
from adccsim.teaching.well_show import WellShow

SHOWS = {WellShow.KIND: WellShow, TumourShow.KIND: TumourShow}  # by the kind of a lesson's scenario
FASTEST_S = 1 / 40  # between two pictures
LONGEST_LEAP_S = 0.25  # of real time that one picture makes up for: a machine that is too slow shows slow motion
PATIENCE_S = 15.0  # that a request waits for something to happen


class Session:
    """A visitor's lesson, what it shows and settings; starts with the first lesson."""

    def __init__(self):
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self.count = 0  # of states that could be shown
        self.closed = False
        self.playing = False
        self._last_s = self._shown_s = 0.0  # real times of the last leap and the last picture
        self._due = 0.0  # ticks owed
        self.note = ""
        self.heard = 0  # the last "nth" of a message; the screen gives it back, whether the message was refused or not
        self.download: dict[str, Any] = {"count": 0, "name": "", "text": ""}
        self.show: WellShow | TumourShow | None = None
        self.open_lesson(1)

    @property
    def model(self):
        """The Mesa model of what is shown."""
        return self.show.model

    @property
    def raw(self) -> dict:
        """The scenario that was set up, without the interventions since."""
        return self.show.raw

    # -- what a visitor does -------------------------------------------------------------------------------------
    def do(self, message: Any) -> None:
        """One message of the browser: {"do": name, ...}, and perhaps "nth", a number.

        What is refused leaves everything as it was, and says why.
        """
        with self.lock:
            commands = {
                "play": self.play, "pause": self.pause, "step": self.step, "reset": self.reset, "speed": self.set_speed,
                "view": self.set_view, "set": self.set_control, "try": self.try_out, "lesson": self.open_lesson,
                "download": self.export, **self.show.commands,
            }  # fmt: skip
            self.note = ""
            try:
                name, given = _read(message)
                self.heard = _number(given.pop("nth", self.heard))
                if name not in commands:
                    raise NotOnOffer
                commands[name](**given)
            except ScenarioError as error:
                self.note = "Not possible: " + "; ".join(each.message for each in error.errors) + "."
            except (NotOnOffer, TypeError):  # TypeError: other arguments than the command takes
                self.note = "The page asked for something that is not on offer; reload it."
            self._change()

    def _change(self) -> None:
        self.count += 1
        self._changed.notify_all()

    def play(self) -> None:
        """Let time go on; from the start again where the assay has ended."""
        if not self.model.running:
            self.reset()
        self.playing, self._last_s, self._due = True, time.monotonic(), 0.0

    def pause(self) -> None:
        """Stop time."""
        self.playing = False

    def step(self) -> None:
        """One tick, then stand still."""
        self.playing = False
        self.advance(1)

    def reset(self) -> None:
        """Back to the start of the same run, without the interventions during it."""
        self._set_up(self.raw)

    def set_speed(self, at: int) -> None:
        """Ticks per second, by place in the speeds of what is shown."""
        self.speed = pick(self.show.speeds, at)

    def set_view(self, name: str) -> None:
        """What colours the tumour cells: one of the views of what is shown."""
        if not isinstance(name, str) or name not in self.show.views:
            raise NotOnOffer
        self.view = name

    def set_control(self, name: str, at: int) -> None:
        """Prepare a new run with one control changed."""
        try:
            raw = controls.with_value(self.show.controls(), self.raw, self.show.condition, name, at)
        except ValueError:
            raise NotOnOffer from None
        self._set_up(raw)
        self.trying = ""

    def try_out(self, label: str) -> None:
        """Prepare one of the lesson's things to try, and play it."""
        if label not in [START, *(one.label for one in self.lesson.tries)]:
            raise NotOnOffer
        self._set_up(self.lesson.scenario_of(label))
        self.trying = label
        if label != START:
            self.play()

    def open_lesson(self, number: int) -> None:
        """Open a lesson by its number, from 1."""
        lesson = pick(lessons(), number - 1)
        self._set_up(lesson.scenario_of())
        self.lesson, self.trying, self._ghost = lesson, START, []

    def export(self) -> None:
        """Offer the run so far as a scenario file."""
        self.download = {
            "count": self.download["count"] + 1,
            "name": f"adcc_lesson_{self.lesson.number}.toml",
            "text": self.model.to_toml(),
        }

    def close(self) -> None:
        """The visitor has left: nobody waits any longer."""
        with self.lock:
            self.closed, self.playing = True, False
            self._change()

    def _set_up(self, raw: Mapping) -> None:
        kind = SHOWS[raw["kind"]]
        show = kind(kind.as_shown(raw))
        if not isinstance(self.show, kind):
            self.speed, self.view, self._ghost = kind.default_speed, next(iter(kind.views)), []
        elif self.show.ghost():
            self._ghost = self.show.ghost()  # the run before this one stays to compare with
        self.show, self.playing = show, False

    # -- time ----------------------------------------------------------------------------------------------------
    def advance(self, ticks: int) -> None:
        """Let time go on by so many ticks, at most to its end; there it stops by itself."""
        with self.lock:
            ticks = min(ticks, self.show.end_tick - self.show.tick)
            if ticks > 0:
                self.model.run_for(ticks)
                self.count += 1
            self.playing = self.playing and self.model.running

    def _keep_time(self, now: float) -> None:
        """While playing: go on by whole ticks for the real time that has passed."""
        if self.playing:
            self._due += min(now - self._last_s, LONGEST_LEAP_S) * self.speed
            self._last_s = now
            if self._due >= 1:
                self.advance(int(self._due))
                self._due %= 1

    # -- what the browser shows ----------------------------------------------------------------------------------
    def next_frame(self, after: int, patience_s: float = PATIENCE_S) -> dict[str, Any] | None:
        """The frame that follows state number `after`, as soon as there is one.

        None when nothing happened for so long, or the session is closed.
        """
        end = time.monotonic() + patience_s
        with self._changed:
            while True:
                now = time.monotonic()
                if now - self._shown_s >= FASTEST_S:
                    self._keep_time(now)
                    if self.closed or (self.count == after and now >= end):
                        return None
                    if self.count != after:
                        self._shown_s = now
                        show, shot, view, numbers = self._look()
                        break
                    wait = (1 - self._due) / self.speed if self.playing else end - now
                else:
                    wait = FASTEST_S - (now - self._shown_s)
                self._changed.wait(max(wait, 0.001))
        return {**show.paint(shot, view), **numbers}  # drawn while others may go on

    def frame(self) -> dict[str, Any]:
        """What is shown at this moment: picture (palette indices), curves, histogram and read-outs."""
        with self.lock:
            show, shot, view, numbers = self._look()
        return {**show.paint(shot, view), **numbers}

    def _look(self) -> tuple[WellShow | TumourShow, Any, str, dict[str, Any]]:
        """What is shown, what its picture is drawn from, and all that is shown next to it."""
        shot, numbers = self.show.look(self.playing)
        state = {
            "kind": self.show.kind,
            "count": self.count,
            "playing": self.playing,
            "over": not self.model.running,
            "tick": self.show.tick,
            "end_tick": self.show.end_tick,
            "ghost": self._ghost,
        }
        return self.show, shot, self.view, {**state, **numbers}

    def under_pointer(self, x: float, y: float) -> dict[str, Any]:
        """What lies at a place of the picture, in fractions from the left and the top: {"title", "lines"}."""
        with self.lock:
            show, shot = self.show, self.show.snapshot()
        return show.under_pointer(shot, x, y)

    def screen(self) -> dict[str, Any]:
        """Lesson, controls, and what may be done now."""
        with self.lock:
            show, lesson = self.show, self.lesson
            return {
                "kind": show.kind,
                "lessons": [{"number": one.number, "title": one.title} for one in lessons()],
                "lesson": {
                    "number": lesson.number, "title": lesson.title, "question": lesson.question,
                    "setting": lesson.setting, "explanation": list(lesson.explanation), "sources": list(lesson.sources),
                    "tries": [{"label": one.label, "text": one.text} for one in lesson.tries],
                },
                "trying": self.trying,
                "controls": controls.on_screen(show.controls(), show.condition),
                "speed": show.speeds.index(self.speed),
                "views": [{"name": name, "text": text} for name, text in show.views.items()],
                "view": self.view,
                "playing": self.playing,
                "note": self.note,
                "heard": self.heard,
                "download": self.download,
                **show.screen(self.view),
            }  # fmt: skip


def _read(message: Any) -> tuple[str, dict]:
    """(what to do, its arguments) of a message; raises NotOnOffer for anything that is none."""
    if not isinstance(message, dict) or not isinstance(message.get("do"), str):
        raise NotOnOffer
    return message["do"], {str(key): value for key, value in message.items() if key != "do"}


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotOnOffer
    return value
