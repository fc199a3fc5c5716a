"""A study folder of simulated mice whose tumours are stand-ins: what the analysis reads, without an engine."""

from pathlib import Path

import h5py

from adccsim.execution.folder import run_file, write_json
from adccsim.execution.study import study_record
from adccsim.scenario.conditions import conditions_of
from adccsim.scenario.load import scenario_from_dict
from tests.run.fake_tumour import FakeEngine, play
from tests.scenario.mice_example import study
from tests.sealing import append_seal


def make_mice(folder: Path, changes: dict | None = None, sweep: dict | None = None) -> Path:
    """Run the example study, changed, with stand-in tumours into `folder`; returns it."""
    scenario = scenario_from_dict(study(changes, sweep))
    conditions = conditions_of(scenario)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "study.json", study_record(scenario, conditions, "mice.toml"))
    for condition in conditions:
        path = run_file(folder / "runs", condition.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            play(condition, file, make=FakeEngine)
        append_seal(path)
    return folder
