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

from adccsim.teaching import rooms


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


@pytest.fixture(autouse=True)
def nobody():
    """No rooms before and after a test."""
    rooms.close()
    yield
    rooms.close()


@pytest.fixture
def room():
    return come("kernel")


@pytest.fixture
def clock(monkeypatch):
    """The time that rooms see, in seconds; set clock.now."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    fake = Clock()
    monkeypatch.setattr(rooms, "time", fake)
    return fake


def come(kernel, visitor="somebody"):
    """The room of a visitor whose page has a connection, or None."""
    rooms.arrive(kernel, visitor)
    return rooms.enter(kernel)


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


def test_a_room_that_never_was_is_gone(address):
    assert get(f"{address}/made-up/frame?after=-1")[0] == 410
    assert get(f"{address}/made-up/cell?x=0.5&y=0.5")[0] == 410


def test_closing_ends_a_request_that_waits(address, room):
    shown, *_ = read(get(f"{address}/{room}/frame?after=-1")[1])
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(get(f"{address}/{room}/frame?after={shown['count']}")))
    waiting.start()
    rooms.close()
    waiting.join(timeout=60)
    assert answers[0][0] in (204, 410)


def test_a_room_answers_two_requests_of_a_kind_at_a_time_and_others_are_not_kept_waiting(address, room, monkeypatch):
    other, shown = come("other kernel", "else"), rooms.session(room).frame()["count"]
    waiting, enough, answers = threading.Semaphore(0), rooms.ASKING, []
    wait = rooms.Session.next_frame

    def next_frame(session, after):
        waiting.release()
        return wait(session, after)

    monkeypatch.setattr(rooms.Session, "next_frame", next_frame)
    ask = lambda: answers.append(get(f"{address}/{room}/frame?after={shown}")[0])  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(enough)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert waiting.acquire(timeout=60)
    assert get(f"{address}/{room}/frame?after={shown}")[0] == 429
    assert get(f"{address}/{other}/frame?after=-1")[0] == 200
    rooms.session(room).do({"do": "step"})
    for thread in threads:
        thread.join(timeout=60)
    assert answers == [200] * enough
    assert get(f"{address}/{room}/frame?after=-1")[0] == 200


def test_the_page_takes_so_many_and_no_more(monkeypatch):
    monkeypatch.setenv(rooms.MOST, "3")
    names = [come(f"kernel {n}", f"visitor {n}") for n in range(4)]
    assert names[3] is None
    assert len(set(names)) == 4
    assert rooms.full("visitor 3")
    assert not rooms.full("visitor 0")
    rooms.depart("kernel 0")
    assert not rooms.full("visitor 3")
    assert come("kernel 3", "visitor 3") is not None
    rooms.depart("never there")


def test_a_page_that_starts_twice_has_one_room(room):
    assert rooms.enter("kernel") == room
    assert len(rooms._rooms) == 1


def test_a_connection_that_closed_before_the_page_started_gets_no_room():
    rooms.arrive("kernel", "visitor")
    rooms.depart("kernel")
    assert rooms.enter("kernel") is None
    assert rooms._rooms == {}


def test_an_idle_connection_keeps_its_place_for_ever(monkeypatch, clock):
    monkeypatch.setenv(rooms.MOST, "1")
    room = come("kernel", "first")
    clock.now += 1e6
    rooms.sweep()
    assert come("other", "second") is None
    assert not rooms.session(room).closed


def test_a_visitor_who_comes_back_in_time_finds_the_same_state_even_when_all_is_taken(monkeypatch, clock):
    monkeypatch.setenv(rooms.MOST, "1")
    room = come("kernel 1", "first")
    session = rooms.session(room)
    rooms.depart("kernel 1")
    assert come("kernel 2", "second") is not None  # the place is free at once
    clock.now += rooms.KEPT_S - 1
    assert not rooms.full("first")
    again = come("kernel 3", "first")
    assert rooms.session(again) is session
    assert again != room  # whoever knew the old name knows nothing now
    with pytest.raises(KeyError):
        rooms.session(room)
    assert come("kernel 4", "third") is None
    assert rooms._seated() == 2


def test_a_page_that_reconnects_keeps_its_room_and_its_name(monkeypatch, clock):
    monkeypatch.setenv(rooms.MOST, "1")
    room = come("kernel", "first")
    rooms.depart("kernel")
    clock.now += rooms.KEPT_S - 1
    rooms.arrive("kernel", "first")
    clock.now += 2
    rooms.sweep()
    assert rooms.enter("kernel") == room


def test_after_two_minutes_a_state_is_gone(clock):
    room = come("kernel")
    session = rooms.session(room)
    rooms.depart("kernel")
    clock.now += rooms.KEPT_S
    rooms.sweep()
    assert session.closed
    assert rooms.session(come("kernel 2")) is not session


def test_nobody_gets_the_state_of_somebody_else(clock):
    session = rooms.session(come("kernel", "first"))
    rooms.depart("kernel")
    assert rooms.session(come("kernel 2", "second")) is not session


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(monkeypatch, clock):
    monkeypatch.setenv(rooms.MOST, "3")
    sessions = []
    for n in range(20):
        sessions.append(rooms.session(come(f"kernel {n}", f"visitor {n}")))
        rooms.depart(f"kernel {n}")
        clock.now += 1
        assert len(rooms._rooms) <= 3  # at any moment, with no newcomer and no sweep
    assert [one.closed for one in sessions] == [True] * 17 + [False] * 3


def test_visitors_who_come_back_are_at_most_as_many_as_newcomers(monkeypatch, clock):
    monkeypatch.setenv(rooms.MOST, "2")
    for n in range(8):
        come(f"kernel {n}", f"visitor {n}")
        rooms.depart(f"kernel {n}")
        clock.now += 1
    for n in (100, 101):
        assert come(f"kernel {n}", f"visitor {n}") is not None
    back = [come(f"back {n}", f"visitor {n}") for n in range(8)]
    assert sum(name is not None for name in back) == 2
    assert rooms._seated() == 4


def test_names_cannot_be_guessed(room):
    other = come("other kernel")
    assert len(room) >= 20
    assert room != other
