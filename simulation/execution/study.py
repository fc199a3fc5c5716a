"""One scenario, start to finish on this machine: its study.json, its runs, and what happened to them."""

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from adccsim.conditions import AnyCondition
from adccsim.execution import local
from adccsim.execution.folder import StudyFolder, claimed
from adccsim.execution.ledger import Outcome
from adccsim.execution.mouse_files import bring_saved_tumour
from adccsim.scenario.conditions import stand_ins_of
from adccsim.scenario.kinds import kind_of
from adccsim.scenario.tables import Loaded
from adccsim.study_file import STUDY_SCHEMA
from adccsim.version import __version__

_SOFTWARE = ("numpy", "numba", "h5py")


def study_record(scenario: Loaded, conditions: Sequence[AnyCondition], name: str) -> dict:
    """What study.json holds: the scenario and its overlays verbatim, the --set values, versions, all runs, and the
    numbers that were taken from other entries of the catalogue (stand-ins).

    `name` is that of the scenario file. `varied` holds the swept keys with their values, in the order of the scenario
    and as it understood them: the analysis reads them there and nowhere else. A study in mice also has `studies`: the
    values of each point of the sweep by its name; a mouse that is the same at several points is listed at each.
    There are no times and no machine in the record: the same study has the same bytes.
    """
    kind = kind_of(scenario.kind)
    versions = {"adccsim": __version__, "model": kind.MODEL, "python": platform.python_version()}
    return kind.study_entries(scenario) | {
        "schema": STUDY_SCHEMA,
        "kind": scenario.kind,
        "title": scenario.title,
        "scenario_file": name,
        "scenario": scenario.text,
        "overlays": scenario.overlay_texts,
        "sets": list(scenario.sets),
        "varied": {key: list(values) for key, values in scenario.sweep.items()},
        "versions": versions | {package: version(package) for package in _SOFTWARE},
        "run_ids": sorted(condition.run_id for condition in conditions),
        "stand_ins": stand_ins_of(scenario),
        "conditions": kind.run_entries(scenario, conditions),
    }


def run_study(
    scenario: Loaded,
    conditions: Sequence[AnyCondition],
    name: str,
    out_dir: Path,
    *,
    shard: tuple[int, int] | None = None,
    announce: Callable[[str], None] = lambda line: None,
    engine: Callable[..., Outcome] = local.execute,
    **options,
) -> Outcome:
    """Describe the study in out_dir/study.json and bring its conditions, or one shard (i, k) of them, to files.

    `engine` makes the runs (local.execute or cluster.execute) and gets `options`. `announce` receives lines that a user
    should see before the runs start. Raises FolderError if out_dir cannot be used or somebody else is at work in it.
    """
    with claimed(out_dir, shared=shard is not None):
        with StudyFolder(out_dir) as folder:
            if replaced := folder.write_study(study_record(scenario, conditions, name)):
                announce(f"{out_dir}: {replaced}")
            saved = kind_of(scenario.kind).saved_tumour(scenario)
            if saved is not None and (error := bring_saved_tumour(saved, folder.out_dir)):
                folder.log(error)
                announce(error)
        runs = {condition.run_id: condition for condition in conditions}
        if shard is not None:
            runs = local.shard(runs, *shard)
        return engine(runs, out_dir, **options)
