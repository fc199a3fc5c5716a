"""Shipped scenarios: each loads, fits, has its row in the README and runs small; claims that are cheap are checked.

A miniature keeps the file and its sweep keys, with few cells, one well, two donors and the ends of every sweep.
"""

import json
import re

import h5py
import numpy as np
import pytest

from adccsim.analysis.assay.study import analyse_wells
from adccsim.analysis.growth.mice import analyse_mice
from adccsim.execution.study import run_study
from adccsim.scenario.conditions import conditions_of, plan_of
from adccsim.scenario.load import load_scenario, scenario_from_text
from adccsim.scenario.shipped import shipped, titles
from adccsim.scenario.well.expand import expand

FILES = shipped()
ALL = list(FILES)
NAMES = [name for name, path in FILES.items() if 'kind = "well"' in path.read_text("utf-8")]
MICE = [name for name in ALL if name not in NAMES]
README = next(iter(FILES.values())).parent / "README.md"
ROW = re.compile(r"^\| \[`([a-z0-9_]+)\.toml`\]\(\1\.toml\) \|(.*)\|$", re.MULTILINE)
CULTURED = ("culture.days", [0, 7])


def rows():
    """Name of a scenario -> the other cells of its line in the README's table."""
    lines = ROW.findall(README.read_text("utf-8"))
    found = [(name, [cell.strip() for cell in rest.split("|")]) for name, rest in lines]
    assert len(found) == len(dict(found)), "a scenario has two rows"
    return dict(found)


def miniature(name):
    """--set values that make a shipped scenario small."""
    scenario = load_scenario(FILES[name])
    sets = ["replicates=1", f"targets.cells={80 if scenario.well.format == 'microwell' else 200}"]
    if scenario.effectors.donors > 1:
        sets.append("effectors.donors=2")
    for key, values in scenario.sweep.items():
        ends = CULTURED[1] if key == CULTURED[0] else [values[0], values[-1]]
        sets.append(f"sweep.{json.dumps(key)}={json.dumps(ends)}")
    return sets


def run_small(name, folder, *sets):
    """Run a shipped scenario with --set values in this process; the scenario, for its analysis and its run files."""
    scenario = load_scenario(FILES[name], sets)
    outcome = run_study(scenario, expand(scenario), FILES[name].name, folder, workers=1)
    assert not outcome.failed, outcome.failed
    return scenario


def summary(folder, table, index):
    """(mean, standard error) of a table of means, by the columns of `index`."""
    result = analyse_wells(folder, with_figures=False)
    assert result.problems == []
    frame = result.tables[table].copy()
    frame["error"] = frame["sd"] / np.sqrt(frame["n"])
    return {tuple(row[key] for key in index): (row["mean"], row["error"]) for row in frame.to_dict("records")}


def clearly_above(high, low, errors=3.0):
    """Whether one (mean, standard error) lies above another by more than `errors` standard errors."""
    return high[0] - low[0] > errors * np.hypot(high[1], low[1])


# -- every file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_fits(name):
    cost = plan_of(load_scenario(FILES[name]))
    assert cost.seconds(2) < 5 * 60, "a shipped scenario takes a few minutes on two cores"
    assert cost.disk_bytes < (1e9 if name == "large_sweep" else 200e6)
    assert cost.memory_bytes(2) < 2e9


@pytest.mark.parametrize("name", MICE)
def test_a_study_in_mice_loads_and_fits(name):
    cost = plan_of(load_scenario(FILES[name]))
    assert cost.seconds(2) < 10 * 60, "a shipped study takes ten minutes at most on two cores"
    assert cost.disk_bytes < 200e6
    assert cost.memory_bytes(2) < 4e9


def test_the_large_sweep_is_large_and_has_every_combination():
    found = expand(load_scenario(FILES["large_sweep"]))
    assert len(found) > 10_000
    sampled = [each for each in found if each.role in ("sample", "no_antibody")]
    keys = {(each.targets.cell_line, each.effectors.genotype, each.effectors.et_ratio, each.antibody.dose_ug_per_ml,
             each.donor) for each in sampled}  # fmt: skip
    assert len(keys) == len(sampled) == 8 * 3 * 3 * 8 * 20


