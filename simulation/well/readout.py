"""What can be read from a well: the signal of the assay, histograms over effectors, and every agent, as plain arrays.

Only here and in the engine are the bit words of agents decoded.
"""

from collections.abc import Callable, Sequence

import numpy as np

from adccsim.biology.release import raw_signal, released_units
from adccsim.biology.rng import STREAM_READER, normal_at
from adccsim.conditions.well import WellCondition
from adccsim.well.engine import WellEngine
from adccsim.well.layout import ALIVE, ATTACHED, GONE, PARTNER, POS, STATE
from adccsim.well.state import granules


def signals(
    condition: WellCondition, steps: Sequence[int], times: np.ndarray, series: Callable[[str], np.ndarray]
) -> dict[str, np.ndarray]:
    """Readings of the assay over the run: signal, signal_maximum and signal_blank, each of shape (T,), raw units.

    steps, times: ticks and hours (T,) of the observations; series: an observable (T,) by its name.
    """
    assay, effectors = condition.assay, condition.effectors
    dead = series("targets_dead").astype(float)
    alive = series("targets_alive").astype(float)
    dying = series("targets_dying").astype(float)
    seeded = float(condition.targets.cells)
    readout = assay.readout
    if readout == "viability":  # effectors are rinsed off before the dye: only living targets are measured
        units, most = alive, np.full(len(times), seeded)
    elif readout == "live-count":
        units, most = alive + dying, np.full(len(times), seeded)
    elif assay.counts_effectors:
        lysed_effectors = series("effectors_dead").astype(float)
        batches = [(0.0, effectors.other_cells)]
        batches += [(one.at_h, one.other_cells or 0) for one in condition.interventions]
        rinsed = [one.at_h for one in condition.interventions if one.wash_effectors]
        for at_h, cells in batches:  # cells of a preparation that are not NK die at the same rate and leak LDH too
            gone_h = min([hour for hour in rinsed if hour > at_h], default=np.inf)
            present_h = np.clip(times, at_h, gone_h) - at_h
            lysed_effectors += cells * (1.0 - np.exp(-effectors.death_per_h * present_h))
        released = released_units(times, dead, seeded, assay.release_delay_h, assay.leak_per_h)
        units = released + effectors.ldh_content * lysed_effectors
        most = alive + dying + dead  # a detergent lyses every cell there is, daughters included
    else:
        units = released_units(times, dead, seeded, assay.release_delay_h, assay.leak_per_h)
        most = np.full(len(times), seeded)  # only cells that were labelled carry the marker
    blank = np.full(len(times), float(assay.blank))
    raw = raw_signal(units, assay.blank, assay.full_scale)
    if assay.reader_cv > 0.0:
        key, stream = np.uint64(condition.run_key), np.uint64(STREAM_READER)
        noise = [normal_at(key, stream, np.uint64(step)) for step in steps]
        raw = raw * (1.0 + assay.reader_cv * np.array(noise))
    return {
        "signal": raw,
        "signal_maximum": raw_signal(most, assay.blank, assay.full_scale),
        "signal_blank": blank,
    }


def histograms(engine: WellEngine) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Counts and bin edges at the end of a run, by the names of record.layout.HISTOGRAMS."""
    state = engine.effectors[:, STATE]
    living = (state & GONE) == 0
    first = engine.of_all_effectors("effector_first_kill_h")
    hours = max(engine.tick * engine.tick_h, 1.0)
    edges = np.linspace(0.0, hours, 49)

    def counted(values, top):
        return np.bincount(np.minimum(values, top), minlength=top + 1), np.arange(top + 2)

    return {
        "kills_per_nk": counted(engine.of_all_effectors("effector_kills"), 40),
        "contacts_per_nk": counted(engine.of_all_effectors("effector_contacts"), 100),
        "granules_left": counted(granules(state[living]), 200),
        "time_to_first_kill_h": (np.histogram(first[first >= 0], edges)[0], edges),
    }


def agents(engine: WellEngine) -> dict[str, np.ndarray]:
    """Every agent at this moment, by the names of record.layout.FINAL."""
    n, t, row = engine.n_targets, engine.targets, engine.row
    state = engine.effectors[:, STATE]
    site = engine.effectors[:, POS].astype(np.int64)
    held = (state & ATTACHED) != 0
    shown = np.where((state & GONE) != 0, 3, 0).astype(np.uint8)
    shown[held] = np.where(t["target_status"][engine.effectors[held, PARTNER]] == ALIVE, 1, 2)
    corner = t["target_site"][:n]
    return {
        "target_x": (corner % row).astype(np.int16),
        "target_y": (corner // row).astype(np.int16),
        "target_status": t["target_status"][:n].copy(),
        "target_her2": t["target_receptors"][:n].astype(np.float32),
        "target_bound": engine.bound[:, :n].sum(axis=0).astype(np.float32),
        "target_clone": t["target_clone"][:n].astype(np.uint8),
        "effector_x": (site % engine.plane % row).astype(np.int16),
        "effector_y": (site % engine.plane // row).astype(np.int16),
        "effector_layer": (site // engine.plane).astype(np.uint8),
        "effector_state": shown,
        "effector_kills": engine.effector["effector_kills"].astype(np.uint8),
        "effector_contacts": np.minimum(engine.effector["effector_contacts"], 65535).astype(np.uint16),
        "effector_granules": granules(state).astype(np.uint8),
    }
