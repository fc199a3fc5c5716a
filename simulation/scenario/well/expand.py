"""Expand: a scenario becomes the list of wells that are run.

Every point of the sweep, for every donor and replicate, is a condition; the controls that read-outs need are added:
  target_only    no effectors and no antibody: once per plate
  effector_only  no targets: once per plate and E:T, where the read-out counts effectors (LDH)
  no_antibody    dose 0: once per plate and E:T
  fc_null        the same well with an antibody without Fc: for every well with antibody, only when asked for
A control that equals a swept well, or another control, is that well: conditions differ in run_id alone, and a
condition is the same whatever else is swept next to it.
"""

from msgspec.structs import replace

from adccsim.conditions.well import WellCondition
from adccsim.scenario.sweep import points
from adccsim.scenario.well.donors import donors_of
from adccsim.scenario.well.resolve import resolve
from adccsim.scenario.well.schema import Scenario


def expand(scenario: Scenario) -> list[WellCondition]:
    """All wells of a scenario from load.py: the user's in the order of the file, then the controls, no run_id twice."""
    wanted: dict[WellCondition, None] = {}
    controls: dict[WellCondition, None] = {}
    donors = donors_of(scenario.seed, scenario.effectors.donors)
    for point in points(scenario):
        for donor in donors:
            well = resolve(point.scenario, scenario.known, donor)
            wanted[well] = None
            controls |= dict.fromkeys(well.controls(point.scenario.assay.fc_null_control))
    wells = [*wanted, *(control for control in controls if control not in wanted)]
    return [replace(well, replicate=n) if n > 1 else well for well in wells for n in range(1, scenario.replicates + 1)]