@pytest.mark.parametrize("name", ALL)
def test_it_is_flat_commented_and_titled(name):
    text = FILES[name].read_text("utf-8")
    assert text.startswith("# ")
    assert re.fullmatch(r"[a-z0-9_]+", name)
    assert titles()[name]
    assert max(len(line) for line in text.splitlines()) <= 130


def test_titles_tell_the_scenarios_apart():
    assert len(set(titles().values())) == len(ALL)


def test_every_scenario_has_a_row_and_every_row_a_scenario():
    assert sorted(rows()) == sorted(ALL)
    assert all(len(cells) == 5 and all(cells) for cells in rows().values())


@pytest.mark.parametrize("name", ALL)
def test_the_row_tells_the_number_of_runs(name):
    assert int(rows()[name][3]) == len(conditions_of(load_scenario(FILES[name])))


@pytest.mark.parametrize("name", NAMES)
def test_a_miniature_runs_and_is_analysed(name, tmp_path):
    run_small(name, tmp_path, *miniature(name))
    result = analyse_wells(tmp_path, with_figures=False)
    assert result.problems == []
    assert result.report.exists()
    wanted = "viability" if "viability" in result.tables else "lysis"
    assert len(result.tables[wanted]) > 0
    assert np.isfinite(result.tables["controls"]["target_only_raw"].astype(float)).all()


def small_mice(name, folder):
    """A shipped study with a thousand cells per tumour, two mice per arm and a week at most, run in this process."""
    text = FILES[name].read_text("utf-8")
    text = re.sub(r"^mice = \d+", "mice = 2", text, flags=re.MULTILINE)
    text = re.sub(
        r"^days = (\[.*\])", lambda m: f"days = {[d for d in json.loads(m[1]) if d < 4] or [3]}", text, flags=re.M
    )
    sets = ("study.days=4", "tumour.fraction_simulated=0.00025", "output.level=events")
    scenario = scenario_from_text(text, sets, folder=FILES[name].parent)
    keys = {key: [values[0], values[-1]] for key, values in scenario.sweep.items()}
    scenario = scenario_from_text(text, [*sets, *(f"sweep.{json.dumps(k)}={json.dumps(v)}" for k, v in keys.items())])
    outcome = run_study(scenario, conditions_of(scenario), FILES[name].name, folder, workers=1, check=True)
    assert not outcome.failed, outcome.failed


