"""Analysis of a caliper sheet, or of tidy rows of simulated mice: tables, figures, exports and a report.

    result = analyse_growth(Path("study.csv"), Path("out"), control="vehicle")

`examine_rows` is the entry point for data of any origin. Simulated mice are passed to it as a DataFrame with the
columns of `caliper_rows.COLUMNS` and are then analysed in the same way as a laboratory's caliper sheet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth import headline as growth_headline
from adccsim.analysis.growth.caliper_rows import check_rows
from adccsim.analysis.growth.caliper_sheet import check_magnitudes, choose_control, read_caliper
from adccsim.analysis.growth.design import GrowthDesign, read_design, unknown_arms, write_design
from adccsim.analysis.growth.export import file_labels, write_kulgap, write_tidy, write_tumgrowth
from adccsim.analysis.growth.report import write_report
from adccsim.analysis.growth.tables import GrowthStudy, analyse_study
from adccsim.analysis.growth.text import design_sheet
from adccsim.analysis.tables import tidy, write_table
from adccsim.text import one_line, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TABLE_NAMES = (
    *("mice", "arms", "volumes_by_day", "comparisons", "tests", "response"),
    *("survival", "survival_curve", "combination", "power", "design"),
)


@dataclass
class GrowthResult:
    """Results of an analysis: the fields of the result of a well study, and notes.

    tables    by the name of their CSV file, as written.
    figures   PNG and SVG files; report: the HTML file; exports: the caliper data for this and other programs.
    problems  one line per input that could not be used; notes: what was merged, ignored or not estimable.
    headline  main measures of each treated arm as text, title in headline.attrs["title"]; screen: the same with the
              mean volume of every arm, as text for a terminal.
    """

    tables: dict[str, pd.DataFrame]
    figures: list[Path]
    report: Path
    problems: list[str]
    headline: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    exports: list[Path] = field(default_factory=list)
    screen: str = ""
    stand_ins: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Mean volumes, measures, p-values and stand-in parameter values, as text for a terminal."""
        return "\n".join([printable(self.screen), *(f"stand-in: {line}" for line in self.stand_ins)])


def analyse_growth(source: Path, out_dir: Path, control: str | None = None, with_figures: bool = True) -> GrowthResult:
    """Analyse the caliper sheet `source` (tidy or wide CSV), with the study design of SOURCE.toml if present.

    control: name of the control arm, else the only one called vehicle, control or untreated. with_figures = False skips
    the figures, which takes a third of the time.
    Raises SheetError (with `problems`, one sentence per error) and FileNotFoundError before anything is written.
    """
    source = Path(source)
    design = read_design(source.with_suffix(".toml"))
    sheet = read_caliper(source, design.volume_formula)
    notes = [*sheet.notes, *check_magnitudes(sheet.rows, design.loq_mm3)]
    return examine_rows(sheet.rows, design, control, notes, source.stem).write(Path(out_dir), with_figures)


