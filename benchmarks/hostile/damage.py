"""Flipped bits and cuts in finished files: the analysis gives the reference numbers or names the file; a run heals.

Every case is one damage to one file in a copy of a finished study. After it come `adcc analyse`, `adcc verify` and, in
a part of the cases, the `adcc run` that made the study.
Silent wrong number: the analysis ends with exit code 0 and a table differs from the reference; or a refusal that does
not say which file; or a run that ends with exit code 0 and leaves another file or table than the reference.
"""

import contextlib
import io
import os
import random
import shutil
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adccsim.conditions.levels import LEVELS
from benchmarks.hostile import commands, inputs, mutators

DAMAGES = {
    "1 bit": mutators.flip_bits,
    "8 bits": partial(mutators.flip_bits, bits=8),
    "cut": mutators.cut,
}
UNSEALED = (
    "checkpoint",
    "runs.parquet",
)  # files that are made again, or begun again, from others: verify may pass them
RIGHT, NAMED, WRONG, BROKEN = "right", "named", "silent wrong number", "traceback"


@dataclass(frozen=True)
class Study:
    """A finished study: its folder, its scenario next to it, and the tables that an analysis of it gives.

    large: the tables of an analysis that works from the summary table, as of a study of thousands of runs.
    """

    folder: Path
    tables: dict[str, bytes] = field(repr=False, default_factory=dict)
    large: dict[str, bytes] = field(repr=False, default_factory=dict)

    @property
    def scenario(self) -> Path:
        """The scenario file that it was made from."""
        return self.folder.with_suffix(".toml")


@dataclass(frozen=True)
class Case:
    """One damage: kind of file, which damage, path in the study; heals: whether the study is run again afterwards."""

    target: str
    damage: str
    number: int
    study: Study
    path: str
    heals: bool
    seed: int

    def folder(self, scratch: Path) -> Path:
        """Where the damaged copy lies."""
        return scratch / "damage" / f"{self.target}-{self.damage}-{self.number}".replace(" ", "_")

    def run(self, scratch: Path) -> dict[str, str]:
        """What came of it: analysis, verify and healing, each RIGHT, NAMED, WRONG or BROKEN (absent: not asked)."""
        copy = linked(self.study.folder, self.folder(scratch))
        chance = random.Random(f"{self.seed} {self.target} {self.damage} {self.number}")
        broken = copy / self.path
        data = broken.read_bytes()
        damaged = DAMAGES[self.damage](chance, data)
        if self.target == "checkpoint":  # a saved tumour in the place where its mouse would go on after a stop
            broken = broken.with_name(broken.name.partition(".")[0] + ".ckpt")
        broken.unlink(missing_ok=True)
        broken.write_bytes(damaged)
        found = {}
        if self.target == "checkpoint":
            found |= resumed(self, copy)
        else:
            found["analysis"] = self._analysed(copy)
        if self.target not in UNSEALED and commands_known("verify"):
            code, text = said("verify", str(copy))
            found["verify"] = BROKEN if "Traceback" in text else NAMED if code and names(text, self.path) else WRONG
        if self.heals and self.target != "checkpoint":
            found["healing"] = self._healed(copy)
        return found

    def _analysed(self, copy: Path) -> str:
        large = self.target == "runs.parquet"
        if large:
            as_if_large()
        code, text = said("analyse", str(copy))
        return judged(code, text, self.path, tables(copy) == (self.study.large if large else self.study.tables))

    def _healed(self, copy: Path) -> str:
        code, text = said("run", str(self.study.scenario), "--out", str(copy), "--workers", "1")
        if "Traceback" in text:
            return BROKEN
        known = self.study.large if self.target == "runs.parquet" else self.study.tables
        same = tables(copy) == known and run_files(copy) == run_files(self.study.folder)
        return RIGHT if code == 0 and same else WRONG


def judged(code: int, text: str, path: str, same: bool) -> str:
    """What an answer after damage to `path` amounts to; same: whether every table is that of the reference."""
    if "Traceback" in text:
        return BROKEN
    if code == 0:
        return RIGHT if same else WRONG
    return NAMED if names(text, path) else WRONG


def names(text: str, path: str) -> bool:
    """Whether a message says which file is meant: by its name, its run id or, among many, by its folder and number."""
    flat = "".join(text.split())
    return Path(path).name in flat or Path(path).name.partition(".")[0] in flat


