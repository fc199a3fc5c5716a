"""Files that 0.1.0 wrote: each gives the numbers of then, or is refused in one line. See 0.1.0/README.md."""

import shutil
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import adccsim as ac
from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.growth.mice import analyse_mice
from adccsim.analysis.reading.runs import read_run
from adccsim.cli import app
from adccsim.execution.folder import StudyFolder, error_of
from adccsim.execution.ledger import inspect_runs
from adccsim.execution.verify import verify
from adccsim.record.checkpoint import load_checkpoint
from adccsim.run_schema import RENAMED, current_name
from adccsim.scenario.conditions import conditions_of
from adccsim.scenario.load import load_scenario
from adccsim.scenario.xenograft.branch import read_meta
from adccsim.study_file import read_study_file

STORED = Path(__file__).parent / "0.1.0"
STUDIES = ("well", "frames", "mice", "branch")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The stored folders, and the scenarios next to them."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(STORED / "files.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for path in STORED.glob("*.toml"):
        shutil.copy(path, folder)
    return folder


def assert_same_numbers(folder: Path, found: Path, names: tuple[str, ...]) -> None:
    """The columns that 0.1.0 wrote, where they still have their names: six significant digits."""
    for name in names:
        then, now = (pd.read_csv(each / "tables" / f"{name}.csv") for each in (folder, found))
        shared = [column for column in then.select_dtypes("number") if column in now]
        assert len(now) == len(then) and len(shared) >= 0.6 * len(then.select_dtypes("number").columns), name
        np.testing.assert_allclose(now[shared].to_numpy(float), then[shared].to_numpy(float), rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", ["well", "frames"])
def test_wells_give_the_numbers_of_then(old, tmp_path, name):
    folder = shutil.copytree(old / name, tmp_path / name)
    result = analyse_wells(folder, with_figures=False)
    assert result.problems == []
    assert_same_numbers(old / name, folder, ("lysis", "lysis_summary", "controls", "kinetics", "killing"))


@pytest.mark.parametrize("name", ["mice", "branch"])
def test_mice_give_the_numbers_of_then(old, tmp_path, name):
    folder = shutil.copytree(old / name, tmp_path / name)
    result = analyse_mice(folder, with_figures=False)
    assert result.problems == []
    assert_same_numbers(old / name, folder, ("tumours", "volumes_by_day"))


def test_observables_have_their_present_names(old):
    path = next((old / "mice" / "runs").rglob("*.h5"))
    by_name, table = read_run(path).observables, ac.open(path).observables
    with h5py.File(path) as file:
        for former, now in RENAMED.items():
            stored = file[f"observables/{former}/value"][()]
            np.testing.assert_array_equal(by_name[now].value, stored)
            columns = [column for column in table if column.startswith(now)]
            np.testing.assert_array_equal(table[columns].to_numpy().squeeze(), stored)
            assert former not in by_name and former not in table


@pytest.mark.parametrize("name", STUDIES)
def test_finished_runs_count_as_finished_and_scenarios_give_the_same_run_ids(old, tmp_path, name):
    scenario = load_scenario(old / f"{name}.toml")
    conditions = {each.run_id: each for each in conditions_of(scenario)}
    assert sorted(conditions) == read_study_file(old / name / "study.json")["run_ids"]
    assert all(error_of(path, path.stem) is None for path in (old / name / "runs").rglob("*.h5"))
    with StudyFolder(shutil.copytree(old / name, tmp_path / name)) as folder:
        found = inspect_runs(folder, conditions)
    assert (found.pending, found.finished, found.blocked, found.set_aside) == ([], set(conditions), [], [])


@pytest.mark.parametrize("name", [*STUDIES, "stopped"])
def test_they_verify_as_files_without_a_digest(old, name):
    found = verify(old / name)
    assert found.damaged == []
    assert all(count.unsealed == count.files for count in found.counts.values())


def test_checkpoints_are_read(old):
    assert read_meta(old / "tumour.ckpt")["content"] == next((old / "branch" / "checkpoints").iterdir()).stem
    saved = next((old / "stopped" / "checkpoints").iterdir())
    meta, arrays = load_checkpoint(saved)
    assert meta["run_id"] == saved.stem and meta["tick"] > 24
    condition = next(each for each in conditions_of(load_scenario(old / "mice.toml")) if each.run_id == meta["run_id"])
    assert meta["condition"] == condition.as_dict()
    assert sum(name.startswith("engine/") for name in arrays) > 10


@pytest.mark.slow
def test_a_mouse_that_0_1_0_stopped_ends_with_the_numbers_of_then(old, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(old / "mice", out)
    shutil.copytree(old / "stopped" / "checkpoints", out / "checkpoints")
    name = next((out / "checkpoints").iterdir()).stem
    then = out / "runs" / name[:2] / f"{name}.h5"
    kept = shutil.copy(then, tmp_path / then.name)
    then.unlink()
    result = CliRunner().invoke(app, ["run", str(old / "mice.toml"), "--out", str(out), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert f"resume {name} at hour" in (out / "log").read_text()
    with h5py.File(kept) as before, h5py.File(then) as now:
        for series in before["observables"]:
            # As for the golden mice: last digits may differ between classes of processors.
            names = (current_name(series), series)
            values = [file[f"observables/{n}/value"][()] for file, n in zip((now, before), names, strict=True)]
            np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-9, err_msg=series)


def test_laboratory_sheets_give_the_numbers_of_then(old, tmp_path):
    call = CliRunner().invoke
    plate, calipers = tmp_path / "plate", tmp_path / "calipers"
    sheet, design = old / "plate" / "plate.csv", old / "plate" / "map.csv"
    assert call(app, ["plate", str(sheet), "--map", str(design), "--out", str(plate)]).exit_code == 0
    assert_same_numbers(old / "plate", plate, ("plate_lysis", "plate_wells"))
    sheet = old / "calipers" / "example_caliper.csv"
    assert call(app, ["analyse", str(sheet), "--out", str(calipers)]).exit_code == 0
    assert_same_numbers(old / "calipers", calipers, ("volumes_by_day", "mice"))