@dataclass
class GrowthAnalysis:
    """Results of an analysis of tumour growth, before anything is written.

    rows: tidy caliper rows; studies: one for each point of a sweep; points: study -> swept values; notes: what was
    merged, ignored or not estimable.
    """

    rows: pd.DataFrame
    studies: list[GrowthStudy]
    design: GrowthDesign
    notes: list[str]
    title: str
    points: Mapping[str, Mapping]

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table with at least one row, by the name of its CSV file."""
        tables = {}
        for name in _TABLE_NAMES:
            if name == "design":
                parts = [design_sheet(s, self.design).assign(study=s.name) for s in self.studies]
            else:
                parts = [s.tables[name] for s in self.studies]
            parts = [p for p in parts if len(p)]
            if parts:
                joined = pd.concat([p.astype(object) for p in parts], ignore_index=True).infer_objects()
                joined = joined[["study", *(c for c in joined if c not in ("study", "note")), *_note_column(joined)]]
                tables[name] = tidy(with_points(joined, self.points))
        return tables

    @cached_property
    def headline(self) -> pd.DataFrame:
        """Main measures of each treated arm as text; title in headline.attrs["title"]."""
        studies, title = self.studies, self.title
        headline = pd.concat([growth_headline.headline(s).assign(study=s.name) for s in studies], ignore_index=True)
        if len(studies) == 1:
            headline = headline.drop(columns="study")
            study = studies[0]
            day = "" if study.evaluation_day is None else f", evaluated on day {study.evaluation_day:g}"
            headline.attrs["title"] = f"{title}: treated arms against {study.control}{day} (95 % intervals)"
        else:
            headline.attrs["title"] = f"{title}: treated arms against their controls (95 % intervals)"
        return headline

    def text(self) -> str:
        """Mean volumes, measures and p-values, as text for a terminal."""
        return printable(growth_headline.text(self.headline.attrs["title"], self.studies))

    def figures(self, study: GrowthStudy) -> dict[str, Figure]:
        """Figures of one study by name."""
        from adccsim.analysis.growth.plots import (
            draw_all,  # imported here because matplotlib takes a second to load
        )

        return draw_all(study, self.rows[self.rows["study"] == study.name], self.design)

    def write(self, out_dir: Path, with_figures: bool = True, appendix: str = "") -> GrowthResult:
        """Write tables, figures, exports and report.html into out_dir; appendix: HTML to append to the report."""
        for folder in ("tables", "figures", "exports"):
            (out_dir / folder).mkdir(parents=True, exist_ok=True)
        for name in _TABLE_NAMES:
            path = out_dir / "tables" / f"{name}.csv"
            if name in self.tables:
                write_table(self.tables[name], path)
            else:
                path.unlink(missing_ok=True)
        exports, export_notes = _export(self.rows, self.studies, self.design, out_dir / "exports")
        notes = [*self.notes, *export_notes]
        pngs = self._draw(out_dir / "figures") if with_figures else {}
        figures = [path for drawn in pngs.values() for png in drawn.values() for path in (png, png.with_suffix(".svg"))]
        report = write_report(out_dir / "report.html", self.title, self.studies, self.design, pngs, notes, appendix)
        screen = growth_headline.text(self.headline.attrs["title"], self.studies)
        return GrowthResult(dict(self.tables), figures, report, [], self.headline, notes, exports, screen)

    def _draw(self, folder: Path) -> dict[str, dict[str, Path]]:
        """Draw and save all figures; study -> figure name -> PNG file."""
        from adccsim.analysis.figures import save

        pngs: dict[str, dict[str, Path]] = {}
        labels = file_labels(study.name for study in self.studies)
        for study in self.studies:
            prefix = "" if len(self.studies) == 1 else f"{labels[study.name]}_"
            drawn = self.figures(study)
            pngs[study.name] = {name: save(figure, folder / f"{prefix}{name}")[0] for name, figure in drawn.items()}
        return pngs


def examine_rows(
    rows: pd.DataFrame,
    design: GrowthDesign | None = None,
    control: str | None = None,
    notes: Sequence[str] = (),
    title: str = "Tumour growth",
    points: Mapping[str, Mapping] | None = None,
) -> GrowthAnalysis:
    """Analyse tidy rows (columns of `caliper_rows.COLUMNS`) of one study or several; nothing is written.

    points: study -> swept values, which become columns. Raises SheetError.
    """
    sheet = check_rows(rows)
    design = (design or GrowthDesign()).spelt_as(list(dict.fromkeys(sheet.rows["arm"])))
    rows, all_notes = sheet.rows, list(dict.fromkeys([*notes, *sheet.notes]))
    problems = unknown_arms(design, list(dict.fromkeys(rows["arm"])))
    controls = {}
    for name, group in rows.groupby("study", sort=False):
        try:
            controls[name] = choose_control(list(group["arm"].unique()), control)
        except SheetError as error:
            problems += (
                [f"study {name}: {p}" for p in error.problems] if rows["study"].nunique() > 1 else error.problems
            )
    if problems:
        raise SheetError(problems)
    studies = [
        analyse_study(group.reset_index(drop=True), controls[name], design)
        for name, group in rows.groupby("study", sort=False)
    ]
    for study in studies:
        notes = growth_headline.reading_notes(study, rows[rows["study"] == study.name])
        all_notes += [f"study {study.name}, {line}" for line in notes] if len(studies) > 1 else notes
    title = one_line(design.study.get("title", title))
    return GrowthAnalysis(rows, studies, design, all_notes, title, points or {})


def with_points(table: pd.DataFrame, points: Mapping[str, Mapping]) -> pd.DataFrame:
    """`table` with one column for each swept key after its column `study`; points: study -> key -> value."""
    keys = dict.fromkeys(key for values in points.values() for key in values)
    place = list(table).index("study") + 1
    columns = {key: [points.get(name, {}).get(key) for name in table["study"]] for key in keys}
    before, after = table.iloc[:, :place], table.iloc[:, place:]
    return pd.concat([before, pd.DataFrame(columns, index=table.index), after], axis=1)


def _note_column(frame: pd.DataFrame) -> list[str]:
    return ["note"] if "note" in frame else []


def _export(
    rows: pd.DataFrame, studies: list[GrowthStudy], design: GrowthDesign, folder: Path
) -> tuple[list[Path], list[str]]:
    paths, notes = [write_tidy(rows, folder / "caliper.csv"), write_design(design, folder / "caliper.toml")], []
    labels = file_labels(study.name for study in studies)
    for study in studies:
        of_study = rows[rows["study"] == study.name]
        label, arm_labels = labels[study.name], file_labels(study.arms)
        path, omitted = write_tumgrowth(of_study, study.tables["mice"], folder / f"tumgrowth_{label}.tsv")
        paths.append(path)
        notes += omitted
        for arm in [a for a in study.arms if a != study.control]:
            kulgap_path = folder / f"kulgap_{label}_{arm_labels[arm]}.csv"
            kulgap, omitted = write_kulgap(of_study, arm, study.control, kulgap_path)
            paths += [kulgap] if kulgap is not None else []
            notes += omitted
    return paths, notes
