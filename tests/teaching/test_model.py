"""The Mesa model of the teaching page is the engine of `adcc run`: same cells, same events, same lysis."""

import io
import tomllib

import h5py
import numpy as np
import pytest
from mesa.batchrunner import batch_run

from adccsim.analysis.assay.study import analyse_wells
from adccsim.execution.one import run_to_file, simulate
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.well.expand import expand
from adccsim.teaching.agents import NK, OUTSIDE, TARGET, StaleCell
from adccsim.teaching.model import BASE, ADCCModel
from adccsim.toml_text import toml_text
from adccsim.well.engine import WellFullError
from adccsim.well.readout import agents

SMALL = {"cells": 300, "duration_h": 2.0, "rng": 5}


def by_hand(**more) -> ADCCModel:
    """A run in which somebody adds antibody and NK cells and washes, at times that are no round numbers."""
    model = ADCCModel(**SMALL, **more)
    model.run_for(17)
    model.add_antibody(0.5)
    model.run_for(20)
    model.add_nk(400)
    model.run_for(23)
    model.wash_nk()
    model.add_nk(200)
    model.run_for(30)
    model.wash_antibody()
    model.run_for(30)
    return model


def in_memory(text: str) -> h5py.File:
    """The run file that `adcc run` makes of the user's own well of a scenario."""
    condition = expand(scenario_from_text(text))[0]
    file = h5py.File(io.BytesIO(), "w")
    simulate(condition, file)
    return file


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"dose_ug_per_ml": 0.0},
        {"et_ratio": 0.0},
        {"readout": "51Cr", "genotype": "FF", "antibody": "trastuzumab-afucosylated"},
    ],
)
def test_what_a_hand_did_can_be_run_again(start):
    """The exported scenario gives the same events, in the same order, and the same cells at the end."""
    model = by_hand(record_events=True, **start)
    with in_memory(model.to_toml()) as file:
        final = agents(model.plate.sample.engine)
        for name, values in final.items():
            assert np.array_equal(file[f"final/{name}"][:], values), name
        events = [np.concatenate(column) for column in zip(*model.plate.events, strict=True)]
        assert len(events[0]) > 200
        for name, column in zip(("time", "kind", "target", "effector"), events, strict=False):
            assert np.array_equal(file[f"events/{name}"][:], column), name
        signal = model.plate.sample.record.series("kills")
        assert np.array_equal(file["observables/kills/value"][:], signal)


def test_a_lesson_with_planned_actions_is_that_of_the_hand():
    """The exported scenario, opened as a lesson, plays the same run: wells, controls and lysis at every minute."""
    model = by_hand(readout="LDH")
    again = ADCCModel.from_toml(model.to_toml())
    again.run_for(120)
    for role, well in model.plate.wells.items():
        assert np.array_equal(well.engine.grid, again.plate.wells[role].engine.grid), role
        assert well.record.rows == again.plate.wells[role].record.rows, role
    assert np.array_equal(model.plate.curve()[1], again.plate.curve()[1], equal_nan=True)


def test_an_untouched_well_without_antibody_is_that_of_adcc_run():
    """The page keeps the antibody's constants in a well at dose 0; nothing but an action may show that."""
    model = ADCCModel(dose_ug_per_ml=0.0, **SMALL)
    model.run_for(120)
    with in_memory(model.to_toml()) as file:
        assert np.array_equal(file["final/target_status"][:], agents(model.plate.sample.engine)["target_status"])


@pytest.mark.parametrize("readout", ["LDH", "calcein", "live-count"])
def test_lysis_is_that_of_the_analysis(readout, tmp_path):
    model = by_hand(readout=readout)
    for condition in expand(scenario_from_text(model.to_toml())):
        run_to_file(condition, tmp_path / "runs")
    table = analyse_wells(tmp_path, with_figures=False).tables["lysis"].set_index("role")
    assert model.specific_lysis_pct > 10
    assert model.specific_lysis_pct == pytest.approx(table.loc["sample", "specific_lysis_pct"], abs=1e-3)
    assert model.control_lysis_pct == pytest.approx(table.loc["no_antibody", "specific_lysis_pct"], abs=1e-3)


def test_same_seed_same_run_however_time_is_cut():
    one, other = ADCCModel(**SMALL), ADCCModel(**SMALL)
    one.run_for(120)
    while other.running:
        other.plate.advance(7)
        other._look()
    assert one.specific_lysis_pct == other.specific_lysis_pct
    for name, values in agents(one.plate.sample.engine).items():
        assert np.array_equal(values, agents(other.plate.sample.engine)[name]), name
    third = ADCCModel(**SMALL | {"rng": 6})
    third.run_for(120)
    assert third.plate.curve()[1].tolist() != one.plate.curve()[1].tolist()


def test_batch_run_sweeps_dose_and_seed():
    rows = batch_run(
        ADCCModel, {"dose_ug_per_ml": [0.0, 1.0], "cells": 200, "duration_h": 2.0}, rng=[1, 2],
        max_steps=1000, data_collection_period=-1, display_progress=False,
    )  # fmt: skip
    assert len(rows) == 4
    for row in rows:
        killed = row["specific_lysis_pct"] > row["control_lysis_pct"] + 10
        assert killed == (row["dose_ug_per_ml"] == 1.0)
        assert row["hours"] == 2.0


