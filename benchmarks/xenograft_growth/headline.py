"""Published headline figures compared with predictions of the calibrated mouse, without fitting to them.

    python benchmarks/xenograft_growth/headline.py [--workers 2] [--out results/headline] [--check] [--table]

Every headline scenario (scenarios/*.toml and the random design panel of panel.py) runs at points of the NCI-N87 ridge
(overlays/n87_*.toml of calibrate.py: effectors alone, direct effect alone, both; NK cells do none, half or all of the
kills): studies that are counted and cheap at all points, the panel and the withdrawal at SOME, studies determined by an
input at the first of them. The overlay of BT-474 runs in addition to SOME; it is shown but not assessed. Each study is
an ordinary scenario file in its own folder, run by the ordinary driver, one process per study. Finished work is
skipped, so the same command resumes after a stop. --check lists what would run; --table only reads existing results.

The only differences from the shipped files: `fraction_simulated` and the number of mice are smaller, mice are paired
between arms (except in the panel), and the swept lists of JIMT-1 and the strains are reduced to those needed. JIMT-1 of
40 and 150 mm3 are simulated with equal numbers of cells, so that the surface error of a small simulation is the same.
The controls of a scenario are run at the first point and shared with the others, because without antibody there are no
kills; the program checks that nothing else differs and runs one control at every point, as the driver needs one. The
error of a small fraction is measured on LCC6-HER2 at SIZE_FRACTION.
Rows and rules: headline_rows.py. Writes benchmarks/results/xenograft_headline.json and .md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

import headline_table  # noqa: E402
import panel  # noqa: E402
from headline_rows import rows  # noqa: E402

from adccsim import runtime  # noqa: E402

OVERLAYS = HERE / "overlays"
SOME = ("n87_mixed_nk50", "n87_effectors_nk50", "n87_direct")  # the controls of the first available point are shared
SHOWN_ONLY = "bt474"  # effector density fitted to BT-474: shown with SOME, not assessed
ALL_POINTS, SOME_POINTS, ONE_POINT = "all", "some", "one"
FRACTION = 0.001
LCC6_FRACTION, SIZE_FRACTION = 0.003, 0.012  # 1.6 times the radius
WITHDRAWAL_FRACTION = 0.01  # a smaller fraction of a tumour dies out too early
PANEL = {design.name: design for design in panel.read()}
STRAINS = ["nude", "SCID", "NSG", "FcgR-null"]


@dataclass(frozen=True)
class Trial:
    """One study of the programme. scenario: shipped file or panel design; points: all of the ridge, SOME, or one."""

    name: str
    scenario: str
    mice: int | None
    sets: tuple[str, ...] = ()
    points: str = SOME_POINTS
    fraction: float = FRACTION

    def text(self) -> str:
        """The scenario file without the changes of a point."""
        if self.scenario in PANEL:
            return panel.scenario_text(PANEL[self.scenario], self.fraction)
        return (ROOT / "scenarios" / f"{self.scenario}.toml").read_text(encoding="utf-8")

    def all_sets(self) -> list[str]:
        """Values of --set."""
        shared = [f"tumour.fraction_simulated={self.fraction:g}", "output.level=observables"]
        return [*shared, *([] if self.scenario in PANEL else ["random=paired"]), *self.sets]


def trials() -> list[Trial]:
    """All studies of the programme, counted ones first."""
    start = 'sweep."tumour.start_volume_mm3"=[{}]'
    return [
        Trial("lcc6", "lcc6_her2_low_dose", 8, points=ALL_POINTS, fraction=LCC6_FRACTION),
        Trial("calu3", "calu3_pertuzumab", 4, points=ALL_POINTS),
        Trial("kpl4", "kpl4_pertuzumab", 4, points=ALL_POINTS),
        Trial("jimt1_small", "jimt1_small_established", 6, (start.format(40),), ALL_POINTS, 0.0075),
        Trial("jimt1_established", "jimt1_small_established", 6, (start.format(150),), ALL_POINTS, 0.002),
        *(Trial(name, name, None) for name in PANEL),
        Trial("chemotherapy", "nci_n87_chemotherapy", 4, points=ONE_POINT),
        Trial("gefitinib", "lcc6_her2_gefitinib", 4, points=ONE_POINT),
        Trial("pten", "pten_null_partners", 4, points=ONE_POINT),
        Trial("fc", "fc_variants", 4, points=ONE_POINT),
        Trial("strains", "strain_panel", 4, (f'sweep."mouse.strain"={json.dumps(STRAINS)}',), ONE_POINT),
        Trial("her2_negative", "her2_negative", 6, points=ONE_POINT),
        Trial("withdrawal", "withdrawal_after_response", 4, fraction=WITHDRAWAL_FRACTION),
        Trial("lcc6_size", "lcc6_her2_low_dose", 8, points=ONE_POINT, fraction=SIZE_FRACTION),
    ]


def study_file(trial: Trial, point: str, controls: int | None) -> str:
    """The scenario file of a trial at a point; controls: mice in the control arm, None: as in the others."""
    text = f'catalogue = ["{point}.toml"]\n{trial.text()}'
    if trial.mice is not None:
        text = re.sub(r"^mice = \d+", f"mice = {trial.mice}", text, flags=re.MULTILINE)
    if controls is not None:
        text = re.sub(r"^mice = \d+", f"mice = {controls}", text, count=1, flags=re.MULTILINE)
    return text


def prepare(folder: Path, trial: Trial, point: str, overlays: Path, controls: int | None) -> Path:
    """Write scenario file and overlay of a study into its folder; returns the path of the scenario file."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(overlays / f"{point}.toml", folder / f"{point}.toml")
    path = folder / f"{trial.scenario}.toml"
    path.write_text(study_file(trial, point, controls), encoding="utf-8")
    return path


