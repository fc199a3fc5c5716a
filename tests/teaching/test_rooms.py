"""The two addresses of a visitor's well, and how many visitors there may be."""

import json
import socket
import struct
import threading
import urllib.error
import urllib.request
import zlib

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from simulation.teaching import rooms


@pytest.fixture(scope="module")
def address():
    """A server of the two addresses alone, on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from now on a visitor waits until the server is up, and is not turned away
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=rooms.ROUTES), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/adcc"
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def room():
    name = rooms.enter()
    yield name
    rooms.leave(name)


def get(url):
    """(status, body) of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def read(body):
    """(numbers, palette, picture) of a frame."""
    length = struct.unpack("<I", body[:4])[0]
    numbers = json.loads(body[4 : 4 + length])
    height, width, inks = (numbers.pop(name) for name in ("height", "width", "inks"))
    rest = np.frombuffer(body[4 + length :], np.uint8)
    return numbers, rest[: 3 * inks].reshape(inks, 3), rest[3 * inks :].reshape(height, width)


def test_a_frame_is_numbers_and_a_picture(address, room):
    status, body = get(f"{address}/{room}/frame?after=-1")
    numbers, palette, image = read(body)
    frame = rooms.session(room).frame()
    assert status == 200
    np.testing.assert_array_equal(image, frame.pop("image"))
    np.testing.assert_array_equal(palette, frame.pop("palette"))
    assert numbers == frame


def test_a_browser_elsewhere_gets_the_same_bytes_packed(address, room, monkeypatch):
    plain = get(f"{address}/{room}/frame?after=-1")[1]
    monkeypatch.setattr(rooms, "_is_far", lambda request: True)
    packed = get(f"{address}/{room}/frame?after=-1")[1]
    assert len(packed) < len(plain) / 5
    assert zlib.decompress(packed) == plain


@pytest.mark.parametrize(
    ("host", "accepted", "far"),
    [
        ("127.0.0.1", "gzip, deflate", False), ("::1", "deflate", False), ("10.0.0.7", "gzip, deflate, br", True),
        ("10.0.0.7", "", False), (None, "deflate", True),
    ],
)  # fmt: skip
def test_only_who_is_elsewhere_and_can_unpack_gets_packed_pictures(host, accepted, far):
    scope = {
        "type": "http",
        "headers": [(b"accept-encoding", accepted.encode())],
        "client": (host, 1) if host else None,
    }
    assert rooms._is_far(Request(scope)) == far


def test_the_next_frame_comes_when_something_happens(address, room):
    shown, *_ = read(get(f"{address}/{room}/frame?after=-1")[1])
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(get(f"{address}/{room}/frame?after={shown['count']}")))
    waiting.start()
    rooms.session(room).do({"do": "step"})
    waiting.join(timeout=60)
    assert read(answers[0][1])[0]["tick"] == 1


def test_the_cell_under_the_pointer(address, room):
    status, body = get(f"{address}/{room}/cell?x=0.41&y=0.42")
    assert status == 200
    assert json.loads(body) == rooms.session(room).under_pointer(0.41, 0.42)
    assert json.loads(body)["title"]


@pytest.mark.parametrize(
    "question", ["frame", "frame?after=", "frame?after=1.5", "frame?after=x", "cell", "cell?x=1", "cell?x=nan&y=0.5"]
)
def test_nonsense_is_a_bad_request(address, room, question):
    assert get(f"{address}/{room}/{question}")[0] == 400


def test_a_room_that_was_left_or_never_entered_is_gone(address):
    name = rooms.enter()
    rooms.leave(name)
    for room in (name, "made-up"):
        assert get(f"{address}/{room}/frame?after=-1")[0] == 410
        assert get(f"{address}/{room}/cell?x=0.5&y=0.5")[0] == 410


def test_leaving_ends_a_request_that_waits(address):
    name = rooms.enter()
    shown, *_ = read(get(f"{address}/{name}/frame?after=-1")[1])
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(get(f"{address}/{name}/frame?after={shown['count']}")))
    waiting.start()
    rooms.leave(name)
    waiting.join(timeout=60)
    assert answers[0][0] in (204, 410)


def test_the_page_takes_so_many_and_no_more(monkeypatch):
    monkeypatch.setenv(rooms.MOST, "3")
    names = [rooms.enter() for _ in range(4)]
    assert names[3] is None
    assert len(set(names)) == 4
    rooms.leave(names[0])
    again = rooms.enter()
    assert again is not None
    for name in (*names[1:3], again):
        rooms.leave(name)
    rooms.leave("never entered")


def test_a_full_page_frees_the_place_of_a_visitor_who_is_gone(monkeypatch):
    monkeypatch.setenv(rooms.MOST, "2")
    first, second = rooms.enter(), rooms.enter()
    assert rooms.enter() is None
    monkeypatch.setattr(rooms.session(first), "silent_s", lambda: rooms.ABANDONED_S + 1)
    third = rooms.enter()
    assert third is not None
    with pytest.raises(KeyError):
        rooms.session(first)
    assert not rooms.session(second).closed
    for name in (second, third):
        rooms.leave(name)


def test_a_visitor_who_asks_is_there(room):
    one = rooms.session(room)
    before = one._asked_s
    one.next_frame(-1)
    assert one._asked_s > before
    assert 0 <= one.silent_s() < rooms.ABANDONED_S


def test_names_cannot_be_guessed(room):
    other = rooms.enter()
    rooms.leave(other)
    assert len(room) >= 20
    assert room != other
