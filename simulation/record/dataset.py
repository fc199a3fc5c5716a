"""Dataset: how one array is put into a run file."""

import h5py
import numpy as np

_COMPRESS_FROM = 2048  # elements: small datasets are smaller and faster without
_STRING = h5py.string_dtype()
_TEXT = h5py.h5t.py_create(_STRING, logical=True)
_SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)
_PLAIN = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)  # HDF5 would write the time of day: equal runs have equal bytes


def write_dataset(group: h5py.Group, name: str, values, unit: str = "", description: str = "") -> h5py.Dataset:
    """One dataset, with CF-style units and a description where they are given; large ones are shuffled and compressed.

    Small ones go past h5py's general code: a file has some forty of them, which would take longer than a small well.
    """
    values = np.ascontiguousarray(values)
    if values.size >= _COMPRESS_FROM:
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


def _write_text(owner: h5py.h5d.DatasetID, name: bytes, text: str) -> None:
    """A text attribute of a new object, as h5py would write it: UTF-8 of any length."""
    h5py.h5a.create(owner, name, _TEXT, _SCALAR).write(np.array(text, dtype=_STRING))
