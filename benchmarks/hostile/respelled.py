"""Respelled scenarios: one study written in many ways gives the same runs and the same tables, or is refused.

Tables as headers, dotted keys or inline; swept keys bare, quoted, as sub-tables, inline or by --set; numbers as 5, 5e0,
0x5 or 5_0; strings in either quotes; any order of keys and tables; comments and empty lines. The run files are those of
the reference, linked into a new folder, so that `adcc run` reads the scenario, finds every run and analyses them; in
every other case it does so from the summary table, as for thousands of runs.
Silent wrong number: exit code 0 and other run ids, or a row of a table that the reference does not have, or lacks.
"""

import csv
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile import inputs
from benchmarks.hostile.damage import BROKEN, RIGHT, WRONG, Study, analysed, as_if_large, said
from benchmarks.hostile.mutators import toml_key, toml_string
from benchmarks.hostile.sheets import REFUSED

TABLES = ("lysis", "lysis_summary", "dose_response", "controls")  # those that an analysis of a large study has, too
Settings = list[tuple[tuple[str, ...], object]]  # path of a key and its value


@dataclass(frozen=True)
class Case:
    """One spelling: the text of the file, what --set says beside it, and whether the study counts as a large one."""

    number: int
    kind: str
    text: str
    sets: tuple[str, ...]
    large: bool

    def folder(self, scratch: Path) -> Path:
        """Where the scenario and its results lie."""
        return scratch / "respelled" / str(self.number)

    def run(self, scratch: Path, references: dict[str, "Reference"]) -> dict[str, str]:
        """RIGHT, REFUSED, WRONG or BROKEN, and what differs."""
        reference = references[self.kind]
        folder = self.folder(scratch)
        folder.mkdir(parents=True)
        path = folder / "s.toml"
        path.write_text(self.text, encoding="utf-8")
        if self.kind == "mice":
            return self._ids_only(path, reference)
        for source in (reference.study.folder / "runs").glob("*/*.h5"):
            target = folder / "out" / "runs" / source.parent.name / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
        if self.large:
            as_if_large()
        sets = [word for each in self.sets for word in ("--set", each)]
        code, text = said("run", str(path), "--out", str(folder / "out"), "--workers", "1", *sets)
        if "Traceback" in text:
            return {"scenario": BROKEN}
        if code:
            return {"scenario": REFUSED, "note": text.strip()[-200:]}
        info = json.loads((folder / "out" / "study.json").read_text(encoding="utf-8"))
        if set(info["run_ids"]) != reference.run_ids:
            return {"scenario": WRONG, "note": "other run ids"}
        for name in TABLES:
            if rows_of(folder / "out" / "tables" / f"{name}.csv") != reference.rows(self.large)[name]:
                return {"scenario": WRONG, "note": f"other rows of {name}"}
        return {"scenario": RIGHT}

    def _ids_only(self, path: Path, reference: "Reference") -> dict[str, str]:
        from adccsim.scenario.conditions import conditions_of
        from adccsim.scenario.errors import ScenarioError
        from adccsim.scenario.load import load_scenario

        try:
            found = {each.run_id for each in conditions_of(load_scenario(path, list(self.sets)))}
        except ScenarioError as error:
            return {"scenario": REFUSED, "note": str(error)[:200]}
        return {"scenario": RIGHT} if found == reference.run_ids else {"scenario": WRONG, "note": "other run ids"}


@dataclass(frozen=True)
class Reference:
    """The study in its plain spelling: run ids, and its rows by table as analysed in memory and as a large study."""

    study: Study
    run_ids: frozenset[str]
    small: dict[str, Counter]
    big: dict[str, Counter]

    def rows(self, large: bool) -> dict[str, Counter]:
        """Rows of every table."""
        return self.big if large else self.small


def make(folder: Path) -> None:
    """Make the reference studies, in this process, and their tables as a small and as a large study."""
    study = inputs.make_study(inputs.WELLS, folder / "wells")
    write_ids(inputs.MICE, folder / "mice")
    for name in ("small", "big"):
        if name == "big":
            as_if_large()
        analysed(study)
        (folder / name).mkdir()
        for table in TABLES:
            os.replace(study / "tables" / f"{table}.csv", folder / name / f"{table}.csv")


def write_ids(text: str, folder: Path) -> None:
    """The run ids of a study, in the study.json of a folder without runs."""
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import scenario_from_text

    folder.mkdir(parents=True)
    run_ids = [each.run_id for each in conditions_of(scenario_from_text(text))]
    (folder / "study.json").write_text(json.dumps({"run_ids": run_ids}), encoding="utf-8")


def references(folder: Path) -> dict[str, Reference]:
    """What make() has made in `folder`."""
    found = {}
    for kind in ("wells", "mice"):
        ids = frozenset(json.loads((folder / kind / "study.json").read_text(encoding="utf-8"))["run_ids"])
        rows = [
            {table: rows_of(folder / name / f"{table}.csv") for table in TABLES} if kind == "wells" else {}
            for name in ("small", "big")
        ]
        found[kind] = Reference(Study(folder / kind), ids, *rows)
    return found


def rows_of(path: Path) -> Counter:
    """The rows of a table, in whatever order of rows and columns; a column that is empty everywhere counts, too."""
    with path.open(encoding="utf-8", newline="") as file:
        return Counter(frozenset(row.items()) for row in csv.DictReader(file))


