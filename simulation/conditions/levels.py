"""Output levels: what a run file keeps; each level includes the one before."""

from typing import Literal, get_args

Level = Literal["observables", "final", "events", "frames"]
LEVELS: tuple[Level, ...] = get_args(Level)
