"""Particles and the view of them that ParaView opens: the same numbers, in the order VTK asks for, none copied."""

import h5py
import numpy as np
import pytest

from adccsim.execution.one import simulate
from adccsim.record.particles import write_particles
from tests.oracle.conditions import small_well
from tests.scenario.mice_example import mice
from tests.well.runs import typed

ABOUT = {(who, what): ("1", what) for who in ("a", "b") for what in ("position", "state", "kills")}


def frames():
    """Three frames of two populations of changing size, one of them empty once; kills are known of the second alone."""
    rng = np.random.default_rng(1)
    return [
        {
            "a": {"position": rng.integers(0, 99, (n, 2)).astype(np.int16), "state": rng.integers(0, 9, n, np.uint8)},
            "b": {
                "position": rng.integers(0, 99, (m, 2)).astype(np.int16), "state": rng.integers(0, 9, m, np.uint8),
                "kills": rng.integers(0, 9, m, np.uint8),
            },
        }
        for n, m in ((5, 2), (7, 0), (6, 3))
    ]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "run.part", "w") as file:
        write_particles(file, frames(), ABOUT, ([0, 60, 120], [0.0, 1.0, 2.0]))
    return (tmp_path / "run.part").rename(tmp_path / "run.h5")  # as the run does: the view must not know the old name


def seen(root, name, k):
    """What the view holds of a column in frame k, found the way VTK finds it."""
    start, size = root["Steps/PointOffsets"][k], root["NumberOfPoints"][k]
    column = root["Points"] if name == "Points" else root["PointData"][name]
    return column[start : start + size]


def test_the_view_shows_every_frame_population_after_population(path):
    with h5py.File(path) as file:
        root = file["VTKHDF"]
        assert root.attrs["Type"] == b"PolyData" and root["Steps"].attrs["NSteps"] == 3
        assert root["Steps/Values"][:].tolist() == [0.0, 1.0, 2.0]
        for k, frame in enumerate(frames()):
            flat = np.concatenate([frame["a"]["position"], frame["b"]["position"]])
            assert (seen(root, "Points", k) == np.pad(flat, ((0, 0), (0, 1)))).all()
            for name in ("state", "kills"):
                own = [frame[who].get(name, np.zeros(len(frame[who]["state"]))) for who in ("a", "b")]
                assert (seen(root, name, k) == np.concatenate(own)).all()
            assert seen(root, "population", k).tolist() == [0] * len(frame["a"]["state"]) + [1] * len(
                frame["b"]["state"]
            )
            size = root["NumberOfPoints"][k]
            assert root["Vertices/NumberOfConnectivityIds"][k] == size
            assert root["Vertices/Connectivity"][:size].tolist() == list(range(size))
            assert root["Vertices/Offsets"][2 * k : 2 * k + 2].tolist() == [0, size]


def test_nothing_is_copied(path):
    with h5py.File(path) as file:
        assert all(file["VTKHDF"][name].is_virtual for name in ("Points", "PointData/state", "PointData/kills"))
        group = file["particles/b"]
        assert group["position/value"].shape == (3, 3, 2) and (group["state/value"][1] == 255).all()
        assert group["box"].attrs["dimension"] == 2


def test_vtk_reads_it(path):
    """With the package vtk at hand, which nothing else here needs."""
    reader = pytest.importorskip("vtkmodules.vtkIOHDF").vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    assert reader.GetNumberOfSteps() == 3
    for k, frame in enumerate(frames()):
        reader.SetStep(k)
        reader.Update()
        data = reader.GetOutputDataObject(0)
        size = len(frame["a"]["state"]) + len(frame["b"]["state"])
        assert (data.GetNumberOfPoints(), data.GetNumberOfVerts()) == (size, 1)
        states = data.GetPointData().GetArray("state")
        expected = [*frame["a"]["state"], *frame["b"]["state"]]
        assert [states.GetTuple1(i) for i in range(size)] == expected


def test_frames_of_a_well_and_of_a_mouse_have_the_view():
    well = small_well(100, assay__duration_h=1.0)
    well["output"] |= {"level": "frames", "every_min": 30, "frames_every_min": 30}
    small = {"tumour.fraction_simulated": 2e-4, "study.days": 1, "arm.0.mice": 1}
    mouse = mice({**small, "arm.1.dose": [], "output.level": "frames", "output.frame_agents": 700})[0]
    for condition, frames_of in ((typed(well), 3), (mouse, 2)):
        with h5py.File("frames", "w", driver="core", backing_store=False) as file:
            simulate(condition, file)
            root = file["VTKHDF"]
            assert root["Steps"].attrs["NSteps"] == frames_of
            assert root["NumberOfPoints"][0] == sum(
                (g["state/value"][0] != 255).sum() for g in file["particles"].values()
            )
            if condition is mouse:
                cells = file["observables/cells_alive/value"][0]
                cells += file["observables/cells_dead/value"][0]
                every = -(-cells // 700)
                states = file["particles/cell/state/value"][0]
                assert (states != 255).sum() == -(-cells // every) <= 700 < cells
                alive = file["observables/cells_alive/value"][0] / cells
                assert (states == 1).sum() / (states != 255).sum() == pytest.approx(alive, abs=4 * np.sqrt(0.25 / 500))
                reach = np.linalg.norm(file["particles/cell/position/value"][0][states != 255], axis=1).max()
                radius = 1000.0 * (3.0 * cells / 1e5 / (4.0 * np.pi)) ** (1.0 / 3.0)
                assert 0.9 * radius < reach < radius + 150.0  # um; the diagonal of a patch is 149
