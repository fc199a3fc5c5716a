"""One visitor: what may be asked for, what is refused, and how time goes on."""

import threading
import time
import tomllib

import pytest

from adccsim.scenario.load import scenario_from_text
from adccsim.teaching import controls, session, tumour_controls
from adccsim.teaching.lessons import lessons
from adccsim.teaching.session import Session
from adccsim.teaching.well_show import CURVE_POINTS, WellShow

SPEEDS = WellShow.speeds


@pytest.fixture
def one():
    return Session()


@pytest.fixture
def clock(monkeypatch):
    """The real time that a session sees, in seconds; set clock.now."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    fake = Clock()
    monkeypatch.setattr(session, "time", fake)
    return fake


def test_it_starts_with_the_first_lesson_at_rest(one):
    screen, frame = one.screen(), one.frame()
    assert screen["lesson"]["number"] == 1
    assert (frame["tick"], frame["playing"], frame["over"]) == (0, False, False)
    assert frame["image"].dtype == "uint8"
    assert frame["image"].max() < len(frame["palette"])
    assert frame["alive"] == one.model.plate.sample.condition.targets.cells


@pytest.mark.parametrize("number", [lesson.number for lesson in lessons()])
def test_every_lesson_and_each_of_its_tries_can_be_set_up(one, number):
    one.do({"do": "lesson", "number": number})
    lesson = lessons()[number - 1]
    for label in ("start", *(one_try.label for one_try in lesson.tries)):
        one.do({"do": "try", "label": label})
        assert one.note == ""
        assert one.playing == (label != "start")
        assert one.screen()["trying"] == label
        for name, table in lesson.scenario_of(label).items():
            assert one.raw[name] == table


@pytest.mark.parametrize("control", controls.controls(), ids=lambda control: control.name)
def test_every_value_of_every_control_makes_a_well_or_says_why_not(one, control):
    shown = next(c for c in one.screen()["controls"] if c["name"] == control.name)
    made = 0
    for at in range(0, len(shown["words"]), 3 if control.name in ("dose", "cell_line") else 1):
        one.do({"do": "set", "name": control.name, "at": at})
        if not one.note:
            now = next(c for c in one.screen()["controls"] if c["name"] == control.name)
            assert now["words"][now["at"]] == shown["words"][at]
            made += 1
        one.do({"do": "lesson", "number": 1})
    assert made >= 2
    assert one.note == ""


def test_a_line_brings_its_own_her2_and_a_level_stays_when_the_dose_moves(one):
    lines = next(c for c in one.screen()["controls"] if c["name"] == "cell_line")["words"]
    one.do({"do": "set", "name": "her2", "at": 0})
    one.do({"do": "set", "name": "dose", "at": 5})
    assert one.model.plate.sample.condition.targets.her2_per_cell == 1000.0
    one.do({"do": "set", "name": "cell_line", "at": next(i for i, text in enumerate(lines) if "MCF-7," in text)})
    assert "her2_per_cell" not in one.raw["targets"]


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "play",
        {},
        {"do": 3},
        {"do": "close"},
        {"do": "__init__"},
        {"do": "advance", "minutes": 5},
        {"do": "play", "extra": 1},
        {"do": "set", "name": "dose"},
        {"do": "set", "name": "dose", "at": -1},
        {"do": "set", "name": "dose", "at": 10**9},
        {"do": "set", "name": "dose", "at": 1.0},
        {"do": "set", "name": "dose", "at": True},
        {"do": "set", "name": "seed", "at": 0},
        {"do": "set", "name": ["dose"], "at": 0},
        {"do": "set", "name": "dose", "at": 0, "nth": "1"},
        {"do": "speed", "at": "fast"},
        {"do": "view", "name": "../etc"},
        {"do": "view", "name": ["bound"]},
        {"do": "try", "label": "nothing of the kind"},
        {"do": "lesson", "number": 0},
        {"do": "lesson", "number": 99},
        {"do": "lesson", "number": "1"},
        {"do": "add_antibody", "at": 99},
        {"do": "add_nk", "at": None},
    ],
)
def test_what_the_page_does_not_offer_is_refused_and_changes_nothing(one, message):
    before = one.model, one.raw, one.playing, one.speed, one.view, one.model.to_toml()
    one.do(message)
    assert "not on offer" in one.note
    assert (one.model, one.raw, one.playing, one.speed, one.view, one.model.to_toml()) == before


def test_the_screen_says_which_message_it_answers_refused_or_not(one):
    assert one.screen()["heard"] == 0
    one.do({"do": "set", "name": "dose", "at": 0, "nth": 3})
    assert one.screen()["heard"] == 3
    one.do({"do": "set", "name": "dose", "at": -1, "nth": 4})
    assert one.note and one.screen()["heard"] == 4
    one.do({"do": "play"})
    assert one.screen()["heard"] == 4


def test_what_the_well_cannot_hold_is_said(one):
    for _ in range(4):
        one.do({"do": "add_nk", "at": 3})
    assert one.note.startswith("Not possible: too many NK cells")
    one.do({"do": "wash_nk"})
    assert one.note == ""


def test_time_goes_on_at_the_speed_chosen_and_whole_minutes_only(one, clock):
    one.do({"do": "speed", "at": SPEEDS.index(30)})
    one.do({"do": "play"})
    shown = one.count
    minutes = []
    for _ in range(50):  # five seconds in steps of a tenth
        clock.now += 0.1
        frame = one.next_frame(shown, patience_s=0)
        shown = frame["count"]
        minutes.append(frame["tick"])
    assert abs(minutes[-1] - 150) <= 1
    assert sorted(minutes) == minutes


def test_a_server_that_is_too_slow_shows_slow_motion_and_no_leaps(one, clock):
    one.do({"do": "speed", "at": SPEEDS.index(60)})
    one.do({"do": "play"})
    clock.now += 30.0
    assert one.next_frame(-1, patience_s=0)["tick"] == 60 * session.LONGEST_LEAP_S


def test_it_stops_at_the_end_of_the_assay_and_plays_anew(one, clock):
    one.do({"do": "speed", "at": SPEEDS.index(240)})
    one.do({"do": "play"})
    for _ in range(20):
        clock.now += 0.25
        one.next_frame(-1, patience_s=0)
    frame = one.frame()
    assert (frame["tick"], frame["over"], frame["playing"]) == (240, True, False)
    one.do({"do": "add_antibody", "at": 0})
    assert "over" in one.note
    one.do({"do": "play"})
    assert one.frame()["tick"] == 0
    assert one.playing


def test_a_paused_well_stands_still_and_a_request_waits_for_something_to_happen(one):
    one.do({"do": "play"})
    one.do({"do": "pause"})
    shown = one.frame()["count"]
    assert one.next_frame(shown, patience_s=0) is None
    answer = []
    waiting = threading.Thread(target=lambda: answer.append(one.next_frame(shown, patience_s=60)))
    waiting.start()
    one.do({"do": "step"})
    waiting.join(timeout=30)
    assert answer[0]["tick"] == 1


def test_closing_ends_a_request_that_waits(one):
    answer = []
    shown = one.frame()["count"]
    waiting = threading.Thread(target=lambda: answer.append(one.next_frame(shown, patience_s=600)))
    waiting.start()
    one.close()
    waiting.join(timeout=30)
    assert answer == [None]


def test_the_run_before_stays_to_compare_with(one):
    one.do({"do": "try", "label": lessons()[0].tries[0].label})
    one.advance(100)
    last = one.frame()["lysis"]
    assert one.frame()["ghost"] == []
    one.do({"do": "set", "name": "dose", "at": 0})
    assert one.frame()["ghost"][1] == last
    one.do({"do": "lesson", "number": 2})
    assert one.frame()["ghost"] == []


def test_numbers_beside_the_picture_agree_with_the_well(one):
    one.do({"do": "try", "label": lessons()[0].tries[0].label})
    one.advance(200)
    frame, engine = one.frame(), one.model.plate.sample.engine
    kills = engine.of_all_effectors("effector_kills")
    assert sum(frame["kills"]) == (kills > 0).sum()
    assert frame["kills"][1] == (kills == 2).sum()
    assert frame["kills_per_nk"] == pytest.approx(kills.mean(), abs=0.005)
    assert frame["serial_pct"] == pytest.approx(100 * (kills > 1).mean(), abs=0.05)
    assert frame["lysis"][-1] == pytest.approx(one.model.specific_lysis_pct, abs=0.005)
    assert frame["natural"][-1] == pytest.approx(one.model.control_lysis_pct, abs=0.005)
    assert frame["alive"] + frame["dying"] + frame["lysed"] == 700
    assert len(frame["hours"]) <= CURVE_POINTS
    assert (frame["hours"][0], frame["hours"][-1]) == (0, pytest.approx(200 / 60, abs=0.001))


def test_the_download_is_the_scenario_with_what_was_done(one):
    one.advance(30)
    one.do({"do": "add_antibody", "at": 4})
    one.do({"do": "download"})
    offered = one.screen()["download"]
    assert offered["name"] == "adcc_lesson_1.toml"
    assert tomllib.loads(offered["text"])["action"] == [{"at_h": 0.5, "add_antibody_ug_per_ml": 1.0}]
    assert scenario_from_text(offered["text"]).output.level == "events"


def test_the_tumour_of_lesson_six_is_played_by_the_same_session(one, clock):
    one.do({"do": "lesson", "number": 6})
    assert (one.speed, one.view) == (24, "bound")
    one.do({"do": "play"})
    shown, hours = one.count, []
    for _ in range(10):
        clock.now += 0.1
        frame = one.next_frame(shown, patience_s=0)
        shown = frame["count"]
        hours.append(frame["tick"])
    assert abs(hours[-1] - 24) <= 1
    pair = one.model.pair
    one.do({"do": "pause"})
    frame, seen = one.frame(), pair.treated.engine.observe()
    assert frame["kind"] == "tumour"
    assert frame["treated"][-1] == pytest.approx(pair.treated.volumes[-1], abs=1e-4)
    assert frame["tgi"] == pytest.approx(one.model.tgi_pct, abs=0.05)
    assert frame["occupancy_pct"] == pytest.approx(100 * max(seen["occupancy_mean"]), abs=0.01)
    assert frame["actions"] == [0.0]
    one.do({"do": "give_dose", "at": 4})
    assert one.frame()["actions"] == [0.0, pair.tick / 24]
    one.do({"do": "give_dose", "at": 99})
    assert "not on offer" in one.note
    one.do({"do": "add_nk", "at": 1})  # a command of the well
    assert "not on offer" in one.note
    one.do({"do": "reset"})
    assert one.frame()["actions"] == [0.0]
    one.do({"do": "lesson", "number": 1})
    assert (one.speed, one.frame()["ghost"]) == (30, [])


@pytest.mark.parametrize("control", tumour_controls.controls(), ids=lambda control: control.name)
def test_every_value_of_every_control_of_the_mouse_makes_a_mouse(one, control):
    one.do({"do": "lesson", "number": 6})
    shown = next(c for c in one.screen()["controls"] if c["name"] == control.name)
    for at in {0, len(shown["words"]) // 2, len(shown["words"]) - 1}:
        one.do({"do": "set", "name": control.name, "at": at})
        assert one.note == ""
        now = next(c for c in one.screen()["controls"] if c["name"] == control.name)
        assert now["words"][now["at"]] == shown["words"][at]


def test_two_visitors_are_apart(one):
    other = Session()
    one.do({"do": "set", "name": "dose", "at": 9})
    one.advance(10)
    assert other.frame()["tick"] == 0
    assert other.raw["antibody"]["dose_ug_per_ml"] == 0.0


def test_requests_from_many_threads_leave_one_sound_well(one):
    """Pictures, pointers and commands at once: no exception, and the well is that of a run in one piece."""
    one.do({"do": "try", "label": lessons()[0].tries[0].label})
    one.do({"do": "speed", "at": SPEEDS.index(240)})
    errors = []

    def watch():
        try:
            shown, end = -1, time.monotonic() + 60
            while one.playing and time.monotonic() < end:
                frame = one.next_frame(shown, patience_s=1)
                shown = frame["count"] if frame else shown
                one.under_pointer(0.4, 0.6)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    alone = Session()
    alone.do({"do": "try", "label": lessons()[0].tries[0].label})
    alone.advance(240)
    assert one.frame()["lysis"] == alone.frame()["lysis"]
