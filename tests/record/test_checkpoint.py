"""Checkpoints: what was saved comes back, and large columns cost what is written in them."""

import numpy as np
import pytest

from adccsim.memory import BLOCK, copy_written, empty_column
from adccsim.record.checkpoint import load_checkpoint, save_checkpoint
from adccsim.scenario.xenograft.branch import CheckpointError, read_meta

SIZE = 1 << 20


@pytest.fixture
def columns():
    """A large column with little in it, two pools in one array, one that is full, one of odd size, a small one."""
    little = empty_column(2 * SIZE, np.uint32)
    little[[5, SIZE, 2 * SIZE - 1]] = [7, 8, 9]
    pools = empty_column(2 * SIZE, np.float32).reshape(2, SIZE)
    pools[1, 17] = -0.5
    return {
        "little": little, "pools": pools, "full": np.full(SIZE, -1.0, np.float32), "odd": np.arange(SIZE + 1.0),
        "small": np.arange(12, dtype=np.uint16).reshape(3, 4), "nothing": np.zeros(0),
    }  # fmt: skip


def test_everything_comes_back_as_it_was(tmp_path, columns):
    path = tmp_path / "a.ckpt"
    save_checkpoint(path, {"tick": 3}, columns)
    meta, back = load_checkpoint(path)
    assert meta["tick"] == 3 and back.keys() == columns.keys()
    for name, column in columns.items():
        assert back[name].dtype == column.dtype and np.array_equal(back[name], column), name
    save_checkpoint(tmp_path / "b.ckpt", meta, back)  # and the same state has the same bytes
    assert (tmp_path / "b.ckpt").read_bytes() == path.read_bytes()
    assert read_meta(path)["content"] == read_meta(tmp_path / "b.ckpt")["content"]


def test_what_is_never_written_takes_no_room(tmp_path, columns):
    save_checkpoint(tmp_path / "a.ckpt", {}, {"little": columns["little"], "pools": columns["pools"]})
    assert (tmp_path / "a.ckpt").stat().st_size < 5 * BLOCK + 3000  # 16 MiB of columns, four blocks of them written


def test_a_flipped_bit_in_a_block_is_seen(tmp_path, columns):
    path = tmp_path / "a.ckpt"
    save_checkpoint(path, {}, {"full": columns["full"]})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)


def test_copying_reaches_every_place():
    draw = np.random.default_rng(5)
    source, target = empty_column(2 * SIZE, np.uint32), empty_column(2 * SIZE, np.uint32)
    source[draw.integers(0, 2 * SIZE, 300)] = 1
    target[draw.integers(0, 2 * SIZE, 300)] = 2  # where the source is zero, these must go
    copy_written(source, target)
    assert np.array_equal(source, target)
