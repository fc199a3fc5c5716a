"""Text cells of CSV files: never a formula for a spreadsheet, and the same text again when they are read.

A spreadsheet runs what begins with = + - @ (or a tab or line break before them) as a formula, whoever wrote it. Such
text gets an apostrophe in front, which says "text" (OWASP, CSV injection). Numbers are no text: -5.2 stays.
"""

import re

# Also the full-width forms, which some spreadsheets take for the plain ones. Marked text gets a second mark.
_FORMULA = re.compile(r"'*(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]\s*\S|[\t\r\n])")
_NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*")


def guard(text: str) -> str:
    """`text` as a cell: with an apostrophe in front where a spreadsheet would run it."""
    if _NUMBER.fullmatch(text):
        return text
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """The text of a cell that `guard` wrote: unguard(guard(text)) == text."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text
