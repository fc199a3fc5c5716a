"""What the command line prints: errors, tables, progress. Nothing is computed or decided here.

Results go to standard output; progress, notes and errors go to standard error. All text goes through `_echo`, where
what a terminal would act on becomes an escape (simulation/text.py): titles, names and file names are a user's, or those
of the sender of a file.
"""

import math
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import click

from adccsim.text import count, one_line, printable

_WIDTH_WITHOUT_TERMINAL = 140
_MOST_ROWS = 60  # of a design, before the rest is only counted
_MOST_FAILURES = 20
_SPARSE_S = 30.0  # without a terminal, at most one progress line in this time ...
_SPARSE_FRACTION = 0.1  # ... or per tenth of the work


def _echo(text: object, err: bool = False) -> None:
    """Write one line; the only place that writes text of others to a terminal."""
    click.echo(one_line(text), err=err)


def say(text: object = "") -> None:
    """One line of result."""
    _echo(text)


def note(text: object) -> None:
    """One line next to the result."""
    _echo(text, err=True)


def errors(lines: Iterable[object]) -> None:
    """One line per error on standard error."""
    for line in lines:
        _echo(f"error: {line}", err=True)


def document(text: str) -> None:
    """A file on standard output, to be redirected: as it is, unless a terminal would show it."""
    click.echo(printable(text) if sys.stdout.isatty() else text)


def summary(text: str, report: object) -> None:
    """What a user came for, and where the rest lies."""
    for line in text.rstrip().split("\n"):
        say(line)
    say()
    say(f"report: {report}")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", wide: Sequence[str] = ()
) -> None:
    """A table on standard output. Columns named in `wide` wrap; an empty sequence among `rows` draws a line.

    A cell is printed as it is: square brackets mean nothing. Numbers are set flush right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    heading = Text(one_line(title)) if title else None
    shown = Table(title=heading, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    rows = [list(row) for row in rows]
    for place, column in enumerate(columns):
        cells = [row[place] for row in rows if row and row[place] != ""]
        numbers = bool(cells) and all(isinstance(cell, int | float) for cell in cells)
        flow = {"overflow": "fold", "ratio": 1} if column in wide else {"no_wrap": True}
        shown.add_column(Text(one_line(column)), justify="right" if numbers else "left", **flow)
    for row in rows:
        if row:
            shown.add_row(*(Text(number(cell) if isinstance(cell, int | float) else one_line(cell)) for cell in row))
        else:
            shown.add_section()
    console = _stdout()
    with console.capture() as capture:
        console.print(shown)
    # Without the blanks that fill each line up to the width of the page. Cells, columns and title are escaped already,
    # and on a terminal the table has colours of its own.
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def number(value: float) -> str:
    """A number as a reader wants it: 10,000 and 0.0125 and 2e+06, no digits that say nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """0.04 s, 1.3 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(n: float) -> str:
    """Bytes in the unit that keeps the number short."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.3g} TB"


def plate(result: object, folder: object, figures: Sequence) -> None:
    """An analysis.assay.plates.plate.PlateResult: lysis by condition, quality, notes, and where the rest lies."""
    timed = result.lysis["hours"].notna().any()
    names = ["cell_line", "antibody", "dose_ug_per_ml", "et_ratio"] + (["hours"] if timed else [])
    shown = [name for name in names if not result.lysis[name].isin([""]).all()]
    rows = [
        [*(row[name] for name in shown), row["n"], *(_digits(row[name]) for name in _LYSIS_CELLS), row["flagged_wells"]]
        for row in result.lysis.to_dict("records")
    ]
    what = f"specific lysis (%), {result.readout}" if result.raw else "specific lysis (%)"
    basis = set(result.lysis["sd_basis"])
    spread = "SD between donors" if basis == {"donors"} else "SD of technical replicates (wells)"
    table((*shown, "n", "mean", "SD", "95 % low", "high", "flagged"), rows, title=f"{what}; {spread}")
    for line in result.curve_lines():
        say(line)
    quality = [
        [row["plate"], row["quantity"], _digits(row["value"]), row["unit"] if row["unit"] != "1" else "", row["note"]]
        for row in result.quality.to_dict("records")
    ]
    table(("plate", "quality", "value", "unit", "note"), quality, wide=("note",))
    for line in result.notes:
        note(line)
    say(f"tables: {folder}/tables/plate_*.csv")
    say(f"picture: {figures[0]}" if figures else "no picture: the file names no wells")


_LYSIS_CELLS = ("mean", "sd", "ci95_low", "ci95_high")


def comparison(overview: object, comparisons: Sequence, page: object) -> None:
    """Experiments as rows, agreement as columns, then the verdict on each with the numbers behind it."""
    shown = overview.drop(columns="assessment")
    table(list(shown.columns), shown.to_numpy().tolist(), wide=("experiment",))
    for each in comparisons:
        say(f"{each.title}: {each.assessment}")
        for line in (*each.reasons, *each.notes):
            say(f"  {line}")
    say()
    say(f"page: {page}")


