"""Access control: who may talk to the page. An ASGI layer in front of everything else that the server answers.

Code     Each start of the page draws a code of ten characters. A browser that brings it (`?token=...`) gets a cookie
         and needs the code no more; whoever brings neither gets status 403 and a form for the code. Static files are
         no exception.
Cookie   A random visitor number, signed with a key of this start; HttpOnly, SameSite=Strict, gone with the browser.
         Its name holds the port, because browsers do not keep cookies of two ports apart.
Host     Only names and addresses under which the page is served: a foreign name that was made to point here (DNS
         rebinding) is refused. The port is not compared, so that an SSH tunnel may have another one.
Origin   A websocket must name the address of the page as its origin; other requests must if they name one at all.
Limits   50 bits and no lock-out: at 10,000 wrong codes a second one day of guessing succeeds with a chance of one in a
         million, and a lock-out would let a guesser shut out a class.
         (tests/teaching/test_access.py, benchmarks/hostile/page.py)
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response

FRONT = Path(__file__).parent / "front"
VISITOR = "adcc.visitor"  # key of an ASGI scope: the visitor whose cookie was right
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is taken for another: 0 o, 1 i l
CODE_LENGTH = 10
# The addresses that the page uses. Others of Solara (its state of health, eviction) are not for visitors.
SERVED = re.compile(
    r"/|/adcc/[\w-]+/(frame|cell)|/_solara/api/close/[\w-]+|/jupyter/api/kernels/[\w-]+"
    r"|/(_solara/cdn|static|jupyter/nbextensions)/[^\x00-\x1f\x7f]+"
)
# Solara believes whoever sends these about the address of the page, and tells everybody after.
HEARSAY = re.compile(rb"^(forwarded|x-forwarded-.*|x-real-ip|(x-)?script-name)$")
_HOST = re.compile(r"^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$")
HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


def page(name: str, **words: str) -> str:
    """The text of a page without scripts in front/, with its {words} filled in."""
    text = (FRONT / f"{name}.html").read_text(encoding="utf-8")
    for key, word in words.items():
        text = text.replace(f"{{{key}}}", word)
    return text


def names_of(host: str) -> set[str]:
    """Names under which a page that listens on `host` is served; numeric addresses are taken from each connection."""
    here = {"localhost", "127.0.0.1", "::1"}
    name = host.lower()
    if name in here or name.startswith("127."):
        return here | {name}
    if name not in ("0.0.0.0", "::"):
        return {name}
    machine = {socket.gethostname().lower(), socket.getfqdn().lower()}
    return here | machine | {f"{one}.local" for one in machine if "." not in one}


class AccessControl:
    """Answers for the page of one start: the code, the cookies that it gave out, and the names that it serves."""

    def __init__(self, names: Iterable[str], port: int):
        self.code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
        self.cookie = f"adcc-visitor-{port}"
        self._names = frozenset(names)
        self._key = secrets.token_bytes(32)
        self._tickets: set[str] = set()

    @property
    def spoken(self) -> str:
        """The code as it is shown: in two groups."""
        half = CODE_LENGTH // 2
        return f"{self.code[:half]}-{self.code[half:]}"

    def ticket(self) -> str:
        """A code that opens once: for the browser that is started here, whose command line others may see."""
        drawn = secrets.token_urlsafe(16)
        self._tickets.add(drawn)
        return drawn

    def opens(self, given: str) -> bool:
        """Whether this is the code, in capitals or not, with or without its hyphen, or a ticket not used yet."""
        if given in self._tickets:
            self._tickets.discard(given)
            return True
        plain = re.sub(r"[\s-]", "", given).lower()
        return hmac.compare_digest(plain.encode(), self.code.encode())

    def new_visitor(self) -> str:
        """A cookie's value for a new visitor."""
        number = secrets.token_hex(8)
        return f"{number}.{self._signature(number)}"

    def visitor(self, cookies: Iterable[str]) -> str | None:
        """The visitor of a request's Cookie headers, or None where no cookie is ours and unaltered."""
        for line in cookies:
            number, _, signature = cookie_parser(line).get(self.cookie, "").partition(".")
            if number and hmac.compare_digest(signature.encode(), self._signature(number).encode()):
                return number
        return None

    def _signature(self, number: str) -> str:
        return hmac.new(self._key, number.encode(), hashlib.sha256).hexdigest()

    def serves(self, host: str, server: str | None) -> bool:
        """Whether a Host header names the page. server: the address of this machine that the connection came to."""
        match = _HOST.match(host.lower())
        if not match:
            return False
        name = match[1].strip("[]")
        return name in self._names or (server is not None and _address(name) == _address(server) is not None)

    def error(self, headers: Headers, server: str | None, websocket: bool) -> str:
        """What is wrong with where a request comes from; empty when nothing."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self.serves(hosts[0], server):
            return "This address is not one of the page. Use the address that adcc teach printed when it started."
        if len(origins) > 1 or (websocket and not origins):
            return "The request does not say which page it comes from."
        if origins and origins[0].lower() != f"http://{hosts[0].lower()}":
            return "The request comes from another page."
        return ""


def _address(name: str):
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Guard:
    """The ASGI layer that asks the access control."""

    def __init__(self, app, access: AccessControl):
        self.app, self.access = app, access

    async def __call__(self, scope, receive, send) -> None:
        """Pass on what may pass, with the visitor in the scope; answer the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        websocket = scope["type"] == "websocket"
        scope = scope | {"headers": [(key, value) for key, value in scope["headers"] if not HEARSAY.match(key)]}
        headers = Headers(scope=scope)
        error = self.access.error(headers, (scope.get("server") or (None,))[0], websocket)
        visitor = None if error else self.access.visitor(headers.getlist("cookie"))
        if visitor is not None and (websocket or not _brings_code(scope)):
            await self._pass(scope | {VISITOR: visitor}, receive, send)
        elif websocket:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: status 403
        else:
            answer = PlainTextResponse(f"{error}\n", 403) if error else self._enter(scope, visitor)
            await answer(scope, receive, _with_headers(send))

    async def _pass(self, scope, receive, send) -> None:
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
        elif SERVED.fullmatch(scope["path"]):
            await self.app(scope, receive, _with_headers(send))
        else:
            await PlainTextResponse("The page has no such address.\n", 404)(scope, receive, _with_headers(send))

    def _enter(self, scope, visitor: str | None) -> Response:
        """The answer to a code that was brought, or to nothing at all."""
        given = _code_of(scope)
        if visitor is None and not (given and self.access.opens(given)):
            word = "That code is wrong." if given else ""
            return HTMLResponse(page("refused", wrong=word), 403, {"cache-control": "no-store"})
        # The page itself is opened by a step from this one: a link from elsewhere would not bring a strict cookie.
        answer = HTMLResponse(page("entered"), headers={"cache-control": "no-store"})
        if visitor is None:
            answer.set_cookie(self.access.cookie, self.access.new_visitor(), httponly=True, samesite="strict")
        return answer


def _brings_code(scope) -> bool:
    return scope["path"] == "/" and bool(_code_of(scope))


def _code_of(scope) -> str:
    if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
        return ""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")


def _with_headers(send):
    async def sending(message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
