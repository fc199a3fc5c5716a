"""A visitor of the teaching page without a browser, and a server of it that says how much it holds.

Everything goes to this machine's loopback. A visitor does what the scripts of the page do: it brings the code, loads
the page, opens a websocket, asks Solara to start the page, and fetches frames.
"""

import http.client
import json
import os
import re
import select
import socket
import subprocess
import sys
import uuid
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
START_S = 300
PATIENCE_S = 60.0
# Serves the page and answers every line of its input with a line of JSON: what it holds at this moment.
SERVE = """
import json, sys, threading
from adccsim import runtime
runtime.configure()
from adccsim.teaching import rooms, serve

def report():
    from adccsim.teaching import admission
    from solara.server import kernel_context
    for _ in sys.stdin:
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * 4096 / 1e6
        left = sum(one.left_s is not None for one in list(rooms._rooms.values()))
        print(json.dumps({
            "resident_mb": resident, "kernels": len(kernel_context.contexts), "kernels_most": admission.kernels_most(),
            "rooms": len(rooms._rooms) - left, "kept": left, "threads": threading.active_count(),
        }), flush=True)

threading.Thread(target=report, daemon=True).start()
serve.serve("127.0.0.1", int(sys.argv[1]), False, int(sys.argv[2]), lambda line: print(line, flush=True))
"""


class WatchedServer:
    """The page in a process of its own; use it in a with statement. log: what it writes on standard error."""

    def __init__(self, log: Path, sessions: int):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log, self.sessions, self.code = log, sessions, ""

    def __enter__(self) -> "WatchedServer":
        command = [sys.executable, "-c", SERVE, str(self.port), str(self.sessions)]
        self._log = self.log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        printed = re.search(r"token=(\S+)", self._line(START_S))
        if printed is None:
            self.__exit__()
            raise RuntimeError(f"the page did not start:\n{self.log.read_text(encoding='utf-8')}")
        self.code = printed[1]
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def counts(self) -> dict[str, float]:
        """resident_mb, kernels, kernels_most, rooms (with a connection), kept (rooms without one), threads."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self._line(PATIENCE_S))

    def _line(self, patience_s: float) -> str:
        ready, _, _ = select.select([self.process.stdout], [], [], patience_s)
        return self.process.stdout.readline() if ready else ""


class Visitor:
    """One visitor with cookies of their own."""

    def __init__(self, port: int):
        self.port, self.host = port, f"localhost:{port}"
        self.cookies: dict[str, str] = {}
        self.kernel = str(uuid.uuid4())
        self.room = ""
        self.socket: ClientConnection | None = None

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """(status, body) of a request with this visitor's cookies; headers replace those that it would send."""
        sent = {"Host": self.host, "Cookie": self.cookie_header()} | (headers or {})
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            asked.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value:
                    asked.putheader(name, value)
            asked.endheaders()
            answer = asked.getresponse()
            body = answer.read()
            for line in answer.headers.get_all("set-cookie") or []:
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, body
        finally:
            asked.close()

    def cookie_header(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def enter(self, code: str) -> int:
        """Bring the code, then load the page; the status of the last answer."""
        status, _ = self.get(f"/?token={code}")
        return self.get("/")[0] if status == 200 else status

    def connect(self, origin: str | None = "", **changed: str) -> ClientConnection:
        """Open the websocket. origin: another one, or None for none; changed: host, cookie, path in place of ours."""
        path = changed.get("path", f"/jupyter/api/kernels/{self.kernel}/channels?session_id={uuid.uuid4()}")
        headers = {"Cookie": changed.get("cookie", self.cookie_header())}
        host = changed.get("host", self.host)
        self.socket = connect(
            f"ws://{host}{path}", sock=socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S),
            origin=f"http://{self.host}" if origin == "" else origin, additional_headers=headers,
            compression=None, open_timeout=PATIENCE_S, close_timeout=1, max_size=None, ping_interval=None,
        )  # fmt: skip
        return self.socket

    def say(self, kind: str, content: dict) -> None:
        """Send one message of the Jupyter protocol."""
        self.socket.send(message(kind, content))

    def start(self) -> None:
        """Ask for the kernel, and for the page in it."""
        comm = uuid.uuid4().hex
        self.say("kernel_info_request", {})
        self.say("comm_open", {"comm_id": comm, "target_name": "solara.control", "data": {}})
        self.say("comm_msg", {"comm_id": comm, "data": {"method": "run", "args": {"path": "/", "dark": False}}})

    def join(self, code: str) -> bool:
        """Come in as a browser would; whether a picture was seen."""
        if self.enter(code) != 200:
            return False
        self.connect()
        self.start()
        return self.sees()

    def sees(self) -> bool:
        """Wait for the room that Solara names, and fetch its picture."""
        while True:
            try:
                told = self.socket.recv(timeout=PATIENCE_S)
            except Exception:  # closed, or nothing came for so long
                return False
            found = re.search(rb'"room": ?"([\w-]{20,})"', told if isinstance(told, bytes) else told.encode())
            if found:
                self.room = found[1].decode()
                return self.frame() == 200

    def frame(self, after: int = -1) -> int:
        """The status of the answer to a request for a frame."""
        return self.get(f"/adcc/{self.room}/frame?after={after}")[0]

    def leave(self) -> None:
        """Close the websocket as a browser does."""
        if self.socket is not None:
            self.socket.close()

    def vanish(self) -> None:
        """Close the connection without a word."""
        if self.socket is not None:
            self.socket.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()


def message(kind: str, content: dict, **changed) -> str:
    """A message of the Jupyter protocol as text."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "visitor", "username": "", "version": "5.2"}
    whole = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    return json.dumps(whole | {"buffers": []} | changed)
