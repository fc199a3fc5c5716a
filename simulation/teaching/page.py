"""Page: the well in a browser. Every browser session has a model of its own; what it sends is checked in session.py.

The parts are Vue components in front/: lesson, stage (the well, time, legend), charts, numbers, setup and hand.
Pictures are sent one at a time: the next one goes out when the browser has painted the last, so a slow client sees
fewer pictures and never old ones, and Pause acts at once.

Test ids: picture, tip, clock, legend, note; lysis, control, curve, histogram and one per read-out; value-<control>.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import solara

from simulation.teaching.session import Session

FRONT = Path(__file__).parent / "front"
MOST_SESSIONS = "ADCC_TEACH_SESSIONS"  # environment: set by `adcc teach`
FASTEST_S = 1 / 30  # between two pictures
LONGEST_LEAP_S = 0.25  # of real time that one picture makes up for: a machine that is too slow shows slow motion
PATIENCE_S = 2.0  # for a browser to say that it has painted; a hidden tab never does

_open: set[int] = set()
_door = threading.Lock()


def enter() -> int | None:
    """A place for one more session, or None when the page is full. Give it back with leave()."""
    with _door:
        if len(_open) >= int(os.environ.get(MOST_SESSIONS, "24")):
            return None
        place = max(_open, default=0) + 1
        _open.add(place)
        return place


def leave(place: int) -> None:
    """Give a place back."""
    with _door:
        _open.discard(place)


class Player:
    """The thread that lets a session's time go on and shows it, in step with what the browser paints."""

    def __init__(self, session: Session, show_frame: Callable[[dict], None], show_screen: Callable[[dict], None]):
        self.session, self.show_frame, self.show_screen = session, show_frame, show_screen
        self._painted = threading.Event()
        self._wanted = threading.Event()  # something happened: a picture is due, or time goes on
        self._closed = False
        self._sent = session.frames  # the first picture came with the page

    def do(self, message: Any) -> None:
        """What the browser asked for."""
        was = self.session.playing
        self.session.do(message)
        if not (isinstance(message, dict) and message.get("do") == "point"):
            self.show_screen(self.session.screen())
            self._wanted.set()
        elif not was:
            self._wanted.set()

    def painted(self, count: Any) -> None:
        """The browser has painted a picture."""
        if count == self._sent:
            self._painted.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wanted.set()
        self._painted.set()

    def run(self) -> None:
        """Until close(): advance while playing, and show every change once."""
        while not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            if not self._closed and not self.session.playing:
                self._show()
            self._play()

    def _play(self) -> None:
        session, last, due = self.session, time.monotonic(), 0.0
        while session.playing and not self._closed:
            now = time.monotonic()
            due += min(now - last, LONGEST_LEAP_S) * session.speed
            last = now
            if due < 1:
                time.sleep((1 - due) / session.speed)
                continue
            session.advance(int(due))
            due -= int(due)
            self._show()
            time.sleep(max(0.0, FASTEST_S - (time.monotonic() - now)))
            if not session.playing and not self._closed:  # the assay is over
                self.show_screen(session.screen())

    def _show(self) -> None:
        frame = self.session.frame()
        self._painted.wait(PATIENCE_S)  # the picture before; this one was drawn meanwhile
        self._painted.clear()
        self._sent = frame["count"]
        self.show_frame(frame)


@solara.component_vue(str(FRONT / "stage.vue"), vuetify=False)
def Stage(frame: dict, screen: dict, event_act: Callable, event_painted: Callable):
    """The well, its clock and buttons, and the legend."""


@solara.component_vue(str(FRONT / "charts.vue"), vuetify=False)
def Charts(frame: dict):
    """Lysis over time, kills per NK cell, and numbers."""


@solara.component_vue(str(FRONT / "numbers.vue"), vuetify=False)
def Numbers(frame: dict):
    """The cells in numbers."""


@solara.component_vue(str(FRONT / "setup.vue"), vuetify=False)
def SetUp(screen: dict, event_act: Callable):
    """What can be set; a change starts a new well."""


@solara.component_vue(str(FRONT / "hand.vue"), vuetify=False)
def Hand(screen: dict, event_act: Callable):
    """What can be done during the run."""


@solara.component_vue(str(FRONT / "lesson.vue"), vuetify=False)
def Lesson(screen: dict, event_act: Callable):
    """The lesson in words."""


@solara.component
def LiveStage(frame: solara.Reactive, screen: dict, player: Player):
    """The stage follows the frame; the parts beside it stay as they are."""
    Stage(frame=frame.value, screen=screen, event_act=player.do, event_painted=player.painted)


@solara.component
def Live(part: Callable, frame: solara.Reactive):
    """A part that follows the frame without its picture."""
    part(frame={name: value for name, value in frame.value.items() if name != "png"})


@solara.component
def Classroom():
    """One visitor's page."""
    session = solara.use_memo(Session, [])
    frame = solara.use_reactive(solara.use_memo(session.frame, []))
    screen = solara.use_reactive(solara.use_memo(session.screen, []))
    player = solara.use_memo(lambda: Player(session, frame.set, screen.set), [])

    def play():
        threading.Thread(target=player.run, daemon=True).start()
        return player.close

    solara.use_effect(play, [])
    with solara.Div(classes=["adcc"]):
        Lesson(screen=screen.value, event_act=player.do)
        with solara.Div(classes=["column"]):
            LiveStage(frame, screen.value, player)
            Live(Numbers, frame)
            Hand(screen=screen.value, event_act=player.do)
        with solara.Div(classes=["column"]):
            Live(Charts, frame)
            SetUp(screen=screen.value, event_act=player.do)


@solara.component
def Page():
    """The page, or a line that says why it cannot be had."""
    solara.Title("ADCC, cell by cell")
    solara.Style(FRONT / "page.css")
    place = solara.use_memo(enter, [])
    solara.use_effect(lambda: (lambda: leave(place)) if place is not None else None, [])
    if place is not None:
        Classroom()
    else:
        most = os.environ.get(MOST_SESSIONS, "24")
        with solara.Div(classes=["adcc"]):
            solara.Text(
                f"This page serves {most} visitors at a time, and all places are taken. Close a tab that is not used "
                "and reload, or start it with more: adcc teach --sessions N.",
                classes=["full"],
            )


@solara.component
def Layout(children):
    """No bar and no margins around the page."""
    return solara.Div(children=children)
