"""MouseWorld: one mouse, driven from randomisation to its end, with calipers, balance, doses and checkpoints.

Order at an hour on which several things happen: observe, read the calipers (a mouse whose tumour has reached the end
point leaves here), save, dose, and go on. A run that is stopped or killed goes on from its last checkpoint and ends
with the same bytes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from adccsim.biology.body_weight import healthy_g, log_loss, on_the_balance_g
from adccsim.conditions.mouse import Dose, MouseCondition, SavedTumour
from adccsim.execution.driver import World, drive, every
from adccsim.execution.folder import StudyFolder, checkpoint_file, set_aside
from adccsim.execution.stopping import StopRequest, stop_request
from adccsim.record.checkpoint import load_checkpoint, save_checkpoint
from adccsim.record.mouse import MouseRecord
from adccsim.scenario.xenograft.branch import CheckpointError, DamagedCheckpoint, read_meta
from adccsim.scenario.xenograft.mice import read_caliper, unit_of
from adccsim.version import XENOGRAFT_MODEL
from adccsim.xenograft.engine import TumourEngine
from adccsim.xenograft.params import tumour_params
from adccsim.xenograft.snapshot import agents, classes_of, kill_columns, middle_slice, whole_fields

CHECKPOINT_EVERY_S = 60.0
_SHARE_OF_TIME = 0.05  # spent on writing checkpoints, at most


class StoppedError(RuntimeError):
    """The run was asked to stop and has saved what it had."""


class MouseWorld(World):
    """A mouse on its way.

    checkpoints: folder for the run's own checkpoint, for those of output.save_days and for the tumour that the
    condition branches from; None keeps none. check: verify the conservation laws at every step. make: builds the
    engine from params, key and check; another than the tumour engine where something else is to be driven.
    Raises CheckpointError for a checkpoint that is not this run's.
    """

    condition: MouseCondition
    most_ticks = 1  # between two hours a run can be saved and stopped

    def __init__(
        self,
        condition: MouseCondition,
        check: bool = False,
        checkpoints: Path | None = None,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        make: Callable[..., TumourEngine] = TumourEngine,
    ):
        self.condition, self.checkpoints, self.checkpoint_every_s = condition, checkpoints, checkpoint_every_s
        self.unit = unit_of(condition.seed, condition.random, condition.arm, condition.mouse)
        self._engine = make(tumour_params(condition), condition.run_key, check=check)
        self.record = MouseRecord(self.engine.tick_h)
        self.events: list | None = [] if condition.output.has_events else None
        self.end_day, self.end = condition.study.days, ""
        self.resumed = False
        if condition.checkpoint is not None:
            self._branch(condition.checkpoint)
        self._resume()
        super().__init__(condition, self._plan())

    @property
    def engine(self) -> TumourEngine:
        """The engine that is driven."""
        return self._engine

    @property
    def ended(self) -> bool:
        """Whether the mouse has left the study: at its end, or at the end point."""
        return self.end != ""

    # -- running ----------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Go to the end, saving from time to time. Raises StoppedError after saving when asked to stop."""
        if self.resumed and self.checkpoints is not None:
            line = f"resume {self.condition.run_id} at hour {self.tick} of {self.end_tick}"
            StudyFolder(self.checkpoints.parent).log(line)
        self._last_save, self._save_s = time.monotonic(), 0.0
        with stop_request() as request:
            drive(self, stop=lambda: self._saved_and_stopped(request))
        if not self.ended:
            raise StoppedError("stopped between two steps")

    def _saved_and_stopped(self, request: StopRequest) -> bool:
        """Save if it is time, or if the run is to stop; whether it is to stop."""
        stops = request.number is not None
        if self.checkpoints is not None:
            start = time.monotonic()
            if stops or start - self._last_save > max(self.checkpoint_every_s, self._save_s / _SHARE_OF_TIME):
                self.save_state(checkpoint_file(self.checkpoints, self.condition.run_id))
                self._last_save = time.monotonic()
                self._save_s = self._last_save - start
        return stops

    def advance(self, ticks: int) -> None:
        """Let time go on by so many hours; kills go to the record."""
        self.engine.advance(ticks, self.events)
        for block in self.events or ():
            self.record.killed(kill_columns(block, self.engine, self.first_tick))
        if self.events:
            self.events.clear()

    # -- where it starts --------------------------------------------------------------------------------------------
    def _branch(self, wanted: SavedTumour) -> None:
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
        if self.checkpoints is None:
            return
        path = checkpoint_file(self.checkpoints, self.condition.run_id)
        if not path.exists():
            return
        try:
            meta, arrays = load_checkpoint(path)
        except DamagedCheckpoint as error:
            kept = set_aside(self.checkpoints.parent, path)
            kept = kept.relative_to(self.checkpoints.parent)
            line = f"{error}; set aside as {kept}, the mouse starts from the beginning"
            StudyFolder(self.checkpoints.parent).log(line)
            return
        if meta.get("run_id") != self.condition.run_id or meta.get("condition") != self.condition.as_dict():
            raise CheckpointError(f"{path.name} is a checkpoint of another scenario; remove it to start this run again")
        with _taking_up(path):
            self.engine.restore(_part(arrays, "engine"))
            self.record.restore(meta["record"], _part(arrays, "record"))
        self.resumed = True

    def _plan(self) -> set[int]:
        """What is due at which hour; all hours on which something is."""
        study, output = self.condition.study, self.condition.output
        last = round(24 * study.days)
        self._calipers = {round(24 * day): day for day in study.caliper_days}
        self._saves = {round(24 * day) for day in output.save_days}
        self._doses: dict[int, list[Dose]] = {}
        for dose in self.condition.doses:
            self._doses.setdefault(round(24 * dose.day), []).append(dose)
        self._samples = every(output.every_h, last)
        self._frames = every(output.frames_every_h, last) if output.frames_every_h else set()
        due = {*self._samples, *self._frames, *self._calipers, *self._doses, *self._saves}
        return {hour for hour in due if hour <= last}

    # -- what happens -----------------------------------------------------------------------------------------------
    def do_what_is_due(self) -> None:
        """Observe, read, save and dose, whatever this hour asks for."""
        hour, output = self.tick, self.condition.output
        if hour == 0 and output.has_agents:
            self.record.pictures.append(middle_slice(self.engine))
        if hour in self._frames and output.frame_agents is not None:
            self.record.tumour_frame(hour, whole_fields(self.engine), agents(self.engine, output.frame_agents))
        if hour in self._calipers:
            self._read(self._calipers[hour], self.engine.volume_mm3)
        if hour in self._samples or self.ended:
            self.record.sample(hour, self.engine.observe())
        if hour >= self.end_tick and not self.ended:
            self.end, self.end_day = "study", self.condition.study.days
        if self.ended:
            if output.has_agents:
                self.record.pictures.append(middle_slice(self.engine))
            return
        if hour in self._saves and self.checkpoints is not None:
            self.save_state(checkpoint_file(self.checkpoints, f"{self.condition.run_id}.day{hour / 24:g}"))
        for dose in self._doses.get(hour, ()):
            self.engine.apply(dose)

    def _read(self, day: float, true_mm3: float) -> None:
        study, aspect = self.condition.study, self.condition.mouse_factors.aspect
        length, width, volume = read_caliper(self.unit, day, true_mm3, aspect, study.caliper_error)
        self.record.read(day, length, width, volume, true_mm3, self._weigh(day, true_mm3))
        if volume >= study.endpoint_mm3 and day > 0:
            self.end, self.end_day = "endpoint", day

    def _weigh(self, day: float, tumour_mm3: float) -> float | None:
        """Weight with the tumour in g; None where weights are not recorded."""
        own = self.condition.study.body_weight
        if own is None:
            return None
        doses = [(dose.day, dose.mg_per_kg, dose.weight_loss_per_mg_kg, dose.weight_nadir_d) for dose in own.doses]
        loss = log_loss(day, doses)
        healthy = healthy_g(day, own.start_g, own.adult_g, own.gain_d)
        return on_the_balance_g(healthy, loss, tumour_mm3, own.tissue_g_per_mm3)

    # -- what is kept -----------------------------------------------------------------------------------------------
    def save_state(self, path: Path) -> None:
        """The complete state in one file."""
        plain, arrays = self.record.state()
        meta = {
            "run_id": self.condition.run_id,
            "tick": int(self.engine.tick),
            "condition": self.condition.as_dict(),
            "record": plain,
        }
        together = {f"engine/{name}": array for name, array in self.engine.arrays().items()}
        together |= {f"record/{name}": array for name, array in arrays.items()}
        save_checkpoint(path, meta, together)

    def write(self, file: h5py.File) -> None:
        """Write the run file to an open HDF5 file; the checkpoint has served then."""
        condition = self.condition
        meta = {
            "run_id": condition.run_id,
            "condition": condition.text,
            "model_version": XENOGRAFT_MODEL,
            "run_key": f"{condition.run_key:016x}",
            "seed": condition.seed,
            "arm": condition.arm,
            "mouse": condition.mouse,
            "end": self.end,
            "end_day": self.end_day,
        }
        self.record.write(file, meta, classes_of(condition))

    def save(self, path: Path) -> bytes:
        """Write the run file, which may be too large for a second copy in memory."""
        with h5py.File(path, "w") as file:
            self.write(file)
        return b""


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
