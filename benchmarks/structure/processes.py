"""What is measured by starting programs on a checkout: type errors and the processor time of start-up."""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

TYPED = ("conditions", "scenario", "execution", "run", "experiments", "analysis")
PLAIN = ("--ignore-missing-imports", "--follow-imports=silent", "--check-untyped-defs", "--config-file=")  # of mypy
ERROR = re.compile(r"^(?P<path>[^:]+):\d+(?::\d+)?: error: .*?(?:\[(?P<code>[\w-]+)\])?$")
COMMANDS = {
    "import_s": ["-c", "import {name}"],
    "help_s": ["-m", "{name}.cli", "--help"],
    "list_s": ["-m", "{name}.cli", "list"],
    "check_protocol_s": ["-m", "{name}.cli", "check", "adcc_protocol"],
    "check_large_sweep_s": ["-m", "{name}.cli", "check", "large_sweep"],
}


def import_name(root: Path) -> str:
    """The name that the product is imported by in a checkout."""
    return "adccsim" if (root / "adccsim").exists() else "simulation"


def type_errors(root: Path) -> list[tuple[str, str, str]]:
    """(package, code, line) of each error that mypy finds; see mypy_arguments."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "mypy", *mypy_arguments(root), "--no-pretty", f"--cache-dir={cache}"]
        answer = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True, check=False)
    if answer.returncode not in (0, 1):
        raise RuntimeError(answer.stdout + answer.stderr)
    return [error_of(line) for line in answer.stdout.splitlines() if ERROR.match(line)]


def mypy_arguments(root: Path) -> list[str]:
    """The settings of a checkout: its own, with their packages and plug-ins; without any, PLAIN on TYPED."""
    with open(root / "pyproject.toml", "rb") as file:
        if "mypy" in tomllib.load(file).get("tool", {}):
            return ["--config-file=pyproject.toml"]
    return [*PLAIN, *(f"--package={name}" for name in _typed_packages(root))]


def error_of(line: str) -> tuple[str, str, str]:
    """(package, code, line) of a line of mypy."""
    found = ERROR.match(line)
    assert found is not None
    package = next((part for part in Path(found["path"]).parts if part in TYPED), "other")
    return package, found["code"] or "", line


def by_package(errors: list[tuple[str, str, str]]) -> dict[str, dict[str, int]]:
    """Errors of each package by code, the commonest first."""
    codes: dict[str, Counter[str]] = {}
    for package, code, _ in errors:
        codes.setdefault(package, Counter())[code] += 1
    return {package: dict(found.most_common()) for package, found in sorted(codes.items())}


def _typed_packages(root: Path) -> list[str]:
    name = import_name(root)
    inside = [f"{name}.{package}" for package in TYPED if (root / name / package).is_dir()]
    apart = ["analysis"] if name != "adccsim" and (root / "analysis").is_dir() else []
    return inside + apart


def start_up(roots: dict[str, Path], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Processor seconds of each command in each checkout, measured in turns; one round before is not counted."""
    for root in roots.values():
        _require_own(root)
    seconds: dict[str, dict[str, list[float]]] = {state: {name: [] for name in COMMANDS} for state in roots}
    for turn in range(rounds + 1):
        for name in COMMANDS:
            for state, root in roots.items():
                used = _seconds(root, name)
                if turn:
                    seconds[state][name].append(used)
    return seconds


def _environment(root: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(root), "TERM": "dumb"}


def _require_own(root: Path) -> None:
    """Raises unless Python imports the product from this checkout, not from where it is installed."""
    program = f"import {import_name(root)} as it; print(it.__file__)"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True, check=True)
    if not Path(answer.stdout.strip()).resolve().is_relative_to(root.resolve()):
        raise RuntimeError(f"{answer.stdout.strip()} is not in {root}")


def _seconds(root: Path, name: str) -> float:
    """User and system time of one process and of those that it waited for."""
    command = [sys.executable, *(part.format(name=import_name(root)) for part in COMMANDS[name])]
    process = subprocess.Popen(
        command, cwd=root, env=_environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} in {root} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime
