"""Lysis over time, time to 50 %, and what each NK cell did."""

import numpy as np
import pytest

from adccsim.analysis.assay.controls import plate_controls
from adccsim.analysis.assay.killing import killing_table
from adccsim.analysis.assay.kinetics import crossing_time, kinetics_tables
from adccsim.analysis.reading.design import design_table
from adccsim.analysis.reading.runs import Run, Series, read_study
from tests.analysis.make_runs import Design, Truth, base_condition, make_study


def kinetics(folder, design, truth):
    make_study(folder, design, truth)
    study = read_study(folder)
    frame, extra = design_table(study.runs)
    return kinetics_tables(study.runs, frame, extra, plate_controls(study.runs, frame))


def test_crossing_is_interpolated():
    time = np.array([0.0, 1.0, 2.0, 3.0])
    assert crossing_time(time, np.array([0, 20, 60, 80.0]), 50) == pytest.approx(1.75)
    assert crossing_time(time, np.array([60, 20, 60, 80.0]), 50) == 0.0
    assert np.isinf(crossing_time(time, np.array([0, 10, 20, 30.0]), 50))


def test_curve_and_times_follow_the_truth(tmp_path):
    truth = Truth(noise=0.0, emax=80.0, tau_h=1.5)
    curve, summary = kinetics(tmp_path, Design(doses=(0.0, 1.0), every_h=0.05), truth)
    top = curve[curve["dose_ug_per_ml"] == 1.0]
    final = truth.lysis(1.0)
    progress = (1 - np.exp(-top["hours"] / 1.5)) / (1 - np.exp(-4 / 1.5))
    assert top["specific_lysis_pct"].to_numpy() == pytest.approx(final * progress.to_numpy(), abs=1e-9)
    rows = summary.set_index("dose_ug_per_ml")
    at_50 = -1.5 * np.log(1 - 50 / final * (1 - np.exp(-4 / 1.5)))
    # Straight lines between observations 0.05 h apart.
    assert rows.loc[1.0, "time_to_50pct_h"] == pytest.approx(at_50, abs=1e-3)
    assert rows.loc[1.0, "half_time_h"] == pytest.approx(-1.5 * np.log(1 - 0.5 * (1 - np.exp(-4 / 1.5))), abs=1e-3)
    assert np.isnan(rows.loc[0.0, "time_to_50pct_h"])
    assert rows.loc[0.0, "note"] == "50 % not reached"


def test_units_are_donors_where_there_are_several(tmp_path):
    curve, summary = kinetics(tmp_path, Design(doses=(0.0, 1.0), donors=3), Truth(donor_emax_sd=8))
    assert set(curve["n"]) == {3}
    assert set(summary["sd_basis"]) == {"donors"}
    assert set(curve["hours"]) == set(np.arange(0, 4.5, 0.5))


def nk_run(run_id, kills, contacts, first=(0, 0), granules=(1, 1)):
    """A well whose NK histograms are given: kills[i] cells with i kills."""
    condition = base_condition(Design())
    condition["effectors"]["nk_cells"] = int(sum(kills))
    time = np.array([4.0])
    total = float(np.dot(np.arange(len(kills)), kills))

    def histogram(counts, edges):
        return Series(np.array([counts]), time, "1", np.asarray(edges, dtype=float))

    observables = {
        "kills": Series(np.array([total]), time),
        "contacts": Series(np.array([float(contacts)]), time),
        "kills_per_nk": histogram(kills, np.arange(len(kills) + 1)),
        "granules_left": histogram(granules, np.arange(len(granules) + 1)),
        "time_to_first_kill_h": histogram(first, np.linspace(0, 4, len(first) + 1)),
    }
    return Run(run_id, "p", "well-1", condition, None, observables)


def test_killing_counts_cells():
    run = nk_run("a", kills=[50, 30, 10, 6, 4], contacts=300, first=[10, 10, 20, 10], granules=[25, 50, 25])
    row = killing_table([run], *design_table([run])).iloc[0]
    assert row["kills_per_nk"] == pytest.approx(0.84)
    fractions = row[["fraction_0_kills", "fraction_1_kill", "fraction_2_kills", "fraction_3plus_kills"]].tolist()
    assert fractions == pytest.approx([0.5, 0.3, 0.1, 0.1])
    assert row["contacts_per_nk"] == pytest.approx(3.0)
    assert row["contacts_per_kill"] == pytest.approx(300 / 84)
    # 50 cells: the 25th stands 5 of 20 into the third hour.
    assert row["time_to_first_kill_h"] == pytest.approx(2.25)
    assert row["granules_left"] == pytest.approx(1.0)
    assert row["fraction_without_granules"] == pytest.approx(0.25)


def test_nobody_killed_is_a_word_and_not_a_number():
    run = nk_run("a", kills=[10, 0], contacts=5)
    row = killing_table([run], *design_table([run])).iloc[0]
    assert row["kills_per_nk"] == 0
    assert np.isnan(row["contacts_per_kill"])
    assert "no kills" in row["note"]
    assert "no time to a first kill" in row["note"]
