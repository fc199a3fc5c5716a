"""The list of seeded faults fits the sources: each can be made in exactly one place. `make mutants` makes them."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_seeded_fault_matches_exactly_one_place():
    mutants = tomllib.loads((ROOT / "tests" / "mutations.toml").read_text(encoding="utf-8"))["mutant"]
    assert len(mutants) >= 100
    wrong = [m["law"] for m in mutants if (ROOT / m["file"]).read_text(encoding="utf-8").count(m["find"]) != 1]
    assert wrong == []
