"""HDF5 objects of a run file: datasets with CF units, groups, attributes.

A run file has some hundred and fifty small objects. Through h5py's general code they would take longer than a small
well, so they are made with its low-level calls; what is written is what the general code would write.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import h5py
import numpy as np

from adccsim.run_schema import SCHEMA_VERSION

COMPRESS_FROM = 2048  # elements: small datasets are smaller and faster without
_STRING = h5py.string_dtype()
_TEXT = h5py.h5t.py_create(_STRING, logical=True)
_SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)
# HDF5 would write the time of day: equal runs have equal bytes.
_PLAIN = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)
_GROUP = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
_GROUP.set_obj_track_times(False)
_GROUP.set_attr_phase_change(64, 0)  # attributes stay in the header: /meta has more of them than HDF5 expects


class Part(NamedTuple):
    """One dataset of a run file: its path, values, CF unit, description, and names of its columns if it has several."""

    path: str
    values: np.ndarray
    unit: str = ""
    description: str = ""
    classes: tuple[str, ...] | None = None


class Link(NamedTuple):
    """A second name of a dataset: one clock for all series."""

    path: str
    target: str


def write_dataset(group: h5py.Group, name: str, values, unit: str = "", description: str = "") -> h5py.Dataset:
    """One dataset, with CF-style units and a description where they are given; large ones are compressed."""
    values = np.ascontiguousarray(values)
    if values.size >= COMPRESS_FROM:
        dataset = group.create_dataset(name, data=values, compression="gzip", compression_opts=1, shuffle=True)
        identity = dataset.id
    else:
        space = h5py.h5s.create_simple(values.shape)
        identity = h5py.h5d.create(
            group.id, name.encode(), h5py.h5t.py_create(values.dtype, logical=True), space, _PLAIN
        )
        identity.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        dataset = h5py.Dataset(identity)
    if unit:
        _write_text(identity, b"units", unit)
        _write_text(identity, b"description", description)
    return dataset


def write_parts(file: h5py.File, parts: Iterable[Part | Link]) -> None:
    """Datasets and links with the groups that they lie in. The target of a link comes before it."""
    groups: dict[str, h5py.Group] = {}
    for part in parts:
        place, _, name = part.path.rpartition("/")
        group = groups.get(place)
        if group is None:
            group = groups[place] = _groups(file, place)
        if isinstance(part, Link):
            target = h5py.h5o.open(file.id, part.target.encode())
            h5py.h5o.link(target, group.id, name.encode())
        else:
            dataset = write_dataset(group, name, part.values, part.unit, part.description)
            if part.classes is not None:
                dataset.attrs["classes"] = list(part.classes)


def _groups(file: h5py.File, path: str) -> h5py.Group:
    group: h5py.Group = file
    for name in path.split("/"):
        group = h5py.Group(h5py.h5g.open(group.id, name.encode())) if name in group else make_group(group, name)
    return group


def make_group(parent: h5py.Group, name: str) -> h5py.Group:
    """A new group."""
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=_GROUP))


def _write_text(owner: h5py.h5g.GroupID | h5py.h5d.DatasetID, name: bytes, text: str) -> None:
    """A text attribute of a new object, as h5py would write it: UTF-8 of any length."""
    h5py.h5a.create(owner, name, _TEXT, _SCALAR).write(np.array(text, dtype=_STRING))


def write_h5md(file: h5py.File, version: str) -> None:
    """The header by which readers of H5MD 1.1 know the file."""
    h5md = make_group(file, "h5md")
    h5md.attrs["version"] = np.array([1, 1], np.int32)
    creator = make_group(h5md, "creator")
    _write_text(creator.id, b"name", "adccsim")
    _write_text(creator.id, b"version", version)
    _write_text(make_group(h5md, "author").id, b"name", "adccsim")


def write_meta(file: h5py.File, meta: Mapping) -> None:
    """Attributes of the run; status = complete comes last: a file written to disk in pieces has it when it is whole."""
    group = make_group(file, "meta")
    for name, value in [*meta.items(), ("schema_version", SCHEMA_VERSION), ("status", "complete")]:
        if isinstance(value, str):
            _write_text(group.id, name.encode(), value)
        else:
            value = np.asarray(value)
            kind = h5py.h5t.py_create(value.dtype, logical=True)
            h5py.h5a.create(
                group.id, name.encode(), kind, h5py.h5s.create_simple(value.shape) if value.shape else _SCALAR
            ).write(value)
