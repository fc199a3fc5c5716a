"""Serve: the page's server on this machine. Its settings are in the environment before Solara is imported."""

import os
import socket
import threading
import warnings
import webbrowser
from pathlib import Path

from adccsim.teaching import assets
from adccsim.teaching.access import AccessControl, Guard, names_of

APP = "adccsim.teaching.page"
ANY = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
WS_MOST_BYTES = 1 << 18  # of a message; those of a page have a few hundred bytes


class ServeError(RuntimeError):
    """The page cannot be served; one line that a user can act on."""


def serve(host: str, port: int, browser: bool, sessions: int, announce) -> None:
    """Serve the page until interrupted. announce: called with each line for the user once the page can be opened.

    sessions: most visitors at one time. Raises ServeError when the port is taken or the host is not of this machine,
    and AssetsError when the page's files are missing.
    """
    folder = assets.cache_folder()
    refusal = assets.refusal(folder)
    if refusal:
        raise assets.AssetsError(refusal)
    _refuse_taken(host, port)
    os.environ |= assets.settings(folder) | {
        "ADCC_TEACH_SESSIONS": str(sessions),
        "MPLBACKEND": "agg",
        "SOLARA_APP": APP,
        "SOLARA_MODE": "production",
        "SOLARA_THEME_SHOW_BANNER": "False",
        "SOLARA_THEME_TITLE": "ADCC, cell by cell",
        "SOLARA_THEME_LOADER": "plain",
        "SOLARA_THEME_FORCE_REFRESH": "True",  # a page whose kernel is gone loads again, and finds its state
        "SOLARA_KERNEL_CULL_TIMEOUT": "10s",  # the state of a visitor outlives the kernel, see rooms.py
        "SOLARA_ROOT_PATH": "",  # else Solara takes both from the first request, for everybody
        "SOLARA_BASE_URL": _address("localhost" if host in ANY else host, port),
    }
    from adccsim.teaching import admission, rooms

    os.environ["SOLARA_KERNEL_MAX_COUNT"] = str(2 * admission.kernels_most())  # threads: two while a page reconnects
    import uvicorn
    from anyio import to_thread

    class Server(uvicorn.Server):
        async def shutdown(self, sockets=None) -> None:
            await to_thread.run_sync(rooms.close)  # requests that wait for a picture end
            await super().shutdown(sockets)

    admission.log_in_one_line()
    access = AccessControl(names_of(host), port)
    warnings.filterwarnings("ignore", message="Cookies with samesite=none")  # the page is in nobody's frame
    _warm_up()
    # Messages are small and the pictures are compressed already. A browser that is gone without a word is noticed
    # after fifteen seconds at most.
    config = uvicorn.Config(
        application(folder, access), host=host, port=port, log_level="warning", timeout_graceful_shutdown=1,
        proxy_headers=False, server_header=False, ws_per_message_deflate=False, ws_max_size=WS_MOST_BYTES,
        ws_ping_interval=5, ws_ping_timeout=10,
    )  # fmt: skip
    server = Server(config)
    threading.Thread(target=_when_started, args=(server, host, port, browser, access, announce), daemon=True).start()
    server.run()


def application(folder: Path, access: AccessControl):
    """Solara's server behind access control and admission, with the page's files from `folder` and nowhere else."""
    from solara.server import kernel_context, starlette
    from starlette.routing import Mount

    from adccsim.teaching import rooms
    from adccsim.teaching.admission import Admission

    class PageFiles(starlette.StaticCdn):
        """Of Solara's own way: it fetches what the folder lacks, and deletes a folder that is asked for as a file."""

        def lookup_path(self, path: str):
            held = (folder / path).resolve()
            if not held.is_relative_to(folder.resolve()) or not held.is_file():
                return "", None
            return super().lookup_path(path)

    # before those of Solara, whose last one answers anything
    starlette.app.router.routes[:0] = [*rooms.ROUTES, Mount("/_solara/cdn", app=PageFiles(directory=folder))]
    return Guard(Admission(starlette.app, kernel_context.contexts), access)


def _warm_up() -> None:
    """Load the kernels before the first visitor comes."""
    from adccsim.teaching.session import Session

    session = Session()
    session.advance(1)
    session.frame()


def _warm_up_others() -> None:
    """Load those that later lessons need, while the first visitors look at the well: one lesson of each other kind."""
    from adccsim.teaching.lessons import lessons
    from adccsim.teaching.session import Session

    session = Session()
    number_of = {one.scenario["kind"]: one.number for one in reversed(lessons())}
    del number_of[lessons()[0].scenario["kind"]]  # see _warm_up
    for number in number_of.values():
        session.open_lesson(number)
        session.advance(1)
        session.frame()


def _when_started(server, host: str, port: int, browser: bool, access: AccessControl, announce) -> None:
    waiting = threading.Event()
    while not server.started and not server.should_exit:
        waiting.wait(0.05)
    if server.started:
        here = _address("localhost" if host in (*ANY, "127.0.0.1") else host, port)
        announce(f"the page is at {here}/?token={access.spoken}")
        if host not in LOOPBACK:
            outside = _address(outside_address() or "THIS-MACHINE" if host in ANY else host, port)
            announce(f"for pupils: {outside} with the code {access.spoken}, or {outside}/?token={access.spoken}")
        if browser:
            webbrowser.open(f"{here}/?token={access.ticket()}")
        _warm_up_others()


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def outside_address() -> str | None:
    """The address of this machine in its network, or None without one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for examples: any address beyond this machine
            return probe.getsockname()[0]
        except OSError:
            return None


def _refuse_taken(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(f"cannot listen on {host} port {port}: {error.strerror}; try another --port") from None
