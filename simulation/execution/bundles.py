"""Bundles: short runs put together, so that a task of a cluster lasts seconds to a minute and not milliseconds.

A scheduler spends a few milliseconds on a task whatever its length. A bundle is sized by the time that its runs are
expected to take; long runs are bundles of their own.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adccsim.conditions import AnyCondition, condition_from

OVERHEAD_S = 0.008  # of one run in addition to its kernel: setting up, writing and flushing its file
SHORTEST_S, LONGEST_S = 5.0, 30.0  # of a bundle, by estimate: on a slower or busier node it may take twice that
PER_WORKER = 4  # bundles for each worker at least, where they do not become too short: the last ones end together


@dataclass(frozen=True)
class Bundle:
    """Runs that one task makes, one after the other; seconds is the estimate for all of them."""

    run_ids: tuple[str, ...]
    seconds: float


def estimate_s(condition: AnyCondition) -> float:
    """Expected time of one run on one core with its file, in seconds."""
    return condition.seconds + OVERHEAD_S


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


def pack(conditions: Mapping[str, AnyCondition]) -> bytes:
    """Conditions by run id as compressed text: those of one sweep are nearly alike."""
    texts = ",".join(f"{json.dumps(run_id)}:{condition.text}" for run_id, condition in conditions.items())
    return zlib.compress(f"{{{texts}}}".encode(), 3)


def unpack(packed: bytes) -> dict[str, AnyCondition]:
    """What `pack` was given: floats come back to the last bit."""
    return {run_id: condition_from(table) for run_id, table in json.loads(zlib.decompress(packed)).items()}
