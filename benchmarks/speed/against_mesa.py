"""The product against the lean Mesa model, both under the reduced rules: the same kills, and how much faster."""

import statistics
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.speed import lean_mesa, reduced
from benchmarks.speed.measure import AT_LEAST, CPU, NO_CLOCK, Figure, load_average
from benchmarks.speed.product import ET_RATIO, cells, run_kernel, well

FASTER, KILLS_APART_PCT = 100.0, 2.0
PROCESSES = 2


def compare(
    targets: int, small_targets: int, hours: float, product_wells: tuple[int, int], mesa_wells: tuple[int, int],
    part: float,
) -> list[Figure]:  # fmt: skip
    """Figures at 10 NK cells per target.

    product_wells, mesa_wells: how many small ones and how many of full size. part: of a Mesa well of full size, only
    this first part is run and scaled up.
    """
    small, large = cells(small_targets, ET_RATIO), cells(targets, ET_RATIO)
    base = well(targets, hours, ET_RATIO)

    def product(size: dict[str, int], count: int) -> list[dict]:
        resolved = reduced.condition(base, size["targets"], size["nk_cells"], hours)
        return [run_kernel(resolved, key) for key in range(1, count + 1)]

    def mesa(size: dict[str, int], count: int, whole: bool, processes: int) -> list[dict]:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            seeds = range(1, count + 1)
            asked = [pool.submit(lean_mesa.run, *size.values(), hours, part, whole, seed) for seed in seeds]
            return [answer.result() for answer in asked]

    small_load = load_average()
    own_small = product(small, product_wells[0])
    mesa_small = mesa(small, mesa_wells[0], True, PROCESSES)
    large_load = load_average()
    own_large = product(large, product_wells[1])
    mesa_large = mesa(large, mesa_wells[1], False, 1)

    # Steps cost less or more as cells pair up: how the cost runs over the hours is seen in the complete wells.
    factor = statistics.median(one["run_s"] / one["part_s"] for one in mesa_small)
    complete = f"complete wells; those of Mesa {PROCESSES} at a time"
    scaled = (
        f"scaled: the first {part:.0%} of the Mesa steps were run, times {factor:.2f}, the ratio of all steps to these "
        f"in the complete small wells ({1 / part:.0f} by number of steps alone)"
    )
    return [
        *agreement(small, mesa_small, own_small, small_load),
        *_race("small", "small", small, [one["run_s"] for one in mesa_small], own_small, small_load, complete),
        *_race(
            "full", "full size", large, [one["part_s"] * factor for one in mesa_large], own_large, large_load, scaled
        ),
    ]


def agreement(size: dict[str, int], mesa: list[dict], product: list[dict], load: float) -> list[Figure]:
    """How far mean counts of lean Mesa lie from those of the product, in per cent of the product's."""
    figures = []
    for what in ("kills", "contacts", "encounters"):
        a, b = [one[what] for one in mesa], [one[what] for one in product]
        (mean_a, error_a), (mean_b, error_b) = _mean(a), _mean(b)
        ratio = mean_a / mean_b
        error_pct = 100.0 * ratio * ((error_a / mean_a) ** 2 + (error_b / mean_b) ** 2) ** 0.5
        note = (
            f"{what} per well, mean and standard error: lean Mesa {mean_a:.2f} +- {error_a:.2f} (n {len(a)}), product "
            f"{mean_b:.2f} +- {error_b:.2f} (n {len(b)}); difference {100.0 * (ratio - 1.0):+.2f} +- {error_pct:.2f} %"
        )
        figures.append(
            Figure(
                f"lean_mesa_{what}_apart_pct", f"lean Mesa, small: {what}, distance to the product's", "%",
                100.0 * abs(ratio - 1.0), len(a), {"standard_error": error_pct}, NO_CLOCK, size, load, PROCESSES,
                target=KILLS_APART_PCT if what == "kills" else None, note=note,
            )
        )  # fmt: skip
    return figures


def _mean(values: list[float]) -> tuple[float, float]:
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def _race(
    name: str, title: str, size: dict[str, int], mesa: list[float], product: list[dict], load: float, note: str
) -> list[Figure]:
    own = [one["run_s"] for one in product]
    ns = [one["run_s"] / one["events"] * 1e9 for one in product]
    ratio = statistics.median(mesa) / statistics.median(own)
    spread = {"min": min(mesa) / max(own), "median": ratio, "max": max(mesa) / min(own)}
    common = {"clock": CPU, "cells": size, "load_average": load}
    return [
        Figure.of(f"lean_mesa_{name}_s", f"lean Mesa, {title}: time per well", "s", mesa, note=note, **common),
        Figure.of(f"reduced_{name}_s", f"product, same rules, {title}: time per well", "s", own, **common),
        Figure.of(f"reduced_{name}_ns", f"product, same rules, {title}: time per event", "ns", ns, **common),
        Figure(
            f"faster_than_lean_mesa_{name}", f"product over lean Mesa per core, {title}", "times", ratio, len(mesa),
            spread, target=FASTER, sense=AT_LEAST, note=note, **common,
        ),
    ]  # fmt: skip
