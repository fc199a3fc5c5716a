"""`adcc`: the command line. Parses, delegates, prints; decides nothing. One module per family of commands.

Exit codes: 0 done; 1 some runs failed or some files could not be used (which, and why, is printed); 2 bad input,
nothing was written; 130 and 143 interrupted by SIGINT and SIGTERM, with every finished run kept.
"""

import os

# Importing a module adds its commands.
from simulation import console
from simulation.cli import cluster, data, fit, names, predict, sensitivity, study, teach, verify  # noqa: F401
from simulation.cli.common import SOME_FAILED, app, lacks_memory


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
        console.faults([f"out of memory ({reason}); finished runs are kept: close other programs, or use --workers 1"])
        raise SystemExit(SOME_FAILED) from None
