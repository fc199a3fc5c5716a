"""Mutated inputs over all commands: what is written, what is called, and how the command answers.

A family is one command with one kind of input. Commands that would simulate are stopped where the runs begin if there
are more of them than can be made in a moment: what is attacked is the reading of inputs, not the patience of a machine.
"""

import gc
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks.hostile import inputs, mutators

LONGEST_S, MOST_RUNS = 3.0, 40  # of an accepted scenario that is run in earnest


@dataclass(frozen=True)
class Case:
    """One command line with its files, in a directory made for it; `study`: a results folder to copy into it."""

    family: str
    number: int
    argv: tuple[str, ...]
    files: dict[str, bytes]
    study: Path | None = None

    def run(self, scratch: Path) -> None:
        """Write the files and call the command; ends this process as the command does."""
        folder = self.folder(scratch) / "a" / "b" / "c"  # deep: a path with several ".." stays inside scratch
        folder.mkdir(parents=True)
        if self.study is not None:
            shutil.copytree(self.study, folder / "study")
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        os.chdir(folder)
        call(self.argv)

    def folder(self, scratch: Path) -> Path:
        """Where its files lie."""
        return scratch / "cases" / f"{self.family}-{self.number}"


def call(argv: tuple[str, ...]) -> None:
    """The command `adcc`, in this process."""
    from adccsim.cli import main

    sys.argv = ["adcc", *argv]
    main()


def prepare(pictures: bool = False) -> None:
    """Load what all commands need, and stop them where long work would begin; pictures are drawn only on demand."""
    import adccsim.analysis.assay.plates.picture
    import adccsim.analysis.assay.study
    import adccsim.analysis.fitting.compare
    import adccsim.analysis.fitting.posterior
    import adccsim.analysis.fitting.sensitivity_report
    import adccsim.analysis.growth.mice
    import adccsim.analysis.growth.study
    from adccsim import runtime
    from adccsim.cli import COMMANDS, app
    from adccsim.experiments import calibrate, compare, predict, sensitivity, study
    from adccsim.parameters import lookup

    runtime.configure(1)
    lookup.load()
    for name in COMMANDS:
        app.get_command(None, name)
    if not pictures:
        for module, name in (
            (adccsim.analysis.growth.study, "analyse_growth"), (compare, "analyse_wells"), (predict, "analyse_wells"),
        ):  # fmt: skip
            setattr(module, name, partial(getattr(module, name), with_figures=False))
        for analysis in (adccsim.analysis.assay.study.WellAnalysis, adccsim.analysis.growth.mice.MiceAnalysis):
            analysis.write = _without_figures(analysis.write)
        adccsim.analysis.assay.plates.picture.plate_figure = lambda result: None
    study.run_study = partial(_only_small, study.run_study)
    calibrate.measure_points = sensitivity.measure_points = _not_here
    _warm()


def _without_figures(write: Callable) -> Callable:
    """WellAnalysis.write or MiceAnalysis.write that draws nothing."""
    return lambda analysis, folder, *rest, **options: write(analysis, folder, with_figures=False)


