"""Admission: what stands between a websocket and Solara, which makes a kernel and a thread for whoever connects.

Wait      A connection that has not said anything costs no kernel; it is closed after SILENT_S.
Kernels   At most kernels_most() live. For one more, the kernel that was left first is closed, then a connection without
          a room that has been silent for PRESSED_S; else the newcomer waits for WAIT_S and is told to come again. A
          kernel has at most PER_KERNEL_MOST connections; of more, the oldest goes.
Rooms     A connection must come to a room (rooms.py): while it has none it may be silent for SILENT_S and stay for
          JOIN_S. One that has a room may be silent for as long as it likes.
Messages  Text, JSON, of the few types that a page sends; anything else closes the connection. What goes wrong in it
          after that is one line in the log.
Limits    50 silent connections, 60 loads that are broken off, 30 joins from one address: a visitor gets in during each
          (tests/teaching/test_admission.py, benchmarks/hostile/page.py)
"""

import asyncio
import json
import logging
import re
import time
import traceback
from pathlib import Path
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.responses import HTMLResponse

from adccsim.teaching import rooms
from adccsim.teaching.access import VISITOR, page

SILENT_S = 10.0
PRESSED_S = 2.0
JOIN_S = 60.0
WAIT_S = 30.0
SWEEP_S = 5.0
QUEUE_MOST = 64  # messages of a connection that wait for their answer
WAITING_MOST = 256  # connections that have said nothing yet; of more, the oldest goes
PER_KERNEL_MOST = 4  # connections of one page: after a loss of network the earlier one may not have been missed yet
AT_THE_DOOR = 16  # kernels beyond those of rooms: for pages that are just joining
_PATH = re.compile(r"^/jupyter/api/kernels/([A-Za-z0-9-]{8,64})/channels$")
_TYPES = {"kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "comm_close", "shutdown_request"}
_TARGETS = {"solara.control", "jupyter.widget.control"}  # what a page opens by itself
_log = logging.getLogger("adccsim.teaching")


def error_in(error: BaseException) -> str:
    """An error in one line: of a group the first, its type, and where it was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"


def log_in_one_line() -> None:
    """Let every error in the log of this process take one line, whatever library reports it: visitors cause some."""
    make = logging.getLogRecordFactory()

    def make_short(*args, **given) -> logging.LogRecord:
        record = make(*args, **given)
        if record.exc_info and record.exc_info[1] is not None:
            record.msg, record.args = f"{record.getMessage().strip()}: {error_in(record.exc_info[1])}", ()
            record.exc_info = None
        return record

    logging.setLogRecordFactory(make_short)


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
        if header["msg_type"] == "comm_open" and content["target_name"] not in _TARGETS:
            return False
        comm = content["comm_id"] if header["msg_type"] in ("comm_open", "comm_msg", "comm_close") else ""
        return isinstance(comm, str) and isinstance(content, dict) and isinstance(header.get("msg_id"), str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


class Connection:
    """One websocket.

    What comes is taken in at once, up to QUEUE_MOST messages: a server that reads only when it is asked to does not
    see the answers to its pings while a model is at work, nor that the other side has gone. last_s: when it last had
    something to wait for. gone: called when the other side has closed.
    """

    def __init__(self, scope, receive, send, kernel: str):
        self.kernel, self.visitor = kernel, scope[VISITOR]
        self.began_s = self.last_s = time.monotonic()
        self.listening = True  # all that came was answered, and the other side is to speak
        self.evicted = asyncio.Event()
        self.gone = lambda: None
        self.closed = self.left = False
        self._receive, self._send = receive, send
        self._inbox: asyncio.Queue[dict] = asyncio.Queue(QUEUE_MOST)
        self._taking: asyncio.Task | None = None
        self._first: list[dict] = []

    async def accept(self) -> bool:
        """Accept, and wait for the first message; whether there was a sound one."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})
        self._taking = asyncio.ensure_future(self._take())
        first = await self._next(SILENT_S)
        self._first = [{"type": "websocket.connect"}, first]
        return first["type"] == "websocket.receive"

    async def _take(self) -> None:
        while not self.left:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.left = True
                self.gone()
            await self._inbox.put(message)

    async def receive(self) -> dict:
        """The next message for Solara; a disconnect where the connection has broken the rules."""
        if self._first:
            return self._first.pop(0)
        if rooms.seated(self.kernel):
            return await self._next(None)
        left_s = JOIN_S - (time.monotonic() - self.began_s)
        return await self._next(min(SILENT_S, left_s))

    async def send(self, message: dict) -> None:
        """Pass on what Solara says; it was accepted here already, and a closed connection hears nothing."""
        if message["type"] == "websocket.accept" or self.closed:
            return
        self.closed = message["type"] == "websocket.close"
        await self._send(message)

    async def close(self, code: int) -> None:
        """Close from this side."""
        if self._taking is not None:
            self._taking.cancel()
        if not self.closed:
            self.closed = True
            if not self.left:
                await self._send({"type": "websocket.close", "code": code})

    async def _next(self, patience_s: float | None) -> dict:
        message = None
        if patience_s is None or patience_s > 0:
            self.listening, self.last_s = True, time.monotonic()
            message = await self._taken(patience_s)
            self.listening, self.last_s = False, time.monotonic()
        if message is not None and message["type"] == "websocket.receive" and sound(message):
            return message
        await self.close(1013 if message is None else 1008)  # 1013: try again later
        return {"type": "websocket.disconnect", "code": 1006}

    async def _taken(self, patience_s: float | None) -> dict | None:
        """What came next, or None where nothing came in time or another needs the place."""
        asked, evicted = asyncio.ensure_future(self._inbox.get()), asyncio.ensure_future(self.evicted.wait())
        try:
            await asyncio.wait({asked, evicted}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()
            evicted.cancel()


class Admission:
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
        try:
            if said and await self._admit(one):
                await self.app(scope, one.receive, one.send)
        except Exception as error:
            _log.warning("a connection was closed: %s", error_in(error))
        finally:
            self._left(one)
            await one.close(1011)

    def _left(self, one: Connection) -> None:
        """A connection has ended. The last one of a page gives its place back, whatever Solara is still at."""
        there = self._inside.get(one.kernel, [])
        if one not in there:
            return
        there.remove(one)
        if not there:
            del self._inside[one.kernel]
            self._left_s = {name: left for name, left in self._left_s.items() if name in self.kernels}
            self._left_s[one.kernel] = time.monotonic()
            rooms.depart(one.kernel)

    async def _admit(self, one: Connection) -> bool:
        """Let a connection in once there is a kernel for it; whether there was."""
        end = time.monotonic() + WAIT_S
        while one.kernel not in self._living() and len(self._living()) >= kernels_most():
            if time.monotonic() > end:
                await one.close(1013)
                return False
            await self._make_room()
        there = self._inside.setdefault(one.kernel, [])
        for earlier in there[: max(0, len(there) + 1 - PER_KERNEL_MOST)]:
            earlier.evicted.set()
        there.append(one)
        self._left_s.pop(one.kernel, None)
        rooms.arrive(one.kernel, one.visitor)
        one.gone = lambda: self._left(one)
        if one.left:
            self._left(one)
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
