"""A caliper sheet, or the tidy rows of simulated mice -> tables, figures, exports and a report.

    result = analyse_growth(Path("study.csv"), Path("out"), control="vehicle")

`examine_rows` is the one entry for data of any origin: a reader of simulated mice passes it a DataFrame with the
columns of `caliper_rows.COLUMNS`, and everything after that is the same as for a laboratory's own sheet.
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
from adccsim.analysis.growth.export import file_words, write_kulgap, write_tidy, write_tumgrowth
from adccsim.analysis.growth.report import write_report
from adccsim.analysis.growth.tables import GrowthStudy, analyse_study
from adccsim.analysis.growth.text import design_sheet
from adccsim.analysis.tables import tidy, write_table
from adccsim.text import one_line, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OWN_TABLES = (
    *("mice", "arms", "volumes_by_day", "comparisons", "tests", "response"),
    *("survival", "survival_curve", "combination", "power", "design"),
)


@dataclass
class GrowthResult:
    """What an analysis found; the fields of a well's result, and notes.

    tables    by the name of their CSV file, as written.
    figures   PNG and SVG files; report the HTML file; exports the caliper data for this and other programs.
    problems  one line per thing that could not be used at all; notes what was merged, left aside or not estimable.
    headline  per treated arm the main measures as text, title in headline.attrs["title"]; screen is all of it for a
              terminal, with the mean volume of every arm.
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
        """Mean volumes, measures, p-values, and whose numbers stand in for missing ones, for a terminal."""
        return "\n".join([printable(self.screen), *(f"stand-in: {line}" for line in self.stand_ins)])


def analyse_growth(source: Path, out_dir: Path, control: str | None = None, with_figures: bool = True) -> GrowthResult:
    """Analyse the caliper sheet `source` (tidy or wide CSV), with the design of SOURCE.toml if there is one.

    control: name of the control arm, else the only one called vehicle, control or untreated. with_figures = False draws
    nothing, in a third of the time.
    Raises SheetError (with `problems`, one sentence per fault) and FileNotFoundError before anything is written.
    """
    source = Path(source)
    design = read_design(source.with_suffix(".toml"))
    sheet = read_caliper(source, design.volume_formula)
    notes = [*sheet.notes, *check_magnitudes(sheet.rows, design.loq_mm3)]
    return examine_rows(sheet.rows, design, control, notes, source.stem).write(Path(out_dir), with_figures)


