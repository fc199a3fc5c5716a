"""Effectors that come and go during a run: room for them, and what is remembered of them."""

import h5py
import numpy as np
import pytest

from adccsim.execution.one import simulate
from adccsim.scenario.errors import ScenarioError
from adccsim.well.engine import WellEngine
from adccsim.well.params import well_params
from tests.oracle.conditions import small_well
from tests.scenario import conditions
from tests.well.runs import typed


def test_layers_have_room_for_effectors_that_are_added_later():
    case = small_well(500, effectors__et_ratio=1)
    case["action"] = [{"at_h": 0.25, "add_effectors": 20_000, "nk_cells": 20_000, "other_cells": 0}]
    engine = WellEngine(well_params(typed(case)), 1, check=True)
    assert engine.layers == 4
    engine.advance(15)
    engine.apply(typed(case).interventions[0])
    engine.advance(15)
    assert engine.observe()["effectors_alive"] > 20_000


def test_kills_of_effectors_that_were_rinsed_away_stay_in_the_table():
    case = small_well(500, effectors__et_ratio=5, assay__duration_h=2.0)
    case["action"] = [{"at_h": 1.5, "wash_effectors": True}]
    with h5py.File("rinsed", "w", driver="core", backing_store=False) as file:
        simulate(typed(case), file, check=True)
        counts = file["observables/kills_per_nk/value"][0]
        assert counts.sum() == 2_500  # every effector that was ever there
        assert (counts * np.arange(len(counts))).sum() == file["observables/kills/value"][-1] > 100
        assert file["observables/effectors_alive/value"][-1] < 1_000


def test_cells_beside_nk_release_no_more_once_they_are_rinsed_away():
    case = small_well(500, effectors__et_ratio=10, effectors__nk_fraction=0.1, assay__duration_h=4.0)
    case["targets"]["cells"], case["action"] = 0, [{"at_h": 1.0, "wash_effectors": True}]
    with h5py.File("rinsed", "w", driver="core", backing_store=False) as file:
        simulate(typed(case), file)
        signal, hours = file["observables/signal/value"][()], file["observables/signal/time"][()]
    assert signal[0] < signal[hours <= 1.0][-1] == pytest.approx(signal[-1])


def test_a_pair_of_antibodies_needs_the_same_fc_part():
    with pytest.raises(ScenarioError, match="a pair needs the same Fc part"):
        conditions({"antibody.name": "pertuzumab", "antibody.partner": "trastuzumab-F(ab')2"})


def test_labels_are_refused_where_cells_grow():
    with pytest.raises(ScenarioError, match="daughter cells carry no label"):
        conditions({"assay.readout": "51Cr", "assay.duration_h": 48})
