"""Run files as tables: what happened in one well, or in one mouse.

run = open("results/demo/runs/3f/3f....h5")
run.observables         one row per observation, hours from the start as index
run.events              who did what to whom, when and where (output.level = "events")
run.repeat()            the same run made again, from what its file says
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adccsim.conditions import AnyCondition, condition_from
from adccsim.experiments.errors import InputError
from adccsim.record import layout, mouse_layout
from adccsim.record.particles import ABSENT
from adccsim.run_schema import current_name
from adccsim.scenario.kinds import kind_of

if TYPE_CHECKING:
    import anndata
    import h5py
    import numpy as np
    import pandas as pd
    import xarray

NO_EVENTS = 'no events of a well in this file: a well needs output.level = "events"; kills in a mouse are run.kills'
NO_KILLS = (
    'no kills in a mouse in this file: a mouse needs output.level = "events"; kills in a well are run.events of kind '
    '"commitment"'
)
NO_AGENTS = 'no single cells of a well in this file: a well needs output.level = "final" or above'
NO_TRACKS = 'no frames of a well in this file: a well needs output.level = "frames"'


class TemporaryFolder:
    """A folder that is removed with the last object that reads in it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="adccsim-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class RunFile:
    """One run: its condition, and what its file holds as pandas tables. Raises InputError if it cannot be used.

    kept: the temporary folder that the file lies in, if it does.
    """

    def __init__(self, path: str | Path, kept: TemporaryFolder | None = None):
        self.path, self._kept = Path(path), kept

    @cached_property
    def meta(self) -> dict[str, Any]:
        """Attributes of the run: run_id, model_version, seed and what names the well or the mouse."""
        with self._content() as file:
            return {name: _plain(value) for name, value in file["meta"].attrs.items()}

    @property
    def run_id(self) -> str:
        """16 hexadecimal digits that name the run."""
        return str(self.meta["run_id"])

    @cached_property
    def condition(self) -> AnyCondition:
        """Every number that decided the run: a WellCondition or a MouseCondition."""
        return condition_from(json.loads(self.meta["condition"]))

    @property
    def kind(self) -> str:
        """well or xenograft."""
        return self.condition.kind

    @cached_property
    def observables(self) -> pd.DataFrame:
        """Observables as columns, hours as index; units in attrs["units"]. One with classes has a column per class."""
        import pandas as pd

        columns: dict[str, np.ndarray] = {}
        units: dict[str, str] = {}
        with self._content() as file:
            hours = None
            for name, group in _observables(file):
                if "edges" in group:
                    continue
                data = group["value"]
                hours = group["time"][()] if hours is None else hours
                for label, values in _columns(name, data):
                    columns[label] = values
                    units[label] = _plain(data.attrs.get("units", ""))
        table = pd.DataFrame(columns, index=pd.Index(hours, name="hours"))
        table.attrs["units"] = units
        return table

    @cached_property
    def histograms(self) -> dict[str, pd.DataFrame]:
        """Histograms over effectors at the end of a well: columns low, high (edges of the bin) and count."""
        import pandas as pd

        found = {}
        with self._content() as file:
            for name, group in _observables(file):
                if "edges" in group:
                    edges, count = group["edges"][()], group["value"][-1]
                    found[name] = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": count})
        return found

    @cached_property
    def events(self) -> pd.DataFrame:
        """Events of a well in order: hours, kind, target, effector (-1: none), x, y in sites of 10 um.

        Kinds: birth, conjugation, detachment, hit (one lytic hit), commitment (the kill, credited to its effector),
        death and clearance of a target, effector_death. docs/python.md explains them.
        """
        table = self._table("events", NO_EVENTS)
        with self._content() as file:
            legend = json.loads(file["events/kind"].attrs["legend"])
        table["kind"] = table["kind"].map({int(key): text for key, text in legend.items()}).astype("category")
        return table

    @cached_property
    def contacts(self) -> pd.DataFrame:
        """Contacts of a well, by effector and in order, from its events.

        Columns: effector, target, start_h, end_h (NaN: open at the end), hits (by this effector in this contact),
        killed (this effector committed the target), ended_by (detachment, clearance, effector_death or open).
        """
        from adccsim.analysis.assay.contacts import contact_table

        return contact_table(self.events)

    def track(self, *, effector: int | None = None, target: int | None = None) -> pd.DataFrame:
        """Path of one cell of a well over the frames: hours, x, y in sites of 10 um, state; from the cell's birth on.

        effector or target: its index in run.effectors or run.targets. Needs output.level = "frames".
        """
        import pandas as pd

        asked = [(kind, n) for kind, n in (("effector", effector), ("target", target)) if n is not None]
        if len(asked) != 1:
            raise InputError(["run.track: give effector=... or target=..., an index of run.effectors or run.targets"])
        kind, index = asked[0]
        with self._content() as file:
            if f"particles/{kind}" not in file or "final" not in file:
                raise InputError([f"{self.path}: {NO_TRACKS}"])
            group = file[f"particles/{kind}"]
            count = group["state/value"].shape[1]
            if not 0 <= index < count:
                raise InputError([f"run.track: {kind} = {index}: must be from 0 to {count - 1}"])
            place, state = group["position/value"][:, index], group["state/value"][:, index]
            hours = group["state/time"][()]
        columns = {"hours": hours, "x": place[:, 0], "y": place[:, 1], "state": state}
        return pd.DataFrame(columns)[state != ABSENT].reset_index(drop=True)

    @cached_property
    def kills(self) -> pd.DataFrame:
        """Kills in a mouse: hours, patch (x, y, z), clone, HER2 level, type of effector.

        Which effector killed is not recorded. Patch i lies between i and i + 1 patch sides from the centre of the box.
        """
        import pandas as pd

        table = self._table("kills", NO_KILLS)
        table["effector"] = pd.Categorical.from_codes(table["effector"].to_numpy(int), ["NK", "myeloid", "human NK"])
        return table

    @cached_property
    def calipers(self) -> pd.DataFrame:
        """Caliper readings of a mouse: day, diameters, volume as read and true volume, body weight where it is kept."""
        return self._table("calipers", "only a mouse is measured with calipers")

    @cached_property
    def targets(self) -> pd.DataFrame:
        """Every target cell of a well at the end: place, status, HER2, antibodies bound, clone; see attrs."""
        return self._agents("target")

    @cached_property
    def effectors(self) -> pd.DataFrame:
        """Every effector of a well at the end: place, state, kills, contacts, granules. The index is that of events."""
        return self._agents("effector")

    def to_xarray(self) -> xarray.Dataset:
        """Observables and histograms as an xarray Dataset with units; needs the extra `notebook`."""
        import numpy as np

        xarray = _library("xarray", "to_xarray")
        found: dict[str, Any] = {}
        with self._content() as file:
            hours = None
            for name, group in _observables(file):
                data, about = group["value"], group["value"].attrs
                what = {key: _plain(about[key]) for key in ("units", "description") if key in about}
                if "edges" in group:
                    found[name] = (f"{name}_bin", data[-1], what)
                    found[f"{name}_edges"] = (f"{name}_edge", group["edges"][()], {})
                    continue
                hours = group["time"][()] if hours is None else hours
                extra = [f"{name}_class"] if data.ndim > 1 else []
                found[name] = (["hours", *extra], data[()], what)
        dataset = xarray.Dataset(found, coords={"hours": ("hours", np.asarray(hours), {"units": "h"})})
        return dataset.assign_attrs(run_id=self.run_id, model=str(self.meta["model_version"]))

    def to_anndata(self) -> anndata.AnnData:
        """Cells of a well at the end as AnnData: obs is the kind of cell, X what is known of it, obsm["spatial"] um.

        A column that one kind of cell lacks is NaN there. Needs the extra `notebook`.
        """
        import numpy as np
        import pandas as pd

        anndata = _library("anndata", "to_anndata")
        parts = {"target": self.targets, "effector": self.effectors}
        tables = [table.drop(columns=["x", "y", "layer"], errors="ignore") for table in parts.values()]
        values = pd.concat(tables, ignore_index=True).astype(float)
        names = [f"{kind} {i}" for kind, table in parts.items() for i in table.index]
        cells = pd.DataFrame({"cell": [kind for kind, table in parts.items() for _ in table.index]}, index=names)
        values.index = cells.index
        place = np.concatenate([10.0 * table[["x", "y"]].to_numpy(float) for table in parts.values()])
        return anndata.AnnData(X=values, obs=cells, obsm={"spatial": place}, uns={"run_id": self.run_id})

    def repeat(self, out: str | Path | None = None) -> RunFile:
        """Make the run again from what its file says; a file of the same version of adccsim has the same bytes.

        out: a results folder; None: a temporary one, which is removed with the object. Raises InputError where the file
        is of another version of the model.
        """
        model = kind_of(self.kind).MODEL
        if self.condition.model != model:
            raise InputError(
                [f"{self.path}: made by model {self.condition.model}, this is {model}: numbers would differ"]
            )
        from adccsim import runtime

        runtime.configure(runtime.cores())  # before the kernels are imported
        from adccsim.execution.one import run_to_file

        kept = TemporaryFolder() if out is None else None
        folder = kept.path if kept is not None else Path(str(out))
        return RunFile(run_to_file(self.condition, folder / "runs"), kept)

    def same_bytes(self, other: RunFile) -> bool:
        """Whether two run files are equal, byte by byte."""
        return self._digest() == other._digest()

    def _digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    # -- reading ----------------------------------------------------------------------------------------------------
    @contextmanager
    def _content(self) -> Iterator[h5py.File]:
        """The file, checked against its seal."""
        from adccsim.analysis.errors import ForeignFile
        from adccsim.analysis.reading.run_file import opened

        try:
            with opened(self.path) as file:
                yield file
        except (ForeignFile, OSError) as error:
            raise InputError([f"{self.path}: {error}"]) from error

    def _table(self, group: str, missing: str) -> pd.DataFrame:
        """A group of datasets of equal length as a table; units and descriptions are in attrs."""
        import numpy as np

        with self._content() as file:
            if group in file:
                return _frame({name: file[group][name] for name in _ordered(file[group])})
            if group == "kills" and "calipers" in file and self.condition.output.has_events:  # nothing was killed
                return _frame({name: np.zeros(0, kind) for name, kind in mouse_layout.KILL_TYPES.items()})
        raise InputError([f"{self.path}: {missing}"])

    def _agents(self, kind: str) -> pd.DataFrame:
        with self._content() as file:
            if "final" not in file:
                raise InputError([f"{self.path}: {NO_AGENTS}"])
            own = [name for name in _ordered(file["final"]) if name.startswith(f"{kind}_")]
            return _frame({name.removeprefix(f"{kind}_"): file["final"][name] for name in own})

    def __repr__(self) -> str:
        return f"<RunFile {self.path}>"


