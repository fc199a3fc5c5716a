"""Page: the well, and the tumour, in a browser. Every browser session has a model of its own; what it sends is checked
in session.py.

The parts are Vue components in front/: lesson, stage (well, legend), charts, numbers, setup and interventions. They
get the screen, a JSON text that changes when the visitor does something, and send commands. Pictures and numbers that
change all the time come by another way (rooms.py): stage.vue fetches frame after frame and hands each to the others.

What differs between a well and a tumour (names, lines of the curve, read-outs, the interventions) is in the screen,
see well_show.py and tumour_show.py; the components are the same.

Test ids: picture, tip, clock, progress, legend, note, curve, histogram, one per read-out; value-<control>.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import solara

from adccsim.teaching import rooms

FRONT = Path(__file__).parent / "front"


@solara.component_vue(str(FRONT / "lesson.vue"), vuetify=False)
def Lesson(screen: str, event_act: Callable):
    """The lesson in words."""


@solara.component_vue(str(FRONT / "stage.vue"), vuetify=False)
def Stage(room: str, screen: str, event_act: Callable):
    """The well or tumour, its clock and buttons, and the legend; fetches the frames."""


@solara.component_vue(str(FRONT / "charts.vue"), vuetify=False)
def Charts(screen: str):
    """The curve over time, and a histogram."""


@solara.component_vue(str(FRONT / "numbers.vue"), vuetify=False)
def Numbers(screen: str):
    """The cells in numbers."""


@solara.component_vue(str(FRONT / "setup.vue"), vuetify=False)
def SetUp(screen: str, event_act: Callable):
    """What can be set; a change starts again."""


@solara.component_vue(str(FRONT / "interventions.vue"), vuetify=False)
def Interventions(screen: str, event_act: Callable):
    """What can be done during the run."""


@solara.component_vue(str(FRONT / "retry.vue"), vuetify=False)
def Retry(most: int):
    """All places were taken between the load of the page and its start: says so, and loads again."""


@solara.component
def Classroom(room: str):
    """One visitor's page."""
    session = solara.use_memo(lambda: rooms.session(room), [room])
    screen = solara.use_reactive(solara.use_memo(lambda: json.dumps(session.screen()), []))

    def act(message: Any) -> None:
        session.do(message)
        screen.set(json.dumps(session.screen()))

    with solara.Div(classes=["adcc"]):
        Lesson(screen=screen.value, event_act=act)
        with solara.Div(classes=["column"]):
            Stage(room=room, screen=screen.value, event_act=act)
            Numbers(screen=screen.value)
            Interventions(screen=screen.value, event_act=act)
        with solara.Div(classes=["column"]):
            Charts(screen=screen.value)
            SetUp(screen=screen.value, event_act=act)


@solara.component
def Page():
    """The page, or a sentence that says why it cannot be had."""
    solara.Title("ADCC, cell by cell")
    solara.Style(FRONT / "page.css")
    room = solara.use_memo(lambda: rooms.enter(solara.get_kernel_id()), [])
    if room:
        Classroom(room)
    else:
        with solara.Div(classes=["adcc"]):
            Retry(most=rooms.most())
