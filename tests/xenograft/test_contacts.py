"""The short cuts of contacts: they may spare work, and change nothing."""

import numpy as np
from numba import njit

from adccsim.xenograft.contacts import nothing_before, waiting


@njit
def _said_and_seen(draws, ends):
    """Whether an hour with so much rate left is called quiet, and whether it is."""
    said = np.zeros(draws.size, np.bool_)
    seen = np.zeros(draws.size, np.bool_)
    for i in range(draws.size):
        said[i] = nothing_before(draws[i], ends[i])
        seen[i] = waiting(draws[i]) > ends[i]
    return said, seen


def test_a_quiet_hour_is_never_one_in_which_something_happens():
    """And most quiet hours are known without a logarithm."""
    draw = np.random.default_rng(8)
    draws = draw.integers(0, 2**64, 400_000, np.uint64)
    ends = draw.uniform(0.0, 5.0, draws.size)
    close = -np.log(((draws >> np.uint64(32)).astype(float) + 1.0) * 2.0**-32)  # the very moment of the event
    for of in (ends, np.where(ends < 2.5, ends, close), 0.02 * ends):
        said, seen = _said_and_seen(draws, of)
        assert not (said & ~seen).any()
    said, seen = _said_and_seen(draws, np.full(draws.size, 0.02))
    assert said.sum() > 0.99 * seen.sum() > 0
