"""Serve: the page's server on this machine. Its settings are in the environment before Solara is imported."""

import os
import socket
import threading
import warnings
import webbrowser

from simulation.teaching import assets

APP = "simulation.teaching.page"


class ServeError(RuntimeError):
    """The page cannot be served; one line that a user can act on."""


def serve(host: str, port: int, browser: bool, sessions: int, announce) -> None:
    """Serve the page until interrupted. announce: called with the address once it can be opened.

    sessions: most visitors at one time. Raises ServeError when the port is taken or the host is not of this machine,
    and AssetsError when the page's files are missing.
    """
    folder = assets.cache_folder()
    refusal = assets.refusal(folder)
    if refusal:
        raise assets.AssetsError(refusal)
    _refuse_taken(host, port)
    os.environ |= assets.settings(folder) | {
        "SOLARA_APP": APP,
        "SOLARA_MODE": "production",
        "SOLARA_THEME_SHOW_BANNER": "False",
        "SOLARA_THEME_TITLE": "ADCC, cell by cell",
        "SOLARA_THEME_LOADER": "plain",
        "SOLARA_KERNEL_CULL_TIMEOUT": "5m",  # a visitor whose connection drops may come back
        "SOLARA_KERNEL_MAX_COUNT": str(2 * sessions),
        "ADCC_TEACH_SESSIONS": str(sessions),
        "MPLBACKEND": "agg",
    }
    import uvicorn
    from solara.server.starlette import app

    from simulation.teaching import rooms

    app.router.routes[:0] = rooms.ROUTES  # before those of Solara, whose last one answers anything
    warnings.filterwarnings("ignore", message="Cookies with samesite=none")  # the page is in nobody's frame
    _warm_up()
    # Messages are small and the pictures are compressed already.
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", ws_per_message_deflate=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_when_started, args=(server, host, port, browser, announce), daemon=True).start()
    try:
        server.run()
    finally:
        rooms.close()


def _warm_up() -> None:
    """Load the kernels before the first visitor comes."""
    from simulation.teaching.session import Session

    session = Session()
    session.advance(1)
    session.frame()


def _warm_up_tumours() -> None:
    """Load those of the tumour too, while the first visitors look at the well."""
    from simulation.teaching.lessons import lessons
    from simulation.teaching.session import Session

    session = Session()
    session.open_lesson(next(one.number for one in lessons() if one.scenario["kind"] == "xenograft"))
    session.advance(1)
    session.frame()


def _when_started(server, host: str, port: int, browser: bool, announce) -> None:
    waiting = threading.Event()
    while not server.started and not server.should_exit:
        waiting.wait(0.05)
    if server.started:
        address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::') else host}:{port}/"
        announce(address)
        if browser:
            webbrowser.open(address)
        _warm_up_tumours()


def _refuse_taken(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(f"cannot listen on {host} port {port}: {error.strerror}; try another --port") from None