_INDEX_CELLS = {
    "morris": {
        "mu_star": "effect",
        "mu_star_ci95_low": "95 % low",
        "mu_star_ci95_high": "high",
        "mu": "signed",
        "sigma": "spread",
    },
    "sobol": {"first_order": "alone", "total": "total", "total_ci95_low": "95 % low", "total_ci95_high": "high"},
}
_MOST_FACTORS = 6


def sensitivity(method: str, indices: object) -> None:
    """A table of adccsim.analysis.fitting.sensitivity: of every output the numbers that move it most."""
    cells = _INDEX_CELLS[method]
    rows: list[list[object]] = []
    for output, own in indices.groupby("output", sort=False):
        for row in own.head(_MOST_FACTORS).to_dict("records"):
            rows.append([output, row["key"], *(_digits(row[name]) for name in cells)])
            output = ""
        rows.append([])
    title = "effect of each number over its range, points" if method == "morris" else "fraction of the variance"
    table(("output", "number", *cells.values()), rows[:-1], title=f"{method}: {title}")


def calibration(table_: object, best: Mapping, page: object) -> None:
    """Best values of a fit, what they give next to what was observed, and the overlay that holds them."""
    table(("number", "best"), [[path, value] for path, value in best.items()], title="best values")
    rows = [[row.experiment, row.label, _digits(row.observed), _digits(row.simulated), _digits(row.z)]
            for row in table_.itertuples()]  # fmt: skip
    table(("experiment", "of", "observed", "simulated", "z"), rows, title="observed and simulated (EC50 as log10)")
    say(f"catalogue overlay: {page}")


def _digits(value: float) -> str:
    """Three digits; empty where there is no number, whose reason stands in a note."""
    return f"{value:.3g}" if math.isfinite(value) else ""


class Progress:
    """Progress of a sweep, or of several one after the other: a bar on a terminal, now and then a line elsewhere.

    A context manager; called with each adccsim.execution.ledger.Step. A step of which nothing is finished begins again.
    """

    def __init__(self, what: str = "runs") -> None:
        self._what = what
        self._bar = None
        self._task = None
        self._begin()

    def _begin(self) -> None:
        self._stop()
        self._start = self._last_line_s = time.monotonic()
        self._last_line_fraction = 0.0
        self._first = None  # time, runs and work when the first run was done: it has compiled, the others will not

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(self, step: object) -> None:
        """Show a adccsim.execution.ledger.Step."""
        if step.finished == 0:
            self._begin()
        if sys.stderr.isatty():
            self._draw(step)
        else:
            self._write(step)
        if step.finished == step.total:
            self._stop()  # lines may follow

    def _pace(self, step: object) -> str:
        now = time.monotonic()
        if step.finished == step.total:
            return f"took {duration(now - self._start)}"
        if step.finished == 0:
            return "starting, new kernels are compiled first"
        if self._first is None:
            self._first = (now, step.finished, step.work_done)
        since, finished, work_done = self._first
        if step.finished == finished:
            return "time left: not known yet"
        elapsed = max(now - since, 1e-6)
        rate = (step.finished - finished) / elapsed
        speed = f"{rate:.1f} {self._what}/s" if rate >= 1 else f"{60 * rate:.1f} {self._what}/min"
        return f"{speed}, {duration(elapsed * (1 - step.work_done) / max(step.work_done - work_done, 1e-9))} left"

    def _draw(self, step: object) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        if self._bar is None:
            columns = (
                TextColumn(self._what),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[pace]}"),
            )
            self._bar = RichProgress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self._what, total=step.total, pace="")
            self._bar.start()
        failed = f"{step.failed} failed, " if step.failed else ""
        self._bar.update(self._task, completed=step.finished, pace=failed + self._pace(step))

    def _write(self, step: object) -> None:
        now = time.monotonic()
        due = step.work_done - self._last_line_fraction >= _SPARSE_FRACTION or now - self._last_line_s >= _SPARSE_S
        if due or step.finished == step.total:
            self._last_line_s, self._last_line_fraction = now, step.work_done
            failed = f", {step.failed} failed" if step.failed else ""
            fraction = f"{100 * step.work_done:.0f} % of the work"
            note(f"{step.finished}/{step.total} {self._what}{failed}, {fraction}, {self._pace(step)}")


def verified(found: object) -> None:
    """A adccsim.execution.verify.Verified: a table of counts, and one line per damaged file."""
    rows = [
        [kind, n.files, n.files - n.damaged - n.unsealed, n.unsealed, n.damaged] for kind, n in found.counts.items()
    ]
    table(("files", "in all", "sound", "without SHA-256", "damaged"), rows)
    if any(n.unsealed for n in found.counts.values()):
        note("without SHA-256: written by 0.1.0, can be read; a flipped bit in them cannot be found")
    errors(f"{path}: {reason}" for path, reason in found.damaged)


