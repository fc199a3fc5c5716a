"""Particles: agents frame by frame in the H5MD layout, and over them a VTKHDF view that copies nothing.

ParaView opens a run file that has /VTKHDF as points that change in time; state, population and more are to colour by.
Source   H5MD 1.1 (nongnu.org/h5md); VTKHDF file format 2.3, transient PolyData (docs.vtk.org).
"""

from collections.abc import Mapping, Sequence

import h5py
import numpy as np

from adccsim.record.objects import write_dataset

ABSENT = 255  # state of an agent that a frame does not hold
_VTK_VERSION = (2, 3)
_TOPOLOGIES = ("Vertices", "Lines", "Polygons", "Strips")  # the order of the columns of Steps/CellOffsets


def write_particles(file: h5py.File, frames: Sequence[Mapping], about: Mapping, clock: tuple) -> None:
    """Write frames as /particles/<population>/<column>/{value, step, time} and the view /VTKHDF.

    frames: per frame population -> column -> array with one row per agent; every population has `position` (n, 2 or 3)
    and `state` (n,). about: (population, column) -> (unit, description). clock: steps and hours of the frames.
    Frames with fewer agents than the largest are filled up: position -1,
    state ABSENT, else 0.
    """
    steps, hours = (np.asarray(values) for values in clock)
    particles = file.create_group("particles")
    counts = {}
    for population, columns in frames[0].items():
        group = particles.create_group(population)
        box = group.create_group("box")
        box.attrs["dimension"] = np.asarray(columns["position"]).shape[1]
        box.attrs["boundary"] = ["none"] * box.attrs["dimension"]
        counts[population] = np.array([len(frame[population]["state"]) for frame in frames])
        most = counts[population].max()
        for name, first in columns.items():
            first = np.asarray(first)
            blank = {"position": -1, "state": ABSENT}.get(name, 0)
            values = np.full((len(frames), most, *first.shape[1:]), blank, first.dtype)
            for k, frame in enumerate(frames):
                values[k, : counts[population][k]] = frame[population][name]
            part = group.create_group(name)
            write_dataset(part, "value", values, *about[population, name])
            part["step"], part["time"] = steps, hours
    view(file, counts, hours)


def view(file: h5py.File, counts: Mapping[str, np.ndarray], times: np.ndarray) -> None:
    """Write /VTKHDF over /particles: virtual datasets; counts: population -> agents per frame."""
    frames = len(times)
    sizes = np.sum(list(counts.values()), axis=0)  # points per frame, population after population
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    root = file.create_group("VTKHDF")
    root.attrs["Version"] = np.array(_VTK_VERSION, np.int64)
    root.attrs["Type"] = np.bytes_("PolyData")
    root["NumberOfPoints"] = sizes.astype(np.int64)
    particles = file["particles"]
    # VTK wants three floats a point and names no scale: units are those of /particles
    root.create_virtual_dataset(
        "Points", _virtual(particles, counts, "position", starts, (3,), np.float32), fillvalue=0
    )
    data = root.create_group("PointData")
    columns = dict.fromkeys(name for group in particles.values() for name in group if name not in ("box", "position"))
    for name in columns:
        kind = next(group[name]["value"].dtype for group in particles.values() if name in group)
        data.create_virtual_dataset(name, _virtual(particles, counts, name, starts, (), kind), fillvalue=0)
    order = [np.repeat(np.arange(len(counts), dtype=np.uint8), [counts[p][k] for p in counts]) for k in range(frames)]
    data.create_dataset("population", data=np.concatenate(order), compression="gzip", compression_opts=1)
    data["population"].attrs["legend"] = list(counts)
    _topology(root, sizes)
    _steps(root, sizes, starts, times, [*columns, "population"])


def _virtual(particles, counts, name, starts, tail, kind) -> h5py.VirtualLayout:
    """The frames of a column one after the other, in each the populations one after the other."""
    total = int(sum(c.sum() for c in counts.values()))
    layout = h5py.VirtualLayout((total, *tail), kind)
    layout.dcpl.set_obj_track_times(False)  # HDF5 would write the time of day: equal runs have equal bytes
    at = starts.copy()
    for population, present in counts.items():
        if name in particles[population]:
            value = particles[population][name]["value"]
            source = h5py.VirtualSource(".", value.name, value.shape, value.dtype)
            for k, n in enumerate(present):
                if n and tail:
                    layout[at[k] : at[k] + n, : value.shape[2]] = source[k, :n, :]
                elif n:
                    layout[at[k] : at[k] + n] = source[k, :n]
        at += present
    return layout


def _topology(root: h5py.Group, sizes: np.ndarray) -> None:
    """One cell per frame that lists its points: all frames share one list 0, 1, 2 ..."""
    frames = len(sizes)
    for name in _TOPOLOGIES:
        group = root.create_group(name)
        points = name == "Vertices"
        ids = np.arange(sizes.max() if points else 0, dtype=np.int64)
        group.create_dataset("Connectivity", data=ids, **({"compression": "gzip", "shuffle": True} if ids.size else {}))
        group["NumberOfConnectivityIds"] = sizes.astype(np.int64) if points else np.zeros(frames, np.int64)
        group["NumberOfCells"] = np.full(frames, int(points), np.int64)
        offsets = [[0, size] if points else [0] for size in sizes]
        group["Offsets"] = np.array(offsets, np.int64).ravel()


def _steps(root: h5py.Group, sizes, starts, times, columns) -> None:
    frames = len(sizes)
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = np.int64(frames)
    steps["Values"] = np.asarray(times, float)
    steps["PartOffsets"], steps["NumberOfParts"] = np.arange(frames), np.ones(frames, np.int64)
    steps["PointOffsets"] = starts
    cells = np.zeros((frames, len(_TOPOLOGIES)), np.int64)
    cells[:, 0] = np.arange(frames)
    steps["CellOffsets"], steps["ConnectivityIdOffsets"] = cells, np.zeros((frames, len(_TOPOLOGIES)), np.int64)
    offsets = steps.create_group("PointDataOffsets")
    for name in columns:
        offsets[name] = starts
