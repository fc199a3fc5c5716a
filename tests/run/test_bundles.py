"""Bundles: complete, in order, as long as a task should last; and conditions that survive their packing."""

import pytest

from adccsim.execution.bundles import LONGEST_S, PER_WORKER, SHORTEST_S, bundled, estimate_s, pack, unpack
from adccsim.scenario.well.plan import plan
from tests.scenario import conditions


def names(count):
    return [f"{n:04d}" for n in range(count)]


@pytest.mark.parametrize("workers", [1, 4, 100])
@pytest.mark.parametrize("each_s", [0.01, 0.4, 7.0, 100.0])
def test_every_run_is_in_one_bundle_of_the_right_length(workers, each_s):
    runs = names(1000)
    bundles = bundled(runs, dict.fromkeys(runs, each_s), workers)
    assert [run for bundle in bundles for run in bundle.run_ids] == runs
    for bundle in bundles[:-1]:
        assert bundle.seconds == pytest.approx(each_s * len(bundle.run_ids))
        assert bundle.seconds <= LONGEST_S or len(bundle.run_ids) == 1
        assert bundle.seconds > SHORTEST_S - each_s
    if each_s * len(runs) >= 2 * PER_WORKER * workers * SHORTEST_S:
        assert len(bundles) >= PER_WORKER * workers


def test_bundles_shrink_towards_the_end():
    runs = names(10_000)
    seconds = [bundle.seconds for bundle in bundled(runs, dict.fromkeys(runs, 0.01), 2)]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 2 * SHORTEST_S and seconds[-2] < 1.01 * SHORTEST_S


def test_nothing_makes_no_bundle():
    assert bundled([], {}, 3) == []


def test_conditions_survive_packing_to_the_last_bit():
    found = {condition.run_id: condition for condition in conditions({"antibody.dose_ug_per_ml": 0.1 + 0.2})}
    assert unpack(pack(found)) == found
    assert len(pack(found)) < len(str(found)) / 2


def test_estimates_add_up_to_the_plan():
    found = conditions({})
    kernel = sum(estimate_s(condition) for condition in found) - len(found) * estimate_s_of_nothing()
    assert kernel == pytest.approx(plan(found).cpu_seconds)


def estimate_s_of_nothing() -> float:
    from adccsim.execution.bundles import OVERHEAD_S

    return OVERHEAD_S
