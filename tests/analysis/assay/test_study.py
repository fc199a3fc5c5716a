"""A whole folder: what is written, what is refused, and that the same folder gives the same bytes."""

import base64
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis import MissingControls
from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.figures import COLOURS
from tests.analysis.make_runs import Design, Truth, make_study

DEMO = Design(
    ratios=(1.0, 5.0),
    cell_lines=("SK-BR-3", "BT-474"),
    doses=(0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
    replicates=2,
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    make_study(folder, DEMO, Truth(hook_above=1.0, hook_drop=15.0))
    return folder, analyse_wells(folder)


def cells(path):
    return [row.split(",") for row in path.read_text(encoding="utf-8").splitlines()]


def test_everything_is_written(demo):
    folder, result = demo
    assert result.problems == []
    tables = {path.stem for path in (folder / "tables").glob("*.csv")}
    assert tables == set(result.tables)
    assert {"lysis", "lysis_summary", "dose_response", "kinetics", "kinetics_summary", "killing", "controls"} == tables
    figures = {path.name for path in (folder / "figures").iterdir()}
    names = ("dose_response", "et_curve", "time_course", "kills_per_nk", "well")
    assert figures == {f"{name}.{end}" for name in names for end in ("png", "svg")}
    assert {path.name for path in result.figures} == figures
    assert all(path.stat().st_size > 5000 for path in result.figures)
    assert result.report == folder / "report.html"


def test_lysis_has_the_columns_of_a_laboratory(demo):
    _, result = demo
    wanted = "run_id condition plate donor role cell_line effector antibody dose_ug_per_ml et_ratio hours replicate "
    wanted += "specific_lysis_pct uncorrected_lysis_pct adcc_pct natural_killing_pct"
    assert set(wanted.split()) <= set(result.tables["lysis"].columns)
    assert len(result.tables["lysis"]) == 2 * 2 * 8 * 2


def test_no_nan_or_infinity_in_any_table(demo):
    for path in (demo[0] / "tables").glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(^|,)-?(nan|inf|none|infinity)(,|$)", text, re.IGNORECASE | re.MULTILINE), path.name


def test_an_empty_cell_comes_with_a_word(demo):
    for path in (demo[0] / "tables").glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        empty = (table.drop(columns="note") == "").any(axis=1)
        assert (table.loc[empty, "note"] != "").all(), path.name


def test_headline_and_hook(demo):
    _, result = demo
    assert list(result.headline.columns) == ["cell line", "dose (ug/mL)", "E:T 1:1", "E:T 5:1"]
    assert "technical replicates" in result.headline.attrs["title"]
    text = result.text()
    assert "EC50" in text
    assert "hook: falls above 1 ug/mL" in text
    fits = result.tables["dose_response"].set_index(["cell_line", "et_ratio"])
    assert fits.loc[("SK-BR-3", 5.0), "ec50_ng_per_ml"] == pytest.approx(1.0, rel=0.3)


def test_report_stands_alone(demo):
    folder, _ = demo
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    images = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    assert len(images) == 5
    assert base64.b64decode(images[0]) == (folder / "figures" / "dose_response.png").read_bytes()
    for word in ("One donor", "No reader noise", "hook: falls above", "Synthetic study", "[sweep]", "well-1"):
        assert word in page
    assert "nan" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page).lower().split()


def test_the_same_folder_gives_the_same_bytes(demo, tmp_path):
    folder, _ = demo
    before = {path: path.read_bytes() for path in written(folder)}
    analyse_wells(folder)
    assert {path: path.read_bytes() for path in written(folder)} == before


def written(folder):
    return [*sorted((folder / "tables").glob("*.csv")), *sorted((folder / "figures").iterdir()), folder / "report.html"]


def test_a_plate_without_controls_is_named_and_left_out(tmp_path):
    entries = make_study(tmp_path, Design(doses=(0.0, 1.0), donors=2), Truth())
    plate = next(entry["plate"] for entry in entries if entry["donor"] == 2)
    for entry in entries:
        if entry["donor"] == 2 and entry["role"] == "effector_only":
            (tmp_path / "runs" / entry["run_id"][:2] / f"{entry['run_id']}.h5").unlink()
    result = analyse_wells(tmp_path, with_figures=False)
    assert set(result.tables["lysis"]["donor"]) == {1}
    assert any(plate in line and "no effector_only well at E:T 5" in line for line in result.problems)


def test_a_folder_without_any_controls_is_refused_by_name(tmp_path):
    make_study(tmp_path, Design(doses=(0.0, 1.0), controls=()), Truth())
    with pytest.raises(MissingControls, match="target_only"):
        analyse_wells(tmp_path)
    assert not (tmp_path / "tables").exists()
    assert not (tmp_path / "report.html").exists()


def test_an_empty_folder_says_so(tmp_path):
    result = analyse_wells(tmp_path)
    assert any("no run to analyse" in line for line in result.problems)
    assert result.headline.empty
    assert result.text() == "no wells to show"
    assert "no run to analyse" in result.report.read_text(encoding="utf-8")


def test_old_tables_do_not_stay_beside_new_ones(tmp_path):
    make_study(tmp_path, Design(doses=(0.0, 1.0), replicates=1), Truth())
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "viability.csv").write_text("old")
    (tmp_path / "tables" / "mine.csv").write_text("a user's own")
    analyse_wells(tmp_path, with_figures=False)
    assert not (tmp_path / "tables" / "viability.csv").exists()
    assert (tmp_path / "tables" / "mine.csv").exists()


