"""Attack the product and count what comes of it; exit code 1 if anything is counted that must not be.

    python -m benchmarks.hostile [--slice] [--only CLASS ...] [--seed N] [--processes N] [--out FILE [--add]]

Classes: inputs (mutated inputs over all commands), damage (flips and cuts), sheets and scenarios (respelled), kills,
page, faults (seeded faults of the checks, each of which must be counted). --slice: a small part of the first four, for
CI. Must be zero: tracebacks, hangs (over 60 s of processor time, 300 s in all, or 2 GiB), crashes, refusals without a
line, runs lost, files damaged, silent wrong numbers. Writes benchmarks/results/hostile.json; with --slice or --only
nothing, unless --out or --add is given.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.hostile import attacks, commands
from benchmarks.hostile.counts import MUST_BE_ZERO, Counts, total
from benchmarks.hostile.faults import ROOT, Fault, faults, seed
from benchmarks.speed.measure import load_average, machine

RESULT = ROOT / "benchmarks" / "results" / "hostile.json"
ALL = (*attacks.CLASSES, "faults")
IN_SLICE = ("inputs", "damage", "sheets", "scenarios")
FAULT_LIMIT_S = 600.0


def main() -> int:
    """Run what is asked for, print the table, write the JSON file."""
    options = _options()
    only = options.only or list(IN_SLICE if options.slice else ALL)
    if options.fault:
        seed(next(each for each in faults() if each.name == options.fault))
    commands.prepare()
    scratch = Path(tempfile.mkdtemp(prefix="adcc-hostile-", dir=options.scratch))
    size = attacks.SMALL if options.fault else attacks.SLICE if options.slice else attacks.WHOLE
    here = attacks.Arena(scratch, options.made or scratch / "made", options.seed, options.processes, size)
    out = options.out or (None if options.slice or (options.only and not options.add) else RESULT)
    document = json.loads(out.read_text(encoding="utf-8")) if options.add else {"classes": {}, "groups": {}}
    document = {"benchmark": "hostile", "slice": options.slice, "seed": options.seed} | document
    try:
        document["machine"] = machine(scratch)
        attacks.make_studies(here)
        for name in only:
            _run(name, here, document)
            if out is not None:
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    seeded = document.get("seeded_faults", [])
    report({name: _counts(each) for name, each in document["classes"].items()}, seeded)
    return int(document["total"]["forbidden"] > 0 or not all(each["counted"] for each in seeded))


def _run(name: str, here: attacks.Arena, document: dict) -> None:
    """Run one group of classes; its counts take the place of those that the document held."""
    began = time.monotonic()
    if name == "faults":
        document["seeded_faults"] = seeded_faults(here)
    else:
        found = {each: {"group": name, **counts.as_dict()} for each, counts in attacks.CLASSES[name](here).items()}
        kept = {each: counts for each, counts in document["classes"].items() if counts["group"] != name}
        document["classes"] = kept | found
    document["groups"][name] = {
        "date": datetime.now(UTC).date().isoformat(), "wall_s": round(time.monotonic() - began, 1),
        "load_average": load_average(),
    }  # fmt: skip
    whole = total([_counts(each) for each in document["classes"].values()]).as_dict()
    document["total"] = {each: value for each, value in whole.items() if each != "examples"}


def _counts(stored: dict) -> Counts:
    """The counts of one class as they stand in the document."""
    return Counts(**{name: value for name, value in stored.items() if name not in ("group", "forbidden")})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("--slice", action="store_true", help="a small part, for CI")
    parser.add_argument("--only", nargs="+", choices=ALL, help="these classes only")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--add", action="store_true", help="keep what the JSON file holds of other classes")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--scratch", type=Path, help="folder for cases; default a temporary one")
    parser.add_argument("--made", type=Path, help=argparse.SUPPRESS)  # studies that another process has made
    parser.add_argument("--fault", help=argparse.SUPPRESS)
    return parser.parse_args()


def seeded_faults(here: attacks.Arena) -> list[dict]:
    """Every seeded fault with what the slice counts of it."""
    known = faults()
    found = []
    for number, fault in enumerate(known, start=1):
        found.append(counted(fault, here))
        attacks.show(f"seeded faults: {number} of {len(known)}, {found[-1]}", last=True)
    return found


def counted(fault: Fault, here: attacks.Arena) -> dict:
    """What one class of the slice counts with the fault in place."""
    out = here.scratch / "fault.json"
    out.unlink(missing_ok=True)
    program = [
        sys.executable, "-m", "benchmarks.hostile", "--slice", "--only", fault.attack, "--fault", fault.name,
        "--seed", str(here.seed), "--processes", str(here.processes), "--out", str(out), "--scratch",
        str(here.scratch), "--made", str(here.made),
    ]  # fmt: skip
    answer = subprocess.run(
        program,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=FAULT_LIMIT_S,
        check=False,
    )
    if not out.exists():
        return {"fault": fault.name, "attack": fault.attack, "counted": False, "said": answer.stderr[-400:]}
    document = json.loads(out.read_text(encoding="utf-8"))
    seen = {name: {key: each[key] for key in MUST_BE_ZERO if each[key]} for name, each in document["classes"].items()}
    seen = {name: each for name, each in seen.items() if each}
    return {
        "fault": fault.name, "file": fault.file, "attack": fault.attack, "counted": bool(seen), "seen_by": seen,
        "example": next((text for each in document["classes"].values() for text in each["examples"]), ""),
    }  # fmt: skip


def report(found: dict[str, Counts], seeded: list[dict]) -> None:
    """Print the table, every example of what must not be, and the seeded faults."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    whole = total(found.values())
    console = Console(width=max(Console().width, 170))
    table = Table(title="what was tried, and what came of it", title_justify="left")
    columns = {
        "tried": "tried", "accepted": "accepted", "refused": "refused_cleanly", "right": "right", "named": "named",
        "cautioned": "cautioned", "tracebacks": "tracebacks", "hangs": "hangs", "crashes": "crashes",
        "no line": "refused_without_a_line", "lost": "runs_lost", "damaged": "files_damaged",
        "let in": "let_through",
        "wrong": "silent_wrong_numbers", "of": "could_show_wrong",
    }  # fmt: skip
    table.add_column("class", no_wrap=True)
    for title in columns:
        table.add_column(title, justify="right")
    for name, counts in [*found.items(), ("all", whole)]:
        table.add_row(name, *(f"{getattr(counts, key):,}" if getattr(counts, key) else "" for key in columns.values()))
    console.print(table)
    if whole.could_heal:
        console.print(f"run again after damage: {whole.healed} of {whole.could_heal} brought back to the reference")
    for name, counts in found.items():
        for line in counts.examples:
            console.print(f"[red]{escape(name)}[/]: {escape(line)}", soft_wrap=True)
    for each in seeded:
        word = "counted" if each["counted"] else "[bold red]NOT COUNTED[/]"
        console.print(f"fault {escape(each['fault'])}: {word} by {each['attack']}")


if __name__ == "__main__":
    sys.exit(main())
