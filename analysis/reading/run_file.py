"""One run file: its attributes and its series, read fast.

To open one small dataset takes HDF5 some 50 us; a run file has a hundred, and the files of a study are alike but for
their numbers. So where the values of the series lie is asked once for each shape of file. A shape is a stretch of bytes
in which /observables is described, values blanked: it is taken only if HDF5 finds the same series with all else wiped
out. A file with the same bytes there, and /observables at the same place, then has the same series in the same
places.

Every byte of a file is checked against its seal (simulation/seal.py) before HDF5 sees it; only files of schema 1 have
none. Observables that were renamed are read under their present name from files of any schema (run_schema.py).

Layout   attributes of /meta (schema_version, run_id, plate, condition, model_version, status),
         /observables/<name>/{value, time} with time in hours, optional `edges` of a histogram
Limits   the same as HDF5 reads, for files of any shape                        (tests/analysis/reading/test_run_file.py)
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import h5py
import numpy as np

from adccsim.analysis.errors import ForeignFile
from adccsim.run_schema import READABLE, SCHEMA_VERSION, current_name, former_name
from adccsim.seal import MISSING, SEALED_FROM, DamagedFile, checked

_META = ("schema_version", "run_id", "plate", "model_version", "condition", "status")
_ACCESS = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
_ACCESS.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # whatever of the file is still open goes with it
_MOST = 32  # shapes that are kept, the last ones that fitted: of the wells of a plate one for each E:T and role
_TRIES = 8  # shapes that may be learnt before a file fits one
_FRONT = 1 << 20  # bytes at the beginning of a file in which its series must lie for it to have a shape
_HEAD_VERSION = 8  # place of the version of an HDF5 file's head
_LARGEST = 1 << 26  # bytes of a file from which a shape is learnt


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

    digest: the SHA-256 of its seal, which its bytes match; None in a file of schema 1.
    Raises ForeignFile, also on the way, with the reason if it is not the complete run that its name says.
    """

    def __init__(self, path: Path):
        path = Path(path)
        with path.open("rb") as plain:
            self._content = plain.read(_FRONT)
            self.digest = checked(plain, self._content)
        self._file = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _ACCESS)
        try:
            self.meta = _meta(self._file)
            check_meta(self.meta, path, self.digest)
            self._renamed = int(self.meta["schema_version"]) < SCHEMA_VERSION
            self._shape = _shapes.of(self._file, self._content)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def names(self) -> list[str]:
        """Present names of the series."""
        if self._shape is not None:
            stored = list(self._shape.series)
        else:
            stored = list(self._observables()) if b"observables" in self._file else []
        return [current_name(name) for name in stored] if self._renamed else stored

    def series(self, name: str) -> Series:
        """A series that the file has."""
        name = former_name(name) if self._renamed else name
        if self._shape is None:
            return _read_series(self._observables()[name])
        parts = self._shape.series[name]
        value, time = parts.value.read(self._content), parts.time.read(self._content)
        edges = parts.edges.read(self._content) if isinstance(parts.edges, _Place) else parts.edges
        return _series(name, value, time, parts.units, edges)

    def last(self, name: str) -> float | None:
        """Last value of a series of scalars; None where the file has none by this name."""
        name = former_name(name) if self._renamed else name
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
def opened(path: Path) -> Iterator[h5py.File]:
    """A run file for reading with h5py, after every byte was checked. Raises ForeignFile with the reason otherwise."""
    with errors_named():
        with Path(path).open("rb") as plain:
            digest = checked(plain)
        with h5py.File(path, "r") as file:
            check_meta(_meta(file.id), path, digest)
            yield file


@contextmanager
def errors_named() -> Iterator[None]:
    """Whatever a damaged run file makes h5py and its reader raise becomes a ForeignFile with the reason."""
    try:
        yield
    except ForeignFile:
        raise
    except DamagedFile as error:
        raise ForeignFile(str(error)) from error
    except (OSError, RuntimeError) as error:
        raise ForeignFile("truncated or not an HDF5 file") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ForeignFile(f"unreadable ({error})") from error


def check_meta(meta: dict, path: Path, digest: str | None) -> None:
    """Raises ForeignFile unless these are the attributes of the complete run that the file is named after.

    digest: of its seal, None if it has none.
    """
    if "schema_version" not in meta or "run_id" not in meta or "condition" not in meta:
        raise ForeignFile("not a run file (/meta lacks schema_version, run_id or condition)")
    schema = int(meta["schema_version"])
    if schema not in READABLE:
        raise ForeignFile(f"schema version {schema}, this program reads {', '.join(map(str, READABLE))}")
    if digest is None and schema >= SEALED_FROM:
        raise ForeignFile(MISSING)
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


def _series(
    name: str, value: np.ndarray, time: np.ndarray, units: str, edges: np.ndarray | tuple[float, ...] | None
) -> Series:
    time = np.asarray(time, dtype=float)
    if len(value) != len(time) or not len(value):
        raise ForeignFile(f"/observables/{name}: value and time do not match")
    return Series(value, time, units, None if edges is None else np.asarray(edges, dtype=float))


def _read_series(group: h5py.Group) -> Series:
    data = group["value"]
    edges = group["edges"][()] if "edges" in group else _noted_edges(group, data)
    return _series(group.name.rpartition("/")[2], data[()], group["time"][()], _units(data), edges)