@pytest.mark.parametrize(
    ("design", "figure"),
    [
        (Design(doses=(0.0, 1.0), cell_lines=("SK-BR-3", "MCF-7"), replicates=1), "comparison"),
        (
            Design(doses=(0.0, 1e-3, 1e-2, 0.1, 1.0), ratios=(0.0,), readout="viability", hours=96.0, every_h=24.0),
            "viability",
        ),
        (Design(doses=(0.0, 1.0), ratios=(3.0, 6.0, 15.0), donors=3, replicates=1, readout="51Cr"), "et_curve"),
    ],
)
def test_other_designs_get_the_figure_that_suits_them(tmp_path, design, figure):
    make_study(tmp_path, design, Truth(bottom=0.0 if design.readout == "viability" else 6.0))
    result = analyse_wells(tmp_path)
    assert result.problems == []
    assert figure in {path.stem for path in result.figures}
    test_no_nan_or_infinity_in_any_table((tmp_path, result))
    test_an_empty_cell_comes_with_a_word((tmp_path, result))


def test_viability_without_effectors_is_told_in_words(tmp_path):
    doses = (1e-3, 3e-3, 1e-2, 0.1, 1.0)
    design = Design(doses=doses, ratios=(0.0,), readout="viability", hours=96.0, every_h=24.0)
    make_study(tmp_path, design, Truth(bottom=0.0, emax=35.0, ec50=0.005, noise=0.01))
    result = analyse_wells(tmp_path, with_figures=False)
    # The target-only wells are dose 0.
    assert result.headline["dose (ug/mL)"].tolist() == ["0", "0.001", "0.003", "0.01", "0.1", "1"]
    text = result.text()
    assert "no effectors" in text
    assert re.search(r"relative EC50 [\d.]+ \([\d.]+ to [\d.]+\) ng/mL, maximal inhibition 3\d\.\d %", text)
    assert "IC50 not reached" in text
    assert "IC50 not reached" in result.report.read_text(encoding="utf-8")


def test_lysis_never_looks_at_hidden_truth(tmp_path):
    """Without kills, histograms and the last frame the lysis is the same: it comes from readings alone."""
    import h5py

    make_study(tmp_path, Design(doses=(0.0, 1.0), replicates=2), Truth())
    before = analyse_wells(tmp_path, with_figures=False).tables["lysis"]
    for path in (tmp_path / "runs").rglob("*.h5"):
        with h5py.File(path, "a") as file:
            del file["final"]
            for name in list(file["observables"]):
                if not name.startswith("signal"):
                    del file[f"observables/{name}"]
    after = analyse_wells(tmp_path)
    pd.testing.assert_frame_equal(after.tables["lysis"], before)
    assert "well" not in {path.stem for path in after.figures}


def test_importing_the_package_is_light():
    code = "import sys, adccsim.analysis; print(*{'pandas', 'scipy', 'matplotlib', 'h5py'} & sys.modules.keys())"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert out.stdout.strip() == ""


def test_analysis_without_figures_loads_no_matplotlib():
    code = (
        "import sys, adccsim.analysis.assay.study; "
        "print(*sorted(m for m in sys.modules if m.startswith(('scipy.', 'mat', 'adccsim'))))"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    # Of the simulator only what both sides know of files (their seal and study.json) and of text.
    simulator = {f"adccsim{part}" for part in ("", ".run_schema", ".seal", ".study_file", ".text", ".version")}
    found = {name for name in out.stdout.split() if name.partition(".")[0] in ("scipy", "matplotlib", "adccsim")}
    assert {name for name in found if not name.startswith("adccsim.analysis")} == simulator


def test_colours_are_told_apart_without_hue():
    """Neighbouring colours of the palette differ in lightness or in hue along the blue-yellow axis."""
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]) / 255
    light = rgb @ np.array([0.2126, 0.7152, 0.0722])
    blue = rgb[:, 2] - rgb[:, :2].mean(axis=1)
    apart = np.hypot(np.diff(light), np.diff(blue))
    assert apart.min() > 0.1
