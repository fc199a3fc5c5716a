"""The page in a browser: every control, every lesson, several visitors, a reload, a slow machine."""

import tomllib

import pytest

from adccsim.scenario.load import scenario_from_text
from adccsim.teaching import controls, keys, tumour_controls
from adccsim.teaching.plate import Plate
from tests.teaching.visit import WAIT_S, Server, Visit

pytestmark = pytest.mark.slow
CONTROLS = {control.name: control for control in controls.controls()}
SLIDERS = [control for control in CONTROLS.values() if control.kind == "slider"]
CHOICES = [control for control in CONTROLS.values() if control.kind == "choice"]


def held(visit, control):
    """The value of a control in the scenario file that the page hands out."""
    return keys.get(tomllib.loads(visit.downloaded()), control.key)


def test_step_is_one_minute_and_reset_goes_back(visit):
    one = visit()
    before = one.pixels()
    one.button("Step").click()
    one.wait_clock("0 h 1 min")
    one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
    one.button("Reset").click()
    one.wait_clock("0 h 0 min")
    one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() === before", arg=before)


def test_play_runs_and_pause_stops_the_picture_and_the_clock(visit):
    one = visit()
    one.button("Play").click()
    one.wait_ticks(20)
    one.button("Pause").click()
    one.button("Play").wait_for()
    minutes, shown = one.ticks(), one.pixels()
    one.frames_pass(60)
    assert (one.ticks(), one.pixels()) == (minutes, shown)
    one.button("Play").click()
    one.wait_ticks(minutes + 10)


def test_at_full_speed_the_assay_ends_and_play_starts_it_again(visit):
    one = visit()
    one.play_to_the_end()
    assert one.ticks() == 240
    assert one.button("Step").is_disabled()
    assert one.button("Add antibody").is_disabled()
    one.button("Play").click()
    one.button("Pause").click()
    one.button("Play").wait_for()
    assert one.ticks() < 240


def test_every_speed_can_be_chosen(visit):
    one = visit()
    words = one.page.get_by_label("Speed").locator("option").all_inner_texts()
    for text in words:
        one.speed(text)
        one.button("Play").click()
        one.wait_ticks(1)
        one.button("Reset").click()
        one.wait_clock("0 h 0 min")
    assert len(words) >= 3


@pytest.mark.parametrize("control", SLIDERS, ids=lambda control: control.name)
def test_a_slider_moves_by_key_says_its_value_and_sets_the_well(visit, control):
    one = visit()
    slider = one.page.get_by_role("slider", name=control.label)
    told = one.part(f"value-{control.name}").inner_text()
    one.button("Step").click()
    one.wait_clock("0 h 1 min")
    slider.focus()
    key = "ArrowRight" if int(slider.input_value()) < int(slider.get_attribute("max")) else "ArrowLeft"
    one.page.keyboard.press(key)
    one.wait_clock("0 h 0 min")  # a new well, at its start
    now = one.part(f"value-{control.name}").inner_text()
    assert now != told
    assert slider.get_attribute("aria-valuetext") == now
    assert control.words(held(one, control)) == now


def test_a_late_answer_moves_no_slider_back_under_fast_keys(visit):
    one = visit()
    slider = one.page.get_by_role("slider", name=CONTROLS["dose"].label)
    slider.focus()
    one.page.keyboard.press("Home")
    seen = []
    for _ in range(8):  # faster than the server sets up wells
        one.page.keyboard.press("ArrowRight")
        one.frames_pass(1)
        seen.append(int(slider.input_value()))
    one.set_up()
    assert seen == list(range(1, 9))
    assert one.part("value-dose").inner_text() == CONTROLS["dose"].words(held(one, CONTROLS["dose"]))
    assert int(slider.input_value()) == 8


def test_a_late_answer_moves_no_list_back_under_fast_keys(visit):
    one = visit()
    box = one.page.get_by_label(CONTROLS["cell_line"].label, exact=True)
    box.focus()
    one.page.keyboard.press("Home")
    seen = []
    for _ in range(4):
        one.page.keyboard.press("ArrowDown")
        one.frames_pass(1)
        seen.append(int(box.input_value()))
    one.set_up()
    assert seen == [1, 2, 3, 4]
    assert int(box.input_value()) == 4
    assert CONTROLS["cell_line"].values[4] == held(one, CONTROLS["cell_line"])


