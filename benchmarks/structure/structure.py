"""Shape of the code, counted: `python benchmarks/structure/structure.py [--before DIR]`.

Syntax trees are counted, mypy is run, and commands are started.

--before: a checkout of another version, in this layout or in the one before it; counted alike, and started in turns
with this one. Counted is the product, without tests and benchmarks. Writes structure.json into --out (default
benchmarks/results): each figure with its value now and before, its target and how it is counted, then every place.
"""

import argparse
import ast
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import load_average, machine, write  # noqa: E402
from benchmarks.structure import access, kinds, processes, source  # noqa: E402
from benchmarks.structure.notebook import AFTER, BEFORE  # noqa: E402
from benchmarks.structure.source import LARGE, SHORTEST_COPY, Module  # noqa: E402

ROUNDS = 15
HALF_LINE = 110  # characters
LOOSE = ("any", "cast", "type_ignore")
LOOSE_IN = f"in the packages {', '.join(processes.TYPED)} (run is the former name of execution)"
START = "user and system time of one process and its children, s; median, now and before in turns"


@dataclass(frozen=True)
class Rule:
    """What a figure is: its name, its title, how it is counted, the most that is wanted, what the plan said it was."""

    name: str
    title: str
    how: str
    target: int | None = None
    planned_before: int | None = None


@dataclass(frozen=True)
class Count:
    """One figure: value now and before, and its rule."""

    value: float
    before: float | None
    rule: Rule

    @property
    def met(self) -> bool | None:
        """Whether the value is at most the target; None where there is none."""
        return None if self.rule.target is None else self.value <= self.rule.target

    def as_dict(self) -> dict[str, Any]:
        """The figure as it stands in the JSON file."""
        rule = asdict(self.rule)
        return {"name": rule.pop("name"), "title": rule.pop("title"), "value": self.value, "before": self.before} | {
            **rule,
            "sense": "at most",
            "met": self.met,
        }


RULES = (
    Rule("lines", "lines", "lines of all Python files of the product, empty ones and comments included"),
    Rule("files", "files", "Python files of the product; links count once"),
    Rule("largest_file", "lines of the largest file", "as lines"),
    Rule("large_files", f"files over {LARGE} lines", "as lines"),
    Rule("largest_function", "lines of the largest function", "from def to its end"),
    Rule(
        "kind_comparisons",
        'comparisons with "xenograft"',
        '== or != with the string "xenograft", whatever follows from it; this rule gives the count of the plan',
        target=2,
        planned_before=14,
    ),
    Rule(
        "kind_switches",
        "places that do one thing for wells and another for mice",
        "isinstance, comparison or match with a class or name of a kind, or a dict with a key for each kind; without "
        "those that only refuse the other kind, narrow a type in an assert, or stand in the package of one engine",
        target=2,
    ),
    Rule(
        "kind_tables",
        "tables of the classes of a layer by their kind",
        "dicts whose keys are the kinds that classes state themselves, {A.KIND: A, B.KIND: B}; nothing is compared",
    ),
    Rule("kind_refusals", "places that refuse the other kind", "as above, where what follows raises or notes a fault"),
    Rule("kind_asserts", "asserts of a kind", "as above, inside an assert"),
    Rule(
        "driver_loops",
        "loops that drive an engine",
        "functions in which a loop calls .advance() of anything; outside the packages of the engines themselves, where "
        "the culture before an assay (well/culture.py) has its own, listed under loops_in_engines",
        target=1,
        planned_before=4,
    ),
    Rule(
        "string_accesses",
        "accesses by a string",
        'x["name"], x.get("name", ...) and getattr(x, "name", ...) outside annotations, in all packages but analysis',
    ),
    Rule(
        "condition_strings",
        "accesses to conditions by a string",
        f"{' '.join((access.__doc__ or '').split())} Packages: {', '.join(access.PACKAGES)}.",
        target=99,
        planned_before=679,
    ),
    Rule("loose", "Any, cast and type: ignore", f"sum of the next three, {LOOSE_IN}", target=49),
    Rule("any", "Any in annotations", f"occurrences, {LOOSE_IN}"),
    Rule("cast", "cast()", f"calls, {LOOSE_IN}"),
    Rule("type_ignore", "type: ignore", f"comments, {LOOSE_IN}"),
    Rule("noqa", "noqa", f"comments, {LOOSE_IN}"),
    Rule(
        "type_errors",
        "type errors",
        "errors of mypy with the settings of the checkout (pyproject.toml, tool.mypy: its packages and plug-ins), as "
        f"`make lint` runs it; where it has none, of mypy {' '.join(processes.PLAIN)} {LOOSE_IN}",
        target=0,
        planned_before=481,
    ),
    Rule(
        "duplicates",
        "pairs of equal functions",
        f"functions of at least {SHORTEST_COPY} lines whose trees are equal without names and docstrings, as pairs",
    ),
    Rule(
        "twins",
        "files for wells with one alike for mice",
        "same name in well/ and xenograft/ or in assay/ and growth/, well.py and mouse.py in one folder, or a name "
        f"with one of the prefixes {', '.join(source.MOUSE_PREFIXES)} beside one without, or with well_",
    ),
    Rule(
        "notebook_imports",
        "imports for lysis by dose in a notebook",
        "modules of the product that the code under `notebook` imports",
        target=1,
        planned_before=9,
    ),
    Rule("import_s", "import, s", START),
    Rule("help_s", "adcc --help, s", START),
    Rule("list_s", "adcc list, s", START),
    Rule("check_protocol_s", "adcc check adcc_protocol, s", START),
    Rule("check_large_sweep_s", "adcc check large_sweep, s", START),
)


