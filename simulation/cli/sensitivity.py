"""`adcc sensitivity`: which catalogue numbers move the outcome, over the whole of their ranges."""

from pathlib import Path

from adccsim import console
from adccsim.cli.arguments import command, out_of_file, scenario_file, sets, workers
from adccsim.cli.common import error_lines


@command("sensitivity")
@scenario_file
@out_of_file
@workers
@sets
def sensitivity(file: str, out: Path | None, workers: int | None, sets: tuple[str, ...]) -> None:
    """Vary catalogue numbers over their ranges and say what moves the outcome (Morris, then Sobol)."""
    with error_lines():
        from adccsim.runtime import require_address_space

        require_address_space("adcc sensitivity")  # before libraries are loaded that would end the process
        from adccsim.experiments import sensitivity as experiment
        from adccsim.scenario.shipped import find

        experiment.require_library()
        path = find(file)
        folder = out or Path("results") / path.stem
        with console.Progress("points") as progress:
            found = experiment.sensitivity(
                path, folder, sets=sets, workers=workers, report=console.note, progress=progress
            )
    for method, table in found.tables.items():
        console.sensitivity(method, table)
    console.say(f"page: {found.page}")
