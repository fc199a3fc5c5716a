"""Versions of the run file, and the observables that were renamed between them.

1   no seal
2   ends with the SHA-256 of all bytes before it (seal.py)
3   observables that are fractions are named `*_fraction(s)`; the tumour cells beyond 1.1 radii are "dispersed"
"""

from typing import Final

SCHEMA_VERSION: Final = 3
READABLE: Final = (1, 2, 3)

# name in files of schema 1 and 2 -> name now
RENAMED: Final = {
    "opsonised_share": "opsonised_fraction",
    "hypoxic_share": "hypoxic_fraction",
    "strays_share": "dispersed_fraction",
    "her2_shares": "her2_fractions",
}
_FORMER = {now: former for former, now in RENAMED.items()}


def current_name(observable: str) -> str:
    """The present name of an observable as a file calls it."""
    return RENAMED.get(observable, observable)


def former_name(observable: str) -> str:
    """What files of schema 1 and 2 call an observable."""
    return _FORMER.get(observable, observable)
