"""A folder of finished in-vitro runs -> tables, figures and a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from adccsim.analysis.assay.caveats import caveats
from adccsim.analysis.assay.controls import PlateControls, controls_table, plate_controls
from adccsim.analysis.assay.dose_response import Curve, dose_response_curves, dose_response_table
from adccsim.analysis.assay.headline import headline_table, headline_text
from adccsim.analysis.assay.killing import killing_table
from adccsim.analysis.assay.kinetics import kinetics_tables
from adccsim.analysis.assay.lysis import lysis_summary, lysis_table
from adccsim.analysis.assay.report import FIGURES, write_report
from adccsim.analysis.assay.viability import viability_tables, viability_wells
from adccsim.analysis.errors import MissingControls
from adccsim.analysis.reading.design import INTERNAL, design_table
from adccsim.analysis.reading.design_point import varied_of
from adccsim.analysis.reading.runs import Study, read_study
from adccsim.analysis.reading.stand_ins import stand_in_lines
from adccsim.analysis.reading.summary import light_study, refresh
from adccsim.analysis.tables import tidy, write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OBSERVABLES = (
    *("signal", "signal_maximum", "signal_blank", "kills", "contacts"),
    *("kills_per_nk", "contacts_per_nk", "granules_left", "time_to_first_kill_h"),
)
# In this order: a comparison is drawn where none of the first three could be.
_DRAWN = ("dose_response", "viability", "et_curve", "comparison", "time_course", "kills_per_nk", "well")
LARGE = 2000  # runs; above it the whole study is no longer held in memory
TABLES = (
    *("lysis", "lysis_summary", "dose_response", "dose_response_donors", "kinetics", "kinetics_summary"),
    *("killing", "viability", "viability_summary", "controls"),
)


@dataclass
class Result:
    """What an analysis found.

    tables    by the name of their CSV file, as written.
    figures   PNG and SVG files; report the HTML file; problems one line per thing that could not be used.
    headline  percent by dose (rows) and E:T (columns) as text, title in headline.attrs["title"].
    """

    tables: dict[str, pd.DataFrame]
    figures: list[Path]
    report: Path
    problems: list[str]
    headline: pd.DataFrame
    stand_ins: list[str]
    analysis: "WellAnalysis"

    def text(self) -> str:
        """The headline, one line per curve, and whose numbers stand in for missing ones, for a terminal."""
        return self.analysis.text()


@dataclass
class WellAnalysis:
    """All that an analysis of wells computes, before anything is written.

    tables: as they are written, by the name of their CSV file. curves, viable: dose response of lysis and of viability.
    caveats: what to keep in mind when the numbers are read. large: a study of more than LARGE runs.
    """

    KIND: ClassVar = "well"
    study: Study
    design: pd.DataFrame
    extra: list[str]
    tables: dict[str, pd.DataFrame]
    curves: list[Curve]
    viable: list[Curve]
    headline: pd.DataFrame
    caveats: list[str]
    large: bool

    @property
    def stand_ins(self) -> list[str]:
        """Whose numbers stand in for missing ones, one line each."""
        return stand_in_lines(self.study.info)

    def text(self) -> str:
        """The headline, one line per curve, and whose numbers stand in for missing ones, for a terminal."""
        nothing = pd.DataFrame()
        fits, viability = (self.tables.get(name, nothing) for name in ("dose_response", "viability_summary"))
        lines = [f"stand-in: {line}" for line in self.stand_ins]
        return "\n".join([headline_text(self.headline, fits, viability), *lines])

    def figure(self, name: str) -> "Figure | None":
        """One of report.FIGURES; None where the study holds nothing to draw."""
        from adccsim.analysis.assay import (  # matplotlib takes a second to load: only who draws pays for it
            picture,
            plots,
        )

        tables, extra, percent = self.tables, self.extra, "{} (%), mean and 95 % CI".format
        makers: dict[str, Callable[[], Figure | None]] = {
            "dose_response": lambda: plots.dose_response_figure(
                self.curves, extra, percent("specific lysis"), "Dose response"
            ),
            "viability": lambda: plots.dose_response_figure(
                self.viable, extra, percent("relative viability"), "Viability"
            ),
            "et_curve": lambda: plots.et_figure(tables["lysis_summary"], extra),
            "comparison": lambda: plots.comparison_figure(tables["lysis_summary"], extra, percent("specific lysis")),
            "time_course": lambda: plots.time_figure(tables["kinetics"], extra),
            "kills_per_nk": lambda: plots.kills_figure(self.study.runs, self.design, extra),
            "well": lambda: picture.well_figure(run) if (run := picture.representative_run(self.study.runs)) else None,
        }
        needed = {"et_curve": "lysis_summary", "comparison": "lysis_summary", "time_course": "kinetics"}
        return makers[name]() if needed.get(name, "") in {"", *tables} else None

    def write(self, out_dir: Path, with_figures: bool = True) -> Result:
        """Write out_dir/tables/*.csv, figures/*.png and *.svg, and report.html."""
        if not self.large:
            refresh(self.study.out_dir)
        _clear(out_dir / "tables", {f"{name}.csv" for name in TABLES})
        for name, table in self.tables.items():
            write_table(table, out_dir / "tables" / f"{name}.csv")
        _clear(out_dir / "figures", {f"{name}.{end}" for name in FIGURES for end in ("png", "svg")})
        figures = self._write_figures(out_dir / "figures") if with_figures and not self.large else {}
        pngs = {name: paths[0] for name, paths in figures.items()}
        report = write_report(
            out_dir / "report.html",
            self.study,
            self.design,
            self.extra,
            self.headline,
            self.tables,
            pngs,
            self.caveats,
        )
        images = [path for paths in figures.values() for path in paths]
        return Result(self.tables, images, report, self.study.problems, self.headline, self.stand_ins, self)

    def _write_figures(self, folder: Path) -> dict[str, list[Path]]:
        from adccsim.analysis.figures import save

        written: dict[str, list[Path]] = {}
        for name in _DRAWN:
            if name == "comparison" and written.keys() & {"dose_response", "viability", "et_curve"}:
                continue
            figure = self.figure(name)
            if figure is not None:
                written[name] = save(figure, folder / name)
        return written


def analyse_wells(out_dir: Path, with_figures: bool = True, processes: int = 1) -> Result:
    """Analyse the runs below out_dir; write out_dir/tables/*.csv, figures/*.png and *.svg, and report.html.

    with_figures = False draws nothing, in a third of the time. processes: as of summary.refresh.
    Every analysis brings out_dir/tables/runs.parquet up to date. Raises as examine_wells does; nothing is written then.
    """
    return examine_wells(out_dir, processes).write(Path(out_dir), with_figures)


def examine_wells(out_dir: Path, processes: int = 1) -> WellAnalysis:
    """Compute what the runs below out_dir say; of a study of at most LARGE runs nothing is written.

    A larger one is analysed from its summary table, out_dir/tables/runs.parquet, which is brought up to date: time
    courses and histograms are not in it, and figures and the intervals of single curves, which cost most, are left out;
    every donor is fitted as ever.
    Files that cannot be used and plates that lack controls are named in `study.problems` and left out.  Raises
    MissingControls where that would leave no plate at all, PooledConditions where runs of two conditions would be
    averaged into one row.
    """
    out_dir = Path(out_dir)
    large = sum(1 for _ in (out_dir / "runs").glob("*/*.h5")) > LARGE
    summary = refresh(out_dir, processes) if large else None
    study = light_study(out_dir, summary) if summary else read_study(out_dir, "well", OBSERVABLES)
    if not study.runs:
        study.problems.append("there is no run to analyse")
    design, extra = design_table(study.runs, summary.varied if summary else varied_of(study.info))
    controls = _usable_controls(study, design)
    tables: dict[str, pd.DataFrame] = {}
    curves: list[Curve] = []
    viable: list[Curve] = []
    headline = pd.DataFrame()
    lysis = lysis_table(study.runs, design, extra, controls)
    if len(lysis):
        curves, by_donor = dose_response_curves(lysis, extra, with_intervals=not large)
        tables["lysis"] = lysis.drop(columns=list(INTERNAL))
        tables["lysis_summary"] = lysis_summary(lysis, extra)
        tables["dose_response"] = dose_response_table(curves, extra)
        if len(by_donor):
            tables["dose_response_donors"] = by_donor
        if not large:
            tables["kinetics"], tables["kinetics_summary"] = kinetics_tables(study.runs, design, extra, controls)
        headline = headline_table(tables["lysis_summary"], extra, "specific lysis (%)")
    killing = pd.DataFrame() if large else killing_table(study.runs, design, extra)
    if len(killing):
        tables["killing"] = killing
    viability = viability_wells(study.runs, design, controls)
    if len(viability):
        tables["viability"], tables["viability_summary"], viable = viability_tables(viability, extra)
        if headline.empty:
            headline = headline_table(tables["viability"], extra, "relative viability (%)")
    if controls:
        tables["controls"] = controls_table(controls, design, extra)
    tables = {name: tidy(table) for name, table in tables.items()}
    said = caveats(study.runs, tables)
    if large:
        said = [
            *said,
            f"More than {LARGE:,} runs: no figures, time courses, killing tables or intervals of single curves",
        ]
    return WellAnalysis(study, design, extra, tables, curves, viable, headline, said, large)


def _usable_controls(study: Study, design: pd.DataFrame) -> dict[str, PlateControls]:
    """Controls of every plate that has them; the others become problems, or the end where no plate is left."""
    try:
        return plate_controls(study.runs, design)
    except MissingControls as error:
        refused = {plate for plate, _, _ in error.missing}
        kept = design[~design["plate"].isin(refused)]
        controls = plate_controls(study.runs, kept)
        if not controls:
            raise
        study.problems += [f"{line}; the plate has no lysis" for line in str(error).split("; ")]
        return controls


def _clear(folder: Path, names: set[str]) -> None:
    """Make the folder, and remove what an earlier analysis of it wrote: no old table beside new ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
