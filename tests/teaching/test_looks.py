"""How the page looks and reads: widths, overlap, text size, contrast, keyboard, colour blindness; and its pictures.

With ADCCSIM_PICTURES=DIR the screenshots go there (docs/images/teaching holds a set), else to the test's own folder.
"""

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adccsim.teaching import assets, picture
from adccsim.teaching.lessons import lessons
from adccsim.teaching.session import SHOWS

WIDTHS = (390, 1024, 1920)
SMALLEST_TEXT_PX = 14
AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def axe(browser_machine):
    """The script of axe-core, kept beside the page's own files; fetched once, by npm."""
    folder = assets.cache_folder().with_name("test-tools")
    script = folder / AXE / "axe.min.js"
    if not script.exists():
        try:
            assets.fetch(AXE, folder, re.compile(r"^axe\.min\.js$"))
        except assets.AssetsError as error:
            if os.environ.get("ADCCSIM_REQUIRE_BROWSER") == "1":
                raise
            pytest.skip(str(error))
    return script.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_its_width_and_can_be_read(visit, axe, width):
    one = visit(width=width, lesson=5)
    one.page.locator("summary").click()  # the explanation, which is long
    one.button("An FF donor").click()
    one.wait_ticks(30)
    one.button("Pause").click()
    one.button("Play").wait_for()
    assert fits(one) == []
    one.page.evaluate(axe)
    found = one.page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    errors = [f"{rule['id']}: {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]
    assert not errors, "\n".join(errors)
    checked = {rule["id"] for rule in found["passes"]}
    assert {"color-contrast", "button-name", "label", "select-name"} <= checked  # the rules did look


# Text whose size on the screen, as drawn, is below the given pixels.
SMALL_TEXT = """least => {
    const small = [];
    const walk = document.createTreeWalker(document.querySelector('.adcc'), NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
        if (!text || !element.checkVisibility() || element.closest('script, style, .sr, option')) continue;
        const scale = element.getScreenCTM ? element.getScreenCTM().a : 1;
        const size = parseFloat(getComputedStyle(element).fontSize) * scale;
        if (size < least - 0.05) small.push(`${size.toFixed(1)} px: ${text}`);
    }
    return small;
}"""

# Pairs of controls, or a control and a text, that cover one another though neither holds the other.
OVERLAPS = """() => {
    const names = 'button, select, input, summary, canvas, p, h1, h2, h3, dt, dd, figcaption span, output, ' +
        'span.hint, label, svg[role=img], svg[role=img] text';
    const all = [...document.querySelector('.adcc').querySelectorAll(names)].filter(
        e => e.checkVisibility() && e.getClientRects().length && !e.closest('.sr') && e.type !== 'radio');
    const box = e => e.getBoundingClientRect();
    const found = [];
    for (let i = 0; i < all.length; i++) for (let j = i + 1; j < all.length; j++) {
        const [a, b] = [all[i], all[j]];
        if (a.contains(b) || b.contains(a)) continue;
        const [p, q] = [box(a), box(b)];
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 1 && down > 1) {
            const name = e => `${e.tagName} "${(e.innerText || e.id || e.dataset.testid || '').slice(0, 30)}"`;
            found.push(`${name(a)} over ${name(b)} by ${across.toFixed(0)} x ${down.toFixed(0)} px`);
        }
    }
    return found;
}"""

# Controls and drawn text that reach beyond the window or beyond the drawing that holds them.
CUT_OFF = """() => [
    ...[...document.querySelectorAll('.adcc button, .adcc select, .adcc input, .adcc p, .adcc h1')].filter(e => {
        const box = e.getBoundingClientRect();
        return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
    }).map(e => `${e.tagName} ${(e.innerText || e.id).slice(0, 40)}`),
    ...[...document.querySelectorAll('.adcc svg[role=img] text')].filter(e => {
        const box = e.getBoundingClientRect(), frame = e.ownerSVGElement.getBoundingClientRect();
        return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
    }).map(e => `drawn text ${e.textContent}`),
]"""


@pytest.mark.slow
def test_every_control_is_reached_by_tab_and_shows_it(visit):
    one = visit()
    one.page.locator("body").click(position={"x": 2, "y": 2})
    wanted = one.page.evaluate(
        """() => {
            const stops = '.adcc button, .adcc select, .adcc input, .adcc summary, canvas';
            const can = e => e.getClientRects().length && !e.disabled && !(e.type === 'radio' && !e.checked);
            return [...document.querySelectorAll(stops)].filter(can).map((e, i) => e.dataset.stop = String(i));
        }"""
    )
    reached, unmarked = set(), []
    for _ in range(2 * len(wanted)):
        one.page.keyboard.press("Tab")
        stop = one.page.evaluate(
            """() => {
                const e = document.activeElement, style = getComputedStyle(e);
                const seen = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
                return [e.dataset.stop || '', seen, e.outerHTML.slice(0, 80)];
            }"""
        )
        if stop[0] and stop[0] not in reached:
            reached.add(stop[0])
            unmarked += [] if stop[1] else [stop[2]]
    missed = one.page.evaluate(
        "reached => [...document.querySelectorAll('[data-stop]')].filter(e => !reached.includes(e.dataset.stop))"
        ".map(e => e.outerHTML.slice(0, 120))",
        sorted(reached),
    )
    assert not missed
    assert not unmarked, f"no focus ring: {unmarked}"


# Machado, Oliveira and Fernandes 2009 (IEEE Trans Vis Comput Graph 15:1291), full severity, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# A difference of 2.3 in CIELAB is just noticeable side by side; small marks need several times that.
TOLD_APART = 10.0


def lab(rgb, seen_with):
    """CIELAB (D65) of sRGB 0-255 as an eye with this matrix sees it; shape (3,)."""
    linear = np.where(np.asarray(rgb) / 255 <= 0.04045, np.asarray(rgb) / 255 / 12.92, 0)
    linear = np.where(linear == 0, ((np.asarray(rgb) / 255 + 0.055) / 1.055) ** 2.4, linear)
    linear = np.clip(seen_with @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = to_xyz @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_colour_difference_is_that_of_known_colours():
    white, grey = lab((255, 255, 255), np.eye(3)), lab((119, 119, 119), np.eye(3))
    np.testing.assert_allclose(white, [100, 0, 0], atol=0.02)
    assert grey[0] == pytest.approx(50.0, abs=0.1)
    red, green = (lab(c, BLINDNESS["deuteranopia"]) for c in ((200, 80, 60), (110, 120, 50)))
    assert abs(red[1] - green[1]) < abs(lab((200, 80, 60), np.eye(3))[1] - lab((110, 120, 50), np.eye(3))[1])


@pytest.mark.parametrize("eye", BLINDNESS)
def test_states_of_one_shape_are_told_apart_by_every_eye(eye):
    """NK dots by what they do, and every mark from the floor; shapes tell tumour cells from NK cells."""
    dots = {
        "searching": picture.NK_SEARCHING, "holding": picture.NK_HOLDING, "killed": picture.NK_KILLER,
        "serial": picture.NK_SERIAL, "dead": picture.NK_DEAD,
    }  # fmt: skip
    seen = {name: lab(colour, BLINDNESS[eye]) for name, colour in dots.items()}
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > TOLD_APART, (eye, a, b)
    floor = lab(picture.FLOOR, BLINDNESS[eye])
    marks = {**dots, "dying": picture.DYING, "lysed": picture.LYSED, **dict(enumerate(picture.RAMP))}
    for name, colour in marks.items():
        assert np.linalg.norm(lab(colour, BLINDNESS[eye]) - floor) > TOLD_APART, (eye, name)
    ramp = [lab(colour, BLINDNESS[eye])[0] for colour in picture.RAMP]
    assert ramp[-1] - ramp[0] > 30
    assert all(later > earlier - 1.0 for earlier, later in itertools.pairwise(ramp)), eye  # lighter is more


@pytest.mark.slow
@pytest.mark.parametrize("lesson", [pytest.param(lesson, id=lesson.key) for lesson in lessons()])
def test_a_lesson_is_read_moves_as_it_says_and_looks_right_at_every_width(visit, lesson, tmp_path):
    """The start and every try are played; while the first try is under way the page is looked at, and pictured."""
    one = visit(lesson=lesson.number)
    page = one.page
    assert page.get_by_role("heading", name=lesson.question).is_visible()
    page.locator("summary").click()
    for text in (*lesson.explanation, *lesson.sources):
        assert page.get_by_text(text, exact=True).is_visible(), text
    page.locator("summary").click()
    one.play_to_the_end()
    kind = lesson.scenario["kind"]
    seen = {"start": readings(one, kind)}
    for attempt in lesson.tries:
        if attempt is lesson.tries[0]:
            one.speed({"well": "30 min per second", "xenograft": "1 day per second"}[lesson.scenario["kind"]])
        else:
            one.top_speed()
        before = one.count()
        one.button(attempt.label).click()
        page.get_by_role("button", name=attempt.label, exact=True, pressed=True).wait_for()
        one.wait_count(before + 2)  # the choice of speed may still have been on its way
        if attempt is lesson.tries[0]:
            end = int(one.part("progress").get_attribute("aria-valuemax"))
            # until the new well is there the clock is that of the run before
            one.wait_ticks(round(0.4 * end), end - 1)
            one.button("Pause").click()
            one.button("Play").wait_for()
            looked_at(one, lesson, Path(os.environ.get("ADCCSIM_PICTURES", tmp_path)))
        one.play_to_the_end()
        seen[attempt.label] = readings(one, kind)
    for attempt in lesson.tries:
        claim = attempt.claim
        after, before = seen[attempt.label][claim.observable], seen[claim.start_from][claim.observable]
        assert (after > before) if claim.moves == "up" else (after < before), (attempt.label, before, after)
    one.button("Back to the start").click()
    one.wait_ticks(0, 0)


def readings(visit, kind):
    """Observable -> number that the page shows for it."""
    ids = {"specific_lysis_pct": "lysis", "serial_killers_pct": "serial_killers_pct"}
    words = {name: visit.part(ids.get(name, name)).inner_text() for name in SHOWS[kind].observables}
    return {name: float(re.match(r"[-\d.]+", text).group()) for name, text in words.items()}


def looked_at(visit, lesson, folder):
    """At every width: nothing sticks out, covers or is cut; a picture of the whole page goes to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 1080 if width > 1500 else 900})
        visit.frames_pass(4)
        assert fits(visit) == [], width
        file = folder / f"lesson_{lesson.number}_{width}.png"
        visit.page.screenshot(path=file, full_page=True)
        with Image.open(file) as shot:
            assert shot.width == width
            small = shot.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        assert len(small.getcolors()) > 40  # a well, not an empty page
        small.save(file, optimize=True)
    visit.page.set_viewport_size({"width": 1024, "height": 900})


def fits(visit):
    """What scrolls sideways, is drawn too small, covers something else or is cut off."""
    wide, window = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    sideways = [f"scrolls sideways: {wide} px in {window}"] if wide > window else []
    small = visit.page.evaluate(SMALL_TEXT, SMALLEST_TEXT_PX)
    return [*sideways, *small, *visit.page.evaluate(OVERLAPS), *visit.page.evaluate(CUT_OFF)]
