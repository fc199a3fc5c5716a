"""Speed of the teaching page: pictures that a browser paints, Pause, first picture, and many visitors at once.

    python benchmarks/teaching/page_speed.py [--quick] [--out DIR] [--scratch DIR]

Server and headless Chromium run on this machine together, with curve, histogram, legend and a pointer over the cells.
Resting NK cells on SK-BR-3, 30 minutes of the assay per second.

  pictures   distinct pictures painted per second over 20 s in two parts, by a hash of the canvas's pixels after each
             change, the gap between two (95th percentile), and the time of the assay that passed per second; of two
             wells and of the tumour of lesson 6
  pause      from the click on Pause to the last change of the picture, 20 times, 95th percentile
  first      from opening the address, in a browser without a history, to the first picture
  visitors   1, 5 and 20 visitors with wells of 1,000 cells, all playing: frames per second of each, as a client that
             only fetches gets them (a class has browsers of its own), and memory of the server per visitor

Writes page_speed.json into --out (default benchmarks/results; with --quick, results). --quick measures too briefly for
its figures to mean anything.
"""

import argparse
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import AT_LEAST, NO_CLOCK, WALL, Figure, load_average, machine, show, write  # noqa: E402
from tests.teaching.visit import Server, Visit, chromium_arguments  # noqa: E402

LESSON, MOUSE_LESSON = 3, 6
SPEED = 30
PART_S = 10.0  # of watching: an assay of eight hours plays for sixteen seconds, the tumour for fourteen
# Name, words on the page, and pictures per second wanted. The field of 3 mm is 302 x 302 sites of 10 um; with E:T 1:1
# it holds 5,600 cells, the whole well 1e4 targets and 5e4 NK cells.
FIELD = ("field", "3 mm of the floor", "1 : 1", 20.0)
WHOLE = ("whole_well", "a whole well", "5 : 1", 10.0)
VISITORS = (1, 5, 20)

WATCH = """() => {
    const canvas = document.querySelector('[data-testid=picture]');
    const context = canvas.getContext('2d');
    window.seen = [];
    window.watching = true;
    let last = null;
    const look = () => {
        if (!window.watching) return;
        if (canvas.dataset.count !== last) {
            last = canvas.dataset.count;
            const words = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
            let hash = 2166136261;
            for (let i = 0; i < words.length; i += 2) hash = Math.imul(hash ^ words[i], 16777619);
            window.seen.push([performance.now(), hash >>> 0]);
        }
        requestAnimationFrame(look);
    };
    look();
}"""
PAUSE = """() => {
    window.pressed = null;
    document.addEventListener('click', () => (window.pressed = performance.now()), { capture: true, once: true });
}"""


def main() -> None:
    """Run all parts, print the table and write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path)
    options.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    given = options.parse_args()
    out = given.out or (ROOT / "results" if given.quick else ROOT / "benchmarks" / "results")
    document = {
        "benchmark": "page_speed",
        "schema": 1,
        "quick": given.quick,
        "started": datetime.now(UTC).isoformat("T", "seconds"),
        "load_average": load_average(),
        "machine": machine(given.scratch),
    }
    figures = in_the_browser(given.scratch, given.quick) + visitors(3.0 if given.quick else 15.0)
    show("the teaching page", figures)
    write(out / "page_speed.json", document, figures)


def in_the_browser(scratch: Path, quick: bool) -> list[Figure]:
    """Figures of a real server and a real browser."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    seconds, times = (3.0, 3) if quick else (20.0, 20)
    with Server(scratch / "page_speed.log") as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=chromium_arguments())
        figures = [_first_picture(browser, server, 3 if quick else 10)]
        for well in (FIELD, WHOLE):
            figures += _pictures_of_a_well(browser, server, *well, seconds)
        figures += _pictures_of_a_tumour(browser, server, seconds)
        figures.append(_pause(browser, server, times))
        browser.close()
    return figures


def _first_picture(browser, server: Server, times: int) -> Figure:
    samples = []
    for _ in range(times):
        visit = Visit(browser, server)
        began = time.perf_counter()
        visit.page.goto(server.address)
        visit.page.wait_for_function("document.querySelector('[data-testid=picture]')?.dataset.count !== undefined")
        samples.append(time.perf_counter() - began)
        visit.context.close()
    return Figure.of(
        "first_picture_s", "first picture after opening", "s", samples,
        clock=WALL, cells={"targets": 700, "nk": 2800}, load_average=load_average(), target=5.0,
    )  # fmt: skip


