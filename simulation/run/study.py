"""One scenario, start to finish on this machine: its study.json, its runs, and what happened to them."""

import platform
from collections.abc import Callable, Sequence, Set
from importlib.metadata import version
from pathlib import Path

from simulation.conditions import AnyCondition, MouseCondition
from simulation.run import local
from simulation.run.books import Outcome
from simulation.run.folder import StudyFolder, claimed
from simulation.run.mouse_files import bring_saved_tumour
from simulation.scenario.schema import Loaded
from simulation.scenario.stand_ins import stand_ins
from simulation.scenario.xenograft_resolve import in_vivo_overrides
from simulation.scenario.xenograft_schema import XenograftScenario
from simulation.scenario.xenograft_sweep import mice_by_study, study_points
from simulation.study_file import STUDY_SCHEMA
from simulation.version import WELL_MODEL, XENOGRAFT_MODEL, __version__

MODELS = {"well": WELL_MODEL, "xenograft": XENOGRAFT_MODEL}
UNIT_OF_A_WELL = ("plate", "role", "donor", "replicate")
_SOFTWARE = ("numpy", "numba", "h5py")


def study_record(scenario: Loaded, conditions: Sequence[AnyCondition], name: str) -> dict:
    """What study.json holds: the scenario and its overlays verbatim, the --set values, versions, all runs, and the
    numbers that were taken over from other entries of the catalogue (stand-ins).

    `name` is that of the scenario file. `varied` holds the swept keys with their values, in the order of the scenario
    and as it understood them: the analysis reads them there and nowhere else. A study in mice also has `studies`: the
    values of each point of the sweep by its name; a mouse that is the same at several points is listed at each.
    There are no times and no machine in the record: the same study has the same bytes.
    """
    versions = {"adccsim": __version__, "model": MODELS[scenario.kind], "python": platform.python_version()}
    extra = {}
    if isinstance(scenario, XenograftScenario):
        entries = _entries_of_mice(scenario, {condition.run_id for condition in conditions})
        extra = {"in_vivo_overrides": in_vivo_overrides(scenario), "studies": study_points(scenario)}
    else:
        entries = [{key: getattr(condition, key) for key in ("run_id", *UNIT_OF_A_WELL)} for condition in conditions]
    return extra | {
        "schema": STUDY_SCHEMA,
        "kind": scenario.kind,
        "title": scenario.title,
        "scenario_file": name,
        "scenario": scenario.text,
        "overlays": {path.name: path.read_text(encoding="utf-8") for path in scenario.overlays},
        "sets": list(scenario.sets),
        "varied": {key: list(values) for key, values in scenario.sweep.items()},
        "versions": versions | {package: version(package) for package in _SOFTWARE},
        "run_ids": sorted(condition.run_id for condition in conditions),
        "stand_ins": stand_ins(scenario),
        "conditions": entries,
    }


def _entries_of_mice(scenario: XenograftScenario, run_ids: Set[str]) -> list[dict]:
    """Run id, study, arm and number of these mice; one of several studies is listed once for each."""
    studies: dict[str, list[str]] = {}
    mice: dict[str, MouseCondition] = {}
    for study, found in mice_by_study(scenario).items():
        for mouse in (each for each in found if each.run_id in run_ids):
            mice.setdefault(mouse.run_id, mouse)
            studies.setdefault(mouse.run_id, []).append(study)
    return [
        {"run_id": run_id, "study": study, "arm": mouse.arm, "mouse": mouse.mouse}
        for run_id, mouse in mice.items()
        for study in studies[run_id]
    ]


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
            if scenario.kind == "xenograft" and (fault := bring_saved_tumour(scenario, folder.out_dir)):
                folder.log(fault)
                announce(fault)
        runs = {condition.run_id: condition for condition in conditions}
        if shard is not None:
            runs = local.shard(runs, *shard)
        return engine(runs, out_dir, **options)
