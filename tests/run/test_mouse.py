"""The driver of one mouse: schedule, end point, record, checkpoint and branch, round a stand-in for the engine."""

import os
import signal

import h5py
import numpy as np
import pytest
from msgspec.structs import replace

from adccsim.conditions.mouse import WeighedDose
from adccsim.execution.mouse import StoppedError
from adccsim.execution.stopping import stop_request
from adccsim.record.checkpoint import load_checkpoint, save_checkpoint
from adccsim.scenario.xenograft.branch import CheckpointError, read_meta
from adccsim.scenario.xenograft.mice import caliper_fraction, read_caliper
from tests.run.fake_tumour import FakeEngine, play
from tests.scenario.mice_example import mice, study_faults
from tests.sealing import flipped


def one(changes=None, place=0):
    return mice({"output.level": "events", **(changes or {})})[place]


def written(condition, checkpoints=None, make=FakeEngine, every_s=60.0):
    """The bytes of the run file of a condition."""
    with h5py.File("mouse.h5", "w", driver="core", backing_store=False) as file:
        play(condition, file, checkpoints=checkpoints, checkpoint_every_s=every_s, make=make)
        file.flush()
        return file.id.get_file_image()


@pytest.fixture
def read(tmp_path):
    def reader(condition, **options):
        path = tmp_path / "mouse.h5"
        path.write_bytes(written(condition, **options))
        return h5py.File(path, "r")

    return reader


