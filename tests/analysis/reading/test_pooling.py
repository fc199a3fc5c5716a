"""One row, one design point: every swept key is a column of every table, however it was spelled, and no two conditions
are averaged."""

import json
from itertools import product
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adccsim.analysis.assay import study as studies
from adccsim.analysis.assay.headline import headline_text
from adccsim.analysis.assay.study import LARGE, analyse_wells
from adccsim.analysis.errors import PooledConditions
from adccsim.analysis.fitting.compare import check_observed, match
from adccsim.analysis.fitting.observed import read_observed
from adccsim.analysis.reading.design import design_table, pooled, pooled_by, short_key
from adccsim.analysis.reading.design_point import CORE_KEYS, design_point, value_at
from adccsim.execution.folder import write_json
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.well.expand import expand
from adccsim.scenario.well.schema import sweepable
from adccsim.seal import KEY
from tests.analysis.planned import base, describe

DOSE, SERUM, KD = "antibody.dose_ug_per_ml", "well.serum_igg_g_per_l", "antibody.kd_nM"
AXES = {
    DOSE: [0, 0.01, 1],
    SERUM: [0, 10],
    KD: [0.1, 5],
    "antibody.wash_after_opsonisation": [False, True],
    "antibody.partner": ["", "pertuzumab"],
    "antibody.name": ["trastuzumab", "pertuzumab"],
    "effectors.genotype": ["VV", "FF"],
    "effectors.nk_fraction": [0.1, 0.2],
    "effectors.donor_potency_log_sd": [0.1, 0.4],
    "effectors.et_ratio": [1, 3],
    "targets.cells": [20, 40],
    "targets.cell_line": ["SK-BR-3", "BT-474"],
}
BARE, QUOTED, SUB_TABLE, INLINE, SET_KEY, SET_TABLE, SET_ALL = SPELLINGS = range(7)


def spelled(sweep: dict, spellings: list[int]) -> tuple[str, tuple[str, ...]]:
    """(text that follows the scenario, --set values) for a sweep whose keys are each written in its own way."""
    if SET_ALL in spellings:
        return "", (f"sweep={{{', '.join(f'{key} = {json.dumps(values)}' for key, values in sweep.items())}}}",)
    lines, tables, sets = ["[sweep]"], [], []
    for (key, values), spelling in zip(sweep.items(), spellings, strict=True):
        table, _, name = key.partition(".")
        said = json.dumps(values)
        if spelling == SUB_TABLE and f"[sweep.{table}]" not in tables:
            tables += [f"[sweep.{table}]", f"{name} = {said}"]
        elif spelling == INLINE and not any(line.startswith(f"{table} =") for line in lines):
            lines.append(f"{table} = {{{name} = {said}}}")
        elif spelling == SET_KEY:
            sets.append(f"sweep.{key}={said}")
        elif spelling == SET_TABLE:
            sets.append(f"sweep.{table}={{{name}={said}}}")
        else:
            lines.append(f'"{key}" = {said}' if spelling != BARE or tables else f"{key} = {said}")
    # A table that is written as a whole takes no further bare keys, and an empty [sweep] is refused.
    whole = [line.partition(" =")[0] for line in lines if "= {" in line] + [t[7:-1] for t in tables if t[0] == "["]
    lines = [f'"{line.partition(" =")[0]}" ={line.partition(" =")[2]}' if line.partition(".")[0] in whole
             and line[0] != '"' and "= {" not in line else line for line in lines]  # fmt: skip
    return "\n".join([*(lines if lines[1:] else []), *tables]), tuple(sets)


def analysed(out: Path, large: bool = False):
    with patch.object(studies, "LARGE", 3 if large else LARGE):
        return analyse_wells(out, with_figures=False)


def column(key: str) -> str:
    return next((name for name, core in CORE_KEYS.items() if core == key), key)


