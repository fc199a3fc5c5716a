"""Mutants: seeded faults in the laws and the kernel, each of which a named test must notice.

    python tests/mutants.py [--jobs N] [WORD ...]

tests/mutations.toml names for each fault a law, a file, a text in it (found exactly once), what replaces the text, and
the test that must go red. Every fault is tried on a copy of the sources in a temporary directory: the working tree is
never touched. The named tests are run on an unchanged copy first, for a test that is red anyway proves nothing.
WORDs restrict the run to faults whose law or file holds one of them. Prints a table; exit code 1 if a fault goes
unnoticed, 2 if a fault cannot be seeded or its test cannot be run.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIST = Path(__file__).with_name("mutations.toml")
COPIED = ("adccsim", "simulation", "analysis", "scenarios", "tests", "pyproject.toml")
TIME_LIMIT_S = 300  # a fault may well make a loop endless: that is noticed, too
PASSED, FAILED = 0, 1  # exit codes of pytest that say something about the code


@dataclass(frozen=True)
class Mutant:
    """One fault: the law it breaks, where, and the test that must fail."""

    law: str
    file: str
    find: str
    replace: str
    test: str


def mutants(path: Path = LIST) -> list[Mutant]:
    """All faults of the list. Raises TypeError if an entry lacks a field or has one too many."""
    return [Mutant(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]]


def misplaced(mutant: Mutant) -> str:
    """Why the fault cannot be seeded; empty if it can."""
    path = REPOSITORY / mutant.file
    if not path.is_file():
        return f"no file {mutant.file}"
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.find) != 1:
        return f"{mutant.file} holds {mutant.find!r} {text.count(mutant.find)} times"
    if path.suffix == ".py" and not _parses(text.replace(mutant.find, mutant.replace)):
        return f"{mutant.file} does not parse with {mutant.replace!r}: any test would notice that"
    return "" if (REPOSITORY / mutant.test.partition("::")[0]).is_file() else f"no file of {mutant.test}"


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def copied(target: Path) -> Path:
    """A copy of the sources below `target`."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_symlink():  # the links of the package lead into the copy, as they lead into the repository
            (target / name).symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, target / name)
    return target


def tried(tree: Path, tests: list[str], limit_s: float | None = None) -> tuple[int | None, str]:
    """Run tests on the sources in `tree`: pytest's exit code (None: time limit) and the line that says why."""
    environment = os.environ | {
        "PYTHONPATH": str(tree), "ADCCSIM_CACHE_DIR": str(tree / ".kernels"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        answer = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return None, "time limit"
    reasons = re.findall(r"^E   +(.*)$", answer.stdout, re.MULTILINE)
    last = [line for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
    return answer.returncode, (reasons or last or [""])[0].strip()


def noticed(mutant: Mutant) -> tuple[bool | None, str]:
    """Whether the named test fails with the fault in place (None: it could not be run), and the line that says why."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copied(Path(folder))
        path = tree / mutant.file
        path.write_text(path.read_text(encoding="utf-8").replace(mutant.find, mutant.replace), encoding="utf-8")
        code, why = tried(tree, [mutant.test], TIME_LIMIT_S)
    if code is None or code == FAILED:
        return True, why
    return (False, "the test passes") if code == PASSED else (None, why)


def main() -> int:
    parser = argparse.ArgumentParser(description="Seed faults and see that the named tests notice them.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only faults whose law or file holds one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults tried at a time")
    options = parser.parse_args()
    chosen = [m for m in mutants() if not options.words or any(w in f"{m.law} {m.file}" for w in options.words)]

    wrong = [fault for fault in map(misplaced, chosen) if fault]
    for fault in wrong:
        print(f"cannot be seeded: {fault}")
    if wrong or not chosen:
        return 2
    tests = sorted({mutant.test for mutant in chosen})
    print(f"{len(tests)} tests on unchanged sources", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        code, why = tried(copied(Path(folder)), tests)
    if code != PASSED:
        print(f"they do not pass: {why}")
        return 2

    survived = broken = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (seen, why) in zip(chosen, pool.map(noticed, chosen), strict=True):
            word = {True: "noticed", False: "SURVIVED", None: "NOT RUN"}[seen]
            survived += seen is False
            broken += seen is None
            print(f"{word:9s} {mutant.law:44s} {mutant.test.rpartition('::')[2][:60]:60s} {why[:80]}", flush=True)
    print(f"{len(chosen)} faults, {survived} unnoticed, {broken} not run")
    return 2 if broken else int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
