"""Movement: cells flow between patches as whole cells, effectors walk and are carried along.

Model    Through the face between patches b and k flow p_b - p_k cells per hour, p the flow potential, from the higher
         to the lower; a flow of 1.3 is one cell, or two with chance 0.3, so that no slope of density stands still for
         want of a whole cell. Who leaves is drawn among all cells of the patch. An effector is carried through a face
         with the chance that a cell of its patch is, and else tries a random neighbour at its own rate and goes there
         with chance min(1, n_k / n_b) of the cells n, so that walking spreads effectors evenly over cells, not over
         patches: the half-empty rim holds as many per cell as the core.
Method   Two passes. Outflow: each patch picks its leavers into its own outbox, face by face. Pull: each patch takes
         what its neighbours hold for it. Every patch writes only its own slots, so the result hangs on neither
         threads nor order. At most a sixth of the receiver's free slots come through one face: nobody is ever lost.
Limits   cells and effectors conserved exactly; no potential, no walk: nothing moves; long walks over standing cells:
         effectors in proportion to cells (tests/xenograft/test_movement.py)
"""

import numpy as np
from numba import njit, prange

from adccsim.biology.rng import hash32, mix64, next_patch_key, row_word
from adccsim.xenograft.layout import CELL_SLOTS, EFFECTOR_SLOTS, with_rank
from adccsim.xenograft.prefetch import prefetch

OUTBOX = 16  # leavers that lie apart from the patch, next to each other in memory; further ones stay in its top slots
FACES = 6  # +x, -x, +y, -y, +z, -z; faces uint64[patches] holds the leavers of face f in bits 8 f to 8 f + 7
CELLS, EFFECTORS, LARGEST, MOVES, COUNTS = range(5)

_AHEAD = 2  # patches whose cells are asked for early, in the first pass
_FAR = 4  # and in the second
_BYTE = np.uint64(0xFF)
_LCG_A = np.uint64(6364136223846793005)
_LCG_C = np.uint64(1442695040888963407)
_32 = np.uint64(32)
_EVEN = np.uint64(0x00FF00FF00FF00FF)


@njit(inline="always")
def total_of(faces):
    """Leavers of all faces of a patch."""
    pairs = (faces & _EVEN) + ((faces >> np.uint64(8)) & _EVEN)
    return (pairs + (pairs >> np.uint64(16)) + (pairs >> _32)) & np.uint64(0xFFFF)


@njit(inline="always")
def step_of(face, side):
    """Offset of the neighbour behind a face."""
    stride = 1 if face < 2 else side if face < 4 else side * side
    return -stride if face & 1 else stride


