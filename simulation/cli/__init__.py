"""`adcc`: the command line. Parses, calls, prints; decides nothing. One module per family of commands.

Exit codes: 0 done; 1 some runs failed or some files could not be used (which, and why, is printed); 2 bad input,
nothing was written; 130 and 143 interrupted by SIGINT and SIGTERM, with every finished run kept.
"""

import os

import click

from adccsim import __version__, console
from adccsim.cli.arguments import Commands, Option
from adccsim.cli.common import SOME_FAILED, lacks_memory

# In the order of `adcc --help`; a module is imported when one of its commands is called.
COMMANDS = {
    "status": "adccsim.cli.cluster:status",
    "run": "adccsim.cli.study:run",
    "analyse": "adccsim.cli.study:analyse",
    "check": "adccsim.cli.study:check",
    "plate": "adccsim.cli.data:plate",
    "compare": "adccsim.cli.data:compare",
    "calibrate": "adccsim.cli.fit:calibrate",
    "list": "adccsim.cli.names:list_",
    "init": "adccsim.cli.names:init",
    "new": "adccsim.cli.new:group",
    "schema": "adccsim.cli.names:schema",
    "predict": "adccsim.cli.predict:predict",
    "sensitivity": "adccsim.cli.sensitivity:sensitivity",
    "teach": "adccsim.cli.teach:teach",
    "verify": "adccsim.cli.verify:verify",
    "cluster": "adccsim.cli.cluster:group",
}


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        console.say(__version__)
        ctx.exit()


@click.group(
    name="adcc",
    cls=Commands,
    places=COMMANDS,
    help="Antibody-dependent cellular cytotoxicity, cell by cell: a scenario file in, lysis statistics out.",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option(
    "--version", cls=Option, is_flag=True, callback=_version, is_eager=True, expose_value=False,
    help="print the version",
)  # fmt: skip
def app() -> None:
    """The group of all commands."""


def main() -> None:
    """Entry point of the command `adcc`. Lack of memory, wherever it shows, is one line and exit code 1."""
    # Processes that Python or Dask start for us begin with `python -c`, which would import from the current folder.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        app()
    except Exception as error:
        if not lacks_memory(error):
            raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        console.errors([f"out of memory ({reason}); finished runs are kept: close other programs, or use --workers 1"])
        raise SystemExit(SOME_FAILED) from None