_ORDER = {
    "observables": [*layout.SERIES, *mouse_layout.SERIES, *layout.HISTOGRAMS],
    "final": [*layout.FINAL],
    "events": [*layout.EVENTS],
    "calipers": [*mouse_layout.CALIPERS],
    "kills": [*mouse_layout.KILLS],
}


def _frame(columns: Mapping[str, h5py.Dataset | np.ndarray]) -> pd.DataFrame:
    """Columns as a table with their units and descriptions in attrs; the column `time` is called hours."""
    import pandas as pd

    named = {"hours" if name == "time" else name: column for name, column in columns.items()}
    table = pd.DataFrame({name: column[()] for name, column in named.items()})
    for what, key in (("units", "units"), ("descriptions", "description")):
        attributes = {name: getattr(column, "attrs", {}) for name, column in named.items()}
        found = {name: _plain(attrs[key]) for name, attrs in attributes.items() if key in attrs}
        table.attrs[what] = found
    return table


def _observables(file: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    """(present name, group) of every observable, in the order of the layout."""
    groups = {current_name(name): group for name, group in file["observables"].items()}
    for name in _in_order("observables", groups):
        yield name, groups[name]


def _ordered(group: h5py.Group) -> list[str]:
    """Names in a group in the order of the layout: HDF5 has them by the alphabet."""
    return _in_order(group.name.strip("/"), group)


def _in_order(group: str, names: Iterable[str]) -> list[str]:
    found = list(names)
    known = [name for name in dict.fromkeys(_ORDER[group]) if name in found]
    return [*known, *(name for name in found if name not in known)]


def _columns(name: str, data: h5py.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """(label, values) of the columns of one observable."""
    if data.ndim == 1:
        yield name, data[()]
        return
    labels = [_plain(label) for label in data.attrs.get("classes", range(data.shape[1]))]
    for place, label in enumerate(labels):
        yield f"{name} {label}", data[:, place]


def _plain(value: Any) -> Any:
    """An attribute of HDF5 as a plain Python value."""
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def _library(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"{what} needs the extra `notebook`: pip install 'adccsim[notebook]'") from None
