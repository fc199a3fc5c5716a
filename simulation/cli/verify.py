"""`adcc verify`: whether the files of a study are what was written."""

from pathlib import Path
from typing import Annotated

import typer

from simulation import console
from simulation.cli.common import DONE, SOME_FAILED, app, plain_faults


@app.command()
def verify(
    target: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="results folder, or one file of it")],
) -> None:
    """Check every byte of a study's files against the SHA-256 stored with them, and name those that are damaged."""
    with plain_faults():
        from simulation.run.verify import verify as check

        found = check(target)
        console.verified(found)
        raise typer.Exit(SOME_FAILED if found.damaged else DONE)
