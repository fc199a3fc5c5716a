"""The Mesa model of the tumour is the engine of `adcc run`: same two mice, same doses, same end."""

import io
import tomllib

import h5py
import numpy as np
import pytest
from mesa.batchrunner import batch_run

from adccsim.analysis.growth.measures import tgi_tc
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.xenograft.expand import expand_mice
from adccsim.teaching.agents import StaleCell
from adccsim.teaching.tumour_model import BASE, TumourModel
from adccsim.toml_text import toml_text
from tests.run.fake_tumour import play

SMALL = {"start_volume_mm3": 0.05, "days": 3, "dose_days": [0, 2], "rng": 5}


@pytest.fixture(scope="module")
def by_hand() -> TumourModel:
    """A study of three days in which somebody gives a dose at an hour that no plan has."""
    model = TumourModel(dose_mg_per_kg=1.0, **SMALL)
    model.run_for(31)
    model.give(10.0)
    model.run_for(41)
    return model


def runs_of(text: str) -> dict[str, h5py.File]:
    """Arm -> the run file that `adcc run` makes of a scenario."""
    found = {}
    for condition in expand_mice(scenario_from_text(text)):
        found[condition.arm] = h5py.File(io.BytesIO(), "w")
        play(condition, found[condition.arm])
    return found


def assert_same_end(mouse, file):
    """Every observable of a run file, at every hour that was observed, is that of the mouse."""
    for name, group in file["observables"].items():
        seen = np.array([row[name] for row in mouse.record.rows])
        kept = group["value"][:]
        if seen.shape == kept.shape:  # the page keeps a drug's columns before its first dose
            np.testing.assert_array_equal(seen, kept, err_msg=name)
        else:
            assert name == "plasma_ug_per_ml" and not seen.any()
    assert file["observables/cells_alive/value"][-1] == mouse.engine.observe()["cells_alive"]


def test_what_a_hand_gave_can_be_run_again(by_hand):
    """`adcc run` of the exported file: both mice, observation by observation, to the same end."""
    files = runs_of(by_hand.to_toml())
    assert set(files) == {"treated", "untreated"}
    assert_same_end(by_hand.pair.treated, files["treated"])
    assert_same_end(by_hand.pair.control, files["untreated"])
    assert by_hand.observed["plasma_ug_per_ml"].sum() > 50  # the dose was there


def test_the_exported_file_opened_again_plays_the_same(by_hand):
    again = TumourModel.from_toml(by_hand.to_toml())
    again.run_for(72)
    assert again.pair.treated.volumes == by_hand.pair.treated.volumes
    assert again.pair.control.volumes == by_hand.pair.control.volumes
    for name, values in again.pair.treated.engine.arrays().items():
        np.testing.assert_array_equal(values, by_hand.pair.treated.engine.arrays()[name], err_msg=name)


def test_a_mouse_without_a_dose_is_its_own_control_and_that_of_adcc_run():
    """The drug's constants, kept for a hand, change nothing; the file has the untreated arm alone."""
    model = TumourModel(dose_mg_per_kg=0.0, **SMALL)
    model.run_for(72)
    assert model.pair.treated.volumes == model.pair.control.volumes
    assert model.tgi_pct == pytest.approx(0.0, abs=1e-9)
    files = runs_of(model.to_toml())
    assert set(files) == {"untreated"}
    assert_same_end(model.pair.treated, files["untreated"])


def test_tgi_is_the_formula_of_the_analysis_on_the_two_volumes(by_hand):
    pair = by_hand.pair
    assert 0 < by_hand.tgi_pct < 100
    assert by_hand.tgi_pct == tgi_tc(pair.control.volumes[-1], pair.treated.volumes[-1])
    days, treated, untreated = pair.curve()
    assert (days[0], days[-1]) == (0, 3)
    assert treated[0] == untreated[0]
    assert by_hand.volume_mm3 == treated[-1] < untreated[-1] == by_hand.control_volume_mm3


def test_same_seed_same_mouse_however_time_is_cut(by_hand):
    one, other = (TumourModel(dose_mg_per_kg=3.0, **SMALL) for _ in range(2))
    one.run_for(30)
    for hours in (7, 1, 22):
        other.pair.advance(hours)
    assert one.pair.treated.volumes == other.pair.treated.volumes
    third = TumourModel(dose_mg_per_kg=3.0, **SMALL | {"rng": 6})
    assert third.volume_mm3 != one.pair.treated.volumes[0]


def test_batch_run_sweeps_dose_and_seed():
    rows = batch_run(
        TumourModel, {"dose_mg_per_kg": [0.0, 10.0], "start_volume_mm3": 0.05, "days": 2, "dose_days": [[0]]},
        rng=[1, 2], max_steps=100, data_collection_period=-1, display_progress=False,
    )  # fmt: skip
    assert len(rows) == 4
    for row in rows:
        assert row["days"] == 2.0
        assert (row["tgi_pct"] > 0) == (row["dose_mg_per_kg"] == 10.0)
        assert (row["receptor_occupancy"] > 0.2) == (row["dose_mg_per_kg"] == 10.0)


