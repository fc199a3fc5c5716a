"""Connections before they have a room, the limit of kernels, and what a websocket may say. No server, no Solara."""

import asyncio
import json
import logging

import pytest

from adccsim.teaching import admission, rooms
from adccsim.teaching.access import VISITOR
from adccsim.teaching.admission import Admission


def text(kind="kernel_info_request", content=(), **changed):
    """A message of the Jupyter protocol."""
    content = {} if content == () else content
    whole = {"header": {"msg_id": "1", "msg_type": kind}, "content": content, "channel": "shell"}
    return json.dumps(whole | changed)


class Kernel:
    """A kernel of Solara as far as admission knows one."""

    def __init__(self, kernels, name):
        self.kernels, self.name = kernels, name

    def close(self, reason):
        del self.kernels[self.name]


class Browser:
    """The other side of one websocket."""

    def __init__(self, gate, kernel, visitor="v"):
        self.inbox, self.told = asyncio.Queue(), []
        self.inbox.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket", "path": f"/jupyter/api/kernels/{kernel}/channels", "query_string": b"session_id=p",
            VISITOR: visitor,
        }  # fmt: skip
        self.over = asyncio.ensure_future(gate(scope, self.inbox.get, self._hear))

    async def _hear(self, message):
        self.told.append(message["type"].rpartition(".")[2])

    def say(self, said=None):
        self.inbox.put_nowait({"type": "websocket.receive", "text": text() if said is None else said})

    def go(self):
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})


class Solara:
    """Makes a kernel for each connection and reads it to its end. read: the kernel of each message."""

    def __init__(self):
        self.kernels, self.read, self.changed = {}, [], asyncio.Condition()
        self.most = 0

    async def __call__(self, scope, receive, send):
        name = scope["path"].split("/")[4]
        self.kernels.setdefault(name, Kernel(self.kernels, name))
        self.most = max(self.most, len(self.kernels))
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            async with self.changed:
                self.read.append(name)
                self.changed.notify_all()

    async def until(self, reached):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: reached(self)), 60)


@pytest.fixture
def play(monkeypatch):
    """play(story): run `story(gate, solara)` with a fresh admission of one place; rooms are empty before and after."""
    monkeypatch.setenv(rooms.MOST, "1")
    rooms.close()

    def run(story):
        async def whole():
            solara = Solara()
            return await story(Admission(solara, solara.kernels), solara)

        return asyncio.run(whole())

    yield run
    rooms.close()


def test_a_connection_that_says_nothing_is_closed_and_makes_no_kernel(play, monkeypatch):
    monkeypatch.setattr(admission, "SILENT_S", 0.01)

    async def story(gate, solara):
        one = Browser(gate, "kernel-one")
        await one.over
        assert one.told == ["accept", "close"]
        assert solara.kernels == {}

    play(story)


def test_a_connection_without_a_room_may_not_stay_silent_and_one_with_a_room_may(play, monkeypatch):
    monkeypatch.setattr(admission, "SILENT_S", 0.05)
    monkeypatch.setattr(rooms, "seated", lambda kernel: kernel == "kernel-in")

    async def story(gate, solara):
        inside, outside = Browser(gate, "kernel-in"), Browser(gate, "kernel-out")
        inside.say(), outside.say()
        await outside.over
        assert outside.told == ["accept", "close"]
        assert not inside.over.done()
        inside.say()
        await solara.until(lambda s: s.read.count("kernel-in") == 2)
        inside.go()
        await inside.over

    play(story)


def test_a_connection_that_only_talks_must_join_in_time(play, monkeypatch):
    monkeypatch.setattr(admission, "JOIN_S", 0.05)

    async def story(gate, solara):
        one = Browser(gate, "kernel-one")
        while not one.over.done():
            one.say()
            await asyncio.sleep(0)
        assert one.told == ["accept", "close"]

    play(story)


def test_of_too_many_silent_connections_the_oldest_goes(play, monkeypatch):
    monkeypatch.setattr(admission, "WAITING_MOST", 3)

    async def story(gate, solara):
        waiting = [Browser(gate, f"kernel-{n}") for n in range(4)]
        await waiting[0].over
        assert waiting[0].told == ["accept", "close"]
        waiting[3].say()
        await solara.until(lambda s: s.read)
        for one in waiting[1:]:
            one.go()
            await one.over

    play(story)


def test_kernels_stay_within_the_limit_and_those_that_were_left_first_go(play):
    async def story(gate, solara):
        limit = admission.kernels_most()
        for n in range(limit + 5):
            one = Browser(gate, f"kernel-{n}")
            one.say()
            await solara.until(lambda s, name=f"kernel-{n}": name in s.read)
            one.go()
            await one.over
        assert solara.most == limit
        assert list(solara.kernels) == [f"kernel-{n}" for n in range(5, limit + 5)]

    play(story)


def test_connections_that_do_not_join_make_way_for_one_that_comes(play, monkeypatch):
    monkeypatch.setattr(admission, "PRESSED_S", 0.0)

    async def story(gate, solara):
        limit = admission.kernels_most()
        idle = [Browser(gate, f"kernel-{n}") for n in range(limit)]
        for one in idle:
            one.say()
        await solara.until(lambda s: len(s.read) == limit)
        late = Browser(gate, "kernel-late")
        late.say()
        await solara.until(lambda s: "kernel-late" in s.read)
        assert solara.most == limit
        assert sum("close" in one.told for one in idle) == 1
        for one in [*idle, late]:
            one.go()
            await one.over

    play(story)


