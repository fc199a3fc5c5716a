"""The page's benchmark runs from end to end; what it measures is not judged here."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_quick_page_benchmark_writes_every_figure(browser_machine, tmp_path):
    program = [sys.executable, "benchmarks/teaching/page_speed.py", "--quick", "--out", str(tmp_path)]
    answer = subprocess.run(
        [*program, "--scratch", str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    document = json.loads((tmp_path / "page_speed.json").read_text(encoding="utf-8"))
    figures = {figure["name"]: figure["value"] for figure in document["figures"]}
    expected = {f"{well}_{what}" for well in ("field", "whole_well") for what in ("pictures_per_s", "minutes_per_s")}
    expected |= {"tumour_pictures_per_s", "tumour_hours_per_s"}
    expected |= {"first_picture_s", "pause_p95_s", "frames_per_s_1", "frames_per_s_5", "frames_per_s_20"}
    assert expected <= figures.keys()
    assert all(math.isfinite(value) and value > 0 for name, value in figures.items() if name != "pause_p95_s")