def control_condition(path: Path, trial: Trial) -> list[dict]:
    """Condition of a control mouse of each study of a file, without the parts that cannot affect it."""
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import load_scenario

    scenario = load_scenario(path, trial.all_sets())
    controls = []
    for each in conditions_of(scenario):
        if each.arm == scenario.arm[0].name and each.mouse == 1:
            condition = each.as_dict()
            for name in ("effectors", "lineage", "drugs"):
                del condition[name]
            for clone in condition["clones"]:
                del clone["direct_effect_max"]
            controls.append(condition)
    return controls


def run_one(path: str, sets: list[str]) -> tuple[int, float, list[str]]:
    """Run a study in this process; returns (mice finished now, processor seconds, errors)."""
    runtime.configure(threads=1)
    from adccsim.execution.study import run_study
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import load_scenario

    file = Path(path)
    start = time.process_time()
    scenario = load_scenario(file, sets)
    outcome = run_study(scenario, conditions_of(scenario), file.name, file.parent, workers=1, threads=1)
    stopped = [f"stopped by signal {outcome.signal}"] if outcome.signal is not None else []
    errors = [*stopped, *(f"{failure.run_id}: {failure.reason}" for failure in outcome.failed)]
    return len(outcome.done), time.process_time() - start, errors


def programme(out: Path, overlays: Path, only: list[str] | None) -> list[tuple[Trial, str, Path]]:
    """(trial, point, scenario file) of every study; writes the files. Raises SystemExit if no overlay of SOME exists.

    Points that calibrate.py could not fit have no overlay and are left out.
    """
    available = sorted(path.stem for path in overlays.glob("n87_*.toml"))
    some = [point for point in SOME if point in available]
    if not some:
        raise SystemExit(f"no overlay {', '.join(SOME)} in {overlays}; run calibrate.py first")
    shown = [SHOWN_ONLY] if (overlays / f"{SHOWN_ONLY}.toml").is_file() else []
    rest = [point for point in available if point not in some]
    points = {ALL_POINTS: [*some, *rest], SOME_POINTS: [*some, *shown], ONE_POINT: some[:1]}
    studies = []
    for trial in trials():
        if only and trial.name not in only and not (trial.scenario in PANEL and "panel" in only):
            continue
        first = None
        for point in points[trial.points]:
            folder = out / trial.name / point
            path = prepare(folder, trial, point, overlays, None)
            control = control_condition(path, trial)
            first, shared = (control, False) if first is None else (first, control == first)
            if shared:
                path = prepare(folder, trial, point, overlays, 1)
            studies.append((trial, point, path))
    return studies


