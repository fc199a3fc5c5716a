"""Rooms: who is on the page, and the two addresses by which a browser sees its own well.

/adcc/<room>/frame?after=N   the next picture and numbers after state N, as soon as there is one: four bytes with the
                             length of the JSON (little end first), the JSON, the palette (three bytes per colour) and
                             the picture (a byte per pixel, row by row); 204 when nothing happened
/adcc/<room>/cell?x=&y=      what lies under the pointer, JSON
A room's name is a secret of its visitor; an unknown one, or one that was left, gets 410.
"""

import json
import math
import os
import secrets
import struct
import threading

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulation.teaching import picture
from simulation.teaching.session import Session

MOST = "ADCC_TEACH_SESSIONS"  # environment: most visitors at one time
DEFAULT_MOST = 24
ABANDONED_S = 120.0  # a page that is looked at asks at least every fifteen seconds

_rooms: dict[str, Session] = {}
_door = threading.Lock()
_limiters: dict[str, CapacityLimiter] = {}


def most() -> int:
    """Most visitors at one time."""
    return int(os.environ.get(MOST, DEFAULT_MOST))


def enter() -> str | None:
    """A room with a fresh session, or None when all are taken. Leave it with leave()."""
    with _door:
        if len(_rooms) >= most():
            _free_one()
        if len(_rooms) >= most():
            return None
        name = secrets.token_urlsafe(16)
        _rooms[name] = Session()
        return name


def _free_one() -> None:
    """Close the room that was silent longest, if nobody seems to be there: a laptop asleep, a browser that died."""
    room, silent_s = max(((name, one.silent_s()) for name, one in _rooms.items()), key=lambda pair: pair[1])
    if silent_s > ABANDONED_S:
        _rooms.pop(room).close()


def session(room: str) -> Session:
    """The session of a room that was entered and not left (KeyError otherwise)."""
    return _rooms[room]


def leave(room: str) -> None:
    """Close the session of a room and free its place."""
    with _door:
        left = _rooms.pop(room, None)
    if left is not None:
        left.close()


def close() -> None:
    """Close every session: requests that wait for something to happen end."""
    for room in list(_rooms):
        leave(room)


async def _frame(request: Request) -> Response:
    room = _rooms.get(request.path_params["room"])
    if room is None:
        return Response(status_code=410)
    try:
        after = int(request.query_params.get("after", ""))
    except ValueError:
        return Response("after: not a whole number", status_code=400)
    # A request waits in a thread; each visitor has one at a time, and one more while a page is loaded anew.
    limiter = _limiters.setdefault("frame", CapacityLimiter(2 * most()))
    frame = await to_thread.run_sync(room.next_frame, after, limiter=limiter)
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
    room = _rooms.get(request.path_params["room"])
    if room is None:
        return Response(status_code=410)
    try:
        x, y = (float(request.query_params.get(name, "")) for name in "xy")
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        return Response("x, y: not numbers", status_code=400)
    return JSONResponse(await to_thread.run_sync(room.under_pointer, x, y), headers={"cache-control": "no-store"})


ROUTES = [Route("/adcc/{room}/frame", _frame), Route("/adcc/{room}/cell", _cell)]