def resumed(case: Case, copy: Path) -> dict[str, str]:
    """A mouse without its run file goes on from the damaged checkpoint or begins again; its file is the reference's."""
    run_id = Path(case.path).name.partition(".")[0]
    (copy / "runs" / run_id[:2] / f"{run_id}.h5").unlink()
    code, text = said("run", str(case.study.scenario), "--out", str(copy), "--workers", "1")
    if "Traceback" in text:
        return {"healing": BROKEN}
    if run_files(copy) == run_files(case.study.folder):
        return {"healing": RIGHT if code == 0 else NAMED}
    return {"healing": NAMED if code and names(text, case.path) else WRONG}


# -- files that are read by themselves ----------------------------------------------------------------------------

AT_ONCE = 25  # damages that one process reads after another: reading takes a moment, a process much longer


@dataclass(frozen=True)
class Reading:
    """Damages to files of one kind (of READ_ALONE), each read as the program does, in one process."""

    kind: str
    numbers: range
    paths: tuple[Path, ...]
    seed: int

    def folder(self, scratch: Path) -> Path:
        """Where the damaged files lie."""
        return scratch / "read" / f"{self.kind}-{self.numbers[0]}".replace(" ", "_")

    def run(self, scratch: Path) -> list[tuple[str, dict[str, str]]]:
        """(which damage, {"reading": RIGHT, NAMED, WRONG or BROKEN}) for every number."""
        folder = self.folder(scratch)
        folder.mkdir(parents=True)
        answers = []
        for number in self.numbers:
            damage, path = list(DAMAGES)[number % 3], self.paths[number % len(self.paths)]
            chance = random.Random(f"{self.seed} read {self.kind} {number}")
            copy = folder / path.name
            if self.kind == "summary table":  # it is trusted or made again from the run files, so they come along
                copy = linked(path.parents[1], folder / str(number)) / path.relative_to(path.parents[1])
            copy.write_bytes(DAMAGES[damage](chance, path.read_bytes()))
            answers.append((f"{damage} {number} {path.name}", {"reading": self._read(copy, path)}))
        return answers

    def _read(self, copy: Path, sound: Path) -> str:
        """A damaged file is refused with a reason, or gives every number of the sound one."""
        from adccsim.analysis.errors import ForeignFile
        from adccsim.scenario.xenograft.branch import CheckpointError

        reader = READ_ALONE[self.kind]
        try:
            found = reader(copy)
        except (CheckpointError, ForeignFile) as error:
            return NAMED if str(error) else WRONG
        except Exception:
            traceback.print_exc()
            return BROKEN
        return RIGHT if found == reader(sound) else WRONG


def _checkpoint(path: Path) -> dict[str, object]:
    """Every number of a checkpoint, in a form that can be compared."""
    from adccsim.record.checkpoint import load_checkpoint

    meta, arrays = load_checkpoint(path)
    return {"meta": meta, **{name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}}


def _run(path: Path) -> dict[str, object]:
    """Every number of a run file that the analysis reads, in a form that can be compared."""
    from adccsim.analysis.reading.runs import read_run

    run = read_run(path)
    series = {name: (each.value.tobytes(), each.time.tobytes(), each.units) for name, each in run.observables.items()}
    return {"run": (run.run_id, run.plate, run.model_version), "condition": run.condition, **series}


def _summary(path: Path) -> list[dict[str, object]]:
    """Every row of the summary table as an analysis brings it up to date, without the times of the run files."""
    import pyarrow.parquet as parquet

    from adccsim.analysis.reading.summary import refresh

    table = parquet.read_table(refresh(path.parents[1]).path)
    return table.drop_columns(["file_mtime_ns"]).to_pylist()


READ_ALONE = {"checkpoint": _checkpoint, "run file": _run, "summary table": _summary}


def readings(count: int, seed: int, known: dict[str, Study]) -> Iterator[Reading]:
    """`count` damages to checkpoints and to summary tables, twice as many to run files of every level and of mice."""
    saved = tuple(sorted((known["mice"].folder / "checkpoints").glob("*.ckpt"))[:2])
    runs = tuple(path for study in known.values() for path in sorted((study.folder / "runs").glob("*/*.h5"))[:3])
    tables_ = tuple(sorted(path for study in known.values() for path in study.folder.glob("tables/runs.parquet")))
    for kind, paths, number in (
        ("checkpoint", saved, count), ("run file", runs, 2 * count), ("summary table", tables_, count),
    ):  # fmt: skip
        for first in range(0, number, AT_ONCE):
            yield Reading(kind, range(first, min(first + AT_ONCE, number)), paths, seed)


