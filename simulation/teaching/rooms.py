"""Rooms: who is on the page, and the two addresses by which a browser sees its own well.

/adcc/<room>/frame?after=N   the next picture and numbers after state N, as soon as there is one: four bytes with the
                             length of the JSON (little end first), the JSON, the palette (three bytes per colour) and
                             the picture (a byte per pixel, row by row); 204 when nothing happened
/adcc/<room>/cell?x=&y=      what lies under the pointer, JSON
A room's name is a secret of its visitor; an unknown one, or one that was left, gets 410.

Places   A room takes a place while its page has an open connection, however idle, and gives it back when the last one
         closes. What was done stays for KEPT_S: the same visitor (the cookie of access.py) finds it after a reload or a
         loss of network, even when all places were taken meanwhile, as long as no more than twice as many are there.
Limits   most() newcomers; 2 most() rooms with a connection; most() rooms kept without one, the oldest goes first;
         two requests of each kind at a time in a room (tests/teaching/test_rooms.py)
"""

import json
import math
import os
import secrets
import struct
import threading
import time
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adccsim.memory import give_back
from adccsim.teaching import picture
from adccsim.teaching.session import Session

MOST = "ADCC_TEACH_SESSIONS"  # environment: most visitors at one time
DEFAULT_MOST = 24
KEPT_S = 120.0  # that the state of a visitor without a connection is kept
ASKING = 2  # requests of one kind that a room may have at a time: one, and one more while a page is loaded again


@dataclass
class _Room:
    """visitor: of the cookie. kernel: the connection's name in Solara. left_s: since when nobody is connected."""

    session: Session
    visitor: str
    kernel: str
    left_s: float | None = None
    asking: dict[str, int] = field(default_factory=dict)


_rooms: dict[str, _Room] = {}
_visitors: dict[str, str] = {}  # of every open connection, by kernel
_door = threading.Lock()
_limiters: dict[str, CapacityLimiter] = {}


def most() -> int:
    """Most newcomers at one time."""
    return int(os.environ.get(MOST, DEFAULT_MOST))


def arrive(kernel: str, visitor: str) -> None:
    """A visitor's page has a connection: for the first time, or again after a loss of network."""
    with _door:
        _visitors[kernel] = visitor
        found = _of_kernel(kernel)
        if found is not None:
            _rooms[found].left_s = None


def depart(kernel: str) -> None:
    """The last connection of a page has closed: its place is free, its state is kept."""
    with _door:
        _visitors.pop(kernel, None)
        found = _of_kernel(kernel)
        if found is not None:
            _rooms[found].left_s = time.monotonic()
        too_many = sum(one.left_s is not None for one in _rooms.values()) > most()
    if too_many:  # the limit holds at any moment, not only after the next newcomer or sweep
        sweep()


def enter(kernel: str) -> str | None:
    """The name of the room of a connected page: its own, or what its visitor left, or a new one; None when full."""
    sweep()
    name = _return(kernel)
    with _door:
        free = _place_free()
    if name is not None or not free:
        return name
    session = Session()  # takes a moment, in which others may come and go
    with _door:
        visitor = _visitors.get(kernel)
        if visitor is not None and _place_free():
            name = secrets.token_urlsafe(16)
            _rooms[name] = _Room(session, visitor, kernel)
    return name


def _return(kernel: str) -> str | None:
    """The room that this page has, or one that its visitor left and now gets under a new name."""
    with _door:
        name, visitor = _of_kernel(kernel), _visitors.get(kernel)
        if name is not None or visitor is None or _seated() >= 2 * most():
            return name
        left = [(one.left_s, key) for key, one in _rooms.items() if one.visitor == visitor and one.left_s is not None]
        if not left:
            return None
        before = _rooms.pop(max(left)[1])
        name = secrets.token_urlsafe(16)
        _rooms[name] = _Room(before.session, visitor, kernel)
        return name


