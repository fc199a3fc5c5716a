"""Run files: whatever shape one has, its series and its row of the summary are what HDF5 reads."""

import shutil

import h5py
import numpy as np
import pytest

from analysis import run_file
from analysis.errors import ForeignFile
from analysis.run_file import RunFile
from analysis.run_rows import END_VALUES, read_rows
from analysis.trajectory import read_run
from simulation.run import local
from tests.cluster.sweeps import describe, text


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run files of one study, all of one shape."""
    out = tmp_path_factory.mktemp("study")
    assert local.execute(describe(text(replicates=1), out), out, workers=1).failed == ()
    return sorted((out / "runs").rglob("*.h5"))


@pytest.fixture(autouse=True)
def no_shape(monkeypatch):
    monkeypatch.setattr(run_file, "_shapes", [])


def series_by_hdf5(path):
    """Name -> (values, times, units, edges) as h5py's own general code reads them."""
    with h5py.File(path, "r") as file:
        return {
            name: (
                group["value"][()],
                group["time"][()],
                group["value"].attrs["units"],
                group["edges"][()] if "edges" in group else None,
            )
            for name, group in file["observables"].items()
        }


def ends_by_hdf5(path):
    found = series_by_hdf5(path)
    return {name: float(found[name][0][-1]) if name in found else None for name in END_VALUES}


def read_ends(path):
    """(attributes, last value of every series of the summary), as the table reads them."""
    with RunFile(path) as file:
        return file.meta, {name: file.last(name) for name in END_VALUES}


def assert_read_as_hdf5_does(path):
    expected, found = series_by_hdf5(path), read_run(path).observables
    assert found.keys() == expected.keys()
    for name, (value, time, units, edges) in expected.items():
        one = found[name]
        assert (one.value.shape, one.value.dtype, one.units) == (value.shape, value.dtype, units)
        np.testing.assert_array_equal(one.value, value)
        np.testing.assert_array_equal(one.time, time)
        assert (one.edges is None) == (edges is None)
        if edges is not None:
            np.testing.assert_array_equal(one.edges, edges)


def rebuilt(source, target, change):
    """A copy of a run file made anew by h5py's general code, `change` applied to it."""
    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        for name in old:
            old.copy(name, new)
        change(new)
    return target


def test_files_of_one_study_have_one_shape_and_their_own_values(made):
    for path in made:
        meta, ends = read_ends(path)
        assert ends == ends_by_hdf5(path)
        assert meta["run_id"] == path.stem
        assert_read_as_hdf5_does(path)
    assert len(run_file._shapes) == 1 and len(made) > 3
    assert len({tuple(ends_by_hdf5(path).values()) for path in made}) > 1


def test_a_file_of_another_shape_is_not_taken_for_the_known_one(made, tmp_path):
    read_ends(made[0])

    def swap(file):
        file.move("observables/kills/value", "observables/kills/aside")
        file.move("observables/hits/value", "observables/kills/value")
        file.move("observables/kills/aside", "observables/hits/value")

    plain = ends_by_hdf5(made[1])
    inside = shutil.copy(made[1], tmp_path / made[1].name)
    with h5py.File(inside, "r+") as file:  # the same objects in the same places, two of them under other names
        swap(file)
    _, ends = read_ends(inside)
    assert (ends["kills"], ends["hits"]) == (plain["hits"], plain["kills"])
    anew = rebuilt(made[1], inside, swap)
    assert read_ends(anew)[1] == ends == ends_by_hdf5(anew)


@pytest.mark.parametrize("how", [{"compression": "gzip"}, {"dtype": ">f8"}, {"dtype": "i2"}])
def test_values_may_lie_in_any_way_that_hdf5_knows(made, tmp_path, how):
    def change(file):
        values = file["observables/kills/value"][()]
        del file["observables/kills/value"], file["observables/births"]
        file["observables/kills"].create_dataset("value", data=values, **how)

    expected = ends_by_hdf5(made[0]) | {"births": None}
    path = rebuilt(made[0], tmp_path / made[0].name, change)
    with h5py.File(path, "r+") as file:
        file["observables/kills/value"].attrs["units"] = "1"
    for _ in range(2):  # as the first of its shape, and as a further one
        assert read_ends(path)[1] == expected
        assert_read_as_hdf5_does(path)


def test_edges_may_stand_in_an_attribute(made, tmp_path):
    def change(file):
        group = file["observables/kills_per_nk"]
        edges = group["edges"][()]
        del group["edges"]
        group["value"].attrs["edges"] = edges

    path = rebuilt(made[0], tmp_path / made[0].name, change)
    expected = read_run(made[0]).observables["kills_per_nk"].edges
    for _ in range(2):
        np.testing.assert_array_equal(read_run(path).observables["kills_per_nk"].edges, expected)


def test_values_that_are_read_are_their_own(made):
    value = read_run(made[0]).observables["kills"].value
    value[:] = -1.0  # whoever analyses may change what was read
    assert read_run(made[0]).observables["kills"].value[-1] >= 0


def test_one_series_of_another_length_than_its_times_is_a_fault(made, tmp_path):
    def change(file):
        del file["observables/kills/value"]
        file["observables/kills"].create_dataset("value", data=np.arange(2.0))

    path = rebuilt(made[0], tmp_path / made[0].name, change)
    for _ in range(2):
        with pytest.raises(ForeignFile, match="/observables/kills: value and time do not match"):
            read_run(path)


def test_few_shapes_are_kept_and_every_file_is_read(made, tmp_path):
    for number in range(run_file._MOST + 3):
        path = tmp_path / made[0].name
        rebuilt(made[0], path, lambda file, number=number: file["observables"].attrs.update({"n": "x" * number}))
        assert read_ends(path)[1] == ends_by_hdf5(made[0])
        path.unlink()
    assert len(run_file._shapes) <= run_file._MOST


def test_a_damaged_file_is_refused_though_its_front_is_whole(made, tmp_path):
    read_ends(made[0])
    short = tmp_path / made[1].name
    short.write_bytes(made[1].read_bytes()[:-500])
    with pytest.raises((ForeignFile, OSError)):
        read_ends(short)
    found = read_rows({"donor": "donor"}, None, (tmp_path, [made[1].stem]))
    assert found == {made[1].stem: "truncated or not an HDF5 file"}
    whole = read_rows({"donor": "donor"}, "well-0", (made[1].parent, [made[1].stem]))
    assert "the study is well-0" in whole[made[1].stem]


def test_a_shape_is_only_what_lies_in_front_of_the_attributes(made, tmp_path):
    """A series added behind /meta could differ between files that are alike in front of it."""
    path = shutil.copy(made[0], tmp_path / made[0].name)
    with h5py.File(path, "r+") as file:
        file["observables"].create_group("late").create_dataset("value", data=np.arange(3.0))
    assert read_ends(path)[1] == ends_by_hdf5(made[0])
    assert run_file._shapes == []