class Dosed(FakeEngine):
    """Remembers when it was dosed."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.log = []
        Dosed.last = self

    def apply(self, dose):
        self.log.append((self.tick, dose.drug, dose.mg_per_kg, dose.route))
        super().apply(dose)


def stopping_after(ticks, base=FakeEngine):
    """An engine that sends SIGTERM to its own process during its step `ticks`."""

    class Stopping(base):
        def advance(self, n, events=None):
            super().advance(n, events)
            if self.tick == ticks:
                os.kill(os.getpid(), signal.SIGTERM)

    return Stopping


def stopped_at(tick, condition, checkpoints, base=FakeEngine):
    """Run until a SIGTERM during the step that ends at `tick`."""
    with stop_request() as outer:
        with pytest.raises(StoppedError):
            written(condition, checkpoints, stopping_after(tick, base))
        assert outer.number == signal.SIGTERM  # handed on after saving
        outer.number = None


def dying_after(ticks):
    """An engine that fails in its step `ticks`, as a killed process would: nothing is saved any more."""

    class Dying(FakeEngine):
        def advance(self, n, events=None):
            if self.tick == ticks:
                raise MemoryError("killed")
            super().advance(n, events)

    return Dying


def test_doses_are_given_at_their_hour(read):
    with read(one(place=3), make=Dosed):
        pass
    assert Dosed.last.log == [(0, "trastuzumab", 10.0, "iv"), (168, "trastuzumab", 10.0, "iv")]


def test_what_a_run_file_holds(read):
    condition = one({"output.every_h": 12}, place=3)
    with read(condition) as file:
        assert file["meta"].attrs["status"] == "complete"
        assert (file["meta"].attrs["arm"], file["meta"].attrs["mouse"]) == ("trastuzumab", 1)
        assert file["meta"].attrs["end"] == "study"
        hours = file["observables/volume_true_mm3/time"][()]
        assert hours.tolist() == [12.0 * k for k in range(29)]
        assert file["calipers/day"][()].tolist() == [*condition.study.caliper_days] == [0, 3, 7, 10, 14]
        true = dict(zip(hours, file["observables/volume_true_mm3/value"][()], strict=True))
        assert file["calipers/volume_true_mm3"][()].tolist() == [true[24.0 * day] for day in (0, 3, 7, 10, 14)]
        length, width = file["calipers/length_mm"][()], file["calipers/width_mm"][()]
        assert np.allclose(file["calipers/volume_caliper_mm3"][()], length * width**2 / 2, rtol=1e-8)
        assert file["kills/time"].shape == (file["observables/kills_myeloid/value"][-1],)
        assert set(file["slices"]) == {"cells", "living", "her2", "occupancy", "oxygen", "effectors"}
        assert file["slices/cells"].shape == (2, 2, 2)
        for series in file["observables"].values():
            assert series["value"].attrs["units"] and series["value"].attrs["description"]


def test_a_mouse_leaves_at_the_reading_that_reaches_the_end_point(read):
    condition = one({"study.endpoint_mm3": 250})
    with read(condition) as file:
        read_mm3 = file["calipers/volume_caliper_mm3"][()]
        assert file["meta"].attrs["end"] == "endpoint"
        assert read_mm3[-1] >= 250 > read_mm3[:-1].max()
        assert file["meta"].attrs["end_day"] == file["calipers/day"][-1] < 14
        assert file["observables/volume_true_mm3/time"][-1] == 24 * file["meta"].attrs["end_day"]


def test_without_caliper_error_the_reading_is_three_over_pi(read):
    with read(one({"study.caliper_error_coefficient": 0.0})) as file:
        fraction = file["calipers/volume_caliper_mm3"][()] / file["calipers/volume_true_mm3"][()]
        assert np.allclose(fraction, 3 / np.pi, rtol=1e-8)


def test_levels_hold_what_they_say(read):
    expected = {"observables": set(), "final": {"slices"}, "events": {"slices", "kills"}}
    expected["frames"] = expected["events"] | {"fields", "particles", "VTKHDF"}
    for level, more in expected.items():
        with read(one({"output.level": level}, place=3)) as file:
            assert set(file) == {"h5md", "meta", "observables", "calipers"} | more


@pytest.mark.parametrize("tick", [1, 72, 100, 168, 335])
def test_a_stopped_run_saves_and_goes_on_to_the_same_bytes(tmp_path, tick):
    condition = one({"output.level": "frames"}, place=4)
    whole = written(condition)
    stopped_at(tick, condition, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".ckpt"]
    assert written(condition, tmp_path) == whole


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_bytes(tmp_path):
    condition = one({"output.level": "frames"}, place=5)
    whole = written(condition)
    stopped_at(200, condition, tmp_path)
    with pytest.raises(MemoryError):
        written(condition, tmp_path, dying_after(250))
    assert read_meta(next(tmp_path.glob("*.ckpt")))["tick"] == 200
    assert written(condition, tmp_path) == whole


def test_checkpoints_come_by_themselves(tmp_path):
    condition = one(place=3)
    whole = written(condition)
    with pytest.raises(MemoryError):
        written(condition, tmp_path, dying_after(50), every_s=0.0)
    assert 1 <= read_meta(next(tmp_path.glob("*.ckpt")))["tick"] <= 50
    assert written(condition, tmp_path) == whole


def test_a_checkpoint_of_another_scenario_is_refused(tmp_path):
    mine, other = one(), one({"study.days": 15})
    stopped_at(50, mine, tmp_path)
    saved = next(tmp_path.glob("*.ckpt"))
    meta, arrays = load_checkpoint(saved)
    save_checkpoint(saved, {**meta, "condition": other.as_dict()}, arrays)
    with pytest.raises(CheckpointError, match="another scenario"):
        written(mine, tmp_path)


def test_a_damaged_checkpoint_is_set_aside_and_the_mouse_starts_from_the_beginning(tmp_path):
    mine, checkpoints = one(), tmp_path / "checkpoints"
    stopped_at(50, mine, checkpoints)
    saved = next(checkpoints.glob("*.ckpt"))
    damaged = flipped(saved.read_bytes(), 4 * saved.stat().st_size)
    saved.write_bytes(damaged)
    assert written(mine, checkpoints) == written(mine)
    assert (tmp_path / "damaged" / saved.name).read_bytes() == damaged
    log = (tmp_path / "log").read_text()
    assert f"{saved.name}: damaged" in log and "starts from the beginning" in log and "resume" not in log


def test_a_branch_goes_on_from_the_saved_tumour(tmp_path):
    grown = mice({"output.save_days": [7], "arm.1.dose": [], "arm.1.name": "other"})[0]
    with h5py.File("grown.h5", "w", driver="core", backing_store=False) as file:
        play(grown, file, checkpoints=tmp_path, make=FakeEngine)
        values = file["observables/volume_true_mm3/value"][()]
    saved = next(tmp_path.glob("*.day7.ckpt"))
    branch = {"branch": {"checkpoint": str(saved)}}
    conditions = mice(branch)
    (tmp_path / f"{conditions[0].checkpoint.content}.ckpt").write_bytes(saved.read_bytes())
    assert all(each.mouse_factors == grown.mouse_factors for each in conditions)
    assert len({each.checkpoint.content for each in conditions}) == 1
    for condition in conditions[:1] + conditions[3:4]:
        with h5py.File("branch.h5", "w", driver="core", backing_store=False) as file:
            play(condition, file, checkpoints=tmp_path, make=FakeEngine)
            volumes = file["observables/volume_true_mm3/value"][()]
            assert file["observables/volume_true_mm3/time"][0] == 0.0
            assert volumes[0] == values[7]
            assert file["calipers/day"][0] == 0.0
    errors = study_faults({**branch, "tumour.clone.0.her2_per_cell": 5e5})
    assert len(errors) == 1 and "checkpoint of another scenario" in errors[0]
    assert "no such file" in study_faults({"branch": {"checkpoint": "nowhere.ckpt"}})[0]


def test_caliper_readings_scatter_as_the_formula_says():
    error = one().study.caliper_error
    for volume in (60.0, 150.0, 1000.0):
        logs = [np.log(read_caliper(f"mouse {i}", 3.0, volume, 1.3, error)[2] / volume) for i in range(2000)]
        spread = caliper_fraction(volume, error)
        assert np.std(logs) == pytest.approx(spread, rel=5 / np.sqrt(2 * 2000) + spread**2)
        assert np.mean(logs) == pytest.approx(np.log(3 / np.pi), abs=5 * spread / np.sqrt(2000) + spread**2)


def test_a_mouse_is_weighed_with_its_tumour_on_the_days_of_reading(read, tmp_path):
    doses = [{"drug": "cisplatin", "mg_per_kg": 5, "route": "ip", "days": [3]}]
    plain, weighed = one({"arm.1.dose": doses}, place=3), one({"arm.1.dose": doses, "study.body_weight": True}, place=3)
    untreated, own = one({"study.body_weight": True}).study.body_weight, weighed.study.body_weight
    without = replace(weighed, study=replace(weighed.study, body_weight=None))
    assert without == plain  # nothing but the balance is new
    assert own.doses == (WeighedDose(day=3.0, mg_per_kg=5.0, weight_loss_per_mg_kg=0.019, weight_nadir_d=4.0),)
    assert untreated.doses == ()
    with read(plain) as file:
        assert "body_weight_g" not in file["calipers"]
    with read(weighed) as file:
        weight, tumour = file["calipers/body_weight_g"], file["calipers/volume_true_mm3"][()]
        assert weight.attrs["units"] == "g"
        days = file["calipers/day"][()]
        healthy = own.adult_g - (own.adult_g - own.start_g) * np.exp(-days / own.gain_d)
        x = np.maximum(days - 3.0, 0.0) / 4.0
        assert np.allclose(weight, healthy * np.exp(-0.019 * 5.0 * x * np.exp(1.0 - x)) + 1e-3 * tumour, rtol=1e-12)
        whole = file.id.get_file_image()
    stopped_at(200, weighed, tmp_path)
    assert written(weighed, tmp_path) == whole  # the weights come back with the checkpoint


def test_antibodies_cost_no_weight_and_mice_differ():
    weights = [each.study.body_weight for each in mice({"study.body_weight": True})]
    assert all(weight.doses == () for weight in weights)
    assert len({weight.start_g for weight in weights}) == 6
    assert all(15.0 < weight.start_g < 25.0 for weight in weights)
    paired = mice({"study.body_weight": True, "random": "paired"})
    assert paired[0].study.body_weight == paired[3].study.body_weight
