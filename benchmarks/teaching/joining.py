"""Memory of the teaching page while visitors join and leave: `python benchmarks/teaching/joining.py --minutes 30`.

A real server with 12 places; 4 visitors at a time come, fetch a few pictures of a try that plays, and leave: one of
three closes the page, one vanishes, one reloads once before. Every five seconds the server says what it holds.

  memory     resident, at the start, at the end, and its slope over the second half of the time (least squares)
  kernels    most that lived at one time, and the limit
  kept out   visitors who saw no picture; 0 is wanted
  after      rooms and kernels left half a minute after the last visitor; 0 is wanted

Writes page_joining.json into --out (default benchmarks/results; with --quick, half a minute into results).
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import NO_CLOCK, Figure, load_average, machine, show, write  # noqa: E402
from benchmarks.teaching.visitor import Visitor, WatchedServer  # noqa: E402

SESSIONS, AT_ONCE, EVERY_S, AFTER_S = 12, 4, 5.0, 30.0
SLOPE_MB_PER_H = 20.0  # 30 minutes of joining may cost 10 MB


def main() -> None:
    """Run, print the table and write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    out = given.out or (ROOT / "results" if given.quick else ROOT / "benchmarks" / "results")
    document = {
        "benchmark": "page_joining",
        "schema": 1,
        "quick": given.quick,
        "started": datetime.now(UTC).isoformat("T", "seconds"),
        "load_average": load_average(),
        "machine": machine(Path(tempfile.gettempdir())),
    }
    seconds = 30.0 if given.quick else 60.0 * given.minutes
    with tempfile.TemporaryDirectory(prefix="adccsim-joining-") as folder:
        figures, series = joining(Path(folder) / "log.txt", seconds)
    show("joining and leaving", figures)
    write(out / "page_joining.json", document | {"seconds": seconds, "series": series}, figures)


def joining(log: Path, seconds: float, joins: int = 0) -> tuple[list[Figure], list[dict]]:
    """Figures, and what the server held at each time: minutes, resident_mb, kernels, rooms, kept, threads, joined.

    It lasts so many seconds, and until so many visitors have joined.
    """
    joined, kept_out, over = [0] * AT_ONCE, [0] * AT_ONCE, threading.Event()
    series = []
    with WatchedServer(log, SESSIONS) as server:

        def come_and_go(place: int) -> None:
            draw = random.Random(place)
            while not over.is_set():
                came = _visit(server, draw)
                joined[place] += came
                kept_out[place] += not came
                over.wait(draw.random())

        threads = [threading.Thread(target=come_and_go, args=(place,)) for place in range(AT_ONCE)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() - began < seconds or sum(joined) < joins:
            over.wait(EVERY_S)
            series.append({"minutes": (time.monotonic() - began) / 60, **server.counts(), "joined": sum(joined)})
        over.set()
        for thread in threads:
            thread.join()
        over.clear()
        over.wait(AFTER_S)
        after = server.counts()
    return _figures(series, after, sum(joined), sum(kept_out)), series


def _visit(server: WatchedServer, draw: random.Random) -> bool:
    """One visitor's stay; whether they saw what they came for."""
    visitor = Visitor(server.port)
    try:
        came = visitor.join(server.code)
        end = draw.randrange(3)
        if came and end == 2:  # a reload: the same cookie, a new page
            again = Visitor(server.port)
            again.cookies = visitor.cookies
            visitor.leave()
            visitor = again
            came = visitor.join(server.code)
        came = came and all(visitor.frame() == 200 for _ in range(3))
        (visitor.vanish if end == 1 else visitor.leave)()
    except Exception as error:  # counted, and named
        print(f"a visitor was kept out: {error!r}", file=sys.stderr)
        return False
    return came


def _figures(series: list[dict], after: dict, joined: int, kept_out: int) -> list[Figure]:
    minutes, resident = (np.array([row[name] for row in series]) for name in ("minutes", "resident_mb"))
    late = minutes >= minutes[-1] / 2
    slope = 60 * np.polyfit(minutes[late], resident[late], 1)[0] if late.sum() > 2 else 0.0
    kernels = max(row["kernels"] for row in series)

    def one(name: str, title: str, unit: str, value: float, **rest) -> Figure:
        value = float(value)
        spread = {"min": value, "median": value, "max": value}
        return Figure(name, title, unit, value, 1, spread, NO_CLOCK, {}, load_average(), **rest)

    return [
        one("joined", "visitors who joined and left", "1", joined),
        one("kept_out", "visitors who were kept out", "1", kept_out, target=0.0),
        one("resident_start_mb", "memory after the first five seconds", "MB", resident[0]),
        one("resident_end_mb", "memory at the end", "MB", resident[-1]),
        one("slope_mb_per_h", "slope over the second half", "MB/h", slope, target=SLOPE_MB_PER_H),
        one("kernels_most", "kernels at one time", "1", kernels, target=float(series[0]["kernels_most"])),
        one("rooms_after", "places still taken afterwards", "1", after["rooms"], target=0.0),
        one("kernels_after", "kernels that live afterwards", "1", after["kernels"], target=0.0),
    ]


if __name__ == "__main__":
    main()