def check(result, out: Path, sweep: dict, donors: int, replicates: int) -> None:
    """Every swept key is a column everywhere, and every condition a row of its own with all its donors."""
    doses = sum(dose > 0 for dose in sweep.get(DOSE, [1])) + 1  # dose 0 comes by itself as a control
    others = {key: values for key, values in sweep.items() if key != DOSE}
    for name, table in result.tables.items():
        lacking = [key for key in others if column(key) not in table]
        if name == "controls":  # these wells hold no antibody
            lacking = [key for key in lacking if key != "antibody.name"]
        assert not lacking, (name, lacking)
    kept = parquet.read_table(out / "tables" / "runs.parquet").column_names
    assert {column(key) for key in sweep} <= set(kept)
    names = len(sweep.get("antibody.name", [1]))
    # Without antibody there is no name: with several, those wells stand for themselves.
    rows = prod(map(len, others.values())) * (doses - 1) + prod(map(len, others.values())) // names
    summary = result.tables["lysis_summary"]
    assert len(summary) == rows
    assert set(summary["n"]) == {donors} and set(summary["wells"]) == {donors * replicates}
    assert not summary.duplicated([column(key) for key in {DOSE: [], **sweep}]).any() or names > 1
    assert len(result.tables["dose_response"]) == prod(map(len, others.values()))
    for key, values in others.items():
        found = {v if isinstance(v, str) else float(v) for v in summary[column(key)]} - {"none"}
        assert found == {_shown(v) for v in values} - {"none"}, key


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return float(value) if isinstance(value, int | float) else value or "none"


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_swept_key_is_a_column_in_every_spelling_and_size(data):
    keys = data.draw(st.lists(st.sampled_from(list(AXES)), min_size=1, max_size=3, unique=True), "keys")
    if {"antibody.partner", "antibody.name"} <= set(keys):
        keys.remove("antibody.name")  # pertuzumab is no partner of itself
    if "antibody.partner" in keys and KD in keys:
        keys.remove(KD)
    sweep = {key: AXES[key] for key in keys}
    spellings = data.draw(st.lists(st.sampled_from(SPELLINGS), min_size=len(keys), max_size=len(keys)), "spellings")
    large = data.draw(st.booleans(), "large")
    text, sets = spelled(sweep, spellings)
    with TemporaryDirectory() as folder:
        out = Path(folder)
        describe(out, base() + text, sets)
        info = json.loads((out / "study.json").read_text())
        assert {key: [_shown(v) for v in values] for key, values in info["varied"].items()} == {
            key: [_shown(v) for v in values] for key, values in sweep.items()
        }
        check(analysed(out, large), out, sweep, donors=2, replicates=1)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_spellings_are_one_study(spelling):
    sweep = {DOSE: AXES[DOSE], SERUM: AXES[SERUM]}
    text, sets = spelled(sweep, [spelling] * 2)
    scenario = scenario_from_text(base() + text, sets)
    assert scenario.sweep == {DOSE: (0.0, 0.01, 1.0), SERUM: (0.0, 10.0)}
    quoted = scenario_from_text(base() + spelled(sweep, [QUOTED] * 2)[0])
    assert [c.run_id for c in expand(scenario)] == [c.run_id for c in expand(quoted)]


@pytest.mark.parametrize("large", [False, True])
def test_an_axis_added_to_a_finished_study(tmp_path, large):
    describe(tmp_path, base() + spelled({DOSE: AXES[DOSE]}, [BARE])[0])
    first = analysed(tmp_path, large)
    assert SERUM not in first.tables["lysis_summary"] and len(first.tables["lysis_summary"]) == 3
    sweep = {DOSE: AXES[DOSE], SERUM: AXES[SERUM]}
    describe(tmp_path, base() + spelled(sweep, [BARE, BARE])[0])
    check(analysed(tmp_path, large), tmp_path, sweep, donors=2, replicates=1)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("keys", [(SERUM, KD), ("effectors.genotype", SERUM), ("effectors.donor_potency_log_sd",)])
def test_a_study_of_an_earlier_version_is_told_apart_by_its_conditions(tmp_path, large, keys):
    """Also where no replicate and no donor is left that two conditions share."""
    sweep = {DOSE: [0, 1], **{key: AXES[key] for key in keys}}
    conditions = describe(tmp_path, base(donors=2, replicates=2) + spelled(sweep, [BARE] * len(sweep))[0])
    for each in conditions:
        values = [value_at(each.as_dict(), key) for key in keys]
        if each.role == "sample" and SERUM in keys and each.replicate != (1 if values[keys.index(SERUM)] else 2):
            (tmp_path / "runs" / each.run_id[:2] / f"{each.run_id}.h5").unlink()
    expected = analysed(tmp_path, large).tables["lysis_summary"]
    info = json.loads((tmp_path / "study.json").read_text())
    del info["varied"], info[KEY]  # that version wrote neither
    (tmp_path / "study.json").write_text(json.dumps(info | {"schema": 1}))
    found = analysed(tmp_path, large).tables["lysis_summary"]
    assert set(found) == set(expected)
    order = list(expected)[:9]
    found = found[list(expected)].sort_values(order).reset_index(drop=True)
    assert found.equals(expected.sort_values(order).reset_index(drop=True))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("key", [SERUM, "effectors.genotype"])
