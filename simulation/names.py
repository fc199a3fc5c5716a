"""Names in laboratory sheets and scenarios: when two spellings are one name, and which arm is the control.

Two spellings are one name if they differ only in letter case, in spaces (around the name, inside it, between a number
and its unit, non-breaking), in the Unicode form of their characters, in the kind of hyphen, or as 1, 01 and 1.0 in a
whole number.

Kept apart: "1 1" and "11" (a space between two numbers separates them), "1.1" and "1.10" (cage and mouse), "1.5" and
"1.05", an exponent and a digit (10⁶ and 106).
"""

import re
import unicodedata
from collections.abc import Sequence

CONTROL_NAMES = ("vehicle", "control", "untreated")

_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_EXPONENT = re.compile("(?<=[0-9])([\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)")
_WHOLE_NUMBER = re.compile(r"(?<![\d.,])0*(\d+)(?:[.,]0{1,2})?(?![\d.,])")


def name_key(name: str) -> str:
    """What all spellings of one name have in common; never shown to a reader."""
    name = _EXPONENT.sub(r"^\1", name)  # NFKC alone would make 106 of 10 to the power of 6
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name)).translate(_HYPHENS)
    # Case folding can undo the normal form (and the reverse), so it is applied between two normalisations.
    text = " ".join(unicodedata.normalize("NFKC", text.casefold()).split())
    text = re.sub(r"(?<!\d) | (?!\d)", "", text)
    return _WHOLE_NUMBER.sub(r"\1", text) or text


def control_arms(arms: Sequence[str]) -> list[str]:
    """The arms called vehicle, control or untreated: by their whole name, failing that if the word is in their name."""
    whole = [arm for arm in arms if arm.casefold() in CONTROL_NAMES]
    return whole or [arm for arm in arms if set(re.findall(r"[a-z]+", arm.casefold())) & set(CONTROL_NAMES)]
