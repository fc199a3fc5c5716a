"""Sweeps of small wells for the tests of clusters, and the one question asked after every fault: is all of it there?"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from adccsim.analysis.reading.summary import refresh
from adccsim.conditions import AnyCondition

REPOSITORY = Path(__file__).parents[2]

SCENARIO = """
schema = 1
kind = "well"
title = "small wells for a cluster"
seed = 7
replicates = {replicates}
[targets]
cell_line = "SK-BR-3"
cells = {cells}
[effectors]
type = "NK-IL2"
et_ratio = 2.0
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = {hours}
readout = "calcein"
[output]
level = "observables"
[sweep]
"antibody.dose_ug_per_ml" = [0, 0.001, 1]
"effectors.et_ratio" = [1, 3]
"""

MICE = """
schema = 1
kind = "xenograft"
title = "two mice for a cluster"
seed = 3
[tumour]
start_volume_mm3 = 130
fraction_simulated = {fraction}
[[tumour.clone]]
cell_line = "NCI-N87"
[study]
days = {days}
[output]
level = "events"
save_days = [1]
[[arm]]
name = "vehicle"
mice = 1
[[arm]]
name = "trastuzumab"
mice = 1
[[arm.dose]]
drug = "trastuzumab"
mg_per_kg = 10
route = "iv"
days = [0]
"""


def mice(fraction: float, days: int) -> str:
    """A scenario of two mice that save their tumours on day 1, which says from outside that they are under way."""
    return MICE.format(fraction=fraction, days=days)


def text(replicates: int, cells: int = 100, hours: float = 0.5) -> str:
    """A scenario of 7 x replicates runs: three doses at two ratios, and target-only wells."""
    return SCENARIO.format(replicates=replicates, cells=cells, hours=hours)


def runs_of(scenario: str) -> dict[str, AnyCondition]:
    """Run id -> resolved condition."""
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import scenario_from_text

    return {condition.run_id: condition for condition in conditions_of(scenario_from_text(scenario))}


def describe(scenario: str, out_dir: Path) -> dict[str, AnyCondition]:
    """Write study.json of a scenario as `adcc run` does; its runs."""
    from adccsim.execution.folder import StudyFolder
    from adccsim.execution.study import study_record
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import scenario_from_text

    loaded = scenario_from_text(scenario)
    conditions = conditions_of(loaded)
    with StudyFolder(out_dir) as folder:
        folder.write_study(study_record(loaded, conditions, "sweep.toml"))
    return {condition.run_id: condition for condition in conditions}


def bytes_of(out_dir: Path) -> dict[str, bytes]:
    """Name -> bytes of all run files."""
    return {path.name: path.read_bytes() for path in sorted((out_dir / "runs").rglob("*.h5"))}


def resumed(out_dir: Path) -> dict[str, list[int]]:
    """Run id -> hours at which a mouse has gone on from its checkpoint, as the log of the study tells."""
    hours: dict[str, list[int]] = {}
    for line in (out_dir / "log").read_text().splitlines():
        if found := re.search(r" resume (\w+) at hour (\d+) of ", line):
            hours.setdefault(found[1], []).append(int(found[2]))
    return hours


@dataclass(frozen=True)
class Census:
    """What lies in a results folder; equal ones hold the same study in the same state.

    files: of finished runs. duplicates: run ids with a second file. parts: unfinished files. failed: ids in failed/.
    files_hash: over names and bytes of all run files; summary_hash: over the summary table without times of files.
    """

    files: int
    duplicates: int
    parts: int
    failed: tuple[str, ...]
    files_hash: str
    summary_hash: str


def census(out_dir: Path) -> Census:
    """Count and hash what lies in a results folder; brings its summary table up to date."""
    import pyarrow.parquet as parquet

    found = sorted((out_dir / "runs").rglob("*.h5"))
    digest = hashlib.sha256()
    for path in found:
        digest.update(path.name.encode() + path.read_bytes())
    table = parquet.read_table(refresh(out_dir).path).drop_columns(["file_mtime_ns"])
    names = [path.stem for path in found]
    return Census(
        files=len(names),
        duplicates=len(names) - len(set(names)),
        parts=len(list(out_dir.rglob("*.part"))),
        failed=tuple(sorted(path.stem for path in (out_dir / "failed").glob("*.json"))),
        files_hash=digest.hexdigest()[:16],
        summary_hash=hashlib.sha256(json.dumps(table.to_pylist(), sort_keys=True).encode()).hexdigest()[:16],
    )


def told(what: str, found: Census, **counts: object) -> None:
    """Print the counts of one fault, for the log of a test."""
    more = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"\n{what}: {more}; files {found.files}, duplicates {found.duplicates}, .part left {found.parts}, "
          f"failed {len(found.failed)}, summary {found.summary_hash}")  # fmt: skip