# -- how it is written --------------------------------------------------------------------------------------------


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` spellings, one in five of them of the study in mice."""
    for number in range(count):
        chance = random.Random(f"{seed} respelled {number}")
        kind = "mice" if number % 5 == 4 else "wells"
        text, sets = respelled(chance, inputs.tree(inputs.MICE if kind == "mice" else inputs.WELLS))
        yield Case(number, kind, text, sets, number % 2 == 1)


def respelled(chance: random.Random, tree: dict) -> tuple[str, tuple[str, ...]]:
    """(text of the file, what is given by --set) that say what `tree` says."""
    tree = dict(tree)
    sweep = tree.pop("sweep", {})
    sets = []
    for table in list(tree):
        content = tree[table]
        if isinstance(content, dict) and all(not isinstance(v, dict | list) for v in content.values()):
            free = [key for key in content if f"{table}.{key}" not in sweep]  # --set of a swept key ends its sweep
            for key in [key for key in free if chance.random() < 0.12 and len(content) > 1]:
                sets.append(f"{table}.{key}={_value(chance, content[key])}")
                tree[table] = {k: v for k, v in tree[table].items() if k != key}
    top, blocks = [], []
    for key, value in tree.items():
        lines, is_top = _entry(chance, key, value)
        (top if is_top else blocks).append(lines)
    if sweep:
        lines, said_, is_top = _sweep(chance, sweep)
        sets += said_
        if lines:
            (top if is_top else blocks).append(lines)
    chance.shuffle(top)
    chance.shuffle(blocks)
    return "\n".join(line for lines in [*top, *blocks] for line in lines) + "\n", tuple(sets)


def _entry(chance: random.Random, key: str, value: object) -> tuple[list[str], bool]:
    """(lines of one key of the top level, whether they have to come before all headers)."""
    if isinstance(value, dict):
        return _table(chance, key, value)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value) and chance.random() < 0.5:
        return [line for each in value for line in [f"[[{key}]]", *_pairs(chance, each)]], False
    return [f"{_key(chance, key)} = {_value(chance, value)}{_remark(chance)}"], True


def _table(chance: random.Random, key: str, content: dict) -> tuple[list[str], bool]:
    form = chance.choice(["header", "header", "dotted", "inline"])
    if form == "dotted":
        return [f"{_key(chance, key)}.{line}" for line in _pairs(chance, content)], True
    if form == "inline":
        return [f"{key} = {_value(chance, content)}"], True
    gap = chance.choice(["", " "])
    return [
        *chance.choice([[], ["", "# a table"]]),
        f"[{gap}{_key(chance, key)}{gap}]",
        *_pairs(chance, content),
    ], False


def _pairs(chance: random.Random, content: dict) -> list[str]:
    lines = [
        f"{_key(chance, key)}{chance.choice([' = ', '=', '   =  '])}{_value(chance, value)}{_remark(chance)}"
        for key, value in content.items()
    ]
    chance.shuffle(lines)
    return lines


def _sweep(chance: random.Random, sweep: dict[str, list]) -> tuple[list[str], list[str], bool]:
    """(lines, what is given by --set, whether the lines come before all headers)."""
    lists = {key: "[" + ", ".join(_value(chance, each) for each in values) + "]" for key, values in sweep.items()}
    lists = dict(chance.sample(sorted(lists.items()), len(lists)))
    form = chance.choice(["quoted", "bare", "sub-tables", "inline", "set", "mixed"])
    if form == "set":
        return [], [f"sweep.{key}={values}" for key, values in lists.items()], False
    if form == "inline":
        return [f"sweep = {{{', '.join(f'{toml_key(key)} = {values}' for key, values in lists.items())}}}"], [], True
    if form == "sub-tables":
        lines = []
        for key, values in lists.items():
            table, _, last = key.rpartition(".")
            lines += [f"[sweep.{table}]", f"{last} = {values}"]
        return lines, [], False
    if form == "mixed":
        (first, values), *rest = lists.items()
        return ["[sweep]", *(f"{key} = {each}" for key, each in rest)], [f"sweep.{first}={values}"], False
    name = toml_string if form == "quoted" else str
    return ["[sweep]", *(f"{name(key)} = {values}" for key, values in lists.items())], [], False


def _key(chance: random.Random, key: str) -> str:
    return chance.choice([key, key, key, f'"{key}"', f"'{key}'"])


def _remark(chance: random.Random) -> str:
    return chance.choice(["", "", "", "  # = [1, 2]", ' # "quoted"'])


def _value(chance: random.Random, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return chance.choice([str(value), str(value), f"{value:#x}", f"{value:#o}", f"{value:#b}", f"{value:_}"])
        case float():
            return chance.choice(
                [repr(value), f"{value:.6e}", f"{value:.3f}" if value >= 0.001 or not value else repr(value)]
            )
        case str():
            return chance.choice([toml_string(value), f"'{value}'", f'"""{value}"""'])
        case list():
            return (
                "["
                + ", ".join(_value(chance, each) for each in value)
                + chance.choice(["", ","] if value else [""])
                + "]"
            )
        case dict():
            return "{" + ", ".join(f"{_key(chance, k)} = {_value(chance, v)}" for k, v in value.items()) + "}"
    raise TypeError(type(value).__name__)
