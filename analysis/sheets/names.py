"""Names in laboratory sheets: which spellings stand for one arm, mouse, donor, antibody, cell line or plate.

One rule for all readers, and for the arms of a scenario: `adccsim.names`. The spelling that is seen first is shown.

Where two spellings must not be taken together, because both hold a reading of one mouse and day, the reader refuses
(`caliper_rows`); wells of one donor under two spellings are replicates and are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adccsim.names import name_key

# What programs write where a value is missing, infinite or an error; a name may be spelt so, but rarely is.
_ODD = {
    *("nan", "inf", "+inf", "-inf", "infinity", "-infinity", "na", "n/a", "none", "null", "nil", "true", "false"),
    *("#n/a", "#value!", "#ref!", "#div/0!", "#name?", "#null!", "#num!", "<na>", "nat", "undefined"),
}
_MOST_LISTED = 5


def shown_names(names: Iterable[str]) -> dict[str, str]:
    """spelling -> the spelling shown for it: the first one seen of its name."""
    first: dict[str, str] = {}
    return {name: first.setdefault(name_key(name), name) for name in dict.fromkeys(names)}


def find_name(name: str, among: Sequence[str]) -> str | None:
    """The entry of `among` that is the name `name`, in whatever spelling; None where there is none."""
    key = name_key(name)
    return next((other for other in among if name_key(other) == key), None)


def spelling_notes(what: str, shown: dict[str, str], where: str = "") -> list[str]:
    """At most one sentence on spellings taken as one name. what: "arm", "donor", ...; where: for example "arm drug"."""
    spellings: dict[str, list[str]] = {}
    for spelling, name in shown.items():
        spellings.setdefault(name, []).append(spelling)
    found = [f"{' = '.join(map(repr, same))}" for same in spellings.values() if len(same) > 1]
    if not found:
        return []
    more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    place = f" of {where}" if where else ""
    listed = ", ".join(found[:_MOST_LISTED])
    return [f"spellings of one {what}{place} taken together: {listed}{more}; the first is shown"]


def odd_name_notes(what: str, names: Iterable[str]) -> list[str]:
    """One sentence on names such as nan, inf or #REF!, which programs write where a value is missing."""
    odd = [name for name in dict.fromkeys(names) if "".join(name.casefold().split()) in _ODD]
    if not odd:
        return []
    listed = ", ".join(map(repr, odd[:_MOST_LISTED]))
    return [f"{what} {listed}: taken as a name, but programs write this where a value is missing; please check"]
