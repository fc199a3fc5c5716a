"""Run files made in memory: they hold what the plain writer writes, and the same bytes whatever was made before."""

import io
import time

import h5py
import numpy as np
import pytest

from adccsim.execution.one import begin, simulate
from adccsim.record import layout, skeleton
from adccsim.record.objects import COMPRESS_FROM, Link, Part, write_h5md, write_meta, write_parts
from adccsim.record.well import WellRecord
from tests.cluster.sweeps import runs_of, text


def decoded(file: h5py.File) -> dict:
    """Everything in a file: path -> type, attributes with their types, values with their type and shape; all links."""
    found = {}

    def look(name, thing):
        attributes = {key: (type(value), np.asarray(value).tolist()) for key, value in thing.attrs.items()}
        values = (thing.dtype.str, thing.shape, thing[()].tolist()) if isinstance(thing, h5py.Dataset) else None
        found[name] = (type(thing).__name__, attributes, values)

    file.visititems(look)
    links: list[str] = []
    file.visititems_links(lambda name, _: links.append(name))
    return found | {"links": sorted(links)}


def read(content: bytes) -> dict:
    with h5py.File(io.BytesIO(content)) as file:
        return decoded(file)


def recorded(seed: int, length: int = 6, cells: int = 40):
    """Contents of a run file with all that a well can record, the numbers drawn from a seed."""
    draw = np.random.default_rng(seed)
    recorder = WellRecord(1 / 60)
    signals = ("signal", "signal_maximum", "signal_blank")
    for step in range(length):
        row = {name: float(draw.random()) for name in layout.SERIES if name not in signals}
        recorder.sample(step, row | {"kills": int(draw.integers(1000))})
    final = {name: draw.integers(0, 200, cells).astype(np.uint8) for name in layout.FINAL}
    histograms = {name: (draw.integers(0, 9, 41), np.arange(42)) for name in layout.HISTOGRAMS}
    recorder.events.append(tuple(draw.integers(0, 100, 30) for _ in range(5)))
    recorder.frame(0, final)
    meta = {"run_id": f"{seed:016x}", "condition": chr(96 + seed) * 2000, "model_version": "well-0", "seed": seed}
    return recorder.contents(
        meta, {name: draw.random(length) for name in signals}, histograms, final, (8, 64), ("birth", "hit"), True
    )


@pytest.mark.parametrize("cells", [40, COMPRESS_FROM])
@pytest.mark.parametrize("length", [6, COMPRESS_FROM])
def test_a_file_from_a_skeleton_reads_as_one_written_plainly(length, cells):
    for seed in (1, 2):  # the second is the first one's skeleton with other numbers and texts
        contents = recorded(seed, length, cells)
        kept = len(skeleton._kept)
        with h5py.File("plain", "w", driver="core", backing_store=False) as plain:
            contents.write(plain)
            assert read(contents.image()) == decoded(plain)
        assert seed == 1 or len(skeleton._kept) == kept


def test_a_run_file_reads_as_what_simulate_writes(tmp_path):
    condition = next(iter(runs_of(text(replicates=1)).values()))
    (tmp_path / "runs").mkdir()
    path = begin(condition, tmp_path / "runs")()
    with h5py.File("plain", "w", driver="core", backing_store=False) as plain, h5py.File(path) as file:
        simulate(condition, plain)
        assert decoded(file) == decoded(plain)
        assert file["observables/kills/time"] == file["observables/hits/time"], "one clock for all series"
        assert file["observables/kills/value"].attrs["units"] == "1"
    assert not list(tmp_path.rglob("*.part"))


def test_bytes_hang_on_nothing_that_was_made_before(monkeypatch):
    monkeypatch.setattr(skeleton, "_kept", {})
    first = recorded(1).image()
    others = [recorded(seed, length, cells).image() for seed, length, cells in ((2, 6, 40), (3, 9, 40), (4, 6, 50))]
    time.sleep(1.1)  # HDF5 would keep seconds
    assert recorded(1).image() == first
    monkeypatch.setattr(skeleton, "_kept", {})
    assert [recorded(2).image(), recorded(3, 9).image(), recorded(4, 6, 50).image()] == others
    assert recorded(1).image() == first


def test_few_shapes_are_kept(monkeypatch):
    monkeypatch.setattr(skeleton, "_kept", {})
    for cells in range(skeleton._MOST + 3):
        recorded(1, cells=cells).image()
    assert len(skeleton._kept) == skeleton._MOST


def test_stock_readers_of_the_last_fifteen_years_know_the_format():
    content = recorded(1).image()
    assert content[:8] == b"\x89HDF\r\n\x1a\n" and content[8] == 2, "superblock 2: HDF5 1.8 and later"


def test_empty_and_large_parts_and_links_to_both():
    parts = [
        Part("a/empty", np.zeros(0)),
        Part("a/large", np.arange(3.0 * COMPRESS_FROM), "h", "a clock"),
        Part("a/small", np.arange(6).reshape(2, 3).T, "1", "not contiguous"),
        Link("b/large", "a/large"),
        Link("b/small", "a/small"),
        Link("b/empty", "a/empty"),
    ]
    meta = {"model_version": "well-0", "condition": "\N{GREEK SMALL LETTER MU}m " * 9, "seed": -3, "share": 0.5}
    with h5py.File("plain", "w", driver="core", backing_store=False) as plain:
        write_h5md(plain, "well-0")
        write_parts(plain, parts)
        write_meta(plain, meta)
        content = skeleton.image("well-0", parts, meta)
        assert read(content) == decoded(plain)
    with h5py.File(io.BytesIO(content)) as file:
        assert file["b/large"] == file["a/large"] and file["b/large"].compression == "gzip"
        assert np.array_equal(file["a/small"], parts[2].values)
