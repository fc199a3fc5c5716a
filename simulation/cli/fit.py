"""`adcc calibrate`: numbers of the catalogue fitted to measured experiments."""

from pathlib import Path

from adccsim import console
from adccsim.cli.arguments import command, out_of_file, scenario_file, sets, workers
from adccsim.cli.common import error_lines


@command("calibrate")
@scenario_file
@out_of_file
@workers
@sets
def calibrate(file: str, out: Path | None, workers: int | None, sets: tuple[str, ...]) -> None:
    """Fit free catalogue numbers to measured experiments: least squares, then a sample of the posterior."""
    with error_lines():
        from adccsim.runtime import require_address_space

        require_address_space("adcc calibrate")  # before libraries are loaded that would end the process
        from adccsim.experiments.calibrate import calibrate as fit
        from adccsim.scenario.shipped import find

        path = find(file)
        folder = out or Path("results") / path.stem
        with console.Progress("points") as progress:
            found = fit(path, folder, sets=sets, workers=workers, report=console.note, progress=progress)
    console.calibration(found.residuals, found.best, found.overlay)
