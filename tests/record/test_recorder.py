"""Recorder: what is observed twice at one step is kept once, and every series shares one clock."""

import h5py
import numpy as np

from adccsim.record import mouse_layout
from adccsim.record.mouse import MouseRecord
from adccsim.record.objects import write_parts
from adccsim.record.recorder import Recorder


def test_a_second_row_of_one_step_replaces_the_first():
    record = Recorder(tick_h=0.5)
    for step, value in ((0, 1), (4, 2), (4, 3)):
        record.sample(step, {"kills": value})
    assert record.series("kills").tolist() == [1, 3]
    assert record.hours.tolist() == [0.0, 2.0]


def test_series_share_one_clock_and_name_their_columns_even_where_there_are_none():
    record = MouseRecord(tick_h=1.0)
    for step in (0, 24):
        record.sample(step, {"cells_alive": np.int64(9), "plasma_ug_per_ml": np.zeros(0), "clone_cells": [4, 5]})
    with h5py.File("series.h5", "w", driver="core", backing_store=False) as file:
        classes = {"plasma_ug_per_ml": [], "clone_cells": ["1: a", "2: b"]}
        write_parts(file, record.series_parts(mouse_layout.SERIES, "hours", classes=classes))
        group = file["observables"]
        assert {name: group[name]["value"].shape for name in group} == {
            "cells_alive": (2,), "clone_cells": (2, 2), "plasma_ug_per_ml": (2, 0),
        }  # fmt: skip
        assert list(group["clone_cells/value"].attrs["classes"]) == ["1: a", "2: b"]
        assert len(group["plasma_ug_per_ml/value"].attrs["classes"]) == 0
        assert "classes" not in group["cells_alive/value"].attrs
        assert group["clone_cells/time"] == group["cells_alive/time"]
        assert group["cells_alive/time"][:].tolist() == [
            0,
            24,
        ]