def test_the_data_collector_has_a_row_per_observation_and_the_model_ends(by_hand):
    frame = by_hand.datacollector.get_model_vars_dataframe()
    np.testing.assert_allclose(frame["days"] * 24, np.arange(0, 73, 6))
    assert frame["plasma_ug_per_ml"].is_monotonic_increasing is False
    assert not by_hand.running
    by_hand.step()  # past the end
    assert by_hand.days == 3.0
    with pytest.raises(ScenarioError, match="over"):
        by_hand.give(1.0)


def test_cells_of_the_slice_can_be_asked_like_agents():
    model = TumourModel(dose_mg_per_kg=1.0, **SMALL)
    model.run_for(10)
    cells, effectors = model.slice_cells, model.slice_effectors
    layer = model.grid.cells.data
    assert len(cells) == layer.sum() > 500
    assert len(effectors) == model.grid.effectors.data.sum() > 3
    assert len(model.agents) == len(cells) + len(effectors)
    x, y = cells.to_list()[0].pos
    here = cells.select(lambda cell: cell.pos == (x, y))
    assert len(here) == layer[x, y]
    alive = here.select(lambda cell: cell.status == "alive")
    assert len(alive) / len(here) == pytest.approx(model.grid.living.data[x, y], abs=0.02)  # one may be dying
    assert cells.to_list()[0].oxygen == model.grid.oxygen.data[x, y]
    assert {nk.kind for nk in effectors} <= {"nk", "myeloid"}
    assert sum(nk.kills for nk in effectors) <= model.pair.treated.engine.observe()["kills_myeloid"] + 5
    # the barrier: who is near a vessel carries more
    near = np.mean([cell.occupancy for cell in cells if cell.rank < 32])
    far = np.mean([cell.occupancy for cell in cells if cell.rank >= 224])
    assert near > 3 * far
    mean = np.mean([cell.occupancy for cell in cells])
    weight = model.grid.cells.data
    assert mean == pytest.approx(np.average(model.grid.occupancy.data, weights=weight), rel=0.15)  # classes are coarse
    model.step()
    with pytest.raises(StaleCell):
        _ = cells.to_list()[0].her2
    with pytest.raises(TypeError):
        cells.to_list()[0].remove()


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"dose_mg_per_kg": -1.0}, "arm[1].dose[0].mg_per_kg"),
        ({"dose_mg_per_kg": float("nan")}, "arm[1].dose[0].mg_per_kg"),
        ({"drug": "trastuzumob"}, "arm[1].dose[0].drug"),
        ({"strain": "bald"}, "mouse.strain"),
        ({"days": 5}, "arm[1].dose[0].days"),
        ({"doze": 1.0}, "doze"),
        ({"start_volume_mm3": 900.0}, "tumour.start_volume_mm3"),
        ({"base": BASE + "[sweep]\n'tumour.start_volume_mm3' = [1, 2]\n"}, "sweep"),
        ({"base": BASE.replace('"paired"', '"independent"')}, "random"),
        ({"base": BASE.replace("mice = 1", "mice = 2")}, "arm[0].mice"),
        ({"base": BASE.replace('"untreated"', '"other"')}, "arm"),
        ({"base": BASE.replace("days = 14", "days = 14\nendpoint_mm3 = 2.0")}, "study.endpoint_mm3"),
        ({"base": BASE.replace('"xenograft"', '"well"')}, "kind"),
        ({"base": "schema = "}, "base"),
    ],
)
def test_bad_input_is_refused_by_key(params, path):
    with pytest.raises(ScenarioError) as error:
        TumourModel(**params)
    assert path in [fault.path for fault in error.value.errors]


@pytest.mark.parametrize("dose", [-1.0, 0.0, float("inf"), float("nan"), 1e9])
def test_a_refused_dose_changes_nothing(dose):
    model = TumourModel(dose_mg_per_kg=1.0, **SMALL)
    model.run_for(1)
    before = model.to_toml(), model.pair.treated.engine.plasma.concentration().copy()
    with pytest.raises(ScenarioError):
        model.give(dose)
    assert model.to_toml() == before[0]
    np.testing.assert_array_equal(model.pair.treated.engine.plasma.concentration(), before[1])


def test_a_second_dose_within_the_hour_is_refused():
    model = TumourModel(dose_mg_per_kg=1.0, **SMALL)
    with pytest.raises(ScenarioError, match="this hour"):
        model.give(1.0)  # that of the plan was given
    model.run_for(1)
    model.give(1.0)
    assert tomllib.loads(model.to_toml())["arm"][1]["dose"][1]["days"] == [1 / 24]
    with pytest.raises(ScenarioError, match="this hour"):
        model.give(2.0)


def test_a_file_without_a_planned_dose_takes_trastuzumab_by_hand():
    raw = tomllib.loads(BASE)
    del raw["arm"][1]["dose"]
    raw["tumour"]["start_volume_mm3"] = 0.05
    model = TumourModel(base=toml_text(raw))
    model.run_for(2)
    model.give(10)
    model.run_for(10)
    assert model.pair.treated.engine.plasma.concentration().sum() > 50
    assert tomllib.loads(model.to_toml())["arm"][1]["dose"][0]["drug"] == "trastuzumab"
