"""Who may talk to the page: codes, cookies, names and origins. No server: the ASGI layer is asked directly."""

import asyncio
import re

import pytest
from starlette.datastructures import Headers

from adccsim.teaching import access as doors
from adccsim.teaching.access import AccessControl, Guard, names_of

PORT, HERE = 8765, "localhost:8765"


@pytest.fixture
def access():
    return AccessControl(names_of("127.0.0.1"), PORT)


async def inner(scope, receive, send):
    """What stands behind the access control: says which visitor came in, and what headers it got."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    body = repr((scope[doors.VISITOR], sorted(scope["headers"]))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(access, path="/", query="", method="GET", websocket=False, host=HERE, **headers):
    """(status, headers, body) of a request; of a websocket ("accept" or "close", None, None)."""
    sent = [(b"host", one.encode()) for one in ([host] if isinstance(host, str) else host)]
    sent += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket" if websocket else "http", "path": path, "query_string": query.encode(), "method": method,
        "headers": sent, "server": ("127.0.0.1", PORT), "scheme": "http",
    }  # fmt: skip
    told = []

    async def receive():
        return {"type": "websocket.connect" if websocket else "http.request"}

    async def send(message):
        told.append(message)

    asyncio.run(Guard(inner, access)(scope, receive, send))
    if websocket:
        return told[0]["type"].rpartition(".")[2], None, None
    return told[0]["status"], Headers(raw=told[0]["headers"]), b"".join(m.get("body", b"") for m in told[1:]).decode()


def cookie(access):
    """A Cookie header that the access control gave out."""
    _, headers, _ = ask(access, query=f"token={access.code}")
    return headers["set-cookie"].partition(";")[0]


def test_without_a_code_the_answer_says_where_it_is(access):
    status, headers, body = ask(access)
    assert status == 403
    assert "adcc teach" in body
    assert 'name="token"' in body
    assert "set-cookie" not in headers
    assert headers["content-security-policy"] == "frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/_solara/cdn/requirejs@2.3.6/require.js", "/adcc/x/frame", "/resourcez", "/else"]
)
def test_nothing_is_served_without_a_cookie_and_a_code_opens_the_page_alone(access, path):
    assert ask(access, path)[0] == 403
    if path != "/":
        assert ask(access, path, query=f"token={access.code}")[0] == 403


def test_the_code_becomes_a_strict_cookie_and_leaves_the_address(access):
    status, headers, body = ask(access, query=f"token={access.spoken}")
    assert status == 200
    assert re.fullmatch(
        rf"adcc-visitor-{PORT}=[0-9a-f]{{16}}\.[0-9a-f]{{64}}; HttpOnly; Path=/; SameSite=strict", headers["set-cookie"]
    )
    assert "location.replace('/')" in body
    assert access.code not in body
    status, _, body = ask(access, cookie=headers["set-cookie"].partition(";")[0])
    assert status == 200
    assert headers["set-cookie"].partition("=")[2].partition(".")[0] in body


def test_a_visitor_who_brings_the_code_again_stays_the_same(access):
    held = cookie(access)
    status, headers, body = ask(access, query=f"token={access.code}", cookie=held)
    assert (status, "set-cookie" in headers) == (200, False)
    assert "location.replace('/')" in body


def test_the_code_is_short_readable_and_another_at_each_start():
    codes = {AccessControl((), PORT).code for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 10 and not set(code) & set("01ilo") for code in codes)
    assert len(doors.LETTERS) ** 10 > 2**49


def test_a_code_may_be_typed_in_capitals_and_in_groups(access):
    code = access.code
    assert all(access.opens(given) for given in (code.upper(), f" {code[:3]} {code[3:]} ", f"{code[:5]}-{code[5:]}"))


def test_any_other_code_is_wrong(access):
    code = access.code
    assert not any(access.opens(given) for given in (code[:-1], code + "2", code[1:] + "é", "", "x" * 9999))
    assert not AccessControl((), PORT).opens(code)


def test_a_ticket_opens_once(access):
    ticket = access.ticket()
    assert ask(access, query=f"token={ticket}")[0] == 200
    assert ask(access, query=f"token={ticket}")[0] == 403


def test_a_cookie_that_was_altered_or_is_of_another_start_is_none(access):
    held = cookie(access)
    name, _, value = held.partition("=")
    for other in (value[:-1], value[:-1] + "xy", "0" + value, value.replace(".", ""), "", ".", "a.b"):
        assert ask(access, cookie=f"{name}={other}")[0] == 403
    assert ask(AccessControl(names_of("127.0.0.1"), PORT), cookie=held)[0] == 403
    assert ask(access, cookie=f'odd="{{1, 2}}; =; {held}; more=1')[0] == 200  # cookies of others do no harm


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:8765", "[::1]:8765", "localhost:9000"])
def test_its_own_names_are_served(access, host):
    assert ask(access, cookie=cookie(access), host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8765", "localhost.evil.example", "10.0.0.1", "localhost@evil.example", "",
        "127.1", "localhost evil", "[::1", "localhost:port", "a" * 5000, ["localhost", "evil.example"], [],
    ],
)  # fmt: skip
def test_other_names_are_refused_cookie_or_not(access, host):
    held = cookie(access)
    status, _, body = ask(access, cookie=held, host=host)
    assert status == 403
    assert "printed" in body
    assert ask(access, query=f"token={access.code}", host=host)[0] == 403
    assert ask(access, websocket=True, cookie=held, host=host, origin="http://localhost:8765")[0] == "close"


@pytest.mark.parametrize(
    ("host", "name", "server", "served"),
    [
        ("0.0.0.0", "192.168.1.5:8765", "192.168.1.5", True), ("0.0.0.0", "192.168.1.6", "192.168.1.5", False),
        ("0.0.0.0", "localhost", "127.0.0.1", True), ("0.0.0.0", "evil.example", "192.168.1.5", False),
        ("::", "192.168.1.5", "::ffff:192.168.1.5", True), ("::", "[fe80::1]:8765", "fe80::1", True),
        ("192.168.1.5", "192.168.1.5", "192.168.1.5", True), ("teach.school", "teach.school:80", "10.0.0.2", True),
        ("teach.school", "localhost", "10.0.0.2", False), ("0.0.0.0", "0.0.0.0", "127.0.0.1", False),
    ],
)  # fmt: skip
def test_names_follow_where_the_page_listens(host, name, server, served):
    assert AccessControl(names_of(host), PORT).serves(name, server) == served


def test_a_page_for_everybody_answers_to_the_name_of_the_machine(monkeypatch):
    monkeypatch.setattr(doors.socket, "gethostname", lambda: "Lab3")
    monkeypatch.setattr(doors.socket, "getfqdn", lambda: "lab3.school.org")
    access = AccessControl(names_of("0.0.0.0"), PORT)
    assert all(access.serves(name, None) for name in ("lab3", "LAB3.local:8765", "lab3.school.org"))
    assert not AccessControl(names_of("127.0.0.1"), PORT).serves("lab3", None)


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost", "http://localhost:8766", "https://localhost:8765", "file://"],
)
def test_another_origin_is_refused(access, origin):
    held = cookie(access)
    assert ask(access, websocket=True, cookie=held, origin=origin)[0] == "close"
    assert ask(access, "/_solara/api/close/a", method="POST", cookie=held, origin=origin)[0] == 403


def test_a_websocket_needs_cookie_and_origin(access):
    held, path = cookie(access), "/jupyter/api/kernels/a/channels"
    assert ask(access, path, websocket=True, cookie=held, origin=f"http://{HERE}")[0] == "accept"
    assert ask(access, path, websocket=True, cookie=held)[0] == "close"
    assert ask(access, path, websocket=True, origin=f"http://{HERE}")[0] == "close"


@pytest.mark.parametrize(
    "path", ["/resourcez", "/readyz", "/_solara/api/evict/a", "/x", "/adcc//frame", "/static/a\x00b", "//"]
)
def test_addresses_that_the_page_does_not_use_are_not_there(access, path):
    assert ask(access, path, cookie=cookie(access))[0] == 404


def test_headers_that_tell_where_the_page_is_are_not_believed(access):
    lies = {"x_script_name": "//evil", "script_name": "/evil", "x_forwarded_host": "evil", "forwarded": "host=evil"}
    _, _, body = ask(access, cookie=cookie(access), **lies)
    assert "evil" not in body
    assert "script" not in body
