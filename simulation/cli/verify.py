"""`adcc verify`: whether the files of a study are what was written."""

from pathlib import Path

import click

from adccsim import console
from adccsim.cli.arguments import PATH, argument, command
from adccsim.cli.common import DONE, SOME_FAILED, error_lines


@command("verify")
@argument("target", type=PATH, metavar="DIR|FILE", help="results folder, or one file of it")
def verify(target: Path) -> None:
    """Check every byte of a study's files against the SHA-256 stored with them, and name those that are damaged."""
    with error_lines():
        from adccsim.execution.verify import verify as check

        found = check(target)
    console.verified(found)
    raise click.exceptions.Exit(SOME_FAILED if found.damaged else DONE)
