"""What a step visits: every occupied patch and its neighbours, whatever was visited before, the same in any box."""

import numpy as np

from adccsim.xenograft.rows import CHUNKS, Rows


def visited(rows):
    side, rid, r0, r1, cb, nch = rows.tuple()
    seen = np.zeros(side**3, bool)
    for r in range(cb[nch]):
        seen[rid[r] * side + r0[r] : rid[r] * side + r1[r]] = True
    return seen.reshape(side, side, side)


def blob(side, *where):
    n = np.zeros((side, side, side), np.uint8)
    for z, y, x in where:
        n[z, y, x] = 5
    return n.ravel()


def test_neighbours_on_all_six_sides_are_visited():
    rows = Rows(16)
    rows.occupy(blob(16, (8, 8, 8), (8, 8, 10), (5, 9, 8)))
    rows.update()
    seen = visited(rows)
    for z, y, x in ((8, 8, 8), (8, 8, 10), (5, 9, 8)):
        assert seen[z, y, x - 1 : x + 2].all() and seen[z - 1 : z + 2, y, x].all() and seen[z, y - 1 : y + 2, x].all()
    assert rows.patches == seen.sum()
    assert not rows.at_edge


def test_chunks_hold_every_row_once():
    rows = Rows(16)
    rows.occupy(blob(16, *[(z, y, 8) for z in range(4, 12) for y in range(4, 12)]))
    rows.update()
    bounds = rows.tuple()[4]
    assert bounds[0] == 0 and (np.diff(bounds) >= 0).all() and len(bounds) == CHUNKS + 1
    assert bounds[-1] == len({(z, y) for z, y, _ in np.argwhere(visited(rows))})


def test_what_was_visited_stays_visited():
    rows = Rows(16)
    rows.occupy(blob(16, (8, 8, 4)))
    rows.update()
    rows.occupy(blob(16, (8, 8, 8)))
    rows.update()
    assert visited(rows)[8, 8, 4:9].all()


def test_a_visit_near_the_wall_is_told():
    rows = Rows(16)
    rows.occupy(blob(16, (8, 8, 13)))
    rows.update()
    assert rows.at_edge


def test_a_larger_box_takes_the_spans_over():
    small, large = Rows(16), Rows(32)
    small.occupy(blob(16, (8, 8, 8), (6, 9, 5)))
    small.update()
    large.adopt(small)
    large.update()
    assert np.array_equal(visited(large)[8:24, 8:24, 8:24], visited(small))
    assert visited(large).sum() == visited(small).sum()
