"""One well simulated in memory, as analysis reads it: for calibration and sensitivity, which keep no run files."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.reading.runs import Run
    from simulation.conditions import WellCondition


def simulated(condition: "WellCondition") -> "Run":
    """The run of a well: its observables, without agents and without a file."""
    from analysis.reading.runs import Run, Series
    from simulation.run.one import measure
    from simulation.version import WELL_MODEL

    found = measure(condition)
    series = {name: Series(value, hours, "", edges) for name, (value, hours, edges) in found.items()}
    return Run(condition.run_id, condition.plate, WELL_MODEL, condition.as_dict(), Path(), series)
