"""`adcc predict`: simulated experiments written down, with the commit they come from, before measurements are seen."""

from pathlib import Path

import click

from adccsim import console
from adccsim.cli.arguments import PATH, argument, command, option, workers
from adccsim.cli.common import BAD_INPUT, error_lines
from adccsim.text import count

SCENARIOS = Path("benchmarks/in_vitro_lysis/predict")
PREDICTIONS = Path("benchmarks/in_vitro_lysis/predictions")


@command("predict")
@argument("files", type=PATH, nargs=-1, metavar="[FILE...]", help=f"scenario files; default {SCENARIOS}/*.toml")
@option("--out", type=PATH, default=PREDICTIONS, help="folder of the predictions")
@option("--scratch", type=PATH, default=Path("results/predict"), help="folder of the runs")
@workers
def predict(files: tuple[Path, ...], out: Path, scratch: Path, workers: int | None) -> None:
    """Simulate experiments and write one table, named by the state of the catalogue; it is never overwritten."""
    paths = files or sorted(SCENARIOS.glob("*.toml"))
    if not paths:
        console.errors(
            [f"{SCENARIOS}: no scenario files here; run this in a checkout of the repository, or name files"]
        )
        raise click.exceptions.Exit(BAD_INPUT)
    with error_lines():
        from adccsim.runtime import require_address_space

        require_address_space("adcc predict")  # before libraries are loaded that would end the process
        from adccsim.experiments.predict import predict as write_down

        with console.Progress() as progress:
            found = write_down(paths, out, scratch=scratch, workers=workers, report=console.note, progress=progress)
    console.say(f"{count(len(found.table), 'row')} of {count(len(found.names), 'prediction')}: {found.path}")
    console.say("commit this file before looking at measurements")