@pytest.mark.parametrize("control", CHOICES, ids=lambda control: control.name)
def test_every_choice_of_a_list_sets_the_well(visit, control):
    one = visit()
    box = one.page.get_by_label(control.label, exact=True)
    words = box.locator("option").all_inner_texts()
    assert len(words) == len(control.values)
    for text, value in list(zip(words, control.values, strict=True))[:: max(1, len(words) // 4)]:
        box.select_option(label=text)
        one.page.wait_for_function(
            "([id, text]) => document.getElementById(id).selectedOptions[0].innerText === text",
            arg=[f"c-{control.name}", text],
        )
        one.button("Step").click()
        one.wait_clock("0 h 1 min")
        assert held(one, control) == value


def test_what_a_hand_does_is_drawn_written_down_and_kept_in_the_file(visit):
    one = visit()
    one.speed("240 min per second")
    one.button("Play").click()
    one.wait_ticks(60)
    one.button("Pause").click()
    one.button("Play").wait_for()
    before = one.part("cells").inner_text()
    one.button("Add antibody").click()
    one.button("Add NK cells").click()
    one.button("Wash out NK cells").click()
    one.page.locator("[data-testid=curve] .act").nth(2).wait_for(state="attached")
    at = one.ticks() / 60
    one.play_to_the_end()
    assert one.part("cells").inner_text() != before
    text = one.downloaded()
    actions = tomllib.loads(text)["action"]
    assert [set(action) - {"at_h"} for action in actions] == [
        {"add_antibody_ug_per_ml"}, {"add_effectors"}, {"wash_effectors"},
    ]  # fmt: skip
    assert all(action["at_h"] == pytest.approx(at) for action in actions)
    plate = Plate(tomllib.loads(text))
    plate.advance(plate.end_tick)
    assert plate.curve()[1][-1] == pytest.approx(one.lysis(), abs=0.51)  # the page rounds to whole per cent


def test_the_downloaded_file_is_a_scenario(visit):
    one = visit(lesson=3)
    scenario = scenario_from_text(one.downloaded())
    assert scenario.effectors.et_ratio == 1.0


def test_what_is_refused_is_said_and_changes_nothing(visit):
    one = visit()
    one.page.get_by_label("NK cells to add").select_option(label="4 per tumour cell")
    for _ in range(4):  # there is no room for so many
        one.button("Add NK cells").click()
    one.part("note").wait_for()
    assert "Not possible" in one.part("note").inner_text()
    assert len(tomllib.loads(one.downloaded()).get("action", [])) < 4


def test_the_tumour_plays_takes_a_dose_and_its_file_runs(visit):
    """Lesson 6: step, play, pause, a dose by hand at its hour, three colourings, and the file that is handed out."""
    one = visit(lesson=6)
    one.wait_clock("0 d 0 h")
    start = one.pixels()
    one.button("Step").click()
    one.wait_clock("0 d 1 h")
    one.speed("6 h per second")
    one.button("Play").click()
    one.wait_ticks(6)
    one.button("Pause").click()
    one.button("Play").wait_for()
    hour, shown = one.ticks(), one.pixels()
    one.frames_pass(30)
    assert (one.ticks(), one.pixels()) == (hour, shown)
    assert shown != start
    one.page.get_by_label("Dose to give").select_option(label="30 mg/kg")
    one.button("Give a dose").click()
    one.page.locator("[data-testid=curve] .act").nth(1).wait_for(state="attached")
    one.button("Give a dose").click()  # twice in one hour
    one.part("note").wait_for()
    for name in ("HER2", "Oxygen"):
        one.page.get_by_role("radio", name=name, exact=True).check()
        one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=shown)
        shown = one.pixels()
    one.button("Step").click()
    one.wait_ticks(hour + 1, hour + 1)
    text = one.downloaded()
    doses = tomllib.loads(text)["arm"][1]["dose"]
    assert [(dose["mg_per_kg"], dose["days"]) for dose in doses] == [(1.0, [0, 7]), (30.0, [hour / 24])]
    assert scenario_from_text(text).kind == "xenograft"
    one.button("Reset").click()
    one.wait_clock("0 d 0 h")


@pytest.mark.parametrize("control", tumour_controls.controls(), ids=lambda control: control.name)
def test_every_control_of_the_mouse_makes_a_new_mouse(visit, control):
    one = visit(lesson=6)
    one.button("Step").click()
    one.wait_ticks(1, 1)
    if control.kind == "slider":
        slider = one.page.get_by_role("slider", name=control.label)
        slider.focus()
        one.page.keyboard.press("ArrowLeft")
        one.wait_ticks(0, 0)
        told = one.part(f"value-{control.name}").inner_text()
    else:
        box = one.page.get_by_label(control.label, exact=True)
        told = box.locator("option").all_inner_texts()[-1].strip()
        box.select_option(label=told)
        one.wait_ticks(0, 0)
    assert control.words(held(one, control)) == told


def test_the_two_colourings_differ_and_have_their_legend(visit):
    one = visit()
    one.button("Add trastuzumab").click()
    one.wait_ticks(5)
    one.button("Pause").click()
    one.button("Play").wait_for()
    bound = one.pixels()
    one.page.get_by_role("radio", name="HER2", exact=True).check()
    one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=bound)
    one.page.get_by_role("radio", name="Antibody bound", exact=True).check()
    one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() === before", arg=bound)


