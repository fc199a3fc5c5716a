"""Restart and branch of a real tumour: the engine's whole state goes through a checkpoint."""

import h5py
import numpy as np
import pytest

from adccsim.xenograft.engine import TumourEngine
from tests.run.fake_tumour import play
from tests.run.test_mouse import stopped_at, written
from tests.scenario.mice_example import mice

SMALL = {"tumour.fraction_simulated": 2e-4, "study.days": 5, "arm.0.mice": 1, "arm.1.mice": 1, "output.level": "frames"}
DOSES = [
    {"drug": "trastuzumab", "mg_per_kg": 10, "route": "ip", "days": [0]},
    {"drug": "pertuzumab", "mg_per_kg": 10, "route": "sc", "days": [2]},
    {"drug": "cisplatin", "mg_per_kg": 5, "route": "iv", "days": [1]},
]


def volumes(condition, checkpoints=None):
    with h5py.File("mouse.h5", "w", driver="core", backing_store=False) as file:
        play(condition, file, checkpoints=checkpoints)
        return {name: group["value"][()] for name, group in file["observables"].items()}


@pytest.mark.slow
@pytest.mark.parametrize("tick", [31, 72])
def test_a_stopped_tumour_goes_on_to_the_same_bytes(tmp_path, tick):
    condition = mice({**SMALL, "arm.1.dose": DOSES, "mouse.strain": "NSG-human-NK"})[1]
    whole = written(condition, make=TumourEngine)
    stopped_at(tick, condition, tmp_path, TumourEngine)
    assert written(condition, tmp_path, TumourEngine) == whole


@pytest.mark.slow
def test_one_tumour_branches_into_arms(tmp_path):
    """A saved, treated tumour goes on untreated, and under a drug that it did not know."""
    grown = mice({**SMALL, "arm.1.dose": DOSES[:1], "output.save_days": [3]})[1]
    before = volumes(grown, tmp_path)
    saved = next(tmp_path.glob("*.day3.ckpt"))
    arms = [{"name": "control", "mice": 2}, {"name": "new", "mice": 1, "dose": [{**DOSES[2], "days": [0]}]}]
    control, twin, new = (
        each for each in mice({**SMALL, "arm": arms, "branch": {"checkpoint": str(saved)}, "study.days": 4})
    )
    (tmp_path / f"{control.checkpoint.content}.ckpt").write_bytes(saved.read_bytes())
    after = {name: volumes(condition, tmp_path) for name, condition in (("a", control), ("b", twin), ("new", new))}
    for seen in after.values():
        assert seen["volume_true_mm3"][0] == before["volume_true_mm3"][3]
        assert np.array_equal(seen["plasma_ug_per_ml"][0], before["plasma_ug_per_ml"][3])
        assert seen["kills_myeloid"][0] == before["kills_myeloid"][3] > 0
    assert after["a"]["volume_true_mm3"][-1] != after["b"]["volume_true_mm3"][-1]  # mice of their own from then on
    assert after["new"]["deaths_drug"][-1] > 0 == after["a"]["deaths_drug"][-1]