def _well(browser, server: Server, words: str, ratio: str) -> Visit:
    """A visit with a well of these words set up, at rest."""
    visit = Visit(browser, server, width=1400, height=1000, lesson=LESSON).open()
    visit.page.get_by_label("What to look at").select_option(label=words)
    visit.set_up()
    _slide(visit, "NK cells per tumour cell (E:T)", "et_ratio", ratio)
    visit.speed(f"{SPEED} min per second")
    return visit


def _slide(visit: Visit, label: str, name: str, words: str) -> None:
    """Move a slider by keys until its value reads so, and wait until the well has it."""
    slider, value = visit.page.get_by_role("slider", name=label), visit.part(f"value-{name}")
    slider.focus()
    visit.page.keyboard.press("Home")
    visit.frames_pass(1)
    while value.inner_text() != words:
        if slider.input_value() == slider.get_attribute("max"):
            raise RuntimeError(f"{label} has no value {words}")
        visit.page.keyboard.press("ArrowRight")
        visit.frames_pass(1)
    visit.set_up()


def _watched(visit: Visit, seconds: float) -> tuple[list, float, int]:
    """What is painted, in parts of at most PART_S from a fresh start each: [times and hashes], seconds, ticks."""
    parts, passed, ticks = [], 0.0, 0
    while passed < seconds:
        visit.button("Reset").click()
        visit.wait_ticks(0, 0)
        visit.button("Play").click()
        box = visit.part("picture").bounding_box()
        visit.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
        visit.wait_ticks(10)
        before = visit.ticks()
        visit.page.evaluate(WATCH)
        began = time.perf_counter()
        visit.page.wait_for_timeout(1000 * min(PART_S, seconds - passed + 0.1))
        parts.append(visit.page.evaluate("() => { window.watching = false; return window.seen; }"))
        passed += time.perf_counter() - began
        ticks += visit.ticks() - before
    return parts, passed, ticks


def _pictures(visit: Visit, short: str, words: str, cells: dict, wanted: float | None, unit: str, seconds: float):
    """Figures of what a visit that is set up shows while it plays; unit: of its ticks."""
    load = load_average()
    parts, passed, ticks = _watched(visit, seconds)
    errors = visit.close()
    if errors:
        raise RuntimeError("; ".join(errors))
    distinct = sum(len({code for _, code in seen}) for seen in parts) / passed
    gaps = sorted(b - a for seen in parts for (a, _), (b, _) in pairwise(seen))
    rate, painted = ticks / passed, sum(len(seen) for seen in parts)
    common = {"cells": cells, "load_average": load}
    aim = {"target": wanted, "sense": AT_LEAST} if wanted else {}
    return [
        Figure(
            f"{short}_pictures_per_s", f"{words}: distinct pictures painted", "1/s", distinct, painted,
            {"min": distinct, "median": distinct, "max": distinct}, WALL, **aim, **common,
        ),
        Figure(
            f"{short}_gap_p95_ms", f"{words}: gap between two, 95th percentile", "ms", gaps[int(0.95 * len(gaps))],
            len(gaps), {"min": gaps[0], "median": statistics.median(gaps), "max": gaps[-1]}, WALL, **common,
        ),
        Figure(
            f"{short}_{unit}_per_s", f"{words}: {unit} that passed", f"{unit}/s", rate, len(parts),
            {"min": rate, "median": rate, "max": rate}, WALL, **common,
        ),
    ]  # fmt: skip


def _pictures_of_a_well(browser, server: Server, short: str, words: str, ratio: str, wanted: float, seconds: float):
    visit = _well(browser, server, words, ratio)
    targets = int(visit.part("cells").inner_text().split(", ")[0].replace(",", ""))
    cells = {"targets": targets, "nk": round(targets * float(ratio.split(" : ")[0]))}
    return _pictures(visit, short, f"{words}, {SPEED} min/s asked", cells, wanted, "minutes", seconds)


def _pictures_of_a_tumour(browser, server: Server, seconds: float):
    visit = Visit(browser, server, width=1400, height=1000, lesson=MOUSE_LESSON).open()
    visit.speed("1 day per second")
    return _pictures(visit, "tumour", "tumour, 24 h/s asked", {"tumour_at_start": 50_000}, None, "hours", seconds)


