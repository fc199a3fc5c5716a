"""Paired runs: the same random numbers in every arm, so that an antibody without Fc is exactly no antibody."""

import h5py
import numpy as np
import pytest

from adccsim.conditions import WellCondition
from adccsim.execution.one import simulate
from tests.scenario import conditions


def kills(condition: WellCondition) -> np.ndarray:
    with h5py.File(condition.role, "w", driver="core", backing_store=False) as file:
        simulate(condition, file)
        return file["observables/kills/value"][()]


@pytest.mark.parametrize(("random", "equal"), [("paired", True), ("independent", False)])
def test_fc_null_is_no_antibody_exactly_when_runs_are_paired(random, equal):
    changes = {
        "random": random, "replicates": 1, "targets.cells": 500, "effectors.type": "NK-IL2", "assay.readout": "calcein",
        "assay.fc_null_control": True, "antibody.dose_ug_per_ml": 1.0,
    }  # fmt: skip
    found = {condition.role: condition for condition in conditions(changes)}
    without, fc_null, sample = (kills(found[role]) for role in ("no_antibody", "fc_null", "sample"))
    assert without[-1] > 20 and sample[-1] > without[-1]
    assert np.array_equal(without, fc_null) == equal