def planned_seconds(path: Path, trial: Trial) -> tuple[int, float]:
    """(mice, processor seconds) as estimated by `adcc check`."""
    from adccsim.scenario.conditions import plan_of
    from adccsim.scenario.load import load_scenario

    plan = plan_of(load_scenario(path, trial.all_sets()))
    return plan.mice, plan.cpu_seconds


def run_all(studies: list[tuple[Trial, str, Path]], workers: int, log: Path) -> bool:
    """Run unfinished studies in parallel; False if one failed. Processor times are appended to the log."""
    plans = {path: planned_seconds(path, trial) for trial, _, path in studies}
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context)
    waiting = {pool.submit(run_one, str(study[2]), study[0].all_sets()): study for study in studies}
    print(f"{len(studies)} studies with {workers} processes; the first ones compile", flush=True)
    try:
        with log.open("a", encoding="utf-8") as notes:
            return _follow(waiting, plans, notes)
    except KeyboardInterrupt:
        print("stopped: finished mice are kept; run the same command to resume", flush=True)
        raise SystemExit(130) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _follow(waiting: dict, plans: dict[Path, tuple[int, float]], notes: TextIO) -> bool:
    """Report and log every study when it finishes; returns whether all succeeded."""
    work, done, success, begun = sum(seconds for _, seconds in plans.values()), 0.0, True, time.monotonic()
    for number, future in enumerate(as_completed(waiting), 1):
        trial, point, path = waiting[future]
        mice, seconds, errors = future.result()
        done += plans[path][1]
        left = (time.monotonic() - begun) * (work - done) / done / 60.0
        spent = f"{mice} mice in {seconds:.0f} s of processor time, about {left:.0f} min left"
        print(f"[{number}/{len(waiting)}] {trial.name} {point}: {spent}", flush=True)
        if mice:
            notes.write(json.dumps({"trial": trial.name, "point": point, "mice": mice, "cpu_s": seconds}) + "\n")
            notes.flush()
        for error in errors:
            print(f"  error: {error}", flush=True)
        success = success and not errors
    return success


def main() -> None:
    """Run the programme and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="processes, one study each")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "headline", help="folder of the runs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder of the table")
    parser.add_argument("--overlays", type=Path, default=OVERLAYS, help="folder with the points of the ridge")
    parser.add_argument("--only", nargs="*", help="trials by name (panel: all designs)")
    parser.add_argument("--check", action="store_true", help="list what would run without running it")
    parser.add_argument("--table", action="store_true", help="run nothing, read existing results")
    args = parser.parse_args()
    studies = programme(args.out, args.overlays, args.only)
    if args.check:
        plans = [planned_seconds(path, trial) for trial, _, path in studies]
        for (trial, point, _), (mice, seconds) in zip(studies, plans, strict=True):
            print(f"{trial.name:18s} {point:22s} {mice:4d} mice {seconds:7.0f} s")
        mice, seconds = (sum(column) for column in zip(*plans, strict=True))
        print(f"{len(studies)} studies, {mice} mice, about {seconds / 60:.0f} min of processor time")
        return
    success = args.table or run_all(studies, args.workers, args.out / "processor_time.jsonl")
    volume = tuple(name for name, design in PANEL.items() if design.outcome == "volume")
    survival = tuple(name for name, design in PANEL.items() if design.outcome == "survival")
    headline_table.write(rows(volume, survival), studies, args.overlays, args.out, args.results)
    sys.exit(0 if success else 1)


if __name__ == "__main__":
    main()
