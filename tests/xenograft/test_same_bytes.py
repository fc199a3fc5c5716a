"""Circumstances that must not change a tumour: threads, the box, a pause, a checkpoint."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from adccsim.xenograft.tumour import Tumour
from tests.xenograft.tissues import NO_LOSS, PLAIN, grown, hour, tissue

ROOT = Path(__file__).parents[2]
WHAT = tissue(8_000, PLAIN._replace(her2_cv=0.3, her2_drift=0.1), collapse_mm2_per_h=1e-3)


def digest(tumour):
    """Everything that the next step hangs on, with patches told by their place in the box of the smallest side."""
    arrays = dict(tumour.arrays())
    text = hashlib.sha256()
    for name in sorted(arrays):
        text.update(name.encode() + arrays[name].tobytes())
    return text.hexdigest()


_SCRIPT = """
from adccsim import runtime
runtime.configure(threads=2)
import numba
from tests.xenograft.test_same_bytes import WHAT, digest
from tests.xenograft.tissues import grown
for threads in (1, 2):
    numba.set_num_threads(threads)
    print(digest(grown(WHAT, 30)))
"""


def test_one_and_two_threads_give_the_same_bytes():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    ).stdout.split()
    assert out[0] == out[1] == digest(grown(WHAT, 30))


def test_a_larger_box_changes_nothing():
    small, large = grown(WHAT, 30), grown(WHAT, 30, margin=12)
    assert large.side > small.side
    shift = (large.side - small.side) // 2
    inner = np.zeros((large.side,) * 3, bool)
    inner[shift : shift + small.side, shift : shift + small.side, shift : shift + small.side] = True
    inner = inner.ravel()
    assert np.array_equal(large.n[inner], small.n) and large.n.sum() == small.n.sum()
    for name in ("oxygen", "vessels", "perfusion"):
        assert np.array_equal(getattr(large, name)[inner], getattr(small, name)), name
    slots = [t.cells.reshape(len(t.n), -1) for t in (small, large)]
    taken = np.arange(slots[0].shape[1]) < small.n[:, None]
    assert np.array_equal(slots[0][taken], slots[1][inner][taken])


def test_a_box_that_grows_on_the_way_changes_nothing():
    fast = tissue(8_000, NO_LOSS._replace(growth_per_h=0.02))
    tight, wide = grown(fast, 120, margin=3), grown(fast, 120, margin=12)
    assert tight.side == wide.side  # the tight box has grown
    assert Tumour(fast, 1, margin=3).side < tight.side
    assert np.array_equal(tight.n, wide.n)
    assert np.array_equal(tight.oxygen, wide.oxygen)


def test_a_restored_tumour_goes_on_bit_for_bit():
    first = grown(WHAT, 20)
    saved = {name: np.array(array) for name, array in first.arrays().items()}
    other = Tumour(WHAT._replace(start_cells=300), 1)
    other.restore(saved)
    assert digest(other) == digest(first)
    for tumour in (first, other):
        for _ in range(15):
            hour(tumour)
    assert digest(other) == digest(first)


def test_another_key_is_another_tumour():
    assert digest(grown(WHAT, 5, run_key=1)) != digest(grown(WHAT, 5, run_key=2))


def test_reading_a_tumour_changes_nothing():
    first, second = grown(WHAT, 5), grown(WHAT, 5)
    first.census()
    for tumour in (first, second):
        hour(tumour)
    assert digest(first) == digest(second)
