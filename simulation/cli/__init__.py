"""`adcc`: the command line. Parses, delegates, prints; decides nothing. One module per family of commands.

Exit codes: 0 done; 1 some runs failed or some files could not be used (which, and why, is printed); 2 bad input,
nothing was written; 130 and 143 interrupted by SIGINT and SIGTERM, with every finished run kept.
"""

import os

# Importing a module adds its commands.
from simulation.cli import cluster, data, fit, names, predict, sensitivity, study, teach  # noqa: F401
from simulation.cli.common import app


def main() -> None:
    """Entry point of the command `adcc`."""
    # Processes that Python or Dask start for us begin with `python -c`, which would import from the current folder.
    os.environ["PYTHONSAFEPATH"] = "1"
    app()
