"""The reading of every read-out, from counts of cells: what is measured, and what the maximum is."""

import numpy as np
import pytest
from msgspec.structs import replace

import adccsim as ac
from adccsim.biology.release import CELLS_AT_FULL_SCALE
from adccsim.conditions.well import WellCondition
from adccsim.well.readout import signals

HOURS = np.array([0.0, 2.0, 4.0])
COUNTS = {
    "targets_alive": [200, 150, 50], "targets_dying": [0, 20, 10], "targets_dead": [0, 30, 140],
    "effectors_dead": [0, 40, 80],
}  # fmt: skip


def well(readout: str) -> WellCondition:
    """A well of 200 targets and of NK cells alone; no noise, no leak, no delay."""
    changes = {"assay.readout": readout, "targets.cells": 200, "assay.duration_h": 48 if readout == "viability" else 4}
    found = next(c for c in ac.conditions_of("adcc_protocol", set=changes) if c.role == "sample")
    assay = replace(found.assay, reader_cv=0.0, leak_per_h=0.0, release_delay_h=0.0)
    return replace(found, assay=assay, effectors=replace(found.effectors, other_cells=0))


def readings(condition: WellCondition) -> tuple[np.ndarray, np.ndarray]:
    """(signal, maximum), blank-subtracted, in cells."""
    found = signals(condition, [0, 120, 240], HOURS, lambda name: np.array(COUNTS[name], float))
    signal, maximum = ((found[name] - found["signal_blank"]) for name in ("signal", "signal_maximum"))
    return tuple(CELLS_AT_FULL_SCALE * each / condition.assay.full_scale for each in (signal, maximum))


@pytest.mark.parametrize("readout", ["51Cr", "calcein"])
def test_a_label_of_targets_is_released_by_the_dead(readout):
    signal, maximum = readings(well(readout))
    assert signal == pytest.approx([0, 30, 140]) and maximum == pytest.approx([200, 200, 200])


def test_ldh_comes_from_dead_targets_and_effectors_and_every_target_holds_it():
    condition = well("LDH")
    signal, maximum = readings(condition)
    assert signal == pytest.approx(np.array([0, 30, 140]) + condition.effectors.ldh_content * np.array([0, 40, 80]))
    assert maximum == pytest.approx([200, 200, 200])


def test_other_cells_of_a_preparation_release_ldh_as_they_die():
    bare = well("LDH")
    mixed = replace(bare, effectors=replace(bare.effectors, other_cells=1000))
    more = readings(mixed)[0] - readings(bare)[0]
    dead = 1000 * (1 - np.exp(-bare.effectors.death_per_h * HOURS))
    assert more == pytest.approx(bare.effectors.ldh_content * dead)


def test_a_count_holds_living_and_dying_targets():
    assert readings(well("live-count"))[0] == pytest.approx([200, 170, 60])


def test_viability_holds_living_targets():
    assert readings(well("viability"))[0] == pytest.approx([200, 150, 50])
