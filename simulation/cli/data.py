"""`adcc plate` and `adcc compare`: a laboratory's own measurements, and published ones next to the simulation."""

from pathlib import Path

import click

from adccsim import console
from adccsim.cli.arguments import PATH, TEXT, argument, command, option, sets, workers
from adccsim.cli.common import DONE, SOME_FAILED, error_lines


@command("plate")
@argument("file", type=PATH, metavar="FILE.csv", help="tidy sheet, or matrix export of a 96-well reader")
@option("--map", "plate_map", type=PATH, metavar="MAP.csv", help="which well is what, for a matrix")
@option("--out", type=PATH, help="results folder; default results/<name of the file>")
@option("--readout", type=TEXT, default="LDH", help="what was measured; adcc list readouts")
def plate(file: Path, plate_map: Path | None, out: Path | None, readout: str) -> None:
    """Turn a laboratory's own plate into % specific lysis and say how good the plate is."""
    folder = out or Path("results") / file.stem
    with error_lines():
        from adccsim.experiments.sheets import plate as analyse_plate

        result, figures = analyse_plate(file, plate_map, readout, folder)
    console.plate(result, folder, figures)


@command("compare")
@argument("files", type=TEXT, nargs=-1, required=True, metavar="FILE...", help="scenario files with a table [compare]")
@option("--out", type=PATH, default=Path("results/compare"), help="folder of the page; each study gets one in it")
@workers
@sets
def compare(files: tuple[str, ...], out: Path, workers: int | None, sets: tuple[str, ...]) -> None:
    """Run the scenario of an experiment (or reuse its runs) and compare prediction and observation."""
    with error_lines():
        from adccsim.runtime import require_address_space

        require_address_space("adcc compare")  # before libraries are loaded that would end the process
        from adccsim.experiments.compare import compare as compare_studies

        with console.Progress() as progress:
            found = compare_studies(files, out, sets=sets, workers=workers, report=console.note, progress=progress)
    console.comparison(found.overview, found.comparisons, found.page)
    raise click.exceptions.Exit(DONE if found.sound else SOME_FAILED)
