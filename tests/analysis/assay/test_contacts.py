"""Contacts in their order, by hand and from a run file."""

import numpy as np
import pytest

from adccsim.analysis.assay.contacts import AFTER_KILL, AFTER_NONE, ENDING, FIRST, in_order, outcomes

C, D, K, X, H = "conjugation", "detachment", "commitment", "effector_death", "hit"


def fractions(events):
    kind, effector = zip(*events, strict=True) if events else ((), ())
    return in_order(*outcomes(np.array(kind, dtype=str), np.array(effector, dtype=int)))


def test_two_cells_whose_events_alternate_by_hand():
    """NK 0: kill, kill, none. NK 1: none, kill and dies of it. NK 2: one contact that the end cuts off. NK 3: none."""
    events = [(C, 0), (C, 1), (H, 0), (K, 0), (D, 1), (D, 0), (C, 0), (C, 1), (K, 1), (X, 1), (K, 0), (D, 0), (C, 0),
              (C, 2), (D, 0), (C, 3), (D, 3)]  # fmt: skip
    effector, killed = outcomes(*map(np.array, zip(*events, strict=True)))
    assert effector.tolist() == [0, 0, 0, 1, 1, 3]
    assert killed.tolist() == [True, True, False, False, True, False]
    found = fractions(events)
    assert found[FIRST] == 1 / 3
    assert found[AFTER_KILL] == 1 / 2  # NK 0: its second killed, its third did not; NK 3 comes after another's kill
    assert found[AFTER_NONE] == 1
    assert found[ENDING] == 1 / 2


def test_every_contact_kills():
    found = fractions([(C, 5), (K, 5), (D, 5), (C, 5), (K, 5), (D, 5)])
    assert (found[FIRST], found[AFTER_KILL], found[ENDING]) == (1, 1, 0)
    assert np.isnan(found[AFTER_NONE])


@pytest.mark.parametrize("events", [[], [(C, 1)], [(D, 1), (X, 2)]])
def test_nothing_that_ended_is_no_number_and_no_crash(events):
    assert np.isnan(list(fractions(events).values())).all()


def test_independent_contacts_do_not_depend_on_their_predecessor():
    """Kills drawn with chance 0.3 whatever came before: both conditional shares are 0.3."""
    rng = np.random.default_rng(5)
    killed = rng.random(40_000) < 0.3
    found = in_order(np.repeat(np.arange(8_000), 5), killed)
    for name in (FIRST, AFTER_KILL, AFTER_NONE):
        assert found[name] == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 8_000))
