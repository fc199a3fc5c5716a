"""The public API: studies, run files, scenarios and the catalogue from Python, with nothing printed."""

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import adccsim as ac
from adccsim.experiments.errors import InputError
from adccsim.scenario.errors import ScenarioError

REPOSITORY = Path(__file__).parents[2]
SMALL = {"targets.cells": 40, "assay.duration_h": 1, "output.every_min": 30}
WELL = {
    "schema": 1,
    "title": "one dose, two ratios",
    "kind": "well",
    "seed": 5,
    "replicates": 2,
    "targets": {"cell_line": "SK-BR-3", "cells": 40},
    "effectors": {"type": "NK-resting", "et_ratio": 2},
    "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 1},
    "assay": {"duration_h": 1, "readout": "LDH"},
    "output": {"level": "events", "every_min": 30},
    "sweep": {"effectors": {"et_ratio": [1, 5]}},
}
MOUSE = {
    "schema": 1,
    "title": "two arms",
    "kind": "xenograft",
    "seed": 11,
    "tumour": {"start_volume_mm3": 130, "fraction_simulated": 0.0001, "clone": [{"cell_line": "NCI-N87"}]},
    "study": {"days": 7, "caliper_days": [0, 4, 7]},
    "output": {"level": "events"},
    "arm": [
        {"name": "vehicle", "mice": 2},
        {"name": "treated", "mice": 2,
         "dose": [{"drug": "trastuzumab", "mg_per_kg": 10, "route": "iv", "days": [0]}]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def wells(tmp_path_factory):
    return ac.run(WELL, tmp_path_factory.mktemp("wells") / "out", workers=1)


@pytest.fixture(scope="module")
def mice(tmp_path_factory):
    return ac.run(MOUSE, tmp_path_factory.mktemp("mice") / "out", workers=1)


# -- the namespace ----------------------------------------------------------------------------------------------------


def test_every_public_name_is_there_and_importing_costs_nothing():
    program = """
import sys, adccsim
loaded = {"numpy", "pandas", "h5py", "numba", "pydantic", "matplotlib"} & sys.modules.keys()
assert not loaded, loaded
for name in adccsim.__all__:
    getattr(adccsim, name)
assert sorted(adccsim.__all__) == dir(adccsim)
"""
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_a_public_name_is_never_a_package_of_the_same_name():
    packages = {path.parent.name for path in (REPOSITORY / "simulation").glob("*/__init__.py")}
    modules = {path.stem for path in (REPOSITORY / "simulation").glob("*.py")}
    assert not set(ac.__all__) & (packages | modules)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ac.no_such_name


# -- studies ----------------------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_csv_files(wells):
    for name, table in wells.tables.items():
        written = pd.read_csv(wells.folder / "tables" / f"{name}.csv")
        assert list(written) == list(table), name
        assert len(written) == len(table), name
    numbers = wells.lysis["specific_lysis_pct"]
    written = pd.read_csv(wells.folder / "tables" / "lysis.csv")["specific_lysis_pct"]
    np.testing.assert_allclose(written, numbers, rtol=1e-5)


def test_a_study_prints_nothing_and_shows_itself_in_a_notebook(wells, capsys):
    page = wells._repr_html_()
    assert wells.title in page and "lysis_summary" in page and "dose_response" in page
    assert repr(wells).startswith("<WellStudy 'one dose, two ratios'")
    assert capsys.readouterr() == ("", "")


def test_titles_are_escaped_in_a_notebook(wells):
    other = ac.open(wells.folder)
    other.info["title"] = "<script>alert(1)</script>"
    assert "<script>" not in other._repr_html_()


def test_a_finished_folder_opens_as_the_same_study_even_where_nothing_can_be_written(wells):
    before = {path: path.stat().st_mtime_ns for path in wells.folder.rglob("*")}
    opened = ac.open(wells.folder)
    pd.testing.assert_frame_equal(opened.lysis, wells.lysis)
    assert opened.text() == wells.text() and opened.headline.equals(wells.headline)
    assert {path: path.stat().st_mtime_ns for path in wells.folder.rglob("*")} == before


def test_without_a_folder_a_study_lives_as_long_as_its_object():
    study = ac.run(WELL, set={"replicates": 1, "sweep.effectors.et_ratio": [1, 2]}, workers=1)
    folder = study.folder
    assert len(study.lysis) and folder.is_dir()
    del study
    assert not folder.exists()


def test_what_is_read_from_a_temporary_study_keeps_it():
    run = ac.run(WELL, set={"replicates": 1}, workers=1).runs[0]
    assert len(run.observables) == 3
    folder = run.path.parents[2]
    again = run.repeat()
    del run
    assert not folder.exists() and len(again.observables) == 3


def test_a_damaged_record_of_a_study_is_refused_in_one_line(wells, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(wells.folder, folder)
    record = (folder / "study.json").read_bytes()
    (folder / "study.json").write_bytes(record.replace(b"one dose", b"two dose", 1))
    with pytest.raises(InputError, match=r"study\.json"):
        ac.load_scenario(folder)
    (folder / "study.json").unlink()
    with pytest.raises(ScenarioError):
        ac.load_scenario(folder)


def test_a_temporary_study_is_saved_to_a_new_folder_only(tmp_path):
    study = ac.run(WELL, set={"replicates": 1}, workers=1)
    saved = study.save(tmp_path / "kept")
    assert (tmp_path / "kept" / "report.html").is_file() and [run.run_id for run in saved.runs] == [
        run.run_id for run in study.runs
    ]
    with pytest.raises(InputError, match="is there already"):
        study.save(tmp_path / "kept")


def test_set_lays_values_over_any_source():
    for source in ("adcc_protocol", REPOSITORY / "scenarios" / "adcc_protocol.toml"):
        scenario = ac.load_scenario(source, set={"targets.cells": 123, "seed": 9})
        assert (scenario.targets.cells, scenario.seed) == (123, 9)
    assert ac.load_scenario(WELL, set={"antibody.name": "pertuzumab"}).antibody.name == "pertuzumab"


def test_set_takes_numpy_numbers_and_tables():
    doses = {"antibody.dose_ug_per_ml": np.float64(0.5), "targets.cells": np.int64(77), "sweep": {}}
    scenario = ac.load_scenario(WELL, set=doses)
    assert (scenario.antibody.dose_ug_per_ml, scenario.targets.cells, scenario.sweep) == (0.5, 77, {})
    swept = {"sweep": {"antibody.dose_ug_per_ml": np.logspace(-2, 0, 3)}}
    assert ac.load_scenario(WELL, set=swept).sweep == {"antibody.dose_ug_per_ml": (0.01, 0.1, 1.0)}
    with pytest.raises(ScenarioError, match=r"targets.cells: TOML has no value like None"):
        ac.load_scenario(WELL, set={"targets.cells": None})


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="workers: -1 is not at least 1"):
        ac.run(WELL, tmp_path / "out", workers=-1)


def test_errors_of_a_scenario_come_all_at_once():
    with pytest.raises(ScenarioError) as caught:
        ac.run(WELL, set={"targets.cells": -1, "antibody.name": "trastuzumap"})
    assert len(caught.value.errors) == 2


def test_figures_are_drawn_on_demand(wells):
    assert "dose_response" in wells.plot.names() and "kills_per_nk" in dir(wells.plot)
    assert wells.plot.et_curve().axes and wells.plot("well").axes
    with pytest.raises(ValueError, match="nothing to draw"):
        wells.plot.viability()
    with pytest.raises(AttributeError, match="no such figure"):
        wells.plot.lyses()


def test_a_table_that_is_not_there_names_those_that_are(wells):
    with pytest.raises(KeyError, match=r"viability: .*lysis_summary"):
        _ = wells.viability


def test_a_study_in_mice_has_growth_and_comparisons(mice):
    assert list(mice.growth.columns[:4]) == ["study", "arm", "mouse", "day"]
    assert len(mice.growth) == 12 and set(mice.comparisons["arm"]) == {"treated"}
    assert len(mice.mice) == len(mice.tumours) == 4
    assert mice.plot.mean_curves().axes and mice.plot.slices is not None
    assert "treated" in mice._repr_html_()


# -- again from itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["wells", "mice"])
def test_a_study_is_run_again_from_its_folder_with_the_same_bytes(which, request, tmp_path):
    study = request.getfixturevalue(which)
    again = study.repeat(tmp_path / "again", workers=1)
    assert [run.run_id for run in again.runs] == [run.run_id for run in study.runs]
    assert all(mine.same_bytes(theirs) for mine, theirs in zip(again.runs, study.runs, strict=True))
    assert (tmp_path / "again" / "study.json").read_bytes() == (study.folder / "study.json").read_bytes()


@pytest.mark.parametrize("which", ["wells", "mice"])
def test_a_run_file_is_made_again_from_itself(which, request):
    run = request.getfixturevalue(which).runs[0]
    assert run.repeat().same_bytes(run)


def test_a_study_with_overlays_and_sets_is_rebuilt(tmp_path):
    overlay = tmp_path / "faster.toml"
    overlay.write_text(
        "[effectors.NK-resting.antibody_hit_per_h]\nvalue = 2.0\nlow = 1.0\nhigh = 4.0\n"
        'unit = "1/h"\nsource = "a test"\nprovenance = "assumed"\n'
    )
    scenario = tmp_path / "s.toml"
    from adccsim.toml_text import toml_text

    scenario.write_text(toml_text({"catalogue": ["faster.toml"], **WELL}))
    study = ac.run(scenario, tmp_path / "out", set={"replicates": 1}, workers=1)
    overlay.unlink()
    scenario.unlink()
    rebuilt = study.scenario
    assert rebuilt.known.effectors["NK-resting"].numbers["antibody_hit_per_h"].value == 2.0
    again = study.repeat(tmp_path / "again", workers=1)
    assert [run.run_id for run in again.runs] == [run.run_id for run in study.runs]
    assert (tmp_path / "again" / "study.json").read_bytes() == (study.folder / "study.json").read_bytes()


def test_set_reaches_the_catalogue_of_a_finished_study(wells, tmp_path, monkeypatch):
    about = 'low = 1, high = 99, unit = "nM", source = "x", provenance = "assumed"'
    monkeypatch.chdir(tmp_path)
    for name, kd in (("mine", 20), ("other", 30)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "over.toml").write_text(f"[antibodies.trastuzumab]\nkd_nM = {{ value = {kd}, {about} }}\n")
    first = ac.run(str(wells.folder), set={"catalogue": ["mine/over.toml"], "replicates": 1, "sweep": {}}, workers=1)
    again = first.repeat(tmp_path / "again")
    other = ac.run(str(again.folder), set={"catalogue": ["other/over.toml"]}, workers=1)
    found = [{run.condition.antibody.kd_nM for run in study.runs if run.condition.has_antibody} for study in
             (first, again, other)]  # fmt: skip
    assert found == [{20}, {20}, {30}]
    with pytest.raises(ScenarioError, match=r"compare.nonsense = 3: unknown key"):
        ac.load_scenario(str(again.folder), set={"compare.nonsense": 3})


def test_runs_of_several_threads_do_not_meet(wells):
    runs = [*wells.runs][:4] * 5
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(lambda run: run.repeat().same_bytes(run), runs))


def test_a_run_of_another_model_is_not_made_again(wells, monkeypatch):
    from adccsim.scenario.well import kind

    monkeypatch.setattr(kind, "MODEL", "well-99")
    with pytest.raises(InputError, match="numbers would differ"):
        wells.runs[0].repeat()


# -- run files --------------------------------------------------------------------------------------------------------


def test_a_run_file_is_read_as_tables(wells):
    run = next(run for run in wells.runs if run.condition.role == "sample" and run.condition.effectors.et_ratio == 5)
    table = run.observables
    assert list(table.index) == [0.0, 0.5, 1.0] and table.attrs["units"]["antibody_free_nM"] == "nmol L-1"
    assert table["kills"].iloc[-1] == (run.events["kind"] == "commitment").sum()
    assert len(run.targets) == 40 and len(run.effectors) == run.condition.effectors.nk_cells
    killed_by = run.events[run.events["kind"] == "commitment"]["effector"].value_counts()
    assert killed_by.to_dict() == {i: n for i, n in run.effectors["kills"].items() if n}
    histogram = run.histograms["kills_per_nk"]
    assert histogram["count"].sum() == len(run.effectors) and list(histogram) == ["low", "high", "count"]


def test_contacts_agree_with_the_counts_of_the_cells():
    some = {"targets.cells": 200, "effectors.type": "NK-IL2", "assay.duration_h": 8, "replicates": 1}
    study = ac.run(WELL, set=some, workers=1)
    run = next(run for run in study.runs if run.condition.role == "sample")
    assert run.effectors["kills"].sum() > 20
    contacts, effectors = run.contacts, run.effectors
    assert (contacts.groupby("effector").size().reindex(effectors.index, fill_value=0) == effectors["contacts"]).all()
    kills = contacts[contacts["killed"]].groupby("effector").size().reindex(effectors.index, fill_value=0)
    assert (kills == effectors["kills"]).all()
    assert contacts["hits"].sum() == (run.events["kind"] == "hit").sum()
    later = contacts.groupby("effector")["start_h"].shift(-1)
    assert (contacts["end_h"] <= later)[later.notna()].all()  # a contact ends before the next one begins
    assert ((contacts["ended_by"] == "open") == contacts["end_h"].isna()).all()


def test_a_track_ends_where_the_cell_is(tmp_path):
    run = ac.run(WELL, set={"output.level": "frames", "output.frames_every_min": 5, "replicates": 1}, workers=1).runs[
        -1
    ]
    for name, cells in (("effector", run.effectors), ("target", run.targets)):
        track, last = run.track(**{name: 3}), cells.loc[3]
        assert track["hours"].is_monotonic_increasing and track["hours"].iloc[-1] == 1
        assert track[["x", "y"]].iloc[-1].tolist() == last[["x", "y"]].tolist()
    with pytest.raises(InputError, match=r"effector = 999: must be from 0 to"):
        run.track(effector=999)
    with pytest.raises(InputError, match="give effector"):
        run.track()


def test_tables_carry_units_and_descriptions(wells):
    run = next(run for run in wells.runs if run.condition.role == "sample")
    for table in (run.events, run.effectors, run.targets):
        assert set(table.attrs["units"]) == set(table.attrs["descriptions"]) == set(table.columns)
    assert "lytic" not in run.effectors.attrs["descriptions"]["kills"] and run.events.attrs["units"]["hours"] == "h"


def test_a_well_and_a_mouse_say_where_their_kills_are(wells, mice):
    with pytest.raises(InputError, match="kills in a mouse are run"):
        _ = mice.runs[0].events
    with pytest.raises(InputError, match=r"of kind .commitment"):
        _ = wells.runs[0].kills
    empty, some = (next(r.kills for r in mice.runs if (len(r.kills) > 0) == full) for full in (False, True))
    assert (empty.dtypes == some.dtypes).all()


def test_runs_are_found_by_number_and_by_id(wells):
    assert wells.runs[wells.runs[1].run_id].path == wells.runs[1].path == wells.runs[1:2][0].path
    assert ac.open(wells.runs[0].path).run_id == wells.runs[0].run_id
    assert wells.runs[wells.runs[0].run_id[:9]].path == wells.runs[0].path
    with pytest.raises(KeyError, match="no run of this study"):
        _ = wells.runs["0" * 16]
    with pytest.raises(KeyError, match="no run of this study"):
        _ = wells.runs[""]


def test_a_mouse_is_read_as_tables(mice):
    run = mice.runs[0]
    assert list(run.calipers)[:3] == ["day", "length_mm", "width_mm"] and len(run.calipers) == 3
    assert {"cells_alive", "occupancy_mean IV", "occupancy_mean II"} <= set(run.observables)
    assert set(run.kills["effector"]) <= {"NK", "myeloid", "human NK"}
    with pytest.raises(InputError, match="no events of a well"):
        _ = run.events


def test_what_is_neither_study_nor_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither a results folder"):
        ac.open(tmp_path)
    (tmp_path / "x.h5").write_bytes(b"no run")
    with pytest.raises(InputError, match=r"x\.h5"):
        _ = ac.open(tmp_path / "x.h5").run_id


def test_xarray_and_anndata(wells):
    # both are installed with the other tools of the tests
    run = next(run for run in wells.runs if run.condition.role == "sample")
    data = run.to_xarray()
    assert data["kills"].values.tolist() == run.observables["kills"].tolist()
    assert data["antibody_free_nM"].attrs["units"] == "nmol L-1" and data["hours"].attrs["units"] == "h"
    cells = run.to_anndata()
    assert cells.n_obs == len(run.targets) + len(run.effectors)
    assert cells.obs["cell"].value_counts().to_dict() == {"target": 40, "effector": len(run.effectors)}
    assert cells.obsm["spatial"].shape == (cells.n_obs, 2)


# -- catalogue and engines --------------------------------------------------------------------------------------------


def test_the_catalogue_says_where_a_number_comes_from():
    number = ac.catalogue["SK-BR-3"].her2_per_cell
    assert number.low <= number.value <= number.high and number.unit == "1/cell" and number.source
    assert "cell_lines" in ac.catalogue["NCI-N87"].kinds and "tumours" in ac.catalogue["NCI-N87"].kinds
    assert "SK-BR-3" in ac.catalogue and len(ac.catalogue) == len(list(ac.catalogue))
    table = ac.catalogue.antibodies["trastuzumab"].table
    assert list(table) == ["kind", "field", "value", "low", "high", "unit", "provenance", "source"] and len(table) > 3


def test_a_misspelt_entry_names_the_nearest():
    with pytest.raises(KeyError, match="SK-BR-3"):
        _ = ac.catalogue["SK-BR3"]
    with pytest.raises(AttributeError, match="her2_per_cell"):
        _ = ac.catalogue["SK-BR-3"].her2


@pytest.mark.parametrize("line", ["ac.WellEngine", "ac.TumourEngine", "ac.open(sys.argv[1]).repeat()"])
def test_kernels_are_cached_by_the_sources_of_their_laws(wells, line):
    """Numba's own cache does not notice an edited law."""
    code = f"import sys; import adccsim as ac; {line}; import numba; from adccsim.runtime import cache_directory as c; "
    code += "assert numba.config.CACHE_DIR == str(c()), numba.config.CACHE_DIR"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    path = str(wells.runs[0].path)
    answer = subprocess.run([sys.executable, "-c", code, path], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_an_engine_is_built_from_a_condition():
    sample = next(each for each in ac.conditions_of(WELL) if each.role == "sample")
    well = ac.WellEngine(sample)
    well.advance(60)
    again = ac.WellEngine(sample, sample.run_key)
    again.advance(60)
    assert well.observe() == again.observe() and well.tick == 60
    with pytest.raises(TypeError, match="run_key"):
        ac.WellEngine(well.params)


def test_lysis_by_dose_takes_one_import(tmp_path):
    """What a notebook does first, as the README shows it."""
    program = f"""
import adccsim as ac
study = ac.run("adcc_protocol", set={SMALL | {"replicates": 1}!r}, workers=1)
print(study.lysis_summary.groupby("dose_ug_per_ml")["mean"].mean().to_string())
"""
    answer = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    doses = tomllib.loads((REPOSITORY / "scenarios" / "adcc_protocol.toml").read_text())["sweep"]
    assert len(answer.stdout.splitlines()) >= 5 and doses and answer.stderr == ""
