"""Random numbers: the counter-based generator Philox4x32-10, so that every draw is a function of (key, stream, index).

Model    Ten rounds of multiply, exchange and key-add on a 128-bit counter under a 64-bit key.
         Where a tissue needs one draw per cell and hour, Philox is too dear: one 64-bit mix keys a patch, one 32-bit
         mix its cells.
Source   Salmon, Moraes, Dror, Shaw 2011, Parallel random numbers: as easy as 1, 2, 3 (SC '11); known-answer vectors
         of the authors' Random123 library in the tests. Poisson: Hormann 1993 (transformed rejection, PTRS).
         mix64: the output step of SplitMix64 (Steele, Lea, Flood 2014, OOPSLA); hash32: the published 32-bit
         "lowbias" multiply-and-shift permutation of the hash-prospector search.
Limits   counter 0, key 0 gives the published words; uniforms have mean 1/2; Poisson has variance = mean
         (tests/biology/test_rng.py)

A run owns one key. `stream` separates kinds of decision (events, traits of targets, reader noise ...), `index` counts
inside one stream. Nothing here has a state: where a generator stands is one integer that the caller keeps.
"""

import math

import numpy as np
from numba import njit

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
TO_UNIT = 2.0**-53
TO_UNIT32 = 2.0**-32

STREAM_EVENTS = 0  # one counter for the whole run: event n uses index n
STREAM_POISSON = 1  # events per tick
STREAM_TARGETS = 2  # initial traits of targets, keyed by agent
STREAM_EFFECTORS = 3  # initial traits of effectors, keyed by agent
STREAM_PLACE_TARGETS = 4
STREAM_PLACE_EFFECTORS = 5
STREAM_READER = 6
STREAM_CULTURE = 7
STREAM_TISSUE = 8  # of the xenograft, one each: placement, cell biology, effectors, face fluxes, moves
STREAM_BIOLOGY = 9
STREAM_CONTACTS = 10
STREAM_FLUXES = 11
STREAM_MOVES = 12


@njit(inline="always")
def philox(key, stream, index):
    """Two independent 64-bit words for (key, stream, index), all uint64; stream below 2**32."""
    c0 = index & _LOW
    c1 = index >> _32
    c2 = stream & _LOW
    c3 = np.uint64(0)
    k0 = key & _LOW
    k1 = key >> _32
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        n0 = (p1 >> _32) ^ c1 ^ k0
        n2 = (p0 >> _32) ^ c3 ^ k1
        c1 = p1 & _LOW
        c3 = p0 & _LOW
        c0 = n0
        c2 = n2
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0 | (c1 << _32), c2 | (c3 << _32)


@njit(inline="always")
def unit(word):
    """Uniform double in [0, 1) from the top 53 bits of a 64-bit word."""
    return np.float64(word >> _11) * TO_UNIT


@njit(inline="always")
def unit_open(word):
    """Uniform double in (0, 1]: safe under a logarithm."""
    return (np.float64(word >> _11) + 1.0) * TO_UNIT


@njit(inline="always")
def normal(word_a, word_b):
    """Standard normal from two words (Box-Muller, cosine branch)."""
    return math.sqrt(-2.0 * math.log(unit_open(word_a))) * math.cos(2.0 * math.pi * unit(word_b))


@njit
def poisson(mean, key, stream, index):
    """Poisson count with the given mean (>= 0).

    The rejection loop takes its words from indices index * 64 + attempt, so one index is one variate.
    Small means use inversion; from 10 up the transformed rejection of Hormann (1993) is exact in law.
    """
    if mean <= 0.0:
        return np.int64(0)
    base = index * np.uint64(64)
    if mean < 10.0:
        word, _ = philox(key, stream, base)
        u = unit(word)
        p = math.exp(-mean)
        cumulative = p
        k = 0
        while u > cumulative and k < 1000:
            k += 1
            p *= mean / k
            cumulative += p
        return np.int64(k)
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    log_mean = math.log(mean)
    attempt = np.uint64(0)
    while True:
        word_u, word_v = philox(key, stream, base + attempt)
        attempt += np.uint64(1)
        u = unit(word_u) - 0.5
        v = unit_open(word_v)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43) if us > 0.0 else -1.0
        if us >= 0.07 and v <= v_r:
            return np.int64(k)
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        bound = k * log_mean - mean - math.lgamma(k + 1.0)
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= bound:
            return np.int64(k)


@njit
def unit_at(key, stream, index):
    """Uniform double in [0, 1) for (key, stream, index); for callers outside compiled code."""
    return unit(philox(key, stream, index)[0])


@njit
def normal_at(key, stream, index):
    """Standard normal for (key, stream, index); for callers outside compiled code."""
    a, b = philox(key, stream, index)
    return normal(a, b)


@njit
def key_at(key, stream, index):
    """A derived 64-bit key."""
    return philox(key, stream, index)[0]


_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_27 = np.uint64(27)
_30 = np.uint64(30)
_31 = np.uint64(31)
_H_A = np.uint32(0x7FEB352D)
_H_B = np.uint32(0x846CA68B)
_H15 = np.uint32(15)
_H16 = np.uint32(16)


@njit(inline="always")
def mix64(word):
    """A bijection of 64-bit words in which every bit of the result hangs on every bit of `word` (uint64)."""
    z = word + _GAMMA
    z = (z ^ (z >> _30)) * _MIX_A
    z = (z ^ (z >> _27)) * _MIX_B
    return z ^ (z >> _31)


@njit(inline="always")
def hash32(word):
    """A bijection of 32-bit words (uint32) that runs in the vector units."""
    x = np.uint32(word)
    x = np.uint32((x ^ (x >> _H16)) * _H_A)
    x = np.uint32((x ^ (x >> _H15)) * _H_B)
    return np.uint32(x ^ (x >> _H16))


@njit
def step_key(key, stream, step):
    """The key of one kind of decision (`stream`) in one step of a tissue; all uint64."""
    return mix64(mix64(key ^ (stream << np.uint64(48))) + step)


@njit(inline="always")
def patch_key(key, patch, side):
    """The key of one patch in that step, for a box of side**3 patches.

    It hangs on the patch's coordinates from the centre of the box alone, so a larger box changes nothing.
    """
    return mix64(row_word(key, patch // side, side) + np.uint64(patch % side) * _GAMMA)


@njit(inline="always")
def row_word(key, row, side):
    """What the keys of the patches of one row have in common: patch_key of its patch x is next_patch_key(word, x)."""
    half = side >> 1
    z = row // side - half + 1024
    y = row % side - half + 1024
    return key + np.uint64((z << 22) + (y << 11) + 1024 - half) * _GAMMA


@njit(inline="always")
def next_patch_key(word, x):
    """patch_key without a division, for kernels that walk along a row; x: place in the row, from 0."""
    return mix64(word + np.uint64(x) * _GAMMA)