def _pause(browser, server: Server, times: int) -> Figure:
    visit = _well(browser, server, FIELD[1], FIELD[2])
    samples = []
    for _ in range(times):
        if visit.ticks() > 300:
            visit.button("Reset").click()
            visit.wait_clock("0 h 0 min")
        began = visit.ticks()
        visit.button("Play").click()
        visit.wait_ticks(began + 5)
        visit.page.evaluate(WATCH)
        visit.page.evaluate(PAUSE)
        visit.button("Pause").click()
        visit.page.wait_for_timeout(1200)
        pressed, seen = visit.page.evaluate("() => { window.watching = false; return [window.pressed, window.seen]; }")
        changes = [at for (_, before), (at, code) in pairwise(seen) if code != before]
        samples.append(max(0.0, (changes[-1] if changes else pressed) - pressed) / 1000)
    visit.context.close()
    ordered = sorted(samples)
    value = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Figure(
        "pause_p95_s", "Pause: click to last change, 95th percentile", "s", value, len(samples),
        {"min": ordered[0], "median": statistics.median(ordered), "max": ordered[-1]}, WALL,
        {"targets": 2812, "nk": 2812}, load_average(), target=0.3,
    )  # fmt: skip


# -- many visitors ---------------------------------------------------------------------------------------------------
# In a process of its own: the server with so many rooms, each with a well of 1,000 cells that plays.
SERVE = """
import copy, sys
from adccsim import runtime
runtime.configure()
import uvicorn
from starlette.applications import Starlette
from adccsim.teaching import rooms

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def enter(kernel):
    rooms.arrive(kernel, visitor=kernel)
    return rooms.enter(kernel)

names = [enter("kernel 0")]
rooms.session(names[0]).frame()
before = resident_mb()
for n in range(1, int(sys.argv[2])):
    names.append(enter(f"kernel {n}"))
for name in names:
    one = rooms.session(name)
    raw = copy.deepcopy(one.raw)
    raw["targets"]["cells"], raw["effectors"]["et_ratio"], raw["antibody"]["dose_ug_per_ml"] = 200, 4.0, 0.1
    raw["assay"]["duration_h"] = 24.0
    one._set_up(raw)
    one.do({"do": "play"})
    one.frame()
each = (resident_mb() - before) / max(len(names) - 1, 1)
print(",".join(names), round(each, 2), flush=True)
uvicorn.run(Starlette(routes=rooms.ROUTES), port=int(sys.argv[1]), log_level="error")
"""


def visitors(seconds: float) -> list[Figure]:
    """Frames per second of each of so many visitors, and memory of one."""
    from tests.teaching.visit import free_port

    figures = []
    for count in VISITORS:
        port = free_port()
        environment = os.environ | {"PYTHONPATH": str(ROOT), "ADCC_TEACH_SESSIONS": str(count)}
        command = [sys.executable, "-c", SERVE, str(port), str(count)]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            names, megabytes = server.stdout.readline().split()
            load = load_average()
            rates = _fetch(f"http://127.0.0.1:{port}/adcc", names.split(","), seconds)
            if server.poll() is not None:
                raise RuntimeError(f"the server ended with {count} visitors")
        finally:
            server.terminate()
            server.wait()
        common = {"cells": {"targets": 200, "nk": 800}, "load_average": load}
        figures.append(
            Figure.of(
                f"frames_per_s_{count}", f"frames per second of each of {count}", "1/s", rates, clock=WALL, **common
            )
        )
        if count > 1:
            figures.append(
                Figure.of(
                    f"memory_mb_{count}", f"memory per visitor, {count} there", "MB", [float(megabytes)],
                    clock=NO_CLOCK, **common,
                )
            )  # fmt: skip
    return figures


def _fetch(address: str, names: list[str], seconds: float) -> list[float]:
    """Frames per second that each client gets when all fetch as fast as they can, after a warm-up of a second."""
    counts = dict.fromkeys(names, 0)
    start = time.perf_counter() + 3.0  # the server may still be starting
    end = start + seconds

    def follow(name: str) -> None:
        shown = -1
        while time.perf_counter() < end:
            try:
                with urllib.request.urlopen(f"{address}/{name}/frame?after={shown}", timeout=30) as answer:
                    body = answer.read()
            except OSError:
                time.sleep(0.1)
                continue
            if not body:
                continue
            length = struct.unpack("<I", body[:4])[0]
            shown = int(body[4 : 4 + length].split(b'"count":', 1)[1].split(b",", 1)[0])
            counts[name] += time.perf_counter() >= start

    threads = [threading.Thread(target=follow, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [count / seconds for count in counts.values()]


if __name__ == "__main__":
    main()
