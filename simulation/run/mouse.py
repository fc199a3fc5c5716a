"""One mouse, start to finish: driver between the tumour engine, the calipers, the record and the checkpoint.

Order at an hour on which several things happen: observe, read the calipers (a mouse whose tumour has reached the end
point leaves here), save, dose, and go on. A run that is stopped or killed goes on from its last checkpoint and ends
with the same bytes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from simulation.biology.body_weight import healthy_g, log_loss, on_the_balance_g
from simulation.conditions.mouse import Dose, MouseCondition
from simulation.record.checkpoint import load_checkpoint, save_checkpoint
from simulation.record.mouse import MouseRecord
from simulation.run.folder import StudyFolder, checkpoint_file, set_aside
from simulation.run.pictures import agents, classes_of, kill_columns, middle_slice, whole_fields
from simulation.run.stopping import wish_to_stop
from simulation.scenario.branch import CheckpointError, DamagedCheckpoint, read_meta
from simulation.scenario.mice import read_caliper, unit_of
from simulation.version import XENOGRAFT_MODEL
from simulation.xenograft.params import tumour_params

CHECKPOINT_EVERY_S = 60.0
_SHARE_OF_TIME = 0.05  # spent on writing checkpoints, at most


class StoppedError(RuntimeError):
    """The run was asked to stop and has saved what it had."""


def simulate_mouse(
    condition: MouseCondition,
    file: h5py.File,
    check: bool = False,
    checkpoints: Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    make: Callable | None = None,
) -> None:
    """Simulate one condition and write it to an open HDF5 file (on disk or in memory).

    checkpoints: folder for the run's own checkpoint, for those of output.save_days and for the tumour that the
    condition branches from; None keeps none. check: verify the conservation laws at every step. make: builds the
    engine from params, key and check; the tumour engine unless something else is to be driven.
    Raises CheckpointError for a checkpoint that is not this run's, StoppedError after saving when asked to stop.
    """
    if make is None:
        from simulation.xenograft.engine import TumourEngine as make  # here, so that kernels are loaded when they run
    run = _Run(condition, check, checkpoints, make)
    if run.resumed:
        StudyFolder(checkpoints.parent).log(f"resume {run.name} at hour {run.hour} of {run.last}")
    last_save, save_s = time.monotonic(), 0.0
    with wish_to_stop() as wish:
        while not run.ended:
            run.do_what_is_due()
            goal = run.next_stop()
            while not run.ended and run.hour < goal:
                run.engine.advance(1, run.events)
                run.collect_kills()
                due = time.monotonic() - last_save > max(checkpoint_every_s, save_s / _SHARE_OF_TIME)
                if checkpoints is not None and (due or wish.number is not None):
                    start = time.monotonic()
                    run.save(checkpoint_file(checkpoints, run.name))
                    last_save = time.monotonic()
                    save_s = last_save - start
                if wish.number is not None:
                    break
            if wish.number is not None:
                break
    if not run.ended:
        raise StoppedError("stopped between two steps")
    run.write(file)


class _Run:
    """A run in progress: engine, record, and what is due at which hour."""

    def __init__(self, condition: MouseCondition, check: bool, checkpoints: Path | None, make: Callable):
        self.condition, self.checkpoints = condition, checkpoints
        self.name, self.key = condition.run_id, condition.run_key
        self.unit = unit_of(condition.seed, condition.random, condition.arm, condition.mouse)
        self.engine = make(tumour_params(condition), self.key, check=check)
        self.record = MouseRecord()
        self.events: list | None = [] if condition.output.level in ("events", "frames") else None
        self.end_day, self.end = condition.study.days, ""
        self.first_tick = 0
        self.resumed = False
        if condition.checkpoint is not None:
            self._branch()
        self._resume()
        self._plan()

    @property
    def hour(self) -> int:
        """Hours since randomisation."""
        return self.engine.tick - self.first_tick

    @property
    def ended(self) -> bool:
        return self.end != ""

    # -- where it starts --------------------------------------------------------------------------------------------
    def _branch(self) -> None:
        wanted = self.condition.checkpoint
        if self.checkpoints is None:
            raise CheckpointError("a branch needs the folder with the saved tumour")
        path = checkpoint_file(self.checkpoints, wanted.content)
        _, arrays = load_checkpoint(path)
        if read_meta(path)["content"] != wanted.content:
            raise CheckpointError(f"{path.name}: holds another tumour")
        with _taking_up(path):
            self.engine.restore(_part(arrays, "engine"))
        self.first_tick = self.engine.tick

    def _resume(self) -> None:
        path = self.checkpoints and checkpoint_file(self.checkpoints, self.name)
        if path is None or not path.exists():
            return
        try:
            meta, arrays = load_checkpoint(path)
        except DamagedCheckpoint as fault:
            kept = set_aside(self.checkpoints.parent, path)
            kept = kept.relative_to(self.checkpoints.parent)
            line = f"{fault}; set aside as {kept}, the mouse starts from the beginning"
            StudyFolder(self.checkpoints.parent).log(line)
            return
        if meta.get("run_id") != self.name or meta.get("condition") != self.condition.as_dict():
            raise CheckpointError(f"{path.name} is a checkpoint of another scenario; remove it to start this run anew")
        with _taking_up(path):
            self.engine.restore(_part(arrays, "engine"))
            self.record.restore(meta["record"], _part(arrays, "record"))
        self.resumed = True

    def _plan(self) -> None:
        study, output = self.condition.study, self.condition.output
        self.last = round(24 * study.days)
        self.caliper_hours = {round(24 * day): day for day in study.caliper_days}
        self.save_hours = {round(24 * day) for day in output.save_days}
        self.doses: dict[int, list[Dose]] = {}
        for dose in self.condition.doses:
            self.doses.setdefault(round(24 * dose.day), []).append(dose)
        self.sample_hours = {*range(0, self.last, output.every_h), self.last}
        every = output.frames_every_h
        self.frame_hours = {*range(0, self.last, every), self.last} if every else set()
        self.stops = sorted(
            {*self.sample_hours, *self.frame_hours, *self.caliper_hours, *self.doses, *self.save_hours, self.last}
        )

    # -- what happens -----------------------------------------------------------------------------------------------
    def next_stop(self) -> int:
        """The next hour on which something is due."""
        return next((hour for hour in self.stops if hour > self.hour), self.last)

    def do_what_is_due(self) -> None:
        """Observe, read, save and dose, whatever this hour asks for."""
        hour = self.hour
        if hour not in self.stops:
            return
        keeps_pictures = self.condition.output.level != "observables"
        if hour == 0 and keeps_pictures:
            self.record.pictures.append(middle_slice(self.engine))
        seen = self.engine.observe() if hour in self.sample_hours or hour in self.caliper_hours else None
        if hour in self.frame_hours:
            most = self.condition.output.frame_agents
            self.record.frame(hour, whole_fields(self.engine), agents(self.engine, most))
        if hour in self.caliper_hours:
            self._read(self.caliper_hours[hour], seen["volume_true_mm3"])
        if hour in self.sample_hours or self.ended:
            self.record.sample(hour, seen)
        if hour >= self.last and not self.ended:
            self.end, self.end_day = "study", self.condition.study.days
        if self.ended:
            if keeps_pictures:
                self.record.pictures.append(middle_slice(self.engine))
            return
        if hour in self.save_hours and self.checkpoints is not None:
            self.save(checkpoint_file(self.checkpoints, f"{self.name}.day{hour / 24:g}"))
        for dose in self.doses.get(hour, ()):
            self.engine.apply(dose)

    def _read(self, day: float, true_mm3: float) -> None:
        study, aspect = self.condition.study, self.condition.mouse_factors.aspect
        length, width, volume = read_caliper(self.unit, day, true_mm3, aspect, study.caliper_error)
        self.record.read(day, length, width, volume, true_mm3, self._weigh(day, true_mm3))
        if volume >= study.endpoint_mm3 and day > 0:
            self.end, self.end_day = "endpoint", day

    def _weigh(self, day: float, tumour_mm3: float) -> float | None:
        """Weight with the tumour in g; None where nobody weighs."""
        own = self.condition.study.body_weight
        if own is None:
            return None
        doses = [(dose.day, dose.mg_per_kg, dose.weight_loss_per_mg_kg, dose.weight_nadir_d) for dose in own.doses]
        loss = log_loss(day, doses)
        healthy = healthy_g(day, own.start_g, own.adult_g, own.gain_d)
        return on_the_balance_g(healthy, loss, tumour_mm3, own.tissue_g_per_mm3)

    def collect_kills(self) -> None:
        """Move the kills of the last step into the record."""
        if self.events:
            for block in self.events:
                self.record.killed(kill_columns(block, self.engine, self.first_tick))
            self.events.clear()

    # -- what is kept -----------------------------------------------------------------------------------------------
    def save(self, path: Path) -> None:
        """The complete state in one file."""
        plain, arrays = self.record.state()
        meta = {
            "run_id": self.name,
            "tick": int(self.engine.tick),
            "condition": self.condition.as_dict(),
            "record": plain,
        }
        together = {f"engine/{name}": array for name, array in self.engine.arrays().items()}
        together |= {f"record/{name}": array for name, array in arrays.items()}
        save_checkpoint(path, meta, together)

    def write(self, file: h5py.File) -> None:
        """The run file; the checkpoint has served then."""
        meta = {
            "run_id": self.name,
            "condition": self.condition.text,
            "model_version": XENOGRAFT_MODEL,
            "run_key": f"{self.key:016x}",
            "seed": self.condition.seed,
            "arm": self.condition.arm,
            "mouse": self.condition.mouse,
            "end": self.end,
            "end_day": self.end_day,
        }
        self.record.write(file, meta, classes_of(self.condition), self.engine.tick_h)


@contextmanager
def _taking_up(path: Path) -> Iterator[None]:
    """A sound checkpoint whose arrays do not fit this engine or record becomes a CheckpointError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path.name}: does not fit this tumour ({type(error).__name__}: {error})") from None


def _part(arrays: Mapping, kind: str) -> dict:
    """The arrays of the engine, or of the record, under their own names."""
    return {name.removeprefix(f"{kind}/"): array for name, array in arrays.items() if name.startswith(f"{kind}/")}
