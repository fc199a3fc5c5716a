"""Table of the headline programme from its run files: published, simulated with interval, agreement."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pandas as pd
from headline_judges import COUNTED, Mice, Result, Row

from adccsim.analysis.growth import measures as tumour_growth
from adccsim.analysis.growth import tables as growth_tables
from adccsim.analysis.growth.mice import caliper_rows, design_of
from adccsim.analysis.reading.runs import Study, read_study
from adccsim.version import XENOGRAFT_MODEL, __version__

CONTROL = "vehicle"
RIDGE = "n87_"  # points with this prefix are assessed, others only shown
AGREES, IN_PART, NOT, NOT_RUN = "agrees", "in part", "does not agree", "not run"


def read(studies: Sequence, problems: list[str]) -> dict[str, dict[str, Mice]]:
    """point -> name of a study -> its mice, from the run files of (trial, point, scenario file); complete ones only."""
    by_point: dict[str, dict[str, Mice]] = {}
    controls: dict[str, pd.DataFrame] = {}
    for trial, point, path in studies:
        study = read_study(path.parent, "xenograft")
        if study.problems or not study.runs:
            problems += [f"{trial.name} {point}: {problem}" for problem in study.problems or ["no run file"]]
            continue
        rows = caliper_rows(study)
        parts = {str(name): part for name, part in rows.groupby("study", sort=False)}
        for name, part in parts.items():
            key = trial.name if len(parts) == 1 else f"{trial.name}: {name}"
            control = part[part["arm"] == CONTROL]
            first = controls.setdefault(key, control)
            if control["mouse"].nunique() < first["mouse"].nunique():
                part = pd.concat([first, part[part["arm"] != CONTROL]], ignore_index=True)
            by_point.setdefault(point, {})[key] = mice_of(part.reset_index(drop=True), study)
    return by_point


def mice_of(rows: pd.DataFrame, study: Study) -> Mice:
    """The mice of one study, by the rules of `analysis`."""
    design = design_of(study)
    baseline = tumour_growth.choose_baseline_day(rows)
    evaluation = tumour_growth.choose_evaluation_day(rows, CONTROL, baseline)
    table = growth_tables.mouse_table(rows, CONTROL, design, baseline, evaluation)
    return Mice(CONTROL, rows, table, design.loq_mm3)


def judged(row: Row, by_point: dict[str, dict[str, Mice]]) -> dict[str, Result]:
    """point -> result of the row, for every point with all its studies."""
    return {point: row.judge(of) for point, of in by_point.items() if all(trial in of for trial in row.trials)}


def assessment(results: dict[str, Result]) -> str:
    """Agreement of a row over its points."""
    if not results:
        return NOT_RUN
    holds = sum(result.holds for result in results.values())
    return AGREES if holds == len(results) else IN_PART if holds else NOT


def interval(results: dict[str, Result]) -> tuple[float, float, float] | None:
    """(median of the points, lowest limit, highest limit) over points and mice; None without values."""
    numbers = [result for result in results.values() if math.isfinite(result.value)]
    if not numbers:
        return None
    low = min(result.value if result.low is None else result.low for result in numbers)
    high = max(result.value if result.high is None else result.high for result in numbers)
    return median(result.value for result in numbers), low, high


def size_error(by_point: dict[str, dict[str, Mice]], fractions: tuple[float, float], point: str) -> dict | None:
    """T/C of LCC6-HER2 at two fractions and, linear in 1 / radius, of the whole tumour; None if not run."""
    of = by_point.get(point, {})
    if not {"lcc6", "lcc6_size"} <= of.keys():
        return None
    small, large = (of[name].tc("trastuzumab") for name in ("lcc6", "lcc6_size"))
    x = [fraction ** (-1.0 / 3.0) for fraction in fractions]
    whole = large.value + (large.value - small.value) * (x[1] - 1.0) / (x[0] - x[1])
    keys = ("value", "low", "high")
    return {
        "fractions": list(fractions),
        "tc_pct": [{key: getattr(each, key) for key in keys} for each in (small, large)],
        "extrapolated_tc_pct": whole,
        "note": "same mice at both sizes; error of the extrapolation not given, about that of the two figures together",
    }


def entry(row: Row, by_point: dict[str, dict[str, Mice]]) -> dict:
    """A row of the JSON file."""
    shown = judged(row, by_point)
    assessed = {point: result for point, result in shown.items() if point.startswith(RIDGE)}
    limits = interval(assessed)
    finite = {p: {k: _number(getattr(s, k)) for k in ("value", "low", "high")} for p, s in shown.items()}
    return {
        "name": row.name,
        "figure": row.figure,
        "published": row.published,
        "source": row.source,
        "rule": row.rule,
        "standing": row.standing,
        "why_not_counted": row.why,
        "verdict": assessment(assessed),
        "unit": next((result.unit for result in assessed.values()), ""),
        "points_that_agree": sum(bool(result.holds) for result in assessed.values()),  # may be numpy bools
        "points": {p: {**finite[p], "agrees": bool(s.holds), "words": s.text} for p, s in shown.items()},
        "points_judged": len(assessed),
        "simulated": None if limits is None else dict(zip(("median", "low", "high"), limits, strict=True)),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def calibration_rows(overlays: Path) -> list[dict]:
    """Fits of the points with target and result, from the file of calibrate.py; empty without that file."""
    path = overlays / "calibration.json"
    if not path.is_file():
        return []
    fits = json.loads(path.read_text(encoding="utf-8"))
    fits = fits if isinstance(fits, list) else fits.get("fits", [])
    return [row for row in fits if {"fit", "volume_mm3", "asked_mm3"} <= row.keys()]


def write(table: list[Row], studies: Sequence, overlays: Path, out: Path, results: Path) -> dict:
    """Read all studies, assess all rows, write xenograft_headline.json and .md into `results`, and print the table."""
    problems: list[str] = []
    by_point = read(studies, problems)
    entries = [entry(row, by_point) for row in table]
    counted = [each["verdict"] for each in entries if each["standing"] == COUNTED]
    fractions = tuple(trial.fraction for name in ("lcc6", "lcc6_size") for trial, _, _ in studies if trial.name == name)
    fractions = tuple(dict.fromkeys(fractions))
    first = studies[0][1]
    times = out / "processor_time.jsonl"
    spent = [json.loads(line) for line in times.read_text().splitlines()] if times.exists() else []
    document = {
        "title": "Headline figures of the literature, predicted without fitting",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"adccsim": __version__, "model": XENOGRAFT_MODEL},
        "first": first,
        "points": sorted({point for _, point, _ in studies}),
        "mice": sum(each["mice"] for each in spent),
        "processor_time_s": round(sum(each["cpu_s"] for each in spent)),
        "load_average": round(os.getloadavg()[0], 2),
        "counted": {status: counted.count(status) for status in (AGREES, IN_PART, NOT, NOT_RUN)},
        "rows": entries,
        "calibration": calibration_rows(overlays),
        "size": size_error(by_point, fractions, first) if len(fractions) == 2 else None,
        "fractions": {trial.name: trial.fraction for trial, _, _ in studies},
        "problems": problems,
    }
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (results / "xenograft_headline.json").write_text(text + "\n", encoding="utf-8")
    page = markdown(document)
    (results / "xenograft_headline.md").write_text(page, encoding="utf-8")
    print(page)
    return document


def markdown(document: dict) -> str:
    """The document as a Markdown page."""
    counted, versions = document["counted"], document["versions"]
    lines = [
        f"# {document['title']}",
        "",
        f"Model `{versions['model']}`, {document['mice']:,} mice in {document['processor_time_s'] / 60:.0f} min of "
        f"processor time, {document['written'][:10]}. Every row is assessed at each point of the NCI-N87 ridge "
        "(`benchmarks/xenograft_growth/overlays`) by the rule stated in "
        "`benchmarks/xenograft_growth/headline_rows.py`; rules and scenarios were committed before the first "
        "run. *agrees*: at every point; *in part*: at some.",
        "",
        f"Counted rows: {counted[AGREES]} agree at every point, {counted[IN_PART]} in part, {counted[NOT]} do not "
        f"agree{', ' + str(counted[NOT_RUN]) + ' not run' if counted[NOT_RUN] else ''}.",
        "",
        "| figure | published | simulated: median of the points, lowest to highest limit | agrees | at points |",
        "| --- | --- | --- | --- | --- |",
    ]
    entries = document["rows"]
    for each in sorted(entries, key=lambda each: each["standing"] != COUNTED):
        status = each["verdict"] if each["standing"] == COUNTED else f"{each['verdict']} ({each['standing']})"
        cells = (each["figure"], f"{each['published']}; {each['source']}", _simulated(each), status)
        lines.append(f"| {' | '.join(cells)} | {each['points_that_agree']} of {each['points_judged']} |")
    for fit in document["calibration"]:
        volumes = f"{fit['asked_mm3']:.0f} mm³", f"{fit['volume_mm3']:.0f} mm³"
        lines.append(f"| {fit['fit']} | {volumes[0]} | {volumes[1]} | calibration | - |")
    lines += ["", "Not counted, because an input determines the row:", ""]
    lines += [f"- {each['figure']}: {each['why_not_counted']}" for each in entries if each["why_not_counted"]]
    size = document["size"]
    if size is not None:
        small, large = size["tc_pct"]
        lines += [
            "",
            f"Effect of the simulated fraction, on LCC6-HER2 at {document['first']}: T/C {small['value']:.1f} % at a "
            f"fraction of {size['fractions'][0]:g}, {large['value']:.1f} % at {size['fractions'][1]:g}; extrapolated "
            f"linearly in 1 / radius, {size['extrapolated_tc_pct']:.1f} % for the whole tumour.",
        ]
    lines += ["", "## Rules", ""]
    lines += [f"- {each['figure']}: {each['rule']}" for each in entries]
    names = [point.removeprefix("n87_") for point in document["points"]]
    lines += ["", "## By point", "", "| figure | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for each in entries:
        cells = [
            f"{seen['words']}{'' if seen['agrees'] else ' ✗'}" if (seen := each["points"].get(point)) else "-"
            for point in document["points"]
        ]
        lines.append(f"| {each['figure']} | {' | '.join(cells)} |")
    lines += [
        "",
        "✗: the row does not hold at this point; bt474 (effector density fitted to BT-474) is not assessed. "
        "In parentheses: 95 % intervals over mice or designs.",
    ]
    if document["problems"]:
        lines += ["", f"Could not be read: {len(document['problems'])} studies, the first: {document['problems'][0]}"]
    return "\n".join(lines) + "\n"


def _simulated(each: dict) -> str:
    limits = each["simulated"]
    if limits is None:
        return next((seen["words"] for seen in each["points"].values()), "-")
    middle, low, high = (f"{limits[name]:.3g}" for name in ("median", "low", "high"))
    return f"{middle} ({low} to {high}) {each['unit']}".strip()