def status(found: object) -> None:
    """A adccsim.execution.status.Status."""
    say(f"done     {found.done:,} of {found.total:,}")
    say(f"running  {found.running:,}")
    say(f"failed   {len(found.failed):,}")
    say(f"to do    {found.to_do:,}")
    if found.rate_per_s:
        speed = f"{found.rate_per_s:.1f} runs/s" if found.rate_per_s >= 1 else f"{60 * found.rate_per_s:.1f} runs/min"
        left = f", about {duration(found.seconds_left)} left at that rate" if found.to_do else ""
        say(f"rate     {speed}{left}")
    if found.foreign:
        say(f"others   {count(found.foreign, 'run file')} of another study, left out of the analysis")
    if found.damaged:
        say(f"damaged  {count(found.damaged, 'file')} set aside in damaged/")
    if found.unfinished:
        say(f"left     {count(found.unfinished, 'unfinished file')}, removed by the next adcc run")
    for run in found.failed[:_MOST_FAILURES]:
        say(f"  {run.run_id} after {count(run.attempts, 'attempt')}: {run.line}")
    if len(found.failed) > _MOST_FAILURES:
        say(f"  ... and {len(found.failed) - _MOST_FAILURES:,} more")


def plan(title: str, costs: object, workers: int) -> None:
    """A plan of either kind (adccsim.scenario.kinds.Costs): its rows, then what all takes on `workers` cores."""
    table(costs.columns, [row.cells() for row in costs.rows[:_MOST_ROWS]], title=title, wide=costs.wide)
    if len(costs.rows) > _MOST_ROWS:
        say(f"... and {len(costs.rows) - _MOST_ROWS:,} more {costs.row_name}")
    for line in costs.totals():
        say(line)
    say(f"memory   about {size(costs.memory_bytes(workers))} with {count(workers, 'process')}")
    say(f"time     about {duration(costs.seconds(workers))} on {count(workers, 'core')}, and once the compiling")
    levels = ", ".join(f"{level} {size(n)}" for level, n in costs.disk_bytes_by_level.items())
    say(f"files    about {size(costs.disk_bytes)}" + (f"; by output level: {levels}" if levels else ""))


def stand_ins(rows: Sequence[Mapping]) -> None:
    """Rows of adccsim.scenario.stand_ins: whose numbers an entry takes over, in one row per pair of entries."""
    groups: dict[tuple, list[str]] = {}
    for row in rows:
        shown = row["value"] if isinstance(row["value"], str) else number(row["value"])
        groups.setdefault((row["of"], row["from"]), []).append(f"{row['number']} {shown} {_unit(row['unit'])}".strip())
    if groups:
        say()
        lines = [[of, ", ".join(texts), whose] for (of, whose), texts in groups.items()]
        title = "numbers taken from other entries of the catalogue (stand-ins)"
        table(("of", "numbers", "from"), lines, title=title, wide=("numbers",))


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def catalogue_kind(kind: str, entries: Mapping, defaults: object) -> None:
    """All entries of one kind of the catalogue: shared numbers first, then what each entry says for itself."""
    rows: list[list[object]] = []
    for entry in (defaults, *entries.values()):
        own = {name: n for name, n in entry.numbers.items() if entry is defaults or defaults.numbers.get(name) is not n}
        if entry is defaults and not own:
            continue
        label = "ALL (unless an entry says otherwise)" if entry is defaults else entry.name
        words = [f"{key} {_word(value)}" for key, value in entry.strings.items() if key != "description"]
        described = [str(entry.strings["description"])] if "description" in entry.strings else []
        rows += [[], [label, "", "", "", "", "; ".join(described + words)]]
        rows += [["  " + name, *_number_cells(n)] for name, n in own.items()]
    table(("entry, number", "value", "range", "unit", "provenance", "source"), rows[1:], title=kind, wide=("source",))


def catalogue_entry(kind: str, entry: object) -> None:
    """One entry of the catalogue with everything that holds for it, shared numbers and notes included."""
    say(f"{entry.name} ({kind})")
    for key, value in entry.strings.items():
        say(f"  {key}: {_word(value)}")
    rows = []
    for name, n in entry.numbers.items():
        *cells, source = _number_cells(n)
        rows.append([name, *cells, f"{source}. Note: {n.note}" if n.note else source])
    table(("number", "value", "range", "unit", "provenance", "source"), rows, wide=("source",))


def _word(value: str | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else value or "none"


def _number_cells(n: object) -> list[object]:
    factor = "x " if n.operation == "factor" else ""
    extent = f"{number(n.low)} - {number(n.high)}" if n.low != n.high else "fixed"
    unit = "" if factor else _unit(n.unit)
    return [f"{factor}{number(n.value)}", extent, unit, n.provenance, n.source]


def _stdout():
    from rich.console import Console

    fixed = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    return Console(width=fixed, highlight=False)
