"""One well simulated in memory, as analysis reads it: for experiments that ask for thousands and keep no run files."""

from pathlib import Path

from analysis.trajectory import Run, Series
from simulation.conditions import WellCondition
from simulation.version import WELL_MODEL


def simulated(condition: WellCondition) -> Run:
    """The run of a well: its observables, without agents and without a file. Call runtime.configure before."""
    # Numba has to find its cache directory before a kernel is imported.
    from simulation.run.one import measure

    found = measure(condition)
    series = {name: Series(value, hours, "", edges) for name, (value, hours, edges) in found.items()}
    return Run(condition.run_id, condition.plate, WELL_MODEL, condition.as_dict(), Path(), series)
