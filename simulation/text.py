"""Text from outside, made safe to show: what a terminal would act on is written as an escape.

Titles, names, file names and messages can hold terminal control sequences (ESC and the C1 controls), the bell, line
breaks, and characters that reverse the direction of writing. Shown as they are, they can hide or rewrite a line.
"""

from html import escape


def one_line(text: object) -> str:
    """`text` on one line: every character that does not print, line breaks included, as a backslash escape."""
    return "".join(_shown(c) for c in str(text))


def printable(text: object) -> str:
    """As one_line for text that may have several lines: line feeds and tabs stay."""
    text = str(text)
    if text.isprintable():  # nearly always, and quick
        return text
    return "".join(c if c in "\n\t" else _shown(c) for c in text.replace("\r\n", "\n"))


def html(text: object) -> str:
    """`text` as a piece of HTML that shows it: no markup, and what does not print as an escape."""
    return escape(printable(text))


def count(n: int, what: str) -> str:
    """3 runs, 1 run, 2 processes."""
    ending = "" if n == 1 else "es" if what.endswith("s") else "s"
    return f"{n:,} {what}{ending}"


def _shown(c: str) -> str:
    # Not printable: the categories Cc, Cf (bidirectional overrides among them), Cs, Co, Cn, Zl, Zp and Zs but for " ".
    if c.isprintable() or c in _SPACES:
        return c
    return c.encode("unicode_escape").decode("ascii")


_SPACES = "\u00a0\u202f\u2009"  # spaces of typeset numbers and units: they only look like a space