def test_the_data_collector_holds_one_row_per_minute_and_the_state_after_an_action():
    model = by_hand()
    frame = model.datacollector.get_model_vars_dataframe()
    assert np.allclose(frame["hours"] * 60, np.arange(121))
    assert frame["effectors_alive"][37] > frame["effectors_alive"][36] + 300
    assert not model.running
    model.step()  # past the end
    assert model.hours == 2.0
    assert len(model.datacollector.get_model_vars_dataframe()) == 121


def test_cells_can_be_asked_like_agents():
    model = by_hand()
    kills = model.nk_cells.get("kills")
    assert (
        sum(kills) + int(model.plate.sample.engine.washed["effector_kills"].sum())
        == model.plate.sample.engine.observe()["kills"]
    )
    killers = model.nk_cells.select(lambda nk: nk.kills > 0)
    assert len(killers) == np.count_nonzero(kills)
    assert all(nk.contacts > 0 for nk in killers)
    dead = model.tumour_cells.select(lambda cell: cell.status in ("dead", "cleared"))
    assert len(dead) == model.plate.sample.engine.observe()["targets_dead"]
    holding = model.nk_cells.select(lambda nk: nk.state == "killing")
    for nk in holding:
        (x, y), (tx, ty) = nk.pos, nk.target.pos
        assert -1 <= x - tx <= 2 and -1 <= y - ty <= 2
        assert nk.target.alive
    assert len(model.agents) == len(model.nk_cells) + len(model.tumour_cells)


def test_a_cell_looked_up_before_a_wash_is_refused_and_not_mistaken():
    model = ADCCModel(**SMALL)
    model.run_for(60)
    nk = model.nk_cells.to_list()[0]
    model.wash_nk()
    assert len(model.nk_cells) > 0
    with pytest.raises(StaleCell):
        _ = nk.kills
    with pytest.raises(TypeError):
        nk.remove()


def test_property_layers_agree_with_the_cells():
    model = ADCCModel(**SMALL)
    model.run_for(30)
    occupancy = model.grid.occupancy.data
    for nk in model.nk_cells.select(lambda nk: nk.state != "dead"):
        assert occupancy[nk.pos] == NK
    present = model.tumour_cells.select(lambda cell: cell.status != "cleared")
    assert (occupancy == TARGET).sum() == 4 * len(present)
    assert (occupancy[0] == OUTSIDE).all()
    cell = present.to_list()[3]
    assert model.grid.her2.data[cell.pos] == pytest.approx(cell.her2, rel=1e-6)
    assert model.grid.bound.data[cell.pos] == pytest.approx(cell.bound, rel=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        occupancy[0, 0] = 0


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"dose_ug_per_ml": -1.0}, "antibody.dose_ug_per_ml"),
        ({"dose_ug_per_ml": float("nan")}, "antibody.dose_ug_per_ml"),
        ({"cell_line": "SK-BR-4"}, "targets.cell_line"),
        ({"et_ratio": 1e9}, "effectors.et_ratio"),
        ({"readout": "viability"}, "assay.readout"),
        ({"doze_ug_per_ml": 1.0}, "doze_ug_per_ml"),
        ({"base": BASE + "[sweep]\n'effectors.et_ratio' = [1, 2]\n"}, "sweep"),
        ({"base": BASE.replace('"paired"', '"independent"')}, "random"),
        ({"base": "schema = "}, "base"),
    ],
)
def test_bad_input_is_refused_by_key(params, path):
    with pytest.raises(ScenarioError) as error:
        ADCCModel(**params)
    assert path in [fault.path for fault in error.value.errors]


@pytest.mark.parametrize(
    "act",
    [
        lambda model: model.add_antibody(-1.0),
        lambda model: model.add_antibody(float("inf")),
        lambda model: model.add_nk(0),
        lambda model: model.add_nk(10**9),
        lambda model: model.add_nk(2.5),
        lambda model: (model.run_for(200), model.add_nk(10)),
        lambda model: (model.wash_nk(), model.wash_nk()),
    ],
)
def test_a_refused_action_changes_nothing(act):
    model, twin = ADCCModel(**SMALL), ADCCModel(**SMALL)
    model.run_for(10)
    twin.run_for(10)
    with pytest.raises(ScenarioError):
        act(model)
    model.run_for(30)
    if not model.plate.raw.get("action") and model.running:
        twin.run_for(30)
        assert np.array_equal(model.plate.sample.engine.grid, twin.plate.sample.engine.grid)


def test_an_action_that_one_well_cannot_take_is_undone_in_all(monkeypatch):
    model, twin = ADCCModel(**SMALL), ADCCModel(**SMALL)
    model.run_for(10)

    def full(action):
        raise WellFullError("no room")

    monkeypatch.setattr(model.plate.control.engine, "apply", full)
    with pytest.raises(ScenarioError, match="no room"):
        model.add_nk(50)
    model.run_for(50)
    twin.run_for(60)
    for role, well in model.plate.wells.items():
        assert np.array_equal(well.engine.grid, twin.plate.wells[role].engine.grid), role
        assert well.record.rows == twin.plate.wells[role].record.rows, role
    assert model.to_toml() == twin.to_toml()


def test_toml_text_reads_back_as_the_same_tables():
    raw = {
        "title": 'a "b" \\ \x7f\nä', "n": 3, "x": 1e-05, "on": True, "list": [1.5, "two"],
        "targets": {"cell_line": "SK-BR-3", "odd key": 0.1}, "action": [{"at_h": 1 / 3}, {"wash": True}],
    }  # fmt: skip
    assert tomllib.loads(toml_text(raw)) == raw
    with pytest.raises(TypeError):
        toml_text({"nothing": None})