def test_conditions_that_no_column_tells_apart_are_refused_in_one_line(tmp_path, large, key):
    sweep = {DOSE: AXES[DOSE], key: AXES[key]}
    describe(tmp_path, base() + spelled(sweep, [QUOTED, QUOTED])[0])
    info = json.loads((tmp_path / "study.json").read_text())
    del info["varied"][key], info[KEY]
    write_json(tmp_path / "study.json", info)
    with pytest.raises(PooledConditions) as refused:
        analysed(tmp_path, large)
    (line,) = refused.value.problems
    assert "would be averaged into one row" in line and "varied" in line and "\n" not in line
    assert not (tmp_path / "report.html").exists() and not list((tmp_path / "tables").glob("*.csv"))


def planned(text: str) -> tuple[list, dict]:
    """(runs, varied) of a scenario, as the analysis gets them."""
    scenario = scenario_from_text(text)
    runs = [SimpleNamespace(run_id=c.run_id, plate=c.plate, condition=c.as_dict()) for c in expand(scenario)]
    return runs, scenario.sweep


def test_a_design_point_is_the_same_for_all_donors_and_replicates_and_no_two_conditions_share_one():
    sweep = {key: AXES[key] for key in (SERUM, KD, "effectors.genotype", "effectors.nk_fraction")}
    runs, _ = planned(base(donors=3, replicates=2) + spelled(sweep, [QUOTED] * 4)[0])
    points: dict[tuple, set] = {}
    for run in runs:
        if run.condition["role"] == "sample":
            fixed = tuple(value_at(run.condition, key) for key in (SERUM, KD))
            points.setdefault(fixed, set()).add(design_point(run.condition)[0])
    assert [len(found) for found in points.values()] == [1] * 4
    assert len(set.union(*points.values())) == 4
    units = {
        (run.condition["donor"], *design_point(run.condition)) for run in runs if run.condition["role"] == "sample"
    }
    assert len(units) == 3 * 4 * 4


def test_every_key_that_can_be_swept_stands_in_the_condition_at_its_own_path():
    text = base() + "[culture]\ndays = 30\npassage_interval_days = 3\nsplit_ratio = 4\ndose_steps_ug_per_ml = [1]\n"
    text = text.replace("51Cr", "live-count") + "mutation_rate_per_division = 1e-6\n"
    condition = expand(scenario_from_text(text))[0].as_dict()
    chip = expand(scenario_from_text(base().replace("[well]", '[well]\nformat = "microwell"')))[0].as_dict()
    lacking = [key for key in sweepable() if value_at(condition, key) is None and value_at(chip, key) is None]
    assert lacking == []


def test_short_names_of_swept_keys_differ():
    assert len({short_key(key) for key in sweepable()}) == len(sweepable())


# -- keys that mean nothing in some wells -----------------------------------------------------------------------------


def levels(text: str, key: str, chosen) -> list[tuple[str, object]]:
    """(run id, value of a key) of the wells for which chosen(row) holds, as they enter a row of means."""
    runs, varied = planned(text)
    design, extra = design_table(runs, varied)
    wells = pooled(design[~design["role"].isin(("target_only", "effector_only"))], extra)
    wells = wells[[chosen(row) for row in wells.itertuples()]]
    return list(zip(wells["run_id"], wells[key], strict=True))


def test_wells_without_antibody_belong_to_every_value_of_its_numbers():
    found = levels(base() + spelled({DOSE: AXES[DOSE], KD: AXES[KD]}, [BARE, BARE])[0], KD, lambda row: row.at_zero
                   and row.role == "no_antibody")  # fmt: skip
    ids = {run_id for run_id, _ in found}
    assert len(ids) == 2 and sorted(found) == sorted(product(ids, [0.1, 5.0]))


def test_after_a_culture_the_antibody_keeps_its_numbers_where_none_is_added():
    text = base().replace("51Cr", "live-count") + "[culture]\ndays = 30\npassage_interval_days = 3\nsplit_ratio = 4\n"
    text += "dose_steps_ug_per_ml = [1]\nmutation_rate_per_division = 0\n"
    found = levels(text + spelled({DOSE: AXES[DOSE], KD: AXES[KD]}, [BARE, BARE])[0], KD, lambda row: row.at_zero
                   and row.role == "no_antibody")  # fmt: skip
    assert len(found) == len({run_id for run_id, _ in found}) == 4  # two donors at two values: cells of their own


