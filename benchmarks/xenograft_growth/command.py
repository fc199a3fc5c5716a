"""`adcc run` as a user calls it, timed, with what its TGI table says: for the benchmarks of whole studies."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.xenograft_growth.true_scale import ROOT, peak_bytes

TIMES = "benchmark_times.json"
NOTHING = {"wall_s": 0.0, "cpu_s": 0.0, "peak_GiB": 0.0, "calls": 0}


def run_study(file: Path, out: Path, *words: str) -> dict[str, float]:
    """Run `adcc run FILE --out OUT WORDS`; what all calls for this folder took together, since a study resumes.

    wall_s, cpu_s (all processes), peak_GiB of the largest process, calls. Raises RuntimeError if the command fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    command = [sys.executable, "-m", "adccsim.cli", "run", str(file), "--out", str(out), *words]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    note = out / TIMES
    earlier = json.loads(note.read_text()) if note.exists() else NOTHING
    took = {
        "wall_s": earlier["wall_s"] + wall,
        "cpu_s": earlier["cpu_s"] + cpu,
        "peak_GiB": max(earlier["peak_GiB"], peak_bytes(resource.RUSAGE_CHILDREN) / 2**30),
        "calls": earlier["calls"] + 1,
    }
    if out.is_dir():
        note.write_text(json.dumps(took))
    if code != 0:
        raise RuntimeError(f"adcc run ended with {code}; call again: finished mice are kept, others go on")
    return took


def inhibition(out: Path) -> list[dict]:
    """Every measure of every treated arm against the control, with its interval, from the tables of the study."""
    import pandas as pd

    table = pd.read_csv(out / "tables" / "comparisons.csv")
    return json.loads(table.to_json(orient="records"))


def mean_volumes(out: Path) -> list[dict]:
    """Mice, mean and SD of the volume on the day of evaluation, arm by arm."""
    import pandas as pd

    table = pd.read_csv(out / "tables" / "arms.csv")
    names = ["arm", "mice", "mice_read", "evaluation_day", "mean_volume_mm3", "sd_volume_mm3"]
    return json.loads(table[names].to_json(orient="records"))
