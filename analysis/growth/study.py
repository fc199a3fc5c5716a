"""A caliper sheet, or the tidy rows of simulated mice -> tables, figures, exports and a report.

    result = analyse_growth(Path("study.csv"), Path("out"), control="vehicle")

`analyse_rows` is the one entry for data of any origin: a reader of simulated mice passes it a DataFrame with the
columns of `caliper_rows.COLUMNS`, and everything after that is the same as for a laboratory's own sheet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.errors import SheetFault
from analysis.growth import headline as growth_headline
from analysis.growth.caliper_rows import check_rows
from analysis.growth.caliper_sheet import check_magnitudes, choose_control, read_caliper
from analysis.growth.design import GrowthDesign, read_design, unknown_arms, write_design
from analysis.growth.export import file_words, write_kulgap, write_tidy, write_tumgrowth
from analysis.growth.report import write_report
from analysis.growth.tables import GrowthStudy, analyse_study
from analysis.growth.text import design_sheet
from analysis.tables import write_table
from simulation.text import one_line, printable

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
    Raises SheetFault (with `problems`, one sentence per fault) and FileNotFoundError before anything is written.
    """
    source = Path(source)
    design = read_design(source.with_suffix(".toml"))
    sheet = read_caliper(source, design.volume_formula)
    notes = [*sheet.notes, *check_magnitudes(sheet.rows, design.loq_mm3)]
    return analyse_rows(sheet.rows, out_dir, design, control, notes, source.stem, with_figures)


def analyse_rows(
    rows: pd.DataFrame,
    out_dir: Path,
    design: GrowthDesign | None = None,
    control: str | None = None,
    notes: Sequence[str] = (),
    title: str = "Tumour growth",
    with_figures: bool = True,
    appendix: str = "",
    points: Mapping[str, Mapping] | None = None,
) -> GrowthResult:
    """Analyse tidy rows (columns of `caliper_rows.COLUMNS`) of one study or several; write everything below out_dir.

    appendix: a piece of HTML (analysis.html) for the report. points: study -> swept values, which become columns.
    Raises SheetFault before anything is written.
    """
    sheet = check_rows(rows)
    design = (design or GrowthDesign()).spelt_as(list(dict.fromkeys(sheet.rows["arm"])))
    rows, said = sheet.rows, list(dict.fromkeys([*notes, *sheet.notes]))
    problems = unknown_arms(design, list(dict.fromkeys(rows["arm"])))
    controls = {}
    for name, own in rows.groupby("study", sort=False):
        try:
            controls[name] = choose_control(list(own["arm"].unique()), control)
        except SheetFault as error:
            problems += (
                [f"study {name}: {p}" for p in error.problems] if rows["study"].nunique() > 1 else error.problems
            )
    if problems:
        raise SheetFault(problems)
    studies = [
        analyse_study(own.reset_index(drop=True), controls[name], design)
        for name, own in rows.groupby("study", sort=False)
    ]
    for study in studies:
        of = growth_headline.reading_notes(study, rows[rows["study"] == study.name])
        said += [f"study {study.name}, {line}" for line in of] if len(studies) > 1 else of
    title = one_line(design.study.get("title", title))
    return _write(rows, studies, design, Path(out_dir), said, title, with_figures, appendix, points or {})


def with_points(table: pd.DataFrame, points: Mapping[str, Mapping]) -> pd.DataFrame:
    """A table with a column `study`, and after it one column for each swept key; points: study -> key -> value."""
    keys = dict.fromkeys(key for values in points.values() for key in values)
    place = list(table).index("study") + 1
    columns = {key: [points.get(name, {}).get(key) for name in table["study"]] for key in keys}
    before, after = table.iloc[:, :place], table.iloc[:, place:]
    return pd.concat([before, pd.DataFrame(columns, index=table.index), after], axis=1)


def _write(
    rows: pd.DataFrame,
    studies: list[GrowthStudy],
    design: GrowthDesign,
    out_dir: Path,
    notes: list[str],
    title: str,
    with_figures: bool,
    appendix: str,
    points: Mapping[str, Mapping],
) -> GrowthResult:
    for folder in ("tables", "figures", "exports"):
        (out_dir / folder).mkdir(parents=True, exist_ok=True)
    tables: dict[str, pd.DataFrame] = {}
    for name in _OWN_TABLES:
        if name == "design":
            parts = [design_sheet(s, design).assign(study=s.name) for s in studies]
        else:
            parts = [s.tables[name] for s in studies]
        parts = [p for p in parts if len(p)]
        if parts:
            joined = pd.concat([p.astype(object) for p in parts], ignore_index=True).infer_objects()
            joined = joined[["study", *(c for c in joined if c not in ("study", "note")), *_has_note(joined)]]
            tables[name] = write_table(with_points(joined, points), out_dir / "tables" / f"{name}.csv")
        else:
            (out_dir / "tables" / f"{name}.csv").unlink(missing_ok=True)
    exports, said = _export(rows, studies, design, out_dir / "exports")
    notes += said
    pngs = _draw(rows, studies, design, out_dir / "figures") if with_figures else {}
    figures = [path for of in pngs.values() for png in of.values() for path in (png, png.with_suffix(".svg"))]
    headline = pd.concat([growth_headline.headline(s).assign(study=s.name) for s in studies], ignore_index=True)
    if len(studies) == 1:
        headline = headline.drop(columns="study")
        study = studies[0]
        day = "" if study.evaluation_day is None else f", evaluated on day {study.evaluation_day:g}"
        headline.attrs["title"] = f"{title}: treated arms against {study.control}{day} (95 % intervals)"
    else:
        headline.attrs["title"] = f"{title}: treated arms against their controls (95 % intervals)"
    report = write_report(out_dir / "report.html", title, studies, design, pngs, notes, appendix)
    screen = growth_headline.text(headline.attrs["title"], studies)
    return GrowthResult(tables, figures, report, [], headline, notes, exports, screen)


def _draw(
    rows: pd.DataFrame, studies: list[GrowthStudy], design: GrowthDesign, folder: Path
) -> dict[str, dict[str, Path]]:
    """Draw and save all figures; study -> figure name -> PNG file."""
    # matplotlib takes a second to load: only what draws pays for it.
    from analysis.figures import save
    from analysis.growth.plots import draw_all

    pngs: dict[str, dict[str, Path]] = {}
    words = file_words(study.name for study in studies)
    for study in studies:
        prefix = "" if len(studies) == 1 else f"{words[study.name]}_"
        drawn = draw_all(study, rows[rows["study"] == study.name], design)
        pngs[study.name] = {name: save(figure, folder / f"{prefix}{name}")[0] for name, figure in drawn.items()}
    return pngs


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
            path, said = write_kulgap(own, arm, study.control, folder / f"kulgap_{word}_{of_arm[arm]}.csv")
            paths += [path] if path is not None else []
            notes += said
    return paths, notes
