"""The speed benchmark runs from end to end on tiny wells; what it measures is not judged here."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adccsim.parameters import lookup
from adccsim.well.params import well_params
from benchmarks.speed import lean_mesa, reduced
from benchmarks.speed.product import run_kernel
from tests.oracle.conditions import condition
from tests.well.runs import typed

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_quick_speed_benchmark_writes_every_figure(tmp_path):
    program = [
        sys.executable,
        "benchmarks/speed/well.py",
        "--quick",
        "--out",
        str(tmp_path),
        "--scratch",
        str(tmp_path),
    ]
    answer = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    document = json.loads((tmp_path / "well_speed.json").read_text(encoding="utf-8"))
    assert document["quick"] is True
    assert {"cpu_model", "cores", "python", "numpy", "numba", "h5py", "mesa"} <= document["machine"].keys()
    figures = {figure["name"]: figure for figure in document["figures"]}
    expected = {
        f"kernel_{et}to1_{what}" for et in (1, 5, 10) for what in ("s", "wall_s", "ns", "events_per_s", "set_up_s")
    }
    expected |= {"plate_wall_s", "first_result_warm_s", "lean_mesa_kills_apart_pct"}
    expected |= {f"faster_than_lean_mesa_{size}" for size in ("small", "full")}
    assert expected <= figures.keys()
    for figure in figures.values():
        assert math.isfinite(figure["value"]) and figure["value"] >= 0, figure
        assert figure["n"] >= 1 and figure["spread"] and figure["unit"] and figure["cells"], figure
        assert figure["title"] in answer.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "well_speed.json"]  # run files are gone


@pytest.mark.slow
def test_the_scale_benchmark_writes_every_figure(tmp_path):
    program = [
        sys.executable,
        "benchmarks/cluster/scale.py",
        "--runs",
        "60",
        "--repeats",
        "1",
        "--out",
        tmp_path,
        "--scratch",
        tmp_path,
    ]
    answer = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    document = json.loads((tmp_path / "cluster_scale.json").read_text(encoding="utf-8"))
    figures = {figure["name"]: figure for figure in document["figures"]}
    expected = {f"{engine}_{what}" for engine in ("pool", "dask") for what in ("wall_s", "overhead_ms", "rss_mb")}
    expected |= {f"stage_{what}_ms" for what in ("kernel", "simulation", "file", "plain_file", "disk")}
    expected |= {
        "pool_overhead_cpu_ms",
        "driver_start_s",
        "kernel_s",
        "bytes_per_run",
        "status_s",
        "summary_s",
        "analyse_s",
        "analyse_all_s",
    }
    assert expected <= figures.keys()
    assert all(math.isfinite(figure["value"]) for figure in figures.values())
    assert list(tmp_path.iterdir()) == [tmp_path / "cluster_scale.json"]  # run files are gone


def test_the_reduced_rules_have_one_set_of_numbers():
    """The product's rates under the reduced rules are those that the Mesa model is written with."""
    params = well_params(reduced.condition(typed(condition()), 1000, 10_000, 4.0))
    rates = params.rates
    assert rates.hop == pytest.approx(reduced.HOP_PER_H)
    assert rates.tumble == pytest.approx(reduced.TUMBLE_PER_H)
    assert rates.forget == pytest.approx(reduced.FORGET_PER_H)
    assert (params.n_targets, params.n_effectors) == (1000, 10_000)
    assert params.sites == reduced.side_sites(1000) ** 2


@pytest.mark.slow
def test_lean_mesa_and_the_product_count_the_same_events():
    """Two programs, one set of rules: mean kills, contacts and encounters agree within four standard errors."""
    targets, killers, hours = 200, 2000, 2.0
    mesa = [lean_mesa.run(targets, killers, hours, 1.0, True, seed) for seed in range(8)]
    resolved = reduced.condition(typed(condition()), targets, killers, hours)
    product = [run_kernel(resolved, key) for key in range(100)]
    for what in ("kills", "contacts", "encounters"):
        a, b = (np.array([well[what] for well in wells], float) for wells in (mesa, product))
        error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        assert abs(a.mean() - b.mean()) < 4 * error, (what, a.mean(), b.mean(), error)
        assert a.mean() > 0


XENOGRAFT = {
    "true_scale": ["--cells", "60000", "--days", "2"],
    "billion": ["--cells", "200000", "--hours", "2"],
    "cohort": ["--fraction", "0.001", "--mice", "2", "--days", "3"],
    "study_true_scale": ["--fraction", "0.0004", "--small", "0.0002", "--workers", "1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", XENOGRAFT)
def test_the_xenograft_benchmarks_write_their_figures(tmp_path, name):
    program = [sys.executable, f"benchmarks/xenograft_growth/{name}.py", *XENOGRAFT[name], "--out", str(tmp_path)]
    if name == "study_true_scale":
        program += ["--scratch", str(tmp_path / "scratch")]
    answer = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(next(tmp_path.glob("*.json")).read_text(encoding="utf-8"))
    assert {"machine", "load_average", "targets", "met"} <= document.keys()
    if name in ("true_scale", "billion"):
        assert document["cells_at_end"] > document["cells_at_start"] and document["largest_patch"] > 64
        assert 0 < document["peak_GiB"] < 2 and document["cell_steps_per_s_core"] > 0
    else:
        studies = document.get("studies", [document])
        assert all(each["wall_s"] > 0 and each["peak_GiB"] > 0 for each in studies)
        for each in studies:
            treated = {row["arm"] for row in each["comparisons"]}
            assert treated == {row["arm"] for row in each["volumes"]} - {"vehicle"}
            assert len({row["measure"] for row in each["comparisons"]}) >= 4


def test_the_typical_mouse_of_the_calibration_can_be_made(monkeypatch):
    """Of every line and strain that benchmarks/xenograft_growth asks for, without spread between mice."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks" / "xenograft_growth"))
    import calibrate

    known = lookup.load()
    for line, strain in (("NCI-N87", "nude"), ("BT-474", "nude"), ("BT-474", "FcgR-null")):
        mouse = calibrate.condition(known, line, 98.2, strain, "trastuzumab", 0.01)
        assert set(mouse.mouse_factors.as_dict().values()) - {mouse.mouse_factors.aspect} == {1.0}
        assert mouse.tumour.start_volume_mm3 == 98.2 and "trastuzumab" in mouse.drugs
        less = calibrate.with_numbers(mouse, 0.1, 0.25, growth_per_d=0.05)
        assert less.effectors.nk.density_per_tumour_cell == 0.025 and less.clones[0].growth_per_d == 0.05
