"""Rows of the summary table: what it needs of one run file, the condition and the last value of each series.

To open one small dataset takes HDF5 some 50 us; a run file has a hundred, and the files of a study are alike but for
their numbers. So where the values lie is asked once for each shape of file: another file with the same bytes in front
of /meta, values apart, has the same objects by the same names, and its values lie in the same places.

Limits   the same as HDF5 reads, for files of any shape                             (tests/analysis/test_run_rows.py)
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.errors import ForeignFile
from analysis.trajectory import check_meta, faults_named

END_VALUES = (
    *("targets_alive", "targets_dying", "targets_dead", "targets_cleared", "births", "kills", "spontaneous_deaths"),
    *("effectors_alive", "effectors_dead", "conjugates", "encounters", "contacts", "hits", "effector_searching_h"),
    *("antibody_free_nM", "antibody_bound_per_target", "receptor_occupancy", "antibody_internalised_per_target"),
    *("antibody_cleared_per_target", "cd16a_level", "granules_mean", "resistant_fraction"),
    *("signal", "signal_maximum", "signal_blank"),
)
COUNTS = ("donor", "replicate")
_META = ("schema_version", "run_id", "plate", "model_version", "condition", "status")
_ACCESS = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
_ACCESS.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # whatever of the file is still open goes with it
_MOST = 8  # shapes that are kept; a sweep of wells has one or two
_LARGEST = 1 << 20  # bytes of a file with a shape: larger ones hold single agents, and no two of them are alike


class _Shape(NamedTuple):
    """A file up to /meta with zeros for values, where those lie, and where the last one of each series is."""

    front: bytes
    holes: tuple[tuple[int, int], ...]
    places: dict[str, tuple[int, np.dtype]]

    def fits(self, content: bytes) -> bool:
        """Whether a file is the same but for its values."""
        front = bytearray(content[: len(self.front)])
        for start, stop in self.holes:
            front[start:stop] = bytes(stop - start)
        return front == self.front

    def last(self, content: bytes, name: str) -> float | None:
        """Last value of a series of a file that fits."""
        if name not in self.places:
            return None
        place, dtype = self.places[name]
        return float(np.frombuffer(content, dtype, 1, place)[0])


_shapes: list[_Shape] = []


def read_rows(columns: Mapping[str, str], model: str | None, files: tuple[Path, list[str]]) -> dict[str, dict | str]:
    """Rows by run id, with the reason instead of a row where there is none.

    columns: names of the columns that are entries of the condition, with their dotted paths. model: the version of this
    study, None for any. files: a folder, and the run ids of the files in it that are to be read.
    """
    folder, names = files
    found: dict[str, dict | str] = {}
    for name in names:
        try:
            found[name] = _row(folder / f"{name}.h5", columns, model)
        except ForeignFile as fault:
            found[name] = str(fault)
    return found


def _row(path: Path, columns: Mapping[str, str], model: str | None) -> dict:
    """One run file as a row. Raises ForeignFile with the reason if it is not a complete run of this study's model."""
    with faults_named():
        meta, ends = read_ends(path)
        if model is not None and meta["model_version"] != model:
            raise ForeignFile(f"model {meta['model_version']}, the study is {model}")
        condition = json.loads(meta["condition"])
        row = {"run_id": meta["run_id"], "plate": str(meta["plate"]), "model_version": str(meta["model_version"])}
        row["actions"] = json.dumps(condition["action"], sort_keys=True) if condition.get("action") else ""
        for column, key in columns.items():
            value = _at(condition, key)
            row[column] = json.dumps(value) if isinstance(value, list | dict) else value
        return row | ends


def _at(condition: Mapping, key: str) -> object:
    node: object = condition
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return float(node) if isinstance(node, int) and not isinstance(node, bool) and key not in COUNTS else node


def read_ends(path: Path) -> tuple[dict, dict[str, float | None]]:
    """(attributes of /meta, last value of each of END_VALUES; None where the file has no such series).

    Raises ForeignFile unless it is the complete run that its name says, and what h5py raises for a damaged file.
    """
    file = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _ACCESS)
    try:
        meta = _meta(file)
        check_meta(meta, path)
        content = path.read_bytes() if file.get_filesize() <= _LARGEST else b""
        shape = next((each for each in _shapes if each.fits(content)), None)
        if shape is not None:
            return meta, {name: shape.last(content, name) for name in END_VALUES}
        observables = h5py.h5g.open(file, b"observables")
        ends = {name: _last(observables, name) for name in END_VALUES}
        shape = _shape(file, content) if content and len(_shapes) < _MOST else None
        if shape is not None:
            _shapes.append(shape)
        return meta, ends
    finally:
        file.close()


def _meta(file: h5py.h5f.FileID) -> dict:
    try:
        group = h5py.h5g.open(file, b"meta")
    except KeyError:
        raise ForeignFile("not a run file (no /meta)") from None
    found = {}
    for name in _META:
        if h5py.h5a.exists(group, name.encode()):
            attribute = h5py.h5a.open(group, name.encode())
            value = np.empty(attribute.shape, attribute.dtype)
            attribute.read(value)
            value = value[()]
            found[name] = value.decode() if isinstance(value, bytes) else value
    return found


def _last(observables: h5py.h5g.GroupID, name: str) -> float | None:
    try:
        data = h5py.h5d.open(observables, f"{name}/value".encode())
    except KeyError:
        return None
    values = np.empty(data.shape)
    data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return float(values[-1])


def _shape(file: h5py.h5f.FileID, content: bytes) -> _Shape | None:
    """The shape of a file that could be read; None where a series is compressed, or does not lie in front of /meta."""
    holes, places = set(), {}
    ends = [h5py.h5o.get_info(file, b"observables").addr]
    for name, group in h5py.Group(h5py.h5g.open(file, b"observables")).items():
        ends.append(h5py.h5o.get_info(group.id).addr)
        for what, data in group.items():
            place = data.id.get_offset()
            if place is None:
                return None
            ends += [h5py.h5o.get_info(data.id).addr, place + data.nbytes]
            holes.add((place, place + data.nbytes))
            if what == "value" and data.ndim == 1:
                places[name] = (place + data.nbytes - data.dtype.itemsize, data.dtype)
    front = h5py.h5o.get_info(file, b"meta").addr
    if max(ends) > front:
        return None
    blank = bytearray(content[:front])
    for start, stop in holes:
        blank[start:stop] = bytes(stop - start)
    return _Shape(bytes(blank), tuple(sorted(holes)), places)