def test_a_cell_explains_itself_under_the_pointer_and_under_the_keys(visit):
    one = visit()
    canvas = one.part("picture")
    box = canvas.bounding_box()
    canvas.focus()
    for _ in range(40):  # at most so many sites to the nearest cell
        one.page.keyboard.press("ArrowRight")
        one.frames_pass(6)
        if one.part("tip").is_visible():
            break
    by_key = one.part("tip").inner_text()
    assert "cell" in by_key
    one.page.keyboard.press("Escape")
    one.part("tip").wait_for(state="hidden")
    for step in range(40):
        one.page.mouse.move(box["x"] + box["width"] * (0.2 + 0.015 * step), box["y"] + box["height"] * 0.5)
        one.frames_pass(8)
        if one.part("tip").is_visible():
            break
    assert "cell" in one.part("tip").inner_text()


def test_two_visitors_have_a_well_each(visit):
    first, second = visit(), visit()
    first.button("Add trastuzumab").click()
    first.wait_ticks(30)
    first.button("Pause").click()
    assert second.ticks() == 0
    assert second.button("Add trastuzumab").get_attribute("aria-pressed") == "false"
    second.button("Step").click()
    second.wait_clock("0 h 1 min")
    assert first.ticks() >= 30


def test_a_reload_comes_back_to_the_same_state_and_works(visit):
    one = visit(lesson=2)
    one.button("A hundred times more").click()
    one.wait_ticks(10)
    one.button("Pause").click()
    one.button("Play").wait_for()
    minutes, shown = one.ticks(), one.pixels()
    one.page.reload()
    one.seen()
    one.page.get_by_text("Lesson 2 ·").wait_for()
    one.wait_ticks(minutes, minutes)
    one.page.wait_for_function("before => document.querySelector('canvas').toDataURL() === before", arg=shown)
    one.button("Step").click()
    one.wait_ticks(minutes + 1, minutes + 1)


def test_a_slow_machine_sees_fewer_pictures_but_no_old_ones(visit):
    """Eight times slower: the assay still ends, pause still acts, and pictures come in their order."""
    one = visit()
    wire = one.context.new_cdp_session(one.page)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": 8})
    wire.send("Network.enable")
    wire.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 100_000},
    )
    one.page.evaluate(
        """() => {
            window.counts = [];
            const canvas = document.querySelector('canvas');
            new MutationObserver(() => counts.push(+canvas.dataset.count)).observe(canvas, {attributes: true});
        }"""
    )
    one.button("Play").click()
    one.wait_ticks(60)
    one.button("Pause").click()
    one.button("Play").wait_for()
    one.frames_pass(30)  # one picture may be on its way
    minutes, shown = one.ticks(), one.pixels()
    one.frames_pass(30)
    assert (one.ticks(), one.pixels()) == (minutes, shown)
    counts = one.page.evaluate("counts")
    assert len(counts) > 3
    assert counts == sorted(counts)


def test_one_visitor_too_many_is_told(browser, tmp_path):
    with Server(tmp_path / "log.txt", ("--sessions", "1")) as small:
        first = Visit(browser, small).open()
        second = browser.new_page()
        second.set_default_timeout(1000 * WAIT_S)
        second.goto(small.address)
        second.get_by_text("all places are taken").wait_for()
        first.button("Step").click()
        first.wait_clock("0 h 1 min")  # the first is not disturbed
        assert first.close() == []
        second.context.close()
