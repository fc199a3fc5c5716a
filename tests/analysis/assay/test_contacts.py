"""Contacts in their order, by hand and from a run file."""

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.assay.contacts import AFTER_KILL, AFTER_NONE, ENDING, FIRST, contact_table, in_order, outcomes

C, D, K, X, H = "conjugation", "detachment", "commitment", "effector_death", "hit"


def fractions(events):
    kind, effector = zip(*events, strict=True) if events else ((), ())
    return in_order(*outcomes(np.array(kind, dtype=str), np.array(effector, dtype=int)))


def test_a_contact_ends_by_detachment_clearance_death_or_not_at_all():
    """NK 0: two hits, a kill and detachment, then a dead target is cleared. NK 1 dies. NK 2 holds on."""
    events = pd.DataFrame(
        [(0.1, C, 7, 0), (0.2, H, 7, 0), (0.3, C, 8, 1), (0.4, H, 8, 1), (0.5, H, 7, 0), (0.6, K, 7, 0), (0.7, D, 7, 0),
         (0.8, "death", 7, -1), (0.9, C, 7, 0), (1.0, "clearance", 7, -1), (1.1, X, 8, 1), (1.2, C, 9, 2)],
        columns=["hours", "kind", "target", "effector"],
    )  # fmt: skip
    found = contact_table(events)
    rows = [[0, 7, 0.1, 0.7, 2, True, D], [0, 7, 0.9, 1.0, 0, False, "clearance"], [1, 8, 0.3, 1.1, 1, False, X],
            [2, 9, 1.2, np.nan, 0, False, "open"]]  # fmt: skip
    pd.testing.assert_frame_equal(found, pd.DataFrame(rows, columns=found.columns), check_dtype=False)
    assert list(contact_table(events[:0]).columns) == list(found.columns)


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
