"""A study folder of any scenario of wells without simulating one: its study.json, and run files with a known truth."""

from pathlib import Path

import numpy as np

from adccsim.execution.folder import write_json
from adccsim.execution.study import study_record
from adccsim.scenario.load import scenario_from_text
from adccsim.scenario.well.expand import expand
from adccsim.version import WELL_MODEL
from tests.analysis.make_runs import Truth, write_run

BASE = """
schema = 1
kind = "well"
seed = 5
replicates = {replicates}
[targets]
cell_line = "SK-BR-3"
cells = 20
[effectors]
type = "CD56-isolated"
et_ratio = 2
donors = {donors}
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[well]
volume_ul = 3
[assay]
duration_h = 4
readout = "51Cr"
[output]
level = "observables"
every_min = 120
"""


def base(donors: int = 2, replicates: int = 1) -> str:
    """The scenario that tests sweep, without its sweep."""
    return BASE.format(donors=donors, replicates=replicates)


def describe(out_dir: Path, text: str, sets: tuple[str, ...] = ()) -> list:
    """Write study.json as `adcc run` does, and a run file for each condition that has none; returns the conditions."""
    scenario = scenario_from_text(text, sets)
    conditions = expand(scenario)
    out_dir.mkdir(parents=True, exist_ok=True)
    record = study_record(scenario, conditions, "planned.toml")
    write_json(out_dir / "study.json", record)
    for each in conditions:
        if not (out_dir / "runs" / each.run_id[:2] / f"{each.run_id}.h5").exists():
            rng = np.random.default_rng(each.run_key)
            meta = {"model_version": WELL_MODEL}
            write_run(out_dir, each.run_id, each.plate, each.as_dict(), Truth(), rng, **meta)
    return conditions
