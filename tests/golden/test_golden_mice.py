"""The golden mice: numbers of an unchanged study may move only together with the model version."""

import json

import numpy as np
import pytest

from adccsim.version import XENOGRAFT_MODEL
from tests.golden.mice import FILE, cases, run


@pytest.mark.parametrize("name", cases())
def test_numbers_move_only_with_the_model_version(name):
    golden = json.loads(FILE.read_text())[name]
    now = run(cases()[name])
    assert now.keys() == golden.keys()
    moved = [key for key in golden if not np.allclose(now[key], golden[key], rtol=1e-6, atol=1e-9)]
    assert not moved, (
        f"{moved} moved under {XENOGRAFT_MODEL}. If that is meant: raise XENOGRAFT_MODEL, run `python -m "
        "tests.golden.mice`, and write a **Regression** line into the CHANGELOG."
    )


def test_golden_mice_live_and_die():
    """The golden numbers are of tumours in which things happen."""
    golden = json.loads(FILE.read_text())
    for name in cases():
        assert golden[name]["births"][-1] > 500 and golden[name]["cleared"][-1] > 100, name
    treated = golden["two_antibodies"]
    assert treated["kills_nk"][-1] + treated["kills_myeloid"][-1] > 20
    assert treated["occupancy_mean"][-1] > 0 and treated["occupancy_mean"][-2] > 0  # both epitopes
    assert golden["human_nk"]["kills_human_nk"][-1] > 5
    assert golden["partners"]["deaths_drug"][-1] > 20
