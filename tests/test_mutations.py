"""The list of seeded faults fits the sources: each can be made in exactly one place. `make mutants` makes them."""

from dataclasses import replace

from tests.mutants import misplaced, mutants


def test_every_seeded_fault_can_be_made():
    known = mutants()
    assert len(known) >= 100
    assert {each.law: why for each in known if (why := misplaced(each))} == {}


def test_a_fault_that_any_test_would_notice_is_none():
    error = mutants()[0]
    assert "does not parse" in misplaced(replace(error, replace="("))
    assert "0 times" in misplaced(replace(error, find="no such text"))
