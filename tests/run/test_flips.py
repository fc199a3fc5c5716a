"""Single flipped bits in the files of a study: each is named, or changes no number; and `adcc run` makes them again."""

import shutil

import h5py
import numpy as np
import pytest

from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.growth.mice import caliper_rows
from adccsim.analysis.reading.run_file import opened
from adccsim.analysis.reading.runs import read_final, read_run, read_study
from adccsim.analysis.reading.summary import refresh
from adccsim.execution import local
from adccsim.execution.folder import check_run_file, error_of
from adccsim.execution.study import run_study
from adccsim.record.checkpoint import load_checkpoint, save_checkpoint
from adccsim.run_schema import RENAMED, SCHEMA_VERSION
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.well.expand import expand
from adccsim.scenario.xenograft.branch import CheckpointError, read_meta
from adccsim.seal import SIZE, DamagedFile
from tests.analysis.make_mice import make_mice
from tests.analysis.make_runs import Design, Truth, make_study
from tests.cluster.sweeps import text
from tests.sealing import append_seal, flipped

FLIPS = 60  # of each kind of file here; `make hostile` makes more


def bits(content: bytes, seed: int, count: int = FLIPS) -> list[int]:
    """Bits to flip: anywhere, and some at both ends: the head of HDF5, the directory of a zip, the seal."""
    size = 8 * len(content)
    anywhere = np.random.default_rng(seed).integers(0, size, count)
    return [*anywhere.tolist(), *range(0, 800, 37), *range(size - 8 * SIZE, size, 41)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A run file of each kind and level, by name."""
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for level in ("observables", "final", "frames"):
        scenario = scenario_from_text(text(replicates=1, cells=30, hours=0.2).replace('"observables"', f'"{level}"'))
        runs = {each.run_id: each for each in expand(scenario)[:1]}
        assert next(iter(runs.values())).output.level == level
        assert local.execute(runs, folder / level, workers=1).failed == ()
        found[level] = next((folder / level / "runs").rglob("*.h5"))
    make_mice(folder / "mice", {"output.level": "events"})
    found["mouse"] = next((folder / "mice" / "runs").rglob("*.h5"))
    return found


@pytest.mark.parametrize("kind", ["observables", "final", "frames", "mouse"])
def test_a_flipped_bit_in_a_run_file_is_found_by_every_reader(files, tmp_path, kind):
    source = files[kind]
    content, path = source.read_bytes(), tmp_path / source.name
    assert error_of(source, source.stem) is None
    for bit in bits(content, seed=1):
        path.write_bytes(flipped(content, bit))
        with pytest.raises(DamagedFile):
            check_run_file(path, path.stem)
        with pytest.raises(ForeignFile, match="damaged"):
            read_run(path)
        with pytest.raises(ForeignFile, match="damaged"), opened(path):
            pass


def test_hdf5_opens_a_sealed_file_and_finds_nothing_new_in_it(files, tmp_path):
    for source in files.values():
        bare = tmp_path / source.name
        bare.write_bytes(source.read_bytes()[:-SIZE])
        with h5py.File(source, "r") as sealed, h5py.File(bare, "r") as plain:
            assert sealed.keys() == plain.keys()
            assert sealed["meta"].attrs["schema_version"] == SCHEMA_VERSION
        with pytest.raises(DamagedFile, match="is missing"):
            check_run_file(bare, bare.stem)
        with pytest.raises(ForeignFile, match="is missing"):
            read_run(bare)


def unsealed(source, target):
    """The file as 0.1.0 wrote it: schema version 1, no seal, the former names of observables."""
    target.write_bytes(source.read_bytes()[:-SIZE])
    with h5py.File(target, "r+") as file:
        for former, now in RENAMED.items():
            if now in file["observables"]:
                file["observables"].move(now, former)
        file["meta"].attrs["schema_version"] = np.int64(1)
    return target


@pytest.mark.parametrize("kind", ["final", "mouse"])
def test_a_file_of_layout_1_is_read_and_its_damage_ends_in_words(files, tmp_path, kind):
    source = files[kind]
    old = unsealed(source, tmp_path / source.name)
    assert error_of(old, old.stem) is None
    then, now = read_run(old).observables, read_run(source).observables
    assert then.keys() == now.keys()
    for name in now.keys() & set(RENAMED.values()):
        np.testing.assert_array_equal(then[name].value, now[name].value)
    content = old.read_bytes()
    for bit in bits(content, seed=2):
        old.write_bytes(flipped(content, bit))
        error_of(old, old.stem)  # may find nothing, and raises nothing
        try:
            read_final(read_run(old))
        except ForeignFile:
            continue


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small study of made-up wells, sealed, with its summary table."""
    out = tmp_path_factory.mktemp("study")
    make_study(out, Design(doses=(0.0, 1e-2, 1.0), replicates=2), Truth())
    for path in (out / "runs").rglob("*.h5"):
        with h5py.File(path, "r+") as file:
            file["meta"].attrs["schema_version"] = np.int64(SCHEMA_VERSION)
        append_seal(path)
    refresh(out)
    return out


def test_a_damaged_summary_table_is_built_again(study, tmp_path):
    out = shutil.copytree(study, tmp_path / "out")
    path = out / "tables" / "runs.parquet"
    right = path.read_bytes()
    for bit in bits(right, seed=3, count=20)[::2]:
        path.write_bytes(flipped(right, bit))
        summary = refresh(out)
        assert (summary.read, summary.problems) == (summary.rows, [])
        assert path.read_bytes() == right
    assert refresh(out).read == 0


def test_a_row_is_believed_only_with_the_digest_of_its_file(study, tmp_path):
    """Another run file of the same size and time in the place of the one that was read."""
    import os

    out = shutil.copytree(study, tmp_path / "out")
    first, *others = sorted((out / "runs").rglob("*.h5"))
    alike = next(path for path in others if path.stat().st_size == first.stat().st_size)
    before = first.stat()
    shutil.copyfile(alike, first)
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
    summary = refresh(out)
    assert summary.rows == len(others) and "does not match its run id" in summary.problems[0]


def test_damaged_runs_are_named_left_out_and_made_again(tmp_path):
    scenario = scenario_from_text(text(replicates=1))
    conditions = expand(scenario)
    assert not run_study(scenario, conditions, "s.toml", tmp_path, workers=1).failed
    whole = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.h5")}
    right = analyse_wells(tmp_path, with_figures=False)
    victim = next(path for path in whole if read_run(path).role == "sample")
    victim.write_bytes(flipped(whole[victim], 4 * len(whole[victim])))
    found = analyse_wells(tmp_path, with_figures=False)
    assert any(victim.name in line and "damaged" in line for line in found.problems)
    assert len(found.tables["lysis"]) == len(right.tables["lysis"]) - 1
    outcome = run_study(scenario, conditions, "s.toml", tmp_path, workers=1)
    assert outcome.done == (victim.stem,) and len(outcome.skipped) == len(whole) - 1
    assert {path: path.read_bytes() for path in whole} == whole
    again = analyse_wells(tmp_path, with_figures=False)
    assert again.problems == [] and again.tables["lysis"].equals(right.tables["lysis"])


def test_a_damaged_mouse_is_named_and_left_out(files, tmp_path):
    folder = shutil.copytree(files["mouse"].parents[2], tmp_path / "mice")
    before = len(set(caliper_rows(read_study(folder, "xenograft"))["mouse"]))
    victim = next((folder / "runs").rglob("*.h5"))
    victim.write_bytes(flipped(victim.read_bytes(), 40_000))
    study = read_study(folder, "xenograft")
    assert victim.stem not in {run.run_id for run in study.runs} and before > 0
    assert any(victim.name in line and "damaged" in line for line in study.problems)


# -- checkpoints ----------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    rng = np.random.default_rng(4)
    arrays = {"engine/cells": rng.integers(0, 9, 300), "record/kills.0.0": rng.random(20), "engine/tick": np.zeros(0)}
    path = tmp_path / "a.ckpt"
    save_checkpoint(path, {"run_id": "a", "condition": {"x": 1}, "record": {"steps": [1, 2]}}, arrays)
    return path


def test_every_flipped_bit_of_a_checkpoint_is_found(checkpoint):
    content = checkpoint.read_bytes()
    for bit in bits(content, seed=5, count=300):
        checkpoint.write_bytes(flipped(content, bit))
        with pytest.raises(CheckpointError):
            load_checkpoint(checkpoint)
        with pytest.raises(CheckpointError):
            read_meta(checkpoint)
    for length in range(0, len(content), 97):
        checkpoint.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            load_checkpoint(checkpoint)


def test_a_checkpoint_of_0_1_0_is_read_and_no_flip_in_it_passes(checkpoint):
    content = checkpoint.read_bytes()
    old = content[: -SIZE - 2] + b"\0\0"  # an archive without a comment
    checkpoint.write_bytes(old)
    meta, arrays = load_checkpoint(checkpoint)
    named = read_meta(checkpoint)["content"]
    silent = 0
    for bit in bits(old, seed=6, count=400):
        checkpoint.write_bytes(flipped(old, bit))
        try:
            found, columns = load_checkpoint(checkpoint)
            content_id = read_meta(checkpoint)["content"]
        except CheckpointError:
            continue
        same = found == meta and columns.keys() == arrays.keys()
        same = same and all(np.array_equal(columns[name], arrays[name]) for name in arrays)
        silent += not same and content_id == named
    assert silent == 0


def test_a_header_that_claims_fewer_items_is_found(tmp_path):
    import zipfile

    path = tmp_path / "a.ckpt"
    header = {"descr": "<f8", "fortran_order": False, "shape": (2,)}
    member = io_of(header, np.arange(5.0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", '{"schema": 2, "sparse": {}}')
        archive.writestr("engine/x.npy", member)
    with pytest.raises(CheckpointError, match="more items than its header says"):
        load_checkpoint(path)


def io_of(header, values):
    import io

    handle = io.BytesIO()
    np.lib.format.write_array_header_1_0(handle, header)
    return handle.getvalue() + values.tobytes()