# -- what is compared ---------------------------------------------------------------------------------------------


def tables(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every table of an analysis, the cache of run files left out."""
    return {path.name: path.read_bytes() for path in sorted((folder / "tables").glob("*.csv"))}


def run_files(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every run file."""
    return {path.name: path.read_bytes() for path in sorted((folder / "runs").glob("*/*.h5"))}


def linked(study: Path, copy: Path) -> Path:
    """A copy of a results folder whose files share their bytes with it; tables and figures are left out."""
    for source in study.rglob("*"):
        part = source.relative_to(study)
        if (
            source.is_dir()
            or part.parts[0] in ("figures", "exports")
            or part.suffix == ".csv"
            or part.name == "report.html"
        ):
            continue
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        if part.suffix in (".h5", ".ckpt"):
            os.link(source, copy / part)
        elif part.name != "summary.txt":
            (copy / part).write_bytes(source.read_bytes())
    return copy


def said(*argv: str) -> tuple[int, str]:
    """Exit code and text of one command, called in this process."""
    text = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            commands.call(argv)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except Exception:
            traceback.print_exc()
            code = 1
    print(text.getvalue())
    return code, text.getvalue()


def commands_known(name: str) -> bool:
    """Whether there is a command of this name."""
    from adccsim.cli import COMMANDS

    return name in COMMANDS


# -- what is damaged ----------------------------------------------------------------------------------------------


def make(folder: Path) -> None:
    """Make the studies that are damaged, in this process: wells of every output level, and mice with saved tumours."""
    small = inputs.WELLS.replace("[0, 10]", "[0]").replace("[0, 0.001, 1]", "[0, 1]")
    made = {}
    for level in LEVELS:
        text = small.replace('level = "observables"', f'level = "{level}"')
        made[level] = inputs.make_study(text, folder / f"wells-{level}")
    made["mice"] = inputs.make_study(inputs.MICE, folder / "mice")
    for study in made.values():
        analysed(study)
    as_if_large()
    for level in LEVELS[:2]:
        shutil.copytree(made[level], folder / f"large-{level}")
        analysed(folder / f"large-{level}")


def analysed(study: Path) -> None:
    """Analyse a sound study. Raises RuntimeError with what was said if that fails."""
    code, text = said("analyse", str(study))
    if code:
        raise RuntimeError(f"{study}: {text}")


def as_if_large() -> None:
    """From here on every study in this process is analysed from its summary table, as one of thousands of runs."""
    import adccsim.analysis.assay.study

    adccsim.analysis.assay.study.LARGE = 0


def studies(folder: Path) -> dict[str, Study]:
    """The studies that make() has made in `folder`."""
    names_ = [*(f"wells-{level}" for level in LEVELS), "mice"]
    return {
        name.removeprefix("wells-"): Study(
            folder / name, tables(folder / name), tables(folder / name.replace("wells", "large"))
        )
        for name in names_
    }


def cases(count: int, seed: int, known: dict[str, Study], healing: float) -> Iterator[Case]:
    """`count` damages over wells of all levels, mice, checkpoints, study.json and the summary table."""
    chance = random.Random(f"{seed} damage")
    weights = {**dict.fromkeys(LEVELS, 13), "mice": 4, "checkpoint": 3, "study.json": 26, "runs.parquet": 15}
    targets = chance.choices(list(weights), list(weights.values()), k=count)
    for number, target in enumerate(targets):
        name = (
            target if target in known else "mice" if target == "checkpoint" else chance.choice(["observables", "final"])
        )
        if target == "study.json" and chance.random() < 0.3:
            name = "mice"
        study = known[name]
        damage = chance.choices(list(DAMAGES), [5, 3, 2])[0]
        if target == "study.json":
            path = "study.json"
        elif target == "runs.parquet":
            path = "tables/runs.parquet"
        else:
            path = chance.choice(sorted(_files(study, target)))
        yield Case(target, damage, number, study, path, chance.random() < healing, seed)


def _files(study: Study, target: str) -> list[str]:
    """Paths of the files of one kind."""
    pattern = "checkpoints/*.day*.ckpt" if target == "checkpoint" else "runs/*/*.h5"
    return [str(path.relative_to(study.folder)) for path in study.folder.glob(pattern)]