def test_whoever_finds_no_kernel_is_told_to_come_again(play, monkeypatch):
    monkeypatch.setattr(admission, "WAIT_S", 0.0)
    monkeypatch.setattr(rooms, "seated", lambda kernel: True)  # all are at work

    async def story(gate, solara):
        limit = admission.kernels_most()
        seated = [Browser(gate, f"kernel-{n}") for n in range(limit)]
        for one in seated:
            one.say()
        await solara.until(lambda s: len(s.read) == limit)
        late = Browser(gate, "kernel-late")
        late.say()
        await late.over
        assert late.told == ["accept", "close"]
        assert not any(one.over.done() for one in seated)
        for one in seated:
            one.go()
            await one.over

    play(story)


def test_a_page_that_reconnects_keeps_its_kernel_and_its_place(play):
    async def story(gate, solara):
        first, again = Browser(gate, "kernel-one"), Browser(gate, "kernel-one")
        first.say(), again.say()
        await solara.until(lambda s: len(s.read) == 2)
        name = await asyncio.to_thread(rooms.enter, "kernel-one")
        first.go()
        await first.over
        assert rooms.full("somebody else")  # the second connection holds the place
        again.go()
        await again.over
        assert not rooms.full("somebody else")
        assert rooms.session(name) is not None  # and what was done is kept

    play(story)


def test_one_page_cannot_hold_any_number_of_connections(play, monkeypatch):
    monkeypatch.setattr(rooms, "seated", lambda kernel: True)  # so that each may be silent for as long as it likes

    async def story(gate, solara):
        several = []
        for count in range(1, admission.PER_KERNEL_MOST + 4):
            several.append(Browser(gate, "kernel-one"))
            several[-1].say()
            await solara.until(lambda s, count=count: len(s.read) == count)
        for early in several[:3]:
            await asyncio.wait_for(early.over, 60)
        assert not any(late.over.done() for late in several[3:])
        for late in several[3:]:
            late.go()
            await late.over

    play(story)


def test_a_page_that_closes_gives_its_place_back_whatever_solara_is_at(play):
    async def story(gate, solara):
        at_work, done = asyncio.Event(), asyncio.Event()

        async def works(scope, receive, send):
            at_work.set()
            await done.wait()

        gate.app = works
        one = Browser(gate, "kernel-one")
        one.say()
        await at_work.wait()
        await asyncio.to_thread(rooms.enter, "kernel-one")
        assert rooms.full("somebody else")
        one.go()
        async with asyncio.timeout(60):
            while rooms.full("somebody else"):
                await asyncio.sleep(0)
        assert not one.over.done()
        done.set()
        await one.over

    play(story)


@pytest.mark.parametrize("path", ["/jupyter/api/kernels/a/channels", "/jupyter/api/kernels/a%2fb/channels", "/else"])
def test_other_websockets_are_refused_before_they_are_accepted(play, path):
    async def story(gate, solara):
        told = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            told.append(message["type"])

        await gate({"type": "websocket", "path": path, "query_string": b"session_id=1", VISITOR: "v"}, receive, send)
        assert told == ["websocket.close"]

    play(story)


@pytest.mark.parametrize(
    "said",
    [
        "", "x", "{}", "[]", "null", "[" * 10_000, text("execute_request"), text("comm_msg"), text("comm_open", []),
        text("comm_msg", {"comm_id": 3}), text(channel="iopub"), text(header={}), text(header=None), text(content=0),
        text("comm_open", {"comm_id": "a", "target_name": "jupyter.widget"}),
        text(header={"msg_type": ["x"], "msg_id": "1"}),
    ],
)  # fmt: skip
def test_what_no_page_says_closes_the_connection_and_does_not_reach_solara(play, said):
    async def story(gate, solara):
        one = Browser(gate, "kernel-one")
        one.say()
        await solara.until(lambda s: s.read)
        one.say(said)
        await one.over
        assert one.told == ["accept", "close"]
        assert len(solara.read) == 1

    play(story)


def test_bytes_are_no_message():
    assert not admission.sound({"type": "websocket.receive", "bytes": text().encode()})
    assert admission.sound({"type": "websocket.receive", "text": text()})
    assert admission.sound({"text": text("comm_open", {"comm_id": "a", "target_name": "solara.control", "data": {}})})


def test_an_error_behind_the_lobby_closes_the_connection_in_one_line(play, caplog):
    async def story(gate, solara):
        async def fails(scope, receive, send):
            try:
                raise ValueError("of two\nlines")
            except ValueError as error:
                raise ExceptionGroup("several", [error]) from None

        gate.app = fails
        one = Browser(gate, "kernel-one")
        one.say()
        await one.over
        assert one.told == ["accept", "close"]

    with caplog.at_level(logging.WARNING):
        play(story)
    (record,) = caplog.records
    assert "ValueError: of two lines (test_admission.py, line" in record.getMessage()
    assert record.exc_info is None


def test_the_log_of_any_library_takes_one_line_per_error(monkeypatch, caplog):
    monkeypatch.setattr(logging, "_logRecordFactory", logging.getLogRecordFactory())  # put back at the end
    admission.log_in_one_line()
    try:
        {}["nothing"]
    except KeyError:
        logging.getLogger("anybody").exception("no %s", "good")
    assert caplog.text.count("\n") == 1
    assert "no good: KeyError: 'nothing' (test_admission.py" in caplog.text


def test_a_full_page_answers_without_solara(play):
    async def story(gate, solara):
        rooms.arrive("kernel-one", "v")
        await asyncio.to_thread(rooms.enter, "kernel-one")
        told = []

        async def send(message):
            told.append(message)

        await gate({"type": "http", "path": "/", "method": "GET", "headers": [], VISITOR: "w"}, None, send)
        assert told[0]["status"] == 503
        assert (b"retry-after", b"10") in told[0]["headers"]
        assert b"All places are taken" in told[1]["body"]
        assert b"one visitor" in told[1]["body"]

    play(story)
