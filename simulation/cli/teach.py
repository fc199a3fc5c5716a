"""`adcc teach`: the teaching page, on this machine and without a network."""

import click

from adccsim import console
from adccsim.cli.arguments import TEXT, Whole, command, option
from adccsim.cli.common import BAD_INPUT, error_lines


@command("teach")
@option("--port", type=Whole(min=1, max=65535), default=8765, help="port of the page")
@option("--host", type=TEXT, default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others of your network in")
@option("--browser/--no-browser", default=True, help="open a browser")
@option("--sessions", type=Whole(min=1, max=500), help="most visitors; default 12 per core")
@option("--prepare", is_flag=True, help="fetch the page's files once, with a network")
def teach(port: int, host: str, browser: bool, sessions: int | None, prepare: bool) -> None:
    """Open a page in which a class plays with the real model."""
    from adccsim.teaching import assets

    with error_lines():
        try:
            if prepare:
                for line in assets.prepare(assets.cache_folder()):
                    console.note(line)
                return
            from adccsim.runtime import configure, cores
            from adccsim.teaching.serve import ServeError, serve

            configure()  # an unusable kernel cache is refused here in one line, not in every session
            try:
                serve(host, port, browser, sessions or 12 * cores(), console.say)
            except ServeError as error:
                console.errors([error])
                raise click.exceptions.Exit(BAD_INPUT) from None
        except assets.AssetsError as error:
            console.errors([error])
            raise click.exceptions.Exit(BAD_INPUT) from None
