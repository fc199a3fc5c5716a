"""Run files: whatever shape one has, its series and its row of the summary are what HDF5 reads."""

import shutil

import h5py
import numpy as np
import pytest

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.reading import run_file
from adccsim.analysis.reading.run_file import RunFile
from adccsim.analysis.reading.runs import read_run
from adccsim.analysis.reading.summary_rows import END_VALUES, read_rows
from adccsim.execution import local
from adccsim.execution.study import run_study
from adccsim.scenario.load import load_scenario
from adccsim.scenario.shipped import find
from adccsim.scenario.well.expand import expand
from tests.cluster.sweeps import describe, text
from tests.sealing import append_seal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run files of one study, all of one shape."""
    out = tmp_path_factory.mktemp("study")
    assert local.execute(describe(text(replicates=1), out), out, workers=1).failed == ()
    return sorted((out / "runs").rglob("*.h5"))


@pytest.fixture(scope="module", params=[300, 3000])  # arrays of so many cells are plain, or compressed behind /meta
def with_cells(tmp_path_factory, request):
    """Run files of one study with every cell at the end in them, the default."""
    out = tmp_path_factory.mktemp("study")
    sets = [f"targets.cells={request.param}", "replicates=2", "assay.duration_h=0.5"]
    scenario = load_scenario(find("adcc_protocol"), [*sets, 'sweep."antibody.dose_ug_per_ml"=[0.01, 1]'])
    assert scenario.output.level == "final"
    assert not run_study(scenario, expand(scenario), "adcc_protocol.toml", out, workers=1).failed
    return sorted((out / "runs").rglob("*.h5"))


@pytest.fixture(autouse=True)
def no_shape(monkeypatch):
    monkeypatch.setattr(run_file, "_shapes", run_file._Shapes())


def shapes():
    return len(run_file._shapes.kept)


def series_by_hdf5(path):
    """Name -> (values, times, units, edges) as h5py's own general code reads them."""
    with h5py.File(path, "r") as file:
        return {
            name: (
                group["value"][()],
                group["time"][()],
                group["value"].attrs.get("units", ""),
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
    """A copy of a run file made anew by h5py's general code, `change` applied to it; /meta last, as in its own."""
    with h5py.File(source, "r") as old:
        with h5py.File(target, "w", libver=("v108", "v110")) as new:
            for name in sorted(old.keys() - {"meta"}):
                old.copy(name, new)
            change(new)
        with h5py.File(target, "r+", libver=("v108", "v110")) as new:
            old.copy("meta", new)
    return append_seal(target)


def test_files_of_one_study_have_one_shape_and_their_own_values(made):
    for path in made:
        meta, ends = read_ends(path)
        assert ends == ends_by_hdf5(path)
        assert meta["run_id"] == path.stem
        assert_read_as_hdf5_does(path)
    assert shapes() == 1 and len(made) > 3
    assert len({tuple(ends_by_hdf5(path).values()) for path in made}) > 1


def test_files_with_every_cell_share_a_few_shapes(with_cells):
    for path in with_cells:
        assert_read_as_hdf5_does(path)
        assert read_ends(path)[1] == ends_by_hdf5(path)
    assert 1 <= shapes() <= 3


def test_a_file_of_another_shape_is_not_taken_for_the_known_one(made, tmp_path):
    read_ends(made[0])

    one, other = "targets_alive", "encounters"

    def swap(file):
        file.move(f"observables/{one}/value", f"observables/{one}/aside")
        file.move(f"observables/{other}/value", f"observables/{one}/value")
        file.move(f"observables/{one}/aside", f"observables/{other}/value")

    plain = ends_by_hdf5(made[1])
    assert plain[one] != plain[other]
    inside = shutil.copy(made[1], tmp_path / made[1].name)
    with h5py.File(inside, "r+") as file:  # the same objects in the same places, two of them under other names
        swap(file)
    append_seal(inside)
    _, ends = read_ends(inside)
    assert (ends[one], ends[other]) == (plain[other], plain[one])
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
    for _ in range(2):  # as the first of its shape, and as a further one
        assert read_ends(path)[1] == expected
        assert_read_as_hdf5_does(path)
    assert shapes() == (0 if "compression" in how else 1)


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
    assert shapes() == 2


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
    assert shapes() == 1


def of_another_shape(made, tmp_path, number):
    path = tmp_path / str(number) / made[0].name
    path.parent.mkdir()
    return rebuilt(made[0], path, lambda file: file["observables"].attrs.update({"n": "x" * number}))


def test_where_no_file_fits_few_shapes_are_learnt_and_every_file_is_read(made, tmp_path):
    expected = ends_by_hdf5(made[0])
    for number in range(run_file._TRIES + 2):
        assert read_ends(of_another_shape(made, tmp_path, number))[1] == expected
        assert shapes() == min(number + 1, run_file._TRIES)


def test_the_shapes_that_fitted_last_are_kept(made, tmp_path, monkeypatch):
    monkeypatch.setattr(run_file, "_MOST", 2)
    paths = [of_another_shape(made, tmp_path, number) for number in range(3)]
    expected, found = ends_by_hdf5(made[0]), []
    for place in (0, 1, 0, 2, 0):
        with RunFile(paths[place]) as file:
            assert {name: file.last(name) for name in END_VALUES} == expected
            found.append(file._shape)
        assert run_file._shapes.kept[0] is found[-1] and shapes() <= 2
    assert found[0] is found[2] is found[4]
    assert run_file._shapes._to_learn == run_file._TRIES - 3 + 2


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


def test_what_was_added_or_changed_later_is_read(made, tmp_path):
    """Behind /meta files may differ that are alike in front of it."""

    def changed(number, change):
        path = tmp_path / str(number) / made[0].name
        path.parent.mkdir()
        shutil.copy(made[0], path)
        with h5py.File(path, "r+") as file:
            change(file, number)
        return append_seal(path)

    def add_series(file, number):
        group = file["observables"].create_group("late")
        group["value"], group["time"] = np.arange(3.0) + number, np.arange(3.0)

    def change_units(file, number):
        file["observables/kills/value"].attrs["units"] = "abc"[number]

    def change_many_units(file, number):
        file["observables/kills/value"].attrs["units"] = (
            "another unit, which does not fit in its place, " + "abc"[number]
        )

    def change_edges(file, number):
        del file["observables/kills_per_nk/edges"]
        file["observables/kills_per_nk/value"].attrs["edges"] = np.arange(42.0) + number

    read_run(made[0])
    for place, change in enumerate((add_series, change_units, change_many_units, change_edges)):
        for number in range(3):
            path = changed(3 * place + number, lambda file, _, n=number, change=change: change(file, n))
            found = read_run(path).observables
            with h5py.File(path, "r") as file:
                group = file["observables/kills_per_nk"]
                edges = group["edges"][()] if "edges" in group else group["value"].attrs["edges"]
                assert found["kills"].units == file["observables/kills/value"].attrs["units"]
                np.testing.assert_array_equal(found["kills_per_nk"].edges, edges)
                if "late" in file["observables"]:
                    np.testing.assert_array_equal(found["late"].value, file["observables/late/value"][()])


@pytest.mark.parametrize("link", [h5py.SoftLink("/observables/hits/value"), "external"])
def test_a_series_in_another_place_is_read_there(made, tmp_path, link):
    with h5py.File(tmp_path / "other.h5", "w") as other, h5py.File(made[0], "r") as source:
        other["hits"] = source["observables/hits/value"][()]

    def change(file):
        del file["observables/kills/value"]
        target = h5py.ExternalLink(str(tmp_path / "other.h5"), "/hits") if link == "external" else link
        file["observables/kills/value"] = target

    path = rebuilt(made[0], tmp_path / made[0].name, change)
    for _ in range(2):
        assert_read_as_hdf5_does(path)
    assert shapes() == 0


def test_strange_objects_beside_the_series_do_no_harm(made, tmp_path):
    def change(file):
        file["observables/kills"].create_group("notes")
        file["observables/kills/gone"] = h5py.SoftLink("/nowhere")
        file["observables"].create_dataset("stray", data=[1.0])
        file["gone"] = h5py.SoftLink("/nowhere")

    path = rebuilt(made[0], tmp_path / made[0].name, change)
    expected = series_by_hdf5(made[0])
    for _ in range(2):
        found = read_run(path, tuple(expected)).observables
        assert found.keys() == expected.keys()
        np.testing.assert_array_equal(found["kills"].value, expected["kills"][0])


def test_no_shape_rests_on_what_lies_elsewhere(made, tmp_path):
    """Links of /observables that HDF5 had to put behind /meta: the file must not be taken for one without them."""
    path = tmp_path / made[0].name
    with h5py.File(made[0], "r") as old, h5py.File(path, "w", libver=("v108", "v110")) as new:
        old.copy("observables", new)
        old.copy("meta", new)
        for number in range(40):
            old.copy("observables/kills", new["observables"], f"kills_{number}")
    append_seal(path)
    for _ in range(2):
        assert_read_as_hdf5_does(path)
    assert shapes() == 0
