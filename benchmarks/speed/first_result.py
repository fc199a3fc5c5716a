"""The first result of a new process: the demo's first sample well at 10 effectors per target, from file to run file.

    python benchmarks/speed/first_result.py OUT [KEY=VALUE ...]

OUT: results folder. KEY=VALUE: as for --set of `adcc run`. Takes the way of `adcc run` with one run pending. well.py
starts it and holds the clock.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def main(out: Path, sets: list[str]) -> None:
    """Bring the first such well to a file under out; raises RuntimeError if that fails."""
    from adccsim.execution.local import execute
    from adccsim.scenario.load import load_scenario
    from adccsim.scenario.well.expand import expand

    scenario = load_scenario(ROOT / "scenarios" / "adcc_protocol.toml", sets)
    first = next(c for c in expand(scenario) if c.role == "sample" and c.effectors.et_ratio == 10)
    outcome = execute({first.run_id: first}, out, workers=1)
    if outcome.failed:
        raise RuntimeError(outcome.failed[0].reason)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
