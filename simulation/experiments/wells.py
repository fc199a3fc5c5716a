"""Wells as analysis reads them, without a run file: simulated in memory, or only planned."""

from collections.abc import Mapping
from pathlib import Path

from adccsim.analysis.reading.run_file import Series
from adccsim.analysis.reading.runs import Run
from adccsim.conditions import WellCondition
from adccsim.version import WELL_MODEL


def planned(condition: WellCondition, series: Mapping[str, Series] | None = None) -> Run:
    """The run of a well that has not been made: its condition, and no observables unless they are given."""
    return Run(condition.run_id, condition.plate, WELL_MODEL, condition.as_dict(), Path(), dict(series or {}))


def simulated(condition: WellCondition) -> Run:
    """The run of a well, made in memory: its observables, without agents. Call runtime.configure before."""
    # Numba has to find its cache directory before a kernel is imported.
    from adccsim.execution.well import measure

    found = measure(condition)
    return planned(condition, {name: Series(value, hours, "", edges) for name, (value, hours, edges) in found.items()})