@njit(inline="always")
def _whole(flow, draw, receiver):
    """Cells through one face: the flow rounded up or down at random, within the receiver's room."""
    if flow <= np.float32(0.0):
        return np.uint64(0)
    q = np.int64(flow + np.float32(draw) * np.float32(1.0 / 1048576.0))
    return np.uint64(min(q, (CELL_SLOTS - np.int64(receiver)) // FACES))


@njit(inline="always")
def _fluxes(b, key, p, n, side, per_step):
    """Leavers of each face, packed; at most all cells of the patch."""
    here = p[b]
    s2 = side * side
    a = key
    c = mix64(key)
    m = np.uint64(0xFFFFF)
    q = (
        _whole((here - p[b + 1]) * per_step, a & m, n[b + 1])
        | _whole((here - p[b - 1]) * per_step, (a >> np.uint64(20)) & m, n[b - 1]) << np.uint64(8)
        | _whole((here - p[b + side]) * per_step, (a >> np.uint64(40)) & m, n[b + side]) << np.uint64(16)
        | _whole((here - p[b - side]) * per_step, c & m, n[b - side]) << np.uint64(24)
        | _whole((here - p[b + s2]) * per_step, (c >> np.uint64(20)) & m, n[b + s2]) << _32
        | _whole((here - p[b - s2]) * per_step, (c >> np.uint64(40)) & m, n[b - s2]) << np.uint64(40)
    )
    left = np.uint64(n[b])
    if total_of(q) <= left:
        return q
    kept = np.uint64(0)  # a sparse patch that is asked for more than it has: face after face from a random one
    first = (c >> np.uint64(60)) % np.uint64(FACES)
    for i in range(FACES):
        shift = np.uint64(8) * ((first + np.uint64(i)) % np.uint64(FACES))
        some = min((q >> shift) & _BYTE, left)
        left -= some
        kept |= some << shift
    return kept


@njit(inline="always")
def _send_effectors(b, r, effectors, n, ne, cell_faces, walk, side, faces_of, waiting):
    """Move the leaving effectors of a patch to the top of its slots, face by face; return leavers per face, packed."""
    count = np.int64(ne[b])
    base = np.int64(b) * EFFECTOR_SLOTS
    own = np.uint64(max(n[b], 1))
    leavers = total_of(cell_faces)
    sent = np.uint64(0)
    for i in range(count):
        r = r * _LCG_A + _LCG_C
        word = effectors[base + i]
        draw = r >> _32
        slot = (draw * own) >> _32  # it goes where the cell of this number would go
        face = -1
        if slot < leavers:
            reached = np.uint64(0)
            for f in range(FACES):
                reached += (cell_faces >> np.uint64(8 * f)) & _BYTE
                if face < 0 and slot < reached:
                    face = f
        else:
            again = hash32(np.uint32(draw))
            if again < walk[np.int64(word & np.uint64(3))]:
                third = hash32(again)
                face = np.int64((np.uint64(third) * np.uint64(FACES)) >> _32)
                # Detailed balance for a density in proportion to cells; no step leads out of the tissue.
                if (np.uint64(hash32(third)) * np.uint64(n[b])) >> _32 >= np.uint64(n[b + step_of(face, side)]):
                    face = -1
        if face >= 0:
            shift = np.uint64(8 * face)
            room = (EFFECTOR_SLOTS - np.int64(ne[b + step_of(face, side)])) // FACES
            if np.int64((sent >> shift) & _BYTE) < room:
                sent += np.uint64(1) << shift
            else:
                face = -1
        faces_of[i] = face
        waiting[i] = word
    if sent:
        stay = 0
        top = base + EFFECTOR_SLOTS - 1
        for i in range(count):
            if faces_of[i] < 0:
                effectors[base + stay] = waiting[i]
                stay += 1
        for f in range(FACES):
            if (sent >> np.uint64(8 * f)) & _BYTE == 0:
                continue
            for i in range(count):
                if faces_of[i] == f:
                    effectors[top] = waiting[i]
                    top -= 1
    return sent


@njit(cache=True, parallel=True)
def outflow(cells, outbox, n, n_before, faces, effectors, ne, effector_faces, p, per_step, walk, key,
            side, rid, r0, r1, cb, nch):  # fmt: skip
    """First pass: leavers to the outboxes. n and ne stay as they are until the pull; n_before keeps n.

    p: float32[side**3] flow potential, cells per hour; per_step: hours per step; walk: uint32[4], chance of a walk per
    step and type of effector as a 32-bit word.
    """
    for c in prange(nch):
        faces_of = np.zeros(EFFECTOR_SLOTS, np.int64)
        waiting = np.zeros(EFFECTOR_SLOTS, np.uint64)
        for r in range(cb[c], cb[c + 1]):
            word_of_row = row_word(key, rid[r], side)
            for b in range(rid[r] * side + r0[r], rid[r] * side + r1[r]):
                ahead = np.uint64(b + _AHEAD) * np.uint64(CELL_SLOTS)
                for line in range((np.int64(n[b + _AHEAD]) + 15) >> 4):  # 16 cells lie in a cache line
                    prefetch(cells, ahead + np.uint64(16 * line))
                prefetch(outbox, np.uint64(b + _AHEAD) * np.uint64(OUTBOX))
                prefetch(effectors, np.uint64(b + _AHEAD) * np.uint64(EFFECTOR_SLOTS))
                prefetch(effectors, np.uint64(b + _AHEAD) * np.uint64(EFFECTOR_SLOTS) + np.uint64(8))
                n_before[b] = n[b]
                faces[b] = 0
                effector_faces[b] = 0
                if n[b] == 0 and ne[b] == 0:
                    continue
                k = next_patch_key(word_of_row, b - rid[r] * side)
                q = np.uint64(0)
                if n[b] > 0:
                    q = _fluxes(b, k, p, n, side, per_step)
                faces[b] = q
                state = k
                count = np.uint64(n[b])
                base = np.uint64(b) * np.uint64(CELL_SLOTS)
                box = np.uint64(b) * np.uint64(OUTBOX)
                for t in range(total_of(q)):
                    state = state * _LCG_A + _LCG_C
                    j = base + (((state >> _32) * count) >> _32)
                    count -= np.uint64(1)
                    # In a new patch a cell stands at a new distance from a vessel.
                    word = np.uint32(with_rank(cells[j], (state >> np.uint64(24)) & _BYTE))
                    cells[j] = cells[base + count]
                    if t < np.uint64(OUTBOX):
                        outbox[box + t] = word
                    else:
                        cells[base + np.uint64(CELL_SLOTS - 1) - t] = word
                if ne[b] > 0:
                    effector_faces[b] = _send_effectors(
                        b, mix64(state), effectors, n, ne, q, walk, side, faces_of, waiting
                    )


@njit(cache=True, parallel=True)
def pull(cells, outbox, n, faces, effectors, ne, effector_faces, first, last, side, rid, r0, r1, cb, nch, counts):
    """Second pass: every patch takes in what its neighbours sent.

    first, last: occupied extents of the rows, for Rows; counts: int64[nch, COUNTS], set per chunk.
    """
    for c in prange(nch):
        mine = np.zeros(COUNTS, np.int64)
        for r in range(cb[c], cb[c + 1]):
            low, high = side, 0
            for x in range(r0[r], r1[r]):
                b = rid[r] * side + x
                soon = np.uint64(b + _FAR)
                prefetch(cells, soon * np.uint64(CELL_SLOTS) + np.uint64(52))  # where arrivals go
                prefetch(cells, soon * np.uint64(CELL_SLOTS) + np.uint64(66))
                prefetch(effectors, soon * np.uint64(EFFECTOR_SLOTS))
                for k in (0, side, -side, side * side, -side * side):
                    prefetch(outbox, np.uint64(b + _FAR + k) * np.uint64(OUTBOX))
                count = np.uint64(n[b]) - total_of(faces[b])
                base = np.uint64(b) * np.uint64(CELL_SLOTS)
                settled = np.int64(ne[b]) - np.int64(total_of(effector_faces[b]))
                for f in range(FACES):
                    k = b - step_of(f, side)  # the neighbour whose face f points here
                    shift = np.uint64(8 * f)
                    before = (np.uint64(1) << shift) - np.uint64(1)
                    q = (faces[k] >> shift) & _BYTE
                    if q:
                        t0 = total_of(faces[k] & before)
                        box = np.uint64(k) * np.uint64(OUTBOX)
                        top = np.uint64(k) * np.uint64(CELL_SLOTS) + np.uint64(CELL_SLOTS - 1)
                        for t in range(t0, t0 + q):
                            cells[base + count] = outbox[box + t] if t < np.uint64(OUTBOX) else cells[top - t]
                            count += np.uint64(1)
                        mine[MOVES] += np.int64(q)
                    q = (effector_faces[k] >> shift) & _BYTE
                    if q:
                        top = np.uint64(k * EFFECTOR_SLOTS + EFFECTOR_SLOTS - 1) - total_of(effector_faces[k] & before)
                        for t in range(q):
                            effectors[b * EFFECTOR_SLOTS + settled] = effectors[top - t]
                            settled += 1
                n[b] = count
                ne[b] = settled
                if count > 0:
                    low, high = min(low, x), x + 1
                    mine[LARGEST] = max(mine[LARGEST], np.int64(count))
                mine[CELLS] += np.int64(count)
                mine[EFFECTORS] += settled
            first[rid[r]] = low
            last[rid[r]] = high
        for k in range(COUNTS):
            counts[c, k] = mine[k]
