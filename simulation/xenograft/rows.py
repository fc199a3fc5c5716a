"""Rows: which patches a step has to visit, so that its cost follows the cells and not the box.

Model    Of every row of the box (fixed z and y, x running) one span of patches is visited: what is occupied, one more
         patch on every side, and whatever was visited before. Rows lie in chunks of about equal work: a kernel gives
         every chunk to one thread, and nothing that it computes hangs on where the chunks end.
Interface   (M, rid, r0, r1, cb, nch): row rid[r] covers the patches rid[r] * M + r0[r] up to rid[r] * M + r1[r]
         (excluded); chunk c holds the rows cb[c] to cb[c + 1] (excluded).
Limits   every occupied patch and its six neighbours are visited (tests/xenograft/test_rows.py)
"""

import numpy as np
from numba import njit

CHUNKS = 64


class Rows:
    """The spans of one box of M**3 patches; `first` and `last` are M*M columns of the occupied extents (last excluded).

    A row without a cell has first = M and last = 0. `seen_first` and `seen_last` remember what was ever visited: they
    are part of a saved tumour.
    """

    def __init__(self, side: int):
        self.side = side
        self.first = np.full(side * side, side, np.int32)
        self.last = np.zeros(side * side, np.int32)
        self.seen_first = self.first.copy()
        self.seen_last = self.last.copy()
        self._id, self._r0, self._r1 = (np.zeros(side * side, np.int64) for _ in range(3))
        self._bounds = np.zeros(CHUNKS + 1, np.int64)
        self.patches = 0
        self.at_edge = False

    def occupy(self, n: np.ndarray) -> None:
        """Read the occupied extents from the counts of cells, uint8[M**3]."""
        occupied = n.reshape(self.side * self.side, self.side) > 0
        some = occupied.any(axis=1)
        self.first[:] = np.where(some, occupied.argmax(axis=1), self.side)
        self.last[:] = np.where(some, self.side - occupied[:, ::-1].argmax(axis=1), 0)

    def update(self) -> None:
        """Widen what is visited to the occupied extents and their neighbours."""
        self.patches, self.at_edge = _spans(
            self.first, self.last, self.seen_first, self.seen_last, self.side, self._id, self._r0, self._r1,
            self._bounds, CHUNKS,
        )  # fmt: skip

    def adopt(self, smaller: "Rows") -> None:
        """Take over the spans of a smaller box that lies in the middle of this one."""
        shift = (self.side - smaller.side) // 2
        old = np.arange(smaller.side**2)
        new = (old // smaller.side + shift) * self.side + old % smaller.side + shift
        for name in ("", "seen_"):
            first, last = getattr(smaller, name + "first"), getattr(smaller, name + "last")
            some = last > first
            getattr(self, name + "first")[new[some]] = first[some] + shift
            getattr(self, name + "last")[new[some]] = last[some] + shift

    def tuple(self) -> tuple:
        """What every kernel takes."""
        return self.side, self._id, self._r0, self._r1, self._bounds, CHUNKS


@njit(cache=True)
def _spans(first, last, seen_first, seen_last, side, rid, r0, r1, bounds, chunks):
    """Fill the row list and the chunk bounds; return the number of patches and whether a visit touches the edge."""
    for z in range(1, side - 1):
        for y in range(1, side - 1):
            i = z * side + y
            low, high = side, 0
            if last[i] > first[i]:
                low, high = first[i] - 1, last[i] + 1
            for k in (i - 1, i + 1, i - side, i + side):
                if last[k] > first[k]:
                    low, high = min(low, first[k]), max(high, last[k])
            if high > low:
                seen_first[i] = min(seen_first[i], low)
                seen_last[i] = max(seen_last[i], high)
    rows, patches, at_edge = 0, 0, False
    for i in range(side * side):
        if seen_last[i] > seen_first[i]:
            rid[rows], r0[rows], r1[rows] = i, seen_first[i], seen_last[i]
            rows += 1
            patches += seen_last[i] - seen_first[i]
            z, y = i // side, i % side
            if min(seen_first[i], z, y) < 2 or max(seen_last[i], z + 1, y + 1) > side - 2:
                at_edge = True
    done, chunk = 0, 0
    bounds[0] = 0
    for r in range(rows):
        while chunk < chunks - 1 and done * chunks >= (chunk + 1) * patches:
            chunk += 1
            bounds[chunk] = r
        done += r1[r] - r0[r]
    while chunk < chunks:
        chunk += 1
        bounds[chunk] = rows
    return patches, at_edge
