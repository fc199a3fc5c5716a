"""HTML pages of results: tables, figures and notes in templates, each page one file that loads nothing from elsewhere.

The templates lie in the folder templates. They escape all text that they are given (autoescape), and show characters
that do not print as backslash escapes (adccsim.text). A page holds no date: the same results give the same bytes.

    write_page(folder / "report.html", "wells.html", title="...", headline=table)

In a template: `frame|table` a table with numbers of four digits, `frame|text_table` a table of texts, `lines|notes` a
list, `file|figure(caption)` a PNG file, `file|figure_to_scale(caption)` a PNG file at the width at which it was drawn.
"""

import base64
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from adccsim.analysis.tables import tidy
from adccsim.analysis.writing import write_text
from adccsim.text import html

_PX_PER_INCH = 108
_EMPTY = Markup("")


def write_page(path: Path, template: str, **content: object) -> Path:
    """Write the page that `template` makes of `content` and return its path."""
    write_text(path, render(template, **content))
    return path


def render(template: str, **content: object) -> Markup:
    """A template filled with `content`, as a piece that another template takes as it is."""
    return Markup(_environment().get_template(template).render(content))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for make in (table, text_table, notes, figure, figure_to_scale):
        environment.filters[make.__name__] = make
    return environment


def _shown(value: object) -> str:
    """A value as a template writes it: markup as it is, all else escaped, what does not print included."""
    return value if isinstance(value, Markup) else _escaped(str(value))


@lru_cache(maxsize=10_000)  # cells of a table repeat
def _escaped(text: str) -> str:
    shown = html(text)
    return text if shown == text else Markup(shown)  # the template escapes plain text once more, to no effect


def table(frame: pd.DataFrame) -> Markup:
    """A table; numbers flush right, with four digits, and empty where there is none."""
    frame = tidy(frame) if "note" in frame else frame
    columns = []
    for _, column in frame.items():
        number = pd.api.types.is_numeric_dtype(column)
        shown = "{:.4g}".format if number else str
        cells = zip(column, column.isna(), strict=True)
        columns.append([(number, "" if empty else shown(value)) for value, empty in cells])
    return _pieces().table(frame.columns, zip(*columns, strict=True))


def text_table(frame: pd.DataFrame) -> Markup:
    """A table of texts; columns whose cells all begin like a number stand to the right; empty columns are left out."""
    if frame.empty:
        return Markup("<p>Nothing to show.</p>")
    shown = frame.astype(object).where(frame.notna(), "").astype(str)
    shown = shown.loc[:, [bool(shown[c].str.len().gt(0).any()) for c in shown]]
    right = [bool(shown[c].str.fullmatch(r"[<−-]? ?[\d.,%+-]*").all()) for c in shown]
    rows = (zip(right, row, strict=True) for row in shown.itertuples(index=False, name=None))
    return _pieces().text_table(list(zip(right, shown, strict=True)), rows)


def notes(lines: Iterable[str]) -> Markup:
    """Lines of plain text as a list."""
    return _pieces().notes(lines)


def figure(file: Path, caption: str) -> Markup:
    """A PNG file with its caption, carried by the page."""
    return _figure(file.read_bytes(), caption, _EMPTY, Markup(' class="sub"'))


def figure_to_scale(file: Path, caption: str) -> Markup:
    """As figure, with a width from the header of the PNG file: type has one size in all figures of a page."""
    from adccsim.analysis.figures import PNG_DPI  # loads matplotlib, as the figure has already done

    data = file.read_bytes()
    width = int.from_bytes(data[16:20], "big") * _PX_PER_INCH // PNG_DPI
    return _figure(data, caption, Markup(f' width="{width}"'), _EMPTY)


def _figure(data: bytes, caption: str, size: Markup, of_caption: Markup) -> Markup:
    return _pieces().figure(Markup(base64.b64encode(data).decode("ascii")), caption, size, of_caption)


def _pieces() -> Any:
    """The macros of pieces.html."""
    return _environment().get_template("pieces.html").module
