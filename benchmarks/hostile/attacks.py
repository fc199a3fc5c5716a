"""Every class of attack, run and counted: mutated inputs, damaged files, respelled sheets, kills, the page."""

import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.hostile import arena, commands, damage, kills, respelled, sheets
from benchmarks.hostile.counts import Counts

COUNTED = {
    damage.RIGHT: "right", damage.NAMED: "named", sheets.REFUSED: "refused_cleanly", sheets.CAUTIONED: "cautioned",
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How many cases of each class.

    healing: share of the damages after which the study is run again. readings: damaged checkpoints that are read alone,
    and half the number of run files.
    """

    inputs: int
    damages: int
    readings: int
    healing: float
    sheets: int
    scenarios: int
    kills: int
    page_s: float


WHOLE = Size(inputs=2060, damages=130, readings=400, healing=0.12, sheets=200, scenarios=60, kills=8, page_s=30.0)
SLICE = Size(inputs=170, damages=40, readings=50, healing=0.07, sheets=36, scenarios=8, kills=0, page_s=0.0)
SMALL = Size(inputs=80, damages=28, readings=25, healing=0.0, sheets=36, scenarios=8, kills=0, page_s=0.0)  # per fault


@dataclass
class Arena:
    """Where and how cases are run: scratch folder, seed, processes at a time, and the studies that were made for it."""

    scratch: Path
    made: Path
    seed: int
    processes: int
    size: Size

    def all(self, cases: Iterable, work: Callable, what: str, limits: tuple = ()) -> Iterable[tuple]:
        """Run `work(case)` for every case; yields (case, how it ended), and removes the files of the case."""
        known = list(cases)
        for done, (place, ended) in enumerate(
            arena.run_all((partial(work, case) for case in known), self.scratch / "answers", self.processes, *limits),
            start=1,
        ):
            case = known[place]
            if hasattr(case, "folder"):
                shutil.rmtree(case.folder(self.scratch), ignore_errors=True)
            show(f"{what}: {done} of {len(known)}", last=done == len(known) or done % 200 == 0)
            yield case, ended


def show(line: str, last: bool = False) -> None:
    """A line of progress: rewritten on a terminal, and only its end where the output is a file."""
    if sys.stderr.isatty():
        print(f"\r{line}\x1b[K", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last:
        print(line, file=sys.stderr, flush=True)


def make_studies(here: Arena) -> None:
    """Make the sound studies that are damaged and respelled, once."""
    works = {
        "damage": damage.make, "respelled": respelled.make,
        "wells": partial(_one_study, "WELLS"), "mice": partial(_one_study, "MICE"),
    }  # fmt: skip
    todo = [(name, work) for name, work in works.items() if not (here.made / name).exists()]
    for (name, _), ended in here.all(todo, lambda one: one[1](here.made / one[0]), "studies made", (1200.0, 1200.0)):
        if ended.code != 0:
            raise RuntimeError(f"the study of {name} could not be made: {ended.text}")


def _one_study(name: str, folder: Path) -> None:
    from benchmarks.hostile import inputs

    inputs.make_study(getattr(inputs, name), folder / "study")


# -- classes ------------------------------------------------------------------------------------------------------


def mutated_inputs(here: Arena) -> dict[str, Counts]:
    """Mutated inputs, a class per family."""
    found: dict[str, Counts] = {}
    cases = commands.cases(here.size.inputs, here.seed, here.made / "wells" / "study", here.made / "mice" / "study")
    for case, ended in here.all(cases, lambda case: case.run(here.scratch), "mutated inputs"):
        found.setdefault(f"inputs: {case.family}", Counts()).end(ended, f"{case.number} {' '.join(case.argv)!r}")
    return dict(sorted(found.items()))


def damaged_files(here: Arena) -> dict[str, Counts]:
    """Flips and cuts over the files of finished studies, a class per kind of file; some are read alone."""
    found: dict[str, Counts] = {}
    studies = damage.studies(here.made / "damage")
    cases = damage.cases(here.size.damages, here.seed, studies, here.size.healing)
    for case, ended in here.all(cases, lambda case: case.run(here.scratch), "damaged files"):
        kind = f"wells, {case.target}" if case.target in damage.LEVELS else case.target
        counts = found.setdefault(f"damage: {kind}", Counts())
        _judge(counts, ended, f"{case.damage} {case.number} {case.path}")
    for batch, ended in here.all(
        damage.readings(here.size.readings, here.seed, studies), lambda batch: batch.run(here.scratch), "batches read"
    ):
        counts = found.setdefault(f"damage: {batch.kind}, read alone", Counts())
        if not isinstance(ended.value, list):
            counts.end(ended, f"{batch.kind} {batch.numbers}")
            continue
        for example, answer in ended.value:
            _judge(counts, arena.Ended(0, ended.text, answer, ended.seconds / len(ended.value), 0), example)
    return dict(sorted(found.items()))


def respelled_sheets(here: Arena) -> dict[str, Counts]:
    """Respelled sheets, a class per kind of sheet."""
    found: dict[str, Counts] = {}
    for case, ended in here.all(
        sheets.cases(here.size.sheets, here.seed), lambda case: case.run(here.scratch), "respelled sheets"
    ):
        counts = found.setdefault(f"respelled: {case.kind}", Counts())
        _judge(counts, ended, f"{case.number} {', '.join(case.spellings)}")
    return dict(sorted(found.items()))


def respelled_scenarios(here: Arena) -> dict[str, Counts]:
    """Respelled scenarios: run ids and tables."""
    counts = Counts()
    known = respelled.references(here.made / "respelled")
    cases = respelled.cases(here.size.scenarios, here.seed)
    for case, ended in here.all(cases, lambda case: case.run(here.scratch, known), "respelled scenarios"):
        _judge(counts, ended, f"{case.number} {case.kind} {case.sets}")
    return {"respelled: scenarios": counts}


def _judge(counts: Counts, ended: arena.Ended, example: str) -> None:
    """Count the answers of a case whose right value is known."""
    counts.could_show_wrong += 1
    if not isinstance(
        ended.value, dict
    ):  # the case itself ended badly: a hang, a crash, an exception outside a command
        counts.end(ended, example)
        return
    counts.tried += 1
    counts.seconds += ended.seconds
    answers = dict(ended.value)
    note = answers.pop("note", "")
    if "healing" in answers:
        counts.could_heal += 1
        counts.healed += answers["healing"] == damage.RIGHT
    words = list(answers.values())
    if damage.BROKEN in words:
        counts.add("tracebacks", f"{example}: {_last_lines(ended.text)}")
    elif damage.WRONG in words:
        wrong = [name for name, word in answers.items() if word == damage.WRONG]
        counts.add("silent_wrong_numbers", f"{example}: {', '.join(wrong)} {note}")
    else:
        counts.add(COUNTED[words[0]])


def _last_lines(text: str) -> str:
    lines = text.strip().splitlines()
    found = [i for i, line in enumerate(lines) if "Traceback" in line]
    end = lines[found[0] :] if found else lines
    return " / ".join(line for line in end if line and not line.startswith(" "))[-200:]


def killed(here: Arena) -> dict[str, Counts]:
    """Kills of drivers and workers, a class per engine."""
    found: dict[str, Counts] = {}
    if not here.size.kills:
        return found
    folder = here.scratch / "kills"
    scenario, reference = kills.undisturbed(folder)
    for number in range(here.size.kills):
        engine = "dask" if number % 4 == 3 else "local"
        one = kills.play(number, here.seed, engine, scenario, reference, folder)
        counts = found.setdefault(f"kills: {engine}", Counts())
        example = f"round {number}: {', '.join(one.blows)}"
        counts.tried += one.struck
        counts.could_show_wrong += len(reference)
        counts.right += len(reference) - one.lost - one.damaged
        counts.add("runs_lost", example, one.lost)
        counts.add("files_damaged", example, one.damaged + one.superfluous)
        counts.add("tracebacks", example, int(one.traceback))
        counts.add("hangs", example, int(one.code is None))
        counts.add("crashes", f"{example}: exit code {one.code}", int(one.code not in (0, None)))
        show(f"kills: {number + 1} of {here.size.kills}", last=number + 1 == here.size.kills)
        shutil.rmtree(folder / f"round-{number}", ignore_errors=True)
    return found


def page_attacked(here: Arena) -> dict[str, Counts]:
    """The teaching page under a hostile browser, a class per attack; what got through is counted, and so is the log."""
    if not here.size.page_s:
        return {}
    from benchmarks.hostile import page  # its libraries are those of the extra teach

    found = {}
    for name, answer in page.attacks(here.size.page_s).items():
        counts = found[f"page: {name.replace('_', ' ')}"] = Counts()
        counts.tried, counts.refused_cleanly = answer["tried"], answer["refused"]
        for problem in answer["problems"]:
            counts.add("tracebacks" if name == "log" else "let_through", problem)
    show(f"page: {len(found)} attacks", last=True)
    return found


CLASSES: dict[str, Callable[[Arena], dict[str, Counts]]] = {
    "inputs": mutated_inputs,
    "damage": damaged_files,
    "sheets": respelled_sheets,
    "scenarios": respelled_scenarios,
    "kills": killed,
    "page": page_attacked,
}
