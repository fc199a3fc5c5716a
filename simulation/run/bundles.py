"""Bundles: short runs put together, so that a task of a cluster lasts seconds to a minute and not milliseconds.

A scheduler spends a few milliseconds on a task whatever its length. A bundle is sized by the time that its runs are
expected to take; long runs are bundles of their own.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.scenario.plan import run_seconds
from simulation.scenario.xenograft_plan import mouse_seconds

OVERHEAD_S = 0.008  # of one run beside its kernel: setting up, writing and flushing its file
SHORTEST_S, LONGEST_S = 5.0, 30.0  # of a bundle, by estimate: on a slower or busier node it may take twice that
PER_WORKER = 4  # bundles for each worker at least, where they do not become too short: the last ones end together


@dataclass(frozen=True)
class Bundle:
    """Runs that one task makes, one after the other; seconds is the estimate for all of them."""

    run_ids: tuple[str, ...]
    seconds: float


def estimate_s(condition: Mapping) -> float:
    """Expected time of one run on one core with its file, in seconds."""
    seconds = mouse_seconds(condition) if condition["kind"] == "xenograft" else run_seconds(condition)
    return seconds + OVERHEAD_S


def bundled(run_ids: Sequence[str], seconds: Mapping[str, float], workers: int) -> list[Bundle]:
    """All runs in bundles, in the given order.

    seconds: expected time of each run. A bundle is closed before it passes its goal: what is left then, over PER_WORKER
    and workers, but between SHORTEST_S and LONGEST_S. So the last ones are short, and no worker waits long for another.
    """
    left = sum(seconds[each] for each in run_ids)
    bundles: list[Bundle] = []
    held: list[str] = []
    total = 0.0
    for each in run_ids:
        goal = min(LONGEST_S, max(SHORTEST_S, left / (PER_WORKER * max(1, workers))))
        if held and total + seconds[each] > goal:
            bundles.append(Bundle(tuple(held), total))
            left -= total
            held, total = [], 0.0
        held.append(each)
        total += seconds[each]
    return [*bundles, Bundle(tuple(held), total)] if held else bundles


def pack(conditions: Mapping[str, Mapping]) -> bytes:
    """Conditions as compressed text: those of one sweep are nearly alike."""
    return zlib.compress(json.dumps(conditions, separators=(",", ":"), allow_nan=False).encode(), 3)


def unpack(packed: bytes) -> dict[str, dict]:
    """What `pack` was given: floats come back to the last bit."""
    return json.loads(zlib.decompress(packed))