def _units(data: h5py.Dataset) -> str:
    units = data.attrs.get("units", "")
    return units.decode() if isinstance(units, bytes) else units


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
        return float(np.frombuffer(content, self.dtype, 1, self.stop - self.dtype.itemsize)[0])

    @property
    def stop(self) -> int:
        """Where they end."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize


class _Parts(NamedTuple):
    """What a series is made of; edges may stand in an attribute, which is a part of the shape."""

    value: _Place
    time: _Place
    units: str
    edges: _Place | tuple[float, ...] | None


@dataclass(eq=False)
class _Shape:
    """The bytes from `start` in which the series of a file are described, with zeros for values; where those lie."""

    address: int  # of /observables
    start: int
    described: bytes
    holes: tuple[tuple[int, int], ...]  # from `start`
    series: dict[str, _Parts]

    def fits(self, address: int, content: bytes) -> bool:
        """Whether a file is the same there but for its values."""
        described = bytearray(content[self.start : self.start + len(self.described)])
        for start, stop in self.holes:
            described[start:stop] = bytes(stop - start)
        return address == self.address and described == self.described


class _Shapes:
    """The shapes that were learnt. Where files do not fit what was learnt from others, no more is learnt."""

    def __init__(self):
        self.kept: list[_Shape] = []
        self._to_learn = _TRIES

    def of(self, file: h5py.h5f.FileID, content: bytes) -> _Shape | None:
        """The shape of a file, by which it is read from here on; None where HDF5 has to be asked."""
        if b"observables" not in file:
            return None
        address = h5py.h5o.get_info(file, b"observables").addr
        for known in self.kept:
            if known.fits(address, content):
                self._to_learn += 1
                self.kept.remove(known)
                self.kept.insert(0, known)
                return known
        if self._to_learn == 0 or file.get_filesize() > _LARGEST:
            return None
        self._to_learn -= 1
        shape = _learnt(file, address, content)
        if shape is not None:
            self.kept = [shape, *self.kept][:_MOST]
        return shape


_shapes = _Shapes()


def _learnt(file: h5py.h5f.FileID, address: int, content: bytes) -> _Shape | None:
    """The shape of a file; None where a series is compressed, lacks a part, or is described all over the file."""
    if content[_HEAD_VERSION] < 2:  # the links of its root stand in the head, and nothing is found with them wiped out
        return None
    root = h5py.Group(h5py.h5g.open(file, b"/"))
    series = _series_of(root["observables"])
    if series is None:
        return None
    # The head of a file and its root differ from file to file: where it ends, and where all else lies.
    head = h5py.h5o.get_info(root.id).addr
    marks = sorted(h5py.h5o.get_info(child.id).addr for child in _own(root).values() if child is not None)
    last = max([address, *(place.stop for parts in series.values() for place in parts if isinstance(place, _Place))])
    start, size = marks[0], file.get_filesize()
    if start < head:
        return None
    values = _values_of(root)
    observables = h5py.h5r.create(file, b"observables", h5py.h5r.OBJECT)
    for stop in (mark for mark in marks if last < mark <= len(content)):
        described = bytearray(content[start:stop])
        holes = tuple((max(a, start) - start, min(b, stop) - start) for a, b in values if a < stop and b > start)
        for a, b in holes:
            described[a:b] = bytes(b - a)
        wiped = content[:head] + bytes(start - head) + described + bytes(size - stop)
        if _series_of_bytes(wiped, observables) == series:
            return _Shape(address, start, bytes(described), holes, series)
    return None


def _series_of(observables: h5py.Group) -> dict[str, _Parts] | None:
    """Where the series of a file lie; None where one is not made of plain datasets of its own."""
    series = {}
    for name, group in _own(observables).items():
        parts = _own(group) if isinstance(group, h5py.Group) else {}
        if not {"value", "time"} <= parts.keys():
            return None
        places = {}
        for what in {"value", "time", "edges"} & parts.keys():
            data = parts[what]
            start = data.id.get_offset() if isinstance(data, h5py.Dataset) else None
            if data is None or start is None:
                return None
            places[what] = _Place(start, data.dtype, data.shape)
        noted = _noted_edges(group, parts["value"])
        edges = places.get("edges") or (None if noted is None else tuple(np.asarray(noted, dtype=float).tolist()))
        series[name] = _Parts(places["value"], places["time"], _units(parts["value"]), edges)
    return series


def _own(group: h5py.Group) -> dict[str, h5py.HLObject | None]:
    """Name -> object of a group, None for a link to somewhere else."""
    return {name: group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None for name in group}


def _values_of(root: h5py.Group) -> list[tuple[int, int]]:
    """(start, stop) of the values of every plain dataset of a file."""
    found = []

    def note(_: str, data: object) -> None:
        if isinstance(data, h5py.Dataset) and data.id.get_offset() is not None:
            found.append((data.id.get_offset(), data.id.get_offset() + data.nbytes))

    root.visititems(note)
    return sorted(found)


def _series_of_bytes(content: bytes, observables: h5py.h5r.Reference) -> dict[str, _Parts] | None:
    """The same of the bytes of a file, without its root; None where HDF5 cannot find them."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_file_image(content)
    try:
        # A name of its own: HDF5 takes two files in memory of the same name for one as long as the first is open.
        file = h5py.h5f.open(uuid4().hex.encode(), h5py.h5f.ACC_RDONLY, access)
    except (OSError, RuntimeError):
        return None
    try:
        return _series_of(h5py.Group(h5py.h5r.dereference(observables, file)))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError):
        return None
    finally:
        file.close()
