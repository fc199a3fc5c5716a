"""Timed calls of `adcc run` and its TGI table, for the benchmarks of whole studies."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.xenograft_growth.true_scale import ROOT, peak_bytes

TIMES = "benchmark_times.json"
NO_CALLS = {"wall_s": 0.0, "cpu_s": 0.0, "peak_GiB": 0.0, "calls": 0}


def run_study(file: Path, out: Path, *options: str) -> dict[str, float]:
    """Run `adcc run FILE --out OUT OPTIONS`; returns the cost of all calls for this folder, because a study resumes.

    wall_s, cpu_s (all processes), peak_GiB of the largest process, calls. Raises RuntimeError if the command fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    command = [sys.executable, "-m", "adccsim.cli", "run", str(file), "--out", str(out), *options]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record = out / TIMES
    earlier = json.loads(record.read_text()) if record.exists() else NO_CALLS
    cost = {
        "wall_s": earlier["wall_s"] + wall,
        "cpu_s": earlier["cpu_s"] + cpu,
        "peak_GiB": max(earlier["peak_GiB"], peak_bytes(resource.RUSAGE_CHILDREN) / 2**30),
        "calls": earlier["calls"] + 1,
    }
    if out.is_dir():
        record.write_text(json.dumps(cost))
    if code != 0:
        raise RuntimeError(f"adcc run exited with {code}; run again to resume: finished mice are kept")
    return cost


def inhibition(out: Path) -> list[dict]:
    """Every measure of every treated arm against the control, with its interval, from comparisons.csv of the study."""
    import pandas as pd

    table = pd.read_csv(out / "tables" / "comparisons.csv")
    return json.loads(table.to_json(orient="records"))


def mean_volumes(out: Path) -> list[dict]:
    """Mice, mean and SD of the volume on the day of evaluation, arm by arm."""
    import pandas as pd

    table = pd.read_csv(out / "tables" / "arms.csv")
    names = ["arm", "mice", "mice_read", "evaluation_day", "mean_volume_mm3", "sd_volume_mm3"]
    return json.loads(table[names].to_json(orient="records"))
