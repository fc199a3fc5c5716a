"""One run file: its attributes and its series, read fast.

To open one small dataset takes HDF5 some 50 us; a run file has a hundred, and the files of a study are alike but for
their numbers. So where the values lie is asked once for each shape of file: another file with the same bytes in front
of /meta, values apart, has the same objects by the same names and attributes, and its values lie in the same places.

Layout   attributes of /meta (schema_version, run_id, plate, condition, model_version, status),
         /observables/<name>/{value, time} with time in hours, optional `edges` of a histogram
Limits   the same as HDF5 reads, for files of any shape                             (tests/analysis/test_run_file.py)
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.errors import ForeignFile

SCHEMA_VERSION = 1
_META = ("schema_version", "run_id", "plate", "model_version", "condition", "status")
_ACCESS = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
_ACCESS.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # whatever of the file is still open goes with it
_MOST = 8  # shapes that are kept; a sweep of wells has one or two
_LARGEST = 1 << 20  # bytes of a file with a shape: larger ones hold single agents, and no two of them are alike


@dataclass(frozen=True)
class Series:
    """One observable: value of shape (T,) or (T, bins), time of shape (T,) in hours, bin edges or None."""

    value: np.ndarray
    time: np.ndarray
    units: str = ""
    edges: np.ndarray | None = None

    @property
    def last(self) -> float | np.ndarray:
        """Value at the last time."""
        return self.value[-1]


class RunFile:
    """A complete run, open for reading in a with statement: its attributes `meta`, the names and values of its series.

    Raises ForeignFile, also on the way, with the reason if it is not the complete run that its name says.
    """

    def __init__(self, path: Path):
        self._file = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _ACCESS)
        try:
            self.meta = _meta(self._file)
            check_meta(self.meta, path)
            self._content = path.read_bytes() if self._file.get_filesize() <= _LARGEST else b""
            self._shape = _shape_of(self._file, self._content) if self._content else None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def names(self) -> list[str]:
        """Names of the series."""
        if self._shape is not None:
            return list(self._shape.series)
        return list(self._observables()) if b"observables" in self._file else []

    def series(self, name: str) -> Series:
        """A series that the file has."""
        if self._shape is None:
            return _read_series(self._observables()[name])
        parts = self._shape.series[name]
        value, time = parts.value.read(self._content), parts.time.read(self._content)
        edges = parts.edges.read(self._content) if isinstance(parts.edges, _Place) else parts.edges
        return _series(name, value, time, parts.units, edges)

    def last(self, name: str) -> float | None:
        """Last value of a series of scalars; None where the file has none by this name."""
        if self._shape is not None:
            parts = self._shape.series.get(name)
            return None if parts is None or len(parts.value.shape) > 1 else parts.value.last(self._content)
        observables = h5py.h5g.open(self._file, b"observables")
        try:
            data = h5py.h5d.open(observables, f"{name}/value".encode())
        except KeyError:
            return None
        values = np.empty(data.shape)
        data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return float(values[-1])

    def _observables(self) -> h5py.Group:
        return h5py.Group(h5py.h5g.open(self._file, b"observables"))


@contextmanager
def faults_named() -> Iterator[None]:
    """Whatever a damaged run file makes h5py and its reader raise becomes a ForeignFile with the reason."""
    try:
        yield
    except ForeignFile:
        raise
    except (OSError, RuntimeError) as fault:
        raise ForeignFile("truncated or not an HDF5 file") from fault
    except (KeyError, ValueError, TypeError, AttributeError) as fault:
        raise ForeignFile(f"unreadable ({fault})") from fault


def check_meta(meta: dict, path: Path) -> None:
    """Raises ForeignFile unless these are the attributes of the complete run that the file is named after."""
    if "schema_version" not in meta or "run_id" not in meta or "condition" not in meta:
        raise ForeignFile("not a run file (/meta lacks schema_version, run_id or condition)")
    if int(meta["schema_version"]) != SCHEMA_VERSION:
        raise ForeignFile(f"schema version {meta['schema_version']}, this program reads {SCHEMA_VERSION}")
    if meta.get("status") != "complete":
        raise ForeignFile("the run is not complete")
    if meta["run_id"] != Path(path).stem:
        raise ForeignFile(f"its name does not match its run id {meta['run_id']}")


def _meta(file: h5py.h5f.FileID) -> dict:
    if b"meta" not in file:
        raise ForeignFile("not a run file (no /meta)")
    group, found = h5py.h5g.open(file, b"meta"), {}
    for name in _META:
        if h5py.h5a.exists(group, name.encode()):
            attribute = h5py.h5a.open(group, name.encode())
            value = np.empty(attribute.shape, attribute.dtype)
            attribute.read(value)
            found[name] = _text(value[()])
    return found


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def _series(name: str, value: np.ndarray, time: np.ndarray, units: object, edges: np.ndarray | None) -> Series:
    time = np.asarray(time, dtype=float)
    if len(value) != len(time) or not len(value):
        raise ForeignFile(f"/observables/{name}: value and time do not match")
    return Series(value, time, units, None if edges is None else np.asarray(edges, dtype=float))


def _read_series(group: h5py.Group) -> Series:
    data = group["value"]
    edges = group["edges"][()] if "edges" in group else _noted_edges(group, data)
    return _series(group.name.rpartition("/")[2], data[()], group["time"][()], _units(data), edges)


def _units(data: h5py.Dataset) -> object:
    return _text(data.attrs.get("units", ""))


def _noted_edges(group: h5py.Group, data: h5py.Dataset) -> np.ndarray | None:
    return data.attrs.get("edges", group.attrs.get("edges"))


# -- shapes ---------------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where the values of a dataset lie in a file."""

    start: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def read(self, content: bytes) -> np.ndarray:
        """The values, with memory of their own."""
        return np.frombuffer(content, self.dtype, math.prod(self.shape), self.start).reshape(self.shape).copy()

    def last(self, content: bytes) -> float:
        """The last of them."""
        end = self.start + math.prod(self.shape) * self.dtype.itemsize
        return float(np.frombuffer(content, self.dtype, 1, end - self.dtype.itemsize)[0])