@pytest.mark.slow
@pytest.mark.parametrize("name", MICE)
def test_a_small_study_in_mice_runs_and_is_analysed(name, tmp_path):
    small_mice(name, tmp_path)
    result = analyse_mice(tmp_path, with_figures=False)
    assert result.problems == []
    assert result.report.exists()
    assert np.isfinite(result.tables["tumours"]["volume_true_mm3"].astype(float)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_miniature_gives_figures(name, tmp_path):
    run_small(name, tmp_path, *miniature(name))
    result = analyse_wells(tmp_path)
    assert result.problems == []
    assert {path.suffix for path in result.figures} == {".png", ".svg"}


# -- what they claim ------------------------------------------------------------------------------------------------


def test_without_cd16a_antibody_adds_nothing(tmp_path):
    name, doses = "troubleshoot_no_cd16", 'sweep."antibody.dose_ug_per_ml"=[0, 1]'
    run_small(name, tmp_path, doses, "well.format=384-flat", "targets.cells=1500", "replicates=4")
    lysis = summary(tmp_path, "lysis_summary", ("effector", "dose_ug_per_ml"))
    bare, transfected = (lysis["NK-92", 0.0], lysis["NK-92", 1.0]), lysis["NK-92-CD16a-V158", 1.0]
    assert bare[0][0] > 5.0, "natural killing is there"
    assert not clearly_above(bare[1], bare[0])
    assert clearly_above(transfected, bare[1], 10.0)


def test_targets_along_the_rim_are_lysed_less(tmp_path):
    name, doses = "troubleshoot_edge_effects", 'sweep."antibody.dose_ug_per_ml"=[0, 1]'
    run_small(name, tmp_path, doses, 'sweep."well.rim_excess"=[0, 0.75]', "targets.cells=4000")
    lysis = summary(tmp_path, "lysis_summary", ("well.rim_excess", "dose_ug_per_ml"))
    assert clearly_above(lysis[0.0, 1.0], lysis[0.75, 1.0], 5.0)


def test_over_stimulated_cells_leave_less_room_for_antibody(tmp_path):
    name, doses = "troubleshoot_overstimulated_nk", 'sweep."antibody.dose_ug_per_ml"=[0, 1]'
    run_small(name, tmp_path, doses, "effectors.natural_hit_per_h=3.0", "well.format=384-flat", "targets.cells=1500")
    lysis = summary(tmp_path, "lysis_summary", ("effector", "dose_ug_per_ml"))
    assert clearly_above(lysis["NK-IL2", 0.0], lysis["NK-resting", 0.0], 5.0)
    window = {kind: lysis[kind, 1.0][0] - lysis[kind, 0.0][0] for kind in ("NK-resting", "NK-IL2")}
    assert window["NK-IL2"] < 0.5 * window["NK-resting"]


def test_mononuclear_cells_release_ldh_of_their_own(tmp_path):
    run_small("pbmc_et_ratio", tmp_path, "effectors.donors=1", "targets.cells=1000", "antibody.dose_ug_per_ml=0")
    controls = analyse_wells(tmp_path, with_figures=False).tables["controls"].sort_values("et_ratio")
    own = controls.set_index("et_ratio")["effector_release_pct"].astype(float)
    assert own.is_monotonic_increasing
    assert 10.0 < own[30.0] < 25.0, "300,000 cells with 7 % of a target's LDH each, of which 8 % die: 16 % of maximum"


def test_the_two_arms_are_independent(tmp_path):
    sets = ('sweep."targets.cell_line"=["BT-474", "JIMT-1"]', "well.format=384-flat", "targets.cells=700")
    run_small("jimt1_two_arms", tmp_path, *sets)
    viable = summary(tmp_path, "viability", ("cell_line", "et_ratio", "dose_ug_per_ml"))
    for line, slowed in (("BT-474", True), ("JIMT-1", False)):
        assert clearly_above(viable[line, 0.0, 0.0], viable[line, 0.0, 10.0], 4.0) == slowed
        assert clearly_above(viable[line, 1.0, 0.0], viable[line, 1.0, 10.0], 5.0)


def test_growth_rate_metrics_are_numbers(tmp_path):
    sets = ("assay.duration_h=120", 'sweep."targets.cell_line"=["SK-BR-3", "JIMT-1"]', "targets.cells=700")
    run_small("viability_direct_effect", tmp_path, *sets, "replicates=2")
    table = analyse_wells(tmp_path, with_figures=False).tables["viability_summary"].set_index("cell_line")
    assert np.isfinite(table["grmax"].astype(float)).all()
    assert table.loc["JIMT-1", "grmax"] > 0.85
    assert table.loc["SK-BR-3", "grmax"] < 0.75
    assert 55.0 < 100.0 - table.loc["SK-BR-3", "maximal_inhibition_pct"] < 80.0, "about two thirds stay viable"


def test_culture_under_antibody_selects_resistant_cells(tmp_path):
    sets = ('sweep."culture.days"=[84]', "antibody.dose_ug_per_ml=0", "targets.cells=400", "replicates=2")
    faster = ("culture.mutation_rate_per_division=3e-3", "assay.duration_h=25")
    ends = {}
    for doses in ("[10, 15]", "[0]"):
        folder = tmp_path / doses
        run_small("acquired_resistance", folder, *sets, *faster, f"culture.dose_steps_ug_per_ml={doses}")
        fractions = []
        for path in (folder / "runs").rglob("*.h5"):
            with h5py.File(path) as file:
                fractions.append(float(file["observables/resistant_fraction/value"][0]))
        ends[doses] = np.array(fractions)
    assert ends["[10, 15]"].min() > 0.5
    assert ends["[0]"].max() < 0.2


def test_genotype_of_every_well_is_the_one_asked_for():
    conditions = expand(load_scenario(FILES["genotype_fucosylation"]))
    samples = [condition for condition in conditions if condition.role == "sample"]
    asked = {(well.effectors.genotype, well.antibody.name) for well in samples}
    assert len(asked) == 6
