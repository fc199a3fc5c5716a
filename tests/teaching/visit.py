"""One server and one visit: the pieces that the tests of the page and its benchmark share.

Nothing here waits for a time to pass: it waits for conditions, and gives up after WAIT_S.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
WAIT_S = 180.0  # for what a loaded machine may need; nothing waits so long otherwise
START_S = 300  # the first start on a machine compiles the kernels
# What every screen shows; each must be visible and larger than a dot.
PARTS = ("picture", "legend", "clock", "curve", "histogram", "lesson")


def chromium_arguments() -> list[str]:
    """Headless Chromium that keeps to itself: no sandbox (containers), no GPU, no calls home."""
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--force-color-profile=srgb",
    ]


def free_port() -> int:
    """A port of localhost that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`adcc teach` in a process of its own; use it in a with statement.

    url: the page's address; address: the one with the code that it printed; code: that code.
    """

    def __init__(self, log: Path, arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}/"
        self.address = self.code = ""
        self.log = log
        self._arguments = arguments
        self._environment = environment or {}

    def __enter__(self) -> "Server":
        command = [sys.executable, "-m", "adccsim.cli", "teach", "--no-browser", "--port", str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | self._environment
        self._out = self.log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, *self._arguments], cwd=REPOSITORY, env=environment, stdout=self._out, stderr=subprocess.STDOUT
        )
        for _ in range(10 * START_S):
            printed = re.search(r"the page is at (http://\S+token=(\S+))\n", self.log.read_text(encoding="utf-8"))
            if printed:
                self.address, self.code = printed.groups()
                return self
            try:
                self.process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                continue
        self.__exit__()
        raise RuntimeError(f"the page did not start:\n{self.log.read_text(encoding='utf-8')}")

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._out.close()


class Visit:
    """One visitor with a profile of their own. `page` is Playwright's page; `faults` what went wrong so far."""

    def __init__(self, browser, server: Server, width: int = 1024, height: int = 900, lesson: int | None = None):
        self.url, self.address, self.lesson = server.url, server.address, lesson
        self.errors: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        self.context.set_default_timeout(1000 * WAIT_S)
        self.page = self.context.new_page()
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(f"script error: {error}"))

    def open(self) -> "Visit":
        """Load the page and wait until every part can be seen."""
        self.page.goto(self.address)
        self.seen()
        if self.lesson is not None:
            self.go_to(self.lesson)
        return self

    def seen(self) -> None:
        """Wait until every part is visible."""
        for part in PARTS:
            self.part(part).wait_for(state="visible")

    def part(self, name: str):
        """The part of the page with this test id."""
        return self.page.get_by_test_id(name).first

    def button(self, name: str):
        """The button of this accessible name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def go_to(self, number: int) -> None:
        """Open a lesson by its number."""
        button = self.page.get_by_role("button", name=re.compile(f"^Lesson {number}:"))
        button.click()
        self.page.get_by_text(f"Lesson {number} ·").wait_for()

    def ticks(self) -> int:
        """Ticks that have passed: minutes of an assay, hours of a study in mice."""
        return int(self.part("progress").get_attribute("aria-valuenow"))

    def wait_ticks(self, least: int, most: int = 10**9) -> None:
        """Wait until from `least` to `most` ticks have passed."""
        self.page.wait_for_function(
            """([least, most]) => {
                const now = +document.querySelector('[data-testid=progress]').ariaValueNow;
                return least <= now && now <= most;
            }""",
            arg=[least, most],
        )

    def count(self) -> int:
        """Number of the state that is painted; it rises with every command and every step of time."""
        return int(self.part("picture").get_attribute("data-count"))

    def wait_count(self, least: int) -> None:
        """Wait until a state of this number or a later one is painted."""
        self.page.wait_for_function(
            "least => +document.querySelector('[data-testid=picture]').dataset.count >= least", arg=least
        )

    def wait_clock(self, words: str) -> None:
        """Wait until the clock shows these words, such as '0 h 0 min'."""
        self.part("clock").get_by_text(words).wait_for()

    def set_up(self) -> None:
        """Wait until everything that was set has been answered."""
        self.page.wait_for_function("document.querySelector('[data-testid=setup]').ariaBusy === 'false'")

    def speed(self, words: str) -> None:
        """Choose a speed by its words, such as '240 min per second'."""
        self.page.get_by_label("Speed").select_option(label=words)

    def top_speed(self) -> None:
        """Choose the highest speed."""
        self.speed(self.page.get_by_label("Speed").locator("option").all_inner_texts()[-1].strip())

    def play_to_the_end(self) -> None:
        """Play at full speed until it is over, and the last picture is painted."""
        self.top_speed()
        if self.button("Play").is_visible():
            self.button("Play").click()
        self.page.wait_for_function(
            "document.querySelector('[data-testid=progress]').ariaValueNow == "
            "document.querySelector('[data-testid=progress]').ariaValueMax"
        )
        self.button("Play").wait_for()

    def lysis(self) -> float:
        """Specific lysis in % as the page shows it."""
        return float(self.part("lysis").inner_text().replace("%", "").replace("−", "-"))

    def pixels(self) -> str:
        """The pixels of the well's picture, as a data address: equal only for equal pictures."""
        return self.page.evaluate("document.querySelector('[data-testid=picture]').toDataURL()")

    def frames_pass(self, count: int) -> None:
        """Let the browser paint so many frames."""
        self.page.evaluate(
            """count => new Promise(done => {
                const next = () => count-- > 0 ? requestAnimationFrame(next) : done();
                next();
            })""",
            count,
        )

    def downloaded(self) -> str:
        """The text of the file that 'Download this run' gives."""
        with self.page.expect_download() as waiting:
            self.button("Download this run").click()
        return Path(waiting.value.path()).read_text(encoding="utf-8")

    def close(self) -> list[str]:
        """End the visit; returns what went wrong, a part that cannot be seen included."""
        for part in PARTS:
            box = self.part(part).bounding_box() if self.part(part).count() else None
            if box is None or box["width"] < 8 or box["height"] < 8:
                self.errors.append(f"invisible: {part}")
        self.context.close()
        return self.errors

    def _request(self, request) -> None:
        own = self.url.removeprefix("http")
        if not request.url.startswith((f"http{own}", f"ws{own}", "data:", "blob:")):
            self.errors.append(f"external request: {request.url}")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.errors.append(f"answer {response.status}: {response.url}")

    def _console(self, message) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text}")