def full(visitor: str) -> bool:
    """Whether there is no place for this visitor: all are taken, and none of the rooms is theirs."""
    with _door:
        return not _place_free() and all(one.visitor != visitor for one in _rooms.values())


def seated(kernel: str) -> bool:
    """Whether a page has a room."""
    with _door:
        return _of_kernel(kernel) is not None


def sweep() -> None:
    """Close what was left too long ago, and the oldest of what is too much to keep."""
    with _door:
        left = sorted((one.left_s, name) for name, one in _rooms.items() if one.left_s is not None)
        oldest = time.monotonic() - KEPT_S
        spare = max(len(left) - most(), 0)
        names = [name for place, (left_s, name) in enumerate(left) if place < spare or left_s <= oldest]
        gone = [_rooms.pop(name) for name in names]
    for room in gone:
        room.session.close()
    if gone:
        give_back()


def _of_kernel(kernel: str) -> str | None:
    return next((name for name, one in _rooms.items() if one.kernel == kernel), None)


def _seated() -> int:
    return sum(one.left_s is None for one in _rooms.values())


def _place_free() -> bool:
    return _seated() < most()


def session(room: str) -> Session:
    """The session of a room (KeyError for a name that is none, or is none any more)."""
    return _rooms[room].session


def close() -> None:
    """Close every session: requests that wait for something to happen end."""
    with _door:
        rooms = list(_rooms.values())
        _rooms.clear()
        _visitors.clear()
    for room in rooms:
        room.session.close()


async def _asked(request: Request, kind: str, work, *given):
    """What `work` of the room's session answers in a thread, or the Response to a room or a request too many."""
    room = _rooms.get(request.path_params["room"])
    if room is None:
        return Response(status_code=410)
    if room.asking.get(kind, 0) >= ASKING:
        return Response(status_code=429)
    limiter = _limiters.setdefault(kind, CapacityLimiter(2 * ASKING * most()))  # never one for which another waits
    room.asking[kind] = room.asking.get(kind, 0) + 1
    try:
        return await to_thread.run_sync(work, room.session, *given, limiter=limiter)
    finally:
        room.asking[kind] -= 1


async def _frame(request: Request) -> Response:
    try:
        after = int(request.query_params.get("after", ""))
    except ValueError:
        return Response("after: not a whole number", status_code=400)
    frame = await _asked(request, "frame", Session.next_frame, after)
    if isinstance(frame, Response):
        return frame
    if frame is None:
        return Response(status_code=204)
    packed = await to_thread.run_sync(_packed, frame, _is_far(request))
    # said even where nothing is packed: it keeps the server from doing so once more
    headers = {"cache-control": "no-store", "content-encoding": "deflate" if _is_far(request) else "identity"}
    return Response(packed, media_type="application/octet-stream", headers=headers)


def _packed(frame: dict, far: bool) -> bytes:
    image, palette = frame.pop("image"), frame.pop("palette")
    frame |= {"height": image.shape[0], "width": image.shape[1], "inks": len(palette)}
    words = json.dumps(frame, separators=(",", ":")).encode()
    body = b"".join((struct.pack("<I", len(words)), words, palette.tobytes(), image.tobytes()))
    return picture.squeeze(body) if far else body


def _is_far(request: Request) -> bool:
    """Whether bytes are dear: to a browser on this machine it is packing that costs, half of the time of a picture."""
    here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return not here and "deflate" in request.headers.get("accept-encoding", "")


async def _cell(request: Request) -> Response:
    try:
        x, y = (float(request.query_params.get(name, "")) for name in "xy")
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        return Response("x, y: not numbers", status_code=400)
    found = await _asked(request, "cell", Session.under_pointer, x, y)
    return found if isinstance(found, Response) else JSONResponse(found, headers={"cache-control": "no-store"})


ROUTES = [Route("/adcc/{room}/frame", _frame), Route("/adcc/{room}/cell", _cell)]
