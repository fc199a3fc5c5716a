"""Lobby: what stands between a websocket and Solara, which makes a kernel and a thread for whoever connects.

Wait      A connection that has not said anything costs no kernel; it is closed after SILENT_S.
Kernels   At most kernels_most() live. For one more, the kernel that was left first is closed, then a connection without
          a room that has been silent for PRESSED_S; else the newcomer waits for WAIT_S and is told to come again.
Rooms     A connection must come to a room (rooms.py): while it has none it may be silent for SILENT_S and stay for
          JOIN_S. One that has a room may be silent for as long as it likes.
Messages  Text, JSON, of the few types that a page sends; anything else closes the connection. What goes wrong in it
          after that is one line in the log.
Limits    50 silent connections, 60 loads that are broken off, 30 joins from one address: a visitor gets in during each
          (tests/teaching/test_lobby.py, benchmarks/hostile/page.py)
"""

import asyncio
import json
import logging
import re
import time
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.responses import HTMLResponse

from simulation.teaching import rooms
from simulation.teaching.door import VISITOR, page

SILENT_S = 10.0
PRESSED_S = 2.0
JOIN_S = 60.0
WAIT_S = 30.0
SWEEP_S = 5.0
WAITING_MOST = 256  # connections that have said nothing yet; of more, the oldest goes
AT_THE_DOOR = 16  # kernels beyond those of rooms: for pages that are just joining
_PATH = re.compile(r"^/jupyter/api/kernels/([A-Za-z0-9-]{8,64})/channels$")
_TYPES = {"kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "comm_close", "shutdown_request"}
_log = logging.getLogger("adccsim.teaching")


def kernels_most() -> int:
    """Most kernels that live at one time."""
    return 2 * rooms.most() + AT_THE_DOOR


def sound(message: dict) -> bool:
    """Whether a websocket message is one that a page sends: text, JSON, with a header of a known type."""
    try:
        told = json.loads(message.get("text") or "")
        header, content = told["header"], told["content"]
        if header["msg_type"] not in _TYPES or told.get("channel") not in ("shell", "control"):
            return False
        comm = content["comm_id"] if header["msg_type"].startswith("comm_") and "info" not in header["msg_type"] else ""
        return isinstance(comm, str) and isinstance(content, dict) and isinstance(header.get("msg_id"), str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


class Connection:
    """One websocket. last_s: when it last said something, or was last answered."""

    def __init__(self, scope, receive, send, kernel: str):
        self.kernel, self.visitor = kernel, scope[VISITOR]
        self.began_s = self.last_s = time.monotonic()
        self.listening = True  # the server has answered all, and waits for the other side
        self.evicted = asyncio.Event()
        self.closed = False
        self._receive, self._send = receive, send
        self._first: list[dict] = []

    async def accept(self) -> bool:
        """Accept, and wait for the first message; whether there was a sound one."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})
        first = await self._next(SILENT_S)
        self._first = [{"type": "websocket.connect"}, first]
        return first["type"] == "websocket.receive"

    async def receive(self) -> dict:
        """The next message for Solara; a disconnect where the connection has broken the rules."""
        if self._first:
            return self._first.pop(0)
        if rooms.seated(self.kernel):
            return await self._next(None)
        left_s = JOIN_S - (time.monotonic() - self.began_s)
        return await self._next(min(SILENT_S, max(left_s, 0.0)))

    async def send(self, message: dict) -> None:
        """Pass on what Solara says; it was accepted here already, and a closed connection hears nothing."""
        if message["type"] == "websocket.accept" or self.closed:
            return
        self.closed = message["type"] == "websocket.close"
        await self._send(message)

    async def close(self, code: int) -> None:
        """Close from this side."""
        if not self.closed:
            self.closed = True
            await self._send({"type": "websocket.close", "code": code})

    async def _next(self, patience_s: float | None) -> dict:
        self.listening, self.last_s = True, time.monotonic()
        asked, evicted = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self.evicted.wait())
        try:
            await asyncio.wait({asked, evicted}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            message = asked.result() if asked.done() else None
        finally:
            asked.cancel()
            evicted.cancel()
        self.listening, self.last_s = False, time.monotonic()
        if message is None:
            await self.close(1013)  # try again later
        elif message["type"] == "websocket.receive" and not sound(message):
            await self.close(1008)
        elif message["type"] == "websocket.receive":
            return message
        self.closed = True
        return {"type": "websocket.disconnect", "code": 1006}


class Lobby:
    """The ASGI layer. kernels: those that live in Solara, by name (VirtualKernelContext)."""

    def __init__(self, app, kernels: dict):
        self.app, self.kernels = app, kernels
        self._waiting: dict[Connection, None] = {}
        self._inside: dict[str, list[Connection]] = {}  # by kernel
        self._left_s: dict[str, float] = {}  # when the last connection of a kernel closed

    async def __call__(self, scope, receive, send) -> None:
        """Websockets by the rules above; a page for which there is no place; everything else as it is."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            sweeping = asyncio.ensure_future(_sweep())
            try:
                await self.app(scope, receive, send)
            finally:
                sweeping.cancel()
        elif scope["path"] == "/" and rooms.full(scope[VISITOR]):
            await full_page()(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _websocket(self, scope, receive, send) -> None:
        match = _PATH.match(scope["path"])
        if not match or not dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("session_id"):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        one = Connection(scope, receive, send, match[1])
        self._waiting[one] = None
        if len(self._waiting) > WAITING_MOST:
            next(iter(self._waiting)).evicted.set()
        try:
            said = await one.accept()
        finally:
            del self._waiting[one]
        if said and await self._admit(one):
            await self._serve(one, scope)

    async def _serve(self, one: Connection, scope) -> None:
        try:
            await self.app(scope, one.receive, one.send)
        except Exception as error:
            _log.warning("a connection was closed: %s", type(error).__name__)
        finally:
            self._inside[one.kernel].remove(one)
            if not self._inside[one.kernel]:
                del self._inside[one.kernel]
                self._left_s = {name: left for name, left in self._left_s.items() if name in self.kernels}
                self._left_s[one.kernel] = time.monotonic()
                rooms.depart(one.kernel)
            await one.close(1011)

    async def _admit(self, one: Connection) -> bool:
        """Let a connection in once there is a kernel for it; whether there was."""
        end = time.monotonic() + WAIT_S
        while one.kernel not in self._living() and len(self._living()) >= kernels_most():
            if time.monotonic() > end:
                await one.close(1013)
                return False
            await self._make_room()
        self._inside.setdefault(one.kernel, []).append(one)
        self._left_s.pop(one.kernel, None)
        rooms.arrive(one.kernel, one.visitor)
        return True

    def _living(self) -> set[str]:
        return {*self.kernels, *self._inside}

    async def _make_room(self) -> None:
        """Close the kernel that was left first, or a connection that does not join; else wait a little."""
        left = [kernel for kernel in list(self.kernels) if kernel not in self._inside]
        if left:
            context = self.kernels.get(min(left, key=lambda kernel: self._left_s.get(kernel, 0.0)))
            if context is not None:
                await to_thread.run_sync(context.close, "cull")
            return
        now = time.monotonic()
        joining = [one for all_of in self._inside.values() for one in all_of if not rooms.seated(one.kernel)]
        slow = [one for one in joining if one.listening and now - one.last_s > PRESSED_S]
        if slow:
            min(slow, key=lambda one: one.last_s).evicted.set()
        await asyncio.sleep(0.05)


def full_page() -> HTMLResponse:
    """The answer to a visitor for whom there is no place; the browser asks again by itself."""
    most = rooms.most()
    words = f"{most} visitors" if most > 1 else "one visitor"
    return HTMLResponse(page("full", most=words), 503, {"cache-control": "no-store", "retry-after": "10"})


async def _sweep() -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        await to_thread.run_sync(rooms.sweep)