def test_parental_cells_belong_to_every_value_of_a_culture():
    rate = "culture.mutation_rate_per_division"
    text = base().replace("51Cr", "live-count") + "[culture]\ndays = 30\npassage_interval_days = 3\nsplit_ratio = 4\n"
    text += "dose_steps_ug_per_ml = [1]\nmutation_rate_per_division = 0\n"
    sweep = {"culture.days": [0, 30], rate: [0, 1e-6]}
    runs, varied = planned(text + spelled(sweep, [QUOTED, QUOTED])[0])
    design, extra = design_table(runs, varied)
    assert extra == ["culture.days", rate]
    parental = design[(design["culture.days"] == 0) & (design["role"] == "sample")]
    assert len(parental) == 2 and parental[rate].isna().all()
    wells = pooled(design[design["role"] == "sample"], extra)
    assert sorted(wells.loc[wells["culture.days"] == 0, rate]) == [0.0, 0.0, 1e-6, 1e-6]


@pytest.mark.parametrize("large", [False, True])
def test_a_number_of_a_culture_is_told_apart_where_its_length_is_not_swept(tmp_path, large):
    rate = "culture.mutation_rate_per_division"
    text = base().replace("51Cr", "live-count") + "[culture]\ndays = 30\npassage_interval_days = 3\nsplit_ratio = 4\n"
    text += "dose_steps_ug_per_ml = [1]\nmutation_rate_per_division = 0\n"
    describe(tmp_path, text + spelled({DOSE: [0, 1], rate: [1e-7, 1e-6]}, [BARE, BARE])[0])
    summary = analysed(tmp_path, large).tables["lysis_summary"]
    assert set(summary[rate]) == {1e-7, 1e-6}


def test_a_twin_without_fc_belongs_to_every_value_of_the_fc_part():
    text = base().replace('readout = "51Cr"', 'readout = "51Cr"\nfc_null_control = true')
    sweep = {DOSE: [0.01, 1], "antibody.fc_gain": [0.5, 1]}
    found = levels(text + spelled(sweep, [BARE, BARE])[0], "antibody.fc_gain", lambda row: row.role == "fc_null")
    assert len(found) == 2 * len({run_id for run_id, _ in found}) == 8
    assert {value for _, value in found} == {0.5, 1.0}


@pytest.mark.parametrize("large", [False, True])
def test_no_value_of_the_catalogue_appears_that_nobody_swept(tmp_path, large):
    """Sweeping kd gave a row and a panel "kd nM 1", the number that stands in wells without antibody."""
    sweep = {DOSE: AXES[DOSE], KD: AXES[KD]}
    describe(tmp_path, base() + spelled(sweep, [BARE, BARE])[0])
    result = analysed(tmp_path, large)
    for name, table in result.tables.items():
        if name not in ("lysis", "controls"):
            assert set(table[KD]) == {0.1, 5.0}, name
    lysis = result.tables["lysis"]
    assert lysis.loc[lysis["dose_ug_per_ml"] == 0, KD].isna().all()
    assert set(lysis.loc[lysis["dose_ug_per_ml"] == 0, "note"]) == {f"belongs to every value of {KD}"}
    assert set(result.tables["controls"][KD]) == {"all"}
    assert set(parquet.read_table(tmp_path / "tables" / "runs.parquet")[KD].to_pylist()) == {0.1, 5.0, None}
    nothing = result.tables["dose_response"].iloc[:0]
    text = headline_text(result.headline, nothing, nothing)
    assert text.count("kd nM") == 2 and "kd nM 0.1" in text and "kd nM 5" in text
    if not large:
        assert (result.tables["dose_response"]["doses"] == 3).all()
        curves = result.tables["kinetics_summary"]
        assert len(curves[curves["dose_ug_per_ml"] == 0]) == 2


def test_what_is_observed_without_antibody_fits_at_any_value_and_at_none(tmp_path):
    (tmp_path / "observed.csv").write_text(f"dose_ug_per_ml,et_ratio,{KD},value\n0,2,,5\n0,2,5,6\n1,2,5,50\n")
    observed, keys, _ = read_observed(tmp_path / "observed.csv")
    runs, varied = planned(base() + spelled({DOSE: AXES[DOSE], KD: AXES[KD]}, [BARE, BARE])[0])
    check_observed(observed, keys, *design_table(runs, varied))
    describe(tmp_path, base() + spelled({DOSE: AXES[DOSE], KD: AXES[KD]}, [BARE, BARE])[0])
    summary = analysed(tmp_path).tables["lysis_summary"]
    for row in observed.to_dict("records"):
        place, error = match(row, keys, summary[summary["role"] != "fc_null"])
        assert error == "" and summary["dose_ug_per_ml"].iloc[place] == row["dose_ug_per_ml"]


def test_rows_of_means_are_told_apart_by_all_that_is_varied():
    assert pooled_by([SERUM])[-1] == SERUM and set(pooled_by([])) == {"role", *CORE_KEYS} - {"donor", "replicate"}
