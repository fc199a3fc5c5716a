"""The golden run: numbers of an unchanged scenario may move only together with the model version."""

import json

import numpy as np
import pytest

from adccsim.version import WELL_MODEL
from tests.golden.wells import FILE, cases, run


@pytest.mark.parametrize("name", cases())
def test_numbers_move_only_with_the_model_version(name):
    golden = json.loads(FILE.read_text())[name]
    now = run(cases()[name])
    assert now.keys() == golden.keys()
    moved = [key for key in golden if not np.allclose(now[key], golden[key], rtol=1e-9, atol=1e-12)]
    assert not moved, (
        f"{moved} moved under {WELL_MODEL}. If that is meant: raise WELL_MODEL, run `python -m tests.golden.wells`, "
        "and write a **Regression** line into the CHANGELOG."
    )


def test_golden_wells_kill_and_grow():
    """The golden numbers are of wells in which things happen."""
    golden = json.loads(FILE.read_text())
    assert golden["four_hours"]["kills"][-1] > 50 and golden["four_hours"]["antibody_cleared_per_target"][-1] > 0
    assert golden["two_days"]["births"][-1] > 50
    assert golden["after_culture"]["resistant_fraction"][0] > 0
    assert golden["stacked"]["kills"][-1] > 50
