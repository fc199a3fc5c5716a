"""`adcc teach`: the teaching page, on this machine and without a network."""

from typing import Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, app, plain_faults


@app.command()
def teach(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port of the page")] = 8765,
    host: Annotated[
        str, typer.Option(help="address to listen on; 0.0.0.0 lets others of your network in")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open a browser")] = True,
    sessions: Annotated[int | None, typer.Option(min=1, max=500, help="most visitors; default 12 per core")] = None,
    prepare: Annotated[bool, typer.Option("--prepare", help="fetch the page's files once, with a network")] = False,
) -> None:
    """Open a page in which a class plays with the real model."""
    from simulation.teaching import assets

    with plain_faults():
        try:
            if prepare:
                for line in assets.prepare(assets.cache_folder()):
                    console.note(line)
                return
            from simulation.runtime import configure, cores
            from simulation.teaching.serve import ServeError, serve

            configure()  # an unusable kernel cache is refused here in one line, not in every session
            try:
                serve(host, port, browser, sessions or 12 * cores(), console.say)
            except ServeError as error:
                console.faults([error])
                raise typer.Exit(BAD_INPUT) from None
        except assets.AssetsError as error:
            console.faults([error])
            raise typer.Exit(BAD_INPUT) from None
