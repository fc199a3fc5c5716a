"""Simulated mice: run files of a study -> tidy caliper rows, analysed in the same way as a laboratory's caliper sheet.

    result = analyse_mice(Path("results/nci_n87_trastuzumab"))

The volumes analysed are the simulated caliper readings, never the true volumes; tables/tumours.csv and the report hold
both, with what only a simulation knows (cells, kills, occupancy, HER2 at the end).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from adccsim.analysis.errors import ForeignFile, PooledConditions, SheetError
from adccsim.analysis.growth.caliper_rows import COLUMNS
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.study import GrowthAnalysis, GrowthResult, examine_rows, with_points
from adccsim.analysis.html import render
from adccsim.analysis.reading.run_file import opened
from adccsim.analysis.reading.runs import Run, Study, read_study
from adccsim.analysis.reading.stand_ins import stand_in_lines, stand_in_table
from adccsim.analysis.tables import tidy, write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_READINGS = ("day", "volume_caliper_mm3", "volume_true_mm3")
HER2_CLASSES = ("0", "1+", "2+", "3+")
_SIMULATED = {
    "sex": "not part of the simulation",
    "blinding": "not applicable: simulated calipers with measurement error",
    "allocation_unit": "mouse",
    "ethics": "no animals used: simulated mice",
}
_PICTURES = {
    "inside": "Inside the tumours: means over the mice of an arm; a line ends when the first mouse leaves the study.",
    "slices": "Central section of the first mouse of each arm at the end; each pixel is a patch (64 cells).",
}


class Unit(NamedTuple):
    """One mouse of one study: its run, the study (named after the point of the sweep), its arm and its number."""

    run_id: str
    study: str
    arm: str
    mouse: int


@dataclass
class MiceAnalysis:
    """Results of an analysis of simulated mice, before anything is written.

    units: the mice in the order of the scenario. growth: analysis of their caliper data. tumours: one row per mouse.
    """

    KIND: ClassVar = "xenograft"
    study: Study
    units: list[Unit]
    growth: GrowthAnalysis
    tumours: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by the name of its CSV file."""
        return {**self.growth.tables, "tumours": tidy(self.tumours)}

    @property
    def headline(self) -> pd.DataFrame:
        """Main measures of each treated arm, as text."""
        return self.growth.headline

    @property
    def stand_ins(self) -> list[str]:
        """One line for each parameter whose value is taken from another source as a stand-in."""
        return stand_in_lines(self.study.info)

    def text(self) -> str:
        """Mean volumes, measures, p-values and stand-in parameter values, as text for a terminal."""
        return "\n".join([self.growth.text(), *(f"stand-in: {line}" for line in self.stand_ins)])

    def pictures(self) -> dict[str, Figure]:
        """Figures that exist only for simulated tumours, by name."""
        from adccsim.analysis.growth import (
            mice_pictures,  # imported here because matplotlib takes a second to load
        )

        runs = {run.run_id: run for run in self.study.runs}
        arms: dict[str, list[Run]] = {}
        several = len({unit.study for unit in self.units}) > 1
        for run_id, name, arm, _ in self.units:
            arms.setdefault(f"{name}: {arm}" if several else arm, []).append(runs[run_id])
        figures = {"inside": mice_pictures.inside_figure(arms), "slices": mice_pictures.slices_figure(arms)}
        return {name: figure for name, figure in figures.items() if figure is not None}

    def write(self, out_dir: Path, with_figures: bool = True) -> GrowthResult:
        """Write tables, figures, exports and report.html into out_dir."""
        pictures = self._save_pictures(out_dir / "figures") if with_figures else {}
        result = self.growth.write(out_dir, with_figures, _appendix(self.study, self.tumours, pictures))
        result.tables["tumours"] = write_table(self.tumours, out_dir / "tables" / "tumours.csv")
        result.figures += pictures.values()
        result.problems += self.study.problems
        result.stand_ins = self.stand_ins
        return result

    def _save_pictures(self, folder: Path) -> dict[str, Path]:
        from adccsim.analysis.figures import save

        folder.mkdir(parents=True, exist_ok=True)
        return {name: save(figure, folder / name)[0] for name, figure in self.pictures().items()}


def analyse_mice(out_dir: Path, with_figures: bool = True) -> GrowthResult:
    """Analyse the run files of a study in mice and write the results into its folder. Raises as examine_mice does."""
    return examine_mice(out_dir).write(Path(out_dir), with_figures)


def examine_mice(out_dir: Path, processes: int = 1) -> MiceAnalysis:
    """Compute what the run files of a study in mice say; nothing is written.

    processes: as of examine_wells; a study in mice is read by one. Runs that cannot be used are named in
    `study.problems`. Raises SheetError where there is no mouse at all, or where mice of two design points would stand
    in one arm of one study.
    """
    out_dir = Path(out_dir)
    study = read_study(out_dir, "xenograft")
    _leave_out_unreadable(study)
    if not study.runs:
        raise SheetError(["no mouse: this study has no complete run file", *study.problems])
    units, points = units_of(study), study_points(study)
    title = str(study.info.get("title") or study.info.get("scenario_file") or out_dir.resolve().name)
    growth = examine_rows(caliper_rows(study, units), design_of(study), title=title, points=points)
    return MiceAnalysis(study, units, growth, with_points(tumour_table(study, units), points))


