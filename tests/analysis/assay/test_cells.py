"""What a microscope counts: from histograms and courses to one row per quantity."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay.cells import (
    CONTACTS,
    DEATHS,
    HALF,
    KILLS,
    NO_CONTACT,
    PER_CONTACT,
    SERIAL,
    ZERO_KILLS,
    cell_table,
    check_recorded,
)
from adccsim.analysis.assay.contacts import AFTER_KILL, FIRST
from adccsim.analysis.errors import SheetError
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import Run, Series


def a_run(donor, kills, contacts, role="sample", signal=(4.0, 3.0, 2.0), et_ratio=1.0):
    """A live-count well: NK by number of kills and contacts, living targets at 0, 1 and 2 h."""
    time = np.array([0.0, 1.0, 2.0])
    condition = {
        "role": role, "donor": donor, "replicate": 1,
        "targets": {"cell_line": "X"}, "effectors": {"type": "NK", "et_ratio": et_ratio, "nk_cells": 4},
        "antibody": {"name": "none", "dose_ug_per_ml": 0.0}, "assay": {"duration_h": 2.0, "readout": "live-count"},
    }  # fmt: skip
    seen = {
        name: Series(np.array([values], float), time[-1:], "", np.arange(len(values) + 1.0))
        for name, values in (("kills_per_nk", kills), ("contacts_per_nk", contacts))
    }
    seen |= {"signal": Series(np.array(signal), time), "signal_maximum": Series(np.full(3, 4.0), time)}
    seen["signal_blank"] = Series(np.zeros(3), time)
    return Run(f"{role}{donor}", f"p{donor}", "well-0", condition, Path(), seen)


def table(runs, *wanted):
    return cell_table(runs, *design_table(runs), wanted).set_index("quantity")


def test_shares_and_means_of_one_donor_by_hand():
    # 2 NK without a kill, 1 with one, 1 with three; contacts 0, 1, 2, 4.
    run = a_run(1, [2, 1, 0, 1], [1, 1, 1, 0, 1])
    found = table([run], ZERO_KILLS, KILLS, NO_CONTACT, CONTACTS, PER_CONTACT)["mean"]
    assert found[ZERO_KILLS] == 0.5
    assert found[KILLS] == 1.0
    assert found[NO_CONTACT] == 0.25
    assert found[CONTACTS] == pytest.approx(7 / 3)
    assert found[PER_CONTACT] == pytest.approx(4 / 7)


@pytest.mark.parametrize(
    ("kills", "serial", "half"),
    [
        ([2, 1, 0, 1], 1 / 4, 2 / 3 / 4),  # 4 kills: half of them are two thirds of what the best one did
        ([0, 4], 0.0, 1 / 2),
        ([6, 2, 2], 2 / 10, 1.5 / 10),  # 6 kills: the best two did four
    ],
)
def test_serial_killers_by_hand(kills, serial, half):
    found = table([a_run(1, kills, [0, sum(kills)])], SERIAL, HALF)["mean"]
    assert found[SERIAL] == pytest.approx(serial)
    assert found[HALF] == pytest.approx(half)


def test_the_order_of_contacts_is_refused_where_runs_keep_no_events():
    observed = pd.DataFrame({"row": [2, 3], "quantity": [KILLS, AFTER_KILL]})
    check_recorded(observed, "events")
    check_recorded(observed[:1], "observables")
    with pytest.raises(SheetError, match=r"row 3: kill_after_kill_fraction needs runs with their events"):
        check_recorded(observed, "final")


def test_the_order_of_contacts_comes_from_the_run_file(tmp_path):
    """One NK cell that kills, then does not: of one first contact one killed, of one after a kill none did."""
    run = a_run(1, [0, 1], [0, 0, 1])
    path = tmp_path / "x.h5"
    words = ["birth", "conjugation", "detachment", "commitment"]
    with h5py.File(path, "w") as file:
        kind = file.create_dataset("events/kind", data=np.array([1, 3, 2, 1, 2], np.uint8))
        kind.attrs["legend"] = json.dumps(dict(enumerate(words)))
        file["events/effector"] = np.zeros(5, np.int32)
        meta = {"schema_version": 1, "run_id": "x", "condition": "{}", "status": "complete"}
        file.create_group("meta").attrs.update(meta)
    found = table([replace(run, path=path)], FIRST, AFTER_KILL, KILLS)["mean"]
    assert found.to_dict() == {KILLS: 1.0, FIRST: 1.0, AFTER_KILL: 0.0}


def test_donors_are_averaged_and_their_spread_is_given():
    found = table([a_run(1, [4], [4]), a_run(2, [0, 4], [0, 4])], ZERO_KILLS, KILLS)
    assert found.loc[ZERO_KILLS, ["mean", "n"]].tolist() == [0.5, 2]
    assert found.loc[KILLS, "sd"] == pytest.approx(np.sqrt(0.5))


def test_nobody_touched_anything_is_no_number_and_no_crash():
    found = table([a_run(1, [4], [4])], KILLS, PER_CONTACT)
    assert found.loc[KILLS, "mean"] == 0
    assert PER_CONTACT not in found.index


def test_a_course_is_a_share_of_its_last_value():
    alone = a_run(1, [0], [0], role="target_only", signal=(4.0, 4.0, 4.0), et_ratio=0.0)
    found = table([a_run(1, [4], [4]), alone], DEATHS)
    course = found[found["role"] == "sample"].set_index("at_h")["mean"]
    assert course.to_dict() == {0.0: 0.0, 1.0: 50.0, 2.0: 100.0}