class _Parts(NamedTuple):
    """What a series is made of; edges may stand in an attribute, which is a part of the shape."""

    value: _Place
    time: _Place
    units: object
    edges: _Place | np.ndarray | None


class _Shape(NamedTuple):
    """A file up to /meta with zeros for values, where those lie, and the series they belong to."""

    front: bytes
    holes: tuple[tuple[int, int], ...]
    series: dict[str, _Parts]

    def fits(self, content: bytes) -> bool:
        """Whether a file is the same but for its values."""
        front = bytearray(content[: len(self.front)])
        for start, stop in self.holes:
            front[start:stop] = bytes(stop - start)
        return front == self.front


_shapes: list[_Shape] = []


def _shape_of(file: h5py.h5f.FileID, content: bytes) -> _Shape | None:
    """The shape of a file, by which it is read from here on; None where HDF5 has to be asked."""
    for shape in _shapes:
        if shape.fits(content):
            return shape
    if len(_shapes) >= _MOST or b"observables" not in file:
        return None
    shape = _new_shape(file, content)
    if shape is not None:
        _shapes.append(shape)
    return shape


def _new_shape(file: h5py.h5f.FileID, content: bytes) -> _Shape | None:
    """A shape; None where a series lacks a part, is compressed, or does not lie in front of /meta."""
    holes, series = set(), {}
    ends = [h5py.h5o.get_info(file, b"observables").addr]
    for name, group in h5py.Group(h5py.h5g.open(file, b"observables")).items():
        ends.append(h5py.h5o.get_info(group.id).addr)
        places = {}
        for what, data in group.items():
            start = data.id.get_offset()
            if start is None:
                return None
            places[what] = _Place(start, data.dtype, data.shape)
            ends += [h5py.h5o.get_info(data.id).addr, start + data.nbytes]
            holes.add((start, start + data.nbytes))
        if not {"value", "time"} <= places.keys():
            return None
        data = group["value"]
        edges = places["edges"] if "edges" in places else _noted_edges(group, data)
        series[name] = _Parts(places["value"], places["time"], _units(data), edges)
    front = h5py.h5o.get_info(file, b"meta").addr
    if max(ends) > front:
        return None
    blank = bytearray(content[:front])
    for start, stop in holes:
        blank[start:stop] = bytes(stop - start)
    return _Shape(bytes(blank), tuple(sorted(holes)), series)