def _warm() -> None:
    """Call the commonest commands once, so that a fork finds every module loaded and every schema built."""
    files = {"s.toml": inputs.WELLS, "m.toml": inputs.MICE, "c.csv": inputs.CALIPERS, "p.csv": inputs.LYSIS}
    with (
        tempfile.TemporaryDirectory(prefix="adcc-hostile-") as folder,
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        for name, text in files.items():
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            command = {"c.csv": "analyse", "p.csv": "plate"}.get(name, "check")
            with suppress(SystemExit):
                call((command, str(path), *(("--out", str(Path(folder, "out"))) if command != "check" else ())))
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page that it looks at


def _only_small(real: Callable, scenario: object, conditions: list, *rest: object, **options: object) -> object:
    """Run a small study; leave with exit code 0 where it is a large one, which was accepted."""
    seconds = sum(each.agent_hours / 1e7 if each.saves else each.seconds for each in conditions)
    if len(conditions) > MOST_RUNS or seconds > LONGEST_S:
        _not_here()
    return real(scenario, conditions, *rest, **(options | {"workers": 1}))


def _not_here(*rest: object, **options: object) -> None:
    print("accepted; the runs are not made here")
    raise SystemExit(0)


# -- families -----------------------------------------------------------------------------------------------------

Maker = Callable[[random.Random], tuple[tuple[str, ...], dict[str, bytes]]]


def _toml_of(text: str) -> Callable[[random.Random], bytes]:
    tree = inputs.tree(text)
    return lambda chance: mutators.toml(chance, tree)


def _scenario(text: str, *command: str) -> Maker:
    """A mutated scenario under one command; its other files are sound."""
    mutant = _toml_of(text)
    beside = {"observed.csv": inputs.OBSERVED.encode(), "mine.toml": inputs.OVERLAY.encode()}
    return lambda chance: (command, {"s.toml": mutant(chance), **beside})


def _shipped(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """One of the shipped scenarios, mutated."""
    from adccsim.scenario.shipped import find, titles

    text = Path(find(chance.choice(sorted(titles())))).read_text(encoding="utf-8")
    return ("check", "s.toml"), {"s.toml": mutators.toml(chance, inputs.tree(text))}


def _overlay(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    text = 'catalogue = ["mine.toml"]\n' + inputs.WELLS
    overlay = mutators.toml(chance, inputs.tree(inputs.OVERLAY))
    return ("check", "s.toml"), {"s.toml": text.encode(), "mine.toml": overlay}


def _set(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    key = chance.choice([
        "seed", "replicates", "targets.cells", "antibody.dose_ug_per_ml", "antibody.kd_nM", "effectors.donors",
        "assay.readout", "output.level", "sweep", "sweep.antibody.dose_ug_per_ml", "title", "catalogue", "kind",
        "well", "", ".", "a.b.c.d", "targets", "arm", "random", "schema",
    ])  # fmt: skip
    value = chance.choice(mutators.HOSTILE)
    said = chance.choice([mutators.toml_value(value), str(value), f"[{mutators.toml_value(value)}]"])
    setting = f"{key}{chance.choice(['=', '=', '=', ' = ', '', '=='])}{said}".replace("\0", "")
    return ("check", "s.toml", "--set", setting), {"s.toml": inputs.WELLS.encode()}


def _site(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    system, variant = chance.choice(["slurm", "pbs", "lsf", "sge"]), chance.choice(["array", "dask"])
    files = {"s.toml": inputs.WELLS.encode(), "site.toml": mutators.toml(chance, inputs.tree(inputs.SITE))}
    command = ("cluster", "script", "s.toml", "--site", "site.toml", "--cluster", system, "--variant", variant)
    return command, files


def _script(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    out = "".join(chance.choice("ab \t\n'\"`$;&|<>\\*?#%{}()[]é=-") for _ in range(chance.randint(1, 12)))
    return ("cluster", "script", "s.toml", "--out", f"r{out}"), {"s.toml": inputs.WELLS.encode()}


def _sheet(name: str, text: str, *command: str) -> Maker:
    return lambda chance: (command, {name: mutators.sheet(chance, text.encode())})


def _caliper_design(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    design = mutators.toml(chance, inputs.tree(inputs.DESIGN))
    return ("analyse", "c.csv", "--out", "out"), {"c.csv": inputs.CALIPERS.encode(), "c.toml": design}


def _matrix(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    plate, plan = inputs.PLATE.encode(), inputs.MAP.encode()
    if chance.random() < 0.5:
        plate = mutators.sheet(chance, plate)
    else:
        plan = mutators.sheet(chance, plan)
    return ("plate", "p.csv", "--map", "m.csv", "--out", "out"), {"p.csv": plate, "m.csv": plan}


def _compared(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    data = mutators.sheet(chance, inputs.OBSERVED.encode())
    return ("compare", "s.toml", "--out", "out"), {"s.toml": inputs.COMPARED.encode(), "observed.csv": data}


WORDS = (
    "--out", "--workers", "--threads", "--set", "--shard", "--check", "--timeout", "--engine", "--cluster", "--site",
    "--map", "--readout", "--control", "--name", "--from", "--variant", "--help", "-h", "--version", "--scratch",
    "--bogus", "-x", "--", "s.toml", "c.csv", "p.csv", "m.csv", "study", "nothing", "adcc_protocol", "cell-lines",
    "antibodies", "SK-BR-3", "0/4", "4/4", "-1", "0", "1", "1e9", "nan", "local", "dask", "slurm", "LDH", "mice",
    "vehicle", "well", "xenograft", "out", "", " ", "\x1b[31m", "\U0001f600", "a" * 3000, "/dev/zero", "/dev/null",
    "=1", "a=b", "seed=1", "..", ".",
)  # fmt: skip
COMMANDS = (
    "status", "run", "analyse", "check", "plate", "compare", "calibrate", "list", "init", "schema", "predict",
    "sensitivity", "cluster", "verify",
)  # fmt: skip


def _arguments(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """A command with random words; Dask is left to the kills, since it starts processes that answer for themselves."""
    command = chance.choice([*COMMANDS, *COMMANDS, "", "runn", "\x1b[2J", "--help", "teach --help"])
    words = [chance.choice(WORDS) for _ in range(chance.choice([0, 1, 1, 2, 3, 5]))]
    if command == "cluster":
        words.insert(0, "script")
    words = ["local" if word == "dask" else word for word in words]
    files = {
        "s.toml": inputs.WELLS.encode(), "c.csv": inputs.CALIPERS.encode(), "p.csv": inputs.LYSIS.encode(),
        "m.csv": inputs.MAP.encode(),
    }  # fmt: skip
    return (*command.split(" "), *words), files


def _listed(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    kind = chance.choice(
        ["cell-lines", "effectors", "antibodies", "mechanisms", "wells", "readouts", "tumours", "drugs", "xs"]
    )
    name = chance.choice(["SK-BR-3", "trastuzumab", "nobody", "", "default", "\x1b[1m", "nude", "LDH", "sk-br-3"])
    return chance.choice([("list", kind, "--name", name), ("list", kind), ("init", name), ("schema", kind)]), {}


def _study_json(study: Path) -> Maker:
    from adccsim.seal import KEY, sealed_entries

    tree = json.loads((study / "study.json").read_text(encoding="utf-8"))
    entries = {name: value for name, value in tree.items() if name != KEY}

    def make(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
        command = chance.choice(
            [("status", "study"), ("analyse", "study"), ("verify", "study"), ("run", "s.toml", "--out", "study")]
        )
        scenario = study.with_suffix(".toml").read_bytes()
        data = mutators.json_bytes(chance, tree)
        if chance.random() < 0.5:  # a digest that fits: what is attacked is the reading of the entries
            data = json.dumps(
                sealed_entries(mutators.mutate_tree(chance, entries, chance.choice([1, 1, 2, 4])))
            ).encode()
        return command, {"study/study.json": data, "s.toml": scenario}

    return make


def _study_files(study: Path) -> Maker:
    """A results folder in which files lie that do not belong there, or not so."""
    run_ids = json.loads((study / "study.json").read_text(encoding="utf-8"))["run_ids"]

    def make(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
        run_id = chance.choice(run_ids)
        name = chance.choice([
            f"runs/{run_id[:2]}/{run_id}.h5", f"runs/{run_id[:2]}/zzz.h5", "runs/zz/zz.h5", f"failed/{run_id}.json",
            "failed/x.json", "tables/runs.parquet", "summary.txt", "log", "lock", f"checkpoints/{run_id}.ckpt",
            f"runs/{run_id[:2]}/.{run_id}.part", "report.html", "runs/x",
        ])  # fmt: skip
        data = chance.choice(
            [b"", b"{}", b"[1]", b"\x89HDF\r\n\x1a\n", b"PAR1", b"PK\x03\x04", chance.randbytes(300), b"null"]
        )
        command = chance.choice(
            [("status", "study"), ("analyse", "study"), ("verify", "study"), ("run", "s.toml", "--out", "study")]
        )
        return command, {f"study/{name}": data, "s.toml": study.with_suffix(".toml").read_bytes()}

    return make


ENDLESS = (
    ("check", "/dev/zero"), ("run", "/dev/zero", "--out", "out"), ("plate", "/dev/zero"), ("plate", "p.csv", "--map",
    "/dev/zero"), ("analyse", "/dev/zero", "--out", "out"), ("compare", "/dev/zero"), ("calibrate", "/dev/zero"),
    ("sensitivity", "/dev/zero"), ("cluster", "script", "s.toml", "--site", "/dev/zero"), ("check", "z.toml"),
    ("compare", "c.toml"), ("status", "/dev/zero"), ("verify", "/dev/zero"), ("analyse", "/dev/zero"), ("check",
    "/dev/urandom"), ("plate", "/dev/urandom"), ("check", "big.toml"), ("plate", "big.csv"), ("analyse", "big.csv",
    "--out", "out"), ("predict", "/dev/zero", "--out", "out"),
)  # fmt: skip


def _endless(chance: random.Random) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """A file that does not end, or is far too large, wherever a command reads one."""
    files = {
        "s.toml": inputs.WELLS.encode(), "p.csv": inputs.PLATE.encode(),
        "z.toml": b'catalogue = ["/dev/zero"]\n' + inputs.WELLS.encode(),
        "c.toml": inputs.COMPARED.replace("observed.csv", "/dev/zero").encode(),
    }  # fmt: skip
    command = chance.choice(ENDLESS)
    return command, files | {name: _large(name) for name in ("big.toml", "big.csv") if name in command}


@cache
def _large(name: str) -> bytes:
    """A comment, or a sheet, of 80 MB."""
    return b"# " + b"x" * 80_000_000 if name == "big.toml" else b"arm,mouse,day\n" + b"1,2,3\n" * 13_000_000


def families(wells: Path, mice: Path) -> dict[str, tuple[int, Maker, Path | None]]:
    """Name -> (weight, maker of one mutant, results folder that it works on). wells, mice: finished small studies."""
    check, plate, analyse = (
        ("check", "s.toml"),
        ("plate", "p.csv", "--out", "out"),
        ("analyse", "c.csv", "--out", "out"),
    )
    return {
        "check, well": (24, _scenario('catalogue = ["mine.toml"]\n' + inputs.WELLS, *check), None),
        "check, mice": (24, _scenario(inputs.MICE, *check), None),
        "check, shipped": (16, _shipped, None),
        "check, overlay": (14, _overlay, None),
        "check --set": (14, _set, None),
        "run, well": (8, _scenario(inputs.WELLS, "run", "s.toml", "--out", "out"), None),
        "run, mice": (4, _scenario(inputs.MICE, "run", "s.toml", "--out", "out"), None),
        "compare, scenario": (5, _scenario(inputs.COMPARED, "compare", "s.toml", "--out", "out"), None),
        "compare, data": (5, _compared, None),
        "calibrate": (6, _scenario(inputs.FITTED, "calibrate", "s.toml", "--out", "out"), None),
        "sensitivity": (6, _scenario(inputs.VARIED, "sensitivity", "s.toml", "--out", "out"), None),
        "predict": (4, _scenario(inputs.COMPARED, "predict", "s.toml", "--out", "out", "--scratch", "runs"), None),
        "cluster script, site": (10, _site, None),
        "cluster script, path": (6, _script, None),
        "analyse, calipers": (12, _sheet("c.csv", inputs.CALIPERS, *analyse), None),
        "analyse, wide": (8, _sheet("c.csv", inputs.WIDE, *analyse), None),
        "analyse, design": (6, _caliper_design, None),
        "plate, lysis": (12, _sheet("p.csv", inputs.LYSIS, *plate), None),
        "plate, signals": (12, _sheet("p.csv", inputs.SIGNALS, *plate), None),
        "plate, matrix": (14, _matrix, None),
        "study.json, wells": (10, _study_json(wells), wells),
        "study.json, mice": (6, _study_json(mice), mice),
        "files of a study": (6, _study_files(wells), wells),
        "arguments": (20, _arguments, wells),
        "files without end": (5, _endless, None),
        "list, init, schema": (4, _listed, None),
    }


def cases(count: int, seed: int, wells: Path, mice: Path) -> Iterator[Case]:
    """`count` mutants over all families by their weights, in a mixed order; the same for the same seed."""
    known = families(wells, mice)
    total = sum(weight for weight, _, _ in known.values())
    numbers = [
        (name, i) for name, (weight, _, _) in known.items() for i in range(max(1, round(count * weight / total)))
    ]
    random.Random(f"{seed} order").shuffle(numbers)
    for name, number in numbers:
        _, make, study = known[name]
        argv, files = make(random.Random(f"{seed} {name} {number}"))
        yield Case(name, number, argv, files, study)
