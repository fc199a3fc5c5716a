"""Conditions of a large sweep: `python benchmarks/speed/conditions.py [--before DIR]`; processor seconds, medians.

The shipped large sweep (12,000 wells) is loaded and checked, and expanded with the names of all its wells, in processes
of their own. --before: a checkout of another version, measured in turns with this one. Writes conditions.json into
--out (default benchmarks/results).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed.measure import CPU, Figure, load_average, machine, show, write  # noqa: E402

ROUNDS = 5
TARGETS_S = {"load_s": 0.8}
TITLES = {"load_s": "load and check", "expand_s": "expand and name", "check_command_s": "adcc check, whole process"}
PROGRAM = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from adccsim.scenario.load import load_scenario
from adccsim.scenario.conditions import conditions_of
path = Path(sys.argv[1]) / "scenarios" / "large_sweep.toml"
load_scenario(path.with_name("adcc_protocol.toml"))  # what is loaded and compiled once
began = time.process_time()
scenario = load_scenario(path)
loaded = time.process_time()
names = {each.run_id for each in conditions_of(scenario)}
assert len(names) > 10_000
print(json.dumps({"load_s": loaded - began, "expand_s": time.process_time() - loaded}))
"""
COMMAND = """
import resource, subprocess, sys
program = "import sys; sys.path.insert(0, sys.argv.pop(1));from adccsim.cli import main; main()"
subprocess.run([sys.executable, "-c", program, sys.argv[1], "check", "large_sweep"], check=True, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def main() -> None:
    """Measure, print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="checkout to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    asked = parser.parse_args()
    trees = {"": ROOT} | ({"_before": asked.before.resolve()} if asked.before else {})
    seconds: dict[str, list[float]] = {}
    for _ in range(asked.rounds):
        for suffix, tree in trees.items():
            for name, value in measured(tree).items():
                seconds.setdefault(name + suffix, []).append(value)
    figures = [figure(name, values) for name, values in seconds.items()]
    document = {
        "benchmark": "conditions",
        "schema": 1,
        "started": datetime.now(UTC).isoformat("T", "seconds"),
        "load_average": load_average(),
        "machine": machine(Path(tempfile.gettempdir())),
    }
    show("conditions of the large sweep", figures)
    write(asked.out / "conditions.json", document, figures)


def measured(tree: Path) -> dict[str, float]:
    """Processor seconds of one tree."""
    inside = subprocess.run([sys.executable, "-c", PROGRAM, str(tree)], capture_output=True, text=True, check=True)
    command = subprocess.run([sys.executable, "-c", COMMAND, str(tree)], capture_output=True, text=True, check=True)
    return json.loads(inside.stdout) | {"check_command_s": float(command.stdout)}


def figure(name: str, values: list[float]) -> Figure:
    """A figure with its spread."""
    plain, before = name.removesuffix("_before"), name.endswith("_before")
    spread = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    title = TITLES[plain] + (", before" if before else "")
    target = None if before else TARGETS_S.get(plain)
    return Figure(name, title, "s", spread["median"], len(values), spread, CPU, {}, load_average(), target=target)


if __name__ == "__main__":
    main()
