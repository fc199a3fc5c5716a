"""Attacks on the teaching page: what is tried, what is refused, and whether an ordinary visitor gets in during each.

    from benchmarks.hostile.page import attacks
    attacks(60.0)   ->  {"foreign_host": {"tried": n, "refused": n, "problems": [...]}, ...}

A problem is: something let in that must not be, a visitor kept out, more kernels than the limit, a place or a kernel
that stays taken, an answer of 500 or above, a traceback in the log, or a server that has ended. Everything goes to this
machine's loopback, in loops with an end.
"""

import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from benchmarks.teaching.visitor import Visitor, WatchedServer, message

SESSIONS = 24
SETTLED_S = 30.0  # for places and kernels to be given back; the limits in the page are 10 s
TOGETHER = 10  # connections that are made at one time
SEED = 20261129
PAGE_FILE = "/_solara/cdn/requirejs@2.3.6/require.js"
CLOSE = "/_solara/api/close/abcd?session_id=1"


@dataclass
class Tally:
    """What one attack has tried, what was refused, and what went wrong."""

    tried: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, refused: bool, what: str) -> None:
        """One try; what: named as a problem where it was not refused."""
        self.tried += 1
        self.refused += refused
        if not refused:
            self.problems.append(f"not refused: {what}")


Attack = Callable[[WatchedServer, Tally, float], None]


def attacks(seconds: float) -> dict[str, dict]:
    """Run every attack for about its share of `seconds` (at least one round each) against a server of its own."""
    results = {}
    with (
        tempfile.TemporaryDirectory(prefix="adccsim-page-") as folder,
        WatchedServer(Path(folder) / "log.txt", SESSIONS) as server,
    ):
        for name, attack in ATTACKS.items():
            tally = Tally()
            with ordinary_visitor(server, tally):
                attack(server, tally, time.monotonic() + seconds / len(ATTACKS))
            _settled(server, tally)
            results[name] = {"tried": tally.tried, "refused": tally.refused, "problems": tally.problems}
        log = server.log.read_text(encoding="utf-8")
        if "Traceback" in log:
            found = log[log.index("Traceback") :][:2000]
            results["log"] = {"tried": 0, "refused": 0, "problems": [f"traceback: {found}"]}
    return results


@contextmanager
def ordinary_visitor(server: WatchedServer, tally: Tally) -> Iterator[None]:
    """Visitors who come one after another as long as the attack goes on, and one after it; each must get in."""
    over = threading.Event()
    watched = []

    def come() -> None:
        while True:
            last = over.is_set()
            visitor = Visitor(server.port)
            try:
                came = visitor.join(server.code)
            except (OSError, ConnectionClosed, InvalidStatus, InvalidMessage) as fault:
                came = False
                watched.append(f"{type(fault).__name__}")
            finally:
                visitor.leave()
            if not came:
                tally.problems.append(f"a visitor was kept out {' '.join(watched[-1:])}".strip())
            counts = server.counts()
            if counts["kernels"] > counts["kernels_most"]:
                tally.problems.append(f"{counts['kernels']} kernels live, the limit is {counts['kernels_most']}")
            if last or not came:
                return
            over.wait(0.2)

    coming = threading.Thread(target=come)
    coming.start()
    try:
        yield
    finally:
        over.set()
        coming.join()


def _settled(server: WatchedServer, tally: Tally) -> None:
    """Wait until nobody has a place or a kernel any more."""
    end = time.monotonic() + SETTLED_S
    while True:
        if server.process.poll() is not None:
            tally.problems.append(f"the server has ended with exit code {server.process.returncode}")
            return
        counts = server.counts()
        if not counts["rooms"] and not counts["kernels"]:
            return
        if time.monotonic() > end:
            tally.problems.append(f"still taken: {counts['rooms']} places, {counts['kernels']} kernels")
            return
        time.sleep(0.2)


def _rounds(end_s: float) -> Iterator[int]:
    """0, and more while there is time."""
    n = 0
    while n == 0 or time.monotonic() < end_s:
        yield n
        n += 1


def _status(visitor: Visitor, path: str, **given) -> int:
    """The status of an answer; 0 where the connection was closed instead."""
    try:
        return visitor.get(path, **given)[0]
    except (OSError, EOFError):
        return 0
    except Exception as fault:  # an answer that is no HTTP is a fault of the server
        return 599 if "BadStatusLine" in type(fault).__name__ else 0


def _handshake(visitor: Visitor, **changed) -> int:
    """The status of the answer to a websocket's handshake: 101 where it was let in, 0 where it was cut off."""
    try:
        visitor.connect(**changed)
    except InvalidStatus as refused:
        return refused.response.status_code
    except (InvalidMessage, OSError, EOFError):
        return 0
    visitor.leave()
    return 101


def _insider(server: WatchedServer) -> Visitor:
    """Somebody who has the cookie: what they may do is what any pupil may."""
    visitor = Visitor(server.port)
    visitor.enter(server.code)
    return visitor


def foreign_host(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """Names that point here but are not the page's (DNS rebinding), with the cookie and without."""
    inside, port = _insider(server), server.port
    hosts = [
        "evil.example", f"evil.example:{port}", f"localhost.evil.example:{port}", f"127.0.0.1.evil.example:{port}",
        f"localhost:{port}@evil.example", "10.1.2.3", f"192.168.0.1:{port}", "[::ffff:10.1.2.3]", "127.1", "0x7f000001",
        "2130706433", "localhost localhost", "localhost,evil.example", "%6cocalhost", "localhost:port", "[::1",
        "a" * 4000,
    ]  # fmt: skip
    for _ in _rounds(end_s):
        for host in hosts:
            for path in ("/", f"/?token={server.code}", "/static/main.js"):
                status = _status(inside, path, headers={"Host": host})
                tally.count(status in (400, 403), f"Host {host[:40]!r} on {path.split('?')[0]}: {status}")
        for host in hosts[:7]:
            status = _handshake(inside, host=host, origin=f"http://{host}")
            tally.count(status in (0, 400, 403), f"websocket with Host {host!r}: {status}")


def foreign_origin(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """A page of another site, open in a browser that has the cookie."""
    inside = _insider(server)
    origins = [
        None, "null", "http://evil.example", f"http://evil.example:{server.port}", "http://localhost",
        f"http://localhost:{server.port + 1}", f"https://localhost:{server.port}", f"http://127.0.0.1:{server.port}",
        f"http://localhost:{server.port}.evil.example", f"http://localhost:{server.port}/", "file://",
    ]  # fmt: skip
    for _ in _rounds(end_s):
        for origin in origins:
            status = _handshake(inside, origin=origin)
            tally.count(status == 403, f"websocket from {origin}: {status}")
            if origin is not None:
                status = _status(inside, CLOSE, method="POST", headers={"Origin": origin})
                tally.count(status == 403, f"POST from {origin}: {status}")


def codes(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """Wrong codes, no code, and cookies that were made up, cut or altered."""
    draw, inside = random.Random(SEED), _insider(server)
    name = f"adcc-visitor-{server.port}"
    good = inside.cookies[name]
    altered = good[:-1] + ("0" if good[-1] != "0" else "1")
    forged = ["", "a", "admin.admin", ".", good[:-1], altered, "0" + good, good[1:]]
    paths = ["/", "/static/main.js", "/adcc/x/frame?after=-1", "/resourcez", "/x/y", PAGE_FILE]
    for _ in _rounds(end_s):
        for path in paths:
            status = _status(Visitor(server.port), path)
            tally.count(status == 403, f"{path} without a cookie: {status}")
        for cookie in forged:
            one, held = Visitor(server.port), f"{name}={cookie}"
            status = _status(one, "/", headers={"Cookie": held})
            tally.count(status == 403, f"cookie {cookie[:24]!r}: {status}")
            status = _handshake(one, cookie=held)
            tally.count(status == 403, f"websocket with cookie {cookie[:24]!r}: {status}")
        wrong = ["", server.code[:-1], server.code + "2", "%00", "*", "../" * 9, "a" * 8000]
        wrong += ["".join(draw.choices("23456789abcdefghjkmnpqrstuvwxyz", k=10)) for _ in range(20)]
        for code in wrong:
            status = _status(Visitor(server.port), f"/?token={code}")
            tally.count(status in (400, 403), f"code {code[:24]!r}: {status}")


def aborted_loads(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """60 loads that are broken off: before the websocket, in its silence, or while the page starts."""

    def load(n: int) -> None:
        visitor = Visitor(server.port)
        visitor.enter(server.code)
        if n % 3:
            visitor.connect()
            if n % 3 == 2:
                visitor.start()
            visitor.vanish()

    for _ in _rounds(end_s):
        with ThreadPoolExecutor(TOGETHER) as pool:
            for done in [pool.submit(load, n) for n in range(60)]:
                fault = done.exception()
                # not refused but survived: what counts is that the places come back
                tally.count(fault is None or isinstance(fault, ConnectionClosed | OSError), f"a load: {fault!r}")


def idle_sockets(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """50 websockets that say nothing, or no more than hello, and stay open: each is closed."""

    def idle(n: int) -> None:
        visitor = _insider(server)
        try:
            visitor.connect()
            if n % 2:
                visitor.say("kernel_info_request", {})
            closed = _closed_within(visitor, 3 * SETTLED_S)
        except ConnectionClosed:
            closed = True
        tally.count(closed, "a silent websocket stays open")
        visitor.leave()

    for _ in _rounds(end_s):
        with ThreadPoolExecutor(50) as pool:
            list(pool.map(idle, range(50)))


def _closed_within(visitor: Visitor, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            visitor.socket.recv(timeout=1.0)
        except TimeoutError:
            continue
        except ConnectionClosed:
            return True
    return False


def joins(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """A class behind one address: 20 join at the same time and stay, then 10 more come as others leave."""
    for _ in _rounds(end_s):
        class_of = [Visitor(server.port) for _ in range(30)]

        def join(one: Visitor) -> bool:
            return one.join(server.code)

        with ThreadPoolExecutor(30) as pool:
            came = list(pool.map(join, class_of[:20]))
            for one in class_of[:10]:
                one.vanish()
            came += list(pool.map(join, class_of[20:]))
        stay = [one.frame() for one in class_of[10:]]
        for one in class_of[10:]:
            one.leave()
        for n, (in_place, frame) in enumerate(zip(came, [200] * 10 + stay, strict=True)):
            tally.tried += 1
            if not in_place or frame != 200:
                tally.problems.append(f"pupil {n} of 30 from one address was kept out ({in_place}, {frame})")


def messages(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """Websocket messages that no page sends: each closes its own connection and nothing else."""
    wild = [
        "", "x", "{}", "[]", "null", "1e999", '{"header": 1}', "\x00" * 100, "[" * 100_000, b"\x00" * 64,
        b"\xff" * 1000, "x" * 300_000, b"x" * 2_000_000, message("execute_request", {"code": "1"}),
        message("comm_msg", {}), message("comm_msg", {"comm_id": 3, "data": {}}),
        message("kernel_info_request", {}, channel="iopub"), message("kernel_info_request", {}, header={}),
        message("comm_open", []), message("comm_open", None),
    ]  # fmt: skip
    widget = {"comm_id": "b", "target_name": "jupyter.widget", "data": {"state": {"_model_name": "os"}}}
    wild += [
        message("comm_open", {"comm_id": "a", "target_name": "nothing", "data": {}}), message("comm_open", widget),
        message("comm_open", {"comm_id": "c", "target_name": ["solara.control"], "data": 7}),
    ]  # fmt: skip
    # Of the right kind, but senseless: they may be answered or ignored.
    control = {"comm_id": "d", "target_name": "solara.control"}
    senseless = [
        [message("comm_msg", {"comm_id": "none", "data": {"method": "run"}})],
        [message("comm_close", {"comm_id": "none"})],
        [message("comm_open", control), message("comm_msg", {"comm_id": "d"})],
        [message("comm_open", control | {"data": 7}), message("comm_msg", {"comm_id": "d", "data": {"method": "run"}})],
        [message("comm_open", control | {"data": {}}), message("comm_msg", {"comm_id": "d", "data": {"method": "x"}})],
    ]
    for _ in _rounds(end_s):
        for told in wild:
            visitor = _insider(server)
            try:
                visitor.connect()
                visitor.socket.send(told)
                closed = _closed_within(visitor, SETTLED_S)
            except (ConnectionClosed, OSError):
                closed = True
            tally.count(closed, f"a message {told[:40]!r}")
            visitor.leave()
        for several in senseless:
            visitor = _insider(server)
            try:
                visitor.connect()
                for told in several:
                    visitor.socket.send(told)
                visitor.start()
                visitor.sees()
            except (ConnectionClosed, OSError):
                pass
            tally.tried += 1
            visitor.leave()


def paths(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """Ways out of the folders of static files, files that do not exist, and folders asked for as files."""
    inside = _insider(server)
    ups = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e%252f", "..%00/", "//"]
    roots = ["/static/", "/static/assets/", "/static/public/", "/jupyter/nbextensions/", "/_solara/cdn/"]
    for _ in _rounds(end_s):
        for root in roots:
            for up in ups:
                for target in ("etc/passwd", "pyproject.toml", "proc/self/environ"):
                    status, body = _answer(inside, f"{root}{up * 9}{target}")
                    leaked = b"root:" in body or b"[project]" in body or b"HOME=" in body
                    tally.count(status in (0, 400, 404) and not leaked, f"{root}{up}...{target}: {status}")
        for path in ("requirejs@2.3.6", "requirejs@2.3.6/", "@widgetti", "none@1.0.0/x.js", "prepared.json/x", ""):
            status, _ = _answer(inside, f"/_solara/cdn/{path}")
            tally.count(status in (307, 400, 404), f"/_solara/cdn/{path}: {status}")
        for path in ("/resourcez", "/readyz", "/_solara/api/evict/a", "/docs", "/adcc//frame", "/adcc/../resourcez"):
            status, _ = _answer(inside, path, method="POST" if "api" in path else "GET")
            tally.count(status in (400, 404), f"{path}: {status}")
        if _answer(inside, PAGE_FILE)[0] != 200:
            tally.problems.append("a file of the page is gone")


def _answer(visitor: Visitor, path: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        return visitor.get(path, method=method)
    except (OSError, EOFError, ValueError):
        return 0, b""


def odd_requests(server: WatchedServer, tally: Tally, end_s: float) -> None:
    """What is hardly HTTP, headers that lie about the address of the page, and more pictures asked for than allowed."""
    raw = [
        b"", b"GET", b"GET / HTTP/9.9", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1", b"A" * 100_000,
        b"\xff" * 64, b"PRI * HTTP/2.0\r\n\r\nSM", b"CONNECT a:1 HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000, b"GET http://evil.example/ HTTP/1.1",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade",
    ]  # fmt: skip
    lies = {"X-Script-Name": "//evil.example", "Script-Name": "//evil.example", "X-Forwarded-Host": "evil.example"}
    lies |= {"X-Forwarded-Proto": "https", "Forwarded": "host=evil.example", "X-Forwarded-For": "9.9.9.9"}
    for _ in _rounds(end_s):
        for sent in raw:
            answer = _raw(server.port, sent + b"\r\n\r\n")
            tally.count(answer[:12] not in (b"HTTP/1.1 200", b"HTTP/1.1 500"), f"{sent[:30]!r}: {answer[:20]!r}")
        inside = _insider(server)
        status, body = inside.get("/", headers=lies)
        tally.count(status == 200 and b"evil.example" not in body, f"headers that lie: {status}")
        tally.count(b"evil.example" not in inside.get("/")[1], "headers that lied are believed later")
        _too_many_frames(server, tally)


def _too_many_frames(server: WatchedServer, tally: Tally) -> None:
    greedy = Visitor(server.port)
    if not greedy.join(server.code):
        tally.problems.append("the visitor who would ask for too much was kept out")
        return
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: greedy.frame(10**9), range(20)))
    tally.tried += 20
    tally.refused += answers.count(429)
    if answers.count(429) < 20 - 2 * 20 // 10:
        tally.problems.append(f"requests for pictures of one room: {answers}")
    greedy.leave()


def _raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096)
        except OSError:
            return b""


ATTACKS: dict[str, Attack] = {
    "foreign_host": foreign_host,
    "foreign_origin": foreign_origin,
    "codes": codes,
    "aborted_loads": aborted_loads,
    "idle_sockets": idle_sockets,
    "joins": joins,
    "messages": messages,
    "paths": paths,
    "odd_requests": odd_requests,
}
