"""One run: a condition in, one run file out. For a well the driver between engine, read-out and recorder."""

import os
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from uuid import uuid4

import h5py
import numpy as np

from simulation.biology.release import raw_signal, released_units
from simulation.biology.rng import STREAM_READER, normal_at
from simulation.conditions import AnyCondition, MouseCondition, WellCondition
from simulation.conditions.well import Intervention
from simulation.record.trajectory import Contents, Recorder
from simulation.run.folder import run_file
from simulation.seal import naming, seal, seal_file
from simulation.version import WELL_MODEL
from simulation.well.culture import founders_after_culture
from simulation.well.engine import WellEngine
from simulation.well.layout import ALIVE, ATTACHED, EVENT_KINDS, GONE, PARTNER, POS, STATE
from simulation.well.params import well_params
from simulation.well.state import granules


def run_to_file(condition: AnyCondition, runs_dir: Path, check: bool = False) -> Path:
    """Simulate one condition and write its file under runs_dir; returns the path. A file that exists is complete.

    The file is written under a name of its own, flushed to disk and renamed, so a crash leaves no half file and two
    processes may race for one id.
    """
    return begin(condition, runs_dir, check)()


def begin(condition: AnyCondition, runs_dir: Path, check: bool = False) -> Callable[[], Path]:
    """The first part of run_to_file: all but waiting for the disk, which the returned function does.

    It may be called in another thread, while this one is at the next well. The file of a mouse, which takes minutes
    and may be large, is written here.
    """
    identity = condition.run_id
    path, checkpoints = run_file(Path(runs_dir), identity), Path(runs_dir).parent / "checkpoints"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{identity}.{uuid4().hex}.part")
    file = part.open("xb", buffering=0)  # from now on `adcc status` sees that the run is being made
    try:
        if isinstance(condition, MouseCondition):
            with h5py.File(part, "w") as tree:
                simulate(condition, tree, check=check, checkpoints=checkpoints)
            content = b""
        else:
            content = well_contents(condition, check).image()
    except BaseException:
        file.close()
        part.unlink(missing_ok=True)
        raise
    return partial(_keep, file, content, part, path, checkpoints / f"{identity}.ckpt")


def _keep(file: FileIO, content: bytes, part: Path, path: Path, checkpoint: Path) -> Path:
    """Write `content`, if any, and the seal, flush the file to disk and rename it; then the checkpoint is removed.

    Without `content` the part file is complete but for its seal.
    """
    try:
        with naming(path), file:
            ending = seal(content) if content else seal_file(part)
            file.seek(0, os.SEEK_END)
            for piece in (content, ending):
                left = memoryview(piece)
                while left:
                    left = left[file.write(left) :]
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    checkpoint.unlink(missing_ok=True)
    return path


def simulate(condition: AnyCondition, file: h5py.File, check: bool = False, checkpoints: Path | None = None) -> None:
    """Simulate one condition of either kind and write it to an open HDF5 file (on disk or in memory).

    check: verify every conservation law and rate bound as the run goes on (slower; raises AssertionError or RateError).
    checkpoints: where a mouse, which may take hours, keeps what it needs to go on; a well is too short for that.
    """
    if isinstance(condition, MouseCondition):
        from simulation.run.mouse import simulate_mouse  # the kernels of one engine are not loaded for the other

        simulate_mouse(condition, file, check, checkpoints)
        return
    well_contents(condition, check).write(file)


def well_contents(condition: WellCondition, check: bool = False) -> Contents:
    """Simulate a well; what its file is to hold."""
    level = condition.output.level
    with_events = level in ("events", "frames")
    engine, recorder = _run(condition, check, with_events)
    meta = {
        "run_id": condition.run_id,
        "plate": condition.plate,
        "condition": condition.text,
        "model_version": WELL_MODEL,
        "run_key": f"{condition.run_key:016x}",
        "seed": condition.seed,
        "donor": condition.donor,
        "replicate": condition.replicate,
        "role": condition.role,
    }
    final = agents(engine) if level != "observables" else None
    grid_row = engine.row, engine.plane
    return recorder.contents(
        meta, signals(condition, recorder), histograms(engine), final, grid_row, EVENT_KINDS, with_events
    )


def measure(condition: WellCondition) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """The observables of one condition with no file: name -> (value (T, ...), time (T,) in h, edges or None).

    The same numbers as in the run file, for fits that ask for thousands of small wells: there a file takes longer than
    the well.
    """
    engine, recorder = _run(condition, check=False, with_events=False)
    times = np.array(recorder.times_h)
    found = {name: (recorder.series(name), times, None) for name in recorder.rows[0]}
    found |= {name: (value, times, None) for name, value in signals(condition, recorder).items()}
    for name, (counts, edges) in histograms(engine).items():
        found[name] = (np.asarray(counts)[None, :], times[-1:], np.asarray(edges, dtype=float))
    return found


def _run(condition: WellCondition, check: bool, with_events: bool) -> tuple[WellEngine, Recorder]:
    """The engine at the end of a run, and what was recorded on the way."""
    founders = founders_after_culture(condition, condition.run_key)
    engine = WellEngine(well_params(condition), condition.run_key, check=check, founders=founders)
    recorder = Recorder()
    _drive(engine, condition, recorder, recorder.events if with_events else None)
    return engine, recorder


def _drive(engine: WellEngine, condition: WellCondition, recorder: Recorder, events) -> None:
    """Advance to the end, stopping at every observation, frame and intervention."""
    output = condition.output
    per_h = round(1.0 / engine.tick_h)
    end = round(condition.assay.duration_h * per_h)
    every = max(1, round(output.every_min * per_h / 60))
    frames = output.frames_every_min is not None
    frame_every = max(1, round(output.frames_every_min * per_h / 60)) if output.frames_every_min else end + 1
    due: dict[int, list[Intervention]] = {}
    for one in condition.interventions:
        due.setdefault(round(one.at_h * per_h), []).append(one)
    while True:
        now = engine.tick
        for one in due.pop(now, ()):
            engine.apply(one)
        if now % every == 0 or now == end:
            recorder.sample(now * engine.tick_h, now, engine.observe())
        if frames and now % frame_every == 0:
            recorder.frame(now * engine.tick_h, now, agents(engine))
        if now >= end:
            return
        goal = min(end, now + every - now % every, *due)
        if frames:
            goal = min(goal, now + frame_every - now % frame_every)
        engine.advance(goal - now, events)


def signals(condition: WellCondition, recorder: Recorder) -> dict[str, np.ndarray]:
    """Readings of the assay over the run: signal, signal_maximum and signal_blank, each of shape (T,), raw units."""
    assay, effectors = condition.assay, condition.effectors
    times = np.array(recorder.times_h)
    dead = recorder.series("targets_dead").astype(float)
    alive = recorder.series("targets_alive").astype(float)
    dying = recorder.series("targets_dying").astype(float)
    seeded = float(condition.targets.cells)
    readout = assay.readout
    if readout == "viability":  # effectors are rinsed off before the dye: only living targets are measured
        units, most = alive, np.full(len(times), seeded)
    elif readout == "live-count":
        units, most = alive + dying, np.full(len(times), seeded)
    elif assay.counts_effectors:
        lysed_effectors = recorder.series("effectors_dead").astype(float)
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
        noise = [normal_at(key, stream, np.uint64(step)) for step in recorder.steps]
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