def _leave_out_unreadable(study: Study) -> None:
    """Drop and report runs whose caliper data cannot be read: files of layout 1 have no seal that reveals damage."""
    readable = []
    for run in study.runs:
        try:
            with opened(run.path) as file:
                lengths = {len(file[f"calipers/{name}"][()]) for name in _READINGS}
                float(file["meta"].attrs["end_day"]), str(file["meta"].attrs["end"])
                if len(lengths) != 1 or 0 in lengths:
                    raise ForeignFile("caliper data differ in length")
        except ForeignFile as error:
            study.problems.append(f"{run.path.relative_to(study.out_dir)}: {error}; skipped")
        else:
            readable.append(run)
    study.runs = readable


def caliper_rows(study: Study, units: Sequence[Unit] | None = None) -> pd.DataFrame:
    """Tidy rows (columns of caliper_rows.COLUMNS) of all mice, in the order of the scenario.

    event is "endpoint" at the reading at which a mouse leaves. units: from units_of.
    """
    units = units or units_of(study)
    runs = {run.run_id: run for run in study.runs}
    parts = []
    for run_id, name, arm, mouse in units:
        with opened(runs[run_id].path) as file:
            day = file["calipers/day"][()]
            volume = file["calipers/volume_caliper_mm3"][()]
            weight = file["calipers/body_weight_g"][()] if "calipers/body_weight_g" in file else np.nan
            reached = file["meta"].attrs["end"] == "endpoint"
        event = [""] * len(day)
        if reached and len(event):
            event[-1] = "endpoint"
        parts.append(
            pd.DataFrame(
                {"study": name, "arm": arm, "mouse": str(mouse), "day": day, "volume_mm3": volume, "event": event}
                | {"body_weight_g": weight}
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    rows["reason"] = np.where(rows["event"] == "endpoint", "caliper volume", "")
    return rows[list(COLUMNS)]


def design_of(study: Study) -> GrowthDesign:
    """Study design and rules of analysis of a simulated study, from the conditions of its runs."""
    first = study.runs[0].condition
    lines = dict.fromkeys(_tumour_text(run.condition) for run in study.runs)
    strains = dict.fromkeys(run.condition["strain"]["name"] for run in study.runs)
    endpoint = first["study"]["endpoint_mm3"]
    texts = {
        "cell_line": "; ".join(lines),
        "strain": ", ".join(strains),
        "randomisation": "mice are drawn and enrolled by caliper volume, arm by arm",
        "end_point_rule": f"a mouse leaves at the first caliper volume of {endpoint:g} mm³ or more",
        **_SIMULATED,
    }
    if study.info.get("title"):
        texts["title"] = str(study.info["title"])
    return GrowthDesign(
        study=texts,
        arms={run.condition["arm"]: _arm_items(run.condition) for run in study.runs},
        endpoint_mm3=endpoint,
        loq_mm3=first["study"]["limit_of_quantification_mm3"],
        paired=first["random"] == "paired",
    )


def tumour_table(study: Study, units: Sequence[Unit] | None = None) -> pd.DataFrame:
    """One row per mouse: state of its tumour at the end, and the random factors of the mouse."""
    units = units or units_of(study)
    runs = {run.run_id: run for run in study.runs}
    rows = []
    for run_id, name, arm, mouse in units:
        run = runs[run_id]
        with opened(run.path) as file:
            end_day = float(file["meta"].attrs["end_day"])
            read, true = (file[f"calipers/volume_{kind}_mm3"][()] for kind in ("caliper", "true"))
        row: dict[str, object] = {"study": name, "arm": arm, "mouse": mouse, "run_id": run_id, "end_day": end_day}
        row |= {f"factor_{what}": value for what, value in run.condition["mouse_factors"].items()}
        row |= {"volume_caliper_mm3": read[-1], "volume_true_mm3": true[-1]}
        for observable, series in run.observables.items():
            last = series.last
            if np.ndim(last) == 0 and observable != "volume_true_mm3":
                row[observable] = float(last)
        if "her2_fractions" in run.observables:
            fractions = run.observables["her2_fractions"].value[-1]
            row |= {f"her2_{label}": fraction for label, fraction in zip(HER2_CLASSES, fractions, strict=True)}
        if "occupancy_mean" in run.observables:
            row["occupancy_mean_highest"] = float(np.max(run.observables["occupancy_mean"].value))
        rows.append(row)
    return pd.DataFrame(rows)


def units_of(study: Study) -> list[Unit]:
    """The mice that have a run, in the order of the scenario; without study.json, by the arms and numbers of the runs.

    Raises PooledConditions if mice of one arm and study, or two runs of one mouse, differ in their design point.
    """
    title = str(study.info.get("title") or study.out_dir.resolve().name)
    runs = {run.run_id: run.condition for run in study.runs}
    listed = study.info.get("conditions")
    if listed:
        units = [Unit(each["run_id"], each["study"] or title, each["arm"], each["mouse"]) for each in listed]
    else:
        units = [Unit(run_id, title, condition["arm"], condition["mouse"]) for run_id, condition in runs.items()]
        units.sort(key=lambda unit: (unit.arm, unit.mouse))
    units = [unit for unit in units if unit.run_id in runs]
    arms: dict[tuple[str, str], tuple[str, str]] = {}
    mice: dict[tuple, str] = {}
    for unit in units:
        point = mouse_point(runs[unit.run_id])
        first, first_point = arms.setdefault((unit.study, unit.arm), (unit.run_id, point))
        if first_point != point:
            raise PooledConditions(f"study {unit.study}, arm {unit.arm}", first, unit.run_id)
        twin = mice.setdefault(unit[1:], unit.run_id)
        if twin != unit.run_id:
            raise PooledConditions(f"study {unit.study}, arm {unit.arm}, mouse {unit.mouse}", twin, unit.run_id)
    return units


def mouse_point(condition: Mapping) -> str:
    """The design point of a mouse as text: what all mice of its arm have in common.

    `lineage` identifies tumour and strain before mice differ; points that differ only in a swept mean or spread of a
    quantity drawn per mouse are distinguished by the name of their study alone.
    """
    plan = {name: value for name, value in condition["study"].items() if name != "body_weight"}
    shared = {name: condition.get(name) for name in ("seed", "random", "lineage", "doses", "strain", "checkpoint")}
    return json.dumps([shared, plan], sort_keys=True)


def study_points(study: Study) -> dict[str, dict]:
    """Study name -> swept values; empty if nothing is swept or study.json does not say."""
    points = study.info.get("studies") or {}
    return {name: values for name, values in points.items() if values}


def _tumour_text(condition: Mapping) -> str:
    parts = []
    for clone in condition["clones"]:
        text = clone["cell_line"]
        text += "" if clone["mechanism"] == "none" else f" with {clone['mechanism']}"
        text += "" if clone["fraction"] == 1 else f" ({100 * clone['fraction']:g} %)"
        parts.append(text)
    fraction = condition["tumour"]["fraction_simulated"]
    size = "all cells simulated" if fraction == 1 else f"{100 * fraction:g} % of the cells simulated"
    return f"{' + '.join(parts)}, {size}"


def _arm_items(condition: Mapping) -> dict[str, str]:
    """Drug, dose, route and schedule of an arm; loading and maintenance doses are listed separately."""
    days: dict[tuple, list[float]] = {}
    for dose in condition["doses"]:
        days.setdefault((dose["drug"], dose["mg_per_kg"], dose["route"]), []).append(dose["day"])
    if not days:
        return {"drug": "none", "dose": "none", "route": "none", "schedule": "none"}
    return {
        "drug": ", ".join(dict.fromkeys(drug for drug, _, _ in days)),
        "dose": ", ".join(f"{drug} {mg:g} mg/kg" for drug, mg, _ in days),
        "route": ", ".join(dict.fromkeys(route for _, _, route in days)),
        "schedule": "; ".join(f"{drug} {mg:g}: day {_days_text(on)}" for (drug, mg, _), on in days.items()),
    }


def _days_text(days: list[float]) -> str:
    if len(days) > 8:
        return f"{days[0]:g} to {days[-1]:g}, {len(days)} times"
    return ", ".join(f"{day:g}" for day in days)


def _appendix(study: Study, tumours: pd.DataFrame, pictures: dict[str, Path]) -> str:
    """The part of the report that exists only for simulated mice."""
    shown = [c for c in _END_COLUMNS if c in tumours]
    means = tumours.groupby(["study", "arm"], sort=False)[shown].mean().reset_index()
    if means["study"].nunique() == 1:
        means = means.drop(columns="study")
    means = means.rename(columns={c: _END_COLUMNS[c] for c in shown})
    for column in means.select_dtypes("number"):
        means[column] = means[column].map(_digits)
    overrides = pd.DataFrame(study.info.get("in_vivo_overrides") or [])
    if not overrides.empty:
        for column in ("well", "mouse"):
            overrides[column] = overrides[column].map(_digits)
    return render(
        "mice.html",
        figures=[(path, _PICTURES[name]) for name, path in pictures.items()],
        means=means,
        overrides=overrides,
        stand_in_table=stand_in_table(study.info),
        scenario_text=str(study.info.get("scenario") or ""),
    )


def _digits(value: float) -> str:
    """1,060 and 0.0125: a number without powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_END_COLUMNS = {
    "end_day": "day",
    "volume_true_mm3": "true volume (mm³)",
    "volume_caliper_mm3": "caliper volume (mm³)",
    "cells_alive": "living cells",
    "kills_nk": "killed by NK",
    "kills_myeloid": "killed by myeloid cells",
    "kills_human_nk": "killed by human NK",
    "hypoxic_fraction": "hypoxic fraction",
    "patch_max": "fullest patch (64 nominal)",
    "axis_ratio": "axis ratio",
    "her2_0": "HER2 0",
    "her2_1+": "HER2 1+",
    "her2_2+": "HER2 2+",
    "her2_3+": "HER2 3+",
}