def main() -> None:
    """Measure, print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="checkout to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="starts of each command")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    asked = parser.parse_args()
    roots = {"now": ROOT} | ({"before": asked.before.resolve()} if asked.before else {})
    document = {"benchmark": "structure", "schema": 1, "started": datetime.now(UTC).isoformat("T", "seconds")}
    document |= {"load_average": load_average(), "machine": machine(Path(tempfile.gettempdir()))}
    document["machine"]["mypy"] = version("mypy")
    details = {state: measured(root) for state, root in roots.items()}
    for state, seconds in processes.start_up(roots, asked.rounds).items():
        details[state]["start_up_s"] = {name: sorted(values) for name, values in seconds.items()}
    counts = figures(details)
    print(table(counts))
    document |= {"commits": {state: commit(root) for state, root in roots.items()}}
    write(asked.out / "structure.json", document | {"notebook": {"now": AFTER, "before": BEFORE}} | details, counts)


def commit(root: Path) -> str:
    """The commit of a checkout; "+" where files differ from it."""
    said = subprocess.run(["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"], cwd=root,
                          capture_output=True, text=True, check=True)  # fmt: skip
    return said.stdout.strip()


def measured(root: Path) -> dict[str, Any]:
    """Everything about one checkout but its start-up: counts by the tree and errors of types."""
    errors = processes.type_errors(root)
    typing = {"type_errors": processes.by_package(errors), "type_error_lines": [short(line) for _, _, line in errors]}
    return counted(source.modules(root)) | typing


def short(line: str) -> str:
    """A line of mypy; long ones, which list every key of a table of Matplotlib, without their middle."""
    return line if len(line) <= 2 * HALF_LINE else f"{line[:HALF_LINE]} ... {line[-HALF_LINE:]}"


def counted(modules: list[Module]) -> dict[str, Any]:
    """Every place that the figures count, by the trees of the files."""
    return {
        "packages": source.packages(modules),
        "largest_files": source.largest_files(modules),
        "large_files": [each for each in source.largest_files(modules, len(modules)) if each[1] > LARGE],
        "largest_functions": source.largest_functions(modules),
        "kind_comparisons": [place for each in modules for place in kinds.comparisons(each)],
        "kind_switches": [asdict(switch) for each in modules for switch in kinds.switches(each)],
        **loops(modules),
        "string_accesses": strings(modules),
        "condition_strings": dict(
            Counter(place.split(":")[0] for each in modules for place in access.on_conditions(each))
        ),
        "loose": {package: dict(counts) for package, counts in loose(modules).items()},
        "duplicates": source.duplicates(modules),
        "twins": source.twins(modules),
    }


def loops(modules: list[Module]) -> dict[str, list[str]]:
    """Loops that drive an engine, outside the packages of engines and in them."""
    found = {"driver_loops": [], "loops_in_engines": []}
    for module in modules:
        found["loops_in_engines" if module.package in kinds.ENGINES else "driver_loops"] += kinds.driver_loops(module)
    return found


def strings(modules: list[Module]) -> dict[str, int]:
    """Accesses by a string of each package but analysis."""
    counts: Counter[str] = Counter()
    for module in modules:
        if module.package not in ("analysis", "scenarios"):
            counts[module.package] += sum(1 for _ in access.accesses(module.tree))
    return dict(sorted(counts.items()))


def loose(modules: list[Module]) -> dict[str, Counter[str]]:
    """What opts out of types, in each of the packages that are to be typed."""
    counts: dict[str, Counter[str]] = {}
    for module in modules:
        if module.package in processes.TYPED:
            counts.setdefault(module.package, Counter()).update(source.loose(module))
    return counts


# -- figures ---------------------------------------------------------------------------------------------------------
def figures(details: dict[str, dict[str, Any]]) -> list[Count]:
    """One figure for each rule; before is None where nothing is compared."""
    imports = {"now": product_imports(AFTER), "before": product_imports(BEFORE)}
    of = {state: values(found) | {"notebook_imports": imports[state]} for state, found in details.items()}
    return [Count(of["now"][rule.name], of.get("before", {}).get(rule.name), rule) for rule in RULES]


def values(found: dict[str, Any]) -> dict[str, float]:
    """The numbers of one checkout, by the name of their rule."""
    roles = Counter(each["role"] for each in found["kind_switches"])
    loose_counts = sum((Counter(counts) for counts in found["loose"].values()), Counter())
    return {
        **{name: sum(each[name] for each in found["packages"].values()) for name in ("lines", "files")},
        "largest_file": found["largest_files"][0][1],
        "largest_function": found["largest_functions"][0][1],
        **{
            name: len(found[name])
            for name in ("large_files", "kind_comparisons", "driver_loops", "duplicates", "twins")
        },
        "kind_switches": roles[kinds.CHOOSES],
        "kind_tables": roles[kinds.LISTS],
        "kind_refusals": roles[kinds.REFUSES],
        "kind_asserts": roles[kinds.NARROWS],
        **{name: sum(found[name].values()) for name in ("string_accesses", "condition_strings")},
        **{name: loose_counts[name] for name in (*LOOSE, "noqa")},
        "loose": sum(loose_counts[name] for name in LOOSE),
        "type_errors": sum(sum(codes.values()) for codes in found["type_errors"].values()),
        **{name: round(statistics.median(seconds), 4) for name, seconds in found["start_up_s"].items()},
    }


def product_imports(code: str) -> int:
    """Modules of the product that a piece of code imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return sum(name.partition(".")[0] in source.ROOTS for name in found)


def table(counts: list[Count]) -> str:
    """The figures in Markdown."""
    rows = ["| figure | before | now | target | |", "|---|--:|--:|--:|---|"]
    for each in counts:
        before = "" if each.before is None else f"{each.before:.6g}"
        planned = "" if each.rule.planned_before is None else f" (plan: {each.rule.planned_before})"
        target = "" if each.rule.target is None else f"at most {each.rule.target}"
        met = {None: "", True: "met", False: "missed"}[each.met]
        rows.append(f"| {each.rule.title} | {before}{planned} | {each.value:.6g} | {target} | {met} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
