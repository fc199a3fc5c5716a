"""The word of a cell: every field is independent of the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adccsim.xenograft import layout

FIELDS = {
    "damage": (layout.damage_of, layout.with_damage, 7),
    "clone": (layout.clone_of, layout.with_clone, 15),
    "her2": (layout.her2_of, layout.with_her2, 255),
    "rank": (layout.rank_of, layout.with_rank, 255),
    "state": (layout.state_of, layout.with_state, 3),
}


def read(word):
    word = np.uint32(word)
    return {name: int(get(word)) for name, (get, _, _) in FIELDS.items()} | {
        "threshold": int(layout.threshold_of(word))
    }


@given(st.integers(1, 8), st.integers(0, 15), st.integers(0, 255), st.integers(0, 255))
def test_a_packed_cell_gives_back_what_was_put_in(threshold, clone, her2, rank):
    word = layout.pack(layout.ALIVE, threshold, clone, her2, rank)
    expected = {"state": 1, "threshold": threshold, "clone": clone, "her2": her2, "rank": rank, "damage": 0}
    assert read(word) == expected


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("word", [0, 0x1FFFFFFF, 0x0A5A5A5A])
def test_a_field_is_set_without_touching_the_others(name, word):
    get, put, largest = FIELDS[name]
    for value in (0, 1, largest):
        changed = np.uint32(int(put(np.uint32(word), value)) & 0xFFFFFFFF)
        assert int(get(changed)) == value
        assert {k: v for k, v in read(changed).items() if k != name} == {
            k: v for k, v in read(word).items() if k != name
        }


def test_a_killed_cell_is_dead_flagged_and_keeps_its_traits():
    word = np.uint32(layout.pack(layout.ALIVE, 3, 2, 77, 9))
    dead = np.uint32(int(layout.killed(word)) & 0xFFFFFFFF)
    assert layout.state_of(dead) == layout.DEAD
    assert dead & layout.KILLED_BIT
    assert (read(dead)["her2"], read(dead)["clone"], read(dead)["threshold"]) == (77, 2, 3)


def test_sixteen_levels_double_the_receptors_and_level_0_has_none():
    relative = layout.her2_relative()
    assert relative[layout.HER2_REFERENCE] == 1.0
    assert relative[144] == pytest.approx(2.0)
    assert relative[0] == 0.0