@dataclass
class GrowthAnalysis:
    """All that an analysis of tumour growth computes, before anything is written.

    rows: tidy caliper rows; studies: one for each point of a sweep; points: study -> swept values; notes: what was
    merged, left aside or not estimable.
    """

    rows: pd.DataFrame
    studies: list[GrowthStudy]
    design: GrowthDesign
    notes: list[str]
    title: str
    points: Mapping[str, Mapping]

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table that holds a row, by the name of its CSV file."""
        found = {}
        for name in _OWN_TABLES:
            if name == "design":
                parts = [design_sheet(s, self.design).assign(study=s.name) for s in self.studies]
            else:
                parts = [s.tables[name] for s in self.studies]
            parts = [p for p in parts if len(p)]
            if parts:
                joined = pd.concat([p.astype(object) for p in parts], ignore_index=True).infer_objects()
                joined = joined[["study", *(c for c in joined if c not in ("study", "note")), *_has_note(joined)]]
                found[name] = tidy(with_points(joined, self.points))
        return found

    @cached_property
    def headline(self) -> pd.DataFrame:
        """Per treated arm the main measures as text; its title in headline.attrs["title"]."""
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
        """Mean volumes, measures and p-values, for a terminal."""
        return printable(growth_headline.text(self.headline.attrs["title"], self.studies))

    def figures(self, study: GrowthStudy) -> dict[str, Figure]:
        """Figures of one study by name."""
        from adccsim.analysis.growth.plots import (
            draw_all,  # matplotlib takes a second to load: only who draws pays for it
        )

        return draw_all(study, self.rows[self.rows["study"] == study.name], self.design)

    def write(self, out_dir: Path, with_figures: bool = True, appendix: str = "") -> GrowthResult:
        """Write tables, figures, exports and report.html below out_dir; appendix: a piece of HTML for the report."""
        for folder in ("tables", "figures", "exports"):
            (out_dir / folder).mkdir(parents=True, exist_ok=True)
        for name in _OWN_TABLES:
            path = out_dir / "tables" / f"{name}.csv"
            if name in self.tables:
                write_table(self.tables[name], path)
            else:
                path.unlink(missing_ok=True)
        exports, said = _export(self.rows, self.studies, self.design, out_dir / "exports")
        notes = [*self.notes, *said]
        pngs = self._draw(out_dir / "figures") if with_figures else {}
        figures = [path for of in pngs.values() for png in of.values() for path in (png, png.with_suffix(".svg"))]
        report = write_report(out_dir / "report.html", self.title, self.studies, self.design, pngs, notes, appendix)
        screen = growth_headline.text(self.headline.attrs["title"], self.studies)
        return GrowthResult(dict(self.tables), figures, report, [], self.headline, notes, exports, screen)

    def _draw(self, folder: Path) -> dict[str, dict[str, Path]]:
        """Draw and save all figures; study -> figure name -> PNG file."""
        from adccsim.analysis.figures import save

        pngs: dict[str, dict[str, Path]] = {}
        words = file_words(study.name for study in self.studies)
        for study in self.studies:
            prefix = "" if len(self.studies) == 1 else f"{words[study.name]}_"
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
    rows, said = sheet.rows, list(dict.fromkeys([*notes, *sheet.notes]))
    problems = unknown_arms(design, list(dict.fromkeys(rows["arm"])))
    controls = {}
    for name, own in rows.groupby("study", sort=False):
        try:
            controls[name] = choose_control(list(own["arm"].unique()), control)
        except SheetError as error:
            problems += (
                [f"study {name}: {p}" for p in error.problems] if rows["study"].nunique() > 1 else error.problems
            )
    if problems:
        raise SheetError(problems)
    studies = [
        analyse_study(own.reset_index(drop=True), controls[name], design)
        for name, own in rows.groupby("study", sort=False)
    ]
    for study in studies:
        of = growth_headline.reading_notes(study, rows[rows["study"] == study.name])
        said += [f"study {study.name}, {line}" for line in of] if len(studies) > 1 else of
    title = one_line(design.study.get("title", title))
    return GrowthAnalysis(rows, studies, design, said, title, points or {})


def with_points(table: pd.DataFrame, points: Mapping[str, Mapping]) -> pd.DataFrame:
    """A table with a column `study`, and after it one column for each swept key; points: study -> key -> value."""
    keys = dict.fromkeys(key for values in points.values() for key in values)
    place = list(table).index("study") + 1
    columns = {key: [points.get(name, {}).get(key) for name in table["study"]] for key in keys}
    before, after = table.iloc[:, :place], table.iloc[:, place:]
    return pd.concat([before, pd.DataFrame(columns, index=table.index), after], axis=1)


def _has_note(frame: pd.DataFrame) -> list[str]:
    return ["note"] if "note" in frame else []


def _export(
    rows: pd.DataFrame, studies: list[GrowthStudy], design: GrowthDesign, folder: Path
) -> tuple[list[Path], list[str]]:
    paths, notes = [write_tidy(rows, folder / "caliper.csv"), write_design(design, folder / "caliper.toml")], []
    words = file_words(study.name for study in studies)
    for study in studies:
        own = rows[rows["study"] == study.name]
        word, of_arm = words[study.name], file_words(study.arms)
        path, said = write_tumgrowth(own, study.tables["mice"], folder / f"tumgrowth_{word}.tsv")
        paths.append(path)
        notes += said
        for arm in [a for a in study.arms if a != study.control]:
            kulgap, said = write_kulgap(own, arm, study.control, folder / f"kulgap_{word}_{of_arm[arm]}.csv")
            paths += [kulgap] if kulgap is not None else []
            notes += said
    return paths, notes
